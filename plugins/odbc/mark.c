/* mark.c - reading, comparing and lowering watermarks. */
#include "mark.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- times ----------------------------------------------------------------------------
 */

/* A time as text: seconds since 1970, the fraction, and where the parts lie. */
struct instant {
    int64_t seconds; /* as written; `zone` not taken off */
    int64_t zone;    /* seconds east of UTC */
    uint32_t nanos;
    size_t fraction;   /* digits of it */
    char between;      /* ' ' or 'T' */
    const char *after; /* what follows: "Z", "+02:00", "" */
};

/* Days since 1970 of a date of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
    int64_t era, of_era, doy;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    of_era = y - era * 400;
    doy = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
    int64_t era, of_era, years, doy, mp;

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = days - era * 146097;
    years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    doy = of_era - (365 * years + years / 4 - years / 100);
    mp = (5 * doy + 2) / 153;
    *d = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *y = years + era * 400 + (*m <= 2);
}

/* n digits; -1: others */
static int number_at(const char *s, unsigned n)
{
    int value = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!isdigit((uint8_t)s[i]))
            return -1;
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

static bool parse_zone(const char *s, int64_t *zone)
{
    int hours, minutes = 0;
    const char *p = s + (*s == ' ');

    *zone = 0;
    if (*p == 0 || strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
        return true;
    if (*p != '+' && *p != '-')
        return false;
    hours = number_at(p + 1, 2);
    if (hours < 0 || hours > 18)
        return false;
    if (p[3])
        minutes = number_at(p + 3 + (p[3] == ':'), 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *zone = (hours * 3600 + minutes * 60) * (*p == '-' ? -1 : 1);
    return true;
}

/* "YYYY-MM-DD", then perhaps "[ T]HH:MM:SS[.fraction][zone]" */
static bool parse_instant(const char *s, struct instant *t)
{
    int y = number_at(s, 4), m, d, hh = 0, mm = 0, ss = 0;
    uint32_t unit = 100000000;

    *t = (struct instant){0};
    if (y < 0 || s[4] != '-' || (m = number_at(s + 5, 2)) < 1 || m > 12 || s[7] != '-' ||
        (d = number_at(s + 8, 2)) < 1 || d > 31)
        return false;
    t->after = s + 10;
    if (s[10] == ' ' || s[10] == 'T') {
        t->between = s[10];
        if ((hh = number_at(s + 11, 2)) < 0 || hh > 24 || s[13] != ':' ||
            (mm = number_at(s + 14, 2)) < 0 || mm > 59 || s[16] != ':' ||
            (ss = number_at(s + 17, 2)) < 0 || ss > 60)
            return false;
        t->after = s + 19;
        if (*t->after == '.')
            for (t->after++; isdigit((uint8_t)*t->after); t->after++, t->fraction++) {
                t->nanos += (uint32_t)(*t->after - '0') * unit;
                unit /= 10;
            }
    }
    t->seconds = days_of(y, (unsigned)m, (unsigned)d) * 86400 + hh * 3600 + mm * 60 + ss;
    return t->fraction <= 9 && parse_zone(t->after, &t->zone);
}

static void write_instant(struct mark *m, const struct instant *t)
{
    char out[MARK_MAX], fraction[16] = "";
    int64_t days = t->seconds / 86400, rest = t->seconds % 86400, y;
    unsigned month, day;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    date_of(days, &y, &month, &day);
    if (y < 1 || y > 9999)
        return;
    if (t->fraction) {
        snprintf(fraction, sizeof(fraction), ".%09u", t->nanos);
        fraction[t->fraction + 1] = 0;
    }
    if (t->between)
        snprintf(out, sizeof(out), "%04d-%02u-%02u%c%02d:%02d:%02d%s%.20s", (int)y, month,
                 day, t->between, (int)(rest / 3600), (int)(rest / 60 % 60),
                 (int)(rest % 60), fraction, t->after);
    else
        snprintf(out, sizeof(out), "%04d-%02u-%02u%.20s", (int)y, month, day, t->after);
    memcpy(m->text, out, sizeof(out));
}

bool mark_time(const struct mark *m, struct mark_time *out)
{
    struct instant t;

    if (!parse_instant(m->text, &t))
        return false;
    *out = (struct mark_time){.year = (int16_t)number_at(m->text, 4),
                              .month = (uint16_t)number_at(m->text + 5, 2),
                              .day = (uint16_t)number_at(m->text + 8, 2),
                              .nanos = t.nanos};
    if (t.between) {
        out->hour = (uint16_t)number_at(m->text + 11, 2);
        out->minute = (uint16_t)number_at(m->text + 14, 2);
        out->second = (uint16_t)number_at(m->text + 17, 2);
    }
    return true;
}

/* --- reading --------------------------------------------------------------------------
 */

static bool is_integer(const char *s)
{
    char *end;

    if (!isdigit((uint8_t)*s) && *s != '-')
        return false;
    errno = 0;
    (void)strtoll(s, &end, 10);
    return *end == 0 && errno == 0 && end > s;
}

static bool is_float(const char *s)
{
    char *end;
    double v = strtod(s, &end);

    return *s && *end == 0 && isfinite(v) && strspn(s, "0123456789+-.eE") == strlen(s);
}

static bool is_hex(const char *s)
{
    size_t n = strlen(s);

    return n && n % 2 == 0 && strspn(s, "0123456789abcdef") == n;
}

static char number_type(const char *text)
{
    return is_integer(text) ? MARK_INTEGER : is_float(text) ? MARK_FLOAT : MARK_TEXT;
}

static char type_of(const struct column *c, const char *text, bool loose)
{
    switch (c->form) {
    case FORM_STAMP:
        return MARK_STAMP;
    case FORM_DATE:
        return MARK_DATE;
    case FORM_BYTES:
        return MARK_BYTES;
    default:
        break;
    }
    switch (c->type) {
    case SQL_INTEGER:
    case SQL_SMALLINT:
    case SQL_TINYINT:
    case SQL_BIGINT:
    case SQL_DECIMAL:
    case SQL_NUMERIC:
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
        return number_type(text);
    default:
        /* SQLite would hold any text to be greater than any number. */
        return loose ? number_type(text) : MARK_TEXT;
    }
}

bool mark_read(struct mark *m, const struct column *c, const char *text, int32_t len,
               bool loose)
{
    if (len <= 0 || len >= MARK_MAX)
        return false;
    for (int32_t i = 0; i < len; i++)
        if ((uint8_t)text[i] < ' ')
            return false;
    memcpy(m->text, text, (size_t)len);
    m->text[len] = 0;
    m->digits = c->digits;
    m->type = type_of(c, m->text, loose);
    return mark_is_valid(m);
}

bool mark_is_valid(const struct mark *m)
{
    struct instant t;

    switch (m->type) {
    case MARK_NONE:
        return m->text[0] == 0;
    case MARK_INTEGER:
        return is_integer(m->text);
    case MARK_FLOAT:
        return is_float(m->text);
    case MARK_STAMP:
    case MARK_DATE:
        return parse_instant(m->text, &t) && *t.after == 0;
    case MARK_BYTES:
        return is_hex(m->text);
    case MARK_TEXT:
        return m->text[0] != 0;
    default:
        return false;
    }
}

/* --- comparing ------------------------------------------------------------------------
 */

static int compare_instants(const struct instant *a, const struct instant *b)
{
    int64_t x = a->seconds - a->zone, y = b->seconds - b->zone;

    if (x != y)
        return x < y ? -1 : 1;
    return a->nanos < b->nanos ? -1 : a->nanos > b->nanos;
}

static int compare(const struct mark *a, const struct mark *b)
{
    struct instant x, y;
    double u, v;

    if (a->type == MARK_INTEGER && b->type == MARK_INTEGER) {
        long long i = strtoll(a->text, NULL, 10), j = strtoll(b->text, NULL, 10);

        return i < j ? -1 : i > j;
    }
    if ((a->type == MARK_INTEGER || a->type == MARK_FLOAT) &&
        (b->type == MARK_INTEGER || b->type == MARK_FLOAT)) {
        u = strtod(a->text, NULL);
        v = strtod(b->text, NULL);
        return u < v ? -1 : u > v;
    }
    if (a->type != b->type)
        return -1;
    /* Times of the driver, and hexadecimal digits, sort as they are. */
    if (a->type == MARK_TEXT && parse_instant(a->text, &x) && parse_instant(b->text, &y))
        return compare_instants(&x, &y);
    return strcmp(a->text, b->text);
}

void mark_raise(struct mark *m, const struct mark *other)
{
    if (m->type == MARK_NONE || compare(m, other) < 0)
        *m = *other;
}

/* --- lowering -------------------------------------------------------------------------
 */

static void lower_integer(struct mark *m, int64_t count)
{
    int64_t v = strtoll(m->text, NULL, 10);

    v = v < INT64_MIN + count ? INT64_MIN : v - count;
    snprintf(m->text, sizeof(m->text), "%" PRId64, v);
}

static void lower_bytes(struct mark *m, int64_t count)
{
    size_t n = strlen(m->text);
    uint64_t v;

    if (n > 16)
        return;
    v = strtoull(m->text, NULL, 16);
    v = v < (uint64_t)count ? 0 : v - (uint64_t)count;
    snprintf(m->text, sizeof(m->text), "%0*" PRIx64, (int)n, v);
}

static void lower_instant(struct mark *m, int64_t ms)
{
    struct instant t;
    int64_t seconds = (ms + 999) / 1000;

    if (!parse_instant(m->text, &t))
        return;
    t.seconds -= t.between ? seconds : (seconds + 86399) / 86400 * 86400;
    write_instant(m, &t);
}

void mark_lower(struct mark *m, int64_t ms, int64_t count)
{
    switch (m->type) {
    case MARK_INTEGER:
        lower_integer(m, count);
        break;
    case MARK_FLOAT:
        snprintf(m->text, sizeof(m->text), "%.17g",
                 strtod(m->text, NULL) - (double)count);
        break;
    case MARK_BYTES:
        lower_bytes(m, count);
        break;
    case MARK_STAMP:
    case MARK_DATE:
    case MARK_TEXT:
        lower_instant(m, ms);
        break;
    default:
        break;
    }
}

bool mark_is_after(const struct mark *m, int64_t wall)
{
    struct instant t;

    return (m->type == MARK_STAMP || m->type == MARK_DATE || m->type == MARK_TEXT) &&
           parse_instant(m->text, &t) && t.seconds - t.zone > wall / 1000;
}
