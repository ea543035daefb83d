/* scan.h - inside of number: from a text as people and devices write it to its digits. */
#ifndef NUMBER_SCAN_H
#define NUMBER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "number/number.h"

enum { SCAN_EXT_MAX = 7 };

/* What stood before a digit. */
enum scan_gap { SCAN_GAP_NONE = 0, SCAN_GAP_DASH = 1, SCAN_GAP_OTHER = 2 };

struct scan {
    bool plus;       /* a plus, or an international phone-context */
    bool feature;    /* digits hold a feature code, with * and # */
    bool several;    /* more numbers follow; this is the first */
    bool paren_zero; /* "(0)" was written somewhere */
    uint8_t n;
    uint8_t ext_len;
    uint8_t vanity_len; /* > 0: read as the letters of a keypad there are more digits */
    char digits[NUMBER_DIGITS_MAX + 1];
    uint8_t gap[NUMBER_DIGITS_MAX + 1]; /* enum scan_gap, for feature codes not set */
    char ext[SCAN_EXT_MAX + 1];
    char vanity[NUMBER_DIGITS_MAX + 1];
};

/* Reads a text. returns false: there is no number in it */
bool scan_number(struct ctr_str text, struct scan *out);

/* Brings every way of writing plus, digits, blanks and dashes to ASCII and drops
 * invisible characters. What is no ASCII becomes SCAN_FOREIGN. returns bytes, never more
 * than in. */
enum { SCAN_FOREIGN = 1 };
size_t scan_normalise(struct ctr_str text, char out[NUMBER_TEXT_MAX]);

/* Takes "tel:" and its like off. returns the bytes it takes, 0: none */
size_t scan_scheme(const char *s, size_t n);

#endif
