/* idmap.c - open addressing, doubled when seven tenths full. */
#include "cache/idmap.h"

#include <stdlib.h>

enum { IDMAP_MIN = 256 };

static size_t slot_of(const struct idmap *map, uint64_t hash)
{
    size_t i = (size_t)hash & (map->cap - 1);

    while (map->hash[i] != 0 && map->hash[i] != hash)
        i = (i + 1) & (map->cap - 1);
    return i;
}

uint32_t *idmap_find(const struct idmap *map, uint64_t hash)
{
    size_t i;

    hash = hash ? hash : 1;
    if (map->cap == 0)
        return NULL;
    i = slot_of(map, hash);
    return map->hash[i] ? &map->value[i] : NULL;
}

static bool grow(struct idmap *map)
{
    struct idmap big = {.cap = map->cap ? 2 * map->cap : IDMAP_MIN, .n = map->n};

    big.hash = calloc(big.cap, sizeof(*big.hash));
    big.value = calloc(big.cap, sizeof(*big.value));
    if (!big.hash || !big.value) {
        idmap_finish(&big);
        return false;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (map->hash[i]) {
            size_t to = slot_of(&big, map->hash[i]);

            big.hash[to] = map->hash[i];
            big.value[to] = map->value[i];
        }
    }
    free(map->hash);
    free(map->value);
    *map = big;
    return true;
}

uint32_t *idmap_put(struct idmap *map, uint64_t hash, bool *is_new)
{
    size_t i;

    hash = hash ? hash : 1;
    if (10 * map->n >= 7 * map->cap && !grow(map))
        return NULL;
    i = slot_of(map, hash);
    *is_new = map->hash[i] == 0;
    if (*is_new) {
        map->hash[i] = hash;
        map->n++;
    }
    return &map->value[i];
}

void idmap_finish(struct idmap *map)
{
    free(map->hash);
    free(map->value);
    *map = (struct idmap){0};
}
