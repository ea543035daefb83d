/* tls_stream.c - the record side of TLS: one stream's handshake, reading and writing.
 *
 * The library never sees a socket: what it receives is fed from memory, what it sends is
 * appended to the stream's wire buffer, which always has room. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/internal.h"
#include "net/tls_private.h"

void tls_stream_begin(struct ctr_stream *s)
{
    ensure(!s->tls && s->service->tls);
    s->tls = xcalloc(1, sizeof(*s->tls));
    s->tls->stream = s;
    s->tls->context = tls_context_ref(s->service->tls);
}

bool tls_stream_is_established(const struct ctr_stream *s)
{
    return s->tls->established;
}

bool tls_stream_is_partial(const struct ctr_stream *s)
{
    return s->tls->head_n > 0;
}

size_t tls_stream_kept(const struct ctr_stream *s)
{
    return buffer_len(&s->tls->kept);
}

void tls_stream_free(struct stream_tls *t)
{
    if (t->set_up)
        mbedtls_ssl_free(&t->ssl);
    tls_context_unref(t->context);
    buffer_finish(&t->kept);
    buffer_finish(&t->given);
    buffer_finish(&t->made);
    free(t);
}

void tls_stream_destroy(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;

    s->tls = NULL;
    if (t && t->lent)
        handshake_disown(t);
    else if (t)
        tls_stream_free(t);
}

int tls_bio_send(void *arg, const unsigned char *data, size_t n)
{
    struct stream_tls *t = arg;

    buffer_add(t->sink, data, n);
    return (int)n;
}

int tls_bio_recv(void *arg, unsigned char *data, size_t n)
{
    struct stream_tls *t = arg;

    if (t->feed_len == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    if (n > t->feed_len)
        n = t->feed_len;
    memcpy(data, t->feed, n);
    t->feed += n;
    t->feed_len -= n;
    return (int)n;
}

/* Follows the record headers, to know whether one is there, or half of one. */
static void track(struct stream_tls *t, const uint8_t *data, size_t n)
{
    while (n > 0) {
        size_t step = 1;

        if (t->head_n < sizeof(t->head)) {
            t->head[t->head_n++] = *data;
            t->record_left = (size_t)t->head[3] << 8 | t->head[4];
        } else {
            step = n < t->record_left ? n : t->record_left;
            t->record_left -= step;
        }
        data += step;
        n -= step;
        if (t->head_n == sizeof(t->head) && t->record_left == 0) {
            t->head_n = 0;
            t->records++;
        }
    }
}

/* The peer's fault, and one line an administrator can act on. */
void tls_stream_failed(struct ctr_stream *s, const char *reason)
{
    struct stream_tls *t = s->tls;
    bool in_handshake = !t->established;
    unsigned suppressed;

    t->over = true;
    t->established = false;
    s->service->stats.tls_failed++;
    if (net_may_log(s->service->net, NET_LOG_TLS, &suppressed))
        log_warn("net", "tls_failed service=%s peer=%s reason=%s suppressed=%u",
                 s->service->name, s->address, log_quoted(reason), suppressed);
    /* The alert in the wire buffer should arrive. */
    s->answered = buffer_len(&s->wire) > 0;
    if (s->state == STREAM_OPEN && in_handshake && s->service->ops.on_tls)
        s->service->ops.on_tls(s->conn, -CTR_EPROTO);
    stream_end(s, CTR_CLOSE_TLS);
}

static void failed_with(struct ctr_stream *s, int rc)
{
    char text[160];

    switch (rc) {
#if MBEDTLS_VERSION_MAJOR >= 3
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
#else
    case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION:
    case MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN:
#endif
        tls_stream_failed(
            s, "the peer offers no TLS 1.2 (or later) with AEAD and forward secrecy");
        break;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        tls_stream_failed(s, "the peer refused; it may not trust the certificate");
        break;
    default:
        mbedtls_strerror(rc, text, sizeof(text));
        tls_stream_failed(s, text);
    }
}

static void closed_within(struct ctr_stream *s)
{
    log_debug("net", "tls_failed peer=%s reason=\"closed within the handshake\"",
              s->address);
    s->service->stats.tls_failed++;
    s->tls->over = true;
    if (s->state == STREAM_OPEN && s->service->ops.on_tls)
        s->service->ops.on_tls(s->conn, -CTR_EIO);
    stream_end(s, CTR_CLOSE_TLS);
}

void tls_stream_eof(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;

    /* What it sent last may end the handshake. */
    if (!t->lent && !t->stepped && list_empty(&s->handshake))
        closed_within(s);
}

static bool can_read(const struct ctr_stream *s)
{
    return s->state == STREAM_OPEN && !s->tls->over && !s->paused && !s->throttled &&
           !s->goodbye && !stream_is_settled(s);
}

/* Decrypts and shows what has been fed, record by record. */
static void pump(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;
    uint8_t *plain = s->service->net->plain_buffer;

    while (can_read(s)) {
        size_t before = t->feed_len;
        int n = mbedtls_ssl_read(&t->ssl, plain, NET_PLAIN_SIZE);

        if (n > 0) {
            input_present(s, plain, (size_t)n);
            wipe(plain, (size_t)n);
        } else if (n == 0 || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            t->over = true;
            input_eof(s);
        } else if (n == MBEDTLS_ERR_SSL_WANT_READ || n == TLS_AGAIN_TICKET) {
            if (t->feed_len == 0 || t->feed_len == before)
                break;
        } else {
            failed_with(s, n);
        }
    }
    if (buffer_len(&s->wire) > 0)
        net_add_dirty(s);
}

static void pump_kept(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;
    size_t len = buffer_len(&t->kept);

    t->feed = buffer_data(&t->kept);
    t->feed_len = len;
    pump(s);
    buffer_take(&t->kept, t->over ? len : len - t->feed_len);
    t->feed_len = 0;
}

void tls_stream_resume(struct ctr_stream *s)
{
    s->decrypt = false;
    if (s->tls && s->tls->established && can_read(s))
        pump_kept(s);
    stream_update_reading(s);
}

void tls_stream_receive(struct ctr_stream *s, const uint8_t *data, size_t n)
{
    struct stream_tls *t = s->tls;

    if (t->over)
        return;
    if (!t->begun && data[0] != 0x16) {
        tls_stream_failed(s, "plain bytes on a TLS port");
        return;
    }
    t->begun = true;
    track(t, data, n);
    if (!t->established) {
        buffer_add(&t->kept, data, n);
        handshake_offer(s);
    } else if (buffer_len(&t->kept) > 0) {
        buffer_add(&t->kept, data, n);
        pump_kept(s);
    } else {
        t->feed = data;
        t->feed_len = n;
        pump(s);
        if (!t->over)
            buffer_add(&t->kept, t->feed, t->feed_len);
        t->feed_len = 0;
    }
}

static void established(struct ctr_stream *s)
{
    struct net_stats *stats = &s->service->stats;

    s->tls->established = true;
    s->tls->sink = &s->wire;
    stats->tls_handshakes++;
    stats->tls_resumed += s->tls->resumed;
    s->peer.flags |= CTR_PEER_TLS;
    timing_disarm(s, TIMING_HANDSHAKE);
    if (s->state == STREAM_HANDSHAKE) {
        stream_open(s);
    } else {
        timing_arm(s, TIMING_IDLE);
        if (s->service->ops.on_tls)
            s->service->ops.on_tls(s->conn, 0);
    }
    if (s->state == STREAM_OPEN)
        pump_kept(s);
}

bool tls_stream_is_stepped(const struct ctr_stream *s)
{
    return s->tls->stepped;
}

/* What the step did not take comes before what has come since. */
static void take_back(struct stream_tls *t)
{
    struct buffer since = t->kept;

    t->stepped = false;
    t->kept = t->given;
    t->given = (struct buffer){0};
    buffer_move(&t->kept, &since);
}

static void next_step(struct ctr_stream *s)
{
    handshake_offer(s);
    if (s->eof && !s->tls->over)
        tls_stream_eof(s);
}

void tls_stream_stepped(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;

    take_back(t);
    if (s->state > STREAM_OPEN || s->goodbye || t->over)
        return;
    ensure(t->worked);
    buffer_move(&s->wire, &t->made);
    net_add_dirty(s);
    if (t->result == 0)
        established(s);
    else if (t->result != MBEDTLS_ERR_SSL_WANT_READ)
        failed_with(s, t->result);
    else
        next_step(s);
    stream_update_reading(s);
}

int tls_stream_encrypt(struct ctr_stream *s)
{
    while (buffer_len(&s->out) > 0) {
        int n =
            mbedtls_ssl_write(&s->tls->ssl, buffer_data(&s->out), buffer_len(&s->out));

        if (n == TLS_AGAIN_TICKET)
            continue;
        if (n <= 0)
            return -CTR_EIO;
        buffer_take(&s->out, (size_t)n);
    }
    return 0;
}

void tls_stream_end(struct ctr_stream *s)
{
    s->tls_ended = true;
    (void)mbedtls_ssl_close_notify(&s->tls->ssl);
}
