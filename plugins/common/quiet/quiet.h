/* quiet.h - a file that others may be writing: whether it has been quiet long enough to
 * be read, and whether it is still the one that was opened. */
#ifndef QUIET_H
#define QUIET_H

#include <stdbool.h>
#include <sys/stat.h>

#include "contactor/plugin.h"

/* The same file with, as far as can be seen, the same content. */
bool quiet_same(const struct stat *a, const struct stat *b);

/* How long one waits for files that are to be quiet for `settle` ms: a writer that never
 * rests must not hold the lane. */
static inline int64_t quiet_patience(int64_t settle)
{
    return 10 * settle;
}

enum { QUIET_AGAIN = 1, QUIET_NEVER };
/* Waits a little for a file to become quiet, if it has to.
 * st         as it was when it was opened
 * patience   ms that are left
 * returns 0: it is quiet | QUIET_AGAIN: open it anew and come again | QUIET_NEVER: there
 * is no patience left | a negative code: the sync was canceled */
int32_t quiet_wait(const struct ctr_host *host, struct ctr_sync *sync,
                   const struct stat *st, int64_t settle, int64_t *patience);

#endif
