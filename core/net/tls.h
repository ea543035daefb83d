/* tls.h - TLS: the certificate side of a service, and the record side of a stream. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLS_LANES_MAX = 4 };

struct ctr_stream;
struct net;
struct net_certificate;
struct tls_context;
struct tls_handshakes;

/* Certificate, key, tickets and session cache, for handshakes on so many lanes. Counted:
 * streams keep the one they began with when another takes its place.
 * returns 0 | -CTR_ENOENT | -CTR_EACCES | -CTR_EFORMAT | -CTR_EINVAL | -CTR_EIO, with a
 * sentence in error */
int tls_context_create(const char *certificate, const char *key, unsigned lanes,
                       struct tls_context **out, char *error, size_t cap);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL-safe */
/* The same certificate and key: sessions of one may be resumed in the other. */
bool tls_context_same(const struct tls_context *a, const struct tls_context *b);

void tls_context_certificate(const struct tls_context *context,
                             struct net_certificate *out);

/* The lanes that handshakes run on; their threads come with the first start. */
struct tls_handshakes *tls_handshakes_create(struct net *net, unsigned lanes);
void tls_handshakes_start(struct tls_handshakes *h);
unsigned tls_handshakes_lanes(const struct tls_handshakes *h);
/* All streams are gone. Waits for the steps under way. NULL-safe. */
void tls_handshakes_destroy(struct tls_handshakes *h);

/* From here on what comes in is TLS; memory is taken when the first byte does. */
void tls_stream_begin(struct ctr_stream *s);
bool tls_stream_is_established(const struct ctr_stream *s);
/* Bytes from the peer. */
void tls_stream_receive(struct ctr_stream *s, const uint8_t *data, size_t n);
/* The peer closed its side. */
void tls_stream_eof(struct ctr_stream *s);
/* A lane has taken a step of the handshake, and the stream knows nothing of it yet. */
bool tls_stream_is_stepped(const struct ctr_stream *s);
/* What comes of that step; only from the turn's work list. */
void tls_stream_stepped(struct ctr_stream *s);
/* No further step: the stream closes. */
void tls_stream_withdraw(struct ctr_stream *s);
/* Decrypts what was kept while the stream was paused. */
void tls_stream_resume(struct ctr_stream *s);
/* Encrypts all output into the stream's wire buffer. returns 0 | -CTR_EIO */
int tls_stream_encrypt(struct ctr_stream *s);
/* Appends close_notify to the wire buffer. */
void tls_stream_end(struct ctr_stream *s);
/* A record has begun and not ended. */
bool tls_stream_is_partial(const struct ctr_stream *s);
/* Bytes received and not decrypted. */
size_t tls_stream_kept(const struct ctr_stream *s);
void tls_stream_destroy(struct ctr_stream *s);

#endif
