/* times.c - which moment "03:00" is, today, tomorrow and when the clock is changed. */
#include "flow/times.h"

#include <time.h>

enum { DAY_MINUTES = 24 * 60, DAYS_AROUND = 2 };

/* Days since some day, the same for every moment of a local day. */
static int64_t day_number(const struct tm *local)
{
    struct tm day = {.tm_year = local->tm_year,
                     .tm_mon = local->tm_mon,
                     .tm_mday = local->tm_mday,
                     .tm_hour = 12};

    return (int64_t)timegm(&day) / (24 * 3600);
}

/* A minute of the day `offset` days from there. One that is skipped in spring is an hour
 * off then. */
static bool moment_at(const struct tm *today, int offset, unsigned minute,
                      struct times_moment *out)
{
    struct tm tm = {.tm_year = today->tm_year,
                    .tm_mon = today->tm_mon,
                    .tm_mday = today->tm_mday + offset,
                    .tm_hour = (int)minute / 60,
                    .tm_min = (int)minute % 60,
                    .tm_isdst = -1};
    time_t seconds = mktime(&tm);

    if (seconds == (time_t)-1)
        return false;
    out->wall = (int64_t)seconds * 1000;
    out->place = (day_number(today) + offset) * DAY_MINUTES + (int64_t)minute;
    return true;
}

static bool local_day(int64_t wall, struct tm *out)
{
    time_t seconds = (time_t)(wall / 1000);

    return localtime_r(&seconds, out) != NULL;
}

bool times_next(const struct flow_times *times, int64_t wall, int64_t done,
                struct times_moment *out)
{
    struct times_moment at;
    struct tm today;
    bool found = false;

    if (times->n == 0 || !local_day(wall, &today))
        return false;
    for (int day = 0; day <= DAYS_AROUND; day++)
        for (unsigned i = 0; i < times->n; i++) {
            if (!moment_at(&today, day, times->minute[i], &at) || at.wall <= wall ||
                at.place <= done || (found && at.wall >= out->wall))
                continue;
            *out = at;
            found = true;
        }
    return found;
}

bool times_last(const struct flow_times *times, int64_t wall, struct times_moment *out)
{
    struct times_moment at;
    struct tm today;
    bool found = false;

    if (times->n == 0 || !local_day(wall, &today))
        return false;
    for (int day = 0; day >= -DAYS_AROUND; day--)
        for (unsigned i = 0; i < times->n; i++) {
            if (!moment_at(&today, day, times->minute[i], &at) || at.wall > wall ||
                (found && at.wall <= out->wall))
                continue;
            *out = at;
            found = true;
        }
    return found;
}
