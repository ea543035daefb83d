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
TLS_OFFSET = 1000  # from the plain port to the one with TLS
USERS, PASSWORD = 50, "secret of a phone"


def status_kb(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(key + r":\s+(\d+)", f.read()).group(1))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mdb_pages_mb(path, *options):
    """Pages in use of an LMDB environment; its file is sparse."""
    out = subprocess.run(["mdb_stat", "-e", *options, path], capture_output=True, text=True,
                         check=True).stdout
    size = int(re.search(r"Page size: (\d+)", out).group(1))
    return size * int(re.search(r"Number of pages used: (\d+)", out).group(1)) / 1e6


def certificate(work):
    """The same P-256 certificate for every peer: paths of certificate and key."""
    cert, key = os.path.join(work, "server.crt"), os.path.join(work, "server.key")
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "3650", "-subj", "/CN=localhost"], check=True,
                       capture_output=True)
        os.chmod(key, 0o600)
    return cert, key


def stop_process(server):
    if server.process:
        server.process.terminate()
        server.process.wait(60)
    server.process = None


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
        cert, key_file = certificate(self.work)
        for key, value in (("DB", db), ("CERTIFICATE", cert), ("KEY", key_file),
                           ("NAME_INDEX", "eq,subinitial"),
                           ("PHONE_INDEX", "eq,subfinal"), ("SUBSTR_MINLEN", "3"),
                           ("SUBSTR_MAXLEN", "6"), ("THREADS", "2")):
            text = text.replace(f"@{key}@", value)
        with open(os.path.join(db, "slapd.conf"), "w", encoding="utf-8") as f:
            f.write(text)

    def load(self, data, n):
        self.db, self.data = os.path.join(self.work, f"slapd-{n}"), data
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
        self._conf(self.db)
        self.process = subprocess.Popen(
            [*SERVER_CORE, self.exe, "-d", "0", "-h",
             f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{port + TLS_OFFSET}", "-f",
             os.path.join(self.db, "slapd.conf")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return self.process.pid

    def files(self):
        """What it reads at its start."""
        return [os.path.join(self.db, "data.mdb")]

    def stop(self):
        stop_process(self)


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
listen = ["ldap://127.0.0.1:{port}", "ldaps://127.0.0.1:{tls_port}"]
tls_certificate = "{certificate}"
tls_key = "{key}"
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

    def users(self):
        """Phones that bind, all with one password."""
        path = os.path.join(self.work, "phone.password")
        if not os.path.exists(path):
            run = subprocess.run([self.ctl, "hash-password"], input=PASSWORD + "\n",
                                 capture_output=True, text=True, check=True)
            with open(path, "w", encoding="ascii",
                      opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write(run.stdout)
        return "".join(f'[user.phone{i}]\npassword_file = "{path}"\n'
                       for i in range(1, USERS + 1))

    def _command(self, port, extra=""):
        cert, key = certificate(self.work)
        text = self.CONFIG.format(db=self.db, csv=self.csv, port=port, source="contacts",
                                  tls_port=port + TLS_OFFSET, certificate=cert, key=key)
        text += self.users() + extra
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
        self.db, self.data = os.path.join(self.work, f"contactor-{n}"), data
        shutil.rmtree(self.db, ignore_errors=True)
        os.makedirs(self.db)
        self.csv = os.path.join(self.db, "contacts.csv")
        self.deliver("contacts.csv")
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
        return {"rate": n / wall, "peak_mb": peak, "resync_rate": n / again,
                "db_mb": mdb_pages_mb(self._database(), "-n")}

    def deliver(self, name):
        """Put this file in the place of the source's, as an exporter does."""
        os.link(os.path.join(self.data, name), self.csv + ".new")
        os.rename(self.csv + ".new", self.csv)

    def start(self, port, entries=1, core=SERVER_CORE):
        with open(os.path.join(self.db, "log"), "ab") as log:
            self.process = subprocess.Popen([*core, *self._command(port)], stdout=log,
                                            stderr=log)
        return self.process.pid

    def add_source(self, port, name):
        """In the configuration; a reload takes it on, the next start forgets it."""
        at = self.CONFIG.index("[source."), self.CONFIG.index("[frontend")
        self._command(port, self.CONFIG[slice(*at)].format(source=name, csv=self.csv))

    def metric(self, name):
        text = subprocess.run([self.ctl, "-c", self.conf, "metrics"], capture_output=True,
                              text=True, check=True).stdout
        return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))

    def files(self):
        """What it reads at its start."""
        return [self._database(), self.csv]

    def _database(self):
        return next(os.path.join(w, f) for w, _, fs in os.walk(f"{self.db}/state") for f in fs
                    if f.endswith(".mdb") and "lock" not in f)

    def stop(self):
        stop_process(self)
