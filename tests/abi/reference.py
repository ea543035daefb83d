"""The reference manual: made from the headers without a warning, complete, and refused when a
comment is missing or wrong. Everything happens in a copy of sdk/."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import ROOT, compare, done, ok  # noqa: E402

WORK = tempfile.mkdtemp()
OUT = os.path.join(WORK, "out")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as f:
        return f.read()


def copy():
    shutil.rmtree(os.path.join(WORK, "sdk"), ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, "sdk"), os.path.join(WORK, "sdk"))


def make():
    run = subprocess.run([os.path.join(WORK, "sdk", "reference", "make"), OUT, "1.0"],
                         capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def change(name, pattern, replacement):
    copy()
    path = os.path.join(WORK, "sdk", name)
    before = read(path)
    after = re.sub(pattern, replacement, before, count=1)
    with open(path, "w", encoding="utf-8") as f:
        f.write(after)
    return after != before


def complete():
    copy()
    code, out = make()
    ok(code == 0 and out == "", "the manual is made without a warning", out)
    html = os.path.join(OUT, "html")
    pages = "".join(read(html, n) for n in sorted(os.listdir(html)) if n.endswith(".html"))
    dumps = [n for n in os.listdir(os.path.join(ROOT, "sdk", "abi")) if n.endswith(".txt")]
    latest = max(dumps, key=lambda n: [int(part) for part in n[:-4].split(".")])
    dump = compare.read(os.path.join(ROOT, "sdk", "abi", latest))
    names = [f"ctr_{s[4:]}::{m[2]}" for s in dump.structs for m in dump.members(s)
             if "(*)" in m[3]]
    names += [name for enum in dump.enums for name, _, _ in enum]
    names += [re.sub(r"\(.*", "", name.split()[1]) for name in dump.others]
    missing = [n for n in names if not re.search(rf"\b{re.escape(n)}\b", pages)]
    ok(not missing and len(names) > 150, f"it has all {len(names)} functions, constants and macros",
       missing)
    for page, word in (("structctr__host.html", "Thread"), ("structctr__net.html", "Returns"),
                       ("pages.html", "Changes of the plugin ABI"), ("index.html", "ctr_plugin")):
        ok(word in read(html, page), f"{page} tells what it should")
    code, out = make()
    ok(code == 0, "it is made again where one lies already", out)


# Each: a file of sdk/, what is done to it, and a word of the complaint.
H = "include/contactor/"
WRONG = [
    ("a member without a comment", H + "contact.h", r"(uint32_t group_size;) /\*.*\*/", r"\1",
     "group_size"),
    ("a constant without a comment", H + "host.h", r"(CTR_METRIC_GAUGE = 2) +/\*.*\*/", r"\1",
     "CTR_METRIC_GAUGE"),
    ("a function without a comment", H + "ext/net.h", r"    /\* Flush, then[^/]*\*/\n", "", "close"),
    ("a struct without a comment", H + "query.h", r"/\* One sort key[^/]*\*/\n", "", "ctr_sort_key"),
    ("a macro without a comment", H + "contact.h", r"/\* The set of all kinds\. \*/\n", "",
     "CTR_KINDS_ALL"),
    ("a name that there is not", H + "host.h", r"negative one is ignored\n", "CTR_ENOSUCH\n",
     "CTR_ENOSUCH"),
    ("a function that does not say what it returns", H + "host.h",
     r"     \* returns ms since an unknown moment", "     * It is in ms.", "now has no row 'returns'"),
    ("a function that does not say on which thread", H + "host.h",
     r"(it ON_LOOP|Tell that stop has finished[^/]*)\n     \* thread  the loop", r"\1",
     "stopped has no row 'thread'"),
    ("a parameter that is not explained", H + "host.h", r"     \* settle  [^\n]*\n", "",
     "watch does not say what 'settle' is"),
    ("a struct that does not say who owns it", H + "ext/net.h", r" \* owner[^\n]*\n", "",
     "ctr_peer has no row 'owner'"),
    ("a struct that does not say since when", H + "config.h",
     r"(\* owner   the plugin: static, as is all it points to)\n \* since   1.0", r"\1",
     "ctr_option has no row 'since'"),
    ("a header that does not say since when", H + "error.h", r" \* since 1.0", " *", "since"),
    ("a link that leads nowhere", "reference/mainpage.md", r"@ref ctr_plugin", "@ref ctr_plug",
     "ctr_plug"),
]


def refused():
    for what, name, pattern, replacement, word in WRONG:
        changed = change(name, pattern, replacement)
        code, out = make()
        ok(changed and code != 0 and word in out and
           not os.path.exists(os.path.join(OUT, "html")), f"refused: {what}", f"exit {code}", out)


complete()
refused()
shutil.rmtree(WORK)
done()
