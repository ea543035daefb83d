/* schema.c - from the nodes of a section to its values, by the option tables. */
#include "conf/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "conf/option.h"
#include "conf/program.h"
#include "conf/secret.h"
#include "conf/values.h"

enum { EXAMPLE_MAX = 160 };

/* One section on its way. */
struct reading {
    const struct conf_node *table; /* NULL: absent */
    struct ctr_config *config;
    struct diag *diag;
    unsigned flags; /* SCHEMA_* */
};

/* --- wrong types: what is wanted, with an example -------------------------------------
 */

/* A number such as the option itself would take. */
static const char *example_of(const struct ctr_option *option, char *out, size_t cap)
{
    if (option->default_value)
        snprintf(out, cap, "%s", option->default_value);
    else if (option_has_range(option) && option->min != INT64_MIN)
        option_format(option->type, option->min, out, cap);
    else
        snprintf(out, cap, "10");
    return out;
}

static const char *choices_of(const struct ctr_option *option, char *out, size_t cap)
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; option->choices[i] && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s\"%s\"", i ? ", " : "",
                                option->choices[i]);
    return out;
}

/* "a duration such as "5m"" */
static const char *wanted(const struct ctr_option *option, char *out, size_t cap)
{
    char text[EXAMPLE_MAX];

    switch (option->type) {
    case CTR_OPT_STRING:
        snprintf(out, cap, "a string in quotes");
        break;
    case CTR_OPT_BOOL:
        snprintf(out, cap, "true or false, without quotes");
        break;
    case CTR_OPT_INT:
        snprintf(out, cap, "a whole number such as %s, without quotes",
                 example_of(option, text, sizeof(text)));
        break;
    case CTR_OPT_DURATION:
        snprintf(out, cap, "a duration such as \"250ms\", \"30s\", \"5m\" or \"1h\"");
        break;
    case CTR_OPT_SIZE:
        snprintf(out, cap, "a size such as \"64K\" or \"1M\"");
        break;
    case CTR_OPT_CHOICE:
        snprintf(out, cap, "one of %s", choices_of(option, text, sizeof(text)));
        break;
    case CTR_OPT_LIST:
        snprintf(out, cap, "a string or a list of strings such as [\"a\", \"b\"]");
        break;
    case CTR_OPT_MAP:
        snprintf(out, cap, "a table such as { surname = \"Last name\" }");
        break;
    default:
        snprintf(out, cap, "a path such as \"/srv/file\"");
    }
    return out;
}

static void wrong_type(struct reading *r, const struct ctr_option *option,
                       const struct conf_node *node)
{
    char text[2 * EXAMPLE_MAX];

    diag_error(r->diag, node->at, "'%s' must be %s, not %s", option->name,
               wanted(option, text, sizeof(text)), conf_type_text(node->type));
}

static void wrong_text(struct reading *r, const struct ctr_option *option,
                       const struct conf_node *node)
{
    char text[2 * EXAMPLE_MAX];

    diag_error(r->diag, node->at, "'%s' must be %s", option->name,
               wanted(option, text, sizeof(text)));
}

/* --- strings, lists and maps ----------------------------------------------------------
 */

/* A copy of the node's text, or NULL after an error. A NUL would cut it in C. */
static const char *string_of(struct reading *r, const char *name,
                             const struct conf_node *node)
{
    if (strlen(node->string.ptr) == node->string.len)
        return arena_str(&r->config->arena, node->string).ptr;
    diag_error(r->diag, node->at, "'%s' holds a NUL character", name);
    return NULL;
}

static void read_string(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, struct conf_value *value)
{
    if (node->type != CONF_STRING)
        wrong_type(r, option, node);
    else if ((option->flags & CTR_OPT_REQUIRED) && node->string.len == 0)
        diag_error(r->diag, node->at, "'%s' must not be empty", option->name);
    else
        value->string = string_of(r, option->name, node);
}

/* Appends one string, or each of a list of them, as pairs with this key. */
static void add_strings(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, const char *key,
                        struct conf_value *value)
{
    const char *name = key ? key : option->name;

    if (node->type == CONF_STRING) {
        value->pairs[value->n++] = (struct conf_pair){key, string_of(r, name, node)};
        return;
    }
    if (node->type != CONF_ARRAY) {
        diag_error(r->diag, node->at,
                   "'%s' must be a string or a list of strings such as [\"a\", \"b\"], "
                   "not %s",
                   name, conf_type_text(node->type));
        return;
    }
    conf_for_each(it, node)
    {
        if (it->type == CONF_STRING)
            value->pairs[value->n++] = (struct conf_pair){key, string_of(r, name, it)};
        else
            diag_error(r->diag, it->at, "'%s' may only hold strings, not %s", name,
                       conf_type_text(it->type));
    }
}

static struct conf_pair *make_pairs(struct reading *r, unsigned n)
{
    return arena_array(&r->config->arena, n ? n : 1, sizeof(struct conf_pair));
}

static void read_list(struct reading *r, const struct ctr_option *option,
                      const struct conf_node *node, struct conf_value *value)
{
    value->pairs = make_pairs(r, node->type == CONF_ARRAY ? node->n : 1);
    add_strings(r, option, node, NULL, value);
    if ((option->flags & CTR_OPT_REQUIRED) && node->type == CONF_ARRAY && node->n == 0)
        diag_error(r->diag, node->at, "'%s' must not be empty", option->name);
}

static void unknown_field(struct reading *r, const struct ctr_option *option,
                          const struct conf_node *node)
{
    char hint[128];

    conf_suggest(node->key.ptr, option_fields, option_n_fields, hint, sizeof(hint));
    diag_error(r->diag, node->key_at, "unknown field '" STR_FMT "' in [%s.%s]%s",
               STR_ARG(node->key), r->config->section, option->name,
               *hint ? hint : "; fields of your own begin with x_");
}

static void read_map(struct reading *r, const struct ctr_option *option,
                     const struct conf_node *node, struct conf_value *value)
{
    unsigned n = 0;

    if (node->type != CONF_TABLE) {
        wrong_type(r, option, node);
        return;
    }
    conf_for_each(it, node) n += it->type == CONF_ARRAY ? it->n : 1;
    value->pairs = make_pairs(r, n);
    conf_for_each(it, node)
    {
        if (option_is_field(it->key))
            add_strings(r, option, it, arena_str(&r->config->arena, it->key).ptr, value);
        else
            unknown_field(r, option, it);
    }
    if ((option->flags & CTR_OPT_REQUIRED) && node->n == 0)
        diag_error(r->diag, node->at, "'%s' must not be empty", option->name);
}

/* --- numbers, and what reads as one ---------------------------------------------------
 */

static void check_range(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, int64_t value)
{
    char range[3 * OPTION_TEXT_MAX], text[OPTION_TEXT_MAX];

    if (!option_in_range(option, value))
        diag_error(r->diag, node->at, "'%s' must be %s, not %s", option->name,
                   option_format_range(option, range, sizeof(range)),
                   option_format(option->type, value, text, sizeof(text)));
}

static void wrong_choice(struct reading *r, const struct ctr_option *option,
                         const struct conf_node *node)
{
    char text[2 * EXAMPLE_MAX], hint[128];
    unsigned n = 0;

    while (option->choices[n])
        n++;
    diag_error(r->diag, node->at, "'%s' must be %s, not \"" STR_FMT "\"%s", option->name,
               wanted(option, text, sizeof(text)), STR_ARG(node->string),
               conf_suggest(node->string.ptr, option->choices, n, hint, sizeof(hint)));
}

/* Durations and sizes in quotes; a plain number where it needs no unit. */
static void read_number(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, struct conf_value *value)
{
    bool plain = node->type == CONF_INT &&
                 (option->type != CTR_OPT_DURATION || node->integer == 0);

    if (plain && (option->type == CTR_OPT_INT || node->integer >= 0))
        value->integer = node->integer;
    else if (option->type == CTR_OPT_INT || node->type != CONF_STRING) {
        wrong_type(r, option, node);
        return;
    } else if (strlen(node->string.ptr) != node->string.len ||
               option_parse(option, node->string.ptr, &value->integer) != 0) {
        wrong_text(r, option, node);
        return;
    }
    check_range(r, option, node, value->integer);
}

static void read_choice(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, struct conf_value *value)
{
    if (node->type != CONF_STRING)
        wrong_type(r, option, node);
    else if (strlen(node->string.ptr) != node->string.len ||
             option_parse(option, node->string.ptr, &value->integer) != 0)
        wrong_choice(r, option, node);
}

static void read_bool(struct reading *r, const struct ctr_option *option,
                      const struct conf_node *node, struct conf_value *value)
{
    if (node->type == CONF_BOOL)
        value->integer = node->integer;
    else
        wrong_type(r, option, node);
}

static void read_path(struct reading *r, const struct ctr_option *option,
                      const struct conf_node *node, struct conf_value *value)
{
    (void)option;
    value->string = path_read(node, r->config, r->diag);
}

/* --- options ---------------------------------------------------------------------------
 */

typedef void (*read_fn)(struct reading *r, const struct ctr_option *option,
                        const struct conf_node *node, struct conf_value *value);

static const read_fn readers[OPTION_TYPES] = {
    [CTR_OPT_STRING] = read_string, [CTR_OPT_BOOL] = read_bool,
    [CTR_OPT_INT] = read_number,    [CTR_OPT_DURATION] = read_number,
    [CTR_OPT_SIZE] = read_number,   [CTR_OPT_CHOICE] = read_choice,
    [CTR_OPT_PATH] = read_path,     [CTR_OPT_LIST] = read_list,
    [CTR_OPT_MAP] = read_map,
};

/* Lists and maps are written in TOML within the option table: "a" or ["a", "b"]. */
static void default_strings(struct reading *r, const struct ctr_option *option,
                            struct conf_value *value)
{
    bool toml = strchr("[{", option->default_value[0]) != NULL;
    struct conf_node text = {.type = CONF_STRING,
                             .string = str_of(option->default_value)};
    struct strbuf line = {0};
    struct conf *conf = NULL;
    const struct conf_node *node = &text;

    if (toml && option->default_value[0]) {
        strbuf_fmt(&line, "default = %s\n", option->default_value);
        if (conf_parse(str_make(line.ptr, line.len), "default", "/", r->diag, &conf) == 0)
            node = conf_get(conf_root(conf), "default");
    }
    if (node)
        readers[option->type](r, option, node, value);
    conf_destroy(conf);
    strbuf_finish(&line);
}

static void take_default(struct reading *r, const struct ctr_option *option,
                         struct conf_value *value)
{
    if (!option->default_value)
        return;
    if (option->type == CTR_OPT_STRING || option->type == CTR_OPT_PATH)
        value->string = arena_z(&r->config->arena, option->default_value);
    else if (option->type == CTR_OPT_LIST || option->type == CTR_OPT_MAP)
        default_strings(r, option, value);
    else if (option_parse(option, option->default_value, &value->integer) != 0)
        diag_error(r->diag, r->config->at, "the default of '%s' in [%s] is no %s",
                   option->name, r->config->section, option_type_name(option->type));
}

static void missing(struct reading *r, const struct ctr_option *option)
{
    bool secret = option->flags & CTR_OPT_SECRET;

    diag_error(r->diag, r->config->at, "[%s] needs '%s%s'%s%s%s", r->config->section,
               option->name, secret ? "_file" : "", option->doc ? " (" : "",
               option->doc ? option->doc : "", option->doc ? ")" : "");
}

static void read_option(struct reading *r, const struct ctr_option *option,
                        struct conf_value *value)
{
    const struct conf_node *node = conf_get(r->table, option->name);

    value->name = arena_z(&r->config->arena, option->name);
    value->type = option->type;
    value->secret = option->flags & CTR_OPT_SECRET;
    if (value->secret) {
        if (!secret_read(r->table, r->config->section, r->config, value, r->diag) &&
            (option->flags & CTR_OPT_REQUIRED))
            missing(r, option);
    } else if (node) {
        value->set = true;
        value->at = values_keep_place(r->config, node->at);
        readers[option->type](r, option, node, value);
        if (option->flags & CTR_OPT_PROGRAM)
            program_check(option, value, r->flags & SCHEMA_STRICT, node->at, r->diag);
    } else if (option->flags & CTR_OPT_REQUIRED) {
        missing(r, option);
    } else {
        take_default(r, option, value);
    }
}

/* --- unknown keys
 * ----------------------------------------------------------------------- */

/* Every key that may stand in the section: two for each secret. returns how many */
static unsigned known_keys(struct reading *r, const char **out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->config->n; i++) {
        const struct conf_value *value = &r->config->values[i];

        if (!value->secret) {
            out[n++] = value->name;
            continue;
        }
        out[n++] = arena_fmt(&r->config->arena, "%s_file", value->name);
        out[n++] = arena_fmt(&r->config->arena, "%s_credential", value->name);
    }
    return n;
}

static bool is_known(struct reading *r, struct ctr_str key, const char *const *known,
                     unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq_z(key, known[i]))
            return true;
    for (unsigned i = 0; i < r->config->n; i++) /* a plain secret: has its own error */
        if (str_eq_z(key, r->config->values[i].name))
            return true;
    return false;
}

static void report_unknown(struct reading *r)
{
    const char **known =
        arena_array(&r->config->arena, 2u * r->config->n + 1, sizeof(const char *));
    unsigned n = known_keys(r, known);
    char hint[128];

    conf_for_each(it, r->table) if (!is_known(r, it->key, known, n)) diag_error(
        r->diag, it->key_at, "unknown key '" STR_FMT "' in [%s]%s", STR_ARG(it->key),
        r->config->section, conf_suggest(it->key.ptr, known, n, hint, sizeof(hint)));
}

/* --- the section
 * -------------------------------------------------------------------------- */

static struct ctr_config *config_new(const char *section, const struct conf_node *table,
                                     unsigned n, struct diag *diag)
{
    struct ctr_config *config = xcalloc(1, sizeof(*config));

    config->section = arena_z(&config->arena, section);
    config->values = arena_array(&config->arena, n ? n : 1, sizeof(*config->values));
    config->n = n;
    config->diag = diag;
    if (table)
        config->at = values_keep_place(config, table->key_at);
    return config;
}

int schema_read(const struct conf_node *table, const char *section,
                const struct schema_table *tables, unsigned n_tables, unsigned flags,
                struct diag *diag, struct ctr_config **out)
{
    unsigned n = option_count(tables, n_tables), before = diag->errors;
    struct reading r = {.table = table, .diag = diag, .flags = flags};

    *out = NULL;
    ensure(n <= SCHEMA_OPTIONS_MAX);
    if (table && table->type != CONF_TABLE) {
        diag_error(diag, table->key_at, "[%s] must be a section, not %s", section,
                   conf_type_text(table->type));
        return -CTR_ECONF;
    }
    r.config = config_new(section, table, n, diag);
    for (unsigned i = 0; i < n; i++) {
        struct ctr_option option = option_at(tables, n_tables, i);

        read_option(&r, &option, &r.config->values[i]);
    }
    if (table && !(flags & SCHEMA_OPEN))
        report_unknown(&r);
    if (diag->errors > before) {
        conf_values_destroy(r.config);
        return -CTR_ECONF;
    }
    *out = r.config;
    return 0;
}
