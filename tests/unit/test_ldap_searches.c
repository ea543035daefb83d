/* test_ldap_searches.c - bases, scopes, filters, attributes, pages, order: by bytes. */
#include "tap.h"
#include "test_ldap_directory.h"

#define ANNA  "uid=1,ou=crm,dc=contacts"
#define BERND "uid=a\\,b\\+c,ou=crm,dc=contacts"
#define ACME  "uid=1,ou=team,dc=contacts"
#define PAULA "uid=secret,ou=team,dc=contacts"

static struct testhost *host;
static struct client sbc;

/* The entries of a search, one letter each in the order they came: A B C P, r rootDSE,
 * b base, c ou=crm, t ou=team, s subschema; and "!CODE" unless 0. */
static const char *found(const char *base, int scope, const char *filter)
{
    static char out[256];
    size_t n = 0;
    const char *line = client_search(&sbc, base, scope, filter, "1.1");

    for (; *line; line = strchr(line, '\n') + 1) {
        char dn[256];
        int skip = 0;

        if (sscanf(line, "entry %*d%n", &skip) < 0 || skip == 0)
            continue;
        snprintf(dn, sizeof(dn), "%.*s", (int)strcspn(line + skip + 1, "\n"),
                 line + skip + 1);
        out[n++] = strcmp(dn, ANNA) == 0                    ? 'A'
                   : strcmp(dn, BERND) == 0                 ? 'B'
                   : strcmp(dn, ACME) == 0                  ? 'C'
                   : strcmp(dn, PAULA) == 0                 ? 'P'
                   : dn[0] == '\0'                          ? 'r'
                   : strcmp(dn, "dc=contacts") == 0         ? 'b'
                   : strcmp(dn, "ou=crm,dc=contacts") == 0  ? 'c'
                   : strcmp(dn, "ou=team,dc=contacts") == 0 ? 't'
                   : strcmp(dn, "cn=Subschema") == 0        ? 's'
                                                            : '?';
    }
    out[n] = '\0';
    if (sbc.code)
        snprintf(out + n, sizeof(out) - n, "!%d", sbc.code);
    return out;
}

static void test_scopes(void)
{
    static const struct {
        const char *base;
        int scope;
        const char *filter, *want;
    } cases[] = {
        {"", 0, "(objectClass=*)", "r"},
        {"", 1, "(objectClass=*)", "b"},
        {"", 2, "(objectClass=*)", "bctABC"},
        {"0", 2, "(objectClass=person)", "ABC"},
        {"dc=contacts", 0, "(objectClass=*)", "b"},
        {"dc=contacts", 1, "(objectClass=*)", "ct"},
        {"dc=contacts", 2, "(objectClass=*)", "bctABC"},
        {"dc=contacts", 3, "(objectClass=*)", "ctABC"},
        {"dc=contacts", 4, "(objectClass=*)", "!2"},
        {"DC = Contacts", 2, "(objectClass=inetOrgPerson)", "ABC"},
        {"domainComponent=contacts", 2, "(objectClass=2.16.840.1.113730.3.2.2)", "ABC"},
        {"0.9.2342.19200300.100.1.25=contacts", 2, "(objectClass=person)", "ABC"},
        {"ou=crm,dc=contacts", 0, "(objectClass=*)", "c"},
        {"ou=crm,dc=contacts", 1, "(objectClass=*)", "AB"},
        {"OU=CRM;dc=\"contacts\"", 2, "(objectClass=*)", "cAB"},
        {"ou=crm,dc=contacts", 3, "(objectClass=*)", "AB"},
        {ANNA, 0, "(objectClass=*)", "A"},
        {ANNA, 1, "(objectClass=*)", ""},
        {ANNA, 2, "(objectClass=*)", "A"},
        {ANNA, 0, "(sn=Other)", ""},
        {BERND, 0, "(objectClass=*)", "B"},
        {"uid=a\\2cb\\2bc,ou=crm,dc=contacts", 0, "(objectClass=*)", "B"},
        {"uid=#0405612c622b63,ou=crm,dc=contacts", 0, "(objectClass=*)", "B"},
        {"uid=none,ou=crm,dc=contacts", 0, "(objectClass=*)", "!32"},
        {"uid=none,ou=crm,dc=contacts", 1, "(objectClass=*)", "!32"},
        {"uid=secret,ou=team,dc=contacts", 0, "(objectClass=*)", "!32"},
        {"uid=x,uid=1,ou=crm,dc=contacts", 0, "(objectClass=*)", "!32"},
        {"uid=1+cn=x,ou=crm,dc=contacts", 0, "(objectClass=*)", "!32"},
        {"ou=none,dc=contacts", 2, "(objectClass=*)", "!32"},
        {"cn=nobody,dc=contacts", 2, "(objectClass=*)", "!32"},
        {"dc=example,dc=com", 2, "(objectClass=*)", "!32"},
        {"cn=sip:max@pbx.example,dc=contacts", 2, "(telephoneNumber=+4989840798192)",
         "A"},
        {"cn=sbc,dc=contacts", 2, "(telephoneNumber=+4989840798192)", "A"},
        {"cn=max@pbx,ou=crm,dc=contacts", 2, "(objectClass=person)", "AB"},
        {"no dn", 2, "(objectClass=*)", "!34"},
        {"cn=Subschema", 0, "(objectClass=subschema)", "s"},
        {"cn=subschema", 0, "(objectClass=*)", "s"},
        {"cn=Subschema", 1, "(objectClass=*)", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_str(found(cases[i].base, cases[i].scope, cases[i].filter), cases[i].want,
               "base %s scope %d %s", cases[i].base, cases[i].scope, cases[i].filter);
    found("uid=none,ou=crm,dc=contacts", 0, "(objectClass=*)");
    ok(says(&sbc, "matched=ou=crm,dc=contacts"), "matchedDN is what exists");
    found("ou=none,dc=contacts", 2, "(objectClass=*)");
    ok(says(&sbc, "matched=dc=contacts"), "matchedDN does not name what is hidden");
}

static void test_filters(void)
{
    static const struct {
        const char *filter, *want;
    } cases[] = {
        /* numbers */
        {"(telephoneNumber=+4989840798192)", "A"},
        {"(telephoneNumber=004989840798192)", "A"},
        {"(telephoneNumber=tel:+4989840798192)", "A"},
        {"(msRTCSIP-Line=tel:+4989840798192)", "A"},
        {"(msRTCSIP-Line=tel:+4989840798*)", "AC"},
        {"(telephoneNumber=+4930555)", "A"},
        {"(otherTelephone=+4930555)", "A"},
        {"(otherTelephone=+4989840798192)", ""},
        {"(phone=+491711234567)", "A"},
        {"(PHONE=+492214711)", "B"},
        {"(Mobile=+49171*)", "A"},
        {"(mobile=*234567)", "A"},
        {"(cellphone=+491711234567)", "A"},
        {"(mobileTelephoneNumber=+491711234567)", "A"},
        {"(homePhone=*)", "B"},
        {"(telephoneNumber>=1)", ""},
        {"(!(telephoneNumber>=1))", ""},
        /* text and its aliases */
        {"(cn=anna huber)", "A"},
        {"(commonName=anna*)", "A"},
        {"(2.5.4.3=anna*)", "A"},
        {"(sn;lang-de=huber)", "A"},
        {"(surname=hu*er)", "A"},
        {"(gn=*n*)", "AB"},
        {"(company=acme*)", "AC"},
        {"(department=sales)", "C"},
        {"(l=*)", "B"},
        {"(uid=1)", "AC"},
        {"(uid=*)", "ABC"},
        {"(cn=**)", "ABC"}, /* no piece at all */
        {"(telephoneNumber=**)", "AC"},
        {"(ou=**)", "ctC"},
        {"(cn=*)", "ABC"},
        {"(description=*)", ""},
        {"(jpegPhoto=*)", "A"},
        {"(jpegPhoto=x)", ""},
        {"(x-customer=K-17)", "A"},
        {"(x_Customer=K*)", "A"},
        {"(x-other=*)", ""},
        /* the surname that stands in */
        {"(sn=*)", "ABC"},
        {"(!(sn=*))", "bct"},
        {"(sn=acme*)", "C"},
        {"(sn=anna*)", ""},
        /* object classes */
        {"(objectClass=person)", "ABC"},
        {"(objectclass=TOP)", "bctABC"},
        {"(objectClass=organizationalUnit)", "ct"},
        {"(objectClass=dcObject)", "b"},
        {"(objectClass=computer)", ""},
        {"(!(objectClass=computer))", "bctABC"},
        {"(objectClass=nonsense)", ""},
        {"(!(objectClass=person))", "bct"},
        {"(objectCategory=person)", "ABC"},
        /* what leaves people out of Active Directory leaves out nobody */
        {"(!(userAccountControl:1.2.840.113556.1.4.803:=2))", "bctABC"},
        {"(&(cn=anna*)(!(userAccountControl:1.2.840.113556.1.4.804:=2)))", "A"},
        {"(&(objectCategory=person)(!(msExchHideFromAddressLists=TRUE)))", "ABC"},
        {"(&(cn=*)(!(memberOf=cn=hidden,dc=x)))", "ABC"},
        {"(|(sAMAccountName=anna*)(cn=anna*))", "A"},
        {"(userPrincipalName=*)", ""},
        {"(userAccountControl:1.2.840.113556.1.4.803:=2)", ""},
        {"(!(contactorAge:1.2.840.113556.1.4.803:=2))", "bct"},
        {"(!(cn:integerBitAndMatch:=2))", ""},
        /* Undefined: not an error, and not True either way round */
        {"(foo=bar)", ""},
        {"(!(foo=bar))", ""},
        {"(foo=*)", ""},
        {"(!(foo=*))", ""},
        {"(|(foo=bar)(cn=anna*))", "A"},
        {"(&(foo=bar)(cn=anna*))", ""},
        {"(!(&(foo=bar)(cn=nobody)))", "bctABC"},
        {"(!(&(foo=bar)(cn=*)))", "bct"},
        {"(!(|(foo=bar)(cn=nobody)))", ""},
        {"(!(|(foo=bar)(cn=*)))", ""},
        {"(&(cn=anna*)(!(!(foo=bar))))", ""},
        /* absolute true and false (RFC 4526) */
        {"(&)", "bctABC"},
        {"(|)", ""},
        {"(!(&))", ""},
        {"(!(|))", "bctABC"},
        {"(&(&)(cn=anna*))", "A"},
        {"(|(|)(cn=anna*))", "A"},
        {"(!(!(cn=anna*)))", "A"},
        {"(&(!(sn=huber))(objectClass=person))", "BC"},
        /* order and likeness */
        {"(sn>=h)", "A"},
        {"(sn<=b)", "C"},
        {"(cn~=anna huber)", "A"},
        {"(uid~=1)", "AC"},
        /* ambiguous names */
        {"(anr=hub ann)", "A"},
        {"(anr=acme)", "AC"},
        {"(anr==Anna)", "A"},
        {"(anr=+4989840798192)", "A"},
        {"(anr=anna*)", "A"},
        {"(metaName=bern)", "B"},
        {"(anr=*)", "ABC"},
        /* extensible */
        {"(cn:caseIgnoreMatch:=anna huber)", "A"},
        {"(cn:2.5.13.2:=anna huber)", "A"},
        {"(cn:=anna huber)", "A"},
        {"(cn:caseExactMatch:=anna huber)", ""},
        {"(!(cn:caseExactMatch:=anna huber))", ""},
        {"(:caseIgnoreMatch:=köln)", "B"},
        {"(telephoneNumber:caseIgnoreMatch:=1)", ""},
        {"(:telephoneNumberMatch:=+4989840798192)", "A"},
        {"(ou:dn:=crm)", "cAB"},
        {"(&(ou:dn:=team)(objectClass=person))", "C"},
        {"(!(ou:dn:=team))", "bcAB"},
        {"(dc:dn:=contacts)", "bctABC"},
        {"(uid:dn:=1)", "AC"},
        {"(:dn:caseIgnoreMatch:=crm)", "cAB"},
        /* what we say ourselves */
        {"(entryDN=" ANNA ")", "A"},
        {"(entryDN=ou=crm,dc=contacts)", "c"},
        {"(|(entryDN=" ANNA ")(entryDN=" ACME "))", "AC"},
        {"(contactorSource=team)", "C"},
        {"(!(contactorSource=team))", "bctAB"},
        {"(hasSubordinates=FALSE)", "ABC"},
        {"(hasSubordinates=TRUE)", "bct"},
        {"(structuralObjectClass=inetOrgPerson)", "ABC"},
        {"(modifyTimestamp=*)", "ABC"},
        {"(modifyTimestamp>=20200101000000Z)", ""},
        {"(dc=contacts)", "b"},
        {"(dc=cont*)", "b"},
        {"(ou=*)", "ctC"},
        {"(ou=c*)", "c"},
        /* empty values are of no syntax */
        {"(cn=)", ""},
        {"(!(cn=))", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_str(found("dc=contacts", 2, cases[i].filter), cases[i].want, "%s",
               cases[i].filter);
}

static void shows(const char *base, const char *attrs, const char *want)
{
    char line[1024];

    client_search(&sbc, base, 0, "(objectClass=*)", attrs);
    snprintf(line, sizeof(line), "entry %u %s%s%s\ndone", sbc.id, base, *want ? " " : "",
             want);
    if (!ok(strncmp(sbc.text, line, strlen(line)) == 0, "%s of %s", attrs, base))
        printf("# got  %s# want %s\n", sbc.text, line);
}

static void test_attributes(void)
{
    shows(ANNA, "1.1", "");
    shows(ANNA, "cn", "cn=Anna Huber");
    shows(ANNA, "CN Sn", "CN=Anna Huber Sn=Huber");
    shows(ANNA, "cn CN", "cn=Anna Huber");
    shows(ANNA, "surname", "surname=Huber");
    shows(ANNA, "2.5.4.4", "sn=Huber");
    shows(ANNA, "sn surname 2.5.4.4", "sn=Huber");
    shows(ANNA, "employeeNumber sn", "sn=Huber");
    shows(ANNA, "cn;lang-de", "cn=Anna Huber");
    shows(ANNA, "nothing sn", "sn=Huber");
    shows(ANNA, "1.1 sn", "sn=Huber");
    shows(ANNA, "Mobile", "Mobile=+491711234567");
    shows(ANNA, "telephoneNumber", "telephoneNumber=+4989840798192|+4930555");
    shows(ANNA, "otherTelephone", "otherTelephone=+4930555");
    shows(ANNA, "phone", "phone=+4989840798192|+491711234567|+4930555");
    shows(ANNA, "msRTCSIP-Line", "msRTCSIP-Line=tel:+4989840798192|tel:+4930555");
    shows(ANNA, "mail", "mail=anna@acme.example|huber@acme.example");
    shows(ANNA, "mozillaSecondEmail", "mozillaSecondEmail=huber@acme.example");
    shows(ANNA, "x-customer", "x-customer=K-17");
    shows(ANNA, "X_CUSTOMER", "X_CUSTOMER=K-17");
    shows(ANNA, "jpegPhoto", "jpegPhoto=\xff\xd8jpeg");
    shows(ANNA, "entryDN contactorSource hasSubordinates",
          "entryDN=" ANNA " contactorSource=crm hasSubordinates=FALSE");
    shows(ANNA, "objectClass",
          "objectClass=top|person|organizationalPerson|inetOrgPerson|contactorPerson");
    shows(ANNA, "",
          "objectClass=top|person|organizationalPerson|inetOrgPerson|"
          "contactorPerson uid=1 cn=Anna Huber sn=Huber givenName=Anna "
          "displayName=Anna Huber o=Acme GmbH mail=anna@acme.example|"
          "huber@acme.example telephoneNumber=+4989840798192|+4930555 "
          "mobile=+491711234567 x-customer=K-17");
    shows(ACME, "cn sn mobile", "cn=Acme GmbH sn=Acme GmbH");
    shows("dc=contacts", "",
          "objectClass=top|organization|dcObject dc=contacts "
          "o=contacts");
    shows("ou=crm,dc=contacts", "*", "objectClass=top|organizationalUnit ou=crm");
    shows("ou=crm,dc=contacts", "OU hasSubordinates", "OU=crm hasSubordinates=TRUE");
    client_search(&sbc, ANNA, 0, "(objectClass=*)", "* jpegPhoto Mobile");
    ok(says(&sbc, " jpegPhoto=\xff\xd8jpeg Mobile=+491711234567 objectClass=top"),
       "names first, the rest of * after them");
    ok(!strstr(sbc.text, "mobile="), "and nothing twice");
    client_search(&sbc, ANNA, 0, "(objectClass=*)", "+");
    ok(says(&sbc, "modifyTimestamp=2") && says(&sbc, "entryUUID=") &&
           says(&sbc, "structuralObjectClass=inetOrgPerson") && !strstr(sbc.text, " cn="),
       "+ is the operational attributes alone");
}

static void test_types_only(void)
{
    struct request r;
    uint8_t *flag;

    begin_search(&sbc, &r, ANNA, 0, 0, "(objectClass=*)", "cn mobile homePhone entryDN");
    flag = (uint8_t *)memmem(r.data, r.out.len, "\x01\x01\x00\x87", 4);
    flag[2] = 0xff;
    client_send(&sbc, &r);
    ok(says(&sbc, ANNA " cn mobile entryDN\n"), "typesOnly leaves the values out");
}

static void test_rootdse(void)
{
    client_search(&sbc, "", 0, "(objectClass=*)", "");
    ok(says(&sbc, " objectClass=top\n"), "operational attributes only by name");
    client_search(&sbc, "", 0, "(objectClass=*)", "+");
    ok(says(&sbc, "namingContexts=dc=contacts") &&
           says(&sbc, "supportedLDAPVersion=2|3") &&
           says(&sbc, "supportedControl=1.2.840.113556.1.4.319|1.2.840.113556.1.4.473|"
                      "2.16.840.1.113730.3.4.9|2.16.840.1.113730.3.4.2") &&
           says(&sbc, "supportedFeatures=") &&
           says(&sbc, "subschemaSubentry=cn=Subschema"),
       "rootDSE");
    ok(!strstr(sbc.text, OID_START_TLS), "no StartTLS without a certificate");
    client_search(&sbc, "", 0, "(supportedControl=" OID_PAGED ")", "vendorname");
    ok(says(&sbc, "vendorname=contactor"), "filters work on it");
    client_search(&sbc, "cn=Subschema", 0, "(objectClass=subschema)",
                  "objectClasses attributeTypes");
    ok(says(&sbc, "( 2.5.4.3 NAME ( 'cn' 'commonName' ) EQUALITY caseIgnoreMatch") &&
           says(&sbc, "NAME 'inetOrgPerson'"),
       "subschema");
}

/* --- limits and pages
 * ------------------------------------------------------------------- */

static const char *limited(const char *base, uint32_t size, const char *filter)
{
    struct request r;

    begin_search(&sbc, &r, base, 2, size, filter, "1.1");
    return client_send(&sbc, &r);
}

static unsigned entries(void)
{
    unsigned n = 0;

    for (const char *p = sbc.text; (p = strstr(p, "entry ")); p++)
        n++;
    return n;
}

static void test_size_limit(void)
{
    limited("dc=contacts", 2, "(objectClass=person)");
    ok(entries() == 2 && sbc.code == 4, "sizeLimit cuts with 4");
    limited("dc=contacts", 3, "(objectClass=person)");
    ok(entries() == 3 && sbc.code == 0, "exactly as many is no cut");
    limited("dc=contacts", 2, "(objectClass=*)");
    ok(entries() == 2 && sbc.code == 4, "our own entries count");
    limited("dc=contacts", 3, "(objectClass=*)");
    ok(entries() == 3 && sbc.code == 4, "cut between ours and the contacts");
    limited("dc=contacts", 3,
            "(|(objectClass=organizationalUnit)(objectClass=dcObject))");
    ok(entries() == 3 && sbc.code == 0, "no cut when there are no contacts behind");
    limited("dc=contacts", 5, "(objectClass=*)");
    ok(entries() == 5 && sbc.code == 4, "cut within the contacts");
    limited("dc=contacts", 2, "(!(contactorSource=none))");
    ok(entries() == 2 && sbc.code == 4, "cut with one query for each source");
}

static void page(const char *filter, uint32_t size, uint32_t limit, const uint8_t *cookie,
                 size_t n_cookie)
{
    uint8_t room[128];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t at = ber_open(&value, BER_SEQUENCE);
    struct request r;

    ber_put_int(&value, BER_INTEGER, size);
    ber_put_str(&value, BER_OCTETS, (struct ctr_str){(const char *)cookie, n_cookie});
    ber_close(&value, at);
    begin_search(&sbc, &r, "dc=contacts", 2, limit, filter, "1.1");
    request_control(&r, OID_PAGED, true, &value);
    client_send(&sbc, &r);
}

/* All pages of `size`; the entries of all of them. */
static unsigned all_pages(const char *filter, uint32_t size, uint32_t limit)
{
    unsigned n = 0, pages = 0;
    uint8_t cookie[64];
    size_t n_cookie = 0;

    do {
        page(filter, size, limit, cookie, n_cookie);
        n += entries();
        if (entries() > size)
            return 1000;
        n_cookie = sbc.n_cookie;
        memcpy(cookie, sbc.cookie, n_cookie);
    } while (n_cookie > 0 && sbc.code == 0 && ++pages < 50);
    return n;
}

static void test_pages(void)
{
    uint8_t cookie[64];
    size_t n;

    for (uint32_t size = 1; size <= 7; size++) {
        is_int(all_pages("(objectClass=*)", size, 0), 6, "everything in pages of %u",
               size);
        is_int(all_pages("(objectClass=person)", size, 0), 3, "contacts in pages of %u",
               size);
        is_int(all_pages("(!(contactorSource=none))", size, 0), 6,
               "source by source in pages of %u", size);
    }
    is_int(all_pages("(objectClass=*)", 2, 5), 5, "sizeLimit ends the pages");
    is_int(sbc.code, 4, "with its code");
    is_int(all_pages("(objectClass=person)", 5, 2), 2, "a page larger than the limit");
    is_int(sbc.code, 4, "is no page");

    page("(objectClass=*)", 2, 0, NULL, 0);
    memcpy(cookie, sbc.cookie, n = sbc.n_cookie);
    page("(objectClass=person)", 2, 0, cookie, n);
    ok(sbc.code == 53 && entries() == 0, "a cookie of another question");
    page("(objectClass=*)", 2, 0, cookie, n);
    is_int(sbc.code, 53, "is spent");
    page("(objectClass=*)", 2, 0, (const uint8_t *)"0123456789abcdef", 16);
    is_int(sbc.code, 53, "a cookie nobody gave");
    page("(objectClass=*)", 2, 0, (const uint8_t *)"x", 1);
    is_int(sbc.code, 53, "a cookie of another size");
    page("(objectClass=*)", 2, 0, NULL, 0);
    memcpy(cookie, sbc.cookie, n = sbc.n_cookie);
    page("(objectClass=*)", 0, 0, cookie, n);
    ok(sbc.code == 0 && entries() == 0 && says(&sbc, "paged=0"), "size 0 gives up");
    page("(objectClass=*)", 1, 0, cookie, n);
    is_int(sbc.code, 53, "and the cookie is gone");
    page("(objectClass=*)", 0, 0, NULL, 0);
    ok(sbc.code == 0 && entries() == 6, "size 0 without a cookie: all at once");

    page("(objectClass=*)", 2, 0, NULL, 0);
    memcpy(cookie, sbc.cookie, n = sbc.n_cookie);
    client_bind(&sbc, "uid=max,ou=users,dc=contacts", "secret");
    page("(objectClass=*)", 2, 0, cookie, n);
    is_int(sbc.code, 53, "a cookie does not survive another bind");
    client_bind(&sbc, "uid=sbc,ou=users,dc=contacts", "pw");
    {
        struct client other = open_bound(host);
        struct client mine = sbc;

        page("(objectClass=*)", 2, 0, NULL, 0);
        memcpy(cookie, sbc.cookie, n = sbc.n_cookie);
        mine = sbc;
        sbc = other;
        page("(objectClass=*)", 2, 0, cookie, n);
        is_int(sbc.code, 53, "nor another connection");
        other = sbc;
        sbc = mine;
        client_close(&other);
    }
    page("(objectClass=*)", 1, 0, NULL, 0);
    memcpy(cookie, sbc.cookie, n = sbc.n_cookie);
    for (int i = 0; i < 8; i++)
        page("(objectClass=*)", 1, 0, NULL, 0);
    page("(objectClass=*)", 1, 0, cookie, n);
    is_int(sbc.code, 53, "the oldest of too many is dropped");
}

/* --- order
 * ------------------------------------------------------------------------------ */

static void put_sort(struct request *r, bool critical, const char *attr, const char *rule,
                     bool reverse)
{
    uint8_t room[256];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t list = ber_open(&value, BER_SEQUENCE);
    size_t key = ber_open(&value, BER_SEQUENCE);

    ber_put_z(&value, BER_OCTETS, attr);
    if (rule)
        ber_put_z(&value, BER_CONTEXT(0), rule);
    if (reverse)
        ber_put_bool(&value, BER_CONTEXT(1), true);
    ber_close(&value, key);
    ber_close(&value, list);
    request_control(r, OID_SORT, critical, &value);
}

static void sorted(bool critical, const char *attr, const char *rule, bool reverse)
{
    struct request r;

    begin_search(&sbc, &r, "dc=contacts", 2, 0, "(objectClass=person)", "1.1");
    put_sort(&r, critical, attr, rule, reverse);
    client_send(&sbc, &r);
}

static bool in_order(const char *a, const char *b, const char *c)
{
    const char *at = strstr(sbc.text, a);

    at = at ? strstr(at, b) : NULL;
    return at && strstr(at, c);
}

static void test_sort(void)
{
    sorted(true, "cn", NULL, false);
    ok(in_order(ACME, ANNA, BERND) && says(&sbc, "sorted=0") && sbc.code == 0, "by cn");
    sorted(true, "CN", "caseIgnoreOrderingMatch", true);
    ok(in_order(BERND, ANNA, ACME), "in reverse");
    sorted(true, "sn", "1.2.840.113556.1.4.1499", false);
    ok(in_order(BERND, ANNA, ACME), "by sn, in AD's German, those without one last");
    sorted(true, "nothing", NULL, false);
    ok(sbc.code == 12 && says(&sbc, "sorted=16") && entries() == 0, "critical, unknown");
    sorted(false, "nothing", NULL, false);
    ok(sbc.code == 0 && says(&sbc, "sorted=16") && entries() == 3, "unknown: unsorted");
    sorted(true, "cn", "1.2.3", false);
    ok(sbc.code == 12 && says(&sbc, "sorted=18"), "unknown rule");
    sorted(true, "objectClass", NULL, false);
    ok(sbc.code == 12 && says(&sbc, "sorted=18"), "no order");
}

/* offset 0 with a value: greaterThanOrEqual. */
static void list_view(bool sort, bool critical, uint32_t before, uint32_t after,
                      uint32_t offset, const char *from)
{
    uint8_t room[256];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t list = ber_open(&value, BER_SEQUENCE), at;
    struct request r;

    ber_put_int(&value, BER_INTEGER, before);
    ber_put_int(&value, BER_INTEGER, after);
    if (from) {
        ber_put_z(&value, BER_CONTEXT(1), from);
    } else {
        at = ber_open(&value, BER_CONTEXT_CONS(0));
        ber_put_int(&value, BER_INTEGER, offset);
        ber_put_int(&value, BER_INTEGER, 0);
        ber_close(&value, at);
    }
    ber_close(&value, list);
    begin_search(&sbc, &r, "dc=contacts", 2, 0, "(objectClass=*)", "1.1");
    if (sort)
        put_sort(&r, true, "cn", NULL, false);
    request_control(&r, OID_VLV, critical, &value);
    client_send(&sbc, &r);
}

static void test_list_view(void)
{
    list_view(true, true, 0, 1, 1, NULL);
    ok(entries() == 2 && in_order(ACME, ANNA, "done") && says(&sbc, "vlv=1/3/0"),
       "the first two");
    list_view(true, true, 1, 0, 3, NULL);
    ok(entries() == 2 && in_order(ANNA, BERND, "done") && says(&sbc, "vlv=3/3/0"),
       "the last two");
    list_view(true, true, 0, 0, 0, "an");
    ok(entries() == 1 && says(&sbc, ANNA) && says(&sbc, "vlv=2/3/0"), "by value");
    list_view(true, true, 0, 1, 0, NULL);
    ok(sbc.code == 76 && says(&sbc, "vlv=0/0/61"), "offset 0");
    list_view(false, true, 0, 1, 1, NULL);
    ok(sbc.code == 76 && says(&sbc, "vlv=0/0/60"), "without an order");
    list_view(false, false, 0, 1, 1, NULL);
    ok(sbc.code == 0 && entries() == 6 && says(&sbc, "vlv=0/0/60"), "not critical: all");
}

static void test_sorted_pages(void)
{
    uint8_t cookie[64];
    size_t n_cookie = 0;
    unsigned n = 0, pages = 0;

    do {
        uint8_t room[128];
        struct ber_out value = {.data = room, .cap = sizeof(room)};
        size_t at = ber_open(&value, BER_SEQUENCE);
        struct request r;

        ber_put_int(&value, BER_INTEGER, 2);
        ber_put_str(&value, BER_OCTETS, (struct ctr_str){(const char *)cookie, n_cookie});
        ber_close(&value, at);
        begin_search(&sbc, &r, "dc=contacts", 2, 0, "(objectClass=*)", "1.1");
        put_sort(&r, true, "cn", NULL, false);
        request_control(&r, OID_PAGED, true, &value);
        client_send(&sbc, &r);
        n += entries();
        if (pages == 0)
            ok(in_order(ACME, ANNA, "done"), "contacts come first, in order");
        n_cookie = sbc.n_cookie;
        memcpy(cookie, sbc.cookie, n_cookie);
    } while (n_cookie > 0 && ++pages < 20);
    is_int(n, 6, "sorted pages hold everything once");
}

static void test_compare(void)
{
    static const struct {
        const char *dn, *attr, *value;
        int want;
    } cases[] = {
        {ANNA, "sn", "huber", 6},
        {ANNA, "sn", "other", 5},
        {ANNA, "telephoneNumber", "004989840798192", 6},
        {ANNA, "homePhone", "+4989840798192", 16},
        {ANNA, "objectClass", "person", 6},
        {ANNA, "objectClass", "device", 5},
        {ANNA, "cn", "x", 5},
        {ANNA, "dc", "contacts", 16},
        {ANNA, "anr", "anna", 16},
        {ANNA, "contactorSource", "crm", 6},
        {ANNA, "contactorSource", "team", 5},
        {ANNA, "entryDN", ANNA, 6},
        {ANNA, "nothing", "x", 17},
        {PAULA, "sn", "Paula", 32},
        {PAULA, "sn", "x", 32},
        {"uid=none,ou=crm,dc=contacts", "sn", "x", 32},
        {"uid=none,ou=crm,dc=contacts", "objectClass", "person", 32},
        {"dc=contacts", "dc", "CONTACTS", 6},
        {"ou=crm,dc=contacts", "ou", "team", 5},
        {"ou=crm,dc=contacts", "sn", "x", 16},
        {"", "supportedLDAPVersion", "3", 6},
        {"cn=Subschema", "cn", "subschema", 6},
        {"bad", "cn", "x", 34},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_int(client_compare(&sbc, cases[i].dn, cases[i].attr, cases[i].value),
               cases[i].want, "compare %s %s=%s", cases[i].dn, cases[i].attr,
               cases[i].value);
}

int main(void)
{
    host = start_with(NULL);
    if (!host)
        return 1;
    sbc = open_bound(host);
    test_scopes();
    test_filters();
    test_attributes();
    test_types_only();
    test_rootdse();
    test_size_limit();
    test_pages();
    test_sort();
    test_list_view();
    test_sorted_pages();
    test_compare();
    is_int(host->queries_open, 0, "no query is left open");
    client_close(&sbc);
    is_int(host->principals, 0, "no principal is left referenced");
    testhost_destroy(host);
    return tap_done();
}
