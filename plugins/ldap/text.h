/* text.h - byte strings as LDAP compares them, and the characters a client can show. */
#ifndef LDAP_TEXT_H
#define LDAP_TEXT_H

#include <stdbool.h>
#include <string.h>

#include "ber/ber.h"
#include "pool.h"

#define STR(literal) ((struct ctr_str){(literal), sizeof(literal) - 1})

static inline struct ctr_str str_of(const char *z)
{
    return (struct ctr_str){z, z ? strlen(z) : 0};
}

static inline bool str_same(struct ctr_str a, struct ctr_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* ASCII letters without case. */
bool text_same_nocase(struct ctr_str a, struct ctr_str b);
bool text_starts_nocase(struct ctr_str s, struct ctr_str prefix);
/* caseIgnoreMatch over ASCII: without case, runs of blanks are one, ends do not count.
 * Linear. returns <0, 0, >0 */
int text_compare(struct ctr_str a, struct ctr_str b);
struct ctr_str text_trim(struct ctr_str s);

/* What a listener's clients can show. */
enum { CHARSET_UTF8 = 0, CHARSET_LATIN1 = 1, CHARSET_ASCII = 2 };

bool text_is_utf8(struct ctr_str s);
/* The text itself where it is UTF-8, else read as Latin-1. .ptr NULL: no room. */
struct ctr_str text_from_client(struct pool *pool, struct ctr_str s);
/* Appends the first max_chars characters of UTF-8 text in the charset (0: all). What the
 * charset lacks is spelled with letters it has, or '?'. */
void text_put(struct ber_out *out, struct ctr_str s, int charset, size_t max_chars);

#endif
