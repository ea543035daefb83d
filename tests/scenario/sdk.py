"""What an integrator does with the installed SDK and nothing else: WRITING_PLUGINS.md from its first
command to an LDAP lookup, the template of a front end, and every example."""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import BUILD, CONTACTORD, SOURCE, Daemon, done, free_port, is_, ok, wait_for  # noqa: E402

HEAD = """
[contactor]
state_dir = "{dir}/state"
plugin_dir = "PLUGINS"
[dialplan.munich]
country = "DE"
area_code = "89"
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"
"""


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Sdk:
    """The installed files, in a folder that stands for the root."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        run = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.root],
                             capture_output=True, text=True, timeout=300)
        ok(run.returncode == 0, "the SDK is installed", run.stdout[-2000:], run.stderr[-2000:])
        self.prefix = self.find("contactor-plugin-new", "bin").rsplit("/bin/", 1)[0]
        self.doc = f"{self.prefix}/share/doc/contactor-dev"
        self.examples = f"{self.doc}/examples"
        pkgconfig = os.path.dirname(self.find("contactor-plugin.pc", "pkgconfig"))
        self.include = os.path.join(self.prefix, "include")
        self.env = dict(os.environ, PATH=f"{self.prefix}/bin:{os.environ['PATH']}",
                        PKG_CONFIG_PATH=pkgconfig, PKG_CONFIG_SYSROOT_DIR=self.root,
                        CONTACTOR_TEMPLATE=f"{self.prefix}/share/contactor/template")
        with open(CONTACTORD, "rb") as f:
            if b"__asan_init" in f.read():  # so is the test host
                self.env.update(dict.fromkeys(("CFLAGS", "CXXFLAGS", "LDFLAGS"),
                                              "-fsanitize=address,undefined"))

    def find(self, name, folder):
        return next(os.path.join(where, name) for where, _, names in os.walk(self.root)
                    if name in names and os.path.basename(where) == folder)

    def run(self, *command, cwd, what):
        run = subprocess.run(command, cwd=cwd, env=self.env, capture_output=True, text=True,
                             timeout=300)
        good = run.returncode == 0 and "warning:" not in run.stdout + run.stderr
        return ok(good, what, f"exit {run.returncode}", run.stdout[-3000:], run.stderr[-3000:])


def blocks(text):
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def all_is_there(sdk):
    """What an integrator has who has nothing but what is installed; the package is made of it."""
    names = ["bin/contactor-plugin-new", "bin/contactor-plugin-check", "include/contactor/plugin.h",
             "include/contactor/kit.h", "include/contactor/testhost.h", "include/contactor/ext/poll.h",
             "share/contactor/template/source/plugin.c"]
    names += ["share/doc/contactor-dev/" + name for name in (
        "manual/WRITING_PLUGINS.md", "manual/CHANGES.md", "manual/exec.md", "html/index.html",
        "examples/journal/journal.c", "examples/finger/finger.c", "examples/cpp/users.cc",
        "examples/rust/lines.rs", "examples/exec/contacts.py", "examples/exec/contacts.sh")]
    is_([n for n in names if not os.path.exists(os.path.join(sdk.prefix, n))], [],
        "headers, template, check, manual, reference and examples are installed")
    ok(os.access(f"{sdk.examples}/exec/contacts.py", os.X_OK), "programs among them can be run")
    listed = read(SOURCE, "core", "packaging", "debian", "contactor-dev.install").split()
    root = [n.replace("lib/*/", "lib*/") for n in listed]
    local = [n.removeprefix("usr/") for n in root]
    missing = [n for n in local if not glob.glob(os.path.join(sdk.prefix, n))
               and not glob.glob(os.path.join(sdk.prefix, n.replace("lib*/", "lib/*/")))]
    is_(missing, [], "the package's list names what is installed")
    ok({"usr/share/doc/contactor-dev", "usr/include/contactor", "usr/share/contactor/template",
        "usr/bin/contactor-plugin-check", "usr/bin/contactor-plugin-new"} <= set(listed),
       "and has all of it")


def the_text_is_true(sdk, manual):
    """No block of code that is not part of a program built and run below."""
    known = [read(sdk.examples, "journal", "journal.c"), read(sdk.examples, "finger", "finger.c"),
             read(sdk.examples, "cpp", "users.cc")]
    known += [read(SOURCE, "sdk", "template", "source", name).replace("@NAME@", "lines")
              for name in ("plugin.c", "test.c", "example.toml")]
    for language, code in blocks(manual):
        ok(language == "sh" or any(code in text for text in known),
           "a block is part of a tested program: " + code.strip().splitlines()[0], code)


def answer(d, number, name):
    return wait_for(lambda: d.names(f"(telephoneNumber={number})") == [name], 10)


def with_cmake(sdk, folder):
    sdk.run("cmake", "-B", "cb", cwd=folder, what="with CMake, too: configured")
    sdk.run("cmake", "--build", "cb", cwd=folder, what="and built")
    sdk.run("ctest", "--test-dir", "cb", "--output-on-failure", cwd=folder, what="and tested")


def five_minutes(sdk, folder, manual):
    code = blocks(manual)
    for command in next(b for lang, b in code if lang == "sh").strip().splitlines():
        if command.startswith("cd "):
            folder = os.path.join(folder, command[3:])
        else:
            sdk.run(*command.split(), cwd=folder, what=command)
    program = next(b for lang, b in code if lang == "c")
    ok(len(program.splitlines()) < 80 and program == read(folder, "lines.c"),
       "the source of the text is the one that was made")
    with_cmake(sdk, folder)
    write(os.path.join(folder, "people.txt"), "1\tAnna Meier\t+49 89 840798-192\n2\tMax\t030 901820\n")
    sdk.run("contactor-plugin-check", "build/lines.so", f"file={folder}/people.txt", cwd=folder,
            what="it passes contactor-plugin-check")
    config = next(b for lang, b in code if lang == "toml")
    ok(len(config.strip().splitlines()) == 3, "three lines enable it")
    with Daemon(HEAD.replace("PLUGINS", os.path.join(folder, "build"))
                + config.replace("/srv", "{dir}"),
                files={"contacts.txt": "7\tAnna Meier\t+49 89 840798-192\n"}, wait="example") as d:
        ok(answer(d, "089840798192", "Anna Meier"), "an LDAP lookup is answered")


def front_end(sdk, folder):
    sdk.run("contactor-plugin-new", "words", "--frontend", cwd=folder, what="a front end is made")
    folder = os.path.join(folder, "words")
    sdk.run("meson", "setup", "build", cwd=folder, what="configured")
    sdk.run("meson", "test", "-C", "build", cwd=folder, what="and tested")
    with_cmake(sdk, folder)
    shutil.copy(os.path.join(folder, "build", "words.so"), folder)
    return folder


def ask_line(port, line):
    for _ in range(50):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(line.encode())
                out = b""
                while piece := s.recv(4096):
                    out += piece
                return out.decode()
        except ConnectionError:
            time.sleep(0.1)
    return None


def compile_examples(sdk, folder):
    flags = ["-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wconversion",
             "-Wshadow", "-Werror", f"-I{sdk.include}", *sdk.env.get("CFLAGS", "").split()]
    for name in ("journal", "finger"):
        sdk.run("cc", "-std=gnu11", *flags, "-o", f"{folder}/{name}.so",
                f"{sdk.examples}/{name}/{name}.c", cwd=folder, what=f"{name}.c is built")
    sdk.run("c++", "-std=c++17", *flags, "-o", f"{folder}/users.so", f"{sdk.examples}/cpp/users.cc",
            cwd=folder, what="users.cc is built")
    sdk.env["CTR_BINDINGS"] = folder
    sdk.run("bindgen", "--allowlist-type", "ctr_.*", "--allowlist-var", "CTR_.*",
            "--no-layout-tests", "--blocklist-item", "contactor_plugin", "-o", f"{folder}/ctr.rs",
            f"{sdk.include}/contactor/plugin.h", "--", f"-I{sdk.include}", cwd=folder,
            what="bindgen reads the headers")
    sdk.run("/usr/bin/rustc", "--edition", "2021", "--crate-type", "cdylib", "--crate-name",
            "rustlines", "-O", "-o", f"{folder}/lines.so", f"{sdk.examples}/rust/lines.rs", cwd=folder,
            what="lines.rs is built")


def check(sdk, folder, name, *args, skipped=()):
    """contactor-plugin-check over an example: nothing fails, nothing is warned, nothing that the
    example has is left out."""
    run = subprocess.run(["contactor-plugin-check", f"{folder}/{name}.so", *args, "--json"], cwd=folder,
                         env=sdk.env, capture_output=True, text=True, timeout=300)
    checks = json.loads(run.stdout or '{"checks":[]}')["checks"]
    bad = {c["check"]: c.get("found") or c["warnings"] for c in checks
           if c["result"] in ("failed", "warning")}
    lacks = [c["check"] for c in checks if c["result"] == "skipped" and
             ("--config" in c["reason"] or "--skip" in c["reason"])]
    ok(run.returncode == 0 and not bad and len(checks) > 25,
       f"{name} passes contactor-plugin-check", bad, run.stderr)
    is_(lacks, list(skipped), f"{name}: and no check is left out" if not skipped else
        f"{name}: all but {', '.join(skipped)}")


def check_examples(sdk, folder):
    write(os.path.join(folder, "journal.txt"), JOURNAL.replace("nonsense\n", ""))
    write(os.path.join(folder, "passwd"), PASSWD)
    write(os.path.join(folder, "lines.txt"), "1\tEmil Erle\t089 5555555\n2\tMax\t030 901820\n")
    write(os.path.join(folder, "question"), "/W meier\r\n")
    check(sdk, folder, "journal", "file=journal.txt")
    check(sdk, folder, "users", "file=passwd")
    check(sdk, folder, "finger", "--exchange", "question")
    check(sdk, folder, "words")
    # Rust ends the process when memory is out, and offers no other way.
    check(sdk, folder, "lines", "file=lines.txt", "--skip", "no-memory", skipped=["no-memory"])


EXAMPLES_CONFIG = """
[source.journal]
plugin = "journal"
file = "{dir}/journal"
dialplan = "munich"
live = true
[source.users]
plugin = "users"
file = "{dir}/passwd"
dialplan = "munich"
[source.lines]
plugin = "lines"
file = "{dir}/lines.txt"
dialplan = "munich"
[frontend.finger]
plugin = "finger"
listen = ["finger://127.0.0.1:{tls_port}"]
anonymous = "allow"
[frontend.words]
plugin = "words"
listen = ["words://127.0.0.1:WORDS"]
anonymous = "allow"
"""
JOURNAL = "+ 1\tAnna Meier\t089 1111111\n+ 2\tBernd Bauer\t089 2222222\n- 2\nnonsense\n"
PASSWD = "clara:x:1000:1000:Clara Claus,Room 7,089 3333333,:/home/clara:/bin/sh\n"


def append(d, text):
    with open(d.path("journal"), "a", encoding="utf-8") as f:
        f.write(text)


def journal(d):
    ok(answer(d, "0891111111", "Anna Meier"), "journal: read in full")
    is_(d.names("(telephoneNumber=0892222222)"), [], "journal: what is gone at its end is not there")
    before = d.source("journal")
    append(d, "+ 3\tDora Dorn\t089 4444444\n")
    is_(d.names("(telephoneNumber=0894444444)"), ["Dora Dorn"],
        "journal: asked live, before it was read")
    wait_for(lambda: d.source("journal")["contacts"] == 2, 10)
    append(d, "- 1\n")
    wait_for(lambda: d.source("journal")["contacts"] == 1, 10)
    is_(d.names("(telephoneNumber=0891111111)"), [], "journal: a delta deletes")
    is_(d.source("journal")["contacts"] - before["contacts"], 0, "journal: and adds")
    run = d.ctl("source", "test", "journal")
    ok(run.returncode == 0 and "5 entries" in run.stdout, "journal: its test tells its steps",
       run.stdout, run.stderr)


def examples(sdk, folder, words):
    compile_examples(sdk, folder)
    shutil.copy(os.path.join(words, "words.so"), folder)
    check_examples(sdk, folder)
    port = free_port()
    config = (HEAD + EXAMPLES_CONFIG).replace("PLUGINS", folder).replace("WORDS", str(port))
    with Daemon(config, files={"journal": JOURNAL, "passwd": PASSWD,
                               "lines.txt": "1\tEmil Erle\t089 5555555\n"}, wait="journal") as d:
        journal(d)
        ok(answer(d, "0893333333", "Clara Claus"), "a source in C++ is answered")
        ok(answer(d, "0895555555", "Emil Erle"), "a source in Rust is answered")
        text = ask_line(d.tls_port, "clara\r\n") or ""
        ok("display_name: Clara Claus" in text and "phone_business" in text
           and "department" not in text, "finger answers", text)
        ok("department: Room 7" in (ask_line(d.tls_port, "/W claus\r\n") or ""),
           "finger answers in full (RFC 1288, 2.5.4)")
        for question, why in (("x@elsewhere", "forwarding service denied"),
                              ("", "list denied"), ("nobody", "Nobody")):
            ok(why in (ask_line(d.tls_port, question + "\r\n") or ""), f"finger: {why}")
        ok("Emil Erle" in (ask_line(port, "emil\r\n") or ""), "the front end of the template answers")


def main():
    folder = tempfile.mkdtemp(prefix="contactor-sdk-")
    os.chmod(folder, 0o755)
    try:
        sdk = Sdk(folder)
        all_is_there(sdk)
        manual = read(sdk.doc, "manual", "WRITING_PLUGINS.md")
        the_text_is_true(sdk, manual)
        five_minutes(sdk, folder, manual)
        examples(sdk, folder, front_end(sdk, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    done()


main()
