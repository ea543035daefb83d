/* answered.c - an open hash table of hashes, in an arena. */
#include "flow/answered.h"

#include <xxhash.h>

enum { FIRST_CAP = 64 };

static uint64_t hash_of(uint32_t source, struct ctr_str id)
{
    uint64_t hash = XXH3_64bits_withSeed(id.ptr ? id.ptr : "", id.len, source);

    return hash != 0 ? hash : 1;
}

/* The slot of this hash, or the free one where it belongs. */
static uint64_t *find(const struct answered *set, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (set->cap - 1);

    while (set->slots[at] != 0 && set->slots[at] != hash)
        at = (at + 1) & (set->cap - 1);
    return &set->slots[at];
}

/* The old table stays in the arena: all of them together are no larger than the last. */
static bool grow(struct answered *set, struct arena *arena)
{
    struct answered bigger = *set;

    bigger.cap = set->cap ? set->cap * 2 : FIRST_CAP;
    bigger.slots = arena_array(arena, bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return false;
    for (uint32_t i = 0; i < set->cap; i++)
        if (set->slots[i] != 0)
            *find(&bigger, set->slots[i]) = set->slots[i];
    *set = bigger;
    return true;
}

bool answered_has(const struct answered *set, uint32_t source, struct ctr_str id)
{
    return set->n > 0 && *find(set, hash_of(source, id)) != 0;
}

void answered_add(struct answered *set, struct arena *arena, uint32_t source,
                  struct ctr_str id)
{
    uint64_t hash = hash_of(source, id), *slot;

    set->full = set->full || set->n == ANSWERED_MAX ||
                (set->n * 2 >= set->cap && !grow(set, arena));
    if (set->full)
        return;
    slot = find(set, hash);
    if (*slot == 0)
        set->n++;
    *slot = hash;
}
