"""The ODBC source against SQLite files, and against SQL Server's driver without a server."""
import os
import sqlite3
import time

from harness import Daemon, done, free_port, is_, ok, wait_for
from servers import BlackHole

CONFIG = """
[contactor]
state_dir = "{dir}/state"
[dialplan.munich]
country = "DE"
area_code = "89"
[source.crm]
plugin = "odbc"
dialplan = "munich"
sync = "manual"
CONNECTION
query = "SELECT id, first AS given_name, last AS surname, phone AS phone_business, modified FROM person"
MORE
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"
"""
FILE = 'connection = "Driver=SQLite3"\nfile = "{dir}/db/crm.db"'


def daemon(connection=FILE, more="", wait=None, files=None):
    return Daemon(CONFIG.replace("CONNECTION", connection).replace("MORE", more), wait=wait,
                  files={"db/note": "x", **(files or {})})


def error(d):
    return str((d.source() or {}).get("last_error"))


def fill(d, rows=1000):
    db = sqlite3.connect(d.path("db/crm.db"))
    db.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, first TEXT, last TEXT, phone TEXT, "
               "modified TEXT)")
    db.executemany("INSERT INTO person VALUES (?, 'Jürgen', ?, ?, ?)",
                   [(i, f"Groß {i}", f"+49 30 {1000000 + i}",
                     f"2024-0{1 + i % 4}-01T10:00:00Z" if i else "2024-05-01T10:00:00Z")
                    for i in range(rows)])
    db.commit()
    return db


def files():
    d = daemon(more='watermark = "modified"')
    db = fill(d)
    d.wait = "crm"
    with d:
        is_(d.names("(telephoneNumber=030 1000007)"), ["Jürgen Groß 7"],
            "a file is read, columns called like fields need no map")
        db.execute("UPDATE person SET last = 'Weiß', modified = '2024-06-01T10:00:00Z' WHERE id = 7")
        db.commit()
        d.ctl("sync", "crm")
        is_(d.names("(uid=7)"), ["Jürgen Weiß"], "a change is read")
        is_(d.source()["last"]["seen"], 2, "by times with a T and a Z, and nothing else")
        db.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        d.ctl("sync", "crm")
        ok("locked" in error(d) and time.monotonic() - began < 20, "a locked file is told", error(d))
        db.execute("ROLLBACK")
        is_(d.ctl("sync", "crm").returncode, 0, "and read when it is free")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE person SET last = 'Wal', modified = '2024-06-02T10:00:00Z' WHERE id = 8")
        db.commit()
        d.ctl("sync", "crm")
        is_(d.names("(uid=8)"), ["Jürgen Wal"], "a file in WAL mode while it is written to")
        db.close()
        is_(sorted(os.listdir(d.path("db"))), ["crm.db", "note"], "the daemon leaves no files")
        os.rename(d.path("db/crm.db"), d.path("db/away.db"))
        d.ctl("sync", "crm")
        ok(error(d) != "None" and not os.path.exists(d.path("db/crm.db")),
           "a file that vanished is told and not made anew", error(d))
        is_(d.names("(uid=8)"), ["Jürgen Wal"], "its contacts stay")
        d.write("db/crm.db", b"this is not a database at all" * 100)
        d.ctl("sync", "crm")
        ok("not a database" in error(d), "neither is garbage taken for it", error(d))
        os.rename(d.path("db/away.db"), d.path("db/crm.db"))
        d.ctl("sync", "crm")
        ok("WAL" in error(d), "a file in WAL mode that nobody has open is told", error(d))
        db = sqlite3.connect(d.path("db/crm.db"))
        db.execute("PRAGMA journal_mode = DELETE")
        db.close()
        ok(wait_for(lambda: error(d) == "None", 40, 0.3), "it comes back and is read by itself",
           error(d))


def refused():
    for connection, reason in (
            ('connection = "Driver=SQLite3;Database=/srv/crm.db"', "file ="),
            ('connection = "Driver=SQLite3;PWD=hunter2"', "password_file"),
            ("", "connection")):
        d = daemon(connection)
        run = d.ctl("check")
        text = run.stdout + run.stderr
        ok(run.returncode != 0 and reason in text and "hunter2" not in text.replace(connection, ""),
           f"refused before anything is started: {reason}", text)


def sql_server():
    closed = free_port()
    connection = ('connection = "Driver=FreeTDS;Server=127.0.0.1;Port=PORT;Database=crm;'
                  'TDS_Version=7.4"\nuser = "reader"\npassword_file = "{dir}/pw"')
    with daemon(connection.replace("PORT", str(closed)), files={"pw": "hunter2\n"}) as d:
        ok(wait_for(lambda: error(d) != "None", 15), "SQL Server's driver says", error(d))
        ok("connect" in error(d) and "hunter2" not in d.log(), "that nobody listens", error(d))
        steps = d.ctl_json("source", "test", "crm")["steps"]
        is_([s["step"] for s in steps], ["driver", "resolve", "connect"], "the test stops there")
        ok("refused" in steps[-1]["detail"], "at a refused connection", steps[-1])
    hole = BlackHole()
    with hole, daemon(connection.replace("PORT", str(hole.port)), 'connect_timeout = "1s"',
                      files={"pw": "hunter2\n"}) as d:
        began = time.monotonic()
        ok(wait_for(lambda: error(d) != "None", 15), "a listener that never answers", error(d))
        ok(time.monotonic() - began < 12, "is given up on", time.monotonic() - began)
        for _ in range(6):
            d.ctl("sync", "crm")
        threads = len(os.listdir(f"/proc/{d.process.pid}/task"))
        ok(threads < 25, "the threads that wait for it are few", threads, error(d))
    with daemon('connection = "Driver=FreeTDS;Server=nowhere.invalid"') as d:
        steps = d.ctl_json("source", "test", "crm")["steps"]
        ok(steps[-1]["step"] == "resolve" and "Server=" in steps[-1]["remedy"],
           "a name that nobody knows", steps[-1])


files()
refused()
sql_server()
done()
