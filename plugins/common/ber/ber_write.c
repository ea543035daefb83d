/* ber_write.c - the writing half of ber.h. */
#include "ber.h"

#include <endian.h>

/* The bytes of a length field. returns how many. */
static size_t encode_length(uint8_t to[5], size_t n)
{
    size_t count = n < 0x80 ? 0 : n <= 0xff ? 1 : n <= 0xffff ? 2 : n <= 0xffffff ? 3 : 4;

    to[0] = (uint8_t)(count ? 0x80 | count : n);
    for (size_t i = count; i > 0; i--, n >>= 8)
        to[i] = (uint8_t)n;
    return count + 1;
}

void ber_put_header(struct ber_out *out, uint8_t tag, size_t n)
{
    uint8_t header[BER_HEADER_MAX];

    header[0] = tag;
    ber_put(out, header, 1 + encode_length(header + 1, n));
}

void ber_put_str(struct ber_out *out, uint8_t tag, struct ctr_str s)
{
    if (s.len > 0 && s.len < 0x80 && ber_fits(out) && s.len + 2 <= out->cap - out->len) {
        uint8_t *to = out->data + out->len;

        to[0] = tag;
        to[1] = (uint8_t)s.len;
        memcpy(to + 2, s.ptr, s.len);
        out->len += s.len + 2;
        return;
    }
    ber_put_header(out, tag, s.len);
    ber_put(out, s.ptr, s.len);
}

void ber_put_z(struct ber_out *out, uint8_t tag, const char *z)
{
    ber_put_str(out, tag, (struct ctr_str){z, strlen(z)});
}

void ber_put_int(struct ber_out *out, uint8_t tag, int64_t value)
{
    uint64_t magnitude = (uint64_t)(value < 0 ? ~value : value);
    unsigned n = (64 - (unsigned)__builtin_clzll(magnitude | 1)) / 8 + 1;
    uint64_t content = htobe64((uint64_t)value << (64 - 8 * n));
    uint8_t bytes[10] = {tag, (uint8_t)n};

    memcpy(bytes + 2, &content, sizeof(content));
    ber_put(out, bytes, 2 + n);
}

void ber_put_bool(struct ber_out *out, uint8_t tag, bool value)
{
    uint8_t bytes[3] = {tag, 1, value ? 0xff : 0};

    ber_put(out, bytes, sizeof(bytes));
}

void ber_close_any(struct ber_out *out, size_t opened)
{
    size_t n = out->len - opened, more;
    uint8_t length[5];

    more = encode_length(length, n) - 1;
    out->len += more;
    if (!ber_fits(out))
        return;
    if (more > 0)
        memmove(out->data + opened + more, out->data + opened, n);
    memcpy(out->data + opened - 1, length, more + 1);
}
