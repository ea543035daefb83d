/* fuzz_ldap.c - any bytes as what a peer sends on one connection.
 *
 * Byte 0 says how the listener is set up and how the bytes are cut; a loop of the test
 * host checks every call the plugin makes, and at the end nothing may be left open. What
 * was written must be whole messages. */
#include <stdlib.h>

#include "ber/ber.h"
#include "testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

static void fill(struct testhost *t)
{
    static const struct testhost_field anna[] = {
        {CTR_FIELD_DISPLAY_NAME, "Anna Huber", NULL},
        {CTR_FIELD_SURNAME, "Huber", NULL},
        {CTR_FIELD_PHONE_BUSINESS, "+4989840798192", NULL},
        {CTR_FIELD_MAIL, "a@example.com", NULL},
        {CTR_FIELD_CUSTOM, "K-17", "customer"},
        {0, NULL, NULL}};
    static const struct testhost_field acme[] = {
        {CTR_FIELD_DISPLAY_NAME, "Acme", NULL},
        {CTR_FIELD_PHONE_MAIN, "+4989840798", NULL},
        {0, NULL, NULL}};

    testhost_add(t, "crm", "1", anna);
    testhost_add(t, "team", "a,b", acme);
    testhost_user(t, "sbc", "pw");
}

/* Takes what was written, which is whole messages. */
static void drain(struct ctr_stream *s)
{
    uint64_t n;
    const uint8_t *out = testhost_output(s, &n);
    struct ber b = ber_over(out, n), message;

    while (ber_left(&b) > 0)
        require(ber_enter(&b, BER_SEQUENCE, &message) == 0);
    testhost_take(s, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct testhost *t;
    struct ctr_stream *s;
    uint8_t how;

    if (size < 2 || size > 65536)
        return 0;
    how = *data++;
    size--;
    t = testhost_create(&contactor_plugin, "frontend.fuzz");
    testhost_set(t, "anonymous", how & 1 ? "allow" : "rootdse");
    testhost_set(t, "charset", how & 2 ? "ascii" : "utf-8");
    testhost_set(t, "max_outstanding", "4");
    testhost_set(t, "max_cookies", "2");
    fill(t);
    if (testhost_start(t))
        abort();
    t->defer_queries = (how & 4) != 0;
    t->batch = how & 8 ? 1 : 0;
    t->queue_limit = how & 16 ? 64 : 0;
    s = testhost_connect(t, "127.0.0.1", CTR_PEER_LOOPBACK | CTR_PEER_CAN_TLS);
    for (size_t at = 0, n; at < size && !testhost_closed(s); at += n) {
        n = how & 32 ? 1 + data[at] % 61u : size;
        n = n < size - at ? n : size - at;
        testhost_feed(s, data + at, n);
        if (!(how & 64))
            drain(s);
    }
    for (unsigned i = 0; i < 1000 && t->queries_open > 0 && !testhost_closed(s); i++)
        drain(s);
    drain(s);
    if (!testhost_closed(s))
        testhost_hangup(s);
    require(t->queries_open == 0 && t->principals == 0);
    testhost_destroy(t);
    return 0;
}
