/* collect.h - inside of number: gathering the readings of one text, best first.
 *
 * A step that finds a reading adds it; all steps stop once enough are found, so reading
 * for storing (one) costs no more than it must. */
#ifndef NUMBER_COLLECT_H
#define NUMBER_COLLECT_H

#include "number/numbering.h"
#include "number/scan.h"

struct collect {
    const struct dialplan *plan;
    const struct scan *scan;
    struct number *out;
    unsigned n, max;
};

static inline bool collect_full(const struct collect *c)
{
    return c->n == c->max;
}

/* An E.164 reading; its extension goes on when it is the plan's main number. */
void collect_add(struct collect *c, const struct numbering *found, enum number_note note);
/* Calling code, area or main number before digits, unless that gets too long. */
void collect_add_joined(struct collect *c, const char *head, const char *digits, size_t n,
                        enum number_note note);
/* Digits as dialled. */
void collect_add_local(struct collect *c, const char *digits, size_t n,
                       enum number_note note);

/* Digits as dialled; the first `prefix` of them are the international prefix. */
void collect_international(struct collect *c, const char *digits, size_t n,
                           size_t prefix);
/* Digits as dialled, the outside line taken off. */
void collect_dialled(struct collect *c, const char *digits, size_t n);
/* Digits with neither international nor national prefix. */
void collect_bare(struct collect *c, const char *digits, size_t n);
/* Digits that may begin with the outside line. */
void collect_outside(struct collect *c, const char *digits, size_t n);

bool collect_has_international_prefix(const struct dialplan *plan, const char *digits,
                                      size_t n);
bool collect_has_national_prefix(const struct dialplan *plan, const char *digits,
                                 size_t n);

/* How many of the number's digits are the company's trunk, 0: the notation shows none.
 * national: digits behind the calling code */
uint8_t trunk_of(const struct dialplan *plan, const struct scan *scan,
                 const struct number *number, size_t national);

#endif
