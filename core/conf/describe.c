/* describe.c - the option reference, for people and for programs. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "conf/option.h"
#include "conf/schema.h"

static void describe_keys(FILE *out, const struct ctr_option *option)
{
    if (option->flags & CTR_OPT_SECRET)
        fprintf(out, "%s_file, %s_credential\n", option->name, option->name);
    else
        fprintf(out, "%s\n", option->name);
}

static void describe_option(FILE *out, const struct ctr_option *option)
{
    char range[3 * OPTION_TEXT_MAX];

    describe_keys(out, option);
    fprintf(out, "    %s", option_type_name(option->type));
    if (option->flags & CTR_OPT_SECRET)
        fprintf(out, ", secret");
    if (option->flags & CTR_OPT_PROGRAM)
        fprintf(out, ", program");
    if (option->flags & CTR_OPT_REQUIRED)
        fprintf(out, ", required");
    for (int i = 0; option->type == CTR_OPT_CHOICE && option->choices[i]; i++)
        fprintf(out, "%s\"%s\"", i ? " | " : ": ", option->choices[i]);
    if (option_has_range(option))
        fprintf(out, ", %s", option_format_range(option, range, sizeof(range)));
    if (option->default_value)
        fprintf(out, ", default %s", option->default_value);
    fputc('\n', out);
    if (option->doc)
        fprintf(out, "    %s\n", option->doc);
}

void schema_describe(FILE *out, const struct schema_table *tables, unsigned n_tables)
{
    unsigned n = option_count(tables, n_tables);

    for (unsigned i = 0; i < n; i++) {
        struct ctr_option option = option_at(tables, n_tables, i);

        if (i > 0)
            fputc('\n', out);
        describe_option(out, &option);
    }
}

/* cJSON returns NULL only when memory is out. */
static void add(cJSON *object, const char *name, cJSON *item)
{
    ensure(item && cJSON_AddItemToObject(object, name, item));
}

static cJSON *choices_json(const struct ctr_option *option)
{
    cJSON *array = cJSON_CreateArray();

    for (int i = 0; option->choices[i]; i++)
        ensure(cJSON_AddItemToArray(array, cJSON_CreateString(option->choices[i])));
    return array;
}

static cJSON *option_json(const struct ctr_option *option)
{
    cJSON *object = cJSON_CreateObject();
    char text[OPTION_TEXT_MAX];

    ensure(object);
    add(object, "name", cJSON_CreateString(option->name));
    add(object, "type", cJSON_CreateString(option_type_name(option->type)));
    add(object, "required", cJSON_CreateBool(!!(option->flags & CTR_OPT_REQUIRED)));
    add(object, "secret", cJSON_CreateBool(!!(option->flags & CTR_OPT_SECRET)));
    add(object, "program", cJSON_CreateBool(!!(option->flags & CTR_OPT_PROGRAM)));
    if (option->default_value)
        add(object, "default", cJSON_CreateString(option->default_value));
    if (option_has_range(option)) {
        option_format(option->type, option->min, text, sizeof(text));
        add(object, "min", cJSON_CreateString(text));
        option_format(option->type, option->max, text, sizeof(text));
        add(object, "max", cJSON_CreateString(text));
    }
    if (option->type == CTR_OPT_CHOICE)
        add(object, "choices", choices_json(option));
    if (option->doc)
        add(object, "doc", cJSON_CreateString(option->doc));
    return object;
}

char *schema_describe_json(const struct schema_table *tables, unsigned n_tables)
{
    cJSON *array = cJSON_CreateArray();
    unsigned n = option_count(tables, n_tables);
    char *printed, *text;

    ensure(array);
    for (unsigned i = 0; i < n; i++) {
        struct ctr_option option = option_at(tables, n_tables, i);

        ensure(cJSON_AddItemToArray(array, option_json(&option)));
    }
    printed = cJSON_Print(array);
    ensure(printed);
    text = xstrdup(printed);
    cJSON_free(printed);
    cJSON_Delete(array);
    return text;
}
