/* wire.h - the one place where this plugin waits for a network: a non-blocking socket
 * under libldap, with a deadline and a cancel for every wait, the TLS handshake's too. */
#ifndef LDAP_SOURCE_WIRE_H
#define LDAP_SOURCE_WIRE_H

#include <stdatomic.h>

#include "fault.h"
#include "where.h"

/* Ends waits from another thread. */
struct cancel {
    atomic_bool set;
    int fd; /* an eventfd: readable once set */
};

int32_t cancel_init(struct cancel *c); /* 0 | -CTR_EIO */
void cancel_finish(struct cancel *c);
void cancel_fire(struct cancel *c); /* any thread */
void cancel_reset(struct cancel *c);

enum { WIRE_BUFFER = 32 * 1024 };

/* A socket. Its memory must stay where it is while a libldap handle uses it. */
struct wire {
    int fd; /* -1: none */
    struct cancel *cancel;
    bool blocking;       /* reads wait until `deadline`: during the handshake */
    int64_t deadline;    /* text_now() */
    int64_t write_limit; /* ms a write may wait */
    int32_t broke; /* why it ended: 0 | -CTR_ETIMEDOUT | -CTR_ECANCELED | -CTR_EIO */
    int os_error;  /* with -CTR_EIO; 0: the peer closed */
    char peer[64]; /* the address tried last, for people */
    uint32_t at, n;
    uint8_t buffer[WIRE_BUFFER];
};

/* Connect to host and port, each address in turn, or to the socket of an ldapi URL.
 * returns 0 | negative with f set: step "resolve" or "connect" */
int32_t wire_connect(struct wire *w, const struct where *to, struct cancel *cancel,
                     int64_t limit, struct fault *f);
void wire_close(struct wire *w);

/* Until there is something to read, `deadline`, or cancel.
 * returns 0 | -CTR_ETIMEDOUT | -CTR_ECANCELED */
int32_t wire_wait(struct wire *w, int64_t deadline);

/* Put the socket under a libldap handle made by ldap_init_fd(LDAP_PROTO_EXT). */
int wire_attach(struct wire *w, LDAP *ld); /* LDAP_SUCCESS | LDAP_... */
/* Bytes were read from the peer and not yet by libldap, TLS included. */
bool wire_ready(LDAP *ld);

/* Why it broke, in words. */
const char *wire_words(const struct wire *w, char *out, size_t cap);

#endif
