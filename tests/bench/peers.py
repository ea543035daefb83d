"""peers - the servers that are measured side by side. Each can load N contacts and serve them
on a port; how long loading took, its peak memory and its database's size come back with it."""
import json
import os
import re
import resource
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER_CORE = ["taskset", "-c", "1"]


def status_kb(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(key + r":\s+(\d+)", f.read()).group(1))


def mdb_pages_mb(path, *options):
    """Pages in use of an LMDB environment; its file is sparse."""
    out = subprocess.run(["mdb_stat", "-e", *options, path], capture_output=True, text=True,
                         check=True).stdout
    size = int(re.search(r"Page size: (\d+)", out).group(1))
    return size * int(re.search(r"Number of pages used: (\d+)", out).group(1)) / 1e6


class Timed:
    """Run a command to its end: wall seconds, CPU seconds, peak RSS in MB."""

    def __init__(self, *command, **kw):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   **kw)
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, status_kb(process.pid, "VmHWM"))
            except (OSError, AttributeError):
                pass
            time.sleep(0.02)
        self.wall = time.monotonic() - started
        if process.returncode:
            raise RuntimeError(f"{command[0]}: {process.stderr.read().decode()[-2000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.peak_mb = peak / 1024


class Slapd:
    """OpenLDAP slapd, back-mdb, tuned for this work (conf/slapd.conf.in)."""
    name = "slapd"

    def __init__(self, work, tools, build):
        self.work, self.process = work, None
        self.exe = shutil.which("slapd") or "/usr/sbin/slapd"
        self.tool = shutil.which("slapadd") or "/usr/sbin/slapadd"

    def version(self):
        out = subprocess.run([self.exe, "-VV"], capture_output=True, text=True).stderr
        return "slapd " + re.search(r"slapd (\S+)", out).group(1)

    def _conf(self, db):
        with open(os.path.join(HERE, "conf/slapd.conf.in"), encoding="utf-8") as f:
            text = f.read()
        for key, value in (("DB", db), ("NAME_INDEX", "eq,subinitial"),
                           ("PHONE_INDEX", "eq,subfinal"), ("SUBSTR_MINLEN", "3"),
                           ("SUBSTR_MAXLEN", "6"), ("THREADS", "2")):
            text = text.replace(f"@{key}@", value)
        with open(os.path.join(db, "slapd.conf"), "w", encoding="utf-8") as f:
            f.write(text)

    def load(self, data, n):
        self.db = os.path.join(self.work, f"slapd-{n}")
        if os.path.exists(os.path.join(self.db, "loaded.json")):
            with open(os.path.join(self.db, "loaded.json"), encoding="ascii") as f:
                return json.load(f)
        shutil.rmtree(self.db, ignore_errors=True)
        os.makedirs(self.db)
        self._conf(self.db)
        run = Timed(self.tool, "-q", "-f", os.path.join(self.db, "slapd.conf"), "-l",
                    os.path.join(data, "contacts.ldif"))
        result = {"rate": n / run.wall, "peak_mb": run.peak_mb, "db_mb": mdb_pages_mb(self.db)}
        with open(os.path.join(self.db, "loaded.json"), "w", encoding="ascii") as f:
            json.dump(result, f)
        return result

    def start(self, port, entries=1):
        self.process = subprocess.Popen(
            [*SERVER_CORE, self.exe, "-d", "0", "-h", f"ldap://127.0.0.1:{port}", "-f",
             os.path.join(self.db, "slapd.conf")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
        self.process = None


class Probe:
    """The physical limit: libuv, framing, canned answers."""
    name = "probe"

    def __init__(self, work, tools, build):
        self.exe, self.process = os.path.join(tools, "probe"), None

    def version(self):
        return "probe (libuv, canned answers)"

    def load(self, data, n):
        return None

    def start(self, port, entries=1):
        self.process = subprocess.Popen([*SERVER_CORE, self.exe, str(port), str(entries)])
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


class Contactor:
    """contactord with the CSV file as its source."""
    name = "contactor"
    CONFIG = """
[contactor]
state_dir = "{db}/state"
max_sessions_per_peer = 4096
[dialplan.germany]
country = "DE"
[source.{source}]
plugin = "csv"
file = "{csv}"
dialplan = "germany"
sync = "manual"
max_size = "4G"
[source.{source}.map]
id = "id"
given_name = "first_name"
surname = "last_name"
organisation = "company"
mail = "email"
phone_business = "phone_business"
phone_mobile = "phone_mobile"
phone_home = "phone_home"
[frontend.bench]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
base = "dc=contactor,dc=test"
dialplan = "germany"
anonymous = "allow"
sources = ["contacts"]
max_sessions_per_peer = 4096
company_match = false
"""

    def __init__(self, work, tools, build):
        self.work, self.process = work, None
        self.exe = os.path.join(build, "core/contactord")
        self.ctl = os.path.join(build, "core/contactorctl")

    def version(self):
        return subprocess.run([self.exe, "--version"], capture_output=True,
                              text=True).stdout.strip()

    def _command(self, port, extra=""):
        text = self.CONFIG.format(db=self.db, csv=self.csv, port=port, source="contacts") + extra
        self.conf = os.path.join(self.db, "contactor.toml")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        return [self.exe, "-c", self.conf]

    def ctl_json(self, *args):
        run = subprocess.run([self.ctl, "-c", self.conf, *args, "--json"], capture_output=True,
                             text=True)
        if run.returncode:
            return None
        return json.loads(run.stdout)

    def source(self, name="contacts"):
        value = self.ctl_json("sources")
        value = value.get("sources") if isinstance(value, dict) else value
        return next((s for s in value or [] if s["name"] == name), None)

    def load(self, data, n):
        """A first load by the daemon itself: from its start to the committed cache."""
        self.db, self.csv = os.path.join(self.work, f"contactor-{n}"), f"{data}/contacts.csv"
        shutil.rmtree(self.db, ignore_errors=True)
        os.makedirs(self.db)
        started = time.monotonic()
        with open(os.path.join(self.db, "log"), "wb") as log:
            self.process = subprocess.Popen(self._command(39999), stdout=log, stderr=log)
        while (self.source() or {}).get("contacts", 0) < n:
            time.sleep(0.02)
            if self.process.poll() is not None or time.monotonic() - started > 600:
                raise RuntimeError(f"contactord did not load; see {self.db}/log")
        wall = time.monotonic() - started
        peak = status_kb(self.process.pid, "VmHWM") / 1024
        # The same again, unchanged: nothing may be written.
        again = time.monotonic()
        self.ctl_json("sync", "contacts")
        again = time.monotonic() - again
        self.stop()
        files = [os.path.join(w, f) for w, _, fs in os.walk(f"{self.db}/state") for f in fs
                 if f.endswith(".mdb") and "lock" not in f]
        return {"rate": n / wall, "peak_mb": peak, "resync_rate": n / again,
                "db_mb": mdb_pages_mb(files[0], "-n")}

    def start(self, port, entries=1):
        with open(os.path.join(self.db, "log"), "ab") as log:
            self.process = subprocess.Popen([*SERVER_CORE, *self._command(port)], stdout=log,
                                            stderr=log)
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
        self.process = None
