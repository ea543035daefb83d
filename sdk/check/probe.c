/* probe.c - the functions that stand between the test host and the plugin. */
#include "probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contactor/ext/net.h"
#include "contactor/ext/poll.h"

struct probe probe;

/* What stood there before; the plugin's and the host's own functions. */
static struct {
    struct ctr_plugin plugin;
    struct ctr_source source;
    struct ctr_stream_ops stream;
    struct ctr_host host;
    struct ctr_net net, net_own;
    _Atomic(struct wrapped *) wrapped; /* they live as long as the process */
} real;

void probe_reset(void)
{
    free((char *)(uintptr_t)probe.cursor.ptr);
    memset(&probe, 0, sizeof(probe));
}

const char *probe_name(int call)
{
    static const char *const names[] = {
#define X(name, text) text,
        PROBE_CALLS(X)
#undef X
    };
    return names[call];
}

bool probe_wait(atomic_bool *flag, int64_t ms)
{
    int64_t until = usage_ms() + ms;

    while (!atomic_load(flag) && usage_ms() < until)
        usage_sleep(1);
    return atomic_load(flag);
}

/* --- time -----------------------------------------------------------------------------
 */

struct span {
    double wall, queued;
};

/* Time this thread was ready and had no processor, ms: not the plugin's fault. */
static double queued_ms(void)
{
    char text[128] = "";
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    unsigned long long run = 0, wait = 0;

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof(text) - 1) > 0 &&
        sscanf(text, "%llu %llu", &run, &wait) != 2)
        wait = 0;
    close(fd);
    return (double)wait / 1e6;
}

static double wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct span span_begin(void)
{
    struct span s = {0, 0};

    if (probe.timed) {
        s.queued = queued_ms();
        s.wall = wall_ms();
    }
    return s;
}

static void span_end(struct span s, int call)
{
    double ms;

    if (!probe.timed)
        return;
    ms = wall_ms() - s.wall - (queued_ms() - s.queued);
    if (ms > probe.worst[call])
        probe.worst[call] = ms;
}

#define TIMED(call, expression)          \
    do {                                 \
        struct span span = span_begin(); \
        expression;                      \
        span_end(span, call);            \
    } while (0)

/* --- the plugin's life ----------------------------------------------------------------
 */

static int32_t p_create(const struct ctr_host *host, const struct ctr_config *config,
                        void **instance)
{
    int32_t rc;

    TIMED(PROBE_CREATE, rc = real.plugin.create(host, config, instance));
    return rc;
}

static int32_t p_bind(void *instance)
{
    int32_t rc;

    TIMED(PROBE_BIND, rc = real.plugin.bind(instance));
    return rc;
}

static int32_t p_start(void *instance)
{
    int32_t rc;

    TIMED(PROBE_START, rc = real.plugin.start(instance));
    return rc;
}

static void p_stop(void *instance)
{
    TIMED(PROBE_STOP, real.plugin.stop(instance));
}

static void p_destroy(void *instance)
{
    TIMED(PROBE_DESTROY, real.plugin.destroy(instance));
}

/* --- the source -----------------------------------------------------------------------
 */

/* A struct of the host as a newer one would give it: longer, with something in it. */
static void *longer(const void *given, size_t size)
{
    char *copy = malloc(size + probe.longer);

    if (!copy)
        abort();
    memcpy(copy, given, size);
    memset(copy + size, 0x5a, probe.longer);
    size += probe.longer;
    *(uint32_t *)(void *)copy = (uint32_t)size;
    return copy;
}

static int32_t p_sync(void *instance, struct ctr_sync *sync,
                      const struct ctr_sync_request *request)
{
    struct ctr_sync_request *given = longer(request, sizeof(*request));
    int32_t rc;

    if (probe.replace_cursor)
        given->cursor = probe.cursor;
    atomic_store(&probe.entered, true);
    if (real.source.threading == CTR_ON_LOOP)
        TIMED(PROBE_SYNC, rc = real.source.sync(instance, sync, given));
    else
        rc = real.source.sync(instance, sync, given);
    free(given);
    return rc;
}

static void p_sync_cancel(void *instance, struct ctr_sync *sync)
{
    TIMED(PROBE_SYNC_CANCEL, real.source.sync_cancel(instance, sync));
}

static int32_t p_search(void *instance, struct ctr_search *search,
                        const struct ctr_query *query)
{
    int32_t rc;

    atomic_store(&probe.entered, true);
    if (real.source.threading == CTR_ON_LOOP)
        TIMED(PROBE_SEARCH, rc = real.source.search(instance, search, query));
    else
        rc = real.source.search(instance, search, query);
    return rc;
}

static void p_search_cancel(void *instance, struct ctr_search *search)
{
    TIMED(PROBE_SEARCH_CANCEL, real.source.search_cancel(instance, search));
}

/* --- the front end --------------------------------------------------------------------
 */

static int32_t p_on_open(void *instance, struct ctr_stream *stream,
                         const struct ctr_peer *peer, void **conn)
{
    int32_t rc;

    TIMED(PROBE_ON_OPEN, rc = real.stream.on_open(instance, stream, peer, conn));
    return rc;
}

static int64_t p_on_data(void *conn, const uint8_t *data, uint64_t n)
{
    int64_t used;

    TIMED(PROBE_ON_DATA, used = real.stream.on_data(conn, data, n));
    return used;
}

static void p_on_drain(void *conn)
{
    TIMED(PROBE_ON_DRAIN, real.stream.on_drain(conn));
}

static void p_on_tls(void *conn, int32_t status)
{
    TIMED(PROBE_ON_TLS, real.stream.on_tls(conn, status));
}

static void p_on_goodbye(void *conn, uint32_t reason)
{
    TIMED(PROBE_ON_GOODBYE, real.stream.on_goodbye(conn, reason));
}

static void p_on_close(void *conn, uint32_t reason)
{
    TIMED(PROBE_ON_CLOSE, real.stream.on_close(conn, reason));
}

#define LAY(table, ours, member)    \
    do {                            \
        if ((table)->member)        \
            (table)->member = ours; \
    } while (0)

void probe_plugin(struct subject *s)
{
    real.plugin = s->plugin;
    real.source = s->source;
    real.stream = s->stream;
    LAY(&s->plugin, p_create, create);
    LAY(&s->plugin, p_bind, bind);
    LAY(&s->plugin, p_start, start);
    LAY(&s->plugin, p_stop, stop);
    LAY(&s->plugin, p_destroy, destroy);
    LAY(&s->source, p_sync, sync);
    LAY(&s->source, p_sync_cancel, sync_cancel);
    LAY(&s->source, p_search, search);
    LAY(&s->source, p_search_cancel, search_cancel);
    LAY(&s->stream, p_on_open, on_open);
    LAY(&s->stream, p_on_data, on_data);
    LAY(&s->stream, p_on_drain, on_drain);
    LAY(&s->stream, p_on_tls, on_tls);
    LAY(&s->stream, p_on_goodbye, on_goodbye);
    LAY(&s->stream, p_on_close, on_close);
}

/* --- the host: what a sync may be answered --------------------------------------------
 */

static void hold_back(void)
{
    atomic_fetch_add(&probe.puts, 1);
    if (probe.hold)
        probe_wait(&probe.refuse_now, 10000);
}

/* The answer of the sync's next call: 0, or what the check wants it to be. */
static int32_t sync_answer(const struct ctr_host *host, const char *call, bool puts)
{
    unsigned n = atomic_fetch_add(&probe.calls, 1) + 1;

    if (puts && atomic_load(&probe.refused))
        atomic_fetch_add(&probe.puts_after, 1);
    if (!atomic_load(&probe.refuse_now) &&
        (probe.refuse_from == 0 || n < probe.refuse_from))
        return 0;
    if (!atomic_exchange(&probe.refused, true))
        probe.refused_call = call;
    if (probe.refuse_code != -CTR_ECANCELED)
        host->fail(host, "the cache takes no more");
    return probe.refuse_code;
}

static int32_t h_sync_put(const struct ctr_host *host, struct ctr_sync *sync,
                          const struct ctr_contact *contacts, uint32_t n)
{
    int32_t rc;

    real.host.sync_canceled(host, sync); /* dies where the handle is none */
    hold_back();
    rc = sync_answer(host, "sync_put", true);
    return rc ? rc : real.host.sync_put(host, sync, contacts, n);
}

static int32_t h_sync_delete(const struct ctr_host *host, struct ctr_sync *sync,
                             const struct ctr_str *ids, uint32_t n)
{
    int32_t rc;

    real.host.sync_canceled(host, sync);
    rc = sync_answer(host, "sync_delete", true);
    return rc ? rc : real.host.sync_delete(host, sync, ids, n);
}

static int32_t h_sync_canceled(const struct ctr_host *host, struct ctr_sync *sync)
{
    int32_t rc = real.host.sync_canceled(host, sync);

    if (rc == 0 && (probe.refuse_from == 0 || probe.refuse_code == -CTR_ECANCELED))
        rc = sync_answer(host, "sync_canceled", false);
    return rc;
}

static int32_t h_sync_cursor(const struct ctr_host *host, struct ctr_sync *sync,
                             struct ctr_str cursor)
{
    char *copy = malloc((size_t)cursor.len + 1);

    if (!copy)
        abort();
    if (cursor.len)
        memcpy(copy, cursor.ptr, (size_t)cursor.len);
    free((char *)(uintptr_t)probe.cursor.ptr);
    probe.cursor = (struct ctr_str){copy, cursor.len};
    return real.host.sync_cursor(host, sync, cursor);
}

static int32_t h_search_hits(const struct ctr_host *host, struct ctr_search *search,
                             const struct ctr_contact *hits, uint32_t n)
{
    int32_t rc = real.host.search_hits(host, search, hits, n);

    hold_back();
    return atomic_load(&probe.refuse_now) ? -CTR_ECANCELED : rc;
}

/* --- the host: what runs later on the loop --------------------------------------------
 */

struct wrapped {
    struct wrapped *next;
    ctr_task_fn task;
    ctr_poll_fn poll;
    void *user;
};

static void on_task(void *user)
{
    const struct wrapped *w = user;

    TIMED(PROBE_TASK, w->task(w->user));
}

static void on_poll(void *user, int32_t fd, uint32_t events)
{
    const struct wrapped *w = user;

    TIMED(PROBE_TASK, w->poll(w->user, fd, events));
}

static struct wrapped *wrap(ctr_task_fn task, ctr_poll_fn poll, void *user)
{
    struct wrapped *w = malloc(sizeof(*w));

    if (!w)
        abort();
    *w = (struct wrapped){atomic_load(&real.wrapped), task, poll, user};
    while (!atomic_compare_exchange_weak(&real.wrapped, &w->next, w))
        ;
    return w;
}

static int32_t h_post(const struct ctr_host *host, ctr_task_fn fn, void *user)
{
    return real.host.post(host, on_task, wrap(fn, NULL, user));
}

static struct ctr_timer *h_timer_start(const struct ctr_host *host, uint32_t after,
                                       uint32_t repeat, ctr_task_fn fn, void *user)
{
    return real.host.timer_start(host, after, repeat, on_task, wrap(fn, NULL, user));
}

static struct ctr_poll *h_poll_start(const struct ctr_host *host, int32_t fd,
                                     uint32_t events, ctr_poll_fn fn, void *user)
{
    const struct ctr_polls *polls = real.host.extension(host, CTR_POLL_ID);

    return polls->start(host, fd, events, on_poll, wrap(NULL, fn, user));
}

/* --- the host: streams ----------------------------------------------------------------
 */

static void h_set_limit(struct ctr_stream *stream, uint64_t max)
{
    if (max > probe.limit)
        probe.limit = max;
    real.net.set_limit(stream, max);
}

static int32_t h_start_tls(struct ctr_stream *stream)
{
    probe.tls_asked++;
    return real.net.start_tls(stream);
}

static const void *h_extension(const struct ctr_host *host, const char *id)
{
    static struct ctr_polls polls;
    const void *found = real.host.extension(host, id);

    if (found && strcmp(id, CTR_NET_ID) == 0) {
        real.net = *(const struct ctr_net *)found;
        real.net_own = real.net;
        real.net_own.set_limit = h_set_limit;
        real.net_own.start_tls = h_start_tls;
        return &real.net_own;
    }
    if (found && strcmp(id, CTR_POLL_ID) == 0) {
        if (probe.abi && probe.abi < CTR_ABI(1, 1))
            return NULL;
        polls = *(const struct ctr_polls *)found;
        polls.start = h_poll_start;
        return &polls;
    }
    return found;
}

void probe_host(struct testhost *t)
{
    struct ctr_host *h = &t->host;

    real.host = *h;
    h->sync_put = h_sync_put;
    h->sync_delete = h_sync_delete;
    h->sync_canceled = h_sync_canceled;
    h->sync_cursor = h_sync_cursor;
    h->search_hits = h_search_hits;
    h->post = h_post;
    h->timer_start = h_timer_start;
    h->extension = h_extension;
}
