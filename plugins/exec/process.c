/* process.c - a program that runs.
 *
 * One thread uses it at a time. Writes rely on SIGPIPE being ignored, as a host does. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contactor/error.h"
#include "kit/kit.h"

enum {
    NO_PIDFD_MS = 50,        /* how often an old kernel is asked whether it exited */
    ERR_TURN = 64 * 1024,    /* of stderr at once */
    PIPE_MAX = 1024 * 1024,  /* what may lie in a pipe, if the kernel does not say */
    DISCARD_TURN = 64 * 1024 /* of stdout at once, of one that is ending */
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- begin ----------------------------------------------------------------------------
 */

int32_t process_start(const struct ctr_host *host, const struct spawn_command *command,
                      const char *secret, size_t max_line, int64_t deadline,
                      struct process **out, struct spawn_problem *problem)
{
    struct process *p = calloc(1, sizeof(*p));
    int32_t rc = p ? lines_init(&p->lines, max_line) : -CTR_ENOMEM;

    *out = NULL;
    if (rc == 0) {
        p->started = spawn_now();
        errlog_init(&p->log, host, secret, p->started);
        rc = spawn_start(command, deadline, &p->s, problem);
    } else {
        *problem = (struct spawn_problem){"out of memory", ""};
    }
    if (rc == 0) {
        *out = p;
        return 0;
    }
    if (p)
        lines_finish(&p->lines);
    free(p);
    return rc;
}

/* --- its three pipes ------------------------------------------------------------------
 */

static void flush(struct process *p)
{
    size_t at = 0;

    while (p->s.in >= 0 && at < p->n_pending) {
        ssize_t n = write(p->s.in, p->pending + at, p->n_pending - at);

        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            break;
        else if (n == 0 || errno != EINTR)
            close_one(&p->s.in); /* it does not want to read: its own affair */
    }
    if (p->s.in < 0)
        at = p->n_pending;
    p->n_pending -= at;
    memmove(p->pending, p->pending + at, p->n_pending);
}

int32_t process_send(struct process *p, const char *text, size_t n)
{
    char *more;

    if (n > PROCESS_PENDING_MAX - p->n_pending)
        return -CTR_EFULL;
    more = realloc(p->pending, p->n_pending + n + 1);
    if (!more)
        return -CTR_ENOMEM;
    p->pending = more;
    memcpy(p->pending + p->n_pending, text, n);
    p->n_pending += n;
    flush(p);
    return 0;
}

static void read_err(struct process *p)
{
    char bytes[4096];

    for (size_t all = 0; p->s.err >= 0 && all < ERR_TURN;) {
        ssize_t n = read(p->s.err, bytes, sizeof(bytes));

        if (n > 0) {
            errlog_add(&p->log, bytes, (size_t)n, spawn_now());
            all += (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_one(&p->s.err);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

/* Once it has exited, whoever else holds the pipe does not count: what lay in it then is
 * read, and no more. */
static void read_out(struct process *p)
{
    size_t room;
    char *to = lines_room(&p->lines, &room);
    ssize_t n = read(p->s.out, to, room);

    if (n > 0) {
        lines_filled(&p->lines, (size_t)n);
        if (p->exited) {
            p->eof = (size_t)n >= p->after_exit;
            p->after_exit -= p->eof ? 0 : (size_t)n;
        }
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR) ||
               (errno == EAGAIN && p->exited)) {
        p->eof = true;
    }
}

/* Not reaped yet: as long as its zombie stands, its group's number is nobody else's. */
static void look_for_exit(struct process *p)
{
    siginfo_t info = {.si_pid = 0};
    int size;

    if (p->exited ||
        waitid(P_PID, (id_t)p->s.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0)
        return;
    p->exited = true;
    p->status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
                                           : W_EXITCODE(0, info.si_status);
    size = fcntl(p->s.out, F_GETPIPE_SZ);
    p->after_exit = size > 0 ? (size_t)size : PIPE_MAX;
}

/* --- waiting --------------------------------------------------------------------------
 */

enum { FD_WAKE, FD_OUT, FD_ERR, FD_IN, FD_EXIT, FD_N };

/* returns whether `wake` is ready */
static bool wait_some(struct process *p, int wake, int64_t ms)
{
    struct pollfd fds[FD_N] = {
        {.fd = wake, .events = POLLIN},
        {.fd = p->eof ? -1 : p->s.out, .events = POLLIN},
        {.fd = p->s.err, .events = POLLIN},
        {.fd = p->n_pending ? p->s.in : -1, .events = POLLOUT},
        {.fd = p->exited ? -1 : p->s.pidfd, .events = POLLIN},
    };

    if (p->s.pidfd < 0 && !p->exited && ms > NO_PIDFD_MS)
        ms = NO_PIDFD_MS;
    if (poll(fds, FD_N, ms > 60000 ? 60000 : (int)ms) < 0)
        return false;
    if (fds[FD_EXIT].revents || p->s.pidfd < 0)
        look_for_exit(p);
    if (fds[FD_ERR].revents)
        read_err(p);
    if (fds[FD_IN].revents)
        flush(p);
    return fds[FD_WAKE].revents != 0;
}

enum process_event process_wait(struct process *p, int wake, int64_t deadline,
                                struct ctr_str *line)
{
    for (;;) {
        enum lines_result r = lines_next(&p->lines, line);
        int64_t left;

        if (r != LINES_MORE)
            return r == LINES_LINE ? PROCESS_LINE : PROCESS_LONG;
        if (p->eof) {
            read_err(p);
            return lines_rest(&p->lines, line) ? PROCESS_LINE : PROCESS_END;
        }
        left = deadline - spawn_now();
        if (left <= 0)
            return PROCESS_TIMEOUT;
        if (wait_some(p, wake, p->exited ? 0 : left))
            return PROCESS_WOKEN;
        read_out(p);
    }
}

bool process_idle(struct process *p, bool silent)
{
    enum lines_result r = LINES_MORE;
    struct ctr_str line;

    look_for_exit(p);
    read_err(p);
    if (!silent)
        return !p->exited;
    if (!p->eof)
        read_out(p);
    while ((r = lines_next(&p->lines, &line)) == LINES_LINE && line.len == 0)
        ;
    return !p->exited && !p->eof && r == LINES_MORE && !lines_unread(&p->lines);
}

bool process_wait_exit(struct process *p, int64_t ms)
{
    int64_t deadline = spawn_now() + ms;

    look_for_exit(p);
    while (!p->exited && spawn_now() < deadline)
        wait_some(p, -1, p->eof ? deadline - spawn_now() : 10);
    return p->exited;
}

const char *process_fate(const struct process *p, char *out, size_t cap)
{
    if (!p->exited) {
        snprintf(out, cap, "closed its output");
    } else if (WIFEXITED(p->status)) {
        int code = WEXITSTATUS(p->status);

        snprintf(out, cap, "exited with code %d%s", code,
                 code == 127   ? " (a command was not found)"
                 : code == 126 ? " (a command may not be executed)"
                               : "");
    } else {
        int number = WTERMSIG(p->status);

        snprintf(out, cap, "was ended by signal %d (%s)%s", number,
                 sigdescr_np(number) ? sigdescr_np(number) : "unknown",
                 number == SIGXCPU ? ", at cpu_limit" : "");
    }
    return out;
}

/* --- the end --------------------------------------------------------------------------
 */

static void signal_group(struct process *p, int number)
{
    if (kill(-p->s.pid, number) < 0 && errno == ESRCH)
        kill(p->s.pid, number);
}

static void go_on_ending(struct process *p, enum process_ending to)
{
    p->ending = to;
    p->ending_since = spawn_now();
    if (to == PROCESS_TOLD)
        signal_group(p, SIGTERM);
    else if (to == PROCESS_KILLED)
        signal_group(p, SIGKILL);
}

void process_end_begin(struct process *p, bool leave)
{
    close_one(&p->s.in);
    look_for_exit(p);
    if (p->ending == PROCESS_RUNS)
        go_on_ending(p, leave ? PROCESS_LEAVING : PROCESS_TOLD);
}

/* What it still says is thrown away, lest it waits for us to read it. */
static void discard(struct process *p)
{
    char bytes[4096];

    read_err(p);
    for (size_t all = 0; !p->eof && all < DISCARD_TURN;) {
        ssize_t n = read(p->s.out, bytes, sizeof(bytes));

        if (n > 0)
            all += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            p->eof = true;
        else if (errno == EAGAIN)
            return;
    }
}

static bool reap(struct process *p)
{
    signal_group(p, SIGKILL); /* whom it left behind */
    while (waitpid(p->s.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return true;
}

bool process_end_step(struct process *p, int patience)
{
    int64_t since;

    discard(p);
    look_for_exit(p);
    if (p->exited)
        return reap(p);
    since = spawn_now() - p->ending_since;
    if (p->ending == PROCESS_LEAVING && since >= PROCESS_LEAVE_MS)
        go_on_ending(p, PROCESS_TOLD);
    else if (p->ending == PROCESS_TOLD && since >= PROCESS_TERM_MS)
        go_on_ending(p, PROCESS_KILLED);
    else if (p->ending == PROCESS_KILLED && since >= PROCESS_KILL_MS) {
        kit_log(p->log.host, CTR_LOG_ERROR,
                "exec program does not end even when killed, it is left behind pid=%d",
                (int)p->s.pid);
        return true;
    }
    if (patience > 0) {
        struct pollfd fds[] = {{.fd = p->s.pidfd, .events = POLLIN},
                               {.fd = p->eof ? -1 : p->s.out, .events = POLLIN},
                               {.fd = p->s.err, .events = POLLIN}};

        poll(fds, sizeof(fds) / sizeof(fds[0]),
             p->s.pidfd < 0 && patience > 5 ? 5 : patience);
    }
    return false;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    read_err(p);
    errlog_finish(&p->log, spawn_now());
    close_one(&p->s.in);
    close_one(&p->s.out);
    close_one(&p->s.err);
    close_one(&p->s.pidfd);
    lines_finish(&p->lines);
    free(p->pending);
    free(p);
}

void process_end(struct process *p, bool leave)
{
    if (!p)
        return;
    process_end_begin(p, leave);
    while (!process_end_step(p, 50))
        ;
    process_free(p);
}
