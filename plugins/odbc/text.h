/* text.h - UTF-8 and the UTF-16 of ODBC's wide characters, names that are the same,
 * and text put together within a limit. */
#ifndef ODBC_TEXT_H
#define ODBC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes written, at most 3 for each unit; -1: a lone surrogate or a NUL. */
long text_from_utf16(const uint16_t *in, size_t units, char *out);
/* UTF-16 with a NUL, malloc'ed; NULL: out of memory or not UTF-8. *units: without the
 * NUL. */
uint16_t *text_to_utf16(const char *in, size_t n, size_t *units);
/* Well-formed, and without a NUL. */
bool text_is_utf8(const char *s, size_t n);
bool text_is_ascii(const char *s, size_t n);

/* Equal but for the case of ASCII letters and blanks at the ends. */
bool text_same_name(const char *a, const char *b);

/* Appends to the NUL-terminated text in `out` what fits, control characters as blanks,
 * whole characters only. */
void text_add(char *out, size_t cap, const char *more);
/* Replaces every `secret` (3 bytes and more) by "***". */
void text_hide(char *text, const char *secret);

#endif
