/* net.c - one loop turn of the network: what waits for a later callback, what is written,
 * and the coarse clock.
 *
 * Bytes arrive while the loop polls. Right behind polling (check) comes the work that
 * must not happen within a front end's call, then everything written in the turn leaves,
 * one write a stream. What timers and other check callbacks write leaves just before the
 * next poll (prepare). */
#include "net/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/tls.h"

enum {
    DEFAULT_SESSIONS = 4096,
    DEFAULT_SESSIONS_PER_PEER = 256,
    DEFAULT_HANDSHAKES_WAITING = 1024,
    TICK_MAX_MS = 500,
    TICK_MIN_MS = 10,
    LOG_WINDOW_MS = 10000,
    LOG_LINES = 5,
    DESCRIPTORS_BESIDE = 256 /* files, sources, the control socket */
};

void net_add_work(struct ctr_stream *s)
{
    struct net *net = s->service->net;

    if (list_empty(&s->work))
        list_append(&net->work, &s->work);
}

void net_add_dirty(struct ctr_stream *s)
{
    struct net *net = s->service->net;

    if (list_empty(&s->dirty))
        list_append(&net->dirty, &s->dirty);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* With something left to do, the next poll must look without waiting. */
static void fit_idle(struct net *net)
{
    bool more = !list_empty(&net->work) || !list_empty(&net->dirty) || net->n_held > 0;

    if (more)
        uv_idle_start(&net->idle, on_idle);
    else
        uv_idle_stop(&net->idle);
}

static void take_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    list_init(from);
}

/* What the flush itself makes dirty again waits for the next round, so a peer that takes
 * everything at once cannot keep the loop here. */
static void flush_all(struct net *net)
{
    struct list batch;

    take_all(&net->dirty, &batch);
    while (!list_empty(&batch)) {
        struct ctr_stream *s = list_entry(batch.next, struct ctr_stream, dirty);

        list_remove(&s->dirty);
        output_flush(s);
    }
}

static void work_some(struct net *net)
{
    for (int i = 0; i < NET_TURN_WORK && !list_empty(&net->work); i++) {
        struct ctr_stream *s = list_entry(net->work.next, struct ctr_stream, work);

        list_remove(&s->work);
        stream_work(s);
    }
}

static void on_check(uv_check_t *check)
{
    struct net *net = check->data;

    net->turn++;
    work_some(net);
    flush_all(net);
    if (net->n_held > 0)
        listener_turn(net);
    fit_idle(net);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct net *net = prepare->data;

    flush_all(net);
    fit_idle(net);
}

static void on_tick(uv_timer_t *timer)
{
    struct net *net = timer->data;
    bool all = true, streams = false;

    list_for_each(it, &net->services)
    {
        struct net_service *service = list_entry(it, struct net_service, link);

        all = timing_run(service) && all;
        streams = streams || !list_empty(&service->streams);
    }
    if (!all)
        uv_timer_start(timer, on_tick, 1, net->tick_time);
    else if (!streams)
        uv_timer_stop(timer);
}

void net_tick_start(struct net *net)
{
    if (!uv_is_active((uv_handle_t *)&net->tick))
        uv_timer_start(&net->tick, on_tick, net->tick_time, net->tick_time);
}

static uint32_t min_time(const struct net_service_options *o)
{
    uint32_t times[] = {o->idle_time, o->receive_time, o->send_time, o->handshake_time};
    uint32_t least = times[0];

    for (size_t i = 1; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] < least)
            least = times[i];
    return least;
}

void net_fit_tick(struct net *net, const struct net_service *service)
{
    uint32_t time = min_time(&service->options) / 8;

    if (time < TICK_MIN_MS)
        time = TICK_MIN_MS;
    if (time >= net->tick_time)
        return;
    net->tick_time = time;
    if (uv_is_active((uv_handle_t *)&net->tick))
        uv_timer_start(&net->tick, on_tick, time, time);
}

bool net_may_log(struct net *net, enum net_log_kind kind, unsigned *suppressed)
{
    struct net_log_gate *gate = &net->gates[kind];
    uint64_t now = net_now(net);

    *suppressed = 0;
    if (gate->lines > 0 && now - gate->window < LOG_WINDOW_MS) {
        if (gate->lines >= LOG_LINES) {
            gate->suppressed++;
            return false;
        }
        gate->lines++;
        return true;
    }
    *suppressed = gate->suppressed;
    *gate = (struct net_log_gate){.window = now, .lines = 1};
    return true;
}

/* Room for a descriptor of each session. The kernel doubles the table of a process as it
 * needs, and one with threads waits for tens of milliseconds then: within accept, while
 * all phones come back. */
static void reserve_descriptors(struct net *net)
{
    struct rlimit limit;
    rlim_t top = net->options.max_sessions + DESCRIPTORS_BESIDE;
    int fd;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (top >= limit.rlim_cur)
        top = limit.rlim_cur - 1;
    fd = fcntl(uv_backend_fd(net->uv), F_DUPFD_CLOEXEC, (int)top);
    if (fd >= 0)
        close(fd);
    else
        log_debug("net", "descriptors_not_reserved top=%llu reason=%s",
                  (unsigned long long)top, log_quoted(strerror(errno)));
}

void net_set_options(struct net *net, const struct net_options *options)
{
    struct net_options o = options ? *options : (struct net_options){0};

    if (o.max_sessions == 0)
        o.max_sessions = DEFAULT_SESSIONS;
    if (o.max_sessions_per_peer == 0)
        o.max_sessions_per_peer = DEFAULT_SESSIONS_PER_PEER;
    if (o.handshakes_waiting == 0)
        o.handshakes_waiting = DEFAULT_HANDSHAKES_WAITING;
    net->options = o;
    net->peers.max = o.max_sessions;
    net->peers.max_per_peer = o.max_sessions_per_peer;
    reserve_descriptors(net);
}

static void init_handles(struct net *net)
{
    uv_prepare_init(net->uv, &net->prepare);
    uv_check_init(net->uv, &net->check);
    uv_idle_init(net->uv, &net->idle);
    uv_timer_init(net->uv, &net->tick);
    uv_timer_init(net->uv, &net->relax);
    net->prepare.data = net->check.data = net->tick.data = net->relax.data = net;
    uv_prepare_start(&net->prepare, on_prepare);
    uv_check_start(&net->check, on_check);
    uv_unref((uv_handle_t *)&net->prepare);
    uv_unref((uv_handle_t *)&net->check);
    uv_unref((uv_handle_t *)&net->tick);
}

struct net *net_create(struct loop *loop, const struct net_options *options)
{
    struct net *net = xcalloc(1, sizeof(*net));

    net->loop = loop;
    net->uv = loop_uv(loop);
    net->tick_time = TICK_MAX_MS;
    list_init(&net->services);
    list_init(&net->sockets);
    list_init(&net->work);
    list_init(&net->dirty);
    net->turn = 1;
    peers_init(&net->peers, 0, 0);
    net_set_options(net, options);
    net->handshakes = tls_handshakes_create(net, net->options.handshake_lanes);
    init_handles(net);
    /* A peer that is gone must not end the process: the event library writes plainly. */
    signal(SIGPIPE, SIG_IGN);
    activation_take(net);
    return net;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct net *net = handle->data;

    if (--net->closing == 0)
        free(net);
}

static void close_handle(struct net *net, uv_handle_t *handle)
{
    handle->data = net;
    net->closing++;
    uv_close(handle, on_handle_closed);
}

void net_destroy(struct net *net)
{
    if (!net)
        return;
    ensure(list_empty(&net->services));
    tls_handshakes_destroy(net->handshakes);
    peers_finish(&net->peers);
    ensure(net->kept == 0);
    buffer_spare_finish(&net->spare);
    list_for_each_safe(it, &net->sockets)
    {
        struct net_socket *socket = list_entry(it, struct net_socket, link);

        listener_release(socket);
    }
    wipe(net->read_buffer, sizeof(net->read_buffer));
    close_handle(net, (uv_handle_t *)&net->prepare);
    close_handle(net, (uv_handle_t *)&net->check);
    close_handle(net, (uv_handle_t *)&net->idle);
    close_handle(net, (uv_handle_t *)&net->tick);
    close_handle(net, (uv_handle_t *)&net->relax);
}

void net_warn_unused_sockets(const struct net *net)
{
    list_for_each(it, &net->sockets)
    {
        const struct net_socket *socket = list_entry(it, struct net_socket, link);

        if (socket->passed && socket->refs == 1)
            log_warn("net",
                     "passed_socket_unused address=%s hint=\"no listen option names this "
                     "address of the socket unit\"",
                     socket->text);
    }
}
