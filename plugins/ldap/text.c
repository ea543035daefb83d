/* text.c - see text.h: comparison without case, UTF-8 to what small displays know. */
#include "text.h"

bool text_same_nocase(struct ctr_str a, struct ctr_str b)
{
    if (a.len != b.len)
        return false;
    if (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0)
        return true;
    for (size_t i = 0; i < a.len; i++)
        if (text_lower(a.ptr[i]) != text_lower(b.ptr[i]))
            return false;
    return true;
}

bool text_starts_nocase(struct ctr_str s, struct ctr_str prefix)
{
    return s.len >= prefix.len &&
           text_same_nocase((struct ctr_str){s.ptr, prefix.len}, prefix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct ctr_str text_trim(struct ctr_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The next character of a trimmed text, a run of blanks as one; -1 at the end. */
static int next_folded(struct ctr_str s, size_t *i)
{
    if (*i >= s.len)
        return -1;
    if (!is_blank(s.ptr[*i]))
        return (unsigned char)text_lower(s.ptr[(*i)++]);
    while (*i < s.len && is_blank(s.ptr[*i]))
        (*i)++;
    return ' ';
}

int text_compare(struct ctr_str a, struct ctr_str b)
{
    size_t i = 0, j = 0;

    a = text_trim(a);
    b = text_trim(b);
    for (;;) {
        int x = next_folded(a, &i);
        int y = next_folded(b, &j);

        if (x != y)
            return x - y;
        if (x < 0)
            return 0;
    }
}

/* Reads one character. returns its length, or 0 where the bytes are no UTF-8. */
static size_t decode(struct ctr_str s, size_t at, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.ptr + at;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = p[0];

    if (n == 0 || p[0] > 0xf4 || n > s.len - at)
        return 0;
    if (n > 1)
        c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

bool text_is_utf8(struct ctr_str s)
{
    uint32_t c;

    for (size_t at = 0, n; at < s.len; at += n) {
        n = (unsigned char)s.ptr[at] < 0x80 ? 1 : decode(s, at, &c);
        if (n == 0)
            return false;
    }
    return true;
}

struct ctr_str text_from_client(struct pool *pool, struct ctr_str s)
{
    unsigned char *to;
    size_t n = 0;

    if (text_is_utf8(s))
        return s.ptr ? s : STR("");
    to = pool_array(pool, s.len, 2);
    if (!to)
        return (struct ctr_str){NULL, 0};
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x80) {
            to[n++] = c;
        } else {
            to[n++] = (unsigned char)(0xc0 | c >> 6);
            to[n++] = (unsigned char)(0x80 | (c & 0x3f));
        }
    }
    return (struct ctr_str){(char *)to, n};
}

/* U+00C0 to U+017F in ASCII. */
static const char *const ascii_of[] = {
    "A",  "A",  "A",  "A", "Ae", "A", "Ae", "C",  "E",  "E",  "E",  "E",  "I",  "I",  "I",
    "I",  "D",  "N",  "O", "O",  "O", "O",  "Oe", "x",  "Oe", "U",  "U",  "U",  "Ue", "Y",
    "Th", "ss", "a",  "a", "a",  "a", "ae", "a",  "ae", "c",  "e",  "e",  "e",  "e",  "i",
    "i",  "i",  "i",  "d", "n",  "o", "o",  "o",  "o",  "oe", ":",  "oe", "u",  "u",  "u",
    "ue", "y",  "th", "y", "A",  "a", "A",  "a",  "A",  "a",  "C",  "c",  "C",  "c",  "C",
    "c",  "C",  "c",  "D", "d",  "D", "d",  "E",  "e",  "E",  "e",  "E",  "e",  "E",  "e",
    "E",  "e",  "G",  "g", "G",  "g", "G",  "g",  "G",  "g",  "H",  "h",  "H",  "h",  "I",
    "i",  "I",  "i",  "I", "i",  "I", "i",  "I",  "i",  "IJ", "ij", "J",  "j",  "K",  "k",
    "k",  "L",  "l",  "L", "l",  "L", "l",  "L",  "l",  "L",  "l",  "N",  "n",  "N",  "n",
    "N",  "n",  "n",  "N", "n",  "O", "o",  "O",  "o",  "O",  "o",  "Oe", "oe", "R",  "r",
    "R",  "r",  "R",  "r", "S",  "s", "S",  "s",  "S",  "s",  "S",  "s",  "T",  "t",  "T",
    "t",  "T",  "t",  "U", "u",  "U", "u",  "U",  "u",  "U",  "u",  "U",  "u",  "U",  "u",
    "W",  "w",  "Y",  "y", "Y",  "Z", "z",  "Z",  "z",  "Z",  "z",  "s",
};

/* One character above ASCII, as letters every charset has. */
static const char *spell(uint32_t c)
{
    if (c >= 0xc0 && c - 0xc0 < sizeof(ascii_of) / sizeof(ascii_of[0]))
        return ascii_of[c - 0xc0];
    switch (c) {
    case 0xa0:
    case 0x202f:
        return " ";
    case 0xad:
        return "";
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
        return "-";
    case 0x2018:
    case 0x2019:
    case 0xb4:
        return "'";
    case 0x201c:
    case 0x201d:
    case 0x201e:
        return "\"";
    case 0x20ac:
        return "EUR";
    case 0x1e9e:
        return "SS";
    default:
        return "?";
    }
}

/* One character in letters the charset has, at most `room` of them. returns how many */
static size_t put_char(struct ber_out *out, uint32_t c, int charset, size_t room)
{
    uint8_t byte = (uint8_t)c;
    const char *letters;
    size_t n;

    if (c < 0x80 || (charset == CHARSET_LATIN1 && c >= 0xa0 && c <= 0xff)) {
        ber_put(out, &byte, 1);
        return 1;
    }
    letters = spell(c);
    n = strlen(letters);
    n = n < room ? n : room;
    ber_put(out, letters, n);
    return n;
}

void text_put(struct ber_out *out, struct ctr_str s, int charset, size_t max_chars)
{
    size_t room = max_chars > 0 ? max_chars : SIZE_MAX;

    if (charset == CHARSET_UTF8 && s.len <= room) {
        ber_put(out, s.ptr, s.len);
        return;
    }
    for (size_t at = 0, n; at < s.len && room > 0; at += n) {
        uint32_t c = '?';

        n = decode(s, at, &c);
        n = n > 0 ? n : 1;
        if (charset == CHARSET_UTF8) {
            ber_put(out, s.ptr + at, n);
            room--;
        } else {
            room -= put_char(out, c, charset, room);
        }
    }
}
