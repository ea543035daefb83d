/* lanes.c - checks with a real thread beside the loop: what is ended while it runs. */
#include <stdio.h>
#include <stdlib.h>

#include "source.h"

enum { END_MS = 5000 };

/* --- a sync is ended from the loop ----------------------------------------------------
 */

/* puts: so many are answered before. */
static void sync_stopped(struct subject *s, struct testhost *t, bool at_put)
{
    struct testhost_lane *lane;
    int64_t began;
    int32_t rc;

    probe.hold = at_put;
    probe.refuse_code = -CTR_ECANCELED;
    atomic_store(&probe.refuse_now, false);
    atomic_store(&probe.refused, false);
    atomic_store(&probe.entered, false);
    atomic_store(&probe.puts, 0);
    check_step("a sync on its thread, canceled %s",
               at_put ? "at its first sync_put" : "when it has just begun");
    lane = testhost_lane_sync(t, NULL);
    probe_wait(&probe.entered, END_MS);
    for (int i = 0; at_put && i < 2000 && !atomic_load(&probe.puts); i++)
        if (testhost_lane_wait(lane, 1))
            break;
    began = usage_ms();
    if (s->source.sync_cancel)
        s->source.sync_cancel(t->instance, testhost_lane_sync_handle(lane));
    atomic_store(&probe.refuse_now, true);
    if (!testhost_lane_wait(lane, END_MS))
        check_fail("Look at sync_canceled at least each second, give every wait a limit, "
                   "and let sync_cancel wake what waits.",
                   "a sync did not end within 5 s after sync_cancel");
    rc = testhost_lane_end(lane);
    if (rc == 0 && atomic_load(&probe.refused))
        check_fail("Return -CTR_ECANCELED.", "a sync that was canceled ended with 0");
    check_note("canceled from the loop it ended after %lld ms",
               (long long)(usage_ms() - began));
    check_step("sync_cancel just after the sync has ended by itself");
    if (s->source.sync_cancel)
        s->source.sync_cancel(t->instance, testhost_lane_sync_handle(lane));
    source_settle(t);
    atomic_store(&probe.refuse_now, false);
    probe.hold = false;
}

static void sync_stop_run(struct subject *s)
{
    struct testhost *t;

    probe_plugin(s);
    t = source_start(s);
    source_first_sync(s, t);
    sync_stopped(s, t, false);
    sync_stopped(s, t, true);
    check_step("a full sync after those that were canceled");
    if (testhost_sync(t, NULL) != 0)
        check_fail("sync_cancel ends the running sync only: forget it when that ends.",
                   "after a sync that was canceled from the loop the next one ends with "
                   "%s: %s",
                   code_name(t->sync_status), t->failure);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_sync_stop = {
    .name = "sync-stop",
    .rule = "A sync on its lane ends within 5 s after the loop has called sync_cancel, "
            "and the next one works.",
    .where = "source.h (sync_cancel)",
    .needs = NEEDS_SOURCE | NEEDS_LANE | NEEDS_START,
    .seconds = 90,
    .run = sync_stop_run,
};

/* --- a search is canceled -------------------------------------------------------------
 */

static void search_ends(struct testhost_lane *lane, const char *when)
{
    if (!testhost_lane_wait(lane, END_MS))
        check_fail("Call search_done exactly once for each search, also after "
                   "search_cancel.",
                   "search_done did not come within 5 s after search_cancel %s", when);
    testhost_lane_end(lane);
}

static void canceled_during(struct subject *s, struct testhost *t,
                            const struct ctr_query *query, bool at_hit)
{
    struct testhost_lane *lane;

    probe.hold = at_hit;
    atomic_store(&probe.refuse_now, false);
    atomic_store(&probe.entered, false);
    atomic_store(&probe.puts, 0);
    lane = testhost_lane_search(t, query);
    probe_wait(&probe.entered, END_MS);
    for (int i = 0; at_hit && i < 500 && !atomic_load(&probe.puts); i++)
        if (testhost_lane_wait(lane, 1))
            break;
    s->source.search_cancel(t->instance, testhost_lane_search_handle(lane));
    atomic_store(&probe.refuse_now, true);
    search_ends(lane, "during the search");
    check_step("search_cancel just after search_done");
    s->source.search_cancel(t->instance, testhost_lane_search_handle(lane));
    atomic_store(&probe.refuse_now, false);
    probe.hold = false;
}

/* ON_LOOP: everything is this thread's. */
static void canceled_on_loop(struct testhost *t, const struct ctr_query *query)
{
    t->cancel_search = true;
    testhost_search(t, query);
    t->cancel_search = false;
}

static void search_cancel_run(struct subject *s)
{
    struct ctr_query query;
    struct testhost *t;
    uint32_t n = 0;
    int64_t until = usage_ms() + 60000;

    probe_plugin(s);
    t = source_start(s);
    for (uint32_t i = 0; source_question(i, &query) && usage_ms() < until; i++) {
        check_step("search_cancel during search %u", i);
        if (s->source.threading == CTR_ON_LOOP) {
            canceled_on_loop(t, &query);
        } else {
            canceled_during(s, t, &query, false);
            check_step("search_cancel at a hit of search %u", i);
            canceled_during(s, t, &query, true);
        }
        n++;
    }
    check_step("what comes after the canceled searches");
    source_settle(t);
    check_note("%u searches canceled, search_done came once for each", n);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_search_cancel = {
    .name = "search-cancel",
    .rule = "search_done comes exactly once, also when search_cancel comes during a "
            "search or just after it.",
    .where = "source.h (search, search_cancel)",
    .needs = NEEDS_SOURCE | NEEDS_SEARCH | NEEDS_START,
    .seconds = 300,
    .run = search_cancel_run,
};

/* --- both at once ---------------------------------------------------------------------
 */

static void parallel_run(struct subject *s)
{
    struct ctr_query query;
    struct testhost *t;
    uint32_t n = 0;
    int64_t until = usage_ms() + 30000;

    if (!(s->source.flags & CTR_SOURCE_PARALLEL))
        check_skip("it does not declare CTR_SOURCE_PARALLEL");
    probe_plugin(s);
    t = source_start(s);
    source_first_sync(s, t);
    for (uint32_t i = 0; source_question(i, &query) && usage_ms() < until; i++, n++) {
        struct testhost_lane *sync, *search;

        check_step("search %u beside a sync", i);
        sync = testhost_lane_sync(t, NULL);
        search = testhost_lane_search(t, &query);
        testhost_lane_end(search);
        if (testhost_lane_end(sync) != 0)
            check_fail("Give the search what it needs of its own: a connection, buffers.",
                       "beside a search the sync fails: %s", t->failure);
    }
    check_note("%u searches, each beside a sync", n);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_parallel = {
    .name = "parallel",
    .rule = "With CTR_SOURCE_PARALLEL a sync and a search run at the same time and do "
            "not disturb each other.",
    .where = "source.h (CTR_SOURCE_PARALLEL)",
    .needs = NEEDS_SOURCE | NEEDS_SEARCH | NEEDS_LANE | NEEDS_START,
    .seconds = 300,
    .run = parallel_run,
};
