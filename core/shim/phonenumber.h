/* phonenumber.h - libphonenumber for C: what the fast path of core/number does not
 * decide.
 *
 * Thread-safe after phonenumber_init. Nothing is printed and no exception leaves. */
#ifndef SHIM_PHONENUMBER_H
#define SHIM_PHONENUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PHONENUMBER_DIGITS_MAX = 24 };

struct phonenumber {
    uint32_t calling_code;
    bool possible; /* a length that full national numbers there have */
    bool valid;    /* asked only with PHONENUMBER_CHECK; the range is known */
    bool service; /* asked only with PHONENUMBER_CHECK; toll-free, premium and the like */
    uint8_t len;
    char digits[PHONENUMBER_DIGITS_MAX + 1]; /* calling code and on, no plus */
};

enum phonenumber_effort { PHONENUMBER_PARSE, PHONENUMBER_CHECK };

/* Loads the metadata. returns 0 | -CTR_ENOMEM | -CTR_EINTERNAL */
int phonenumber_init(void);

/* text    ASCII or UTF-8, as written
 * region  ISO 3166 upper case; NULL or "": international notation only
 * returns 0 | -CTR_EFORMAT (not a number) | -CTR_ENOMEM | -CTR_EINTERNAL */
int phonenumber_parse(const char *region, const char *text, size_t len,
                      enum phonenumber_effort effort, struct phonenumber *out);

/* Emergency, service and directory numbers as dialled in the region. Ranges that only
 * take text messages or belong to one carrier do not count: in some countries they are
 * nearly all short numbers there are. */
bool phonenumber_is_short(const char *region, const char *digits, size_t len);

/* 0: no such region. */
uint32_t phonenumber_calling_code(const char *region);
/* The main region of a calling code: "GB" for 44. returns false: no such code */
bool phonenumber_region(uint32_t calling_code, char region[3]);
/* Digits of the national prefix, "" where there is none; empty too when it does not fit.
 */
void phonenumber_national_prefix(const char *region, char *out, size_t cap);
/* Bit n is set when full national numbers may have n digits. */
uint32_t phonenumber_lengths(uint32_t calling_code);

#ifdef __cplusplus
}
#endif

#endif
