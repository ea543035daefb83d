/* lane.c - one thread, one queue; finished jobs go back to the loop through a list.
 *
 * A thread that the kernel refuses is asked for again until there is one; jobs wait. */
#include "loop/lane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

enum { BACKGROUND_NICE = 5, RETRY_MS = 500 };

/* While there is no thread; outlives the lane until its timer is closed. */
struct retry {
    uv_timer_t timer;
    struct lane *lane;
};

struct lane {
    struct loop *loop;
    pthread_t thread;    /* unless there is a retry */
    struct retry *retry; /* loop thread */
    char name[16];       /* what the kernel keeps of a thread's name */
    bool background;

    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t more;
    struct list queue;    /* not begun */
    struct list finished; /* worked or canceled; `done` is due on the loop */
    unsigned pending;     /* queued or running */
    bool stopping;
    bool wake_posted; /* on_wake will run */

    bool waking;    /* loop thread: on_wake is running */
    bool destroyed; /* loop thread: on_wake frees */
};

/* With the mutex held. */
static struct lane_job *pop(struct list *list)
{
    struct lane_job *job;

    if (list_empty(list))
        return NULL;
    job = list_entry(list->next, struct lane_job, link);
    list_remove(&job->link);
    return job;
}

/* Runs the `done`s, each of which may free its job, submit others, or destroy the lane.
 */
static void run_finished(struct lane *lane)
{
    for (;;) {
        struct lane_job *job;

        pthread_mutex_lock(&lane->mutex);
        job = pop(&lane->finished);
        pthread_mutex_unlock(&lane->mutex);
        if (!job)
            return;
        job->done(job);
    }
}

static void lane_free(struct lane *lane)
{
    pthread_cond_destroy(&lane->more);
    pthread_mutex_destroy(&lane->mutex);
    free(lane);
}

/* After lane_destroy, once nothing on the loop refers to the lane any more. */
static void free_if_unused(struct lane *lane)
{
    bool wake_posted;

    pthread_mutex_lock(&lane->mutex);
    wake_posted = lane->wake_posted;
    pthread_mutex_unlock(&lane->mutex);
    if (lane->destroyed && !lane->waking && !wake_posted)
        lane_free(lane);
}

static void on_wake(void *arg)
{
    struct lane *lane = arg;

    pthread_mutex_lock(&lane->mutex);
    lane->wake_posted = false;
    pthread_mutex_unlock(&lane->mutex);
    lane->waking = true;
    run_finished(lane);
    lane->waking = false;
    free_if_unused(lane);
}

/* With the mutex held. */
static void finish(struct lane *lane, struct lane_job *job)
{
    lane->pending--;
    list_append(&lane->finished, &job->link);
    if (!lane->wake_posted) {
        lane->wake_posted = true;
        loop_post(lane->loop, on_wake, lane);
    }
}

/* Waits for a job and works it off. returns false when there is none and none will come.
 */
static bool work_one(struct lane *lane)
{
    struct lane_job *job;

    pthread_mutex_lock(&lane->mutex);
    while (list_empty(&lane->queue) && !lane->stopping)
        pthread_cond_wait(&lane->more, &lane->mutex);
    job = pop(&lane->queue);
    pthread_mutex_unlock(&lane->mutex);
    if (!job)
        return false;
    job->work(job);
    pthread_mutex_lock(&lane->mutex);
    finish(lane, job);
    pthread_mutex_unlock(&lane->mutex);
    return true;
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;

    pthread_setname_np(pthread_self(), lane->name);
    /* On Linux this is the thread's own. */
    if (lane->background && setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE) < 0)
        log_debug("loop", "lane_priority lane=%s reason=%s", lane->name,
                  log_quoted(strerror(errno)));
    while (work_one(lane))
        ;
    return NULL;
}

/* Signals belong to the loop's thread; blocking calls in this one shall not see EINTR. */
static int start_thread(struct lane *lane)
{
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&lane->thread, NULL, lane_main, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

static void on_retry_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void retry_end(struct lane *lane)
{
    uv_close((uv_handle_t *)&lane->retry->timer, on_retry_closed);
    lane->retry = NULL;
}

static void on_retry(uv_timer_t *timer)
{
    struct retry *retry = timer->data;
    struct lane *lane = retry->lane;

    if (start_thread(lane) != 0)
        return;
    retry_end(lane);
    log_info("loop", "thread_started name=%s", lane->name);
}

static void retry_begin(struct lane *lane, int err)
{
    struct retry *retry = xcalloc(1, sizeof(*retry));

    log_warn("loop",
             "thread_refused name=%s reason=\"%s\" effect=\"its work waits; it is tried "
             "again\" hint=\"raise TasksMax of the service\"",
             lane->name, strerror(err));
    lane->retry = retry;
    retry->lane = lane;
    ensure(uv_timer_init(loop_uv(lane->loop), &retry->timer) == 0);
    retry->timer.data = retry;
    uv_timer_start(&retry->timer, on_retry, RETRY_MS, RETRY_MS);
}

static struct lane *create(struct loop *loop, const char *name, bool background)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));
    int err;

    lane->loop = loop;
    lane->background = background;
    snprintf(lane->name, sizeof(lane->name), "%.15s", name);
    list_init(&lane->queue);
    list_init(&lane->finished);
    ensure(pthread_mutex_init(&lane->mutex, NULL) == 0);
    ensure(pthread_cond_init(&lane->more, NULL) == 0);
    err = start_thread(lane);
    if (err != 0)
        retry_begin(lane, err);
    return lane;
}

struct lane *lane_create(struct loop *loop, const char *name)
{
    return create(loop, name, false);
}

struct lane *lane_create_background(struct loop *loop, const char *name)
{
    return create(loop, name, true);
}

void lane_submit(struct lane *lane, struct lane_job *job)
{
    pthread_mutex_lock(&lane->mutex);
    list_append(&lane->queue, &job->link);
    lane->pending++;
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&lane->mutex);
}

bool lane_cancel(struct lane *lane, struct lane_job *job)
{
    bool found = false;

    pthread_mutex_lock(&lane->mutex);
    list_for_each(it, &lane->queue)
    {
        found = it == &job->link;
        if (found)
            break;
    }
    if (found) {
        list_remove(&job->link);
        finish(lane, job);
    }
    pthread_mutex_unlock(&lane->mutex);
    return found;
}

unsigned lane_pending(const struct lane *lane)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&lane->mutex;
    unsigned n;

    pthread_mutex_lock(mutex);
    n = lane->pending;
    pthread_mutex_unlock(mutex);
    return n;
}

void lane_destroy(struct lane *lane)
{
    bool again;

    if (!lane)
        return;
    ensure(!lane->destroyed);
    pthread_mutex_lock(&lane->mutex);
    lane->stopping = true;
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&lane->mutex);
    if (lane->retry)
        retry_end(lane);
    else
        ensure(pthread_join(lane->thread, NULL) == 0);
    lane->destroyed = true;
    do {
        run_finished(lane);
        again = work_one(lane); /* without a thread all; one that a `done` submitted */
    } while (again);
    free_if_unused(lane);
}
