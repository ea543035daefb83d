"""A CSV file as companies treat it: replaced, broken, emptied, gone; and never a lost name."""
import os
import time

from harness import CONFIG, CONTACTS, Daemon, done, is_, ok, wait_for

ANNA = "(telephoneNumber=+4989840798192)"


def has(d, filter_text, names, seconds=15):
    return wait_for(lambda: d.names(filter_text) == names, seconds, 0.1)


def failed(d):
    return (d.source() or {}).get("last_error")


def watched():
    with Daemon() as d:
        is_(d.source()["contacts"], 8, "all rows are loaded")
        d.write("contacts.csv", CONTACTS.replace("1;Anna;", "1;Annegret;"))
        ok(has(d, ANNA, ["Annegret Meier"]), "an atomically replaced file is read by itself")
        with open(d.path("contacts.csv"), "a", encoding="utf-8") as f:
            f.write("9;Nina;Neu;Neu AG;;+49 89 1234500;;;;;;\n")
        ok(has(d, "(telephoneNumber=089123 4500)", ["Nina Neu"]), "so is one written in place")
        os.unlink(d.path("contacts.csv"))
        ok(wait_for(lambda: failed(d), 15), "a file that vanished is told")
        ok("contacts.csv" in str(failed(d)), "by name", failed(d))
        is_(d.names(ANNA), ["Annegret Meier"], "its last good data keep answering")
        d.write("contacts.csv", CONTACTS)
        ok(has(d, ANNA, ["Anna Meier"]), "it comes back and is read")
        ok(wait_for(lambda: not failed(d), 10), "the error is gone")
        d.write("contacts.csv", CONTACTS[:CONTACTS.index("Voltaire")] + '"half written')
        ok(wait_for(lambda: failed(d), 15), "a half-written file is refused")
        is_(d.source()["contacts"], 8, "with nothing lost")
        d.write("contacts.csv", CONTACTS.split("\n")[0] + "\n")
        time.sleep(1)
        ok(wait_for(lambda: failed(d), 15), "an empty export is refused")
        is_(d.source()["contacts"], 8, "and deletes nobody")
        d.write("contacts.csv", "\n".join(CONTACTS.split("\n")[:4]) + "\n")
        ok(wait_for(lambda: "delet" in str(failed(d)), 15),
           "a file that lost most of its rows is refused", failed(d))
        is_(d.source()["contacts"], 8, "deletes nobody either")
        run = d.ctl("sync", "crm", "--allow-delete")
        is_((run.returncode, d.source()["contacts"]), (0, 3), "until the admin allows it once",)


def bad_rows():
    rows = CONTACTS + "1;Again;Double;X;;+49 89 555;;;;;;\n;Without;Id;X;;+49 89 556;;;;;;\n"
    rows += "10;To;Many;X;;+49 89 557;;;;;;;;;too;many\n11;Fine;Person;X;;+49 89 558000;;;;;;\n"
    with Daemon(files={"contacts.csv": rows}) as d:
        is_(d.names("(telephoneNumber=089558000)"), ["Fine Person"], "rows after a bad one count")
        ok(has(d, ANNA, ["Anna Meier"]), "the first of two rows with one id wins")
        info = d.source()
        text = str(info.get("rejected")) + str(info)
        ok("line 10" in text and "line 11" in text, "rejected rows are listed by line", info)
    windows = CONTACTS.encode("cp1252")
    with Daemon(files={"contacts.csv": windows}) as d:
        is_(d.names("(sn=müller)"), ["Bernd Müller"], "Windows-1252 is recognised")
    with Daemon(files={"contacts.csv": CONTACTS.encode("utf-16")}) as d:
        is_(d.names("(sn=müller)"), ["Bernd Müller"], "UTF-16 is recognised")
    with Daemon(files={"contacts.csv": b"\xef\xbb\xbf" + CONTACTS.replace(";", "\t").encode()}) as d:
        is_(d.names("(sn=müller)"), ["Bernd Müller"], "UTF-8 with a mark, and tabs")


def killed():
    """kill -9 while syncs run: every start finds one whole version of the file."""
    def version(n):
        lines = ["id;first;last;company;department;business;mobile;home;fax;mail;city;note"]
        lines += [f"{i};Version{n};Person{i};Acme;;+49 89 4{i:06d};;;;;;" for i in range(3000)]
        return "\n".join(lines) + "\n"

    d = Daemon(CONFIG.replace("[user.sbc]", "size_limit = 100000\n[user.sbc]"),
               files={"contacts.csv": version(0)})
    with d:
        acknowledged = 0
        for n in range(1, 13):
            d.write("contacts.csv", version(n))
            d.ctl("sync", "crm", "--no-wait")
            time.sleep(0.05 * (n % 6))
            d.kill()
            d.write("contacts.csv", "")      # the cache must answer, not the file
            started = time.monotonic()
            d.start()
            ok(time.monotonic() - started < 10, f"kill {n}: it starts again")
            entries = d.entries("(telephoneNumber=+49894*)", "givenName", sizelimit=0)
            versions = {a["givenName"][0] for _, a in entries}
            is_(len(versions), 1, f"kill {n}: all contacts are of one version")
            seen = int(next(iter(versions))[7:])
            ok(seen >= acknowledged, f"kill {n}: no acknowledged version is lost", seen)
            d.write("contacts.csv", version(n))
            is_(d.ctl("sync", "crm").returncode, 0, f"kill {n}: the next sync works")
            acknowledged = n


watched()
bad_rows()
killed()
done()
