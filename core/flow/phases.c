/* phases.c - what a query does in a slice: look, order, deliver, ask live sources.
 *
 * A read transaction is held for the slice, or for all requests that came in one read. A
 * query that must wait - for the front end, for live sources - leaves without one. */
#include "base/clock.h"
#include "base/error.h"
#include "flow/query.h"

enum {
    CLOCK_EVERY = 8,   /* candidates */
    CLOCK_WORK = 65536 /* bytes of text compared for one */
};

void query_stop(struct query *q, int status)
{
    if (q->status == 0)
        q->status = status;
    q->source = q->source_end;
    q->source_open = false;
}

/* The cache has been looked through. */
static void walk_over(struct query *q)
{
    q->trace.us_walk += query_lap(q);
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

/* A kept hit may have changed, or gone, since it was found in an earlier read. */
static bool is_still_hit(struct query *q)
{
    return q->read_serial == q->flow->read_serial ||
           (access_owns(q->view, q->flow->eval.owner) &&
            eval_truth(&q->flow->eval, &q->filter.root) == EVAL_TRUE);
}

static void deliver_kept(struct query *q, const struct kept *k)
{
    if (k->live) {
        live_load(q, k->source, k->live);
    } else {
        if (walk_load(q, k->source, k->recno) < 0 || !is_still_hit(q))
            return;
        if (!q->caller)
            live_note(q, k->source);
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
    if (q->caller && !q->live_over)
        live_check(q);
    return true;
}

static bool live_phase(struct query *q)
{
    live_start(q);
    if (q->live_running > 0 && clock_us() < q->live_until_us)
        return false;
    live_close(q);
    q->trace.us_live += query_lap(q);
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

void phases_run(struct query *q, int64_t now, int64_t until)
{
    struct flow *flow = q->flow;
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
        walk_enter(q);
        while (q->phase != QUERY_END && run_phase(q, until))
            ;
        if (q->phase == QUERY_END && !held(q))
            answer_company(q);
        hits_flush(q);
        walk_leave(q);
        flow_read_end(flow);
    }
    end = q->phase == QUERY_END || q->canceled;
    if (end && !q->ended)
        query_end(q);
    q->busy--;
}
