/* test_loop.c - posting, slices beside timers, the stall meter, lanes. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "loop/lane.h"
#include "loop/loop.h"
#include "tap.h"

static struct loop *loop;

/* --- posting ---------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 2000 };

static int next_of[POSTERS], posted_total;
static bool in_order = true;

struct poster {
    pthread_t thread;
    int id;
    int at;
};

static void on_post(void *arg)
{
    int value = (int)(intptr_t)arg;
    int who = value / POSTS;

    in_order = in_order && loop_on_thread(loop) && next_of[who]++ == value % POSTS;
    if (++posted_total == POSTERS * POSTS)
        loop_stop(loop);
}

static void *poster_main(void *arg)
{
    struct poster *poster = arg;

    for (int i = 0; i < POSTS; i++)
        loop_post(loop, on_post, (void *)(intptr_t)(poster->id * POSTS + i));
    return NULL;
}

static void test_posts(void)
{
    struct poster posters[POSTERS];

    for (int i = 0; i < POSTERS; i++) {
        posters[i].id = i;
        pthread_create(&posters[i].thread, NULL, poster_main, &posters[i]);
    }
    loop_run(loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    is_int(posted_total, POSTERS * POSTS, "all posts of four threads ran");
    ok(in_order, "in order, on the loop's thread");
}

static void *stopper_main(void *arg)
{
    (void)arg;
    usleep(5000);
    loop_stop(loop);
    return NULL;
}

static void test_stop_from_elsewhere(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, stopper_main, NULL);
    loop_run(loop);
    pthread_join(thread, NULL);
    ok(true, "another thread can stop the loop");
}

/* --- slices ------------------------------------------------------------------------ */

struct counted {
    struct loop_slice slice;
    int runs, until;
    struct counted *victim; /* canceled at the first run */
};

static struct counted first, second, third;
static int ticks, ticks_while_sliced;

static bool count_step(struct loop_slice *slice)
{
    struct counted *c = list_entry(slice, struct counted, slice);

    if (c->victim)
        loop_slice_cancel(&c->victim->slice);
    c->runs++;
    if (c->victim == c)
        return true; /* canceled itself: counts more */
    return c->runs < c->until;
}

static bool slow_step(struct loop_slice *slice)
{
    struct counted *c = list_entry(slice, struct counted, slice);
    int64_t until = clock_us() + 1000;

    while (clock_us() < until)
        ;
    return ++c->runs < c->until;
}

static bool freeing_step(struct loop_slice *slice)
{
    free(list_entry(slice, struct counted, slice));
    return false;
}

static void on_tick(uv_timer_t *timer)
{
    ticks++;
    if (first.slice.scheduled)
        ticks_while_sliced++;
    else
        uv_close((uv_handle_t *)timer, NULL);
    if (!first.slice.scheduled)
        loop_stop(loop);
}

static void on_timer_stop(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    loop_stop(loop);
}

static void run_for(uint64_t ms)
{
    uv_timer_t timer;

    uv_timer_init(loop_uv(loop), &timer);
    uv_timer_start(&timer, on_timer_stop, ms, 0);
    loop_run(loop);
    uv_run(loop_uv(loop), UV_RUN_NOWAIT); /* the close callback */
}

/* Until *value is `wanted`; a busy machine gets its time. */
static void run_until(const int *value, int wanted)
{
    for (int i = 0; i < 1000 && *value != wanted; i++)
        run_for(5);
}

static void test_slices(void)
{
    struct counted *freed = calloc(1, sizeof(*freed));

    first = (struct counted){.until = 5};
    second = (struct counted){.until = 1000};
    third = (struct counted){.until = 1000};
    second.victim = &second;
    loop_slice_start(loop, &first.slice, count_step);
    loop_slice_start(loop, &second.slice, count_step);
    loop_slice_start(loop, &freed->slice, freeing_step);
    run_until(&first.runs, 5);
    is_int(first.runs, 5, "a slice runs until it is done");
    ok(!first.slice.scheduled, "and is not scheduled then");
    is_int(second.runs, 1, "a slice can cancel itself");

    first = (struct counted){.until = 3, .victim = &third};
    loop_slice_start(loop, &first.slice, count_step);
    loop_slice_start(loop, &third.slice, count_step);
    run_until(&first.runs, 3);
    is_int(third.runs, 0, "a slice can cancel the next of the same turn");
    loop_slice_start(loop, &first.slice, count_step);
    loop_slice_cancel(&first.slice);
    loop_slice_cancel(&first.slice);
    ok(!first.slice.scheduled, "canceling twice is fine");
}

static void test_slices_leave_room(void)
{
    uv_timer_t timer;

    first = (struct counted){.until = 60};
    uv_timer_init(loop_uv(loop), &timer);
    uv_timer_start(&timer, on_tick, 1, 1);
    loop_slice_start(loop, &first.slice, slow_step);
    loop_run(loop);
    uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    is_int(first.runs, 60, "long work was done in slices");
    ok(ticks_while_sliced >= 10, "timers ran between them (%d times)",
       ticks_while_sliced);
}

static void test_turn_budget(void)
{
    static struct counted many[40];

    for (int i = 0; i < 40; i++) {
        many[i] = (struct counted){.until = 1};
        loop_slice_start(loop, &many[i].slice, slow_step);
    }
    uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    ok(many[0].runs == 1 && many[39].runs == 0, "a turn has a budget");
    run_until(&many[39].runs, 1);
    ok(many[39].runs == 1, "and the next turns do the rest");
}

/* --- the stall meter -----------------------------------------------------------------
 */

static void busy_post(void *arg)
{
    (void)arg;
    usleep(30000);
}

static void test_stall(void)
{
    uint64_t stall;

    run_for(30);
    loop_take_longest_stall(loop);
    run_for(30);
    stall = loop_take_longest_stall(loop);
    ok(stall < 29000, "waiting is no stall (%llu us)", (unsigned long long)stall);
    loop_post(loop, busy_post, NULL);
    run_for(60);
    stall = loop_take_longest_stall(loop);
    ok(stall >= 29000, "a slow callback is one (%llu us)", (unsigned long long)stall);
    is_int(loop_take_longest_stall(loop), 0, "and is told once");
}

static void test_idle_is_cheap(void)
{
    clock_t before = clock();

    run_for(200);
    ok(clock() - before < CLOCKS_PER_SEC / 10, "a loop without slices sleeps");
}

/* --- lanes ---------------------------------------------------------------------------
 */

struct job {
    struct lane_job job;
    int id;
    bool worked, done;
};

static int work_order[64], done_order[64];
static atomic_int worked, gate;
static int done_count;
static struct lane *lane;
static pthread_t loop_thread;

static void job_work(struct lane_job *base)
{
    struct job *job = list_entry(base, struct job, job);

    while (!atomic_load(&gate))
        usleep(100);
    ensure(!pthread_equal(pthread_self(), loop_thread));
    job->worked = true;
    work_order[atomic_fetch_add(&worked, 1)] = job->id;
}

static void job_done(struct lane_job *base)
{
    struct job *job = list_entry(base, struct job, job);

    ensure(pthread_equal(pthread_self(), loop_thread));
    job->done = true;
    done_order[done_count++] = job->id;
}

static void submit(struct job *job, int id)
{
    *job = (struct job){.job = {.work = job_work, .done = job_done}, .id = id};
    lane_submit(lane, &job->job);
}

static void test_lane(void)
{
    struct job jobs[10];
    bool ordered = true;

    lane = lane_create(loop, "a-name-that-is-too-long");
    for (int i = 0; i < 10; i++)
        submit(&jobs[i], i);
    is_int(lane_pending(lane), 10, "ten jobs wait or run");
    ok(lane_cancel(lane, &jobs[5].job), "a waiting one can be canceled");
    ok(!lane_cancel(lane, &jobs[5].job), "once");
    is_int(lane_pending(lane), 9, "nine are left");
    ok(!jobs[5].done, "its done comes later");
    atomic_store(&gate, 1);
    run_until(&done_count, 10);
    is_int(done_count, 10, "every job is done");
    ok(jobs[5].done && !jobs[5].worked, "the canceled one without its work");
    for (int i = 0; i < 9; i++)
        ordered = ordered && work_order[i] == (i < 5 ? i : i + 1);
    ok(ordered, "they ran in order");
    is_int(lane_pending(lane), 0, "nothing is left");
    lane_destroy(lane);
    lane_destroy(NULL);
}

static struct job late;

static void late_work(struct lane_job *base)
{
    list_entry(base, struct job, job)->worked = true;
}

static void submitting_done(struct lane_job *base)
{
    job_done(base);
    late = (struct job){.job = {.work = late_work, .done = job_done}, .id = 99};
    lane_submit(lane, &late.job);
}

static void test_lane_destroy(void)
{
    struct job jobs[3];

    done_count = 0;
    atomic_store(&worked, 0);
    lane = lane_create(loop, "short");
    for (int i = 0; i < 3; i++)
        submit(&jobs[i], i);
    jobs[2].job.done = submitting_done;
    lane_destroy(lane);
    is_int(done_count, 4, "destroy works off what is queued");
    ok(jobs[2].done && jobs[2].worked, "the last one too");
    ok(late.worked && late.done, "and what a done has submitted");
    run_for(5);
    ok(true, "the wake-up that is still posted finds nothing to do");
}

static void destroying_done(struct lane_job *base)
{
    job_done(base);
    lane_destroy(lane);
}

static void test_lane_destroyed_by_done(void)
{
    struct job jobs[2];

    done_count = 0;
    atomic_store(&worked, 0);
    lane = lane_create(loop, "short");
    submit(&jobs[0], 0);
    submit(&jobs[1], 1);
    jobs[0].job.done = destroying_done;
    run_until(&done_count, 2);
    is_int(done_count, 2, "a done may destroy its lane");
}

/* The kernel refuses so many threads from now on. */
static atomic_int refusals;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg)
{
    if (atomic_fetch_sub(&refusals, 1) > 0)
        return EAGAIN;
    return __real_pthread_create(thread, attr, run, arg);
}

static void test_lane_without_thread(void)
{
    struct job jobs[2];

    done_count = 0;
    atomic_store(&worked, 0);
    atomic_store(&refusals, 2);
    lane = lane_create(loop, "refused");
    submit(&jobs[0], 0);
    is_int(lane_pending(lane), 1, "a lane whose thread is refused takes jobs");
    run_until(&done_count, 1);
    ok(atomic_load(&refusals) < 0, "and works them off once there is a thread");
    lane_destroy(lane);

    atomic_store(&refusals, 1000);
    lane = lane_create(loop, "never");
    for (int i = 0; i < 2; i++) {
        jobs[i] = (struct job){.job = {.work = late_work, .done = job_done}, .id = i};
        lane_submit(lane, &jobs[i].job);
    }
    ok(lane_cancel(lane, &jobs[1].job), "a job that waits for it can be canceled");
    lane_destroy(lane);
    is_int(done_count, 3,
           "one that never had a thread ends its jobs when it is destroyed");
    atomic_store(&refusals, 0);
}

static void test_posts_at_destroy(void)
{
    posted_total = -1000;
    for (int i = 0; i < 3; i++)
        loop_post(loop, on_post, (void *)(intptr_t)0);
    loop_destroy(loop);
    is_int(posted_total, -997, "what is posted at the end still runs");
    loop_destroy(NULL);
}

int main(void)
{
    loop_thread = pthread_self();
    loop = loop_create();
    ok(loop_on_thread(loop), "a loop belongs to its maker");
    test_posts();
    test_stop_from_elsewhere();
    test_slices();
    test_slices_leave_room();
    test_turn_budget();
    test_stall();
    test_idle_is_cheap();
    test_lane();
    test_lane_destroy();
    test_lane_destroyed_by_done();
    test_lane_without_thread();
    test_posts_at_destroy();
    return tap_done();
}
