/* trunk.c - direct-dial extensions that the notation shows: "+49 89 840798-192".
 *
 * Only in Germany and Austria does a last dash mean that; elsewhere it is a way of
 * grouping. */
#include <string.h>

#include "number/collect.h"

enum {
    EXTENSION_MAX = 5,
    SUBSCRIBER_MIN = 3,
    SUBSCRIBER_AMONG_DASHES_MIN = 4 /* 089-840-798 is grouped, 089-840798-192 is not */
};

/* Numbers of a place. Mobile and service numbers have no extensions. */
static bool is_geographic(const char *digits)
{
    const char *national = digits + 2;

    if (memcmp(digits, "43", 2) == 0)
        return national[0] >= '1' && national[0] <= '7' && national[0] != '6';
    return memcmp(digits, "49", 2) == 0 && national[0] != '1' &&
           strncmp(national, "700", 3) != 0 && strncmp(national, "800", 3) != 0 &&
           strncmp(national, "900", 3) != 0;
}

static bool has_extension_notation(const struct dialplan *plan,
                                   const struct number *number)
{
    return (plan->calling_code == 49 || plan->calling_code == 43) &&
           number->class == NUMBER_E164 && number->len > 2 &&
           is_geographic(number->digits);
}

/* The first digit behind the last dash, 0: no dash, or something stands behind it. */
static size_t last_group(const struct scan *scan)
{
    for (size_t i = scan->n; i-- > 1;) {
        if (scan->gap[i])
            return scan->gap[i] & SCAN_GAP_DASH ? i : 0;
    }
    return 0;
}

uint8_t trunk_of(const struct dialplan *plan, const struct scan *scan,
                 const struct number *number, size_t national)
{
    size_t group = last_group(scan), first, subscriber = 0, dashes = 0;
    size_t length = scan->n - group;

    if (group == 0 || length > EXTENSION_MAX || length >= national || scan->ext_len ||
        !has_extension_notation(plan, number))
        return 0;
    /* Where the national number begins in the text; with an area code added, before it.
     */
    first = scan->n > national ? scan->n - national : 0;
    if (scan->n >= national) {
        for (subscriber = first + 1; subscriber < group && !scan->gap[subscriber];)
            subscriber++;
    }
    for (size_t i = first + 1; i < group; i++)
        dashes += (scan->gap[i] & SCAN_GAP_DASH) != 0;
    if (subscriber >= group || group - subscriber < SUBSCRIBER_MIN || dashes > 1)
        return 0;
    if (dashes == 1 && (!(scan->gap[subscriber] & SCAN_GAP_DASH) ||
                        group - subscriber < SUBSCRIBER_AMONG_DASHES_MIN))
        return 0;
    return (uint8_t)(number->len - length);
}
