/* seen.c - an open hash table that begins as a list, in the query's arena. */
#include "flow/seen.h"

#include <string.h>

#include "base/error.h"

enum { FIRST_CAP = 1024 };

void seen_reset(struct seen *seen)
{
    if (seen->n > SEEN_LIST && seen->cap > 0)
        memset(seen->slots, 0, seen->cap * sizeof(*seen->slots));
    seen->n = 0;
}

/* The slot of this number, or the free one where it belongs. */
static uint32_t *find(const struct seen *seen, uint32_t recno)
{
    uint32_t at = (recno * 2654435769u) & (seen->cap - 1);

    while (seen->slots[at] != 0 && seen->slots[at] != recno + 1)
        at = (at + 1) & (seen->cap - 1);
    return &seen->slots[at];
}

/* At most half full. The old table stays in the arena: all of them together are no larger
 * than the last. */
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

static bool in_list(const struct seen *seen, uint32_t recno)
{
    for (uint32_t i = 0; i < seen->n; i++)
        if (seen->list[i] == recno)
            return true;
    return false;
}

/* From list to table. */
static bool move(struct seen *seen, struct arena *arena)
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
    seen->n = SEEN_MAX;
    return -1;
}

int seen_add(struct seen *seen, struct arena *arena, uint32_t recno)
{
    uint32_t *slot;

    if (seen->n >= SEEN_MAX)
        return -1;
    if (seen->n <= SEEN_LIST && in_list(seen, recno))
        return 1;
    if (seen->n < SEEN_LIST) {
        seen->list[seen->n++] = recno;
        return 0;
    }
    if (seen->n == SEEN_LIST && !move(seen, arena))
        return give_up(seen);
    if (seen->n * 2 >= seen->cap && !grow(seen, arena))
        return give_up(seen);
    slot = find(seen, recno);
    if (*slot != 0)
        return 1;
    *slot = recno + 1;
    seen->n++;
    return 0;
}
