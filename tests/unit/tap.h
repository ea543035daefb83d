/* tap.h - the Test Anything Protocol in a page: ok() lines, and a plan at the end. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_run, tap_failed;

/* A condition with a name; says where it failed. Returns cond. */
#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((unused, format(printf, 4, 5))) static bool
tap_ok(bool cond, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    printf("%sok %d - ", cond ? "" : "not ", ++tap_run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    if (!cond) {
        tap_failed++;
        printf("# at %s:%d\n", file, line);
    }
    fflush(stdout);
    return cond;
}

#define is_int(got, want, ...) \
    tap_int((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((unused, format(printf, 5, 6))) static bool
tap_int(long long got, long long want, const char *file, int line, const char *fmt, ...)
{
    char name[512];
    va_list ap;
    bool good;

    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    good = tap_ok(got == want, file, line, "%s", name);
    if (!good)
        printf("# got %lld, want %lld\n", got, want);
    return good;
}

#define is_str(got, want, ...) tap_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((unused, format(printf, 5, 6))) static bool
tap_str(const char *got, const char *want, const char *file, int line, const char *fmt,
        ...)
{
    char name[512];
    va_list ap;
    bool good;

    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    good = tap_ok(strcmp(got ? got : "(null)", want ? want : "(null)") == 0, file, line,
                  "%s", name);
    if (!good)
        printf("# got  \"%s\"\n# want \"%s\"\n", got ? got : "(null)",
               want ? want : "(null)");
    return good;
}

/* The last statement of main. */
__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_run);
    return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
