"""The LDAP source against a real Active Directory: a Samba domain controller."""
import time

import ldap

from harness import Daemon, done, is_, ok
from ldap_source import NEVER, config, kinds, source, sync
from samba import BASE, PASSWORD, Samba
from slapd import Authority

STAFF = "OU=Staff," + BASE


def number(n):
    return f"(telephoneNumber=+49891{n:06d})"


def user(admin, n, **more):
    attributes = {"objectClass": b"user", "sAMAccountName": f"u{n}".encode(),
                  "userAccountControl": b"544", "displayName": f"Person {n}".encode(),
                  "sn": f"Surname{n}".encode(), "company": b"Acme",
                  "telephoneNumber": f"+49 89 1{n:06d}".encode(), **more}
    admin.add_s(f"CN=Person {n},{STAFF}",
                [(k, v if isinstance(v, list) else [v]) for k, v in attributes.items()])


def fill(dc):
    admin = dc.admin()
    admin.add_s(STAFF, [("objectClass", [b"organizationalUnit"])])
    admin.add_s("OU=Left," + BASE, [("objectClass", [b"organizationalUnit"])])
    for n in range(1050):  # more than a controller gives without pages
        user(admin, n)
    admin.add_s(f"CN=Supplier,{STAFF}", [("objectClass", [b"contact"]), ("sn", [b"Supplier"]),
                                         ("telephoneNumber", [b"+49 30 4711"]),
                                         ("otherTelephone", [b"+49 30 4712", b"+49 30 4713"]),
                                         ("ipPhone", [b"4711"]),
                                         ("otherMobile", [b"+49 171 5556677"]),
                                         ("thumbnailPhoto", [b"\xff\xd8\xff" + b"x" * 3000])])
    user(admin, 5000, userAccountControl=b"546")  # disabled
    admin.add_s("CN=reader,CN=Users," + BASE, [("objectClass", [b"user"]),
                                               ("sAMAccountName", [b"reader"])])
    dc.set_password("CN=reader,CN=Users," + BASE, PASSWORD)
    admin.modify_s("CN=reader,CN=Users," + BASE,
                   [(ldap.MOD_REPLACE, "userAccountControl", [b"512"])])
    for name, members in (("Inner", [f"CN=Person 3,{STAFF}"]),
                          ("Sales", [f"CN=Person 1,{STAFF}", f"CN=Inner,CN=Users,{BASE}"])):
        admin.add_s(f"CN={name},CN=Users,{BASE}",
                    [("objectClass", [b"group"]), ("sAMAccountName", [name.encode()]),
                     ("member", [m.encode() for m in members])])
    return admin


def login(dc, ca, who, more=""):
    return (f'ca_file = "{ca.cert}"\nbind_dn = \'{who}\'\npassword_file = "{{dir}}/ad.password"\n' +
            NEVER + "max_delete_percent = 50\n" + more)


def reading(d, test):
    state = sync(d)
    is_(state["contacts"], 1054, "1050 users, a contact and the three of the domain, in pages")
    is_(d.names("(telephoneNumber=+49304713)"), ["Supplier"], "otherTelephone")
    is_(d.names("(mobile=+491715556677)"), ["Supplier"], "otherMobile")
    is_(d.names(number(5000)), [], "a disabled account is no contact")
    run = d.ctl("source", "test", "crm")
    ok(run.returncode == 0 and test in run.stdout, "the test tells how changes are found",
       run.stdout)


def deltas(d, admin, n):
    """n: whose entries to change."""
    before = d.source()["contacts"]
    admin.modify_s(f"CN=Person {n},{STAFF}", [(ldap.MOD_REPLACE, "displayName", [b"New"])])
    admin.delete_s(f"CN=Person {n + 1},{STAFF}")
    admin.modify_s(f"CN=Person {n + 2},{STAFF}",
                   [(ldap.MOD_REPLACE, "userAccountControl", [b"546"])])
    admin.rename_s(f"CN=Person {n + 3},{STAFF}", f"CN=Renamed {n}")
    admin.rename_s(f"CN=Person {n + 4},{STAFF}", f"CN=Person {n + 4}", "OU=Left," + BASE)
    user(admin, 6000 + n)
    state = sync(d)
    is_([len(d.names(number(k))) for k in (n, n + 1, n + 2, n + 3, n + 4, 6000 + n)],
        [1, 0, 0, 1, 0, 1], "changed, deleted, disabled, renamed, moved away, added")
    is_(d.names(number(n)), ["New"], "the new name")
    is_(state["contacts"], before - 2, "and no other")
    is_(kinds(d)[-1], ("delta", "usn"), "by a delta")


def main():
    ca = Authority()
    began = time.monotonic()
    with Samba(ca) as dc:
        admin = fill(dc)
        print(f"# a domain controller with 1050 users after {time.monotonic() - began:.1f} s")
        files = {"ad.password": PASSWORD}
        conf = config(source(dc.url, login(dc, ca, "reader@corp.example", f'base = "{STAFF}"\n'
                                           'filter = ["(&(objectCategory=person)(!(userAccount'
                                           'Control:1.2.840.113556.1.4.803:=2)))"]\n')))
        whole = config(source(dc.url, login(dc, ca, "reader@corp.example")))
        with Daemon(whole, files=files, wait=None) as d:
            reading(d, "no deleted objects can be seen")
            d.configure(conf)
            is_(d.reload().returncode, 0, "one OU only")
            is_(sync(d)["contacts"], 1051, "is read in full")
            deltas(d, admin, 10)
            d.stop()
            d.start()
            admin.delete_s(f"CN=Person 20,{STAFF}")
            sync(d)
            is_([d.names(number(20)), kinds(d)[-1]], [[], ("full", "usn")],
                "who may not see deleted objects reads everything after a restart")

        conf = config(source(dc.url, login(dc, ca, "CORP\\Administrator", f'base = "{STAFF}"\n'
                                           'groups = ["sales: CN=Sales,CN=Users,' + BASE + '"]\n'
                                           'share_groups = ["sales"]\n')),
                      source(dc.url, login(dc, ca, "CORP\\Administrator", f'base = "{STAFF}"\n'
                                           'allow = ["@sales"]\nfilter = "(sn=Surname1)"\n'),
                             "board"),
                      "[user.u3]\npassword_file = \"{dir}/sbc.password\"\n")
        with Daemon(conf, files=files, wait=None) as d:
            sync(d)
            deltas(d, admin, 30)
            d.stop()
            d.start()
            admin.delete_s(f"CN=Person 40,{STAFF}")
            sync(d)
            is_([d.names(number(40)), kinds(d)[-1]], [[], ("delta", "usn")],
                "by tombstones a delta is enough after a restart")
            sync(d, "board")
            sync(d)
            is_(len(d.names("(sn=Surname1)", bind=("u3", "s3cret-of-the-sbc"))), 2,
                "a member of a group in the group may see what the group may")
            is_(len(d.names("(sn=Surname1)", bind=("anna", "s3cret-of-the-sbc"))), 1,
                "others may not")
            dc.kill()
            run = d.ctl("sync", "crm")
            ok(run.returncode != 0 and "Connection refused" in d.source()["last_error"],
               "the controller is killed", d.source()["last_error"])
            is_(d.names(number(50)), ["Person 50"], "its names are answered")
            dc.start()
            admin = dc.admin()
            admin.delete_s(f"CN=Person 50,{STAFF}")
            sync(d)
            is_(d.names(number(50)), [], "and it is followed again when it is back")

        conf = config(source(dc.url.replace("ldaps", "ldap"), login(
            dc, ca, "reader@corp.example", "start_tls = false\n"), "plain"),
                      source(dc.url, login(dc, ca, "reader@corp.example").replace("ad.pass",
                                                                                  "sbc.pass"),
                             "wrong"),
                      source(dc.url, f'ca_file = "{ca.cert}"\n' + NEVER, "anonymous"),
                      source(dc.url, login(dc, ca, "reader@corp.example",
                                           'live = true\nlive_timeout = "3s"\n'
                                           'live_wildcards = true\n'), "live"))
        with Daemon(conf, files=files, wait=None) as d:
            for name, want in (("plain", "use an ldaps:// URL"), ("wrong", "wrong password"),
                               ("anonymous", "set bind_dn")):
                d.ctl("sync", name)
                reason = d.source(name)["last_error"] or ""
                ok(want in reason, f"{name}: {reason[:150]}", reason)
            is_(d.names(number(60)), ["Person 60"], "asked at lookup")
    done()


if __name__ == "__main__":
    main()
