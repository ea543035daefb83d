/* source.c - the source role of an instance, carried out for its peer: on a lane of its
 * own for a plugin that may block, on the loop for one that does not.
 *
 *     flow: driver.sync -> job on the lane -> plugin's sync -> flow_sync_end
 *                       -> plugin's sync on the loop ... host->sync_done -> flow_sync_end
 *
 * A live search goes the same way and ends by host->search_done, exactly once. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "plugin/private.h"

struct sync_job {
    struct lane_job job;
    struct instance *in;
    struct ctr_sync *sync;
    struct ctr_sync_request request;
    char *cursor;
    _Atomic bool began;
};

struct search_job {
    struct lane_job job;
    struct list link; /* in->searches until it is done; under in->lock */
    struct instance *in;
    struct ctr_search *search;
    const struct ctr_query *query;
    bool began;
    bool on_lane;  /* the lane has it; the loop's */
    unsigned refs; /* under in->lock: the list, the lane */
};

static void on_sync_work(struct lane_job *job);
static void on_sync_left(struct lane_job *job);
static void on_search_work(struct lane_job *job);
static void on_search_left(struct lane_job *job);

/* Whose sync this thread is in: handles are good on their own thread only. */
static _Thread_local const struct instance *syncing, *testing;

static bool on_lane(const struct instance *in)
{
    return in->plugin->source.threading == CTR_ON_LANE;
}

/* A job's memory came back from the lane. */
static void job_ended(struct instance *in)
{
    ensure(in->jobs > 0);
    in->jobs--;
    instance_stop_step(in);
}

/* ---- sync ----------------------------------------------------------------------- */

static int source_sync_on_loop(struct instance *in, struct ctr_sync *sync,
                               const struct ctr_sync_request *request)
{
    int32_t err;

    host_fail_clear();
    err = in->plugin->source.sync(in->self, sync, request);
    if (err >= 0)
        return 0;
    if (atomic_exchange(&in->sync, NULL) != sync) {
        host_misuse(in, "its sync failed after it had called sync_done");
        return 0;
    }
    peer_of(in)->source_error(in->env, in->short_name,
                              host_fail_text()[0] ? host_fail_text() : error_text(err));
    return err;
}

static int source_sync(void *ctx, struct ctr_sync *sync,
                       const struct ctr_sync_request *request)
{
    struct instance *in = ctx;
    struct sync_job *job;

    ensure(atomic_load(&in->sync) == NULL);
    atomic_store(&in->sync, sync);
    if (!on_lane(in))
        return source_sync_on_loop(in, sync, request);
    job = xcalloc(1, sizeof(*job));
    job->in = in;
    job->sync = sync;
    job->request = *request;
    if (request->cursor.ptr) {
        job->cursor = xstrndup(request->cursor.ptr, 0);
        job->cursor = xrealloc(job->cursor, request->cursor.len + 1);
        memcpy(job->cursor, request->cursor.ptr, request->cursor.len);
        job->request.cursor.ptr = job->cursor;
    }
    job->job.work = on_sync_work;
    job->job.done = on_sync_left;
    in->jobs++;
    lane_submit(in->lane, &job->job);
    return 0;
}

/* The lane. */
static void on_sync_work(struct lane_job *lane_job)
{
    struct sync_job *job = list_entry(lane_job, struct sync_job, job);
    struct instance *in = job->in;
    char reason[FAIL_TEXT_MAX];
    int32_t err;

    atomic_store(&job->began, true);
    host_fail_clear();
    syncing = in;
    err = in->plugin->source.sync(in->self, job->sync, &job->request);
    syncing = NULL;
    snprintf(reason, sizeof(reason), "%s", host_fail_text());
    atomic_store(&in->sync, NULL);
    peer_of(in)->sync_end(job->sync, err < 0 ? err : 0,
                          err < 0 && reason[0] ? reason : NULL);
}

/* The loop, when the lane is through with it. */
static void on_sync_left(struct lane_job *lane_job)
{
    struct sync_job *job = list_entry(lane_job, struct sync_job, job);
    struct instance *in = job->in;

    if (!atomic_load(&job->began)) {
        atomic_store(&in->sync, NULL);
        peer_of(in)->sync_end(job->sync, -CTR_ECANCELED, NULL);
    }
    free(job->cursor);
    free(job);
    job_ended(in);
}

/* ON_LOOP: the plugin may call sync_done within sync; flow hears of it afterwards. */
struct sync_ending {
    struct instance *in;
    struct ctr_sync *sync;
    int32_t status;
    char reason[FAIL_TEXT_MAX];
};

static void on_sync_ending(void *arg)
{
    struct sync_ending *ending = arg;

    peer_of(ending->in)
        ->sync_end(ending->sync, ending->status,
                   ending->status < 0 && ending->reason[0] ? ending->reason : NULL);
    job_ended(ending->in);
    instance_unref(ending->in);
    free(ending);
}

void source_sync_done(struct instance *in, struct ctr_sync *sync, int32_t status)
{
    struct sync_ending *ending = xcalloc(1, sizeof(*ending));

    atomic_store(&in->sync, NULL);
    ending->in = in;
    ending->sync = sync;
    ending->status = status < 0 ? status : 0;
    snprintf(ending->reason, sizeof(ending->reason), "%s", host_fail_text());
    host_fail_clear();
    in->jobs++;
    instance_ref(in);
    loop_post(in->env->loop, on_sync_ending, ending);
}

static void source_sync_cancel(void *ctx, struct ctr_sync *sync)
{
    struct instance *in = ctx;

    if (atomic_load(&in->sync) == sync && in->plugin->source.sync_cancel)
        in->plugin->source.sync_cancel(in->self, sync);
}

bool source_handle_ok(struct instance *in, struct ctr_sync *sync, const char *function)
{
    char what[128];
    bool own_thread = on_lane(in) ? syncing == in : loop_on_thread(in->env->loop);
    bool alive = sync && atomic_load(&in->sync) == sync;

    if (own_thread && alive)
        return true;
    snprintf(what, sizeof(what), "it called %s %s", function,
             alive ? "off the thread of its sync" : "with a sync that is not under way");
    host_misuse(in, what);
    return false;
}

/* ---- live search ---------------------------------------------------------------- */

static struct search_job *find_search(struct instance *in, struct ctr_search *search)
{
    list_for_each(it, &in->searches)
    {
        struct search_job *job = list_entry(it, struct search_job, link);

        if (job->search == search)
            return job;
    }
    return NULL;
}

/* Under in->lock. */
static void search_unref(struct search_job *job)
{
    if (--job->refs == 0)
        free(job);
}

/* Takes it off the list; false when it is over already. Any thread. */
static bool search_take(struct instance *in, struct ctr_search *search)
{
    struct search_job *job;

    pthread_mutex_lock(&in->lock);
    job = find_search(in, search);
    if (job) {
        list_remove(&job->link);
        search_unref(job);
    }
    pthread_mutex_unlock(&in->lock);
    return job != NULL;
}

bool source_search_ok(struct instance *in, struct ctr_search *search,
                      const char *function)
{
    char what[128];
    bool found;

    pthread_mutex_lock(&in->lock);
    found = find_search(in, search) != NULL;
    pthread_mutex_unlock(&in->lock);
    if (found)
        return true;
    snprintf(what, sizeof(what), "it called %s with a search that is over", function);
    host_misuse(in, what);
    return false;
}

static void on_search_over(void *arg)
{
    instance_stop_step(arg);
    instance_unref(arg);
}

void source_search_done(struct instance *in, struct ctr_search *search, int32_t status)
{
    if (!search_take(in, search))
        return;
    peer_of(in)->search_done(search, status < 0 ? status : 0);
    instance_ref(in);
    loop_post(in->env->loop, on_search_over, in);
}

static unsigned count_searches(struct instance *in)
{
    unsigned n = 0;

    pthread_mutex_lock(&in->lock);
    list_for_each(it, &in->searches) n++;
    pthread_mutex_unlock(&in->lock);
    return n;
}

static int source_search(void *ctx, struct ctr_search *search,
                         const struct ctr_query *query)
{
    struct instance *in = ctx;
    struct search_job *job;
    int32_t err;

    if (count_searches(in) >= SEARCHES_MAX)
        return -CTR_EBUSY;
    job = xcalloc(1, sizeof(*job));
    job->in = in;
    job->search = search;
    job->query = query;
    job->refs = on_lane(in) ? 2 : 1;
    pthread_mutex_lock(&in->lock);
    list_append(&in->searches, &job->link);
    pthread_mutex_unlock(&in->lock);
    if (on_lane(in)) {
        job->job.work = on_search_work;
        job->job.done = on_search_left;
        job->on_lane = true;
        in->jobs++;
        lane_submit(in->search_lane, &job->job);
        return 0;
    }
    host_fail_clear();
    err = in->plugin->source.search(in->self, search, query);
    if (err < 0 && search_take(in, search))
        return err;
    return 0;
}

/* The lane. */
static void on_search_work(struct lane_job *lane_job)
{
    struct search_job *job = list_entry(lane_job, struct search_job, job);
    struct instance *in = job->in;
    int32_t err;

    job->began = true;
    host_fail_clear();
    err = in->plugin->source.search(in->self, job->search, job->query);
    if (err < 0)
        source_search_done(in, job->search, err);
}

static void on_search_left(struct lane_job *lane_job)
{
    struct search_job *job = list_entry(lane_job, struct search_job, job);
    struct instance *in = job->in;

    if (!job->began)
        source_search_done(in, job->search, -CTR_ECANCELED);
    pthread_mutex_lock(&in->lock);
    job->on_lane = false;
    search_unref(job);
    pthread_mutex_unlock(&in->lock);
    job_ended(in);
}

/* returns whether it is over, or will be without a word to the plugin */
static bool search_dropped(struct instance *in, struct ctr_search *search)
{
    struct search_job *job;
    bool waiting;

    pthread_mutex_lock(&in->lock);
    job = find_search(in, search);
    waiting = job && job->on_lane; /* then only this thread frees it */
    pthread_mutex_unlock(&in->lock);
    return !job || (waiting && lane_cancel(in->search_lane, &job->job));
}

static void source_search_drop(void *ctx, struct ctr_search *search)
{
    (void)search_dropped(ctx, search);
}

static void source_search_cancel(void *ctx, struct ctr_search *search)
{
    struct instance *in = ctx;

    if (!search_dropped(in, search))
        in->plugin->source.search_cancel(in->self, search);
}

/* ---- test ----------------------------------------------------------------------- */

struct test_job {
    struct lane_job job;
    struct instance *in;
    struct ctr_test *test;
    _Atomic bool began;
};

/* The lane. */
static void on_test_work(struct lane_job *lane_job)
{
    struct test_job *job = list_entry(lane_job, struct test_job, job);
    struct instance *in = job->in;
    char reason[FAIL_TEXT_MAX];
    int32_t err;

    atomic_store(&job->began, true);
    host_fail_clear();
    testing = in;
    err = in->plugin->source.test(in->self, job->test);
    testing = NULL;
    snprintf(reason, sizeof(reason), "%s", host_fail_text());
    atomic_store(&in->test, NULL);
    peer_of(in)->test_end(job->test, err < 0 ? err : 0, reason);
}

static void on_test_left(struct lane_job *lane_job)
{
    struct test_job *job = list_entry(lane_job, struct test_job, job);
    struct instance *in = job->in;

    if (!atomic_load(&job->began)) {
        atomic_store(&in->test, NULL);
        peer_of(in)->test_end(job->test, -CTR_ECANCELED, NULL);
    }
    free(job);
    job_ended(in);
}

static void source_test(void *ctx, struct ctr_test *test)
{
    struct instance *in = ctx;
    struct test_job *job = xcalloc(1, sizeof(*job));

    ensure(!atomic_load(&in->test) && !atomic_load(&in->sync));
    atomic_store(&in->test, test);
    job->in = in;
    job->test = test;
    job->job.work = on_test_work;
    job->job.done = on_test_left;
    in->jobs++;
    lane_submit(in->lane, &job->job);
}

bool source_test_ok(struct instance *in, struct ctr_test *test, const char *function)
{
    char what[128];
    bool alive = test && atomic_load(&in->test) == test;

    if (alive && testing == in)
        return true;
    snprintf(what, sizeof(what), "it called %s %s", function,
             alive ? "off the thread of its test" : "with a test that is not under way");
    host_misuse(in, what);
    return false;
}

/* ---- the driver ----------------------------------------------------------------- */

void source_init(struct instance *in)
{
    bool search = (in->plugin->source.flags & CTR_SOURCE_SEARCH) != 0;

    if (on_lane(in))
        in->lane = in->search_lane = lane_create(in->env->loop, in->short_name);
    if (on_lane(in) && search && (in->plugin->source.flags & CTR_SOURCE_PARALLEL))
        in->search_lane = lane_create(in->env->loop, in->short_name);
    in->driver = (struct flow_driver){
        .ctx = in,
        .can_delta = (in->plugin->source.flags & CTR_SOURCE_DELTA) != 0,
        .can_search = search,
        .sync = source_sync,
        .sync_cancel = source_sync_cancel,
        .search = search ? source_search : NULL,
        .search_cancel = search ? source_search_cancel : NULL,
        .search_drop = search ? source_search_drop : NULL,
        .may_wait = on_lane(in),
        .spellings = in->plugin->desc.abi_built >= CTR_ABI(1, 1),
        .test = on_lane(in) && in->plugin->source.test ? source_test : NULL,
        .watches = !list_empty(&in->watches),
    };
}

void source_finish(struct instance *in)
{
    if (in->search_lane != in->lane)
        lane_destroy(in->search_lane);
    lane_destroy(in->lane);
    lane_destroy(in->watch_lane);
    in->lane = in->search_lane = in->watch_lane = NULL;
}
