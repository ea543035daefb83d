/* index.c - an open hash table of unique ids. 24 bytes for each entry, half of the table
 * free at worst: 48 MB for a million. */
#include "index.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "contactor/contact.h"
#include "contactor/error.h"
#include "text.h"

enum { FIRST = 1024 };

static size_t slot_of(const struct index *x, const uint8_t key[16])
{
    size_t i = (size_t)XXH3_64bits(key, 16) & (x->cap - 1);

    while (x->entries[i].used && memcmp(x->entries[i].key, key, 16) != 0)
        i = (i + 1) & (x->cap - 1);
    return i;
}

static int32_t grow(struct index *x)
{
    struct index bigger = *x;

    bigger.cap = x->cap ? x->cap * 2 : FIRST;
    bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
    if (!bigger.entries)
        return -CTR_ENOMEM;
    for (size_t i = 0; i < x->cap; i++)
        if (x->entries[i].used)
            bigger.entries[slot_of(&bigger, x->entries[i].key)] = x->entries[i];
    free(x->entries);
    *x = bigger;
    return 0;
}

static int32_t add_text(struct index *x, struct ctr_str id, uint32_t *out)
{
    uint16_t len = (uint16_t)id.len;

    if (x->n_texts + id.len + 3 > x->cap_texts) {
        size_t cap = x->cap_texts ? x->cap_texts * 2 : 64 * 1024;
        char *texts = cap < UINT32_MAX ? realloc(x->texts, cap) : NULL;

        if (!texts)
            return -CTR_ENOMEM;
        x->texts = texts;
        x->cap_texts = cap;
    }
    if (x->n_texts == 0)
        x->n_texts = 1; /* offset 0 says: none */
    *out = (uint32_t)x->n_texts;
    memcpy(x->texts + x->n_texts, &len, 2);
    memcpy(x->texts + x->n_texts + 2, id.ptr, id.len);
    x->n_texts += id.len + 2;
    return 0;
}

static bool same_text(const struct index *x, const struct index_entry *e,
                      struct ctr_str id)
{
    char now[INDEX_ID_MAX];
    size_t n = index_id(x, e, now);

    return n == id.len && memcmp(now, id.ptr, n) == 0;
}

int32_t index_put(struct index *x, const uint8_t key[16], bool guid, uint8_t base,
                  struct ctr_str id)
{
    struct index_entry *e;
    uint32_t text = 0;
    int32_t rc = 0;

    if (id.len > CTR_ID_MAX)
        return 0; /* no contact has it */
    if ((x->n + 1) * 4 > x->cap * 3)
        rc = grow(x);
    if (rc != 0)
        return rc;
    e = &x->entries[slot_of(x, key)];
    if (id.ptr && e->used && e->text && same_text(x, e, id))
        text = e->text;
    else if (id.ptr)
        rc = add_text(x, id, &text);
    if (rc != 0)
        return rc;
    x->n += !e->used;
    memcpy(e->key, key, 16);
    e->text = text;
    e->used = 1;
    e->base = base;
    e->marked = MARK_SEEN;
    e->guid = guid;
    return 0;
}

struct index_entry *index_find(struct index *x, const uint8_t key[16])
{
    size_t i;

    if (x->cap == 0)
        return NULL;
    i = slot_of(x, key);
    return x->entries[i].used ? &x->entries[i] : NULL;
}

/* Entries behind a freed place move up, so that every search still finds them. */
void index_remove(struct index *x, const uint8_t key[16])
{
    struct index_entry *e = index_find(x, key);
    size_t hole, i;

    if (!e)
        return;
    hole = (size_t)(e - x->entries);
    x->n--;
    for (i = (hole + 1) & (x->cap - 1); x->entries[i].used; i = (i + 1) & (x->cap - 1)) {
        size_t home = (size_t)XXH3_64bits(x->entries[i].key, 16) & (x->cap - 1);

        if (((i - home) & (x->cap - 1)) < ((i - hole) & (x->cap - 1)))
            continue;
        x->entries[hole] = x->entries[i];
        hole = i;
    }
    memset(&x->entries[hole], 0, sizeof(x->entries[hole]));
}

void index_unmark_all(struct index *x)
{
    for (size_t i = 0; i < x->cap; i++)
        x->entries[i].marked = MARK_NONE;
}

size_t index_id(const struct index *x, const struct index_entry *e, char *out)
{
    uint16_t len;

    if (e->text == 0) {
        (e->guid ? text_guid : text_uuid)(e->key, out);
        return TEXT_UUID - 1;
    }
    memcpy(&len, x->texts + e->text, 2);
    memcpy(out, x->texts + e->text + 2, len);
    out[len] = 0;
    return len;
}

struct index_entry *index_next(struct index *x, size_t *at)
{
    while (*at < x->cap) {
        struct index_entry *e = &x->entries[(*at)++];

        if (e->used)
            return e;
    }
    return NULL;
}

void index_key_of(struct ctr_str id, uint8_t key[16])
{
    XXH128_canonical_t hash;

    XXH128_canonicalFromHash(&hash, XXH3_128bits(id.ptr, id.len));
    memcpy(key, hash.digest, 16);
}

void index_finish(struct index *x)
{
    free(x->entries);
    free(x->texts);
    *x = (struct index){0};
}
