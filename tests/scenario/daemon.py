"""The daemon's own business: reloads that change everything, privileges, its socket, its end."""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import (CONFIG, CONTACTORCTL, CONTACTORD, CONTACTS, Daemon, Raw, done, equality,
                     free_port, is_, ok, search_request, wait_for)

ANNA = equality("telephoneNumber", "+4989840798192")


class Asker(threading.Thread):
    """Asks over and over, on one connection kept or on a new one each time."""

    def __init__(self, port, keep):
        super().__init__(daemon=True)
        self.port, self.keep, self.over, self.asked, self.failed = port, keep, False, 0, []
        self.start()

    def run(self):
        raw = Raw(self.port) if self.keep else None
        while not self.over:
            try:
                one = raw or Raw(self.port)
                one.send(search_request(self.asked % 1000 + 1, ANNA))
                result = one.result()
                if result[1:] != (0x65, 0, 1):
                    self.failed.append(result)
                if not raw:
                    one.close()
            except Exception as error:
                self.failed.append(repr(error))
                if raw:
                    return
            self.asked += 1

    def stop(self):
        self.over = True
        self.join(20)


def reloads():
    other = free_port()
    with Daemon() as d:
        steady = [Asker(d.port, True), Asker(d.port, False)]
        for i in range(20):
            config = CONFIG.replace('anonymous = "allow"',
                                    f'anonymous = "allow"\nsize_limit = {100 + i}')
            config += f'[user.u{i}]\npassword_file = "{{dir}}/sbc.password"\n'
            if i % 3 == 0:
                config = config.replace("[source.crm]", f"[source.crm]\npriority = {i + 1}")
            if i % 4 == 1:
                config += ('[frontend.more]\nplugin = "ldap"\nanonymous = "allow"\n'
                           f'listen = ["ldap://127.0.0.1:{other}"]\n')
            d.configure(config)
            is_(d.reload().returncode, 0, f"reload {i}")
        for asker in steady:
            asker.stop()
        ok(min(a.asked for a in steady) > 50, "lookups ran all the time",
           [a.asked for a in steady])
        is_([a.failed for a in steady], [[], []],
            "none failed, on connections kept and new ones")

        fresh = Asker(d.port, False)
        for i in range(10):
            d.configure(CONFIG.replace('anonymous = "allow"',
                                       f'anonymous = "allow"\nidle_time = "{60 + i}s"'))
            is_(d.reload().returncode, 0, f"reload {i}: the front end is made anew")
        fresh.stop()
        is_((fresh.failed, fresh.asked > 20), ([], True),
            "its socket is handed over without a gap")

        d.configure(CONFIG.replace("[frontend.sbc]", "[frontend.other]"))
        is_(d.reload().returncode, 0, "another section takes the address over")
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "and answers")
        d.configure(CONFIG.replace("{port}", str(other)))
        is_(d.reload().returncode, 0, "it moves to another port")
        old, d.port = d.port, other
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "and answers there")
        try:
            Raw(old)
            ok(False, "the old port is closed")
        except OSError:
            ok(True, "the old port is closed")

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            d.configure(CONFIG.replace("{port}", str(taken.getsockname()[1])))
            run = d.reload()
            ok(run.returncode == 4 and "listen" in run.stderr,
               "a port that is taken: the reload is refused", run.stderr)
        d.configure(CONFIG.replace("127.0.0.1:{port}", f"0.0.0.0:{other}"))
        run = d.reload()
        ok(run.returncode == 4 and "takes a restart" in run.stderr,
           "from one address to all of them: refused, and why", run.stderr)
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "and the old front end is still there")

        d.write("other.csv", CONTACTS.replace("Anna", "Hanna"))
        d.configure(CONFIG.replace("{port}", str(other)).replace("contacts.csv", "other.csv"))
        is_(d.reload().returncode, 0, "a source reads another file")
        ok(wait_for(lambda: d.names("(telephoneNumber=+4989840798192)") == ["Hanna Meier"], 10),
           "its contacts follow", d.log()[-2000:])
        os.makedirs("/tmp/contactor-elsewhere", exist_ok=True)
        with open("/tmp/contactor-elsewhere/x.csv", "w", encoding="utf-8") as f:
            f.write(CONTACTS)
        d.configure(CONFIG.replace("{port}", str(other))
                    .replace("{dir}/contacts.csv", "/tmp/contactor-elsewhere/x.csv"))
        run = d.reload()
        confined = json.loads(d.ctl("status", "--json").stdout)["confined"]
        if confined:
            ok(run.returncode == 4 and "contactor-elsewhere" in run.stderr and
               "[source.crm]" in run.stderr,
               "a file outside the folders it is confined to: refused, and why", run.stderr)
        else:
            is_(run.returncode, 0, "without confinement any file will do")
        shutil.rmtree("/tmp/contactor-elsewhere")
        d.configure(CONFIG.replace("{port}", str(other)).replace(
            'area_code = "89"', 'area_code = "30"').replace("main_number", "#main_number"))
        head = CONTACTS.split("\n")[0]
        d.write("contacts.csv", head + "\n1;Local;Number;;;123456;;;;;;\n")
        is_(d.reload().returncode, 0, "a dial plan changes")
        d.ctl("sync", "crm", "--allow-delete")
        ok(wait_for(lambda: d.names("(telephoneNumber=+4930123456)") == ["Local Number"], 10),
           "numbers are read anew", d.log()[-2500:])


def starts():
    with Daemon() as d:
        run = subprocess.run([CONTACTORD, "-c", d.config_path], capture_output=True, text=True,
                             timeout=30)
        ok(run.returncode == 1 and ("another contactord" in run.stderr or
                                    "cannot listen" in run.stderr),
           "a second daemon of the same configuration does not start", run.stderr)
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "and leaves the first alone")
        is_(d.ctl("status").returncode, 0, "its socket, too")
        d.configure(CONFIG.replace("{port}", str(free_port())))
        run = subprocess.run([CONTACTORD, "-c", d.config_path], capture_output=True, text=True,
                             timeout=30)
        ok(run.returncode == 1 and "state_dir" in run.stderr and str(d.process.pid) in run.stderr,
           "nor does one that shares only the state", run.stderr)
    d = Daemon()
    d.write("contactor.toml", "[contactor]\nstate_dir = \"/nonexistent/x\"\n")
    run = subprocess.run([CONTACTORD, "-c", d.config_path], capture_output=True, text=True,
                         timeout=30)
    ok(run.returncode == 1 and "/nonexistent/x" in run.stderr, "no place for its state: told",
       run.stderr)
    d.write("contactor.toml", "[contactor]\nstate_dir = 5\n")
    run = subprocess.run([CONTACTORD, "-c", d.config_path], capture_output=True, text=True,
                         timeout=30)
    ok(run.returncode == 1 and "contactor.toml:2:13" in run.stderr,
       "a wrong configuration: told with its place", run.stderr)
    shutil.rmtree(d.dir)


def long_socket():
    deep = "{dir}/" + "/".join(["a" * 60] * 4)
    d = Daemon(CONFIG.replace('state_dir = "{dir}/state"', f'state_dir = "{deep}"'))
    os.makedirs(os.path.dirname(deep.replace("{dir}", d.dir)))
    with d:
        is_(d.ctl("status").returncode, 0, "a socket path of 300 bytes works")
        mode = os.stat(os.path.join(deep.replace("{dir}", d.dir), "control.sock")).st_mode
        is_(oct(mode & 0o777), "0o600", "and is the owner's alone")
    ok(not os.path.exists(os.path.join(deep.replace("{dir}", d.dir), "control.sock")),
       "it is gone with the daemon")


def privileges():
    if os.geteuid() != 0:
        ok(True, "privileges # SKIP not root")
        return
    d = Daemon(CONFIG.replace("[contactor]", '[contactor]\nuser = "nobody"'))
    os.chmod(d.dir, 0o755)
    os.chmod(d.path("sbc.password"), 0o644)
    with d:
        with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
            status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
        ok(status["Uid"].split()[0] not in ("0",), "it becomes the user it is told", status["Uid"])
        is_(status["CapEff"].strip().lstrip("0"), "", "without capabilities")
        is_(os.stat(d.path("state")).st_uid, int(status["Uid"].split()[0]),
            "the state folder is the user's")
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "it answers")
        is_(d.reload().returncode, 0, "and reloads")
        d.stop()
        d.start()  # with what the first one left
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "also the next time")


def service_manager():
    """What systemd would hear."""
    d = Daemon()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(d.path("notify"))
    manager.settimeout(5)
    d.env = {"NOTIFY_SOCKET": d.path("notify"), "WATCHDOG_USEC": "1000000"}

    def hears(word, seconds=5):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if word in manager.recv(4096).decode():
                    return True
            except socket.timeout:
                return False
        return False
    d.start()
    ok(hears("READY=1"), "READY")
    ok(hears("WATCHDOG=1") and hears("WATCHDOG=1", 1.5), "WATCHDOG, again and again")
    d.process.send_signal(signal.SIGHUP)
    ok(hears("RELOADING=1") and hears("READY=1"), "RELOADING, then READY")
    d.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    manager.setblocking(False)
    try:
        while manager.recv(4096):
            pass
    except BlockingIOError:
        manager.settimeout(5)
    d.process.send_signal(signal.SIGCONT)
    ok(hears("WATCHDOG=1"), "WATCHDOG when the loop turns again")
    d.process.send_signal(signal.SIGTERM)
    ok(hears("STOPPING=1"), "STOPPING")
    d.stop()
    shutil.rmtree(d.dir)


def send_control(s, data):
    """Sends what it can: the daemon may close on a client before that has said all."""
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def raw_control(d, data, answers=1, close=True):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(d.path("state/control.sock"))
    send_control(s, data)
    got = b""
    while got.count(b"\n") < answers:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            break
        if not more:
            break
        got += more
    if close:
        s.close()
    return [json.loads(line) for line in got.split(b"\n") if line]


def hostile_control():
    with Daemon() as d:
        answers = raw_control(d, b'nonsense\n[]\n{"id":7}\n\n{"id":8,"command":"status"}\n', 5)
        is_([("error" in a, a["id"]) for a in answers],
            [(True, 0), (True, 0), (True, 7), (True, 0), (False, 8)],
            "what is no request gets an error, and the next line is answered")
        is_(len(raw_control(d, b"\n" * 5000, 5000)), 5000, "thousands of empty lines")
        is_(raw_control(d, b'{"id":1,"command":"' + b"x" * 70000, 1), [],
            "a line that is too long ends the connection")
        is_(raw_control(d, b"[" * 60000 + b"\n", 1)[0].get("code"), "EPROTO", "deep nesting")
        bad = [b'{"command":"lookup"}', b'{"command":"lookup","number":5}',
               b'{"command":"lookup","number":"' + b"1" * 5000 + b'"}',
               b'{"command":"lookup","number":"1","as":"ghost"}',
               b'{"command":"lookup","number":"1","client":"ghost"}',
               b'{"command":"sync"}', b'{"command":"sync","source":{}}',
               b'{"command":"sources","source":"crn"}', b'{"command":"numbers","source":"x"}',
               b'{"command":"log-level","level":"loud"}', b'{"command":"search","text":""}',
               b'{"command":["status"]}']
        answers = raw_control(d, b"\n".join(bad) + b"\n", len(bad))
        is_([("error" in a) for a in answers], [True] * len(bad), "wrong requests are refused")
        held = []
        for _ in range(40):
            s = socket.socket(socket.AF_UNIX)
            s.connect(d.path("state/control.sock"))
            held.append(s)
        is_(d.ctl("status").returncode, 0, "40 idle clients keep nobody out")
        for s in held:
            s.close()
        s = socket.socket(socket.AF_UNIX)
        s.connect(d.path("state/control.sock"))
        s.settimeout(0.5)
        try:
            for _ in range(3000):
                s.sendall(b'{"command":"metrics"}\n' * 10)
        except OSError:
            pass
        ok(d.rss_kb() < 600000, "a client that does not read is bounded", d.rss_kb())
        is_(d.ctl("status").returncode, 0, "and keeps nobody out")
        s.close()
        for word in (b'{"command":"sync","source":"crm"}\n', b'{"command":"numbers"}\n',
                     b'{"command":"lookup","number":"192","explain":true}\n',
                     b'{"command":"reload"}\n'):
            for _ in range(20):
                s = socket.socket(socket.AF_UNIX)
                s.connect(d.path("state/control.sock"))
                send_control(s, word)
                s.close()
        is_(d.ctl("status").returncode, 0, "clients that leave before their answer")


def admin_views():
    config = CONFIG.replace('note = "note"', 'note = "note"\n[source.crm.fields]\nnote = ["@hr"]')
    with Daemon(config + 'groups = ["hr"]\n[user.low]\npassword_file = "{dir}/sbc.password"\n') as d:
        def notes(*args):
            run = d.ctl("lookup", "0911 1234567", "--json", *args)
            fields = json.loads(run.stdout)["hits"][0]["fields"]
            return [f["value"] for f in fields if f["kind"] == "note"]
        is_(notes(), ["secret note"], "an administrator sees all")
        is_(notes("--as", "sbc"), ["secret note"], "a member of the group, too")
        is_(notes("--as", "low"), [], "somebody else does not")
        is_(notes("--client", "sbc", "--as", "low"), [], "nor through a front end")
        run = d.ctl("lookup", "192", "--as", "lwo")
        ok(run.returncode == 4 and "low" in run.stderr, "did you mean another user", run.stderr)
        run = d.ctl("lookup", "089", "840798-192")
        is_(run.returncode, 0, "a number typed with blanks")
        d.write("contactor.toml", "[contactor\n")
        run = d.ctl("status")
        ok(run.returncode == 3 and "contactor.toml:" in run.stderr,
           "a file that cannot be read: told with its place", run.stderr)
        run = subprocess.run([CONTACTORCTL, "--socket", d.path("state/control.sock"), "status"],
                             capture_output=True, text=True, timeout=30)
        is_(run.returncode, 0, "the socket may be named")
        run = subprocess.run([CONTACTORCTL, "--socket", d.path("state/control.sock"), "reload"],
                             capture_output=True, text=True, timeout=30)
        ok(run.returncode == 4 and "contactor.toml:" in run.stderr,
           "a reload of such a file is refused", run.stderr)
    d = Daemon()
    run = d.ctl("check")
    is_(run.returncode, 0, "check without a daemon looks at the file itself")
    d.configure(CONFIG.replace("country", "cuontry"))
    run = d.ctl("check")
    ok(run.returncode == 1 and "did you mean 'country'" in run.stderr, "and tells what is wrong",
       run.stderr)
    shutil.rmtree(d.dir)


def ends():
    rows = "id;first;last;business\n" + "".join(
        f"{i};First{i};Last{i};+49 89 5{i:06d}\n" for i in range(60000))
    for wait in (0.2, 0.6, 1.2):
        d = Daemon(files={"contacts.csv": rows}, wait=None)
        d.start()
        time.sleep(wait)
        held = [Raw(d.port) for _ in range(20)]
        started = time.monotonic()
        is_(d.stop(), 0, f"SIGTERM {wait} s after the start, while a source is read")
        ok(time.monotonic() - started < 5.5, "within 5 seconds", time.monotonic() - started)
        ok("Sanitizer" not in d.log(), "cleanly", d.log()[-3000:])
        for raw in held:
            raw.close()
        shutil.rmtree(d.dir)
    d = Daemon()
    d.start()
    d.process.send_signal(signal.SIGHUP)
    d.process.send_signal(signal.SIGHUP)
    d.process.send_signal(signal.SIGTERM)
    is_(d.stop(), 0, "reloads and the end at once")
    ok("Sanitizer" not in d.log(), "cleanly", d.log()[-3000:])
    shutil.rmtree(d.dir)


for part in (reloads, starts, long_socket, privileges, service_manager, hostile_control, admin_views, ends):
    part()
done()
