/* hosts.c - checks with an older and with a newer host than this one. */
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "source.h"

/* What the table got after ABI 1.0: X(member, minor). */
#define LATER_MEMBERS(X) X(test_step, 1) X(sync_group, 1) X(test_canceled, 2)
_Static_assert(offsetof(struct ctr_host, test_canceled) + sizeof(void *) ==
                   sizeof(struct ctr_host),
               "LATER_MEMBERS lacks what the table got last");

#define X(member, minor)                                                              \
    static _Noreturn void no_##member(void)                                           \
    {                                                                                 \
        check_fail("Ask CTR_HOST_HAS(host, " #member ") before, or say .abi_needs = " \
                   "CTR_ABI(1, " #minor ").",                                         \
                   "it calls host->" #member ", which came with ABI 1." #minor        \
                   ", and says it needs less");                                       \
    }
LATER_MEMBERS(X)
#undef X

/* The host as it was: what came later is not there, and whoever uses it is told. */
static void make_old(struct testhost *t, uint32_t abi)
{
    struct ctr_host *h = &t->host;
    void (*poison)(void);

#define X(member, minor)                                 \
    if (CTR_ABI(1, minor) > abi) {                       \
        poison = no_##member;                            \
        memcpy(&h->member, &poison, sizeof(poison));     \
        if (h->size > offsetof(struct ctr_host, member)) \
            h->size = offsetof(struct ctr_host, member); \
    }
    LATER_MEMBERS(X)
#undef X
    h->abi = abi;
    probe.abi = abi;
}

/* One spelling of a number: several came with ABI 1.1. */
static void search_once(struct testhost *t)
{
    const struct ctr_str value = {"+4989840798192", 14};
    const struct ctr_filter filter = {
        .op = CTR_OP_EQUAL, .kinds = CTR_KINDS_PHONE, .values = &value, .n_values = 1};
    const struct ctr_query query = {.size = sizeof(query),
                                    .flags = CTR_QUERY_CALLER,
                                    .filter = &filter,
                                    .want = CTR_KINDS_ALL,
                                    .limit = 100,
                                    .time_limit = 1000};

    testhost_search(t, &query);
}

/* A life as long as can be had without knowing the plugin. */
static void live(struct subject *s, struct testhost *t, int32_t expected)
{
    if (testhost_start(t) != 0)
        check_fail("Refuse nothing because of the host's size or version: the daemon "
                   "has compared versions before.",
                   "it does not start there: %s", t->failure);
    if (s->plugin.source) {
        check_step("a sync there");
        if (testhost_sync(t, NULL) != expected)
            check_fail("Use nothing that the host may not have.",
                       "a sync ends there with %s, elsewhere with %s: %s",
                       code_name(t->sync_status), code_name(expected), t->failure);
        if (s->source.flags & CTR_SOURCE_SEARCH)
            search_once(t);
    }
    if (s->frontend.stream) {
        struct ctr_stream *stream = testhost_connect(t, "192.0.2.1", 0);

        check_step("a stream there");
        if (stream)
            testhost_feed(stream, "GET / HTTP/1.0\r\n\r\n", 18);
    }
    testhost_destroy(t);
}

/* How a sync ends on this host. */
static int32_t usual_status(struct subject *s)
{
    struct testhost *t = source_start(s);
    int32_t rc = s->plugin.source ? testhost_sync(t, NULL) : 0;

    testhost_destroy(t);
    return rc;
}

static void host_old_run(struct subject *s)
{
    uint32_t abi = s->plugin.abi_needs;
    struct testhost *t;
    int32_t expected;

    if (abi >= CTR_ABI_CURRENT)
        check_skip("it needs the newest ABI, 1.%u: there is no older host for it",
                   CTR_ABI_MINOR(CTR_ABI_CURRENT));
    probe_plugin(s);
    expected = usual_status(s);
    t = subject_host(s);
    probe_host(t);
    make_old(t, abi);
    check_step("a host of ABI %u.%u", CTR_ABI_MAJOR(abi), CTR_ABI_MINOR(abi));
    live(s, t, expected);
    check_note("a host of ABI %u.%u is enough", CTR_ABI_MAJOR(abi), CTR_ABI_MINOR(abi));
    probe_reset();
}

const struct check check_host_old = {
    .name = "host-old",
    .rule = "A plugin works with a host of exactly the ABI that abi_needs says, whose "
            "table is shorter.",
    .where = "host.h (CTR_HOST_HAS), plugin.h (abi_needs)",
    .needs = NEEDS_START,
    .seconds = 90,
    .run = host_old_run,
};

static void host_new_run(struct subject *s)
{
    struct testhost *t;
    int32_t expected;

    probe_plugin(s);
    expected = usual_status(s);
    t = subject_host(s);
    probe_host(t);
    t->host.size += 256;
    t->host.abi = CTR_ABI(1, 9);
    probe.longer = 64;
    check_step("a host of ABI 1.9");
    live(s, t, expected);
    check_note("a host of ABI 1.9, whose structs are longer, is welcome");
    probe_reset();
}

const struct check check_host_new = {
    .name = "host-new",
    .rule = "A plugin works with every later host of the same major version, whose "
            "structs are longer.",
    .where = "plugin.h, types.h",
    .needs = NEEDS_START,
    .seconds = 90,
    .run = host_new_run,
};
