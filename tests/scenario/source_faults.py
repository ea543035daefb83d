"""What a source can do wrong: nothing is lost, the cause is told, it recovers by itself."""
import os
import subprocess
import time

from harness import done, is_, ok, wait_for
from moody import CONFIG, PEOPLE, Moody

P7 = "+49 30 500007"


def failed(d):
    return d.source()["last_error"]


def half_a_result():
    with Moody() as d:
        d.script("sync: put 200 40\nsync: fail the server closed the connection\n")
        run = d.ctl("sync", "crm")
        ok(run.returncode == 4 and "closed the connection" in run.stderr, "half a result", run.stderr)
        is_((d.contacts(), d.who(P7)), (100, ["Person 7"]), "the last good data stay, all of them")
        ok(d.source()["next_run"], "it is tried again by itself")
        d.script(PEOPLE + "sync: put 100 20\n")
        is_(wait_for(lambda: d.contacts() == 120 and not failed(d), 15), True, "and recovers so")


def nothing():
    with Moody() as d:
        d.script("")
        run = d.ctl("sync", "crm")
        ok(run.returncode == 4 and "--allow-delete" in run.stderr, "nothing at all is refused",
           run.stderr)
        is_((d.contacts(), d.who(P7)), (100, ["Person 7"]), "nobody is deleted")
        is_(d.ctl("sync", "crm", "--allow-delete").returncode, 0, "it can be allowed")
        is_((d.contacts(), d.who(P7)), (0, []), "then nobody is left")
        d.script("sync: put 0 50\n")
        is_(d.ctl("sync", "crm").returncode, 0, "a fresh start")
        d.script("")
        is_(d.ctl("sync", "crm").returncode, 4, "it was allowed once only")


def duplicates():
    # Not what the sanitizer keeps of freed memory.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
    with Moody(env={"ASAN_OPTIONS": options.lstrip(":")}) as d:
        before = d.rss_kb()
        d.script(PEOPLE + "sync: same 1000000\n")
        began = time.monotonic()
        is_(d.ctl("sync", "crm", timeout=120).returncode, 0, "a million times the same contact")
        took, grown = time.monotonic() - began, d.rss_kb() - before
        last = d.source()["last"]
        is_((d.contacts(), last["duplicates"]), (101, 999999), "is one contact")
        ok(took < 90, "in bounded time", took)
        ok(grown < 120 * 1024, "and memory", f"{grown} KiB more")
        print(f"# duplicates: {1e6 / took:.0f}/s, {grown} KiB more")


def never_returns():
    source = 'sync_limit = "2s"'
    with Moody("sync: put 0 100\n", source=source) as d:
        d.script("sync: put 0 10\nsync: hang\n")
        d.ctl("sync", "crm", "--no-wait")
        ok(wait_for(lambda: "time limit" in str(failed(d)), 10), "a sync that never returns is told",
           d.source())
        is_(d.source()["state"], "failed", "as failed")
        began = time.monotonic()
        is_(d.who(P7), ["Person 7"], "lookups go on")
        ok(time.monotonic() - began < 1, "as fast as ever")
        is_(d.ctl("preview", "crm", "--timeout", "1").returncode, 4, "a preview says so")
        ok(wait_for(lambda: d.source()["stuck"], 10), "that it does not come back is told")
        run = d.ctl("sync", "crm")
        ok(run.returncode == 4 and "does not come back" in run.stderr, "to who wants a sync, too",
           run.stderr)
        is_(d.ctl("source", "test", "crm", "--timeout", "1").returncode, 4, "so does a test")
        began = time.monotonic()
        is_(d.stop(), 0, "the daemon stops all the same")
        ok(time.monotonic() - began < 7, "within seconds", time.monotonic() - began)
        d.script(PEOPLE)
        d.start()
        ok(wait_for(lambda: d.source()["state"] == "ok", 10), "and starts again")
    with Moody(source=source) as d:
        d.script("sync: wait 60000\n")
        run = d.ctl("sync", "crm")
        ok(run.returncode == 4 and "time limit" in run.stderr, "one that listens is ended",
           run.stderr)
        is_(d.contacts(), 100, "with nothing lost")


def disk_full():
    """The cache on a file system of its own, which runs full."""
    d = Moody()
    state = d.path("state")
    os.makedirs(state)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0755", "tmpfs", state], check=True)
    try:
        with d:
            is_(d.who(P7), ["Person 7"], "a small disk")
            d.script(PEOPLE + "sync: put 1000 200000\n")
            run = d.ctl("sync", "crm", timeout=120)
            ok(run.returncode == 4 and "no space left" in run.stderr, "is full: the sync says so",
               run.returncode, run.stderr)
            ok("no space" in failed(d), "so does the status", failed(d))
            is_((d.contacts(), d.who(P7)), (100, ["Person 7"]), "lookups go on with what there was")
            d.script(PEOPLE + "sync: put 100 20\n")
            ok(wait_for(lambda: d.ctl("sync", "crm").returncode == 0, 15),
               "what fits is taken", failed(d))
            is_(d.contacts(), 120, "it has recovered")
            d.stop()
            d.start()
            is_((d.contacts(), d.who(P7)), (120, ["Person 7"]), "and is whole after a restart")
    finally:
        subprocess.run(["umount", "-l", state], check=False)


def gone_and_back():
    """Down for long: the data stay, and say how old they are."""
    with Moody(source='sync = "1s"\nstale_after = "2s"') as d:
        os.unlink(d.path("script"))
        ok(wait_for(lambda: d.source()["failures"] >= 1, 10), "a source that is gone")
        ok(wait_for(lambda: d.source()["stale"], 10), "its data grow stale")
        is_([d.ctl(*what).returncode for what in (("status",), ("sources",), ("sources", "crm"),
                                                  ("status", "--json"))], [1] * 4,
            "the exit status tells monitoring")
        entry = d.entries(f"(telephoneNumber={P7})", "displayName", "contactorMatch",
                          "contactorAge")[0][1]
        is_((entry["displayName"], entry["contactorMatch"]), (["Person 7"], ["stale"]),
            "they answer, and say so")
        ok("stale" in d.ctl("status").stdout, "status says so, too")
        d.script(PEOPLE)
        ok(wait_for(lambda: not d.source()["stale"] and not failed(d), 15), "it comes back by itself")
        is_(d.ctl("status").returncode, 0, "and monitoring is content")


def groups():
    """Who is in a group is known by the source, and kept over a restart."""
    script = PEOPLE + "sync: group sales eve,somebody\n"
    with Moody(script, source='allow = ["@sales"]\n[source.crm.fields]\ndisplay_name = ["@board"]') as d:
        def numbers(user):
            return [a.get("telephoneNumber") for _, a in d.entries(
                f"(telephoneNumber={P7})", "telephoneNumber",
                bind=(f"uid={user},ou=users,dc=contacts", f"{user}'s"))]
        is_((numbers("eve"), numbers("max")), ([["+4930500007"]], []), "who is in the group may see")
        d.script(PEOPLE + "sync: fail no such table\n")
        d.ctl("sync", "crm")
        is_(numbers("eve"), [["+4930500007"]], "a failed sync leaves the groups")
        d.kill()
        d.start()
        is_((numbers("eve"), numbers("max")), ([["+4930500007"]], []), "so does a kill")
        d.script(PEOPLE + "sync: group sales MAX\nsync: group board max\n")
        is_(d.ctl("sync", "crm").returncode, 0, "another sync")
        is_((numbers("eve"), numbers("max")), ([], [["+4930500007"]]), "takes her out and him in")
        is_(d.who(P7, "max"), ["Person 7"], "fields open to groups, too")
        run = d.ctl("check")
        ok(run.returncode == 0 and "unless a source brings it" in run.stderr,
           "a group the configuration does not know is a warning", run.stderr)


def shared_groups():
    """Groups open the source that tells them; others only when the configuration says so."""
    def config(share):
        return CONFIG.replace("@plugin@", "moody").replace("@source@", share + """
[source.other]
plugin = "moody"
script = "{dir}/other"
allow = ["@board"]
""")

    def seen(user):
        return d.who("+49 30 99", user)

    with Moody(PEOPLE + "sync: group board max\n", config=config(""), wait="other",
               files={"other": "sync: person 9|Anna Meier|+49 30 99|\n"}) as d:
        wait_for(lambda: d.contacts() == 100)
        is_((seen("max"), seen("eve")), ([], []), "a group of one source opens no other")
        for share, opened in (('["sales"]', []), ('["board"]', ["Anna Meier"]),
                              ('["*"]', ["Anna Meier"])):
            d.configure(config(f"share_groups = {share}"))
            is_(d.reload().returncode, 0, f"share_groups = {share}")
            is_((seen("max"), seen("eve")), (opened, []), f"share_groups = {share}: who may see")
        d.configure(config(""))
        d.reload()
        is_(seen("max"), [], "and no longer without it")
        d.configure(config('share_groups = ["@board"]'))
        run = d.reload()
        ok(run.returncode != 0 and "without the @" in run.stderr, "a name is a name", run.stderr)


half_a_result()
nothing()
duplicates()
never_returns()
disk_full()
gone_and_back()
groups()
shared_groups()
done()
