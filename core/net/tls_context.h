/* tls_context.h - what the TLS files share: the inside of a context. */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/tls.h"
#include "net/tls_compat.h"

struct tls_context {
    unsigned refs;
    bool resumed; /* by the handshake step under way */
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context drbg;
    mbedtls_x509_crt certificate; /* and its chain */
    mbedtls_pk_context key;
    mbedtls_ssl_ticket_context ticket;
    mbedtls_ssl_cache_context cache;
    mbedtls_ssl_config conf;
};

#endif
