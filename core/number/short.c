/* short.c - remembers which short digit strings are service numbers: the library takes
 * some ten microseconds to say so, and extensions and suffixes ask again and again. */
#include <stdatomic.h>

#include "number/numbering.h"
#include "shim/phonenumber.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A word per slot holds the whole question and the answer, so that readers on any thread
 * see all of it or nothing, and a collision only costs asking the library again. */
enum { SLOTS = 1 << 15, DIGITS_MAX = 8, KNOWN = 1, SHORT = 2 };

static _Atomic uint64_t slots[SLOTS];

/* Country, length and digits; the two lowest bits are left for the answer. */
static uint64_t pack(const char *country, const char *digits, size_t n)
{
    uint64_t word = (uint64_t)(uint8_t)country[0] << 8 | (uint8_t)country[1];

    word = word << 4 | n;
    for (size_t i = 0; i < n; i++)
        word = word << 4 | (uint64_t)(digits[i] - '0');
    return word << 2;
}

bool numbering_is_short(const char *country, const char *digits, size_t n)
{
    _Atomic uint64_t *slot = NULL;
    uint64_t question, hash;
    bool answer;

    if (n > DIGITS_MAX)
        return false;
    question = pack(country, digits, n);
    hash = XXH3_64bits(&question, sizeof(question));
    /* Two places, or else two numbers that are asked often might share one for ever. */
    for (unsigned way = 0; way < 2; way++) {
        _Atomic uint64_t *at = &slots[(hash ^ way) % SLOTS];
        uint64_t known = atomic_load_explicit(at, memory_order_relaxed);

        if ((known & ~(uint64_t)(KNOWN | SHORT)) == question && (known & KNOWN))
            return known & SHORT;
        if (!slot || !(known & KNOWN))
            slot = at;
    }
    answer = phonenumber_is_short(country, digits, n);
    atomic_store_explicit(slot, question | KNOWN | (answer ? SHORT : 0),
                          memory_order_relaxed);
    return answer;
}
