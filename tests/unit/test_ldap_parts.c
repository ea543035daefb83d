/* test_ldap_parts.c - names, texts and attribute names, each alone. */
#include "attributes.h"
#include "dn.h"
#include "tap.h"
#include "test_ldap_directory.h"

static struct attributes table;
static struct pool pool;
static struct testhost *host;

static struct ctr_str z(const char *text)
{
    return str_of(text);
}

/* "type:value" of each RDN, '+' behind a part of several, or "error". */
static const char *parts_of(const char *text)
{
    static char out[1024];
    struct dn dn;
    size_t n = 0;

    if (dn_parse(&table, &pool, z(text), &dn))
        return "error";
    out[0] = '\0';
    for (uint32_t i = 0; i < dn.n; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s:%.*s%s", i ? " / " : "",
                              (int)dn.rdns[i].type.len, dn.rdns[i].type.ptr,
                              (int)dn.rdns[i].value.len, dn.rdns[i].value.ptr,
                              dn.rdns[i].multi ? "+" : "");
    return out;
}

static void test_dn_parse(void)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"   ", ""},
        {"dc=contacts", "dc:contacts"},
        {"uid=1,ou=crm,dc=contacts", "uid:1 / ou:crm / dc:contacts"},
        {" uid = 1 , ou=crm ;dc=contacts ", "uid:1 / ou:crm / dc:contacts"},
        {"cn=a\\,b\\+c\\\\d", "cn:a,b+c\\d"},
        {"cn=\\41\\c3\\A4", "cn:A\xc3\xa4"},
        {"cn=a  b  ", "cn:a  b"},
        {"cn=a\\ ", "cn:a "},
        {"cn=\" a,b \"", "cn: a,b "},
        {"cn=\"a\\\"b\",dc=x", "cn:a\"b / dc:x"},
        {"cn=#0402616c", "cn:al"},
        {"cn=#0c02616c,dc=x", "cn:al / dc:x"},
        {"cn=", "cn:"},
        {"cn=a+sn=b,dc=x", "cn:a+ / dc:x"},
        {"OID.2.5.4.3=a", "2.5.4.3:a"},
        {"cn=a=b", "cn:a=b"},
        {"cn", "error"},
        {"=a", "error"},
        {"cn=a,", "error"},
        {",cn=a", "error"},
        {"cn=a\\", "error"},
        {"cn=\"a", "error"},
        {"cn=\"a\"b", "error"},
        {"cn=a\"b", "error"},
        {"cn=#04", "error"},
        {"cn=#0405616c", "error"},
        {"cn=#zz", "error"},
        {"c n=a", "error"},
    };
    char many[2048] = "";

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_str(parts_of(cases[i][0]), cases[i][1], "DN \"%s\"", cases[i][0]);
    for (int i = 0; i < 64; i++)
        strcat(many, i ? ",dc=x" : "dc=x");
    ok(strcmp(parts_of(many), "error") != 0, "64 parts");
    strcat(many, ",dc=x");
    is_str(parts_of(many), "error", "65 parts");
}

static bool below(const char *a, const char *b)
{
    struct dn x, y;
    uint32_t above;

    return dn_parse(&table, &pool, z(a), &x) == 0 &&
           dn_parse(&table, &pool, z(b), &y) == 0 && dn_below(&x, &y, &above);
}

static void test_dn_compare(void)
{
    char blanks[4096] = "dc=a";

    ok(below("dc=contacts", "DC=Contacts"), "without case");
    ok(below("domaincomponent=a,0.9.2342.19200300.100.1.25=b", "dc=a,dc=b"),
       "by any name of the type");
    ok(below("cn=a  b", "cn= A b "), "runs of blanks are one");
    ok(below("uid=x,dc=a", "dc=a"), "below");
    ok(!below("dc=a", "uid=x,dc=a"), "above");
    ok(!below("dc=ab", "dc=a"), "another value");
    ok(!below("ou=a", "dc=a"), "another type");
    ok(!below("dc=a+dc=b", "dc=a"), "several values name nothing");
    ok(below("foo=1", "FOO=1") && !below("foo=1", "bar=1"),
       "unknown types by their name");
    memset(blanks + 4, ' ', sizeof(blanks) - 5);
    strcpy(blanks + sizeof(blanks) - 2, "b");
    ok(below(blanks, "dc=a b"), "4000 blanks in a row");
}

static const char *escaped(const char *value, size_t n)
{
    static char out[1024];
    struct ber_out to = {.data = (uint8_t *)out, .cap = sizeof(out) - 1};
    struct dn dn;
    char text[1100];

    dn_put_value(&to, (struct ctr_str){value, n});
    out[to.len] = '\0';
    snprintf(text, sizeof(text), "cn=%s", out);
    if (dn_parse(&table, &pool, z(text), &dn) || dn.n != 1 || dn.rdns[0].multi ||
        !str_same(dn.rdns[0].value, (struct ctr_str){value, n}))
        return "does not read back";
    return out;
}

static void test_dn_escape(void)
{
    is_str(escaped("plain", 5), "plain", "plain");
    is_str(escaped("a,b+c\"d\\e<f>g;h=i", 17), "a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i",
           "special characters");
    is_str(escaped(" a b ", 5), "\\ a b\\ ", "blanks at the ends");
    is_str(escaped("#a#", 3), "\\#a#", "# in front");
    is_str(escaped("a\0b\r\n", 5), "a\\00b\\0d\\0a", "control characters");
    is_str(escaped("K\xc3\xb6ln", 5), "K\xc3\xb6ln", "UTF-8 stays");
    is_str(escaped("K\xf6ln", 4), "K\\f6ln", "what is none is hex");
}

static const char *shown(const char *text, int charset, size_t max)
{
    static char out[256];
    struct ber_out to = {.data = (uint8_t *)out, .cap = sizeof(out) - 1};

    text_put(&to, z(text), charset, max);
    out[to.len] = '\0';
    return out;
}

static void test_text(void)
{
    is_str(shown("Grüße, Łódź", CHARSET_UTF8, 0), "Grüße, Łódź", "UTF-8");
    is_str(shown("Grüße", CHARSET_UTF8, 3), "Grü", "cut at a character");
    is_str(shown("Grüße", CHARSET_LATIN1, 0),
           "Gr\xfc\xdf"
           "e",
           "Latin-1");
    is_str(shown("Łódź “x” 5 €", CHARSET_LATIN1, 0),
           "L\xf3"
           "dz \"x\" 5 EUR",
           "what Latin-1 lacks is spelled");
    is_str(shown("Grüße, Łódź – Ærø", CHARSET_ASCII, 0), "Gruesse, Lodz - Aeroe",
           "ASCII");
    is_str(shown("\xf0\x9f\x98\x80!", CHARSET_ASCII, 0), "?!", "no letters for it");
    is_str(shown("a\xff\xfe"
                 "b",
                 CHARSET_ASCII, 0),
           "a??b", "bytes that are no UTF-8");
    is_str(shown("a\xff\xfe"
                 "b",
                 CHARSET_UTF8, 3),
           "a\xff\xfe", "are one character each");
    ok(text_is_utf8(z("äöü€😀")) && !text_is_utf8(z("\xc0\x80")) &&
           !text_is_utf8(z("\xed\xa0\x80")) && !text_is_utf8(z("\xf4\x90\x80\x80")) &&
           !text_is_utf8(z("\xc3")),
       "UTF-8 without overlong forms, surrogates, or more than U+10FFFF");
    ok(str_same(text_from_client(&pool, z("M\xfcller")), z("Müller")), "Latin-1 in");
    ok(text_compare(z(" A  b "), z("a B")) == 0 && text_compare(z("a"), z("b")) < 0 &&
           text_compare(z("ab"), z("a")) > 0,
       "comparison");
}

static const char *meaning(const char *name)
{
    struct attr_ref ref;

    attributes_find(&table, &pool, z(name), &ref);
    return ref.attr ? ref.attr->name : "unknown";
}

static void test_attributes(void)
{
    static const char *const thunderbird[][2] = {
        {"givenName", "givenName"},
        {"sn", "sn"},
        {"surname", "sn"},
        {"cn", "cn"},
        {"commonname", "cn"},
        {"mozillaNickName", "mozillaNickname"},
        {"mail", "mail"},
        {"mozillaSecondEmail", "mozillaSecondEmail"},
        {"telephoneNumber", "telephoneNumber"},
        {"homePhone", "homePhone"},
        {"facsimiletelephonenumber", "facsimileTelephoneNumber"},
        {"fax", "facsimileTelephoneNumber"},
        {"pager", "pager"},
        {"pagerphone", "pager"},
        {"mobile", "mobile"},
        {"cellphone", "mobile"},
        {"carphone", "mobile"},
        {"l", "l"},
        {"locality", "l"},
        {"st", "st"},
        {"region", "st"},
        {"postalCode", "postalCode"},
        {"zip", "postalCode"},
        {"c", "co"},
        {"countryname", "co"},
        {"title", "title"},
        {"ou", "ou"},
        {"department", "ou"},
        {"departmentnumber", "ou"},
        {"orgunit", "ou"},
        {"o", "o"},
        {"company", "o"},
        {"labeledURI", "labeledURI"},
        {"description", "description"},
        {"notes", "description"},
        {"modifytimestamp", "modifyTimestamp"},
        {"objectclass", "objectClass"},
    };

    for (size_t i = 0; i < sizeof(thunderbird) / sizeof(thunderbird[0]); i++)
        is_str(meaning(thunderbird[i][0]), thunderbird[i][1], "%s", thunderbird[i][0]);
    is_str(meaning("CN;binary;x-y"), "cn", "options do not count");
    is_str(meaning("x-abc"), "x-", "any custom field");
    is_str(meaning("x-"), "unknown", "x- alone is none");
    is_str(meaning(""), "unknown", "nor is nothing");
    is_str(meaning("sn "), "unknown", "nor a name with a blank");
}

/* Options of the plugin that must be refused, with what they say. */
static void refused(const char *name, const char *value, const char *says_so)
{
    struct testhost *t = testhost_create(&contactor_plugin, "frontend.test");
    bool found = false;

    testhost_set(t, name, value);
    ok(testhost_check(t) != 0, "refused: %s = %s", name, value);
    for (uint32_t i = 0; i < t->option_errors.n; i++)
        found |= strstr(t->option_errors.at[i].b, says_so) != NULL;
    ok(found, "and says \"%s\"", says_so);
    testhost_destroy(t);
}

static void test_configured(void)
{
    static const char *const options[] = {"attributes.x_customer",
                                          "customerNumber",
                                          "attributes.phone_mobile",
                                          "telephoneNumber",
                                          "attributes.phone_business",
                                          "telephoneNumber",
                                          "attributes.phone_fax",
                                          "fernkopie",
                                          "object_classes",
                                          "user",
                                          "object_classes",
                                          "person",
                                          "charset",
                                          "ascii",
                                          "max_value_length",
                                          "4",
                                          "base",
                                          "ou=Phones,o=Example AG",
                                          NULL};
    struct testhost *t = start_with(options);
    struct client c;

    if (!ok(t != NULL, "configured names"))
        return;
    c = client_open(t, "127.0.0.1", CTR_PEER_LOOPBACK);
    is_int(client_bind(&c, "cn=sbc,ou=users,ou=phones,o=example ag", "pw"), 0, "base");
    client_search(&c, "ou=Phones,o=Example AG", 2, "(customerNumber=K-17)",
                  "telephoneNumber CustomerNumber cn objectClass");
    ok(says(&c, "uid=1,ou=crm,ou=Phones,o=Example AG telephoneNumber=+4989840798192|"
                "+491711234567 CustomerNumber=K-17 cn=Anna objectClass=top|person|"
                "organizationalPerson|inetOrgPerson|contactorPerson|user\n"),
       "names mean what the administrator says");
    client_search(&c, "ou=Phones,o=Example AG", 2, "(telephoneNumber=+4930555)", "cn");
    ok(!says(&c, "entry") || !strstr(c.text, "entry"), "and nothing else");
    client_search(&c, "ou=Phones,o=Example AG", 2, "(&(objectClass=user)(l=*))", "l");
    ok(says(&c, " l=Koel\n"), "ASCII, cut to four characters");
    client_search(&c, "ou=Phones,o=Example AG", 0, "(objectClass=*)", "");
    ok(says(&c, "objectClass=top|organizationalUnit ou=Phones\n"), "entry of the base");
    client_search(&c, "cn=Subschema", 0, "(objectClass=*)", "attributeTypes");
    ok(says(&c, "( customerNumber-oid NAME 'customerNumber'"), "subschema knows them");
    client_close(&c);
    testhost_destroy(t);

    refused("base", "", "must be a DN");
    refused("base", "no dn", "must be a DN");
    refused("base", "uid=x", "beginning with dc");
    refused("base", "dc=a+dc=b", "must be a DN");
    refused("attributes.surname", "objectClass", "does not need itself");
    refused("attributes.surname", "two words", "a name of letters");
    refused("attributes.id", "serial", "other than id");
    refused("max_pdu", "64K", "max_pdu_anonymous");
}

static void test_pool(void)
{
    struct pool p;
    char *a, *b;

    pool_init(&p, 100000);
    a = pool_alloc(&p, 1);
    b = pool_alloc(&p, 1);
    ok(b == a + 8, "aligned");
    ok(pool_alloc(&p, POOL_FIRST) != NULL, "a further block");
    ok(pool_alloc(&p, 200000) == NULL, "not over the bound");
    ok(pool_array(&p, SIZE_MAX / 2, 16) == NULL, "no overflow");
    for (int i = 0; i < 100; i++)
        if (!pool_alloc(&p, 10000))
            break;
    ok(p.used <= 100000, "the bound holds");
    pool_reset(&p);
    ok(p.blocks == NULL && pool_alloc(&p, 8) == a, "all free again");
}

int main(void)
{
    const char *bad;

    host = start_with(NULL);
    pool_init(&pool, 64 << 20);
    if (!host || attributes_init(&table, &pool, &host->host, host->config, &bad))
        return 1;
    test_dn_parse();
    test_dn_compare();
    test_dn_escape();
    test_text();
    test_attributes();
    test_pool();
    pool_reset(&pool);
    testhost_destroy(host);
    test_configured();
    return tap_done();
}
