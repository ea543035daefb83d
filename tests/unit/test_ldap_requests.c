/* test_ldap_requests.c - binds, extended operations, ends and delays, by bytes. */
#include "tap.h"
#include "test_ldap_directory.h"

#define SBC "uid=sbc,ou=users,dc=contacts"

static struct client open_at(struct testhost *t, uint32_t flags)
{
    return client_open(t, flags & CTR_PEER_LOOPBACK ? "127.0.0.1" : "192.0.2.7", flags);
}

/* One bind on a fresh connection from this machine. */
static int bind_once(struct testhost *t, int version, const char *name,
                     const char *password, char *text)
{
    struct client c = open_at(t, CTR_PEER_LOOPBACK);
    struct request r;
    int code;

    request_begin(&r, ++c.id, OP_BIND);
    put_bind(&r, version, name, password);
    client_send(&c, &r);
    code = c.code;
    if (text)
        strcpy(text, c.text);
    client_close(&c);
    return code;
}

static void test_bind_names(struct testhost *t)
{
    static const struct {
        const char *name, *password;
        int want;
    } cases[] = {
        {SBC, "pw", 0},
        {"UID=sbc, OU=Users, DC=Contacts", "pw", 0},
        {"cn=sbc,ou=users,dc=contacts", "pw", 0},
        {"uid=sbc", "pw", 0},
        {"cn=sbc", "pw", 0},
        {"sbc", "pw", 0},
        {" sbc ", "pw", 0},
        {"sbc@example.com", "pw", 0},
        {"EXAMPLE\\sbc", "pw", 0},
        {"otto@example.com", "upn", 0},
        {"EXAMPLE\\otto@example.com", "upn", 0},
        {"uid=otto@example.com,ou=users,dc=contacts", "upn", 0},
        {"otto", "upn", 49},
        {"otto@example.org", "upn", 49},
        {SBC, "wrong", 49},
        {"uid=nobody,ou=users,dc=contacts", "pw", 49},
        {"uid=sbc,ou=users,dc=other", "pw", 49},
        {"uid=sbc,ou=crm,dc=contacts", "pw", 49},
        {"uid=sbc,dc=contacts", "pw", 49},
        {"sn=sbc,ou=users,dc=contacts", "pw", 49},
        {"uid=sbc+cn=x,ou=users,dc=contacts", "pw", 49},
        {"uid=sbc\\", "pw", 49},
        {"uid=", "pw", 49},
        {"@x", "pw", 49},
        {"X\\", "pw", 49},
        {"", "pw", 49},
        {SBC, "", 53},
        {"sbc", "", 53},
        {"", "", 48},
    };
    char first[4096], second[4096];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_int(bind_once(t, 3, cases[i].name, cases[i].password, NULL), cases[i].want,
               "bind as \"%s\" with \"%s\"", cases[i].name, cases[i].password);
    bind_once(t, 3, SBC, "wrong", first);
    bind_once(t, 3, "uid=nobody,ou=users,dc=contacts", "wrong", second);
    is_str(first, second, "wrong password and unknown user look the same");
    bind_once(t, 3, "bad=\\", "wrong", second);
    is_str(first, second, "as does a name that is none");
    is_int(bind_once(t, 2, SBC, "pw", NULL), 0, "version 2");
    is_int(bind_once(t, 1, SBC, "pw", NULL), 2, "version 1");
    is_int(bind_once(t, 4, SBC, "pw", NULL), 2, "version 4");
}

static void test_bind_state(struct testhost *t)
{
    struct client c = open_bound(t);
    struct request r;
    size_t at;

    client_extended(&c, OID_WHOAMI, NULL);
    ok(says(&c, "value=dn:" SBC "\n"), "who am I");
    client_bind(&c, SBC, "wrong");
    client_extended(&c, OID_WHOAMI, NULL);
    ok(says(&c, "value=\n"), "a failed bind leaves nobody");
    client_search(&c, "dc=contacts", 0, "(objectClass=*)", "");
    is_int(c.code, 50, "who may not search");

    request_begin(&r, ++c.id, OP_BIND);
    ber_put_int(&r.out, BER_INTEGER, 3);
    ber_put_z(&r.out, BER_OCTETS, "");
    at = ber_open(&r.out, BER_CONTEXT_CONS(3));
    ber_put_z(&r.out, BER_OCTETS, "DIGEST-MD5");
    ber_close(&r.out, at);
    client_send(&c, &r);
    is_int(c.code, 7, "SASL is not supported");

    request_begin(&r, ++c.id, OP_BIND);
    put_bind(&r, 3, SBC, "pw");
    request_control(&r, "1.2.3", true, NULL);
    client_send(&c, &r);
    is_int(c.code, 12, "a critical control on a bind");
    request_begin(&r, ++c.id, OP_BIND);
    put_bind(&r, 3, SBC, "pw");
    request_control(&r, "1.2.3", false, NULL);
    client_send(&c, &r);
    is_int(c.code, 0, "one that is not critical is ignored");
    client_close(&c);
    is_int(t->principals, 0, "identities are let go");
}

static int bind_from(struct testhost *t, uint32_t flags)
{
    struct client c = open_at(t, flags);
    int code = client_bind(&c, SBC, "pw");

    client_close(&c);
    return code;
}

static void test_plaintext(void)
{
    static const char *const always[] = {"plaintext_bind", "always", NULL};
    static const char *const never[] = {"plaintext_bind", "never", NULL};
    struct testhost *t = start_with(NULL);

    is_int(bind_from(t, 0), 13, "no password in clear from elsewhere");
    is_int(bind_from(t, CTR_PEER_TLS), 0, "under TLS");
    is_int(bind_from(t, CTR_PEER_LOOPBACK), 0, "from this machine");
    testhost_destroy(t);
    t = start_with(always);
    is_int(bind_from(t, 0), 0, "always: in clear");
    testhost_destroy(t);
    t = start_with(never);
    is_int(bind_from(t, CTR_PEER_LOOPBACK), 13, "never: not even from this machine");
    is_int(bind_from(t, CTR_PEER_TLS), 0, "never: under TLS");
    testhost_destroy(t);
}

static void test_anonymous(void)
{
    static const char *const rootdse[] = {"anonymous", "rootdse", NULL};
    static const char *const allow[] = {"anonymous", "allow", NULL};
    struct testhost *t = start_with(NULL);
    struct client c = open_at(t, 0);

    is_int(client_bind(&c, "", ""), 48, "deny: no anonymous bind");
    client_search(&c, "", 0, "(objectClass=*)", "+");
    is_int(c.code, 50, "deny: not even the rootDSE");
    is_int(client_compare(&c, "dc=contacts", "dc", "contacts"), 50, "deny: no compare");
    client_extended(&c, OID_WHOAMI, NULL);
    is_int(c.code, 0, "deny: who am I is answered");
    client_close(&c);
    testhost_destroy(t);

    t = start_with(rootdse);
    c = open_at(t, 0);
    is_int(client_bind(&c, "", ""), 0, "rootdse: anonymous bind");
    client_search(&c, "", 0, "(objectClass=*)", "+");
    ok(c.code == 0 && says(&c, "namingContexts=dc=contacts"), "rootdse: it is shown");
    client_search(&c, "cn=Subschema", 0, "(objectClass=*)", "+");
    is_int(c.code, 0, "rootdse: and the schema");
    client_search(&c, "", 2, "(objectClass=*)", "");
    is_int(c.code, 50, "rootdse: nothing below");
    client_search(&c, "dc=contacts", 0, "(objectClass=*)", "");
    is_int(c.code, 50, "rootdse: no base");
    client_search(&c, "ou=none,dc=contacts", 0, "(objectClass=*)", "");
    is_int(c.code, 50, "rootdse: nor whether something is there");
    client_close(&c);
    testhost_destroy(t);

    t = start_with(allow);
    c = open_at(t, 0);
    client_search(&c, "dc=contacts", 2, "(telephoneNumber=+4989840798192)", "cn");
    ok(c.code == 0 && says(&c, "cn=Anna Huber"), "allow: a search without a bind");
    client_close(&c);
    testhost_destroy(t);
}

/* --- StartTLS
 * ---------------------------------------------------------------------------- */

static void test_start_tls(struct testhost *t)
{
    struct client c = open_at(t, CTR_PEER_CAN_TLS);
    struct request r, more;
    uint8_t both[256];

    is_int(client_bind(&c, SBC, "pw"), 13, "before: no password");
    client_extended(&c, OID_START_TLS, NULL);
    ok(c.code == 0 && says(&c, "name=" OID_START_TLS) && testhost_tls(c.s), "StartTLS");
    is_int(client_bind(&c, SBC, "pw"), 0, "after: a password");
    client_search(&c, "", 0, "(objectClass=*)", "supportedExtension");
    ok(says(&c, OID_START_TLS), "the rootDSE names it");
    client_extended(&c, OID_START_TLS, NULL);
    is_int(c.code, 1, "not twice");
    client_close(&c);

    c = open_at(t, 0);
    client_extended(&c, OID_START_TLS, NULL);
    ok(c.code == 2 && !testhost_tls(c.s), "not without a certificate");
    client_close(&c);

    c = open_at(t, CTR_PEER_CAN_TLS);
    request_begin(&r, 1, OP_EXTENDED);
    ber_put_z(&r.out, BER_CONTEXT(0), OID_START_TLS);
    request_finish(&r);
    request_begin(&more, 2, OP_EXTENDED);
    ber_put_z(&more.out, BER_CONTEXT(0), OID_WHOAMI);
    request_finish(&more);
    memcpy(both, r.data, r.out.len);
    memcpy(both + r.out.len, more.data, more.out.len);
    client_feed(&c, both, r.out.len + more.out.len);
    ok(says(&c, "notice 0 2") && testhost_closed(c.s),
       "a request in clear behind StartTLS ends the connection");
    free(r.data);
    free(more.data);
    client_close(&c);
}

/* --- under way
 * --------------------------------------------------------------------------- */

static struct ber_out cancel_value(uint8_t *room, size_t cap, uint32_t id)
{
    struct ber_out value = {.data = room, .cap = cap};
    size_t at = ber_open(&value, BER_SEQUENCE);

    ber_put_int(&value, BER_INTEGER, id);
    ber_close(&value, at);
    return value;
}

/* Adds a search to a batch. */
static void add_search(struct client *c, uint8_t *batch, size_t *n)
{
    struct request r;

    begin_search(c, &r, "dc=contacts", 2, 0, "(objectClass=person)", "1.1");
    request_finish(&r);
    memcpy(batch + *n, r.data, r.out.len);
    *n += r.out.len;
    free(r.data);
}

static void add_abandon(struct client *c, uint32_t id, uint8_t *batch, size_t *n)
{
    struct ber_out out = {.data = batch + *n, .cap = 64};
    size_t at = ber_open(&out, BER_SEQUENCE);

    ber_put_int(&out, BER_INTEGER, ++c->id);
    ber_put_int(&out, OP_ABANDON, id);
    ber_close(&out, at);
    *n += out.len;
}

static void add_extended(struct client *c, const char *oid, const struct ber_out *value,
                         uint8_t *batch, size_t *n)
{
    struct request r;

    request_begin(&r, ++c->id, OP_EXTENDED);
    ber_put_z(&r.out, BER_CONTEXT(0), oid);
    if (value)
        ber_put_str(&r.out, BER_CONTEXT(1),
                    (struct ctr_str){(const char *)value->data, value->len});
    request_finish(&r);
    memcpy(batch + *n, r.data, r.out.len);
    *n += r.out.len;
    free(r.data);
}

static void test_abandon_and_cancel(struct testhost *t)
{
    struct client c = open_bound(t);
    uint8_t batch[4096], room[32];
    struct ber_out value;
    size_t n = 0;

    t->defer_queries = true;
    c.id = 10;
    add_search(&c, batch, &n); /* 11 */
    add_search(&c, batch, &n); /* 12 */
    add_search(&c, batch, &n); /* 13 */
    add_abandon(&c, 11, batch, &n);
    value = cancel_value(room, sizeof(room), 12);
    add_extended(&c, OID_CANCEL, &value, batch, &n); /* 15 */
    value = cancel_value(room, sizeof(room), 99);
    add_extended(&c, OID_CANCEL, &value, batch, &n); /* 16 */
    add_extended(&c, OID_CANCEL, NULL, batch, &n);   /* 17 */
    client_feed(&c, batch, n);
    ok(!strstr(c.text, "done 11") && !strstr(c.text, "entry 11"), "abandoned: silence");
    ok(says(&c, "done 12 118") && !strstr(c.text, "entry 12"), "canceled: says so");
    ok(says(&c, "extended 15 0\n"), "and the Cancel succeeds");
    ok(says(&c, "extended 16 119"), "nothing there to cancel");
    ok(says(&c, "extended 17 2"), "a Cancel without an id");
    ok(says(&c, "done 13 0"), "the others are answered");
    ok(strstr(c.text, "done 12") < strstr(c.text, "extended 15"),
       "the canceled one first");

    n = 0;
    add_search(&c, batch, &n);
    add_extended(&c, OID_START_TLS, NULL, batch, &n);
    client_feed(&c, batch, n);
    ok(says(&c, " 1 text=StartTLS must wait"), "no StartTLS while a search runs");

    /* a bind ends what is under way, and what comes behind it waits */
    {
        struct request r;
        uint32_t search = c.id + 1;
        char line[64];

        n = 0;
        add_search(&c, batch, &n);
        request_begin(&r, ++c.id, OP_BIND);
        put_bind(&r, 3, "uid=max,ou=users,dc=contacts", "secret");
        request_finish(&r);
        memcpy(batch + n, r.data, r.out.len);
        n += r.out.len;
        free(r.data);
        add_extended(&c, OID_WHOAMI, NULL, batch, &n);
        client_feed(&c, batch, n);
        snprintf(line, sizeof(line), "done %u", search);
        ok(!strstr(c.text, line), "a bind ends searches without an answer");
        ok(says(&c, "bind ") && says(&c, "value=dn:uid=max,ou=users,dc=contacts"),
           "requests behind a bind see its identity");
    }
    t->defer_queries = false;
    client_close(&c);
    is_int(t->queries_open, 0, "nothing is left open");
}

static void test_close_under_way(struct testhost *t)
{
    struct client c = open_bound(t);
    uint8_t batch[4096];
    struct request r;
    size_t n = 0;

    t->defer_queries = true;
    t->batch = 1;
    t->queue_limit = 10;
    add_search(&c, batch, &n);
    add_search(&c, batch, &n);
    testhost_feed(c.s, batch, n);
    ok(testhost_busy(c.s) && t->queries_open > 0, "busy while searches wait");
    client_close(&c);
    ok(t->queries_open == 0 && t->principals == 0, "a hang-up ends them");
    t->queue_limit = 0;

    c = open_at(t, CTR_PEER_LOOPBACK);
    request_begin(&r, 1, OP_BIND);
    put_bind(&r, 3, SBC, "pw");
    request_finish(&r);
    testhost_feed(c.s, r.data, r.out.len - 1);
    testhost_hangup(c.s);
    free(r.data);
    client_close(&c);
    t->defer_queries = false;
    t->batch = 0;
    is_int(t->principals, 0, "so does one in the middle of a message");
}

/* A peer that does not read stops being read, and loses nothing. */
static void test_slow_reader(struct testhost *t)
{
    struct client c = open_bound(t);
    uint8_t batch[8192];
    unsigned done = 0, entries = 0;
    size_t n = 0;
    uint64_t queued;

    t->queue_limit = 100;
    t->batch = 1;
    for (int i = 0; i < 20; i++)
        add_search(&c, batch, &n);
    client_clear(&c);
    testhost_feed(c.s, batch, n);
    testhost_output(c.s, &queued);
    ok(testhost_paused(c.s) && queued < 400, "paused with %llu bytes queued",
       (unsigned long long)queued);
    for (int i = 0; i < 1000 && testhost_output(c.s, &queued) && queued > 0; i++)
        client_read(&c);
    for (const char *p = c.text; (p = strstr(p, "done ")); p++)
        done++;
    for (const char *p = c.text; (p = strstr(p, "entry ")); p++)
        entries++;
    is_int(done, 20, "every search is answered");
    is_int(entries, 60, "in full");
    ok(!testhost_paused(c.s) && !testhost_busy(c.s), "and reading goes on");
    t->queue_limit = 0;
    t->batch = 0;
    client_close(&c);
}

/* --- the rest
 * ---------------------------------------------------------------------------- */

static void test_writes(struct testhost *t)
{
    static const uint8_t tags[] = {OP_MODIFY, OP_ADD, OP_DELETE, OP_MODIFY_DN};
    struct client c = open_bound(t);

    for (size_t i = 0; i < sizeof(tags); i++) {
        struct request r;

        request_begin(&r, ++c.id, tags[i]);
        ber_put(&r.out, "x", 1);
        client_send(&c, &r);
        ok(c.code == 53 && says(&c, "write"), "operation %02x is refused", tags[i]);
    }
    client_extended(&c, "1.3.6.1.4.1.4203.1.11.1", NULL);
    is_int(c.code, 2, "an unknown extended operation");
    client_close(&c);
}

static void ends(struct testhost *t, const char *name, const void *data, size_t n,
                 bool bound)
{
    struct client c = bound ? open_bound(t) : open_at(t, CTR_PEER_LOOPBACK);

    client_feed(&c, data, n);
    if (!ok(strncmp(c.text, "notice 0 2 ", 11) == 0 && says(&c, "name=" OID_NOTICE) &&
                testhost_closed(c.s),
            "%s: notice and end", name))
        printf("# %s\n", c.text);
    client_close(&c);
}

static void test_garbage(struct testhost *t)
{
    static const struct {
        const char *name;
        size_t n;
        const char *bytes;
    } cases[] = {
        {"HTTP", 14, "GET / HTTP/1.0"},
        {"TLS hello", 5, "\x16\x03\x01\x02\x00"},
        {"one byte", 1, "x"},
        {"indefinite length", 2, "\x30\x80"},
        {"length of five bytes", 7, "\x30\x85\x00\x00\x00\x00\x05"},
        {"4 GiB", 6, "\x30\x84\xff\xff\xff\xff"},
        {"empty message", 2, "\x30\x00"},
        {"message ID of nine bytes", 13, "\x30\x0b\x02\x09\0\0\0\0\0\0\0\0\1"},
        {"message ID 0", 7, "\x30\x05\x02\x01\x00\x42\x00"},
        {"negative message ID", 7, "\x30\x05\x02\x01\xff\x42\x00"},
        {"message ID 2^31", 11, "\x30\x09\x02\x05\x00\x80\x00\x00\x00\x42\x00"},
        {"no operation", 5, "\x30\x03\x02\x01\x01"},
        {"unknown operation", 7, "\x30\x05\x02\x01\x01\x7e\x00"},
        {"a response", 7, "\x30\x05\x02\x01\x01\x61\x00"},
        {"no element behind", 9, "\x30\x07\x02\x01\x01\x42\x00\x04\x05"},
        {"operation longer than the message", 7, "\x30\x05\x02\x01\x01\x63\x10"},
        {"bind without content", 7, "\x30\x05\x02\x01\x01\x60\x00"},
        {"extended without content", 7, "\x30\x05\x02\x01\x01\x77\x00"},
        {"abandon of nothing", 7, "\x30\x05\x02\x01\x01\x50\x00"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ends(t, cases[i].name, cases[i].bytes, cases[i].n, false);
    ends(t, "search without content", "\x30\x05\x02\x01\x01\x63\x00", 7, true);
    ends(t, "compare without content", "\x30\x05\x02\x01\x01\x6e\x00", 7, true);
}

static void test_duplicate_id(struct testhost *t)
{
    struct client c = open_bound(t);
    uint8_t batch[1024];
    size_t n = 0;

    t->defer_queries = true;
    add_search(&c, batch, &n);
    c.id--;
    add_search(&c, batch, &n);
    client_feed(&c, batch, n);
    ok(says(&c, "notice 0 2") && testhost_closed(c.s), "a message ID that is in use");
    t->defer_queries = false;
    client_close(&c);
}

static void test_goodbye(struct testhost *t)
{
    static const struct {
        uint32_t reason;
        const char *want;
    } cases[] = {{CTR_CLOSE_SHUTDOWN, "notice 0 52"},
                 {CTR_CLOSE_IDLE, "notice 0 52"},
                 {CTR_CLOSE_SLOW, "notice 0 51"},
                 {CTR_CLOSE_LIMIT, "notice 0 2"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client c = open_bound(t);

        client_clear(&c);
        testhost_goodbye(c.s, cases[i].reason);
        client_read(&c);
        ok(strncmp(c.text, cases[i].want, strlen(cases[i].want)) == 0, "goodbye: %s",
           cases[i].want);
        client_close(&c);
    }
    {
        struct client c = open_bound(t);

        client_feed(&c, "\x30\x05\x02\x01\x07\x42\x00", 7);
        ok(c.n_text == 0 && testhost_closed(c.s), "unbind closes without a word");
        client_close(&c);
    }
}

/* Every cut of a session's bytes gives the same answers. */
static void test_cuts(struct testhost *t)
{
    uint8_t batch[4096];
    char *whole = NULL;
    bool same_all = true;
    size_t n = 0;
    struct request r;
    struct client c = {.id = 1};

    request_begin(&r, 1, OP_BIND);
    put_bind(&r, 3, SBC, "pw");
    request_finish(&r);
    memcpy(batch, r.data, n = r.out.len);
    free(r.data);
    add_search(&c, batch, &n);
    add_extended(&c, OID_WHOAMI, NULL, batch, &n);
    for (size_t cut = 0; cut <= n; cut++) {
        c = open_at(t, CTR_PEER_LOOPBACK);
        testhost_feed(c.s, batch, cut);
        testhost_feed(c.s, batch + cut, n - cut);
        client_read(&c);
        if (!whole)
            whole = strdup(c.text);
        same_all &= strcmp(whole, c.text) == 0;
        client_close(&c);
    }
    ok(same_all && whole && strstr(whole, "value=dn:" SBC),
       "cut at every byte: the same");
    free(whole);
}

static void test_host_failures(struct testhost *t)
{
    static const struct {
        int32_t status;
        int want;
    } cases[] = {{-CTR_ESIZE, 4},
                 {-CTR_ETIMEDOUT, 3},
                 {-CTR_EWORK, 11},
                 {-CTR_EUNAVAIL, 52},
                 {-CTR_EINTERNAL, 80}};
    static const char *const hide[] = {"limit_success", "true", NULL};
    struct client c = open_bound(t);
    struct testhost *kind;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t->query_status = cases[i].status;
        client_search(&c, "dc=contacts", 2, "(objectClass=person)", "cn");
        is_int(c.code, cases[i].want, "status %d of the host", cases[i].status);
    }
    t->query_status = 0;
    client_close(&c);

    kind = start_with(hide);
    c = open_bound(kind);
    kind->query_status = -CTR_ESIZE;
    client_search(&c, "dc=contacts", 2, "(objectClass=person)", "cn");
    is_int(c.code, 0, "limit_success: a limit is not named");
    kind->query_status = -CTR_EUNAVAIL;
    client_search(&c, "dc=contacts", 2, "(objectClass=person)", "cn");
    is_int(c.code, 52, "limit_success: a failure is");
    client_close(&c);
    testhost_destroy(kind);
}

int main(void)
{
    struct testhost *t = start_with(NULL);

    if (!t)
        return 1;
    test_bind_names(t);
    test_bind_state(t);
    test_start_tls(t);
    test_abandon_and_cancel(t);
    test_close_under_way(t);
    test_slow_reader(t);
    test_writes(t);
    test_garbage(t);
    test_duplicate_id(t);
    test_goodbye(t);
    test_cuts(t);
    test_host_failures(t);
    is_int(t->principals, 0, "no principal is left referenced");
    testhost_destroy(t);
    test_plaintext();
    test_anonymous();
    return tap_done();
}
