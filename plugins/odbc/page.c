/* page.c - values as the driver gives them, as UTF-8 or bytes of a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn_private.h"
#include "text.h"

static char *room(struct page *p, size_t n)
{
    size_t cap = p->cap ? p->cap : 64 * 1024;
    char *text;

    if (p->len + n <= p->cap)
        return p->text + p->len;
    while (cap < p->len + n)
        cap *= 2;
    text = realloc(p->text, cap);
    if (!text)
        return NULL;
    p->text = text;
    p->cap = cap;
    return text + p->len;
}

static int32_t put_text(const char *in, size_t n, char *out)
{
    if (!text_is_utf8(in, n))
        return CELL_NOT_TEXT;
    memcpy(out, in, n);
    return (int32_t)n;
}

static int32_t put_hex(const uint8_t *in, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    return (int32_t)(2 * n);
}

/* The fraction without zeros at its end. */
static int32_t put_stamp(const SQL_TIMESTAMP_STRUCT *s, char *out)
{
    int n = sprintf(out, "%04d-%02u-%02u %02u:%02u:%02u", s->year, s->month, s->day,
                    s->hour, s->minute, s->second);

    if (s->fraction && s->fraction < 1000000000) {
        n += sprintf(out + n, ".%09u", (unsigned)s->fraction);
        while (out[n - 1] == '0')
            n--;
    }
    return n;
}

/* A value in the form the driver gave it, as the page keeps it; out has room for 3 bytes
 * a character. */
static int32_t put(const struct column *column, const void *in, size_t n, char *out)
{
    const SQL_DATE_STRUCT *d = in;

    switch (column->form) {
    case FORM_WIDE: {
        long len = text_from_utf16(in, n / sizeof(SQLWCHAR), out);

        return len < 0 ? CELL_NOT_TEXT : (int32_t)len;
    }
    case FORM_BYTES:
        if (!column->photo)
            return put_hex(in, n, out);
        memcpy(out, in, n);
        return (int32_t)n;
    case FORM_STAMP:
        return put_stamp(in, out);
    case FORM_DATE:
        return sprintf(out, "%04d-%02u-%02u", d->year, d->month, d->day);
    default:
        return put_text(in, n, out);
    }
}

bool page_put(struct page *p, struct cell *cell, const struct column *column,
              const void *in, size_t n)
{
    char *out = room(p, 3 * n + 64);

    if (!out)
        return false;
    cell->offset = (uint32_t)p->len;
    cell->len = put(column, in, n, out);
    if (cell->len > 0)
        p->len += (size_t)cell->len;
    return true;
}
