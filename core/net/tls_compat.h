/* tls_compat.h - what differs between mbedTLS 2.28 and 3.x, in one place. */
#ifndef NET_TLS_COMPAT_H
#define NET_TLS_COMPAT_H

#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <mbedtls/build_info.h>
#include <psa/crypto.h>
#endif
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
#define TLS_AGAIN_TICKET MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
#else
#define TLS_AGAIN_TICKET MBEDTLS_ERR_SSL_WANT_READ
#endif

/* AEAD with forward secrecy, and nothing else. */
static const int tls_ciphersuites[] = {
#if MBEDTLS_VERSION_MAJOR >= 3
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

#if MBEDTLS_VERSION_MAJOR >= 3

static const uint16_t tls_groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/* Must have succeeded before any handshake. */
static inline int tls_compat_start(void)
{
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

/* SHA-1 is not among the library's defaults for signatures. */
static inline void tls_compat_limit(mbedtls_ssl_config *conf)
{
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(conf, tls_groups);
}

static inline int tls_compat_parse_key(mbedtls_pk_context *key, const char *path,
                                       mbedtls_ctr_drbg_context *drbg)
{
    return mbedtls_pk_parse_keyfile(key, path, NULL, mbedtls_ctr_drbg_random, drbg);
}

static inline int tls_compat_parse_der(mbedtls_pk_context *key, const unsigned char *der,
                                       size_t len, mbedtls_ctr_drbg_context *drbg)
{
    return mbedtls_pk_parse_key(key, der, len, NULL, 0, mbedtls_ctr_drbg_random, drbg);
}

static inline int tls_compat_check_pair(const mbedtls_pk_context *pub,
                                        const mbedtls_pk_context *key,
                                        mbedtls_ctr_drbg_context *drbg)
{
    return mbedtls_pk_check_pair(pub, key, mbedtls_ctr_drbg_random, drbg);
}

#define TLS_COMPAT_CACHE_GET_ARGS \
    void *data, const unsigned char *id, size_t id_len, mbedtls_ssl_session *session
#define TLS_COMPAT_CACHE_GET(cache) mbedtls_ssl_cache_get((cache), id, id_len, session)
#define TLS_COMPAT_CACHE_SET_ARGS \
    void *data, const unsigned char *id, size_t id_len, const mbedtls_ssl_session *session
#define TLS_COMPAT_CACHE_SET(cache) mbedtls_ssl_cache_set((cache), id, id_len, session)

#else

static const mbedtls_ecp_group_id tls_curves[] = {
    MBEDTLS_ECP_DP_CURVE25519,
    MBEDTLS_ECP_DP_SECP256R1,
    MBEDTLS_ECP_DP_SECP384R1,
    MBEDTLS_ECP_DP_NONE,
};

static const int tls_hashes[] = {
    MBEDTLS_MD_SHA256,
    MBEDTLS_MD_SHA384,
    MBEDTLS_MD_SHA512,
    MBEDTLS_MD_NONE,
};

static inline int tls_compat_start(void)
{
    return 0;
}

static inline void tls_compat_limit(mbedtls_ssl_config *conf)
{
    mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(conf, tls_curves);
    mbedtls_ssl_conf_sig_hashes(conf, tls_hashes);
}

static inline int tls_compat_parse_key(mbedtls_pk_context *key, const char *path,
                                       mbedtls_ctr_drbg_context *drbg)
{
    (void)drbg;
    return mbedtls_pk_parse_keyfile(key, path, NULL);
}

static inline int tls_compat_parse_der(mbedtls_pk_context *key, const unsigned char *der,
                                       size_t len, mbedtls_ctr_drbg_context *drbg)
{
    (void)drbg;
    return mbedtls_pk_parse_key(key, der, len, NULL, 0);
}

static inline int tls_compat_check_pair(const mbedtls_pk_context *pub,
                                        const mbedtls_pk_context *key,
                                        mbedtls_ctr_drbg_context *drbg)
{
    (void)drbg;
    return mbedtls_pk_check_pair(pub, key);
}

#define TLS_COMPAT_CACHE_GET_ARGS   void *data, mbedtls_ssl_session *session
#define TLS_COMPAT_CACHE_GET(cache) mbedtls_ssl_cache_get((cache), session)
#define TLS_COMPAT_CACHE_SET_ARGS   void *data, const mbedtls_ssl_session *session
#define TLS_COMPAT_CACHE_SET(cache) mbedtls_ssl_cache_set((cache), session)

#endif

#endif
