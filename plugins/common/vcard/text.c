/* text.c - quoted-printable, base64, backslashes, and values of several parts. */
#include "reader.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An equals sign that begins nothing stays: exporters forget to encode it. */
size_t text_qp(char *s, size_t n)
{
    char *eq = memchr(s, '=', n);
    size_t out = eq ? (size_t)(eq - s) : n;

    for (size_t i = out; i < n; i++) {
        int high = s[i] == '=' && n - i > 2 ? hex(s[i + 1]) : -1;
        int low = high >= 0 ? hex(s[i + 2]) : -1;

        if (low >= 0) {
            s[out++] = (char)(high << 4 | low);
            i += 2;
        } else {
            s[out++] = s[i];
        }
    }
    return out;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t text_base64(const char *s, size_t n, uint8_t *out, size_t max)
{
    uint32_t bits = 0;
    size_t digits = 0, at = 0;

    for (size_t i = 0; i < n && s[i] != '='; i++) {
        int d = base64_digit((uint8_t)s[i]);

        if (s[i] == ' ' || s[i] == '\t')
            continue;
        if (d < 0)
            return -CTR_EFORMAT;
        bits = bits << 6 | (uint32_t)d;
        if (++digits % 4 == 1)
            continue;
        if (at == max)
            return -CTR_ESIZE;
        out[at++] = (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
    }
    return digits % 4 == 1 ? -CTR_EFORMAT : (int64_t)at;
}

/* What a backslash before c stands for; 0: it stands for itself, as in a path. */
static char escaped(char c)
{
    switch (c) {
    case 'n':
    case 'N':
        return '\n';
    case '\\':
    case ',':
    case ';':
    case ':':
        return c;
    default:
        return 0;
    }
}

size_t text_unescape(char *out, const char *s, size_t n)
{
    const char *first = memchr(s, '\\', n);
    size_t at = first ? (size_t)(first - s) : n;

    memmove(out, s, at);
    for (size_t i = at; i < n; i++) {
        char c = s[i] == '\\' && i + 1 < n ? escaped(s[i + 1]) : 0;

        out[at++] = c ? c : s[i];
        i += c != 0;
    }
    return at;
}

bool text_part(struct ctr_str *rest, char mark, struct ctr_str *part)
{
    uint64_t i = 0;

    if (!rest->ptr)
        return false;
    while (i < rest->len && rest->ptr[i] != mark)
        i += rest->ptr[i] == '\\' && i + 1 < rest->len ? 2 : 1;
    *part = (struct ctr_str){rest->ptr, i};
    if (i < rest->len)
        *rest = (struct ctr_str){rest->ptr + i + 1, rest->len - i - 1};
    else
        *rest = (struct ctr_str){NULL, 0};
    return true;
}
