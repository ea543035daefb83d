/* sort.h - sorts what is larger than memory: runs sorted in memory, spilled to an unnamed
 * file, merged when read. Order: db, key (shorter first), value. */
#ifndef CACHE_SORT_H
#define CACHE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct sorter;
struct merge;

struct sort_item {
    uint8_t db;
    uint8_t value_len;
    uint16_t key_len;
    const uint8_t *key, *value;
};

struct sorter *sorter_create(const char *dir);
/* NULL-safe. No merge may be open. */
void sorter_destroy(struct sorter *sorter);
/* key at most 511 bytes. returns 0 | -CTR_EFULL | -CTR_EIO | -CTR_ENOMEM */
int sorter_add(struct sorter *sorter, unsigned db, const void *key, size_t key_len,
               const void *value, size_t value_len);

/* Reads all that was added, sorted; nothing may be added while it is open. */
int merge_open(struct sorter *sorter, struct merge **out);
/* *item is valid until the next call. returns 0 | -CTR_ENOENT at the end | -CTR_EIO */
int merge_next(struct merge *merge, struct sort_item *item);
/* NULL-safe. */
void merge_close(struct merge *merge);

#endif
