/* keyset.c - an open hash table of id hashes. */
#include "keyset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "contactor/error.h"

static const uint64_t REMOVED = UINT64_MAX; /* a place that was used */

void keyset_init(struct keyset *s, bool texts)
{
    *s = (struct keyset){.texts = texts};
    if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != sizeof(s->seed))
        s->seed = (uint64_t)(uintptr_t)s; /* early at boot: still hard to guess */
}

void keyset_finish(struct keyset *s)
{
    free(s->hashes);
    free(s->places);
    free(s->text);
    *s = (struct keyset){0};
}

static uint64_t hash_of(const struct keyset *s, const char *id, size_t n)
{
    uint64_t hash = XXH3_64bits_withSeed(id, n, s->seed);

    return hash == 0 || hash == REMOVED ? 1 : hash;
}

/* Where a hash is, or the free place where it would be. */
static size_t slot_of(const struct keyset *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->cap - 1);

    while (s->hashes[i] && s->hashes[i] != hash)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static int32_t grow(struct keyset *s)
{
    size_t cap = s->cap ? s->cap * 2 : 1024;
    struct keyset big = {.cap = cap};

    big.hashes = calloc(cap, sizeof(*big.hashes));
    big.places = s->texts ? calloc(cap, sizeof(*big.places)) : NULL;
    if (!big.hashes || (s->texts && !big.places)) {
        keyset_finish(&big);
        return -CTR_ENOMEM;
    }
    s->n = 0;
    for (size_t i = 0; i < s->cap; i++) {
        size_t to;

        if (!s->hashes[i] || s->hashes[i] == REMOVED)
            continue;
        to = slot_of(&big, s->hashes[i]);
        big.hashes[to] = s->hashes[i];
        if (s->texts)
            big.places[to] = s->places[i];
        s->n++;
    }
    free(s->hashes);
    free(s->places);
    s->hashes = big.hashes;
    s->places = big.places;
    s->cap = cap;
    return 0;
}

static int32_t keep_text(struct keyset *s, size_t slot, const char *id, size_t n)
{
    if (s->len + n + 1 > s->text_cap) {
        size_t cap = s->text_cap ? s->text_cap * 2 : 64 * 1024;
        char *text = realloc(s->text, cap);

        if (!text)
            return -CTR_ENOMEM;
        s->text = text;
        s->text_cap = cap;
    }
    s->places[slot] = s->len;
    memcpy(s->text + s->len, id, n);
    s->text[s->len + n] = 0;
    s->len += n + 1;
    return 0;
}

int32_t keyset_add(struct keyset *s, const char *id, size_t n)
{
    uint64_t hash = hash_of(s, id, n);
    size_t i;

    if (s->n * 2 >= s->cap && grow(s) != 0)
        return -CTR_ENOMEM;
    i = slot_of(s, hash);
    if (s->hashes[i])
        return -CTR_EEXIST;
    if (s->texts && keep_text(s, i, id, n) != 0)
        return -CTR_ENOMEM;
    s->hashes[i] = hash;
    s->n++;
    return 0;
}

bool keyset_has(const struct keyset *s, const char *id, size_t n)
{
    return s->cap && s->hashes[slot_of(s, hash_of(s, id, n))] != 0;
}

/* Its place stays taken until the table grows. */
void keyset_remove(struct keyset *s, const char *id, size_t n)
{
    size_t i;

    if (!s->cap)
        return;
    i = slot_of(s, hash_of(s, id, n));
    if (s->hashes[i])
        s->hashes[i] = REMOVED;
}

const char *keyset_next(const struct keyset *s, size_t *at)
{
    for (; s->texts && *at < s->cap; ++*at)
        if (s->hashes[*at] && s->hashes[*at] != REMOVED)
            return s->text + s->places[(*at)++];
    return NULL;
}
