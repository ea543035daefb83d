/* test_net_tls.c - TLS: handshake, resumption, StartTLS, certificates, what is refused.
 */
#include <sys/stat.h>

#include "net/tls_compat.h"
#include "net_kit.h"

static char dir[64];

struct client {
    int fd;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config conf;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context drbg;
};

static int on_send(void *arg, const unsigned char *data, size_t n)
{
    ssize_t sent = send(((struct client *)arg)->fd, data, n, MSG_NOSIGNAL);

    return sent < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)sent;
}

static int on_recv(void *arg, unsigned char *data, size_t n)
{
    struct client *c = arg;

    if (!kit_readable(c->fd))
        return MBEDTLS_ERR_SSL_WANT_READ;
    return (int)recv(c->fd, data, n, 0);
}

static struct client *client_new(int fd, bool tickets)
{
    struct client *c = xcalloc(1, sizeof(*c));

    c->fd = fd;
    mbedtls_ssl_init(&c->ssl);
    mbedtls_ssl_config_init(&c->conf);
    mbedtls_entropy_init(&c->entropy);
    mbedtls_ctr_drbg_init(&c->drbg);
    mbedtls_ctr_drbg_seed(&c->drbg, mbedtls_entropy_func, &c->entropy, NULL, 0);
    tls_compat_start();
    mbedtls_ssl_config_defaults(&c->conf, MBEDTLS_SSL_IS_CLIENT,
                                MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_rng(&c->conf, mbedtls_ctr_drbg_random, &c->drbg);
    mbedtls_ssl_conf_session_tickets(&c->conf,
                                     tickets ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                             : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#if MBEDTLS_VERSION_MAJOR >= 3
    /* Resumption is compared in one version. */
    mbedtls_ssl_conf_max_tls_version(&c->conf, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
    mbedtls_ssl_setup(&c->ssl, &c->conf);
    mbedtls_ssl_set_bio(&c->ssl, c, on_send, on_recv, NULL);
    return c;
}

static void client_free(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    mbedtls_ssl_free(&c->ssl);
    mbedtls_ssl_config_free(&c->conf);
    mbedtls_ctr_drbg_free(&c->drbg);
    mbedtls_entropy_free(&c->entropy);
    free(c);
}

static int client_handshake(struct client *c)
{
    uint64_t until = kit_ms() + 5000;
    int rc;

    while ((rc = mbedtls_ssl_handshake(&c->ssl)) == MBEDTLS_ERR_SSL_WANT_READ &&
           kit_ms() < until)
        kit_turn();
    return rc;
}

static void client_send(struct client *c, const char *text)
{
    ok(mbedtls_ssl_write(&c->ssl, (const unsigned char *)text, strlen(text)) ==
           (int)strlen(text),
       "the client sends");
}

/* Reads until `end`, or until nothing more comes; *last is the last result. */
static const char *client_read(struct client *c, const char *end, int *last)
{
    static char text[64 * 1024];
    uint64_t until = kit_ms() + 5000;
    size_t len = 0;
    int n = 0;

    text[0] = 0;
    while (kit_ms() < until && len + 1 < sizeof(text)) {
        n = mbedtls_ssl_read(&c->ssl, (unsigned char *)text + len,
                             sizeof(text) - 1 - len);
        if (n == MBEDTLS_ERR_SSL_WANT_READ || n == TLS_AGAIN_TICKET) {
            kit_turn();
            continue;
        }
        if (n <= 0)
            break;
        len += (size_t)n;
        text[len] = 0;
        if (end && len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0)
            break;
    }
    if (last)
        *last = n;
    return text;
}

static const char *path(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *p = paths[turn++ % 4];

    snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
    return p;
}

static void make_certificate(const char *name, const char *key_args)
{
    char command[600];

    snprintf(
        command, sizeof(command),
        "openssl req -x509 -newkey %s -nodes -days 30 -subj /CN=%s -keyout %s/%s.key "
        "-out %s/%s.pem >/dev/null 2>&1",
        key_args, name, dir, name, dir, name);
    if (system(command) != 0) {
        printf("Bail out! cannot run: %s\n", command);
        exit(1);
    }
}

static void copy(const char *from, const char *to)
{
    char command[300];

    snprintf(command, sizeof(command), "cp %s/%s %s/%s", dir, from, dir, to);
    if (system(command) != 0)
        printf("# failed: %s\n", command);
}

static struct net_service_options tls_options(const char *name)
{
    static char certificate[128], key[128];
    struct net_service_options options = {0};

    snprintf(certificate, sizeof(certificate), "%s/%s.pem", dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", dir, name);
    options.tls_certificate = certificate;
    options.tls_key = key;
    return options;
}

static void test_echo(void)
{
    struct client *c;
    int last;

    kit_start(tls_options("ec"), NULL, KIT_TLS);
    c = client_new(kit_connect(), true);
    is_int(client_handshake(c), 0, "a handshake");
    client_send(c, "echo hello\n");
    is_str(client_read(c, "\n", NULL), "hello\n", "an answer");
    ok(kit.peer_flags & CTR_PEER_TLS, "on_open knew of TLS");
    printf("# %s\n", mbedtls_ssl_get_ciphersuite(&c->ssl));
    client_send(c, "many 5000\necho end\n");
    is_int(strlen(client_read(c, "end\n", NULL)), 50004, "more than a record");
    client_send(c, "hold 50\necho held\n");
    client_send(c, "echo more\n");
    is_str(client_read(c, "more\n", NULL), "held\nmore\n",
           "what came while it was paused is decrypted later");
    client_send(c, "later 50 late\n");
    mbedtls_ssl_close_notify(&c->ssl);
    is_str(client_read(c, NULL, &last), "late\n", "answered after close_notify");
    ok(last == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, "which is answered by another");
    client_free(c);
    c = client_new(kit_connect(), true);
    client_handshake(c);
    client_send(c, "quit\n");
    client_read(c, NULL, &last);
    ok(last == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, "close ends with close_notify");
    client_free(c);
    kit_stop();
}

static void test_pressure(void)
{
    enum { BIG = 3000000 };
    struct client *c;
    static unsigned char block[16384];
    size_t len = 0;
    int n;

    kit_start(tls_options("ec"), NULL, KIT_TLS);
    c = client_new(kit_connect(), true);
    client_handshake(c);
    client_send(c, "big 3000000\n");
    kit_run(100);
    ok(kit.most_queued < 133 * 1000, "the queue stays short: %llu",
       (unsigned long long)kit.most_queued);
    for (uint64_t until = kit_ms() + 10000; len < BIG && kit_ms() < until;) {
        n = mbedtls_ssl_read(&c->ssl, block, sizeof(block));
        if (n > 0)
            len += (size_t)n;
        else if (n == MBEDTLS_ERR_SSL_WANT_READ)
            kit_turn();
        else
            break;
    }
    is_int(len, BIG, "all of it arrives");
    client_free(c);
    kit_stop();
}

static void resume_with(bool tickets)
{
    const char *how = tickets ? "ticket" : "session cache";
    mbedtls_ssl_session session;
    struct client *c;

    mbedtls_ssl_session_init(&session);
    kit_start(tls_options("ec"), NULL, KIT_TLS);
    c = client_new(kit_connect(), tickets);
    is_int(client_handshake(c), 0, "a full handshake");
    is_int(mbedtls_ssl_get_session(&c->ssl, &session), 0, "a session to keep");
    client_free(c);
    is_int(kit_stats().tls_resumed, 0, "nothing resumed yet");
    for (int i = 0; i < 3; i++) {
        c = client_new(kit_connect(), tickets);
        mbedtls_ssl_set_session(&c->ssl, &session);
        is_int(client_handshake(c), 0, "again, by %s", how);
        client_send(c, "echo resumed\n");
        is_str(client_read(c, "\n", NULL), "resumed\n", "which works");
        client_free(c);
    }
    is_int(kit_stats().tls_resumed, 3, "resumed");
    is_int(kit_stats().tls_handshakes, 4, "of all handshakes");
    mbedtls_ssl_session_free(&session);
    kit_stop();
}

static void test_start_tls(void)
{
    struct client *c;
    int fd;

    kit_start(tls_options("ec"), NULL, KIT_PLAIN);
    fd = kit_connect();
    kit_send(fd, "echo clear\ntls\n");
    is_str(kit_read(fd, "go\n"), "clear\ngo\n", "answers in clear, then TLS");
    ok(kit.peer_flags & CTR_PEER_CAN_TLS, "TLS was offered");
    c = client_new(fd, true);
    is_int(client_handshake(c), 0, "the handshake");
    ok(kit_until(kit.tls_calls == 1), "on_tls");
    is_int(kit.tls_status, 0, "says yes");
    client_send(c, "echo secret\n");
    is_str(client_read(c, "\n", NULL), "secret\n", "goes on encrypted");
    client_send(c, "tls\n");
    is_str(client_read(c, "\n", NULL), "go\n", "once more");
    is_int(kit.start_tls_result, -CTR_EINVAL, "is refused");
    client_free(c);
    kit_until(kit.closes == 1);

    fd = kit_connect();
    kit_send(fd, "tls\necho injected\n");
    is_str(kit_read(fd, NULL), "go\n", "clear bytes behind the request end it");
    ok(kit_until(kit.closes == 2), "closed");
    is_int(kit.tls_status, -CTR_EPROTO, "as an error of the protocol");
    is_int(kit.close_reason, CTR_CLOSE_TLS, "of TLS");
    close(fd);

    fd = kit_connect();
    kit_send(fd, "tls\n");
    kit_read(fd, "go\n");
    kit_send(fd, "echo injected\n");
    is_str(kit_read(fd, NULL), "", "clear bytes instead of a handshake end it");
    ok(kit_until(kit.closes == 3), "closed");
    is_int(kit.tls_status, -CTR_EPROTO, "on_tls says no");
    close(fd);
    is_int(kit_stats().tls_failed, 2, "both counted");
    kit_stop();
}

static void test_wrong_peers(void)
{
    struct net_service_options options = tls_options("ec");
    struct client *c;
    uint64_t begin;
    int fd;

    options.handshake_time = 400;
    options.receive_time = 400;
    kit_start(options, NULL, KIT_TLS);
    fd = kit_connect();
    kit_send(fd, "echo plain\n");
    is_str(kit_read(fd, NULL), "", "plain bytes on a TLS port are closed");
    close(fd);
    is_int(kit_stats().tls_failed, 1, "and counted");
    fd = kit_connect();
    begin = kit_ms();
    ok(kit_closed(fd), "who says nothing is closed");
    ok(kit_ms() - begin >= 300 && kit_ms() - begin < 1000, "after the handshake time");
    close(fd);
    fd = kit_connect();
    kit_send(fd, "\x16\x03\x01\x02");
    ok(kit_closed(fd), "who stops within the hello too");
    close(fd);
    fd = kit_connect();
    send(fd, "\x16\x03\x01\x00\x05garbage", 12, MSG_NOSIGNAL);
    ok(kit_until(kit_stats().tls_failed == 4), "garbage fails");
    close(fd);
    is_int(kit.opens, 0, "the front end saw none of them");
    c = client_new(kit_connect(), true);
    is_int(client_handshake(c), 0, "a good one");
    begin = kit_ms();
    send(c->fd, "\x17\x03\x03\x01\x00zz", 7, MSG_NOSIGNAL);
    ok(kit_until(kit.closes == 1), "half a record");
    ok(kit_ms() - begin < 2000, "is dropped as half a message");
    is_int(kit.close_reason, CTR_CLOSE_SLOW, "as slow");
    client_free(c);
    c = client_new(kit_connect(), true);
    client_handshake(c);
    send(c->fd, "\x17\x03\x03\x00\x20zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 37, MSG_NOSIGNAL);
    ok(kit_until(kit.closes == 2), "a forged record ends it");
    is_int(kit.close_reason, CTR_CLOSE_TLS, "as a failure of TLS");
    client_free(c);
    kit_stop();
}

static void test_bytewise(void)
{
    struct client *c;
    int on = 1;

    kit_start(tls_options("rsa"), NULL, KIT_TLS);
    c = client_new(kit_connect(), true);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof(on));
    is_int(client_handshake(c), 0, "RSA certificate");
    for (const char *p = "echo bytes\n"; *p; p++) {
        char one[2] = {*p, 0};

        client_send(c, one);
        kit_turn();
    }
    is_str(client_read(c, "\n", NULL), "bytes\n", "a record each byte");
    client_free(c);
    kit_stop();
}

static const char *common_name(struct client *c)
{
    static char name[256];
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&c->ssl);

    mbedtls_x509_dn_gets(name, sizeof(name), &crt->subject);
    return name;
}

static void test_reload(void)
{
    struct client *before, *after;
    char error[300] = "";

    copy("ec.pem", "live.pem");
    copy("ec.key", "live.key");
    kit_start(tls_options("live"), NULL, KIT_TLS);
    before = client_new(kit_connect(), true);
    is_int(client_handshake(before), 0, "with the first certificate");
    is_str(common_name(before), "CN=ec", "which is");
    copy("other.key", "live.key");
    is_int(net_service_reload_tls(kit.service, error, sizeof(error)), -CTR_EINVAL,
           "a key that does not match");
    ok(strstr(error, "is not the key of"), "%s", error);
    unlink(path("live.key"));
    is_int(net_service_reload_tls(kit.service, error, sizeof(error)), -CTR_ENOENT,
           "no key: %s", error);
    copy("garbage", "live.pem");
    is_int(net_service_reload_tls(kit.service, error, sizeof(error)), -CTR_EFORMAT,
           "no certificate: %s", error);
    ok(strstr(error, "holds no certificate in PEM"), "which says so");
    copy("ec.pem", "live.pem");
    copy("garbage", "live.key");
    is_int(net_service_reload_tls(kit.service, error, sizeof(error)), -CTR_EFORMAT,
           "nothing of a key: %s", error);
    ok(strstr(error, "holds no private key in PEM"), "which says so");
    after = client_new(kit_connect(), true);
    is_int(client_handshake(after), 0, "the old ones stay");
    client_free(after);
    copy("other.pem", "live.pem");
    copy("other.key", "live.key");
    is_int(net_service_reload_tls(kit.service, error, sizeof(error)), 0, "good ones");
    after = client_new(kit_connect(), true);
    is_int(client_handshake(after), 0, "are used");
    is_str(common_name(after), "CN=other", "from then on");
    client_send(before, "echo still\n");
    is_str(client_read(before, "\n", NULL), "still\n", "earlier connections live on");
    client_free(before);
    client_free(after);
    kit_stop();
}

static void test_bad_certificates(void)
{
    struct net_service *service;
    struct net_service_options options = tls_options("ec");
    struct net_address address = kit_address("lines://127.0.0.1:0");
    char error[300] = "";
    bool gone = false;

    kit_start(tls_options("ec"), NULL, KIT_TLS);
    options.name = "x";
    options.ops = &kit_ops;
    options.tls_certificate = path("nothing.pem");
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)),
           -CTR_ENOENT, "no file: %s", error);
    options.tls_certificate = dir;
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)),
           -CTR_EINVAL, "a folder: %s", error);
    options.tls_certificate = path("garbage");
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)),
           -CTR_EFORMAT, "garbage: %s", error);
    options.tls_certificate = path("ec.pem");
    options.tls_key = path("locked.key");
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)),
           -CTR_EFORMAT, "a key with a password: %s", error);
    options.tls_key = NULL;
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)),
           -CTR_EINVAL, "no key: %s", error);
    options.tls_certificate = NULL;
    is_int(net_service_create(kit.net, &options, &service, error, sizeof(error)), 0,
           "no TLS at all");
    is_int(net_service_listen(service, &address, NULL, error, sizeof(error)), -CTR_EINVAL,
           "cannot listen with TLS: %s", error);
    net_service_stop(service, 10, kit_gone, &gone);
    kit_until(gone);
    kit_stop();
}

/* What `openssl s_client` with these options says, while the loop runs. */
static const char *s_client(const char *input, const char *options)
{
    static char text[64 * 1024];
    char command[400];
    size_t len = 0;
    FILE *f;

    snprintf(command, sizeof(command),
             "%s | OPENSSL_CONF=/dev/null timeout 5 openssl s_client -connect %s %s 2>&1",
             input, kit.address, options);
    f = popen(command, "r");
    if (!f)
        return "";
    for (;;) {
        if (!kit_readable(fileno(f))) {
            kit_turn();
            continue;
        }
        ssize_t n = read(fileno(f), text + len, sizeof(text) - 1 - len);

        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = 0;
    pclose(f);
    return text;
}

static bool agreed(const char *options)
{
    const char *text = s_client("echo Q 2>/dev/null", options);

    return strstr(text, "Cipher is ") && !strstr(text, "Cipher is (NONE)");
}

static void probe(const char *certificate)
{
    static const char *const refused[] = {
        "-tls1 -cipher ALL:@SECLEVEL=0",
        "-tls1_1 -cipher ALL:@SECLEVEL=0",
        "-tls1_2 -cipher AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0",
        "-tls1_2 -cipher AES128-SHA:AES256-SHA256:@SECLEVEL=0",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:@SECLEVEL=0",
        "-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:@SECLEVEL=0",
        "-tls1_2 -cipher aNULL:eNULL:@SECLEVEL=0",
        "-tls1_2 -cipher DHE-RSA-AES128-SHA:CAMELLIA:ARIA:@SECLEVEL=0",
        "-tls1_2 -curves P-521",
    };
    static const char *const taken[] = {
        "",
        "-tls1_2",
        "-tls1_2 -cipher ECDHE+AESGCM",
        "-tls1_2 -cipher ECDHE+CHACHA20",
        "-tls1_2 -curves P-256",
        "-tls1_2 -curves X25519:P-256",
        /* A client that offers only these could not check an ECDSA key on P-256. */
        "-tls1_2 -curves X25519",
        "-tls1_2 -curves P-384",
    };
    size_t n_taken = sizeof(taken) / sizeof(taken[0]) - (certificate[0] == 'e' ? 2 : 0);

    kit_start(tls_options(certificate), NULL, KIT_TLS);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        ok(!agreed(refused[i]), "%s: refused: %s", certificate, refused[i]);
    for (size_t i = 0; i < n_taken; i++)
        ok(agreed(taken[i]), "%s: taken: %s", certificate, taken[i]);
    ok(!strstr(s_client("echo Q 2>/dev/null", "-tls1_2"), "Secure Renegotiation IS NOT"),
       "secure renegotiation only");
    kit_stop();
}

/* Another implementation resumes too; in TLS 1.3 tickets come behind the handshake. */
static void resume_openssl(const char *version)
{
    char options[200];

    kit_start(tls_options("ec"), NULL, KIT_TLS);
    snprintf(options, sizeof(options), "%s -sess_out %s/session", version, dir);
    ok(strstr(s_client("(sleep 0.3; echo Q 2>/dev/null)", options), "New, TLS"),
       "openssl %s", version);
    snprintf(options, sizeof(options), "%s -sess_in %s/session", version, dir);
    ok(strstr(s_client("(sleep 0.1; echo Q 2>/dev/null)", options), "Reused, TLS"),
       "resumed");
    is_int(kit_stats().tls_resumed, 1, "and counted");
    kit_stop();
}

/* ---- handshakes on their lanes -------------------------------------------------- */

enum { CROWD = 24 };

struct crowd {
    struct client *clients[CROWD];
    bool done[CROWD];
    unsigned n_done, n_lost;
};

/* All greet at once; each answer costs a signature. */
static void crowd_greet(struct crowd *crowd)
{
    memset(crowd, 0, sizeof(*crowd));
    for (int i = 0; i < CROWD; i++)
        crowd->clients[i] = client_new(kit_connect(), true);
    kit_run(50);
    for (int i = 0; i < CROWD; i++)
        mbedtls_ssl_handshake(&crowd->clients[i]->ssl);
}

static void crowd_shake(struct crowd *crowd)
{
    for (uint64_t until = kit_ms() + 8000;
         crowd->n_done + crowd->n_lost < CROWD && kit_ms() < until; kit_turn()) {
        for (int i = 0; i < CROWD; i++) {
            int rc;

            if (crowd->done[i])
                continue;
            rc = mbedtls_ssl_handshake(&crowd->clients[i]->ssl);
            crowd->done[i] = rc != MBEDTLS_ERR_SSL_WANT_READ;
            crowd->n_done += rc == 0;
            crowd->n_lost += rc != 0 && crowd->done[i];
        }
    }
}

static void crowd_free(struct crowd *crowd)
{
    for (int i = 0; i < CROWD; i++)
        client_free(crowd->clients[i]);
}

static uint64_t thread_cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static unsigned answered(const struct crowd *crowd)
{
    unsigned n = 0;

    for (int i = 0; i < CROWD; i++)
        n += kit_readable(crowd->clients[i]->fd);
    return n;
}

/* Processor time of one signature with this key, us. */
static uint64_t signature_us(const char *file)
{
    struct client *c = client_new(-1, true);
    unsigned char hash[32] = {1}, signature[1024];
    mbedtls_pk_context key;
    uint64_t begin;
    size_t len;

    mbedtls_pk_init(&key);
    is_int(tls_compat_parse_key(&key, file, &c->drbg), 0, "the key");
    begin = thread_cpu_us();
#if MBEDTLS_VERSION_MAJOR >= 3
    is_int(mbedtls_pk_sign(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash), signature,
                           sizeof(signature), &len, mbedtls_ctr_drbg_random, &c->drbg),
           0, "a signature");
#else
    is_int(mbedtls_pk_sign(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash), signature, &len,
                           mbedtls_ctr_drbg_random, &c->drbg),
           0, "a signature");
#endif
    begin = thread_cpu_us() - begin;
    mbedtls_pk_free(&key);
    client_free(c);
    return begin;
}

/* Processor time, since the machine may be busy with other things: what the loop's
 * thread spends until all are answered is less than their signatures cost. */
static void test_off_the_loop(void)
{
    struct crowd crowd;
    uint64_t begin, sign_us = signature_us(path("rsa.key"));

    kit_start(tls_options("rsa"), NULL, KIT_TLS);
    crowd_greet(&crowd);
    begin = thread_cpu_us();
    ok(kit_until(answered(&crowd) == CROWD), "all hellos are answered");
    begin = thread_cpu_us() - begin;
    ok(begin < CROWD * sign_us / 2, "the loop took %u us for %d answers of %u us each",
       (unsigned)begin, CROWD, (unsigned)sign_us);
    crowd_shake(&crowd);
    is_int(crowd.n_done, CROWD, "all are served");
    is_int(kit_stats().tls_handshakes, CROWD, "and counted");
    crowd_free(&crowd);
    kit_stop();
}

/* A second connection of somebody who is served already does not wait for the crowd. */
static void test_others_meanwhile(void)
{
    const char *urls[] = {"lines://127.0.0.1:0", "line://127.0.0.1:0", NULL};
    struct net_options net_options = {.handshake_lanes = 2};
    struct crowd crowd;
    char plain[64];
    int fd;

    kit_start(tls_options("rsa"), &net_options, urls);
    crowd_greet(&crowd);
    net_service_bound(kit.service, 1, plain, sizeof(plain));
    fd = kit_connect_from(plain, NULL);
    kit_send(fd, "echo now\n");
    is_str(kit_read(fd, "\n"), "now\n", "an answer while handshakes wait");
    printf("# %u of %d hellos answered by then\n", answered(&crowd), CROWD);
    close(fd);
    crowd_shake(&crowd);
    is_int(crowd.n_done, CROWD, "two lanes serve all");
    for (int i = 0; i < CROWD; i++) {
        client_send(crowd.clients[i], "echo mine\n");
        is_str(client_read(crowd.clients[i], "\n", NULL), "mine\n", "number %d", i);
    }
    crowd_free(&crowd);
    kit_stop();
}

static void test_too_many_waiting(void)
{
    struct net_options net_options = {.handshake_lanes = 1, .handshakes_waiting = 4};
    struct crowd crowd;

    kit_start(tls_options("rsa"), &net_options, KIT_TLS);
    crowd_greet(&crowd);
    crowd_shake(&crowd);
    ok(crowd.n_lost > 0, "%u are refused at once", crowd.n_lost);
    ok(crowd.n_done >= 4, "%u are served", crowd.n_done);
    is_int(crowd.n_done + crowd.n_lost, CROWD, "nobody is left without an answer");
    is_int(kit_stats().tls_failed, crowd.n_lost, "those are counted");
    crowd_free(&crowd);
    crowd_greet(&crowd);
    crowd_shake(&crowd);
    ok(crowd.n_done >= 4, "the places are free again");
    crowd_free(&crowd);
    kit_stop();
}

/* The time for a handshake includes the waiting for a lane. */
static void test_waiting_too_long(void)
{
    struct net_options net_options = {.handshake_lanes = 1};
    struct net_service_options options = tls_options("rsa");
    struct crowd crowd;

    options.handshake_time = 30;
    kit_start(options, &net_options, KIT_TLS);
    memset(&crowd, 0, sizeof(crowd));
    for (int i = 0; i < CROWD; i++) {
        crowd.clients[i] = client_new(kit_connect(), true);
        mbedtls_ssl_handshake(&crowd.clients[i]->ssl);
    }
    ok(kit_until(kit_stats().sessions == 0 && kit_stats().accepted == CROWD),
       "none is kept longer, wherever it is");
    is_int(kit_stats().tls_failed, CROWD, "all failed");
    is_int(kit.opens, 0, "the front end saw none");
    crowd_free(&crowd);
    kit_stop();
}

/* Peers that go at any moment of their handshake, on both kinds of port, while
 * certificates change; at the end the service and the lanes stop around the last ones. */
static void test_gone_meanwhile(void)
{
    const char *urls[] = {"lines://127.0.0.1:0", "line://127.0.0.1:0", NULL};
    static const char *const certificates[] = {"ec", "other"};
    struct net_options net_options = {.handshake_lanes = 2};
    struct linger reset = {1, 0};
    struct crowd crowd;
    unsigned seed = 7;
    char error[300];

    copy("ec.pem", "live.pem");
    copy("ec.key", "live.key");
    kit_start(tls_options("live"), &net_options, urls);
    for (unsigned round = 0; round < 12; round++) {
        unsigned i = round % 2;
        char from[16], cert[16];

        net_service_bound(kit.service, i, kit.address, sizeof(kit.address));
        snprintf(cert, sizeof(cert), "%s.pem", certificates[round / 3 % 2]);
        snprintf(from, sizeof(from), "%s.key", certificates[round / 3 % 2]);
        copy(cert, "live.pem");
        copy(from, "live.key");
        is_int(net_service_reload_tls(kit.service, error, sizeof(error)), 0,
               "round %u: certificates read", round);
        memset(&crowd, 0, sizeof(crowd));
        for (int k = 0; k < CROWD; k++) {
            int fd = kit_connect();

            if (i == 1) {
                kit_send(fd, "tls\n");
                kit_read(fd, "go\n");
            }
            crowd.clients[k] = client_new(fd, true);
            mbedtls_ssl_handshake(&crowd.clients[k]->ssl);
        }
        for (int turns = rand_r(&seed) % 8; turns > 0; turns--) {
            kit_turn();
            for (int k = 0; k < CROWD; k += 3)
                mbedtls_ssl_handshake(&crowd.clients[k]->ssl);
        }
        for (int k = 0; k < CROWD; k++) {
            if (k % 2)
                setsockopt(crowd.clients[k]->fd, SOL_SOCKET, SO_LINGER, &reset,
                           sizeof(reset));
            if (round == 11)
                kit_turn();
        }
        if (round < 11)
            crowd_free(&crowd);
    }
    kit_stop();
    crowd_free(&crowd);
}

/* What the peer sent last ends the handshake; that it closed behind it is no failure. */
static void test_eof_behind_finished(void)
{
    mbedtls_ssl_session session;
    struct client *c;
    int last;

    mbedtls_ssl_session_init(&session);
    kit_start(tls_options("ec"), NULL, KIT_TLS);
    c = client_new(kit_connect(), true);
    is_int(client_handshake(c), 0, "a full handshake");
    is_int(mbedtls_ssl_get_session(&c->ssl, &session), 0, "a session to keep");
    client_free(c);
    c = client_new(kit_connect(), true);
    mbedtls_ssl_set_session(&c->ssl, &session);
    is_int(client_handshake(c), 0, "a resumed one: the client speaks last");
    client_send(c, "echo all\n");
    mbedtls_ssl_close_notify(&c->ssl);
    shutdown(c->fd, SHUT_WR);
    is_str(client_read(c, NULL, &last), "all\n", "answered");
    is_int(kit_stats().tls_failed, 0, "nothing failed");
    is_int(kit_stats().tls_resumed, 1, "one was resumed");
    client_free(c);
    mbedtls_ssl_session_free(&session);
    kit_stop();
}

/* Peers that do anything at any time, on a clear and on a TLS port, and reloads while
 * they do. Always the same ones. */
static void test_chaos(void)
{
    enum { PEERS = 40, STEPS = 6000 };
    static const char *const words[] = {"echo a\n",
                                        "many 50\n",
                                        "big 300000\n",
                                        "later 5 x\n",
                                        "hold 3\n",
                                        "tls\n",
                                        "quit\n",
                                        "abort\n",
                                        "fail\n",
                                        "flood 3000000\n",
                                        "room 40000\n",
                                        "ec",
                                        "ho b\necho c\n",
                                        "tls\necho in\n",
                                        "\x16\x03\x01",
                                        "\x16\x03\x01\x00\x04\x01\x00\x00\x00",
                                        "\x17\x03\x03\xff\xff"};
    struct net_service_options options = tls_options("ec");
    const char *urls[] = {"line://127.0.0.1:0", "lines://127.0.0.1:0", NULL};
    struct linger reset = {1, 0};
    unsigned seed = 20261121, stopped = 0;
    int fds[PEERS];
    int gone = 0;

    options.idle_time = 300;
    options.receive_time = options.send_time = options.handshake_time = 120;
    kit_start(options, NULL, urls);
    for (int i = 0; i < PEERS; i++)
        fds[i] = -1;
    for (int step = 0; step < STEPS; step++) {
        int *fd = &fds[rand_r(&seed) % PEERS];
        char junk[4096];

        if (*fd < 0) {
            net_service_bound(kit.service, (unsigned)rand_r(&seed) % 2, kit.address,
                              sizeof(kit.address));
            *fd = kit_connect();
            fcntl(*fd, F_SETFL, O_NONBLOCK);
            continue;
        }
        switch (rand_r(&seed) % 12) {
        case 0:
            setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            close(*fd);
            *fd = -1;
            break;
        case 1:
            shutdown(*fd, SHUT_WR);
            break;
        case 2:
            close(*fd);
            *fd = -1;
            break;
        case 3:
            (void)!recv(*fd, junk, sizeof(junk), 0);
            break;
        case 4:
            kit_turn();
            break;
        default: {
            unsigned i = (unsigned)rand_r(&seed) % (sizeof(words) / sizeof(words[0]));
            size_t n = i < 14 ? strlen(words[i]) : i == 14 ? 3 : i == 15 ? 9 : 5;

            (void)!send(*fd, words[i], n, MSG_NOSIGNAL);
        }
        }
        if (step % 7 == 0)
            kit_turn();
        if (step % 1000 == 999) {
            struct net_service *old = kit.service;

            kit.service = kit_service(options, urls, old);
            net_service_stop(old, 100, on_counted, &gone);
            stopped++;
        }
    }
    ok(kit.opens > 300, "%u connections that misbehave", kit.opens);
    for (int i = 0; i < PEERS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    ok(kit_until(gone == (int)stopped), "old services go");
    kit_stop();
}

int main(void)
{
    char command[300];

    log_set_level(LOG_LEVEL_ERROR);
    snprintf(dir, sizeof(dir), "/tmp/test_net_tls.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    make_certificate("ec", "ec -pkeyopt ec_paramgen_curve:prime256v1");
    make_certificate("other", "ec -pkeyopt ec_paramgen_curve:prime256v1");
    make_certificate("rsa", "rsa:2048");
    snprintf(
        command, sizeof(command),
        "echo garbage > %s/garbage; openssl ec -aes128 -passout pass:x -in %s/ec.key "
        "-out %s/locked.key 2>/dev/null",
        dir, dir, dir);
    ok(system(command) == 0, "files to be refused");
    test_echo();
    test_pressure();
    resume_with(true);
    resume_with(false);
    test_start_tls();
    test_wrong_peers();
    test_bytewise();
    test_reload();
    test_bad_certificates();
    test_off_the_loop();
    test_others_meanwhile();
    test_too_many_waiting();
    test_waiting_too_long();
    test_gone_meanwhile();
    test_eof_behind_finished();
    resume_openssl("-tls1_2");
#if MBEDTLS_VERSION_MAJOR >= 3
    resume_openssl("-tls1_3");
#endif
    probe("ec");
    probe("rsa");
    test_chaos();
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ok(system(command) == 0, "cleaned up");
    return tap_done();
}
