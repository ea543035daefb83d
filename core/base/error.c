/* error.c - the tables behind error_name and error_text, and the failing assert. */
#include "base/error.h"

#include <limits.h>
#include <stdlib.h>

#include "base/log.h"

static const struct {
    int code;
    const char *name, *text;
} errors[] = {{0, "OK", "success"},
#define CTR_X(number, name, text) {number, #name, text},
              CTR_ERROR_MAP(CTR_X)
#undef CTR_X
};

/* The row of err, or -1. The codes are dense today but nothing promises it. */
static int find(int err)
{
    for (int i = 0; i < (int)(sizeof(errors) / sizeof(errors[0])); i++)
        if (errors[i].code == err || errors[i].code == -err)
            return i;
    return -1;
}

const char *error_name(int err)
{
    int i = err == INT_MIN ? -1 : find(err);

    return i < 0 ? "EUNKNOWN" : errors[i].name;
}

const char *error_text(int err)
{
    int i = err == INT_MIN ? -1 : find(err);

    return i < 0 ? "unknown error" : errors[i].text;
}

_Noreturn void assert_failed(const char *expr, const char *file, int line,
                             const char *func)
{
    log_error("core", "assertion failed: %s at=%s:%d function=%s", expr, file, line,
              func);
    abort();
}
