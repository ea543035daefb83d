/* resolve.h - names to addresses within a deadline: the C library's resolver knows none.
 */
#ifndef LDAP_SOURCE_RESOLVE_H
#define LDAP_SOURCE_RESOLVE_H

#include <netdb.h>

#include "wire.h"

/* returns 0 and *out (freeaddrinfo) | -CTR_ENOENT, -CTR_ETIMEDOUT, -CTR_ECANCELED,
 *         -CTR_ENOMEM with f set */
int32_t resolve_host(const char *host, uint16_t port, struct cancel *cancel,
                     int64_t deadline, struct addrinfo **out, struct fault *f);

#endif
