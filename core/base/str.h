/* str.h - byte strings: views (struct ctr_str) and a growing buffer. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "contactor/types.h"

#define STR_FMT          "%.*s"
#define STR_ARG(s)       (int)(s).len, (s).ptr ? (s).ptr : ""
#define STR_LIT(literal) ((struct ctr_str){(literal), sizeof(literal) - 1})

static inline struct ctr_str str_of(const char *z)
{
    return (struct ctr_str){z, z ? strlen(z) : 0};
}

static inline struct ctr_str str_make(const char *ptr, size_t len)
{
    return (struct ctr_str){ptr, len};
}

static inline bool str_eq(struct ctr_str a, struct ctr_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_eq_z(struct ctr_str a, const char *z)
{
    return str_eq(a, str_of(z));
}

/* ASCII only. */
bool str_eq_nocase(struct ctr_str a, struct ctr_str b);
bool str_starts(struct ctr_str s, struct ctr_str prefix);
/* <0, 0, >0; bytes, the shorter first. */
int str_cmp(struct ctr_str a, struct ctr_str b);
/* Without ASCII white space at both ends. */
struct ctr_str str_trim(struct ctr_str s);
/* Valid UTF-8 (no surrogates, no overlong forms, <= U+10FFFF). */
bool str_is_utf8(struct ctr_str s);
/* Damerau-Levenshtein distance, for "did you mean"; at most `limit`+1. */
unsigned str_distance(const char *a, const char *b, unsigned limit);

/* A growing buffer, NUL kept behind the end. Zero-initialise; small growth aborts when
 * memory is out; a buffer with `max` set refuses (-CTR_ENOMEM, sticky) beyond it. */
struct strbuf {
    char *ptr;
    size_t len, cap;
    size_t max; /* 0: no limit */
    int error;
};

int strbuf_add(struct strbuf *b, const void *data, size_t n);
int strbuf_str(struct strbuf *b, struct ctr_str s);
int strbuf_z(struct strbuf *b, const char *z);
int strbuf_char(struct strbuf *b, char c);
int strbuf_fmt(struct strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int strbuf_vfmt(struct strbuf *b, const char *fmt, va_list ap);
void strbuf_reset(struct strbuf *b); /* keeps the memory */
void strbuf_finish(struct strbuf *b);
/* The NUL-terminated content; the caller frees it; the buffer is empty again. */
char *strbuf_take(struct strbuf *b);

#endif
