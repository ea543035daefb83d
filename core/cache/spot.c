/* spot.c - where the records of a snapshot lie. A chunk is of the snapshot it says, and
 * begins anew when it is first noted in by another: so a commit costs nothing here. */
#include "cache/spot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { CHUNK = 128, SPOTS_MAX = 4 << 20 };

struct spot_chunk {
    uint64_t snapshot;
    struct record records[CHUNK]; /* data NULL: not known */
};

bool spot_find(const struct spots *spots, uint64_t snapshot, uint32_t recno,
               struct record *r)
{
    uint32_t i = recno / CHUNK;
    const struct spot_chunk *chunk = i < spots->n ? spots->chunks[i] : NULL;

    if (!chunk || chunk->snapshot != snapshot)
        return false;
    *r = chunk->records[recno % CHUNK];
    return r->data != NULL;
}

static void make_room(struct spots *spots, uint32_t recnos)
{
    uint32_t n = (recnos + CHUNK - 1) / CHUNK;

    spots->chunks = xrealloc(spots->chunks, n * sizeof(*spots->chunks));
    memset(spots->chunks + spots->n, 0, (n - spots->n) * sizeof(*spots->chunks));
    spots->n = n;
}

void spot_note(struct spots *spots, uint64_t snapshot, uint32_t recno, uint32_t recnos,
               const struct record *r)
{
    uint32_t i = recno / CHUNK;
    struct spot_chunk *chunk;

    if (recno >= recnos || recno >= SPOTS_MAX)
        return;
    if (i >= spots->n)
        make_room(spots, recnos < SPOTS_MAX ? recnos : SPOTS_MAX);
    chunk = spots->chunks[i];
    if (!chunk)
        chunk = spots->chunks[i] = xcalloc(1, sizeof(*chunk));
    if (chunk->snapshot != snapshot)
        memset(chunk, 0, sizeof(*chunk));
    chunk->snapshot = snapshot;
    chunk->records[recno % CHUNK] = *r;
}

void spot_finish(struct spots *spots)
{
    for (uint32_t i = 0; i < spots->n; i++)
        free(spots->chunks[i]);
    free(spots->chunks);
    *spots = (struct spots){0};
}
