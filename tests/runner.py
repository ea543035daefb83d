"""runner - run the tests meson knows, two at a time, read their TAP, print what failed and a
closing line "N passed, N failed".

  runner.py BUILD [NAME...]

A test that exits with an error, stops without its plan, runs over its time or leaves a
sanitizer report behind has failed, whatever it printed before.
"""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

RESULT = re.compile(r"^(not )?ok\b(?:\s+(\d+))?(?:\s*-?\s*(.*))?$")
SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer)")


def run_one(test, build):
    started = time.monotonic()
    env = dict(os.environ, **test.get("env", {}))
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.pop("LD_LIBRARY_PATH", None)  # meson's; what is built finds its libraries by itself
    env["CONTACTOR_BUILD"] = os.path.abspath(build)
    process = subprocess.Popen(test["cmd"], cwd=test.get("workdir") or os.getcwd(), env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    late = False
    try:
        out, _ = process.communicate(timeout=test["timeout"])
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
    return judge(test, out.decode("utf-8", "replace"), process.returncode, late,
                 time.monotonic() - started)


def judge(test, out, code, late, seconds):
    passed, failed, plan = 0, [], None
    for line in out.split("\n"):
        if line.startswith("1.."):
            plan = int(line[3:].split()[0])
        m = RESULT.match(line)
        if m and m.group(1):
            failed.append(m.group(3) or line)
        elif m:
            passed += 1
    if late:
        failed.append(f"ran longer than {test['timeout']} s")
    elif code != 0 and not failed:
        failed.append(f"exit status {code}")
    elif plan is None:
        failed.append("ended without a TAP plan")
    elif plan != passed + len(failed):
        failed.append(f"planned {plan} checks, made {passed + len(failed)}")
    if SANITIZER.search(out):
        failed.append("sanitizer report")
    return {"name": test["name"], "passed": passed, "failed": failed, "out": out,
            "seconds": seconds}


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    tests = json.loads(subprocess.run(["meson", "introspect", "--tests", build],
                                      capture_output=True, text=True, check=True).stdout)
    tests = [t for t in tests if not wanted or any(w in t["name"] for w in wanted)]
    tests.sort(key=lambda t: (-t.get("priority", 0), t["name"]))
    alone = [t for t in tests if not t.get("is_parallel", True)]
    together = [t for t in tests if t.get("is_parallel", True)]
    results = []

    def report(result):
        results.append(result)
        state = "FAILED" if result["failed"] else "ok"
        print(f"{state:6} {result['name']:44} {result['passed']:5} checks "
              f"{result['seconds']:6.1f} s", flush=True)
        if result["failed"]:
            lines = result["out"].rstrip().split("\n")
            shown = [x for x in lines if not x.startswith("ok ")][-60:]
            print("\n".join("    | " + x for x in shown), flush=True)

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for future in concurrent.futures.as_completed(
                [pool.submit(run_one, t, build) for t in together]):
            report(future.result())
    for test in alone:
        report(run_one(test, build))
    failures = [(r["name"], f) for r in results for f in r["failed"]]
    for name, failure in failures:
        print(f"failed: {name}: {failure}")
    print(f"{sum(r['passed'] for r in results)} passed, {len(failures)} failed")
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main())
