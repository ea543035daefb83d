/* charset.c - UTF-8 and Windows-1252 by ourselves, the rest of a short list by iconv. */
#include "charset.h"

#include <string.h>
#include <strings.h>

#include "plain/plain.h"

/* Windows-1252 from 0x80 to 0x9f; 0: not assigned. The rest is ISO-8859-1. */
static const uint16_t windows[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

/* A card must not choose freely among the hundreds of converters of the system. These
 * are the encodings in which address books were ever exported. */
static const char *const converters[] = {
    "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "windows-874",  "iso-8859-2",
    "iso-8859-3",   "iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",
    "iso-8859-8",   "iso-8859-9",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",
    "iso-8859-15",  "iso-8859-16",  "koi8-r",       "koi8-u",       "ibm437",
    "ibm850",       "ibm852",       "macintosh",    "shift_jis",    "euc-jp",
    "euc-kr",       "gb2312",       "gbk",          "gb18030",      "big5"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ISO-8859-1 is what many exporters call Windows-1252, of which it is a part. */
static enum charset_how builtin(const char *name)
{
    static const char *const utf8[] = {"utf-8", "utf8", "us-ascii", "ascii"};
    static const char *const latin[] = {"windows-1252", "cp1252", "iso-8859-1",
                                        "iso8859-1",    "latin1", "iso_8859-1"};

    for (size_t i = 0; i < COUNT(utf8); i++)
        if (strcasecmp(name, utf8[i]) == 0)
            return CHARSET_UTF8;
    for (size_t i = 0; i < COUNT(latin); i++)
        if (strcasecmp(name, latin[i]) == 0)
            return CHARSET_1252;
    return CHARSET_NONE;
}

static const char *converter(const char *name)
{
    char full[CHARSET_NAME_MAX + 16];

    /* "cp1251" is "windows-1251", "iso8859-2" is "iso-8859-2" */
    if (strncasecmp(name, "cp12", 4) == 0)
        strcat(strcpy(full, "windows-"), name + 2);
    else if (strncasecmp(name, "iso8859", 7) == 0 ||
             strncasecmp(name, "iso_8859", 8) == 0)
        strcat(strcpy(full, "iso-8859"), strchr(name, '9') + 1);
    else
        strcpy(full, name);
    for (size_t i = 0; i < COUNT(converters); i++)
        if (strcasecmp(full, converters[i]) == 0)
            return converters[i];
    return NULL;
}

bool charset_set(struct charset *c, struct ctr_str name)
{
    const char *known;

    if (name.len == 0 || name.len > CHARSET_NAME_MAX || memchr(name.ptr, 0, name.len))
        return false;
    if (c->how != CHARSET_NONE && strlen(c->name) == name.len &&
        memcmp(c->name, name.ptr, name.len) == 0)
        return c->how != CHARSET_UNKNOWN;
    charset_finish(c);
    memcpy(c->name, name.ptr, name.len);
    c->how = builtin(c->name);
    if (c->how != CHARSET_NONE)
        return true;
    known = converter(c->name);
    c->cd = known ? iconv_open("UTF-8", known) : (iconv_t)-1;
    c->how = c->cd == (iconv_t)-1 ? CHARSET_UNKNOWN : CHARSET_ICONV;
    return c->how != CHARSET_UNKNOWN;
}

void charset_finish(struct charset *c)
{
    if (c->how == CHARSET_ICONV)
        iconv_close(c->cd);
    *c = (struct charset){0};
}

/* --- converting -----------------------------------------------------------------------
 */

static int64_t from_1252(const char *s, size_t n, char *out, size_t cap)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t c = (uint8_t)s[i];

        if (c >= 0x80 && c < 0xa0 && (c = windows[c - 0x80]) == 0)
            return -1;
        if (cap - at < 4)
            return -1;
        at += plain_put_utf8(out + at, c);
    }
    return (int64_t)at;
}

static int64_t from_iconv(iconv_t cd, const char *s, size_t n, char *out, size_t cap)
{
    char *in = (char *)(uintptr_t)s, *to = out; /* iconv does not write there */

    iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &in, &n, &to, &cap) == (size_t)-1 || n > 0)
        return -1;
    if (iconv(cd, NULL, NULL, &to, &cap) == (size_t)-1)
        return -1;
    return to - out;
}

int64_t charset_convert(struct charset *c, const char *s, size_t n, char *out, size_t cap)
{
    switch (c->how) {
    case CHARSET_UTF8:
        if (n > cap || !utf8_valid(s, n))
            return -1;
        memcpy(out, s, n);
        return (int64_t)n;
    case CHARSET_1252:
        return from_1252(s, n, out, cap);
    case CHARSET_ICONV:
        return from_iconv(c->cd, s, n, out, cap);
    default:
        return -1;
    }
}

/* --- checking -------------------------------------------------------------------------
 */

static bool is_ascii(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return (w & UINT64_C(0x8080808080808080)) == 0;
}

/* Length of the character at s, 0 if it is not one. */
static size_t utf8_char(const uint8_t *s, size_t n)
{
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
        return 0; /* overlong */
    if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0; /* surrogates, over U+10FFFF */
    return len;
}

bool utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        if (n - i >= 8 && is_ascii(s + i))
            len = 8;
        else if ((uint8_t)s[i] < 0x80)
            len = 1;
        else if ((len = utf8_char((const uint8_t *)s + i, n - i)) == 0)
            return false;
    }
    return true;
}
