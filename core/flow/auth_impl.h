/* auth_impl.h - what the two files of auth share. */
#ifndef FLOW_AUTH_IMPL_H
#define FLOW_AUTH_IMPL_H

#include <sodium.h>

#include "flow/auth.h"
#include "flow/state.h"
#include "loop/lane.h"

enum {
    AUTH_LANES = 2,
    AUTH_MAC_SIZE = 32,
    AUTH_HASH_OPS = 2,
    AUTH_HASH_MEMORY = 19 * 1024 * 1024
};

struct auth_user {
    unsigned refs;
    struct auth *auth;
    char *name;
    unsigned lane;                      /* everything of its secret happens there */
    unsigned char print[AUTH_MAC_SIZE]; /* of the secret: did it change? */
    struct ctr_principal *principal;
    /* Lane: */
    char *plain; /* not yet hashed; NULL: done */
    size_t plain_len;
    char phc[crypto_pwhash_STRBYTES];
    /* Loop: the last success. */
    unsigned char mac[AUTH_MAC_SIZE];
    int64_t remember_until;
    struct list to_hash;
};

struct hash_job {
    struct lane_job lane_job;
    struct auth *auth;
    struct auth_user *who; /* NULL: idle */
};

struct auth {
    struct flow *flow;
    struct lane *lanes[AUTH_LANES];
    struct list to_hash[AUTH_LANES]; /* struct auth_user */
    struct hash_job hashing[AUTH_LANES];
    struct auth_user *decoy; /* where there are no users */
    struct throttle *throttle;
    struct list delayed, jobs;
    struct list posted; /* attempts whose answer is under way */
    unsigned n_attempts, n_jobs, next_lane;
    uv_timer_t *timer;
    bool ending;
    unsigned char key[AUTH_MAC_SIZE];
    struct auth_stats stats;
    int64_t log_window; /* of lines about failed logins */
    unsigned log_lines, log_suppressed;
};

/* Keyed: tells equal pairs, and nothing to others. */
void auth_mac(const struct auth *auth, struct ctr_str name, struct ctr_str secret,
              unsigned char out[AUTH_MAC_SIZE]);
/* The lane of the user: the secret in clear, if there still is one, becomes a hash. */
void auth_user_hash(struct auth_user *who);
struct auth_user *auth_user_new(struct auth *auth, const char *name,
                                struct ctr_str secret);

#endif
