"""odbc_cases - what the ODBC source must do with any database server; odbc_postgres and
odbc_mariadb run it against a real one each."""
import os
import shutil
import time

from harness import Daemon, is_, ok, wait_for
from servers import BlackHole

PASSWORD = "p;w}d{ =ä'\\"
COLUMNS = "id, first, last, company, phone, mobile, amount, born, note, modified"
MAP = """
[source.crm.map]
given_name = "first"
surname = "last"
organisation = "company"
phone_business = "phone"
phone_mobile = "mobile"
x_amount = "amount"
x_born = "born"
note = "note"
"""
CONFIG = """
[contactor]
state_dir = "{dir}/state"
[dialplan.munich]
country = "DE"
area_code = "89"
main_number = "+49 89 840798"
extension_length = 3
[source.crm]
plugin = "odbc"
dialplan = "munich"
sync = "manual"
connection = "CONNECTION"
user = "reader"
password_file = "{dir}/crm.password"
query = "QUERY"
key = "id"
MORE
MAP
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"
"""
PAYLOADS = [
    "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE person; --", "'; DELETE FROM person; --",
    '"; DROP TABLE person; --', "') OR ('1'='1", "')); DROP TABLE person; --",
    "' UNION SELECT * FROM person --", "\\'; DROP TABLE person; --", "\\\\'; DROP TABLE person; --",
    "\\", "'", "''", "'''", '"', "`", ";", "--", "/*", "*/", "#", "# OR 1=1", "%", "%%%%", "_", "!",
    "!%!_![", "?", ":number", ":text", "$$", "$1", "$tag$ OR 1=1 $tag$", "{fn user()}",
    "{call evil}", "E'\\''", "x'27'", "0x27204f5220313d31", "CHAR(39)||CHAR(79)", "1 OR 1=1",
    "1) OR (1=1", "NULL", "'; SELECT evil(); --", "' || evil() || '", "' AND evil() = 1 AND '1'='1",
    "'; COMMIT; DELETE FROM person; --", "'; SET SESSION TRANSACTION READ WRITE; --",
    "'; SET default_transaction_read_only = off; --", "' AND SLEEP(5) AND '1'='1",
    "' AND pg_sleep(5) IS NULL --", "'; WAITFOR DELAY '0:0:5'; --", "¿' OR 1=1 --",
    "ʼ OR 1=1", "＇ OR 1=1 --", "\u4e27\u5c27' OR 1=1", "%27%20OR%201=1", "&#39; OR 1=1",
    "\x01' OR 1=1", "\r\n'; DROP TABLE person; --", "\t' OR 1=1", "\U0001f600' OR 1=1",
    "a' RLIKE (SELECT 1) --", "' PROCEDURE ANALYSE() --", "' INTO OUTFILE '/tmp/contactor-evil",
    "'; COPY person TO '/tmp/contactor-evil'; --", "' LIMIT 1000 --",
]


class Case:
    """One server with a table of persons, and how its SQL differs."""

    def __init__(self, server, fast_timeout="2s"):
        self.server, self.timeout = server, fast_timeout

    def daemon(self, query=None, more="", connection=None, wait="crm", files=None, map_=MAP,
               env=None, extra=""):
        config = CONFIG.replace("MORE", more).replace("MAP", map_) + extra
        if "live = true" in more:  # and "manual" would mean: never read, only asked
            config = config.replace('sync = "manual"', 'sync = "20h"')
        config = config.replace("CONNECTION", connection or self.server.odbc("crm"))
        config = config.replace("QUERY", query or f"SELECT {COLUMNS} FROM person")
        d = Daemon(config, wait=wait, env=env,
                   files={"password": "x", **(files or {})})
        d.write("crm.password", PASSWORD + "\n", 0o600)
        return d

    def count(self):
        return int(self.server.sql("SELECT COUNT(*) FROM person", "crm"))


def error(d):
    return str((d.source() or {}).get("last_error"))


def sync(d):
    """Asks for a sync and waits for its end, whatever it is."""
    return d.ctl("sync", "crm")


def tested(d):
    """The test's report, once an instance made anew by a reload is running."""
    def steps():
        value = d.ctl_json("source", "test", "crm")
        return value if value["steps"][-1]["step"] != "start" else None
    return wait_for(steps, 15)


def settled(d):
    """The sync a start or a reload began has ended; then one more."""
    wait_for(lambda: d.source()["state"] != "syncing", 20)
    return wait_for(lambda: sync(d).returncode == 0, 20, 0.5)


def seen(d):
    return d.source()["last"]["seen"]


def values(case):
    """Every kind of value through the driver, to the letter."""
    with case.daemon() as d:
        is_(d.source()["contacts"], case.count(), "every row is a contact")
        dn, anna = d.entries("(telephoneNumber=+49 89 840798-192)")[0]
        is_(dn, "uid=1,ou=crm,dc=contacts", "a caller is found")
        is_((anna["givenName"], anna["sn"], anna["o"]), (["Jürgen 😀"], ["Müller-Groß"], ["Łódź ☎"]),
            "umlauts, accents and emoji come through")
        is_(anna["mobile"], ["+491715556677"], "CHAR without its padding")
        is_((anna["x-amount"], anna["x-born"]), (["12.50"], ["1970-02-28"]), "numbers and dates")
        is_(len(anna["description"][0]), 4500, "a long text")
        bare = d.entries("(uid=2)")[0][1]
        ok("mobile" not in bare and "o" not in bare, "NULL is no value", bare)
        d.ctl("sync", "crm")
        ok(PASSWORD not in d.log(), "the password is not in the log")
        ok("hunter2" not in d.log() + str(d.ctl_json("sources")), "nor in what is shown")


def changes(case, set_modified):
    """Only changes are read; what is gone is noticed."""
    more = 'watermark = "modified"\noverlap = "1s"\ndeletions = "compare"'
    with case.daemon(more=more) as d:
        total = case.count()
        is_(seen(d), total, "the first sync reads everything")
        case.server.sql(f"UPDATE person SET last = 'Neuer', {set_modified} WHERE id = 7", "crm")
        sync(d)
        is_(d.names("(uid=7)"), ["First 7 Neuer"], "a change is there after the next")
        ok(0 < seen(d) < 20, "which read little", d.source()["last"])
        case.server.sql("DELETE FROM person WHERE id = 8", "crm")
        sync(d)
        is_(d.entries("(uid=8)"), [], "a deleted row is gone after the next")
        ok(seen(d) < 20, "which read little, too", d.source()["last"])
        d.stop()
        case.server.sql(f"UPDATE person SET last = 'Nachts', {set_modified} WHERE id = 9;"
                        "DELETE FROM person WHERE id = 10;", "crm")
        d.start()
        sync(d)
        is_((d.names("(uid=9)"), d.entries("(uid=10)")), (["First 9 Nachts"], []),
            "what happened while the daemon was down is noticed")


def hostile(case, stop_evil):
    """Questions are bound, never pasted; and the connection cannot write."""
    lookup = f"SELECT {COLUMNS} FROM person WHERE phone IN (:number, :national, :asked)"
    text = (f"SELECT {COLUMNS} FROM person WHERE last LIKE :prefix ESCAPE '!' OR first = :text OR "
            "last LIKE :contains ESCAPE '!'")
    more = (f'live = true\nlookup = "{lookup}"\nlookup_text = "{text}"\nlookup_timeout = "3s"\n')
    fresh = ("INSERT INTO person (id, first, last, phone, modified) VALUES "
             "(900001, 'Nur', 'Live', '+49301234500', NULL), "
             "(900002, 'Name', 'Lebt', '+49301234501', NULL)")
    with case.daemon(more=more) as d:
        case.server.sql(fresh, "crm")
        is_(d.names("(telephoneNumber=030 1234500)"), ["Nur Live"],
            "a row newer than the cache is found by asking the database")
        is_(d.names("(sn=Lebt)"), ["Name Lebt"], "by name, too")
        before = case.count()
        wrong = []
        for payload in PAYLOADS:
            escaped = "".join(f"\\{b:02x}" for b in payload.encode())
            for attribute in ("telephoneNumber", "sn", "displayName"):
                found = d.entries(f"({attribute}={escaped})", "uid")
                if found:
                    wrong.append((payload, attribute, len(found)))
        is_(wrong, [], f"{3 * len(PAYLOADS)} hostile questions find nobody")
        is_(case.count(), before, "the table is as it was")
        is_(int(case.server.sql(stop_evil, "crm")), 0, "and nothing was written elsewhere")
        ok(not os.path.exists("/tmp/contactor-evil"), "nor into a file")
        is_(d.names("(telephoneNumber=030 1234500)"), ["Nur Live"], "lookups go on")
    case.server.sql("DELETE FROM person WHERE id > 900000", "crm")
    with case.daemon(query="SELECT id, evil() AS last FROM person WHERE id = 1", wait=None,
                     map_='[source.crm.map]\nsurname = "last"') as d:
        wait_for(lambda: error(d) != "None", 15)
        ok("read" in error(d).lower(), "a function that writes is refused by the server", error(d))
        is_(int(case.server.sql(stop_evil, "crm")), 0, "it wrote nothing")


def told(case, statements):
    """The test names the cause and the remedy; a schema that changes is told by name."""
    with case.daemon(more='watermark = "modified"') as d:
        value = d.ctl_json("source", "test", "crm")
        is_([s["step"] for s in value["steps"]],
            ["driver", "resolve", "connect", "login", "query", "rows", "changes"],
            "the test goes step by step")
        ok(value["ok"], "everything works", value)
        d.write("crm.password", "wrong-hunter2\n", 0o600)
        d.reload()
        value = tested(d)
        last = value["steps"][-1]
        is_((last["step"], value["ok"]), ("login", False), "a wrong password fails at the login")
        ok("password_file" in last["remedy"] and "hunter2" not in str(value),
           "with a remedy, without the password", last)
        before = d.source()["contacts"]
        sync(d)
        is_(d.source()["contacts"], before, "contacts stay")
        d.write("crm.password", PASSWORD + "\n", 0o600)
        d.reload()
        ok(settled(d), "the right password works again", error(d))
        case.server.sql("ALTER TABLE person RENAME COLUMN company TO firm", "crm")
        sync(d)
        ok("company" in error(d) and "last good data stay" in error(d),
           "a column that was renamed is told", error(d))
        case.server.sql("ALTER TABLE person RENAME COLUMN firm TO company", "crm")
        case.server.sql("ALTER TABLE person RENAME TO people", "crm")
        sync(d)
        ok("person" in error(d), "a table that is gone is an error, not an empty one", error(d))
        value = d.ctl_json("source", "test", "crm")
        last = value["steps"][-1]
        ok(last["step"] == "query" and "table" in last["remedy"], "the test names it", last)
        is_(d.source()["contacts"], before, "and nobody is deleted")
        case.server.sql("ALTER TABLE people RENAME TO person", "crm")
        is_(sync(d).returncode, 0, "when it is back all is well")
    with case.daemon(query=statements["half"], wait=None) as d:
        wait_for(lambda: error(d) != "None", 20)
        ok("division" in error(d).lower() or "out of range" in error(d).lower() or
           "more than 1 row" in error(d), "half a result, then an error", error(d))
        is_(d.source()["contacts"], 0, "commits nothing")
    with case.daemon(query=statements["slow"], wait=None,
                     more=f'query_timeout = "{case.timeout}"') as d:
        began = time.monotonic()
        wait_for(lambda: error(d) != "None", 20)
        ok(time.monotonic() - began < 15, "a slow query is ended", error(d))
        ok(wait_for(lambda: case.server.sql(statements["running"]) == "0", 10),
           "on the server, too", case.server.sql(statements["running"]))


def beside(case, slow, slow_lookup, running):
    """A lookup does not wait for a sync, and is not waited for by anybody."""
    anna = "(telephoneNumber=+49 89 840798-192)"
    lookup = f"SELECT {COLUMNS} FROM person WHERE id = 1 AND :asked = :asked"
    with case.daemon(query=slow, wait=None, more=f'live = true\nlookup = "{lookup}"') as d:
        ok(wait_for(lambda: (d.source() or {}).get("state") == "syncing", 10), "a long sync runs")
        is_(d.names(anna), ["Jürgen 😀 Müller-Groß"], "a lookup is answered beside it")
        is_(d.source()["state"], "syncing", "and the sync goes on")
        began = time.monotonic()
        d.stop()
        ok(time.monotonic() - began < 10, "it ends with the daemon", time.monotonic() - began)
        d.start()
    with case.daemon(query=f"SELECT {COLUMNS} FROM person WHERE id > 1",
                     more=f'live = true\nlookup_timeout = "1s"\nlookup = "{slow_lookup}"') as d:
        began = time.monotonic()
        is_(d.names(anna), [], "a lookup that takes a minute finds nothing")
        ok(time.monotonic() - began < 5, "and nobody waits for it", time.monotonic() - began)
        is_(d.names("(uid=7)"), ["First 7 Neuer"], "the cache answers")
        ok(wait_for(lambda: case.server.sql(running) == "0", 10), "the server is told to stop")


def dies(case, slow, after):
    """kill -9 in the middle of a sync, and a server that freezes: nothing lost, found again."""
    with case.daemon(more='query_timeout = "3s"\nconnect_timeout = "2s"') as d:
        anna = "(telephoneNumber=+49 89 840798-192)"
        name, before = d.names(anna), d.source()["contacts"]
        d.configure(open(d.config_path, encoding="utf-8").read()
                    .replace(f"SELECT {COLUMNS} FROM person", slow))
        d.reload()
        ok(wait_for(lambda: (d.source() or {}).get("state") == "syncing", 10), "a sync is under way")
        time.sleep(after)  # some rows have come, many have not
        case.server.kill()
        ok(wait_for(lambda: error(d) != "None", 15), "the server dies: the sync fails", error(d))
        is_((d.names(anna), d.source()["contacts"]), (name, before), "lookups go on")
        d.configure(open(d.config_path, encoding="utf-8").read()
                    .replace(slow, f"SELECT {COLUMNS} FROM person"))
        d.reload()
        last = tested(d)["steps"][-1]
        is_(last["step"], "connect", "the test says that nobody listens")
        case.server.start()
        ok(wait_for(lambda: error(d) == "None", 40, 0.3), "it comes back and is read by itself",
           error(d))
        is_(d.source()["contacts"], before, "with everything")
        case.server.freeze()
        began = time.monotonic()
        run = sync(d)
        ok(run.returncode != 0 and time.monotonic() - began < 15, "a frozen server is given up on",
           error(d), time.monotonic() - began)
        is_(d.names(anna), name, "lookups go on")
        case.server.thaw()
        ok(wait_for(lambda: sync(d).returncode == 0, 40, 0.5), "it thaws and is read again", error(d))


def by_dsn(case):
    """A data source of odbc.ini, and a listener that never answers."""
    keys = dict(pair.split("=", 1) for pair in case.server.odbc("crm").split(";"))
    keys["Servername"] = keys["Server"]  # as PostgreSQL's driver has it in odbc.ini
    ini = "[company]\n" + "".join(f"{k} = {v.strip('{}')}\n" for k, v in keys.items())
    with case.daemon(wait=None, files={"odbc/odbc.ini": ini}) as d:
        d.stop()
        shutil.copy("/etc/odbcinst.ini", d.path("odbc/odbcinst.ini"))
        shutil.copy(d.path("crm.password"), d.path("odbc/crm.password"))
        d.env = {"ODBCSYSINI": d.path("odbc"), "ODBCINI": d.path("odbc/odbc.ini")}
        text = open(d.config_path, encoding="utf-8").read()
        text = text.replace(f'connection = "{case.server.odbc("crm")}"', 'dsn = "company"')
        d.configure(text.replace("/crm.password", "/odbc/crm.password"))
        d.start()
        ok(wait_for(lambda: d.source()["contacts"] == case.count(), 20),
           "a data source by its name", error(d))
    hole = BlackHole()
    connection = case.server.odbc("crm").replace(str(case.server.port), str(hole.port))
    with hole, case.daemon(connection=connection, wait=None, more='connect_timeout = "1s"') as d:
        ok(wait_for(lambda: error(d) != "None", 20), "a server that never answers is told", error(d))
        last = d.ctl_json("source", "test", "crm")["steps"][-1]
        is_((last["step"], last["ok"]), ("login", False), "it accepts connections and no login")
        for _ in range(6):
            sync(d)
        threads = len(os.listdir(f"/proc/{d.process.pid}/task"))
        ok(threads < 25, "threads that wait for it are few", threads)
        is_(d.entries("(telephoneNumber=1)"), [], "the daemon answers")
