/* collect.c - adding readings, and the readings of digits with a prefix. */
#include <string.h>

#include "number/collect.h"

static bool known_already(const struct collect *c, const struct number *number)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->out[i].class == number->class && c->out[i].len == number->len &&
            memcmp(c->out[i].digits, number->digits, number->len) == 0)
            return true;
    }
    return false;
}

static void add(struct collect *c, const struct number *number)
{
    if (!collect_full(c) && !known_already(c, number))
        c->out[c->n++] = *number;
}

/* returns false: more digits than a number may have */
static bool put_digits(struct number *number, const char *digits, size_t n)
{
    if (number->len + n > NUMBER_DIGITS_MAX)
        return false;
    memcpy(number->digits + number->len, digits, n);
    number->len = (uint8_t)(number->len + n);
    number->digits[number->len] = '\0';
    return true;
}

static void apply_extension(const struct collect *c, struct number *number)
{
    if (c->scan->ext_len && strcmp(number->digits, c->plan->main_number) == 0 &&
        put_digits(number, c->scan->ext, c->scan->ext_len))
        number->note = NUMBER_NOTE_EXTENSION;
}

void collect_add(struct collect *c, const struct numbering *found, enum number_note note)
{
    struct number number = {.class = NUMBER_E164, .note = (uint8_t)note};

    (void)put_digits(&number, found->digits, found->len); /* fits by type */
    apply_extension(c, &number);
    number.trunk_len = trunk_of(c->plan, c->scan, &number,
                                found->len - numbering_code_digits(found->calling_code));
    add(c, &number);
}

void collect_add_joined(struct collect *c, const char *head, const char *digits, size_t n,
                        enum number_note note)
{
    struct number number = {.class = NUMBER_E164, .note = (uint8_t)note};

    if (put_digits(&number, head, strlen(head)) && put_digits(&number, digits, n))
        add(c, &number);
}

void collect_add_local(struct collect *c, const char *digits, size_t n,
                       enum number_note note)
{
    struct number number = {.class = NUMBER_LOCAL, .note = (uint8_t)note};

    if (put_digits(&number, digits, n))
        add(c, &number);
}

static bool has_prefix(const char *prefix, const char *digits, size_t n)
{
    size_t len = strlen(prefix);

    return len > 0 && n > len && memcmp(digits, prefix, len) == 0;
}

bool collect_has_international_prefix(const struct dialplan *plan, const char *digits,
                                      size_t n)
{
    return has_prefix(plan->international_prefix, digits, n);
}

bool collect_has_national_prefix(const struct dialplan *plan, const char *digits,
                                 size_t n)
{
    return has_prefix(plan->national_prefix, digits, n);
}

static bool is_known(const struct numbering *found)
{
    struct numbering checked;

    return numbering_check("", true, found->digits, found->len, &checked) &&
           checked.valid;
}

/* A short number behind a calling code or a national prefix, as gateways and outside
 * lines make it: "+49116117", "0116117". */
static bool add_short(struct collect *c, const char *digits, size_t n,
                      const struct numbering *found)
{
    if (!number_is_short(c->plan, str_make(digits, n)) || (found && is_known(found)))
        return false;
    collect_add_local(c, digits, n, NUMBER_NOTE_SHORT);
    return true;
}

/* "+34 (0)91 ...": a zero that is never dialled there. In Italy one may belong. */
static void without_zero(const struct collect *c, struct numbering *found)
{
    char digits[NUMBER_DIGITS_MAX];
    struct numbering other;
    size_t code = numbering_code_digits(found->calling_code);

    if (!c->scan->paren_zero || found->len <= code + 1u || found->digits[code] != '0' ||
        is_known(found))
        return;
    memcpy(digits, found->digits, code);
    memcpy(digits + code, found->digits + code + 1, found->len - code - 1u);
    if (numbering_international(digits, found->len - 1u, &other) && other.possible)
        *found = other;
}

/* Too few digits for any number there; the library then leaves a national prefix on. */
static bool is_fragment(const struct numbering *found)
{
    size_t code = numbering_code_digits(found->calling_code);
    size_t national = found->len - code;

    if (found->digits[code] == '0' && numbering_strips_zero(found->calling_code))
        return true;
    for (size_t n = national; n > 0; n--) { /* mostly the first is one */
        if (numbering_possible(found->calling_code, n))
            return false;
    }
    return true;
}

/* A refused or unlikely number is kept, so that it can be reported and found as it is. A
 * fragment must not look like the beginning of real numbers. */
static void add_found(struct collect *c, const struct numbering *found,
                      enum number_note note, const char *dialled, size_t n)
{
    if (!found || is_fragment(found))
        collect_add_local(c, dialled, n, NUMBER_NOTE_IMPOSSIBLE);
    else
        collect_add(c, found, found->possible ? note : NUMBER_NOTE_IMPOSSIBLE);
}

void collect_international(struct collect *c, const char *digits, size_t n, size_t prefix)
{
    const char *number = digits + prefix;
    size_t len = n - prefix, code_len = 0;
    struct numbering found;
    uint32_t code;
    bool read;

    if (len > 2 && number[0] == '0' && number[1] == '0') { /* "+0049" */
        number += 2;
        len -= 2;
    }
    read = numbering_international(number, len, &found);
    code = numbering_calling_code(number, len, &code_len);
    if (code && code == c->plan->calling_code &&
        add_short(c, number + code_len, len - code_len, read ? &found : NULL))
        return;
    if (read)
        without_zero(c, &found);
    add_found(c, read ? &found : NULL, NUMBER_NOTE_INTERNATIONAL, digits, n);
}

/* "049 89 ...": a zero too few before the own calling code. */
static bool lost_zero(const struct collect *c, const char *digits, size_t n,
                      struct numbering *found)
{
    enum { E164_DIGITS_MIN = 10 };
    size_t len, skip = strlen(c->plan->national_prefix);

    if (strcmp(c->plan->international_prefix, "00") != 0 || n < skip + E164_DIGITS_MIN)
        return false;
    digits += skip;
    n -= skip;
    return numbering_calling_code(digits, n, &len) == c->plan->calling_code &&
           numbering_check("", true, digits, n, found) && found->valid;
}

static void collect_national(struct collect *c, const char *digits, size_t n)
{
    struct numbering found, other;
    bool read = numbering_national(c->plan, digits, n, &found);
    bool lost = lost_zero(c, digits, n, &other);
    size_t prefix = strlen(c->plan->national_prefix);

    if (add_short(c, digits + prefix, n - prefix, read ? &found : NULL))
        return;
    if (lost && !(read && is_known(&found)))
        collect_add(c, &other, NUMBER_NOTE_INTERNATIONAL);
    add_found(c, read ? &found : NULL, NUMBER_NOTE_NATIONAL, digits, n);
    if (lost)
        collect_add(c, &other, NUMBER_NOTE_INTERNATIONAL);
}

void collect_dialled(struct collect *c, const char *digits, size_t n)
{
    const struct dialplan *plan = c->plan;

    if (collect_has_international_prefix(plan, digits, n))
        collect_international(c, digits, n, strlen(plan->international_prefix));
    else if (collect_has_national_prefix(plan, digits, n))
        collect_national(c, digits, n);
    else
        collect_bare(c, digits, n);
}
