/* ids.c - an open hash table of id hashes, and ids made from contacts. */
#include "ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "contactor/error.h"

void ids_init(struct ids *s)
{
    *s = (struct ids){0};
    if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != sizeof(s->seed))
        s->seed = (uint64_t)(uintptr_t)s; /* early at boot: still hard to guess */
}

static size_t slot_of(const struct ids *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->cap - 1);

    while (s->hashes[i] && s->hashes[i] != hash)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static int grow(struct ids *s)
{
    struct ids big = {.cap = s->cap ? s->cap * 2 : 1024, .n = s->n, .seed = s->seed};

    big.hashes = calloc(big.cap, sizeof(*big.hashes));
    big.lines = calloc(big.cap, sizeof(*big.lines));
    if (!big.hashes || !big.lines) {
        ids_finish(&big);
        return -CTR_ENOMEM;
    }
    for (size_t i = 0; i < s->cap; i++)
        if (s->hashes[i]) {
            size_t to = slot_of(&big, s->hashes[i]);

            big.hashes[to] = s->hashes[i];
            big.lines[to] = s->lines[i];
        }
    ids_finish(s);
    *s = big;
    return 0;
}

int64_t ids_add(struct ids *s, const char *id, size_t n, uint64_t line)
{
    uint64_t hash = XXH3_64bits_withSeed(id, n, s->seed);
    size_t i;

    if (s->n * 2 >= s->cap && grow(s) != 0)
        return -CTR_ENOMEM;
    hash += hash == 0;
    i = slot_of(s, hash);
    if (s->hashes[i])
        return s->lines[i];
    s->hashes[i] = hash;
    s->lines[i] = line < UINT32_MAX ? (uint32_t)line : UINT32_MAX;
    s->n++;
    return 0;
}

void ids_finish(struct ids *s)
{
    free(s->hashes);
    free(s->lines);
    s->hashes = NULL;
    s->lines = NULL;
}

static struct ctr_str first_of(const struct ctr_contact *c, uint64_t kinds)
{
    for (uint32_t i = 0; i < c->n_fields; i++)
        if (kinds & CTR_KIND(c->fields[i].kind))
            return c->fields[i].value;
    return (struct ctr_str){"", 0};
}

bool ids_derive(const struct ctr_contact *contact, char out[33])
{
    static const uint64_t parts[] = {
        CTR_KIND(CTR_FIELD_DISPLAY_NAME), CTR_KIND(CTR_FIELD_GIVEN_NAME),
        CTR_KIND(CTR_FIELD_SURNAME),      CTR_KIND(CTR_FIELD_ORGANISATION),
        CTR_KIND(CTR_FIELD_MAIL),         CTR_KINDS_PHONE};
    char text[6 * (CTR_ID_MAX + 1)];
    XXH128_hash_t h;
    size_t n = 0;

    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct ctr_str v = first_of(contact, parts[i]);
        size_t len = v.len < CTR_ID_MAX ? (size_t)v.len : CTR_ID_MAX;

        memcpy(text + n, v.ptr, len);
        n += len;
        text[n++] = 0x1f;
    }
    if (n == sizeof(parts) / sizeof(parts[0]))
        return false;
    h = XXH3_128bits(text, n);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
    return true;
}
