"""harness - start the real daemon on a configuration of the test's own, talk to it, stop it.

A test is a program that prints TAP:

    with Daemon(CONFIG) as d:
        ok(d.search("(telephoneNumber=+4989840798192)") == ["Anna Meier"], "an SBC gets a name")
    done()

{dir}, {port}, {tls_port} in CONFIG are filled in. The daemon must stop cleanly and its sanitizers
must stay silent, or the test fails.
"""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("CONTACTOR_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build-tests")
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CONTACTORD = os.path.join(BUILD, "core", "contactord")
CONTACTORCTL = os.path.join(BUILD, "core", "contactorctl")

COMPANY_CSV = os.path.join(SOURCE, "examples", "data", "company.csv")

# Three spellings of a directory that every test can use.
CONTACTS = """id;first;last;company;department;business;mobile;home;fax;mail;city;note
1;Anna;Meier;C4B Com For Business;Vertrieb;+49 (0)89 840798-192;0171 / 555 66 77;;;anna.meier@c4b.example;Germering;
2;Bernd;Müller;C4B Com For Business;Technik;089/840798-193;;08151 12345;;b.mueller@c4b.example;Germering;
3;Chloé;Dubois;Voltaire SA;;+33 1 42 68 53 00;+33 6 12 34 56 78;;;chloe@voltaire.example;Paris;
4;Jürgen;Groß;Straßenbau Groß GmbH;;0911 1234567;+49 160 1234567;;0911 1234568;gross@strassenbau.example;Nürnberg;secret note
5;Zentrale;;C4B Com For Business;;+49 89 840798-0;;;;info@c4b.example;Germering;
6;Eve;O'Brien;Acme Ltd;;+44 20 7946 0958;;;;eve@acme.example;London;
7;Max;Mustermann;Acme GmbH;;030 901820;;;;max@acme.example;Berlin;
8;Moritz;Mustermann;Acme GmbH;;030 901820;;;;moritz@acme.example;Berlin;
"""

CONFIG = """
[contactor]
state_dir = "{dir}/state"

[dialplan.munich]
country = "DE"
area_code = "89"
main_number = "+49 89 840798"
extension_length = 3

[source.crm]
plugin = "csv"
file = "{dir}/contacts.csv"
dialplan = "munich"
[source.crm.map]
id = "id"
given_name = "first"
surname = "last"
organisation = "company"
department = "department"
phone_business = "business"
phone_mobile = "mobile"
phone_home = "home"
phone_fax = "fax"
mail = "mail"
city = "city"
note = "note"

[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"

[user.sbc]
password_file = "{dir}/sbc.password"
"""

_run = 0
_failed = 0


def ok(condition, name, *details):
    global _run, _failed
    _run += 1
    if not condition:
        _failed += 1
    print(f"{'' if condition else 'not '}ok {_run} - {name}".replace("\n", " "), flush=True)
    if not condition:
        for detail in details:
            for line in str(detail).split("\n"):
                print(f"# {line}", flush=True)
    return bool(condition)


def is_(got, want, name):
    return ok(got == want, name, f"got  {got!r}", f"want {want!r}")


def done():
    print(f"1..{_run}", flush=True)
    sys.exit(1 if _failed else 0)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=20.0, step=0.05):
    """The condition's first true value, or its last false one when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


class Daemon:
    def __init__(self, config=CONFIG, files=None, wait="crm", args=(), env=None, unruly=False):
        """unruly: one of its plugins breaks the contract, and the daemon says so."""
        self.dir = tempfile.mkdtemp(prefix="contactor-test-")
        self.port, self.tls_port = free_port(), free_port()
        self.config_path = os.path.join(self.dir, "contactor.toml")
        self.wait, self.args, self.env = wait, list(args), env or {}
        self.process, self.unruly = None, unruly
        self.log_path = os.path.join(self.dir, "log")
        self.write("contacts.csv", CONTACTS)
        self.write("sbc.password", "s3cret-of-the-sbc\n", 0o600)
        for name, content in (files or {}).items():
            self.write(name, content)
        self.configure(config)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, content, mode=0o644):
        """Replace atomically, as a careful exporter does."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def configure(self, config):
        text = config
        for key, value in (("dir", self.dir), ("port", self.port), ("tls_port", self.tls_port)):
            text = text.replace("{" + key + "}", str(value))
        if os.environ.get("CONTACTOR_UNCONFINED") and "confine =" not in text:
            # tests/coverage: the daemon writes its counters beside the objects.
            text = text.replace("[contactor]\n", "[contactor]\nconfine = false\n", 1)
        self.write("contactor.toml", text)

    def certificate(self, name="localhost", prefix="server"):
        """A self-signed P-256 certificate; returns the paths of certificate and key."""
        cert, key = self.path(prefix + ".crt"), self.path(prefix + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "30", "-subj", f"/CN={name}", "-addext",
                        f"subjectAltName=DNS:{name},IP:127.0.0.1"],
                       check=True, capture_output=True)
        os.chmod(key, 0o600)
        return cert, key

    # -- life ----------------------------------------------------------------------------

    def start(self, expect_ready=True):
        env = dict(os.environ, **self.env)
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen([CONTACTORD, "-c", self.config_path, *self.args],
                                        stdout=self.log_file, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env=env, cwd="/")
        if expect_ready and not self.ready():
            raise RuntimeError("contactord did not get ready:\n" + self.log())
        return self

    def ready(self):
        def loaded():
            if self.process.poll() is not None:
                return True
            sources = self.sources()
            if sources is None:
                return False
            return not self.wait or any(s["name"] == self.wait and s["contacts"] for s in sources)
        wait_for(loaded, 30)
        return self.process.poll() is None and loaded()

    def stop(self, how=signal.SIGTERM, timeout=20):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "did not stop"
            self.process.wait()
        self.log_file.close()
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def reload(self):
        return self.ctl("reload")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, kind, value, trace):
        code = self.stop()
        log = self.log()
        if code is not None:
            ok(code == 0, "the daemon stops cleanly", f"exit {code}", log[-4000:])
        ok("Sanitizer" not in log and "runtime error:" not in log, "sanitizers are silent",
           log[-6000:])
        if not self.unruly:
            ok("plugin misbehaves" not in log, "plugins do what the contract asks", log[-4000:])
        if kind is not None:
            print("# " + log[-4000:].replace("\n", "\n# "))
        shutil.rmtree(self.dir, ignore_errors=True)
        return False

    # -- contactorctl ----------------------------------------------------------------------

    def ctl(self, *args, timeout=60, stdin=None):
        return subprocess.run([CONTACTORCTL, "-c", self.config_path, *args], capture_output=True,
                              text=True, timeout=timeout, input=stdin)

    def begin(self, *args):
        """contactorctl that goes on while the test does something else."""
        return subprocess.Popen([CONTACTORCTL, "-c", self.config_path, *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ctl_json(self, *args):
        run = self.ctl(*args, "--json")
        try:
            return json.loads(run.stdout)
        except ValueError:
            return None

    def sources(self):
        value = self.ctl_json("sources")
        if isinstance(value, dict):
            value = value.get("sources")
        return value

    def source(self, name="crm"):
        return next((s for s in self.sources() or [] if s["name"] == name), None)

    # -- clients ---------------------------------------------------------------------------

    @property
    def url(self):
        return f"ldap://127.0.0.1:{self.port}"

    def ldapsearch(self, filter_text, *attributes, bind=None, base="dc=contacts", scope="sub",
                   options=(), url=None, env=None):
        who = ["-D", bind[0], "-w", bind[1]] if bind else []
        return subprocess.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H",
                               url or self.url, *who, "-b", base, "-s", scope, *options,
                               filter_text, *attributes], capture_output=True, text=True,
                              timeout=60,
                              env=dict(os.environ, **(env or {"LDAPNOINIT": "1"})))

    def entries(self, filter_text, *attributes, **kw):
        """[(dn, {attribute: [values]})] through python-ldap, in the order delivered."""
        import ldap
        bind, base = kw.pop("bind", None), kw.pop("base", "dc=contacts")
        scope = kw.pop("scope", ldap.SCOPE_SUBTREE)
        connection = ldap.initialize(kw.pop("url", self.url))
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.timeout = 30
        if bind:
            connection.simple_bind_s(*bind)
        try:
            found = connection.search_ext_s(base, scope, filter_text, list(attributes) or None,
                                            **kw)
        finally:
            connection.unbind_s()
        return [(dn, {k: [x.decode("utf-8", "replace") for x in v] for k, v in attrs.items()})
                for dn, attrs in found]

    def names(self, filter_text, **kw):
        return [attrs.get("displayName", ["?"])[0]
                for _, attrs in self.entries(filter_text, "displayName", **kw)]


# -- raw LDAP, for what clients never send --------------------------------------------------

def ber(tag, content):
    n = len(content)
    if n < 0x80:
        return bytes([tag, n]) + content
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + content


def ber_int(n, tag=2):
    return ber(tag, n.to_bytes(max(1, n.bit_length() // 8 + 1), "big", signed=True))


def ber_str(s, tag=4):
    return ber(tag, s.encode() if isinstance(s, str) else s)


def message(msgid, op, controls=b""):
    return ber(0x30, ber_int(msgid) + op + (ber(0xa0, controls) if controls else b""))


def bind_request(msgid, dn="", password="", version=3):
    return message(msgid, ber(0x60, ber_int(version) + ber_str(dn) + ber_str(password, 0x80)))


def equality(attribute, value):
    return ber(0xa3, ber_str(attribute) + ber_str(value))


def search_request(msgid, filter_bytes, base="dc=contacts", scope=2, size=0, seconds=0,
                   attributes=(), controls=b""):
    return message(msgid, ber(0x63, ber_str(base) + ber_int(scope, 10) + ber_int(0, 10) +
                              ber_int(size) + ber_int(seconds) + ber(1, b"\0") + filter_bytes +
                              ber(0x30, b"".join(ber_str(a) for a in attributes))), controls)


class Raw:
    """A bare socket that reads whole LDAP messages: (msgid, op tag, op content)."""

    def __init__(self, port, timeout=15):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()

    def _fill(self, n):
        while len(self.buffer) < n:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data

    @staticmethod
    def _tlv(data, at=0):
        tag, n = data[at], data[at + 1]
        at += 2
        if n & 0x80:
            size = n & 0x7f
            n, at = int.from_bytes(data[at:at + size], "big"), at + size
        return tag, data[at:at + n], at + n

    def read(self):
        self._fill(2)
        n = self.buffer[1]
        head = 2 + (n & 0x7f if n & 0x80 else 0)
        self._fill(head)
        if n & 0x80:
            n = int.from_bytes(self.buffer[2:head], "big")
        self._fill(head + n)
        _, content, end = self._tlv(self.buffer)
        self.buffer = self.buffer[end:]
        _, msgid, at = self._tlv(content)
        tag, op, _ = self._tlv(content, at)
        return int.from_bytes(msgid, "big"), tag, op

    def result(self):
        """Skips entries: (msgid, op tag, result code, number of entries before it)."""
        entries = 0
        while True:
            msgid, tag, op = self.read()
            if tag == 0x64:
                entries += 1
                continue
            return msgid, tag, self._tlv(op)[1][-1], entries

    def closed(self, seconds=15):
        """Whether the server ends the connection within that time."""
        self.socket.settimeout(seconds)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except (ConnectionError, OSError) as e:
            return not isinstance(e, (TimeoutError, socket.timeout))

    def reset_on_close(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
