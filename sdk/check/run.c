/* run.c - runs a check in a child process, and reads from a pipe what it finds. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

/* The child's end of the pipe; -1 in the parent. */
static int report_fd = -1;

/* --- the child's side: records of kind TAB text TAB remedy LF -------------------------
 */

static void flatten(char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\t')
            *text = ' ';
}

static void report(char kind, const char *remedy, const char *fmt, va_list ap)
{
    char text[RESULT_TEXT_MAX - 8], line[2 * RESULT_TEXT_MAX];
    int n;

    vsnprintf(text, sizeof(text), fmt, ap);
    flatten(text);
    n = snprintf(line, sizeof(line), "%c\t%s\t%.*s\n", kind, text, RESULT_TEXT_MAX - 8,
                 remedy ? remedy : "");
    if (write(report_fd, line, (size_t)n) != n)
        _exit(3);
}

#define REPORT(kind, remedy, fmt)       \
    do {                                \
        va_list ap_;                    \
        va_start(ap_, fmt);             \
        report(kind, remedy, fmt, ap_); \
        va_end(ap_);                    \
    } while (0)

void check_fail(const char *remedy, const char *fmt, ...)
{
    REPORT('F', remedy, fmt);
    _exit(0);
}

void check_skip(const char *fmt, ...)
{
    REPORT('S', NULL, fmt);
    _exit(0);
}

void check_warn(const char *remedy, const char *fmt, ...)
{
    REPORT('W', remedy, fmt);
}

void check_note(const char *fmt, ...)
{
    REPORT('N', NULL, fmt);
}

void check_step(const char *fmt, ...)
{
    REPORT('A', NULL, fmt);
}

/* --- what a plugin must have for a check ----------------------------------------------
 */

static void need(bool there, const char *what)
{
    if (!there)
        check_skip("%s", what);
}

static void check_needs(const struct check *c, const struct subject *s)
{
    const struct ctr_plugin *p = &s->plugin;

    if (c->needs & NEEDS_SOURCE)
        need(p->source, "it is no source");
    if (c->needs & NEEDS_FRONTEND)
        need(p->frontend && s->frontend.stream, "it is no front end that listens");
    if (c->needs & NEEDS_DELTA)
        need(s->source.flags & CTR_SOURCE_DELTA, "it does not declare CTR_SOURCE_DELTA");
    if (c->needs & NEEDS_SEARCH)
        need(s->source.flags & CTR_SOURCE_SEARCH,
             "it does not declare CTR_SOURCE_SEARCH");
    if (c->needs & NEEDS_LANE)
        need(s->source.threading == CTR_ON_LANE, "it is a source ON_LOOP");
    if (c->needs & NEEDS_LOOP)
        need(s->source.threading == CTR_ON_LOOP, "it is a source ON_LANE");
}

static _Noreturn void child_main(const struct check *c, const struct subject *subject)
{
    struct subject s = *subject;
    const char *why = subject_load(&s);

    if (why)
        check_fail(NULL, "%s", why);
    if (!c) {
        check_note("%s %s: %s", s.plugin.name ? s.plugin.name : s.name,
                   s.plugin.version ? s.plugin.version : "?",
                   s.plugin.summary ? s.plugin.summary : "?");
        for (uint32_t i = 0; i < s.options->n; i++)
            if (!subject_knows(&s, i) &&
                !options_daemon(s.options->at[i].name, s.plugin.source))
                check_warn(NULL, "%u", i);
        _exit(0);
    }
    check_needs(c, &s);
    if (c->needs & NEEDS_START)
        testhost_destroy(subject_start(&s));
    c->run(&s);
    check_step("the end of the process");
    exit(0); /* not _exit: a leak sanitizer looks now */
}

/* --- the parent's side ----------------------------------------------------------------
 */

struct child {
    pid_t pid;
    int report, words; /* read ends; -1: at their end */
    char line[4 * RESULT_TEXT_MAX];
    size_t n_line;
    char step[RESULT_TEXT_MAX];
    bool late, ended;
    int status;
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* As much as there is room for. */
static void text_set(char *out, size_t cap, const char *text)
{
    size_t n = strnlen(text, cap - 1);

    memcpy(out, text, n);
    out[n] = 0;
}

static void finding_set(struct finding *f, const char *text, const char *remedy)
{
    text_set(f->text, sizeof(f->text), text);
    text_set(f->remedy, sizeof(f->remedy), remedy);
}

static void take_line(struct child *c, struct result *r, char *line)
{
    char kind = *line;
    char *text = strchr(line, '\t') ? strchr(line, '\t') + 1 : line;
    char *remedy = strchr(text, '\t');

    if (remedy)
        *remedy++ = 0;
    if (kind == 'F' || kind == 'S') {
        r->state = kind == 'F' ? RESULT_FAILED : RESULT_SKIPPED;
        finding_set(&r->failed, text, remedy ? remedy : "");
    } else if (kind == 'W' && r->n_warnings < RESULT_WARNINGS_MAX) {
        finding_set(&r->warnings[r->n_warnings++], text, remedy ? remedy : "");
    } else if (kind == 'N') {
        text_set(r->note, sizeof(r->note), text);
    } else if (kind == 'A') {
        text_set(c->step, sizeof(c->step), text);
    }
}

static void take_report(struct child *c, struct result *r)
{
    ssize_t n = read(c->report, c->line + c->n_line, sizeof(c->line) - c->n_line);
    char *end;

    if (n <= 0) {
        close(c->report);
        c->report = -1;
        return;
    }
    c->n_line += (size_t)n;
    while ((end = memchr(c->line, '\n', c->n_line)) != NULL) {
        size_t used = (size_t)(end - c->line) + 1;

        *end = 0;
        take_line(c, r, c->line);
        c->n_line -= used;
        memmove(c->line, c->line + used, c->n_line);
    }
    if (c->n_line == sizeof(c->line))
        c->n_line = 0; /* no record is as long */
}

/* Keeps the first part: there stands what went wrong first. */
static void take_words(struct child *c, struct result *r)
{
    char text[4096];
    ssize_t n = read(c->words, text, sizeof(text));
    size_t have = strlen(r->words);

    if (n <= 0) {
        close(c->words);
        c->words = -1;
        return;
    }
    for (ssize_t i = 0; i < n && have + 1 < sizeof(r->words); i++)
        if (text[i])
            r->words[have++] = text[i];
    r->words[have] = 0;
}

/* Until both pipes are closed or the time is over. A grandchild may hold a pipe open:
 * what counts is the end of the child. */
static void child_watch(struct child *c, struct result *r, int64_t until)
{
    while (c->report >= 0 || c->words >= 0) {
        struct pollfd fds[2] = {{.fd = c->report, .events = POLLIN},
                                {.fd = c->words, .events = POLLIN}};
        int64_t left = until - now_ms();
        int n = poll(fds, 2, left < 0 ? 0 : left < 100 ? (int)left : 100);

        if (n > 0 && fds[0].revents)
            take_report(c, r);
        if (n > 0 && fds[1].revents)
            take_words(c, r);
        if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
            c->ended = true;
        if (n == 0 && (c->ended || left <= 0))
            break;
    }
    c->late = !c->ended && now_ms() >= until;
}

static void child_end(struct child *c)
{
    kill(-c->pid, SIGKILL); /* also what a plugin started and left */
    if (!c->ended)
        while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
            ;
    if (c->report >= 0)
        close(c->report);
    if (c->words >= 0)
        close(c->words);
}

static void child_setup(int report, int words)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setpgid(0, 0);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(words, STDERR_FILENO) < 0)
        _exit(3);
    setvbuf(stderr, NULL, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN); /* as in the daemon */
    report_fd = report;
}

static bool child_start(struct child *c, const struct check *check,
                        const struct subject *s)
{
    int report[2], words[2];

    if (pipe2(report, O_CLOEXEC) != 0 || pipe2(words, O_CLOEXEC) != 0)
        return false;
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        child_setup(report[1], words[1]);
        child_main(check, s);
    }
    close(report[1]);
    close(words[1]);
    c->report = report[0];
    c->words = words[0];
    if (c->pid > 0)
        setpgid(c->pid, c->pid);
    return c->pid > 0;
}

/* --- the verdict ----------------------------------------------------------------------
 */

static const char broke[] = "testhost: the plugin broke the contract: ";

/* The line of the words that begins or continues after `mark`. */
static bool line_of(const char *words, const char *mark, char *out, size_t cap)
{
    const char *at = strstr(words, mark);

    if (!at)
        return false;
    snprintf(out, cap, "%.*s", (int)strcspn(at, "\n"), at);
    return true;
}

static void fail_while(struct result *r, const struct child *c, const char *text,
                       const char *remedy)
{
    char full[3 * RESULT_TEXT_MAX];

    snprintf(full, sizeof(full), "%s%s%s", text, *c->step ? "; while: " : "", c->step);
    full[sizeof(r->failed.text) - 1] = 0;
    r->state = RESULT_FAILED;
    finding_set(&r->failed, full, remedy);
}

static void fail_signal(struct result *r, const struct child *c)
{
    char text[RESULT_TEXT_MAX];

    if (line_of(r->words, broke, text, sizeof(text))) {
        fail_while(r, c, text + strlen(broke),
                   "The headers say at this function what is allowed.");
    } else {
        snprintf(text, sizeof(text), "the plugin crashed: %s",
                 strsignal(WTERMSIG(c->status)));
        fail_while(r, c, text,
                   "Build it with -fsanitize=address,undefined -g and run this check "
                   "again: it then says where.");
    }
}

static bool sanitized(struct result *r, const struct child *c)
{
    char text[RESULT_TEXT_MAX];

    if (line_of(r->words, "LeakSanitizer", text, sizeof(text)))
        fail_while(r, c, "the plugin leaks memory, says the sanitizer (below)",
                   "Free in destroy what create took, and on each error path.");
    else if (line_of(r->words, "Sanitizer:", text, sizeof(text)) ||
             line_of(r->words, "runtime error:", text, sizeof(text)))
        fail_while(r, c, text, "What the sanitizer says stands below.");
    else
        return false;
    return true;
}

static void judge(struct result *r, const struct child *c, const struct check *check,
                  uint32_t seconds)
{
    char text[RESULT_TEXT_MAX];

    if (r->state == RESULT_FAILED || r->state == RESULT_SKIPPED)
        return;
    if (c->late) {
        snprintf(text, sizeof(text), "it did not end within %u s", seconds);
        fail_while(r, c, text,
                   "Look for a loop without an end, or for a wait without a time limit; "
                   "if the source is slow and no more, give --limit SECONDS.");
    } else if (WIFSIGNALED(c->status)) {
        if (!sanitized(r, c))
            fail_signal(r, c);
    } else if (sanitized(r, c)) {
        return;
    } else if (WEXITSTATUS(c->status) != 0 ||
               (check && strcmp(c->step, "the end of the process") != 0)) {
        snprintf(text, sizeof(text), "the plugin ended the process with status %d",
                 WEXITSTATUS(c->status));
        fail_while(r, c, text, "A plugin never calls exit: it returns an error.");
    } else if (r->n_warnings > 0) {
        r->state = RESULT_WARNING;
    }
}

static void run(const struct check *check, const struct subject *s, uint32_t seconds,
                struct result *r)
{
    struct child c = {.report = -1, .words = -1};
    int64_t began = now_ms();

    memset(r, 0, sizeof(*r));
    if (!child_start(&c, check, s)) {
        r->state = RESULT_FAILED;
        finding_set(&r->failed, "cannot start a process", strerror(errno));
        return;
    }
    child_watch(&c, r, began + seconds * INT64_C(1000));
    child_end(&c);
    r->ms = (uint32_t)(now_ms() - began);
    judge(r, &c, check, seconds);
}

void run_load(const struct subject *s, struct result *r)
{
    enum { LOAD_SECONDS = 30 };

    run(NULL, s, LOAD_SECONDS, r);
}

void run_check(const struct check *c, const struct subject *s, uint32_t seconds,
               struct result *r)
{
    run(c, s, seconds ? seconds : c->seconds, r);
}
