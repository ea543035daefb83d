/* test_ldap_limits.c - every stated limit, on both of its sides. */
#include "tap.h"
#include "test_ldap_directory.h"

#define SBC "uid=sbc,ou=users,dc=contacts"

/* Sends only the header of a message with that much content; was it refused? */
static bool refuses_size(struct testhost *t, bool bound, size_t content)
{
    uint8_t header[6] = {0x30,
                         0x84,
                         (uint8_t)(content >> 24),
                         (uint8_t)(content >> 16),
                         (uint8_t)(content >> 8),
                         (uint8_t)content};
    struct client c =
        bound ? open_bound(t) : client_open(t, "127.0.0.1", CTR_PEER_LOOPBACK);
    bool refused;

    client_feed(&c, header, sizeof(header));
    refused = testhost_closed(c.s) && strstr(c.text, "too large");
    client_close(&c);
    return refused;
}

/* A whole request of exactly that size, padded with a control. */
static int sized_request(struct client *c, size_t content)
{
    char *padding = calloc(1, content);
    struct ber_out value = {.data = (uint8_t *)padding, .cap = content};
    struct request r;
    int code;

    for (value.len = content - 60;; value.len++) {
        request_begin(&r, ++c->id, OP_EXTENDED);
        ber_put_z(&r.out, BER_CONTEXT(0), OID_WHOAMI);
        request_control(&r, "1.2.3", false, &value);
        request_finish(&r);
        if (ber_frame(r.data, r.out.len, 0x30, content - 1) == -CTR_ESIZE)
            break;
        free(r.data);
    }
    client_feed(c, r.data, r.out.len);
    code = c->code;
    free(r.data);
    free(padding);
    return code;
}

static void test_pdu(void)
{
    static const char *const small[] = {"max_pdu_anonymous", "2K", "max_pdu", "4K", NULL};
    struct testhost *t = start_with(NULL);
    struct client c;

    ok(!refuses_size(t, false, 256 << 10), "256 KiB before a bind");
    ok(refuses_size(t, false, (256 << 10) + 1), "one more is too large");
    ok(!refuses_size(t, true, 1 << 20), "1 MiB after a bind");
    ok(refuses_size(t, true, (1 << 20) + 1), "one more is too large");
    c = open_bound(t);
    is_int(sized_request(&c, 1 << 20), 0, "a whole request of 1 MiB is answered");
    client_bind(&c, SBC, "wrong");
    is_int(sized_request(&c, (256 << 10) + 1), 2,
           "after a failed bind the lower one holds");
    client_close(&c);
    testhost_destroy(t);
    t = start_with(small);
    ok(!refuses_size(t, false, 2048) && refuses_size(t, false, 2049),
       "max_pdu_anonymous");
    ok(!refuses_size(t, true, 4096) && refuses_size(t, true, 4097), "max_pdu");
    testhost_destroy(t);
}

/* --- filters
 * ------------------------------------------------------------------------------ */

/* Result of a search with this filter. */
static int filter_code(struct client *c, const char *filter)
{
    client_search(c, "dc=contacts", 2, filter, "1.1");
    return c->code;
}

/* Copies text to p. returns its end */
static char *append(char *p, const char *text)
{
    size_t n = strlen(text);

    memcpy(p, text, n + 1);
    return p + n;
}

/* "(OP(OP(...leaf...)))", depth operators around a leaf */
static char *nested(const char *op, unsigned depth, const char *leaf)
{
    size_t op_len = strlen(op);
    char *out = must(depth * (op_len + 2) + strlen(leaf) + 1), *p = out;

    for (unsigned i = 0; i < depth; i++)
        p = append(append(p, "("), op);
    p = append(p, leaf);
    for (unsigned i = 0; i < depth; i++)
        p = append(p, ")");
    return out;
}

static char *wide(const char *op, unsigned n, const char *leaf)
{
    char *out = must(n * strlen(leaf) + 8), *p = out;

    p = append(append(p, "("), op);
    for (unsigned i = 0; i < n; i++)
        p = append(p, leaf);
    append(p, ")");
    return out;
}

static char *starred(unsigned n)
{
    char *out = must(n * 2 + 16), *p = out;

    p = append(p, "(cn=");
    for (unsigned i = 0; i < n; i++)
        p = append(p, "*a");
    append(p, "*)");
    return out;
}

static void is_code(struct client *c, char *filter, int want, const char *name)
{
    is_int(filter_code(c, filter), want, "%s", name);
    free(filter);
}

static void filter_sides(const char *const *options, unsigned depth, unsigned terms,
                         unsigned pieces)
{
    struct testhost *t = start_with(options);
    struct client c = open_bound(t);

    is_code(&c, nested("!", depth, "(cn=x)"), 0, "NOT as deep as allowed");
    is_code(&c, nested("!", depth + 1, "(cn=x)"), 11, "one deeper");
    is_code(&c, nested("&", depth, "(cn=x)"), 0, "AND as deep as allowed");
    is_code(&c, nested("|", depth + 1, "(cn=x)"), 11, "OR one deeper");
    is_code(&c, nested("|(sn=y)", depth < 60 ? depth : 60, "(cn=x)"), 0,
            "a real tree of that depth");
    is_code(&c, wide("|", terms, "(cn=x)"), 0, "as many terms as allowed");
    is_code(&c, wide("|", terms + 1, "(cn=x)"), 11, "one more");
    is_code(&c, wide("&", terms, "(sn=x)"), 0, "terms that stand for several");
    is_code(&c, wide("|", terms, "(anr=123)"), 0, "or may be a number");
    is_code(&c, wide("|", terms + 1, "(&)"), 11, "empty sets count");
    is_code(&c, starred(pieces - 2), 0, "substring pieces");
    is_code(&c, starred(pieces + 1), 11, "one piece too many");
    ok(!testhost_closed(c.s), "the connection lives on");
    client_close(&c);
    is_int(t->principals, 0, "nothing is left");
    testhost_destroy(t);
}

/* Result of a search of one entry. */
static int base_code(struct client *c, const char *base, const char *filter)
{
    client_search(c, base, 0, filter, "1.1");
    return c->code;
}

/* Each term goes through all the schema. */
static void test_schema_work(void)
{
    struct testhost *t = start_with(NULL);
    struct client c = open_bound(t);
    char *few = wide("|", 50, "(attributeTypes=*zzz*)");
    char *many = wide("|", 1000, "(attributeTypes=*zzz*)");
    char *deep = wide("&", 1000, "(!(attributeTypes:caseIgnoreMatch:=zzz))");

    is_int(base_code(&c, "cn=Subschema", few), 0, "the schema, fifty times");
    is_int(base_code(&c, "cn=Subschema", many), 11, "a thousand times");
    is_int(base_code(&c, "cn=Subschema", deep), 11, "by another kind of term");
    is_int(base_code(&c, "", many), 0, "an entry without the attribute");
    free(few);
    free(many);
    free(deep);
    client_close(&c);
    testhost_destroy(t);
}

static void test_filter_limits(void)
{
    static const char *const options[] = {
        "max_filter_depth", "3", "max_filter_terms", "5", "max_substrings", "4", NULL};

    filter_sides(NULL, 64, 1000, 64);
    filter_sides(options, 3, 5, 4);
}

/* --- controls and attributes
 * -------------------------------------------------------------- */

static int with_controls(struct client *c, unsigned n, bool same)
{
    struct request r;

    begin_search(c, &r, "", 0, 0, "(objectClass=*)", "1.1");
    for (unsigned i = 0; i < n; i++) {
        char oid[32];

        snprintf(oid, sizeof(oid), "1.2.3.%u", same ? 0 : i);
        request_control(&r, oid, false, NULL);
    }
    client_send(c, &r);
    return c->code;
}

static void test_controls(void)
{
    static const char *const options[] = {"max_controls", "2", NULL};
    struct testhost *t = start_with(NULL);
    struct client c = open_bound(t);
    struct ber_out bad = {.data = (uint8_t[]){0x30, 0x05, 1}, .len = 3};
    struct request r;

    is_int(with_controls(&c, 16, false), 0, "16 controls");
    is_int(with_controls(&c, 17, false), 11, "17 controls");
    is_int(with_controls(&c, 2, true), 2, "the same one twice");
    begin_search(&c, &r, "", 0, 0, "(objectClass=*)", "1.1");
    request_control(&r, "1.2.3", true, NULL);
    client_send(&c, &r);
    is_int(c.code, 12, "an unknown critical one");
    begin_search(&c, &r, "", 0, 0, "(objectClass=*)", "1.1");
    request_control(&r, OID_MANAGE_DSA, true, NULL);
    client_send(&c, &r);
    is_int(c.code, 0, "ManageDsaIT");
    for (size_t i = 0; i < 3; i++) {
        static const char *const oids[] = {OID_PAGED, OID_SORT, OID_VLV};

        begin_search(&c, &r, "", 0, 0, "(objectClass=*)", "1.1");
        request_control(&r, oids[i], false, &bad);
        client_send(&c, &r);
        is_int(c.code, 2, "a malformed value of %s", oids[i]);
        begin_search(&c, &r, "", 0, 0, "(objectClass=*)", "1.1");
        request_control(&r, oids[i], false, NULL);
        client_send(&c, &r);
        is_int(c.code, 2, "no value of %s", oids[i]);
    }
    ok(!testhost_closed(c.s), "the connection lives on");
    client_close(&c);
    testhost_destroy(t);
    t = start_with(options);
    c = open_bound(t);
    ok(with_controls(&c, 2, false) == 0 && with_controls(&c, 3, false) == 11,
       "max_controls");
    client_close(&c);
    testhost_destroy(t);
}

static int with_attributes(struct client *c, unsigned n)
{
    char *names = must(n * 8 + 1), *p = names;
    int code;

    *p = '\0';
    for (unsigned i = 0; i < n; i++)
        p += snprintf(p, 9, "x-%u ", i);
    client_search(c, "dc=contacts", 2, "(objectClass=person)", names);
    code = c->code;
    free(names);
    return code;
}

static void test_attributes(void)
{
    static const char *const options[] = {"max_attributes", "2", NULL};
    struct testhost *t = start_with(NULL);
    struct client c = open_bound(t);

    is_int(with_attributes(&c, 256), 0, "256 attributes");
    is_int(with_attributes(&c, 257), 11, "257 attributes");
    client_close(&c);
    testhost_destroy(t);
    t = start_with(options);
    c = open_bound(t);
    ok(with_attributes(&c, 2) == 0 && with_attributes(&c, 3) == 11, "max_attributes");
    client_close(&c);
    testhost_destroy(t);
}

/* --- requests under way
 * -------------------------------------------------------------------- */

/* n searches at once; how many were answered busy? */
static unsigned busy_of(struct testhost *t, unsigned n, size_t filler)
{
    struct client c = open_bound(t);
    uint8_t *batch = must(CLIENT_OUT);
    char *filter = must(filler + 64);
    unsigned busy = 0, done = 0;
    size_t used = 0;

    snprintf(filter, filler + 64, "(cn=%0*d)", (int)filler, 7);
    t->defer_queries = true;
    for (unsigned i = 0; i < n; i++) {
        struct request r;

        begin_search(&c, &r, "dc=contacts", 2, 0, filter, "1.1");
        request_finish(&r);
        memcpy(batch + used, r.data, r.out.len);
        used += r.out.len;
        free(r.data);
    }
    client_feed(&c, batch, used);
    for (const char *p = c.text; (p = strstr(p, "done ")); p++, done++)
        busy += atoi(strchr(p + 5, ' ')) == 51;
    is_int(done, n, "all %u are answered", n);
    t->defer_queries = false;
    client_close(&c);
    free(batch);
    free(filter);
    return busy;
}

/* Gives the daemon a search of a little more than n bytes, and does not wait. */
static void begin_large(struct client *c, size_t n)
{
    uint8_t *padding = calloc(1, n);
    struct ber_out value = {.data = padding, .len = n, .cap = n};
    struct request r;

    begin_search(c, &r, "dc=contacts", 2, 0, "(cn=x)", "1.1");
    request_control(&r, "1.2.3", false, &value);
    request_finish(&r);
    client_clear(c);
    testhost_feed(c->s, r.data, r.out.len);
    free(r.data);
    free(padding);
}

/* One large request on each of many connections. */
static void test_held(void)
{
    enum { LARGE = 1000 * 1000, FIT = (32 << 20) / LARGE, N = FIT + 5 };
    struct testhost *t = start_with(NULL);
    struct client c[N], small = open_bound(t);
    unsigned served = 0, busy = 0;

    for (unsigned i = 0; i < N; i++)
        c[i] = open_bound(t);
    t->hold_queries = true;
    for (unsigned i = 0; i < N; i++)
        begin_large(&c[i], LARGE);
    begin_large(&small, 16000);
    t->hold_queries = false;
    testhost_release(t);
    testhost_run(t);
    client_read(&small);
    for (unsigned i = 0; i < N; i++) {
        client_read(&c[i]);
        served += c[i].code == 0;
        busy += c[i].code == 51;
        client_close(&c[i]);
    }
    is_int(served, FIT, "as many large requests at once as fit into 32 MB");
    is_int(busy, N - FIT, "those beyond are told busy");
    is_int(small.code, 0, "a small one is served beside them");
    client_close(&small);
    testhost_destroy(t);
}

static void test_outstanding(void)
{
    static const char *const options[] = {"max_outstanding", "3", NULL};
    struct testhost *t = start_with(NULL);

    is_int(busy_of(t, 100, 4), 0, "100 requests under way");
    is_int(busy_of(t, 101, 4), 1, "the 101st is too many");
    ok(busy_of(t, 20, 4000) == 0, "20 of 4 KB");
    testhost_destroy(t);
    t = start_with(options);
    ok(busy_of(t, 3, 4) == 0 && busy_of(t, 4, 4) == 1, "max_outstanding");
    testhost_destroy(t);
}

int main(void)
{
    test_pdu();
    test_filter_limits();
    test_schema_work();
    test_controls();
    test_attributes();
    test_outstanding();
    test_held();
    return tap_done();
}
