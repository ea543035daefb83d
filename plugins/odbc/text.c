/* text.c - see text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plain/plain.h"

/* --- UTF-16 ---------------------------------------------------------------------------
 */

long text_from_utf16(const uint16_t *in, size_t units, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < units; i++) {
        uint32_t c = in[i];

        if (c >= 0xd800 && c < 0xe000) {
            if (c >= 0xdc00 || i + 1 == units || (in[i + 1] & 0xfc00) != 0xdc00)
                return -1;
            c = 0x10000 + ((c & 0x3ff) << 10) + (in[++i] & 0x3ffu);
        }
        if (c == 0)
            return -1;
        n += plain_put_utf8(out + n, c);
    }
    return (long)n;
}

/* The character at s and its length in bytes; 0: not UTF-8, or a NUL. */
static size_t get_utf8(const char *s, size_t n, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)s[0];
    size_t len = first < 0x80             ? 1
                 : (first & 0xe0) == 0xc0 ? 2
                 : (first & 0xf0) == 0xe0 ? 3
                 : (first & 0xf8) == 0xf0 ? 4
                                          : 0;

    if (len == 0 || len > n || first == 0)
        return 0;
    *c = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((uint8_t)s[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | ((uint8_t)s[i] & 0x3f);
    }
    if (len > 1 && (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)))
        return 0;
    return len;
}

uint16_t *text_to_utf16(const char *in, size_t n, size_t *units)
{
    uint16_t *out = malloc((n + 1) * sizeof(*out));
    size_t to = 0, len;
    uint32_t c = 0;

    for (size_t i = 0; out && i < n; i += len) {
        len = get_utf8(in + i, n - i, &c);
        if (len == 0) {
            free(out);
            return NULL;
        }
        if (c >= 0x10000)
            out[to++] = (uint16_t)(0xd7c0 + (c >> 10));
        out[to++] = (uint16_t)(c >= 0x10000 ? 0xdc00 | (c & 0x3ff) : c);
    }
    if (out)
        out[to] = 0;
    *units = to;
    return out;
}

bool text_is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)s[i] >= 0x80)
            return false;
    return true;
}

bool text_is_utf8(const char *s, size_t n)
{
    uint32_t c;
    size_t len;

    for (size_t i = 0; i < n; i += len) {
        if ((uint8_t)s[i] - 1u < 0x7f) {
            len = 1;
            continue;
        }
        len = get_utf8(s + i, n - i, &c);
        if (len == 0)
            return false;
    }
    return true;
}

/* --- names ----------------------------------------------------------------------------
 */

bool text_same_name(const char *a, const char *b)
{
    size_t na, nb;

    a += strspn(a, " ");
    b += strspn(b, " ");
    na = strlen(a);
    nb = strlen(b);
    while (na && a[na - 1] == ' ')
        na--;
    while (nb && b[nb - 1] == ' ')
        nb--;
    return na == nb && strncasecmp(a, b, na) == 0;
}

/* --- putting together -----------------------------------------------------------------
 */

void text_add(char *out, size_t cap, const char *more)
{
    size_t len = strlen(out), n = strlen(more);

    if (len + n >= cap) {
        n = len + 1 < cap ? cap - len - 1 : 0;
        while (n > 0 && ((uint8_t)more[n] & 0xc0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++)
        out[len++] = (uint8_t)more[i] < ' ' || more[i] == 0x7f ? ' ' : more[i];
    out[len] = 0;
}

void text_hide(char *text, const char *secret)
{
    size_t n = secret ? strlen(secret) : 0;

    if (n < 3)
        return;
    for (char *at = text; (at = strstr(at, secret)); at += 3) {
        memcpy(at, "***", 3);
        memmove(at + 3, at + n, strlen(at + n) + 1);
    }
}
