/* config.c - option values of the test host, checked against the plugin's table in a
 * simple way. The daemon's checks are the real ones. */
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const struct ctr_option *option_of(const struct testhost *t, const char *name)
{
    const struct ctr_plugin *p = t->plugin;
    size_t n = strcspn(name, ".");

    for (uint32_t i = 0; i < p->n_options; i++) {
        const struct ctr_option *o =
            (const void *)((const char *)p->options + (size_t)i * p->option_size);

        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    }
    return NULL;
}

static const struct ctr_option *option_need(const struct testhost *t, const char *name)
{
    const struct ctr_option *o = option_of(t, name);

    require(o != NULL, "option \"%s\" is not in the plugin's table", name);
    return o;
}

/* A number with an optional unit. returns false if it is none */
static bool parse_units(const char *text, const char *const *units,
                        const int64_t *factors, int64_t *out)
{
    char *end;
    long long v = strtoll(text, &end, 10);

    if (end == text)
        return false;
    for (uint32_t i = 0; units[i]; i++)
        if (strcmp(end, units[i]) == 0) {
            *out = v * factors[i];
            return true;
        }
    return false;
}

static bool parse_choice(const struct ctr_option *o, const char *text, int64_t *out)
{
    for (int64_t i = 0; o->choices && o->choices[i]; i++)
        if (strcmp(o->choices[i], text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

/* The number an option stands for. returns false if the text is not of its type */
static bool parse_value(const struct ctr_option *o, const char *text, int64_t *out)
{
    static const char *const none[] = {"", NULL};
    static const char *const times[] = {"ms", "s", "m", "h", NULL};
    static const char *const sizes[] = {"", "K", "M", "G", NULL};
    static const int64_t one[] = {1};
    static const int64_t ms[] = {1, 1000, 60000, 3600000};
    static const int64_t bytes[] = {1, 1 << 10, 1 << 20, 1 << 30};

    *out = 0;
    switch (o->type) {
    case CTR_OPT_BOOL:
        *out = strcmp(text, "true") == 0;
        return *out || strcmp(text, "false") == 0;
    case CTR_OPT_INT:
        return parse_units(text, none, one, out);
    case CTR_OPT_DURATION:
        return parse_units(text, times, ms, out);
    case CTR_OPT_SIZE:
        return parse_units(text, sizes, bytes, out);
    case CTR_OPT_CHOICE:
        return parse_choice(o, text, out);
    default:
        return true;
    }
}

static const char *value_of(const struct testhost *t, const struct ctr_option *o)
{
    for (uint32_t i = 0; i < t->options.n; i++)
        if (strcmp(t->options.at[i].a, o->name) == 0)
            return t->options.at[i].b;
    return o->default_value;
}

void testhost_set(struct testhost *t, const char *name, const char *value)
{
    const struct ctr_option *o = option_of(t, name);
    bool several = o && (o->type == CTR_OPT_LIST || o->type == CTR_OPT_MAP);

    for (uint32_t i = 0; !several && i < t->options.n; i++)
        if (strcmp(t->options.at[i].a, name) == 0) {
            t->options.at[i].b = testhost_copy_z(t, value);
            return;
        }
    testhost_pair_add(t, &t->options, name, value);
}

/* Kept as an entry without a value. */
void testhost_set_empty(struct testhost *t, const char *name)
{
    struct testhost_pairs *p = &t->options;
    size_t n = strlen(name);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->n; i++)
        if (strncmp(p->at[i].a, name, n) != 0 || !strchr(".", p->at[i].a[n]))
            p->at[kept++] = p->at[i];
    p->n = kept;
    testhost_pair_add(t, p, name, "");
    p->at[kept].b = NULL;
}

static bool map_key_ok(const char *name)
{
    const char *key = strchr(name, '.');

#define CTR_X(number, id, text) || strcmp(key + 1, text) == 0
    return key && ((key[1] == 'x' && key[2] == '_' && key[3]) CTR_FIELD_MAP(CTR_X));
#undef CTR_X
}

static void check_one(struct testhost *t, const struct testhost_pair *p)
{
    const struct ctr_option *o = option_of(t, p->a);
    int64_t v;

    if (o && !p->b) {
        if (o->type != CTR_OPT_LIST && o->type != CTR_OPT_MAP)
            testhost_pair_add(t, &t->option_errors, p->a, "neither a list nor a map");
        return;
    }
    if (!o || (o->type == CTR_OPT_MAP) != (strchr(p->a, '.') != NULL))
        testhost_pair_add(t, &t->option_errors, p->a, "unknown option");
    else if (o->type == CTR_OPT_MAP && !map_key_ok(p->a))
        testhost_pair_add(t, &t->option_errors, p->a, "unknown field");
    else if (!parse_value(o, p->b, &v))
        testhost_pair_add(t, &t->option_errors, p->a, "not of the option's type");
    else if ((o->min || o->max) && (v < o->min || v > o->max))
        testhost_pair_add(t, &t->option_errors, p->a, "out of range");
}

int32_t testhost_check(struct testhost *t)
{
    const struct ctr_plugin *p = t->plugin;
    int32_t rc = 0;

    t->option_errors.n = 0;
    t->failure[0] = 0;
    for (uint32_t i = 0; i < t->options.n; i++)
        check_one(t, &t->options.at[i]);
    for (uint32_t i = 0; i < p->n_options; i++) {
        const struct ctr_option *o =
            (const void *)((const char *)p->options + (size_t)i * p->option_size);
        int64_t v;

        require(!o->default_value || parse_value(o, o->default_value, &v),
                "the default of option \"%s\" is not of its type", o->name);
        if ((o->flags & CTR_OPT_REQUIRED) && o->type != CTR_OPT_MAP && !value_of(t, o))
            testhost_pair_add(t, &t->option_errors, o->name,
                              "required option is missing");
    }
    if (t->option_errors.n == 0 && p->check)
        rc = p->check(&t->host, t->config);
    require(rc <= 0, "check returned %d: a code must be 0 or negative", rc);
    require(rc == 0 || t->option_errors.n || t->failure[0],
            "check failed without host->option_error");
    return t->option_errors.n ? -CTR_ECONF : rc;
}

/* --- host table -----------------------------------------------------------------------
 */

static const char *option_str(const struct ctr_config *config, const char *name)
{
    const struct ctr_option *o = option_need(config->t, name);

    require(o->type == CTR_OPT_STRING || o->type == CTR_OPT_PATH,
            "option_str: \"%s\" is neither STRING nor PATH", name);
    return value_of(config->t, o);
}

static int64_t option_int(const struct ctr_config *config, const char *name)
{
    const struct ctr_option *o = option_need(config->t, name);
    const char *text = value_of(config->t, o);
    int64_t v = 0;

    require(o->type >= CTR_OPT_BOOL && o->type <= CTR_OPT_CHOICE,
            "option_int: \"%s\" is not a number", name);
    if (text)
        parse_value(o, text, &v);
    return v;
}

static uint32_t option_set(const struct ctr_config *config, const char *name)
{
    const struct testhost_pairs *p = &config->t->options;
    size_t n = strlen(option_need(config->t, name)->name);

    for (uint32_t i = 0; i < p->n; i++)
        if (strncmp(p->at[i].a, name, n) == 0 && strchr(".", p->at[i].a[n]))
            return 1;
    return 0;
}

static const char *option_list_at(const struct ctr_config *config, const char *name,
                                  uint32_t i)
{
    const struct ctr_option *o = option_need(config->t, name);
    const struct testhost_pairs *p = &config->t->options;

    require(o->type == CTR_OPT_LIST, "option_list: \"%s\" is not a LIST", name);
    if (!option_set(config, name))
        return i == 0 ? o->default_value : NULL;
    for (uint32_t k = 0; k < p->n; k++)
        if (p->at[k].b && strcmp(p->at[k].a, name) == 0 && i-- == 0)
            return p->at[k].b;
    return NULL;
}

static uint32_t option_list_len(const struct ctr_config *config, const char *name)
{
    uint32_t n = 0;

    while (option_list_at(config, name, n))
        n++;
    return n;
}

static int32_t option_map_at(const struct ctr_config *config, const char *name,
                             uint32_t i, const char **key, const char **value)
{
    const struct testhost_pairs *p = &config->t->options;
    size_t n = strlen(name);

    require(option_need(config->t, name)->type == CTR_OPT_MAP,
            "option_map_at: \"%s\" is not a MAP", name);
    for (uint32_t k = 0; k < p->n; k++)
        if (strncmp(p->at[k].a, name, n) == 0 && p->at[k].a[n] == '.' && i-- == 0) {
            *key = p->at[k].a + n + 1;
            *value = p->at[k].b;
            return 0;
        }
    *key = *value = NULL;
    return -CTR_ENOENT;
}

static void option_error(const struct ctr_config *config, const char *name,
                         const char *text)
{
    option_need(config->t, name);
    testhost_pair_add(config->t, &config->t->option_errors, name, text);
}

void testhost_config_init(struct testhost *t)
{
    t->host.option_str = option_str;
    t->host.option_int = option_int;
    t->host.option_set = option_set;
    t->host.option_list_len = option_list_len;
    t->host.option_list_at = option_list_at;
    t->host.option_map_at = option_map_at;
    t->host.option_error = option_error;
}
