/* readings.c - the two questions: what is this number (number_parse), what may be meant
 * by it (number_readings). */
#include <string.h>

#include "base/error.h"
#include "number/collect.h"

enum { SHORT_MIN = 2, SHORT_MAX = 7 };

int number_global_init(void)
{
    return numbering_init();
}

const char *number_note_text(enum number_note note)
{
    switch (note) {
    case NUMBER_NOTE_INTERNATIONAL:
        return "international";
    case NUMBER_NOTE_NATIONAL:
        return "national prefix, country added";
    case NUMBER_NOTE_LOCAL_AREA:
        return "local, area code added";
    case NUMBER_NOTE_EXTENSION:
        return "extension";
    case NUMBER_NOTE_MISSING_PLUS:
        return "international without a plus";
    case NUMBER_NOTE_OUTSIDE_LINE:
        return "outside line taken off";
    case NUMBER_NOTE_SHORT:
        return "short or emergency number";
    case NUMBER_NOTE_FEATURE:
        return "feature code";
    case NUMBER_NOTE_IMPOSSIBLE:
        return "no number there has this length";
    case NUMBER_NOTE_NOT_A_NUMBER:
        return "not a number";
    case NUMBER_NOTE_NATIONAL_BARE:
        return "national without prefix";
    case NUMBER_NOTE_COUNT:
        break;
    }
    return "unknown";
}

bool number_is_short(const struct dialplan *plan, struct ctr_str digits)
{
    if (!plan->country[0] || digits.len < SHORT_MIN || digits.len > SHORT_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
    }
    return numbering_is_short(plan->country, digits.ptr, (size_t)digits.len);
}

/* "0800-FLOWERS", when there is such a service number; in North America any number. */
static bool collect_vanity(struct collect *c)
{
    const struct scan *scan = c->scan;
    struct numbering found;

    if (!scan->vanity_len ||
        !numbering_check(c->plan->country, scan->plus, scan->vanity, scan->vanity_len,
                         &found) ||
        !found.valid || !(found.service || found.calling_code == 1))
        return false;
    collect_add(c, &found, scan->plus ? NUMBER_NOTE_INTERNATIONAL : NUMBER_NOTE_NATIONAL);
    return true;
}

/* Short numbers and extensions, before anything else is thought of. */
static void collect_internal(struct collect *c)
{
    const struct dialplan *plan = c->plan;
    const struct scan *scan = c->scan;

    if (number_is_short(plan, str_make(scan->digits, scan->n)))
        collect_add_local(c, scan->digits, scan->n, NUMBER_NOTE_SHORT);
    if (scan->n > plan->extension_length)
        return;
    if (plan->main_number[0])
        collect_add_joined(c, plan->main_number, scan->digits, scan->n,
                           NUMBER_NOTE_EXTENSION);
    else
        collect_add_local(c, scan->digits, scan->n, NUMBER_NOTE_EXTENSION);
}

static unsigned collect(const struct dialplan *plan, struct ctr_str text,
                        struct number *out, unsigned max)
{
    struct scan scan;
    struct collect c = {.plan = plan, .scan = &scan, .out = out, .max = max};

    if (!scan_number(text, &scan))
        return 0;
    if (scan.feature) {
        collect_add_local(&c, scan.digits, scan.n, NUMBER_NOTE_FEATURE);
        return c.n;
    }
    if (collect_vanity(&c))
        return c.n;
    if (scan.vanity_len && scan.n < SHORT_MAX - 1)
        return 0; /* digits in a word */
    if (scan.plus) {
        collect_international(&c, scan.digits, scan.n, 0);
        return c.n;
    }
    collect_internal(&c);
    if (!collect_full(&c))
        collect_outside(&c, scan.digits, scan.n);
    return c.n;
}

void number_parse(const struct dialplan *plan, struct ctr_str text, struct number *out)
{
    if (collect(plan, text, out, 1) == 0)
        *out = (struct number){.class = NUMBER_NONE, .note = NUMBER_NOTE_NOT_A_NUMBER};
}

unsigned number_readings(const struct dialplan *plan, struct ctr_str text,
                         struct number out[NUMBER_READINGS_MAX])
{
    return collect(plan, text, out, NUMBER_READINGS_MAX);
}
