/* connstr.c - see connstr.h. */
#include "connstr.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *skip_blanks(char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

static void trim_end(char *begin, char *end)
{
    while (end > begin && (uint8_t)end[-1] <= ' ')
        end--;
    *end = 0;
}

/* {value}, where }} stands for one. returns behind it, or NULL: never closed */
static char *take_braced(char *p, const char **value)
{
    char *to = p;

    *value = p++;
    for (;; p++) {
        if (!*p)
            return NULL;
        if (*p == '}' && *++p != '}')
            break;
        *to++ = *p;
    }
    p = skip_blanks(p);
    if (*p && *p != ';')
        return NULL;
    p += *p == ';';
    *to = 0;
    return p;
}

static char *take_plain(char *p, const char **value)
{
    size_t n = strcspn(p, ";");
    char *next = p + n + (p[n] == ';');

    *value = p;
    trim_end(p, p + n);
    return next;
}

static const char *take_pair(struct connstr *c, char **at)
{
    char *p = *at, *equals = p + strcspn(p, "=;");

    if (*equals != '=')
        return "holds something that is not KEY=value";
    if (c->n == CONNSTR_KEYS_MAX)
        return "has more than 64 keys";
    c->keys[c->n] = p;
    trim_end(p, equals);
    p = skip_blanks(equals + 1);
    p = *p == '{' ? take_braced(p, &c->values[c->n]) : take_plain(p, &c->values[c->n]);
    if (!p)
        return "has a { without its } before the next ;";
    c->n++;
    *at = p;
    return NULL;
}

const char *connstr_parse(struct connstr *c, const char *text)
{
    const char *wrong = NULL;
    char *p;

    *c = (struct connstr){0};
    if (strlen(text) >= CONNSTR_MAX)
        return "is longer than 4 KB";
    c->text = p = strdup(text);
    if (!p)
        return "could not be read: out of memory";
    while (!wrong && *(p = skip_blanks(p))) {
        if (*p == ';')
            p++;
        else
            wrong = take_pair(c, &p);
    }
    return wrong;
}

void connstr_finish(struct connstr *c)
{
    free(c->text);
    *c = (struct connstr){0};
}

const char *connstr_get(const struct connstr *c, const char *key)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (strcasecmp(c->keys[i], key) == 0)
            return c->values[i];
    return NULL;
}

static bool needs_braces(const char *value)
{
    size_t n = strlen(value);

    return n && (value[0] == '{' || value[0] == ' ' || value[n - 1] == ' ' ||
                 strpbrk(value, ";}"));
}

bool connstr_add(char *out, size_t cap, const char *key, const char *value)
{
    size_t n = strlen(out), need = strlen(key) + 2 * strlen(value) + 6;
    bool braces = needs_braces(value);

    if (n + need > cap)
        return false;
    if (n && out[n - 1] != ';')
        out[n++] = ';';
    n = (size_t)(stpcpy(out + n, key) - out);
    out[n++] = '=';
    if (braces)
        out[n++] = '{';
    for (; *value; value++) {
        if (braces && *value == '}')
            out[n++] = '}';
        out[n++] = *value;
    }
    if (braces)
        out[n++] = '}';
    out[n] = 0;
    return true;
}
