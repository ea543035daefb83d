"""Sources that are asked at lookup: cached answers first, late ones kept, private ones private."""
import time

from harness import done, is_, ok, wait_for
from moody import Moody

LIVE = 'live = true\nlive_timeout = "400ms"\nsync = "manual"'
ANNA = "search: person 1|Anna Meier|+49 30 901820|\n"


def timed(d, number, user=None):
    began = time.monotonic()
    found = d.who(number, user)
    return found, time.monotonic() - began


def without_a_sync(plugin):
    with Moody("search: values\n" + ANNA, plugin=plugin, source=LIVE, wait=None) as d:
        is_(d.contacts(), 0, f"{plugin}: an empty cache, and no sync")
        is_(d.who("030 901820"), ["Anna Meier"], f"{plugin}: the source is asked")
        ok("asked values=+4930901820,030901820,030 901820" in d.log(),
           f"{plugin}: in three spellings", d.log()[-800:])
        ok(wait_for(lambda: d.contacts() == 1, 5), f"{plugin}: the cache keeps its answer")
        is_(d.source()["last_success"], None, f"{plugin}: which is no sync")
        d.script("search: fail\n")
        is_(d.who("+4930901820"), ["Anna Meier"], f"{plugin}: and has it while the source is down")
        is_(d.who("030 4711"), [], f"{plugin}: nobody else, then")
        is_(d.stop(), 0, f"{plugin}: a restart")
        d.start()
        is_(d.who("030 901820"), ["Anna Meier"], f"{plugin}: keeps it")
        d.script("search: person 2|Berta Neu|+49 30 901820|\n")
        time.sleep(11 if plugin == "moody_loop" else 0)   # the same question is not asked sooner
        if plugin == "moody_loop":
            d.who("030 901820")
            ok(wait_for(lambda: d.who("030 901820") == ["Berta Neu"], 5),
               "a number that changed hands is noticed behind the answer", d.who("030 901820"))


def late():
    with Moody("search: wait 1500\n" + ANNA, source=LIVE, wait=None) as d:
        found, took = timed(d, "030 901820")
        is_(found, [], "an answer that comes too late for the client")
        ok(0.35 < took < 1.2, "who waited its part of the time", took)
        ok(wait_for(lambda: d.contacts() == 1, 6), "is kept")
        found, took = timed(d, "030 901820")
        ok(found == ["Anna Meier"] and took < 0.3, "for the next, who does not wait", found, took)


def beside_a_sync():
    with Moody(ANNA + "sync: put 0 100\n", source='live = true') as d:
        d.script(ANNA + "sync: put 0 100\nsync: wait 4000\n")
        d.ctl("sync", "crm", "--no-wait")
        wait_for(lambda: d.source()["state"] == "syncing", 5)
        found, took = timed(d, "030 901820")
        ok(found == ["Anna Meier"] and took < 1, "a search does not wait for a running sync", found,
           took)
        time.sleep(1.5)
        ok(wait_for(lambda: d.source()["state"] == "ok", 8), "the sync is not disturbed",
           d.source())
        is_(d.contacts(), 100, "and its result is what the cache holds")
        is_(d.who("030 901820"), ["Anna Meier"], "asked again")
        ok(wait_for(lambda: d.contacts() == 101, 5), "it is kept beside it")
        before = d.source()["last_success"]
        time.sleep(1.1)
        is_(d.source()["last_success"], before, "the data of the source are as old as they were")
        d.script("sync: put 0 100\n")
        is_(d.ctl("sync", "crm").returncode, 0, "the next sync")
        is_(d.contacts(), 100, "removes what the source does not put")


def private():
    script = "search: person 9|Only Eve|+49 30 333|eve\nsync: put 0 10\n"
    with Moody(script, source='live = true\nsync = "manual"', wait=None) as d:
        is_(d.who("030 333", "max"), [], "a private contact, asked live by another")
        is_(d.who("030 333"), [], "or by nobody in particular")
        time.sleep(1.2)
        is_(d.contacts(), 0, "is not even cached")
        is_(d.who("030 333", "eve"), ["Only Eve"], "its owner sees it")
        ok(wait_for(lambda: d.contacts() == 1, 5), "now it is cached")
        is_(d.who("030 333", "max"), [], "and still nobody else's")
        is_(d.who("030 333", "eve"), ["Only Eve"], "but hers")
        is_(d.ctl("sync", "crm").returncode, 0, "the first sync is not refused for it")
        is_(d.contacts(), 10, "and holds what the source has")


def one_answer_each():
    with Moody("sync: person 1|Anna Meier|+49 30 901820|\n" + ANNA +
               "search: person 2|Anna Neu|+49 30 4711|\n", source='live = true') as d:
        is_(d.names("(displayName=Anna*)"), ["Anna Meier", "Anna Neu"],
            "cached first, each contact once")


def hangs():
    with Moody("sync: put 0 100\nsearch: wait 30000\n", source='live = true') as d:
        found, took = timed(d, "030 500007")
        ok(found == ["Person 7"] and took < 0.3, "who is in the cache is found at once", took)
        found, took = timed(d, "030 4711")
        ok(found == [] and 1.3 < took < 2.8, "for others a second and a half is waited", took)
        time.sleep(5.2)
        found, took = timed(d, "030 4712")
        ok(found == [] and took < 0.5, "until it is clear that it hangs", took)
        began = time.monotonic()
        is_(d.stop(), 0, "the daemon stops all the same")
        ok(time.monotonic() - began < 7, "within seconds")


without_a_sync("moody")
late()
beside_a_sync()
private()
one_answer_each()
hangs()
without_a_sync("moody_loop")
done()
