"""What an administrator does: check, start, reload, stop; what happens when it is wrong."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import CONFIG, CONTACTORD, Daemon, done, is_, ok, wait_for


def check(d, config):
    d.configure(config)
    return subprocess.run([CONTACTORD, "-c", d.config_path, "--check-config"],
                          capture_output=True, text=True, timeout=30)


def check_config():
    d = Daemon()
    run = check(d, CONFIG)
    is_((run.returncode, run.stderr), (0, ""), "a right configuration passes --check-config")
    wrong = (CONFIG.replace('country = "DE"', 'country = "DE"\ncuontry = "AT"')
             .replace("extension_length = 3", 'extension_length = "three"')
             .replace('dialplan = "munich"\n[source', 'dialplan = "munch"\n[source')
             .replace('surname = "last"', 'surnam = "last"'))
    run = check(d, wrong)
    text = run.stdout + run.stderr
    is_(run.returncode, 1, "a wrong one does not")
    found = re.findall(r"contactor\.toml:(\d+):(\d+): error: (.*)", text)
    ok(len(found) >= 4, "every mistake is told at once, with line and column", text)
    for word, hint in (("cuontry", "country"), ("surnam", "surname"), ("munch", "munich")):
        ok(any(word in m and hint in m and "did you mean" in m for _, _, m in found),
           f"{word}: did you mean {hint}?", text)
    run = check(d, CONFIG + "\n[broken\n")
    ok(run.returncode == 1 and re.search(r"contactor\.toml:\d+:\d+: error", run.stdout + run.stderr),
       "a syntax error has its place", run.stderr)
    run = check(d, CONFIG.replace("[user.sbc]", '[user.sbc]\npassword = "in-the-file"'))
    ok(run.returncode == 1 and "password_file" in run.stderr + run.stdout,
       "a secret in the file is refused, and where it belongs is told", run.stderr)
    ok("in-the-file" not in run.stderr + run.stdout, "and it is not shown")
    run = check(d, CONFIG.replace('plugin = "csv"', 'plugin = "cvs"'))
    ok(run.returncode == 1 and "csv" in run.stderr + run.stdout, "an unknown plugin: did you mean",
       run.stderr)
    d.write("no.crt", "no certificate")
    run = check(d, CONFIG.replace('plugin = "csv"', 'plugin = "csv"\nprio = 3')
                .replace('plugin = "ldap"', 'plugin = "ldap"\ntls_certificate = "{dir}/no.crt"')
                .replace("{port}", "{port}\", \"ldap://127.0.0.1:{port}\", \"ldap://127.0.0.1:{port}")
                .replace("[contactor]", '[contactor]\nuser = "no-such-user"'))
    for problem in ("unknown key 'prio'", "no.crt", "no-such-user"):
        ok(run.returncode == 1 and problem in run.stderr, f"told with all others: {problem}",
           run.stderr)
    is_(run.stderr.count("listens at the same address"), 2, "an address named thrice is told twice")
    os.makedirs(d.path("conf.d"))
    d.write("conf.d/10-more.toml", '[user.extra]\npassword_file = "{}"\n'.format(
        d.path("sbc.password")))
    is_(check(d, CONFIG).returncode, 0, "a drop-in adds to it")
    d.write("conf.d/10-more.toml", '[user.sbc]\npassword_file = "/x"\n')
    run = check(d, CONFIG)
    ok(run.returncode == 1 and "10-more.toml" in run.stderr + run.stdout,
       "a drop-in that sets a key twice is told", run.stderr)
    for args, want in ((["--version"], 0), (["--help"], 0), (["--nonsense"], 2),
                       (["-c", "/nonexistent.toml"], 1)):
        run = subprocess.run([CONTACTORD, *args], capture_output=True, text=True, timeout=30)
        is_(run.returncode, want, f"contactord {' '.join(args)} exits {want}")


class Asker(threading.Thread):
    """Looks a number up over and over on kept and on new connections; counts what fails."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.d, self.over, self.asked, self.failed = d, False, 0, []
        self.start()

    def run(self):
        while not self.over:
            try:
                names = self.d.names("(telephoneNumber=+4989840798192)")
                if names != ["Anna Meier"]:
                    self.failed.append(names)
            except Exception as error:
                self.failed.append(repr(error))
            self.asked += 1

    def stop(self):
        self.over = True
        self.join(20)


def reload():
    with Daemon() as d:
        askers = [Asker(d) for _ in range(4)]
        for i in range(20):
            d.configure(CONFIG + f"\n[user.u{i}]\npassword_file = \"{{dir}}/sbc.password\"\n")
            d.process.send_signal(signal.SIGHUP)
            time.sleep(0.15)
        for asker in askers:
            asker.stop()
        ok(sum(a.asked for a in askers) > 100, "lookups ran during 20 reloads")
        is_([f for a in askers for f in a.failed], [], "none of them failed")
        run = d.ctl("reload")
        is_(run.returncode, 0, "contactorctl reload")

        d.configure(CONFIG.replace('anonymous = "allow"', 'anonymous = "alow"'))
        run = d.ctl("reload")
        is_(run.returncode, 4, "a wrong configuration is refused")
        ok("contactor.toml:" in run.stdout + run.stderr and "allow" in run.stdout + run.stderr,
           "with place and suggestion", run.stdout, run.stderr)
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "and the old one stays in force")

        d.configure(CONFIG.replace('anonymous = "allow"', 'anonymous = "allow"\nsize_limit = 2'))
        is_(d.reload().returncode, 0, "an option of a front end changes")
        run = d.ldapsearch("(objectClass=person)", "cn")
        is_((run.returncode, run.stdout.count("dn: ")), (4, 2), "and holds from then on")

        d.configure(CONFIG.replace("[source.crm", "[source.customers"))
        is_(d.reload().returncode, 0, "a source is renamed")
        ok(wait_for(lambda: (d.source("customers") or {}).get("contacts") == 8, 10),
           "the new one loads", d.sources())
        is_([s["name"] for s in d.sources()], ["customers"], "the old one is gone")
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "lookups go on")


def running():
    with Daemon() as d:
        log = d.log()
        ok("s3cret" not in log and "Meier" not in log and "4989840798192" not in log,
           "no secret and no contact data in the log", log)
        pid = d.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = f.read()
        ok(re.search(r"NoNewPrivs:\s+1", status), "no new privileges", status)
        ok(re.search(r"CapEff:\s+0+(400)?\n", status), "no capabilities", status)
        ok(re.search(r"Seccomp:\s+2", status), "seccomp is on", status)
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            ok(b"s3cret" not in f.read(), "no secret in argv")
        modes = {name: oct(os.stat(os.path.join(where, name)).st_mode & 0o077)
                 for where, _, names in os.walk(d.path("state")) for name in names}
        is_({n: m for n, m in modes.items() if m != "0o0"}, {}, "state files are private")
        started = time.monotonic()
        is_(d.stop(), 0, "SIGTERM ends it")
        ok(time.monotonic() - started < 6, "within 5 seconds")
        d.start()
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "after a restart the cache answers")
        d.write("contacts.csv", "")
        d.stop()
        d.start()
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "also when the source has become unreadable meanwhile")
        ok(wait_for(lambda: (d.source() or {}).get("last_error"), 10), "and the status says why",
           d.sources())


def broken_plugin():
    config = CONFIG + '\n[source.ghost]\nplugin = "ghost"\n'
    with Daemon() as d:
        d.configure(config)
        run = d.reload()
        is_(run.returncode, 4, "a plugin that is not installed: the reload is refused")
    with Daemon(config) as d:
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "at start the daemon runs on with the rest")
        ghost = d.source("ghost") or {}
        ok("ghost" in str(ghost.get("last_error")), "and sources tells the cause", ghost)
        run = d.ctl("sync", "ghost")
        ok(run.returncode == 4 and "contactorctl sources ghost" in run.stderr,
           "a sync of it says where to look", run.stderr)


PASS_ON = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def passed_socket():
    """The service manager passes a socket whose address no listen option names."""
    d = Daemon()
    with socket.create_server(("127.0.0.1", 0)) as listener, open(d.path("out"), "w") as out:
        run = subprocess.Popen([sys.executable, "-c", PASS_ON, str(listener.fileno()), CONTACTORD,
                                "-c", d.config_path], stdin=subprocess.DEVNULL, stdout=out,
                               stderr=out, pass_fds=[listener.fileno()])
        told = "passed_socket_unused address=127.0.0.1:%d" % listener.getsockname()[1]
    ok(wait_for(lambda: told in open(out.name).read()), "a socket nobody listens on is told",
       open(out.name).read())
    run.terminate()
    is_(run.wait(30), 0, "and is no reason not to run")


for part in (check_config, reload, running, broken_plugin, passed_socket):
    part()
done()
