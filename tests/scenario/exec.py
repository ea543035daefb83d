"""Programs as sources, through the whole daemon: the examples, a REST interface by curl and jq,
programs that misbehave, what confinement leaves to them, and that none is ever left behind."""
import http.server
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time

from harness import BUILD, CONFIG, CONTACTORD, SOURCE, Daemon, done, is_, ok, wait_for

EXAMPLES = os.path.join(SOURCE, "examples", "exec")
README = os.path.join(SOURCE, "plugins", "exec", "README.md")

HEAD = CONFIG[:CONFIG.index("[source.crm]")]
TAIL = CONFIG[CONFIG.index("[frontend.sbc]"):]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def example(name):
    """The lines of an example's configuration, its paths those of the test."""
    text = read(os.path.join(EXAMPLES, name))
    return (text.replace("/usr/local/lib/contactor/", "{dir}/programs/")
            .replace("/srv/crm/", "{dir}/data/").replace("/srv/lists/", "{dir}/data/"))


def program(text, options="", name="crm"):
    """A source over a shell script that lies in the test's folder."""
    return f'[source.{name}]\nplugin = "exec"\ncommand = "{{dir}}/programs/{name}.sh"\n{options}\n'


def install(d, name, text):
    d.write(f"programs/{name}", text, 0o755)


def children(d):
    """Command lines of all processes below the daemon."""
    out = subprocess.run(["ps", "-eo", "pid,ppid,stat,args"], capture_output=True, text=True,
                         check=True).stdout.split("\n")[1:]
    rows = [line.split(None, 3) for line in out if line.strip()]
    family, found = {str(d.process.pid)}, []
    while True:
        more = [r for r in rows if r[1] in family and r[0] not in family]
        if not more:
            return found
        family |= {r[0] for r in more}
        found += more


def left_behind(mark):
    out = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in out.split("\n") if mark in line]


# -- the examples ------------------------------------------------------------------------

def database(d):
    path = d.path("data/crm.db")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, first TEXT, last TEXT, company TEXT,"
               " phone TEXT, mobile TEXT, mail TEXT, changed INTEGER, deleted INTEGER DEFAULT 0)")
    db.executemany("INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", [
        (i, f"First{i}", f"Last{i}", "Acme", f"+4930{5550000 + i}", None, None, i)
        for i in range(1, 21)])
    db.execute("INSERT INTO customer VALUES (50, 'Jürgen', 'Groß \"J\"', 'Groß GmbH', "
               "'+4991112345', '+491601234567', 'g@example.com', 30, 0)")
    db.commit()
    return db


def examples():
    d = Daemon(HEAD + example("contacts.toml") + "live = true\nkeep_running = true\n" +
               example("staff.toml") + TAIL,
               files={"data/staff.txt": "# the staff\n1:Anna \"A\" M\\eier:2.01:089/840798-192:\n"
                                        "2:cut short\n3:Öz Çelik::+49 89 840798-193:0171 5556677\n"})
    db = database(d)
    for name in ("contacts.py", "contacts.sh"):
        install(d, name, read(os.path.join(EXAMPLES, name)))
    with d:
        ok("landlock_on" in d.log() or "landlock_absent" in d.log(), "the daemon is confined")
        wait_for(lambda: (d.source("staff") or {}).get("contacts"))
        is_(d.names("(telephoneNumber=+4989840798192)"), ['Anna "A" M\\eier'],
            "shell and awk: a name out of a colon-separated file")
        is_(d.names("(mobile=+491715556677)"), ["Öz Çelik"], "with umlauts and more numbers")
        ok("line 3" in str(d.source("staff")), "a line that is cut short is told",
           d.source("staff"))
        is_(d.names("(telephoneNumber=0911 12345)"), ['Jürgen Groß "J"'],
            "Python: a name out of an SQLite database")
        is_(d.source()["contacts"], 21, "all of them")
        changes(d, db)
        live(d, db)
        program_processes = [r for r in children(d) if "contacts.py" in r[3]]
        ok(1 <= len(program_processes) <= 2, "its programs are kept", children(d))
        is_([r for r in children(d) if "contacts.sh" in r[3]], [], "the other's are not")
        ok(not any(r[2].startswith("Z") for r in children(d)), "there are no zombies", children(d))
        mark = d.dir
    is_(left_behind(mark + "/programs"), [], "no program is left behind")


def changes(d, db):
    db.execute("UPDATE customer SET last = 'Married', changed = 40 WHERE id = 1")
    db.execute("UPDATE customer SET deleted = 1, changed = 41 WHERE id = 2")
    db.execute("INSERT INTO customer VALUES (60, 'Nina', 'Neu', 'Neu AG', '+49891234500', "
               "NULL, NULL, 42, 0)")
    db.commit()
    run = d.ctl("sync", "crm")
    is_(run.returncode, 0, "a delta")
    ok("delta" in d.log(), "it was one", d.log()[-2000:])
    is_(d.names("(telephoneNumber=0305550001)"), ["First1 Married"], "brings what changed")
    is_(d.names("(telephoneNumber=0305550002)"), [], "takes away what is gone")
    is_(d.names("(telephoneNumber=0891234500)"), ["Nina Neu"], "adds what is new")
    is_(d.source()["contacts"], 21, "and leaves the others alone")


def live(d, db):
    db.execute("INSERT INTO customer VALUES (70, 'Late', 'Comer', 'Soon AG', '+49897654300', "
               "NULL, NULL, 50, 0)")
    db.commit()
    is_(d.names("(telephoneNumber=+49897654300)"), ["Late Comer"],
        "a number only the program knows yet is answered live")
    is_(d.names("(sn=Comer)"), ["Late Comer"], "so is a name")
    is_(d.names("(telephoneNumber=+49897654399)"), [], "and one it does not know is not")


# -- a REST interface, as the README says ------------------------------------------------

class Api(http.server.BaseHTTPRequestHandler):
    token, fail = "t0p \"secret\"", False

    def do_GET(self):
        good = self.headers.get("Authorization") == f"Bearer {self.token}" and not self.fail
        body = json.dumps({"items": [
            {"id": i, "firstName": "Rest", "lastName": f"Person{i}", "company": "Shop",
             "phones": [f"+49 40 77{i:05d}", None], "email": None}
            for i in range(1, 51)]}).encode()
        self.send_response(200 if good else 500)
        self.end_headers()
        self.wfile.write(body if good else b"{}")

    def log_message(self, *_):
        pass


def rest():
    script = re.search(r"```sh\n(#!/bin/bash\n.*?)```", read(README), re.S).group(1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = script.replace("https://crm.example.com",
                            f"http://127.0.0.1:{server.server_port}")
    d = Daemon(HEAD + program("", 'secret_file = "{dir}/shop.token"') + TAIL,
               files={"shop.token": Api.token + "\n"})
    os.chmod(d.path("shop.token"), 0o600)
    install(d, "crm.sh", script)
    with d:
        is_(d.names("(telephoneNumber=+494077 00007)"), ["Rest Person7"], "curl and jq, confined")
        is_(d.source()["contacts"], 50, "all items")
        Api.fail = True
        run = d.ctl("sync", "crm")
        ok(run.returncode != 0 and "exited with code" in run.stderr + run.stdout and
           "500" in run.stderr + run.stdout, "curl's failure is told in its words",
           run.stdout + run.stderr)
        is_(d.source()["contacts"], 50, "and nothing is lost")
        ok("t0p" not in d.log(), "the token is not in the log")
    server.shutdown()


# -- programs that misbehave -------------------------------------------------------------

GOOD = """#!/bin/sh
echo '{"id":"1","surname":"Steady","phone_business":"+49 89 840798-192"}'
echo '{"done":true}'
"""

BAD = {
    "crash": "kill -SEGV $$",
    "garbage": "exec head -c 50000000 /dev/urandom",
    "endless": "yes | tr -d '\\n'",
    "silence": "sleep 600",
    "cut": "printf '{\"id\":'; exit 0",
    "stubborn": "trap '' TERM; while :; do sleep 1; done",
    "family": "sleep 601 & sleep 602 & exit 1",
    "noise": "yes complaint >&2",
    "closed": "exec <&- >&-; sleep 603",
}


def misbehave():
    d = Daemon(HEAD + program("", 'start_timeout = "1s"\nsilence_timeout = "1s"\n'
                                  'sync_timeout = "4s"') + TAIL)
    install(d, "crm.sh", GOOD)
    with d:
        is_(d.names("(telephoneNumber=192)"), ["Steady"], "a good program")
        descriptors = d.descriptors()
        for name, script in BAD.items():
            install(d, "crm.sh", "#!/bin/sh\n" + script + "\n")
            sync = threading.Thread(target=lambda: d.ctl("sync", "crm"))
            sync.start()
            slowest, answers = 0, set()
            while sync.is_alive():
                begin = time.monotonic()
                answers.add(tuple(d.names("(telephoneNumber=192)")))
                slowest = max(slowest, time.monotonic() - begin)
                time.sleep(0.02)
            sync.join()
            ok(wait_for(lambda: (d.source() or {}).get("last_error")), f"{name}: it is told",
               d.source())
            is_(answers - {("Steady",)}, set(), f"{name}: lookups go on with the last good data")
            ok(slowest < 2, f"{name}: at once", slowest)
            ok(wait_for(lambda: not children(d), 5), f"{name}: nothing of it is left", children(d))
            print(f"# {name}: {(d.source() or {}).get('last_error')}")
        install(d, "crm.sh", GOOD.replace("Steady", "Recovered"))
        is_(d.ctl("sync", "crm").returncode, 0, "a good program again")
        is_(d.names("(telephoneNumber=192)"), ["Recovered"], "and it is read")
        ok(d.descriptors() <= descriptors + 2, "no descriptor leaked",
           f"{descriptors} {d.descriptors()}")


def killed():
    """The daemon is killed: its programs end with it."""
    d = Daemon(HEAD + program("", "keep_running = true") + TAIL)
    install(d, "crm.sh", "#!/bin/sh\nread h; while read r; do\n" +
            GOOD.split("\n", 1)[1] + "done\n")
    with d:
        kept = children(d)
        is_(len(kept), 1, "a program is kept")
        d.kill()
        ok(wait_for(lambda: not left_behind(d.dir + "/programs"), 5), "it ends with the daemon",
           left_behind(d.dir + "/programs"))
        d.start()
        is_(d.ctl("sync", "crm").returncode, 0, "after a restart")
        os.kill(int(children(d)[0][0]), signal.SIGKILL)
        ok(wait_for(lambda: not children(d), 5), "one that is killed is put away")
        is_(d.ctl("sync", "crm").returncode, 0, "and started again when it is needed")
        begin = time.monotonic()
    ok(time.monotonic() - begin < 4, "stopping takes no time")


# -- configuration and confinement -------------------------------------------------------

def check(d, config):
    d.configure(config)
    run = subprocess.run([CONTACTORD, "-c", d.config_path, "--check-config"], capture_output=True,
                         text=True, check=False)
    return run.returncode, run.stderr


def configuration():
    d = Daemon(HEAD + program("") + TAIL)
    install(d, "crm.sh", GOOD)
    d.write("programs/plain.sh", GOOD, 0o644)
    base = HEAD + '[source.crm]\nplugin = "exec"\ncommand = %s\n' + TAIL
    with d:
        for command, want in (
                ('"python3"', 'absolute path of a program, not "python3"; did you mean "/usr/bin/'),
                ('"{dir}/programs/gone.sh"', "gone.sh does not exist"),
                ('["{dir}/programs/plain.sh"]', "plain.sh cannot be executed"),
                ('"{dir}/programs"', "is not a file"),
                ("[]", "must not be empty"),
                ('"/bin/sh"\nenvironment = ["no value"]', "entry 1 must be NAME=value"),
                ('"/bin/sh"\nkeep_runing = true', "did you mean 'keep_running'"),
                ('"/bin/sh"\nsecret = "x"', "secret_file")):
            code, text = check(d, base % command)
            ok(code == 1 and want in text and re.search(r"contactor.toml:\d+:\d+: error", text),
               f"refused: {command}".replace(d.dir, ""), text)
        code, text = check(d, base % '["/bin/sh", "-c", "exit 0"]')
        is_(code, 0, "a good one is taken", )
        describe = subprocess.run([CONTACTORD, "--describe",
                                   os.path.join(BUILD, "plugins", "exec", "exec.so")],
                                  capture_output=True, text=True, check=True).stdout
        ok("command\n    list, program, required" in describe, "the reference of its options")


def missing_at_start():
    """A program that is not there yet keeps nobody from starting."""
    d = Daemon(HEAD + program("") + TAIL, wait=None)
    os.makedirs(d.path("programs"))
    with d:
        ok(wait_for(lambda: (d.source() or {}).get("last_error")), "a program that is missing")
        ok("crm.sh does not exist; correct `command`" in str(d.source()), "is told", d.source())
        ok("crm.sh does not exist" in d.log(), "in the log of the start, too")
        install(d, "crm.sh", GOOD)
        is_(d.ctl("sync", "crm").returncode, 0, "and read when it comes")


def tested():
    """contactorctl source test: each step, and what to do."""
    d = Daemon(HEAD + program("").replace('"{dir}', '["/bin/sh", "{dir}').replace('.sh"', '.sh"]') +
               TAIL)
    install(d, "crm.sh", GOOD)
    with d:
        if "source test" not in d.ctl("--help").stdout:
            print("# this contactorctl has no source test")
            return
        run = d.ctl("source", "test", "crm")
        ok(run.returncode == 0 and re.search(r"ok +start +/bin/sh runs in /\n.*ok +hello.*"
                                             r"ok +contacts +all it has were read: 1", run.stdout,
                                             re.S), "a good program, step by step", run.stdout)
        install(d, "crm.sh", "#!/bin/sh\necho cannot find module x >&2\nexit 1\n")
        run = d.ctl("source", "test", "crm")
        ok(run.returncode != 0 and re.search(r"FAILED +hello +crm.sh exited with code 1.*"
                                             r"cannot find module x.*Run the program by hand",
                                             run.stdout, re.S), "a bad one, and what to do",
           run.stdout)
        is_(d.names("(telephoneNumber=192)"), ["Steady"], "nothing was changed by it")
        ok(wait_for(lambda: not children(d), 5), "and nothing is left of it", children(d))


TELLTALE = '''#!/bin/sh
read -r h
secret=$(printf %s "$h" | sed 's/.*"secret":"\\([^"]*\\)".*/\\1/')
echo '{"contactor":1,"can":["test"]}'
read -r r
echo "on stderr: $secret" >&2
case $r in
*'"test"'*)
    echo '{"step":"login","ok":true,"detail":"as '$secret' it works"}'
    echo '{"step":"'$secret'","ok":false,"detail":"no '$secret'","remedy":"not '$secret'"}' ;;
*)
    echo '{"id":"'$secret'","colour '$secret'":1,"photo":"'$secret'"}'
    echo '{"error":"'$secret' refused","remedy":"renew '$secret'"}' ;;
esac
'''


def secrets():
    """Nothing a program says of its secret is shown to anybody."""
    secret = "s3cret-of-the-crm"
    for isolated in ("", "isolated = true\n"):
        d = Daemon(HEAD + program("", 'secret_file = "{dir}/token"\n' + isolated) + TAIL, wait=None)
        install(d, "crm.sh", TELLTALE)
        d.write("token", secret + "\n", 0o600)
        with d:
            ok(wait_for(lambda: "refused" in str((d.source() or {}).get("last_error"))),
               "the program says why it failed", d.source())
            run = d.ctl("sync", "crm")
            run_test = d.ctl("source", "test", "crm")
            preview = d.ctl("preview", "crm")
            shown = [run.stdout + run.stderr, run_test.stdout + run_test.stderr,
                     preview.stdout + preview.stderr, json.dumps(d.source()), d.log(),
                     d.ctl("sources", "crm").stdout]
            is_([s for s in shown if secret in s], [], "its secret is in nothing that is shown")
            ok("as * it works" in shown[1] and "not *" in shown[1] and "no *" in shown[1],
               "steps and remedies stand, without it", shown[1])
            ok("* refused" in shown[3] and "* refused" in shown[4], "the error, too", shown[3])
            ok("on stderr: *" in shown[4], "and what it wrote to stderr", shown[4][-2000:])


def confinement():
    out = "/tmp/contactor-exec-outside"
    d = Daemon(HEAD + program("", 'folder = "{dir}/data"') + TAIL,
               files={"data/name": "Inside\n"})
    install(d, "crm.sh", "#!/bin/sh\nset -e\nname=$(cat name)\n"
            f"if cat {out}/secret >/dev/null 2>&1; then name=Leaked; fi\n"
            f"if echo x >{out}/written; then name=Written; fi 2>/dev/null\n"
            "echo '{\"id\":1,\"surname\":\"'$name'\",\"phone_business\":\"+49 89 840798192\"}'\n"
            "echo '{\"done\":true}'\n")
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/secret", "w", encoding="utf-8") as f:
        f.write("x")
    with open(f"{out}/other.sh", "w", encoding="utf-8") as f:
        f.write(GOOD)
    os.chmod(f"{out}/other.sh", 0o755)
    with d:
        if not json.loads(d.ctl("status", "--json").stdout)["confined"]:
            print("# this kernel has no Landlock: confinement is not tested")
            return
        is_(d.names("(telephoneNumber=192)"), ["Inside"],
            "a program reads its folder, and neither reads nor writes elsewhere")
        good = read(d.config_path)
        d.configure(good.replace(d.path("programs/crm.sh"), f"{out}/other.sh"))
        run = d.reload()
        ok(run.returncode != 0 and "cannot start those in " + out in run.stderr,
           "a reload that names a program elsewhere is refused, and why", run.stderr)
        is_(d.names("(telephoneNumber=192)"), ["Inside"], "the old one stays")
        d.configure(good.replace(f'"{d.path("programs/crm.sh")}"',
                                 f'["/bin/sh", "{d.path("programs/crm.sh")}"]'))
        is_(d.reload().returncode, 0, "a program of the system may be named")
        is_(d.ctl("sync", "crm").returncode, 0, "and started")
    with Daemon(wait="crm") as d:
        d.configure(CONFIG + '[source.more]\nplugin = "exec"\ncommand = "/bin/true"\n')
        run = d.reload()
        ok(run.returncode != 0 and "cannot start those in /" in run.stderr,
           "without a program at the start none can be started", run.stderr)
    for name in ("secret", "other.sh", "written"):
        if os.path.exists(f"{out}/{name}"):
            os.unlink(f"{out}/{name}")
    os.rmdir(out)


examples()
rest()
misbehave()
killed()
configuration()
missing_at_start()
tested()
secrets()
confinement()
done()
