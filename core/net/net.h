/* net.h - listeners and connections for front ends: TCP, TLS, limits, times.
 *
 * A service is what one front-end instance listens with. All written in one loop turn
 * leaves in one write. The loop's thread only. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "contactor/ext/net.h"
#include "contactor/frontend.h"
#include "loop/loop.h"

struct net;
struct net_service;

/* Limits over all services. 0: the default. */
struct net_options {
    unsigned max_sessions;          /* 4096 */
    unsigned max_sessions_per_peer; /* 256, per source address (IPv6: per /64) */
    unsigned handshakes_waiting;    /* new ones waiting for a lane: 1024 */
    unsigned handshake_lanes;       /* half the processors, at most 4; only at creation */
};

/* Also takes over sockets passed by systemd (LISTEN_FDS). */
struct net *net_create(struct loop *loop, const struct net_options *options);
void net_set_options(struct net *net, const struct net_options *options);
void net_destroy(struct net *net); /* all services must have stopped */

/* "SCHEME://0.0.0.0:636", "SCHEME://[::1]:389", "SCHEME://127.0.0.1" -> address. */
struct net_address {
    char host[64];
    uint16_t port; /* 0: let the kernel choose */
    bool tls;
    char text[96]; /* as written, for messages */
};
/* returns 0 | -CTR_EINVAL with a sentence in error */
int net_address_parse(const char *url, const struct ctr_scheme *schemes,
                      unsigned n_schemes, struct net_address *out, char *error,
                      size_t cap);

struct net_service_options {
    const char *name; /* "frontend.sbc" */
    const struct ctr_stream_ops *ops;
    void *instance;
    const char *tls_certificate, *tls_key; /* PEM paths; NULL: no TLS */
    /* Times in ms, 0: the default. */
    uint32_t idle_time;      /* nothing asked, nothing under way: 900000 */
    uint32_t receive_time;   /* a message begun and not finished: 10000 */
    uint32_t send_time;      /* queued bytes the peer does not take: 10000 */
    uint32_t handshake_time; /* 10000 */
    uint32_t max_queue;      /* bytes queued before the peer is dropped: 1 MiB */
    uint32_t pause_queue;    /* bytes queued before write says -CTR_EPAUSE: 128 KiB */
    unsigned max_sessions, max_sessions_per_peer; /* of this service; 0: the net's */
};

/* Who renews by hand wants to know so long before the end. */
enum { NET_CERTIFICATE_SOON_S = 21 * 86400 };

/* What serves now, and perhaps not for long. Times in s since 1970, UTC. */
struct net_certificate {
    int64_t valid_from, valid_until; /* of the certificate and all it is sent with */
    bool key_is_open;                /* everybody on this machine may read the key */
};

/* Reads certificate and key as a service would, and tells what is wrong with them.
 * returns 0 | -CTR_E* with a sentence in error (unreadable, key does not match) */
int net_check_tls(const char *certificate, const char *key, struct net_certificate *out,
                  char *error, size_t cap);
/* returns 0 | -CTR_E* with a sentence in error, as net_check_tls */
int net_service_create(struct net *net, const struct net_service_options *options,
                       struct net_service **out, char *error, size_t cap);
/* bind and listen now; accepting begins with net_service_start. A socket passed by
 * systemd for this address is used; one that `old` (may be NULL) listens on is handed
 * over without a gap. */
int net_service_listen(struct net_service *service, const struct net_address *address,
                       struct net_service *old, char *error, size_t cap);
void net_service_start(struct net_service *service);
/* Read certificate and key again; on failure the old ones stay. */
int net_service_reload_tls(struct net_service *service, char *error, size_t cap);
/* Stop accepting; on_goodbye to each stream, flush, close; what is left after `grace` ms
 * is aborted. done runs once, later; then the service is gone. */
void net_service_stop(struct net_service *service, uint32_t grace,
                      void (*done)(void *arg), void *arg);

struct net_stats {
    uint64_t accepted, refused, tls_handshakes, tls_resumed, tls_failed, dropped_slow,
        dropped_idle, bytes_in, bytes_out;
    uint64_t reads, writes; /* system calls */
    unsigned sessions;
};
void net_service_stats(const struct net_service *service, struct net_stats *out);
/* returns false: the service has no TLS */
bool net_service_certificate(const struct net_service *service,
                             struct net_certificate *out);
/* Address i actually bound ("127.0.0.1:38931"): with port 0 the kernel chose.
 * returns 0 | -CTR_ENOENT */
int net_service_bound(const struct net_service *service, unsigned i, char *out,
                      size_t cap);

/* Logs a warning for each socket the service manager passed and no service uses. */
void net_warn_unused_sockets(const struct net *net);

/* The table a plugin gets as extension CTR_NET_ID. */
extern const struct ctr_net net_extension;

#endif
