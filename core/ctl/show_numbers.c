/* show_numbers.c - the report on the numbers of the sources: totals, then what is listed
 * one by one. It is shown as it is built, so that a new finding needs no new code here.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/connect.h"
#include "ctl/show.h"
#include "ctl/table.h"

enum { INDENT = 2 };

static void put_key(const char *key)
{
    for (; *key; key++)
        putchar(*key == '_' ? ' ' : *key);
}

static void value_text(const cJSON *value, char *out, size_t cap)
{
    const char *text = cJSON_GetStringValue(value);

    if (text)
        snprintf(out, cap, "%s", text);
    else if (cJSON_IsNumber(value))
        snprintf(out, cap, "%.15g", value->valuedouble);
    else
        snprintf(out, cap, "%s",
                 cJSON_IsTrue(value)    ? "yes"
                 : cJSON_IsFalse(value) ? "no"
                                        : "-");
}

static void list_text(const cJSON *list, char *out, size_t cap)
{
    const cJSON *item;
    size_t len = 0;
    char text[256];

    out[0] = '\0';
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *member = item->child;

        if (len >= cap)
            return;
        len += (size_t)snprintf(out + len, cap - len, len ? "; " : "");
        if (!cJSON_IsObject(item)) {
            value_text(item, text, sizeof(text));
            len += len < cap ? (size_t)snprintf(out + len, cap - len, "%s", text) : 0;
        }
        for (; cJSON_IsObject(item) && member && len < cap; member = member->next) {
            value_text(member, text, sizeof(text));
            len += (size_t)snprintf(out + len, cap - len, "%s%s",
                                    member == item->child ? "" : " ", text);
        }
    }
}

/* Objects of one shape: their members are the columns. */
static void put_table(const cJSON *list)
{
    const cJSON *first = cJSON_GetArrayItem(list, 0), *row, *m;
    const char *head[TABLE_COLUMNS];
    unsigned n = 0;
    struct table t;
    char text[1024];

    for (m = first->child; m && n < TABLE_COLUMNS; m = m->next)
        head[n++] = m->string;
    if (n == 0)
        return;
    table_begin(&t, n, head);
    cJSON_ArrayForEach(row, list)
    {
        for (unsigned i = 0; i < n; i++) {
            m = cJSON_GetObjectItemCaseSensitive(row, head[i]);
            if (cJSON_IsArray(m))
                list_text(m, text, sizeof(text));
            else
                value_text(m, text, sizeof(text));
            table_cell(&t, text);
        }
    }
    table_print(&t);
}

static void put_object(const cJSON *object, int depth);

static void put_member(const cJSON *m, int depth)
{
    char text[1024];

    if (cJSON_IsArray(m) && cJSON_IsObject(m->child)) {
        putchar('\n');
        put_key(m->string);
        putchar('\n');
        put_table(m);
        return;
    }
    printf("%*s", depth * INDENT, "");
    put_key(m->string);
    if (cJSON_IsObject(m)) {
        putchar('\n');
        put_object(m, depth + 1);
        return;
    }
    if (cJSON_IsArray(m))
        list_text(m, text, sizeof(text));
    else
        value_text(m, text, sizeof(text));
    printf("  ");
    put_safe(text);
    putchar('\n');
}

/* Short values first, lists after them. */
static void put_object(const cJSON *object, int depth)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, object) if (!cJSON_IsArray(m) || m->child)
    {
        if (!(cJSON_IsArray(m) && cJSON_IsObject(m->child)))
            put_member(m, depth);
    }
    cJSON_ArrayForEach(m, object) if (cJSON_IsArray(m) && cJSON_IsObject(m->child))
        put_member(m, depth);
}

int show_numbers(const cJSON *result)
{
    if (cJSON_IsArray(result) && cJSON_IsObject(result->child))
        put_table(result);
    else
        put_object(result, 0);
    return CTL_OK;
}
