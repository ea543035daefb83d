/* bare.c - digits with neither international nor national prefix: a local number, one
 * that lost its plus, a national number where no prefix is dialled. */
#include <string.h>

#include "number/collect.h"

enum {
    E164_DIGITS_MIN = 10,     /* fewer digits are never read as E.164 without a plus */
    NEUTRAL_DIGITS_MIN = 11,  /* likewise where no country is known: US numbers have 10 */
    LOCAL_DIGITS_MIN = 4,     /* fewer digits are an extension */
    EXTENSION_DIGITS_MAX = 5, /* and up to here they are likely to be one */
    MAIN_TAIL_SURE = 4,     /* digits of the main number before an extension: it is one */
    MAIN_TAIL_MIN = 2,      /* it may be one */
    NATIONAL_USUAL_MAX = 11 /* area code and subscriber; more only with extensions */
};

/* E.164 without a plus, of the own country or of another. */
static bool add_missing_plus(struct collect *c, const char *digits, size_t n, bool own,
                             size_t min)
{
    struct numbering found;
    size_t len;
    uint32_t code = numbering_calling_code(digits, n, &len);

    if (code == 0 || own != (code == c->plan->calling_code) || n < min ||
        !numbering_check("", true, digits, n, &found) || !found.valid)
        return false;
    collect_add(c, &found, NUMBER_NOTE_MISSING_PLUS);
    return true;
}

/* What the library makes of it; it too finds out about a missing plus. */
static bool add_national(struct collect *c, const char *digits, size_t n, bool only_valid,
                         size_t max)
{
    struct numbering found;
    bool had_code;

    if (!only_valid && numbering_fast_national(c->plan, digits, n, &found)) {
        collect_add(c, &found, NUMBER_NOTE_NATIONAL_BARE);
        return true;
    }
    if (!numbering_check(c->plan->country, false, digits, n, &found) ||
        !(only_valid ? found.valid : found.possible) ||
        found.len > numbering_code_digits(found.calling_code) + max)
        return false;
    had_code = found.len == n && memcmp(found.digits, digits, n) == 0;
    collect_add(c, &found,
                had_code ? NUMBER_NOTE_MISSING_PLUS : NUMBER_NOTE_NATIONAL_BARE);
    return true;
}

/* Calling code and area code before it, as long as such a number may be. */
static bool add_local_area(struct collect *c, const char *digits, size_t n, size_t max)
{
    const struct dialplan *plan = c->plan;
    struct numbering found;

    if (n < LOCAL_DIGITS_MIN || !plan->area_code[0] ||
        strlen(plan->area_code) + n > max || !numbering_local(plan, digits, n, &found))
        return false;
    collect_add(c, &found, NUMBER_NOTE_LOCAL_AREA);
    return true;
}

/* An extension with the end of the main number before it: "798192", "840798192". head:
 * how many digits of the main number there must be at least */
static void add_main_tail(struct collect *c, const char *digits, size_t n, size_t head)
{
    const struct dialplan *plan = c->plan;
    size_t main_len = strlen(plan->main_number);

    for (size_t ext = 1; ext <= plan->extension_length && ext + head <= n; ext++) {
        size_t tail = n - ext;
        if (tail <= main_len &&
            memcmp(plan->main_number + main_len - tail, digits, tail) == 0) {
            collect_add_joined(c, plan->main_number, digits + tail, ext,
                               NUMBER_NOTE_EXTENSION);
            return;
        }
    }
}

static void collect_in_country(struct collect *c, const char *digits, size_t n)
{
    const bool closed = numbering_is_bare(c->plan);
    const bool area = c->plan->area_code[0] != '\0';

    add_missing_plus(c, digits, n, true, E164_DIGITS_MIN);
    if (!area)
        add_main_tail(c, digits, n, MAIN_TAIL_SURE);
    if (collect_full(c))
        return;
    if (closed && add_national(c, digits, n, area, NUMBER_DIGITS_MAX) && collect_full(c))
        return;
    if (add_local_area(c, digits, n, NATIONAL_USUAL_MAX) || collect_full(c)) {
        add_main_tail(c, digits, n, MAIN_TAIL_MIN);
        return;
    }
    if (!closed && n >= LOCAL_DIGITS_MIN)
        add_national(c, digits, n, true, NATIONAL_USUAL_MAX);
    if (!collect_full(c))
        add_missing_plus(c, digits, n, false, E164_DIGITS_MIN);
    /* Longer than usual, but not impossible. */
    if (!collect_full(c) && !closed && n > NATIONAL_USUAL_MAX)
        add_national(c, digits, n, true, NUMBER_DIGITS_MAX);
    if (!collect_full(c))
        add_local_area(c, digits, n, NUMBER_DIGITS_MAX);
    add_main_tail(c, digits, n, MAIN_TAIL_MIN);
}

void collect_bare(struct collect *c, const char *digits, size_t n)
{
    if (c->plan->country[0])
        collect_in_country(c, digits, n);
    else
        add_missing_plus(c, digits, n, false, NEUTRAL_DIGITS_MIN);
    /* As dialled, last: a source without a dial plan may have stored it so. */
    collect_add_local(c, digits, n,
                      n <= EXTENSION_DIGITS_MAX ? NUMBER_NOTE_EXTENSION
                                                : NUMBER_NOTE_IMPOSSIBLE);
}
