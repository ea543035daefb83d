/* peers.c - connections of the attacker: one case after the other, or many at once. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"

uint64_t storm_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void storm_sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

uint32_t storm_random(struct storm *storm, uint32_t below)
{
    uint64_t x = storm->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return below ? (uint32_t)((x ^ (x >> 31)) % below) : 0;
}

int storm_connect(struct storm *storm, uint16_t port, unsigned source)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    (void)storm;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    from.sin_addr.s_addr = htonl(0x7f000101 + source % 200);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

void storm_reset(int fd)
{
    struct linger now = {1, 0};

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static void peer_over(struct peer *p)
{
    p->over = true;
    storm_reset(p->fd);
    p->fd = -1;
}

static void peer_send(struct peer *p)
{
    ssize_t n = send(p->fd, p->out.data + p->sent, p->out.n - p->sent, MSG_NOSIGNAL);

    if (n > 0)
        p->sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN)
        p->sent = p->out.n; /* the answer may still be there */
    if (p->sent == p->out.n && !p->keep)
        shutdown(p->fd, SHUT_WR);
}

static void peer_receive(struct peer *p)
{
    char buffer[65536];
    ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);

    if (n > 0)
        p->received += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        peer_over(p);
}

static void peer_step(struct peer *p, short events)
{
    if (p->sent < p->out.n && (events & (POLLOUT | POLLERR)))
        peer_send(p);
    if (events & (POLLIN | POLLHUP | POLLERR))
        peer_receive(p);
}

unsigned storm_drive(struct storm *storm, struct peer *peers, unsigned n, unsigned ms)
{
    struct pollfd *fds = calloc(n, sizeof(*fds));
    uint64_t end = storm_now_us() + (uint64_t)ms * 1000;
    unsigned left = n;

    (void)storm;
    if (!fds)
        abort();
    while (left > 0 && storm_now_us() < end) {
        for (unsigned i = 0; i < n; i++) {
            fds[i].fd = peers[i].over ? -1 : peers[i].fd;
            fds[i].events =
                (short)(POLLIN | (peers[i].sent < peers[i].out.n ? POLLOUT : 0));
        }
        if (poll(fds, n, 50) < 0)
            abort();
        left = 0;
        for (unsigned i = 0; i < n; i++) {
            if (!peers[i].over && fds[i].revents)
                peer_step(&peers[i], fds[i].revents);
            left += !peers[i].over;
        }
    }
    free(fds);
    return left;
}

/* The case that did not end, for whoever looks for its cause. */
static void complain(struct storm *storm, const struct peer *p)
{
    if (storm->hung++ > 2)
        return;
    printf("# no end: %zu of %zu bytes sent, %zu received:", p->sent, p->out.n,
           p->received);
    for (size_t i = 0; i < p->out.n && i < 100; i++)
        printf(" %02x", p->out.data[i]);
    printf("\n");
    fflush(stdout);
}

void storm_deliver(struct storm *storm, uint16_t port, const struct msg *m)
{
    struct peer p = {.fd = storm_connect(storm, port, storm->source++), .out = *m};

    storm->cases++;
    if (m->n == 0)
        shutdown(p.fd, SHUT_WR);
    if (p.fd < 0 || storm_drive(storm, &p, 1, STORM_PATIENCE_MS) > 0)
        complain(storm, &p);
    if (!p.over)
        storm_reset(p.fd);
}

struct peer *storm_peers(struct storm *storm, uint16_t port, unsigned n,
                         unsigned per_source)
{
    struct peer *peers = calloc(n, sizeof(*peers));

    if (!peers)
        abort();
    for (unsigned i = 0; i < n; i++) {
        peers[i].fd = storm_connect(storm, port, storm->source + i / per_source);
        peers[i].over = peers[i].fd < 0;
        storm->hung += peers[i].fd < 0;
    }
    storm->source += n / per_source + 1;
    return peers;
}

void storm_peers_end(struct peer *peers, unsigned n, bool reset)
{
    for (unsigned i = 0; i < n; i++) {
        if (peers[i].fd >= 0 && reset)
            storm_reset(peers[i].fd);
        else if (peers[i].fd >= 0)
            close(peers[i].fd);
        msg_finish(&peers[i].out);
    }
    free(peers);
}
