/* ber.h - reading and writing the part of BER that LDAP uses (RFC 4511 section 5.1).
 *
 * Definite lengths and one-byte tags only. The reader walks borrowed bytes and never
 * looks outside them; the writer fills a buffer front to back and keeps counting when it
 * is full, so one pass tells how much room is needed. */
#ifndef COMMON_BER_H
#define COMMON_BER_H

#include <stdbool.h>
#include <string.h>

#include "contactor/error.h"
#include "contactor/types.h"

enum {
    BER_BOOLEAN = 0x01,
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_ENUMERATED = 0x0a,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31
};
#define BER_CONTEXT(n)      ((uint8_t)(0x80 | (n)))
#define BER_CONTEXT_CONS(n) ((uint8_t)(0xa0 | (n)))

/* Longest header the reader accepts: a tag and a length of up to four bytes behind it. */
enum { BER_HEADER_MAX = 6 };

/* --- reading ----------------------------------------------------------------------- */

/* What is left to read of one content. */
struct ber {
    const uint8_t *at, *end;
};

/* data may be NULL when n is 0. */
static inline struct ber ber_over(const void *data, size_t n)
{
    struct ber b = {data, data ? (const uint8_t *)data + n : NULL};

    return b;
}

static inline size_t ber_left(const struct ber *b)
{
    return (size_t)(b->end - b->at);
}

/* The next tag, or -1 at the end. */
static inline int ber_peek(const struct ber *b)
{
    return b->at < b->end ? *b->at : -1;
}

/* How long the element at `data` is, of which n bytes have arrived.
 * returns >0: its whole length, which may be more than n | 0: the header is incomplete |
 * -CTR_EFORMAT: no element we read | -CTR_ESIZE: content longer than max */
int64_t ber_frame(const uint8_t *data, size_t n, uint8_t tag, size_t max);

/* ber_next whatever the form of the length; the others are for the caller to use. */
int ber_next_any(struct ber *b, uint8_t *tag, struct ber *content);

/* All of these take one element off b: 0 | -CTR_EFORMAT, then b is unchanged. Nearly all
 * elements have a length of one byte, which is read in place. */
static inline int ber_next(struct ber *b, uint8_t *tag, struct ber *content)
{
    size_t left = ber_left(b);

    if (left < 2 || b->at[1] >= 0x80 || b->at[1] > left - 2 || (b->at[0] & 0x1f) == 0x1f)
        return ber_next_any(b, tag, content);
    *tag = b->at[0];
    content->at = b->at + 2;
    content->end = b->at = content->at + b->at[1];
    return 0;
}

static inline int ber_enter(struct ber *b, uint8_t tag, struct ber *content)
{
    uint8_t got;

    return ber_peek(b) == tag ? ber_next(b, &got, content) : -CTR_EFORMAT;
}

static inline int ber_str(struct ber *b, uint8_t tag, struct ctr_str *out)
{
    struct ber content;
    int err = ber_enter(b, tag, &content);

    if (err)
        return err;
    out->ptr = (const char *)content.at;
    out->len = ber_left(&content);
    return 0;
}

/* ber_int of any size; for the caller to use is the next. */
int ber_int_any(struct ber *b, uint8_t tag, int64_t *out);

/* Two's complement, 1 to 8 bytes. */
static inline int ber_int(struct ber *b, uint8_t tag, int64_t *out)
{
    if (ber_left(b) < 3 || b->at[0] != tag || b->at[1] != 1)
        return ber_int_any(b, tag, out);
    *out = (b->at[2] ^ 0x80) - 0x80; /* the sign is its first bit */
    b->at += 3;
    return 0;
}

/* Any byte but 0 is true. */
int ber_bool(struct ber *b, uint8_t tag, bool *out);
/* The rest of a SEQUENCE: what a later version of the protocol puts there is ignored (RFC
 * 4511 section 4), bytes that are no elements are -CTR_EFORMAT. */
int ber_ignore_rest(struct ber *b);

/* --- writing ----------------------------------------------------------------------- */

/* len > cap: it did not fit, and len says what is needed. */
struct ber_out {
    uint8_t *data;
    size_t len, cap;
};

static inline bool ber_fits(const struct ber_out *out)
{
    return out->len <= out->cap;
}

static inline void ber_put(struct ber_out *out, const void *data, size_t n)
{
    if (n > 0 && out->len <= out->cap && n <= out->cap - out->len)
        memcpy(out->data + out->len, data, n);
    out->len += n;
}

void ber_put_header(struct ber_out *out, uint8_t tag, size_t n);
void ber_put_str(struct ber_out *out, uint8_t tag, struct ctr_str s);
void ber_put_z(struct ber_out *out, uint8_t tag, const char *z);
void ber_put_int(struct ber_out *out, uint8_t tag, int64_t value);
void ber_put_bool(struct ber_out *out, uint8_t tag, bool value);

/* A constructed element (or a string in pieces): open, put the content, close with what
 * open returned. The length takes as few bytes as it needs: one is kept for it, and a
 * longer one moves the content up. Contents are small, so moving costs less than counting
 * first would. */
static inline size_t ber_open(struct ber_out *out, uint8_t tag)
{
    if (out->len + 2 <= out->cap)
        out->data[out->len] = tag;
    out->len += 2;
    return out->len;
}

void ber_close_any(struct ber_out *out, size_t opened);

static inline void ber_close(struct ber_out *out, size_t opened)
{
    size_t n = out->len - opened;

    if (n < 0x80 && ber_fits(out))
        out->data[opened - 1] = (uint8_t)n;
    else
        ber_close_any(out, opened);
}

#endif
