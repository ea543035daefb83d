/* outside.c - digits that may begin with the outside line: 0 089... or 00 49...?
 *
 * Both ways are read; the one that is a real number is the better, among real ones the
 * one written most explicitly. */
#include <string.h>

#include "number/collect.h"

struct way {
    const char *digits;
    size_t n;
    struct number first;
    unsigned rank; /* 0: no real number */
};

static unsigned rank_of(const struct dialplan *plan, const struct way *way)
{
    struct numbering found;

    if (way->first.note == NUMBER_NOTE_SHORT)
        return 2;
    if (way->first.class != NUMBER_E164 ||
        !numbering_check("", true, way->first.digits, way->first.len, &found) ||
        !found.valid)
        return 0;
    if (collect_has_international_prefix(plan, way->digits, way->n))
        return 3;
    return collect_has_national_prefix(plan, way->digits, way->n) ? 2 : 1;
}

static void read_way(struct collect *into, const struct way *way)
{
    if (number_is_short(into->plan, str_make(way->digits, way->n)))
        collect_add_local(into, way->digits, way->n, NUMBER_NOTE_SHORT);
    if (!collect_full(into))
        collect_dialled(into, way->digits, way->n);
}

static void look(const struct collect *c, struct way *way)
{
    struct collect one = {.plan = c->plan, .scan = c->scan, .out = &way->first, .max = 1};

    way->first.class = NUMBER_NONE;
    read_way(&one, way);
    way->rank = rank_of(c->plan, way);
}

static void add_way(struct collect *c, const struct way *way, bool outside)
{
    unsigned before = c->n;

    read_way(c, way);
    for (; outside && before < c->n; before++) {
        if (c->out[before].class == NUMBER_E164)
            c->out[before].note = NUMBER_NOTE_OUTSIDE_LINE;
    }
}

void collect_outside(struct collect *c, const char *digits, size_t n)
{
    size_t line = strlen(c->plan->outside_line);
    struct way as_is = {.digits = digits, .n = n};
    struct way behind = {.digits = digits + line, .n = n - line};

    if (line == 0 || n <= line + 1 || memcmp(digits, c->plan->outside_line, line) != 0) {
        collect_dialled(c, digits, n);
        return;
    }
    look(c, &as_is);
    look(c, &behind);
    if (behind.rank > as_is.rank) {
        add_way(c, &behind, true);
        add_way(c, &as_is, false);
    } else {
        add_way(c, &as_is, false);
        add_way(c, &behind, true);
    }
}
