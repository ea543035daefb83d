"""What the loader lets in, and what it does not; what becomes of a daemon with such a plugin."""
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import CONFIG, CONTACTORD, Daemon, done, is_, ok, wait_for  # noqa: E402

FIXTURES = os.environ.get("CONTACTOR_FIXTURES") or os.path.join(
    os.environ.get("CONTACTOR_BUILD", "build-tests"), "tests", "abi")


def describe(path, *args):
    run = subprocess.run([CONTACTORD, "--describe", path, *args], capture_output=True, text=True,
                         timeout=60)
    return run.returncode, run.stdout, run.stderr


def fixture(name):
    return os.path.join(FIXTURES, name + ".so")


def refused(name, *words, path=None):
    path = path or fixture(name)
    code, out, err = describe(path)
    missing = [w for w in (os.path.basename(path), *words) if w not in err]
    ok(code == 1 and not missing and "Sanitizer" not in err, f"{name} is refused with a cause",
       f"exit {code}, missing {missing}", out, err)


def let_in():
    code, out, err = describe(fixture("minimal"))
    ok(code == 0 and "minimal" in out and "built with 1.0, needs 1.0" in out and "greeting" in out,
       "a plugin built with the headers of 1.0 is described", out, err)
    code, out, err = describe(fixture("minimal"), "--json")
    value = json.loads(out)
    is_((value["name"], value["abi_built"], value["options"][0]["name"], value["source"]["threading"]),
        ("minimal", "1.0", "greeting", "lane"), "also as JSON")
    code, out, err = describe(fixture("newer"))
    ok(code == 0 and "built with 1.7, needs 1.0" in out and "second" in out,
       "a plugin with longer structs is described", out, err)
    is_(describe(fixture("built_newer"))[0], 0, "one built newer that needs no more is let in")
    for name, abi in (("front_1_0", "1.0"), ("front_1_1", "1.1"), ("front_wide", "1.1")):
        code, out, err = describe(fixture(name))
        ok(code == 0 and f"built with {abi}" in out and "first" in out and "second" in out,
           f"{name}: both URL schemes are found", out, err)


def kept_out(folder):
    refused("wrong_major", "2.3", "1.")
    refused("needs_newer", "needs plugin ABI 1.9")
    refused("short", "40 bytes")
    refused("lying", "4096 bytes")
    refused("no_create", "create")
    refused("other_name", "somebody_else.so")
    refused("no_role", "neither")
    refused("bad_option", "number")
    refused("no_sync", "sync")
    refused("no_symbol", "contactor_plugin")
    for name, stride in (("front_short", "12"), ("front_odd", "20"), ("front_huge", "1000000")):
        refused(name, "URL schemes", stride + " bytes")
    refused("is_function", "not a descriptor")
    shutil.copy(fixture("missing"), folder)
    refused("a missing vendor library", "vendor_gone", path=os.path.join(folder, "missing.so"))
    refused("a file that is not there", "No such file", path=os.path.join(folder, "none.so"))
    refused("a folder", "not a regular file", path=folder)
    refused("a program", "bash", path="/bin/bash")
    path = os.path.join(folder, "open.so")
    shutil.copy(fixture("minimal"), path)
    os.chmod(path, 0o777)
    refused("a file everybody may write to", "write", path=path)
    if os.geteuid() == 0:
        os.chmod(path, 0o755)
        os.chown(path, 12345, 12345)
        refused("somebody else's file", "12345", path=path)
    wide = os.path.join(folder, "wide")
    os.mkdir(wide)
    os.chmod(wide, 0o777)
    shutil.copy(fixture("minimal"), wide)
    refused("a folder everybody may write to", "folder", path=os.path.join(wide, "minimal.so"))
    os.mkfifo(os.path.join(folder, "pipe.so"))
    refused("a pipe", "regular", path=os.path.join(folder, "pipe.so"))


def cut_and_garbage(folder):
    with open(fixture("minimal"), "rb") as f:
        whole = f.read()
    path = os.path.join(folder, "cut.so")
    crashed, let = [], []
    points = {0, 1, 3, 4, 63, 64, 65, 120, 500, len(whole) - 1}
    points |= {len(whole) * i // 24 for i in range(24)}
    for n in sorted(points):
        with open(path, "wb") as f:
            f.write(whole[:n])
        code, out, err = describe(path)
        if code == 0:
            let.append(n)
        elif code != 1 or "cut.so" not in err:
            crashed.append((n, code, err[-200:]))
    is_((crashed, let), ([], []), f"a file cut at any of {len(points)} places is refused")
    random.seed(1)
    path = os.path.join(folder, "garbage.so")
    bad = []
    for n in (10, 64, 1000, 20000):
        for head in (b"", b"\x7fELF", whole[:20], whole[:64]):
            with open(path, "wb") as f:
                f.write(head + random.randbytes(n))
            code, out, err = describe(path)
            if code != 1 or "garbage.so" not in err:
                bad.append((n, len(head), code, err[-200:]))
    is_(bad, [], "so is garbage, with and without the head of an ELF file")


def config(folder, *more):
    return CONFIG.replace('[contactor]', f'[contactor]\nplugin_dir = "{folder}"') + "\n" + \
        "\n".join(more)


def in_a_daemon():
    sources = ("wrong_major", "missing", "no_symbol", "cut", "fails_create", "takes_option_not")
    folder = os.path.join(d_folder(), "plugins")
    os.makedirs(folder)
    for name in ("minimal", "newer", "wrong_major", "no_symbol", "fails_create", "missing"):
        shutil.copy(fixture(name), folder)
    with open(fixture("minimal"), "rb") as f, open(os.path.join(folder, "cut.so"), "wb") as out:
        out.write(f.read()[:9000])
    conf = config(folder, *[f'[source.{s}]\nplugin = "{s}"' for s in sources[:5]],
                  '[source.minimal]\nplugin = "minimal"\ngreeting = "Grüß Gott"',
                  '[source.newer]\nplugin = "newer"\nsecond = "Zwei"')
    with Daemon(conf) as d:
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
            "beside five plugins that cannot be used the daemon answers")
        for name, word in (("wrong_major", "2.3"), ("missing", "vendor_gone"),
                           ("no_symbol", "contactor_plugin"), ("cut", "cut.so"),
                           ("fails_create", "vendor's server")):
            source = d.source(name) or {}
            ok(source.get("state") == "failed" and word in str(source.get("last_error")),
               f"sources tells what is wrong with {name}", source)
        wait_for(lambda: d.source("newer")["contacts"] == 2 and
                 d.source("minimal")["contacts"] == 2, 10)
        is_(d.names("(telephoneNumber=030123456)"), ["Grüß Gott"],
            "a plugin built with frozen headers works")
        is_((d.names("(telephoneNumber=030123401)"), d.names("(telephoneNumber=030123402)")),
            (["One"], ["Zwei"]), "and one with longer structs")
    with Daemon(config(folder)) as d:
        d.configure(config(folder, '[source.minimal]\nplugin = "minimal"'))
        is_(d.reload().returncode, 0, "a reload brings a plugin that was not loaded before")
        ok(wait_for(lambda: d.names("(telephoneNumber=030123456)") == ["Hello"], 10),
           "also after the daemon has confined itself", d.log()[-2000:])
    check = Daemon(conf)
    run = subprocess.run([CONTACTORD, "-c", check.config_path, "--check-config"],
                         capture_output=True, text=True, timeout=60)
    ok(run.returncode == 1 and run.stderr.count(": error: ") == 4,
       "--check-config tells each that cannot be loaded, with its place", run.stderr)
    for name, word in (("fails_check", "dislikes"), ("takes_option", "priority")):
        shutil.copy(fixture(name), folder)
        check.configure(config(folder, f'[source.x]\nplugin = "{name}"'))
        run = subprocess.run([CONTACTORD, "-c", check.config_path, "--check-config"],
                             capture_output=True, text=True, timeout=60)
        ok(run.returncode == 1 and word in run.stderr and "contactor.toml:" in run.stderr,
           f"{name}: told with its place", run.stderr)
    shutil.rmtree(check.dir)


def d_folder():
    d_folder.n = getattr(d_folder, "n", 0) + 1
    path = os.path.join(WORK, str(d_folder.n))
    os.makedirs(path)
    return path


def unruly():
    hows = ("late", "thread", "batch", "frontend")
    conf = config(FIXTURES, *[f'[source.{how}]\nplugin = "unruly"\nhow = "{how}"' for how in hows])
    with Daemon(conf, unruly=True) as d:
        wait_for(lambda: all(d.source(how)["last_success"] for how in hows), 10)
        is_([d.source(how)["contacts"] for how in hows], [1, 1, 1, 1],
            "what it does rightly counts")
        log = d.log()
        for word in ("sync_put off the thread", "timer_start off the loop", "size is not set",
                     "without fields", "no bytes", "only front ends have"):
            ok(word in log, f"the log tells the breach: {word}", log[-3000:])
        is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "lookups go on")
        d.stop()
        ok("sync that is not under way" in d.log(), "a handle that has ended is told", d.log()[-2000:])


SECOND = """
[contactor]
state_dir = "{dir}/state"
plugin_dir = "%s"

[dialplan.berlin]
country = "DE"
area_code = "30"

[source.one]
plugin = "second"
patience = "20s"
live = true
dialplan = "berlin"
allow = ["@sales"]

[source.two]
plugin = "second_loop"

[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "berlin"
anonymous = "allow"

[frontend.old]
plugin = "front_1_0"
listen = ["second://127.0.0.1:{tls_port}"]

[user.eve]
password_file = "{dir}/eve.password"
[user.max]
password_file = "{dir}/max.password"
""" % FIXTURES


def bound(user):
    return f"uid={user},ou=users,dc=contacts", f"{user}'s"


def what_1_1_added():
    d = Daemon(SECOND, wait=None)
    d.write("eve.password", "eve's\n", 0o600)
    d.write("max.password", "max's\n", 0o600)
    with d:
        ok(wait_for(lambda: d.source("one")["state"] == "syncing", 10), "1.1: a sync waits")
        is_(d.names("(telephoneNumber=030 777888)"), [], "for a search that may not be asked")
        run = d.ctl("lookup", "030 777888")
        ok("+4930777888 = 030777888 = 030 777888" in run.stdout,
           "1.1: a search runs beside it and gets three spellings", run.stdout, run.stderr)
        ok(wait_for(lambda: d.source("one")["contacts"] > 0 and
                    d.source("one")["state"] == "ok", 10), "and the sync ends well", d.source("one"))
        is_([sorted(d.names("(telephoneNumber=030123456)", bind=bound(u))) for u in ("eve", "max")],
            [["Polled", "Synced"], ["Polled"]], "1.1: a source's group lets its members in")
        ok(d.source("two")["contacts"] == 1, "1.1: a source on the loop waits for a descriptor")
        run = d.ctl("source", "test", "one")
        ok(run.returncode == 1 and all(w in run.stdout for w in (
            "knock", "somebody is there", "FAILED enter", "find the key")),
           "1.1: a test tells its steps", run.stdout, run.stderr)
        with socket.create_connection(("127.0.0.1", d.tls_port), 10) as peer:
            is_(peer.makefile().read(), "front_1_0\n", "1.0: a front end answers")
        for name in ("front_1_1", "front_wide"):
            d.configure(SECOND.replace("front_1_0", name))
            is_(d.reload().returncode, 0, f"a reload to {name}")
            with socket.create_connection(("127.0.0.1", d.tls_port), 10) as peer:
                is_(peer.makefile().read(), name + "\n", f"{name} answers by its second scheme")


def hanging():
    conf = config(FIXTURES, '[source.hang]\nplugin = "unruly"\nhow = "hang"')
    d = Daemon(conf)
    d.start()
    wait_for(lambda: d.source("hang")["state"] == "syncing", 10)
    is_(d.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"],
        "a plugin that hangs keeps nobody waiting")
    is_(d.reload().returncode, 0, "a reload that leaves it alone works")
    started = time.monotonic()
    is_(d.stop(), 0, "SIGTERM ends the daemon all the same")
    ok(time.monotonic() - started < 6, "within 5 seconds", time.monotonic() - started)
    ok("waits_for" in d.log(), "and the log says who did not end", d.log()[-1500:])
    started = time.monotonic()
    with Daemon(CONFIG):
        pass
    shutil.rmtree(d.dir)


WORK = Daemon().dir
kept = os.path.join(WORK, "files")
os.makedirs(kept)
let_in()
kept_out(kept)
cut_and_garbage(kept)
in_a_daemon()
unruly()
what_1_1_added()
hanging()
shutil.rmtree(WORK)
done()
