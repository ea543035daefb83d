/* idmap.h - a hash table of 64-bit hashes to 32-bit numbers: the ids a load has seen. */
#ifndef CACHE_IDMAP_H
#define CACHE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idmap {
    uint64_t *hash; /* 0: free */
    uint32_t *value;
    size_t cap, n;
};

/* returns the value's place, or NULL */
uint32_t *idmap_find(const struct idmap *map, uint64_t hash);
/* Its place, new (0) or not. NULL: out of memory. */
uint32_t *idmap_put(struct idmap *map, uint64_t hash, bool *is_new);
void idmap_finish(struct idmap *map);

#endif
