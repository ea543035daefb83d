/* lane.h - a serial worker thread of our own: jobs run one after another, off the loop.
 *
 * The libuv pool is not used: four threads that also resolve names would let one slow
 * source stop the others. */
#ifndef LOOP_LANE_H
#define LOOP_LANE_H

#include "base/list.h"
#include "loop/loop.h"

struct lane;

/* Embedded in the caller's struct; its memory is the lane's until done ran. */
struct lane_job {
    struct list link;
    void (*work)(struct lane_job *job); /* on the lane */
    void (*done)(struct lane_job *job); /* on the loop, afterwards; may free the job */
};

/* name: thread name, at most 15 bytes are shown. Where the kernel refuses the thread, the
 * lane is there, and its jobs wait until it does not. Loop thread. */
struct lane *lane_create(struct loop *loop, const char *name);
/* Work that must not take the processor from lookups: its thread stands back. */
struct lane *lane_create_background(struct loop *loop, const char *name);
/* Any thread. Never refuses. */
void lane_submit(struct lane *lane, struct lane_job *job);
/* Removes a job that has not begun: its done runs (on the loop, later) without its work.
 * returns whether it was in time. Loop thread. */
bool lane_cancel(struct lane *lane, struct lane_job *job);
/* Jobs waiting or running. */
unsigned lane_pending(const struct lane *lane);
/* Waits for running and queued work, runs their `done`s, joins the thread, frees. Loop
 * thread; may block as long as the work does. A job that a `done` submits meanwhile is
 * worked off here, on the loop, and so are all where there is no thread. NULL-safe. */
void lane_destroy(struct lane *lane);

#endif
