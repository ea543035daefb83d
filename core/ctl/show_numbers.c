/* show_numbers.c - the report on the numbers of the sources: totals, then one by one what
 * could not be read, is doubtful, impossible or double. */
#include <stdio.h>
#include <string.h>

#include "ctl/connect.h"
#include "ctl/show.h"
#include "ctl/table.h"

enum { CELL_MAX = 512 };

/* A string, a number, or a list of them in one cell. */
static void value_text(const cJSON *value, char *out, size_t cap)
{
    const cJSON *item;
    size_t len = 0;

    out[0] = '\0';
    if (cJSON_IsString(value))
        snprintf(out, cap, "%s", cJSON_GetStringValue(value));
    else if (cJSON_IsNumber(value))
        snprintf(out, cap, "%.0f", value->valuedouble);
    else
        cJSON_ArrayForEach(item, value)
        {
            if (len < cap && cJSON_IsString(item))
                len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "",
                                        cJSON_GetStringValue(item));
        }
}

/* Rows of objects; a column is a member of that name. */
static void print_rows(const cJSON *rows, const char *const *names,
                       const char *const *head, unsigned n, unsigned right)
{
    struct table t;
    const cJSON *row;
    char text[CELL_MAX];

    table_begin(&t, n, head);
    t.right = right;
    cJSON_ArrayForEach(row, rows)
    {
        for (unsigned i = 0; i < n; i++) {
            value_text(member(row, names[i]), text, sizeof(text));
            table_cell(&t, text);
        }
    }
    table_print(&t);
}

static void print_totals(const cJSON *sources)
{
    static const char *const names[] = {"name",       "contacts",       "numbers",
                                        "normalised", "not_normalised", "ambiguous",
                                        "impossible", "duplicates"};
    static const char *const head[] = {"SOURCE",     "CONTACTS",       "NUMBERS",
                                       "NORMALISED", "NOT NORMALISED", "AMBIGUOUS",
                                       "IMPOSSIBLE", "DUPLICATES"};

    print_rows(sources, names, head, 8, 0xfe);
}

static void print_list(const cJSON *source, const char *list, const char *title)
{
    static const char *const names[] = {"id",      "field", "value",
                                        "read_as", "why",   "could_be"};
    static const char *const head[] = {"ID",      "FIELD", "VALUE",
                                       "READ AS", "WHY",   "COULD BE"};
    const cJSON *rows = member(source, list);

    if (cJSON_GetArraySize(rows) == 0)
        return;
    printf("\n%s: %s\n", member_str(source, "name"), title);
    print_rows(rows, names, head, strcmp(list, "ambiguous_list") == 0 ? 6 : 5, 0);
}

static void print_duplicates(const cJSON *source)
{
    static const char *const names[] = {"number", "contacts", "ids", "also_in"};
    static const char *const head[] = {"NUMBER", "CONTACTS", "IDS", "ALSO IN"};
    const cJSON *rows = member(source, "duplicates_list");

    if (cJSON_GetArraySize(rows) == 0)
        return;
    printf("\n%s: duplicates, numbers of several contacts\n", member_str(source, "name"));
    print_rows(rows, names, head, 4, 1u << 1);
}

int show_numbers(const cJSON *result)
{
    const cJSON *sources = member(result, "sources"), *s;

    print_totals(sources);
    cJSON_ArrayForEach(s, sources)
    {
        print_list(s, "not_normalised_list", "not a number");
        print_list(s, "impossible_list", "impossible, no number there is that long");
        print_list(s, "ambiguous_list", "ambiguous, it could be another number, too");
        print_duplicates(s);
    }
    return CTL_OK;
}
