/* live.c - asks sources themselves, beside the cache.
 *
 * A source answers from any thread. Its contacts become records with the source's dial
 * plan there and then, so that on the loop they are checked, ranked and shown like those
 * of the cache. The query and the search are independent: whichever ends first lets go of
 * the other, and the search is freed when both have. A search that nobody waits for any
 * more may still end in time to refresh the cache. */
#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/query.h"
#include "flow/question.h"
#include "flow/refresh.h"
#include "flow/source.h"

enum {
    LIVE_HITS_MAX = 1024,
    LIVE_BYTES_MAX = 4 * 1024 * 1024,
    LIVE_ASK_MAX = 1 << 20,
    LIVE_CACHED_MAX = 16,
    LIVE_LATE_MS = 10 * 1000, /* how long nobody waits for an answer */
    LIVE_LATE_LOOK_MS = 500,
    LIVE_STUCK_MS = 5 * 1000,
    LIVE_CHECKS_MAX = 4,      /* at once, beside those somebody waits for */
    LIVE_CHECK_MS = 10 * 1000 /* the same question is not asked again sooner */
};

/* More than the front end wants: the cache is to have whole contacts. */
#define LIVE_WANT (CTR_KINDS_ALL & ~CTR_KIND(CTR_FIELD_PHOTO))

/* Records, one behind the other. */
struct hit_list {
    struct strbuf bytes;
    size_t ends[LIVE_HITS_MAX];
    uint32_t n;
};

struct ctr_search {
    struct list link;      /* flow->searches */
    struct list of_query;  /* query->searches */
    struct list of_source; /* source->searches */
    struct anchor *anchor;
    struct loop *loop;
    struct source *source; /* NULL: gone */
    struct query *q;       /* NULL: ended */
    uint32_t view_source;
    struct arena arena; /* the copy of the question */
    struct ctr_query ask;
    struct dialplan plan;
    bool done, told; /* told: search_cancel was called */
    int64_t began;   /* ms */
    uint64_t syncs;  /* of the source, then */
    struct ctr_str asker;
    struct ctr_str cached[LIVE_CACHED_MAX]; /* ids the cache answered with */
    uint32_t n_cached;
    struct answered refreshed;

    pthread_mutex_t mutex; /* of what follows */
    bool late;             /* the query looks at `hits` no more, or is past them */
    bool closed;           /* no more hits are taken */
    bool cut;              /* there was no room for all */
    int status;
    struct hit_list hits, more; /* in time; late */

    uint32_t next; /* loop: hit to be looked at; late or done */
    struct record record[LIVE_HITS_MAX];
};

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

/* ---- the question ---------------------------------------------------------- */

static int64_t wait_until(const struct query *q, uint32_t i, int64_t now);

static bool copy_query(struct ctr_search *s, const struct query *q, int64_t now)
{
    const struct dialplan *plan = s->source->driver.spellings ? &s->plan : NULL;
    int64_t left = (wait_until(q, s->view_source, now) - now) / 1000;

    arena_init(&s->arena, LIVE_ASK_MAX);
    s->ask = (struct ctr_query){.size = sizeof(s->ask),
                                .flags = q->ask.flags,
                                .want = q->ask.want | LIVE_WANT,
                                .limit = q->limit,
                                .time_limit = left > 0 ? (uint32_t)left : 1};
    s->ask.filter = question_copy(&s->arena, q->ask.filter, &q->conf->plan, plan);
    if (q->view->principal)
        s->asker = arena_str(&s->arena, str_of(q->view->principal));
    return s->ask.filter != NULL;
}

/* ---- ask ------------------------------------------------------------------- */

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

/* returns NULL: it was not asked, the trace says why */
static struct ctr_search *ask(struct query *q, uint32_t i, int64_t now)
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
    r = copy_query(s, q, now) ? source->driver.search(source->driver.ctx, s, &s->ask)
                              : -CTR_EWORK;
    if (r < 0) {
        trace->live = outcome(r);
        search_free(s);
        return NULL;
    }
    trace->live = TRACE_LIVE_ASKED;
    return s;
}

static bool can_go_live(const struct query *q)
{
    return q->mode != QUERY_SORT && !q->ask.page && !q->direct;
}

static bool can_ask(const struct setup_source *conf)
{
    return conf->live && conf->source->started && conf->source->driver.can_search;
}

/* How long the answer of this source is waited for. */
static int64_t wait_until(const struct query *q, uint32_t i, int64_t now)
{
    int64_t until = now + (int64_t)q->view->sources[i].source->live_timeout * 1000;

    return until < q->deadline_us ? until : q->deadline_us;
}

void live_start(struct query *q)
{
    if (q->live_asked)
        return;
    q->live_asked = true;
    if (!can_go_live(q))
        return;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        int64_t now = clock_us(), until = wait_until(q, i, now);

        if (!can_ask(q->view->sources[i].source) || now >= until || !ask(q, i, now))
            continue;
        q->live_running++;
        if (until > q->live_until_us)
            q->live_until_us = until;
    }
}

/* ---- asked again while nobody waits ---------------------------------------- */

/* Once in a while for each question. */
static bool checked_lately(struct source *source, struct ctr_str asked)
{
    uint64_t hash = XXH3_64bits(asked.ptr, asked.len);
    unsigned at = (unsigned)(hash % SOURCE_CHECKED_MAX);
    int64_t now = clock_ms();

    if (source->checked[at] == hash && now - source->checked_at[at] < LIVE_CHECK_MS)
        return true;
    source->checked[at] = hash;
    source->checked_at[at] = now;
    return false;
}

static void note_cached(struct ctr_search *s, const struct query *q)
{
    for (uint32_t i = 0; i < q->kept.n && s->n_cached < LIVE_CACHED_MAX; i++) {
        const struct kept *k = &q->kept.items[i];
        struct ctr_str id;

        if (k->source != s->view_source || k->live)
            continue;
        id = arena_str(&s->arena, k->rank.id);
        if (id.ptr)
            s->cached[s->n_cached++] = id;
    }
}

static bool cache_answered(const struct query *q, uint32_t source)
{
    for (uint32_t i = 0; i < q->kept.n; i++)
        if (q->kept.items[i].source == source && !q->kept.items[i].live)
            return true;
    return false;
}

static void let_go(struct ctr_search *s);

void live_check(struct query *q)
{
    if (q->direct || q->filter.n_texts == 0)
        return;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        const struct setup_source *conf = q->view->sources[i].source;
        struct ctr_search *s;

        /* What a sync brought is looked after by the next one. */
        if (!can_ask(conf) || source_info(conf->source)->as_of != 0 ||
            !cache_answered(q, i) || conf->source->n_searches >= LIVE_CHECKS_MAX ||
            checked_lately(conf->source, q->filter.texts[0]->text))
            continue;
        s = ask(q, i, clock_us());
        if (!s)
            continue;
        note_cached(s, q);
        let_go(s);
    }
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

/* ---- use ------------------------------------------------------------------- */

static void close_search(struct ctr_search *s)
{
    pthread_mutex_lock(&s->mutex);
    s->closed = true;
    pthread_mutex_unlock(&s->mutex);
}

/* What has come so far stands still from here on. */
static void part(struct ctr_search *s)
{
    pthread_mutex_lock(&s->mutex);
    s->late = true;
    pthread_mutex_unlock(&s->mutex);
}

void live_close(struct query *q)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        part(s);
        if (!s->done)
            query_trace_source(q, s->view_source)->live = TRACE_LIVE_LATE;
    }
}

void live_load(struct query *q, uint32_t source, const struct record *record)
{
    q->flow->loaded_view = NULL;
    eval_load(&q->flow->eval, &q->view->sources[source], &q->conf->plan, record,
              q->kinds);
}

void live_note(struct query *q, uint32_t source)
{
    if (can_go_live(q) && q->view->sources[source].source->live)
        answered_add(&q->answered, &q->arena, source, q->flow->eval.id);
}

/* This query has answered with the contact, from the cache or live. That the cache has it
 * says nothing: another query's answer may just have brought it there. Of more hits than
 * are remembered it has to be enough. */
static bool answered_before(struct query *q, uint32_t source, const struct record *record)
{
    struct cache_source *cache = q->view->sources[source].source->cache;
    uint32_t recno;

    if (answered_has(&q->answered, source, record_id(record)))
        return true;
    return q->answered.full && cache_find(cache, record_id(record), &recno) == 0 &&
           walk_load(q, source, recno) == 0 &&
           access_owns(q->view, q->flow->eval.owner) &&
           eval_truth(&q->flow->eval, &q->filter.root) == EVAL_TRUE;
}

int live_next(struct query *q, uint32_t *source, const struct record **record)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);
        struct record *r;

        if (s->next == s->hits.n)
            continue;
        r = &s->record[s->next];
        *r = hit_at(&s->hits, s->next);
        s->next++;
        if (answered_before(q, s->view_source, r))
            return -CTR_EPAUSE;
        live_load(q, s->view_source, r);
        *source = s->view_source;
        *record = r;
        return 0;
    }
    return -CTR_ENOENT;
}

/* ---- let go ---------------------------------------------------------------- */

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

/* It goes on without its query. */
static void let_go(struct ctr_search *s)
{
    s->q = NULL;
    list_remove(&s->of_query);
    part(s);
    if (s->source && !uv_is_active((uv_handle_t *)s->source->late))
        uv_timer_start(s->source->late, on_late, LIVE_LATE_LOOK_MS, LIVE_LATE_LOOK_MS);
}

static void give_up(struct ctr_search *s)
{
    s->q = NULL;
    list_remove(&s->of_query);
    close_search(s);
    if (s->done)
        search_free(s);
    else if (s->source)
        tell_canceled(s);
}

/* Who asked no longer wants to know, or knows: the source is told to end. Else the time
 * was up, and the answer is still good for the cache. */
void live_stop(struct query *q)
{
    bool late = !q->canceled && !q->cut && q->status != -CTR_ECANCELED;

    list_for_each_safe(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        if (!late || s->done) {
            give_up(s);
            continue;
        }
        let_go(s);
        if (s->source && s->source->driver.search_drop)
            s->source->driver.search_drop(s->source->driver.ctx, s);
    }
    q->live_running = 0;
}

void live_detach_source(struct source *source)
{
    list_for_each_safe(it, &source->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_source);

        list_remove(&s->of_source);
        s->source = NULL;
    }
    source->n_searches = 0;
}

void live_cancel_source(struct source *source)
{
    list_for_each_safe(it, &source->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_source);

        close_search(s);
        tell_canceled(s);
    }
}

void live_detach_all(struct flow *flow)
{
    list_for_each_safe(it, &flow->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, link);

        ensure(!s->q);
        list_remove(&s->link);
    }
}
