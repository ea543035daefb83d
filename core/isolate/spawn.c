/* spawn.c - starting this program again as the process of a source, and how it
 * ended in words.
 *
 * posix_spawn, because a fork of a process with threads may do nothing but exec. It gets
 * three descriptors and no other; what is secret comes later, over the socket. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "isolate/private.h"

extern char **environ;

enum {
    CHILD_CONTROL = 3,
    CHILD_DATA = 4,
    CHILD_FIRST_CLOSED = 5,
    FD_OUT_OF_THE_WAY = 10
};

/* Our ends and the process's. */
struct ends {
    int control[2], data[2], errors[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_ends(struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&e->control[i]);
        close_fd(&e->data[i]);
        close_fd(&e->errors[i]);
    }
}

/* Where dup2 to the low numbers does not meet it. */
static int move_up(int *fd)
{
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FD_OUT_OF_THE_WAY);

    if (moved < 0)
        return -1;
    close(*fd);
    *fd = moved;
    return 0;
}

static int open_ends(struct ends *e)
{
    int pipe_ends[2];

    *e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->control) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->data) < 0 ||
        pipe2(pipe_ends, O_CLOEXEC) < 0)
        return -1;
    e->errors[0] = pipe_ends[0];
    e->errors[1] = pipe_ends[1];
    if (fcntl(e->control[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(e->errors[0], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    return move_up(&e->control[1]) | move_up(&e->data[1]) | move_up(&e->errors[1]);
}

/* The daemon's, without what the service manager told the daemon alone. */
static char **make_environment(void)
{
    static const char *const left_out[] = {
        "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
        "LISTEN_FDS=",    "LISTEN_PID=",    "LISTEN_FDNAMES="};
    size_t n = 0, at = 0;
    char **out;

    for (char **v = environ; *v; v++)
        n++;
    out = xcalloc(n + 1, sizeof(*out));
    for (char **v = environ; *v; v++) {
        bool keep = true;

        for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
            keep &= strncmp(*v, left_out[i], strlen(left_out[i])) != 0;
        if (keep)
            out[at++] = *v;
    }
    return out;
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct ends *e)
{
    int err = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

    if (err == 0)
        err = posix_spawn_file_actions_adddup2(actions, e->errors[1], 1);
    if (err == 0)
        err = posix_spawn_file_actions_adddup2(actions, e->errors[1], 2);
    if (err == 0)
        err = posix_spawn_file_actions_adddup2(actions, e->control[1], CHILD_CONTROL);
    if (err == 0)
        err = posix_spawn_file_actions_adddup2(actions, e->data[1], CHILD_DATA);
    if (err == 0)
        err = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FIRST_CLOSED);
    return err;
}

/* Signals as a program expects them, and a group of its own: what it starts ends with it.
 */
static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int err;

    sigemptyset(&none);
    sigfillset(&all);
    err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    if (err == 0)
        err = posix_spawnattr_setpgroup(attr, 0);
    if (err == 0)
        err = posix_spawnattr_setsigmask(attr, &none);
    return err ? err : posix_spawnattr_setsigdefault(attr, &all);
}

static int start(const char *name, const struct ends *e, pid_t *pid)
{
    char program[] = "contactord", argument[] = ISOLATE_ARGUMENT, number[12], who[64];
    char *argv[] = {program, argument, number, who, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char **environment = make_environment();
    int err;

    snprintf(number, sizeof(number), "%d", CHILD_CONTROL);
    snprintf(who, sizeof(who), "%s", name); /* for whoever looks at the processes */
    ensure(posix_spawn_file_actions_init(&actions) == 0);
    ensure(posix_spawnattr_init(&attr) == 0);
    err = add_actions(&actions, e);
    if (err == 0)
        err = set_attributes(&attr);
    if (err == 0)
        err = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return err;
}

int isolate_spawn(const char *name, struct isolate_process *out, char *error, size_t cap)
{
    struct ends e;
    int err = open_ends(&e) == 0 ? 0 : errno;

    if (err == 0)
        err = start(name, &e, &out->pid);
    if (err != 0) {
        close_ends(&e);
        snprintf(error, cap, "its process could not be started: %s%s", strerror(err),
                 err == EACCES ? " (was it isolated when the daemon was started? if not, "
                                 "restart the daemon)"
                               : "");
        return -CTR_EIO;
    }
    *out = (struct isolate_process){out->pid, e.control[0], e.data[0], e.errors[0]};
    e.control[0] = e.data[0] = e.errors[0] = -1;
    close_ends(&e);
    return 0;
}

/* ---- the end -------------------------------------------------------------------- */

void isolate_kill_group(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL); /* it may have left its group */
}

bool isolate_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    int rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);

    return (rc == 0 && info.si_pid == pid) || (rc < 0 && errno == ECHILD);
}

static void signal_words(int number, char *words, size_t cap)
{
    const char *name = sigabbrev_np(number);

    if (number == SIGKILL)
        snprintf(
            words, cap,
            "was killed by somebody else: signal 9 (SIGKILL); the system does so when "
            "memory is short");
    else
        snprintf(words, cap, "crashed: signal %d (%s%s)", number, name ? "SIG" : "",
                 name ? name : "unknown");
}

int isolate_reap(pid_t pid, uint64_t memory, char *words, size_t cap)
{
    struct rusage usage = {.ru_maxrss = 0};
    int status = 0;
    pid_t rc;

    do
        rc = wait4(pid, &status, 0, &usage);
    while (rc < 0 && errno == EINTR);
    if (rc != pid)
        snprintf(words, cap, "ended, nobody knows how");
    else if (WIFSIGNALED(status))
        signal_words(WTERMSIG(status), words, cap);
    else
        snprintf(words, cap, "ended by itself with exit code %d", WEXITSTATUS(status));
    if (rc == pid && (uint64_t)usage.ru_maxrss * 1024 > memory) {
        size_t len = strlen(words);

        snprintf(words + len, cap - len,
                 " after it had used %ld MiB of memory (isolated_memory allows %llu)",
                 usage.ru_maxrss / 1024, (unsigned long long)(memory >> 20));
    }
    return rc == pid ? status : -1;
}

uint64_t isolate_resident(pid_t pid)
{
    char path[64], text[128];
    unsigned long long size, resident;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "%llu %llu", &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
