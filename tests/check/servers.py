"""contactor-plugin-check over the sources that ask programs, databases and servers, each against
a real one."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from davserver import DavServer, cards  # noqa: E402
from harness import BUILD, SOURCE, done, ok  # noqa: E402
from slapd import Slapd  # noqa: E402

CHECK = os.path.join(BUILD, "sdk", "check", "contactor-plugin-check")
WORK = tempfile.mkdtemp(prefix="contactor-check-")
# Every check that a source can pass, with delta, search, and a test.
SOURCE_CHECKS = {"descriptor", "object", "schema", "config", "start", "sync", "sync-cancel",
                 "sync-error", "life", "late", "instances", "memory", "blocking", "host-new"}
LANE_CHECKS = {"sync-stop", "test"}
LIVE_CHECKS = {"search", "search-cancel"}


def write(name, text, mode=0o644):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def passes(name, toml, expected):
    path = write(name + ".toml", f'[source.x]\nplugin = "{name}"\n{toml}')
    plugin = os.path.join(BUILD, "plugins", name, name + ".so")
    run = subprocess.run([CHECK, plugin, "--config", path, "--json"], capture_output=True, text=True,
                         timeout=400)
    checks = {c["check"]: c for c in json.loads(run.stdout or '{"checks":[]}')["checks"]}
    bad = {n: (c.get("found"), c.get("output"), c["warnings"]) for n, c in checks.items()
           if c["result"] in ("failed", "warning")}
    fine = {n for n, c in checks.items() if c["result"] == "ok"}
    ok(run.returncode == 0 and not bad, f"{name} passes", run.stderr,
       *[f"{n}: {found}\n{output}\n{warnings}" for n, (found, output, warnings) in bad.items()])
    ok(fine >= expected, f"{name}: {len(fine)} checks could be made",
       {n: checks.get(n) for n in expected - fine})
    for n in ("sync", "test", "life", "blocking"):
        print(f"# {name}: {n}: {checks.get(n, {}).get('note')} ({checks.get(n, {}).get('ms')} ms)")


def database(name, more=""):
    path = os.path.join(WORK, name)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, first TEXT, last TEXT, company TEXT,"
               " phone TEXT, mobile TEXT, mail TEXT, changed INTEGER, deleted INTEGER)")
    db.executemany("INSERT INTO customer VALUES (?, 'Anna', ?, 'Muster GmbH', ?, '', '', ?, 0)",
                   [(i, f"Meier {i}", f"+49 89 7{i:06d}", i) for i in range(1, 301)])
    db.commit()
    db.close()
    return path


def programs():
    script = os.path.join(SOURCE, "examples", "exec", "contacts.py")
    passes("exec", f'command = ["/usr/bin/python3", "{script}", "{database("exec.db")}"]\n'
           "keep_running = true\n",
           SOURCE_CHECKS | LANE_CHECKS | LIVE_CHECKS | {"cursor"})


def odbc():
    passes("odbc", f'connection = "Driver=SQLite3"\nfile = "{database("odbc.db")}"\n'
           'query = "SELECT id, first AS given_name, last AS surname, phone AS phone_business, '
           'changed FROM customer"\nwatermark = "changed"\n',
           SOURCE_CHECKS | LANE_CHECKS | LIVE_CHECKS | {"cursor", "parallel"})


def directory():
    people = "".join(
        f"\ndn: uid=u{n},dc=contacts\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: Person {n}\n"
        f"sn: Surname{n}\ntelephoneNumber: +49 89 1{n:06d}\n" for n in range(200))
    with Slapd("dn: dc=contacts\nobjectClass: organization\nobjectClass: dcObject\ndc: contacts\n"
               "o: contacts\n" + people, syncprov=0) as server:
        passes("ldap_source", f'url = "{server.url}"\nstart_tls = false\n',
               SOURCE_CHECKS | LANE_CHECKS | LIVE_CHECKS | {"cursor", "parallel"})


def books():
    with DavServer() as server:
        server.store("crm", cards(120))
        passes("carddav", f'url = "{server.url("crm")}"\n', SOURCE_CHECKS | {"cursor", "sync-pause"})


try:
    for part in (programs, odbc, directory, books):
        if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
            part()
finally:
    shutil.rmtree(WORK)
done()
