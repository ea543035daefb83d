"""Every client asks as it really asks, and gets the name it would show."""
import subprocess

import ldap
import ldap.controls
from ldap.controls.sss import SSSRequestControl, SSSResponseControl
from ldap.controls.vlv import VLVRequestControl, VLVResponseControl

from harness import CONFIG, Daemon, Raw, bind_request, done, equality, is_, ok, search_request

SBC = ("uid=sbc,ou=users,dc=contacts", "s3cret-of-the-sbc")

EXTRA = """
[frontend.linphone]
plugin = "ldap"
listen = ["ldap://127.0.0.1:{tls_port}"]
dialplan = "munich"
output_format = "asked"
anonymous = "allow"
"""


def audiocodes(d):
    # The search key is an assertion without parentheses; five attributes; bound as a user.
    number = ["displayName", "sn", "givenName", "o", "mail"]
    for asked in ("+4989840798192", "004989840798192", "089840798192", "4989840798192", "192"):
        found = d.entries(f"(telephoneNumber={asked})", *number, bind=SBC)
        is_([a["displayName"] for _, a in found], [["Anna Meier"]],
            f"AudioCodes: telephoneNumber={asked}")
    is_(d.names("(phone=+491715556677)", bind=SBC), ["Anna Meier"],
        "AudioCodes: one short attribute matches the mobile number too")
    is_(d.names("(&(objectClass=person)(mobile=+491715556677))", bind=SBC), ["Anna Meier"],
        "AudioCodes: the group's filter is ANDed with the key")
    is_(sorted(d.names("(telephoneNumber=+4989840798*)", bind=SBC)),
        ["Anna Meier", "Bernd Müller", "Zentrale"], "AudioCodes: a trailing star")
    is_(d.names("(mobile=+4989840798192)", bind=SBC), [],
        "AudioCodes: the second key misses when the number is no mobile")


def oracle(d):
    found = d.entries("(msRTCSIP-Line=tel:+4989840798192)", "msRTCSIP-Line", "displayName")
    is_([(a["displayName"], a["msRTCSIP-Line"]) for _, a in found],
        [(["Anna Meier"], ["tel:+4989840798192"])], "Oracle: msRTCSIP-Line=tel:+49...")
    is_(d.names("(ipPhone=tel:+4989840798192)"), [], "Oracle: ipPhone is another attribute")


def phones(d):
    is_(d.names("(|(cn=mei*)(sn=mei*))"), ["Anna Meier"], "Yealink: type-ahead by surname")
    is_(d.names("(|(cn=M*)(sn=M*))", sizelimit=50).count("Anna Meier"), 1,
        "Yealink: from one letter, each contact once")
    is_(d.names("(|(telephoneNumber=089840798192*)(mobile=089840798192*)(homePhone=089840798192*))"),
        ["Anna Meier"], "Yealink: number as a prefix")
    is_(d.names("(|(telephoneNumber=+33612345678*)(mobile=+33612345678*)(homePhone=+33612345678*))"),
        ["Chloé Dubois"], "Snom: mobile number as a prefix")
    is_(d.names("(|(telephoneNumber=0815112345)(mobile=0815112345)(homePhone=0815112345))"),
        ["Bernd Müller"], "Gigaset: exact number, home")
    is_(sorted(d.names("(&(telephoneNumber=*)(displayName=Ch*))")), ["Chloé Dubois"],
        "Gigaset: browse by first letter")
    is_(d.names("(|(telephoneNumber=0171)(Mobile=0171*))"), ["Anna Meier"],
        "Grandstream: Mobile in its own case, prefix")
    found = d.entries("(Mobile=01715556677)", "Mobile")
    is_(list(found[0][1]) if found else None, ["Mobile"],
        "Grandstream: the attribute comes back under the name it asked for")
    is_(d.names("(&(cn=Chl*)(telephoneNumber=*)(!(sn=zz*)))"), ["Chloé Dubois"],
        "Grandstream: negation and presence")
    is_(d.names("(|(telephoneNumber=*840798192)(mobile=*840798192)(homeTelephoneNumber=*840798192))"),
        ["Anna Meier"], "Superfecta: suffix over three attributes")
    is_(d.names("(telephoneNumber=112)"), [], "an emergency number matches no tail")
    found = d.entries("(sn=Meier)", "telephoneNumber", base="cn=2001@pbx.example,dc=contacts",
                      bind=SBC)
    is_(len(found), 1, "innovaphone: the asking user in the base DN")


def polycom(d):
    for spelling in ("müller", "mueller", "MULLER", "muller"):
        is_(d.names(f"(&(objectclass=person)(sn={spelling}))"), ["Bernd Müller"],
            f"Poly: {spelling} finds Müller")
    c = ldap.initialize(d.url)
    root = c.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["supportedControl"])[0][1]
    offered = {x.decode() for x in root["supportedControl"]}
    ok({"1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473", "2.16.840.1.113730.3.4.9"} <= offered,
       "Poly: the rootDSE offers paging, sorting and VLV", offered)
    msgid = c.search_ext("dc=contacts", ldap.SCOPE_SUBTREE, "(objectclass=person)", ["sn"],
                         serverctrls=[SSSRequestControl(criticality=True,
                                                        ordering_rules=["sn", "givenName"]),
                                      VLVRequestControl(criticality=True, before_count=0,
                                                        after_count=2, offset=1,
                                                        content_count=0)])
    _, data, _, controls = c.result3(msgid)
    is_([a["sn"][0].decode() for _, a in data], ["Dubois", "Groß", "Meier"],
        "Poly: sorted, first window of three")
    kinds = {type(x) for x in controls}
    ok(kinds >= {SSSResponseControl, VLVResponseControl}, "Poly: both response controls", kinds)
    vlv = [x for x in controls if isinstance(x, VLVResponseControl)]
    is_(vlv[0].contentCount if vlv else None, 8, "Poly: the list's length is told")
    c.unbind_s()


def thunderbird(d):
    found = d.entries("(|(mail=*voltaire*)(cn=*voltaire*)(givenName=*voltaire*)(sn=*voltaire*))",
                      "cn", "commonname", "mail", "objectclass", "o", "company", "cellphone",
                      "l", "locality", sizelimit=100)
    is_(len(found), 1, "Thunderbird: contains, four attributes")
    attrs = found[0][1] if found else {}
    is_(attrs.get("company"), ["Voltaire SA"], "Thunderbird: company")
    is_(attrs.get("cellphone"), ["+33612345678"], "Thunderbird: cellphone")
    ok("inetOrgPerson" in attrs.get("objectclass", []), "Thunderbird: objectclass", attrs)


def outlook(d):
    is_(d.names("(anr=anna meier)"), ["Anna Meier"], "Outlook: anr with first and last name")
    is_(d.names("(anr=meier anna)"), ["Anna Meier"], "Outlook: anr, words in any order")
    is_(d.names("(&(mail=*)(|(mail=chl*)(cn=chl*)(sn=chl*)(givenName=chl*)(displayName=chl*)))"),
        ["Chloé Dubois"], "Outlook: its classic query")


def linphone(d):
    url = f"ldap://127.0.0.1:{d.tls_port}"
    for asked in ("089840798192", "+4989840798192", "004989840798192"):
        found = d.entries(f"(telephoneNumber={asked})", "telephoneNumber", url=url)
        is_(found and found[0][1].get("telephoneNumber"), [asked],
            f"Linphone: the number comes back as asked, {asked}")


def others(d):
    is_(d.names("(telephoneNumber=+4989840798999)"), ["C4B Com For Business"],
        "an unknown extension answers with its company")
    is_(d.names("(nosuchattribute=x)"), [], "an unknown attribute finds nothing")
    is_(d.names("(|(nosuchattribute=x)(sn=Meier))"), ["Anna Meier"],
        "an unknown attribute does not spoil the rest")
    is_(sorted(d.names("(telephoneNumber=030901820)")), ["Max Mustermann", "Moritz Mustermann"],
        "two people share a number: both, in a fixed order")
    raw = Raw(d.port)
    raw.send(bind_request(1, version=2))
    is_(raw.result()[2], 0, "LDAPv2 bind is accepted")
    raw.send(search_request(2, equality("telephoneNumber", "+4989840798192")))
    is_(raw.result()[2:], (0, 1), "LDAPv2 search is answered")
    raw.send(b"".join(search_request(i, equality("telephoneNumber", "+4989840798192"))
                      for i in range(10, 60)))
    answers = [raw.result() for _ in range(50)]
    is_([a[0] for a in answers], list(range(10, 60)), "50 pipelined searches are all answered")
    raw.close()
    run = d.ldapsearch("(sn=Meier)", "cn", "telephoneNumber", bind=SBC)
    ok("telephoneNumber: +4989840798192" in run.stdout, "ldapsearch", run.stdout, run.stderr)
    run = subprocess.run(["ldapwhoami", "-x", "-H", d.url, "-D", SBC[0], "-w", SBC[1]],
                         capture_output=True, text=True, timeout=30)
    is_(run.stdout.strip(), "dn:" + SBC[0], "ldapwhoami")
    pages = d.ldapsearch("(objectClass=person)", "cn", options=["-E", "pr=3/noprompt"])
    is_(pages.stdout.count("\ndn: ") + pages.stdout.startswith("dn: "), 8,
        "paged results deliver everything once")


with Daemon(CONFIG + EXTRA) as daemon:
    for play in (audiocodes, oracle, phones, polycom, thunderbird, outlook, linphone, others):
        try:
            play(daemon)
        except ldap.LDAPError as error:
            ok(False, f"{play.__name__} plays through", repr(error))
done()
