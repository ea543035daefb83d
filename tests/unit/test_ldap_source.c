/* test_ldap_source.c - the parts of the LDAP source that need no server: options,
 * cursors, the index, and questions as filters. */
#include <ldap.h>

#include "plugins/ldap_source/cursor.h"
#include "plugins/ldap_source/fault.h"
#include "plugins/ldap_source/filter.h"
#include "plugins/ldap_source/index.h"
#include "plugins/ldap_source/spelling.h"
#include "plugins/ldap_source/text.h"
#include "tap.h"
#include "testhost.h"

static struct ctr_str str(const char *z)
{
    return (struct ctr_str){z, strlen(z)};
}

/* --- options --------------------------------------------------------------------------
 */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *name, const char *const *options, const char *want)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");
    bool found = false;

    for (; *options; options += 2)
        testhost_set(t, options[0], options[1]);
    is_int(testhost_check(t), -CTR_ECONF, "refused: %s", name);
    for (uint32_t i = 0; i < t->option_errors.n; i++)
        found = found || strstr(t->option_errors.at[i].b, want);
    ok(found, "it says: %s", want);
    if (!found && t->option_errors.n)
        printf("# it says: %s\n", t->option_errors.at[0].b);
    testhost_destroy(t);
}

#define URL "url", "ldap://127.0.0.1:1"

static void test_options(void)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "url", "ldaps://dc1.example.com");
    testhost_set(t, "url", "ldap://[::1]:3389");
    testhost_set(t, "url", "ldapi://%2Frun%2Fslapd%2Fldapi");
    testhost_set(t, "base", "OU=Staff,DC=example,DC=com");
    testhost_set(t, "base", "OU=Partners,DC=example,DC=com");
    testhost_set(t, "filter", "(objectClass=person)");
    testhost_set(t, "filter", "(&(objectClass=contact)(cn=a\\28b\\29*))");
    testhost_set(t, "groups", "sales: CN=Sales,DC=example,DC=com");
    testhost_set(t, "groups", "(objectClass=groupOfNames)");
    testhost_set(t, "map.x_badge", "employeeNumber");
    testhost_set(t, "map.surname", "sn;lang-de");
    is_int(testhost_check(t), 0, "what is right is taken");
    testhost_destroy(t);

    refused("an HTTP URL", OPTIONS("url", "http://x"), "not an LDAP URL");
    refused("a URL with a base", OPTIONS("url", "ldap://x/dc=y"), "base in it");
    refused("a URL with a filter", OPTIONS("url", "ldap://x/??sub?(a=b)"),
            "more than a host");
    refused("a URL without a host", OPTIONS("url", "ldap:///"), "no host");
    refused("a login without a password", OPTIONS(URL, "bind_dn", "cn=x"), "anonymous");
    refused("EXTERNAL without anything external", OPTIONS(URL, "sasl_external", "true"),
            "needs cert_file");
    refused("a certificate without a key", OPTIONS(URL, "cert_file", "/x"),
            "belong together");
    refused("a base that is none", OPTIONS(URL, "base", "people"), "not a DN");
    refused("a base within another",
            OPTIONS(URL, "base", "dc=Example, dc=com", "base", "OU=a,DC=example,DC=com"),
            "lies within");
    refused("the same base twice",
            OPTIONS(URL, "base", "dc=a", "base", "DC=A", "scope", "one"), "lies within");
    refused("a filter without parentheses", OPTIONS(URL, "filter", "cn=x"),
            "parentheses");
    refused("two filters in one", OPTIONS(URL, "filter", "(cn=x)(cn=y)"), "are a list");
    refused("a filter that ends early", OPTIONS(URL, "filter", "(&(cn=x)"),
            "do not match");
    refused("an empty filter", OPTIONS(URL, "filter", "()"), "nothing within");
    refused("an attribute that is none", OPTIONS(URL, "map.surname", "sn)(uid=*"),
            "not the name of an attribute");
    refused("nothing mapped", OPTIONS(URL, "preset", "none"), "needs a map");
    refused("a group that is none", OPTIONS(URL, "groups", "sales"), "neither a DN");
}

/* --- cursor ---------------------------------------------------------------------------
 */

static void test_cursor(void)
{
    struct cursor a = {.mode = DELTA_SYNCREPL, .serial = 7, .full_at = 5, .groups = 255},
                  b;
    char *text;

    ok(cursor_cookie(&a, 0, "rid=000,csn=1", 13) == 0 &&
           cursor_cookie(&a, 1, "\0\xff,", 3) == 0,
       "cookies are any bytes");
    text = cursor_text(&a, 0x1234);
    is_str(text,
           "2 0000000000001234 7 5 00000000000000ff syncrepl "
           "7269643d3030302c63736e3d31,00ff2c",
           "a cursor is text");
    is_int(cursor_parse(&b, str(text), 0x1234), 0, "and read again");
    ok(b.full_at == 5 && b.groups == 255 && b.n_cookies == 2 && b.cookie[1].len == 3 &&
           memcmp(b.cookie[1].bytes, "\0\xff,", 3) == 0,
       "with its cookies");
    cursor_finish(&b);
    is_int(cursor_parse(&b, str(text), 0x1235), -CTR_ENOENT, "of another shape: useless");
    free(text);
    cursor_finish(&a);

    a = (struct cursor){.mode = DELTA_USN, .serial = 1, .usn = 4711, .dc = "abc-def"};
    text = cursor_text(&a, 1);
    ok(cursor_parse(&b, str(text), 1) == 0 && b.usn == 4711 && !strcmp(b.dc, "abc-def"),
       "numbers of a controller");
    free(text);
    a = (struct cursor){
        .mode = DELTA_MODIFY_TIMESTAMP, .serial = 1, .modified = 1700000000};
    text = cursor_text(&a, 1);
    ok(cursor_parse(&b, str(text), 1) == 0 && b.modified == 1700000000, "a time");
    free(text);
    for (const char *const *bad = OPTIONS(
             "", "2", "1 0000000000000001 1 usn 5 x", "1 0000000000000001 1 0 0 usn 5 x",
             "2 0000000000000001 0 0 0 usn 5 x", "2 0000000000000001 1 0 usn 5 x",
             "2 0000000000000001 1 0 0 usn", "2 0000000000000001 1 0 0 nothing",
             "2 0000000000000001 1 0 0 syncrepl 123",
             "2 0000000000000001 1 0 0 syncrepl zz",
             "2 0000000000000001 1 0 0 syncrepl -1");
         *bad; bad++)
        is_int(cursor_parse(&b, str(*bad), 1), -CTR_ENOENT, "no cursor: \"%s\"", *bad);
}

/* --- index ----------------------------------------------------------------------------
 */

static void key_of(uint32_t n, uint8_t key[16])
{
    memset(key, 0, 16);
    memcpy(key, &n, 4);
}

static void test_index(void)
{
    enum { N = 20000 };
    struct index x = {0};
    struct ctr_str none = {NULL, 0};
    char id[INDEX_ID_MAX], want[32];
    uint8_t key[16];
    size_t at = 0, seen = 0, wrong = 0;

    for (uint32_t i = 0; i < N; i++) {
        snprintf(want, sizeof(want), "id-%u", i);
        key_of(i, key);
        if (index_put(&x, key, false, (uint8_t)(i % 3), i % 2 ? str(want) : none) != 0)
            wrong++;
    }
    for (uint32_t i = 0; i < N; i += 4) {
        key_of(i, key);
        index_remove(&x, key);
    }
    for (uint32_t i = 0; i < N; i++) {
        struct index_entry *e;

        key_of(i, key);
        e = index_find(&x, key);
        wrong += !e != (i % 4 == 0);
        if (!e)
            continue;
        index_id(&x, e, id);
        snprintf(want, sizeof(want), "id-%u", i);
        wrong += i % 2 ? strcmp(id, want) != 0 : strlen(id) != 36;
    }
    while (index_next(&x, &at))
        seen++;
    is_int(wrong, 0, "put, removed and found again");
    is_int(seen, N - N / 4, "each is met once");
    index_finish(&x);
    key_of(0x04030201, key);
    index_put(&x, key, true, 0, none);
    index_id(&x, index_find(&x, key), id);
    is_str(id, "04030201-0000-0000-0000-000000000000", "a GUID reads as AD shows it");
    index_finish(&x);
}

/* --- filters --------------------------------------------------------------------------
 */

static struct plan plan_for(void)
{
    struct plan p = {.name = {"entryUUID", "objectGUID", "nsUniqueId", "modifyTimestamp",
                              "sn", "telephoneNumber", "mobile"},
                     .n_slots = 7,
                     .use = {{CTR_FIELD_SURNAME, 4, NULL},
                             {CTR_FIELD_PHONE_BUSINESS, 5, NULL},
                             {CTR_FIELD_PHONE_MOBILE, 6, NULL}},
                     .n_uses = 3,
                     .owner = UINT32_MAX,
                     .filter = "(objectClass=person)"};

    return p;
}

static const char *written(const struct ctr_filter *f, bool wildcards)
{
    static char out[8192];
    struct text_out o = {0};
    struct plan p = plan_for();
    bool none;
    int32_t rc = filter_write(&o, &p, f, wildcards, &none);

    snprintf(out, sizeof(out), "%s", rc ? "failed" : none ? "none" : o.ptr);
    free(o.ptr);
    return out;
}

#define T "(objectClass=*)"
#define F "(!(objectClass=*))"
#define P "(&(objectClass=person)"

static struct ctr_filter leaf(uint32_t op, uint64_t kinds, const struct ctr_str *values,
                              uint32_t n)
{
    return (struct ctr_filter){.op = op, .kinds = kinds, .values = values, .n_values = n};
}

static void test_filters(void)
{
    struct ctr_str number[3] = {str("+4989123456"), str("089123456"), str("089/123456")};
    struct ctr_str pieces[3] = {str("Mei"), {NULL, 0}, str("er")}, *v = number;
    struct ctr_str name = str("Mueller"), words = str("anna mei");
    uint64_t business = CTR_KIND(CTR_FIELD_PHONE_BUSINESS);
    uint64_t surname = CTR_KIND(CTR_FIELD_SURNAME);
    struct ctr_filter f = leaf(CTR_OP_EQUAL, business, v, 3), g, both;
    const struct ctr_filter *children[2] = {&f, &g};

    is_str(written(&f, false),
           P "(|(telephoneNumber=+4989123456)(telephoneNumber=089123456)"
             "(telephoneNumber=089/123456)" F "))",
           "a number in each of its spellings");
    ok(strstr(written(&f, true), "(telephoneNumber=*0*8*9*1*2*3*4*5*6*)") ||
           strstr(written(&f, true), "(telephoneNumber=*8*9*1*2*3*4*5*6*)"),
       "with wildcards: anything between the digits");
    f = leaf(CTR_OP_EQUAL, surname, &name, 1);
    is_str(written(&f, false), P "(|(sn=Mueller)(sn=Müller)" F "))",
           "both spellings of a name");
    f = leaf(CTR_OP_SUBSTR, surname, pieces, 3);
    is_str(written(&f, false), P "(|(sn=Mei*er)" F "))", "beginning and end");
    f = leaf(CTR_OP_WORDS, surname, &words, 1);
    is_str(written(&f, false), P "(|(&(|(sn=*anna*)" F ")(|(sn=*mei*)" F ")" T ")" F "))",
           "words");
    f = leaf(CTR_OP_PRESENT, surname, NULL, 0);
    is_str(written(&f, false), P "(|(sn=*)" F "))", "any value");
    f = leaf(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_MAIL), &name, 1);
    is_str(written(&f, false), "none", "what is not mapped nobody has");

    f = leaf(CTR_OP_PRESENT, surname, NULL, 0);
    g = leaf(CTR_OP_GE, surname, &name, 1);
    both = (struct ctr_filter){.op = CTR_OP_AND, .children = children, .n_children = 2};
    is_str(written(&both, false), P "(&" T "(|(sn=*)" F ")(|(sn=*)(sn=*)" F ")))",
           "what a server cannot compare is asked wider");
    children[0] = &g;
    both = (struct ctr_filter){.op = CTR_OP_NOT, .children = children, .n_children = 1};
    is_str(written(&both, false), P "(!(|" F ")))", "and below a NOT narrower");
}

/* A value within a filter must come back as the same bytes, and must not end the leaf,
 * begin another, or be a wildcard. */
static bool is_harmless(const char *payload, size_t n)
{
    struct ctr_str value = {payload, n};
    struct ctr_filter f = leaf(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_SURNAME), &value, 1);
    const char *text = written(&f, false), *at;
    static const char before[] = P "(|(sn=";
    char back[4096];
    size_t k = 0;

    if (strncmp(text, before, strlen(before)) != 0)
        return false;
    at = text + strlen(before);
    for (; *at && *at != ')'; at++) {
        unsigned byte;

        if (strchr("(*", *at))
            return false;
        if (*at == '\\') {
            if (sscanf(at + 1, "%2x", &byte) != 1)
                return false;
            back[k++] = (char)byte;
            at += 2;
        } else {
            back[k++] = *at;
        }
    }
    return k == n && memcmp(back, payload, n) == 0 && strncmp(at, ")", 1) == 0 &&
           !strstr(at + 1, "uid=") && !strstr(at + 1, "userPassword");
}

static void test_injection(void)
{
    static const char *const payloads[] = {
        "*",
        "**",
        "*)(uid=*",
        "x)(uid=*))(|(uid=*",
        "x*",
        "*x",
        "a*b",
        ")",
        "(",
        "()",
        ")(",
        "x)(&)",
        "x))(|(sn=*",
        "x)(|(userPassword=*)",
        "\\",
        "\\\\",
        "\\2a",
        "\\29",
        "\\28",
        "\\00",
        "\\)",
        "x\\",
        "x\\2",
        "\\5c2a",
        "&",
        "|",
        "!",
        "!(x",
        "=",
        ">=",
        "<=",
        "~=",
        ":=",
        ":dn:=x",
        ":2.5.13.2:=x",
        "x=y",
        "x,dc=y",
        "x+y",
        "\"x\"",
        "<x>",
        ";",
        "#",
        "x\ny",
        "x\r\nuid: 1",
        "\t",
        " ",
        "  x  ",
        "\x01",
        "\x1f",
        "\x7f",
        "ä*",
        "é)",
        "日本)(uid=*)",
        "%00",
        "%2a",
        "%s%n",
        "&amp;",
        "' or 1=1",
        "'; drop table x",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "*)(objectClass=*",
        "admin)(!(&(1=0",
        "x)(cn=))\\00",
        "*(|(sn=*))",
        "*)(uid=*))(|(uid=*",
        "x' or 'x'='x",
        "//*",
        "@*",
        "x)(memberOf=*",
        "a)(userPassword=2.5.13.18:=",
        "(?=x)",
        "[a-z]",
        ".*",
        "^$",
    };
    static const char zero[] = "x\0)(uid=*";
    size_t n = sizeof(payloads) / sizeof(payloads[0]), bad = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_harmless(payloads[i], strlen(payloads[i])))
            continue;
        printf("# gets through: %s\n", payloads[i]);
        bad++;
    }
    for (int b = 0; b < 256; b++) {
        char all[3] = {(char)b, 'x', (char)b};

        bad += !is_harmless(all, 3);
    }
    ok(is_harmless(zero, sizeof(zero) - 1), "a NUL does not end a value");
    ok(n >= 60 && bad == 0, "%zu payloads and each byte: none gets out of its value", n);
}

static void test_limits(void)
{
    static char big[100000];
    struct ctr_str value = {big, sizeof(big)}, words = {big, 4000};
    struct ctr_filter f = leaf(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_SURNAME), &value, 1);
    struct ctr_filter nest[80];
    const struct ctr_filter *child[80];

    memset(big, 'x', sizeof(big));
    is_str(written(&f, false), "failed", "a value of 100 kB is not asked for");
    for (size_t i = 1; i < 4000; i += 2)
        big[i] = ' ';
    f = leaf(CTR_OP_WORDS, CTR_KIND(CTR_FIELD_SURNAME), &words, 1);
    ok(strlen(written(&f, false)) < 1000, "2000 words: only the first are asked for");
    f = leaf(CTR_OP_PRESENT, CTR_KIND(CTR_FIELD_SURNAME), NULL, 0);
    for (int i = 0; i < 80; i++) {
        child[i] = i ? &nest[i - 1] : &f;
        nest[i] =
            (struct ctr_filter){.op = CTR_OP_NOT, .children = &child[i], .n_children = 1};
    }
    is_str(written(&nest[79], false), "failed", "a question nested 80 deep is not asked");
}

/* --- small things ---------------------------------------------------------------------
 */

static void test_text(void)
{
    static const uint8_t raw[16] = {0x58, 0x52, 0xcf, 0x18, 0x42, 0x51, 0x9c, 0x40,
                                    0xa5, 0xcb, 0xe5, 0x70, 0x3e, 0xcd, 0xbe, 0x30};
    char out[TEXT_UUID], time[TEXT_TIME], clean[32];
    uint8_t back[16];
    int64_t t;

    text_guid(raw, out);
    is_str(out, "18cf5258-5142-409c-a5cb-e5703ecdbe30", "a GUID in words");
    text_uuid(raw, out);
    ok(text_uuid_parse(out, 36, back) && !memcmp(raw, back, 16), "a UUID and back");
    ok(!text_uuid_parse("x852cf18-4251-9c40-a5cb-e5703ecdbe30", 36, back), "not a UUID");
    ok(text_time_parse("20261122001500Z", 15, &t), "a time");
    text_time(t, time);
    is_str(time, "20261122001500Z", "and back");
    ok(text_time_parse("20261122001500.0Z", 17, &t), "a time of Active Directory");
    ok(!text_time_parse("20261322001500Z", 15, &t) && !text_time_parse("2026", 4, &t) &&
           !text_time_parse("20261122001500+0100", 19, &t),
       "no times");
    ok(!text_utf8("\xc3", 1) && !text_utf8("\xed\xa0\x80", 3) && !text_utf8("a\0b", 3) &&
           text_utf8("Müller", 7),
       "UTF-8 is told from what is not");
    fault_clean(clean, sizeof(clean), "a\nb\x01\xff und noch viel mehr Text als passt");
    is_str(clean, "a b ? und noch viel mehr Te", "a server's words are one line of text");
    ok(spelling_differs(SPELLING_DIGRAPHS, "Müß", 5) &&
           !spelling_differs(SPELLING_UMLAUTS, "Mer", 3),
       "spellings");
}

static void test_faults(void)
{
    struct fault f = {0};

    fault_answer(
        &f, "bind", "login", LDAP_INVALID_CREDENTIALS,
        "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, "
        "data 775, v4563",
        NULL);
    ok(f.code == -CTR_EACCES && strstr(f.text, "the account is locked"),
       "Active Directory's reason is put into words");
    fault_set(&f, -CTR_EIO, "x", NULL, "later");
    ok(strcmp(f.step, "bind") == 0, "the first fault counts");
    f = (struct fault){0};
    fault_answer(&f, "base", "reading \"dc=x\"", LDAP_NO_SUCH_OBJECT, NULL, "dc=y");
    ok(strstr(f.text, "it knows dc=y") != NULL, "the part of the base the server knows");
}

int main(void)
{
    test_options();
    test_cursor();
    test_index();
    test_filters();
    test_injection();
    test_limits();
    test_text();
    test_faults();
    return tap_done();
}
