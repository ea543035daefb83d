/* tls.c - TLS of a connection: what is demanded of the server, and why it was refused. */
#include "tls.h"

#include <arpa/inet.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

enum { SAN_DNS = 2, SAN_IP = 7 }; /* RFC 5280, GeneralName */

/* Where distributions keep the certification authorities a machine trusts. */
static const char *system_authorities(void)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

static const char *authorities(const struct options *o)
{
    return o->ca_file ? o->ca_file : system_authorities();
}

static int32_t readable(const char *path, const char *option, struct fault *f)
{
    if (!path || access(path, R_OK) == 0)
        return 0;
    return fault_set(f, -CTR_ECONF, "tls",
                     "correct the path, or let the daemon's user read it",
                     "%s = \"%s\" cannot be read", option, path);
}

/* An empty string takes away what a system-wide file may have set. */
static int set_text(LDAP *ld, int option, const char *value)
{
    return ldap_set_option(ld, option, value ? value : "");
}

static int set_int(LDAP *ld, int option, int value)
{
    return ldap_set_option(ld, option, &value);
}

static int32_t check_files(const struct options *o, bool verify, struct fault *f)
{
    int32_t rc = readable(o->ca_file, "ca_file", f);

    if (rc == 0)
        rc = readable(o->cert_file, "cert_file", f);
    if (rc == 0)
        rc = readable(o->key_file, "key_file", f);
    if (rc == 0 && verify && !authorities(o))
        rc = fault_set(f, -CTR_ECONF, "tls",
                       "set ca_file to the authority's certificate, or install "
                       "ca-certificates",
                       "no certification authorities are known here");
    return rc;
}

static int set_options(LDAP *ld, const struct options *o, bool verify, bool own)
{
    int failed = 0;

    failed |= set_text(ld, LDAP_OPT_X_TLS_CACERTDIR, NULL);
    failed |= set_text(ld, LDAP_OPT_X_TLS_CACERTFILE, verify ? authorities(o) : NULL);
    failed |= set_text(ld, LDAP_OPT_X_TLS_CERTFILE, own ? o->cert_file : NULL);
    failed |= set_text(ld, LDAP_OPT_X_TLS_KEYFILE, own ? o->key_file : NULL);
    failed |= set_text(ld, LDAP_OPT_X_TLS_CRLFILE, NULL);
    failed |= set_text(ld, LDAP_OPT_X_TLS_PEERKEY_HASH, NULL);
    failed |= ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, NULL);
    failed |= ldap_set_option(ld, LDAP_OPT_X_TLS_CACERT, NULL);
    /* libldap over GnuTLS does not know this one. */
    (void)set_int(ld, LDAP_OPT_X_TLS_CRLCHECK, LDAP_OPT_X_TLS_CRL_NONE);
    failed |= set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
    failed |= set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MAX, LDAP_OPT_X_TLS_PROTOCOL_TLS1_3);
    failed |= set_int(ld, LDAP_OPT_X_TLS_REQUIRE_SAN, LDAP_OPT_X_TLS_ALLOW);
    failed |= set_int(ld, LDAP_OPT_X_TLS_REQUIRE_CERT,
                      verify ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER);
    return failed;
}

static int32_t new_context(LDAP *ld, const struct options *o, struct fault *f)
{
    if (set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0) == LDAP_OPT_SUCCESS)
        return 0;
    return fault_set(
        f, -CTR_ECONF, "tls",
        "see that ca_file, cert_file and key_file are PEM files and that the "
        "key belongs to the certificate",
        "the certificates cannot be loaded from %s%s%s",
        authorities(o) ? authorities(o) : "", o->cert_file ? " and " : "",
        o->cert_file ? o->cert_file : "");
}

static int64_t changed_at(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return -1;
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static int32_t kept_context(LDAP *ld, const struct options *o, struct tls_cache *cache,
                            struct fault *f)
{
    int64_t changed[2] = {changed_at(o->cert_file), changed_at(o->key_file)};
    int32_t rc = 0;

    pthread_mutex_lock(&cache->lock);
    if (cache->context && memcmp(changed, cache->changed, sizeof(changed)) == 0) {
        if (ldap_set_option(ld, LDAP_OPT_X_TLS_CTX, cache->context) != LDAP_OPT_SUCCESS)
            rc = fault_set(f, -CTR_EINTERNAL, "tls", NULL, "libldap refuses its context");
    } else {
        rc = new_context(ld, o, f);
        cache->context = NULL;
        if (rc == 0)
            ldap_get_option(ld, LDAP_OPT_X_TLS_CTX, &cache->context);
        memcpy(cache->changed, changed, sizeof(changed));
    }
    pthread_mutex_unlock(&cache->lock);
    return rc;
}

int32_t tls_configure(LDAP *ld, const struct options *o, struct tls_cache *cache,
                      bool verify, struct fault *f)
{
    bool own = o->cert_file && cache;
    int32_t rc = check_files(o, verify, f);

    if (rc == 0 && set_options(ld, o, verify, own))
        rc = fault_set(f, -CTR_EINTERNAL, "tls", NULL, "libldap refuses a TLS option");
    if (rc != 0)
        return rc;
    return own ? kept_context(ld, o, cache, f) : new_context(ld, o, f);
}

void tls_cache_init(struct tls_cache *cache)
{
    *cache = (struct tls_cache){0};
    pthread_mutex_init(&cache->lock, NULL);
}

void tls_cache_finish(struct tls_cache *cache)
{
    pthread_mutex_destroy(&cache->lock);
}

int32_t tls_handshake(LDAP *ld, struct wire *w, const struct where *to, int64_t limit,
                      bool *refused, struct fault *f)
{
    char why[128];
    char *words = NULL;
    int rc;

    *refused = false;
    w->blocking = true;
    w->deadline = text_now() + limit;
    rc = ldap_install_tls(ld);
    w->blocking = false;
    if (rc == LDAP_SUCCESS)
        return 0;
    if (w->broke != 0) {
        bool slow = w->broke == -CTR_ETIMEDOUT;

        return fault_set(f, w->broke, "tls",
                         slow ? "no TLS may be spoken on this port: ldaps:// is usually "
                                "636, StartTLS usually 389"
                              : "see the server's log; perhaps no TLS is spoken on this "
                                "port, or it wants TLS older than 1.2, or a certificate "
                                "of ours (cert_file)",
                         "the TLS handshake with %s failed: %s", to->url,
                         wire_words(w, why, sizeof(why)));
    }
    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
    fault_clean(why, sizeof(why), words);
    ldap_memfree(words);
    *refused = true;
    return fault_set(f, -CTR_EACCES, "tls", NULL, "the TLS handshake with %s failed: %s",
                     to->url, why[0] ? why : ldap_err2string(rc));
}

/* --- why ------------------------------------------------------------------------------
 */

static void day(const mbedtls_x509_time *t, char out[16])
{
    snprintf(out, 16, "%04d-%02d-%02d", t->year % 10000, t->mon % 100, t->day % 100);
}

/* The names a certificate is good for, for people. */
static void names_of(const mbedtls_x509_crt *crt, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s; s = s->next) {
        int kind = s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        char name[128];

        if (!s->buf.p || (kind != SAN_DNS && kind != SAN_IP))
            continue;
        if (kind == SAN_IP && s->buf.len == 4)
            snprintf(name, sizeof(name), "%u.%u.%u.%u", s->buf.p[0], s->buf.p[1],
                     s->buf.p[2], s->buf.p[3]);
        else
            snprintf(name, sizeof(name), "%.*s", kind == SAN_IP ? 0 : (int)s->buf.len,
                     (const char *)s->buf.p);
        if (name[0] && n + strlen(name) + 3 < cap)
            n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", name);
    }
    if (n == 0)
        mbedtls_x509_dn_gets(out, cap, &crt->subject);
}

static bool name_fits(const char *pattern, size_t n, const char *host)
{
    const char *dot;

    if (n > 2 && pattern[0] == '*' && pattern[1] == '.') {
        dot = strchr(host, '.');
        return dot && dot != host && strlen(dot) == n - 1 &&
               strncasecmp(dot, pattern + 1, n - 1) == 0;
    }
    return strlen(host) == n && strncasecmp(pattern, host, n) == 0;
}

static bool common_name_fits(const mbedtls_x509_crt *crt, const char *host)
{
    for (const mbedtls_x509_name *n = &crt->subject; n; n = n->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0 &&
            name_fits((const char *)n->val.p, n->val.len, host))
            return true;
    return false;
}

/* libldap does not say whether it was the name, so it is looked at here. */
static bool is_for(const mbedtls_x509_crt *crt, const char *host)
{
    uint8_t address[16];
    size_t n = inet_pton(AF_INET, host, address) == 1    ? 4
               : inet_pton(AF_INET6, host, address) == 1 ? 16
                                                         : 0;
    bool any = false;

    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s; s = s->next) {
        int kind = s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;

        if (!s->buf.p)
            continue;
        any = true;
        if (kind == SAN_IP && n && s->buf.len == n && memcmp(s->buf.p, address, n) == 0)
            return true;
        if (kind == SAN_DNS && name_fits((const char *)s->buf.p, s->buf.len, host))
            return true;
    }
    return !any && common_name_fits(crt, host);
}

static bool is_signed(mbedtls_x509_crt *crt, const char *ca_file)
{
    mbedtls_x509_crt ca;
    uint32_t flags = 0;
    bool ok;

    mbedtls_x509_crt_init(&ca);
    ok = mbedtls_x509_crt_parse_file(&ca, ca_file) >= 0 &&
         mbedtls_x509_crt_verify(crt, &ca, NULL, NULL, &flags, NULL, NULL) == 0;
    mbedtls_x509_crt_free(&ca);
    return ok;
}

static int32_t say_dates(const mbedtls_x509_crt *crt, const struct where *to,
                         struct fault *f)
{
    char text[16];

    if (mbedtls_x509_time_is_past(&crt->valid_to)) {
        day(&crt->valid_to, text);
        return fault_set(f, -CTR_EACCES, "tls",
                         "have the server's certificate renewed; the daemon's clock must "
                         "be right too",
                         "the certificate of %s has expired on %s", to->url, text);
    }
    if (mbedtls_x509_time_is_future(&crt->valid_from)) {
        day(&crt->valid_from, text);
        return fault_set(f, -CTR_EACCES, "tls",
                         "set the clock of this machine right, or wait",
                         "the certificate of %s is not valid before %s", to->url, text);
    }
    return 0;
}

static int32_t say_name(const mbedtls_x509_crt *crt, const struct where *to,
                        struct fault *f)
{
    bool local = strcasecmp(to->host, "localhost") == 0;
    char names[256], clean[256];

    names_of(crt, names, sizeof(names));
    fault_clean(clean, sizeof(clean), names);
    return fault_set(f, -CTR_EACCES, "tls",
                     local
                         ? "write a name of the certificate, or 127.0.0.1 if that is "
                           "one, in url: libldap takes localhost for this machine's "
                           "own name"
                         : "write one of these names in url, or have a certificate made "
                           "for the name in url",
                     "the certificate of %s is for another name: %s", to->url, clean);
}

static int32_t explain(mbedtls_x509_crt *crt, const struct options *o,
                       const struct where *to, struct fault *f)
{
    const char *ca = authorities(o);
    char text[256], issuer[256];

    if (say_dates(crt, to, f) != 0)
        return f->code;
    if (!is_for(crt, to->host) || (ca && is_signed(crt, ca)))
        return say_name(crt, to, f);
    if (mbedtls_x509_dn_gets(text, sizeof(text), &crt->issuer) < 0)
        text[0] = 0;
    fault_clean(issuer, sizeof(issuer), text);
    return fault_set(f, -CTR_EACCES, "tls",
                     o->ca_file ? "put the certificate of that authority into ca_file"
                                : "set ca_file to the certificate of that authority",
                     "the certificate of %s is not signed by an authority in %s; its "
                     "issuer is %s",
                     to->url, ca ? ca : "any file", issuer);
}

int32_t tls_explain(LDAP *ld, const struct options *o, const struct where *to,
                    struct fault *f)
{
    struct fault before = *f;
    struct berval der = {0, NULL};
    mbedtls_x509_crt crt;

    mbedtls_x509_crt_init(&crt);
    if (ldap_get_option(ld, LDAP_OPT_X_TLS_PEERCERT, &der) == LDAP_OPT_SUCCESS &&
        der.bv_val &&
        mbedtls_x509_crt_parse_der(&crt, (const unsigned char *)der.bv_val, der.bv_len) ==
            0) {
        *f = (struct fault){0};
        explain(&crt, o, to, f);
    } else {
        *f = before;
    }
    ldap_memfree(der.bv_val);
    mbedtls_x509_crt_free(&crt);
    return f->code;
}

void tls_describe(LDAP *ld, char *out, size_t cap)
{
    char *version = NULL, *cipher = NULL;

    ldap_get_option(ld, LDAP_OPT_X_TLS_VERSION, &version);
    ldap_get_option(ld, LDAP_OPT_X_TLS_CIPHER, &cipher);
    snprintf(out, cap, "%s%s%s", version ? version : "TLS", cipher ? ", " : "",
             cipher ? cipher : "");
    ldap_memfree(version);
    ldap_memfree(cipher);
}
