/* quiet.c - see quiet.h. */
#include "quiet.h"

#include <time.h>

enum { NAP_MS = 20 };

bool quiet_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* File times come from the system's clock, whatever clock the host has; a time in the
 * future says nothing. */
static bool is_quiet(const struct stat *st, int64_t settle)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    age = ((int64_t)now.tv_sec - st->st_mtim.tv_sec) * 1000 +
          (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
    return age < 0 || age >= settle;
}

int32_t quiet_wait(const struct ctr_host *host, struct ctr_sync *sync,
                   const struct stat *st, int64_t settle, int64_t *patience)
{
    struct timespec nap = {0, NAP_MS * 1000000};
    int32_t rc;

    if (is_quiet(st, settle))
        return 0;
    if (*patience <= 0)
        return QUIET_NEVER;
    rc = host->sync_canceled(host, sync);
    if (rc != 0)
        return rc;
    nanosleep(&nap, NULL);
    *patience -= NAP_MS;
    return QUIET_AGAIN;
}
