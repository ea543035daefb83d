/* output.c - bytes from a front end to its peer.
 *
 * out     written in this turn, as the front end wrote it
 * wire    what the kernel is to get: out itself, or its TLS records
 * flying  what the kernel would not take at once, until it has
 *
 * All of a turn leaves in one write; more is only queued behind what is flying. */
#include "base/error.h"
#include "net/internal.h"
#include "net/tls.h"

static size_t flying_left(const struct ctr_stream *s)
{
    return buffer_len(&s->flying) ? s->tcp.write_queue_size : 0;
}

uint64_t output_queued(const struct ctr_stream *s)
{
    return buffer_len(&s->out) + buffer_len(&s->wire) + flying_left(s);
}

bool output_is_short(const struct ctr_stream *s)
{
    return output_queued(s) <= s->service->options.pause_queue / 2;
}

uint64_t output_taken(const struct ctr_stream *s)
{
    return s->taken + buffer_len(&s->flying) - flying_left(s);
}

/* Nothing more can be sent. */
static void broken(struct ctr_stream *s)
{
    s->broken = true;
    buffer_finish(&s->out);
    buffer_finish(&s->wire);
    timing_disarm(s, TIMING_SEND);
    net_add_work(s);
}

static void on_written(uv_write_t *write, int status)
{
    struct ctr_stream *s = write->data;
    size_t n = buffer_len(&s->flying);

    buffer_finish(&s->flying);
    if (s->state == STREAM_CLOSED)
        return;
    if (status < 0) {
        broken(s);
        return;
    }
    s->taken += n;
    s->service->stats.bytes_out += n;
    net_add_dirty(s);
}

/* Gives the wire buffer to the kernel; what it does not take flies. */
static void send_wire(struct ctr_stream *s)
{
    uv_buf_t buf =
        uv_buf_init((char *)s->wire.mem + s->wire.at, (unsigned)buffer_len(&s->wire));
    int n = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);

    s->service->stats.writes++;
    if (n > 0) {
        s->taken += (unsigned)n;
        s->service->stats.bytes_out += (unsigned)n;
        if ((size_t)n == buffer_len(&s->wire))
            buffer_give_spare(&s->wire, &s->service->net->spare);
        else
            buffer_take(&s->wire, (size_t)n);
    } else if (n < 0 && n != UV_EAGAIN) {
        broken(s);
        return;
    }
    if (buffer_len(&s->wire) == 0)
        return;
    buffer_move(&s->flying, &s->wire);
    buf = uv_buf_init((char *)s->flying.mem + s->flying.at,
                      (unsigned)buffer_len(&s->flying));
    if (uv_write(&s->write, (uv_stream_t *)&s->tcp, &buf, 1, on_written) < 0) {
        buffer_finish(&s->flying);
        broken(s);
    }
}

/* From `out` to `wire`. */
static void prepare_wire(struct ctr_stream *s)
{
    if (s->tls_requested)
        return;
    if (!s->tls) {
        if (buffer_len(&s->out) > 0)
            buffer_move(&s->wire, &s->out);
        return;
    }
    if (!tls_stream_is_established(s)) {
        /* Waits for the end of the handshake, unless there will be none. */
        if (s->state >= STREAM_ENDING)
            buffer_finish(&s->out);
        return;
    }
    if (buffer_len(&s->out) > 0 && tls_stream_encrypt(s) < 0) {
        broken(s);
        return;
    }
    if (s->state == STREAM_ENDING && !s->tls_ended)
        tls_stream_end(s);
}

static void watch_send(struct ctr_stream *s)
{
    if (buffer_len(&s->flying) == 0) {
        timing_disarm(s, TIMING_SEND);
    } else if (!timing_armed(s, TIMING_SEND)) {
        s->send_mark = output_taken(s);
        timing_arm(s, TIMING_SEND);
    }
}

static void after_flush(struct ctr_stream *s)
{
    bool throttle = output_queued(s) >= s->service->options.pause_queue;

    if (s->state == STREAM_ENDING && buffer_len(&s->wire) == 0 &&
        buffer_len(&s->flying) == 0) {
        stream_sent_all(s);
        return;
    }
    /* Who does not take answers may not ask either. */
    if (throttle != s->throttled && (throttle || output_is_short(s))) {
        s->throttled = throttle;
        if (!throttle && s->tls) {
            s->decrypt = true;
            net_add_work(s);
        }
        stream_update_reading(s);
    }
    if (s->want_drain && output_is_short(s))
        net_add_work(s);
}

void output_flush(struct ctr_stream *s)
{
    if (s->state == STREAM_CLOSED)
        return;
    if (!s->broken)
        prepare_wire(s);
    if (!s->broken && buffer_len(&s->wire) > 0 && buffer_len(&s->flying) == 0)
        send_wire(s);
    watch_send(s);
    after_flush(s);
}

int32_t output_added(struct ctr_stream *s)
{
    const struct net_service_options *o = &s->service->options;

    s->answered = true;
    /* Before giving up: the kernel may take some of it now. */
    if (output_queued(s) > o->max_queue) {
        if (!s->broken)
            prepare_wire(s);
        if (!s->broken && buffer_len(&s->wire) > 0 && buffer_len(&s->flying) == 0)
            send_wire(s);
        if (output_queued(s) > o->max_queue) {
            s->service->stats.dropped_slow++;
            stream_abort(s, CTR_CLOSE_SLOW);
            return -CTR_EIO;
        }
    }
    net_add_dirty(s);
    if (output_queued(s) < o->pause_queue)
        return 0;
    s->want_drain = true;
    return -CTR_EPAUSE;
}
