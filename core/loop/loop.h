/* loop.h - the one event loop, work posted to it from other threads, and deferred slices.
 *
 * Everything of the core runs on the loop's thread unless its header says "lane". */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

struct loop;

typedef void (*loop_fn)(void *arg);

/* returns NULL where the kernel refuses descriptors; the reason is logged. */
struct loop *loop_create(void);
/* All handles must be closing or closed; runs what is still posted, and the loop until
 * they are gone. NULL-safe. */
void loop_destroy(struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);
/* Runs until loop_stop; any thread may stop it. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
bool loop_on_thread(const struct loop *loop);

/* Run fn(arg) on the loop, in order of posting, never before this returns. Any thread. */
void loop_post(struct loop *loop, loop_fn fn, void *arg);

/* Long work in slices: step runs once per loop turn, after polling, until it returns
 * false (done) or loop_slice_cancel. A step should take at most LOOP_SLICE_US; all steps
 * of a turn together take LOOP_TURN_US, then the others have to wait for the next turn.
 * Embedded in the caller's struct; zero-initialise. A step that returns false may have
 * freed its slice; starting and cancelling any slice within a step is fine. */
enum { LOOP_SLICE_US = 2000, LOOP_TURN_US = 10000 };
struct loop_slice {
    struct list link;
    bool (*step)(struct loop_slice *slice);
    struct loop *loop;
    bool scheduled;
};
void loop_slice_start(struct loop *loop, struct loop_slice *slice,
                      bool (*step)(struct loop_slice *slice));
void loop_slice_cancel(struct loop_slice *slice);

/* A burst is one callback that does many small things: all requests of one read. What
 * they share is opened by the first and closed at the end of the burst. */
struct loop_burst {
    struct list link;
    void (*end)(struct loop_burst *burst);
};
void loop_burst_begin(struct loop *loop); /* they nest */
void loop_burst_end(struct loop *loop);
/* Has `end` called once, at the end. returns false where there is no burst. */
bool loop_burst_add(struct loop *loop, struct loop_burst *burst);

/* Every callback of I/O begins with this: the stall meter
 * has no other way to tell waiting from working. */
void loop_busy(struct loop *loop);
/* The longest that the loop was busy between two waits since the last call,
 * microseconds: everything but the waiting, callbacks of I/O included. */
uint64_t loop_take_longest_stall(struct loop *loop);

#endif
