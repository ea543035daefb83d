/* decode.c - encodings: recognised, converted, checked. */
#include "decode.h"

#include <string.h>

enum { INVALID = 0xff }; /* what a meaningless byte becomes */

/* Windows-1252 from 0x80 to 0x9f; 0: not assigned. The rest is ISO-8859-1. */
static const uint16_t windows[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

const char *encoding_name(enum encoding e)
{
    static const char *const names[] = {"auto",         "UTF-8",      "UTF-16",
                                        "Windows-1252", "ISO-8859-1", "UTF-16 LE",
                                        "UTF-16 BE"};

    return names[e];
}

enum encoding decode_bom(const uint8_t *p, size_t n, size_t *bom)
{
    *bom = 0;
    if (n >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
        *bom = 3;
        return ENCODING_UTF8;
    }
    if (n >= 2 && p[0] == 0xff && p[1] == 0xfe) {
        *bom = 2;
        return ENCODING_UTF16LE;
    }
    if (n >= 2 && p[0] == 0xfe && p[1] == 0xff) {
        *bom = 2;
        return ENCODING_UTF16BE;
    }
    return ENCODING_AUTO;
}

/* --- recognising ----------------------------------------------------------------------
 */

static bool word_is_ascii(const void *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return (w & UINT64_C(0x8080808080808080)) == 0;
}

static void sniff_utf8(struct sniff *s, uint8_t c)
{
    if (s->need) {
        s->need--;
        if ((c & 0xc0) == 0x80) {
            s->good += s->need == 0;
            return;
        }
        s->bad++;
        s->need = 0;
    }
    if (c >= 0xc2 && c <= 0xf4)
        s->need = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    else if (c >= 0x80)
        s->bad++;
}

void sniff_add(struct sniff *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!s->need && n - i >= 8 && word_is_ascii(p + i) && !memchr(p + i, 0, 8)) {
            i += 7;
            continue;
        }
        if (p[i] == 0) {
            s->even_nul += ((s->bytes + i) & 1) == 0;
            s->odd_nul += (s->bytes + i) & 1;
        }
        sniff_utf8(s, p[i]);
    }
    s->bytes += n;
}

/* One bad byte must not turn every umlaut of a UTF-8 file into two wrong characters, so
 * the majority decides; the row with the bad byte is rejected. */
enum encoding sniff_result(const struct sniff *s)
{
    if (s->odd_nul > s->bytes / 4 && s->odd_nul > 4 * s->even_nul)
        return ENCODING_UTF16LE;
    if (s->even_nul > s->bytes / 4 && s->even_nul > 4 * s->odd_nul)
        return ENCODING_UTF16BE;
    return s->bad > s->good ? ENCODING_1252 : ENCODING_UTF8;
}

/* --- converting -----------------------------------------------------------------------
 */

static char *put(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

static char *put_invalid(char *out)
{
    *out++ = (char)INVALID;
    return out;
}

static char *decode_bytes(const struct decoder *d, const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t c = p[i];

        if (d->from == ENCODING_1252 && c >= 0x80 && c < 0xa0) {
            c = windows[c - 0x80];
            if (c == 0) {
                out = put_invalid(out);
                continue;
            }
        }
        out = put(out, c);
    }
    return out;
}

static uint32_t unit(const struct decoder *d, const uint8_t *p)
{
    return d->from == ENCODING_UTF16BE ? (uint32_t)(p[0] << 8 | p[1])
                                       : (uint32_t)(p[1] << 8 | p[0]);
}

/* One character of UTF-16. returns bytes used; 0: more are needed */
static size_t decode_pair(const struct decoder *d, const uint8_t *p, size_t n, char **out)
{
    uint32_t hi, lo;

    if (n < 2)
        return 0;
    hi = unit(d, p);
    if (hi < 0xd800 || hi > 0xdfff) {
        *out = put(*out, hi);
        return 2;
    }
    if (hi < 0xdc00 && n < 4)
        return 0;
    lo = hi < 0xdc00 ? unit(d, p + 2) : 0;
    if (lo < 0xdc00 || lo > 0xdfff) {
        *out = put_invalid(*out);
        return 2;
    }
    *out = put(*out, 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00));
    return 4;
}

static char *decode_utf16(struct decoder *d, const uint8_t *p, size_t n, bool last,
                          char *out)
{
    size_t i = 0, used;

    /* A character the last block cut: complete it byte by byte. */
    while (d->n_held && i < n) {
        d->held[d->n_held++] = p[i++];
        while ((used = decode_pair(d, d->held, d->n_held, &out)) > 0) {
            d->n_held -= (unsigned)used;
            memmove(d->held, d->held + used, d->n_held);
        }
    }
    while ((used = decode_pair(d, p + i, n - i, &out)) > 0)
        i += used;
    if (i < n) {
        memcpy(d->held, p + i, n - i);
        d->n_held = (unsigned)(n - i);
    }
    if (last && d->n_held) {
        out = put_invalid(out);
        d->n_held = 0;
    }
    return out;
}

size_t decode(struct decoder *d, const uint8_t *p, size_t n, bool last, char *out)
{
    char *end = out;

    switch (d->from) {
    case ENCODING_1252:
    case ENCODING_LATIN1:
        end = decode_bytes(d, p, n, out);
        break;
    case ENCODING_UTF16LE:
    case ENCODING_UTF16BE:
        end = decode_utf16(d, p, n, last, out);
        break;
    default:
        memcpy(out, p, n);
        end = out + n;
    }
    return (size_t)(end - out);
}

/* --- checking -------------------------------------------------------------------------
 */

/* Length of the character at s, 0 if it is not one. */
static size_t utf8_char(const uint8_t *s, size_t n)
{
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint8_t low = 0x80, high = 0xbf;

    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0; /* overlong */
    else if (s[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (s[0] == 0xf0)
        low = 0x90; /* overlong */
    else if (s[0] == 0xf4)
        high = 0x8f; /* over U+10FFFF */
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool decode_is_cut(enum encoding from, const char *text, size_t n)
{
    const uint8_t *s = (const uint8_t *)text;

    if (from == ENCODING_UTF16LE || from == ENCODING_UTF16BE)
        return n > 0 && s[n - 1] == INVALID;
    for (size_t back = 1; back <= 3 && back <= n && from == ENCODING_UTF8; back++)
        if (s[n - back] >= 0xc2 && s[n - back] <= 0xf4)
            return back < (s[n - back] < 0xe0 ? 2u : s[n - back] < 0xf0 ? 3u : 4u);
    return false;
}

bool utf8_valid(const char *text, size_t n)
{
    const uint8_t *s = (const uint8_t *)text;

    for (size_t i = 0, len; i < n; i += len) {
        if (n - i >= 8 && word_is_ascii(s + i))
            len = 8;
        else if (s[i] < 0x80)
            len = 1;
        else if ((len = utf8_char(s + i, n - i)) == 0)
            return false;
    }
    return true;
}
