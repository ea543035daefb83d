/* query.c - the life of a query, from start to its one done.
 *
 * The first slice runs within query_start, and nearly every caller lookup ends in it.
 * What takes longer goes on in slices, in turn with the others, from the loop. A query
 * that must wait - for the front end, for live sources - holds no read transaction. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/metrics.h"
#include "flow/query.h"
#include "flow/source.h"

enum {
    FIRST_SLICE_US = 1000,     /* within query_start, when nobody waits */
    FIRST_SLICE_BUSY_US = 100, /* ... when others do */
    FIRST_SLICE_FULL_US = 20,  /* ... when many do */
    MANY = 16,
    SLICE_LEAST_US = 200,
    SPARE_MAX = 64,
    KEPT_SPARE_MAX = 64, /* room for kept hits that stays with a spare query */
    CLOCK_EVERY = 8,     /* candidates */
    CLOCK_WORK = 65536,  /* bytes of text compared for one */
    TICK_MS = 10
};

static bool on_slice(struct loop_slice *slice);
static void query_end(struct query *q);

/* ---- memory --------------------------------------------------------------------- */

static struct query *query_take(struct flow *flow)
{
    struct query *q;
    struct arena arena, hits_arena;
    struct kept_list kept;

    if (list_empty(&flow->spare)) {
        q = xcalloc(1, sizeof(*q));
        arena_init(&q->arena, QUERY_ARENA_MAX);
    } else {
        q = list_entry(flow->spare.next, struct query, link);
        list_remove(&q->link);
        flow->n_spare--;
        arena = q->arena;
        hits_arena = q->hits_arena;
        kept = q->kept;
        memset(q, 0, offsetof(struct query, no_trace));
        q->seen.n = q->seen.cap = 0;
        q->arena = arena;
        q->hits_arena = hits_arena;
        q->kept = kept;
    }
    q->request.type = REQUEST_QUERY;
    q->flow = flow;
    list_init(&q->link);
    list_init(&q->ready);
    list_init(&q->searches);
    return q;
}

static void query_free(struct query *q)
{
    arena_finish(&q->arena);
    arena_finish(&q->hits_arena);
    free(q->kept.items);
    free(q);
}

/* Ended, and no frame of ours uses it any more. */
static void query_release(struct query *q)
{
    struct flow *flow = q->flow;

    setup_unref(q->setup);
    q->request.type = REQUEST_DEAD;
    if (flow->n_spare >= SPARE_MAX) {
        query_free(q);
        return;
    }
    arena_reset(&q->arena);
    arena_reset(&q->hits_arena);
    q->kept.n = 0;
    if (q->kept.cap > KEPT_SPARE_MAX) {
        free(q->kept.items);
        q->kept = (struct kept_list){0};
    }
    list_append(&flow->spare, &q->link);
    flow->n_spare++;
}

void query_free_spare(struct flow *flow)
{
    while (!list_empty(&flow->spare)) {
        struct query *q = list_entry(flow->spare.next, struct query, link);

        list_remove(&q->link);
        query_free(q);
    }
    flow->n_spare = 0;
}

struct trace_source *query_trace_source(struct query *q, uint32_t source)
{
    uint32_t slot = source - q->source_first;

    return slot < TRACE_SOURCES ? &q->trace.sources[slot] : &q->no_trace;
}

/* ---- phases ------------------------------------------------------------------------ */

void query_stop(struct query *q, int status)
{
    if (q->status == 0)
        q->status = status;
    q->source = q->source_end;
    q->source_open = false;
}

static uint32_t lap(struct query *q)
{
    int64_t now = clock_us(), took = now - q->phase_us;

    q->phase_us = now;
    return (uint32_t)took;
}

/* The cache has been looked through. */
static void walk_over(struct query *q)
{
    q->trace.us_walk += lap(q);
    if (q->direct && !q->exists && q->status == 0)
        q->status = -CTR_ENOENT;
    if (q->mode == QUERY_SORT && q->status < 0) {
        q->phase = QUERY_END; /* half a list has no order */
    } else if (q->mode == QUERY_SORT) {
        q->unsorted = q->kept.n;
        q->phase = QUERY_ORDER;
    } else if (q->mode == QUERY_RANK && q->kept.n > 0) {
        rank_order(q);
        q->phase = QUERY_DELIVER;
    } else {
        q->live_ranks = q->mode == QUERY_RANK;
        q->phase = q->status == 0 ? QUERY_LIVE : QUERY_END;
    }
}

/* Looks at the clock now and then. returns whether the slice is over */
static bool slice_over(struct query *q, unsigned *steps, int64_t until)
{
    if (++*steps % CLOCK_EVERY != 0 && q->flow->eval.work < CLOCK_WORK)
        return false;
    q->flow->eval.work = 0;
    return clock_us() >= until;
}

static bool held(const struct query *q)
{
    return q->paused || q->canceled || q->ended;
}

/* Each phase returns whether the query goes on at once. */
static bool walk_phase(struct query *q, int64_t until)
{
    unsigned steps = 0;

    for (;;) {
        int r = walk_next(q);

        if (r == 0)
            hits_candidate(q, q->source, NULL);
        else if (r == -CTR_EIO)
            query_stop(q, -CTR_EUNAVAIL);
        if (held(q))
            return false;
        if (r == -CTR_ENOENT) {
            walk_over(q);
            return true;
        }
        if (slice_over(q, &steps, until))
            return false;
    }
}

/* A kept hit may have changed, or gone, since it was found. */
static void deliver_kept(struct query *q, const struct kept *k)
{
    if (k->live) {
        live_load(q, k->source, k->live);
    } else {
        if (walk_load(q, k->source, k->recno) < 0)
            return;
        if (!access_owns(q->view, q->flow->eval.owner) ||
            eval_truth(&q->flow->eval, &q->filter.root) != EVAL_TRUE)
            return;
    }
    hits_add(q, k->source, k->live ? CTR_CONTACT_LIVE : 0);
}

static bool deliver_phase(struct query *q, int64_t until)
{
    unsigned steps = 0;

    while (q->next_kept < q->end_kept) {
        struct kept *k = &q->kept.items[q->next_kept++];

        deliver_kept(q, k);
        if (held(q))
            return false;
        if (slice_over(q, &steps, until))
            return false;
    }
    /* Who is calling is known, then; else the live sources have a word. */
    q->phase = q->caller || q->live_over || q->status < 0 ? QUERY_END : QUERY_LIVE;
    return true;
}

static bool live_phase(struct query *q)
{
    live_start(q);
    if (q->live_running > 0 && clock_us() < q->deadline_us)
        return false;
    live_close(q);
    q->trace.us_live += lap(q);
    q->phase = QUERY_DELIVER_LIVE;
    return true;
}

static bool deliver_live_phase(struct query *q, int64_t until)
{
    const struct record *record;
    unsigned steps = 0;
    uint32_t source;

    for (;;) {
        int r = live_next(q, &source, &record);

        if (r == 0)
            hits_candidate(q, source, record);
        if (held(q))
            return false;
        if (r == -CTR_ENOENT)
            break;
        if (slice_over(q, &steps, until))
            return false;
    }
    q->live_over = true;
    q->phase = QUERY_END;
    if (q->live_ranks && q->kept.n > 0) {
        rank_order(q);
        q->phase = QUERY_DELIVER;
    }
    return true;
}

static bool order_phase(struct query *q, int64_t until)
{
    if (!sort_step(q, until))
        return false;
    sort_window(q);
    q->phase = QUERY_DELIVER;
    q->live_over = true; /* a sorted list is of the cache alone */
    return true;
}

static bool run_phase(struct query *q, int64_t until)
{
    switch (q->phase) {
    case QUERY_WALK:
        return walk_phase(q, until);
    case QUERY_ORDER:
        return order_phase(q, until);
    case QUERY_DELIVER:
        return deliver_phase(q, until);
    case QUERY_LIVE:
        return live_phase(q);
    case QUERY_DELIVER_LIVE:
        return deliver_live_phase(q, until);
    default:
        return false;
    }
}

/* The time is up: what was found in order goes out, the rest does not. */
static void time_out(struct query *q)
{
    if (q->phase == QUERY_LIVE || q->phase == QUERY_DELIVER_LIVE || q->phase == QUERY_END)
        return; /* these take what there is */
    if (q->phase == QUERY_WALK && q->ask.page && q->mode == QUERY_STREAM &&
        q->hits == q->limit) {
        q->cut = true; /* a full page; whether more is left was not to be seen */
        q->phase = QUERY_END;
        return;
    }
    if (q->phase == QUERY_WALK && q->mode == QUERY_RANK) {
        query_stop(q, -CTR_ETIMEDOUT);
        return;
    }
    q->status = -CTR_ETIMEDOUT;
    q->phase = QUERY_END;
}

/* Nobody was found; perhaps whose trunk it is. */
static void answer_company(struct query *q)
{
    if (q->caller && q->conf->company_match && q->total == 0 && q->status == 0 &&
        !q->direct)
        company_of_trunk(q);
}

/* One slice. Afterwards q is ended and released, waiting, or wants another. */
static void query_run(struct query *q, int64_t until)
{
    struct flow *flow = q->flow;
    int64_t now = clock_us();
    bool end;

    q->busy++;
    if (now >= q->deadline_us)
        time_out(q);
    else if (until > q->deadline_us)
        until = q->deadline_us;
    if (flow_read_begin(flow) < 0) {
        q->status = -CTR_EUNAVAIL;
        q->phase = QUERY_END;
    } else {
        while (q->phase != QUERY_END && run_phase(q, until))
            ;
        if (q->phase == QUERY_END && !held(q))
            answer_company(q);
        hits_flush(q);
        flow_read_end(flow);
    }
    end = q->phase == QUERY_END || q->canceled;
    if (end && !q->ended)
        query_end(q);
    q->busy--;
}

/* ---- waiting and going on ------------------------------------------------------------
 */

void query_wake(struct query *q)
{
    struct flow *flow = q->flow;

    if (q->ended || q->paused || !q->listed || !list_empty(&q->ready))
        return;
    list_append(&flow->ready, &q->ready);
    flow->n_ready++;
    if (!flow->slice.scheduled)
        loop_slice_start(flow->loop, &flow->slice, on_slice);
}

static void leave_ready(struct query *q)
{
    if (list_empty(&q->ready))
        return;
    list_remove(&q->ready);
    q->flow->n_ready--;
}

static void on_tick(uv_timer_t *timer)
{
    struct flow *flow = timer->data;
    int64_t now = clock_us();
    bool waiting = false;

    list_for_each(it, &flow->queries)
    {
        struct query *q = list_entry(it, struct query, link);

        if (q->phase != QUERY_LIVE || q->paused)
            continue;
        waiting = true;
        if (now >= q->deadline_us)
            query_wake(q);
    }
    if (!waiting)
        uv_timer_stop(timer);
}

/* After a slice: in line again, or waiting for somebody. */
static void query_line_up(struct query *q)
{
    if (q->paused) {
        q->paused_us = clock_us();
        return;
    }
    if (q->phase != QUERY_LIVE || q->live_running == 0)
        query_wake(q);
    else if (!uv_is_active((uv_handle_t *)q->flow->tick))
        uv_timer_start(q->flow->tick, on_tick, TICK_MS, TICK_MS);
}

static bool on_slice(struct loop_slice *slice)
{
    struct flow *flow = (struct flow *)((char *)slice - offsetof(struct flow, slice));
    int64_t now = clock_us(), end = now + LOOP_SLICE_US;

    while (!list_empty(&flow->ready) && now < end) {
        struct query *q = list_entry(flow->ready.next, struct query, ready);
        int64_t share = LOOP_SLICE_US / (int64_t)flow->n_ready;

        if (share < SLICE_LEAST_US)
            share = SLICE_LEAST_US;
        leave_ready(q);
        query_run(q, now + share < end ? now + share : end);
        if (q->ended)
            query_release(q);
        else
            query_line_up(q);
        now = clock_us();
    }
    return !list_empty(&flow->ready);
}

/* ---- end ------------------------------------------------------------------------------
 */

static void finish_status(struct query *q)
{
    if (q->status == 0 && q->cut && q->ask.page)
        cursor_make(q);
    else if (q->status == 0 && q->cut)
        q->status = -CTR_ESIZE;
}

static void finish_trace(struct query *q)
{
    struct trace_record *t = &q->trace;
    uint32_t n = q->source_end - q->source_first;

    t->us_deliver += lap(q);
    t->us_total = (uint32_t)(q->phase_us - q->began_us);
    t->at = clock_wall_ms() - (int64_t)(t->us_total / 1000);
    t->status = q->status;
    t->hits = q->hits;
    t->total = q->total;
    t->n_sources = (uint8_t)(n < TRACE_SOURCES ? n : TRACE_SOURCES);
    t->more_sources = n > TRACE_SOURCES;
    for (uint32_t i = 0; i < t->n_sources; i++)
        trace_copy(t->sources[i].name, sizeof(t->sources[i].name),
                   q->view->sources[q->source_first + i].source->name);
    trace_add(q->flow->trace, t);
}

static void query_end(struct query *q)
{
    struct ctr_outcome outcome = {.size = sizeof(outcome)};

    q->ended = true;
    q->phase = QUERY_END;
    q->n_batch = 0;
    if (q->canceled && q->status == 0)
        q->status = -CTR_ECANCELED;
    live_stop(q);
    finish_status(q);
    finish_trace(q);
    sort_release(q);
    leave_ready(q);
    if (q->listed)
        list_remove(&q->link);
    q->listed = false;
    q->client->running--;
    metrics_query(q->client, &q->trace);
    outcome.status = q->status;
    outcome.hits = q->hits;
    outcome.total = q->total;
    outcome.position = q->position;
    outcome.oldest = q->oldest;
    if (q->cursor_len > 0)
        outcome.cursor = str_make(q->cursor, q->cursor_len);
    q->ops.on_done(q->user, &outcome);
}

/* ---- start
 * ----------------------------------------------------------------------------- */

static int check_ask(const struct query *q)
{
    const struct ctr_query *ask = &q->ask;

    if (!ask->filter || !q->ops.on_hits || !q->ops.on_done)
        return -CTR_EINVAL;
    if (ask->n_sort > QUERY_SORT_KEYS_MAX || (ask->n_sort > 0 && !ask->sort) ||
        (ask->window && ask->n_sort == 0))
        return -CTR_EINVAL;
    return 0;
}

/* Which sources of the view. returns 0 | -CTR_ENOENT */
static int choose_sources(struct query *q)
{
    const struct view_source *only;

    q->source_end = q->view->n;
    if (!q->ask.source.ptr)
        return 0;
    only = access_find(q->view, q->ask.source);
    if (!only) {
        q->source_end = 0;
        return -CTR_ENOENT;
    }
    q->source_first = q->source = (uint32_t)(only - q->view->sources);
    q->source_end = q->source_first + 1;
    return 0;
}

static void note_age(struct query *q)
{
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        int64_t as_of = source_info(q->view->sources[i].source->source)->as_of;

        if (as_of > 0 && (q->oldest == 0 || as_of < q->oldest))
            q->oldest = as_of;
    }
}

static int make_plan(struct query *q)
{
    struct plan_options options = {.view = q->view,
                                   .estimate = !q->ask.page && !q->ask.resume.ptr,
                                   .caller = q->caller};
    int r;

    if (q->ask.id.ptr) {
        q->direct = true;
        q->plan.n = 1;
        q->plan.walks = arena_alloc(&q->arena, sizeof(*q->plan.walks));
        ensure(q->plan.walks);
        q->plan.walks[0] = (struct plan_walk){.index = PLAN_INDEX_ID, .key = q->ask.id};
    } else {
        r = plan_make(&q->plan, &q->filter, &options, &q->arena);
        if (r < 0)
            return r;
    }
    q->walks = arena_array(&q->arena, q->plan.n, sizeof(*q->walks));
    return q->walks ? 0 : -CTR_ENOMEM;
}

static void begin_trace(struct query *q)
{
    struct trace_record *t = &q->trace;

    trace_copy(t->asked, sizeof(t->asked), q->ask.asked);
    trace_copy(t->client, sizeof(t->client), str_of(q->client->name));
    trace_copy(t->principal, sizeof(t->principal),
               str_of(principal_name(q->ask.principal)));
    trace_copy(t->peer, sizeof(t->peer), q->ask.client);
    if (q->filter.n_texts > 0) {
        t->n_readings = q->filter.texts[0]->n_readings;
        memcpy(t->readings, q->filter.texts[0]->readings,
               t->n_readings * sizeof(t->readings[0]));
    }
    t->caller = q->caller;
}

/* Everything before the first candidate. returns 0, or how the query ends at once */
static int prepare(struct query *q)
{
    int r;

    q->caller = q->filter.numbers_only && (q->ask.flags & CTR_QUERY_CALLER);
    q->mode = q->ask.n_sort > 0                          ? QUERY_SORT
              : q->filter.numbers_only && !q->ask.id.ptr ? QUERY_RANK
                                                         : QUERY_STREAM;
    begin_trace(q);
    r = choose_sources(q);
    if (r < 0)
        return r;
    note_age(q);
    r = make_plan(q);
    if (r < 0)
        return -CTR_EWORK;
    if (q->ask.resume.ptr) {
        r = cursor_take(q);
        if (r < 0)
            return r;
    }
    if (q->plan.n > 0) {
        q->trace.first_index = q->plan.walks[0].index;
        q->trace.scan = q->plan.scan;
    }
    q->trace.walks = q->plan.n;
    return 0;
}

static uint32_t lower(uint32_t asked, uint32_t limit)
{
    return asked > 0 && asked < limit ? asked : limit;
}

/* How long a new query may run before query_start returns. Many may be started in one
 * turn of the loop; together they get little more than one slice. */
static int64_t first_slice(struct flow *flow)
{
    uint64_t turn = uv_now(loop_uv(flow->loop));

    if (turn != flow->turn) {
        flow->turn = turn;
        flow->turn_spent_us = 0;
    }
    if (flow->n_ready >= MANY || flow->turn_spent_us > 2 * LOOP_SLICE_US)
        return FIRST_SLICE_FULL_US;
    if (flow->n_ready > 0 || flow->turn_spent_us > LOOP_SLICE_US)
        return FIRST_SLICE_BUSY_US;
    return FIRST_SLICE_US;
}

/* The slice that runs before query_start returns. */
static void first_run(struct query *q)
{
    struct flow *flow = q->flow;
    int r = flow_read_begin(flow);

    q->busy++;
    if (r == 0) {
        r = prepare(q);
        q->trace.us_plan = lap(q);
        if (r == 0)
            query_run(q, q->phase_us + first_slice(flow));
        flow->turn_spent_us += q->phase_us - q->began_us;
        flow_read_end(flow);
    } else {
        r = -CTR_EUNAVAIL;
    }
    if (r < 0 && !q->ended) {
        q->status = r;
        query_end(q);
    }
    q->busy--;
}

static void copy_sized(void *to, size_t room, const void *from, uint32_t size)
{
    memcpy(to, from, size < room ? size : room);
}

static int query_open(struct flow_client *client, const struct ctr_query *query,
                      const struct ctr_query_ops *ops, void *user, struct query **out)
{
    struct query *q = query_take(client->flow);
    int r;

    q->client = client;
    q->user = user;
    q->began_us = q->phase_us = clock_us();
    copy_sized(&q->ask, sizeof(q->ask), query, query->size);
    copy_sized(&q->ops, sizeof(q->ops), ops, ops->size);
    q->setup = setup_ref(client->flow->setup);
    q->conf = client->conf;
    q->view = access_view(q->setup, q->conf,
                          (struct ctr_principal *)(uintptr_t)q->ask.principal);
    q->limit = lower(q->ask.limit, q->conf->size_limit);
    q->deadline_us =
        q->began_us + (int64_t)lower(q->ask.time_limit, q->conf->time_limit) * 1000;
    r = check_ask(q);
    if (r == 0)
        r = eval_compile(&q->filter, q->ask.filter, &q->conf->plan, &q->arena);
    if (r < 0) {
        query_release(q);
        return r;
    }
    *out = q;
    return 0;
}

int flow_query_start(struct flow_client *client, const struct ctr_query *query,
                     const struct ctr_query_ops *ops, void *user,
                     struct ctr_request **out)
{
    struct query *q = NULL;
    int r;

    *out = NULL;
    if (!client->conf)
        return -CTR_EUNAVAIL;
    if (client->running >= QUERY_RUNNING_MAX)
        return -CTR_EBUSY;
    r = query_open(client, query, ops, user, &q);
    if (r < 0)
        return r;
    client->running++;
    *out = &q->request;
    first_run(q);
    if (q->ended) {
        *out = NULL;
        query_release(q);
        return 0;
    }
    q->listed = true;
    list_append(&q->flow->queries, &q->link);
    query_line_up(q);
    return 0;
}

void flow_query_resume(struct ctr_request *request)
{
    struct query *q = (struct query *)(void *)request;

    if (!request || request->type != REQUEST_QUERY || !q->paused)
        return;
    q->paused = false;
    if (q->paused_us > 0)
        q->deadline_us += clock_us() - q->paused_us;
    q->paused_us = 0;
    if (q->busy == 0)
        query_line_up(q);
}

void flow_query_cancel(struct ctr_request *request)
{
    struct query *q = (struct query *)(void *)request;

    if (!request || request->type != REQUEST_QUERY || q->ended)
        return;
    q->status = -CTR_ECANCELED;
    query_end(q);
    if (q->busy == 0)
        query_release(q);
}

void query_cancel_all(struct flow *flow)
{
    while (!list_empty(&flow->queries)) {
        struct query *q = list_entry(flow->queries.next, struct query, link);

        flow_query_cancel(&q->request);
    }
}
