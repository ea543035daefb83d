"""contactorctl: each command, its JSON, its exit codes, its errors."""
import json
import socket

from harness import CONFIG, Daemon, done, is_, ok, wait_for


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
    for part in (answers, lookups, numbers, errors, does_not_read, too_many):
        part(daemon)
gone = Daemon(CONFIG)
stopped = gone.ctl("status")
is_(stopped.returncode, 3, "no daemon: exit 3")
ok("control.sock" in stopped.stderr, "and the socket it looked for is named", stopped.stderr)
done()
