/* source.c - the life of an instance. */
#include "source_private.h"

#include <stdlib.h>

enum { STOP_TICK_MS = 20, STOP_TICKS = 100 };

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    return config_check(host, config);
}

static void define_metrics(struct source *s)
{
    const struct ctr_host *h = s->host;

    s->metric_rows = h->metric_define(h, CTR_METRIC_COUNTER, "odbc_rows_total",
                                      "Rows read from the database.");
    s->metric_rejected =
        h->metric_define(h, CTR_METRIC_COUNTER, "odbc_rows_rejected_total",
                         "Rows that could not be used.");
    s->metric_lookups = h->metric_define(h, CTR_METRIC_COUNTER, "odbc_lookups_total",
                                         "Lookups the database was asked.");
    s->metric_lookups_failed =
        h->metric_define(h, CTR_METRIC_COUNTER, "odbc_lookups_failed_total",
                         "Lookups the database did not answer.");
    s->metric_stuck = h->metric_define(
        h, CTR_METRIC_GAUGE, "odbc_stuck_calls",
        "Calls of the driver that were given up on and have not come back.");
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    pthread_mutex_init(&s->mutex, NULL);
    s->crew = crew_create();
    rc = s->crew ? config_read(&s->config, host, config) : -CTR_ENOMEM;
    if (rc != 0) {
        source_destroy(s);
        return kit_fail(host, rc, "cannot take the options: out of memory");
    }
    define_metrics(s);
    *instance = s;
    return 0;
}

bool source_stopping(struct source *s)
{
    bool stopping;

    pthread_mutex_lock(&s->mutex);
    stopping = s->stopping;
    pthread_mutex_unlock(&s->mutex);
    return stopping;
}

static bool is_searching(struct source *s)
{
    bool searching;

    pthread_mutex_lock(&s->mutex);
    searching = s->searching != NULL;
    pthread_mutex_unlock(&s->mutex);
    return searching;
}

/* No search is under way and none begins: the connection closes, on its own thread. */
static void on_stop_tick(void *user)
{
    struct source *s = user;
    bool waited = ++s->stop_ticks > STOP_TICKS;

    if (is_searching(s))
        return;
    conn_leave(s->conn);
    s->conn = NULL;
    if (crew_size(s->crew) > 0 && !waited)
        return;
    s->host->timer_stop(s->host, s->stop_timer);
    s->host->stopped(s->host);
}

void source_stop(void *instance)
{
    struct source *s = instance;

    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    pthread_mutex_unlock(&s->mutex);
    s->stop_timer =
        s->host->timer_start(s->host, STOP_TICK_MS, STOP_TICK_MS, on_stop_tick, s);
    if (!s->stop_timer)
        s->host->stopped(s->host);
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    conn_leave(s->conn);
    crew_unref(s->crew); /* one that is stuck keeps it */
    keyset_finish(&s->known.ids);
    config_finish(&s->config);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

struct conn_setup source_setup(const struct source *s, bool stream, int64_t query_ms)
{
    return (struct conn_setup){.connection = s->config.connection,
                               .file = s->config.file,
                               .user = s->config.user,
                               .password = s->config.password,
                               .connect_ms = s->config.connect_timeout,
                               .query_ms = query_ms,
                               .stream = stream};
}

int32_t source_fail(const struct source *s, const struct trouble *t, const char *end)
{
    if (t->code == -CTR_ECANCELED)
        return t->code;
    return kit_fail(s->host, t->code, "%s%s%s%s", t->text, t->remedy[0] ? "; " : "",
                    t->remedy, end);
}
