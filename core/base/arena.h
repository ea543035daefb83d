/* arena.h - memory that is freed all at once: one arena per request, one per instance. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

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
/* NULL only when the cap would be passed (input-sized); aborts when the system is out. */
void *arena_alloc(struct arena *a, size_t n);
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
