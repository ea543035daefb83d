/* settings_instances.c - sections [source.NAME] and [frontend.NAME]: the host's options
 * and the plugin's, and what they refer to. */
#include "settings_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "conf/option.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* One section on its way. */
struct section {
    struct settings_build *b;
    const struct conf_node *node;
    struct settings_instance *in;
    const struct schema_table *host;
    bool frontend;
};

/* ---- the plugin, and the two tables -------------------------------------------------
 */

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
        "dialplan",    "priority",           "sync", "allow", "fields",
        "stale_after", "max_delete_percent", "live"};
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
    err = schema_read(s->node, s->in->name, tables, 2, 0, s->b->diag, &s->in->values);
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

    for (unsigned t = 0; t < 2; t++)
        for (uint32_t i = 0; i < tables[t].n; i++)
            if (tables[t].options[i].type == CTR_OPT_PATH)
                settings_add_file(s->b,
                                  conf_str(s->in->values, tables[t].options[i].name));
    settings_add_secrets(s->b, s->node);
}

static void check_by_plugin(struct section *s)
{
    unsigned before = s->b->diag->errors;
    char error[1024];
    int err = instance_check(s->in->plugin, s->in->values, error, sizeof(error));

    if (err != 0 && (error[0] || s->b->diag->errors == before))
        diag_error(s->b->diag, s->node->key_at, "[%s] %s", s->in->name,
                   error[0] ? error : error_text(err));
}

/* ---- who may see what ----------------------------------------------------------------
 */

static void check_principal(struct settings_build *b, const struct conf_node *node)
{
    const char *who = node->string.ptr;
    char hint[256];

    if (node->type != CONF_STRING)
        return; /* told by the schema */
    if (who[0] == '@' && !settings_known(who + 1, b->groups, b->n_groups))
        diag_error(b->diag, node->at, "no user belongs to a group '%s'%s", who + 1,
                   settings_hint(who + 1, b->groups, b->n_groups, hint, sizeof(hint)));
    else if (who[0] != '@' && strcmp(who, "anonymous") != 0 &&
             !settings_known(who, b->users, b->n_users))
        diag_error(b->diag, node->at, "there is no [user.%s]%s", who,
                   settings_hint(who, b->users, b->n_users, hint, sizeof(hint)));
}

static void check_source(struct settings_build *b, const struct conf_node *node)
{
    char hint[256];

    if (node->type == CONF_STRING &&
        !settings_known(node->string.ptr, b->sources, b->n_sources))
        diag_error(b->diag, node->at, "there is no [source.%s]%s", node->string.ptr,
                   settings_hint(node->string.ptr, b->sources, b->n_sources, hint,
                                 sizeof(hint)));
}

/* A string, or each element of a list. */
static void check_each(struct settings_build *b, const struct conf_node *node,
                       void (*check)(struct settings_build *, const struct conf_node *))
{
    if (!node)
        return;
    if (node->type != CONF_ARRAY)
        check(b, node);
    else
        conf_for_each(it, node) check(b, it);
}

/* References are looked at in the tree, so that a section with another mistake has these
 * told, too. */
static void check_references(struct section *s)
{
    const struct conf_node *fields = conf_get(s->node, "fields");

    settings_check_plan(s->b, s->node);
    if (s->frontend) {
        check_each(s->b, conf_get(s->node, "sources"), check_source);
        return;
    }
    check_each(s->b, conf_get(s->node, "allow"), check_principal);
    if (!fields || fields->type != CONF_TABLE)
        return;
    conf_for_each(it, fields)
    {
        if (str_eq_z(it->key, "id") || str_eq_z(it->key, "owner"))
            diag_error(s->b->diag, it->key_at, "'" STR_FMT "' cannot be hidden",
                       STR_ARG(it->key));
        check_each(s->b, it, check_principal);
    }
}

static uint32_t kind_of(const char *name)
{
#define KIND(number, id, text)   \
    if (strcmp(name, text) == 0) \
        return number;
    CTR_FIELD_MAP(KIND)
#undef KIND
    return strncmp(name, "x_", 2) == 0 ? CTR_FIELD_CUSTOM : 0;
}

/* `fields` of a source: name -> who, one pair at a time and in groups of one name. */
static void read_rules(struct section *s, struct flow_source_config *source)
{
    struct arena *a = &s->b->s->arena;
    struct flow_rule *rules, *rule = NULL;
    const char *key, *who, *last = NULL;
    const char **list = NULL;
    uint32_t n = 0;

    while (conf_map_at(s->in->values, "fields", n, &key, &who) == 0)
        n++;
    rules = arena_array(a, n + 1, sizeof(*rules));
    for (uint32_t i = 0; i < n; i++) {
        conf_map_at(s->in->values, "fields", i, &key, &who);
        if (!last || strcmp(last, key) != 0) {
            rule = &rules[source->n_rules++];
            rule->kind = kind_of(key);
            if (rule->kind == CTR_FIELD_CUSTOM)
                rule->name = str_of(arena_z(a, key + 2));
            list = arena_array(a, n - i, sizeof(*list));
            rule->who = list;
            last = key;
        }
        if (who)
            list[rule->n_who++] = arena_z(a, who);
    }
    source->rules = rules;
}

/* ---- sources --------------------------------------------------------------------------
 */

static uint32_t read_interval(struct section *s)
{
    const char *text = conf_str(s->in->values, "sync");
    int64_t ms;

    if (!text || strcmp(text, "manual") == 0)
        return 0;
    if (option_parse_duration(text, &ms) == 0 && ms >= 1000 && ms <= 20 * (int64_t)DAY_MS)
        return (uint32_t)ms;
    diag_error(s->b->diag, conf_option_place(s->in->values, "sync"),
               "'sync' must be a duration such as \"15m\" (1s to 20d), or \"manual\"");
    return 0;
}

static void read_source(struct section *s, struct flow_source_config *source)
{
    const struct ctr_config *values = s->in->values;
    int64_t stale = conf_int(values, "stale_after");

    settings_plan_of(s->b, values, &source->plan);
    source->priority = (int)conf_int(values, "priority");
    source->allow = settings_list(s->b, values, "allow", &source->n_allow);
    read_rules(s, source);
    source->sync_interval = read_interval(s);
    if (conf_set(values, "stale_after"))
        source->stale_after = stale > UINT32_MAX ? UINT32_MAX : (uint32_t)stale;
    else if (source->sync_interval > 0)
        source->stale_after = source->sync_interval > DAY_MS / 4
                                  ? source->sync_interval * 4 > source->sync_interval
                                        ? source->sync_interval * 4
                                        : UINT32_MAX
                                  : DAY_MS;
    source->max_delete_percent = (unsigned)conf_int(values, "max_delete_percent");
    source->live = conf_int(values, "live") != 0;
    if (source->live && s->in->plugin &&
        !(s->in->plugin->source.flags & CTR_SOURCE_SEARCH))
        diag_error(s->b->diag, conf_option_place(values, "live"),
                   "plugin '%s' cannot be asked live; leave `live` out",
                   s->in->plugin_name);
}

/* ---- front ends -----------------------------------------------------------------------
 */

static uint64_t read_fields(struct section *s)
{
    uint32_t n = conf_list_len(s->in->values, "fields");
    uint64_t kinds = 0;
    char hint[128];

    for (uint32_t i = 0; i < n; i++) {
        const char *name = conf_list_at(s->in->values, "fields", i);
        uint32_t kind = name ? kind_of(name) : 0;

        if (name && strcmp(name, "phone") == 0)
            kinds |= CTR_KINDS_PHONE;
        else if (name && strcmp(name, "custom") == 0)
            kinds |= CTR_KIND(CTR_FIELD_CUSTOM);
        else if (kind == CTR_FIELD_CUSTOM)
            diag_error(s->b->diag, conf_option_place(s->in->values, "fields"),
                       "'%s': fields of your own are shown all or none here: write "
                       "\"custom\"",
                       name);
        else if (kind == 0 && name)
            diag_error(
                s->b->diag, conf_option_place(s->in->values, "fields"),
                "unknown field '%s'%s", name,
                conf_suggest(name, option_fields, option_n_fields, hint, sizeof(hint)));
        kinds |= kind && kind != CTR_FIELD_CUSTOM ? CTR_KIND(kind) : 0;
    }
    return kinds ? kinds | CTR_KIND(CTR_FIELD_ID) : 0;
}

static void check_file(struct section *s, const char *option)
{
    const char *path = conf_str(s->in->values, option);

    if (path && access(path, R_OK) != 0)
        diag_error(s->b->diag, conf_option_place(s->in->values, option),
                   "cannot read %s: %m (as user id %u)", path, (unsigned)geteuid());
}

static void read_listen(struct section *s)
{
    const struct ctr_config *values = s->in->values;
    const struct ctr_frontend *role = &s->in->plugin->frontend;
    uint32_t n = conf_list_len(values, "listen");
    char error[256];

    s->in->addresses = arena_array(&s->b->s->arena, n + 1, sizeof(*s->in->addresses));
    if (n == 0 && s->in->plugin->has_stream)
        diag_error(s->b->diag, conf_option_place(values, "listen"),
                   "[%s] needs `listen`, such as [\"%s://127.0.0.1:%u\"]", s->in->name,
                   role->schemes[0].name ? role->schemes[0].name : "tcp",
                   role->schemes[0].default_port);
    for (uint32_t i = 0; i < n; i++) {
        struct net_address *address = &s->in->addresses[s->in->n_addresses];
        const char *url = conf_list_at(values, "listen", i);

        if (!url)
            continue;
        if (net_address_parse(url, role->schemes, role->n_schemes, address, error,
                              sizeof(error)) != 0)
            diag_error(s->b->diag, conf_option_place(values, "listen"), "%s", error);
        else if (address->tls && !conf_str(values, "tls_certificate"))
            diag_error(s->b->diag, conf_option_place(values, "listen"),
                       "%s needs tls_certificate and tls_key", url);
        else
            s->in->n_addresses++;
    }
}

static void read_net(struct section *s)
{
    const struct ctr_config *values = s->in->values;
    struct net_service_options *net = &s->in->net;

    net->tls_certificate = conf_str(values, "tls_certificate");
    net->tls_key = conf_str(values, "tls_key");
    if (!net->tls_key)
        net->tls_key = net->tls_certificate;
    if (net->tls_key && !net->tls_certificate)
        diag_error(s->b->diag, conf_option_place(values, "tls_key"),
                   "tls_key without tls_certificate");
    check_file(s, "tls_certificate");
    check_file(s, "tls_key");
    net->idle_time = (uint32_t)conf_int(values, "idle_time");
    net->receive_time = (uint32_t)conf_int(values, "receive_time");
    net->send_time = (uint32_t)conf_int(values, "send_time");
    net->handshake_time = (uint32_t)conf_int(values, "handshake_time");
    net->max_queue = (uint32_t)conf_int(values, "max_queue");
    net->pause_queue = net->max_queue / 8;
    if (conf_set(values, "max_sessions"))
        net->max_sessions = (unsigned)conf_int(values, "max_sessions");
    if (conf_set(values, "max_sessions_per_peer"))
        net->max_sessions_per_peer = (unsigned)conf_int(values, "max_sessions_per_peer");
}

static void read_frontend(struct section *s, struct flow_client_config *client)
{
    const struct ctr_config *values = s->in->values;
    int64_t anonymous = conf_int(values, "anonymous");

    settings_plan_of(s->b, values, &client->plan);
    client->format = (enum number_format)conf_int(values, "output_format");
    client->size_limit = (uint32_t)conf_int(values, "size_limit");
    client->time_limit = (uint32_t)conf_int(values, "time_limit");
    client->ambiguity = (enum flow_ambiguity)conf_int(values, "ambiguity");
    client->company_match = conf_int(values, "company_match") != 0;
    client->anonymous = strcmp(settings_anonymous[anonymous], "allow") == 0;
    client->sources = settings_list(s->b, values, "sources", &client->n_sources);
    client->fields = read_fields(s);
    read_net(s);
    if (s->in->plugin)
        read_listen(s);
}

/* ---- sections
 * --------------------------------------------------------------------------- */

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
        check_references(&s);
        if (read_section(&s) != 0)
            continue;
        read_source(&s, source);
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
        check_references(&s);
        if (read_section(&s) != 0)
            continue;
        read_frontend(&s, client);
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

/* Two front ends at one address: the second could never listen. */
static void check_addresses(struct settings_build *b, const struct settings_instance *in)
{
    for (unsigned i = 0; i < in->n_addresses; i++)
        for (const struct settings_instance *o = b->s->instances; o <= in; o++)
            for (unsigned k = 0; k < (o == in ? i : o->n_addresses); k++)
                if (same_place(&in->addresses[i], &o->addresses[k]))
                    diag_error(b->diag, conf_option_place(in->values, "listen"),
                               "%s: [%s] listens at the same address",
                               in->addresses[i].text, o->name);
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
