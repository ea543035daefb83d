/* normalise.c - the many characters for plus, digit, blank and dash, brought to ASCII.
 *
 * Address books paste no-break spaces and direction marks around numbers, spreadsheets
 * put dashes of all widths in, URIs escape the plus. */
#include "number/scan.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%2B" and what else a number in a URI escapes. returns the bytes taken, 0: none */
static size_t read_escape(const unsigned char *s, size_t n, char *out)
{
    int high, low;

    if (n < 3 || s[0] != '%')
        return 0;
    high = hex_value((char)s[1]);
    low = hex_value((char)s[2]);
    if (high < 2 || high > 7 || low < 0)
        return 0;
    *out = (char)(high << 4 | low);
    return 3;
}

enum { DROPPED = 0 };

/* A character of two bytes; all begin with 0xc2, 0xd9 or 0xdb. */
static char of_two(unsigned cp)
{
    if (cp == 0xa0)
        return ' ';
    if (cp == 0xad)
        return DROPPED;
    if (cp >= 0x660 && cp <= 0x669)
        return (char)('0' + (cp - 0x660));
    if (cp >= 0x6f0 && cp <= 0x6f9)
        return (char)('0' + (cp - 0x6f0));
    return SCAN_FOREIGN;
}

static char of_three(unsigned cp)
{
    if (cp >= 0xff10 && cp <= 0xff19) /* full width */
        return (char)('0' + (cp - 0xff10));
    if ((cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
        (cp >= 0x2060 && cp <= 0x2069) || cp == 0xfeff) /* zero width, direction */
        return DROPPED;
    if ((cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f || cp == 0x3000)
        return ' ';
    if ((cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212 || cp == 0xff0d)
        return '-';
    switch (cp) {
    case 0xff0b:
        return '+';
    case 0xff08:
        return '(';
    case 0xff09:
        return ')';
    case 0xff0e:
        return '.';
    case 0x2044:
    case 0x2215:
    case 0xff0f:
        return '/';
    default:
        return SCAN_FOREIGN;
    }
}

static bool continues(const unsigned char *s, size_t n, size_t from, size_t to)
{
    if (to > n)
        return false;
    for (; from < to; from++) {
        if ((s[from] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

/* One character that is not ASCII. returns its bytes */
static size_t read_wide(const unsigned char *s, size_t n, char *out)
{
    if (s[0] >= 0xc2 && s[0] < 0xe0 && continues(s, n, 1, 2)) {
        *out = of_two((s[0] & 0x1fu) << 6 | (s[1] & 0x3fu));
        return 2;
    }
    if (s[0] >= 0xe0 && s[0] < 0xf0 && continues(s, n, 1, 3)) {
        *out = of_three((s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu));
        return 3;
    }
    if (s[0] >= 0xf0 && s[0] < 0xf5 && continues(s, n, 1, 4)) {
        *out = SCAN_FOREIGN;
        return 4;
    }
    /* Windows-1252. */
    if (s[0] == 0xa0)
        *out = ' ';
    else
        *out = s[0] == 0x96 || s[0] == 0x97 ? '-' : SCAN_FOREIGN;
    return 1;
}

static char of_ascii(unsigned char c)
{
    if (c == '\n' || c == '\r' || c == '|') /* the next of several numbers */
        return ',';
    if (c == '\t')
        return ' ';
    return c < ' ' || c == 0x7f ? SCAN_FOREIGN : (char)c;
}

size_t scan_normalise(struct ctr_str text, char out[NUMBER_TEXT_MAX])
{
    const unsigned char *s = (const unsigned char *)text.ptr;
    size_t n = text.len < NUMBER_TEXT_MAX ? (size_t)text.len : NUMBER_TEXT_MAX;
    size_t len = 0, step;

    for (size_t i = 0; i < n; i += step) {
        char c;
        step = read_escape(s + i, n - i, &c);
        if (step == 0 && s[i] >= 0x80)
            step = read_wide(s + i, n - i, &c);
        if (step == 0) {
            c = of_ascii(s[i]);
            step = 1;
        }
        if (c != DROPPED)
            out[len++] = c;
    }
    return len;
}
