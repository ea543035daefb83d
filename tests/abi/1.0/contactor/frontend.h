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

/* A URL scheme the `listen` option of this front end accepts.
 * since 1.0 */
struct ctr_scheme {
    const char *name;      /* "ldap" */
    uint32_t default_port; /* 389 */
    uint32_t tls;          /* 1: TLS from the first byte */
};

struct ctr_stream_ops; /* ext/net.h */

/* The front-end role.
 * since 1.0 */
struct ctr_frontend {
    uint32_t size;
    uint32_t n_schemes;
    const struct ctr_scheme *schemes;
    const struct ctr_stream_ops *stream; /* NULL: listens to nothing */
};

/* A password to check. Borrowed for the call; the host wipes its copy.
 * since 1.0 */
struct ctr_credentials {
    uint32_t size;
    uint32_t reserved;
    struct ctr_str name;     /* the user's name in the configuration */
    struct ctr_str password; /* never empty: an empty one is refused */
    struct ctr_str client;   /* the peer's address: guesses are slowed down per address */
};

#ifdef __cplusplus
}
#endif

#endif
