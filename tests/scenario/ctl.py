"""contactorctl: each command, its JSON, its exit codes, its errors."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

from harness import (CONFIG, CONTACTORD, Daemon, Raw, bind_request, done, is_, ok, wait_for)


def answers(d):
    for command in (("status",), ("sources",), ("sync", "crm"), ("lookup", "+49 89 840798-192"),
                    ("search", "meier"), ("trace",), ("numbers",), ("check",), ("reload",),
                    ("log-level",), ("metrics",)):
        run = d.ctl(*command, "--json")
        try:
            json.loads(run.stdout)
            good = True
        except ValueError:
            good = False
        ok(run.returncode == 0 and good, f"{command[0]} --json", run.returncode,
           run.stdout[:500], run.stderr)
        run = d.ctl(*command)
        ok(run.returncode == 0 and run.stdout.strip(), f"{command[0]} for people", run.returncode,
           run.stdout[:500], run.stderr)
    source = d.source()
    ok({"name", "plugin", "state", "contacts", "last_success", "last_error"} <= set(source),
       "sources --json tells what scripts need", source)
    is_((source["name"], source["plugin"], source["contacts"]), ("crm", "csv", 8), "and rightly")


def lookups(d):
    for number in ("+49 89 840798-192", "089/840798192", "192", "tel:+4989840798192"):
        run = d.ctl("lookup", number)
        ok(run.returncode == 0 and "Anna Meier" in run.stdout, f"lookup {number}", run.stdout,
           run.stderr)
    run = d.ctl("lookup", "+49 30 1")
    is_(run.returncode, 1, "a number nobody has: exit 1")
    run = d.ctl("lookup", "089840798192", "--explain")
    for word in ("4989840798192", "crm", "Anna Meier"):
        ok(word in run.stdout, f"--explain tells {word}", run.stdout)
    run = d.ctl("lookup", "+4989840798999", "--explain")
    ok("C4B" in run.stdout and "company" in run.stdout.lower(),
       "--explain tells a company match", run.stdout)
    run = d.ctl("search", "maiherr")
    ok("Anna Meier" in run.stdout and "sounds like" in run.stdout,
       "who is not found as spelled is found as it sounds", run.stdout)
    is_(d.ctl("search", "qwxyz").returncode, 1, "who sounds like nobody is not found")
    run = d.ctl("search", "mustermann", "acme")
    is_(run.returncode, 0, "search with two words")
    ok("Max" in run.stdout and "Moritz" in run.stdout, "finds both", run.stdout)
    d.names("(telephoneNumber=0800987)")
    text = d.ctl("trace").stdout
    ok("0800987" in text and "frontend.sbc" in text.replace('"', ""),
       "trace shows what an SBC asked in vain, and on which front end", text)


def numbers(d):
    d.write("contacts.csv", "id;first;last;company;department;business;mobile;home;fax;mail;city;note\n"
            "1;A;B;X;;anonymous;;;;;;\n2;C;D;X;;+49 89 840798192;;;;;;\n3;E;F;X;;089 840798192;;;;;;\n"
            "4;G;H;X;;+49 1;;;;;;\n5;I;J;X;;112;;;;;;\n")
    wait_for(lambda: d.ctl("sync", "crm", "--allow-delete").returncode == 0, 10)
    text = d.ctl("numbers").stdout
    for word in ("duplicate", "4989840798192"):
        ok(word in text.lower(), f"the hygiene report names {word}", text)


def errors(d):
    is_(d.ctl("nonsense").returncode, 2, "an unknown command: exit 2")
    is_(d.ctl("lookup").returncode, 2, "a missing argument: exit 2")
    run = d.ctl("sync", "crn")
    ok(run.returncode == 4 and "crm" in run.stderr, "an unknown source: exit 4, did you mean",
       run.stderr)
    is_(d.ctl("log-level", "debug").returncode, 0, "log-level debug")
    ok("debug" in d.ctl("log-level").stdout, "is told back")
    is_(d.ctl("log-level", "loud").returncode, 4, "log-level loud is refused")
    d.ctl("log-level", "info")
    run = d.ctl("hash-password", stdin="s3cret\n")
    ok(run.stdout.startswith("$argon2id$"), "hash-password", run.stdout, run.stderr)
    d.write("sbc.password", run.stdout, 0o600)
    is_(d.ctl("reload").returncode, 0, "reload with the hash")
    is_(d.names("(sn=B)", bind=("sbc", "s3cret")), ["A B"], "and the user binds with it")


def bound(d, name, password):
    raw = Raw(d.port)
    raw.send(bind_request(1, name, password))
    code = raw.result()[2]
    raw.close()
    return code


def why_not(d):
    """What an administrator looks at when an SBC or a phone shows no name."""
    d.names("(telephoneNumber=0800987)")
    text = d.ctl("trace", "--number", "0800987", "--limit", "1", "--explain").stdout
    for word in ("asked       (telephoneNumber=0800987)", "from 127.0.0.1", "read as",
                 "crm: 0 candidates, 0 hits", "answered    0 of 0"):
        ok(word in text, f"trace --explain tells {word!r}", text)
    d.names("(telephoneNumber=+49 89 840798192)")
    text = d.ctl("trace", "--limit", "2", "--explain").stdout
    ok(text.count("\n  asked ") == 2 and "; the first is " in text,
       "trace --explain of several, with whom it found", text)
    run = d.ctl("trace", "--number", "zzz")
    ok(run.returncode == 0 and "nothing like that" in run.stdout,
       "trace of what nobody asked says so", run.stdout)
    for name, password, code in (("sbc", "wrong-canary", 49), ("nobody-canary", "x", 49),
                                 ("uid=sbc,ou=users,dc=contacts", "", 53)):
        is_(bound(d, name, password), code, f"a bind that ends with {code}")
    for line in ('login_failed peer=127.0.0.1 user=sbc reason="wrong password"',
                 'login_failed peer=127.0.0.1 user=? reason="no [user.NAME] has this name"',
                 'bind_refused peer=127.0.0.1 reason="a bind with a name needs a password"'):
        ok(wait_for(lambda line=line: line in d.log(), 5), f"the log tells {line}",
           d.log()[-800:])
    for _ in range(30):
        bound(d, "sbc", "")
    is_(d.log().count("bind_refused"), 10, "a flood of refusals is ten lines")
    ok("canary" not in d.log(), "neither passwords nor names that are nobody's are logged")


def hidden(d):
    d.configure(CONFIG.replace('plugin = "csv"', 'plugin = "csv"\nallow = ["@hr"]'))
    is_(d.reload().returncode, 0, "a source that only @hr may see")
    run = d.ctl("lookup", "089840798192", "--as", "sbc", "--explain")
    ok(run.returncode == 1 and "not shown   1 of the sources" in run.stdout,
       "--explain tells that the user may see no source", run.stdout)
    d.configure(CONFIG)
    is_(d.reload().returncode, 0, "everybody may again")


def check_without_daemon():
    """contactorctl in bin, contactord in sbin of a prefix that is in no PATH."""
    with tempfile.TemporaryDirectory() as prefix:
        for folder in ("bin", "sbin"):
            os.mkdir(os.path.join(prefix, folder))
        ctl = shutil.copy(os.path.join(os.path.dirname(CONTACTORD), "contactorctl"),
                          os.path.join(prefix, "bin"))
        os.symlink(CONTACTORD, os.path.join(prefix, "sbin", "contactord"))
        conf = os.path.join(prefix, "contactor.toml")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'[contactor]\nstate_dir = "{prefix}/state"\n')
        run = subprocess.run([ctl, "-c", conf, "check"], capture_output=True, text=True,
                             check=False, timeout=60)
        ok(run.returncode == 0 and "configuration is right" in run.stdout + run.stderr,
           "check without a daemon runs the one in sbin", run.stdout, run.stderr)
        with open(conf, "a", encoding="utf-8") as f:
            f.write("nonsense = 1\n")
        run = subprocess.run([ctl, "-c", conf, "check"], capture_output=True, text=True,
                             check=False, timeout=60)
        ok(run.returncode == 1 and ":3:1: error: unknown key 'nonsense'" in run.stderr,
           "and tells its mistakes", run.returncode, run.stderr)


COMPLETE = """
. /usr/share/bash-completion/bash_completion
. "$1"
contactorctl() { "$CTL" "$@"; }
shift
COMP_WORDS=(contactorctl "$@") COMP_CWORD=$# COMP_LINE="contactorctl $*" COMP_POINT=999
_contactorctl
echo "${COMPREPLY[*]}"
"""


def completion(d):
    script = os.path.join(os.path.dirname(__file__), "../../core/packaging/completion/contactorctl")
    ctl = os.path.join(os.path.dirname(CONTACTORD), "contactorctl")
    conf = d.path("contactor.toml")
    for words, want in ((("-c", conf, "source", "test", ""), "crm"),
                        (("-c", conf, "sync", "cr"), "crm"),
                        (("-c", conf, "lookup", "--client", ""), "sbc"),
                        (("trace", "--e"), "--explain"), (("lookup", "--as", ""), "")):
        run = subprocess.run(["bash", "-c", COMPLETE, "bash", script, *words], text=True,
                             capture_output=True, check=False, timeout=60,
                             env={**os.environ, "CTL": ctl})
        got = run.stdout.split()
        ok(want in got if want else not got, f"bash completes {words[-3:]}", got, run.stderr)


def does_not_read(d):
    """A client asks and asks, and leaves all answers unread: it goes, the daemon stays."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(d.path("state/control.sock"))
        client.setblocking(False)
        lines = b'{"command":"preview","source":"crm"}\n' * 100

        def dropped():
            try:
                client.send(lines)
            except BlockingIOError:
                pass
            except OSError:
                return True
            return False

        ok(wait_for(dropped, 60), "who reads no answers is dropped")
    ok("does not read" in d.log(), "which the log tells", d.log()[-500:])
    is_(d.ctl("status").returncode, 0, "others are answered on")


def too_many(d):
    clients = [socket.socket(socket.AF_UNIX) for _ in range(65)]
    for client in clients:
        client.connect(d.path("state/control.sock"))
    ok(wait_for(lambda: "too many connections" in d.log(), 5), "too many connections are told")
    is_(d.ctl("status").returncode, 0, "idle ones make room")
    for client in clients:
        client.close()


with Daemon(CONFIG) as daemon:
    for part in (answers, lookups, numbers, errors, why_not, hidden, completion, does_not_read,
                 too_many):
        part(daemon)
check_without_daemon()
gone = Daemon(CONFIG)
stopped = gone.ctl("status")
is_(stopped.returncode, 3, "no daemon: exit 3")
ok("control.sock" in stopped.stderr, "and the socket it looked for is named", stopped.stderr)
done()
