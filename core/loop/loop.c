/* loop.c - the libuv loop with a post queue, a turn-by-turn scheduler and a stall meter.
 *
 * One turn of libuv: timers, idle, prepare, poll (with the callbacks of I/O), check,
 * closing. Slices run in check; while there are any, the idle handle is active, which
 * makes poll look without waiting. Without slices the loop sleeps in poll. */
#include "loop/loop.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

struct post {
    loop_fn fn;
    void *arg;
};

struct posts {
    struct post *items;
    size_t n, cap;
};

struct loop {
    uv_loop_t uv;
    pthread_t thread;
    uv_async_t wake;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;

    uv_mutex_t mutex;
    struct posts posted; /* under mutex */
    struct posts spare;  /* loop thread: the array of the last round, to be used again */

    struct list slices;
    struct loop_slice *current; /* whose step runs, unless it was cancelled meanwhile */

    unsigned bursts; /* nested */
    struct list burst;

    uint64_t busy_since; /* ns; 0: in poll, nothing has happened yet */
    uint64_t longest;    /* ns */
};

/* Runs what was posted up to now; what that posts waits for the next round. */
static void run_posts(struct loop *loop)
{
    struct posts batch;

    uv_mutex_lock(&loop->mutex);
    batch = loop->posted;
    loop->posted = loop->spare;
    uv_mutex_unlock(&loop->mutex);
    loop->spare = (struct posts){0};
    for (size_t i = 0; i < batch.n; i++)
        batch.items[i].fn(batch.items[i].arg);
    batch.n = 0;
    loop->spare = batch;
}

static void on_wake(uv_async_t *wake)
{
    loop_busy(wake->data);
    run_posts(wake->data);
}

static void run_slice(struct loop *loop, struct loop_slice *slice)
{
    bool more;

    list_remove(&slice->link);
    slice->scheduled = false;
    loop->current = slice;
    more = slice->step(slice);
    /* Without `more`, or cancelled, it may be gone: do not touch it. */
    if (more && loop->current == slice && !slice->scheduled) {
        slice->scheduled = true;
        list_append(&loop->slices, &slice->link);
    }
    loop->current = NULL;
}

/* Moves all of `from` to the front or, where `to` is empty, into it. */
static void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->prev->next = to->next;
    to->next->prev = from->prev;
    to->next = from->next;
    from->next->prev = to;
    list_init(from);
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    uint64_t until = uv_hrtime() + (uint64_t)LOOP_TURN_US * 1000;
    struct list batch;

    loop_busy(loop);
    list_init(&batch);
    list_splice(&batch, &loop->slices);
    while (!list_empty(&batch)) {
        run_slice(loop, list_entry(batch.next, struct loop_slice, link));
        if (uv_hrtime() >= until)
            break;
    }
    list_splice(&loop->slices, &batch);
    if (list_empty(&loop->slices))
        uv_idle_stop(&loop->idle);
}

/* Nothing: its being active is what matters. */
static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* The last thing before polling: a turn is over. libuv can tell the time it waited, but
 * pays for it with a second system call each turn; so what is called from poll says
 * itself when it begins (loop_busy). */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    if (loop->busy_since > 0) {
        uint64_t busy = uv_hrtime() - loop->busy_since;

        if (busy > loop->longest)
            loop->longest = busy;
    }
    loop->busy_since = 0;
}

void loop_busy(struct loop *loop)
{
    if (loop->busy_since == 0)
        loop->busy_since = uv_hrtime();
}

/* What needs the kernel. */
static int loop_open(struct loop *loop)
{
    int err = uv_loop_init(&loop->uv);

    if (err != 0)
        return err;
    err = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (err != 0)
        ensure(uv_loop_close(&loop->uv) == 0);
    return err;
}

struct loop *loop_create(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    int err = loop_open(loop);

    if (err != 0) {
        log_error("loop", "loop_refused reason=\"%s\"", uv_strerror(err));
        free(loop);
        return NULL;
    }
    list_init(&loop->slices);
    list_init(&loop->burst);
    loop->thread = pthread_self();
    ensure(uv_mutex_init(&loop->mutex) == 0);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    loop->wake.data = loop->prepare.data = loop->check.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return loop;
}

static bool has_posts(struct loop *loop)
{
    bool has;

    uv_mutex_lock(&loop->mutex);
    has = loop->posted.n > 0;
    uv_mutex_unlock(&loop->mutex);
    return has;
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    /* Ours do not keep it running; what others are closing does. */
    uv_unref((uv_handle_t *)&loop->wake);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
    uv_unref((uv_handle_t *)&loop->idle);
    do
        run_posts(loop);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0 || has_posts(loop));
    ensure(list_empty(&loop->slices));
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    ensure(uv_loop_close(&loop->uv) == 0);
    uv_mutex_destroy(&loop->mutex);
    free(loop->posted.items);
    free(loop->spare.items);
    free(loop);
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_run(struct loop *loop)
{
    if (!pthread_equal(loop->thread, pthread_self()))
        loop->thread = pthread_self();
    loop->busy_since = 0;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->busy_since = 0;
}

static void on_stop(void *arg)
{
    struct loop *loop = arg;

    uv_stop(&loop->uv);
}

void loop_stop(struct loop *loop)
{
    if (loop_on_thread(loop))
        uv_stop(&loop->uv);
    else
        loop_post(loop, on_stop, loop);
}

bool loop_on_thread(const struct loop *loop)
{
    return pthread_equal(loop->thread, pthread_self()) != 0;
}

void loop_post(struct loop *loop, loop_fn fn, void *arg)
{
    struct posts *posted = &loop->posted;
    bool first;

    uv_mutex_lock(&loop->mutex);
    first = posted->n == 0;
    if (posted->n == posted->cap) {
        posted->cap = posted->cap ? posted->cap * 2 : 64;
        posted->items = xrealloc(posted->items, posted->cap * sizeof(*posted->items));
    }
    posted->items[posted->n++] = (struct post){fn, arg};
    /* Within the lock: the loop cannot take the post, and be closed, in between. */
    if (first)
        ensure(uv_async_send(&loop->wake) == 0);
    uv_mutex_unlock(&loop->mutex);
}

void loop_slice_start(struct loop *loop, struct loop_slice *slice,
                      bool (*step)(struct loop_slice *slice))
{
    if (slice->scheduled)
        list_remove(&slice->link);
    slice->loop = loop;
    slice->step = step;
    slice->scheduled = true;
    list_append(&loop->slices, &slice->link);
    uv_idle_start(&loop->idle, on_idle);
}

void loop_slice_cancel(struct loop_slice *slice)
{
    if (slice->loop && slice->loop->current == slice)
        slice->loop->current = NULL;
    if (slice->scheduled)
        list_remove(&slice->link);
    slice->scheduled = false;
}

void loop_burst_begin(struct loop *loop)
{
    loop->bursts++;
}

void loop_burst_end(struct loop *loop)
{
    ensure(loop->bursts > 0);
    if (--loop->bursts > 0)
        return;
    while (!list_empty(&loop->burst)) {
        struct loop_burst *burst = list_entry(loop->burst.next, struct loop_burst, link);

        list_remove(&burst->link);
        burst->end(burst);
    }
}

bool loop_burst_add(struct loop *loop, struct loop_burst *burst)
{
    if (loop->bursts == 0)
        return false;
    list_append(&loop->burst, &burst->link);
    return true;
}

uint64_t loop_take_longest_stall(struct loop *loop)
{
    uint64_t us = loop->longest / 1000;

    loop->longest = 0;
    return us;
}
