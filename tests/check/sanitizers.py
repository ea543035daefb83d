"""contactor-plugin-check as it is installed, without sanitizers: over plugins without them, and over
those that gcc and clang built with them, whose runtime it loads by itself."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import BUILD, CONTACTORD, SOURCE, done, ok  # noqa: E402

PLUGINS = os.environ.get("CHECK_PLUGINS") or os.path.join(BUILD, "tests", "check")
CHECK = os.path.join(PLUGINS, "plain-check")
SANITIZED_CHECK = os.path.join(BUILD, "sdk", "check", "contactor-plugin-check")
WORK = tempfile.mkdtemp(prefix="contactor-check-")
CLEAN = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
SANITIZE = "-fsanitize=address,undefined"
# The numbers are those of source.c.
NUMBERS = {"right": 0, "sync_leaks": 42, "no_null_check": 50, "leaks_then": 51, "skips_then": 52,
           "no_done_then": 53, "stays_broken": 54}


def build(compiler, name, *flags):
    so = os.path.join(WORK, name + ".so")
    run = subprocess.run(
        [compiler, "-std=gnu11", "-shared", "-fPIC", "-g", "-O1", "-fvisibility=hidden", "-pthread",
         *flags, "-I", os.path.join(SOURCE, "sdk", "include"), "-I", os.path.join(SOURCE, "sdk"),
         f"-DWRONG={NUMBERS[name]}", f'-DNAME="{name}"', "-o", so,
         os.path.join(SOURCE, "tests", "check", "source.c")], capture_output=True, text=True)
    ok(run.returncode == 0, f"{compiler} {' '.join(flags)} builds {name}", run.stderr)
    return so


def check(so, *only, program=CHECK):
    args = [x for name in only for x in ("--only", name)]
    run = subprocess.run([program, so, "prefix=p", "token=4711", "--json", *args], env=CLEAN,
                         capture_output=True, text=True, timeout=250)
    try:
        return run, {c["check"]: c for c in json.loads(run.stdout)["checks"]}
    except ValueError:
        return run, {}


def passes(so, what):
    run, checks = check(so)
    bad = {n: c.get("found") or c["warnings"] for n, c in checks.items()
           if c["result"] in ("failed", "warning")}
    ok(run.returncode == 0 and not bad and len(checks) > 25, f"{what}: right passes", bad, run.stderr)
    return checks


def fails(so, only, words, what):
    run, checks = check(so, only)
    found = checks.get(only, {}).get("found", "")
    ok(run.returncode == 1 and words in found, f"{what}: caught by {only}", found, run.stderr)
    return checks.get(only, {}).get("output", "")


def plain():
    passes(build("cc", "right"), "no sanitizer")
    for name, words in (("no_null_check", "crashed"), ("leaks_then", "bytes of memory"),
                        ("skips_then", "8 contacts instead of 10"),
                        ("no_done_then", "search_done never came"),
                        ("stays_broken", "the next one fails")):
        fails(build("cc", name), "no-memory", words, f"no sanitizer, {name}")


def sanitized(compiler, *flags):
    what = " ".join((compiler, *flags))
    checks = passes(build(compiler, "right", *flags), what)
    ok("leak sanitizer looks" in checks.get("memory", {}).get("note", ""),
       f"{what}: the runtime is loaded", checks.get("memory"))
    output = fails(build(compiler, "leaks_then", *flags), "no-memory", "bytes of memory", what)
    output = fails(build(compiler, "no_null_check", *flags), "no-memory", "", what)
    ok("source.c" in output or "#0" in output, f"{what}: and says where", output[:2000])


def cpp():
    """new throws std::bad_alloc; a plugin that lets it out ends the daemon."""
    with open(os.path.join(SOURCE, "examples", "cpp", "users.cc"), encoding="utf-8") as f:
        right = f.read()
    for name, text in (("caught", right),
                       ("let_out", right.replace("catch (const std::exception &e)",
                                                 "catch (const std::ios_base::failure &e)"))):
        source, so = os.path.join(WORK, name + ".cc"), os.path.join(WORK, "users.so")
        with open(source, "w", encoding="utf-8") as f:
            f.write(text)
        built = subprocess.run(["c++", "-std=c++17", "-shared", "-fPIC", "-O1", "-o", so, source, "-I",
                                os.path.join(SOURCE, "sdk", "include")], capture_output=True, text=True)
        run = subprocess.run([CHECK, so, "--only", "no-memory", "--json"], env=CLEAN, text=True,
                             capture_output=True, timeout=120)
        check = json.loads(run.stdout or '{"checks":[{}]}')["checks"][0]
        ok(built.returncode == 0 and run.returncode == (name == "let_out"),
           f"C++, bad_alloc {name}: {check.get('found') or check.get('note')}", built.stderr, run.stderr,
           check)
        ok(not check.get("note", "").startswith("0 "), f"C++, bad_alloc {name}: it was thrown", check)


def mixed():
    """Where that cannot be, what to do is said."""
    so = build("clang", "right", SANITIZE)
    with open(CONTACTORD, "rb") as f:
        if b"libasan.so" not in f.read():
            return
    run, _ = check(so, program=SANITIZED_CHECK)
    ok(run.returncode == 3 and "built without" in run.stderr,
       "a sanitized program and another compiler's plugin: what to do", run.stderr)


try:
    plain()
    sanitized("gcc", SANITIZE)
    sanitized("clang", SANITIZE)
    sanitized("clang", SANITIZE, "-shared-libsan")
    cpp()
    mixed()
finally:
    shutil.rmtree(WORK)
done()
