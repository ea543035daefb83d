/* worker.c - see worker.h. */
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "contactor/error.h"

enum { STUCK_MAX = 4, SLICE_MS = 100 };

struct crew {
    pthread_mutex_t mutex;
    unsigned refs, size, stuck;
};

struct worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* anything below */
    struct crew *crew;
    worker_fn finish, call, interrupt;
    void *arg;
    bool busy, left, stuck;
    bool interrupting; /* another thread is within `interrupt` */
};

/* --- the crew -------------------------------------------------------------------------
 */

struct crew *crew_create(void)
{
    struct crew *c = calloc(1, sizeof(*c));

    if (c) {
        pthread_mutex_init(&c->mutex, NULL);
        c->refs = 1;
    }
    return c;
}

static void crew_drop(struct crew *c, unsigned workers, unsigned stuck)
{
    bool last;

    pthread_mutex_lock(&c->mutex);
    c->size -= workers;
    c->stuck -= stuck;
    last = --c->refs == 0;
    pthread_mutex_unlock(&c->mutex);
    if (!last)
        return;
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

void crew_unref(struct crew *c)
{
    if (c)
        crew_drop(c, 0, 0);
}

static bool crew_join(struct crew *c)
{
    bool room;

    pthread_mutex_lock(&c->mutex);
    room = c->stuck < STUCK_MAX;
    if (room) {
        c->refs++;
        c->size++;
    }
    pthread_mutex_unlock(&c->mutex);
    return room;
}

unsigned crew_size(struct crew *c)
{
    unsigned n;

    pthread_mutex_lock(&c->mutex);
    n = c->size;
    pthread_mutex_unlock(&c->mutex);
    return n;
}

unsigned crew_stuck(struct crew *c)
{
    unsigned n;

    pthread_mutex_lock(&c->mutex);
    n = c->stuck;
    pthread_mutex_unlock(&c->mutex);
    return n;
}

/* --- threads --------------------------------------------------------------------------
 */

/* Detached, and deaf to signals: they are the daemon's. */
static int thread_start(void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int rc;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

static void worker_free(struct worker *w)
{
    struct crew *crew = w->crew;
    bool stuck = w->stuck;

    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    crew_drop(crew, 1, stuck);
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;

    pthread_mutex_lock(&w->mutex);
    for (;;) {
        while (!w->call && !w->left)
            pthread_cond_wait(&w->changed, &w->mutex);
        if (!w->call)
            break;
        pthread_mutex_unlock(&w->mutex);
        w->call(w->arg);
        pthread_mutex_lock(&w->mutex);
        /* What is being interrupted must not be freed or used again meanwhile. */
        while (w->interrupting)
            pthread_cond_wait(&w->changed, &w->mutex);
        w->call = NULL;
        w->busy = false;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->mutex);
    w->finish(w->arg);
    worker_free(w);
    return NULL;
}

int32_t worker_create(struct crew *crew, worker_fn finish, void *arg, struct worker **out)
{
    struct worker *w;
    pthread_condattr_t attr;

    if (!crew_join(crew))
        return -CTR_EBUSY;
    w = calloc(1, sizeof(*w));
    if (!w) {
        crew_drop(crew, 1, 0);
        return -CTR_ENOMEM;
    }
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    w->crew = crew;
    w->finish = finish;
    w->arg = arg;
    if (thread_start(worker_run, w) != 0) {
        worker_free(w);
        return -CTR_ENOMEM;
    }
    *out = w;
    return 0;
}

void worker_begin(struct worker *w, worker_fn fn)
{
    pthread_mutex_lock(&w->mutex);
    w->call = fn;
    w->busy = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_until(struct worker *w, int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    pthread_cond_timedwait(&w->changed, &w->mutex, &t);
}

int32_t worker_wait(struct worker *w, const struct patience *p)
{
    int64_t now = now_ms(), end = now + p->limit;
    int32_t rc = 0;

    pthread_mutex_lock(&w->mutex);
    while (w->busy && rc == 0) {
        wait_until(w, end < now + SLICE_MS ? end : now + SLICE_MS);
        now = now_ms();
        if (!w->busy)
            break;
        if (now >= end)
            rc = -CTR_ETIMEDOUT;
        else if (p->canceled && p->canceled(p->user))
            rc = -CTR_ECANCELED;
    }
    pthread_mutex_unlock(&w->mutex);
    return rc;
}

static void *interrupt_run(void *arg)
{
    struct worker *w = arg;

    w->interrupt(w->arg);
    pthread_mutex_lock(&w->mutex);
    w->interrupting = false;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

void worker_interrupt(struct worker *w, worker_fn fn)
{
    pthread_mutex_lock(&w->mutex);
    if (w->busy && !w->interrupting) {
        w->interrupt = fn;
        w->interrupting = thread_start(interrupt_run, w) == 0;
    }
    pthread_mutex_unlock(&w->mutex);
}

void worker_leave(struct worker *w)
{
    struct crew *crew = w->crew;

    pthread_mutex_lock(&w->mutex);
    if (w->busy) {
        w->stuck = true;
        pthread_mutex_lock(&crew->mutex);
        crew->stuck++;
        pthread_mutex_unlock(&crew->mutex);
    }
    w->left = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}
