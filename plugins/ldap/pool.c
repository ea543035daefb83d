/* pool.c - see pool.h: blocks of memory with one end. */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 8192 };

struct pool_block {
    struct pool_block *next;
    _Alignas(16) char data[];
};

void pool_init(struct pool *p, size_t max)
{
    p->blocks = NULL;
    p->at = p->first;
    p->end = p->first + sizeof(p->first);
    p->used = 0;
    p->max = max;
}

/* A further block, big enough for n. */
static int grow(struct pool *p, size_t n)
{
    size_t size = n > BLOCK_MIN ? n : BLOCK_MIN;
    struct pool_block *block;

    if (p->used > p->max || n > p->max - p->used)
        return -1;
    block = malloc(sizeof(*block) + size);
    if (!block)
        return -1;
    block->next = p->blocks;
    p->blocks = block;
    p->at = block->data;
    p->end = block->data + size;
    p->used += size;
    return 0;
}

void *pool_alloc(struct pool *p, size_t n)
{
    void *at;

    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + 7) & ~(size_t)7;
    if (n > (size_t)(p->end - p->at) && grow(p, n))
        return NULL;
    at = p->at;
    p->at += n;
    return at;
}

void *pool_array(struct pool *p, size_t n, size_t size)
{
    if (size > 0 && n > SIZE_MAX / 2 / size)
        return NULL;
    return pool_alloc(p, n * size);
}

void *pool_zalloc(struct pool *p, size_t n)
{
    void *at = pool_alloc(p, n);

    return at ? memset(at, 0, n) : NULL;
}

struct ctr_str pool_str(struct pool *p, struct ctr_str s)
{
    char *copy = pool_alloc(p, s.len + 1);

    if (!copy)
        return (struct ctr_str){NULL, 0};
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct ctr_str){copy, s.len};
}

void pool_reset(struct pool *p)
{
    while (p->blocks) {
        struct pool_block *block = p->blocks;

        p->blocks = block->next;
        free(block);
    }
    pool_init(p, p->max);
}
