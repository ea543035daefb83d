"""contactor-plugin-check: each check catches the plugin that breaks what it looks at, and what
is shipped or comes from the template passes all of them."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import BUILD, CONTACTORD, CONTACTS, SOURCE, done, is_, ok  # noqa: E402

CHECK = os.path.join(BUILD, "sdk", "check", "contactor-plugin-check")
PLUGINS = os.environ.get("CHECK_PLUGINS") or os.path.join(BUILD, "tests", "check")
WORK = tempfile.mkdtemp(prefix="contactor-check-")

# Plugin: the checks that fail, and words of what was found. Where one breach shows in several
# ways these are all named.
WRONG = {
    "other_name": ({"descriptor"}, "somebody_else"),
    "needs_newer": ({"descriptor"}, "needs ABI 1.1"),
    "role_size": ({"descriptor"}, "8 bytes"),
    "no_doc": ({"schema"}, "no sentence"),
    "plain_password": ({"schema"}, "looks like a secret"),
    "bad_default": ({"schema"}, "out of range"),
    "taken_name": ({"schema"}, "daemon itself"),
    "empty_crashes": ({"config"}, "prefix"),
    "refuses_silently": ({"config"}, "create failed without host->fail"),
    "refusal_leaks": ({"config"}, "bytes of memory"),
    "start_fails": ({"start"}, "vendor's server"),
    "stop_never": ({"start"}, "host->stopped was never called"),
    "exits": ({"start"}, "ended the process"),
    "same_id": ({"sync"}, "twice"),
    "new_ids": ({"sync", "instances"}, "different ids"),
    "no_value": ({"sync"}, "a field without a value"),
    "late_handle": ({"sync"}, "a sync is used after its end"),
    "second_fails": ({"sync", "sync-stop", "cursor", "parallel", "instances"},
                     "the second ends with -CTR_EIO"),
    "done_twice": ({"sync"}, "a sync is used after its end"),
    "puts_on": ({"sync-cancel"}, "times more"),
    "ends_well": ({"sync-cancel", "sync-stop"}, "as if all was well"),
    "other_code": ({"sync-error"}, "-CTR_EIO"),
    "repeats": ({"sync-pause"}, "no time passed"),
    "stays_ended": ({"sync-stop"}, "next one ends with -CTR_ECANCELED"),
    "any_cursor": ({"cursor"}, "changes would be lost"),
    "no_cursor": ({"cursor"}, "gave no cursor"),
    "search_twice_done": ({"search"}, "a search is used after its end"),
    "cancel_no_done": ({"search-cancel"}, "did not come within 5 s"),
    "one_at_a_time": ({"parallel"}, "a search is under way"),
    "silent_test": ({"test"}, "did not fail"),
    "uses_newer": ({"host-old"}, "host->sync_group"),
    "old_hosts_only": ({"host-new"}, "too new"),
    "exact_request": ({"host-new"}, "too long"),
    "leaks_fd": ({"life", "odd-start"}, "/dev/null"),
    "stops_late": ({"life"}, "20000 ms of the host's time"),
    "shares": ({"instances"}, "other contacts than before"),
    "sync_leaks": ({"memory"}, "bytes of memory"),
    "slow_cancel": ({"blocking", "odd-start"}, "sync_cancel kept the loop"),
    "tells_secret": ({"secrets"}, "line of the log"),
    "whole_only": ({"pieces"}, "byte by byte"),
    "no_size": ({"pieces"}, "size is not set"),
    "byte_crashes": ({"noise"}, "garbage"),
    "keeps_all": ({"endless"}, "without an end"),
    "no_cancel": ({"hangup"}, "go on"),
    "stalls": ({"pressure"}, "reads slowly gets"),
    "tls_crashes": ({"tls"}, "start_tls works"),
    "slow_open": ({"blocking"}, "on_open kept the loop"),
    "no_scheme": ({"descriptor"}, "0 URL schemes"),
    "hits_once": ({"search"}, "search_hits says -CTR_EPAUSE"),
    "max_crashes": ({"odd-start"}, "\"number\" is 10"),
    "max_blocks": ({"odd-start"}, "start kept the loop"),
    "min_thread": ({"odd-start"}, "a thread is left"),
    "waits_for_file": ({"odd-start"}, "/nonexistent/file"),
    "no_null_check": ({"no-memory"}, "of a sync fails"),
    "leaks_then": ({"no-memory"}, "bytes of memory"),
    "skips_then": ({"no-memory"}, "ended with 0 and put 8 contacts instead of 10"),
    "no_done_then": ({"no-memory"}, "search_done never came"),
    "stays_broken": ({"no-memory"}, "the next one fails"),
}
# What would wait for long or crash anywhere, in the check that is meant.
ALONE = {
    "deaf": ("sync-stop", "within 5 s"),
    "search_no_done": ("search", "search_done never came"),
    "loop_no_done": ("search-cancel", "search_done never came"),
    "leaks_thread": ("life", "threads more"),
    "hangs": ("start", "did not end within 3 s"),
    "speaks_late": ("late", "called the host after destroy"),
}
LIMITS = {"hangs": ("--limit", "3")}
WARNED = {"exports": ("object", "exported_by_mistake"), "never_pauses": ("pressure", "-CTR_EPAUSE")}
OPTIONS = ["prefix=p", "token=4711"]


def run(*args):
    return subprocess.run([CHECK, *args], capture_output=True, text=True, timeout=200)


def is_front(name):
    return name in {"front_right", "whole_only", "no_size", "byte_crashes", "keeps_all", "no_cancel",
                    "stalls", "never_pauses", "tls_crashes", "slow_open", "no_scheme"}


def check(name, *more):
    options = [] if is_front(name) else OPTIONS[:1] if name == "plain_password" else OPTIONS
    result = run(os.path.join(PLUGINS, name + ".so"), *options, "--json", *more)
    try:
        checks = json.loads(result.stdout)["checks"]
    except ValueError:
        checks = []
    return name, result, {c["check"]: c for c in checks}


def in_state(checks, state):
    return {name for name, c in checks.items() if c["result"] == state}


def wrong():
    with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
        for name, result, checks in pool.map(check, WRONG):
            meant, words = WRONG[name]
            failed = in_state(checks, "failed")
            found = " ".join(checks[c]["found"] for c in failed)
            ok(result.returncode == 1 and failed == meant and words in found,
               f"{name} fails in {', '.join(sorted(meant))}", result.returncode, sorted(failed),
               found, result.stderr)
            ok(all(checks[c]["remedy"] for c in failed), f"{name}: and is told what to do")
        alone = pool.map(lambda name: check(name, "--only", ALONE[name][0], *LIMITS.get(name, ())), ALONE)
        for name, result, checks in alone:
            only, words = ALONE[name]
            found = checks.get(only, {}).get("found", "")
            ok(result.returncode == 1 and list(checks) == [only] and words in found,
               f"{name} fails in {only}", result.returncode, found, checks)
    for name, (only, words) in WARNED.items():
        _, result, checks = check(name)
        warned = in_state(checks, "warning")
        ok(result.returncode == 0 and warned == {only} and
           words in checks[only]["warnings"][0]["found"], f"{name} is warned in {only}",
           result.returncode, warned, checks)


def passes(name, path, *args, skipped=None):
    result = run(path, *args, "--json")
    checks = {c["check"]: c for c in json.loads(result.stdout or '{"checks":[]}')["checks"]}
    bad = {n: c.get("found") or c["warnings"] for n, c in checks.items()
           if c["result"] in ("failed", "warning")}
    ok(result.returncode == 0 and not bad and len(checks) > 20, f"{name} passes", bad, result.stderr)
    if skipped is not None:
        is_({n for n in in_state(checks, "skipped") if "--config" in checks[n]["reason"]},
            set(skipped), f"{name}: no check lacks a configuration")
    return checks


def right():
    for name in ("right", "right_loop", "front_right"):
        args = [] if is_front(name) else OPTIONS
        passes(name, os.path.join(PLUGINS, name + ".so"), *args, skipped=())
    every = run("--list").stdout
    names = {line for line in every.split("\n") if line and not line.startswith(" ")}
    caught = set().union(*(meant for meant, _ in WRONG.values()), {c for c, _ in WARNED.values()},
                         {c for c, _ in ALONE.values()})
    is_(names - caught, set(), "no check is without a plugin that it catches")


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def shipped():
    plugins = os.path.join(BUILD, "plugins")
    write("contacts.csv", CONTACTS)
    toml = write("contactor.toml", """
# another section first
[source.other]
plugin = "other"
file = "nowhere"

[source.crm]
plugin = "csv"
file = "contacts.csv"    # relative to this file
dialplan = 'munich'
allow = [ "anna",
          "@sales" ]
[source.crm.map]
id = "id"
given_name = "first"
surname = "last"
phone_business = ["business", "mobile"]
""")
    checks = passes("csv", os.path.join(plugins, "csv", "csv.so"), "--config", toml, skipped=())
    ok("8 contacts" in checks["sync"]["note"], "csv: with the configuration given", checks["sync"])
    cards = write("cards.vcf", "".join(
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{i}\r\nFN:Anna {i}\r\nTEL:+49 89 840798{i}\r\n"
        "END:VCARD\r\n" for i in range(50)))
    passes("vcard", os.path.join(plugins, "vcard", "vcard.so"), f"path={cards}", skipped=())
    checks = passes("ldap", os.path.join(plugins, "ldap", "ldap.so"), "anonymous=allow", skipped=())
    ok("2 queries" in checks["pieces"]["note"], "ldap: queries were asked", checks["pieces"])


def template():
    include = os.path.join(WORK, "include", "contactor")
    shutil.copytree(os.path.join(SOURCE, "sdk", "include", "contactor"), include)
    shutil.copy(os.path.join(SOURCE, "sdk", "kit", "kit.h"), include)
    for kind in ("source", "frontend"):
        name = "my_" + kind
        made = subprocess.run(
            ["sh", os.path.join(SOURCE, "sdk", "template", "contactor-plugin-new.in"), name,
             "--" + kind], cwd=WORK, capture_output=True, text=True,
            env=dict(os.environ, CONTACTOR_TEMPLATE=os.path.join(SOURCE, "sdk", "template")))
        so = os.path.join(WORK, name + ".so")
        built = subprocess.run(
            ["cc", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-o", so,
             "-I", os.path.dirname(include), os.path.join(WORK, name, name + ".c")],
            capture_output=True, text=True)
        ok(made.returncode == 0 and built.returncode == 0, f"the template of a {kind} builds",
           made.stderr, built.stderr)
        lines = write("lines.txt", "1\tAnna Meier\t+49 89 840798-192\n2\tMax\t030 901820\n")
        passes(f"the template of a {kind}", so, *([f"file={lines}"] if kind == "source" else []),
               skipped=())
        if kind == "source":
            passes(f"the template of a {kind} without its file", so)


def command_line():
    right = os.path.join(PLUGINS, "right.so")
    is_([run().returncode, run("--what").returncode, run(right, "--limit", "x").returncode, run(right, "--only", "nonsense").returncode,
         run(right, "--config").returncode, run(right, right).returncode],
        [2, 2, 2, 2, 2, 2], "wrong usage is 2")
    result = run(right, "--config", write("bad.toml", '[source.x]\nplugin = "right"\nprefix = \n'))
    ok(result.returncode == 2 and "bad.toml:3:" in result.stderr, "so is a file that cannot be read",
       result.stderr)
    result = run(right, "--config", write("none.toml", '[source.x]\nplugin = "left"\n'))
    ok(result.returncode == 2 and '"right"' in result.stderr, "and one without the plugin",
       result.stderr)
    for path in ("/nonexistent.so", write("text.so", "hello"), "/bin/true", WORK):
        result = run(path)
        ok(result.returncode == 3 and path in result.stderr, f"{path.split('/')[-1]} is 3",
           result.returncode, result.stderr)
    result = run(right, "--config", write("lists.toml", """prefix = "\\u0061\\"b"
dialplan = "munich"
numbers = [1, 2,
  3] # the daemon's own
inline = { a = 'x', "b c" = true }
number = 7
"""), "--only", "start")
    result_of_lists = result
    is_(result.returncode, 0, "a file without sections is taken whole")
    result = run(right, "prefix=p", "no_such=1")
    ok(result.returncode == 2 and '"no_such"' in result.stderr, "an unknown option is wrong usage",
       result.stderr)
    ok('"numbers"' in result_of_lists.stderr and "dialplan" not in result_of_lists.stderr,
       "in a file it is told and ignored, the daemon's own are known", result_of_lists.stderr)
    described = subprocess.run([CONTACTORD, "--options"], capture_output=True, text=True).stdout
    sections = described.split("\n[")
    names = [line for s in sections if s.startswith(("source.", "frontend."))
             for line in s.split("\n")[1:] if re.fullmatch("[a-z_]+", line)]
    with open(os.path.join(SOURCE, "sdk", "check", "options.c"), encoding="utf-8") as f:
        known = f.read()
    is_([n for n in names if f'"{n}"' not in known] + [len(names) > 25], [True],
        "the daemon's options are those it has")
    result = run(os.path.join(PLUGINS, "byte_crashes.so"))
    ok(result.returncode == 1 and "FAILED   noise" in result.stdout and "do:" in result.stdout and
       "rule:" in result.stdout and "ok       tls" in result.stdout,
       "a crash is one line of the report, with what to do, and the rest is checked",
       result.stdout[-3000:])
    result = run(right)
    ok(result.returncode == 0 and "prefix=" in result.stdout,
       "without a configuration what needs one is skipped with a hint", result.stdout)


try:
    right()
    wrong()
    shipped()
    template()
    command_line()
finally:
    shutil.rmtree(WORK)
done()
