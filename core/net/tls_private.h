/* tls_private.h - what the TLS files share: the inside of a context and of a stream.
 *
 * At any time exactly one side owns a stream's `ssl`: the loop, or, while `lent`, the
 * lane that takes a step of the handshake. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include "loop/lane.h"
#include "net/buffer.h"
#include "net/tls.h"
#include "net/tls_compat.h"

#ifndef MBEDTLS_THREADING_C
#error "mbedTLS must be built with MBEDTLS_THREADING_C: handshakes run on lanes"
#endif

/* What a lane shows and signs with, its own copy: the library changes keys while it uses
 * them, and locks only some kinds. */
struct tls_party {
    struct tls_context *context;
    mbedtls_x509_crt certificate; /* and its chain */
    mbedtls_pk_context key;
    mbedtls_ssl_config conf;
    bool resumed; /* by the step under way */
};

struct tls_context {
    unsigned refs; /* the loop's */
    unsigned n_parties;
    bool key_is_open; /* everybody may read its file */
    /* Shared by all lanes and the loop; the library locks them. */
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context drbg;
    mbedtls_ssl_ticket_context ticket;
    mbedtls_ssl_cache_context cache;
    struct tls_party parties[TLS_LANES_MAX];
};

struct handshake_lane;

struct stream_tls {
    struct ctr_stream *stream; /* NULL: gone while `lent` */
    struct tls_context *context;
    struct handshake_lane *lane; /* NULL: the handshake has not begun */

    /* The owner's. */
    mbedtls_ssl_context ssl;
    bool set_up;          /* ssl holds memory */
    const uint8_t *feed;  /* what on_recv takes from */
    size_t feed_len;      /* */
    struct buffer *sink;  /* where on_send puts */
    struct buffer given;  /* for the step: received */
    struct buffer made;   /* by the step: to be sent */
    int result;           /* of the step */
    bool worked, resumed; /* the step took place; it resumed a session */
    struct lane_job job;

    /* The loop's. */
    bool lent;          /* a lane has it */
    bool stepped;       /* a step is done, its result not looked at */
    bool established;   /* and has not failed since */
    bool begun;         /* bytes have come */
    bool over;          /* close_notify or a failure: nothing more is read */
    struct buffer kept; /* received and not fed: handshake waiting, stream paused */
    /* Where in a record the last byte received was, and how many records ended. */
    uint8_t head[5];
    unsigned head_n;
    size_t record_left;
    unsigned records;
};

/* tls_stream.c */
/* The library's side of a stream: takes from `feed`, appends to `sink`. */
int tls_bio_send(void *arg, const unsigned char *data, size_t n);
int tls_bio_recv(void *arg, unsigned char *data, size_t n);
void tls_stream_failed(struct ctr_stream *s, const char *reason);
void tls_stream_free(struct stream_tls *t);

/* tls_handshake.c */
/* Bytes have come for the next step. */
void handshake_offer(struct ctr_stream *s);
/* The stream is gone while a lane has `t`: it is freed when the lane is done. */
void handshake_disown(struct stream_tls *t);

#endif
