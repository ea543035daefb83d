/* lane.c - a sync or a search of the test host on a real thread beside the loop's. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "private.h"

struct testhost_lane {
    struct testhost *t;
    pthread_t thread;
    struct ctr_sync *sync; /* one of the two */
    struct ctr_search *search;
    const struct ctr_query *query;
    struct ctr_sync_request request;
    int32_t status;
    bool ended; /* under t->lock, with t->posted */
};

static void lane_ended(struct testhost_lane *lane)
{
    testhost_lock(lane->t);
    lane->ended = true;
    testhost_unlock(lane->t);
}

/* Wakes the waiting thread; what counts is `ended`. */
static void on_ended(void *user)
{
    (void)user;
}

static void *lane_main(void *user)
{
    struct testhost_lane *lane = user;
    struct testhost *t = lane->t;
    const struct ctr_source *source = t->plugin->source;

    if (lane->sync) {
        lane->status = source->sync(t->instance, lane->sync, &lane->request);
        testhost_sync_end(t, lane->sync, lane->status);
    } else {
        lane->status = source->search(t->instance, lane->search, lane->query);
        if (lane->status < 0)
            testhost_search_failed(t, lane->search, lane->status);
    }
    lane_ended(lane);
    testhost_post(t, on_ended, NULL);
    return NULL;
}

static struct testhost_lane *lane_start(struct testhost *t)
{
    struct testhost_lane *lane = testhost_alloc(t, sizeof(*lane));

    require(t->plugin->source->threading == CTR_ON_LANE, "lane: the source is ON_LOOP");
    lane->t = t;
    return lane;
}

static struct testhost_lane *lane_run(struct testhost_lane *lane)
{
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
        abort();
    return lane;
}

struct testhost_lane *testhost_lane_sync(struct testhost *t, const char *cursor)
{
    struct testhost_lane *lane = lane_start(t);

    lane->request.size = sizeof(lane->request);
    if (cursor)
        lane->request.cursor = (struct ctr_str){cursor, strlen(cursor)};
    lane->sync = testhost_sync_open(t, !cursor);
    return lane_run(lane);
}

struct testhost_lane *testhost_lane_search(struct testhost *t,
                                           const struct ctr_query *query)
{
    struct testhost_lane *lane = lane_start(t);

    lane->query = query;
    lane->search = testhost_search_open(t);
    return lane_run(lane);
}

struct ctr_sync *testhost_lane_sync_handle(const struct testhost_lane *lane)
{
    return lane->sync;
}

struct ctr_search *testhost_lane_search_handle(const struct testhost_lane *lane)
{
    return lane->search;
}

void testhost_lane_cancel(struct testhost_lane *lane)
{
    if (lane->sync)
        testhost_sync_cancel(lane->t, lane->sync);
    else
        testhost_search_cancel(lane->t, lane->search);
}

static bool lane_over(struct testhost_lane *lane)
{
    bool over;

    testhost_lock(lane->t);
    over = lane->ended && (lane->sync || !lane->t->search_running);
    testhost_unlock(lane->t);
    return over;
}

/* In slices: search_done may come from any thread, and wakes nobody. */
bool testhost_lane_wait(struct testhost_lane *lane, int64_t ms)
{
    enum { SLICE = 10 };
    struct timespec from, now;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (now = from; !lane_over(lane); clock_gettime(CLOCK_MONOTONIC, &now)) {
        int64_t spent = (int64_t)(now.tv_sec - from.tv_sec) * 1000 +
                        (now.tv_nsec - from.tv_nsec) / 1000000;

        if (spent >= ms)
            return false;
        testhost_wait(lane->t, ms - spent < SLICE ? ms - spent : SLICE);
    }
    testhost_run(lane->t);
    return true;
}

int32_t testhost_lane_end(struct testhost_lane *lane)
{
    struct testhost *t = lane->t;

    pthread_join(lane->thread, NULL);
    require(testhost_lane_wait(lane, SILENCE_MAX), "search: search_done never came");
    return lane->sync ? lane->status : t->search_status;
}
