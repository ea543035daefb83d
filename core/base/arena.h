/* arena.h - memory that is freed all at once: one arena per request, one per instance. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <string.h>

#include "base/str.h"

struct arena_block;

/* Zero-initialise, or arena_init with a cap. Allocations are zeroed and 16-byte aligned.
 */
struct arena {
    struct arena_block *head;
    char *at, *end;
    size_t used; /* bytes handed out */
    size_t max;  /* 0: no limit */
};

void arena_init(struct arena *a, size_t max);
enum { ARENA_ALIGN = 16 };

/* arena_alloc with a new block, of nothing, or past the cap. */
void *arena_alloc_any(struct arena *a, size_t n);

/* NULL only when the cap would be passed (input-sized); aborts when the system is out.
 * Nearly always a block has room, and then a known size costs a few stores. */
static inline void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *p = a->at;

    if (n == 0 || n > (size_t)(a->end - a->at) ||
        (a->max > 0 && (a->used > a->max || rounded > a->max - a->used)))
        return arena_alloc_any(a, n);
    a->at += rounded;
    a->used += rounded;
    return memset(p, 0, rounded);
}

/* n * size without overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* Copies with a NUL behind. .ptr NULL only when the cap would be passed. */
struct ctr_str arena_str(struct arena *a, struct ctr_str s);
char *arena_z(struct arena *a, const char *z);
char *arena_fmt(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Frees all but the first block, for reuse. */
void arena_reset(struct arena *a);
void arena_finish(struct arena *a);

#endif
