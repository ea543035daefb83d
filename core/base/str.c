/* str.c - comparing and checking views, and the growing buffer. */
#include "base/str.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_eq_nocase(struct ctr_str a, struct ctr_str b)
{
    if (a.len != b.len)
        return false;
    for (uint64_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool str_starts(struct ctr_str s, struct ctr_str prefix)
{
    return s.len >= prefix.len && str_eq(str_make(s.ptr, prefix.len), prefix);
}

int str_cmp(struct ctr_str a, struct ctr_str b)
{
    uint64_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct ctr_str str_trim(struct ctr_str s)
{
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_space(*s.ptr)) {
        s.ptr++;
        s.len--;
    }
    return s;
}

/* The length of the UTF-8 sequence at p with `left` bytes to go, 0 if it is not one. */
static size_t utf8_length(const unsigned char *p, uint64_t left)
{
    unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0; /* shorter would do */
    else if (p[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool str_is_utf8(struct ctr_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;

    for (uint64_t left = s.len; left > 0;) {
        size_t n = utf8_length(p, left);

        if (n == 0)
            return false;
        p += n;
        left -= n;
    }
    return true;
}

enum { DISTANCE_MAX = 64 }; /* longer names are not typing mistakes of each other */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned str_distance(const char *a, const char *b, unsigned limit)
{
    size_t na = strlen(a), nb = strlen(b);
    size_t apart = na > nb ? na - nb : nb - na;
    unsigned rows[3][DISTANCE_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    if (limit == UINT_MAX)
        limit--;
    if (apart > limit || na > DISTANCE_MAX || nb > DISTANCE_MAX)
        return strcmp(a, b) == 0 ? 0 : limit + 1;
    for (size_t j = 0; j <= nb; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *oldest = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned changed = a[i - 1] == b[j - 1] ? 0 : 1;

            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + changed);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[nb] <= limit ? above[nb] : limit + 1;
}

/* Room for n more bytes and the NUL. */
static int strbuf_reserve(struct strbuf *b, size_t n)
{
    size_t need, cap;

    if (b->error)
        return b->error;
    if (n > SIZE_MAX / 4 - b->len || (b->max > 0 && n > b->max - b->len))
        return b->error = -CTR_ENOMEM;
    need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    b->ptr = xrealloc(b->ptr, cap);
    b->cap = cap;
    return 0;
}

int strbuf_add(struct strbuf *b, const void *data, size_t n)
{
    int err = strbuf_reserve(b, n);

    if (err)
        return err;
    if (n > 0)
        memcpy(b->ptr + b->len, data, n);
    b->len += n;
    b->ptr[b->len] = '\0';
    return 0;
}

int strbuf_str(struct strbuf *b, struct ctr_str s)
{
    if (s.len > SIZE_MAX)
        return b->error = -CTR_ENOMEM;
    return strbuf_add(b, s.ptr, (size_t)s.len);
}

int strbuf_z(struct strbuf *b, const char *z)
{
    return strbuf_add(b, z, strlen(z));
}

int strbuf_char(struct strbuf *b, char c)
{
    return strbuf_add(b, &c, 1);
}

int strbuf_fmt(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;
    int err;

    va_start(ap, fmt);
    err = strbuf_vfmt(b, fmt, ap);
    va_end(ap);
    return err;
}

int strbuf_vfmt(struct strbuf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n, err;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ensure(n >= 0);
    err = strbuf_reserve(b, (size_t)n);
    if (err)
        return err;
    vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

void strbuf_reset(struct strbuf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->ptr)
        b->ptr[0] = '\0';
}

void strbuf_finish(struct strbuf *b)
{
    free(b->ptr);
    *b = (struct strbuf){.max = b->max};
}

char *strbuf_take(struct strbuf *b)
{
    char *content = b->ptr ? b->ptr : xstrdup("");

    *b = (struct strbuf){.max = b->max};
    return content;
}
