/* schema.c - check of the table of options. */
#include <string.h>

#include "check.h"
#include "options.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

static bool among(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static void check_name(const struct subject *s, const struct ctr_option *o, uint32_t i)
{
    if (!o->name || !*o->name)
        check_fail("Give each option a name.", "option %u has no name", i + 1);
    if (*o->name < 'a' || *o->name > 'z' || strspn(o->name, lower) != strlen(o->name) ||
        strlen(o->name) > 64)
        check_fail("Write it as lower_case: a-z, 0-9, _, beginning with a letter.",
                   "the option name \"%s\" is malformed", o->name);
    /* What a front end does with anonymous clients is for both to know. */
    if (options_daemon(o->name, s->plugin.source) && strcmp(o->name, "anonymous") != 0)
        check_fail("Give it another name.", "\"%s\" is an option of the daemon itself",
                   o->name);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(subject_option(s, k)->name, o->name) == 0)
            check_fail("Names are unique within a plugin.", "option \"%s\" exists twice",
                       o->name);
}

static void check_type(const struct ctr_option *o)
{
    const uint32_t known = CTR_OPT_REQUIRED | CTR_OPT_SECRET | CTR_OPT_PROGRAM;
    bool ranged = o->min || o->max;

    if (o->type < CTR_OPT_STRING || o->type > CTR_OPT_MAP)
        check_fail("Use one of CTR_OPT_STRING to CTR_OPT_MAP.",
                   "option \"%s\" has the unknown type %u", o->name, o->type);
    if (o->flags & ~known)
        check_warn("These headers know REQUIRED, SECRET and PROGRAM.",
                   "option \"%s\" has flags (%#x) this program does not know", o->name,
                   o->flags);
    if ((o->flags & CTR_OPT_SECRET) && o->type != CTR_OPT_STRING)
        check_fail("A secret is a STRING.", "option \"%s\" is secret and no string",
                   o->name);
    if ((o->flags & CTR_OPT_PROGRAM) && o->type != CTR_OPT_PATH &&
        o->type != CTR_OPT_LIST)
        check_fail("A program is a PATH or a LIST.",
                   "option \"%s\" is a program and neither a path nor a list", o->name);
    if (ranged && o->min > o->max)
        check_fail("min is the smaller one.", "the range of option \"%s\" is empty",
                   o->name);
    if (ranged && o->type != CTR_OPT_INT && o->type != CTR_OPT_DURATION &&
        o->type != CTR_OPT_SIZE)
        check_fail("Only INT, DURATION and SIZE have a range.",
                   "option \"%s\" has a range and is no number", o->name);
    if ((o->choices != NULL) != (o->type == CTR_OPT_CHOICE))
        check_fail("Exactly a CHOICE has choices.",
                   "option \"%s\": choices and type do "
                   "not fit together",
                   o->name);
}

static void check_choices(const struct ctr_option *o)
{
    uint32_t n = 0;

    for (; o->choices[n]; n++)
        for (uint32_t k = 0; k < n; k++)
            if (strcmp(o->choices[n], o->choices[k]) == 0)
                check_fail("Each choice stands there once.",
                           "option \"%s\" has the choice \"%s\" twice", o->name,
                           o->choices[n]);
    if (n == 0)
        check_fail("Name at least one.", "option \"%s\" has no choices", o->name);
}

/* The value itself: the test host reads it as the daemon would. */
static void check_default(const struct ctr_option *o)
{
    struct ctr_option alone = *o;
    struct ctr_plugin plugin = {.size = sizeof(plugin),
                                .options = &alone,
                                .n_options = 1,
                                .option_size = sizeof(alone)};
    struct testhost *t;

    if (!o->default_value)
        return;
    if (o->flags & (CTR_OPT_REQUIRED | CTR_OPT_SECRET))
        check_fail("Take the default away, or the flag.",
                   "option \"%s\" is required or secret, and has a default", o->name);
    if (o->type == CTR_OPT_PATH && *o->default_value != '/')
        check_fail("Write an absolute path.",
                   "the default of option \"%s\" is no absolute path", o->name);
    if (o->type == CTR_OPT_MAP)
        check_fail("Apply the usual map where option_map_at finds nothing.",
                   "option \"%s\" is a map and has a default", o->name);
    alone.default_value = NULL;
    t = testhost_create(&plugin, "source.check");
    testhost_set(t, o->name, o->default_value);
    if (testhost_check(t) != 0)
        check_fail("Write the default as the administrator would.",
                   "the default \"%s\" of option \"%s\" is %s", o->default_value, o->name,
                   t->option_errors.at[0].b);
    testhost_destroy(t);
}

static void check_doc(const struct ctr_option *o)
{
    static const char remedy[] =
        "Write one sentence with a capital at its begin and a full stop at its end: what "
        "it does, and what the unit is.";
    size_t n = o->doc ? strlen(o->doc) : 0;

    if (n < 8 || strchr(o->doc, '\n') || o->doc[n - 1] != '.' ||
        (*o->doc >= 'a' && *o->doc <= 'z'))
        check_fail(remedy, "the documentation of option \"%s\" is no sentence", o->name);
}

/* "password" and "smtp_password", but not "password_file" or "token_url". */
static void check_secret(const struct ctr_option *o)
{
    static const char *const words[] = {"password", "passwd", "passphrase", "secret",
                                        "token",    "apikey", "pin",        NULL};
    const char *last = strrchr(o->name, '_');
    size_t n = strlen(o->name);

    last = last ? last + 1 : o->name;
    if (o->type != CTR_OPT_STRING || (o->flags & CTR_OPT_SECRET))
        return;
    if (among(words, last) || (n >= 7 && strcmp(o->name + n - 7, "api_key") == 0))
        check_fail("Set CTR_OPT_SECRET: the value is then kept out of the file, of "
                   "answers and of logs.",
                   "option \"%s\" looks like a secret and is not marked as one", o->name);
}

static void schema_run(struct subject *s)
{
    const struct ctr_plugin *p = &s->plugin;

    if (p->n_options == 0)
        check_skip("it has no options");
    if (!p->options || p->n_options > 256)
        check_fail("n_options says how many stand at options.",
                   "%u options, and the table is %s", p->n_options,
                   p->options ? "too long" : "not there");
    if (p->option_size < sizeof(struct ctr_option) || p->option_size % 8)
        check_fail("Say .option_size = sizeof(struct ctr_option), or use KIT_OPTIONS.",
                   "option_size is %u, struct ctr_option has %zu bytes", p->option_size,
                   sizeof(struct ctr_option));
    for (uint32_t i = 0; i < p->n_options; i++) {
        const struct ctr_option *o = subject_option(s, i);

        check_step("option %u", i + 1);
        check_name(s, o, i);
        check_type(o);
        if (o->choices)
            check_choices(o);
        check_default(o);
        check_doc(o);
        check_secret(o);
    }
    check_note("%u options", p->n_options);
}

const struct check check_schema = {
    .name = "schema",
    .rule = "Each option has a proper name, type, range and default, a sentence of "
            "documentation, and is marked where it is a secret.",
    .where = "config.h (struct ctr_option)",
    .seconds = 30,
    .run = schema_run,
};
