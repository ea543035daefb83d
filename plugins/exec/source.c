/* source.c - the exec source: options, life, and the timer that looks after programs that
 * are kept. */
#include "source.h"

#include <ctype.h>
#include <stdlib.h>

#include "json.h"
#include "kit/kit.h"

enum { TICK_MS = 1000, STOP_TICK_MS = 10 };

static const char *const clean_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                                "LANG=C.UTF-8", "HOME=/", NULL};

/* --- options --------------------------------------------------------------------------
 */

/* "NAME=value" with a name as a shell would take it. */
static bool is_variable(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789_");

    return n > 0 && text[n] == '=' && !isdigit((uint8_t)text[0]);
}

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    const char *secret = host->option_str(config, "secret");
    int32_t rc = 0;

    for (uint32_t i = 0; i < host->option_list_len(config, "environment"); i++) {
        char text[160];

        if (is_variable(host->option_list_at(config, "environment", i)))
            continue;
        snprintf(text, sizeof(text),
                 "entry %u must be NAME=value, the name of letters, digits and _", i + 1);
        host->option_error(config, "environment", text);
        rc = -CTR_ECONF;
    }
    if (secret && !json_utf8(kit_str(secret))) {
        host->option_error(config, "secret", "the secret is not UTF-8 text");
        rc = -CTR_ECONF;
    }
    return rc;
}

static bool names_same(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");

    return strncmp(a, b, n + 1) == 0;
}

static bool read_command(struct source *s, const struct ctr_config *config)
{
    struct spawn_command *c = &s->config.command;
    uint32_t n = s->host->option_list_len(config, "command");

    c->argv = calloc(n + 1, sizeof(*c->argv));
    for (uint32_t i = 0; c->argv && i < n; i++) {
        c->argv[i] = strdup(s->host->option_list_at(config, "command", i));
        if (!c->argv[i])
            return false;
    }
    return c->argv != NULL;
}

/* Ours first, each unless the administrator has given another. */
static bool read_environment(struct source *s, const struct ctr_config *config)
{
    struct spawn_command *c = &s->config.command;
    uint32_t n = s->host->option_list_len(config, "environment"), at = 0;
    const size_t ours = sizeof(clean_environment) / sizeof(clean_environment[0]);

    c->env = calloc(n + ours, sizeof(*c->env));
    for (uint32_t i = 0; c->env && clean_environment[i]; i++) {
        bool given = false;

        for (uint32_t k = 0; k < n; k++)
            given |= names_same(clean_environment[i],
                                s->host->option_list_at(config, "environment", k));
        if (!given && !(c->env[at++] = strdup(clean_environment[i])))
            return false;
    }
    for (uint32_t i = 0; c->env && i < n; i++)
        if (!(c->env[at++] = strdup(s->host->option_list_at(config, "environment", i))))
            return false;
    return c->env != NULL;
}

static void read_options(struct source *s, const struct ctr_config *config)
{
    const struct ctr_host *host = s->host;
    struct channel_config *c = &s->config;
    const char *folder = host->option_str(config, "folder");
    const char *dot = strchr(host->instance, '.');

    c->host = host;
    c->source = dot ? dot + 1 : host->instance;
    c->secret = host->option_str(config, "secret");
    c->keep = host->option_int(config, "keep_running") != 0;
    c->start_timeout = host->option_int(config, "start_timeout");
    c->silence_timeout = host->option_int(config, "silence_timeout");
    c->max_line = (size_t)host->option_int(config, "max_line");
    c->command.folder = folder ? folder : "/";
    c->command.memory = (uint64_t)host->option_int(config, "memory_limit");
    c->command.cpu = (uint64_t)(host->option_int(config, "cpu_limit") + 999) / 1000;
    s->sync_timeout = host->option_int(config, "sync_timeout");
    s->max_contacts = host->option_int(config, "max_contacts");
}

static void define_metrics(struct source *s)
{
    const struct ctr_host *host = s->host;

    s->metric_lines = host->metric_define(host, CTR_METRIC_COUNTER, "exec_lines_total",
                                          "Lines read from the program.");
    s->metric_rejected =
        host->metric_define(host, CTR_METRIC_COUNTER, "exec_rejected_total",
                            "Contacts and lines that could not be used.");
    s->config.metric_starts = host->metric_define(
        host, CTR_METRIC_COUNTER, "exec_starts_total", "Programs started.");
}

/* --- life -----------------------------------------------------------------------------
 */

static void free_list(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    channel_finish(&s->for_sync);
    channel_finish(&s->for_search);
    pthread_mutex_destroy(&s->lock);
    free_list(s->config.command.argv);
    free_list(s->config.command.env);
    free(s);
}

/* Of an interpreter and its script it is the script that people know. */
static const char *program_name(char *const *argv)
{
    const char *path = argv[1] && argv[1][0] == '/' ? argv[1] : argv[0];
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc = 0;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->for_sync.wake = s->for_search.wake = -1;
    pthread_mutex_init(&s->lock, NULL);
    read_options(s, config);
    define_metrics(s);
    if (!read_command(s, config) || !read_environment(s, config))
        rc = kit_fail(host, -CTR_ENOMEM, "out of memory");
    if (rc == 0)
        rc = channel_init(&s->for_sync, &s->config);
    if (rc == 0)
        rc = channel_init(&s->for_search, &s->config);
    if (rc != 0) {
        source_destroy(s);
        return rc;
    }
    s->config.name = program_name(s->config.command.argv);
    *instance = s;
    return 0;
}

static void on_tick(void *user)
{
    struct source *s = user;

    channel_tick(&s->for_sync);
    channel_tick(&s->for_search);
}

int32_t source_start(void *instance)
{
    struct source *s = instance;

    if (!s->config.keep)
        return 0;
    s->tick = s->host->timer_start(s->host, TICK_MS, TICK_MS, on_tick, s);
    return s->tick ? 0 : kit_fail(s->host, -CTR_ENOMEM, "out of memory");
}

static void on_stop_tick(void *user)
{
    struct source *s = user;
    bool one = channel_stop_step(&s->for_sync);
    bool other = channel_stop_step(&s->for_search);

    if (!one || !other)
        return;
    s->host->timer_stop(s->host, s->tick);
    s->tick = NULL;
    s->host->stopped(s->host);
}

/* A request that is still at its end holds its channel's lock; else what is left are
 * programs that were kept. */
void source_stop(void *instance)
{
    struct source *s = instance;

    if (s->tick)
        s->host->timer_stop(s->host, s->tick);
    s->tick = s->host->timer_start(s->host, 0, STOP_TICK_MS, on_stop_tick, s);
    if (s->tick)
        return;
    channel_drop(&s->for_sync);
    channel_drop(&s->for_search);
    s->host->stopped(s->host);
}
