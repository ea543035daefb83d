/* table.c - lines cells up and writes values as people read them. */
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

/* ---- tables --------------------------------------------------------------------- */

void table_cell(struct table *t, const char *text)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->cells = xrealloc(t->cells, t->cap * sizeof(*t->cells));
    }
    t->cells[t->n++] = xstrdup(text ? text : "");
}

void table_begin(struct table *t, unsigned columns, const char *const *head)
{
    memset(t, 0, sizeof(*t));
    t->columns = columns;
    for (unsigned i = 0; i < columns; i++)
        table_cell(t, head[i]);
}

size_t width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void put_text(FILE *to, const char *text, bool lines)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        /* C1 controls are two bytes in UTF-8: c2 80..9f. */
        if (c == 0xc2 && (unsigned char)text[1] >= 0x80 &&
            (unsigned char)text[1] < 0xa0) {
            putc('?', to);
            text++;
        } else if (c == '\n' && lines) {
            putc('\n', to);
        } else {
            putc(c < 0x20 || c == 0x7f ? '?' : *text, to);
        }
    }
}

void put_safe(const char *text)
{
    put_text(stdout, text, false);
}

void put_safe_lines(FILE *to, const char *text)
{
    put_text(to, text, true);
}

static void put_cell(const struct table *t, size_t i, size_t wide)
{
    unsigned column = (unsigned)(i % t->columns);
    size_t pad = wide - width(t->cells[i]);
    int last = column + 1 == t->columns;

    if (t->right & (1u << column))
        printf("%*s", (int)pad, "");
    put_safe(t->cells[i]);
    if (last)
        putchar('\n');
    else
        printf("%*s", (int)(t->right & (1u << column) ? 2 : pad + 2), "");
}

void table_print(struct table *t)
{
    size_t wide[TABLE_COLUMNS] = {0};

    for (size_t i = 0; i < t->n; i++) {
        size_t w = width(t->cells[i]);

        if (w > wide[i % t->columns])
            wide[i % t->columns] = w;
    }
    for (size_t i = 0; i < t->n; i++)
        put_cell(t, i, wide[i % t->columns]);
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
}

/* ---- values --------------------------------------------------------------------- */

const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *member_str(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(member(object, name));

    return text ? text : "";
}

double member_num(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

int member_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(member(object, name));
}

const char *span(double ms, char out[VALUE_MAX])
{
    int64_t s = ms > 0 ? (int64_t)(ms / 1000) : 0;

    if (s < 60)
        snprintf(out, VALUE_MAX, "%lld s", (long long)s);
    else if (s < 3600)
        snprintf(out, VALUE_MAX, "%lld min", (long long)(s / 60));
    else if (s < 48 * 3600)
        snprintf(out, VALUE_MAX, "%lld h %lld min", (long long)(s / 3600),
                 (long long)(s % 3600 / 60));
    else
        snprintf(out, VALUE_MAX, "%lld days", (long long)(s / 86400));
    return out;
}

const char *ago(double ms, char out[VALUE_MAX])
{
    char text[VALUE_MAX - 8];
    char wide[VALUE_MAX];

    if (ms <= 0) {
        snprintf(out, VALUE_MAX, "never");
        return out;
    }
    span((double)clock_wall_ms() - ms, wide);
    snprintf(text, sizeof(text), "%.40s", wide);
    snprintf(out, VALUE_MAX, "%s ago", text);
    return out;
}

const char *bytes(double n, char out[VALUE_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;

    for (; n >= 1024 && unit < 4; unit++)
        n /= 1024;
    snprintf(out, VALUE_MAX, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
    return out;
}

const char *clock_of(double ms, char out[VALUE_MAX])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    if (!localtime_r(&seconds, &tm)) {
        snprintf(out, VALUE_MAX, "-");
        return out;
    }
    n = strftime(out, VALUE_MAX, "%m-%d %H:%M:%S", &tm);
    snprintf(out + n, VALUE_MAX - n, ".%03d", (int)((int64_t)ms % 1000));
    return out;
}
