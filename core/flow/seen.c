/* seen.c - what was seen, in the query's arena. What is outgrown stays there: all tables
 * together are no larger than two of the last, and so are all bits. */
#include "flow/seen.h"

#include <string.h>

enum { FIRST_CAP = 1024, FIRST_BITS = 65536 };

void seen_reset(struct seen *seen, uint32_t recnos)
{
    if (seen->n > SEEN_LIST && seen->cap > 0)
        memset(seen->slots, 0, seen->cap * sizeof(*seen->slots));
    seen->n = 0;
    seen->n_bits = 0;
    seen->recnos = recnos;
}

/* ---- a list ---- */

static bool in_list(const struct seen *seen, uint32_t recno)
{
    for (uint32_t i = 0; i < seen->n; i++)
        if (seen->list[i] == recno)
            return true;
    return false;
}

/* ---- a hash table ---- */

/* The slot of this number, or the free one where it belongs. */
static uint32_t *find(const struct seen *seen, uint32_t recno)
{
    uint32_t at = (recno * 2654435769u) & (seen->cap - 1);

    while (seen->slots[at] != 0 && seen->slots[at] != recno + 1)
        at = (at + 1) & (seen->cap - 1);
    return &seen->slots[at];
}

/* At most half full. */
static bool grow(struct seen *seen, struct arena *arena)
{
    struct seen old = *seen;

    seen->cap = old.cap ? old.cap * 2 : FIRST_CAP;
    seen->slots = arena_array(arena, seen->cap, sizeof(*seen->slots));
    if (!seen->slots)
        return false;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slots[i] != 0)
            *find(seen, old.slots[i] - 1) = old.slots[i];
    return true;
}

static bool list_to_table(struct seen *seen, struct arena *arena)
{
    if (seen->cap == 0 && !grow(seen, arena))
        return false;
    for (uint32_t i = 0; i < SEEN_LIST; i++)
        *find(seen, seen->list[i]) = seen->list[i] + 1;
    return true;
}

static int give_up(struct seen *seen)
{
    seen->cap = 0;
    seen->slots = NULL;
    seen->n = SEEN_TABLE;
    return -1;
}

/* ---- bits ---- */

/* A number that came to be after the walk began has no bit. */
static int add_bit(struct seen *seen, uint32_t recno)
{
    uint64_t bit = UINT64_C(1) << recno % 64;
    bool there;

    if (recno >= seen->n_bits)
        return -1;
    there = (seen->bits[recno / 64] & bit) != 0;
    seen->bits[recno / 64] |= bit;
    return there;
}

/* Without room the bits stay away: nothing more is to be known. */
static void table_to_bits(struct seen *seen, struct arena *arena)
{
    uint32_t cap = seen->cap_bits > 0 ? seen->cap_bits : FIRST_BITS;

    if (seen->recnos > SEEN_BITS)
        return;
    while (cap < seen->recnos)
        cap *= 2;
    if (cap > seen->cap_bits) {
        seen->bits = arena_array(arena, cap / 64, sizeof(*seen->bits));
        seen->cap_bits = seen->bits ? cap : 0;
    }
    if (!seen->bits)
        return;
    memset(seen->bits, 0, cap / 8);
    seen->n_bits = cap;
    for (uint32_t i = 0; i < seen->cap; i++)
        if (seen->slots[i] != 0)
            add_bit(seen, seen->slots[i] - 1);
}

/* ---- all ---- */

int seen_add(struct seen *seen, struct arena *arena, uint32_t recno)
{
    uint32_t *slot;

    if (seen->n == SEEN_TABLE)
        return add_bit(seen, recno);
    if (seen->n <= SEEN_LIST && in_list(seen, recno))
        return 1;
    if (seen->n < SEEN_LIST) {
        seen->list[seen->n++] = recno;
        return 0;
    }
    if (seen->n == SEEN_LIST && !list_to_table(seen, arena))
        return give_up(seen);
    if (seen->n * 2 >= seen->cap && !grow(seen, arena))
        return give_up(seen);
    slot = find(seen, recno);
    if (*slot != 0)
        return 1;
    *slot = recno + 1;
    if (++seen->n == SEEN_TABLE)
        table_to_bits(seen, arena);
    return 0;
}
