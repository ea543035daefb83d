/* settings_instances.c - sections [source.NAME] and [frontend.NAME]: the host's options
 * and the plugin's, and what they refer to. */
#include "settings_private.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- the plugin, and the two tables --------------------------------------------- */

static void find_plugin(struct section *s, const char *name, struct conf_place at)
{
    char error[2048], hint[256];
    bool strict = (s->b->flags & SETTINGS_STRICT) != 0;
    int err = plugin_load(s->b->registry, name, &s->in->plugin, error, sizeof(error));

    hint[0] = '\0';
    if (err == -CTR_ENOENT)
        conf_suggest(name, s->b->plugins, s->b->n_plugins, hint, sizeof(hint));
    if (err == 0 && s->frontend && !s->in->plugin->has_frontend) {
        snprintf(error, sizeof(error), "plugin '%s' is not a front end", name);
        err = -CTR_EINVAL;
    } else if (err == 0 && !s->frontend && !s->in->plugin->has_source) {
        snprintf(error, sizeof(error), "plugin '%s' is not a source", name);
        err = -CTR_EINVAL;
    }
    if (err == 0)
        return;
    s->in->plugin = NULL;
    s->in->problem = arena_fmt(&s->b->s->arena, "%s%s", error, hint);
    if (strict)
        diag_error(s->b->diag, at, "%s", s->in->problem);
}

static const struct ctr_option *find_option(struct schema_table table, const char *name)
{
    for (uint32_t i = 0; i < table.n; i++)
        if (strcmp(table.options[i].name, name) == 0)
            return &table.options[i];
    return NULL;
}

static bool same_choices(const char *const *a, const char *const *b)
{
    for (; a && b && *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return (!a && !b) || (a && b && !*a && !*b);
}

/* The host's options without those the plugin declares too; n of them into out. */
static bool merge_tables(struct section *s, struct ctr_option *out, uint32_t *n)
{
    struct schema_table own = plugin_options(s->in->plugin);

    *n = 0;
    for (uint32_t i = 0; i < s->host->n; i++) {
        const struct ctr_option *ours = &s->host->options[i];
        const struct ctr_option *theirs = find_option(own, ours->name);

        if (!theirs) {
            out[(*n)++] = *ours;
        } else if (theirs->type != ours->type ||
                   !same_choices(theirs->choices, ours->choices)) {
            s->in->problem = arena_fmt(
                &s->b->s->arena,
                "plugin '%s' declares the option '%s', which every %s has, as "
                "something else",
                s->in->plugin_name, ours->name, s->frontend ? "front end" : "source");
            return false;
        }
    }
    return true;
}

/* Which of the host's options a running instance takes on without being made anew. */
static bool is_live(const struct section *s, const char *name)
{
    static const char *const source[] = {
        "dialplan",    "priority",           "sync", "allow",        "fields",
        "stale_after", "max_delete_percent", "live", "live_timeout", "sync_limit",
        "share_groups"};
    static const char *const frontend[] = {"dialplan",   "output_format", "size_limit",
                                           "time_limit", "ambiguity",     "company_match",
                                           "anonymous",  "sources",       "fields"};

    return s->frontend
               ? settings_known(name, frontend, sizeof(frontend) / sizeof(frontend[0]))
               : settings_known(name, source, sizeof(source) / sizeof(source[0]));
}

static int read_values(struct section *s)
{
    struct ctr_option merged[64], hard[64];
    struct schema_table tables[2] = {{merged, 0, sizeof(merged[0])},
                                     plugin_options(s->in->plugin)};
    struct diag *scratch;
    int err;

    ensure(s->host->n <= 64);
    if (!merge_tables(s, merged, &tables[0].n)) {
        diag_error(s->b->diag, s->node->key_at, "%s", s->in->problem);
        return -CTR_ECONF;
    }
    err = schema_read(s->node, s->in->name, tables, 2,
                      s->b->flags & SETTINGS_STRICT ? SCHEMA_STRICT : 0, s->b->diag,
                      &s->in->values);
    if (err != 0)
        return err;
    tables[0].options = hard;
    tables[0].n = 0;
    for (uint32_t i = 0; i < s->host->n; i++)
        if (!is_live(s, s->host->options[i].name) &&
            !find_option(tables[1], s->host->options[i].name))
            hard[tables[0].n++] = s->host->options[i];
    /* Read again without a word: what is wrong has been told. */
    scratch = xcalloc(1, sizeof(*scratch));
    err = schema_read(s->node, s->in->name, tables, 2, SCHEMA_OPEN, scratch,
                      &s->in->identity);
    if (err == 0)
        conf_values_report_to(s->in->identity, NULL);
    diag_finish(scratch);
    free(scratch);
    return err;
}

/* The folders of the paths its options name. */
static void add_paths(struct section *s)
{
    struct schema_table tables[2] = {*s->host, plugin_options(s->in->plugin)};

    s->b->folder_of = s->in->name;
    for (unsigned t = 0; t < 2; t++)
        for (uint32_t i = 0; i < tables[t].n; i++) {
            const struct ctr_option *option = &tables[t].options[i];

            if (option->flags & CTR_OPT_PROGRAM)
                settings_add_program(s->b, option, s->in->values);
            else if (option->type == CTR_OPT_PATH)
                settings_add_file(s->b, conf_str(s->in->values, option->name));
        }
    settings_add_secrets(s->b, s->node);
    s->b->folder_of = NULL;
}

static void check_by_plugin(struct section *s)
{
    unsigned before = s->b->diag->errors;
    char error[1024];
    int err = s->in->isolated
                  ? isolate_check(s->in->plugin, s->in->values, &s->in->isolate, error,
                                  sizeof(error))
                  : instance_check(s->in->plugin, s->in->values, error, sizeof(error));

    if (err != 0 && (error[0] || s->b->diag->errors == before))
        diag_error(s->b->diag, s->node->key_at, "[%s] %s", s->in->name,
                   error[0] ? error : error_text(err));
}

/* ---- sections ------------------------------------------------------------------- */

/* returns 0 when there are values to go on with */
static int read_section(struct section *s)
{
    struct settings_instance *in = s->in;
    const struct conf_node *plugin = conf_get(s->node, "plugin");

    in->plugin_name = conf_get_z(s->node, "plugin");
    if (in->plugin_name) {
        in->plugin_name = arena_z(&s->b->s->arena, in->plugin_name);
        find_plugin(s, in->plugin_name, plugin->at);
    }
    if (in->plugin)
        return read_values(s);
    /* Without the plugin its options are not known; the host's are checked. */
    return schema_read(s->node, in->name, s->host, 1, SCHEMA_OPEN, s->b->diag,
                       &in->values);
}

static struct section begin_section(struct settings_build *b,
                                    const struct conf_node *node, bool frontend)
{
    struct settings_instance *in = &b->s->instances[b->s->n_instances++];
    struct arena *a = &b->s->arena;

    in->role = frontend ? INSTANCE_FRONTEND : INSTANCE_SOURCE;
    in->name =
        arena_fmt(a, "%s." STR_FMT, frontend ? "frontend" : "source", STR_ARG(node->key));
    in->short_name = arena_str(a, node->key).ptr;
    return (struct section){b, node, in,
                            frontend ? &settings_frontend_table : &settings_source_table,
                            frontend};
}

static void read_sources(struct settings_build *b, struct flow_source_config *sources)
{
    const struct conf_node *node = NULL;

    while ((node = settings_section(b, "source", node))) {
        struct section s = begin_section(b, node, false);
        struct flow_source_config *source = &sources[b->s->flow.n_sources];

        s.in->index = (unsigned)b->s->flow.n_sources++;
        source->name = s.in->short_name;
        section_check_references(&s);
        if (read_section(&s) != 0)
            continue;
        section_read_source(&s, source);
        section_read_isolation(&s);
        if (s.in->plugin) {
            add_paths(&s);
            check_by_plugin(&s);
        }
    }
}

static void read_frontends(struct settings_build *b, struct flow_client_config *clients)
{
    const struct conf_node *node = NULL;

    while ((node = settings_section(b, "frontend", node))) {
        struct section s = begin_section(b, node, true);
        struct flow_client_config *client = &clients[b->s->flow.n_clients];

        s.in->index = (unsigned)b->s->flow.n_clients++;
        client->name = s.in->name;
        section_check_references(&s);
        if (read_section(&s) != 0)
            continue;
        section_read_frontend(&s, client);
        if (s.in->plugin) {
            add_paths(&s);
            check_by_plugin(&s);
        }
    }
}

static bool same_place(const struct net_address *a, const struct net_address *b)
{
    return a->port != 0 && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Who before in's address i has the same one; NULL: nobody. */
static const struct settings_instance *
holder_of(const struct settings_build *b, const struct settings_instance *in, unsigned i)
{
    for (const struct settings_instance *o = b->s->instances; o <= in; o++)
        for (unsigned k = 0; k < (o == in ? i : o->n_addresses); k++)
            if (same_place(&in->addresses[i], &o->addresses[k]))
                return o;
    return NULL;
}

/* Two front ends at one address: the second could never listen. */
static void check_addresses(struct settings_build *b, const struct settings_instance *in)
{
    for (unsigned i = 0; i < in->n_addresses; i++) {
        const struct settings_instance *o = holder_of(b, in, i);

        if (o)
            diag_error(b->diag, conf_option_place(in->values, "listen"),
                       "%s: [%s] listens at the same address", in->addresses[i].text,
                       o->name);
    }
}

static void collect_sources(struct settings_build *b)
{
    const struct conf_node *table = conf_get(conf_root(b->conf), "source");

    b->sources =
        arena_array(&b->s->arena, settings_count(b, "source") + 1, sizeof(*b->sources));
    if (!table || table->type != CONF_TABLE)
        return;
    conf_for_each(it, table) b->sources[b->n_sources++] =
        arena_str(&b->s->arena, it->key).ptr;
}

/* The client contactorctl asks as: it reads and writes numbers as the first front end. */
static void add_control(struct settings_build *b, struct flow_client_config *clients)
{
    struct flow_client_config *control = &clients[b->s->flow.n_clients];

    dialplan_neutral(&control->plan);
    if (b->s->flow.n_clients > 0)
        control->plan = clients[0].plan;
    else if (b->n_plans > 0)
        control->plan = b->plans[0].plan;
    control->name = SETTINGS_CONTROL;
    control->size_limit = 500;
    control->time_limit = 3000;
    control->ambiguity = FLOW_AMBIGUITY_ALL;
    control->company_match = true;
    b->s->flow.n_clients++;
}

void settings_read_instances(struct settings_build *b)
{
    unsigned n_sources = settings_count(b, "source");
    unsigned n_clients = settings_count(b, "frontend");
    struct settings *s = b->s;
    struct flow_source_config *sources =
        arena_array(&s->arena, n_sources + 1, sizeof(*sources));
    struct flow_client_config *clients =
        arena_array(&s->arena, n_clients + 2, sizeof(*clients));

    s->flow.sources = sources;
    s->flow.clients = clients;
    s->instances =
        arena_array(&s->arena, n_sources + n_clients + 1, sizeof(*s->instances));
    b->plugins = arena_array(&s->arena, REGISTRY_NAMES_MAX, sizeof(*b->plugins));
    b->n_plugins = registry_names(b->registry, &s->arena, b->plugins, REGISTRY_NAMES_MAX);
    collect_sources(b);
    read_sources(b, sources);
    read_frontends(b, clients);
    add_control(b, clients);
    for (unsigned i = 0; i < s->n_instances; i++)
        check_addresses(b, &s->instances[i]);
}
