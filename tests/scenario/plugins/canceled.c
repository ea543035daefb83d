/* canceled.c - a source that waits until its sync, or its search, is canceled, then calls
 * every function of the host that it has for it and logs what each returned. `wait` says
 * in which sync: the full one, or the delta after it. */
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "kit/kit.h"

struct source {
    const struct ctr_host *host;
    bool in_delta;
    atomic_bool search_canceled;
};

static const char *const waits[] = {"full", "delta", NULL};
static const struct ctr_option options[] = {
    {"wait", CTR_OPT_CHOICE, CTR_OPT_REQUIRED, 0, 0, NULL, waits, "Which sync waits."}};

static void nap(void)
{
    const struct timespec ts = {0, 2000000};

    nanosleep(&ts, NULL);
}

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->in_delta = host->option_int(config, "wait") == 1;
    *instance = s;
    return 0;
}

static int32_t put(const struct source *s, struct ctr_sync *sync)
{
    const struct ctr_field field = {.kind = CTR_FIELD_DISPLAY_NAME,
                                    .value = kit_str("Anna Meier")};
    const struct ctr_contact contact = kit_contact(kit_str("1"), &field, 1);

    return s->host->sync_put(s->host, sync, &contact, 1);
}

/* What host.h says of each after a cancel. */
static int32_t try_all(const struct source *s, struct ctr_sync *sync, const char *kind)
{
    const struct ctr_host *h = s->host;
    const struct ctr_str id = kit_str("1"), member = kit_str("anna");
    int32_t canceled = h->sync_canceled(h, sync), full = h->sync_full(h, sync);
    int32_t first = put(s, sync), again = put(s, sync);
    int32_t gone = h->sync_delete(h, sync, &id, 1);
    int32_t none = h->sync_delete(h, sync, NULL, 0);
    int32_t group = h->sync_group(h, sync, kit_str("sales"), &member, 1);
    int32_t cursor = h->sync_cursor(h, sync, kit_str("c2"));

    h->sync_reject(h, sync, "line 1", "it came too late");
    h->sync_progress(h, sync, 1, 2);
    kit_log(h, CTR_LOG_INFO,
            "canceled kind=%s canceled=%d full=%d put=%d again=%d delete=%d none=%d "
            "group=%d cursor=%d full=%d canceled=%d",
            kind, canceled, full, first, again, gone, none, group, cursor,
            h->sync_full(h, sync), h->sync_canceled(h, sync));
    return 0; /* as if nothing had been: it counts as canceled all the same */
}

static int32_t sync_begin(void *instance, struct ctr_sync *sync,
                          const struct ctr_sync_request *request)
{
    const struct source *s = instance;
    bool delta = request->cursor.ptr != NULL;
    int32_t rc;

    if (delta == s->in_delta) {
        while (!s->host->sync_canceled(s->host, sync))
            nap();
        return try_all(s, sync, delta ? "delta" : "full");
    }
    rc = put(s, sync);
    return rc ? rc : s->host->sync_cursor(s->host, sync, kit_str("c1"));
}

static int32_t search_begin(void *instance, struct ctr_search *search,
                            const struct ctr_query *query)
{
    struct source *s = instance;
    const struct ctr_field field = {.kind = CTR_FIELD_DISPLAY_NAME,
                                    .value = kit_str("Anna Meier")};
    const struct ctr_contact hit = kit_contact(kit_str("1"), &field, 1);
    int32_t first, again;

    (void)query;
    while (!atomic_exchange(&s->search_canceled, false))
        nap();
    first = s->host->search_hits(s->host, search, &hit, 1);
    again = s->host->search_hits(s->host, search, &hit, 1);
    kit_log(s->host, CTR_LOG_INFO, "canceled kind=search hits=%d again=%d", first, again);
    s->host->search_done(s->host, search, 0);
    return 0;
}

static void search_cancel(void *instance, struct ctr_search *search)
{
    struct source *s = instance;

    (void)search;
    atomic_store(&s->search_canceled, true);
}

static const struct ctr_source source = {.size = sizeof(source),
                                         .threading = CTR_ON_LANE,
                                         .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH |
                                                  CTR_SOURCE_PARALLEL,
                                         .sync = sync_begin,
                                         .search = search_begin,
                                         .search_cancel = search_cancel};

CTR_PLUGIN = {KIT_ABI,
              KIT_OPTIONS(options),
              .name = "canceled",
              .version = "1.0",
              .summary = "a source that is canceled",
              .source = &source,
              .create = create,
              .destroy = free};
