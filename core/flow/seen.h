/* seen.h - record numbers a walk has come past: a few as a list, more as a hash table. */
#ifndef FLOW_SEEN_H
#define FLOW_SEEN_H

#include <stdint.h>

#include "base/arena.h"

enum { SEEN_LIST = 64, SEEN_MAX = 65536 };

struct seen {
    uint32_t n;
    uint32_t cap;    /* of slots; 0: none yet */
    uint32_t *slots; /* record number + 1; 0: free */
    uint32_t list[SEEN_LIST];
};

/* Forgets all; keeps the memory. */
void seen_reset(struct seen *seen);
/* returns 1: it was there | 0: it is now | -1: no more room, not to be known */
int seen_add(struct seen *seen, struct arena *arena, uint32_t recno);

#endif
