/* conn.h - a connection to the first server that answers: resolved, connected, encrypted,
 * logged in, and asked what it can do. */
#ifndef LDAP_SOURCE_CONN_H
#define LDAP_SOURCE_CONN_H

#include "options.h"
#include "rootdse.h"
#include "tls.h"
#include "wire.h"

/* Told of each step that went well or ended the attempt; for the test. */
typedef void (*conn_step_fn)(void *user, const char *step, const char *detail);

struct conn {
    const struct options *options;
    const struct ctr_host *host;
    struct cancel *cancel;
    struct tls_cache *tls;
    int64_t deadline; /* text_now(); of everything; 0: none */
    conn_step_fn on_step;
    void *user;

    LDAP *ld; /* NULL: closed */
    const struct where *where;
    struct rootdse dse;
    struct wire wire;
};

struct conn *conn_create(const struct options *o, const struct ctr_host *host,
                         struct tls_cache *tls,
                         struct cancel *cancel); /* NULL: out of memory */
void conn_destroy(struct conn *c);               /* NULL-safe */

/* Each server of `url` in turn. returns 0 | negative with f set */
int32_t conn_open(struct conn *c, struct fault *f);
void conn_close(struct conn *c);

/* The next message of a request (ldap_msgfree), within the options' timeout.
 * returns 0 | negative with f set, the connection then being unusable unless canceled */
int32_t conn_next(struct conn *c, int msgid, const char *asked, LDAPMessage **out,
                  struct fault *f);
/* The same with a deadline of its own. returns also -CTR_ETIMEDOUT with f untouched */
int32_t conn_next_until(struct conn *c, int msgid, int64_t deadline, const char *asked,
                        LDAPMessage **out, struct fault *f);

/* What a final message says, its controls in *controls (ldap_controls_free) if wanted.
 * returns 0 | negative with f set */
int32_t conn_result(struct conn *c, LDAPMessage *m, const char *step, const char *asked,
                    LDAPControl ***controls, struct fault *f);

/* A request that libldap could not send. returns the code of f */
int32_t conn_unsent(struct conn *c, int rc, const char *step, const char *asked,
                    struct fault *f);

void conn_abandon(struct conn *c, int msgid);

/* One entry read by its name (step of f: "base"). returns 0 and *out (ldap_msgfree;
 * a whole result, ldap_first_entry finds the entry) | -CTR_ENOENT and others, f set */
int32_t conn_read_entry(struct conn *c, const char *dn, const char *filter,
                        const char *const *attrs, LDAPControl **controls,
                        LDAPMessage **out, struct fault *f);

#endif
