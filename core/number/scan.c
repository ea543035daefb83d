/* scan.c - from a text as people and devices write it to its digits.
 *
 * Nearly all texts are digits and separators and take one loop. The others go through
 * normalise.c and are taken apart: URI scheme, user part, parameters, labels, extension,
 * letters of a keypad, feature codes. */
#include <string.h>

#include "number/scan.h"

enum {
    EXT_GUESS_MAX = 5,     /* digits after "#" or "," that are taken for an extension */
    WORDS_DIGITS_MIN = 6,  /* beside words fewer digits are a house number, not a phone */
    ONE_NUMBER_MAX = 13,   /* more digits may be two numbers */
    NUMBER_DIGITS_MIN = 6, /* of each */
    VANITY_LETTERS_MIN = 3,
    VANITY_DIGITS_MIN = 3
};

enum char_class { CHAR_OTHER = 0, CHAR_DIGIT, CHAR_DASH, CHAR_GAP, CHAR_PLUS };

static const uint8_t classes[256] = {
    ['0'] = CHAR_DIGIT, ['1'] = CHAR_DIGIT, ['2'] = CHAR_DIGIT, ['3'] = CHAR_DIGIT,
    ['4'] = CHAR_DIGIT, ['5'] = CHAR_DIGIT, ['6'] = CHAR_DIGIT, ['7'] = CHAR_DIGIT,
    ['8'] = CHAR_DIGIT, ['9'] = CHAR_DIGIT, ['+'] = CHAR_PLUS,  ['-'] = CHAR_DASH,
    [' '] = CHAR_GAP,   ['/'] = CHAR_GAP,   ['.'] = CHAR_GAP,   ['('] = CHAR_GAP,
    [')'] = CHAR_GAP,   ['['] = CHAR_GAP,   [']'] = CHAR_GAP,   ['~'] = CHAR_GAP,
    ['_'] = CHAR_GAP,   ['\''] = CHAR_GAP,  ['"'] = CHAR_GAP,   [':'] = CHAR_GAP,
};

static enum char_class class_of(char c)
{
    return (enum char_class)classes[(unsigned char)c];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* A plus behind nothing but the digits of an outside line or an international prefix. */
static bool plus_starts_over(const struct scan *out)
{
    if (out->n > 3)
        return false;
    for (uint8_t i = 0; i < out->n; i++) {
        if (out->digits[i] != '0')
            return false;
    }
    return true;
}

static bool is_paren_zero(const char *s, size_t i, size_t n)
{
    size_t before = i, after = i + 1;

    while (before > 0 && s[before - 1] == ' ')
        before--;
    while (after < n && s[after] == ' ')
        after++;
    return s[i] == '0' && before > 0 && s[before - 1] == '(' && after < n &&
           s[after] == ')';
}

/* The digits from s[*i] on, which is one; *i becomes the last of them. returns false: too
 * many */
static bool take_run(const char *s, size_t n, size_t *i, unsigned gap, struct scan *out)
{
    size_t from = *i, end = from + 1, len;

    while (end < n && is_digit(s[end]))
        end++;
    len = end - from;
    if (len > NUMBER_DIGITS_MAX - (size_t)out->n)
        return false;
    memcpy(out->digits + out->n, s + from, len);
    memset(out->gap + out->n, SCAN_GAP_NONE, len);
    out->gap[out->n] = (uint8_t)gap;
    out->n = (uint8_t)(out->n + len);
    *i = end - 1;
    return true;
}

/* The run of digits and separators at s. returns the bytes taken, SIZE_MAX: too many
 * digits */
static size_t take_digits(const char *s, size_t n, struct scan *out)
{
    unsigned gap = SCAN_GAP_NONE;
    size_t i;

    for (i = 0; i < n; i++) {
        switch (class_of(s[i])) {
        case CHAR_DIGIT:
            if (!take_run(s, n, &i, gap, out))
                return SIZE_MAX;
            gap = SCAN_GAP_NONE;
            break;
        case CHAR_DASH:
            gap |= SCAN_GAP_DASH;
            break;
        case CHAR_GAP:
            gap |= SCAN_GAP_OTHER;
            if (s[i] == ')' && i >= 2 && is_paren_zero(s, i - 1 - (s[i - 1] == ' '), n))
                out->paren_zero = true;
            break;
        case CHAR_PLUS:
            if (!plus_starts_over(out))
                return i; /* a second number */
            out->n = 0;
            out->plus = true;
            break;
        case CHAR_OTHER:
            return i;
        }
    }
    return i;
}

static size_t count_digits(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += is_digit(s[i]);
    return count;
}

/* The slash of "089 123456 / 0171 1234567", n: there is none. */
static size_t second_number(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t next = i + 1;

        if (s[i] != '/')
            continue;
        while (next < n && s[next] == ' ')
            next++;
        if (next < n && (s[next] == '0' || s[next] == '+') &&
            count_digits(s, i) >= NUMBER_DIGITS_MIN &&
            count_digits(s + next, n - next) >= NUMBER_DIGITS_MIN)
            return i;
    }
    return n;
}

/* The same, of the first number only when these are too many digits for one. */
static size_t take_first(const char *s, size_t n, struct scan *out)
{
    size_t taken = take_digits(s, n, out), end;

    if (taken != SIZE_MAX && out->n <= ONE_NUMBER_MAX)
        return taken;
    end = second_number(s, n);
    if (end == n)
        return taken;
    out->plus = out->paren_zero = false;
    out->n = 0;
    out->several = true;
    return take_digits(s, end, out) == SIZE_MAX ? SIZE_MAX : n;
}

static bool starts_nocase(const char *s, size_t n, const char *prefix)
{
    size_t i = 0;

    for (; prefix[i]; i++) {
        if (i == n || lower(s[i]) != prefix[i])
            return false;
    }
    return true;
}

size_t scan_scheme(const char *s, size_t n)
{
    static const char *const schemes[] = {"tel:", "callto:", "sip:", "sips:"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (starts_nocase(s, n, schemes[i]))
            return strlen(schemes[i]);
    }
    return 0;
}

/* Digits only, 1 to max of them, separators around allowed. returns their number */
static size_t only_digits(const char *s, size_t n, char *out, size_t max)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_digit(s[i])) {
            if (len == max)
                return 0;
            out[len++] = s[i];
        } else if (s[i] != ' ' && s[i] != '.' && s[i] != '-' && s[i] != ':' &&
                   s[i] != '=') {
            return 0;
        }
    }
    return len;
}

static void set_ext(struct scan *out, const char *s, size_t n, size_t max)
{
    size_t len = only_digits(s, n, out->ext, max < SCAN_EXT_MAX ? max : SCAN_EXT_MAX);

    out->ext_len = (uint8_t)len;
    out->ext[len] = '\0';
}

/* RFC 3966: a number within the context "+49". */
static void apply_context(struct scan *out, const char *s, size_t n)
{
    struct scan whole = {0};

    if (out->plus || n == 0 || s[0] != '+')
        return;
    if (take_digits(s, n, &whole) != n || whole.n + out->n > NUMBER_DIGITS_MAX)
        return;
    memcpy(whole.digits + whole.n, out->digits, out->n);
    memcpy(whole.gap + whole.n, out->gap, out->n);
    whole.n = (uint8_t)(whole.n + out->n);
    memcpy(out->digits, whole.digits, whole.n);
    memcpy(out->gap, whole.gap, whole.n);
    out->n = whole.n;
    out->plus = true;
}

/* ";ext=192;phone-context=+49", from the first semicolon on. */
static void take_parameters(struct scan *out, const char *s, size_t n)
{
    static const char ext[] = ";ext=", context[] = ";phone-context=";

    while (n > 0) {
        const char *next = memchr(s + 1, ';', n - 1);
        size_t len = next ? (size_t)(next - s) : n;

        if (starts_nocase(s, len, ext))
            set_ext(out, s + sizeof(ext) - 1, len - (sizeof(ext) - 1), SCAN_EXT_MAX);
        else if (starts_nocase(s, len, context))
            apply_context(out, s + sizeof(context) - 1, len - (sizeof(context) - 1));
        else if (out->ext_len == 0)
            set_ext(out, s + 1, len - 1, EXT_GUESS_MAX);
        s += len;
        n -= len;
    }
}

/* The bytes of a word that announces an extension, 0: it is another word. */
static size_t ext_label(const char *s, size_t n)
{
    static const char *const labels[] = {"x",   "ext",        "extn", "extension",
                                         "dw",  "durchwahl",  "app",  "apparat",
                                         "nst", "nebenstelle"};
    size_t len = 0;

    while (len < n && is_letter(s[len]))
        len++;
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (strlen(labels[i]) == len && starts_nocase(s, n, labels[i]))
            return len;
    }
    return 0;
}

/* "0800-FLOWERS": all of it as digits of a keypad. Whether such a number exists is for
 * others to say. */
static void take_vanity(struct scan *out, const char *s, size_t n)
{
    static const char keys[] = "22233344455566677778889999";
    size_t letters = 0;
    uint8_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char c = lower(s[i]);

        if (is_letter(c)) {
            letters++;
            c = keys[c - 'a'];
        } else if (class_of(c) != CHAR_DIGIT) {
            if (c != ' ' && c != '-' && c != '.' && c != '/' && c != '+' && c != '(' &&
                c != ')')
                return;
            continue;
        }
        if (len == NUMBER_DIGITS_MAX)
            return;
        out->vanity[len++] = c;
    }
    if (letters >= VANITY_LETTERS_MIN && out->n >= VANITY_DIGITS_MIN)
        out->vanity_len = len;
}

static bool take_feature(struct scan *out, const char *s, size_t n)
{
    bool digit = false;

    out->n = 0;
    out->feature = true;
    for (size_t i = 0; i < n; i++) {
        if (is_digit(s[i]) || s[i] == '*' || s[i] == '#') {
            if (out->n == NUMBER_DIGITS_MAX)
                return false;
            out->digits[out->n++] = s[i];
            digit |= is_digit(s[i]);
        } else if (s[i] != ' ' && s[i] != '-') {
            return false;
        }
    }
    return digit;
}

/* What follows the digits, from the first byte that is neither digit nor separator.
 * returns false: all of it is no number */
static bool take_rest(struct scan *out, const char *all, size_t all_len, size_t at)
{
    const char *s = all + at;
    size_t n = all_len - at, label;

    if (*s == ';') {
        take_parameters(out, s, n);
        return true;
    }
    if (*s == ',') {
        while (n > 1 && s[1] == ',') { /* each a pause while dialling */
            s++;
            n--;
        }
        set_ext(out, s + 1, n - 1, EXT_GUESS_MAX);
        return true;
    }
    if (*s == '*')
        return take_feature(out, all, all_len);
    if (*s == '#') {
        if (out->n >= WORDS_DIGITS_MIN)
            set_ext(out, s + 1, n - 1, EXT_GUESS_MAX);
        return out->ext_len > 0 || (n == 1 && out->n > WORDS_DIGITS_MIN) ||
               take_feature(out, all, all_len);
    }
    label = ext_label(s, n);
    if (label) {
        set_ext(out, s + label, n - label, SCAN_EXT_MAX);
        if (out->ext_len)
            return true;
    }
    take_vanity(out, all, all_len);
    return out->vanity_len || out->n >= WORDS_DIGITS_MIN;
}

/* A number and what is written around it; scheme and host are off already. */
static bool take_written(struct scan *out, const char *s, size_t n)
{
    size_t start = 0, at;
    bool words = false;

    /* "L0#": the line a phone was told to use. */
    if (n > 3 && lower(s[0]) == 'l' && is_digit(s[1]) && s[2] == '#') {
        s += 3;
        n -= 3;
    }
    if (n > 0 && (*s == '*' || *s == '#'))
        return take_feature(out, s, n);
    for (; start < n && !is_digit(s[start]) && s[start] != '+'; start++)
        words |= class_of(s[start]) == CHAR_OTHER;
    if (start == n)
        return false;
    if (words && ext_label(s, n)) { /* "x192", "Durchwahl 192" */
        out->n = (uint8_t)only_digits(s + start, n - start, out->digits, SCAN_EXT_MAX);
        memset(out->gap, SCAN_GAP_NONE, out->n);
        if (out->n)
            return true;
    }
    if (words && class_of(s[start - 1]) == CHAR_OTHER)
        return false; /* "C4B" */
    if (start > 0 && s[start - 1] == '(')
        start--;
    at = take_first(s + start, n - start, out);
    if (at == SIZE_MAX || out->n == 0)
        return false;
    if (at < n - start && s[start + at] != '+' &&
        !take_rest(out, s + start, n - start, at))
        return false;
    return !words || out->n >= WORDS_DIGITS_MIN;
}

/* The user part of "sip:+49...@host". returns false: it names no number */
static bool cut_host(const char *s, size_t *n, bool sip)
{
    const char *host = memchr(s, '@', *n);

    if (!host)
        return !sip || (*n > 0 && s[0] == '+');
    *n = (size_t)(host - s);
    if (*n == 0 || (!is_digit(s[0]) && s[0] != '+'))
        return false;
    for (size_t i = 0; i < *n && s[i] != ';'; i++) {
        if (class_of(s[i]) == CHAR_OTHER)
            return false;
    }
    return true;
}

static bool scan_full(struct ctr_str text, struct scan *out)
{
    char buffer[NUMBER_TEXT_MAX];
    size_t n = scan_normalise(text, buffer), scheme;
    const char *s = buffer, *bracket = memchr(buffer, '<', n);
    bool sip;

    if (bracket && scan_scheme(bracket + 1, n - (size_t)(bracket + 1 - s))) {
        const char *end = memchr(bracket, '>', n - (size_t)(bracket - s));
        n = (size_t)((end ? end : s + n) - (bracket + 1));
        s = bracket + 1;
    }
    for (; n > 0 && *s == ' '; s++)
        n--;
    scheme = scan_scheme(s, n);
    sip = scheme && starts_nocase(s, n, "sip");
    s += scheme;
    n -= scheme;
    for (; n > 0 && *s == ' '; s++)
        n--;
    while (n > 0 && s[n - 1] == ' ')
        n--;
    return cut_host(s, &n, sip) && take_written(out, s, n);
}

bool scan_number(struct ctr_str text, struct scan *out)
{
    size_t taken;
    bool found;

    out->plus = out->feature = out->paren_zero = out->several = false;
    out->n = out->ext_len = out->vanity_len = 0;
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX)
        return false;
    taken = take_first(text.ptr, (size_t)text.len, out);
    if (taken == SIZE_MAX)
        return false;
    found = out->n > 0;
    if (taken < text.len) {
        out->plus = out->paren_zero = out->several = false;
        out->n = 0;
        found = scan_full(text, out);
    }
    out->digits[out->n] = '\0';
    return found;
}
