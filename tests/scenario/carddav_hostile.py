"""CardDAV servers that lie, hang, or speak something else: every fault is told by its cause, the
last good data keep answering, and once the server behaves again so does the source."""
import time

import davserver
from davserver import DavServer, basic, bearer, cards, digest, vcard
from harness import Daemon, done, is_, ok, wait_for

HEAD = """
[contactor]
state_dir = "{dir}/state"
[dialplan.munich]
country = "DE"
area_code = "89"
[frontend.sbc]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{port}"]
dialplan = "munich"
anonymous = "allow"
"""

# What the administrator reads, in each mode of davserver.
FAULTS = {
    "endless": "longer than", "endless_token": "has no end", "slow": "too slowly",
    "silent": "did not answer within 1 s", "huge": "longer than", "half": "closed the connection",
    "half_cards": "closed the connection", "bomb": "document type", "gzip_bomb": "longer than",
    "headers": "more headers", "stale": "again and again", "cut_for_ever": "cuts its answer",
    "malformed": "not well-formed XML", "deep": "nested too deeply", "html": "answers 200",
    "html207": "instead of XML", "other_xml": "not WebDAV", "garbage": "not answer as a web server",
    "loop": "in circles", "elsewhere": "redirects to http://127.0.0.2",
    "downgrade": "no address", "denied": "refuses the login", "forbidden": "answers 403",
    "busy": "asked too often", "broken": "answers 500", "unavailable": "left alone for 77 s",
    "gone": "answers 404",
}


def source(name, url, extra=""):
    return f"""
[source.{name}]
plugin = "carddav"
dialplan = "munich"
url = "{url}"
timeout = "1s"
max_answer = "8M"
sync = "1h"
{extra}
"""


def login(user, auth, secret):
    return f'user = "{user}"\nauth = "{auth}"\npassword_file = "{{dir}}/{secret}"\n'


def state(d):
    return {s["name"]: s for s in d.sources() or []}


def sync_all(d, names):
    for name in names:
        d.ctl("sync", name, "--no-wait")


def hostile():
    with DavServer() as server:
        names = sorted(FAULTS)
        config = HEAD
        for i, name in enumerate(names):
            store = server.store(name, cards(5, first=10 * i))
            store.auth = digest("u", "secret") if name == "stale" else None
            extra = login("u", "auto", "pw") if name in ("denied", "stale") else ""
            config += source(name, server.url(name), extra)
        d = Daemon(config, files={"pw": "secret\n"}, wait=None)
        with d:
            full = wait_for(lambda: all(state(d)[n]["contacts"] == 5 for n in names), 20)
            ok(full, f"{len(names)} sources are read side by side",
               {n: s.get("last_error") for n, s in state(d).items()})
            for name in names:
                store = server.httpd.stores[name]
                store.put("c-new.vcf", vcard(900000))
                if name in ("cut_for_ever",):
                    store.expire()
                store.mode = name
            sync_all(d, names)
            told, lookups = {}, []
            end = time.monotonic() + 20
            while time.monotonic() < end and len(told) < len(names):
                began = time.monotonic()
                good = d.names("(telephoneNumber=+49897000011)") == ["Person 11"]
                lookups.append(time.monotonic() - began if good else 99)
                for name, s in state(d).items():
                    if s.get("last_error"):
                        told.setdefault(name, s["last_error"])
            ok(lookups and max(lookups) < 0.5, "lookups go on meanwhile", max(lookups))
            after = state(d)
            for name in names:
                ok(FAULTS[name] in str(told.get(name)), f"{name} is told", told.get(name))
                is_(after[name]["contacts"], 5, f"{name} loses nothing")
            ok(d.rss_kb() < 600_000, "memory stays bounded", d.rss_kb())
            ok("secret" not in d.log(), "the password is in no message")
            for name in names:
                server.httpd.stores[name].mode = None
            polite = ("busy", "unavailable")
            sync_all(d, names)
            fine = wait_for(lambda: all(state(d)[n]["contacts"] == 6 and
                                        not state(d)[n].get("last_error")
                                        for n in names if n not in polite), 20)
            ok(fine, "all are read again once their server behaves",
               {n: (s["contacts"], s.get("last_error")) for n, s in state(d).items()})
            for name in polite:
                ok("left alone for a while" in str(state(d)[name].get("last_error")),
                   f"{name}: the server's wish to be left alone is heeded",
                   state(d)[name].get("last_error"))


def servers():
    """What servers do differently, without being wrong."""
    with DavServer() as server:
        config = HEAD

        def add(name, n=250, extra="", url=None, **kw):
            nonlocal config
            store = server.store(name, cards(n))
            for key, value in kw.items():
                setattr(store, key, value)
            config += source(name, url or server.url(name), extra)
            return store
        stores = {
            "pages": add("pages", page=7),
            "ctag": add("ctag", can_sync=False),
            "no_etag": add("no_etag", named=davserver.without_etag),
            "bare": add("bare", named=davserver.bare_status),
            "one_by_one": add("one_by_one", 20, mode="no_multiget"),
            "gaps": add("gaps", 40, mode="leaves_out"),
            "basic": add("basic", 30, login("u", "auto", "pw"), auth=basic("u", "secret")),
            "digest": add("digest", 30, login("u", "digest", "pw"), auth=digest("u", "secret")),
            "both": add("both", 30, login("u", "auto", "pw"),
                        auth=digest("u", "secret", offer_basic=True)),
            "bearer": add("bearer", 30, 'auth = "bearer"\ntoken_file = "{dir}/pw"\n',
                          auth=bearer("secret")),
            "wrong": add("wrong", 30, login("u", "basic", "pw"), auth=basic("u", "other")),
            "exact": add("exact", 30, url=server.url("exact") + "books/main/"),
            "moved": add("moved", 30, url=f"http://127.0.0.1:{server.port}/"),
            "home": add("home", 30, mode="bad_home"),
            "named": add("named", 30, 'address_books = ["Main", "Kunden"]\n'),
            "owned": add("owned", 3, 'owner = "anna"\n'),
            "large": add("large", 5, 'max_card = "1K"\n'),
            "many": add("many", 30, "max_contacts = 20\n"),
        }
        server.httpd.well_known = "/moved/"
        stores["large"].cards["c0.vcf"] = vcard(0).replace("FN:", "NOTE:" + "x" * 5000 + "\r\nFN:")
        stores["large"].cards["c1.vcf"] = "no vcard\r\n"
        want = {n: len(s.cards) for n, s in stores.items()}
        want.update(wrong=0, home=0, named=0, large=3, many=0)
        d = Daemon(config + '[user.anna]\npassword_file = "{dir}/pw"\n',
                   files={"pw": "secret\n"}, wait=None)
        with d:
            wait_for(lambda: all(state(d)[n]["contacts"] == want[n] for n in want) and
                     all(s.get("last_error") for s in state(d).values() if not want[s["name"]]), 25)
            now = state(d)
            for name in want:
                is_(now[name]["contacts"], want[name], f"{name}: its cards are read")
            for name, text in (("wrong", "refuses the login"), ("home", "books.example.org"),
                               ("named", 'no address book "Kunden"; there are: "Main"'),
                               ("many", "raise max_contacts")):
                ok(text in str(now[name].get("last_error")), f"{name}: told why not",
                   now[name].get("last_error"))
            listed = str(d.ctl_json("sources", "large") or d.ctl("sources", "large").stdout)
            ok("larger than max_card" in listed and "no vCard" in listed,
               "cards that cannot be used are listed", listed)
            rejected = now["large"].get("rejected")
            ok(rejected, "and counted", now["large"])
            for name in ("basic", "both"):
                asked = len(stores[name].requests)
                ok(asked <= stores[name].logins + 1, f"{name}: the login is learnt once",
                   asked, stores[name].logins)
            ok(len(stores["pages"].requests) > 250 // 7, "page after page", stores["pages"].requests)
            is_(len([r for r in stores["gaps"].requests if r[0] == "GET"]), 20,
                "a card left out of the answer is asked for by itself")
            ok(not d.names("(&(telephoneNumber=+49897000001)(ou=owned))"),
               "private contacts are not shown to others")
            looks(d)
            deltas(d, stores)


def looks(d):
    """What an administrator tries first."""
    run = d.ctl("source", "test", "basic")
    ok(run.returncode == 0, "source test: a good one passes", run.stdout + run.stderr)
    run = d.ctl("source", "test", "wrong")
    ok(run.returncode != 0 and "refuses the login" in run.stdout + run.stderr,
       "source test: a wrong password is told", run.stdout + run.stderr)
    run = d.ctl("preview", "pages")
    ok(run.returncode == 0 and "Person 1" in run.stdout, "preview shows contacts",
       run.stdout + run.stderr)
    is_(state(d)["pages"]["contacts"], 250, "and changes nothing")


def crowd():
    """A fast server with much to say must not have the loop for itself."""
    junk = ("X-JUNK:" + "All work and no play. " * 300 + "\r\n") * 7 + "END:"
    with DavServer() as server:
        server.store("crowd", {n: c.replace("END:", junk) for n, c in cards(1500).items()})
        d = Daemon(HEAD + source("crowd", server.url("crowd"), "batch = 1000").replace(
            '"8M"', '"64M"').replace('"1s"', '"10s"'), wait=None)
        with d:
            ok(wait_for(lambda: d.source("crowd")["contacts"] == 1500, 40),
               "an answer of 46 MB with 1,000 cards", d.source("crowd"))
            stall = [float(x.split()[1]) for x in d.ctl("metrics").stdout.split("\n")
                     if x.startswith("contactor_loop_longest_stall_seconds")]
            ok(stall and stall[0] < 0.05, "are read in small turns", stall)
            print(f"# longest turn {stall[0]:.3f} s")


def deltas(d, stores):
    for name in ("pages", "ctag", "one_by_one", "no_etag", "bare"):
        store = stores[name]
        store.requests.clear()
        d.ctl("sync", name)
        is_([r for r in store.requests if r[0] != "PROPFIND"], [], f"{name}: nothing new, one look")
        store.delete("c3.vcf")
        store.put("c4.vcf", vcard(4, "Changed"))
        store.put("c9999.vcf", vcard(9999))
        store.requests.clear()
        run = d.ctl("sync", name)
        ok(run.returncode == 0, f"{name}: a change is read", run.stdout + run.stderr)
        base = f"ou={name},dc=contacts"
        is_((d.names("(telephoneNumber=+49897000003)", base=base),
             d.names("(telephoneNumber=+49897000004)", base=base),
             d.names("(telephoneNumber=+49897009999)", base=base)),
            ([], ["Changed 4"], ["Person 9999"]), f"{name}: one gone, one changed, one new")
    ok(len(stores["pages"].requests) <= 3, "pages: asked for what changed only",
       stores["pages"].requests)
    for name, status in (("pages", 403), ("digest", 409), ("basic", 410)):
        store = stores[name]
        store.expired_status = status
        del store.cards["c5.vcf"]
        store.expire()
        run = d.ctl("sync", name)
        ok((run.returncode, state(d)[name]["contacts"]) == (0, len(store.cards)),
           f"{name}: an expired token ({status}) makes it a full sync", run.stdout + run.stderr)
        is_(d.names("(telephoneNumber=+49897000005)", base=f"ou={name},dc=contacts"), [],
            f"{name}: that finds what was deleted meanwhile")
    store = stores["exact"]
    store.cards.clear()
    store.expire()
    run = d.ctl("sync", "exact")
    ok(run.returncode != 0 and state(d)["exact"]["contacts"] == 30,
       "an address book that is suddenly empty deletes nobody", run.stdout + run.stderr)


if __name__ == "__main__":
    hostile()
    servers()
    crowd()
    done()
