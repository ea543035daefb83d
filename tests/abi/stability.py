"""What a plugin was built with stays true: the headers against the committed dumps of every
released minor of the ABI, and the tools that compare them against breaches made on purpose."""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import ROOT, compare, done, hint, ok  # noqa: E402

DUMP = os.path.join(ROOT, "sdk", "abi", "dump")
INCLUDE = os.path.join(ROOT, "sdk", "include")
HERE = os.path.dirname(os.path.abspath(__file__))
WORK = tempfile.mkdtemp()


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def dump(include, cc=None):
    env = dict(os.environ, CC=cc) if cc else None
    run = subprocess.run([DUMP, include], capture_output=True, text=True, env=env)
    return run.stdout if run.returncode == 0 else run.stdout + run.stderr


def difference(committed, now):
    return "\n".join(difflib.unified_diff(committed.split("\n"), now.split("\n"), "committed",
                                          "the headers", lineterm="", n=2))


def breaches(old, new):
    return list(compare.compare(compare.Dump(old), compare.Dump(new)))


def released():
    names = [n[:-4] for n in os.listdir(os.path.join(ROOT, "sdk", "abi")) if n.endswith(".txt")]
    return sorted(names, key=lambda n: [int(part) for part in n.split(".")])


def the_promise(versions):
    texts = {v: read(ROOT, "sdk", "abi", v + ".txt") for v in versions}
    for v in versions:
        frozen = dump(os.path.join(HERE, v)) if os.path.isdir(os.path.join(HERE, v)) else ""
        ok(frozen == texts[v], f"sdk/abi/{v}.txt is what the frozen headers of {v} say",
           difference(texts[v], frozen))
    for old, new in zip(versions, versions[1:]):
        found = breaches(texts[old], texts[new])
        ok(not found, f"{new} keeps what {old} promised", *found)
    now = dump(INCLUDE)
    abi = re.search(r"^abi (.*)$", now, re.MULTILINE)
    found = breaches(texts[versions[-1]], now) if abi else [now]
    ok(not found, f"the headers keep what {versions[-1]} promised", *found)
    ok(abi and texts.get(abi[1]) == now, "the committed layout is that of the headers",
       "a released ABI stays as it is: raise CTR_ABI_CURRENT, then run sdk/abi/freeze",
       difference(texts.get(abi[1], "") if abi else "", now))
    for cc in ("gcc", "clang"):
        if shutil.which(cc):
            other = dump(INCLUDE, cc)
            ok(other == now, f"{cc} lays it out alike", difference(now, other))
    changes, history = read(ROOT, "sdk", "CHANGES.md"), read(INCLUDE, "contactor", "plugin.h")
    for v in versions:
        ok(re.search(rf"^## ABI {re.escape(v)}\b", changes, re.MULTILINE) and
           re.search(rf"^ \*     {re.escape(v)}  ", history, re.MULTILINE),
           f"CHANGES.md and plugin.h tell what {v} added")
    return now


# Each: what is done to a header, and a word of the complaint.
BREACHES = [
    ("two members change places", "source.h", r"(    uint32_t threading;.*\n)(    uint32_t flags;.*\n)",
     r"\2\1", "threading (uint32_t, 4 bytes at 4) was"),
    ("a member grows before the end", "ext/net.h", r"uint32_t port;", "uint64_t port;", "port"),
    ("a member changes its sign", "host.h", r"int64_t as_of;", "uint64_t as_of;", "as_of (int64_t"),
    ("a member is put in the middle", "host.h", r"(    void \(\*fail\))",
     r"    void (*shout)(const struct ctr_host *host);\n\1", "shout"),
    ("the last member is gone", "host.h", r"    int32_t \(\*test_canceled\)[^;]*;\n", "",
     "lost its member test_canceled"),
    ("a member has another name", "query.h", r"uint32_t limit;", "uint32_t most;", "limit"),
    ("a function takes one thing more", "host.h", r"\(\*now\)\(const struct ctr_host \*host\)",
     "(*now)(const struct ctr_host *host, uint32_t clock)", "now (int64_t"),
    ("a function returns something else", "source.h", r"void \(\*sync_cancel\)",
     "int32_t (*sync_cancel)", "sync_cancel"),
    ("a callback takes less", "host.h", r"\(\*ctr_source_fn\)\(void \*user, ", "(*ctr_source_fn)(",
     "callback ctr_source_fn"),
    ("a constant is renumbered", "query.h", r"CTR_OP_GE = 9", "CTR_OP_GE = 19", "CTR_OP_GE was 9"),
    ("an error is renumbered", "error.h", r"X\(17, EBUSY", "X(22, EBUSY", "CTR_EBUSY was 17"),
    ("a constant is gone", "host.h", r",\s*/\* what happens seldom[^/]*/\n\s*CTR_LOG_DEBUG = 7", "",
     "CTR_LOG_DEBUG is gone"),
    ("a new constant takes a number in use", "config.h", r"(CTR_OPT_STRING = 1,)",
     r"\1 CTR_OPT_COLOUR = 9,", "CTR_OPT_COLOUR is 9, as CTR_OPT_MAP is"),
    ("a struct without its size grows", "query.h", r"(    uint32_t n_children;.*\n.*reserved;.*\n)",
     r"\1    uint64_t more;\n", "ctr_filter has grown"),
    ("a new struct begins without its size", "query.h", r"(/\* A node of the filter)",
     r"struct ctr_new { uint32_t kind; };\n\1", "ctr_new begins without its size"),
    ("a struct is gone", "query.h", r"ctr_sort_key\b", "ctr_sorting", "ctr_sort_key is gone"),
    ("an extension has another name", "ext/net.h", r'"contactor.net/1"', '"contactor.net/2"',
     "CTR_NET_ID"),
    ("a macro is gone", "contact.h", r"#define CTR_KINDS_ALL.*\n", "", "CTR_KINDS_ALL is gone"),
    ("a handle is gone", "host.h", r"ctr_timer\b", "ctr_clockwork", "handle ctr_timer is gone"),
    ("the major version changes", "types.h", r"CURRENT CTR_ABI\(1,", "CURRENT CTR_ABI(2,", "major"),
]
GROWTH = [
    ("the host table gets a function", "host.h", r"(\n};\n\n#ifdef)",
     r"\n    void (*later)(const struct ctr_host *host);\1"),
    ("an option, which has a stride, gets a member", "config.h", r"(    const char \*doc;.*\n)",
     r"\1    const char *unit;\n"),
    ("a URL scheme gets a member", "frontend.h", r"(    uint32_t tls;.*\n)", r"\1    uint64_t more;\n"),
    ("an error is added", "error.h", r'(X\(21, EREFUSED, "[^"]*"\))', r'\1 X(22, ENEW, "new")'),
    ("a field kind is added", "contact.h", r'(X\(39, PHONE_FAX, "phone_fax"\))',
     r'\1 X(40, PHONE_CAR, "phone_car")'),
    ("what was reserved gets a name", "contact.h", r"(uint32_t group_size;.*\n\s*uint32_t )reserved",
     r"\1rank"),
    ("a struct with its size is added", "query.h", r"(/\* A node of the filter)",
     r"struct ctr_new { uint32_t size; };\n\1"),
    ("a parameter is called otherwise", "host.h", r"\bsettle\b", "quiet"),
    ("the minor version rises", "types.h", r"CURRENT CTR_ABI\(1, 2\)", "CURRENT CTR_ABI(1, 3)"),
]


def with_header(name, pattern, replacement):
    """Our headers with one of them changed, as a folder; None when the pattern fits nowhere."""
    folder = os.path.join(WORK, "include")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(INCLUDE, folder)
    path = os.path.join(folder, "contactor", name)
    text = read(path)
    changed = re.sub(pattern, replacement, text)
    for where, _, names in os.walk(folder):  # a renamed struct is renamed everywhere
        for other in names:
            whole = read(where, other)
            if pattern.startswith("ctr_"):
                whole = re.sub(pattern, replacement, whole)
            elif os.path.join(where, other) == path:
                whole = changed
            with open(os.path.join(where, other), "w", encoding="utf-8") as f:
                f.write(whole)
    return folder if changed != text else None


def made_on_purpose(now):
    for what, header, pattern, replacement, word in BREACHES:
        folder = with_header(header, pattern, replacement)
        new = dump(folder) if folder else ""
        found = breaches(now, new) if new.startswith("#") and "\nabi " in new else []
        ok(any(word in f for f in found), f"caught: {what}", found, new[-1500:])
    for what, header, pattern, replacement in GROWTH:
        folder = with_header(header, pattern, replacement)
        new = dump(folder) if folder else "nothing changed"
        found = breaches(now, new) if "\nabi " in new else [new]
        ok(not found and new != now or "called otherwise" in what and new == now,
           f"allowed: {what}", *found)
    old = "abi 1.0\nstruct ctr_x 24\n 0 4 size: uint32_t\n 8 8 a: int64_t\n 16 4 b: uint32_t\n"
    old = old.replace("\n ", "\n     ")
    new = old.replace("abi 1.0", "abi 1.1") + "      20 4 c: uint32_t\n"
    ok(any("padding" in f for f in breaches(old, new)), "caught: a member where there was padding")
    ok(breaches(now, now) == [], "allowed: nothing changed")


def a_dump_of_what_may_not_be():
    for what, member in (("a bit-field", "uint32_t bit : 1;"), ("an array", "char name[8];"),
                         ("a union", "union { int a; } u;"), ("an enum", "enum { CTR_A } e;")):
        folder = with_header("source.h", r"(    uint32_t threading;)", rf"    {member}\n\1")
        run = subprocess.run([DUMP, folder], capture_output=True, text=True)
        ok(run.returncode != 0 and "ValueError" in run.stderr, f"refused: {what} in the ABI",
           run.stdout[:300], run.stderr)


def misplaced(include):
    """Drafts outside ext/draft, and what is no draft within."""
    bad = []
    for where, _, names in os.walk(include):
        for name in names:
            text, path = read(where, name), os.path.relpath(os.path.join(where, name), include)
            draft = "ext/draft/" in path
            for id_, revision in sorted(set(re.findall(r'"(contactor\.\w+)/(\d+)"', text))):
                if (revision == "0") != draft:
                    bad.append(f"{path}: {id_}/{revision}")
            if not draft and re.search(r'#include "[^"]*draft/', text):
                bad.append(f"{path}: includes a draft")
    return bad


def drafts():
    ok(misplaced(INCLUDE) == [], "drafts, and only drafts, lie in ext/draft", *misplaced(INCLUDE))
    folder = with_header("ext/net.h", r"contactor\.net/1", "contactor.net/0")
    ok(len(misplaced(folder)) == 1, "caught: a draft among the stable ones")
    folder = with_header("ext/net.h", r'(#include "../types.h")', r'\1\n#include "draft/net.h"')
    ok(len(misplaced(folder)) == 1, "caught: a stable header that needs a draft")
    os.makedirs(os.path.join(folder, "contactor", "ext", "draft"))
    shutil.copy(os.path.join(INCLUDE, "contactor", "ext", "poll.h"),
                os.path.join(folder, "contactor", "ext", "draft", "net.h"))
    ok(len(misplaced(folder)) == 2, "caught: a stable extension among the drafts")


def the_asserts():
    """The C made from a dump does not compile with headers that differ from it."""
    source = os.path.join(WORK, "layout.c")
    latest = os.path.join(ROOT, "sdk", "abi", released()[-1] + ".txt")
    with open(source, "w", encoding="utf-8") as f:
        subprocess.run([sys.executable, os.path.join(HERE, "asserts.py"), latest], stdout=f,
                       check=True)
    for what, header, pattern, replacement in (
            ("a figure", "query.h", r"CTR_OP_GE = 9", "CTR_OP_GE = 19"),
            ("a place", "ext/net.h", r"uint32_t port;", "uint64_t port;"),
            ("a type", "host.h", r"int64_t as_of;", "uint64_t as_of;")):
        folder = with_header(header, pattern, replacement)
        run = subprocess.run(["cc", "-std=c11", "-fsyntax-only", f"-I{folder}", source],
                             capture_output=True, text=True)
        ok(run.returncode != 0 and "ABI broken" in run.stderr, f"the asserts tell {what}",
           run.stderr)


def second_opinion(version):
    """abidiff, as a hint: it cannot tell growth at the end from a member put before it."""
    if not shutil.which("abidiff"):
        hint("abidiff is not installed")
        return
    objects = []
    for name, include in ((version, os.path.join(HERE, version)), ("now", INCLUDE)):
        source = os.path.join(WORK, name + ".c")
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include "contactor/plugin.h"\n#include "contactor/ext/net.h"\n'
                    "extern const struct ctr_plugin *p; const struct ctr_plugin *p;\n"
                    "extern const struct ctr_net *n; const struct ctr_net *n;\n")
        objects.append(os.path.join(WORK, name + ".so"))
        subprocess.run(["cc", "-g", "-shared", "-fPIC", f"-I{include}", "-o", objects[-1], source],
                       check=True)
    run = subprocess.run(["abidiff", *objects], capture_output=True, text=True)
    hint(f"abidiff, {version} to now (a hint, never a failure): exit status {run.returncode}")
    hint(run.stdout or "no difference")


now = the_promise(released())
made_on_purpose(now)
a_dump_of_what_may_not_be()
drafts()
the_asserts()
for version in released():
    second_opinion(version)
shutil.rmtree(WORK)
done()
