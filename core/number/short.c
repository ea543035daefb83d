/* short.c - remembers which short digit strings are service numbers: the library takes
 * some ten microseconds to say so, and extensions and suffixes ask again and again.
 *
 * A country has two bits for every string of up to DIGITS_MAX digits, so nothing is asked
 * twice. All strings of six digits lie in 250 KB, and what nobody asks for is never
 * touched: it costs addresses and no memory. */
#include <stdatomic.h>
#include <stdlib.h>

#include "number/numbering.h"
#include "shim/phonenumber.h"

enum {
    DIGITS_MAX = 7,
    STRINGS = 20000000, /* a 1 before the digits tells "05" from "5" */
    PER_WORD = 16,
    KNOWN = 1,
    SHORT = 2
};

struct answers {
    _Atomic uint32_t words[STRINGS / PER_WORD];
};

static _Atomic(struct answers *) countries[26][26];

/* NULL: no country, or no memory. */
static struct answers *answers_of(const char *country)
{
    unsigned a = (unsigned)(country[0] - 'A'), b = (unsigned)(country[1] - 'A');
    struct answers *have, *mine;

    if (a >= 26 || b >= 26)
        return NULL;
    have = atomic_load_explicit(&countries[a][b], memory_order_acquire);
    if (have)
        return have;
    mine = calloc(1, sizeof(*mine));
    if (!mine || atomic_compare_exchange_strong(&countries[a][b], &have, mine))
        return mine;
    free(mine); /* another thread was first */
    return have;
}

bool numbering_is_short(const char *country, const char *digits, size_t n)
{
    struct answers *answers;
    uint32_t string = 1, shift, word;
    bool answer;

    if (n > DIGITS_MAX)
        return false;
    answers = answers_of(country);
    if (!answers)
        return phonenumber_is_short(country, digits, n);
    for (size_t i = 0; i < n; i++)
        string = string * 10 + (uint32_t)(digits[i] - '0');
    shift = string % PER_WORD * 2;
    word = atomic_load_explicit(&answers->words[string / PER_WORD], memory_order_relaxed);
    if (word >> shift & KNOWN)
        return word >> shift & SHORT;
    answer = phonenumber_is_short(country, digits, n);
    atomic_fetch_or_explicit(&answers->words[string / PER_WORD],
                             (uint32_t)(answer ? KNOWN | SHORT : KNOWN) << shift,
                             memory_order_relaxed);
    return answer;
}
