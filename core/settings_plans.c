/* settings_plans.c - dial plans: sections [dialplan.NAME], and who refers to them. */
#include "settings_private.h"

#include "base/alloc.h"

static void read_plan(struct settings_build *b, const struct conf_node *section,
                      struct settings_plan *plan)
{
    struct ctr_config *values;
    struct dialplan_options options;
    const char *bad = NULL;
    char error[256], name[64];

    dialplan_neutral(&plan->plan);
    plan->name = arena_str(&b->s->arena, section->key).ptr;
    snprintf(name, sizeof(name), "dialplan.%s", plan->name);
    if (schema_read(section, name, &settings_dialplan_table, 1, 0, b->diag, &values) != 0)
        return;
    options = (struct dialplan_options){
        .country = conf_str(values, "country"),
        .area_code = conf_str(values, "area_code"),
        .main_number = conf_str(values, "main_number"),
        .outside_line = conf_str(values, "outside_line"),
        .international_prefix = conf_str(values, "international_prefix"),
        .national_prefix = conf_str(values, "national_prefix"),
        .outside_line_set = conf_set(values, "outside_line") != 0,
        .extension_length = (int)conf_int(values, "extension_length"),
    };
    if (dialplan_init(&plan->plan, &options, &bad, error, sizeof(error)) != 0)
        diag_error(b->diag, conf_option_place(values, bad ? bad : "country"), "%s",
                   error);
    conf_values_destroy(values);
}

void settings_read_plans(struct settings_build *b)
{
    const struct conf_node *section = NULL;

    b->plans =
        arena_array(&b->s->arena, settings_count(b, "dialplan") + 1, sizeof(*b->plans));
    while ((section = settings_section(b, "dialplan", section)))
        read_plan(b, section, &b->plans[b->n_plans++]);
}

/* The plan a section names; where it names none, the only one there is. */
void settings_plan_of(struct settings_build *b, const struct ctr_config *values,
                      struct dialplan *out)
{
    const char *name = conf_str(values, "dialplan");
    const char *names[CONF_FILES_MAX];
    unsigned n = 0;
    char hint[256];

    dialplan_neutral(out);
    for (unsigned i = 0; i < b->n_plans; i++) {
        if (name && strcmp(b->plans[i].name, name) == 0) {
            *out = b->plans[i].plan;
            return;
        }
        if (n < CONF_FILES_MAX)
            names[n++] = b->plans[i].name;
    }
    if (name)
        diag_error(b->diag, conf_option_place(values, "dialplan"),
                   "there is no [dialplan.%s]%s", name,
                   settings_hint(name, names, n, hint, sizeof(hint)));
    else if (b->n_plans == 1)
        *out = b->plans[0].plan;
    else if (b->n_plans > 1)
        diag_warning(b->diag, conf_option_place(values, "dialplan"),
                     "[%s] names no dialplan, so only international numbers are "
                     "understood there",
                     conf_values_section(values));
}
