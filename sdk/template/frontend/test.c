/* test_@NAME@.c - the plugin in a fake host: no daemon, no socket. */
#include <contactor/kit.h>
#include <contactor/testhost.h>

static int failed;

static void ok(int good, const char *what)
{
    printf("%sok - %s\n", good ? "" : "not ", what);
    failed |= !good;
}

int main(void)
{
    static const struct testhost_field anna[] = {
        {CTR_FIELD_DISPLAY_NAME, "Anna Meier", NULL},
        {CTR_FIELD_PHONE_BUSINESS, "+49 89 840798-192", NULL},
        {0, NULL, NULL}};
    struct testhost *t = testhost_create(&contactor_plugin, "frontend.test");
    struct ctr_stream *s;
    const uint8_t *out;
    uint64_t n;

    testhost_add(t, "crm", "1", anna);
    ok(testhost_start(t) == 0, "it starts");
    s = testhost_connect(t, "192.0.2.1", 0);
    testhost_feed(s, "mei", 3);
    testhost_feed(s, "er\r\n", 4);
    out = testhost_output(s, &n);
    ok(n > 10 && memcmp(out, "Anna Meier", 10) == 0,
       "a question in two pieces is answered");
    ok(testhost_closed(s), "then the connection ends");
    testhost_destroy(t);
    printf("1..3\n");
    return failed;
}
