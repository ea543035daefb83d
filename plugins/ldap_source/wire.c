/* wire.c - a non-blocking socket under libldap. libldap and GnuTLS read and write through
 * the functions below, so no wait of theirs, the TLS handshake least of all, outlasts its
 * deadline or a cancel. */
#include "wire.h"

#include <errno.h>
#include <lber.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "resolve.h"
#include "text.h"

/* --- cancel ---------------------------------------------------------------------------
 */

int32_t cancel_init(struct cancel *c)
{
    atomic_init(&c->set, false);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return c->fd < 0 ? -CTR_EIO : 0;
}

void cancel_finish(struct cancel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void cancel_fire(struct cancel *c)
{
    uint64_t one = 1;

    atomic_store(&c->set, true);
    while (write(c->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void cancel_reset(struct cancel *c)
{
    uint64_t count;

    while (read(c->fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    atomic_store(&c->set, false);
}

/* --- waiting --------------------------------------------------------------------------
 */

static int32_t wait_for(const struct wire *w, short events, int64_t deadline)
{
    struct pollfd fds[2] = {{w->fd, events, 0}, {w->cancel->fd, POLLIN, 0}};

    for (;;) {
        int64_t left = deadline - text_now();
        int n;

        if (atomic_load(&w->cancel->set))
            return -CTR_ECANCELED;
        if (left <= 0)
            return -CTR_ETIMEDOUT;
        n = poll(fds, 2, (int)(left < 60000 ? left : 60000));
        if (n > 0 && fds[0].revents)
            return 0;
    }
}

int32_t wire_wait(struct wire *w, int64_t deadline)
{
    return w->n > w->at ? 0 : wait_for(w, POLLIN, deadline);
}

static ber_slen_t broken(struct wire *w, int32_t code, int os_error)
{
    if (w->broke == 0) {
        w->broke = code;
        w->os_error = os_error;
    }
    errno = code == -CTR_ETIMEDOUT ? ETIMEDOUT : os_error ? os_error : ECONNRESET;
    return -1;
}

const char *wire_words(const struct wire *w, char *out, size_t cap)
{
    if (w->broke == -CTR_ETIMEDOUT)
        snprintf(out, cap, "no answer in time");
    else if (w->broke == -CTR_ECANCELED)
        snprintf(out, cap, "canceled");
    else if (w->os_error)
        snprintf(out, cap, "%s", strerrordesc_np(w->os_error));
    else
        snprintf(out, cap, "the server closed the connection");
    return out;
}

/* --- what libldap calls ---------------------------------------------------------------
 */

static int io_setup(Sockbuf_IO_Desc *d, void *arg)
{
    d->sbiod_pvt = arg;
    return 0;
}

static int io_remove(Sockbuf_IO_Desc *d)
{
    d->sbiod_pvt = NULL;
    return 0;
}

static int io_ctrl(Sockbuf_IO_Desc *d, int opt, void *arg)
{
    const struct wire *w = d->sbiod_pvt;

    (void)arg;
    return opt == LBER_SB_OPT_DATA_READY && w->n > w->at;
}

/* What came by itself, without waiting. returns bytes, 0 at the end, -1 with errno */
static ssize_t receive(struct wire *w)
{
    ssize_t n;

    do
        n = recv(w->fd, w->buffer, sizeof(w->buffer), MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    w->at = 0;
    w->n = n > 0 ? (uint32_t)n : 0;
    return n;
}

static ber_slen_t io_read(Sockbuf_IO_Desc *d, void *to, ber_len_t len)
{
    struct wire *w = d->sbiod_pvt;
    uint32_t n;

    while (w->at == w->n) {
        ssize_t got = receive(w);
        int32_t rc;

        if (got > 0)
            break;
        if (got == 0) {
            broken(w, -CTR_EIO, 0);
            return 0;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return broken(w, -CTR_EIO, errno);
        if (!w->blocking) {
            errno = EAGAIN;
            return -1;
        }
        rc = wait_for(w, POLLIN, w->deadline);
        if (rc != 0)
            return broken(w, rc, 0);
    }
    n = w->n - w->at < len ? w->n - w->at : (uint32_t)len;
    memcpy(to, w->buffer + w->at, n);
    w->at += n;
    return n;
}

static ber_slen_t io_write(Sockbuf_IO_Desc *d, void *from, ber_len_t len)
{
    struct wire *w = d->sbiod_pvt;
    int64_t deadline = w->blocking ? w->deadline : text_now() + w->write_limit;

    for (;;) {
        ssize_t n = send(w->fd, from, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        int32_t rc;

        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return broken(w, -CTR_EIO, errno);
        rc = wait_for(w, POLLOUT, deadline);
        if (rc != 0)
            return broken(w, rc, 0);
    }
}

static int io_close(Sockbuf_IO_Desc *d)
{
    struct wire *w = d->sbiod_pvt;

    wire_close(w);
    return 0;
}

static const Sockbuf_IO wire_io = {io_setup, io_remove, io_ctrl,
                                   io_read,  io_write,  io_close};

int wire_attach(struct wire *w, LDAP *ld)
{
    Sockbuf_IO *io = (Sockbuf_IO *)(uintptr_t)&wire_io; /* liblber only reads it */
    Sockbuf *sb = NULL;

    if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS || !sb ||
        ber_sockbuf_add_io(sb, io, LBER_SBIOD_LEVEL_PROVIDER, w) != 0)
        return LDAP_LOCAL_ERROR;
    return LDAP_SUCCESS;
}

bool wire_ready(LDAP *ld)
{
    Sockbuf *sb = NULL;

    return ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb &&
           ber_sockbuf_ctrl(sb, LBER_SB_OPT_DATA_READY, NULL) == 1;
}

/* --- connecting -----------------------------------------------------------------------
 */

/* A peer that is gone without a word is noticed within two minutes, though a connection
 * that listens for changes may be silent for days. */
static void keep_alive(int fd)
{
    static const int one = 1, idle = 60, interval = 15, probes = 4, unsent = 60000;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent, sizeof(unsent));
}

/* returns 0 | an errno | ETIMEDOUT, ECANCELED of our own */
static int try_address(struct wire *w, const struct sockaddr *address, socklen_t len,
                       int family, int64_t deadline)
{
    int err = 0;
    socklen_t size = sizeof(err);
    int32_t rc;

    w->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return errno;
    if (family != AF_UNIX)
        keep_alive(w->fd);
    if (connect(w->fd, address, len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    rc = wait_for(w, POLLOUT, deadline);
    if (rc != 0)
        return rc == -CTR_ECANCELED ? ECANCELED : ETIMEDOUT;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0)
        return errno;
    return err;
}

static int32_t connect_failed(const struct where *to, int err, struct fault *f)
{
    int32_t code = err == ETIMEDOUT   ? -CTR_ETIMEDOUT
                   : err == ECANCELED ? -CTR_ECANCELED
                                      : -CTR_EIO;
    const char *remedy =
        err == ECONNREFUSED ? "nothing listens there: correct the port in url, or start "
                              "the server"
        : err == ETIMEDOUT  ? "a firewall may drop the packets, or the server is off"
        : err == EACCES     ? "let the daemon's user use the socket"
        : err == ENOENT     ? "correct the socket's path in url"
                            : NULL;

    if (to->scheme == SCHEME_LDAPI)
        return fault_set(f, code, "connect", remedy, "cannot connect to %s: %s", to->host,
                         strerrordesc_np(err));
    return fault_set(f, code, "connect", remedy, "cannot connect to %s port %u: %s",
                     to->host, to->port, strerrordesc_np(err));
}

static int connect_path(struct wire *w, const char *path, int64_t deadline)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
        return ENOENT;
    memcpy(un.sun_path, path, strlen(path));
    return try_address(w, (struct sockaddr *)&un, sizeof(un), AF_UNIX, deadline);
}

/* Several addresses share the time: one that swallows packets must not use it up. */
static int connect_each(struct wire *w, const struct addrinfo *list, int64_t deadline)
{
    int err = EADDRNOTAVAIL;
    int n = 0;

    for (const struct addrinfo *a = list; a; a = a->ai_next)
        n++;
    for (const struct addrinfo *a = list; a; a = a->ai_next, n--) {
        int64_t now = text_now();
        int64_t until = now + (deadline - now) / (n > 0 ? n : 1);

        if (getnameinfo(a->ai_addr, a->ai_addrlen, w->peer, sizeof(w->peer), NULL, 0,
                        NI_NUMERICHOST) != 0)
            w->peer[0] = 0;
        err = try_address(w, a->ai_addr, a->ai_addrlen, a->ai_family, until);
        if (err == 0 || err == ECANCELED)
            return err;
        wire_close(w);
    }
    return err;
}

int32_t wire_connect(struct wire *w, const struct where *to, struct cancel *cancel,
                     int64_t limit, struct fault *f)
{
    int64_t deadline = text_now() + limit;
    struct addrinfo *list = NULL;
    int err;

    memset(w, 0, offsetof(struct wire, buffer));
    w->fd = -1;
    w->cancel = cancel;
    w->write_limit = limit;
    if (to->scheme == SCHEME_LDAPI) {
        err = connect_path(w, to->host, deadline);
    } else {
        int32_t rc = resolve_host(to->host, to->port, cancel, deadline, &list, f);

        if (rc != 0)
            return rc;
        err = connect_each(w, list, deadline);
        freeaddrinfo(list);
    }
    if (err == 0)
        return 0;
    wire_close(w);
    return connect_failed(to, err, f);
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}
