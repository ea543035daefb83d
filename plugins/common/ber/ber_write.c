/* ber_write.c - the writing half of ber.h. */
#include "ber.h"

#include <string.h>

void ber_put(struct ber_out *out, const void *data, size_t n)
{
    if (n > 0 && out->len <= out->cap && n <= out->cap - out->len)
        memcpy(out->data + out->len, data, n);
    out->len += n;
}

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
    uint8_t bytes[10] = {tag};
    unsigned n = 1;

    while (n < 8 && (value >> (8 * n - 1)) != 0 && (value >> (8 * n - 1)) != -1)
        n++;
    bytes[1] = (uint8_t)n;
    for (unsigned i = 0; i < n; i++)
        bytes[2 + i] = (uint8_t)((uint64_t)value >> (8 * (n - 1 - i)));
    ber_put(out, bytes, 2 + n);
}

void ber_put_bool(struct ber_out *out, uint8_t tag, bool value)
{
    uint8_t bytes[3] = {tag, 1, value ? 0xff : 0};

    ber_put(out, bytes, sizeof(bytes));
}

size_t ber_open(struct ber_out *out, uint8_t tag)
{
    if (out->len + 2 <= out->cap) {
        out->data[out->len] = tag;
        out->data[out->len + 1] = 0;
    }
    out->len += 2;
    return out->len;
}

/* One byte was kept for the length; a longer one moves the content up. Contents are
 * small, so the move costs less than counting first would. */
void ber_close(struct ber_out *out, size_t opened)
{
    size_t n = out->len - opened, more;
    uint8_t length[5];

    if (n < 0x80 && ber_fits(out)) {
        out->data[opened - 1] = (uint8_t)n;
        return;
    }
    more = encode_length(length, n) - 1;
    out->len += more;
    if (!ber_fits(out))
        return;
    if (more > 0)
        memmove(out->data + opened + more, out->data + opened, n);
    memcpy(out->data + opened - 1, length, more + 1);
}
