/* text.h - small text: UTF-8, ids in words, clocks. */
#ifndef LDAP_SOURCE_TEXT_H
#define LDAP_SOURCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contactor/types.h"

enum { TEXT_UUID = 37 }; /* 36 characters and a NUL */

/* Bytes of the character at s: 1..4, 0: not UTF-8. */
size_t text_utf8_step(const char *s, size_t n);
bool text_utf8(const char *s, size_t n);
/* Without blanks and control characters at its ends. */
struct ctr_str text_trim(struct ctr_str s);

/* 16 bytes in network order as text; AD's objectGUID has its first three parts in the
 * order of a PC. */
void text_uuid(const uint8_t raw[16], char out[TEXT_UUID]);
void text_guid(const uint8_t raw[16], char out[TEXT_UUID]);
/* returns false: not such a text */
bool text_uuid_parse(const char *s, size_t n, uint8_t raw[16]);

/* "20261122001500Z", fractions allowed: seconds since 1970. false: not such a time */
bool text_time_parse(const char *s, size_t n, int64_t *seconds);
enum { TEXT_TIME = 24 };
void text_time(int64_t seconds, char out[TEXT_TIME]);

/* Milliseconds of a clock that never jumps. */
int64_t text_now(void);

#endif
