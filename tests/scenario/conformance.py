"""conformance - RFC 4511 clause by clause, and the controls and operations beside it, from the
bytes on the wire. Each check is named after the clause it reads."""
import ldap
import ldap.schema

from harness import (CONFIG, Daemon, Raw, ber, ber_int, ber_str, bind_request, done, equality, is_,
                     message, ok, search_request)

CONF = CONFIG.replace('note = "note"', '''note = "note"
street = "street"
x_customer = "customer"''') + """
[frontend.sbc.attributes]
x_customer = "customerNumber"
"""
ROWS = ["id;first;last;company;department;business;mobile;home;fax;mail;city;note;street;customer"]
ROWS += [f"{i};First{i:02};Last{i % 10};Acme;Sales;+49 89 55500{i:02};;;;u{i}@acme.example;Bonn;;"
         f"Way {i};K{i}" for i in range(1, 31)]
SBC = ("uid=sbc,ou=users,dc=contacts", "s3cret-of-the-sbc")
BASE, ONE = "dc=contacts", "uid=7,ou=crm,dc=contacts"
PRESENT = ber_str("objectClass", 0x87)
PEOPLE = equality("objectClass", "person")
PAGED, SORT, VLV = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473", "2.16.840.1.113730.3.4.9"
SORTED, LISTED = "1.2.840.113556.1.4.474", "2.16.840.1.113730.3.4.10"
BINDING, SEARCHING, COMPARING, EXTENDED = 0x61, 0x65, 0x6f, 0x78
NOTICE = "1.3.6.1.4.1.1466.20036"
port = 0


# -- reading with a strict decoder: definite, minimal lengths, and nothing left over ---------------

def tlv(data, at=0):
    tag, n = data[at], data[at + 1]
    at += 2
    if n & 0x80:
        size = n & 0x7f
        assert size > 0, "indefinite length"
        n = int.from_bytes(data[at:at + size], "big")
        assert n >= 0x80 and (size == 1 or n >> 8 * (size - 1)), "length is not minimal"
        at += size
    assert at + n <= len(data), "length runs over"
    return tag, data[at:at + n], at + n


def each(data):
    at, found = 0, []
    while at < len(data):
        tag, content, at = tlv(data, at)
        found.append((tag, content))
    return found


def number(content):
    assert len(content) == 1 or content[0] not in (0, 0xff) or \
        (content[0] == 0) == bool(content[1] & 0x80), "integer is not minimal"
    return int.from_bytes(content, "big", signed=True)


class Answer:
    """One LDAPMessage."""

    def __init__(self, data):
        parts = each(data)
        assert [t for t, _ in parts[:1]] == [2] and len(parts) in (2, 3), "not an LDAPMessage"
        self.id, (self.tag, op) = number(parts[0][1]), parts[1]
        self.controls = {}
        if len(parts) == 3:
            assert parts[2][0] == 0xa0, "not controls"
            for _, control in each(parts[2][1]):
                fields = each(control)
                self.controls[fields[0][1].decode()] = fields[-1][1]
        fields = each(op)
        if self.tag == 0x64:
            self.dn = fields[0][1].decode()
            self.attributes = [(a[0][1].decode(), [v for _, v in each(a[1][1])])
                               for a in (each(x) for _, x in each(fields[1][1]))]
            return
        assert [t for t, _ in fields[:3]] == [0x0a, 4, 4], "not an LDAPResult"
        self.code = number(fields[0][1])
        self.matched, self.text = fields[1][1].decode(), fields[2][1].decode()
        self.rest = {tag: content for tag, content in fields[3:]}

    def values(self):
        return {k: [v.decode() for v in vs] for k, vs in self.attributes}


class Client:
    def __init__(self):
        self.raw, self.data, self.id = Raw(port), b"", 0

    def read(self):
        while True:
            try:
                _, content, end = tlv(self.data)
                break
            except (IndexError, AssertionError):
                more = self.raw.socket.recv(65536)
                if not more:
                    raise EOFError from None
                self.data += more
        assert self.data[0] == 0x30
        self.data = self.data[end:]
        return Answer(content)

    def ask(self, op, controls=b""):
        """(the result, the entries before it)."""
        self.id += 1
        self.raw.send(message(self.id, op, controls))
        return self.finish(self.id)

    def finish(self, msgid):
        entries = []
        while True:
            a = self.read()
            assert a.id == msgid, f"answer to {a.id} instead of {msgid}"
            if a.tag != 0x64:
                return a, entries
            entries.append(a)

    def search(self, f=PRESENT, controls=b"", deref=0, types_only=False, **kw):
        data = search_request(1, f, **kw)
        op = bytearray(tlv(data)[1][3:])
        _, content, _ = tlv(bytes(op))
        fields = each(content)
        fields[2] = (10, bytes([deref]))
        fields[5] = (1, b"\xff" if types_only else b"\0")
        return self.ask(ber(0x63, b"".join(ber(t, c) for t, c in fields)), controls)

    def bind(self, name="", password="", version=3):
        return self.ask(tlv(bind_request(1, name, password, version))[1][3:])[0]

    def compare(self, dn, attribute, value):
        return self.ask(ber(0x6e, ber_str(dn) + ber(0x30, ber_str(attribute) +
                                                    ber_str(value))))[0]

    def extended(self, oid, value=None):
        return self.ask(ber(0x77, ber_str(oid, 0x80) +
                            (b"" if value is None else ber_str(value, 0x81))))[0]

    def ended(self):
        """The last message before the server closed, or None."""
        last = None
        try:
            while True:
                last = self.read()
        except (EOFError, ConnectionError):
            return last


def control(oid, value=None, critical=None):
    return ber(0x30, ber_str(oid) + (b"" if critical is None else
                                     ber(1, b"\xff" if critical else b"\0")) +
               (b"" if value is None else ber_str(value)))


def names(entries):
    return [e.dn for e in entries]


# -- RFC 4511 ------------------------------------------------------------------------------------

def envelope():
    later = ber(0x8f, b"later") + ber(0xae, ber_int(1))
    c = Client()
    c.raw.send(ber(0x30, ber_int(9) + tlv(search_request(1, PRESENT, scope=0))[1][3:] + later))
    is_(c.finish(9)[0].code, 0, "4: unknown trailing components of LDAPMessage are ignored")
    search = tlv(tlv(search_request(1, PRESENT, scope=0))[1][3:])[1]
    is_(c.ask(ber(0x63, search + later))[0].code, 0, "4: ... of SearchRequest")
    is_(c.ask(ber(0x6e, ber_str(BASE) + ber(0x30, ber_str("dc") + ber_str("contacts") + later) +
                  later))[0].code, 6, "4: ... of CompareRequest and its assertion")
    is_(c.ask(ber(0x77, ber_str("1.3.6.1.4.1.4203.1.11.3", 0x80) + later))[0].code, 0,
        "4: ... of ExtendedRequest")
    is_(c.ask(ber(0x60, ber_int(3) + ber_str("") + ber_str("", 0x80) + later))[0].code, 0,
        "4: ... of BindRequest")
    f = ber(0xa3, ber_str("cn") + ber_str("First07 Last7") + later)
    is_(len(c.search(f)[1]), 1, "4: ... of AttributeValueAssertion")
    for msgid in (1, 127, 128, 255, 256, 32768, 2 ** 31 - 1):
        c.raw.send(search_request(msgid, PRESENT, scope=0))
        a, entries = c.finish(msgid)
        is_((a.code, a.tag, len(entries)), (0, SEARCHING, 1), f"4.1.1.1: message ID {msgid}")
    c.raw.send(search_request(5, PRESENT, scope=0))
    c.finish(5)
    c.raw.send(search_request(5, PRESENT, scope=0))
    is_(c.finish(5)[0].code, 0, "4.1.1.1: a message ID may be used again after its answer")
    for size in (1, 2, 4):
        data = search_request(6, PRESENT, scope=0)
        content = tlv(data)[1]
        c.raw.send(bytes([0x30, 0x80 | size]) + len(content).to_bytes(size, "big") + content)
        is_(c.finish(6)[0].code, 0, f"5.1: a request with a length of {size} bytes")
    c.raw.send(b"".join(search_request(i, equality("uid", str(i)), attributes=["uid"])
                        for i in range(1, 21)))
    got = {}
    while len(got) < 20:
        a = c.read()
        if a.tag == SEARCHING:
            got[a.id] = a.code
    is_(got, {i: 0 for i in range(1, 21)}, "4.1.1: twenty at once, each answered by its ID")
    for what, data in (("a tag that is no SEQUENCE", b"\x31\x03\x02\x01\x01"),
                       ("a response", message(1, ber(0x65, b"\x0a\x01\0\x04\0\x04\0"))),
                       ("an unknown operation", message(1, ber(0x7d, b""))),
                       ("a message ID that is no INTEGER", ber(0x30, b"\x04\x01\x01\x42\0")),
                       ("message ID 0", message(0, ber(0x63, search))),
                       ("a request cut short", message(1, ber(0x63, search[:9]))),
                       ("an indefinite length", b"\x30\x80\x02\x01\x01\x42\0\0\0")):
        c = Client()
        c.raw.send(data)
        a = c.ended()
        ok(a and (a.id, a.tag, a.code, a.rest.get(0x8a)) == (0, EXTENDED, 2, NOTICE.encode()),
           f"4.1.1, 4.4.1: {what}: notice of disconnection, and the end",
           a and (a.id, a.tag, a.code, a.rest))


def controls():
    c = Client()
    for critical, code in ((None, 0), (False, 0), (True, 12)):
        is_(c.search(controls=control("1.2.3.4", critical=critical))[0].code, code,
            f"4.1.11: an unknown control, critical={critical}: search")
        is_(c.ask(ber(0x60, ber_int(3) + ber_str("") + ber_str("", 0x80)),
                  control("1.2.3.4", b"x", critical))[0].code, code, "4.1.11: ... bind")
        is_(c.ask(ber(0x6e, ber_str(BASE) + ber(0x30, ber_str("dc") + ber_str("contacts"))),
                  control("1.2.3.4", b"x", critical))[0].code, code or 6, "4.1.11: ... compare")
        is_(c.ask(ber(0x4a, ONE.encode()), control("1.2.3.4", b"x", critical))[0].code, code or 53,
            "4.1.11: ... delete")
        is_(c.ask(ber(0x77, ber_str("1.3.6.1.4.1.4203.1.11.3", 0x80)),
                  control("1.2.3.4", b"x", critical))[0].code, code, "4.1.11: ... extended")
    a, entries = c.search(controls=control("1.2.3.4", critical=True))
    is_(entries, [], "4.1.11: a refused operation is not carried out")
    paged = control(PAGED, ber(0x30, ber_int(5) + ber_str("")), True)
    is_(c.ask(ber(0x6e, ber_str(BASE) + ber(0x30, ber_str("dc") + ber_str("contacts"))),
              paged)[0].code, 12, "4.1.11: a critical control where it does not belong")
    is_(c.search(controls=paged + paged)[0].code, 2, "4.1.11: the same control twice")
    is_(c.search(controls=control(PAGED, b"\x30\x07rubbish", True))[0].code, 2,
        "4.1.11: a value that cannot be read")
    is_(c.search(controls=control("2.16.840.1.113730.3.4.2", critical=True))[0].code, 0,
        "RFC 3296 3: ManageDsaIT")


def binds():
    c = Client()
    is_((c.bind().code, c.bind(version=2).code), (0, 0), "4.2: anonymous, version 3 and 2")
    is_(c.bind(*SBC, version=1).code, 2, "4.2: version 1 is a protocolError")
    is_(c.bind(*SBC, version=4).code, 2, "4.2: version 4 is a protocolError")
    is_(c.bind(*SBC).code, 0, "4.2: simple")
    a = c.extended("1.3.6.1.4.1.4203.1.11.3")
    is_((a.code, a.rest.get(0x8b)), (0, b"dn:" + SBC[0].encode()), "RFC 4532: Who am I?")
    is_(c.bind(SBC[0], "wrong").code, 49, "4.2: a wrong password")
    is_(c.extended("1.3.6.1.4.1.4203.1.11.3").rest.get(0x8b), b"",
        "4.2.1: a failed bind leaves the session anonymous")
    is_(c.bind(SBC[0], "").code, 53, "RFC 4513 5.1.2: a name without a password is refused")
    sasl = ber(0x60, ber_int(3) + ber_str("") + ber(0xa3, ber_str("DIGEST-MD5")))
    is_(c.ask(sasl)[0].code, 7, "4.2: SASL is authMethodNotSupported")
    other = ber(0x60, ber_int(3) + ber_str("") + ber(0x85, b""))
    is_(c.ask(other)[0].code, 7, "4.2: so is an unknown choice")
    a = c.bind()
    is_((a.tag, a.matched, a.rest), (BINDING, "", {}), "4.2.2: BindResponse")
    c.raw.send(message(99, b"\x42\0"))
    is_(c.ended(), None, "4.3: unbind ends the connection without a word")


def searches():
    c = Client()
    for scope, f, want in ((0, PRESENT, [BASE]), (1, PRESENT, ["ou=crm," + BASE])):
        is_(names(c.search(f, scope=scope)[1]), want, f"4.5.1.2: scope {scope}")
    is_(len(c.search(PRESENT, scope=2)[1]), 32, "4.5.1.2: the whole subtree, with its base")
    is_(len(c.search(base="ou=crm," + BASE, scope=1)[1]), 30, "4.5.1.2: one level: the contacts")
    is_(names(c.search(base=ONE, scope=0)[1]), [ONE], "4.5.1.2: one contact by its DN")
    is_(names(c.search(base=ONE, scope=2)[1]), [ONE], "4.5.1.2: a contact is its own subtree")
    a, entries = c.search(base=ONE, scope=1)
    is_((a.code, entries), (0, []), "4.5.1.2: nothing is below a contact")
    is_(c.search(scope=7)[0].code, 2, "4.5.1.2: a scope that is none")
    for deref in range(4):
        is_(c.search(scope=0, deref=deref)[0].code, 0, f"4.5.1.3: derefAliases {deref}")
    is_(c.search(scope=0, deref=4)[0].code, 2, "4.5.1.3: 4 is none")
    for limit, code, n in ((1, 4, 1), (29, 4, 29), (30, 0, 30), (31, 0, 30), (0, 0, 30)):
        a, entries = c.search(PEOPLE, size=limit)
        is_((a.code, len(entries)), (code, n), f"4.5.1.4: sizeLimit {limit} of 30")
    is_(c.search(PEOPLE, seconds=5)[0].code, 0, "4.5.1.5: timeLimit")
    bad = bytearray(tlv(search_request(1, PRESENT, scope=0))[1][3:])
    at = bytes(bad).index(b"\x02\x01\x00")
    bad[at + 2] = 0xff
    is_(c.ask(bytes(bad))[0].code, 2, "4.5.1.4: a negative sizeLimit")
    _, [entry] = c.search(base=ONE, scope=0, types_only=True)
    ok(entry.attributes and all(not v for _, v in entry.attributes),
       "4.5.1.6: typesOnly: names without values")
    is_(names(c.search(base="DC = Contacts", scope=0)[1]), [BASE],
        "RFC 4514: a DN in other spelling")
    is_(names(c.search(base="UID=7,OU=CRM,0.9.2342.19200300.100.1.25=contacts", scope=0)[1]), [ONE],
        "RFC 4514: with other names of attributes")
    is_(c.search(base="this is no dn")[0].code, 34, "4.1.3: no DN at all: invalidDNSyntax")
    for base, matched in (("dc=other", ""), ("ou=none," + BASE, BASE),
                          ("uid=99,ou=crm," + BASE, "ou=crm," + BASE),
                          ("cn=x,uid=7,ou=crm," + BASE, None)):
        a, entries = c.search(base=base, scope=0)
        is_((a.code, entries), (32, []), f"4.1.9: {base} does not exist")
        if matched is not None:
            is_(a.matched, matched, "4.1.9: ... matchedDN is what exists of it")
    is_(c.search(equality("noSuchAttribute", "x"))[0].code, 0,
        "4.5.1.7: an unknown attribute is Undefined, no error")
    for f, n, what in ((ber(0xa0, b""), 32, "RFC 4526: (&) is everything"),
                       (ber(0xa1, b""), 0, "RFC 4526: (|) is nothing"),
                       (ber(0xa2, equality("noSuchAttribute", "x")), 0,
                        "4.5.1.7: not Undefined is Undefined"),
                       (ber(0x8e, b"x"), 0, "4.5.1.7: an unknown kind of filter is Undefined"),
                       (ber(0xa2, ber(0x8e, b"x")), 0, "4.5.1.7: and so is its opposite")):
        a, entries = c.search(f)
        is_((a.code, len(entries)), (0, n), what)
    ok(all(a.tag != 0x73 for a in [*c.search()[1], c.search()[0]]), "4.5.3: no references")


def attributes():
    c = Client()

    def asked(*what, base=ONE):
        _, [entry] = c.search(base=base, scope=0, attributes=what)
        return [k for k, _ in entry.attributes]
    everything = asked()
    is_(asked("1.1"), [], "4.5.1.8: 1.1 is nothing")
    is_(asked("1.1", "cn"), ["cn"], "4.5.1.8: 1.1 beside others is ignored")
    is_(asked("*"), everything, "4.5.1.8: * is what no list is")
    ok("entryDN" not in everything and "cn" in everything, "4.5.1.8: user attributes only")
    operational = asked("+")
    ok({"entryDN", "entryUUID", "structuralObjectClass", "subschemaSubentry"} <= set(operational)
       and "cn" not in operational, "RFC 3673: + is the operational ones", operational)
    is_(sorted(asked("*", "+")), sorted(everything + operational), "RFC 3673: * and + are both")
    is_(asked("noSuchAttribute", "cn"), ["cn"], "4.5.1.8: unknown names are ignored")
    is_(asked("noSuchAttribute"), [], "4.5.1.8: ... alone, too")
    is_(asked("cn", "cn"), ["cn"], "4.5.1.8: named twice, once returned")
    is_(asked("CN", "cn"), ["CN"], "4.5.1.8: in another case, too")
    is_(asked("cn", "commonName", "2.5.4.3"), ["cn"], "4.5.1.8: under its other names, too")
    is_(asked("2.5.4.3"), ["cn"], "4.5.2: asked by OID, returned by name")
    is_(asked("ou", "department"), ["ou", "department"],
        "names of other directories stand for themselves")
    is_(asked("entryDN", "cn"), ["entryDN", "cn"], "RFC 4512 3.4: operational by name")
    is_(sorted(asked("*", "entryDN")), sorted(everything + ["entryDN"]), "4.5.1.8: * and a name")
    is_(len(asked("*", "cn")), len(everything), "4.5.1.8: * and a user attribute: no repetition")
    ok("employeeNumber" not in asked("employeeNumber"), "4.5.2: no empty attributes")
    is_(asked("dc", base=BASE), ["dc"], "4.5.1.8: of the base entry")
    _, entries = c.search(attributes=["*", "+"])
    for e in entries:
        keys = [k.lower() for k, _ in e.attributes]
        if len(set(keys)) < len(keys) or any(not v or len(set(v)) < len(v)
                                             for _, v in e.attributes):
            ok(False, f"{e.dn}: attributes are sets of sets", e.attributes)
    ok(len(entries) == 32, "4.5.2: every attribute once, with values that differ")


def root():
    c = Client()
    a, [entry] = c.search(base="", scope=0, attributes=["*", "+"])
    got = entry.values()
    is_((a.code, entry.dn), (0, ""), "RFC 4512 5.1: the rootDSE")
    is_((got["namingContexts"], got["supportedLDAPVersion"], got["subschemaSubentry"]),
        ([BASE], ["2", "3"], ["cn=Subschema"]), "RFC 4512 5.1: what it says")
    ok({PAGED, SORT, VLV} <= set(got["supportedControl"]), "RFC 4512 5.1: controls")
    ok("1.3.6.1.4.1.1466.20037" not in got["supportedExtension"],
       "RFC 4512 5.1: no StartTLS where there is no certificate")
    ok({"1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"} <= set(got["supportedFeatures"]),
       "RFC 3673 and 4526 are announced")
    is_([k for k, _ in c.search(base="", scope=0)[1][0].attributes], ["objectClass"],
        "RFC 4512 5.1: operational attributes only when asked for")
    is_(c.search(equality("objectClass", "person"), base="", scope=0)[1], [],
        "RFC 4512 5.1: the filter counts there, too")
    ok(all(e.dn for e in c.search(base="", scope=2)[1]), "RFC 4512 5.1: in no subtree search")
    for oid in got["supportedControl"]:
        is_(c.search(controls=control(oid, b"\x30\0" if oid != PAGED else
                                      ber(0x30, ber_int(1) + ber_str("")), False))[0].code in
            (0, 2), True, f"announced control {oid} is known")


def schema(d):
    c = ldap.initialize(d.url)
    dn = c.search_subschemasubentry_s(BASE)
    is_(dn, "cn=Subschema", "RFC 4512 4.4: every entry names its subschema")
    entry = c.read_subschemasubentry_s(dn)
    sub = ldap.schema.SubSchema(entry, 0)
    types, classes = ldap.schema.AttributeType, ldap.schema.ObjectClass
    rules = {n for v in entry["matchingRules"] for n in
             ldap.schema.MatchingRule(v.decode() if isinstance(v, bytes) else v).names}
    syntaxes = {(v.decode() if isinstance(v, bytes) else v).split()[1]
                for v in entry["ldapSyntaxes"]}
    found = set()
    all_classes = set()
    for base, scope in (("", 0), (BASE, 2), (dn, 0)):
        for _, attrs in c.search_s(base, scope, "(objectClass=*)", ["*", "+"]):
            found |= set(attrs)
            all_classes |= {v.decode() for v in attrs["objectClass"]}
    uid = sub.get_obj(types, "uid")
    is_((uid.equality, uid.ordering, uid.substr),
        ("caseExactMatch", "caseExactOrderingMatch", "caseExactSubstringsMatch"),
        "uid is compared byte for byte, and the schema says so")
    undefined = [a for a in found if not sub.get_obj(types, a)]
    is_(undefined, [], f"RFC 4512 4.2.2: all {len(found)} attributes returned are defined")
    is_([k for k in all_classes if not sub.get_obj(classes, k)], [],
        "RFC 4512 4.2.1: so are the classes")
    loose = []
    for oid in sub.listall(types):
        t = sub.get_obj(types, oid)
        loose += [(t.names, r) for r in (t.equality, t.ordering, t.substr) if r and r not in rules]
        loose += [(t.names, t.syntax)] if t.syntax not in syntaxes else []
    is_(loose, [], "RFC 4512 4.1.3, 4.1.5: so are the matching rules and syntaxes they name")
    loose = []
    for oid in sub.listall(classes):
        k = sub.get_obj(classes, oid)
        loose += [(k.names, a) for a in k.must + k.may if not sub.get_obj(types, a)]
        loose += [(k.names, s) for s in k.sup if not sub.get_obj(classes, s)]
    is_(loose, [], "RFC 4512 4.1.1: and what the classes name")
    wrong = []
    for who, attrs in c.search_s(BASE, 2, "(objectClass=*)", ["*"]):
        must, may = sub.attribute_types(attrs["objectClass"] and
                                        [v.decode() for v in attrs["objectClass"]],
                                        raise_keyerror=0)
        allowed = {n.lower() for t in [*must.values(), *may.values()] for n in t.names}
        have = {a.lower() for a in attrs}
        wrong += [(who, a) for a in have - allowed]
        wrong += [(who, t.names) for t in must.values()
                  if not have & {n.lower() for n in t.names}]
        wrong += [(who, a) for a, v in attrs.items()
                  if sub.get_obj(types, a).single_value and len(v) > 1]
    is_(wrong, [], "RFC 4512 2.4: every entry keeps to its classes")
    c.unbind_s()


def compares():
    c = Client()
    for dn, attribute, value, code, what in (
            (ONE, "sn", "last7", 6, "true"), (ONE, "sn", "else", 5, "false"),
            (ONE, "surname", "LAST7", 6, "by another name"),
            (ONE, "telephoneNumber", "+49895550007", 6, "a number"),
            (ONE, "mobile", "+49895550007", 16, "an attribute it does not have"),
            (ONE, "employeeNumber", "1", 16, "one that no contact has"),
            (ONE, "jpegPhoto", "x", 18, "one without a matching rule: inappropriateMatching"),
            (ONE, "noSuchAttribute", "1", 17, "one nobody knows"),
            (ONE, "objectClass", "inetOrgPerson", 6, "the class"),
            (ONE, "objectClass", "device", 5, "another class"),
            (ONE, "uid", "7", 6, "the id"), (ONE, "entryDN", ONE, 6, "the name itself"),
            (BASE, "dc", "contacts", 6, "of the base"), (BASE, "sn", "x", 16, "not of the base"),
            ("ou=crm," + BASE, "ou", "crm", 6, "of a source"),
            ("", "namingContexts", BASE, 6, "of the rootDSE"),
            ("cn=Subschema", "cn", "subschema", 6, "of the subschema"),
            ("uid=99,ou=crm," + BASE, "sn", "x", 32, "no such entry"),
            ("no dn", "sn", "x", 34, "no DN")):
        a = c.compare(dn, attribute, value)
        is_((a.code, a.tag), (code, COMPARING), f"4.10: {what}")
    is_(c.compare("uid=99,ou=crm," + BASE, "sn", "x").matched, "ou=crm," + BASE,
        "4.1.9: matchedDN of a compare")


def writes():
    c = Client()
    for op, tag, what in (
            (ber(0x68, ber_str("uid=1,ou=crm," + BASE) + ber(0x30, b"")), 0x69, "4.7: add"),
            (ber(0x4a, ONE.encode()), 0x6b, "4.8: delete"),
            (ber(0x66, ber_str(ONE) + ber(0x30, b"")), 0x67, "4.6: modify"),
            (ber(0x6c, ber_str(ONE) + ber_str("uid=8") + ber(1, b"\xff")), 0x6d,
             "4.9: modify DN")):
        a, _ = c.ask(op)
        is_((a.tag, a.code), (tag, 53), f"{what} is answered unwillingToPerform")
    is_(names(c.search(base=ONE, scope=0)[1]), [ONE], "nothing has changed")


def extended():
    c = Client()
    a = c.extended("1.2.3.4.5")
    is_((a.tag, a.code, a.rest), (EXTENDED, 2, {}), "4.12: an unknown operation: protocolError")
    a = c.extended("1.3.6.1.4.1.1466.20037")
    is_((a.code, a.rest.get(0x8a)), (2, b"1.3.6.1.4.1.1466.20037"),
        "4.14.1: StartTLS without a certificate, with its responseName")
    is_(c.search(scope=0)[0].code, 0, "4.14: and the connection goes on")
    c.id += 1
    c.raw.send(message(c.id, ber(0x50, b"\x63")))
    is_(c.search(scope=0)[0].code, 0, "4.11: abandon of nothing has no answer")
    for value, code, what in ((ber(0x30, ber_int(4711)), 119, "an unknown request"),
                              (None, 2, "no value"), (b"\x30\x03abc", 2, "a value unreadable")):
        is_(c.extended("1.3.6.1.1.8", value).code, code, f"RFC 3909: cancel of {what}")
    c.raw.send(b"".join(search_request(i, PRESENT) + message(
        i + 1, ber(0x77, ber_str("1.3.6.1.1.8", 0x80) + ber_str(ber(0x30, ber_int(i)), 0x81)))
        for i in range(100, 140, 2)))
    codes = {}
    while len(codes) < 40:
        a = c.read()
        if a.tag != 0x64:
            codes[a.id] = a.code
    ok(all((codes[i], codes[i + 1]) in ((118, 0), (0, 119), (0, 120)) for i in range(100, 140, 2)),
       "RFC 3909: cancel in mid-search: canceled, or too late, and both are told", codes)
    a = c.extended("1.3.6.1.4.1.4203.1.11.3", b"x")
    is_(a.code, 2, "RFC 4532: Who am I? takes no value")


def paging():
    c = Client()

    def page(n, cookie=b"", f=PEOPLE, **kw):
        value = ber(0x30, ber_int(n) + ber_str(cookie))
        a, entries = c.search(f, controls=control(PAGED, value, True), **kw)
        back = a.controls.get(PAGED)
        return a.code, names(entries), each(each(back)[0][1])[1][1] if back else None
    seen, cookie, sizes = [], b"", []
    while True:
        code, got, cookie = page(7, cookie)
        seen, sizes = seen + got, sizes + [len(got)]
        if code or not cookie:
            break
    is_((code, sizes, len(set(seen))), (0, [7, 7, 7, 7, 2], 30), "RFC 2696 3: thirty by sevens")
    is_([page(30)[2], page(100)[2]], [b"", b""], "RFC 2696 3: no cookie where all is told")
    code, got, cookie = page(5)
    is_(page(0, cookie), (0, [], b""), "RFC 2696 3: size 0 gives the rest up")
    ok(page(5, cookie)[0] != 0, "RFC 2696 3: then the cookie is worth nothing")
    ok(page(5, b"made up by somebody")[0] != 0, "RFC 2696 3: neither is an invented one")
    code, got, cookie = page(5)
    ok(page(5, cookie, f=PRESENT)[0] != 0, "RFC 2696 3: it belongs to its question")
    code, got, cookie = page(5, size=8)
    code, more, cookie = page(5, cookie, size=8)
    is_((code, len(got + more), cookie), (4, 8, b""), "RFC 2696 3: sizeLimit counts over all pages")


def sorting():
    c = Client()

    def key(name, rule=None, reverse=False):
        return ber(0x30, ber_str(name) + (ber_str(rule, 0x80) if rule else b"") +
                   (ber(0x81, b"\xff") if reverse else b""))

    def sort(*keys, critical=True):
        a, entries = c.search(PEOPLE, controls=control(SORT, ber(0x30, b"".join(keys)), critical),
                              attributes=["givenName", "sn"])
        result = a.controls.get(SORTED)
        return (a.code, [(e.values()["sn"][0], e.values()["givenName"][0]) for e in entries],
                number(each(each(result)[0][1])[0][1]) if result else None)
    code, got, result = sort(key("sn"), key("givenName", reverse=True))
    want = sorted(((f"Last{i % 10}", f"First{i:02}") for i in range(30, 0, -1)))
    want = [x for s in sorted({s for s, _ in want}) for x in reversed([w for w in want if w[0] == s])]
    is_((code, result), (0, 0), "RFC 2891 1: sorted, and said so")
    is_(got, want, "RFC 2891 1: by one key, then by the other, backwards")
    is_(sort(key("sn", "2.5.13.3"))[::2], (0, 0), "RFC 2891 1.1: an ordering rule")
    is_(sort(key("noSuchAttribute"))[::2], (12, 16), "RFC 2891 2: an unknown key, critical")
    is_(sort(key("noSuchAttribute"))[1], [], "RFC 2891 2: ... and no entries")
    code, got, result = sort(key("noSuchAttribute"), critical=False)
    is_((code, len(got), result), (0, 30, 16), "RFC 2891 2: not critical: unsorted")
    is_(sort(key("sn", "1.2.3"))[::2], (12, 18), "RFC 2891 1.2: an unknown rule")

    def view(before, after, offset, count, sorted_by=key("sn")):
        v = ber(0x30, ber_int(before) + ber_int(after) + ber(0xa0, ber_int(offset) +
                                                            ber_int(count)))
        a, entries = c.search(PEOPLE, controls=(control(SORT, ber(0x30, sorted_by), False)
                                                if sorted_by else b"") + control(VLV, v, True))
        back = each(each(a.controls[LISTED])[0][1]) if LISTED in a.controls else None
        return a.code, len(entries), back and [number(x) for t, x in back if t != 4]
    is_(view(0, 4, 1, 0), (0, 5, [1, 30, 0]), "VLV: the first five of thirty")
    is_(view(2, 2, 15, 30), (0, 5, [15, 30, 0]), "VLV: around the middle")
    is_(view(5, 5, 30, 30), (0, 6, [30, 30, 0]), "VLV: at the end")
    is_(view(0, 1, 1, 0, None)[::2], (76, [0, 0, 60]), "VLV: without sort: sortControlMissing")


with Daemon(CONF, files={"contacts.csv": "\n".join(ROWS) + "\n"}) as daemon:
    port = daemon.port
    for group in (envelope, controls, binds, searches, attributes, root, compares, writes,
                  extended, paging, sorting):
        try:
            group()
        except (AssertionError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
            ok(False, f"{group.__name__} runs to its end", repr(error))
    schema(daemon)
done()
