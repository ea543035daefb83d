/* turns.c - queries that need more than one slice take turns. */
#include "base/clock.h"
#include "flow/query.h"

enum {
    SLICE_LEAST_US = 200,
    TICK_MS = 10 /* between looks at the deadlines of queries that wait */
};

static bool on_slice(struct loop_slice *slice);

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

void turns_leave(struct query *q)
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
        if (now >= q->live_until_us)
            query_wake(q);
    }
    if (!waiting)
        uv_timer_stop(timer);
}

void turns_line_up(struct query *q)
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
        turns_leave(q);
        phases_run(q, now, now + share < end ? now + share : end);
        if (q->ended)
            query_release(q);
        else
            turns_line_up(q);
        now = clock_us();
    }
    return !list_empty(&flow->ready);
}
