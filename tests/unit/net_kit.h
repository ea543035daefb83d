/* net_kit.h - a loop, a service and a front end of one-line commands for the tests of
 * net/.
 *
 *   echo X      X                         many N      N writes of ten bytes
 *   big N       N bytes, obeying PAUSE    flood N     N bytes, not obeying
 *   room N      N bytes by reserve        later N X   X after N ms, busy until then
 *   hold N      no reading for N ms       tls         "go", then TLS
 *   quit        close                     abort       abort
 *   fail        on_data returns an error
 *
 * Clients are blocking sockets of the same thread, with bytes small enough for the
 * kernel's buffers, or threads of their own; `turns` runs the loop meanwhile. */
#ifndef TESTS_NET_KIT_H
#define TESTS_NET_KIT_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "net/net.h"
#include "tap.h"

struct kit_conn {
    struct ctr_stream *stream;
    uv_timer_t timer;
    bool timer_used, closed, resume;
    char later[64];
    uint64_t big; /* bytes still to write */
};

static struct kit {
    struct loop *loop;
    struct net *net;
    struct net_service *service;
    uv_timer_t beat;
    char address[64];
    unsigned opens, closes, goodbyes, drains, data_calls, tls_calls;
    uint32_t close_reason, goodbye_reason;
    int32_t tls_status, last_write, start_tls_result;
    uint32_t peer_flags;
    char peer[64];
    bool refuse_open, in_call, nested, service_gone;
    uint64_t most_queued;
} kit;

#define N (&net_extension)

static void kit_enter(void)
{
    if (kit.in_call)
        kit.nested = true;
    kit.in_call = true;
}

static void kit_leave(void)
{
    kit.in_call = false;
}

static int32_t kit_open(void *instance, struct ctr_stream *stream,
                        const struct ctr_peer *peer, void **out)
{
    struct kit_conn *c;

    (void)instance;
    kit_enter();
    kit.opens++;
    kit.peer_flags = peer->flags;
    snprintf(kit.peer, sizeof(kit.peer), STR_FMT, STR_ARG(peer->address));
    kit_leave();
    if (kit.refuse_open)
        return -CTR_EACCES;
    c = xcalloc(1, sizeof(*c));
    c->stream = stream;
    *out = c;
    return 0;
}

static void kit_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void kit_on_timer(uv_timer_t *timer)
{
    struct kit_conn *c = timer->data;

    if (c->resume) {
        c->resume = false;
        N->resume(c->stream);
        return;
    }
    N->write(c->stream, c->later, strlen(c->later));
    N->set_busy(c->stream, 0);
}

static void kit_timer(struct kit_conn *c, unsigned ms)
{
    if (!c->timer_used) {
        uv_timer_init(loop_uv(kit.loop), &c->timer);
        c->timer.data = c;
        c->timer_used = true;
    }
    uv_timer_start(&c->timer, kit_on_timer, ms, 0);
}

static void kit_write_big(struct kit_conn *c, bool obey)
{
    static const char block[1000];

    while (c->big > 0) {
        uint64_t n = c->big < sizeof(block) ? c->big : sizeof(block);

        kit.last_write = N->write(c->stream, block, n);
        if (N->queued(c->stream) > kit.most_queued)
            kit.most_queued = N->queued(c->stream);
        if (kit.last_write == -CTR_EIO) {
            c->big = 0;
            return;
        }
        c->big -= n;
        if (kit.last_write == -CTR_EPAUSE && obey)
            return;
    }
}

static int kit_command(struct kit_conn *c, char *line)
{
    char *arg = strchr(line, ' ');
    unsigned long n;

    if (arg)
        *arg++ = 0;
    if (!arg)
        arg = line + strlen(line);
    n = strtoul(arg, NULL, 10);
    if (strcmp(line, "echo") == 0) {
        N->write(c->stream, arg, strlen(arg));
        N->write(c->stream, "\n", 1);
    } else if (strcmp(line, "many") == 0) {
        while (n-- > 0)
            N->write(c->stream, "123456789\n", 10);
    } else if (strcmp(line, "big") == 0 || strcmp(line, "flood") == 0) {
        c->big = n;
        kit_write_big(c, line[0] == 'b');
    } else if (strcmp(line, "room") == 0) {
        uint8_t *room = N->reserve(c->stream, n + 100);

        if (room) {
            memset(room, 'r', n);
            N->commit(c->stream, n);
        }
    } else if (strcmp(line, "later") == 0) {
        snprintf(c->later, sizeof(c->later), "%s\n", strchr(arg, ' ') + 1);
        N->set_busy(c->stream, 1);
        kit_timer(c, (unsigned)n);
    } else if (strcmp(line, "hold") == 0) {
        N->pause(c->stream);
        c->resume = true;
        kit_timer(c, (unsigned)n);
        return 1;
    } else if (strcmp(line, "tls") == 0) {
        N->write(c->stream, "go\n", 3);
        kit.start_tls_result = N->start_tls(c->stream);
        return 1;
    } else if (strcmp(line, "quit") == 0) {
        N->close(c->stream);
    } else if (strcmp(line, "abort") == 0) {
        N->abort(c->stream);
    } else if (strcmp(line, "fail") == 0) {
        N->write(c->stream, "failed\n", 7);
        return -1;
    }
    return 0;
}

static int64_t kit_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct kit_conn *c = conn;
    uint64_t used = 0;
    int stop = 0;

    kit_enter();
    kit.data_calls++;
    while (stop == 0 && !c->closed) {
        const uint8_t *end = memchr(data + used, '\n', n - used);
        char line[256];
        size_t len;

        if (!end)
            break;
        len = (size_t)(end - (data + used));
        if (len >= sizeof(line))
            len = sizeof(line) - 1;
        memcpy(line, data + used, len);
        line[len] = 0;
        used = (uint64_t)(end - data) + 1;
        stop = kit_command(c, line);
    }
    kit_leave();
    return stop < 0 ? -1 : (int64_t)used;
}

static void kit_drain(void *conn)
{
    kit_enter();
    kit.drains++;
    kit_write_big(conn, true);
    kit_leave();
}

static void kit_tls(void *conn, int32_t status)
{
    (void)conn;
    kit_enter();
    kit.tls_calls++;
    kit.tls_status = status;
    kit_leave();
}

static void kit_goodbye(void *conn, uint32_t reason)
{
    struct kit_conn *c = conn;
    char text[32];

    kit_enter();
    kit.goodbyes++;
    kit.goodbye_reason = reason;
    snprintf(text, sizeof(text), "bye %u\n", reason);
    N->write(c->stream, text, strlen(text));
    kit_leave();
}

static void kit_close(void *conn, uint32_t reason)
{
    struct kit_conn *c = conn;

    kit_enter();
    kit.closes++;
    kit.close_reason = reason;
    c->closed = true;
    if (N->write(c->stream, "x", 1) != -CTR_EIO)
        kit.nested = true;
    if (c->timer_used)
        uv_close((uv_handle_t *)&c->timer, kit_timer_closed);
    else
        free(c);
    kit_leave();
}

static const struct ctr_stream_ops kit_ops = {
    .size = sizeof(kit_ops),
    .on_open = kit_open,
    .on_data = kit_data,
    .on_drain = kit_drain,
    .on_tls = kit_tls,
    .on_goodbye = kit_goodbye,
    .on_close = kit_close,
};

static const struct ctr_scheme kit_schemes[] = {{"line", 3890, 0}, {"lines", 6360, 1}};

static void kit_beat(uv_timer_t *timer)
{
    (void)timer;
}

static struct net_address kit_address(const char *url)
{
    struct net_address address;
    char error[200];

    if (net_address_parse(url, kit_schemes, 2, &address, error, sizeof(error)) < 0) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
    return address;
}

/* A service on the URLs (ending with NULL), started. */
static struct net_service *kit_service(struct net_service_options options,
                                       const char *const *urls, struct net_service *old)
{
    struct net_service *service;
    char error[300];

    options.name = "frontend.test";
    options.ops = &kit_ops;
    if (net_service_create(kit.net, &options, &service, error, sizeof(error)) < 0) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
    for (; *urls; urls++) {
        struct net_address address = kit_address(*urls);

        if (net_service_listen(service, &address, old, error, sizeof(error)) < 0) {
            printf("Bail out! %s\n", error);
            exit(1);
        }
    }
    net_service_start(service);
    net_service_bound(service, 0, kit.address, sizeof(kit.address));
    return service;
}

static void kit_start(struct net_service_options options,
                      const struct net_options *net_options, const char *const *urls)
{
    memset(&kit, 0, sizeof(kit));
    kit.loop = loop_create();
    kit.net = net_create(kit.loop, net_options);
    uv_timer_init(loop_uv(kit.loop), &kit.beat);
    uv_timer_start(&kit.beat, kit_beat, 2, 2);
    kit.service = kit_service(options, urls, NULL);
}

#define KIT_PLAIN ((const char *const[]){"line://127.0.0.1:0", NULL})
#define KIT_TLS   ((const char *const[]){"lines://127.0.0.1:0", NULL})

static void kit_turn(void)
{
    uv_run(loop_uv(kit.loop), UV_RUN_ONCE);
}

static uint64_t kit_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* Runs the loop for a time. */
__attribute__((unused)) static void kit_run(unsigned ms)
{
    uint64_t until = kit_ms() + ms;

    while (kit_ms() < until)
        kit_turn();
}

/* Runs the loop until cond holds, at most 5 s; its value. */
#define kit_until(cond)                      \
    ({                                       \
        uint64_t until_ = kit_ms() + 5000;   \
        while (!(cond) && kit_ms() < until_) \
            kit_turn();                      \
        (cond);                              \
    })

static void kit_gone(void *arg)
{
    bool *gone = arg;

    *gone = true;
}

__attribute__((unused)) static void on_counted(void *arg)
{
    (*(int *)arg)++;
}

static void kit_stop(void)
{
    if (kit.service)
        net_service_stop(kit.service, 200, kit_gone, &kit.service_gone);
    ok(!kit.service || kit_until(kit.service_gone), "the service stops");
    is_int(kit.opens, kit.closes, "every connection opened was closed once");
    ok(!kit.nested, "no callback within a callback, no call after the end");
    net_destroy(kit.net);
    uv_close((uv_handle_t *)&kit.beat, NULL);
    loop_destroy(kit.loop);
}

__attribute__((unused)) static struct net_stats kit_stats(void)
{
    struct net_stats stats;

    net_service_stats(kit.service, &stats);
    return stats;
}

/* A blocking client with a receive time-out; from `source` (may be NULL). */
static int kit_connect_from(const char *address, const char *source)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct timeval wait = {2, 0};
    char host[64];
    char *colon;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(host, sizeof(host), "%s", address);
    colon = strrchr(host, ':');
    *colon = 0;
    inet_pton(AF_INET, host, &to.sin_addr);
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (source) {
        inet_pton(AF_INET, source, &from.sin_addr);
        if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
            goto fail;
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        goto fail;
    return fd;
fail:
    close(fd);
    return -1;
}

__attribute__((unused)) static int kit_connect(void)
{
    return kit_connect_from(kit.address, NULL);
}

__attribute__((unused)) static void kit_send(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        printf("# send: %s\n", strerror(errno));
}

static bool kit_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* Reads until the text so far ends with `end`, or the peer closes, while the loop runs.
 */
__attribute__((unused)) static const char *kit_read(int fd, const char *end)
{
    static char text[64 * 1024];
    size_t len = 0;
    uint64_t until = kit_ms() + 5000;

    text[0] = 0;
    while (kit_ms() < until && len + 1 < sizeof(text)) {
        ssize_t n;

        if (!kit_readable(fd)) {
            kit_turn();
            continue;
        }
        n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        text[len] = 0;
        if (end && len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0)
            break;
    }
    return text;
}

/* Reads and throws away; the number of bytes until the peer closed or `want`. */
__attribute__((unused)) static size_t kit_swallow(int fd, size_t want)
{
    static char block[64 * 1024];
    size_t len = 0;
    uint64_t until = kit_ms() + 5000;

    while (kit_ms() < until && len < want) {
        ssize_t n;

        if (!kit_readable(fd)) {
            kit_turn();
            continue;
        }
        n = recv(fd, block, sizeof(block), 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

/* The peer has closed: end of file or reset, without more bytes. */
__attribute__((unused)) static bool kit_closed(int fd)
{
    char byte;

    return kit_until(kit_readable(fd)) && recv(fd, &byte, 1, 0) <= 0;
}

#endif
