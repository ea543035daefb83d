"""contactorctl source test, preview, sync --dry-run, schedules and freshness, for any source."""
import json
import os
import re
import signal
import socket
import subprocess
import time

from harness import CONTACTORCTL, CONFIG, Daemon, done, is_, ok, wait_for
from moody import PEOPLE, Moody


def steps():
    script = PEOPLE + ("test: ok resolve|db.example is 10.1.2.3\ntest: ok connect|port 5432\n"
                       "test: bad login|password refused for 'crm'|correct `password_file`\n")
    with Moody(script) as d:
        run = d.ctl("source", "test", "crm")
        is_(run.returncode, 1, "a test that fails: exit 1")
        for text in ("resolve", "10.1.2.3", "FAILED login", "password refused", "password_file"):
            ok(text in run.stdout, f"it shows {text}", run.stdout)
        value = d.ctl_json("source", "test", "crm")
        is_([(s["step"], s["ok"]) for s in value["steps"]],
            [("resolve", True), ("connect", True), ("login", False)], "each step as JSON")
        is_((value["ok"], value["steps"][2]["remedy"]), (False, "correct `password_file`"),
            "with its remedy")
        is_(d.source()["state"], "ok", "how the source stands is another matter")
        d.script(PEOPLE + "test: ok connect|port 5432\ntest: wait 700\ntest: ok query|7 columns\n")
        ctl = subprocess.Popen([CONTACTORCTL, "-c", d.config_path, "source", "test", "crm"],
                               stdout=subprocess.PIPE, text=True)
        began = time.monotonic()
        ok("connect" in ctl.stdout.readline() and time.monotonic() - began < 0.6,
           "a step is shown as it comes")
        ok("works" in ctl.communicate()[0] and ctl.returncode == 0, "one that succeeds: exit 0")
        d.script(PEOPLE + "sync: wait 1500\ntest: ok connect|port 5432\n")
        d.ctl("sync", "crm", "--no-wait")
        wait_for(lambda: d.source()["state"] == "syncing", 5)
        is_(d.ctl("source", "test", "crm", "--timeout", "1").returncode, 4,
            "a test is never beside a sync")
        is_(d.ctl("source", "test", "crm").returncode, 0, "it waits for its end")


def hung_test():
    with Moody(PEOPLE + "test: ok connect|port 5432\ntest: hang\n") as d:
        began = time.monotonic()
        run = d.ctl("source", "test", "crm", "--timeout", "1")
        ok(time.monotonic() - began < 5 and run.returncode == 1, "a test that hangs is ended",
           run.stdout, run.stderr)
        ok("connect" in run.stdout and "FAILED time" in run.stdout, "with what was found",
           run.stdout)
        is_(d.who("+49 30 500007"), ["Person 7"], "lookups go on")
        ok(d.source()["testing"], "status tells that it has not come back")
        run = d.ctl("sync", "crm", "--no-wait")
        is_(run.returncode, 0, "a sync can be asked for")
        began = time.monotonic()
        is_(d.stop(), 0, "the daemon stops all the same")
        ok(time.monotonic() - began < 7, "within seconds", time.monotonic() - began)


def canceled_test(isolated):
    """A test nobody waits for any more comes back, and the source with it."""
    def begin(*options):
        ctl = subprocess.Popen([CONTACTORCTL, "-c", d.config_path, "source", "test", "crm",
                                *options], stdout=subprocess.PIPE, text=True)
        ok("connect" in ctl.stdout.readline() and d.source()["testing"], f"{how}: a test runs")
        return ctl

    def gave_up():
        return d.log().count("test gave up")

    how = "isolated" if isolated else "in the daemon"
    with Moody(PEOPLE + "test: ok connect|port 5432\ntest: patience\n",
               source="isolated = true" if isolated else "") as d:
        for end in (lambda: ctl.send_signal(signal.SIGINT), lambda: ctl.kill()):
            before, ctl = gave_up(), begin()
            end()
            ctl.wait()
            ok(wait_for(lambda: gave_up() > before and not d.source()["testing"], 5),
               f"{how}: who asked has gone: it ends", d.log()[-500:])
        before, ctl = gave_up(), begin("--timeout", "1")
        is_(ctl.wait(), 1, f"{how}: its time is up")
        ok(wait_for(lambda: gave_up() > before and not d.source()["testing"], 5),
           f"{how}: it ends then, too")
        is_(d.ctl("sync", "crm").returncode, 0, f"{how}: and a sync can begin")
        before, ctl = gave_up(), begin()
        began = time.monotonic()
        is_(d.stop(), 0, f"{how}: the daemon stops")
        ok(time.monotonic() - began < 3 and gave_up() > before and
           "leaving it behind" not in d.log(), f"{how}: and does not wait for it",
           time.monotonic() - began, d.log()[-500:])
        ctl.wait()


def preview(plugin):
    script = ("sync: person 1|Anna Meier|030 901820|\nsync: person 2|Help|112|eve\n"
              "sync: person 3|Nobody|ask reception|\nsync: person 4||\n" + PEOPLE)
    with Moody(script, plugin=plugin) as d:
        before = d.contacts()
        value = d.ctl_json("preview", "crm", "--limit", "3")
        is_([c["id"] for c in value["contacts"]], ["1", "2", "3"], f"{plugin}: the first contacts")
        numbers = [f for c in value["contacts"] for f in c["fields"] if f["kind"][:5] == "phone"]
        is_([(f["number"], f.get("e164") or f.get("short")) for f in numbers],
            [("e164", "+4930901820"), ("short", "112"), ("none", None)],
            f"{plugin}: and how their numbers were understood")
        is_(value["contacts"][1]["owner"], "eve", f"{plugin}: and whose they are")
        text = d.ctl("preview", "crm", "--limit", "4").stdout
        for word in ("+4930901820", "national", "not a number", "only for eve", "Anna Meier"):
            ok(word in text, f"{plugin}: shown: {word}", text)
        is_(d.contacts(), before, f"{plugin}: nothing was written")
    with Moody("sync: person 1|Anna|030 901820|\nsync: fail the table has no column 'phone'\n",
               plugin=plugin, wait=None) as d:
        run = d.ctl("preview", "crm")
        ok(run.returncode == 4 and "column 'phone'" in run.stderr,
           f"{plugin}: the reason of one that never worked", run.stdout, run.stderr)
        d.script("sync: person 1|Anna|030 901820|\n" + PEOPLE)
        d.ctl("preview", "crm")
        is_(d.contacts(), 0, f"{plugin}: a preview writes nothing where nothing was")
    is_(Daemon(CONFIG).ctl("preview", "crm").returncode, 3, "without a daemon: exit 3")


def by_reading():
    with Daemon(CONFIG) as d:
        run = d.ctl("source", "test", "crm")
        ok(run.returncode == 0 and "8 contacts" in run.stdout, "a source without a test is read",
           run.stdout)
        d.write("contacts.csv", "")
        run = d.ctl("source", "test", "crm")
        ok(run.returncode == 1 and "FAILED read" in run.stdout, "its reason is shown", run.stdout)
    with Moody(source="", config=CONFIG.replace('plugin = "csv"', 'plugin = "cvs"'),
               wait=None) as d:
        run = d.ctl("source", "test", "crm")
        ok(run.returncode == 1 and "cvs" in run.stdout, "so is that of one that cannot run",
           run.stdout, run.stderr)


def dry_run():
    with Moody() as d:
        d.script("sync: put 5 90\nsync: person p7|Changed Person|+49 30 500007|\n"
                 "sync: person new|New Person|+49 30 77|\n")
        # The first of two rows with one id counts, so p7 stays as it is.
        value = d.ctl_json("sync", "crm", "--dry-run")
        is_((value["last"]["added"], value["last"]["deleted"], value["dry_run"]), (1, 10, True),
            "a dry run counts")
        is_([c["name"] for c in value["sample"]["added"]], ["New Person"], "and names the new")
        ok({"p0", "p4", "p95"} <= {c["id"] for c in value["sample"]["deleted"]},
           "and who would go", value["sample"])
        d.script("sync: person p1|Other Person|+49 30 1234567|\nsync: put 2 98\n")
        text = d.ctl("sync", "crm", "--dry-run").stdout
        ok("1 changed" in text and "Other Person" in text and "Person 0" in text,
           "people see it, too", text)
        d.script("sync: put 0 10\n")
        run = d.ctl("sync", "crm", "--dry-run")
        ok(run.returncode == 1 and "--allow-delete" in run.stdout and "and 80 more" in run.stdout,
           "one that would be refused says so", run.stdout)
        is_((d.contacts(), d.source()["state"], d.source()["last_error"]), (100, "ok", None),
            "and nothing happened")
        d.script("sync: fail no such table\n")
        run = d.ctl("sync", "crm", "--dry-run")
        ok(run.returncode == 4 and "no such table" in run.stderr, "a dry run that fails",
           run.stderr)
        is_(d.source()["state"], "ok", "is no failed sync")
        d.script("sync: put 0 90\n")
        for option in ("--dry-run", "--allow-delete"):
            run = d.ctl("sync", "crm", option, "--no-wait")
            ok(run.returncode == 4 and option in run.stderr, f"{option} --no-wait is refused",
               run.stdout, run.stderr)
        time.sleep(0.5)
        is_(d.contacts(), 100, "and no sync begins")
        run = d.ctl("sync", "crm", "--no-wait")
        ok(run.returncode == 0 and "asked for" in run.stdout, "--no-wait alone tells no figures",
           run.stdout)
        ok(wait_for(lambda: d.contacts() == 90, 5), "it is a sync")
        d.script("sync: fail \x1b[31mred\x9b1mbold\n")
        run = d.ctl("sync", "crm")
        ok("?[31mred" in run.stderr and "\x1b" not in run.stderr, "a reason drives no terminal",
           run.stderr)
        d.script("sync: group A eve\nsync: group A max\nsync: put 0 90\n")
        run = d.ctl("sync", "crm")
        ok("a group twice" in run.stderr, "a group told twice is called so", run.stderr)
        d.script("sync: put 0 0\n")
        is_(d.ctl("preview", "crm").returncode, 1, "a preview of nothing: exit 1")
        is_(d.ctl("preview", "crm", "--json").returncode, 1, "as JSON, too")


def control(d):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(d.path("state/control.sock"))
    return connection


def ids():
    """An id is what its source says: its case counts, as the schema tells (conformance.py)."""
    with Moody("sync: person a1|Anna Meier|030 901820|\nsync: person A1|Anton Maier|030 901821|\n") as d:
        for asked, found in (("a1", ["Anna Meier"]), ("A1", ["Anton Maier"]), ("A*", ["Anton Maier"])):
            is_(d.names(f"(uid={asked})"), found, f"(uid={asked})")
            if "*" not in asked:
                is_(d.names("(objectClass=person)", base=f"uid={asked},ou=crm,dc=contacts"), found,
                    f"the entry uid={asked}")


def half_closed():
    """Who has said all, and waits, is answered: every line of it."""
    with Moody(PEOPLE + "test: ok connect|port 5432\ntest: wait 500\n") as d:
        asking = control(d)
        asking.sendall(b'{"id":1,"command":"source test","source":"crm"}\n'
                       b'{"id":2,"command":"status"}\n')
        asking.shutdown(socket.SHUT_WR)
        got = b""
        while data := asking.recv(65536):
            got += data
        ids = [json.loads(line)["id"] for line in got.splitlines() if b'"result"' in line]
        is_(ids, [1, 2], "one that has closed its side gets its answers, then the end")


def taken_away():
    """A reload ends, exchanges or takes away a source that somebody waits for."""
    with Moody(PEOPLE, plugin="moody_loop") as d:
        with open(d.config_path, encoding="utf-8") as f:
            config = f.read()
        d.script("sync: put 0 300000\n")
        d.configure(re.sub(r"\[source.crm\][^[]*", "", config))
        # The source puts on the loop: the reload meets what comes after it, the commit.
        looking, reloading = control(d), control(d)
        looking.sendall(b'{"command":"sync","source":"crm","dry_run":true}\n')
        time.sleep(0.05)
        reloading.sendall(b'{"command":"reload"}\n')
        answer = reloading.makefile().readline()
        ok('"result"' in answer, "a source goes while a dry run looks at it", answer)
        answer = next(line for line in looking.makefile() if '"event"' not in line)
        ok("no longer configured" in answer, "which says so", answer)
    with Moody(PEOPLE + "sync: wait 1500\n", wait=None) as d:
        wait_for(lambda: d.source()["state"] == "syncing", 5)
        d.script(PEOPLE + "test: ok connect|port 5432\n")
        with open(d.config_path, encoding="utf-8") as f:
            config = f.read()
        d.configure(config.replace('/script"', '/./script"'))
        waiting = [d.begin("source", "test", "crm"), d.begin("preview", "crm"),
                   d.begin("sync", "crm")]
        is_(d.ctl("reload").returncode, 0, "a source is exchanged while others wait for it")
        for ctl in waiting:
            out, err = ctl.communicate(timeout=30)
            ok(ctl.returncode == 0, "who is served by the new one", out, err)


def on_terminal(*command):
    """What the command writes when it has a terminal."""
    master, slave = os.openpty()
    process = subprocess.Popen(command, stdout=slave, stdin=subprocess.DEVNULL)
    os.close(slave)
    text = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:        # the other end is closed
            break
        if not data:
            break
        text += data
    os.close(master)
    process.wait(30)
    return text.decode()


def progress():
    with Moody(PEOPLE) as d:
        d.script("sync: put 0 100\nsync: progress 100 400\nsync: wait 3000\n")
        d.ctl("sync", "crm", "--no-wait")
        p = wait_for(lambda: (d.source().get("progress") or {}).get("left_ms"), 5)
        ok(p and p > 500, "time left", p)
        p = d.source()["progress"]
        ok(p["seen"] == 100 and p["done"] == 100 and p["total"] == 400 and p["rate"] > 0,
           "rows and rate", p)
        text = on_terminal(CONTACTORCTL, "-c", d.config_path, "sync", "crm")
        ok("left" in text and "/s" in text and "25%" in text, "on a terminal, too", text)


def schedules():
    for value, good in (('"15m"', True), ('"manual"', True), ('"03:00"', True), ('["06:00"]', True),
                        ('["06:00", "12:30"]', True), ('["06:00", "15m"]', False), ('"24:00"', False),
                        ('["manual", "06:00"]', False), ('[]', False), ('"6:00"', False)):
        d = Moody(source=f"sync = {value}")
        run = subprocess.run([CONTACTORCTL, "-c", d.config_path, "check"], capture_output=True,
                             text=True)
        is_(run.returncode == 0, good, f"sync = {value}")
        if not good:
            ok("'sync' must be" in run.stderr, "and what it must be", run.stderr)
    with Moody(source='sync = ["03:00", "15:00"]', env={"TZ": "Europe/Berlin"}) as d:
        hour = int(d.source()["next_run"][11:13])
        ok(hour in (1, 2, 13, 14), "the next sync is at a time of day", d.source()["next_run"])
        ok(d.source()["next_run"][:16] in d.ctl("status").stdout, "status tells when")
        d.script("sync: fail the server is down\n")
        is_(d.ctl("sync", "crm").returncode, 4, "a sync that fails")
        text = d.ctl("status").stdout
        ok("the server is down" in text and "failed 1 time" in text and "tried again at" in text,
           "status tells why, and when it is tried again", text)
        source = d.source()
        ok(source["failures"] == 1 and source["next_run"] and source["age"] >= 0, "so does JSON",
           source)
        metrics = d.ctl("metrics").stdout
        for name in ("source_last_success_timestamp_seconds", "source_data_timestamp_seconds",
                     "source_sync_failures_total", "source_next_sync_timestamp_seconds"):
            ok(f'contactor_{name}{{source="crm"}}' in metrics, f"metrics have {name}")
        ok("200" not in d.who("+49 30 500007"), "lookups go on")


def freshness():
    with Moody() as d:
        plain = d.entries("(telephoneNumber=+49 30 500007)")[0][1]
        ok(not any(k.startswith("contactor") for k in plain), "not told unless asked for", plain)
        asked = d.entries("(telephoneNumber=+49 30 500007)", "contactorSource", "contactorAge",
                          "modifyTimestamp")[0][1]
        is_(asked["contactorSource"], ["crm"], "in the answer: which source")
        ok(0 <= int(asked["contactorAge"][0]) < 60, "and how old", asked)
        stamp = d.source()["as_of"]
        is_(asked["modifyTimestamp"][0][:12], stamp[:16].replace("-", "").replace(":", "")
            .replace("T", ""), "as of when")
        every = d.entries("(telephoneNumber=+49 30 500007)", "+")[0][1]
        ok("contactorSource" in every and "contactorAge" in every, "or all of it by +", every)


steps()
hung_test()
canceled_test(False)
canceled_test(True)
preview("moody")
preview("moody_loop")
by_reading()
dry_run()
ids()
half_closed()
taken_away()
progress()
schedules()
freshness()
done()
