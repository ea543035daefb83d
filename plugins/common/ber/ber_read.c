/* ber_read.c - the reading half of ber.h. */
#include "ber.h"

/* Splits off tag and length. returns the header's size, 0: incomplete, or -CTR_EFORMAT.
 */
static int read_header(const uint8_t *p, size_t n, size_t *length)
{
    size_t value = 0;
    unsigned count;

    if (n < 1)
        return 0;
    if ((p[0] & 0x1f) == 0x1f)
        return -CTR_EFORMAT; /* tags of several bytes do not occur in LDAP */
    if (n < 2)
        return 0;
    if (p[1] < 0x80) {
        *length = p[1];
        return 2;
    }
    count = p[1] & 0x7fu;
    if (count == 0 || count > BER_HEADER_MAX - 2)
        return -CTR_EFORMAT; /* indefinite, or longer than anything we take */
    if (n < 2 + count)
        return 0;
    for (unsigned i = 0; i < count; i++)
        value = value << 8 | p[2 + i];
    *length = value;
    return (int)(2 + count);
}

int64_t ber_frame(const uint8_t *data, size_t n, uint8_t tag, size_t max)
{
    size_t length;
    int header;

    if (n > 0 && data[0] != tag)
        return -CTR_EFORMAT;
    header = read_header(data, n, &length);
    if (header <= 0)
        return header;
    if (length > max)
        return -CTR_ESIZE;
    return (int64_t)length + header;
}

int ber_next_any(struct ber *b, uint8_t *tag, struct ber *content)
{
    size_t left = ber_left(b);
    size_t length;
    int header = read_header(b->at, left, &length);

    if (header <= 0 || length > left - (size_t)header)
        return -CTR_EFORMAT;
    *tag = b->at[0];
    content->at = b->at + header;
    content->end = content->at + length;
    b->at = content->end;
    return 0;
}

int ber_int_any(struct ber *b, uint8_t tag, int64_t *out)
{
    struct ber rest = *b;
    struct ber content;
    uint64_t value;
    size_t n;

    if (ber_enter(&rest, tag, &content))
        return -CTR_EFORMAT;
    n = ber_left(&content);
    if (n < 1 || n > 8)
        return -CTR_EFORMAT;
    value = content.at[0] & 0x80 ? ~UINT64_C(0) : 0;
    while (content.at < content.end)
        value = value << 8 | *content.at++;
    *out = (int64_t)value;
    *b = rest;
    return 0;
}

int ber_bool(struct ber *b, uint8_t tag, bool *out)
{
    struct ber rest = *b;
    struct ber content;

    if (ber_enter(&rest, tag, &content) || ber_left(&content) != 1)
        return -CTR_EFORMAT;
    *out = *content.at != 0;
    *b = rest;
    return 0;
}

int ber_ignore_rest(struct ber *b)
{
    struct ber content;
    uint8_t tag;

    while (ber_left(b) > 0)
        if (ber_next(b, &tag, &content))
            return -CTR_EFORMAT;
    return 0;
}
