/* query.c - the life of a query, from start to its one done.
 *
 * The first slice runs within query_start, and nearly every caller lookup ends in it.
 * What takes longer goes on in slices, in turn with the others, from the loop (turns.c).
 * What a slice does is in phases.c. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "flow/metrics.h"
#include "flow/query.h"
#include "flow/source.h"

enum {
    FIRST_SLICE_US = 1000,     /* within query_start, when nobody waits */
    FIRST_SLICE_BUSY_US = 100, /* ... when others do */
    FIRST_SLICE_FULL_US = 20,  /* ... when many do */
    MANY = 16,
    SPARE_MAX = 64,
    KEPT_SPARE_MAX = 64 /* room for kept hits that stays with a spare query */
};

/* ---- memory ---------------------------------------------------------------- */

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
        memset(q, 0, offsetof(struct query, trace));
        q->seen.n = q->seen.cap = q->seen.cap_bits = 0;
        q->arena = arena;
        q->hits_arena = hits_arena;
        q->kept = kept;
    }
    trace_begin(&q->trace);
    q->delivered_at.at_len = q->delivered_at.kind = 0;
    q->delivered_at.recno = 0;
    q->delivered_id.len = q->stands_on.len = 0;
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
void query_release(struct query *q)
{
    struct flow *flow = q->flow;

    viewset_unref(q->views);
    setup_unref(q->setup);
    narrow_finish(q);
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

uint32_t query_lap(struct query *q)
{
    int64_t now = clock_us(), took = now - q->phase_us;

    q->phase_us = now;
    return (uint32_t)took;
}

struct trace_source *query_trace_source(struct query *q, uint32_t source)
{
    uint32_t slot = source - q->source_first;

    return slot < TRACE_SOURCES ? &q->trace.sources[slot] : &q->no_trace;
}

/* ---- end ------------------------------------------------------------------- */

/* Of more than can be kept only those are ever handed out. */
static bool has_next_page(const struct query *q)
{
    return q->ask.page && (q->mode == QUERY_STREAM || q->next_kept < q->last_kept);
}

static void finish_status(struct query *q)
{
    if (q->status != 0 || !q->cut)
        return;
    if (has_next_page(q))
        cursor_make(q);
    else
        q->status = -CTR_ESIZE;
}

static void finish_trace(struct query *q)
{
    struct trace_record *t = &q->trace;
    t->us_deliver += query_lap(q);
    t->us_total = (uint32_t)(q->phase_us - q->began_us);
    t->at = clock_wall_about_ms() - (int64_t)(t->us_total / 1000);
    t->status = q->status;
    t->hits = q->hits;
    t->total = q->total;
    t->unseen = q->view->unseen;
    for (uint32_t i = 0; i < t->n_sources; i++)
        trace_copy(t->sources[i].name, sizeof(t->sources[i].name),
                   q->view->sources[q->source_first + i].source->name);
    trace_add(q->flow->trace, t);
}

void query_end(struct query *q)
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
    turns_leave(q);
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

/* ---- start ----------------------------------------------------------------- */

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

/* What asks for a field: the filter, the front end, the order, and an answer for a whole
 * company. */
static uint64_t kinds_needed(const struct query *q)
{
    uint64_t kinds = q->filter.kinds | q->ask.want;

    for (uint32_t i = 0; i < q->ask.n_sort; i++)
        kinds |= q->ask.sort[i].kinds;
    if (q->caller)
        kinds |= CTR_KIND(CTR_FIELD_ORGANISATION);
    if (q->caller && q->conf->company_match)
        kinds |= CTR_KINDS_PHONE;
    return kinds;
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
    q->kinds = kinds_needed(q);
    begin_trace(q);
    r = choose_sources(q);
    if (r < 0)
        return r;
    trace_set_sources(&q->trace, q->source_end - q->source_first);
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
    q->read_serial = flow->read_serial;
    if (r == 0) {
        r = prepare(q);
        q->trace.us_plan = query_lap(q);
        if (r == 0)
            phases_run(q, q->phase_us, q->phase_us + first_slice(flow));
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
    q->views = viewset_ref(q->setup->views);
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
    turns_line_up(q);
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
        turns_line_up(q);
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
