/* arena.c - a chain of blocks; allocation moves a pointer, freeing frees the chain. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    BLOCK_SIZE = 4096,       /* the first block, its header included */
    BLOCK_GROWTH = 64 * 1024 /* blocks double up to this; of whole ARENA_ALIGNs, as all */
};

struct arena_block {
    struct arena_block *next; /* the one made before */
    size_t size;              /* of data */
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void add_block(struct arena *a, size_t n)
{
    size_t size = a->head ? a->head->size * 2 : BLOCK_SIZE - sizeof(struct arena_block);
    struct arena_block *block;

    if (size > BLOCK_GROWTH)
        size = BLOCK_GROWTH;
    if (size < n)
        size = n;
    block = xmalloc(sizeof(*block) + size);
    block->size = size;
    block->next = a->head;
    a->head = block;
    a->at = block->data;
    a->end = block->data + size;
}

void *arena_alloc_any(struct arena *a, size_t n)
{
    size_t rounded;
    void *p;

    if (n > SIZE_MAX / 2)
        return NULL; /* no honest size; rounding it would overflow */
    rounded = n ? (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) : ARENA_ALIGN;
    if (a->max > 0 && (a->used > a->max || rounded > a->max - a->used))
        return NULL;
    if (!a->at || rounded > (size_t)(a->end - a->at))
        add_block(a, rounded);
    p = a->at;
    a->at += rounded;
    a->used += rounded;
    memset(p, 0, rounded);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return arena_alloc(a, total);
}

struct ctr_str arena_str(struct arena *a, struct ctr_str s)
{
    char *copy = s.len < SIZE_MAX ? arena_alloc(a, (size_t)s.len + 1) : NULL;

    if (!copy)
        return (struct ctr_str){NULL, 0};
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return (struct ctr_str){copy, s.len};
}

char *arena_z(struct arena *a, const char *z)
{
    return (char *)(uintptr_t)arena_str(a, str_of(z)).ptr;
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *out;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    ensure(n >= 0);
    out = arena_alloc(a, (size_t)n + 1);
    if (!out)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(out, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return out;
}

/* Frees from the head down to `last`, which stays (NULL: all go). */
static void drop_blocks(struct arena *a, struct arena_block *last)
{
    while (a->head && a->head != last) {
        struct arena_block *next = a->head->next;

        free(a->head);
        a->head = next;
    }
}

void arena_reset(struct arena *a)
{
    struct arena_block *first = a->head;

    while (first && first->next)
        first = first->next;
    drop_blocks(a, first);
    a->used = 0;
    a->at = first ? first->data : NULL;
    a->end = first ? first->data + first->size : NULL;
}

void arena_finish(struct arena *a)
{
    drop_blocks(a, NULL);
    a->at = a->end = NULL;
    a->used = 0;
}
