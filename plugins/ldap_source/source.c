/* source.c - the life of an LDAP source. */
#include "source.h"

#include <stdlib.h>

#include "kit/kit.h"

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    return options_check(host, config);
}

static void define_metrics(struct source *s)
{
    const struct ctr_host *h = s->host;

    s->metric_entries = h->metric_define(h, CTR_METRIC_COUNTER, "ldap_entries_total",
                                         "Entries read from the server.");
    s->metric_rejected =
        h->metric_define(h, CTR_METRIC_COUNTER, "ldap_entries_rejected_total",
                         "Entries that could not be used.");
    s->metric_deltas = h->metric_define(h, CTR_METRIC_COUNTER, "ldap_deltas_total",
                                        "Syncs that read only what had changed.");
    s->metric_fulls = h->metric_define(h, CTR_METRIC_COUNTER, "ldap_fulls_total",
                                       "Syncs that read everything.");
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->sync_cancel.fd = s->live.cancel.fd = -1;
    rc = options_read(host, config, &s->options);
    if (rc != 0) {
        free(s);
        return rc;
    }
    if (cancel_init(&s->sync_cancel) != 0 || live_init(&s->live) != 0)
        rc = kit_fail(host, -CTR_EIO, "out of file descriptors");
    tls_cache_init(&s->tls);
    define_metrics(s);
    if (rc != 0)
        source_destroy(s);
    else
        *instance = s;
    return rc;
}

/* What is dangerous and allowed is said at each start. */
static void warn(const struct source *s)
{
    const struct options *o = &s->options;

    if (!o->tls_verify)
        kit_log(
            s->host, CTR_LOG_WARN,
            "tls_not_verified effect=\"whoever is between here and the server can read "
            "the password and change names\" remedy=\"set ca_file and remove "
            "tls_verify = false\"");
    for (uint32_t i = 0; i < o->n_urls; i++)
        if (o->url[i].scheme == SCHEME_LDAP && !o->start_tls && !o->url[i].loopback &&
            o->bind_dn)
            kit_log(s->host, CTR_LOG_WARN,
                    "password_unencrypted url=%s remedy=\"use ldaps:// or remove "
                    "start_tls = false\"",
                    o->url[i].url);
}

int32_t source_start(void *instance)
{
    struct source *s = instance;
    const struct options *o = &s->options;

    warn(s);
    if (!o->listen || (o->delta != DELTA_AUTO && o->delta != DELTA_SYNCREPL))
        return 0;
    s->listener = listener_create(o, s->host, &s->tls);
    if (!s->listener)
        return kit_fail(s->host, -CTR_ENOMEM,
                        "the thread that listens for changes cannot be started; set "
                        "listen = false to do without");
    return 0;
}

/* Its syncs and searches have ended. The listener ends at once: it is told by its cancel,
 * whatever it waits for. */
void source_stop(void *instance)
{
    struct source *s = instance;

    listener_destroy(s->listener);
    s->listener = NULL;
    s->host->stopped(s->host);
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    listener_destroy(s->listener);
    live_finish(&s->live);
    cancel_finish(&s->sync_cancel);
    tls_cache_finish(&s->tls);
    index_finish(&s->index);
    options_finish(&s->options);
    free(s);
}
