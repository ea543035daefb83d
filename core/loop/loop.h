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

struct loop *loop_create(void);
/* All handles must be closing or closed; runs the loop until they are gone. NULL-safe. */
void loop_destroy(struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
bool loop_on_thread(const struct loop *loop);

/* Run fn(arg) on the loop, in order of posting. Any thread. */
void loop_post(struct loop *loop, loop_fn fn, void *arg);

/* Long work in slices: step runs once per loop turn, after polling, until it returns
 * false (done) or loop_slice_cancel. A step should take at most LOOP_SLICE_US. Embedded
 * in the caller's struct; zero-initialise. */
enum { LOOP_SLICE_US = 2000 };
struct loop_slice {
    struct list link;
    bool (*step)(struct loop_slice *slice);
    bool scheduled;
};
void loop_slice_start(struct loop *loop, struct loop_slice *slice,
                      bool (*step)(struct loop_slice *slice));
void loop_slice_cancel(struct loop_slice *slice);

/* The longest time between two returns to polling since the last call, microseconds. */
uint64_t loop_take_longest_stall(struct loop *loop);

#endif
