#!/usr/bin/python3
"""A stranger's attack on the running daemon, judged from outside; storm/ has the attacker.

    storm.py                      a short one: no crash, no wrong answer, nothing left behind
    storm.py --full [SEED...]     all of it, with the figures of the goals; on a release build:
                                  CONTACTOR_BUILD=build-release tests/scenario/storm.py --full
    storm.py --only GROUP...      these groups, full size
"""
import os
import subprocess
import sys

import harness
from harness import CONFIG, Daemon, done, ok

STORM = os.path.join(harness.BUILD, "tests", "scenario", "storm")
CONFIG = CONFIG.replace('listen = ["ldap://127.0.0.1:{port}"]', '''listen = [
  "ldap://127.0.0.1:{port}", "ldaps://127.0.0.1:{tls_port}"]
tls_certificate = "{dir}/server.crt"
tls_key = "{dir}/server.key"''')


def contacts(n=10000):
    rows = ["id;first;last;company;department;business;mobile;home;fax;mail;city;note"]
    rows += [f"{i};Person;Name{i:05};Company {i % 700};Sales;+4989{2000000 + i};"
             f"+49171{3000000 + i};;;person{i}@example.com;Munich;" for i in range(n)]
    return "\n".join(rows) + "\n"


def sanitized():
    with open(harness.CONTACTORD, "rb") as f:
        return b"__asan_init" in f.read()


def storm(daemon, mode, seed, groups):
    """Passes the attacker's lines on as this test's own."""
    run = subprocess.Popen([STORM, str(daemon.port), str(daemon.tls_port),
                            str(daemon.process.pid), str(seed), mode, *groups],
                           stdout=subprocess.PIPE, text=True)
    for line in run.stdout:
        if line.startswith(("ok - ", "not ok - ")):
            ok(line.startswith("ok"), f"seed {seed}: " + line.split(" - ", 1)[1].strip())
        else:
            print(line, end="", flush=True)
    ok(run.wait() == 0, f"seed {seed}: the storm is over, the daemon is not")


def main():
    arguments, groups = sys.argv[1:], []
    mode = "sanitized" if sanitized() else "quick"
    seeds = [1]
    if "--full" in arguments:
        mode, seeds = "full", [int(a) for a in arguments if a.isdigit()] or [1, 2, 3]
    elif "--only" in arguments:
        mode, groups = "full", arguments[arguments.index("--only") + 1:]
    with_dir = Daemon(CONFIG, files={"contacts.csv": contacts()})
    with_dir.certificate()
    with with_dir as daemon:
        for seed in seeds:
            storm(daemon, mode, seed, groups)
            ok(daemon.names("(telephoneNumber=+49892000042)") == ["Person Name00042"],
               f"seed {seed}: afterwards a lookup is right")
    done()


main()
