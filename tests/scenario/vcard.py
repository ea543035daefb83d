"""A folder of vCards as phones, mail programs and servers export them, asked over LDAP; files come,
change, go, break and come back."""
import contextlib
import os
import subprocess

from harness import BUILD, CONFIG, CONTACTORD, SOURCE, Daemon, done, is_, ok, wait_for

VCARDS = os.path.join(SOURCE, "tests", "scenario", "vcards")
FILES = {"cards/" + name: open(os.path.join(VCARDS, name), "rb").read()
         for name in sorted(os.listdir(VCARDS))}
MAP = CONFIG[CONFIG.index("[source.crm.map]"):CONFIG.index("[frontend.sbc]")]
FOLDER = CONFIG.replace('plugin = "csv"', 'plugin = "vcard"').replace(
    'file = "{dir}/contacts.csv"', 'path = "{dir}/cards"').replace(
    MAP, '[source.crm.map]\nx_customer = "X-CUSTOMER-NO"\nphone_business = "TEL/Portable perso"\n\n')
ANNA = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:anna\r\nFN:Anna {}\r\nTEL;TYPE=CELL:{}\r\nEND:VCARD\r\n"


def number(d, text):
    return d.names(f"(|(telephoneNumber={text})(mobile={text})(homePhone={text})"
                   f"(facsimileTelephoneNumber={text}))")


def comes(d, text, names, seconds=15):
    return wait_for(lambda: number(d, text) == names, seconds, 0.1)


def failed(d):
    return (d.source() or {}).get("last_error")


def exporters():
    with Daemon(FOLDER, files=FILES) as d:
        is_(d.source()["contacts"], 18, "all cards of all files but groups, private and broken ones")
        for asked, name in (("+4989840798192", "Dr. Jörg Müller"), ("01715556677", "Dr. Jörg Müller"),
                            ("00420224123456", "Jiří Řeháček"), ("+35315550100", "Siobhán O'Neill"),
                            ("+43 1 5333763", "Café Central"), ("030/901821", "Max von Mustermann"),
                            ("+491607654321", "Jürgen Größe genannt der Große"),
                            ("+48601234567", "Łukasz Wiśniewski"), ("+33612345678", "Amélie Dupont"),
                            ("+33 1 42 68 50 00", "Voltaire SA"), ("089 1234567", "Grete Schäfer"),
                            ("+41441234567", "Zürich 😀 Büro"), ("+498922220", None),
                            ("+49892222", "Good One"), ("+49895555", "Lower Case"), ("+380441234567", "Ольга Иванова")):
            is_(number(d, asked), [name] if name else [], f"{asked} is {name or 'nobody'}")
        is_(number(d, "+498151999"), [], "a private card is not shown")
        is_(d.names("(sn=mueller)"), ["Dr. Jörg Müller"], "quoted-printable names are found")
        _, attributes = d.entries("(sn=O'Neill)")[0]
        is_((attributes.get("o"), attributes.get("ou"), attributes.get("l")),
            (["Emerald, Harp & Co."], ["Sales, EMEA"], ["Dublin"]), "firm and place")
        photo = d.ldapsearch("(sn=O'Neill)", "jpegPhoto").stdout
        ok("jpegPhoto:: /9j/4AAQSkZJRg" in photo, "the photo is there", photo)
        rejected = str(d.ctl_json("sources"))
        ok("broken.vcf line 13" in rejected and "NUL" in rejected,
           "broken cards are listed by file and line", rejected)
        log = d.log()
        ok("private_left_out=2" in log and "groups=2" in log, "what was left out is counted", log)
        ok("Müller" not in log and "840798-192" not in log, "no contact is in the log")


def folders():
    """Folders within the folder, at any depth, also those that come and go later."""
    config = FOLDER.replace('path = "{dir}/cards"', 'path = "{dir}/cards"\nrecursive = true')
    with Daemon(config, files={"cards/a/b/anna.vcf": ANNA.format("One", "+49891111")}) as d:
        ok(comes(d, "+49891111", ["Anna One"]), "a card in a folder in a folder is read")
        d.write("cards/a/b/anna.vcf", ANNA.format("Two", "+49891111"))
        ok(comes(d, "+49891111", ["Anna Two"], 10), "one that changes there is seen")
        d.write("cards/c/d/e/bert.vcf", ANNA.format("Bert", "+49892222").replace("UID:anna", "UID:b"))
        ok(comes(d, "+49892222", ["Anna Bert"], 10), "so is one in folders that are new")
        d.write("cards/c/d/e/bert.vcf", ANNA.format("Bob", "+49892222").replace("UID:anna", "UID:b"))
        ok(comes(d, "+49892222", ["Anna Bob"], 10), "and a change within them")
        os.rename(d.path("cards/c/d"), d.path("cards/a/d"))
        d.write("cards/a/d/e/bert.vcf", ANNA.format("Bill", "+49892222").replace("UID:anna", "UID:b"))
        ok(comes(d, "+49892222", ["Anna Bill"], 10), "and within one that moved")
        watched = inotify_watches(d.process.pid)
        for i in range(5):
            os.makedirs(d.path(f"cards/x/{i}"))
            os.rename(d.path(f"cards/x/{i}"), d.path(f"out{i}"))
        d.ctl("sync", "crm")
        ok(inotify_watches(d.process.pid) <= watched + 1, "what has gone is no longer watched",
           watched, inotify_watches(d.process.pid))
        ok("not_watched" not in d.log(), "all could be")


def inotify_watches(pid):
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                n += f.read().count("inotify wd:")
    return n


def changes():
    files = {k: v for k, v in FILES.items() if "broken" not in k}
    with Daemon(FOLDER, files=files) as d:
        before = d.source()["contacts"]
        d.write("cards/anna.vcf", ANNA.format("Neu", "+49 171 2000001"))
        ok(comes(d, "+491712000001", ["Anna Neu"]), "a new file is answered by itself")
        d.write("cards/anna.vcf", ANNA.format("Alt", "+49 171 2000002"))
        ok(comes(d, "+491712000002", ["Anna Alt"]), "so is a changed one")
        is_(number(d, "+491712000001"), [], "without what it held before")
        with open(d.path("cards/anna.vcf"), "w", encoding="utf-8", newline="") as f:
            f.write(ANNA.format("InPlace", "+49 171 2000003"))
        ok(comes(d, "+491712000003", ["Anna InPlace"]), "and one written in place")
        os.unlink(d.path("cards/anna.vcf"))
        ok(comes(d, "+491712000003", []), "a removed one is forgotten")
        is_(d.source()["contacts"], before, "and no other")

        whole = ANNA.format("Halb", "+49 171 2000004")
        d.write("cards/anna.vcf", whole[:-6])
        ok(wait_for(lambda: "half written" in str(failed(d)), 15), "a half-written file is refused",
           failed(d))
        is_(d.source()["contacts"], before, "with nothing lost")
        is_(number(d, "+4989840798192"), ["Dr. Jörg Müller"], "lookups go on")
        d.write("cards/anna.vcf", whole)
        ok(comes(d, "+491712000004", ["Anna Halb"]), "complete, it is read")

        os.symlink("/etc/passwd", d.path("cards/evil.vcf"))
        os.mkfifo(d.path("cards/pipe.vcf"))
        is_(d.ctl("sync", "crm").returncode, 0, "links and pipes in the folder do no harm")
        rejected = str(d.ctl_json("sources"))
        ok("evil.vcf" in rejected and "symbolic link" in rejected and "pipe.vcf" in rejected,
           "and are told", rejected)

        os.rename(d.path("cards"), d.path("gone"))
        ok(wait_for(lambda: "cards" in str(failed(d)), 15), "a folder that vanished is told", failed(d))
        is_(number(d, "+491712000004"), ["Anna Halb"], "its contacts stay")
        os.mkdir(d.path("cards"))
        d.ctl("sync", "crm")
        ok("holds no contacts" in str(failed(d)), "an empty folder is refused", failed(d))
        os.rmdir(d.path("cards"))
        os.rename(d.path("gone"), d.path("cards"))
        ok(wait_for(lambda: not failed(d), 15), "it comes back and is read", failed(d))


def one_file():
    """A single export with many cards, private ones for their owner."""
    config = FOLDER.replace('path = "{dir}/cards"', 'path = "{dir}/all.vcf"\nprivate = "owner"\n'
                            'owner = "sbc"')
    with Daemon(config, files={"all.vcf": b"".join(
            FILES["cards/" + f] for f in ("outlook-utf8.vcf", "cardbook.vcf", "apple.vcf"))}) as d:
        is_(d.source()["contacts"], 5, "exports one behind the other are one file")
        is_(number(d, "+498151999"), [], "private cards are not for everybody")
        bind = ("uid=sbc", "s3cret-of-the-sbc")
        is_(d.names("(homePhone=+498151999)", bind=bind), ["Petra Privat"], "but for their owner")
        is_(d.names("(telephoneNumber=+4989840798192)", bind=bind), ["Renée Zimmer"],
            "tel: with ext= is one number")


def bulk():
    cards = "".join(f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u{i}\r\nFN:Person {i}\r\nN:{i};Person;;;\r\n"
                    f"TEL;TYPE=WORK:+49 30 {i:07d}\r\nEND:VCARD\r\n" for i in range(30000))
    with Daemon(FOLDER.replace("{dir}/cards", "{dir}/bulk.vcf"), files={"bulk.vcf": cards}) as d:
        is_(d.source()["contacts"], 30000, "30000 cards")
        is_(number(d, "+49300029999"), ["Person 29999"], "the last one answers")


def described():
    run = subprocess.run([CONTACTORD, "--describe", os.path.join(BUILD, "plugins", "vcard", "vcard.so")],
                         capture_output=True, text=True)
    ok(run.returncode == 0 and "recursive" in run.stdout and "pattern" in run.stdout,
       "the options describe themselves", run.stdout, run.stderr)


exporters()
folders()
changes()
one_file()
bulk()
described()
done()
