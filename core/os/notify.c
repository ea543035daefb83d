/* notify.c - datagrams to the service manager, see notify.h. */
#include "os/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { STATUS_MAX = 400, MESSAGE_MAX = 512 };

struct notify {
    int fd;
    uint64_t watchdog_us;
};

/* $WATCHDOG_USEC counts only for the process $WATCHDOG_PID names. */
static uint64_t read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    char *end;
    unsigned long long value;

    if (!usec || !*usec)
        return 0;
    if (pid && *pid && strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    errno = 0;
    value = strtoull(usec, &end, 10);
    return errno || *end ? 0 : value;
}

/* "/run/systemd/notify", or "@name" for an abstract socket. */
static int parse_path(const char *path, struct sockaddr_un *out, socklen_t *len)
{
    size_t n = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || n < 2 || n >= sizeof(out->sun_path))
        return -1;
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, path, n);
    if (path[0] == '@')
        out->sun_path[0] = 0;
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
    return 0;
}

static int open_socket(const char *path, int *out, char *error, size_t cap)
{
    struct sockaddr_un address;
    socklen_t len;
    int fd;

    if (parse_path(path, &address, &len) < 0) {
        snprintf(error, cap, "NOTIFY_SOCKET=\"%.90s\" is no socket of this machine",
                 path);
        return -CTR_EINVAL;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) < 0) {
        snprintf(error, cap, "cannot reach the service manager at %.90s: %s", path,
                 strerror(errno));
        if (fd >= 0)
            close(fd);
        return -CTR_EIO;
    }
    *out = fd;
    return 0;
}

int notify_open(struct notify **out, char *error, size_t cap)
{
    const char *path = getenv("NOTIFY_SOCKET");
    uint64_t watchdog = read_watchdog();
    int rc = 0, fd = -1;

    *out = NULL;
    if (path && *path)
        rc = open_socket(path, &fd, error, cap);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (rc < 0 || fd < 0)
        return rc;
    *out = xcalloc(1, sizeof(**out));
    (*out)->fd = fd;
    (*out)->watchdog_us = watchdog;
    return 0;
}

void notify_close(struct notify *n)
{
    if (!n)
        return;
    close(n->fd);
    free(n);
}

static int send_message(struct notify *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int send_message(struct notify *n, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list ap;
    int len;

    if (!n)
        return 0;
    va_start(ap, fmt);
    len = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    ensure(len > 0 && (size_t)len < sizeof(message));
    return send(n->fd, message, (size_t)len, MSG_NOSIGNAL) < 0 ? -CTR_EIO : 0;
}

/* A status is one line; a line break would begin another assignment. */
static void clean(char *status)
{
    for (char *p = status; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
}

static int send_with_status(struct notify *n, const char *what, const char *status)
{
    char text[STATUS_MAX];

    if (!status)
        return send_message(n, "%s", what);
    snprintf(text, sizeof(text), "%s", status);
    clean(text);
    return send_message(n, "%s\nSTATUS=%s", what, text);
}

int notify_ready(struct notify *n, const char *status)
{
    return send_with_status(n, "READY=1", status);
}

int notify_reloading(struct notify *n)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return send_message(n, "RELOADING=1\nMONOTONIC_USEC=%llu",
                        (unsigned long long)now.tv_sec * 1000000 +
                            (unsigned long long)now.tv_nsec / 1000);
}

int notify_stopping(struct notify *n, const char *status)
{
    return send_with_status(n, "STOPPING=1", status);
}

int notify_status(struct notify *n, const char *fmt, ...)
{
    char text[STATUS_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    clean(text);
    return send_message(n, "STATUS=%s", text);
}

int notify_watchdog(struct notify *n)
{
    return send_message(n, "WATCHDOG=1");
}

uint64_t notify_watchdog_interval(const struct notify *n)
{
    uint64_t ms = n ? n->watchdog_us / 2000 : 0;

    return ms == 0 && n && n->watchdog_us > 0 ? 1 : ms;
}
