/* worker.h - a thread of its own for calls that may never come back. Drivers ignore their
 * time limits now and then; whoever waits for them must not. The one who waits may give
 * up: then the worker, and all that its calls touch, belong to itself, and it cleans up
 * when its call returns at last. */
#ifndef ODBC_WORKER_H
#define ODBC_WORKER_H

#include <stdbool.h>
#include <stdint.h>

/* The workers of one instance; lives as long as any of them. */
struct crew;

/* NULL: out of memory. owner: one reference */
struct crew *crew_create(void);
void crew_unref(struct crew *c);     /* NULL-safe */
unsigned crew_size(struct crew *c);  /* workers alive */
unsigned crew_stuck(struct crew *c); /* of them given up on */

/* How long the one who waits is willing to. */
struct patience {
    int64_t limit;                /* ms for one call */
    bool (*canceled)(void *user); /* asked ten times a second; may be NULL */
    void *user;
};

struct worker;
typedef void (*worker_fn)(void *arg);

/* finish: the worker's last call, when it was left and nothing runs any more.
 * returns 0 | -CTR_ENOMEM | -CTR_EBUSY (too many are stuck) */
int32_t worker_create(struct crew *crew, worker_fn finish, void *arg,
                      struct worker **out);
/* Begin a call of fn(arg); none may be running. */
void worker_begin(struct worker *w, worker_fn fn);
/* returns 0: it came back | -CTR_ETIMEDOUT | -CTR_ECANCELED: it still runs */
int32_t worker_wait(struct worker *w, const struct patience *p);
/* Call fn(arg) now, on another thread, while a call runs: to interrupt it. */
void worker_interrupt(struct worker *w, worker_fn fn);
/* Never to be used again by the caller. A call that runs makes it stuck. */
void worker_leave(struct worker *w);

#endif
