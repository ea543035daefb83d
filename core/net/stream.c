/* stream.c - the life of a connection.
 *
 *   accepted -> HANDSHAKE (TLS from the first byte) -> OPEN -> ENDING -> LINGER -> CLOSED
 *
 * ENDING writes out what is queued. LINGER has told the peer so and takes what it still
 * sends: closing with unread bytes would make the kernel reset the connection, and the
 * peer might lose our last words. The memory goes in the close callback, and so does
 * on_close. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/internal.h"
#include "net/tls.h"

enum { DEFAULT_LIMIT = 256 * 1024 };

static struct ctr_stream *stream_new(struct net_service *service, struct peers_key key,
                                     const struct sockaddr *peer)
{
    struct ctr_stream *s = xcalloc(1, sizeof(*s));

    s->service = service;
    s->key = key;
    s->limit = DEFAULT_LIMIT;
    s->tcp.data = s->write.data = s;
    list_init(&s->work);
    list_init(&s->dirty);
    list_init(&s->handshake);
    for (int i = 0; i < TIMING_KINDS; i++)
        list_init(&s->times[i].link);
    address_of_sockaddr(peer, s->address, sizeof(s->address), &s->port);
    s->peer = (struct ctr_peer){
        .size = sizeof(s->peer),
        .flags = (address_is_loopback(peer) ? CTR_PEER_LOOPBACK : 0u) |
                 (service->tls ? CTR_PEER_CAN_TLS : 0u),
        .address = str_of(s->address),
        .port = s->port,
    };
    list_append(&service->streams, &s->link);
    service->stats.accepted++;
    service->stats.sessions++;
    return s;
}

void stream_accept(struct net_listener *listener, int fd, const struct sockaddr *peer)
{
    struct net_service *service = listener->service;
    struct ctr_stream *s = stream_new(service, peers_key_of(peer), peer);

    ensure(uv_tcp_init(service->net->uv, &s->tcp) == 0);
    if (uv_tcp_open(&s->tcp, fd) < 0) {
        close(fd);
        stream_abort(s, CTR_CLOSE_PEER);
        return;
    }
    net_tick_start(service->net);
    if (listener->address.tls) {
        s->state = STREAM_HANDSHAKE;
        tls_stream_begin(s);
        timing_arm(s, TIMING_HANDSHAKE);
    } else {
        stream_open(s);
    }
    stream_update_reading(s);
}

/* The front end meets it. */
void stream_open(struct ctr_stream *s)
{
    struct net_service *service = s->service;

    s->state = STREAM_OPEN;
    if (service->settled) {
        stream_abort(s, CTR_CLOSE_SHUTDOWN);
        return;
    }
    timing_arm(s, TIMING_IDLE);
    s->opened = true;
    if (service->ops.on_open(service->options.instance, s, &s->peer, &s->conn) < 0) {
        s->opened = false;
        stream_abort(s, CTR_CLOSE_LOCAL);
    }
}

void stream_update_reading(struct ctr_stream *s)
{
    bool want;

    if (s->state == STREAM_CLOSED)
        return;
    want = !s->eof && !s->broken;
    if (s->state == STREAM_OPEN)
        want =
            want && !s->paused && !s->throttled && !stream_is_settled(s) && !s->goodbye;
    else if (s->state == STREAM_ENDING)
        want = false;
    if (s->state <= STREAM_OPEN && s->tls && tls_stream_kept(s) >= NET_READ_SIZE)
        want = false;
    if (want == s->reading)
        return;
    s->reading = want;
    if (want)
        input_start(s);
    else
        uv_read_stop((uv_stream_t *)&s->tcp);
}

void stream_leave(struct ctr_stream *s)
{
    if (s->left)
        return;
    s->left = true;
    peers_leave(&s->service->net->peers, s->key);
    peers_leave(&s->service->peers, s->key);
}

static void on_closed(uv_handle_t *handle)
{
    struct ctr_stream *s = handle->data;
    struct net_service *service = s->service;

    if (s->opened)
        service->ops.on_close(s->conn, s->reason);
    stream_leave(s);
    service->stats.sessions--;
    tls_stream_destroy(s);
    input_finish(s);
    buffer_finish(&s->out);
    buffer_finish(&s->wire);
    buffer_finish(&s->flying);
    list_remove(&s->link);
    free(s);
    service_stream_gone(service);
}

/* Out of every list: from here only the close callback knows it. */
static void detach(struct ctr_stream *s, uint8_t reason)
{
    s->state = STREAM_CLOSED;
    if (s->reason == 0)
        s->reason = reason;
    s->reading = false;
    timing_disarm_all(s);
    list_remove(&s->work);
    list_remove(&s->dirty);
    tls_stream_withdraw(s);
}

void stream_close(struct ctr_stream *s)
{
    if (s->state == STREAM_CLOSED)
        return;
    detach(s, CTR_CLOSE_LOCAL);
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

void stream_abort(struct ctr_stream *s, uint8_t reason)
{
    if (s->state == STREAM_CLOSED)
        return;
    detach(s, reason);
    /* A reset frees what the kernel still holds for a peer that does not read. */
    if (uv_tcp_close_reset(&s->tcp, on_closed) < 0)
        uv_close((uv_handle_t *)&s->tcp, on_closed);
}

void stream_end(struct ctr_stream *s, uint8_t reason)
{
    if (s->state >= STREAM_ENDING)
        return;
    if (s->reason == 0)
        s->reason = reason;
    s->state = STREAM_ENDING;
    s->goodbye = false;
    timing_disarm(s, TIMING_IDLE);
    timing_disarm(s, TIMING_RECEIVE);
    timing_disarm(s, TIMING_HANDSHAKE);
    stream_update_reading(s);
    net_add_dirty(s);
}

/* Nothing was said since the peer spoke last (it said goodbye itself), or it has closed:
 * no last words that a reset could destroy. */
void stream_sent_all(struct ctr_stream *s)
{
    int fd;

    if (s->state != STREAM_ENDING)
        return;
    if (s->eof || s->broken || !s->answered ||
        uv_fileno((uv_handle_t *)&s->tcp, &fd) < 0 || shutdown(fd, SHUT_WR) < 0) {
        stream_close(s);
        return;
    }
    s->state = STREAM_LINGER;
    timing_arm(s, TIMING_LINGER);
    stream_update_reading(s);
}

void stream_say_goodbye(struct ctr_stream *s, uint8_t reason)
{
    if (s->state >= STREAM_ENDING || s->goodbye)
        return;
    s->goodbye = true;
    if (s->reason == 0)
        s->reason = reason;
    stream_update_reading(s);
    net_add_work(s);
}

static void say_goodbye(struct ctr_stream *s)
{
    const struct ctr_stream_ops *ops = &s->service->ops;

    if (s->opened && ops->on_goodbye && !s->broken)
        ops->on_goodbye(s->conn, s->reason);
    if (s->state == STREAM_OPEN || s->state == STREAM_HANDSHAKE)
        stream_end(s, s->reason);
}

void stream_drain(struct ctr_stream *s)
{
    if (s->state >= STREAM_ENDING)
        return;
    s->draining = true;
    stream_update_reading(s);
    net_add_work(s);
}

/* The peer has closed its side: ends the stream once everything asked is answered. */
static void check_eof(struct ctr_stream *s)
{
    if (s->state == STREAM_OPEN && s->eof && !s->busy && !s->paused && !s->present &&
        !s->decrypt && !s->goodbye)
        stream_end(s, CTR_CLOSE_PEER);
}

static void drained(struct ctr_stream *s)
{
    s->want_drain = false;
    if (s->service->ops.on_drain)
        s->service->ops.on_drain(s->conn);
}

/* No request under way, none on its way as far as we can know: after a goodbye, what the
 * peer asks is lost. One that has not asked yet came in order to. */
static bool is_at_rest(struct ctr_stream *s)
{
    int fd, unread = 0;

    if (s->busy || s->present)
        return false;
    if (s->service->settled)
        return true;
    if (!s->asked || buffer_len(&s->in) > 0)
        return false;
    return uv_fileno((uv_handle_t *)&s->tcp, &fd) < 0 ||
           ioctl(fd, FIONREAD, &unread) < 0 || unread == 0;
}

/* What was put off to a callback of its own, one thing after the other, as long as it
 * stays open. */
void stream_work(struct ctr_stream *s)
{
    if (s->broken && s->state != STREAM_CLOSED) {
        stream_abort(s, CTR_CLOSE_PEER);
        return;
    }
    if (s->tls && tls_stream_is_stepped(s))
        tls_stream_stepped(s);
    if (s->state == STREAM_OPEN && s->want_drain && output_is_short(s))
        drained(s);
    if (s->state == STREAM_OPEN && s->present && !s->goodbye)
        input_present_again(s);
    if (s->state == STREAM_OPEN && s->decrypt && !s->goodbye)
        tls_stream_resume(s);
    if (s->draining && is_at_rest(s))
        stream_say_goodbye(s, CTR_CLOSE_SHUTDOWN);
    if (s->state <= STREAM_OPEN && s->goodbye)
        say_goodbye(s);
    check_eof(s);
}

static void too_slow_sending(struct ctr_stream *s)
{
    s->service->stats.dropped_slow++;
    log_debug("net", "dropped_slow peer=%s queued=%llu", s->address,
              (unsigned long long)output_queued(s));
    stream_abort(s, CTR_CLOSE_SLOW);
}

/* Taking a little now and then is not enough: at least SEND_LEAST bytes, or all there
 * was, in each send time. */
static void check_send(struct ctr_stream *s)
{
    enum { SEND_LEAST = 16 * 1024 };

    if (output_taken(s) - s->send_mark < SEND_LEAST) {
        too_slow_sending(s);
        return;
    }
    s->send_mark = output_taken(s);
    timing_arm(s, TIMING_SEND);
}

static void handshake_too_slow(struct ctr_stream *s)
{
    s->service->stats.dropped_slow++;
    s->service->stats.tls_failed++;
    log_debug("net", "tls_failed peer=%s reason=\"handshake not done in time\"",
              s->address);
    if (s->opened && s->service->ops.on_tls)
        s->service->ops.on_tls(s->conn, -CTR_ETIMEDOUT);
    stream_abort(s, CTR_CLOSE_TLS);
}

void stream_expired(struct ctr_stream *s, enum timing_kind kind)
{
    struct net_stats *stats = &s->service->stats;

    switch (kind) {
    case TIMING_IDLE:
        stats->dropped_idle++;
        stream_say_goodbye(s, CTR_CLOSE_IDLE);
        break;
    case TIMING_RECEIVE:
        stats->dropped_slow++;
        log_debug("net", "dropped_slow peer=%s half_message=%zu", s->address,
                  buffer_len(&s->in));
        stream_say_goodbye(s, CTR_CLOSE_SLOW);
        break;
    case TIMING_SEND:
        check_send(s);
        break;
    case TIMING_HANDSHAKE:
        handshake_too_slow(s);
        break;
    case TIMING_LINGER:
    case TIMING_KINDS:
        stream_close(s);
        break;
    }
}
