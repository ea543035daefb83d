/* test_testhost_said.c - what the test host lets a test see and set of a source: options
 * that are empty, cursors, deletions, groups, metrics, logs, clocks, cancels; and where
 * host.h says that something is harmless or limited, that it is. */
#include <stdatomic.h>

#include "kit/kit.h"
#include "tap.h"
#include "testhost.h"

static const struct ctr_option options[] = {
    {"paths", CTR_OPT_LIST, 0, 0, 0, "a", NULL, "Paths."},
    {"map", CTR_OPT_MAP, 0, 0, 0, NULL, NULL, "Fields."},
    {"number", CTR_OPT_INT, 0, 0, 0, "7", NULL, "A number."}};

struct source {
    const struct ctr_host *host;
    const struct ctr_config *config;
    int32_t metric, last_rc;
    bool loop;
    struct ctr_sync *sync;
    atomic_bool told;
    struct ctr_str cursor; /* as the last sync was given it */
    char bytes[8];
};

static bool on_loop;

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->config = config;
    s->loop = on_loop;
    s->metric = host->metric_define(host, CTR_METRIC_GAUGE, "rows", "Rows.");
    *instance = s;
    return 0;
}

static int32_t put(const struct source *s, struct ctr_sync *sync)
{
    const struct ctr_field field = {.kind = CTR_FIELD_SURNAME, .value = kit_str("Meier")};
    const struct ctr_contact contact = kit_contact(kit_str("1"), &field, 1);

    return s->host->sync_put(s->host, sync, &contact, 1);
}

static int32_t delta(struct source *s, struct ctr_sync *sync, struct ctr_str cursor)
{
    const struct ctr_str gone = kit_str("2");

    memcpy(s->bytes, cursor.ptr, cursor.len < 8 ? (size_t)cursor.len : 8);
    s->cursor = (struct ctr_str){s->bytes, cursor.len};
    return s->host->sync_delete(s->host, sync, &gone, 1);
}

static int32_t sync_begin(void *instance, struct ctr_sync *sync,
                          const struct ctr_sync_request *request)
{
    struct source *s = instance;
    const struct ctr_str members[] = {kit_str("anna"), kit_str("max")};
    int32_t rc;

    s->sync = sync;
    if (s->loop)
        return 0; /* goes on for ever */
    if (request->cursor.ptr)
        rc = delta(s, sync, request->cursor);
    else
        rc = put(s, sync);
    if (rc == 0)
        rc = s->host->sync_group(s->host, sync, kit_str("sales"), members, 2);
    s->host->metric_set(s->host, s->metric, 5);
    s->host->log(s->host, CTR_LOG_WARN, "row_rejected n=1");
    return rc ? rc : s->host->sync_cursor(s->host, sync, (struct ctr_str){"a\0b", 3});
}

static void sync_cancel(void *instance, struct ctr_sync *sync)
{
    struct source *s = instance;

    s->last_rc = s->host->sync_canceled(s->host, sync);
    s->host->sync_done(s->host, sync, -CTR_ECANCELED);
}

static int32_t search_begin(void *instance, struct ctr_search *search,
                            const struct ctr_query *query)
{
    struct source *s = instance;
    const struct ctr_field field = {.kind = CTR_FIELD_SURNAME, .value = kit_str("Meier")};
    const struct ctr_contact hit = kit_contact(kit_str("1"), &field, 1);

    (void)query;
    s->last_rc = s->host->search_hits(s->host, search, &hit, 1);
    s->host->search_done(s->host, search, 0);
    return 0;
}

static void search_cancel(void *instance, struct ctr_search *search)
{
    (void)instance;
    (void)search;
}

static const struct ctr_source lane = {.size = sizeof(lane),
                                       .threading = CTR_ON_LANE,
                                       .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH,
                                       .sync = sync_begin,
                                       .search = search_begin,
                                       .search_cancel = search_cancel};
static const struct ctr_source loop = {.size = sizeof(loop),
                                       .threading = CTR_ON_LOOP,
                                       .sync = sync_begin,
                                       .sync_cancel = sync_cancel};
static const struct ctr_plugin on_lane_plugin = {
    KIT_ABI, KIT_OPTIONS(options), .source = &lane, .create = create, .destroy = free};
static const struct ctr_plugin on_loop_plugin = {
    KIT_ABI, KIT_OPTIONS(options), .source = &loop, .create = create, .destroy = free};

static struct testhost *start(bool with_loop)
{
    struct testhost *t =
        testhost_create(with_loop ? &on_loop_plugin : &on_lane_plugin, "source.test");

    on_loop = with_loop;
    is_int(testhost_start(t), 0, "it starts");
    return t;
}

static void test_empty(void)
{
    struct testhost *t = testhost_create(&on_lane_plugin, "source.test");
    const struct ctr_host *h = &t->host;
    const char *key = "x", *value = "x";
    const struct ctr_config *c;

    testhost_set(t, "paths", "b");
    testhost_set(t, "map.surname", "Name");
    testhost_set_empty(t, "paths");
    testhost_set_empty(t, "map");
    is_int(testhost_start(t), 0, "an empty list and an empty map are taken");
    c = ((struct source *)t->instance)->config;
    is_int(h->option_list_len(c, "paths"), 0, "the list has nothing, not its default");
    is_int(h->option_set(c, "paths"), 1, "and was set");
    ok(h->option_map_at(c, "map", 0, &key, &value) == -CTR_ENOENT && !key && !value,
       "so with the map");
    testhost_destroy(t);
    t = testhost_create(&on_lane_plugin, "source.test");
    testhost_set_empty(t, "paths");
    testhost_set(t, "paths", "c");
    testhost_start(t);
    c = ((struct source *)t->instance)->config;
    is_str(t->host.option_list_at(c, "paths", 0), "c", "what is set after it counts");
    testhost_set_empty(t, "number");
    is_int(testhost_check(t), -CTR_ECONF, "a number is never empty");
    testhost_destroy(t);
}

static void test_said(void)
{
    struct testhost *t = start(false);
    const struct source *s = t->instance;

    is_int(testhost_sync(t, NULL), 0, "a sync");
    ok(testhost_in_group(t, "sales", "max") && !testhost_in_group(t, "sales", "eve"),
       "who is in a group");
    is_int(testhost_metric(t, "rows"), 5, "what a metric stands at");
    ok(testhost_logged(t, "warn: row_rejected"), "what was logged, with its level");
    is_int((int64_t)t->cursor_len, 3, "a cursor may hold any bytes");
    is_int(testhost_delta(t), 0, "a delta");
    ok(s->cursor.len == 3 && memcmp(s->cursor.ptr, "a\0b", 3) == 0, "with all of it");
    ok(testhost_deleted(t, "2") && !testhost_deleted(t, "1"), "what was deleted");
    testhost_destroy(t);
}

static void test_canceled(void)
{
    const struct ctr_filter all = {.op = CTR_OP_TRUE};
    const struct ctr_query query = {.size = sizeof(query), .filter = &all};
    struct testhost *t = start(false);

    t->cancel_after = 1;
    is_int(testhost_sync(t, "a"), -CTR_ECANCELED, "a delta is canceled at sync_delete");
    ok(!testhost_deleted(t, "2"), "which takes nothing then");
    t->cancel_after = 0;
    t->pause_hits = true;
    is_int(testhost_search(t, &query), 0, "a search");
    is_int(((struct source *)t->instance)->last_rc, -CTR_EPAUSE, "that is held back");
    testhost_destroy(t);
    t = start(true);
    t->cancel_sync = true;
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "ON_LOOP a sync is canceled, too");
    is_int(((struct source *)t->instance)->last_rc, -CTR_ECANCELED,
           "and sync_canceled knows when sync_cancel comes");
    testhost_destroy(t);
}

/* Where host.h says that nothing happens, nothing does. */
static void test_harmless(void)
{
    struct testhost *t = start(false);
    const struct ctr_host *h = &t->host;
    char name[16];

    h->timer_stop(h, NULL);
    h->query_resume(h, NULL);
    h->query_cancel(h, NULL);
    h->authenticate_cancel(h, NULL);
    h->principal_unref(NULL);
    ok(h->principal_ref(NULL) == NULL && !*h->principal_name(NULL), "NULL is nobody");
    h->metric_add(h, -CTR_EFULL, 1);
    h->metric_set(h, -CTR_EFULL, 1);
    is_int(testhost_metric(t, "rows"), 0, "a metric that is none is ignored");
    t->creating = true;
    is_int(h->metric_define(h, CTR_METRIC_GAUGE, "rows", "Rows."), 0,
           "defined again it is the same");
    for (int i = 1; i < 64; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        h->metric_define(h, CTR_METRIC_COUNTER, name, "One.");
    }
    is_int(h->metric_define(h, CTR_METRIC_COUNTER, "more", "One."), -CTR_EFULL,
           "there are 64 at most");
    for (int i = 0; i < 32; i++)
        is_int(h->watch(h, "/tmp/x", 500), 0, "a file is watched");
    is_int(h->watch(h, "/tmp/x", 500), -CTR_EINVAL, "32 at most");
    testhost_destroy(t);
}

static void test_clocks(void)
{
    struct testhost *t = start(false);
    int64_t now = t->host.now(&t->host), wall = t->host.wall(&t->host);

    is_int(now, 1000, "the clock begins at 1000");
    is_int(wall, INT64_C(1767225601000), "the other at 2026-01-01 and a second");
    testhost_advance(t, 3600000);
    ok(t->host.now(&t->host) == now + 3600000 && t->host.wall(&t->host) == wall + 3600000,
       "both go on when the test says so");
    testhost_destroy(t);
}

int main(void)
{
    test_empty();
    test_said();
    test_canceled();
    test_harmless();
    test_clocks();
    return tap_done();
}
