/* refresh.c - gathers what live searches found and puts it into the cache, at most once
 * a second for each source, beside what its syncs bring.
 *
 * A sync always wins: nothing is written while one runs, nor what was asked before the
 * last one. How old the source's data are does not change by it. */
#include "flow/refresh.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/sync.h"

enum {
    REFRESH_MS = 1000,
    REFRESH_BYTES_MAX = 1024 * 1024,
    REFRESH_ENTRIES_MAX = 1024,
};

/* Waiting entries; a length of 0 bytes stands for nothing. */
struct entry {
    size_t end; /* in bytes */
    bool deleted;
};

struct refresh {
    struct strbuf bytes;
    struct entry entries[REFRESH_ENTRIES_MAX];
    uint32_t n;
    struct dialplan plan; /* of all of them */
    uint64_t syncs;
    int64_t last; /* ms: when it was written last */
    uv_timer_t *timer;
};

/* A write under way; it may outlive the source. */
struct writing {
    struct anchor *anchor;
    char *name;
};

static void on_time(uv_timer_t *timer);

static struct refresh *refresh_of(struct source *s)
{
    struct refresh *r = s->refresh;

    if (!r) {
        r = s->refresh = xcalloc(1, sizeof(*r));
        r->timer = flow_timer_create(s->flow, s);
        r->bytes.max = REFRESH_BYTES_MAX;
        r->last = clock_ms() - REFRESH_MS;
    }
    return r;
}

static void empty(struct refresh *r)
{
    strbuf_finish(&r->bytes);
    r->bytes.max = REFRESH_BYTES_MAX;
    r->n = 0;
}

void refresh_destroy(struct source *s)
{
    struct refresh *r = s->refresh;

    if (!r)
        return;
    empty(r);
    flow_timer_close(r->timer);
    free(r);
    s->refresh = NULL;
}

/* ---- what is worth writing ------------------------------------------------- */

static bool allowed(const struct source *s, const struct refresh_search *search)
{
    return s->conf && s->started && !s->sync && s->syncs == search->syncs &&
           dialplan_same(search->plan, &s->conf->plan);
}

enum verdict { LEAVE, WRITE, REMOVE };

/* What one sees must not become what all see. */
static bool may_see(struct ctr_str owner, struct ctr_str asker)
{
    return owner.len == 0 || (asker.ptr && str_eq_nocase(owner, asker));
}

static enum verdict look_at(struct source *s, const struct refresh_search *search,
                            const struct record *record)
{
    bool found, same, whole, moved, synced = source_info(s)->as_of != 0;
    struct record cached;
    uint32_t recno;

    if (flow_read_begin(s->flow) < 0)
        return LEAVE;
    found = cache_find(s->cache, record_id(record), &recno) == 0 &&
            cache_get(s->cache, recno, &cached) == 0;
    same = found && cached.len == record->len &&
           memcmp(cached.data, record->data, record->len) == 0;
    moved = found && !str_eq_nocase(record_owner(record), record_owner(&cached));
    /* Half a contact must not take the place of what a sync brought. */
    whole = !found || !synced || (record_kinds(&cached) & ~record_kinds(record)) == 0;
    flow_read_end(s->flow);
    /* Somebody else's now: those who might see it so far must not any more. Who may will
     * bring it back. */
    if (moved)
        return synced ? LEAVE : REMOVE;
    return !same && whole && (found || may_see(record_owner(record), search->asker))
               ? WRITE
               : LEAVE;
}

static void add(struct source *s, const struct refresh_search *search,
                struct ctr_str bytes, bool deleted)
{
    struct refresh *r = refresh_of(s);
    size_t before = r->bytes.len;
    int64_t since;

    if (r->n > 0 && (r->syncs != search->syncs || !dialplan_same(&r->plan, search->plan)))
        empty(r); /* overtaken */
    if (r->n == REFRESH_ENTRIES_MAX || strbuf_str(&r->bytes, bytes) != 0) {
        r->bytes.len = r->n > 0 ? before : 0;
        r->bytes.error = 0;
        return; /* it will be asked again */
    }
    r->plan = *search->plan;
    r->syncs = search->syncs;
    r->entries[r->n++] = (struct entry){r->bytes.len, deleted};
    if (uv_is_active((uv_handle_t *)r->timer))
        return;
    since = clock_ms() - r->last;
    uv_update_time(r->timer->loop);
    uv_timer_start(r->timer, on_time,
                   since < REFRESH_MS ? (uint64_t)(REFRESH_MS - since) : 1, 0);
}

void refresh_put(struct source *s, const struct refresh_search *search,
                 const struct record *record)
{
    enum verdict verdict = allowed(s, search) ? look_at(s, search, record) : LEAVE;

    if (verdict == WRITE)
        add(s, search, str_make((const char *)record->data, record->len), false);
    else if (verdict == REMOVE)
        add(s, search, record_id(record), true);
}

void refresh_delete(struct source *s, const struct refresh_search *search,
                    struct ctr_str id)
{
    if (allowed(s, search) && source_info(s)->as_of == 0)
        add(s, search, id, true);
}

/* ---- writing --------------------------------------------------------------- */

static void on_written(void *arg, int status, const struct cache_load_stats *stats)
{
    struct writing *w = arg;
    struct flow *flow = w->anchor->flow;
    struct source *s = flow ? source_find(flow, w->name) : NULL;

    if (s) {
        s->refreshing = false;
        source_info_changed(s);
        log_debug(s->who, "live_refresh source=%s status=%s added=%llu changed=%llu",
                  s->name, error_name(status), (unsigned long long)stats->added,
                  (unsigned long long)stats->changed);
        /* All that is there was made with another dial plan. */
        if (status == -CTR_EVERSION && source_info(s)->as_of == 0)
            cache_wipe(s->cache);
        schedule_refreshed(s);
    }
    anchor_unref(w->anchor);
    free(w->name);
    free(w);
}

static int fill(struct cache_load *load, const struct refresh *r)
{
    size_t begin = 0;
    int rc = 0;

    for (uint32_t i = 0; i < r->n && (rc == 0 || rc == -CTR_EPAUSE); i++) {
        struct ctr_str bytes = str_make(r->bytes.ptr + begin, r->entries[i].end - begin);

        if (r->entries[i].deleted)
            rc = cache_load_delete(load, &bytes, 1);
        else
            rc = cache_load_put_record(load, bytes);
        begin = r->entries[i].end;
    }
    return rc == -CTR_EPAUSE ? 0 : rc;
}

static void write_out(struct source *s)
{
    struct refresh *r = s->refresh;
    struct cache_load_options options = {
        .plan = &r->plan, .shape = sync_shape(&r->plan), .aside = true};
    struct cache_load *load;
    struct writing *w;

    r->last = clock_ms();
    if (cache_load_begin(s->cache, &options, &load) < 0)
        return; /* another load has come between: it will be asked again */
    if (fill(load, r) < 0) {
        cache_load_abort(load);
        return;
    }
    w = xcalloc(1, sizeof(*w));
    w->anchor = anchor_ref(s->flow->anchor);
    w->name = xstrdup(s->name);
    s->refreshing = true;
    cache_load_commit_async(load, str_make(NULL, 0), on_written, w);
}

static void on_time(uv_timer_t *timer)
{
    struct source *s = timer->data;
    struct refresh *r = s->refresh;
    struct refresh_search as = {&r->plan, r->syncs, {NULL, 0}};

    if (s->refreshing) {
        uv_timer_start(timer, on_time, REFRESH_MS, 0);
        return;
    }
    if (r->n > 0 && allowed(s, &as))
        write_out(s);
    empty(r);
}
