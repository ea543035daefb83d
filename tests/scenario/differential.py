"""differential - the same contacts in a real slapd and in contactord, the same random filters: the
same entries, always.

  differential.py [--count N] [--seed S]

Filters keep away from what contactor means differently on purpose: umlauts, numbers that are not
E.164, the company behind an unknown extension, options of attributes, one name for several fields.
"""
import argparse
import csv
import io
import random

from harness import CONFIG, Daemon, Raw, ber, ber_str, done, is_, ok, search_request
from slapd import Slapd

BASE = "dc=contacts"
CONF = CONFIG.replace('note = "note"', """note = "note"
phone_other = "other"
phone_pager = "pager"
title = "title"
street = "street"
state = "state"
postal_code = "zip"
country = "country"
""").replace('anonymous = "allow"', 'anonymous = "allow"\ncompany_match = false')

# LDAP name (and the other names both servers know), contactor's column
TEXT = {
    "cn": (["commonName", "2.5.4.3"], None),
    "displayName": (["2.16.840.1.113730.3.1.241"], None),
    "sn": (["surname", "2.5.4.4"], "last"),
    "givenName": (["gn", "GIVENNAME"], "first"),
    "o": (["organizationName"], "company"),
    "ou": (["organizationalUnitName"], "department"),
    "title": (["2.5.4.12"], "title"),
    "mail": (["rfc822Mailbox", "Mail"], "mail"),
    "l": (["localityName"], "city"),
    "st": (["stateOrProvinceName"], "state"),
    "street": (["streetAddress"], "street"),
    "postalCode": ([], "zip"),
    "co": (["friendlyCountryName"], "country"),
    "description": (["DESCRIPTION"], "note"),
    "uid": (["userid"], "id"),
}
PHONES = {
    "telephoneNumber": (["2.5.4.20"], "business"),
    "mobile": (["mobileTelephoneNumber"], "mobile"),
    "homePhone": (["homeTelephoneNumber"], "home"),
    "pager": (["pagerTelephoneNumber"], "pager"),
}
FAX = "facsimileTelephoneNumber"  # to the standard no number: has no matching rule there
# Attributes of the standard's person that no contact of ours has.
ABSENT = ["employeeNumber", "employeeType", "carLicense", "initials", "roomNumber",
          "businessCategory", "preferredLanguage", "postOfficeBox", "physicalDeliveryOfficeName"]
UNKNOWN = ["fooBar", "noSuchThing", "1.2.3.4.5", "badge"]
CLASSES = ["top", "person", "organizationalPerson", "inetOrgPerson", "INETORGPERSON", "2.5.6.6",
           "2.16.840.1.113730.3.2.2", "organizationalUnit", "dcObject", "organization", "device",
           "groupOfNames", "room", "alias", "country", "account", "pilotPerson", "locality",
           "residentialPerson", "2.5.6.5", "noSuchClass", "9.9.9"]
COLUMNS = ["id", "first", "last", "company", "department", "business", "other", "mobile", "home",
           "pager", "fax", "mail", "city", "note", "title", "street", "state", "zip", "country"]

FIRST = ["Anna", "Bernd", "Clara", "Samuel", "Joel", "Jean-Luc", "Mary Ann", "Manuela", "O", "Max",
         "Michael", "Phoebe", "Uwe", "Ken", "Zoe"]
LAST = ["Meier", "Meyer", "Mayer", "Smith", "Smith-Jones", "Brien", "van der Berg", "Bauer",
        "Strasse", "Li", "Aeppli", "Koenig", "X", "Mc Donald", "Annamaier"]
COMPANY = ["Acme GmbH", "Acme  Ltd", "A & B (Berlin)", "100% Service", "Back\\slash Inc.",
           "Star * Trek", "C4B", "Voltaire, S.A.", "R+V", "Foo=Bar", "X", "acme gmbh"]
DEPARTMENT = ["Sales", "Sales South", "R&D", "crm", "IT"]
CITY = ["Berlin", "Bern", "Berlin-Mitte", "Paris", "New York", "Ulm"]
NOTE = ["likes tea", "VIP; call back", "a,b;c", "aaaa", "abab abab", "Anna is boss", "#1"]


# -- contacts --------------------------------------------------------------------------------

def number(rng):
    area, digits = rng.choice([("+4989", 7), ("+4930", 7), ("+49171", 7), ("+331", 8),
                               ("+44207", 7), ("+1212", 7)])
    return area + str(rng.randint(2, 9)) + "".join(rng.choice("0123456789")
                                                   for _ in range(digits - 1))


def make_contacts(rng, n=300):
    """Rows by contactor's columns. Some share a number, a name, a company."""
    rows, numbers = [], [number(rng) for _ in range(n)]

    def maybe(share, value):
        return value if rng.random() < share else ""
    for i in range(n):
        row = dict.fromkeys(COLUMNS, "")
        row.update(
            id=f"p{i}", first=maybe(.9, rng.choice(FIRST)), last=maybe(.9, rng.choice(LAST)),
            company=maybe(.7, rng.choice(COMPANY)), department=maybe(.4, rng.choice(DEPARTMENT)),
            business=maybe(.8, rng.choice(numbers)), other=maybe(.1, number(rng)),
            mobile=maybe(.5, rng.choice(numbers)), home=maybe(.3, number(rng)),
            pager=maybe(.1, number(rng)), fax=maybe(.2, rng.choice(numbers)),
            mail=maybe(.6, f"{rng.choice(FIRST[:4])}.{i % 90}@{rng.choice(['c4b', 'acme'])}.Example"),
            city=maybe(.5, rng.choice(CITY)), note=maybe(.4, rng.choice(NOTE)),
            title=maybe(.2, rng.choice(["Dr.", "CTO", "cto ", "Head of IT"]).strip()),
            street=maybe(.3, f"Main St. {i % 12}"), state=maybe(.2, rng.choice(["BY", "Texas"])),
            zip=maybe(.4, f"{80000 + i % 40}"), country=maybe(.3, rng.choice(["DE", "Germany"])))
        if not row["first"] and not row["last"]:
            row["last"] = "Solo"
        rows.append(row)
    return rows


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_attributes(row):
    """What a standard directory holds of this contact: {name: [values]}."""
    shown = " ".join(x for x in (row["first"], row["last"]) if x)
    attrs = {"objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson"],
             "cn": [shown], "displayName": [shown]}
    for name, (_, column) in {**TEXT, **PHONES}.items():
        if column and row[column]:
            attrs[name] = [row[column]]
    if row["fax"]:
        attrs[FAX] = [row["fax"]]
    attrs.setdefault("sn", [shown])
    if row["other"] and row["other"] not in attrs.get("telephoneNumber", []):
        attrs.setdefault("telephoneNumber", []).append(row["other"])
    return attrs


def as_ldif(contacts):
    entries = [(BASE, {"objectClass": ["top", "organization", "dcObject"], "dc": ["contacts"],
                       "o": ["contacts"]}),
               ("ou=crm," + BASE, {"objectClass": ["top", "organizationalUnit"], "ou": ["crm"]})]
    entries += [(f"uid={a['uid'][0]},ou=crm,{BASE}",
                 {k: v for k, v in a.items() if k != "co"} |
                 ({"co": a["co"], "objectClass": a["objectClass"] + ["extensibleObject"]}
                  if "co" in a else {})) for a in contacts]
    return "\n".join(f"dn: {dn}\n" + "".join(f"{k}: {v}\n" for k, vs in attrs.items() for v in vs)
                     for dn, attrs in entries)


# -- filters ---------------------------------------------------------------------------------

def encode(f):
    kind, *rest = f
    if kind in ("and", "or"):
        return ber(0xa0 if kind == "and" else 0xa1, b"".join(encode(x) for x in rest[0]))
    if kind == "not":
        return ber(0xa2, encode(rest[0]))
    if kind == "equal":
        return ber(0xa3, ber_str(rest[0]) + ber_str(rest[1]))
    if kind == "present":
        return ber_str(rest[0], 0x87)
    if kind == "substr":
        name, first, middle, last = rest
        pieces = (ber_str(first, 0x80) if first else b"") + b"".join(
            ber_str(m, 0x81) for m in middle) + (ber_str(last, 0x82) if last else b"")
        return ber(0xa4, ber_str(name) + ber(0x30, pieces))
    rule, name, value, dn = rest
    return ber(0xa9, (ber_str(rule, 0x81) if rule else b"") +
               (ber_str(name, 0x82) if name else b"") + ber_str(value, 0x83) +
               (ber(0x84, b"\xff") if dn else b""))


def text(f):
    kind, *rest = f
    if kind in ("and", "or"):
        return "(" + "&|"[kind == "or"] + "".join(map(text, rest[0])) + ")"
    if kind == "not":
        return f"(!{text(rest[0])})"
    if kind == "equal":
        return f"({rest[0]}={rest[1]})"
    if kind == "present":
        return f"({rest[0]}=*)"
    if kind == "substr":
        return f"({rest[0]}={'*'.join([rest[1], *rest[2], rest[3]])})"
    rule, name, value, dn = rest
    return f"({name or ''}{':dn' if dn else ''}{':' + rule if rule else ''}:={value})"


class Generator:
    def __init__(self, rng, contacts):
        self.rng, self.values = rng, {}
        for attrs in contacts:
            for name, values in attrs.items():
                self.values.setdefault(name, []).extend(values)
        self.values["ou"] += ["crm"] * 20
        self.values["o"] += ["contacts"] * 20

    def name(self, canonical):
        others = {**TEXT, **PHONES}[canonical][0]
        return self.rng.choice([canonical] * 3 + others + [canonical.lower(), canonical.upper()])

    def value(self, attr):
        """One some contact has, or nearly, or one of another attribute, or none at all."""
        rng, chance = self.rng, self.rng.random()
        value = rng.choice(self.values[attr])
        if attr in PHONES:
            return value if chance < .85 else number(rng)
        if attr == "uid":  # an id is opaque: its case counts
            return value if chance < .9 else "p9999"
        if chance < .5:
            return value
        if chance < .65:
            return rng.choice([value.upper(), value.lower(), value.swapcase()])
        if chance < .72:
            return value.replace(" ", "   ")
        if chance < .78:
            return rng.choice([" " + value, value + "  ", f"  {value} "])
        if chance < .9 or len(value) < 2:
            return rng.choice(self.values[rng.choice(list(TEXT))])
        cut = rng.randrange(len(value))
        return (value[:cut] + value[cut + 1:]).strip() or "x"

    def pieces(self, attr):
        rng, value = self.rng, self.rng.choice(self.values[attr])
        if attr in PHONES:
            return self.number_pieces(value)
        if attr != "uid" and rng.random() < .2:  # blanks at the ends of pieces
            first = rng.choice(["", value[:2], " " + value[:3], value[:2] + " "])
            last = rng.choice(["", value[-2:], " " + value[-2:], value[-2:] + " "])
            return first, rng.choice([[" "], ["  "], ["a "], [" a"],
                                       [value[1:3] or "x"]]), last
        if attr != "uid" and rng.random() < .3:
            value = rng.choice([value.upper(), value.lower()])
        n = rng.randint(1, 4)
        cuts = sorted(rng.randint(0, len(value)) for _ in range(2 * n))
        parts = [value[a:b] for a, b in zip(cuts[::2], cuts[1::2])]
        first = value[:cuts[1]] if rng.random() < .5 else ""
        last = value[cuts[-2]:] if rng.random() < .5 and n > 1 else ""
        middle = [p for p in parts[1 if first else 0:len(parts) - (1 if last else 0)]]
        if rng.random() < .1:
            rng.shuffle(middle)
        middle = [p for p in middle if p]
        first, last = first if first.strip() else "", last if last.strip() else ""
        if not (first or middle or last):
            first = "a"
        return first, middle, last

    def number_pieces(self, value):
        """No piece begins with a 0 that could be a trunk's: within its country a number has one
        more than as E.164."""
        rng = self.rng
        at = rng.randint(0, 6)
        inner = value[at:rng.randint(at + 1, len(value))].lstrip("0") or "+4"
        return rng.choice([(value[:rng.randint(2, len(value))], [], ""),
                           ("", [], value[-rng.randint(1, 11):].lstrip("0") or "7"), ("", [inner], ""),
                           (value[:3], [], value[-3:]), (value[:3], [value[5:7]], ""),
                           (value[:4], [value[5:6], value[7:8]], value[-1:])])

    def leaf(self):
        rng, chance = self.rng, self.rng.random()
        attr = rng.choice(list(TEXT) + list(PHONES))
        if chance < .36:
            return ("equal", self.name(attr), self.value(attr))
        if chance < .66:
            return ("substr", self.name(attr), *self.pieces(attr))
        if chance < .76:
            return ("present", rng.choice([self.name(attr)] * 15 + [FAX]))
        if chance < .84:
            return rng.choice([("equal", "objectClass", rng.choice(CLASSES)),
                               ("present", "objectClass")])
        if chance < .89:
            name = rng.choice(UNKNOWN + ABSENT)
            return rng.choice([("present", name), ("equal", name, "x"),
                               ("substr", name, "x", [], "")])
        return self.extensible(rng.choice(list(TEXT)))

    def extensible(self, attr):
        rng = self.rng
        rule = "caseIgnoreIA5Match" if attr == "mail" else rng.choice(["caseIgnoreMatch",
                                                                       "2.5.13.2"])
        return rng.choice([
            ("extensible", rule, self.name(attr), self.value(attr), False),
            ("extensible", None, self.name(attr), self.value(attr), False),
            ("extensible", None, rng.choice(["ou", "uid", "dc"]),
             rng.choice(["crm", "CRM", "contacts", "p7", "Sales"]), True),
            ("extensible", rule, rng.choice(UNKNOWN), "x", False),
            ("extensible", "noSuchMatch", self.name(attr), self.value(attr), False)])

    def filter(self, depth=5):
        rng, chance = self.rng, self.rng.random()
        if depth == 1 or chance < .3:
            return self.leaf()
        if chance < .5:
            return ("not", self.filter(depth - 1))
        children = [self.filter(depth - 1) for _ in range(rng.choice([0, 1, 2, 2, 2, 3, 3, 4]))]
        return (rng.choice(["and", "or"]), children)


# -- asking both -----------------------------------------------------------------------------

class Asker:
    def __init__(self, raw):
        self.raw, self.id = raw, 0

    def entries(self, f, *attributes):
        """(result code, {dn: {attribute: [values]}}), the DNs in lower case."""
        self.id += 1
        self.raw.send(search_request(self.id, encode(f), attributes=attributes))
        found = {}
        while True:
            msgid, tag, op = self.raw.read()
            if msgid != self.id or tag not in (0x64, 0x65):
                return (-1, found)
            if tag == 0x65:
                return (Raw._tlv(op)[1][-1], found)
            _, dn, at = Raw._tlv(op)
            found[dn.decode().lower()] = dict(attribute_list(Raw._tlv(op, at)[1]))


def attribute_list(data):
    at = 0
    while at < len(data):
        _, one, at = Raw._tlv(data, at)
        _, name, inner = Raw._tlv(one)
        values, vals, pos = Raw._tlv(one, inner)[1], [], 0
        while pos < len(values):
            _, value, pos = Raw._tlv(values, pos)
            vals.append(value.decode())
        yield name.decode(), sorted(vals)


def smaller(f):
    """Filters a step simpler than this one."""
    kind, *rest = f
    if kind == "not":
        yield rest[0]
        for x in smaller(rest[0]):
            yield ("not", x)
    elif kind in ("and", "or"):
        yield from rest[0]
        for i, child in enumerate(rest[0]):
            yield (kind, rest[0][:i] + rest[0][i + 1:])
            for x in smaller(child):
                yield (kind, rest[0][:i] + [x] + rest[0][i + 1:])
    elif kind == "substr":
        name, first, middle, last = rest
        for i in range(len(middle)):
            if first or last or len(middle) > 1:
                yield (kind, name, first, middle[:i] + middle[i + 1:], last)
        if first and (middle or last):
            yield (kind, name, "", middle, last)
        if last and (middle or first):
            yield (kind, name, first, middle, "")


def shrink(differs, f):
    for _ in range(60):
        f, before = next((x for x in smaller(f) if differs(x)), f), f
        if f is before:
            return f
    return f


def compare(ours, theirs, generator, count):
    """How many filters found something; prints each difference, made small."""
    def differs(f):
        return ours.entries(f, "1.1") != theirs.entries(f, "1.1")
    found, found_all, different = 0, 0, []
    for _ in range(count):
        f = generator.filter()
        code, entries = ours.entries(f, "1.1")
        found += code == 0 and 0 < len(entries)
        found_all += len(entries) > 295
        if (code, entries) != theirs.entries(f, "1.1"):
            different.append(f)
            if len(different) > 30:
                break
    seen = set()
    for f in different:
        f = shrink(differs, f)
        if text(f) in seen:
            continue
        seen.add(text(f))
        mine, other = ours.entries(f, "1.1"), theirs.entries(f, "1.1")
        print(f"# {text(f)}: contactor {mine[0]} {len(mine[1])}, slapd {other[0]} {len(other[1])}"
              f", only here {sorted(set(mine[1]) - set(other[1]))[:3]}"
              f", only there {sorted(set(other[1]) - set(mine[1]))[:3]}".replace("\n", " "))
    print(f"# {count} filters: {found} found something, {found_all} nearly everything")
    return len(different), found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows = make_contacts(rng)
    contacts = [as_attributes(row) for row in rows]
    slapd = Slapd(as_ldif(contacts), schemas=("core", "cosine", "inetorgperson"))
    try:
        with Daemon(CONF, files={"contacts.csv": as_csv(rows)}) as d:
            ours, theirs = Asker(Raw(d.port)), Asker(slapd.connect())
            everybody = ("equal", "objectClass", "inetOrgPerson")
            want = {f"uid={a['uid'][0]},ou=crm,{BASE}": {k: sorted(v) for k, v in a.items()}
                    for a in contacts}
            code, got = ours.entries(everybody)
            is_(code, 0, "everybody is found")
            for attrs in got.values():
                attrs["objectClass"].remove("contactorPerson")
            wrong = {dn: (got.get(dn), want[dn]) for dn in want if got.get(dn) != want[dn]}
            ok(not wrong and len(got) == len(want), "every entry reads as a standard one",
               *list(wrong.items())[:3])
            is_(theirs.entries(everybody, "1.1"), ours.entries(everybody, "1.1"),
                "slapd holds the same")
            different, found = compare(ours, theirs, Generator(rng, contacts), args.count)
            is_(different, 0, f"{args.count} random filters of seed {args.seed}: no difference")
            ok(found > args.count // 4, f"{found} of them found something")
    finally:
        slapd.stop()
    done()


main()
