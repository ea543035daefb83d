/* option.c - durations, sizes, ranges and field names as an administrator writes them. */
#include "conf/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "contactor/contact.h"

const char *const option_fields[] = {
#define CTR_X(number, name, text) text,
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
};
const unsigned option_n_fields = sizeof(option_fields) / sizeof(option_fields[0]);

struct unit {
    const char *name;
    int64_t factor;
};

/* The smallest first; formatting takes the largest that divides. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"", 1},
    {"K", INT64_C(1) << 10},
    {"M", INT64_C(1) << 20},
    {"G", INT64_C(1) << 30},
    {"T", INT64_C(1) << 40},
    {NULL, 0},
};

const char *option_type_name(uint32_t type)
{
    static const char *const names[OPTION_TYPES] = {
        [CTR_OPT_STRING] = "string", [CTR_OPT_BOOL] = "boolean",
        [CTR_OPT_INT] = "integer",   [CTR_OPT_DURATION] = "duration",
        [CTR_OPT_SIZE] = "size",     [CTR_OPT_CHOICE] = "choice",
        [CTR_OPT_PATH] = "path",     [CTR_OPT_LIST] = "list",
        [CTR_OPT_MAP] = "map",
    };

    ensure(type >= CTR_OPT_STRING && type <= CTR_OPT_MAP);
    return names[type];
}

unsigned option_count(const struct schema_table *tables, unsigned n_tables)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_tables; i++)
        n += tables[i].n;
    return n;
}

struct ctr_option option_at(const struct schema_table *tables, unsigned n_tables,
                            unsigned i)
{
    struct ctr_option option = {0};
    const struct schema_table *table = tables;

    for (; table < tables + n_tables && i >= table->n; table++)
        i -= table->n;
    ensure(table < tables + n_tables);
    memcpy(&option, (const char *)table->options + (size_t)i * table->stride,
           table->stride < sizeof(option) ? table->stride : sizeof(option));
    return option;
}

/* The digits at the start of text. returns 0 and what follows | -CTR_EINVAL */
static int parse_digits(const char *text, int64_t *value, const char **rest)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -CTR_EINVAL;
    errno = 0;
    *value = strtoll(text, &end, 10);
    *rest = end;
    return errno ? -CTR_EINVAL : 0;
}

static int parse_units(const char *text, const struct unit *units, const char *suffix,
                       int64_t *value)
{
    const char *rest;

    if (parse_digits(text, value, &rest) != 0)
        return -CTR_EINVAL;
    for (const struct unit *u = units; u->name; u++) {
        size_t len = strlen(u->name);

        if (strncmp(rest, u->name, len) != 0)
            continue;
        if (rest[len] != '\0' && (len == 0 || strcmp(rest + len, suffix) != 0))
            continue;
        return __builtin_mul_overflow(*value, u->factor, value) ? -CTR_EINVAL : 0;
    }
    return -CTR_EINVAL;
}

int option_parse_duration(const char *text, int64_t *ms)
{
    return parse_units(text, durations, "", ms);
}

/* "512", "64K", "1M", "2G", "1T", also "64KiB". */
static int parse_size(const char *text, int64_t *bytes)
{
    return parse_units(text, sizes, "iB", bytes);
}

static int parse_int(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    const char *rest;

    if (parse_digits(text + negative, value, &rest) != 0 || *rest != '\0')
        return -CTR_EINVAL;
    if (negative)
        *value = -*value;
    return 0;
}

/* The index of text in the choices, or -1. */
static int choice_of(const struct ctr_option *option, const char *text)
{
    for (int i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], text) == 0)
            return i;
    return -1;
}

int option_parse(const struct ctr_option *option, const char *text, int64_t *value)
{
    switch (option->type) {
    case CTR_OPT_INT:
        return parse_int(text, value);
    case CTR_OPT_DURATION:
        return option_parse_duration(text, value);
    case CTR_OPT_SIZE:
        return parse_size(text, value);
    case CTR_OPT_BOOL:
        *value = strcmp(text, "true") == 0;
        return *value || strcmp(text, "false") == 0 ? 0 : -CTR_EINVAL;
    case CTR_OPT_CHOICE:
        *value = choice_of(option, text);
        return *value >= 0 ? 0 : -CTR_EINVAL;
    default:
        return -CTR_EINVAL;
    }
}

bool option_has_range(const struct ctr_option *option)
{
    bool ranged = option->type == CTR_OPT_INT || option->type == CTR_OPT_DURATION ||
                  option->type == CTR_OPT_SIZE;

    return ranged && (option->min != 0 || option->max != 0);
}

bool option_in_range(const struct ctr_option *option, int64_t value)
{
    return !option_has_range(option) || (value >= option->min && value <= option->max);
}

const char *option_format(uint32_t type, int64_t value, char *out, size_t cap)
{
    const struct unit *units = type == CTR_OPT_DURATION ? durations : sizes;
    const struct unit *best = units;

    if (type == CTR_OPT_INT) {
        snprintf(out, cap, "%lld", (long long)value);
        return out;
    }
    for (const struct unit *u = units; u->name && value != 0; u++)
        if (value % u->factor == 0)
            best = u;
    snprintf(out, cap, "%lld%s", (long long)(value / best->factor), best->name);
    return out;
}

const char *option_format_range(const struct ctr_option *option, char *out, size_t cap)
{
    char min[OPTION_TEXT_MAX], max[OPTION_TEXT_MAX];

    option_format(option->type, option->min, min, sizeof(min));
    option_format(option->type, option->max, max, sizeof(max));
    if (option->max == INT64_MAX)
        snprintf(out, cap, "at least %s", min);
    else if (option->min == INT64_MIN)
        snprintf(out, cap, "at most %s", max);
    else
        snprintf(out, cap, "between %s and %s", min, max);
    return out;
}

bool option_is_field(struct ctr_str key)
{
    for (unsigned i = 0; i < option_n_fields; i++)
        if (str_eq_z(key, option_fields[i]))
            return true;
    if (!str_starts(key, STR_LIT("x_")) || key.len < 3 || key.len > 2 + CONF_NAME_MAX)
        return false;
    for (uint64_t i = 2; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}
