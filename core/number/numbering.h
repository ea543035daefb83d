/* numbering.h - inside of number: what is known about countries, and the two ways from
 * digits to E.164: the fast path, which only takes what it is sure of, and the library.
 */
#ifndef NUMBER_NUMBERING_H
#define NUMBER_NUMBERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "number/number.h"

/* A number found. digits: calling code and on. */
struct numbering {
    uint32_t calling_code;
    uint8_t len;
    bool possible; /* a length that full numbers there have */
    bool valid;    /* known range; only after numbering_check */
    bool service;  /* toll-free and the like; only after numbering_check */
    char digits[NUMBER_DIGITS_MAX + 1];
};

int numbering_init(void);

/* Digits after the plus. returns false: left to the library */
bool numbering_fast_international(const char *digits, size_t n, struct numbering *out);
/* Digits as dialled in the country, no international prefix: with the national prefix,
 * or without one where there is none. returns false: left to the library */
bool numbering_fast_national(const struct dialplan *plan, const char *digits, size_t n,
                             struct numbering *out);

/* Fast path, else library. returns false: the library refuses it */
bool numbering_international(const char *digits, size_t n, struct numbering *out);
bool numbering_national(const struct dialplan *plan, const char *digits, size_t n,
                        struct numbering *out);

/* Calling code and area code before the digits. returns false: not a length there is */
bool numbering_local(const struct dialplan *plan, const char *digits, size_t n,
                     struct numbering *out);

/* From the library alone, with validity; plus: digits follow a plus. */
bool numbering_check(const char *country, bool plus, const char *digits, size_t n,
                     struct numbering *out);

/* Fills calling code and national prefix of plan->country. returns false: no such one */
bool numbering_country(struct dialplan *plan);
bool numbering_is_short(const char *country, const char *digits, size_t n);

/* The calling code that begins these digits; 0: none. *len gets its digits. */
uint32_t numbering_calling_code(const char *digits, size_t n, size_t *len);
size_t numbering_code_digits(uint32_t calling_code);
bool numbering_possible(uint32_t calling_code, size_t national_digits);
/* A zero after the calling code is the national prefix, never part of the number. */
bool numbering_strips_zero(uint32_t calling_code);
/* National numbers are dialled without a prefix (IT, ES, US ...). */
bool numbering_is_bare(const struct dialplan *plan);

#endif
