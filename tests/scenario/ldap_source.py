"""The LDAP source against a real OpenLDAP: what it reads, how soon it follows, who may log in, and
what it asks at lookup."""
import base64
import statistics
import time

import ldap
import ldap.modlist

from harness import Daemon, done, is_, ok, wait_for
from slapd import ROOT_PASSWORD, Authority, Slapd

TOP = """dn: dc=contacts
objectClass: top
objectClass: organization
objectClass: dcObject
dc: contacts
o: contacts

dn: ou=people,dc=contacts
objectClass: organizationalUnit
ou: people

dn: ou=elsewhere,dc=contacts
objectClass: organizationalUnit
ou: elsewhere

dn: ou=groups,dc=contacts
objectClass: organizationalUnit
ou: groups
"""
PEOPLE = "ou=people,dc=contacts"
NEVER = 'sync = "manual"\n'


def person(n, extra="", parent=PEOPLE):
    return (f"\ndn: uid=u{n},{parent}\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: Person {n}\n"
            f"sn: Surname{n}\ngivenName: Given{n}\ntelephoneNumber: +49 89 1{n:06d}\n{extra}")


def people(count, more=""):
    return TOP + "".join(person(n) for n in range(count)) + more


def number(n):
    return f"(telephoneNumber=+49891{n:06d})"


def source(url, options="", name="crm"):
    return f'[source.{name}]\nplugin = "ldap_source"\nurl = "{url}"\n{options}\n'


def config(*sources):
    return ('[contactor]\nstate_dir = "{dir}/state"\n' + "".join(sources) +
            '[frontend.sbc]\nplugin = "ldap"\nlisten = ["ldap://127.0.0.1:{port}"]\n'
            'anonymous = "allow"\n[user.anna]\npassword_file = "{dir}/sbc.password"\n')


PLAIN = "start_tls = false\n"


def sync(d, name="crm", expect=0):
    run = d.ctl("sync", name)
    ok((run.returncode != 0) == bool(expect), f"sync of {name}" + (" fails" if expect else ""),
       run.stdout + run.stderr)
    return d.source(name)


def kinds(d):
    """How each sync of the source was done: [("full", "syncrepl"), ...]."""
    lines = [x for x in d.log().split("\n") if " ldap_read " in x]
    return [tuple(x.split(key)[1].split(" ")[0] for key in ("kind=", "delta=")) for x in lines]


def follow(ca, certificate):
    """A change at the server is answerable here within a second, over LDAPS."""
    with Slapd(people(300), syncprov=0, certificate=(*certificate, ca.cert)) as server:
        conf = config(source(f"ldaps://127.0.0.1:{server.tls_port}",
                             f'ca_file = "{ca.cert}"\nsync = "1h"\nmax_delete_percent = 50\n'))
        with Daemon(conf) as d:
            is_(d.source()["contacts"], 300, "everybody is read over LDAPS")
            time.sleep(1)  # it listens
            took = []
            for i in range(10):
                began = time.monotonic()
                server.apply(f"dn: uid=u1,{PEOPLE}\nchangetype: modify\nreplace: displayName\n"
                             f"displayName: New {i}\n")
                wait_for(lambda: d.names(number(1)) == [f"New {i}"], 10, 0.005)
                took.append(time.monotonic() - began)
                time.sleep(0.35)
            print(f"# a change is answered after {statistics.median(took) * 1000:.0f} ms (median of"
                  f" {len(took)}), at worst {max(took) * 1000:.0f} ms")
            ok(max(took) < 1, "a change at the server is answered here within a second", took)
            admin = server.admin()
            admin.rename_s(f"uid=u2,{PEOPLE}", "uid=renamed", f"ou=elsewhere,dc=contacts")
            admin.add_s(f"uid=new,{PEOPLE}", ldap.modlist.addModlist({
                "objectClass": [b"inetOrgPerson"], "sn": [b"Neu"], "cn": [b"Nina Neu"],
                "telephoneNumber": [b"+49 30 4711"]}))
            admin.delete_s(f"uid=u3,{PEOPLE}")
            ok(wait_for(lambda: d.names("(telephoneNumber=+49304711)") == ["Nina Neu"] and
                        not d.names(number(3)), 5), "so are an addition and a deletion")
            is_([d.names(number(2)), d.source()["contacts"]], [["Person 2"], 300],
                "a renamed entry is still one contact")
            is_(set(kinds(d)[1:]), {("delta", "syncrepl")}, "by deltas only")

            server.kill()
            time.sleep(0.3)
            is_(d.names(number(1)), ["New 9"], "the server is killed: names are still answered")
            server.start()
            server.apply(f"dn: uid=u4,{PEOPLE}\nchangetype: delete\n")
            ok(wait_for(lambda: not d.names(number(4)), 20),
               "the server is back: its changes are heard again by themselves", d.log()[-1500:])
            is_(d.stop(), 0, "the daemon is stopped")
            server.apply(f"dn: uid=u5,{PEOPLE}\nchangetype: delete\n")
            d.start()
            ok(wait_for(lambda: not d.names(number(5)), 20),
               "what was deleted meanwhile is gone after its start", d.log()[-1500:])
            is_(d.source()["contacts"], 298, "and nothing else")


def isolated(ca, certificate):
    """The same in a process of its own."""
    with Slapd(people(50), syncprov=0, certificate=(*certificate, ca.cert)) as server:
        conf = config(source(f"ldaps://127.0.0.1:{server.tls_port}",
                             f'ca_file = "{ca.cert}"\nsync = "1h"\nisolated = true\n'))
        with Daemon(conf) as d:
            time.sleep(1)
            began = time.monotonic()
            server.apply(f"dn: uid=u1,{PEOPLE}\nchangetype: delete\n")
            ok(wait_for(lambda: not d.names(number(1)), 10, 0.01) and time.monotonic() - began < 1,
               "isolated: a change is answered within a second", time.monotonic() - began)


def filters_and_logs():
    """A session log names deletions; leaving the filter is one; several bases."""
    with Slapd(people(50, person(900, parent="ou=elsewhere,dc=contacts")), syncprov=1000) as server:
        conf = config(source(server.url, PLAIN + NEVER + 'listen = false\nmax_delete_percent = 100\n'
                             f'base = ["{PEOPLE}", "ou=elsewhere,dc=contacts"]\n'
                             'filter = ["(givenName=Given1*)", "(givenName=Given900)"]\n'))
        with Daemon(conf, wait=None) as d:
            is_(sync(d)["contacts"], 12, "two filters, two bases")
            server.apply(f"dn: uid=u10,{PEOPLE}\nchangetype: modify\nreplace: givenName\n"
                         f"givenName: Other\n\ndn: uid=u11,{PEOPLE}\nchangetype: delete\n\n"
                         f"dn: uid=u20,{PEOPLE}\nchangetype: modify\nreplace: givenName\n"
                         f"givenName: Given1x\n\ndn: uid=u12,{PEOPLE}\nchangetype: modrdn\n"
                         f"newrdn: uid=u12\ndeleteoldrdn: 0\n"
                         f"newsuperior: ou=elsewhere,dc=contacts\n")
            state = sync(d)
            is_([len(d.names(number(n))) for n in (10, 11, 20, 12)], [0, 0, 1, 1],
                "left the filter, deleted, entered it, moved to the other base")
            is_(state["contacts"], 11, "and no other")
            is_(kinds(d)[-1], ("delta", "syncrepl"), "by a delta")
            d.stop()
            d.start()
            server.apply(f"dn: uid=u13,{PEOPLE}\nchangetype: delete\n")
            sync(d)
            is_([kinds(d)[-1], d.names(number(13))], [("delta", "syncrepl"), []],
                "with a session log a delta is enough after a restart, too")
            d.configure(conf.replace("Given900", "Given90"))
            is_(d.reload().returncode, 0, "another filter")
            is_(sync(d)["contacts"], 9, "is read in full")
            is_(kinds(d)[-1], ("full", "syncrepl"), "because the cursor is of the old one")


def by_time():
    """Servers without content synchronisation: modifyTimestamp, and the ids of all."""
    with Slapd(people(40)) as server:
        conf = config(source(server.url, PLAIN + NEVER + "listen = false\nmax_delete_percent = 100\n"))
        with Daemon(conf, wait=None) as d:
            sync(d)
            time.sleep(1.1)
            server.apply(f"dn: uid=u1,{PEOPLE}\nchangetype: modify\nreplace: cn\ncn: Changed\n\n"
                         f"dn: uid=u2,{PEOPLE}\nchangetype: delete\n\n" + person(77).strip().replace(
                             "objectClass", "changetype: add\nobjectClass", 1))
            state = sync(d)
            is_([d.names(number(n)) for n in (1, 2, 77)], [["Changed"], [], ["Person 77"]],
                "changed, deleted, added")
            is_([kinds(d)[-1], state["contacts"]], [("delta", "modify_timestamp"), 40],
                "found by modifyTimestamp and a comparison of ids")
            d.stop()
            d.start()
            server.apply(f"dn: uid=u3,{PEOPLE}\nchangetype: delete\n")
            before = len(kinds(d))
            is_(sync(d)["contacts"], 39, "after a restart")
            ok(("full", "modify_timestamp") in kinds(d)[max(before - 1, 0):],
               "everything is read once, because nobody remembers the ids", kinds(d))


def vanishing():
    """Entries that are not shown any more, of which no server says that they were deleted."""
    with Slapd(people(40)) as server:
        conf = config(source(server.url, PLAIN + NEVER + "listen = false\n"))
        with Daemon(conf, wait=None) as d:
            sync(d)
            server.apply("".join(f"dn: uid=u{n},{PEOPLE}\nchangetype: delete\n\n" for n in range(3)))
            is_([sync(d)["contacts"], kinds(d)[-1]], [37, ("delta", "modify_timestamp")],
                "a few go with a delta")
            server.apply("".join(f"dn: uid=u{n},{PEOPLE}\nchangetype: delete\n\n"
                                 for n in range(3, 30)))
            state = sync(d, expect=1)
            ok(state["contacts"] == 37 and "--allow-delete" in state["last_error"],
               "most of them at once is for somebody to decide", state)
            is_(d.names(number(7)), ["Person 7"], "until then they are answered")
            is_(d.ctl("sync", "crm", "--allow-delete").returncode, 0, "when it is allowed")
            is_(d.source()["contacts"], 10, "they go")


def from_the_future():
    """An entry changed while the server's clock was wrong does not hide what changes later."""
    old = ("modifyTimestamp: 20991231000000Z\ncreateTimestamp: 20200101000000Z\n"
           "entryUUID: 11111111-2222-3333-4444-555555555555\n"
           f"creatorsName: cn=root,dc=contacts\nmodifiersName: cn=root,dc=contacts\n"
           "entryCSN: 20991231000000.000000Z#000000#000#000000\n")
    with Slapd(people(5) + person(90, old)) as server:
        conf = config(source(server.url, PLAIN + NEVER + "listen = false\noverlap = \"1s\"\n"))
        with Daemon(conf, wait=None) as d:
            sync(d)
            time.sleep(1.1)
            server.apply(f"dn: uid=u1,{PEOPLE}\nchangetype: modify\nreplace: cn\ncn: Changed\n")
            sync(d)
            is_([d.names(number(1)), kinds(d)[-1]],
                [["Changed"], ("delta", "modify_timestamp")], "a change of today is seen")


def untold():
    """What a server does not tell as a change is found by reading everything once in a while:
    here, who came with a folder that was moved."""
    team = "ou=team,ou=elsewhere,dc=contacts"
    folder = f"\ndn: {team}\nobjectClass: organizationalUnit\nou: team\n"
    with Slapd(people(5, folder + person(60, parent=team)), syncprov=100) as server:
        options = PLAIN + NEVER + f'listen = false\nbase = "{PEOPLE}"\nfull_every = '
        conf = config(source(server.url, options + '"0s"\n', "never"),
                      source(server.url, options + '"1s"\n', "often"))
        with Daemon(conf, wait=None) as d:
            sync(d, "never")
            sync(d, "often")
            server.apply(f"dn: {team}\nchangetype: modrdn\nnewrdn: ou=team\ndeleteoldrdn: 0\n"
                         f"newsuperior: {PEOPLE}\n\n"
                         f"dn: uid=u1,{PEOPLE}\nchangetype: modify\nreplace: cn\ncn: Changed\n")
            time.sleep(1.5)
            is_([sync(d, "never")["contacts"], kinds(d)[-1]], [5, ("delta", "syncrepl")],
                "0s: never")
            is_([sync(d, "often")["contacts"], kinds(d)[-1]], [6, ("full", "syncrepl")],
                "when it is due")


def lasting_groups():
    """Groups that the directory names come and go; the daemon forgets those that went."""
    def group(cn, parent, *members):
        return (f"\ndn: cn={cn},{parent}\nobjectClass: groupOfNames\ncn: {cn}\n" +
                "".join(f"member: uid={m},{PEOPLE}\n" for m in members))
    at = "ou=groups,dc=contacts"
    with Slapd(people(5, group("sales", at, "anna") + group("twice", at, "anna") +
                      group("twice", "ou=elsewhere,dc=contacts", "bert")), syncprov=100) as server:
        conf = config(source(server.url, PLAIN + NEVER + 'listen = false\n'
                             'groups = ["(objectClass=groupOfNames)"]\nshare_groups = ["*"]\n'),
                      source(server.url, PLAIN + NEVER + 'allow = ["@sales"]\n', "board"),
                      source(server.url, PLAIN + NEVER + 'allow = ["@twice"]\n', "double"))
        who = ("anna", "s3cret-of-the-sbc")

        def sees(name):
            try:
                return len(d.names(number(1), bind=who, base=f"ou={name},dc=contacts"))
            except ldap.NO_SUCH_OBJECT:
                return 0
        with Daemon(conf, wait=None) as d:
            is_(sync(d)["contacts"], 5, "two groups of one name do not stop a sync")
            sync(d, "board")
            sync(d, "double")
            is_([sees("board"), sees("double")], [1, 0],
                "a member is let in; of two groups of one name nobody counts as a member")
            ok("another group has the same name" in str(d.ctl_json("sources")), "which is told")
            server.apply("dn: cn=sales,ou=groups,dc=contacts\nchangetype: delete\n")
            sync(d)
            is_(sees("board"), 0, "a group that was deleted lets nobody in")


def large_groups():
    """More members than the daemon keeps: that group is empty, and all else is read."""
    members = "".join(f"memberUid: a-long-name-of-somebody-{i:06d}\n" for i in range(3000))
    with Slapd(people(5, "\ndn: cn=all,ou=groups,dc=contacts\nobjectClass: posixGroup\ncn: all\n"
                      "gidNumber: 1\n" + members)) as server:
        conf = config(source(server.url, PLAIN + NEVER +
                             'groups = ["all: cn=all,ou=groups,dc=contacts"]\n'))
        with Daemon(conf, wait=None) as d:
            is_(sync(d)["contacts"], 5, "a group of 90 KiB of names does not stop the sync")
            ok("64 KiB" in str(d.ctl_json("sources")), "it is told")


def fields():
    """Attributes to fields: photo, owner, text that is none, a thousand values, groups."""
    photo = base64.b64encode(b"\xff\xd8\xff" + bytes(range(256)) * 20).decode()
    garbage = base64.b64encode(b"caf\xe9 \xff").decode()
    many = "".join(f"mobile: +49 171 {i:07d}\n" for i in range(10000))
    groups = (f"\ndn: cn=Sales,ou=groups,dc=contacts\nobjectClass: groupOfNames\ncn: Sales\n"
              f"member: uid=anna,{PEOPLE}\nmember: cn=Bert,{PEOPLE}\nmember: cn=nobody,dc=contacts\n"
              "\ndn: cn=unix,ou=groups,dc=contacts\nobjectClass: posixGroup\ncn: unix\n"
              "gidNumber: 1\nmemberUid: anna\n")
    extra = TOP + groups + (
        person(1, f"jpegPhoto:: {photo}\ntitle: CTO\nmobile: +49 171 1\nmobile: +49 171 2\n"
               "employeeNumber: 4711\nlabeledURI: https://c4b.example Home page\n"
               "displayName: Anna Meier\n") +
        person(2, "roomNumber: anna\n") +
        person(3, f"audio:: {garbage}\n") + person(4, many) +
        f"\ndn: cn=Bert,{PEOPLE}\nobjectClass: inetOrgPerson\ncn: Bert\nsn: Bert\nuid: bert\n"
        "telephoneNumber: +49 30 1\n" + person(5, "description: " + "x" * 20000 + "\n"))
    with Slapd(extra) as server:
        conf = config(source(server.url, PLAIN + NEVER + f"""
groups = ["sales: cn=Sales,ou=groups,dc=contacts", "(objectClass=posixGroup)", "gone: cn=no,dc=contacts"]
share_groups = ["sales"]
[source.crm.map]
owner = "roomNumber"
street = "audio"
x_badge = "employeeNumber"
"""), source(server.url, PLAIN + NEVER + 'allow = ["@sales"]\n', "board"))
        with Daemon(conf, wait=None) as d:
            state = sync(d)
            is_(state["contacts"], 6, "all are read")
            entry = d.entries(number(1), "*")[0][1]
            is_([entry.get(k) for k in ("displayName", "title", "mobile", "labeledURI")],
                [["Anna Meier"], ["CTO"], ["+491711", "+491712"], ["https://c4b.example"]],
                "the preset's attributes")
            ok("4711" in str(entry), "an attribute of one's own", entry)
            preview = str(d.ctl_json("preview", "crm"))
            ok("photo" in preview, "a photo", preview[:2000])
            who = ("anna", "s3cret-of-the-sbc")
            is_(d.names(number(2), base="ou=crm,dc=contacts"), [], "a private contact is hidden from others")
            is_(d.names(number(2), bind=who, base="ou=crm,dc=contacts"), ["Person 2"],
                "and shown to its owner")
            reasons = str(d.ctl_json("sources"))
            ok("street is not UTF-8 text" in reasons, "text that is none is left out and told",
               reasons)
            ok("beyond the 128 values" in reasons, "so are the 9,900 last of 10,000 numbers",
               reasons)
            ok("note is longer than 16384 bytes" in reasons, "and a value that is too long", reasons)
            ok("cn=no" in reasons, "a group that does not exist is told", reasons)
            is_(sync(d, "board")["contacts"], 6, "a source that one group may see")
            d.ctl("sync", "crm")
            is_(len(hidden(d, number(1), who)), 1, "shows itself to a member")
            is_(hidden(d, number(1), None), [], "and to nobody else")
            server.apply("dn: cn=Sales,ou=groups,dc=contacts\nchangetype: modify\n"
                         f"delete: member\nmember: uid=anna,{PEOPLE}\n")
            sync(d)
            is_(hidden(d, number(1), who), [], "who left the group no longer sees it")


def hidden(d, filter_text, who):
    try:
        return d.names(filter_text, bind=who, base="ou=board,dc=contacts")
    except ldap.NO_SUCH_OBJECT:
        return []


def logins(ca, certificate):
    """Each way to log in, and each way to be refused, with its own words."""
    other = Authority("Other CA")
    access = ('access to * by dn.exact="gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth" read '
              "by anonymous auth by * none\n")
    with Slapd(people(5), certificate=(*certificate, ca.cert), access=access) as server, \
            Slapd(people(1), certificate=(*ca.issue("old", expired=True), ca.cert)) as old, \
            Slapd(people(1), certificate=(*ca.issue("wrong", names="DNS:other.example"),
                                          ca.cert)) as wrong_name:
        tls, ca_file = f"ldaps://127.0.0.1:{server.tls_port}", f'ca_file = "{ca.cert}"\n'
        who = f'bind_dn = "{server.root}"\npassword_file = "{{dir}}/root.password"\n'
        cases = {
            "starttls": (server.url, ca_file + who, None),
            "ldaps": (tls, ca_file + who, None),
            "ldapi": (server.ldapi, "sasl_external = true\n", None),
            "failover": ('ldap://127.0.0.1:1", "' + tls, ca_file + who, None),
            "unverified": (f"ldaps://127.0.0.1:{old.tls_port}", "tls_verify = false\n", None),
            "password": (tls, ca_file + who.replace("root.password", "sbc.password"),
                         "Invalid credentials"),
            "anonymous": (tls, ca_file, "Insufficient access"),
            "expired": (f"ldaps://127.0.0.1:{old.tls_port}", ca_file, "has expired on 2020-02-01"),
            "name": (f"ldaps://127.0.0.1:{wrong_name.tls_port}", ca_file,
                     "is for another name: other.example"),
            "authority": (tls, f'ca_file = "{other.cert}"\n', "is not signed by an authority"),
            "system": (tls, "", "is not signed by an authority"),
            "notls": (f"ldaps://127.0.0.1:{server.port}", ca_file, "TLS handshake"),
            "ca_missing": (tls, 'ca_file = "/etc/no-such-file"\n', "cannot be read"),
            "refused": ("ldap://127.0.0.1:1", "", "Connection refused"),
            "unknown": ("ldap://no-such-host.invalid", "", "cannot be resolved"),
            "far": ("ldap://192.0.2.1", PLAIN + who, ""),
            "base": (tls, ca_file + who + 'base = "ou=no,dc=contacts"\n', "it knows dc=contacts"),
        }
        conf = config(*(source(url.replace('", "', '","') if '"' not in url else url, options +
                               NEVER + "listen = false\nconnect_timeout = \"3s\"\n", name)
                        for name, (url, options, _) in cases.items()))
        conf = conf.replace('url = "ldap://127.0.0.1:1", "', 'url = ["ldap://127.0.0.1:1", "')
        conf = conf.replace(f'["ldap://127.0.0.1:1", "{tls}"', f'["ldap://127.0.0.1:1", "{tls}"]')
        with Daemon(conf, files={"root.password": ROOT_PASSWORD}, wait=None) as d:
            seen = set()
            for name, (_, _, want) in cases.items():
                if want == "":
                    continue
                d.ctl("sync", name)
                state = d.source(name)
                if want is None:
                    ok(state["contacts"] > 0, f"login: {name}", state["last_error"])
                    continue
                ok(want in (state["last_error"] or ""), f"refused: {name}: {want}",
                   state["last_error"])
                test = d.ctl("source", "test", name)
                ok(test.returncode != 0 and want in test.stdout + test.stderr,
                   f"its test says so too", test.stdout + test.stderr)
                seen.add(state["last_error"])
            is_(len(seen), sum(1 for x in cases.values() if x[2]), "each in its own words")
            log = d.log()
            ok("tls_not_verified" in log, "a switched-off verification is warned of")
            ok("password_unencrypted url=ldap://192.0.2.1" in log, "so is an unencrypted password")
            ok(ROOT_PASSWORD not in log and "s3cret" not in log, "no password in the log")
            test = d.ctl("source", "test", "ldaps").stdout
            ok(all(f" {step} " in test for step in
                   ("resolve", "connect", "tls", "bind", "base", "search", "map", "delta")),
               "a test that goes well tells each step", test)


def client_certificate(ca, certificate):
    """Login by a certificate of one's own. libldap over GnuTLS never frees what it read of the
    certificate; the plugin has it read once, and the sanitizer is told."""
    reader = ca.issue("reader", names="", subject="/CN=reader")
    access = 'access to * by dn.exact="cn=reader" read by anonymous auth by * none\n'
    with Slapd(people(5), certificate=(*certificate, ca.cert), access=access) as server:
        conf = config(source(f"ldaps://127.0.0.1:{server.tls_port}", NEVER + "listen = false\n"
                             f'ca_file = "{ca.cert}"\nsasl_external = true\n'
                             f'cert_file = "{reader[0]}"\nkey_file = "{reader[1]}"\n'))
        d = Daemon(conf, wait=None, files={"leaks": "leak:libldap\n"})
        d.env = {"LSAN_OPTIONS": "suppressions=" + d.path("leaks") + ":print_suppressions=0",
                 "ASAN_OPTIONS": "fast_unwind_on_malloc=0"}
        with d:
            is_(sync(d)["contacts"], 5, "login by a client certificate")
            before = d.rss_kb()
            for _ in range(40):
                d.ctl("sync", "crm")
            print(f"# 40 syncs: {d.rss_kb() - before} kB more")
            is_(d.source()["contacts"], 5, "again and again")


def limits():
    """A server's size limit: paging passes a soft one; a hard one is told, and nothing deleted."""
    with Slapd(people(700), size_limit="size.soft=100 size.hard=100 size.prtotal=unlimited",
               syncprov=0) as kind, Slapd(people(700), size_limit="100") as hard:
        conf = config(source(kind.url, PLAIN + NEVER + "page_size = 90\n", "kind"),
                      source(hard.url, PLAIN + NEVER, "hard"),
                      source(kind.url, PLAIN + NEVER + "max_entries = 500\n", "most"))
        with Daemon(conf, wait=None) as d:
            is_(sync(d, "kind")["contacts"], 700, "700 entries through a size limit of 100")
            state = sync(d, "hard", expect=1)
            ok("Size limit exceeded" in state["last_error"] and
               "size.prtotal" in d.ctl("sync", "hard").stderr + state["last_error"],
               "a limit that paging does not pass is told with its remedy", state["last_error"])
            is_(state["contacts"], 0, "and half a directory is not taken for all of it")
            state = sync(d, "most", expect=1)
            ok("more than 500 entries" in state["last_error"], "max_entries", state["last_error"])
            kind.apply("".join(f"dn: uid=u{n},{PEOPLE}\nchangetype: modify\nreplace: title\n"
                               "title: x\n\n" for n in range(400)))
            sync(d, "kind")
            time.sleep(0.5)
            is_([d.source("kind")["contacts"], d.entries(number(399), "title")[0][1].get("title")],
                [700, ["x"]], "400 changes where a delta may tell 100: everything is read")


def live(ca, certificate):
    """Asking the server at lookup; and nobody talks it into more than was asked."""
    extra = (person(500, "mobile: 0171/55 66-778\n") + f"\ndn: uid=mueller,{PEOPLE}\n"
             "objectClass: inetOrgPerson\nuid: mueller\ncn: Jürgen Müller\nsn: Müller\n"
             "telephoneNumber: 089/840798-192\n").replace("ü", "ü")
    extra = "\n".join("cn:: " + base64.b64encode("Jürgen Müller".encode()).decode()
                      if x.startswith("cn: J") else
                      "sn:: " + base64.b64encode("Müller".encode()).decode()
                      if x.startswith("sn: M") else x for x in extra.split("\n"))
    with Slapd(people(20, extra), certificate=(*certificate, ca.cert)) as server:
        conf = config('[dialplan.munich]\ncountry = "DE"\narea_code = "89"\n',
                      source(f"ldaps://127.0.0.1:{server.tls_port}", f'ca_file = "{ca.cert}"\n' +
                             NEVER + 'listen = false\nlive = true\nlive_timeout = "3s"\n'
                             'live_wildcards = true\ndialplan = "munich"\n'))
        with Daemon(conf, wait=None) as d:
            is_(d.names("(telephoneNumber=+49891000007)"), ["Person 7"],
                "a number is asked for at the server, as it is stored")
            is_(d.names("(telephoneNumber=+4989840798192)"), ["Jürgen Müller"],
                "and in the notation of its country, with marks in between")
            is_(d.names("(mobile=+491715566778)"), ["Person 500"], "a mobile one too")
            ok(wait_for(lambda: d.names("(sn=mueller)") == ["Jürgen Müller"], 5),
               "Mueller is Müller")
            is_(sorted(d.names("(&(givenName=Given1*)(!(sn=Surname1))(telephoneNumber=*))")),
                sorted(f"Person {n}" for n in range(10, 20)), "and, not, beginning, present")
            bad = 0
            for payload in ("*", "*)(uid=*", "x)(uid=*))(|(uid=*", "x))(|(objectClass=*", "\\2a",
                            "\\", "x)(|(userPassword=*)", "&", "|", "!(x", "\x01", "a\nb", ")(&)",
                            "admin)(!(&(1=0", "' or 1=1", "x)(cn=))\\00", "%2a", "*)(objectClass=*"):
                escaped = "".join(f"\\{b:02x}" for b in payload.encode())
                for f in (f"(sn={escaped})", f"(telephoneNumber={escaped})", f"(mail={escaped}*)"):
                    found = d.names(f)
                    if found:
                        bad += 1
                        print(f"# {payload!r} in {f}: {found}")
            is_(bad, 0, "54 injected questions find nobody")
            is_(len(d.names("(sn=Surname1)")), 1, "and the next honest one does")
            server.kill()
            began = time.monotonic()
            is_(d.names("(telephoneNumber=+4989999)"), [], "the server is killed: nobody is found")
            ok(time.monotonic() - began < 2, "without a long wait", time.monotonic() - began)
            server.start()
            ok(wait_for(lambda: d.names("(telephoneNumber=+49891000015)") == ["Person 15"], 8),
               "the server is back: it is asked again")


def of_itself():
    """contactor's own LDAP interface as a source of another contactor."""
    with Daemon() as first:
        conf = config(source(first.url, PLAIN + NEVER, "other"))
        with Daemon(conf, wait=None) as second:
            is_(sync(second, "other")["contacts"], 8, "a contactor reads another one")
            is_(second.names("(telephoneNumber=+4989840798192)"), ["Anna Meier"], "with its numbers")
            first.write("contacts.csv", "id;first;last;company;department;business;mobile;home;fax;"
                        "mail;city;note\n" + "\n".join(
                            f"{i};F{i};L{i};;;+49 89 {i}00000;;;;;;" for i in range(1, 9)) + "\n")
            wait_for(lambda: first.names("(telephoneNumber=+49893300000)") or
                     first.names("(telephoneNumber=+4989300000)"), 10)
            state = sync(second, "other")
            is_(state["contacts"], 8, "and what it has next")


def main():
    ca = Authority()
    certificate = ca.issue("server")
    follow(ca, certificate)
    isolated(ca, certificate)
    filters_and_logs()
    by_time()
    vanishing()
    from_the_future()
    untold()
    lasting_groups()
    large_groups()
    fields()
    logins(ca, certificate)
    client_certificate(ca, certificate)
    limits()
    live(ca, certificate)
    of_itself()
    done()


if __name__ == "__main__":
    main()
