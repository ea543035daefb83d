/* auth.h - checking passwords off the loop. */
#ifndef FLOW_AUTH_H
#define FLOW_AUTH_H

#include "base/str.h"
#include "flow/setup.h"

struct auth;
struct auth_user;
struct flow;

struct auth_stats {
    uint64_t ok, cached, wrong, busy, delayed;
};

struct auth *auth_create(struct flow *flow);
/* What is under way ends canceled. */
void auth_destroy(struct auth *auth);
void auth_stats(const struct auth *auth, struct auth_stats *out);

/* A user's secret, ready to check against. The same object as `old` (may be NULL), with
 * what it remembers, when the secret is the same. Secrets in clear are hashed on a lane,
 * then wiped. */
struct auth_user *auth_user_create(struct auth *auth, const char *name,
                                   struct ctr_str secret, struct auth_user *old);
void auth_user_unref(struct auth_user *user); /* NULL-safe */

#endif
