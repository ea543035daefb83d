/* index.h - which entries the cache holds, kept in memory from one sync to the next: by
 * their unique id of 16 bytes, with the contact's id where that is another. What is in
 * the index and not in the server's list any more is to be deleted. */
#ifndef LDAP_SOURCE_INDEX_H
#define LDAP_SOURCE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contactor/types.h"

/* What a run found out about an entry. */
enum {
    MARK_NONE = 0,
    MARK_SEEN = 1,
    MARK_GONE = 2,    /* deleted in this run */
    MARK_STRANGER = 3 /* is said to be there, and is not known */
};

struct index_entry {
    uint8_t key[16];
    uint32_t text;  /* offset of its id in the texts; 0: the key as text */
    uint8_t used;   /* 0: free */
    uint8_t base;   /* under which base it was found */
    uint8_t marked; /* MARK_* */
    uint8_t guid;   /* the key's text has the order of Active Directory */
};

/* Zero-initialise. */
struct index {
    struct index_entry *entries;
    size_t n, cap; /* cap: a power of two */
    char *texts;   /* each: its length in 2 bytes, then the id */
    size_t n_texts, cap_texts;
};

enum { INDEX_ID_MAX = 401 };

void index_finish(struct index *x);
/* Put or replace. id: absent where it is the key's text. returns 0 | -CTR_ENOMEM */
int32_t index_put(struct index *x, const uint8_t key[16], bool guid, uint8_t base,
                  struct ctr_str id);
struct index_entry *index_find(struct index *x, const uint8_t key[16]);
void index_remove(struct index *x, const uint8_t key[16]);
void index_unmark_all(struct index *x);
/* The contact's id. out: INDEX_ID_MAX bytes */
size_t index_id(const struct index *x, const struct index_entry *e, char *out);
/* The next used entry at or after *at, which moves behind it; NULL: the end. */
struct index_entry *index_next(struct index *x, size_t *at);

/* An unnamed key made of an id. */
void index_key_of(struct ctr_str id, uint8_t key[16]);

#endif
