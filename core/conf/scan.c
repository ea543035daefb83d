/* scan.c - the least of a TOML lexer: strings and comments apart from the rest. */
#include "conf/scan.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

struct scan {
    const char *at, *end;
    const char *line_start;
    uint32_t line;
    unsigned depth, dots, items;
    size_t run; /* bytes since the last separator */
};

static void next(struct scan *s)
{
    if (*s->at++ == '\n') {
        s->line++;
        s->line_start = s->at;
    }
}

static bool starts(const struct scan *s, const char *z, size_t n)
{
    return (size_t)(s->end - s->at) >= n && memcmp(s->at, z, n) == 0;
}

static void skip(struct scan *s, size_t n)
{
    while (n-- > 0 && s->at < s->end)
        next(s);
}

static void skip_comment(struct scan *s)
{
    while (s->at < s->end && *s->at != '\n')
        next(s);
}

/* Up to behind the closing quotes. A multi-line string may end in one or two quotes of
 * its own, which stand before the closing three. */
static void skip_multiline(struct scan *s, const char *quotes)
{
    skip(s, 3);
    while (s->at < s->end && !starts(s, quotes, 3))
        skip(s, *s->at == '\\' && *quotes == '"' ? 2 : 1);
    skip(s, 3);
    for (int i = 0; i < 2 && s->at < s->end && *s->at == *quotes; i++)
        next(s);
}

/* A line end within is the parser's to refuse: it ends there, and so does this. */
static void skip_string(struct scan *s)
{
    char quote = *s->at;

    next(s);
    while (s->at < s->end && *s->at != quote && *s->at != '\n')
        skip(s, *s->at == '\\' && quote == '"' ? 2 : 1);
    if (s->at < s->end && *s->at == quote)
        next(s);
}

static const char *separator(struct scan *s, char c)
{
    s->dots = 0;
    s->run = 0;
    if (c == '[' || c == '{')
        s->depth++;
    else if ((c == ']' || c == '}') && s->depth > 0)
        s->depth--;
    if (c == '=' || c == ',' || c == '[')
        s->items++;
    if (s->depth > SCAN_DEPTH_MAX)
        return "values are nested too deeply";
    if (s->items > SCAN_ITEMS_MAX)
        return "too many keys and values for one file";
    next(s);
    return NULL;
}

static const char *plain(struct scan *s, char c)
{
    if ((unsigned char)c >= 0x80)
        return "only a-z, digits, '_' and '-' may stand outside of quotes";
    if (c == '.' && ++s->dots > SCAN_DOTS_MAX)
        return "too many dots in one key";
    if (++s->run > SCAN_KEY_MAX)
        return "a key or value without quotes is too long";
    next(s);
    return NULL;
}

static const char *step(struct scan *s)
{
    char c = *s->at;

    if (c == '#')
        skip_comment(s);
    else if (starts(s, "\"\"\"", 3) || starts(s, "'''", 3))
        skip_multiline(s, c == '"' ? "\"\"\"" : "'''");
    else if (c == '"' || c == '\'')
        skip_string(s);
    else if (c == '\n' || strchr("=,[]{}", c))
        return separator(s, c);
    else
        return plain(s, c);
    return NULL;
}

static const char *step_over_text(struct scan *s)
{
    unsigned char c = (unsigned char)*s->at;

    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        return "this is not a text: it holds control characters";
    next(s);
    return NULL;
}

static void place(const struct scan *s, uint32_t *line, uint32_t *column)
{
    *line = s->line;
    *column = 1;
    for (const char *p = s->line_start; p < s->at; p++)
        *column += ((unsigned char)*p & 0xc0) != 0x80;
}

/* One pass over the text. Stops where something is wrong. */
static const char *pass(struct scan *s, struct ctr_str text,
                        const char *(*step_fn)(struct scan *s))
{
    const char *wrong = NULL;

    *s = (struct scan){.at = text.ptr, .end = text.ptr + text.len, .line = 1};
    if (str_starts(text, STR_LIT("\xef\xbb\xbf")))
        s->at += 3; /* a byte order mark */
    s->line_start = s->at;
    while (s->at < s->end && !wrong)
        wrong = step_fn(s);
    return wrong;
}

const char *scan_check(struct ctr_str text, uint32_t *line, uint32_t *column)
{
    struct scan s;
    const char *wrong;

    if (text.len == 0)
        return NULL;
    wrong = pass(&s, text, step_over_text);
    if (!wrong)
        wrong = pass(&s, text, step);
    place(&s, line, column);
    return wrong;
}
