/* tls.h - TLS of a connection: what is demanded of the server, and why it was refused. */
#ifndef LDAP_SOURCE_TLS_H
#define LDAP_SOURCE_TLS_H

#include "fault.h"
#include "options.h"
#include "wire.h"

/* Every TLS option of the handle, so that no system-wide ldap.conf has a say.
 * returns 0 | negative with f set */
int32_t tls_configure(LDAP *ld, const struct options *o, bool verify, struct fault *f);

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
