/* kit.h - small helpers linked hidden into a plugin: formatted log and fail. Not part of
 * the ABI; a plugin carries its own copy. */
#ifndef CONTACTOR_KIT_H
#define CONTACTOR_KIT_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "contactor/plugin.h"

#define KIT_LINE_MAX 1024

__attribute__((unused, format(printf, 3, 4))) static void
kit_log(const struct ctr_host *host, uint32_t level, const char *fmt, ...)
{
    char line[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host->log(host, level, line);
}

/* Gives the reason and returns the code: `return kit_fail(host, -CTR_EIO, "...")`. */
__attribute__((unused, format(printf, 3, 4))) static int32_t
kit_fail(const struct ctr_host *host, int32_t code, const char *fmt, ...)
{
    char line[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host->fail(host, line);
    return code;
}

static inline struct ctr_str kit_str(const char *z)
{
    struct ctr_str s = {z, z ? strlen(z) : 0};
    return s;
}

#endif
