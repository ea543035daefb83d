/* ext/net.h - byte streams from the daemon's listeners: host extension "contactor.net/1".
 *
 * The daemon accepts connections, speaks TLS, enforces limits and times, and joins
 * everything written in one loop turn into one write. The plugin is a pure machine: bytes
 * in (on_data), bytes out (write).
 *
 * Idle, half-sent and not-reading peers are ended by the daemon; a front end sees
 * on_goodbye and on_close.
 *
 * since 1.0 */
#ifndef CONTACTOR_EXT_NET_H
#define CONTACTOR_EXT_NET_H

#include "../types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to ask host->extension for. */
#define CTR_NET_ID "contactor.net/1"

/* Who is at the other end.
 * owner   the host, valid until on_close has returned
 * since   1.0 */
struct ctr_peer {
    uint32_t size;          /* of the host's struct ctr_peer */
    uint32_t flags;         /* CTR_PEER_* at the time of the call */
    struct ctr_str address; /* "192.0.2.7", "2001:db8::7", "unix" */
    uint32_t port;          /* 0: it has none */
    uint32_t reserved;      /* 0 */
};

/* What is known of a peer. */
enum {
    CTR_PEER_TLS = 1u << 0,      /* the stream is encrypted now */
    CTR_PEER_LOOPBACK = 1u << 1, /* the peer is this machine */
    CTR_PEER_CAN_TLS = 1u << 2   /* start_tls would work: a certificate is configured */
};

/* One connection.
 * owner   the host; valid from on_open until on_close has returned
 * since   1.0 */
struct ctr_stream;

/* Why a stream ended. */
enum {
    CTR_CLOSE_PEER = 1,     /* the peer closed or reset */
    CTR_CLOSE_LOCAL = 2,    /* close or abort */
    CTR_CLOSE_IDLE = 3,     /* nothing asked for the idle time */
    CTR_CLOSE_SLOW = 4,     /* half a message, or not reading its answers, for too long */
    CTR_CLOSE_TLS = 5,      /* handshake or record failure */
    CTR_CLOSE_SHUTDOWN = 6, /* the daemon stops or the listener was reconfigured */
    CTR_CLOSE_LIMIT = 7     /* message larger than set_limit */
};

/* The byte machine. A function that is left out counts as one that does nothing; on_open,
 * on_data and on_close must be there.
 * thread  the loop, never re-entered for one stream
 * owner   the plugin: static
 * since   1.0 */
struct ctr_stream_ops {
    uint32_t size;     /* sizeof(struct ctr_stream_ops) */
    uint32_t reserved; /* 0 */

    /* A peer connected (TLS already done where the scheme says so).
     * instance what create made
     * stream  to write to, until on_close has returned
     * peer    who it is
     * conn    out: handed to all functions below
     * returns 0 and *conn | negative: the host closes the stream, no on_close follows
     * owner   conn is the plugin's */
    int32_t (*on_open)(void *instance, struct ctr_stream *stream,
                       const struct ctr_peer *peer, void **conn);

    /* Bytes came.
     * conn    what on_open stored
     * data    all bytes received and not yet consumed
     * n       how many
     * returns bytes consumed, 0..n: the rest is presented again with more bytes, or after
     *         resume | negative: the host flushes what was written and closes */
    int64_t (*on_data)(void *conn, const uint8_t *data, uint64_t n);

    /* After a write said -CTR_EPAUSE: the queue is short again.
     * conn    what on_open stored */
    void (*on_drain)(void *conn);

    /* start_tls finished.
     * conn    what on_open stored
     * status  0 | negative: on_close follows */
    void (*on_tls)(void *conn, int32_t status);

    /* The host wants the stream to end (shutdown, reload, idle, too slow): say goodbye in
     * the protocol's way now if it has one; the host flushes and closes.
     * conn    what on_open stored
     * reason  CTR_CLOSE_* */
    void (*on_goodbye)(void *conn, uint32_t reason);

    /* The end. Cancel what is under way and free conn.
     * conn    what on_open stored
     * reason  CTR_CLOSE_* */
    void (*on_close)(void *conn, uint32_t reason);
};

/* What host->extension(host, CTR_NET_ID) gives. None of its functions calls the plugin
 * back before it returns.
 * thread  the loop
 * owner   the host; valid until destroy has returned
 * since   1.0 */
struct ctr_net {
    uint32_t size;     /* of the host's struct ctr_net */
    uint32_t reserved; /* 0 */

    /* Append to what leaves in this loop turn.
     * stream  the connection
     * data    n bytes; the host copies
     * n       more than the queue may ever hold ends the stream
     * returns 0 | -CTR_EPAUSE (taken; the queue is long, on_drain follows) | -CTR_EIO
     *         (the stream is going down; stop) */
    int32_t (*write)(struct ctr_stream *stream, const void *data, uint64_t n);

    /* Get room in the output queue, to encode in place; then commit.
     * stream  the connection
     * n       bytes
     * returns the room | NULL: the stream is going down, or n is more than the queue may
     *         ever hold
     * owner   the host; valid until the next call for this stream */
    uint8_t *(*reserve)(struct ctr_stream *stream, uint64_t n);

    /* Append what was encoded in place.
     * stream  the connection
     * used    bytes, at most n of the reserve before
     * returns as write */
    int32_t (*commit)(struct ctr_stream *stream, uint64_t used);

    /* How much waits.
     * stream  the connection
     * returns bytes written and not yet taken by the peer's kernel */
    uint64_t (*queued)(struct ctr_stream *stream);

    /* Stop reading: no on_data from here on.
     * stream  the connection */
    void (*pause)(struct ctr_stream *stream);

    /* Read again: presents unconsumed bytes again, in a later callback.
     * stream  the connection */
    void (*resume)(struct ctr_stream *stream);

    /* Set the largest message on_data may leave unconsumed.
     * stream  the connection
     * max     bytes; 256 KiB unless set */
    void (*set_limit)(struct ctr_stream *stream, uint64_t max);

    /* Say whether requests are under way, so that the idle time does not run.
     * stream  the connection
     * busy    1: some are | 0: none */
    void (*set_busy)(struct ctr_stream *stream, uint32_t busy);

    /* Everything after the bytes written so far is TLS. Call from on_data; bytes the peer
     * sent after the request in clear are an error.
     * stream  the connection
     * returns 0: on_tls follows | -CTR_ENOTSUP (no certificate) | -CTR_EINVAL (already
     *         TLS) | -CTR_EPROTO (bytes pending) | -CTR_EIO (the stream is going down) */
    int32_t (*start_tls)(struct ctr_stream *stream);

    /* Flush, then close. on_close follows, never before this returns.
     * stream  the connection */
    void (*close)(struct ctr_stream *stream);

    /* Close at once. on_close follows, never before this returns.
     * stream  the connection */
    void (*abort)(struct ctr_stream *stream);
};

#ifdef __cplusplus
}
#endif

#endif
