/* live.c - asks sources themselves, beside the cache.
 *
 * A source answers from any thread. Its contacts become records with the source's dial
 * plan there and then, so that on the loop they are checked, ranked and shown like those
 * of the cache. The query and the search are independent: whichever ends first lets go of
 * the other, and the search is freed when both have. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/query.h"
#include "flow/source.h"

enum { LIVE_HITS_MAX = 1024, LIVE_BYTES_MAX = 4 * 1024 * 1024, LIVE_ASK_MAX = 1 << 20 };

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

    pthread_mutex_t mutex; /* of what follows */
    bool closed;           /* no more hits are taken */
    int status;
    struct strbuf bytes;
    size_t ends[LIVE_HITS_MAX];
    uint32_t n;

    uint32_t next; /* loop: hit to be looked at; closed or done */
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
    strbuf_finish(&s->bytes);
    arena_finish(&s->arena);
    anchor_unref(s->anchor);
    free(s);
}

/* ---- the copy of the question ---------------------------------------------- */

enum { SPELLINGS = 3 };

struct asking {
    struct ctr_search *search;
    const struct dialplan *client;
    bool spellings;
};

static bool copy_str(struct arena *a, struct ctr_str from, struct ctr_str *to)
{
    if (from.ptr)
        *to = arena_str(a, from);
    return to->ptr || !from.ptr;
}

/* As dialled in the source's country: 089..., from abroad 0033... */
static struct ctr_str dialled(struct arena *a, const struct dialplan *plan,
                              const char *digits)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = number_format(plan, NUMBER_FORMAT_NATIONAL, str_of(digits), str_of(digits),
                             str_make(NULL, 0), text, sizeof(text));

    if (n > 0 && text[0] != '+')
        return arena_str(a, str_make(text, n));
    n = (size_t)snprintf(text, sizeof(text), "%s%s",
                         plan->international_prefix[0] ? plan->international_prefix : "+",
                         digits);
    return arena_str(a, str_make(text, n));
}

/* The number as the source may have it: E.164, as dialled there, as asked. */
static bool spell(struct asking *asking, struct ctr_str asked,
                  struct ctr_str out[SPELLINGS])
{
    struct number readings[NUMBER_READINGS_MAX];
    struct arena *a = &asking->search->arena;
    unsigned n = number_readings(asking->client, asked, readings), i = 0;

    if (!copy_str(a, asked, &out[SPELLINGS - 1]))
        return false;
    out[0] = out[1] = out[SPELLINGS - 1];
    while (i < n && readings[i].class != NUMBER_E164)
        i++;
    if (i == n)
        return true;
    out[0].ptr = arena_fmt(a, "+%s", readings[i].digits);
    out[0].len = readings[i].len + 1u;
    out[1] = dialled(a, &asking->search->plan, readings[i].digits);
    return out[0].ptr && out[1].ptr;
}

static bool is_number(const struct ctr_filter *leaf)
{
    return leaf->op == CTR_OP_EQUAL && leaf->n_values == 1 && leaf->kinds != 0 &&
           (leaf->kinds & ~CTR_KINDS_PHONE) == 0;
}

static bool copy_values(struct asking *asking, const struct ctr_filter *from,
                        struct ctr_filter *to)
{
    struct arena *a = &asking->search->arena;
    struct ctr_str *values;

    to->n_values = asking->spellings && is_number(from) ? SPELLINGS : from->n_values;
    values = arena_array(a, to->n_values, sizeof(*values));
    to->values = values;
    if (!values)
        return false;
    if (asking->spellings && is_number(from))
        return spell(asking, str_trim(from->values[0]), values);
    for (uint32_t i = 0; i < from->n_values; i++)
        if (!copy_str(a, from->values[i], &values[i]))
            return false;
    return true;
}

static struct ctr_filter *copy_filter(struct asking *asking,
                                      const struct ctr_filter *from)
{
    struct arena *a = &asking->search->arena;
    struct ctr_filter *to = arena_alloc(a, sizeof(*to));
    const struct ctr_filter **children;

    if (!to)
        return NULL;
    children = arena_array(a, from->n_children, sizeof(*children));
    *to = *from;
    if (!children || !copy_values(asking, from, to))
        return NULL;
    to->children = children;
    if (from->name.ptr)
        to->name = arena_str(a, from->name);
    for (uint32_t i = 0; i < from->n_children; i++) {
        children[i] = copy_filter(asking, from->children[i]);
        if (!children[i])
            return NULL;
    }
    return to;
}

static bool copy_query(struct ctr_search *s, const struct query *q, int64_t now)
{
    struct asking asking = {s, &q->conf->plan, s->source->driver.spellings};
    int64_t left = (q->deadline_us - now) / 1000;

    arena_init(&s->arena, LIVE_ASK_MAX);
    s->ask = (struct ctr_query){.size = sizeof(s->ask),
                                .flags = q->ask.flags,
                                .want = q->ask.want | CTR_KINDS_PHONE,
                                .limit = q->limit,
                                .time_limit = left > 0 ? (uint32_t)left : 1};
    s->ask.filter = copy_filter(&asking, q->ask.filter);
    return s->ask.filter != NULL;
}

/* ---- ask ------------------------------------------------------------------- */

static void ask(struct query *q, uint32_t i, int64_t now)
{
    struct source *source = q->view->sources[i].source->source;
    struct trace_source *trace = query_trace_source(q, i);
    struct ctr_search *s;

    if (source->n_searches >= SOURCE_SEARCHES_MAX) {
        trace->live = TRACE_LIVE_BUSY;
        return;
    }
    s = xcalloc(1, sizeof(*s));
    s->anchor = anchor_ref(q->flow->anchor);
    s->loop = q->flow->loop;
    s->source = source;
    s->q = q;
    s->view_source = i;
    s->plan = q->view->sources[i].source->plan;
    s->bytes.max = LIVE_BYTES_MAX;
    pthread_mutex_init(&s->mutex, NULL);
    list_append(&q->flow->searches, &s->link);
    list_append(&q->searches, &s->of_query);
    list_append(&source->searches, &s->of_source);
    source->n_searches++;
    if (!copy_query(s, q, now) ||
        source->driver.search(source->driver.ctx, s, &s->ask) < 0) {
        trace->live = TRACE_LIVE_FAILED;
        search_free(s);
        return;
    }
    trace->live = TRACE_LIVE_ASKED;
    q->live_running++;
}

void live_start(struct query *q)
{
    if (q->live_asked)
        return;
    q->live_asked = true;
    if (q->mode == QUERY_SORT || q->ask.page || q->direct)
        return;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        const struct setup_source *conf = q->view->sources[i].source;
        int64_t now;

        if (!conf->live || !conf->source->started || !conf->source->driver.can_search)
            continue;
        now = clock_us();
        if (now < q->deadline_us)
            ask(q, i, now);
    }
}

/* ---- what sources call, from any thread ------------------------------------ */

static int take_hit(struct ctr_search *s, const struct ctr_contact *hit)
{
    unsigned warnings = 0;
    size_t before = s->bytes.len;
    int r;

    if (s->closed || s->n == LIVE_HITS_MAX)
        return -CTR_ECANCELED;
    r = record_encode(hit, &s->plan, &s->bytes, &warnings);
    if (s->bytes.error)
        return -CTR_ECANCELED; /* full: what came before counts */
    if (r < 0)
        s->bytes.len = before; /* not a contact; the others may be */
    else
        s->ends[s->n++] = s->bytes.len;
    return 0;
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

static void on_search_done(void *arg)
{
    struct ctr_search *s = arg;
    struct query *q = s->q;

    s->done = true;
    if (!q) {
        search_free(s);
        return;
    }
    query_trace_source(q, s->view_source)->live =
        s->status < 0 ? TRACE_LIVE_FAILED : TRACE_LIVE_DONE;
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

void live_close(struct query *q)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        close_search(s);
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

/* The cache has this contact, and has answered with it. */
static bool answered_before(struct query *q, uint32_t source, const struct record *record)
{
    struct cache_source *cache = q->view->sources[source].source->cache;
    uint32_t recno;

    return cache_find(cache, record_id(record), &recno) == 0 &&
           walk_load(q, source, recno) == 0 &&
           access_owns(q->view, q->flow->eval.owner) &&
           eval_truth(&q->flow->eval, &q->filter.root) == EVAL_TRUE;
}

int live_next(struct query *q, uint32_t *source, const struct record **record)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);
        size_t begin;
        struct record *r;

        if (s->next == s->n)
            continue;
        begin = s->next > 0 ? s->ends[s->next - 1] : 0;
        r = &s->record[s->next];
        r->data = (const uint8_t *)s->bytes.ptr + begin;
        r->len = s->ends[s->next] - begin;
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

void live_stop(struct query *q)
{
    list_for_each_safe(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        s->q = NULL;
        list_remove(&s->of_query);
        close_search(s);
        if (s->done)
            search_free(s);
        else if (s->source)
            tell_canceled(s);
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
