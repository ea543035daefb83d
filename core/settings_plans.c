/* settings_plans.c - dial plans: sections [dialplan.NAME], and who refers to them. */
#include "settings_private.h"

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

static const struct settings_plan *find_plan(const struct settings_build *b,
                                             const char *name)
{
    for (unsigned i = 0; i < b->n_plans; i++)
        if (strcmp(b->plans[i].name, name) == 0)
            return &b->plans[i];
    return NULL;
}

void settings_check_plan(struct settings_build *b, const struct conf_node *section)
{
    const struct conf_node *node = conf_get(section, "dialplan");
    const char *name = conf_get_z(section, "dialplan");
    const char **names;
    char hint[256];

    if (!node && b->n_plans > 1)
        diag_warning(b->diag, section->key_at,
                     "'" STR_FMT "' names no dialplan, so only international numbers are "
                     "understood there",
                     STR_ARG(section->key));
    if (!node || !name || find_plan(b, name))
        return;
    names = arena_array(&b->s->arena, b->n_plans + 1, sizeof(*names));
    for (unsigned i = 0; i < b->n_plans; i++)
        names[i] = b->plans[i].name;
    diag_error(b->diag, node->at, "there is no [dialplan.%s]%s", name,
               settings_hint(name, names, b->n_plans, hint, sizeof(hint)));
}

void settings_plan_of(struct settings_build *b, const struct ctr_config *values,
                      struct dialplan *out)
{
    const char *name = conf_str(values, "dialplan");
    const struct settings_plan *plan = name              ? find_plan(b, name)
                                       : b->n_plans == 1 ? &b->plans[0]
                                                         : NULL;

    if (plan)
        *out = plan->plan;
    else
        dialplan_neutral(out);
}
