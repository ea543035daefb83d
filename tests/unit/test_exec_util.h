/* test_exec_util.h - what the tests of the exec source share: scripts for /bin/sh as
 * programs, and a look whether any process is left. */
#ifndef TEST_EXEC_UTIL_H
#define TEST_EXEC_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "testhost.h"

__attribute__((unused)) static char script_path[] = "/tmp/test_exec.XXXXXX";

static void begin(void)
{
    int fd = mkstemp(script_path);

    if (fd < 0)
        abort();
    close(fd);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
}

/* A whole file, replaced: one that is open for writing cannot be executed. */
__attribute__((unused)) static void put_script(const char *text, mode_t mode)
{
    FILE *f;

    unlink(script_path);
    f = fopen(script_path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(script_path, mode) != 0)
        abort();
}

__attribute__((unused)) static void wait_ms(int ms)
{
    poll(NULL, 0, ms);
}

__attribute__((unused)) static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct testhost *make_script(const char *script)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "command", "/bin/sh");
    testhost_set(t, "command", "-c");
    testhost_set(t, "command", script);
    return t;
}

static void start(struct testhost *t)
{
    if (testhost_start(t) != 0) {
        printf("# start: %s\n",
               t->option_errors.n ? t->option_errors.at[0].b : t->failure);
        abort();
    }
}

__attribute__((unused)) static struct testhost *
sync_script(const char *script, const char *cursor, int32_t want)
{
    struct testhost *t = make_script(script);

    start(t);
    is_int(testhost_sync(t, cursor), want, "a sync");
    if (t->sync_status != want)
        printf("# %s\n", t->failure);
    return t;
}

__attribute__((unused)) static void says(const struct testhost *t, const char *text)
{
    if (!ok(strstr(t->failure, text) != NULL, "the reason says: %s", text))
        printf("# it says: %s\n", t->failure);
}

__attribute__((unused)) static void rejects(const struct testhost *t, const char *text)
{
    if (!ok(testhost_rejected(t, text), "rejected: %s", text))
        for (uint32_t i = 0; i < t->rejects.n && i < 20; i++)
            printf("# %s: %s\n", t->rejects.at[i].a, t->rejects.at[i].b);
}

__attribute__((unused)) static void is_value(const struct testhost *t, const char *id,
                                             uint32_t kind, uint32_t i, const char *want)
{
    is_str(testhost_value(testhost_find(t, id), kind, NULL, i), want, "%s has kind %u",
           id, kind);
}

/* Every program was reaped. */
static void no_children(const char *what)
{
    pid_t pid = waitpid(-1, NULL, WNOHANG);

    ok(pid < 0 && errno == ECHILD, "no process is left: %s", what);
}

static void finish(struct testhost *t)
{
    testhost_destroy(t);
    no_children("after the test");
}

#endif
