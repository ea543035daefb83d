/* activation.c - listening sockets passed by the service manager ($LISTEN_FDS). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "net/internal.h"

enum { FIRST_FD = 3, MOST_FDS = 256 };

static long number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || !*text)
        return -1;
    errno = 0;
    value = strtol(text, &end, 10);
    return errno || *end ? -1 : value;
}

static bool is_listening_stream(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    int type = 0, listening = 0;
    socklen_t n = sizeof(int);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
        return false;
    return type == SOCK_STREAM && listening &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

static void take_one(struct net *net, int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) {
        log_warn("net", "passed_socket_refused fd=%d reason=\"not open\"", fd);
        return;
    }
    if (!is_listening_stream(fd)) {
        log_warn("net",
                 "passed_socket_refused fd=%d reason=\"not a listening TCP socket\"", fd);
        return;
    }
    if (!listener_adopt(net, fd, true))
        log_warn("net", "passed_socket_refused fd=%d reason=\"cannot be polled\"", fd);
}

void activation_take(struct net *net)
{
    long n = number("LISTEN_FDS");

    if (n > 0 && number("LISTEN_PID") == (long)getpid())
        for (long i = 0; i < n && i < MOST_FDS; i++)
            take_one(net, (int)(FIRST_FD + i));
    /* Not for our children. */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}
