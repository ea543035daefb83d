/* seen.h - record numbers a walk has come past: a few as a list, more as a hash table,
 * many as one bit for each record of the source. */
#ifndef FLOW_SEEN_H
#define FLOW_SEEN_H

#include <stdint.h>

#include "base/arena.h"

enum { SEEN_LIST = 64, SEEN_TABLE = 8192, SEEN_BITS = 32 << 20 };

struct seen {
    uint32_t n;      /* in list or table; SEEN_TABLE: in bits, or nowhere */
    uint32_t recnos; /* of the source: all are less, but for new ones */
    uint32_t cap;    /* of slots; 0: none yet */
    uint32_t cap_bits, n_bits;
    uint32_t *slots; /* record number + 1; 0: free */
    uint64_t *bits;
    uint32_t list[SEEN_LIST];
};

/* Forgets all; keeps the memory. recnos: all record numbers there are now are less. */
void seen_reset(struct seen *seen, uint32_t recnos);
/* returns 1: it was there | 0: it is now | -1: no more room, not to be known */
int seen_add(struct seen *seen, struct arena *arena, uint32_t recno);

#endif
