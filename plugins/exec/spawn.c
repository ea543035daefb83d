/* spawn.c - starting a program.
 *
 * Between fork and exec only calls that are safe in a process of one thread out of many:
 * everything the child needs is made ready before. A pipe that exec closes tells whether
 * it came so far. */
#include "spawn.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "contactor/error.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum { FILES_MAX = 1024, NICE = 5, SCRIPT_LINE_MAX = 256 };

enum step { STEP_FOLDER, STEP_PIPES, STEP_LIMITS, STEP_EXEC };

struct failure {
    int32_t step, error;
};

/* The pipes; [0] is read from. Each end is 3 or more, so that none is in another's way.
 */
struct pipes {
    int in[2], out[2], err[2], status[2];
};

int64_t spawn_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- in the child ---------------------------------------------------------------------
 */

static _Noreturn void give_up(int fd, enum step step)
{
    struct failure failure = {(int32_t)step, errno};
    ssize_t n;

    do {
        n = write(fd, &failure, sizeof(failure));
    } while (n < 0 && errno == EINTR);
    _exit(127);
}

static void default_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL); /* those that cannot be changed need no change */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All are closed by exec as they were opened; this is for a library that forgot. */
static void close_others(void)
{
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < 4096; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int limit(__rlimit_resource_t what, uint64_t most)
{
    struct rlimit now, limit;

    if (getrlimit(what, &now) < 0)
        return -1;
    limit.rlim_cur = most < now.rlim_max ? (rlim_t)most : now.rlim_max;
    limit.rlim_max = limit.rlim_cur;
    return setrlimit(what, &limit);
}

static bool limits(const struct spawn_command *c)
{
    if (c->memory && limit(RLIMIT_DATA, c->memory) < 0)
        return false;
    if (c->cpu && limit(RLIMIT_CPU, c->cpu) < 0)
        return false;
    return limit(RLIMIT_NOFILE, FILES_MAX) == 0 && limit(RLIMIT_CORE, 0) == 0;
}

static _Noreturn void child(const struct spawn_command *c, const struct pipes *p,
                            pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(127);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* to bind low ports */
    setpriority(PRIO_PROCESS, 0, NICE);                       /* lookups first */
    default_signals();
    if (dup2(p->in[0], 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0)
        give_up(p->status[1], STEP_PIPES);
    close_others();
    if (!limits(c))
        give_up(p->status[1], STEP_LIMITS);
    if (chdir(c->folder) < 0)
        give_up(p->status[1], STEP_FOLDER);
    execve(c->argv[0], c->argv, c->env);
    give_up(p->status[1], STEP_EXEC);
}

/* --- pipes ----------------------------------------------------------------------------
 */

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_pair(int *pair)
{
    close_one(&pair[0]);
    close_one(&pair[1]);
}

static bool make_pair(int *pair)
{
    if (pipe2(pair, O_CLOEXEC) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        int fd = pair[i] < 3 ? fcntl(pair[i], F_DUPFD_CLOEXEC, 3) : pair[i];

        if (fd < 0)
            return false;
        if (fd != pair[i])
            close(pair[i]);
        pair[i] = fd;
    }
    return true;
}

static void close_pipes(struct pipes *p)
{
    close_pair(p->in);
    close_pair(p->out);
    close_pair(p->err);
    close_pair(p->status);
}

static bool make_pipes(struct pipes *p)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    return make_pair(p->in) && make_pair(p->out) && make_pair(p->err) &&
           make_pair(p->status) && fcntl(p->in[1], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(p->out[0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(p->err[0], F_SETFL, O_NONBLOCK) == 0;
}

/* --- what went wrong ------------------------------------------------------------------
 */

static int32_t explain(struct spawn_problem *to, int32_t code, const char *remedy,
                       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int32_t explain(struct spawn_problem *to, int32_t code, const char *remedy,
                       const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(to->what, sizeof(to->what), fmt, ap);
    va_end(ap);
    snprintf(to->remedy, sizeof(to->remedy), "%s", remedy);
    return code;
}

const char *spawn_reason(const struct spawn_problem *problem, char *out, size_t cap)
{
    const char *todo = problem->remedy;
    size_t n = strlen(todo);

    if (n > 0 && todo[n - 1] == '.')
        n--;
    if (n == 0)
        snprintf(out, cap, "%s", problem->what);
    else
        snprintf(out, cap, "%s; %c%.*s", problem->what, tolower((uint8_t)*todo),
                 (int)n - 1, todo + 1);
    return out;
}

/* The interpreter a script's first line names; false: it names none. */
static bool interpreter(const char *path, char *out, size_t cap)
{
    char line[SCRIPT_LINE_MAX + 1], *name;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd >= 0 ? read(fd, line, SCRIPT_LINE_MAX) : -1;

    if (fd >= 0)
        close(fd);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = '\0';
    name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t\n")] = '\0';
    snprintf(out, cap, "%s", name);
    return out[0] != '\0';
}

static int32_t explain_missing(const char *path, struct spawn_problem *to)
{
    char name[SCRIPT_LINE_MAX];
    size_t len;

    if (access(path, F_OK) != 0)
        return explain(to, -CTR_ENOENT, "Correct `command`, or install the program.",
                       "the program %.200s does not exist", path);
    if (!interpreter(path, name, sizeof(name)))
        return explain(to, -CTR_ENOENT, "Install the libraries it was built for.",
                       "the loader of the program %.200s does not exist", path);
    len = strlen(name);
    if (len > 0 && name[len - 1] == '\r')
        return explain(to, -CTR_ENOENT, "Store it with UNIX line ends (dos2unix).",
                       "the first line of %.200s ends with a carriage return", path);
    return explain(
        to, -CTR_ENOENT, "Install it, or correct the first line of the program.",
        "%.120s names the interpreter %.120s, which does not exist", path, name);
}

static int32_t explain_denied(const char *path, struct spawn_problem *to)
{
    char name[SCRIPT_LINE_MAX];

    if (access(path, X_OK) != 0)
        return explain(to, -CTR_EACCES,
                       "chmod +x it, and let the daemon's user enter its folders.",
                       "the program %.200s may not be executed by user id %u", path,
                       (unsigned)geteuid());
    if (interpreter(path, name, sizeof(name)) && access(name, X_OK) != 0)
        return explain(to, -CTR_EACCES, "Correct the first line of the program.",
                       "the interpreter %.120s of %.120s may not be executed", name,
                       path);
    return explain(
        to, -CTR_EACCES,
        "Restart the daemon if the program was moved since it confined itself; "
        "else look for a file system mounted noexec.",
        "the program %.200s may not be executed from there", path);
}

static int32_t explain_exec(const char *path, int error, struct spawn_problem *to)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return explain_missing(path, to);
    case EACCES:
    case EPERM:
        return explain_denied(path, to);
    case ENOEXEC:
        return explain(to, -CTR_EIO,
                       "Begin it with a line such as #!/bin/sh, or name the interpreter "
                       "first in `command`.",
                       "%.200s is nothing the system can start", path);
    default:
        return explain(to, -CTR_EIO, "", "%.200s cannot be started: %s", path,
                       strerror(error));
    }
}

static int32_t explain_failure(const struct spawn_command *c, const struct failure *f,
                               struct spawn_problem *to)
{
    if (f->step == STEP_EXEC)
        return explain_exec(c->argv[0], f->error, to);
    if (f->step == STEP_FOLDER)
        return explain(to, -CTR_EACCES, "Make the folder, or correct `folder`.",
                       "cannot enter the folder %.200s: %s", c->folder,
                       strerror(f->error));
    return explain(to, -CTR_EIO, "", "cannot prepare the program's %s: %s",
                   f->step == STEP_LIMITS ? "limits" : "pipes", strerror(f->error));
}

/* --- in the parent --------------------------------------------------------------------
 */

/* Until exec closed the pipe (0), or a failure came through it. */
static int32_t wait_for_exec(const struct spawn_command *c, int fd, int64_t deadline,
                             struct spawn_problem *problem)
{
    struct failure failure;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int64_t left;
    ssize_t n;

    do {
        left = deadline - spawn_now();
        n = left > 0 ? poll(&ready, 1, left > 60000 ? 60000 : (int)left) : 0;
        if (n == 0 && left <= 0)
            return explain(problem, -CTR_ETIMEDOUT, "Is its file system reachable?",
                           "the program %.200s could not be loaded in time", c->argv[0]);
    } while (n <= 0);
    do {
        n = read(fd, &failure, sizeof(failure));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(failure) ? explain_failure(c, &failure, problem) : 0;
}

static void take_ends(struct pipes *p, struct spawned *out)
{
    out->in = p->in[1];
    out->out = p->out[0];
    out->err = p->err[0];
    p->in[1] = p->out[0] = p->err[0] = -1;
}

/* One that hangs in a dead file system even this does not end; it is left to init. */
static void kill_unborn(pid_t pid)
{
    kill(pid, SIGKILL);
    for (int i = 0; i < 500 && waitpid(pid, NULL, WNOHANG) == 0; i++)
        poll(NULL, 0, 5);
}

/* With signals held back, so that none meets our handlers in the child. */
static pid_t fork_quietly(void)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int32_t spawn_start(const struct spawn_command *command, int64_t deadline,
                    struct spawned *out, struct spawn_problem *problem)
{
    struct pipes pipes;
    pid_t parent = getpid();
    int32_t rc;

    *out = (struct spawned){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    if (!make_pipes(&pipes) || (out->pid = fork_quietly()) < 0) {
        rc = explain(problem, -CTR_EIO, "Are descriptors, processes or memory used up?",
                     "cannot make a process: %s", strerror(errno));
        close_pipes(&pipes);
        return rc;
    }
    if (out->pid == 0)
        child(command, &pipes, parent);
    setpgid(out->pid, out->pid); /* whichever comes first */
    close_one(&pipes.status[1]);
    rc = wait_for_exec(command, pipes.status[0], deadline, problem);
    if (rc == 0) {
        take_ends(&pipes, out);
        out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
    } else {
        kill_unborn(out->pid);
    }
    close_pipes(&pipes);
    return rc;
}
