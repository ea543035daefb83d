/* base64.c - base64 (RFC 4648), decoded in place. */
#include "base64.h"

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(char *text, struct ctr_str *out)
{
    uint8_t *to = (uint8_t *)text;
    uint32_t bits = 0;
    unsigned digits = 0, padding = 0;

    if (!text)
        return false;
    for (const char *p = text; *p; p++) {
        int d = digit(*p);

        if (*p == '\n' || *p == '\r')
            continue;
        if (*p == '=' && padding < 2) {
            padding++;
            continue;
        }
        if (d < 0 || padding)
            return false;
        bits = bits << 6 | (uint32_t)d;
        if (++digits % 4 != 1)
            *to++ = (uint8_t)(bits >> (digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0));
    }
    *out = (struct ctr_str){text, (uint64_t)(to - (uint8_t *)text)};
    return digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0);
}
