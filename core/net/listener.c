/* listener.c - listening sockets: opening, accepting, handing over to another service.
 *
 * A socket and who gets its connections are two things. On reload the new service takes
 * the place of the old one as the user of the same socket: the accept queue stays, and
 * nobody is refused. */
#include "net/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

enum {
    BACKLOG = 1024,
    ACCEPT_BUDGET = 64, /* a turn and socket */
    RELAX_MS = 100,
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 15,
    KEEPALIVE_COUNT = 4
};

/* What accepted sockets inherit on Linux, so that it costs nothing per connection. */
static int set_inherited(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                       sizeof(int)) < 0)
            return -1;
    return 0;
}

static void set_text(struct net_socket *socket)
{
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    bool v6 = socket->address.ss_family == AF_INET6;

    address_of_sockaddr((struct sockaddr *)&socket->address, host, sizeof(host), &port);
    snprintf(socket->text, sizeof(socket->text), v6 ? "[%s]:%u" : "%s:%u", host, port);
}

struct net_socket *listener_adopt(struct net *net, int fd, bool passed)
{
    struct net_socket *socket = xcalloc(1, sizeof(*socket));
    socklen_t len = sizeof(socket->address);

    if (getsockname(fd, (struct sockaddr *)&socket->address, &len) < 0 ||
        set_inherited(fd) < 0 || uv_poll_init(net->uv, &socket->poll, fd) < 0) {
        free(socket);
        return NULL;
    }
    socket->net = net;
    socket->fd = fd;
    socket->refs = 1;
    socket->passed = passed;
    socket->poll.data = socket;
    set_text(socket);
    list_append(&net->sockets, &socket->link);
    return socket;
}

static void on_socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void listener_release(struct net_socket *socket)
{
    ensure(socket->refs > 0);
    if (--socket->refs > 0)
        return;
    list_remove(&socket->link);
    uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
    close(socket->fd);
}

/* What binding needs. */
static int set_own(int fd, int family)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -1;
    if (family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -1;
    return 0;
}

static int cannot(const struct net_address *address, int err, const char *own,
                  char *error, size_t cap)
{
    const char *hint = "";

    if (own) {
        snprintf(
            error, cap,
            "cannot listen on %s: this daemon listens on %s; one address and all "
            "of them cannot be at once, and from one to the other it takes a restart",
            address->text, own);
        return -CTR_EBUSY;
    }
    if (err == EACCES)
        hint = "; ports below 1024 need root or CAP_NET_BIND_SERVICE, which the daemon "
               "has only while it starts: restart it by its service";
    else if (err == EADDRINUSE)
        hint = "; another program, or another front end, listens there";
    else if (err == EADDRNOTAVAIL)
        hint = "; this machine does not have this address";
    snprintf(error, cap, "cannot listen on %s: %s%s", address->text, strerror(err), hint);
    return err == EACCES ? -CTR_EACCES : err == EADDRINUSE ? -CTR_EBUSY : -CTR_EIO;
}

static bool is_any(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

    return address->ss_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY)
                                         : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* A socket of ours that is in the way although it has another address: one of the two is
 * all of this machine's. NULL: somebody else is */
static const char *find_own(const struct net *net, const struct sockaddr_storage *wanted)
{
    const struct sockaddr_in *port = (const struct sockaddr_in *)(const void *)wanted;

    list_for_each(it, &net->sockets)
    {
        const struct net_socket *socket = list_entry(it, struct net_socket, link);
        const struct sockaddr_in *its =
            (const struct sockaddr_in *)(const void *)&socket->address;

        /* The port stands at the same place for both families. */
        if (socket->address.ss_family == wanted->ss_family &&
            its->sin_port == port->sin_port && is_any(&socket->address) != is_any(wanted))
            return socket->text;
    }
    return NULL;
}

static int bind_new(struct net *net, const struct net_address *address,
                    const struct sockaddr_storage *sockaddr, struct net_socket **out,
                    char *error, size_t cap)
{
    socklen_t len = sockaddr->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                   : sizeof(struct sockaddr_in6);
    int fd, err;

    fd = socket(sockaddr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cannot(address, errno, NULL, error, cap);
    if (set_own(fd, sockaddr->ss_family) < 0 ||
        bind(fd, (const struct sockaddr *)sockaddr, len) < 0 || listen(fd, BACKLOG) < 0)
        goto fail;
    *out = listener_adopt(net, fd, false);
    if (*out)
        return 0;
    errno = EINVAL;
fail:
    err = errno;
    close(fd);
    return cannot(address, err, err == EADDRINUSE ? find_own(net, sockaddr) : NULL, error,
                  cap);
}

static bool is_used_by(const struct net_socket *socket, const struct net_service *service)
{
    list_for_each(
        it, &service->listeners) if (list_entry(it, struct net_listener, link)->socket ==
                                     socket) return true;
    return false;
}

/* The socket `old` has for this address, unless `service` has taken it already. */
static struct net_socket *find_old(const struct net_service *service,
                                   const struct net_address *address,
                                   const struct net_service *old)
{
    if (!old)
        return NULL;
    list_for_each(it, &old->listeners)
    {
        const struct net_listener *l = list_entry(it, struct net_listener, link);

        if (strcmp(l->address.host, address->host) == 0 &&
            l->address.port == address->port && !is_used_by(l->socket, service))
            return l->socket;
    }
    return NULL;
}

static struct net_socket *find_passed(struct net *net,
                                      const struct sockaddr_storage *sockaddr)
{
    list_for_each(it, &net->sockets)
    {
        struct net_socket *socket = list_entry(it, struct net_socket, link);

        if (socket->passed && socket->refs == 1 &&
            address_same((const struct sockaddr *)&socket->address,
                         (const struct sockaddr *)sockaddr))
            return socket;
    }
    return NULL;
}

int listener_open(struct net_service *service, const struct net_address *address,
                  struct net_service *old, char *error, size_t cap)
{
    struct sockaddr_storage sockaddr;
    struct net_listener *listener;
    struct net_socket *socket;
    int rc;

    if (address_to_sockaddr(address, &sockaddr) < 0)
        return cannot(address, EINVAL, NULL, error, cap);
    socket = find_old(service, address, old);
    if (!socket)
        socket = find_passed(service->net, &sockaddr);
    if (socket) {
        socket->refs++;
    } else {
        rc = bind_new(service->net, address, &sockaddr, &socket, error, cap);
        if (rc < 0)
            return rc;
    }
    listener = xcalloc(1, sizeof(*listener));
    listener->service = service;
    listener->socket = socket;
    listener->address = *address;
    list_append(&service->listeners, &listener->link);
    return 0;
}

static void on_relax(uv_timer_t *timer)
{
    listener_relax(timer->data);
}

/* No descriptors or no memory: what waits, waits in the kernel's queue, and costs nothing
 * until there is relief. */
static void rest(struct net_socket *socket, int err)
{
    struct net *net = socket->net;
    unsigned suppressed;

    uv_poll_stop(&socket->poll);
    socket->resting = true;
    if (!uv_is_active((uv_handle_t *)&net->relax))
        uv_timer_start(&net->relax, on_relax, RELAX_MS, 0);
    if (net_may_log(net, NET_LOG_ACCEPT, &suppressed))
        log_warn("net",
                 "accept_paused address=%s sessions=%u reason=%s hint=\"raise the "
                 "limit of open files\" suppressed=%u",
                 socket->text, net->peers.total, log_quoted(strerror(err)), suppressed);
}

/* accept(2) also reports what has become of the connection meanwhile. */
static bool is_shortage(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

/* returns false: that is all for now */
static bool accept_one(struct net_socket *socket)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    int fd =
        accept4(socket->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        if (admit(socket, fd, &peer))
            return true;
        uv_poll_stop(&socket->poll);
        return false;
    }
    if (is_shortage(errno)) {
        rest(socket, errno);
        return false;
    }
    return errno != EAGAIN;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct net_socket *socket = poll->data;

    (void)events;
    loop_busy(socket->net->loop);
    if (status < 0) {
        rest(socket, -status);
        return;
    }
    for (int i = 0; i < ACCEPT_BUDGET && socket->user; i++)
        if (!accept_one(socket))
            return;
}

static void poll_start(struct net_socket *socket)
{
    int rc = uv_poll_start(&socket->poll, UV_READABLE, on_acceptable);

    if (rc < 0)
        rest(socket, -rc);
}

void listener_relax(struct net *net)
{
    list_for_each(it, &net->sockets)
    {
        struct net_socket *socket = list_entry(it, struct net_socket, link);

        if (!socket->resting)
            continue;
        socket->resting = false;
        if (socket->user && socket->held.turns == 0)
            poll_start(socket);
    }
}

void listener_turn(struct net *net)
{
    list_for_each(it, &net->sockets)
    {
        struct net_socket *socket = list_entry(it, struct net_socket, link);

        if (socket->held.turns > 0 && admit_held(socket) && !socket->resting)
            poll_start(socket);
    }
}

void listener_start(struct net_listener *listener)
{
    struct net_socket *socket = listener->socket;
    bool accepting = socket->user != NULL;

    socket->user = listener;
    if (!accepting && !socket->resting && socket->held.turns == 0)
        poll_start(socket);
    log_info("net", "listening service=%s address=%s tls=%s%s", listener->service->name,
             socket->text, listener->address.tls ? "yes" : "no",
             accepting        ? " handed_over=yes"
             : socket->passed ? " passed=yes"
                              : "");
}

void listener_close(struct net_listener *listener)
{
    struct net_socket *socket = listener->socket;

    if (socket->user == listener) {
        socket->user = NULL;
        uv_poll_stop(&socket->poll);
        admit_drop_held(socket);
    }
    list_remove(&listener->link);
    listener_release(socket);
    free(listener);
}
