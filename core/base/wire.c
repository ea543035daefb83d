/* wire.c - numbers of variable length, seven bits a byte, lowest first. */
#include "base/wire.h"

#include <limits.h>

/* ---- writing -------------------------------------------------------------------- */

void wire_put_u(struct strbuf *out, uint64_t n)
{
    char bytes[10];
    size_t len = 0;

    for (; n >= 0x80; n >>= 7)
        bytes[len++] = (char)(n | 0x80);
    bytes[len++] = (char)n;
    strbuf_add(out, bytes, len);
}

/* The sign in the lowest bit, so that small numbers stay short. */
void wire_put_i(struct strbuf *out, int64_t n)
{
    wire_put_u(out, ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0));
}

void wire_put_str(struct strbuf *out, struct ctr_str s)
{
    if (!s.ptr) {
        wire_put_u(out, 0);
        return;
    }
    wire_put_u(out, s.len + 1);
    strbuf_str(out, s);
}

void wire_put_z(struct strbuf *out, const char *z)
{
    wire_put_str(out, str_of(z));
}

/* ---- reading -------------------------------------------------------------------- */

struct wire wire_of(const void *data, size_t n)
{
    const uint8_t *at = data;

    return (struct wire){at, at + n, false};
}

static uint64_t fail(struct wire *w)
{
    w->bad = true;
    w->at = w->end;
    return 0;
}

uint64_t wire_u(struct wire *w)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && w->at < w->end; shift += 7) {
        uint8_t byte = *w->at++;

        if (shift == 63 && byte > 1)
            break;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return n;
    }
    return fail(w);
}

uint32_t wire_u32(struct wire *w, uint32_t max)
{
    uint64_t n = wire_u(w);

    return n <= max ? (uint32_t)n : (uint32_t)fail(w);
}

int64_t wire_i(struct wire *w)
{
    uint64_t n = wire_u(w);

    return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

int32_t wire_i32(struct wire *w)
{
    int64_t n = wire_i(w);

    return n >= INT32_MIN && n <= INT32_MAX ? (int32_t)n : (int32_t)fail(w);
}

struct ctr_str wire_str(struct wire *w)
{
    uint64_t n = wire_u(w);
    struct ctr_str s = {NULL, 0};

    if (n == 0 || w->bad)
        return s;
    if (n - 1 > (uint64_t)(w->end - w->at)) {
        fail(w);
        return s;
    }
    s = str_make((const char *)w->at, n - 1);
    w->at += n - 1;
    return s;
}

bool wire_done(const struct wire *w)
{
    return !w->bad && w->at == w->end;
}
