/* error.h - names and texts of CTR_E*, and asserts that stay on in release builds. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "contactor/error.h"

/* err may be negative or positive. Never NULL. */
const char *error_name(int err); /* "ENOENT" */
const char *error_text(int err); /* "not found" */

_Noreturn void assert_failed(const char *expr, const char *file, int line,
                             const char *func);

/* A broken invariant of ours. Input never asserts. */
#define ensure(expr) \
    ((expr) ? (void)0 : assert_failed(#expr, __FILE__, __LINE__, __func__))

#endif
