/* ids.h - which ids a source has used, and where: 12 bytes for each, doubled; and ids for
 * contacts that have none. */
#ifndef IDS_H
#define IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contactor/contact.h"

/* Ids are kept as 64-bit hashes. Two different ids of one file meet with a chance of one
 * in 37 million for a million rows; the seed is drawn for each sync, so a file cannot be
 * made to meet. Zero-initialise. */
struct ids {
    uint64_t *hashes; /* 0: free */
    uint32_t *lines;
    size_t n, cap; /* cap: a power of two */
    uint64_t seed;
};

void ids_init(struct ids *s);
/* line: where, from 1; a file or whatever the source counts.
 * returns 0: new | the line that used it first | -CTR_ENOMEM */
int64_t ids_add(struct ids *s, const char *id, size_t n, uint64_t line);
void ids_finish(struct ids *s);

/* An id for a contact that came without: a hash of what makes a person the same person,
 * so that rows may change places and other values. 32 hexadecimal digits and a NUL.
 * returns false: there is nothing to make it of */
bool ids_derive(const struct ctr_contact *contact, char out[33]);

#endif
