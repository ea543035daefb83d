/* pool.h - memory of one request or one instance, freed all at once and bounded. */
#ifndef LDAP_POOL_H
#define LDAP_POOL_H

#include "contactor/types.h"

enum { POOL_FIRST = 4096 };

struct pool_block;

/* The first bytes come with the pool itself, so a small request allocates nothing. */
struct pool {
    struct pool_block *blocks;
    char *at, *end;
    size_t used, max;
    _Alignas(16) char first[POOL_FIRST];
};

void pool_init(struct pool *p, size_t max);
/* 8-byte aligned, not cleared. NULL: over the bound, or memory is out. */
void *pool_alloc(struct pool *p, size_t n);
void *pool_array(struct pool *p, size_t n, size_t size);
/* Cleared. */
void *pool_zalloc(struct pool *p, size_t n);
/* .ptr NULL when there is no room; NUL-terminated. */
struct ctr_str pool_str(struct pool *p, struct ctr_str s);
/* For use again, or for good: nothing is left allocated. */
void pool_reset(struct pool *p);

#endif
