/* service.c - a service: the listeners of one front end, its settings and its streams. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/internal.h"
#include "net/tls.h"

enum {
    DEFAULT_IDLE_MS = 900000,
    DEFAULT_TIME_MS = 10000,
    DEFAULT_MAX_QUEUE = 1024 * 1024,
    DEFAULT_PAUSE_QUEUE = 128 * 1024,
    SETTLE_MS = 200
};

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void set_options(struct net_service *service, const struct net_service_options *o)
{
    struct net_service_options *own = &service->options;

    *own = *o;
    own->idle_time = or_default(o->idle_time, DEFAULT_IDLE_MS);
    own->receive_time = or_default(o->receive_time, DEFAULT_TIME_MS);
    own->send_time = or_default(o->send_time, DEFAULT_TIME_MS);
    own->handshake_time = or_default(o->handshake_time, DEFAULT_TIME_MS);
    own->max_queue = or_default(o->max_queue, DEFAULT_MAX_QUEUE);
    own->pause_queue = or_default(o->pause_queue, DEFAULT_PAUSE_QUEUE);
    if (own->pause_queue > own->max_queue)
        own->pause_queue = own->max_queue;
    service->name = xstrdup(o->name ? o->name : "service");
    own->name = service->name;
    if (o->tls_certificate)
        own->tls_certificate = service->tls_certificate = xstrdup(o->tls_certificate);
    if (o->tls_key)
        own->tls_key = service->tls_key = xstrdup(o->tls_key);
    own->ops = &service->ops;
    memcpy(&service->ops, o->ops,
           o->ops->size < sizeof(service->ops) ? o->ops->size : sizeof(service->ops));
}

static void service_free(struct net_service *service)
{
    tls_context_unref(service->tls);
    free(service->name);
    free(service->tls_certificate);
    free(service->tls_key);
    free(service);
}

static int load_tls(const struct net_service *service, struct tls_context **out,
                    char *error, size_t cap)
{
    if (!service->tls_certificate || !service->tls_key) {
        snprintf(error, cap, "tls_certificate and tls_key must be set together");
        return -CTR_EINVAL;
    }
    return tls_context_create(service->tls_certificate, service->tls_key,
                              tls_handshakes_lanes(service->net->handshakes), out, error,
                              cap);
}

int net_check_tls(const char *certificate, const char *key, struct net_certificate *out,
                  char *error, size_t cap)
{
    struct tls_context *context;
    int rc = tls_context_create(certificate, key, 1, &context, error, cap);

    if (rc < 0)
        return rc;
    tls_context_certificate(context, out);
    tls_context_unref(context);
    return 0;
}

int net_service_create(struct net *net, const struct net_service_options *options,
                       struct net_service **out, char *error, size_t cap)
{
    struct net_service *service;
    int rc = 0;

    ensure(options->ops && options->ops->size >= sizeof(uint32_t));
    service = xcalloc(1, sizeof(*service));
    service->net = net;
    set_options(service, options);
    ensure(service->ops.on_open && service->ops.on_data && service->ops.on_close);
    if (service->tls_certificate || service->tls_key)
        rc = load_tls(service, &service->tls, error, cap);
    if (rc < 0) {
        service_free(service);
        return rc;
    }
    list_init(&service->listeners);
    list_init(&service->streams);
    peers_init(&service->peers, options->max_sessions, options->max_sessions_per_peer);
    timing_init(service);
    net_fit_tick(net, service);
    uv_timer_init(net->uv, &service->grace);
    service->grace.data = service;
    list_append(&net->services, &service->link);
    *out = service;
    return 0;
}

int net_service_listen(struct net_service *service, const struct net_address *address,
                       struct net_service *old, char *error, size_t cap)
{
    if (address->tls && !service->tls) {
        snprintf(error, cap, "%s: needs tls_certificate and tls_key", address->text);
        return -CTR_EINVAL;
    }
    /* Who holds a session ticket of the old service need not begin anew. */
    if (old && old->tls && service->tls && tls_context_same(old->tls, service->tls)) {
        tls_context_unref(service->tls);
        service->tls = tls_context_ref(old->tls);
    }
    return listener_open(service, address, old, error, cap);
}

void net_service_start(struct net_service *service)
{
    service->started = true;
    if (service->tls)
        tls_handshakes_start(service->net->handshakes);
    list_for_each(it, &service->listeners)
        listener_start(list_entry(it, struct net_listener, link));
}

int net_service_reload_tls(struct net_service *service, char *error, size_t cap)
{
    struct tls_context *fresh;
    int rc;

    if (!service->tls)
        return 0;
    rc = load_tls(service, &fresh, error, cap);
    if (rc < 0)
        return rc;
    if (tls_context_same(service->tls, fresh)) {
        tls_context_unref(fresh);
        return 0;
    }
    tls_context_unref(service->tls);
    service->tls = fresh;
    log_info("net", "certificate_reloaded service=%s", service->name);
    return 0;
}

static void on_grace_closed(uv_handle_t *handle)
{
    struct net_service *service = handle->data;
    void (*done)(void *arg) = service->done;
    void *arg = service->done_arg;

    service_free(service);
    if (done)
        done(arg);
}

/* Once stopping and without streams, nothing refers to it but the timer. */
static void check_gone(struct net_service *service)
{
    if (!service->stopping || !list_empty(&service->streams) ||
        uv_is_closing((uv_handle_t *)&service->grace))
        return;
    list_remove(&service->link);
    peers_finish(&service->peers);
    uv_close((uv_handle_t *)&service->grace, on_grace_closed);
}

void service_stream_gone(struct net_service *service)
{
    check_gone(service);
}

static void drain_all(struct net_service *service)
{
    list_for_each(it, &service->streams)
        stream_drain(list_entry(it, struct ctr_stream, link));
}

static void abort_all(struct net_service *service)
{
    unsigned n = 0;

    list_for_each(it, &service->streams)
    {
        struct ctr_stream *s = list_entry(it, struct ctr_stream, link);

        if (s->state != STREAM_CLOSED) {
            stream_abort(s, CTR_CLOSE_SHUTDOWN);
            n++;
        }
    }
    if (n > 0)
        log_info("net", "grace_over service=%s aborted=%u", service->name, n);
}

/* Twice: who was about to ask has had the time to; then the grace is over. */
static void on_grace(uv_timer_t *timer)
{
    struct net_service *service = timer->data;

    if (service->settled) {
        abort_all(service);
        return;
    }
    service->settled = true;
    drain_all(service);
    uv_timer_start(timer, on_grace, service->grace_left, 0);
}

void net_service_stop(struct net_service *service, uint32_t grace,
                      void (*done)(void *arg), void *arg)
{
    uint32_t settle = grace / 2 < SETTLE_MS ? grace / 2 : SETTLE_MS;

    ensure(!service->stopping);
    service->stopping = true;
    service->done = done;
    service->done_arg = arg;
    service->grace_left = grace - settle;
    while (!list_empty(&service->listeners))
        listener_close(list_entry(service->listeners.next, struct net_listener, link));
    drain_all(service);
    uv_timer_start(&service->grace, on_grace, settle, 0);
    check_gone(service);
}

void net_service_stats(const struct net_service *service, struct net_stats *out)
{
    *out = service->stats;
}

bool net_service_certificate(const struct net_service *service,
                             struct net_certificate *out)
{
    if (service->tls)
        tls_context_certificate(service->tls, out);
    return service->tls != NULL;
}

int net_service_bound(const struct net_service *service, unsigned i, char *out,
                      size_t cap)
{
    list_for_each(it, &service->listeners)
    {
        if (i-- == 0) {
            snprintf(out, cap, "%s",
                     list_entry(it, struct net_listener, link)->socket->text);
            return 0;
        }
    }
    return -CTR_ENOENT;
}
