"""Who may see what: binds, guesses, hidden fields, private contacts, views."""
import time

import ldap

from harness import (CONFIG, CONTACTS, Daemon, Raw, bind_request, done, equality, is_, ok,
                     search_request)

ROWS = CONTACTS.replace(";note\n", ";note;owner\n", 1).replace("secret note", "secret note;")
ROWS = "\n".join(line if i == 0 or not line or line.startswith("4;") else line + ";"
                 for i, line in enumerate(ROWS.split("\n")))
ROWS += "20;Petra;Privat;Privat AG;;+49 89 7777777;;;;;;;boss\n"
CONF = CONFIG.replace('note = "note"', '''note = "note"
owner = "owner"
[source.crm.fields]
note = ["@hr"]
phone_home = ["@hr", "boss"]
[source.closed]
plugin = "csv"
file = "{dir}/closed.csv"
dialplan = "munich"
allow = ["@hr"]
[source.closed.map]
id = "id"
surname = "name"
phone_business = "phone"''').replace('anonymous = "allow"', 'anonymous = "allow"') + """
groups = ["sbcs"]
[user.boss]
password_file = "{dir}/boss.password"
[user.rita]
password_file = "{dir}/rita.password"
groups = ["hr"]

[frontend.view]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{tls_port}"]
dialplan = "munich"
sources = ["crm"]
fields = ["display_name", "phone_business", "phone_mobile"]
"""
FILES = {"contacts.csv": ROWS, "closed.csv": "id;name;phone\n1;Geheim;+49 89 6666666\n",
         "boss.password": "pw of boss", "rita.password": "pw of rita"}
BOSS, RITA, SBC = (("uid=boss,ou=users,dc=contacts", "pw of boss"),
                   ("uid=rita,ou=users,dc=contacts", "pw of rita"),
                   ("uid=sbc,ou=users,dc=contacts", "s3cret-of-the-sbc"))


def binds(d):
    for name in ("uid=sbc,ou=users,dc=contacts", "UID=sbc, OU=users, DC=contacts", "sbc",
                 "uid=sbc", "sbc@company.example", "COMPANY\\sbc"):
        c = ldap.initialize(d.url)
        try:
            c.simple_bind_s(name, "s3cret-of-the-sbc")
            is_(c.whoami_s(), "dn:uid=sbc,ou=users,dc=contacts", f"bind as {name}")
        except ldap.LDAPError as error:
            ok(False, f"bind as {name}", repr(error))
    for name, password, want in (("sbc", "wrong", 49), ("nobody", "wrong", 49),
                                 ("uid=sbc,ou=users,dc=contacts", "", 53),
                                 ("uid=sbc,ou=else,dc=other", "s3cret-of-the-sbc", 49)):
        raw = Raw(d.port)
        raw.send(bind_request(1, name, password))
        is_(raw.result()[2], want, f"bind {name!r} with {password!r}")
        raw.send(search_request(2, equality("sn", "Geheim")))
        is_(raw.result()[3], 0, "and nothing is gained")
        raw.close()


def timing(d):
    """Wrong password and unknown user: the same time. Distinct clients are not slowed: few tries."""
    def one(name):
        raw = Raw(d.port)
        started = time.monotonic()
        raw.send(bind_request(1, name, "wrong"))
        raw.result()
        raw.close()
        return time.monotonic() - started
    # In turns, so that whatever slows the machine slows both; the least is the work itself.
    pairs = [(one("sbc"), one("nobody")) for _ in range(4)]
    ratio = min(p[0] for p in pairs) / min(p[1] for p in pairs)
    ok(0.5 < ratio < 2, f"wrong password against unknown user: ratio {ratio:.2f}")
    started, guesses = time.monotonic(), 0
    raw = Raw(d.port, timeout=30)
    while time.monotonic() - started < 4:
        raw.send(bind_request(1, "sbc", f"guess{guesses}"))
        raw.result()
        guesses += 1
    raw.close()
    ok(guesses <= 60, f"{guesses} guesses in 4 s: at most 10 a second after the first ten")
    is_(d.names("(telephoneNumber=089840798192)"), ["Anna Meier"], "lookups go on")


def fields(d):
    def notes(bind, filter_text="(sn=Groß)", attribute="description"):
        return [a.get(attribute) for _, a in d.entries(filter_text, attribute, bind=bind)]
    is_(notes(RITA), [["secret note"]], "HR sees the note")
    is_(notes(SBC), [None], "others do not")
    for attack in ("(description=secret note)", "(description=*)", "(description=s*)",
                   "(description=*note*)", "(description>=a)", "(description<=z)",
                   "(description~=secret)", "(description:caseIgnoreMatch:=secret note)",
                   "(|(description=s*)(description=*t*))", "(&(objectClass=person)(description=*))"):
        is_(d.names(attack, bind=SBC), [], f"no oracle through {attack}")
        is_(d.names(attack, bind=RITA), ["Jürgen Groß"], f"HR finds by {attack}")
    is_(len(d.names("(&(objectClass=person)(!(description=*)))", bind=SBC)), 8, "a negation tells nothing apart")
    is_(d.names("(homePhone=0815112345)", bind=SBC), [], "a hidden number is not found")
    is_(d.names("(phone=0815112345)", bind=SBC), [], "not through phone either")
    is_(d.names("(phone=*12345)", bind=SBC), [], "not by its tail")
    is_(d.names("(homePhone=0815112345)", bind=BOSS), ["Bernd Müller"], "the allowed user finds it")
    c = ldap.initialize(d.url)
    c.simple_bind_s(*SBC)
    dn = "uid=4,ou=crm,dc=contacts"
    answers = set()
    for value in (b"secret note", b"other"):
        try:
            answers.add(c.compare_s(dn, "description", value))
        except ldap.LDAPError as error:
            answers.add(type(error).__name__)
    is_(len(answers), 1, "compare tells right and wrong guesses of a hidden value not apart")
    all_attributes = d.entries("(sn=Groß)", "*", "+", bind=SBC)[0][1]
    ok("secret note" not in str(all_attributes), "* and + do not show it")
    c.unbind_s()


def private(d):
    number = "(telephoneNumber=+49897777777)"
    is_(d.names(number, bind=BOSS), ["Petra Privat"], "a private contact is shown to its owner")
    for who in (SBC, RITA, None):
        is_(d.names(number, bind=who), [], f"not to {who[0] if who else 'anonymous'}")
    is_(d.names("(telephoneNumber=+49897777778)", bind=SBC), [],
        "and names no company to others")
    try:
        found = d.entries("(objectClass=*)", bind=SBC, base="uid=20,ou=crm,dc=contacts",
                          scope=ldap.SCOPE_BASE)
    except ldap.NO_SUCH_OBJECT:
        found = []
    is_(found, [], "not by its DN")


def sources(d):
    is_(d.names("(telephoneNumber=+49896666666)", bind=RITA), ["Geheim"], "allowed group")
    is_(d.names("(telephoneNumber=+49896666666)", bind=SBC), [], "not others")
    is_(d.names("(telephoneNumber=+49896666666)"), [], "not anonymous")

    def matched(dn, who):
        c = ldap.initialize(d.url)
        c.simple_bind_s(*who)
        try:
            c.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)")
            return "found"
        except ldap.NO_SUCH_OBJECT as error:
            return error.args[0].get("matched")
        finally:
            c.unbind_s()
    is_(matched("uid=1,ou=closed,dc=contacts", SBC), matched("uid=1,ou=nowhere,dc=contacts", SBC),
        "a closed source is like none at all")
    is_(matched("uid=1,ou=closed,dc=contacts", RITA), "found", "and is there for its group")
    url = f"ldap://127.0.0.1:{d.tls_port}"
    try:
        got = d.names("(sn=Meier)", url=url)
    except ldap.LDAPError as error:
        got = type(error).__name__
    ok(got in ("INSUFFICIENT_ACCESS", "INAPPROPRIATE_AUTH"),
       "anonymous is refused where nothing allows it", got)
    found = d.entries("(telephoneNumber=+4989840798192)", url=url, bind=RITA)
    ok(found and "mail" not in found[0][1] and "displayName" in found[0][1],
       "a view shows its fields only", found)
    is_(d.names("(mail=anna*)", url=url, bind=RITA), [], "and finds by them only")
    is_(d.names("(telephoneNumber=+49896666666)", url=url, bind=RITA), [], "and its sources only")


def paging(d):
    c = ldap.initialize(d.url)
    c.simple_bind_s(*RITA)
    page = ldap.controls.SimplePagedResultsControl(True, size=2, cookie=b"")
    _, data, _, controls = c.result3(c.search_ext("dc=contacts", ldap.SCOPE_SUBTREE,
                                                  "(objectClass=person)", ["cn"],
                                                  serverctrls=[page]))
    cookie = controls[0].cookie
    ok(len(data) == 2 and cookie, "a page of two and a cookie")
    other = ldap.initialize(d.url)
    other.simple_bind_s(*SBC)
    for who, connection in (("another connection", other), ("another identity", c)):
        if connection is c:
            c.simple_bind_s(*SBC)
        try:
            stolen = connection.result3(connection.search_ext(
                "dc=contacts", ldap.SCOPE_SUBTREE, "(objectClass=person)", ["cn"],
                serverctrls=[ldap.controls.SimplePagedResultsControl(True, 2, cookie)]))[1]
        except ldap.LDAPError:
            stolen = []
        is_(stolen, [], f"the cookie is worth nothing to {who}")


with Daemon(CONF, FILES) as daemon:
    for part in (binds, fields, private, sources, paging, timing):
        try:
            part(daemon)
        except ldap.LDAPError as error:
            ok(False, f"{part.__name__} runs through", repr(error))
done()
