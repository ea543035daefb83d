/* tls.c - the certificate side of TLS: what a service shows, and what it will speak.
 *
 * TLS 1.2 and up, AEAD with forward secrecy, short curves. A full handshake costs
 * milliseconds of a lane; tickets, whose keys the library replaces every
 * TICKET_LIFETIME_S, and a session cache for those without make the next one of a client
 * cheap. */
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "net/net.h"
#include "net/tls_private.h"

enum {
    TICKET_LIFETIME_S = 4 * 3600,
    CACHE_ENTRIES = 512,
    KEY_MAX = 16 * 1024 /* as DER */
};

static int on_ticket_parse(void *arg, mbedtls_ssl_session *session, unsigned char *ticket,
                           size_t len)
{
    struct tls_party *party = arg;
    int rc = mbedtls_ssl_ticket_parse(&party->context->ticket, session, ticket, len);

    if (rc == 0)
        party->resumed = true;
    return rc;
}

static int on_ticket_write(void *arg, const mbedtls_ssl_session *session,
                           unsigned char *start, const unsigned char *end, size_t *len,
                           uint32_t *lifetime)
{
    struct tls_party *party = arg;

    return mbedtls_ssl_ticket_write(&party->context->ticket, session, start, end, len,
                                    lifetime);
}

static int on_cache_get(TLS_COMPAT_CACHE_GET_ARGS)
{
    struct tls_party *party = data;
    int rc = TLS_COMPAT_CACHE_GET(&party->context->cache);

    if (rc == 0)
        party->resumed = true;
    return rc;
}

static int on_cache_set(TLS_COMPAT_CACHE_SET_ARGS)
{
    struct tls_party *party = data;

    return TLS_COMPAT_CACHE_SET(&party->context->cache);
}

static int unusable(char *error, size_t cap, const char *path, const char *what, int rc)
{
    char text[160];

    if (rc == MBEDTLS_ERR_PK_PASSWORD_REQUIRED) {
        snprintf(error, cap,
                 "%s: the key is encrypted; it must be stored without a "
                 "password, readable by the daemon only",
                 path);
        return -CTR_EFORMAT;
    }
    mbedtls_strerror(rc, text, sizeof(text));
    snprintf(error, cap, "%s: %s (%s)", path, what, text);
    return -CTR_EFORMAT;
}

/* The library would only say that it could not. */
static int check_file(const char *path, mode_t *mode, char *error, size_t cap)
{
    struct stat st;
    int fd, err;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        err = errno;
        if (fd >= 0)
            close(fd);
        snprintf(error, cap, "%s: %s", path, strerror(err));
        return err == ENOENT ? -CTR_ENOENT : err == EACCES ? -CTR_EACCES : -CTR_EIO;
    }
    close(fd);
    if (!S_ISREG(st.st_mode)) {
        snprintf(error, cap, "%s: not a file", path);
        return -CTR_EINVAL;
    }
    *mode = st.st_mode;
    return 0;
}

static int load_certificate(struct tls_party *p, const char *path, char *error,
                            size_t cap)
{
    mode_t mode;
    int rc = check_file(path, &mode, error, cap);

    if (rc < 0)
        return rc;
    rc = mbedtls_x509_crt_parse_file(&p->certificate, path);
    if (rc > 0) {
        snprintf(error, cap, "%s: %d of its certificates cannot be read", path, rc);
        return -CTR_EFORMAT;
    }
    return rc < 0 ? unusable(error, cap, path, "holds no certificate in PEM", rc) : 0;
}

static int load_key(struct tls_party *p, const char *path, const char *certificate,
                    char *error, size_t cap)
{
    mbedtls_ctr_drbg_context *drbg = &p->context->drbg;
    mode_t mode;
    int rc = check_file(path, &mode, error, cap);

    if (rc < 0)
        return rc;
    p->context->key_is_open = mode & (S_IROTH | S_IWOTH);
    rc = tls_compat_parse_key(&p->key, path, drbg);
    if (rc < 0)
        return unusable(error, cap, path,
                        strcmp(path, certificate) == 0
                            ? "holds no private key in PEM; name its file in tls_key"
                            : "holds no private key in PEM",
                        rc);
    if (tls_compat_check_pair(&p->certificate.pk, &p->key, drbg) != 0) {
        snprintf(error, cap, "%s: is not the key of the certificate in %s", path,
                 certificate);
        return -CTR_EINVAL;
    }
    return 0;
}

/* The same certificate and key for another lane. */
static int copy_party(struct tls_party *to, const struct tls_party *from)
{
    unsigned char der[KEY_MAX];
    mbedtls_pk_context *key = (mbedtls_pk_context *)(uintptr_t)&from->key;
    int len, rc;

    for (const mbedtls_x509_crt *c = &from->certificate; c; c = c->next) {
        rc = mbedtls_x509_crt_parse_der(&to->certificate, c->raw.p, c->raw.len);
        if (rc < 0)
            return rc;
    }
    len = mbedtls_pk_write_key_der(key, der, sizeof(der)); /* at the end */
    if (len < 0)
        return len;
    rc = tls_compat_parse_der(&to->key, der + sizeof(der) - len, (size_t)len,
                              &to->context->drbg);
    wipe(der, sizeof(der));
    return rc;
}

static int configure_party(struct tls_party *p)
{
    struct tls_context *c = p->context;
    int rc;

    rc = mbedtls_ssl_config_defaults(&p->conf, MBEDTLS_SSL_IS_SERVER,
                                     MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc < 0)
        return rc;
    tls_compat_limit(&p->conf);
    mbedtls_ssl_conf_ciphersuites(&p->conf, tls_ciphersuites);
    mbedtls_ssl_conf_rng(&p->conf, mbedtls_ctr_drbg_random, &c->drbg);
    mbedtls_ssl_conf_authmode(&p->conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_session_tickets_cb(&p->conf, on_ticket_write, on_ticket_parse, p);
    mbedtls_ssl_conf_session_cache(&p->conf, p, on_cache_get, on_cache_set);
    return mbedtls_ssl_conf_own_cert(&p->conf, &p->certificate, &p->key);
}

/* The first party has its certificate and key. */
static int configure(struct tls_context *c)
{
    int rc;

    rc = mbedtls_ssl_ticket_setup(&c->ticket, mbedtls_ctr_drbg_random, &c->drbg,
                                  MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFETIME_S);
    if (rc < 0)
        return rc;
    mbedtls_ssl_cache_set_timeout(&c->cache, TICKET_LIFETIME_S);
    mbedtls_ssl_cache_set_max_entries(&c->cache, CACHE_ENTRIES);
    for (unsigned i = 0; i < c->n_parties; i++) {
        rc = i > 0 ? copy_party(&c->parties[i], &c->parties[0]) : 0;
        if (rc == 0)
            rc = configure_party(&c->parties[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static struct tls_context *context_new(unsigned lanes)
{
    struct tls_context *c = xcalloc(1, sizeof(*c));

    ensure(lanes >= 1 && lanes <= TLS_LANES_MAX);
    c->refs = 1;
    c->n_parties = lanes;
    mbedtls_entropy_init(&c->entropy);
    mbedtls_ctr_drbg_init(&c->drbg);
    mbedtls_ssl_ticket_init(&c->ticket);
    mbedtls_ssl_cache_init(&c->cache);
    for (unsigned i = 0; i < lanes; i++) {
        struct tls_party *p = &c->parties[i];

        p->context = c;
        mbedtls_x509_crt_init(&p->certificate);
        mbedtls_pk_init(&p->key);
        mbedtls_ssl_config_init(&p->conf);
    }
    return c;
}

int tls_context_create(const char *certificate, const char *key, unsigned lanes,
                       struct tls_context **out, char *error, size_t cap)
{
    struct tls_context *c = context_new(lanes);
    int rc;

    if (tls_compat_start() < 0 ||
        mbedtls_ctr_drbg_seed(&c->drbg, mbedtls_entropy_func, &c->entropy, NULL, 0) < 0) {
        snprintf(error, cap, "TLS: no source of random numbers");
        rc = -CTR_EIO;
        goto fail;
    }
    rc = load_certificate(&c->parties[0], certificate, error, cap);
    if (rc < 0)
        goto fail;
    rc = load_key(&c->parties[0], key, certificate, error, cap);
    if (rc < 0)
        goto fail;
    rc = configure(c);
    if (rc < 0) {
        rc = unusable(error, cap, certificate, "cannot be used", rc);
        goto fail;
    }
    *out = c;
    return 0;
fail:
    tls_context_unref(c);
    return rc;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    c->refs++;
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (!c || --c->refs > 0)
        return;
    for (unsigned i = 0; i < c->n_parties; i++) {
        struct tls_party *p = &c->parties[i];

        mbedtls_ssl_config_free(&p->conf);
        mbedtls_pk_free(&p->key);
        mbedtls_x509_crt_free(&p->certificate);
    }
    mbedtls_ssl_cache_free(&c->cache);
    mbedtls_ssl_ticket_free(&c->ticket);
    mbedtls_ctr_drbg_free(&c->drbg);
    mbedtls_entropy_free(&c->entropy);
    free(c);
}

bool tls_context_same(const struct tls_context *a, const struct tls_context *b)
{
    const mbedtls_x509_crt *x = &a->parties[0].certificate,
                           *y = &b->parties[0].certificate;

    for (; x && y; x = x->next, y = y->next)
        if (x->raw.len != y->raw.len || memcmp(x->raw.p, y->raw.p, x->raw.len) != 0)
            return false;
    return !x && !y;
}

static int64_t seconds_of(const mbedtls_x509_time *t)
{
    struct tm tm = {.tm_year = t->year - 1900,
                    .tm_mon = t->mon - 1,
                    .tm_mday = t->day,
                    .tm_hour = t->hour,
                    .tm_min = t->min,
                    .tm_sec = t->sec};

    return timegm(&tm);
}

void tls_context_certificate(const struct tls_context *c, struct net_certificate *out)
{
    *out = (struct net_certificate){INT64_MIN, INT64_MAX, c->key_is_open};
    for (const mbedtls_x509_crt *x = &c->parties[0].certificate; x; x = x->next) {
        int64_t from = seconds_of(&x->valid_from), until = seconds_of(&x->valid_to);

        out->valid_from = from > out->valid_from ? from : out->valid_from;
        out->valid_until = until < out->valid_until ? until : out->valid_until;
    }
}
