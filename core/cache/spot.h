/* spot.h - where a source's records lie in the loop's snapshot, as far as that is known.
 *
 * A record is found by its number in LMDB once a snapshot, through three pages of which
 * the last is seldom in the processor's cache; the second time it is one step. 16 bytes a
 * record of the source at most. Loop thread; the lane with the gate held alone. */
#ifndef CACHE_SPOT_H
#define CACHE_SPOT_H

#include "cache/record.h"

struct spot_chunk;

struct spots {
    uint32_t n; /* chunks there is room for */
    struct spot_chunk **chunks;
};

/* snapshot: number of the one being read, not 0. returns whether it is known */
bool spot_find(const struct spots *spots, uint64_t snapshot, uint32_t recno,
               struct record *r);
/* `recnos`: all record numbers of the source are less. */
void spot_note(struct spots *spots, uint64_t snapshot, uint32_t recno, uint32_t recnos,
               const struct record *r);
void spot_finish(struct spots *spots);

#endif
