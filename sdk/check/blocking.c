/* blocking.c - check of how long the plugin keeps the loop. */

#include "clients.h"
#include "options.h"
#include "source.h"

enum { ROUNDS = 3 };

static void use_source(struct subject *s, struct testhost *t)
{
    struct ctr_query query;

    if (s->source.threading == CTR_ON_LOOP)
        testhost_sync(t, NULL);
    for (uint32_t i = 0; (s->source.flags & CTR_SOURCE_SEARCH) && i < 8; i++) {
        source_question(i, &query);
        if (s->source.threading == CTR_ON_LOOP)
            testhost_search(t, &query);
    }
}

/* Cancelled from the loop while it runs on its lane. */
static void cancel_source(struct subject *s, struct testhost *t)
{
    struct testhost_lane *lane;
    struct ctr_query query;

    probe.refuse_code = -CTR_ECANCELED;
    if (s->source.sync_cancel) {
        atomic_store(&probe.entered, false);
        lane = testhost_lane_sync(t, NULL);
        probe_wait(&probe.entered, 1000);
        s->source.sync_cancel(t->instance, testhost_lane_sync_handle(lane));
        atomic_store(&probe.refuse_now, true);
        testhost_lane_end(lane);
        atomic_store(&probe.refuse_now, false);
    }
    if (s->source.flags & CTR_SOURCE_SEARCH) {
        source_question(0, &query);
        atomic_store(&probe.entered, false);
        lane = testhost_lane_search(t, &query);
        probe_wait(&probe.entered, 1000);
        s->source.search_cancel(t->instance, testhost_lane_search_handle(lane));
        atomic_store(&probe.refuse_now, true);
        testhost_lane_end(lane);
        atomic_store(&probe.refuse_now, false);
    }
}

static void use_frontend(const struct subject *s, struct testhost *t)
{
    clients_directory(t, 50);
    for (uint32_t i = 0; i < s->clients->n; i++) {
        struct ctr_stream *stream =
            testhost_connect(t, "192.0.2.1", i % 2 ? CTR_PEER_LOOPBACK : 0);

        if (!stream)
            continue;
        testhost_feed(stream, s->clients->at[i].bytes, s->clients->at[i].n);
        if (i % 2)
            testhost_hangup(stream);
    }
}

/* The smallest of the rounds' worst times: what is slow only once was the machine's
 * fault, or a first use. */
static void one_round(struct subject *s, double *least, bool first)
{
    struct testhost *t = subject_host(s);

    for (int i = 0; i < PROBE_N; i++)
        probe.worst[i] = 0;
    probe_host(t);
    if (testhost_start(t) == 0) {
        if (s->plugin.source)
            use_source(s, t);
        if (s->plugin.source && s->source.threading == CTR_ON_LANE)
            cancel_source(s, t);
        if (s->frontend.stream)
            use_frontend(s, t);
        testhost_advance(t, 1000);
    }
    testhost_destroy(t);
    for (int i = 0; i < PROBE_N; i++)
        if (first || probe.worst[i] < least[i])
            least[i] = probe.worst[i];
}

static void blocking_run(struct subject *s)
{
    double least[PROBE_N];
    int slowest = 0;

    probe_plugin(s);
    probe.timed = true;
    for (int i = 0; i < ROUNDS; i++) {
        check_step("round %d of timing the calls", i + 1);
        one_round(s, least, i == 0);
    }
    for (int i = 1; i < PROBE_N; i++)
        if (least[i] > least[slowest])
            slowest = i;
    if (least[slowest] > PROBE_LIMIT_MS)
        check_fail("The loop serves everybody: give the work to the lane (sync), to a "
                   "thread of yours, or to descriptors (contactor.poll/1).",
                   "%s kept the loop for %.0f ms; more than %d are not allowed",
                   probe_name(slowest), least[slowest], PROBE_LIMIT_MS);
    check_note("the longest call on the loop was %s with %.1f ms", probe_name(slowest),
               least[slowest]);
    probe_reset();
}

const struct check check_blocking = {
    .name = "blocking",
    .rule = "What runs on the loop returns within 50 ms: the life cycle, sync_cancel, "
            "search_cancel, timers, front ends, sources ON_LOOP.",
    .where = "plugin.h, source.h, ext/net.h",
    .needs = NEEDS_START,
    .seconds = 120,
    .run = blocking_run,
};
