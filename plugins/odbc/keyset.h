/* keyset.h - a set of ids: which a sync has seen, and, with their text, which the cache
 * holds so that those that are gone can be named. */
#ifndef ODBC_KEYSET_H
#define ODBC_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids are told apart by 64-bit hashes. Two different ids of one table meet with a chance
 * of one in 37 million for a million rows; the seed is drawn for each set, so that nobody
 * can make them meet. Zero-initialised it is empty. */
struct keyset {
    uint64_t *hashes; /* 0: free */
    uint64_t *places; /* of the text; only with `texts` */
    size_t n, cap;    /* cap: a power of two */
    uint64_t seed;
    bool texts; /* keep the text of ids, too */
    char *text; /* NUL after each */
    size_t len, text_cap;
};

void keyset_init(struct keyset *s, bool texts);
void keyset_finish(struct keyset *s);
/* returns 0: new | -CTR_EEXIST | -CTR_ENOMEM */
int32_t keyset_add(struct keyset *s, const char *id, size_t n);
bool keyset_has(const struct keyset *s, const char *id, size_t n);
void keyset_remove(struct keyset *s, const char *id, size_t n);
/* The ids one after the other: *at begins with 0. returns NULL at the end */
const char *keyset_next(const struct keyset *s, size_t *at);

#endif
