/* input.c - bytes from a peer to its front end.
 *
 * One buffer for all reads of the loop: a message that is there as a whole is shown where
 * the kernel put it. Only what on_data leaves is kept, in memory of the stream's own.
 * Whatever has been consumed is cleared, since it may have been a password. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/internal.h"
#include "net/tls.h"

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct ctr_stream *s = handle->data;

    (void)suggested;
    loop_busy(s->service->net->loop);
    *buf = uv_buf_init((char *)s->service->net->read_buffer, NET_READ_SIZE);
}

static void count_kept(struct ctr_stream *s)
{
    struct net *net = s->service->net;

    net->kept += buffer_len(&s->in) - s->kept;
    s->kept = buffer_len(&s->in);
}

void input_finish(struct ctr_stream *s)
{
    buffer_finish_wiped(&s->in);
    count_kept(s);
}

/* Larger than one message may be; or one of so many halves that together they would fill
 * the memory: then whoever brings more of a large one goes. */
static bool is_too_much(const struct ctr_stream *s)
{
    size_t len = buffer_len(&s->in);

    return len > s->limit ||
           (s->service->net->kept > NET_KEPT_MAX && len > NET_READ_SIZE / 4);
}

/* A message has begun and is not finished: it must be, in time, counted from its first
 * byte. */
static void watch_partial(struct ctr_stream *s, bool progress)
{
    bool partial = buffer_len(&s->in) > 0 || (s->tls && tls_stream_is_partial(s));

    if (s->state != STREAM_OPEN || !partial || s->paused || s->goodbye)
        timing_disarm(s, TIMING_RECEIVE);
    else if (progress || !timing_armed(s, TIMING_RECEIVE))
        timing_arm(s, TIMING_RECEIVE);
}

static void tls_start_wanted(struct ctr_stream *s)
{
    s->tls_requested = false;
    if (buffer_len(&s->in) > 0) {
        /* Slipped in between by somebody else, to be taken for encrypted. */
        log_warn("net",
                 "tls_failed peer=%s reason=\"clear bytes behind the request for TLS\"",
                 s->address);
        s->service->stats.tls_failed++;
        if (s->service->ops.on_tls)
            s->service->ops.on_tls(s->conn, -CTR_EPROTO);
        stream_end(s, CTR_CLOSE_TLS);
        return;
    }
    tls_stream_begin(s);
    timing_arm(s, TIMING_HANDSHAKE);
}

/* Shows n bytes at data, which are `s->in` or follow nothing, and keeps what is left.
 * returns bytes consumed */
static size_t show(struct ctr_stream *s, const uint8_t *data, size_t n)
{
    int64_t used;

    s->in_data = true;
    loop_burst_begin(s->service->net->loop);
    used = s->service->ops.on_data(s->conn, data, n);
    loop_burst_end(s->service->net->loop);
    s->in_data = false;
    if (used > (int64_t)n) {
        log_error(s->service->name,
                  "front_end_misbehaves call=on_data given=%zu used=%lld", n,
                  (long long)used);
        used = -1;
    }
    if (used < 0) {
        stream_end(s, CTR_CLOSE_LOCAL);
        return n;
    }
    return (size_t)used;
}

static void after_show(struct ctr_stream *s, size_t used)
{
    count_kept(s);
    if (s->state != STREAM_OPEN)
        return;
    s->asked = s->asked || used > 0;
    if (used > 0 && !s->busy)
        timing_arm(s, TIMING_IDLE);
    if (s->draining)
        net_add_work(s);
    if (s->tls_requested)
        tls_start_wanted(s);
    if (s->state == STREAM_OPEN && !s->paused && is_too_much(s))
        stream_say_goodbye(s, CTR_CLOSE_LIMIT);
    watch_partial(s, used > 0);
}

void input_present(struct ctr_stream *s, const uint8_t *data, size_t n)
{
    size_t used;

    if (s->state != STREAM_OPEN || s->goodbye)
        return;
    s->answered = false;
    if (buffer_len(&s->in) > 0) {
        buffer_add(&s->in, data, n);
        used = show(s, buffer_data(&s->in), buffer_len(&s->in));
        buffer_take_wiped(&s->in, used);
    } else {
        used = show(s, data, n);
        if (used < n)
            buffer_add(&s->in, data + used, n - used);
    }
    after_show(s, used);
}

/* resume: what it left first; then what was kept encrypted, then new bytes. */
void input_present_again(struct ctr_stream *s)
{
    size_t used = 0;

    s->present = false;
    if (s->paused)
        return;
    if (buffer_len(&s->in) > 0) {
        used = show(s, buffer_data(&s->in), buffer_len(&s->in));
        buffer_take_wiped(&s->in, used);
        after_show(s, used);
    }
    s->decrypt = s->tls != NULL;
    stream_update_reading(s);
}

/* A TLS client at a port without it would wait for ever for an answer. */
static bool is_tls_hello(struct ctr_stream *s, const uint8_t *data, size_t n)
{
    unsigned suppressed;

    while (s->head_n < sizeof(s->head) && n > 0) {
        s->head[s->head_n++] = *data++;
        n--;
    }
    if (s->head_n < sizeof(s->head) || s->head[0] != 0x16 || s->head[1] != 3 ||
        s->head[2] > 4)
        return false;
    s->service->stats.tls_failed++;
    if (net_may_log(s->service->net, NET_LOG_TLS, &suppressed))
        log_warn("net",
                 "tls_failed service=%s peer=%s reason=\"TLS on a port without it\" "
                 "suppressed=%u",
                 s->service->name, s->address, suppressed);
    return true;
}

static void receive_plain(struct ctr_stream *s, const uint8_t *data, size_t n)
{
    if (s->head_n < sizeof(s->head) && is_tls_hello(s, data, n)) {
        stream_end(s, CTR_CLOSE_TLS);
        return;
    }
    input_present(s, data, n);
}

void input_eof(struct ctr_stream *s)
{
    s->eof = true;
    if (s->state == STREAM_LINGER)
        stream_close(s);
    else if (s->tls && !tls_stream_is_established(s))
        tls_stream_eof(s);
    else
        net_add_work(s);
    stream_update_reading(s);
}

static void received(struct ctr_stream *s, size_t n)
{
    uint8_t *data = s->service->net->read_buffer;

    s->service->stats.bytes_in += n;
    s->service->stats.reads++;
    if (s->state == STREAM_HANDSHAKE || (s->state == STREAM_OPEN && s->tls))
        tls_stream_receive(s, data, n);
    else if (s->state == STREAM_OPEN)
        receive_plain(s, data, n);
    wipe(data, n);
    if (s->state == STREAM_OPEN && s->tls)
        watch_partial(s, false);
    stream_update_reading(s);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
    struct ctr_stream *s = tcp->data;

    (void)buf;
    if (n > 0) {
        received(s, (size_t)n);
    } else if (n == UV_EOF) {
        s->reading = false;
        input_eof(s);
    } else if (n < 0) {
        stream_abort(s, CTR_CLOSE_PEER);
    }
}

void input_start(struct ctr_stream *s)
{
    if (uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read) < 0) {
        s->reading = false;
        s->broken = true;
        net_add_work(s);
    }
}
