/* memory.c - the C library's heap, see memory.h.
 *
 * It keeps what is freed below the last block in use, and moves its own mark for mapped
 * blocks upwards with every large one that is freed: after one flood the process would
 * stay as large as it was in it. */
#include "os/memory.h"

#include <stddef.h>
#include <stdlib.h>

#include "os/sanitized.h"

#if defined(__GLIBC__) && !OS_SANITIZED
#include <malloc.h>

enum {
    MAPPED_FROM = 128 * 1024,
    ARENAS = 2,                   /* the loop's, and one for all lanes */
    UNUSED_MAX = 8 * 1024 * 1024, /* free, and still the process's */
};

void memory_prepare(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    mallopt(M_TRIM_THRESHOLD, MAPPED_FROM);
    mallopt(M_ARENA_MAX, ARENAS);
}

/* What has been given back still counts as free: only what grew since is looked at. */
void memory_tidy(void)
{
    static size_t given_back;
    size_t unused = mallinfo2().fordblks;

    if (unused < given_back)
        given_back = unused;
    if (unused - given_back < UNUSED_MAX)
        return;
    malloc_trim(MAPPED_FROM);
    given_back = mallinfo2().fordblks;
}

#else

void memory_prepare(void)
{
}

void memory_tidy(void)
{
}

#endif
