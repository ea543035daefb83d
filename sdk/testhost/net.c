/* net.c - streams of the test host: extension contactor.net/1 without a socket. */
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct bytes {
    uint8_t *at;
    uint64_t n, cap;
};

struct ctr_stream {
    struct ctr_stream *next;
    struct testhost *t;
    const struct ctr_stream_ops *ops;
    void *conn;
    struct ctr_peer peer;
    struct bytes in, out;
    uint8_t *room; /* what reserve gave; a fresh block, so that misuse is seen by ASan */
    uint64_t room_size;
    uint64_t limit;
    bool open;    /* between on_open and on_close */
    bool closing; /* close, abort or an error: nothing more goes in or out */
    bool inside;  /* a callback runs */
    bool paused, busy, tls_wanted, drain_wanted, feeding;
    uint32_t reason;
};

static void bytes_add(struct bytes *b, const void *data, uint64_t n)
{
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2;
        b->at = realloc(b->at, (size_t)b->cap);
        if (!b->at)
            abort();
    }
    if (n)
        memcpy(b->at + b->n, data, (size_t)n);
    b->n += n;
}

static void bytes_drop(struct bytes *b, uint64_t n)
{
    b->n -= n;
    if (n && b->n)
        memmove(b->at, b->at + n, (size_t)b->n);
}

/* --- the end of a stream ---------------------------------------------------------------
 */

static void room_drop(struct ctr_stream *s)
{
    free(s->room);
    s->room = NULL;
}

static void stream_end(struct ctr_stream *s, uint32_t reason)
{
    if (!s->open)
        return;
    room_drop(s);
    s->closing = true;
    s->reason = reason;
    if (s->ops->on_close)
        s->ops->on_close(s->conn, reason);
    s->open = false;
}

static void on_close_task(void *user)
{
    struct ctr_stream *s = user;

    stream_end(s, s->reason);
}

static void stream_close(struct ctr_stream *s, uint32_t reason)
{
    if (s->closing)
        return;
    s->closing = true;
    s->reason = reason;
    testhost_post(s->t, on_close_task, s);
}

static struct ctr_stream *stream_of(struct ctr_stream *s)
{
    require(s && s->open, "a stream is used after on_close");
    return s;
}

/* --- bytes in --------------------------------------------------------------------------
 */

static void on_tls_task(void *user)
{
    struct ctr_stream *s = user;
    int32_t status = s->in.n ? -CTR_EPROTO : 0;

    s->tls_wanted = false;
    if (!s->open || s->closing)
        return;
    if (status == 0)
        s->peer.flags |= CTR_PEER_TLS;
    if (s->ops->on_tls)
        s->ops->on_tls(s->conn, status);
    if (status)
        stream_close(s, CTR_CLOSE_TLS);
}

/* Bytes consumed of a copy of exactly what is there: reading past its end is seen by
 * ASan. returns how many | negative as on_data did */
static int64_t present(struct ctr_stream *s, const uint8_t *data, uint64_t n)
{
    uint64_t at = 0;

    while (s->open && !s->closing && !s->paused && !s->tls_wanted && at < n) {
        int64_t used;

        require(!s->inside, "on_data was re-entered");
        s->inside = true;
        used = s->ops->on_data(s->conn, data + at, n - at);
        s->inside = false;
        require(used <= (int64_t)(n - at), "on_data consumed %lld of %llu bytes",
                (long long)used, (unsigned long long)(n - at));
        if (used < 0)
            return used;
        at += (uint64_t)used;
        if (used == 0)
            break;
    }
    return (int64_t)at;
}

/* Presents what is there as long as the plugin consumes. */
static void on_feed_task(void *user)
{
    struct ctr_stream *s = user;
    uint8_t *copy = malloc((size_t)s->in.n + 1);
    int64_t used;

    if (!copy)
        abort();
    if (s->in.n)
        memcpy(copy + 1, s->in.at, (size_t)s->in.n);
    s->feeding = false;
    used = present(s, copy + 1, s->in.n);
    free(copy);
    if (used < 0) {
        stream_close(s, CTR_CLOSE_LOCAL);
        return;
    }
    bytes_drop(&s->in, (uint64_t)used);
    if (s->open && !s->closing && !s->paused && s->in.n > s->limit) {
        if (s->ops->on_goodbye)
            s->ops->on_goodbye(s->conn, CTR_CLOSE_LIMIT);
        stream_close(s, CTR_CLOSE_LIMIT);
    }
}

static void feed_later(struct ctr_stream *s)
{
    if (!s->feeding)
        testhost_post(s->t, on_feed_task, s);
    s->feeding = true;
}

void testhost_feed(struct ctr_stream *s, const void *data, uint64_t n)
{
    if (!s->open)
        return;
    bytes_add(&s->in, data, n);
    feed_later(s);
    testhost_run(s->t);
}

/* --- contactor.net/1 -------------------------------------------------------------------
 */

static int32_t out_state(struct ctr_stream *s)
{
    if (!s->t->queue_limit || s->out.n <= s->t->queue_limit)
        return 0;
    s->drain_wanted = true;
    return -CTR_EPAUSE;
}

static int32_t net_write(struct ctr_stream *stream, const void *data, uint64_t n)
{
    struct ctr_stream *s = stream_of(stream);

    room_drop(s);
    if (s->closing)
        return -CTR_EIO;
    bytes_add(&s->out, data, n);
    return out_state(s);
}

static uint8_t *net_reserve(struct ctr_stream *stream, uint64_t n)
{
    struct ctr_stream *s = stream_of(stream);

    room_drop(s);
    if (s->closing)
        return NULL;
    s->room_size = n;
    s->room = malloc(n ? (size_t)n : 1);
    if (!s->room)
        abort();
    return s->room;
}

static int32_t net_commit(struct ctr_stream *stream, uint64_t used)
{
    struct ctr_stream *s = stream_of(stream);

    if (s->closing) {
        room_drop(s);
        return -CTR_EIO;
    }
    require(s->room && used <= s->room_size, "commit of %llu bytes without that room",
            (unsigned long long)used);
    bytes_add(&s->out, s->room, used);
    room_drop(s);
    return out_state(s);
}

static uint64_t net_queued(struct ctr_stream *stream)
{
    return stream_of(stream)->out.n;
}

static void net_pause(struct ctr_stream *stream)
{
    room_drop(stream_of(stream));
    stream->paused = true;
}

static void net_resume(struct ctr_stream *stream)
{
    struct ctr_stream *s = stream_of(stream);

    room_drop(s);
    s->paused = false;
    feed_later(s);
}

static void net_set_limit(struct ctr_stream *stream, uint64_t max)
{
    stream_of(stream)->limit = max;
}

static void net_set_busy(struct ctr_stream *stream, uint32_t busy)
{
    stream_of(stream)->busy = busy != 0;
}

static int32_t net_start_tls(struct ctr_stream *stream)
{
    struct ctr_stream *s = stream_of(stream);

    room_drop(s);
    if (s->peer.flags & CTR_PEER_TLS || s->tls_wanted)
        return -CTR_EINVAL;
    if (!(s->peer.flags & CTR_PEER_CAN_TLS))
        return -CTR_ENOTSUP;
    if (!s->inside && s->in.n)
        return -CTR_EPROTO;
    s->tls_wanted = true;
    testhost_post(s->t, on_tls_task, s);
    return 0;
}

static void net_close(struct ctr_stream *stream)
{
    stream_close(stream_of(stream), CTR_CLOSE_LOCAL);
}

static void net_abort(struct ctr_stream *stream)
{
    struct ctr_stream *s = stream_of(stream);

    s->out.n = 0;
    stream_close(s, CTR_CLOSE_LOCAL);
}

static const struct ctr_net net = {
    .size = sizeof(net),
    .write = net_write,
    .reserve = net_reserve,
    .commit = net_commit,
    .queued = net_queued,
    .pause = net_pause,
    .resume = net_resume,
    .set_limit = net_set_limit,
    .set_busy = net_set_busy,
    .start_tls = net_start_tls,
    .close = net_close,
    .abort = net_abort,
};

const void *testhost_net(void)
{
    return &net;
}

/* --- the peer's side -------------------------------------------------------------------
 */

struct ctr_stream *testhost_connect(struct testhost *t, const char *address,
                                    uint32_t flags)
{
    struct ctr_stream *s = testhost_alloc(t, sizeof(*s));
    int32_t rc;

    *s = (struct ctr_stream){.t = t,
                             .next = t->streams,
                             .ops = t->plugin->frontend->stream,
                             .limit = 256 * 1024,
                             .open = true};
    s->peer = (struct ctr_peer){.size = sizeof(s->peer), .flags = flags, .port = 40000};
    s->peer.address.ptr = testhost_copy_z(t, address);
    s->peer.address.len = strlen(address);
    t->streams = s;
    rc = s->ops->on_open(t->instance, s, &s->peer, &s->conn);
    if (rc < 0)
        s->open = false;
    testhost_run(t);
    return rc < 0 ? NULL : s;
}

void testhost_hangup(struct ctr_stream *s)
{
    stream_end(s, s->closing ? s->reason : CTR_CLOSE_PEER);
    testhost_run(s->t);
}

void testhost_goodbye(struct ctr_stream *s, uint32_t reason)
{
    if (s->open && !s->closing && s->ops->on_goodbye)
        s->ops->on_goodbye(s->conn, reason);
    stream_end(s, s->closing ? s->reason : reason);
    testhost_run(s->t);
}

const uint8_t *testhost_output(const struct ctr_stream *s, uint64_t *n)
{
    *n = s->out.n;
    return s->out.at;
}

void testhost_take(struct ctr_stream *s, uint64_t n)
{
    bytes_drop(&s->out, n < s->out.n ? n : s->out.n);
    if (s->drain_wanted && s->open && !s->closing && s->out.n <= s->t->queue_limit / 2) {
        s->drain_wanted = false;
        if (s->ops->on_drain)
            s->ops->on_drain(s->conn);
    }
    testhost_run(s->t);
}

bool testhost_closed(const struct ctr_stream *s)
{
    return !s->open;
}

uint32_t testhost_close_reason(const struct ctr_stream *s)
{
    return s->reason;
}

bool testhost_paused(const struct ctr_stream *s)
{
    return s->paused;
}

bool testhost_busy(const struct ctr_stream *s)
{
    return s->busy;
}

bool testhost_tls(const struct ctr_stream *s)
{
    return (s->peer.flags & CTR_PEER_TLS) != 0;
}

void testhost_net_close_all(struct testhost *t)
{
    for (struct ctr_stream *s = t->streams; s; s = s->next)
        if (s->open)
            testhost_goodbye(s, CTR_CLOSE_SHUTDOWN);
}

void testhost_net_free(struct testhost *t)
{
    for (struct ctr_stream *s = t->streams; s; s = s->next) {
        room_drop(s);
        free(s->in.at);
        free(s->out.at);
    }
}
