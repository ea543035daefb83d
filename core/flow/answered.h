/* answered.h - contacts that were answered with, by source and id. */
#ifndef FLOW_ANSWERED_H
#define FLOW_ANSWERED_H

#include "base/arena.h"

enum { ANSWERED_MAX = 4096 };

/* Zero-initialise. Contacts are told apart by 64 bits of hash: one in billions is taken
 * for another. */
struct answered {
    uint32_t n;
    uint32_t cap;    /* of slots; 0: none yet */
    uint64_t *slots; /* hash; 0: free */
    bool full;       /* not all are known */
};

bool answered_has(const struct answered *set, uint32_t source, struct ctr_str id);
void answered_add(struct answered *set, struct arena *arena, uint32_t source,
                  struct ctr_str id);

#endif
