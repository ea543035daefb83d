/* limits.c - resource limits, see limits.h. */
#include "os/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"

static int failed(const char *what, char *error, size_t cap)
{
    snprintf(error, cap, "cannot set the limit of %s: %s", what, strerror(errno));
    return -CTR_EIO;
}

int limits_raise_files(uint64_t *files, char *error, size_t cap)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return failed("open files", error, cap);
    *files = limit.rlim_cur;
    if (limit.rlim_cur == limit.rlim_max)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return failed("open files", error, cap);
    *files = limit.rlim_cur;
    return 0;
}

int limits_no_core(char *error, size_t cap)
{
    struct rlimit limit = {0, 0};

    return setrlimit(RLIMIT_CORE, &limit) < 0 ? failed("core files", error, cap) : 0;
}
