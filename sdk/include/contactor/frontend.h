/* frontend.h - the role of a plugin that answers clients.
 *
 * The host owns sockets, TLS, limits and socket activation; the plugin is a byte machine:
 * it gets and writes bytes through contactor.net/1 (ext/net.h), so a protocol can be
 * tested, replayed and fuzzed without a socket. All of it runs on the loop.
 *
 * since 1.0 */
#ifndef CONTACTOR_FRONTEND_H
#define CONTACTOR_FRONTEND_H

#include "query.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A URL scheme the `listen` option of this front end accepts. An array of these travels
 * with its stride since 1.1, so the struct may grow.
 * owner   the plugin: static
 * since   1.0 */
struct ctr_scheme {
    const char *name;      /* "ldap": a-z, 0-9, _ and -, at most 32 bytes */
    uint32_t default_port; /* 389 */
    uint32_t tls;          /* 1: TLS from the first byte */
};

struct ctr_stream_ops; /* ext/net.h */

/* The front-end role.
 * owner   the plugin: static, as is all it points to
 * since   1.0 */
struct ctr_frontend {
    uint32_t size;                       /* sizeof(struct ctr_frontend) */
    uint32_t n_schemes;                  /* at most 16 */
    const struct ctr_scheme *schemes;    /* n_schemes, scheme_size bytes apart */
    const struct ctr_stream_ops *stream; /* NULL: listens to nothing */
    uint32_t scheme_size; /* sizeof(struct ctr_scheme): the stride of `schemes`; 0: that
                           * of ABI 1.0, 16 bytes. Since 1.1 */
    uint32_t reserved;    /* 0. Since 1.1 */
};

/* A password to check; see authenticate in host.h.
 * owner   borrowed for the call; the host wipes its copy
 * since   1.0 */
struct ctr_credentials {
    uint32_t size;           /* sizeof(struct ctr_credentials) */
    uint32_t reserved;       /* 0 */
    struct ctr_str name;     /* the user's name in the configuration; "NAME@DOMAIN", where
                              * no user is called so, is NAME */
    struct ctr_str password; /* never empty: an empty one is refused */
    struct ctr_str client;   /* the peer's address: guesses are slowed down per address */
};

#ifdef __cplusplus
}
#endif

#endif
