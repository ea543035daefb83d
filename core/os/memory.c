/* memory.c - the C library's heap, see memory.h.
 *
 * It keeps what is freed below the last block in use, and moves its own mark for mapped
 * blocks upwards with every large one that is freed: after one flood the process would
 * stay as large as it was in it. */
#include "os/memory.h"

#include "os/sanitized.h"

#if defined(__GLIBC__) && !OS_SANITIZED
#include <malloc.h>
#include <sys/resource.h>

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

/* What has been given back still counts as free until it is used again, and then there
 * are page faults. */
void memory_tidy(void)
{
    static long faults_before;
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0 ||
        usage.ru_minflt - faults_before < UNUSED_MAX / 4096 ||
        mallinfo2().fordblks < UNUSED_MAX)
        return;
    malloc_trim(MAPPED_FROM);
    faults_before = usage.ru_minflt;
}

#else

void memory_prepare(void)
{
}

void memory_tidy(void)
{
}

#endif
