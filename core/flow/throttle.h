/* throttle.h - slows down password guesses by address, and nobody else.
 *
 * After FAILURES_MAX failures within about a minute an address is hot: its attempts get
 * slots, GUESSES_PER_SECOND of them, until it has been quiet for as long. Attempts under
 * way count as failures until they prove otherwise, so that many at once gain nothing. */
#ifndef FLOW_THROTTLE_H
#define FLOW_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

enum {
    THROTTLE_FAILURES_MAX = 10,
    THROTTLE_FORGET_MS = 6000, /* one failure is forgotten each */
    THROTTLE_GAP_MS = 100,
    THROTTLE_WAIT_MAX_MS = 2000,
    THROTTLE_ADDRESSES = 4096,
    THROTTLE_KEY = 64
};

struct throttle_address {
    struct list link, bucket;
    char key[THROTTLE_KEY];
    unsigned failures, running;
    bool hot;
    int64_t forgot_at, next_slot;
};

struct throttle;

struct throttle *throttle_create(void);
void throttle_destroy(struct throttle *throttle);
/* Begins an attempt from this address at time `now` (ms); *at: when it may go on, `now`
 * or later. throttle_end must follow. returns NULL when it would wait for too long: who
 * guesses on many connections must not hold them all. */
struct throttle_address *throttle_begin(struct throttle *throttle, struct ctr_str address,
                                        int64_t now, int64_t *at);
/* returns whether the address became hot by this failure */
bool throttle_end(struct throttle_address *a, bool failed, int64_t now);

#endif
