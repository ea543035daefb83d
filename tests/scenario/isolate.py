"""isolated = true: whatever a plugin does, lookups are answered, its last good data stay, it comes
back, and status, trace and log say what happened; and a good plugin notices nothing of it."""
import json
import os
import re
import shutil
import signal
import statistics
import sys
import threading
import time

from harness import (CONFIG, CONTACTS, Daemon, Raw, SOURCE, done, equality, is_, ok, search_request,
                     wait_for)

ANNA = "(telephoneNumber=+4989840798192)"
FIXTURES = os.environ["CONTACTOR_FIXTURES"]
# The processes of isolated sources crash as they would without a sanitizer.
QUIET = {"ASAN_OPTIONS": "handle_segv=0:handle_abort=0:handle_sigbus=0:detect_leaks=0:"
                         "quarantine_size_mb=4"}

VICIOUS = CONFIG.replace('state_dir = "{dir}/state"',
                         'state_dir = "{dir}/state"\nplugin_dir = "{dir}/plugins"') + """
[source.bad]
plugin = "PLUGIN"
dialplan = "munich"
isolated = ISOLATED
isolated_memory = "160M"
isolated_patience = "1s"
sync_limit = "2s"
live = LIVE
orders = "{dir}/orders/now"
contacts = 600
salt = SALT
key_file = "{dir}/bad.key"
"""
KEY = "the-key-nobody-may-see"


class Bad(Daemon):
    """A daemon with a good source, and a bad one that does what it is told."""

    def __init__(self, plugin="vicious", isolated="true", live="false", more="", **kw):
        self.plugin, self.isolated, self.live, self.salt, self.more = plugin, isolated, live, 0, more
        super().__init__(self.text(), files={"bad.key": KEY + "\n", "orders/none": "",
                                             "plugins/none": ""}, wait="bad", env=QUIET, **kw)
        for name in ("vicious.so", "vicious_loop.so"):
            shutil.copy(os.path.join(FIXTURES, name), self.path("plugins"))
        build = os.environ["CONTACTOR_BUILD"] if "CONTACTOR_BUILD" in os.environ else \
            os.path.join(SOURCE, "build-tests")
        for name in ("csv", "ldap"):
            shutil.copy(os.path.join(build, "plugins", name, name + ".so"), self.path("plugins"))

    def ready(self):
        return super().ready() and wait_for(lambda: self.source("crm")["contacts"] == 8)

    def text(self):
        return VICIOUS.replace("PLUGIN", self.plugin).replace("ISOLATED", self.isolated) \
            .replace("SALT", str(self.salt)).replace("LIVE", self.live) + self.more

    def fresh(self):
        """A new instance, as after a reload with another option: without a history."""
        self.salt += 1
        self.configure(self.text())
        run = self.reload()
        ok(run.returncode == 0 and wait_for(self.runs_first),
           "a reload that changes an option makes a new process", run.stderr + str(self.process_of()))

    def order(self, what):
        self.write("orders/now", what)

    def peace(self):
        if os.path.exists(self.path("orders/now")):
            os.unlink(self.path("orders/now"))

    def process_of(self):
        return (self.source("bad") or {}).get("process") or {}

    def runs(self):
        p = self.process_of()
        return p.get("state") == "running" and p["pid"]

    def runs_first(self):
        """One answer for both: between two, the old process may have gone for the new one."""
        p = self.process_of()
        return p.get("state") == "running" and p["restarts"] == 0

    def children(self):
        return [p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                if parent_of(p) == self.process.pid]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def kill(d):
    """The process as it runs; os.kill(0) would be our own group."""
    pid = wait_for(d.runs)
    if not pid:
        raise RuntimeError(f"no process runs: {d.process_of()}")
    os.kill(int(pid), signal.SIGKILL)


class Caller(threading.Thread):
    """One phone that asks all the time."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.raw, self.over, self.times, self.wrong = Raw(d.port), False, [], 0
        self.start()

    def run(self):
        number = equality("telephoneNumber", "+4989840798192")
        msgid = 1
        while not self.over:
            began = time.monotonic()
            try:
                self.raw.send(search_request(msgid, number, attributes=["displayName"]))
                _, _, code, entries = self.raw.result()
            except (OSError, EOFError):
                self.wrong += not self.over
                return
            self.times.append(time.monotonic() - began)
            self.wrong += code != 0 or entries != 1
            msgid = msgid % 1000 + 1
            time.sleep(0.005)

    def p99(self):
        taken, self.times = self.times, []
        return statistics.quantiles(taken, n=100)[98] if len(taken) > 20 else None


def last_good(d):
    return d.names("(telephoneNumber=+49894000007)") == ["Person 7"]


def misdeeds(plugin, cases):
    with Bad(plugin) as d:
        is_(d.source("bad")["contacts"], 600, f"{plugin}: all contacts of a good process are there")
        ok(last_good(d), "and answer")
        caller = Caller(d)
        time.sleep(1)
        before = caller.p99()
        for i, (order, words) in enumerate(cases):
            if i:
                d.fresh()
            d.order(order)
            if order.startswith(("create", "start")):
                kill(d)
                wait_for(lambda: d.process_of().get("restarts", 0) >= 1)
            told = wait_for(lambda: re.search(words, d.process_of().get("last_end", "")), 20)
            ok(told, f"{plugin}: {order}: status says what happened",
               d.process_of(), d.log()[-1500:])
            ok(wait_for(lambda: d.source("bad")["last_error"] or d.runs(), 2),
               f"{order}: the source has an error until it is back", d.source("bad"))
            ok(last_good(d), f"{order}: its last good data answer")
            d.peace()
            ok(wait_for(d.runs, 15), f"{order}: it comes back", d.process_of())
            ok(re.search("process ended .*its process .*(" + words + ").*next start in", d.log()),
               f"{order}: the log says it, and when the next one starts")
        is_(caller.wrong, 0, f"{plugin}: every call in between was answered, and right")
        during = caller.p99()
        caller.over = True
        print(f"# p99 of a lookup: {before * 1000:.1f} ms before, {during * 1000:.1f} ms during")
        ok(during < max(0.1, before * 30), f"{plugin}: and in time", f"{before} -> {during}")
        ok(wait_for(lambda: d.source("bad")["state"] == "ok" and not d.source("bad")["last_error"]),
           "in the end it is well", d.source("bad"))
        ok(not any(is_zombie(p) for p in d.children()), "all that ended were taken off the list")
        is_(len(d.children()), 1, "and one runs")


def live_searches():
    def outcome(d, n):
        """How it went with the live source for a number that nobody has."""
        began = time.monotonic()
        is_(d.names(f"(telephoneNumber=+49891{n:06d})"), [], f"number {n}: nobody has it")
        ok(time.monotonic() - began < 4, f"number {n}: and that is told in time")
        trace = json.loads(d.ctl("trace", "--json").stdout)
        return next(s.get("live") for s in trace[0]["sources"] if s["source"] == "bad")

    with Bad(live="true") as d:
        is_(d.names("(telephoneNumber=+49894000601)"), ["Person 601"],
            "a live search in the process is answered")
        is_(outcome(d, 1), "done", "and the trace says so")
        for n, order, words in ((2, "search segv", "crashed: signal 11"),
                                (4, "search garbage", "protocol")):
            d.order(order)
            ok(outcome(d, n).startswith("down"), f"{order}: the trace says that it is down")
            ok(wait_for(lambda: re.search(words, d.process_of().get("last_end", ""))),
               f"{order}: status says what happened", d.process_of())
            is_(d.names(ANNA), ["Anna Meier"], f"{order}: other names are not affected")
            d.peace()
            ok(wait_for(d.runs, 15), f"{order}: it comes back")
            is_(outcome(d, n + 1), "done", f"{order}: and is asked again")
        d.order("search flood")
        ok(outcome(d, 6) in ("too late", "done"), "a flood of hits is cut off")
        d.peace()
        ok(wait_for(lambda: d.runs() and outcome(d, 7) == "done", 20), "and over")
    with Bad("vicious_loop", live="true") as d:
        is_(d.names("(telephoneNumber=+49894000601)"), ["Person 601"],
            "so is one of a plugin that lives on the loop")
        d.order("search loop")
        ok(outcome(d, 8) in ("too late", "down (contactorctl sources says why)"),
           "one that hangs there is not waited for")
        ok(wait_for(lambda: "hung" in d.process_of().get("last_end", "")), "and is ended",
           d.process_of())


def ends():
    for order in ("stop loop", "sync sleep", "timer loop"):
        d = Bad().start()
        child = int(d.runs())
        d.order(order)
        if order.startswith("sync"):
            wait_for(lambda: d.source("bad")["state"] == "syncing", 5)
        time.sleep(0.3)
        began = time.monotonic()
        is_(d.stop(), 0, f"{order}: the daemon stops cleanly")
        ok(time.monotonic() - began < 5, f"{order}: in time", time.monotonic() - began)
        ok(not os.path.exists(f"/proc/{child}"), f"{order}: without leaving the process behind")
        shutil.rmtree(d.dir)
    d = Bad().start()
    child = int(d.runs())
    d.order("sync sleep")
    wait_for(lambda: d.source("bad")["state"] == "syncing", 5)
    d.kill()
    ok(wait_for(lambda: not os.path.exists(f"/proc/{child}"), 5),
       "a daemon that is killed takes the process with it")
    shutil.rmtree(d.dir)


def options():
    with Bad() as d:
        pid = int(d.runs())
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                ok(KEY.encode() not in f.read(), f"no secret stands in its {name}")
        is_([a["description"] for _, a in
             d.entries("(telephoneNumber=+49894000007)", "description")],
            [[f"key {len(KEY)}"]], "but it has it")
        ok(KEY not in d.log(), "and the log has not")
        fds = sorted(int(x) for x in os.listdir(f"/proc/{pid}/fd"))
        for fd in fds:
            where = os.readlink(f"/proc/{pid}/fd/{fd}")
            ok(d.dir not in where, f"descriptor {fd} is none of the daemon's", where)
        if "landlock_on" in d.log():
            with open(d.path("state/cache/contacts.mdb"), "rb") as f:
                before = f.read(64)
            d.order("timer deface")
            time.sleep(0.3)
            with open(d.path("state/cache/contacts.mdb"), "rb") as f:
                is_(f.read(64), before, "it cannot write to the daemon's cache")
        found = re.search(r"landlock_on version=(\d+)", d.log())
        if found and int(found[1]) >= 6:
            d.order("timer kill")
            time.sleep(0.3)
            ok(d.process.poll() is None, "nor send signals to the daemon")
        d.peace()
        run = d.ctl("source", "test", "bad")
        ok("connect" in run.stdout and "not with this key" in run.stdout and
           "use another" in run.stdout, "a test goes step by step", run.stdout + run.stderr)
        d.order("test segv")
        run = d.ctl("source", "test", "bad")
        ok("crashed" in run.stdout + run.stderr, "one that crashes says so",
           run.stdout + run.stderr)
        d.peace()
        ok(wait_for(d.runs), "and it comes back")
        run = d.ctl("preview", "bad")
        ok("Person 3" in run.stdout, "a preview shows its first contacts", run.stdout + run.stderr)
        def rows():
            found = re.search(r'contactor_vicious_rows_total\{instance="source.bad"\} (\d+)',
                              d.ctl("metrics").stdout)
            return found and int(found[1])
        ok(wait_for(lambda: (rows() or 0) >= 600), "its metrics are told", rows())
        metrics = d.ctl("metrics").stdout
        ok('contactor_source_process_up{source="bad"} 1' in metrics and
           'contactor_source_process_restarts_total{source="bad"} 1' in metrics,
           "and those of its process")
        text = d.text().replace('contacts = 600', 'contacts = 600\nnumber = "49894"')
        d.configure(text)
        run = d.reload()
        ok(run.returncode != 0 and re.search(r"contactor.toml:\d+:\d+: error:.*'number'.*must begin",
                                             run.stdout + run.stderr),
           "a mistake its check finds has its line", run.stdout + run.stderr)
        d.configure(d.text().replace("SALT", "9"))
        d.order("check segv")
        run = d.reload()
        ok(run.returncode != 0 and "crashed: signal 11" in run.stdout + run.stderr,
           "a check that crashes refuses the reload", run.stdout + run.stderr)
        d.peace()
        is_(d.reload().returncode, 0, "once it does not, the reload works")
        d.order("create fail")
        kill(d)
        ok(wait_for(lambda: "cannot start: the orders say" in d.process_of().get("last_end", "")),
           "what create says is told", d.process_of())
        shown = d.ctl("sources").stdout
        ok("isolated, process" in shown and "last end" in shown, "and shown", shown)
        d.peace()
        ok(wait_for(d.runs, 15), "until it works")


def same(isolated):
    """What an administrator sees of a CSV file, in the daemon or beside it."""
    seen = []
    config = CONFIG.replace('plugin = "csv"', f'plugin = "csv"\nisolated = {isolated}')
    rows = CONTACTS + "1;Again;Double;X;;+49 89 555;;;;;;\n;Without;Id;X;;+49 89 556;;;;;;\n"
    with Daemon(config, files={"contacts.csv": rows}) as d:
        def names(filter_text):
            return d.names(filter_text)

        def note(what):
            seen.append(what)

        def error():
            return (d.source() or {}).get("last_error") or ""

        note(names(ANNA))
        note(names("(sn=müller)"))
        note([(r["where"], r["reason"]) for r in d.source()["rejected"]])
        note({k: v for k, v in d.source()["last"].items() if k != "ms"})
        d.write("contacts.csv", CONTACTS.replace("1;Anna;", "1;Annegret;"))
        note(wait_for(lambda: names(ANNA) == ["Annegret Meier"], 10))
        os.unlink(d.path("contacts.csv"))
        wait_for(error, 15)
        note(error().replace(d.dir, ""))
        note(names(ANNA))
        d.write("contacts.csv", CONTACTS)
        note(wait_for(lambda: names(ANNA) == ["Anna Meier"], 15))
        d.write("contacts.csv", "\n".join(CONTACTS.split("\n")[:4]) + "\n")
        wait_for(lambda: "delet" in error(), 15)
        note(error())
        note(d.source()["contacts"])
        run = d.ctl("sync", "crm", "--allow-delete")
        note((run.returncode, d.source()["contacts"]))
        d.write("contacts.csv", CONTACTS)
        note(wait_for(lambda: d.source()["contacts"] == 8, 15))
        run = d.ctl("sync", "crm", "--dry-run")
        note((run.returncode, "8 contacts" in run.stdout))
        note(re.sub(r"[\d.,]+ ?m?s", "", d.ctl("preview", "crm").stdout))
        big = CONTACTS.split("\n")[0] + "\n" + "".join(
            f"{i};Vor{i};Nach{i};Firma;;+49 89 5{i:06d};;;;;;\n" for i in range(60000))
        d.write("contacts.csv", big)
        ok(wait_for(lambda: d.source()["state"] == "syncing", 10, 0.01), "a large file is being read")
        d.configure(config.replace('[source.crm]', '[source.crm]\nsettle = "300ms"'))
        note(d.reload().returncode)
        note(d.ctl("sync", "crm", "--allow-delete", timeout=120).returncode)
        note(d.source()["contacts"])
        note(names("(telephoneNumber=0895059999)"))
    return seen


def at_once():
    """A sync that is asked for while the process is just starting waits for it."""
    def exchange(what):
        d.salt += 1
        d.configure(d.text())
        is_(d.reload().returncode, 0, what)

    def sync(what):
        run = d.ctl("sync", "bad")
        ok(run.returncode == 0, what, run.stdout, run.stderr)

    with Bad() as d:
        for _ in range(3):
            exchange("a reload makes a new process")
            sync("a sync right behind it waits for that")
        d.order("create fail")
        exchange("a reload makes one that does not start")
        ok(wait_for(lambda: d.source("bad")["state"] == "failed" and
                    d.process_of()["state"] == "waiting"), "which is told", d.source("bad"))
        run = d.ctl("sync", "bad")
        ok(run.returncode == 4 and "cannot be synced" in run.stderr, "by a sync, too",
           run.stdout, run.stderr)
        d.peace()
        exchange("with that put right, a reload")
        sync("and a sync waits for the new process")
        for _ in range(2):
            kill(d)
            ok(wait_for(lambda: not d.runs(), 2, 0.01), "its process is gone", d.process_of())
            sync("a sync that is asked for between two lives waits for the next")
            ok(d.runs(), "which has begun by then", d.process_of())
        d.order("create fail")
        kill(d)
        wait_for(lambda: not d.runs(), 2, 0.01)
        began = time.monotonic()
        run = d.ctl("sync", "bad", timeout=60)
        ok(run.returncode == 4 and "the orders say" in run.stderr and "next start" in run.stderr,
           "while none comes to life, it tells why in the end", run.stdout, run.stderr)
        ok(3 < time.monotonic() - began < 45, "which is not far", time.monotonic() - began)


def likeness():
    inside, beside = same("false"), same("true")
    for i, (a, b) in enumerate(zip(inside, beside)):
        is_(b, a, f"likeness {i}: isolated and not are alike")


LANE = [("sync segv", r"crashed: signal 11 \(SIGSEGV\)"), ("middle abort", r"signal 6 \(SIGABRT\)"),
        ("sync exit", "exit code 7"), ("sync garbage", "protocol"),
        ("sync close", "connection|protocol|signal|exit code"), ("sync leak", "MiB of memory"),
        ("sync sleep", "hung: .*its sync"), ("sync flood", "hung: .*its sync"),
        ("create segv", "signal 11"), ("create loop", "hung: .*during its start"),
        ("start abort", "SIGABRT")]
LOOP = [("timer segv", "signal 11"), ("timer loop", "hung: .*answered nothing"),
        ("timer garbage", "protocol"), ("timer log", "hung: .*answered nothing"),
        ("timer output", "hung: .*answered nothing"), ("sync loop", "hung: .*answered nothing"),
        ("timer close", "connection|signal|exit code"), ("start exit", "exit code 7")]

PARTS = {"lane": lambda: misdeeds("vicious", LANE), "loop": lambda: misdeeds("vicious_loop", LOOP),
         "live": live_searches, "ends": ends, "options": options, "at_once": at_once,
         "likeness": likeness}
for part in sys.argv[1:] or PARTS:
    PARTS[part]()
done()
