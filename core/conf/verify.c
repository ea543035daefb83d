/* verify.c - whether option tables keep the promises that reading them relies on. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "conf/option.h"
#include "conf/schema.h"

static bool good_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > CONF_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static const char *wrong_choices(const struct ctr_option *option)
{
    if (!option->choices || !option->choices[0])
        return "has no choices";
    return NULL;
}

static bool is_text(uint32_t type)
{
    return type == CTR_OPT_STRING || type == CTR_OPT_PATH || type == CTR_OPT_LIST ||
           type == CTR_OPT_MAP;
}

/* Lists and maps go through the reader itself. */
static const char *wrong_default_strings(const struct ctr_option *option)
{
    struct ctr_option alone = *option;
    struct schema_table table = {&alone, 1, sizeof(alone)};
    struct diag diag = {0};
    struct ctr_config *config;
    int err = schema_read(NULL, "default", &table, 1, 0, &diag, &config);

    conf_values_destroy(config);
    diag_finish(&diag);
    return err ? "has a default of another type" : NULL;
}

static const char *wrong_default(const struct ctr_option *option)
{
    int64_t value = 0;

    if (!option->default_value)
        return NULL;
    if (option->flags & (CTR_OPT_REQUIRED | CTR_OPT_SECRET))
        return "is required or secret, and has a default";
    if (option->type == CTR_OPT_PATH && option->default_value[0] != '/')
        return "has a default that is no absolute path";
    if (option->type == CTR_OPT_LIST || option->type == CTR_OPT_MAP)
        return wrong_default_strings(option);
    if (is_text(option->type))
        return NULL;
    if (option_parse(option, option->default_value, &value) != 0)
        return "has a default of another type";
    return option_in_range(option, value) ? NULL : "has a default out of its range";
}

static const char *wrong_option(const struct ctr_option *option)
{
    const char *wrong = NULL;

    if (option->type < CTR_OPT_STRING || option->type > CTR_OPT_MAP)
        return "has an unknown type";
    if (option->flags & ~(uint32_t)(CTR_OPT_REQUIRED | CTR_OPT_SECRET | CTR_OPT_PROGRAM))
        return "has unknown flags";
    if ((option->flags & CTR_OPT_PROGRAM) && option->type != CTR_OPT_PATH &&
        option->type != CTR_OPT_LIST)
        return "is a program but neither path nor list";
    if ((option->flags & CTR_OPT_SECRET) && option->type != CTR_OPT_STRING)
        return "is secret but no string";
    if (option_has_range(option) && option->min > option->max)
        return "has a range that ends before it begins";
    if (option->type == CTR_OPT_CHOICE)
        wrong = wrong_choices(option);
    return wrong ? wrong : wrong_default(option);
}

/* Also the keys of secrets: NAME_file beside a secret NAME would be ambiguous. */
static bool clash(const struct ctr_option *a, const struct ctr_option *b)
{
    size_t len = strlen(a->name);

    if (strcmp(a->name, b->name) == 0)
        return true;
    return (a->flags & CTR_OPT_SECRET) && strncmp(a->name, b->name, len) == 0 &&
           (strcmp(b->name + len, "_file") == 0 ||
            strcmp(b->name + len, "_credential") == 0);
}

static int refuse(char *why, size_t cap, const char *name, const char *wrong)
{
    snprintf(why, cap, "option '%s' %s", name, wrong);
    return -CTR_EINVAL;
}

static int verify_option(const struct schema_table *tables, unsigned n_tables, unsigned i,
                         char *why, size_t cap)
{
    struct ctr_option option = option_at(tables, n_tables, i);
    const char *wrong;
    char number[16];

    snprintf(number, sizeof(number), "#%u", i + 1);
    if (!option.name)
        return refuse(why, cap, number, "has no name");
    if (!good_name(option.name))
        return refuse(why, cap, number, "has a name that is not lower_case");
    wrong = wrong_option(&option);
    if (wrong)
        return refuse(why, cap, option.name, wrong);
    for (unsigned k = 0; k < i; k++) {
        struct ctr_option other = option_at(tables, n_tables, k);

        if (clash(&option, &other) || clash(&other, &option))
            return refuse(why, cap, option.name, "exists twice");
    }
    return 0;
}

int schema_verify(const struct schema_table *tables, unsigned n_tables, char *why,
                  size_t cap)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < n_tables; i++) {
        n += tables[i].n;
        if (tables[i].n > 0 &&
            (!tables[i].options ||
             tables[i].stride < offsetof(struct ctr_option, doc) + sizeof(char *) ||
             tables[i].stride % _Alignof(struct ctr_option) != 0)) {
            snprintf(why, cap, "the option table is missing or of an impossible size");
            return -CTR_EINVAL;
        }
    }
    if (n > SCHEMA_OPTIONS_MAX) {
        snprintf(why, cap, "there are more than %d options", SCHEMA_OPTIONS_MAX);
        return -CTR_EINVAL;
    }
    for (unsigned i = 0; i < n; i++) {
        int err = verify_option(tables, n_tables, i, why, cap);

        if (err)
            return err;
    }
    return 0;
}
