/* config.c - checks of what a plugin makes of its options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "options.h"

enum { LONG = 65536, COMBINATIONS = 200 };

/* A small generator, so that each run tries the same. */
static uint32_t chance(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*seed * n) >> 32);
}

/* --- values the schema takes and nobody would write -----------------------------------
 */

static char long_text[LONG];

static const char *const odd_texts[] = {"",
                                        " ",
                                        "x",
                                        "%s%n%s%n",
                                        "\xff\xfe\x80\xc0",
                                        "\x01\x02\x1b[31m",
                                        "'; DROP TABLE x;--",
                                        "../../../../etc/passwd",
                                        "a\nb\r\nc",
                                        "{{}}[[]]((\\",
                                        "\xc3",
                                        "0",
                                        "-1",
                                        long_text};
static const char *const odd_paths[] = {
    "/", "/dev/null", "/nonexistent/x", "/proc/self/mem", "/\xff\xfe%s%n", "/../../.."};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void set_number(struct testhost *t, const struct ctr_option *o, uint32_t i)
{
    bool ranged = o->min || o->max;
    const int64_t values[] = {o->min, o->max,
                              ranged ? o->min + (o->max - o->min) / 2 : 0};
    const int64_t wide[] = {INT64_MIN, INT64_MAX, -1};
    const char *unit = o->type == CTR_OPT_DURATION ? "ms" : "";
    int64_t v = ranged ? values[i % 3] : wide[i % 3];
    char text[64];

    if (!ranged && o->type != CTR_OPT_INT)
        v = i % 3 ? INT64_MAX >> 1 : 0;
    snprintf(text, sizeof(text), "%lld%s", (long long)v, unit);
    testhost_set(t, o->name, text);
}

static void set_map(struct testhost *t, const struct ctr_option *o, uint32_t i)
{
    static const char *const keys[] = {
#define X(number, id, text) text,
        CTR_FIELD_MAP(X)
#undef X
            "x_custom"};
    char name[256];

    for (uint32_t k = 0; k < (i ? COUNT(keys) : 1); k++) {
        snprintf(name, sizeof(name), "%s.%s", o->name, keys[k]);
        testhost_set(t, name, odd_texts[(i + k) % COUNT(odd_texts)]);
        if (i % 3 == 2)
            testhost_set(t, name, odd_texts[(i + k + 1) % COUNT(odd_texts)]);
    }
}

/* Variant i of an option. returns false when there are no more */
static bool set_variant(struct testhost *t, const struct ctr_option *o, uint32_t i)
{
    uint32_t n = 0;

    switch (o->type) {
    case CTR_OPT_STRING:
    case CTR_OPT_LIST:
    case CTR_OPT_PATH:
        n = o->type == CTR_OPT_PATH ? COUNT(odd_paths) : COUNT(odd_texts);
        if (i < n)
            testhost_set(t, o->name,
                         o->type == CTR_OPT_PATH ? odd_paths[i] : odd_texts[i]);
        if (i == n && o->type == CTR_OPT_LIST)
            for (uint32_t k = 0; k < 300; k++)
                testhost_set(t, o->name, odd_texts[k % COUNT(odd_texts)]);
        return i < n + (o->type == CTR_OPT_LIST);
    case CTR_OPT_BOOL:
        if (i < 2)
            testhost_set(t, o->name, i ? "true" : "false");
        return i < 2;
    case CTR_OPT_CHOICE:
        while (o->choices && o->choices[n])
            n++;
        if (i < n)
            testhost_set(t, o->name, o->choices[i]);
        return i < n;
    case CTR_OPT_MAP:
        if (i < COUNT(odd_texts))
            set_map(t, o, i);
        return i < COUNT(odd_texts);
    default:
        if (i < 3)
            set_number(t, o, i);
        return i < 3;
    }
}

/* --- trying them ----------------------------------------------------------------------
 */

/* Something for the options that are required and not given. */
static void set_required(const struct subject *s, struct testhost *t)
{
    for (uint32_t i = 0; i < s->plugin.n_options; i++) {
        const struct ctr_option *o = subject_option(s, i);

        if ((o->flags & CTR_OPT_REQUIRED) && !options_has(s->options, o->name))
            set_variant(t, o, 2);
    }
}

/* Odd values are not let out into the world: instead of the plugin's start comes one
 * that fails, so that destroy follows. */
static struct testhost *trying;
static bool created;

static int32_t start_instead(void *instance)
{
    (void)instance;
    created = true;
    trying->host.fail(&trying->host, "it is not started");
    return -CTR_ECANCELED;
}

/* Accepted or refused with a reason: both are right; the test host dies of anything else.
 */
static void try_it(struct testhost *t, uint32_t *taken, uint32_t *refused)
{
    trying = t;
    created = false;
    testhost_start(t);
    *taken += created;
    *refused += !created;
    for (uint32_t i = 0; i < t->option_errors.n; i++)
        if (!*t->option_errors.at[i].b)
            check_fail("Say in one sentence what is wrong and what would be right.",
                       "option_error for %s without a text", t->option_errors.at[i].a);
    testhost_destroy(t);
}

struct tries {
    const struct subject *s;
    uint32_t taken, refused;
};

static void try_each(struct tries *tries)
{
    const struct subject *s = tries->s;
    bool more;

    for (uint32_t i = 0; i < s->plugin.n_options; i++)
        for (uint32_t k = 0;; k++) {
            struct testhost *t = subject_host(s);

            set_required(s, t);
            more = set_variant(t, subject_option(s, i), k);
            if (!more) {
                testhost_destroy(t);
                break;
            }
            check_step("create with an odd value of \"%s\" (variant %u)",
                       subject_option(s, i)->name, k + 1);
            try_it(t, &tries->taken, &tries->refused);
        }
}

static void try_combined(struct tries *tries)
{
    const struct subject *s = tries->s;
    uint32_t seed = 1;

    for (uint32_t n = 0; n < COMBINATIONS && s->plugin.n_options; n++) {
        struct testhost *t = subject_host(s);

        set_required(s, t);
        for (uint32_t i = 0; i < s->plugin.n_options; i++)
            if (chance(&seed, 2))
                set_variant(t, subject_option(s, i), chance(&seed, COUNT(odd_texts)));
        check_step("create with odd values of many options (combination %u)", n + 1);
        try_it(t, &tries->taken, &tries->refused);
    }
}

static void try_all(void *user)
{
    struct tries *tries = user;
    struct testhost *t;

    check_step("create with no option set");
    t = testhost_create(&tries->s->plugin, "source.check");
    try_it(t, &tries->taken, &tries->refused);
    try_each(tries);
    try_combined(tries);
}

static void config_run(struct subject *s)
{
    struct tries tries = {.s = s};

    memset(long_text, 'a', sizeof(long_text) - 1);
    s->plugin.bind = NULL;
    s->plugin.start = start_instead;
    try_all(&tries);
    check_note("%u odd configurations, %u taken, %u refused with a reason",
               tries.taken + tries.refused, tries.taken, tries.refused);
    check_step("create with odd values, again and again");
    usage_watch(try_all, &tries, 1, 8, "a round of odd configurations",
                "Free on each way out of check and create what they took.");
}

const struct check check_config = {
    .name = "config",
    .rule = "check and create take what the schema allows or refuse it with a reason; "
            "they never crash, and destroy after a failed start leaves nothing behind.",
    .where = "plugin.h (check, create), config.h",
    .seconds = 120,
    .run = config_run,
};

/* --- secrets --------------------------------------------------------------------------
 */

static const char marker[] = "zq7-secret-4711";

static void look_for(const char *text, const char *where)
{
    if (strstr(text, marker))
        check_fail("Never put the value of an option that may hold a password into a "
                   "message.",
                   "a secret of the configuration stands in %s", where);
}

static void look_everywhere(const struct testhost *t)
{
    look_for(t->failure, "what host->fail was told");
    for (uint32_t i = 0; i < t->logs.n; i++)
        if (strcmp(t->logs.at[i].a, "debug") != 0)
            look_for(t->logs.at[i].b, "a line of the log");
    for (uint32_t i = 0; i < t->option_errors.n; i++)
        look_for(t->option_errors.at[i].b, "what host->option_error was told");
}

static void secrets_run(struct subject *s)
{
    struct testhost *t = subject_host(s);
    uint32_t n = 0;

    set_required(s, t);
    for (uint32_t i = 0; i < s->plugin.n_options; i++)
        if (subject_option(s, i)->flags & CTR_OPT_SECRET) {
            testhost_set(t, subject_option(s, i)->name, marker);
            n++;
        }
    if (n == 0)
        check_skip("it has no secret options");
    check_step("create, a sync and stop with a wrong secret");
    if (testhost_start(t) == 0) {
        if (s->plugin.source)
            testhost_sync(t, NULL);
        look_everywhere(t);
        testhost_stop(t);
    }
    look_everywhere(t);
    testhost_destroy(t);
    check_note("%u secret%s, in no message", n, n > 1 ? "s" : "");
}

const struct check check_secrets = {
    .name = "secrets",
    .rule = "Secrets are in no reason, no option error and no log line.",
    .where = "config.h (CTR_OPT_SECRET), host.h (log)",
    .seconds = 60,
    .run = secrets_run,
};

/* --- start ----------------------------------------------------------------------------
 */

static void start_run(struct subject *s)
{
    const char *missing = subject_missing(s);
    struct testhost *t;
    char hint[512];

    subject_hint(s, hint, sizeof(hint));
    if (missing)
        check_skip("%s", hint);
    t = subject_host(s);
    if (testhost_start(t) != 0 && s->options->n == 0)
        check_skip("%s", hint);
    if (!t->instance && t->option_errors.n)
        check_fail("Correct the configuration, then check again.",
                   "the configuration given is refused: %s: %s", t->option_errors.at[0].a,
                   t->option_errors.at[0].b);
    if (!t->instance)
        check_fail("Correct the configuration, or what it names; then check again.",
                   "with the configuration given it does not start: %s", t->failure);
    check_note("with %s it starts",
               s->options->n ? "the options given" : "the defaults of its options");
    testhost_destroy(t);
}

const struct check check_start = {
    .name = "start",
    .rule = "With a right configuration check, create, bind and start return 0.",
    .where = "plugin.h",
    .seconds = 60,
    .run = start_run,
};
