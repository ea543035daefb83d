"""What host.h says of each function after a cancel is what the daemon answers, in its own process
and in an isolated one, and what the test host answers."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (BUILD, Daemon, Raw, bind_request, done, equality, is_, ok,  # noqa: E402
                     search_request, wait_for)

FIXTURES = os.environ.get("CONTACTOR_FIXTURES") or os.path.join(BUILD, "tests", "scenario")
CONFIG = """
[contactor]
state_dir = "{dir}/state"
plugin_dir = "%s"
confine_read = ["{dir}"]
[source.crm]
plugin = "canceled"
wait = "WAIT"
live = true
live_timeout = "30s"
isolated = ISOLATED
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
anonymous = "allow"
time_limit = "60s"
""" % FIXTURES
CANCELED = -8
# As in host.h, in the order of the calls.
SYNC = (f"canceled={CANCELED} full=0 put={CANCELED} again={CANCELED} delete={CANCELED} none=0 "
        f"group={CANCELED} cursor=0 full=0 canceled={CANCELED}")
SEARCH = f"hits={CANCELED} again={CANCELED}"
WANT = {"full": SYNC, "delta": SYNC, "search": SEARCH}


def told(text):
    return dict(re.findall(r"canceled kind=(\w+) ([a-z0-9= -]+\d)", text))


def in_test_host():
    run = subprocess.run([os.path.join(FIXTURES, "canceled_host")], capture_output=True, text=True,
                         timeout=60)
    ok(run.returncode == 0, "the test host cancels", run.stderr)
    return told(run.stdout)


def search(d):
    c = Raw(d.port)
    c.send(bind_request(1))
    c.result()
    c.send(search_request(2, equality("telephoneNumber", "+49891234567")))
    time.sleep(0.5)
    return c


def in_daemon(wait, isolated):
    config = CONFIG.replace("WAIT", wait).replace("ISOLATED", isolated)
    with Daemon(config, wait=None) as d:
        if wait == "delta":
            wait_for(lambda: d.source()["contacts"] == 1, 20)
            d.ctl("sync", "crm", "--no-wait")
        wait_for(lambda: d.source()["state"] == "syncing", 20)
        c = search(d)
        is_(d.stop(), 0, "the daemon stops in the midst of a sync and a search")
        c.close()
        return told(d.log())


host = in_test_host()
is_(host, WANT, "the test host says what host.h says")
for isolated in ("false", "true"):
    for wait in ("full", "delta"):
        got = in_daemon(wait, isolated)
        is_(got, {k: WANT[k] for k in (wait, "search")},
            f"so does the daemon, isolated = {isolated}, in a {wait} sync")
done()
