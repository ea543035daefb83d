/* tls.h - TLS of a connection: what is demanded of the server, and why it was refused. */
#ifndef LDAP_SOURCE_TLS_H
#define LDAP_SOURCE_TLS_H

#include <pthread.h>

#include "fault.h"
#include "options.h"
#include "wire.h"

/* The TLS context of a source with a certificate of its own, kept from one connection to
 * the next: libldap over GnuTLS never frees what it read of cert_file and key_file, so it
 * must not read them for each connection. It is made anew when a file has changed. */
struct tls_cache {
    pthread_mutex_t lock;
    void *context;      /* libldap's; has no way to be given back */
    int64_t changed[2]; /* ns: of cert_file and key_file when it was made */
};

void tls_cache_init(struct tls_cache *cache);
void tls_cache_finish(struct tls_cache *cache);

/* Every TLS option of the handle, so that no system-wide ldap.conf has a say. Without a
 * cache no certificate of ours is shown: that is for looking, not for speaking.
 * returns 0 | negative with f set */
int32_t tls_configure(LDAP *ld, const struct options *o, struct tls_cache *cache,
                      bool verify, struct fault *f);

/* The handshake, within limit ms. On a refused certificate `*refused` is set: ask
 * tls_explain. returns 0 | negative with f set, step "tls" */
int32_t tls_handshake(LDAP *ld, struct wire *w, const struct where *to, int64_t limit,
                      bool *refused, struct fault *f);

/* Why a certificate was refused, from a handshake that did not verify it.
 * returns the code of f, which is set */
int32_t tls_explain(LDAP *ld, const struct options *o, const struct where *to,
                    struct fault *f);

/* "TLSv1.3, AES-256-GCM" or similar. */
void tls_describe(LDAP *ld, char *out, size_t cap);

#endif
