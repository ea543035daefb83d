"""load - the load client as a child process, and waiting for servers."""
import os
import socket
import subprocess
import time

CLIENT_CORE = "0"


def free_port(port):
    """Whoever listens there already would be measured instead."""
    with socket.socket() as s:
        if s.connect_ex(("127.0.0.1", port)) == 0:
            raise RuntimeError(f"port {port} is taken by another program")


def wait_port(port):
    for _ in range(6000):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"no answer on port {port}")


class Load:
    """One ldapload that runs. Whoever stands for somebody waiting for an answer goes before the
    others on the client's core (nice), or the client's own queue would be measured. canned: the
    answers are of the right size and nothing else, so which one was wrong says nothing."""

    def __init__(self, tools, data, port, pid, queries, *options, nice=0, seconds=2.0, canned=False):
        nice = nice if nice >= 0 or os.geteuid() == 0 else 0
        self.name = f"ldapload {queries} {' '.join(options)}"
        self.canned = canned
        self.limit = seconds + 120
        self.process = subprocess.Popen(
            ["nice", "-n", str(nice), "taskset", "-c", CLIENT_CORE, f"{tools}/ldapload", "-p",
             str(port), "-P", str(pid), "-q", f"{data}/q.{queries}", "-t", str(seconds),
             *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, err = self.process.communicate(timeout=self.limit)
        if self.process.returncode not in (0, 3):
            raise RuntimeError(f"{self.name}: {err}")
        if err and not self.canned:
            print(f"  {self.name}: {err.strip()}", flush=True)
        values = dict(p.split("=", 1) for p in out.split())
        return {k: v if k in ("label", "mode") else float(v) for k, v in values.items()}


def load(*args, **kw):
    return Load(*args, **kw).result()
