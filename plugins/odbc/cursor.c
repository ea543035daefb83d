/* cursor.c - see cursor.h. A cursor that comes back is checked like anything from
 * outside. */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char version[] = "odbc2";

bool cursor_write(const struct cursor *c, char *out, size_t cap)
{
    int n =
        snprintf(out, cap, "%s\t%016" PRIx64 "\t%" PRId64 "\t%" PRId64 "\t%d\t%c\t%d\t%s",
                 version, c->hash, c->full_at, c->at, c->several, c->mark.type,
                 c->mark.digits, c->mark.text);

    for (uint32_t i = 0; i < c->n_names; i++)
        if (n >= 0 && (size_t)n < cap)
            n += snprintf(out + n, cap - (size_t)n, "\t%s", c->names[i]);
    return n >= 0 && (size_t)n < cap;
}

/* The next field, NUL-terminated in place; NULL: none is left. */
static char *field(char **at)
{
    char *begin = *at;

    if (!begin)
        return NULL;
    *at = strchr(begin, '\t');
    if (*at)
        *(*at)++ = 0;
    return begin;
}

static bool number(char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;

    if (!text || !*text)
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == 0 && *out >= min && *out <= max;
}

static bool read_mark(struct mark *m, char **at)
{
    char *type = field(at), *digits = field(at), *text = field(at);
    int64_t n;

    if (!type || strlen(type) != 1 || !number(digits, -128, 128, &n) || !text ||
        strlen(text) >= MARK_MAX)
        return false;
    m->type = *type;
    m->digits = (int16_t)n;
    strcpy(m->text, text);
    return mark_is_valid(m);
}

static bool read_fields(struct cursor *c, char *at)
{
    char *name = field(&at), *hash = field(&at), *end;
    int64_t several;

    if (!name || strcmp(name, version) != 0 || !hash || strlen(hash) != 16 ||
        strspn(hash, "0123456789abcdef") != 16)
        return false;
    c->hash = strtoull(hash, &end, 16);
    if (!number(field(&at), 0, INT64_MAX, &c->full_at) ||
        !number(field(&at), 0, INT64_MAX - 1, &c->at) ||
        !number(field(&at), 0, 1, &several) || !read_mark(&c->mark, &at))
        return false;
    c->several = several != 0;
    while ((name = field(&at))) {
        if (c->n_names == 1 + KEYS_MAX || strlen(name) >= COLUMN_NAME)
            return false;
        strcpy(c->names[c->n_names++], name);
    }
    return true;
}

bool cursor_read(struct cursor *c, const char *text, size_t n)
{
    char copy[CURSOR_TEXT];

    *c = (struct cursor){0};
    if (n >= sizeof(copy) || memchr(text, 0, n))
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    return read_fields(c, copy);
}
