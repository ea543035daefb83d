/* clock.c - the monotonic clock for intervals, the wall clock for people. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/error.h"

static int64_t clock_read(clockid_t id, int64_t per_second)
{
    struct timespec now;

    ensure(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * per_second +
           (int64_t)now.tv_nsec / (1000000000 / per_second);
}

int64_t clock_ms(void)
{
    return clock_read(CLOCK_MONOTONIC, 1000);
}

int64_t clock_us(void)
{
    return clock_read(CLOCK_MONOTONIC, 1000000);
}

int64_t clock_wall_ms(void)
{
    return clock_read(CLOCK_REALTIME, 1000);
}

int64_t clock_wall_about_ms(void)
{
    return clock_read(CLOCK_REALTIME_COARSE, 1000);
}

const char *clock_format(int64_t wall_ms, char *out, size_t cap)
{
    time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
    struct tm utc;

    if (cap == 0)
        return out;
    /* Years of more than four digits are no times of ours, and do not fit either. */
    if (wall_ms == 0 || !gmtime_r(&seconds, &utc) || utc.tm_year > 9999 - 1900 ||
        utc.tm_year < -1900)
        snprintf(out, cap, "%s", wall_ms == 0 ? "never" : "invalid time");
    else if (strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        out[0] = '\0'; /* strftime leaves the content undefined where it does not fit */
    return out;
}
