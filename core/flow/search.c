/* search.c - see search.h. */
#include "flow/search.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "flow/question.h"
#include "flow/refresh.h"

enum {
    LIVE_BYTES_MAX = 4 * 1024 * 1024,
    LIVE_ASK_MAX = 1 << 20,
    LIVE_LATE_MS = 10 * 1000, /* how long nobody waits for an answer */
    LIVE_LATE_LOOK_MS = 500,
    LIVE_STUCK_MS = 5 * 1000
};

/* More than the front end wants: the cache is to have whole contacts. */
#define LIVE_WANT (CTR_KINDS_ALL & ~CTR_KIND(CTR_FIELD_PHOTO))

static void search_free(struct ctr_search *s)
{
    list_remove(&s->link);
    list_remove(&s->of_query);
    list_remove(&s->of_source);
    if (s->source)
        s->source->n_searches--;
    pthread_mutex_destroy(&s->mutex);
    strbuf_finish(&s->hits.bytes);
    strbuf_finish(&s->more.bytes);
    arena_finish(&s->arena);
    anchor_unref(s->anchor);
    free(s);
}

/* ---- ask ------------------------------------------------------------------- */

static bool copy_query(struct ctr_search *s, const struct query *q, uint32_t time_limit)
{
    const struct dialplan *plan = s->source->driver.spellings ? &s->plan : NULL;

    arena_init(&s->arena, LIVE_ASK_MAX);
    s->ask = (struct ctr_query){.size = sizeof(s->ask),
                                .flags = q->ask.flags,
                                .want = q->ask.want | LIVE_WANT,
                                .limit = q->limit,
                                .time_limit = time_limit};
    s->ask.filter = question_copy(&s->arena, q->ask.filter, &q->conf->plan, plan);
    if (q->view->principal)
        s->asker = arena_str(&s->arena, str_of(q->view->principal));
    return s->ask.filter != NULL;
}

static void open_search(struct ctr_search *s, struct query *q, uint32_t i)
{
    struct source *source = q->view->sources[i].source->source;

    s->anchor = anchor_ref(q->flow->anchor);
    s->loop = q->flow->loop;
    s->source = source;
    s->q = q;
    s->view_source = i;
    s->plan = q->view->sources[i].source->plan;
    s->hits.bytes.max = s->more.bytes.max = LIVE_BYTES_MAX;
    s->began = clock_ms();
    s->syncs = source->syncs;
    pthread_mutex_init(&s->mutex, NULL);
    list_append(&q->flow->searches, &s->link);
    list_append(&q->searches, &s->of_query);
    list_append(&source->searches, &s->of_source);
    source->n_searches++;
}

/* It has not answered for long: nobody is to wait for it until it does. */
static bool is_stuck(const struct source *source)
{
    const struct ctr_search *oldest;

    if (list_empty(&source->searches))
        return false;
    oldest = list_entry(source->searches.next, struct ctr_search, of_source);
    return clock_ms() - oldest->began > LIVE_STUCK_MS;
}

static uint8_t outcome(int status)
{
    return status == 0               ? TRACE_LIVE_DONE
           : status == -CTR_EUNAVAIL ? TRACE_LIVE_DOWN
                                     : TRACE_LIVE_FAILED;
}

struct ctr_search *search_start(struct query *q, uint32_t i, uint32_t time_limit)
{
    struct source *source = q->view->sources[i].source->source;
    struct trace_source *trace = query_trace_source(q, i);
    struct ctr_search *s;
    int r;

    if (source->n_searches >= SOURCE_SEARCHES_MAX || is_stuck(source)) {
        trace->live = TRACE_LIVE_BUSY;
        return NULL;
    }
    s = xcalloc(1, sizeof(*s));
    open_search(s, q, i);
    r = copy_query(s, q, time_limit)
            ? source->driver.search(source->driver.ctx, s, &s->ask)
            : -CTR_EWORK;
    if (r < 0) {
        trace->live = outcome(r);
        search_free(s);
        return NULL;
    }
    trace->live = TRACE_LIVE_ASKED;
    return s;
}

/* ---- what sources call, from any thread ------------------------------------ */

static int take_hit(struct ctr_search *s, const struct ctr_contact *hit)
{
    struct hit_list *list = s->late ? &s->more : &s->hits;
    size_t before = list->bytes.len;
    unsigned warnings = 0;
    int r;

    if (s->closed)
        return -CTR_ECANCELED;
    s->cut = s->cut || list->n == LIVE_HITS_MAX;
    if (s->cut)
        return -CTR_ECANCELED;
    r = record_encode(hit, &s->plan, &list->bytes, &warnings);
    if (r < 0 || list->bytes.error)
        list->bytes.len = before; /* not a contact; the others may be */
    else
        list->ends[list->n++] = list->bytes.len;
    s->cut = list->bytes.error != 0; /* full: what came before counts */
    return s->cut ? -CTR_ECANCELED : 0;
}

int flow_search_hits(struct ctr_search *search, const struct ctr_contact *hits,
                     uint32_t n)
{
    int r = 0;

    pthread_mutex_lock(&search->mutex);
    for (uint32_t i = 0; r == 0 && i < n; i++)
        r = take_hit(search, &hits[i]);
    pthread_mutex_unlock(&search->mutex);
    return r;
}

/* ---- what it says goes into the cache -------------------------------------- */

static struct record hit_at(const struct hit_list *list, uint32_t i)
{
    size_t begin = i > 0 ? list->ends[i - 1] : 0;

    return (struct record){(const uint8_t *)list->bytes.ptr + begin,
                           list->ends[i] - begin};
}

struct record search_hit(const struct ctr_search *s, uint32_t i)
{
    return hit_at(&s->hits, i);
}

static bool list_has(const struct hit_list *list, struct ctr_str id)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct record r = hit_at(list, i);

        if (str_eq(record_id(&r), id))
            return true;
    }
    return false;
}

/* The last one of an id, like in a sync of changes. */
static void refresh_hits(struct ctr_search *s, const struct refresh_search *as,
                         const struct hit_list *list)
{
    for (uint32_t i = list->n; i-- > 0;) {
        struct record r = hit_at(list, i);

        if (answered_has(&s->refreshed, 0, record_id(&r)))
            continue;
        answered_add(&s->refreshed, &s->arena, 0, record_id(&r));
        refresh_put(s->source, as, &r);
    }
}

static void refresh(struct ctr_search *s)
{
    struct refresh_search as = {&s->plan, s->syncs, s->asker};

    if (s->status < 0 || !s->source)
        return;
    refresh_hits(s, &as, &s->more);
    refresh_hits(s, &as, &s->hits);
    for (uint32_t i = 0; i < s->n_cached && !s->cut; i++)
        if (!list_has(&s->hits, s->cached[i]) && !list_has(&s->more, s->cached[i]))
            refresh_delete(s->source, &as, s->cached[i]);
}

static void on_search_done(void *arg)
{
    struct ctr_search *s = arg;
    struct query *q = s->q;

    s->done = true;
    refresh(s);
    if (!q) {
        search_free(s);
        return;
    }
    query_trace_source(q, s->view_source)->live = outcome(s->status);
    if (--q->live_running == 0)
        query_wake(q);
}

void flow_search_done(struct ctr_search *search, int status)
{
    pthread_mutex_lock(&search->mutex);
    search->closed = true;
    search->status = status;
    pthread_mutex_unlock(&search->mutex);
    loop_post(search->loop, on_search_done, search);
}

/* ---- let go ---------------------------------------------------------------- */

static void close_search(struct ctr_search *s)
{
    pthread_mutex_lock(&s->mutex);
    s->closed = true;
    pthread_mutex_unlock(&s->mutex);
}

void search_part(struct ctr_search *s)
{
    pthread_mutex_lock(&s->mutex);
    s->late = true;
    pthread_mutex_unlock(&s->mutex);
}

static void tell_canceled(struct ctr_search *s)
{
    const struct flow_driver *driver = &s->source->driver;

    if (s->told || s->done || !driver->search_cancel || !s->source->started)
        return;
    s->told = true;
    driver->search_cancel(driver->ctx, s);
}

/* Searches nobody waits for end after a while. */
static void on_late(uv_timer_t *timer)
{
    struct source *source = timer->data;
    int64_t now = clock_ms();
    bool some = false;

    list_for_each_safe(it, &source->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_source);

        if (s->q || s->told)
            continue;
        some = true;
        if (now - s->began < LIVE_LATE_MS)
            continue;
        close_search(s);
        tell_canceled(s);
    }
    if (!some)
        uv_timer_stop(timer);
}

void search_let_go(struct ctr_search *s)
{
    s->q = NULL;
    list_remove(&s->of_query);
    search_part(s);
    if (s->source && !uv_is_active((uv_handle_t *)s->source->late))
        uv_timer_start(s->source->late, on_late, LIVE_LATE_LOOK_MS, LIVE_LATE_LOOK_MS);
}

void search_give_up(struct ctr_search *s)
{
    s->q = NULL;
    list_remove(&s->of_query);
    close_search(s);
    if (s->done)
        search_free(s);
    else if (s->source)
        tell_canceled(s);
}

void search_detach_source(struct source *source)
{
    list_for_each_safe(it, &source->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_source);

        list_remove(&s->of_source);
        s->source = NULL;
    }
    source->n_searches = 0;
}

void search_cancel_source(struct source *source)
{
    list_for_each_safe(it, &source->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_source);

        close_search(s);
        tell_canceled(s);
    }
}

void search_detach_all(struct flow *flow)
{
    list_for_each_safe(it, &flow->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, link);

        ensure(!s->q);
        list_remove(&s->link);
    }
}
