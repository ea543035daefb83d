/* load_conn.c - the load client's connections: plain or TLS, from connecting to the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "measure.h"

#define SOURCES 1000 /* loopback addresses of sessions */

static buf bind_msgs[USERS_MAX], unbind_msg;
static uint32_t next_source, next_user;

/* ---- bytes --------------------------------------------------------------------- */

static void watch(conn *c, int op, int out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(load.ep, op, c->fd, &e))
        die("epoll_ctl: %s", strerror(errno));
    c->wants_out = out;
}

/* Like send and recv, for both kinds. */
static ssize_t tls_result(conn *c, int n)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        errno = EIO;
        return -1;
    }
}

static ssize_t conn_send(conn *c, const void *data, size_t n)
{
    if (!c->ssl)
        return send(c->fd, data, n, MSG_NOSIGNAL);
    ERR_clear_error();
    return tls_result(c, SSL_write(c->ssl, data, (int)n));
}

ssize_t conn_recv(conn *c, void *data, size_t n)
{
    if (!c->ssl)
        return recv(c->fd, data, n, 0);
    ERR_clear_error();
    return tls_result(c, SSL_read(c->ssl, data, (int)n));
}

void conn_flush(conn *c)
{
    size_t sent = 0;

    while (sent < c->out.len) {
        ssize_t n = conn_send(c, c->out.p + sent, c->out.len - sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* EAGAIN waits for EPOLLOUT; a real error shows on reading */
        sent += (size_t)n;
    }
    if (sent && sent < c->out.len)
        memmove(c->out.p, c->out.p + sent, c->out.len - sent);
    c->out.len -= sent;
    if (!c->out.len != !c->wants_out)
        watch(c, EPOLL_CTL_MOD, c->out.len > 0);
}

/* ---- the life of a connection -------------------------------------------------- */

static void choose_source(int fd)
{
    uint32_t k = next_source++ % SOURCES;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    from.sin_addr.s_addr = htonl(0x7F010000u | (k / 250) << 8 | (k % 250 + 1));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&from, sizeof from))
        die("bind: %s", strerror(errno));
}

void conn_open(conn *c, uint64_t start)
{
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opt.sessions)
        choose_source(c->fd);
    c->session_start = start;
    if (connect(c->fd, (struct sockaddr *)&load.server, sizeof load.server) &&
        errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    c->state = CONNECTING;
    c->part.len = c->out.len = 0;
    watch(c, EPOLL_CTL_ADD, 1);
}

static void conn_close(conn *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->state = CLOSED;
}

/* a session is issued when it starts to connect */
void session_begin(conn *c, uint64_t start)
{
    load.issued++;
    conn_open(c, start);
}

int may_issue(void)
{
    return !load.stopping && load.issued < opt.max_ops;
}

void conn_lost(conn *c, uint64_t now)
{
    if (c->state == READY && !opt.sessions)
        load.bound--;
    conn_close(c);
    load.lost++;
    if (load.lost > 1000 + (uint64_t)opt.conns)
        die("too many lost connections");
    c->inflight = 0;
    c->nfree = 0;
    for (int i = opt.depth - 1; i >= 0; i--) {
        c->slots[i].busy = 0;
        c->free_slots[c->nfree++] = (uint16_t)i;
    }
    if (!load.stopping)
        conn_open(c, now);
}

static void conn_bind(conn *c)
{
    const buf *msg = &bind_msgs[next_user++ % (unsigned)opt.users];

    c->state = BINDING;
    put_bytes(&c->out, msg->p, msg->len);
    conn_flush(c);
}

static void conn_greet(conn *c)
{
    int rc;

    ERR_clear_error();
    rc = SSL_connect(c->ssl);
    if (rc != 1) {
        int error = SSL_get_error(c->ssl, rc);
        int out = error == SSL_ERROR_WANT_WRITE;

        if (error != SSL_ERROR_WANT_READ && !out)
            conn_lost(c, now_ns());
        else if (out != c->wants_out)
            watch(c, EPOLL_CTL_MOD, out);
        return;
    }
    if (SSL_session_reused(c->ssl))
        load.tls_resumed++;
    else
        load.tls_full++;
    conn_bind(c);
}

static void connected(conn *c)
{
    int err = 0;
    socklen_t n = sizeof err;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n);
    if (err) {
        conn_lost(c, now_ns());
        return;
    }
    if (!load.tls) {
        conn_bind(c);
        return;
    }
    c->state = GREETING;
    c->ssl = SSL_new(load.tls);
    if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
        die("out of memory");
    if (opt.resume && c->session)
        SSL_set_session(c->ssl, c->session);
    conn_greet(c);
}

void conn_proceed(conn *c)
{
    if (c->state == CONNECTING)
        connected(c);
    else
        conn_greet(c);
}

void list_idle(conn *c, uint64_t now)
{
    if (c->idle_listed || !c->nfree)
        return;
    c->idle_listed = 1;
    c->idle_since = now;
    load.idle[load.nidle++] = c;
}

static void keep_session(conn *c)
{
    SSL_SESSION *session = SSL_get1_session(c->ssl);

    if (!session || !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return;
    }
    SSL_SESSION_free(c->session);
    c->session = session;
}

void session_end(conn *c, uint64_t now)
{
    put_bytes(&c->out, unbind_msg.p, unbind_msg.len);
    conn_flush(c);
    if (c->ssl && opt.resume)
        keep_session(c);
    if (c->ssl)
        SSL_shutdown(c->ssl);
    conn_close(c);
    if (opt.rate > 0)
        list_idle(c, now);
    else if (may_issue())
        session_begin(c, now);
}

/* ---- the start ----------------------------------------------------------------- */

static void prepare_tls(void)
{
    if (!opt.tls)
        return;
    load.tls = SSL_CTX_new(TLS_client_method());
    if (!load.tls)
        die("TLS: %s", ERR_error_string(ERR_get_error(), NULL));
    SSL_CTX_set_verify(load.tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(load.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF);
}

static void prepare_connections(void)
{
    load.ep = epoll_create1(EPOLL_CLOEXEC);
    load.conns = calloc((size_t)opt.conns, sizeof *load.conns);
    load.idle = calloc((size_t)opt.conns, sizeof *load.idle);
    if (load.ep < 0 || !load.conns || !load.idle)
        die("out of memory");
    for (int i = 0; i < opt.conns; i++) {
        conn *c = &load.conns[i];

        c->slots = calloc((size_t)opt.depth, sizeof *c->slots);
        c->free_slots = calloc((size_t)opt.depth, sizeof *c->free_slots);
        if (!c->slots || !c->free_slots)
            die("out of memory");
        for (int k = opt.depth - 1; k >= 0; k--)
            c->free_slots[c->nfree++] = (uint16_t)k;
        buf_room(&c->part, 256);
    }
}

void conns_prepare(void)
{
    for (int i = 0; i < opt.users; i++)
        request_bind(&bind_msgs[i], opt.dn, (unsigned)i + 1, opt.pw);
    request_unbind(&unbind_msg);
    prepare_tls();
    prepare_connections();
}
