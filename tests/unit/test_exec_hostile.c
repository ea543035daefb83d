/* test_exec_hostile.c - programs that do what they should not: each ends within bounds,
 * with a reason, and leaves no process behind. */
#include <pthread.h>

#include "test_exec_util.h"

#define GOOD "echo '{\"id\":1,\"city\":\"x\"}'; "
#define DONE "echo '{\"done\":true}'; "

/* A source over a script, with options in pairs, ended by NULL. */
static struct testhost *hostile(const char *script, const char *const *options)
{
    struct testhost *t = make_script(script);

    for (; options && *options; options += 2)
        testhost_set(t, options[0], options[1]);
    start(t);
    return t;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Syncs and finishes; most: ms it may take. says: part of the reason, or NULL. */
static void check(const char *name, struct testhost *t, int32_t want, const char *reason,
                  int64_t most)
{
    int64_t begun = now_ms();

    is_int(testhost_sync(t, NULL), want, "%s", name);
    if (reason)
        says(t, reason);
    else if (t->failure[0])
        printf("# %s\n", t->failure);
    ok(now_ms() - begun < most, "%s: within %lld ms", name, (long long)most);
    finish(t);
}

/* --- what it writes -------------------------------------------------------------------
 */

static void test_garbage(void)
{
    struct testhost *t;

    check("nothing but garbage",
          hostile("head -c 200000 /dev/urandom; echo; " DONE, NULL), -CTR_EFORMAT,
          "nothing of what sh wrote can be used", 5000);
    check("garbage without an end", hostile("yes garbage", NULL), -CTR_EFORMAT,
          "the first: line 1: it is not one JSON object", 5000);
    t = hostile(
        "printf '%s\\n' 'connecting...' '[1]' '{\"id\":1,\"city\":\"x\"} {' '{' "
        "'\"x\"' '7' 'nul'\n"
        "printf '{\"id\":2,\"city\":\"\\377\"}\\n{\"id\":3,\"city\":\"a\\0b\"}\\n'\n"
        "printf '{\"id\":4,\"city\":\"a\\\\u0000b\"}\\n'\n"
        "printf '{\"id\":5,\"city\":\"\\\\ud800\"}\\n'\n" GOOD DONE,
        NULL);
    is_int(testhost_sync(t, NULL), 0, "garbage between contacts");
    is_int(t->n_contacts, 1, "costs its own lines only");
    is_int(t->rejects.n, 11, "which are told");
    rejects(t, "line 1: it is not one JSON object");
    rejects(t, "line 8: it is not UTF-8");
    rejects(t, "line 9: it holds a NUL character");
    rejects(t, "line 10: it holds a NUL character");
    finish(t);
}

static void test_deep(void)
{
    struct testhost *t =
        hostile("head -c 100000 /dev/zero | tr '\\0' '['; echo\n"
                "printf '{\"id\":2,\"x_a\":'; head -c 9 /dev/zero | tr '\\0' '['; echo\n"
                "printf '{\"id\":3,\"x_a\":['; head -c 40000 /dev/zero | sed "
                "'s/\\x00/1,/g'; echo '1]}'\n" GOOD DONE,
                NULL);

    is_int(testhost_sync(t, NULL), 0, "deep and wide JSON");
    rejects(t, "line 1: its JSON is nested too deeply");
    rejects(t, "line 2: its JSON is nested too deeply");
    rejects(t, "line 3: it holds too many values");
    finish(t);
}

static void test_many_fields(void)
{
    struct testhost *t = hostile(
        "exec python3 -c '\n"
        "import json\n"
        "print(json.dumps({\"id\": 1, \"phone_mobile\": [str(i) for i in range(300)]}))\n"
        "print(json.dumps({\"id\": 2, **{\"x_f%d\" % i: i for i in range(5000)}}))\n"
        "print(json.dumps({\"id\": 3, **{\"f%d\" % i: i for i in range(5000)}}))\n"
        "print(json.dumps({\"id\": 4, \"city\": \"c\" * 20000, \"mail\": \"m\"}))\n"
        "print(json.dumps({\"id\": \"5\" * 500, \"mail\": \"m\"}))\n"
        "print(json.dumps({\"id\": 6, \"x_\" + \"n\" * 65: 1, \"mail\": \"m\"}))\n"
        "for i in range(2000):\n"
        "    print(json.dumps({\"id\": 1000 + i, \"phone_mobile\": list(range(128))}))\n"
        "print(json.dumps({\"done\": True}))'",
        NULL);

    is_int(testhost_sync(t, NULL), 0, "huge numbers of fields: %s", t->failure);
    is_int(t->n_contacts, 4 + 2000, "what can be used is");
    is_int(testhost_find(t, "1")->n_fields, CTR_FIELDS_MAX, "at most so many");
    is_int(testhost_find(t, "2")->n_fields, CTR_FIELDS_MAX, "of any kind");
    rejects(t, "line 4: city is too long and was left out");
    rejects(t, "line 5: its id is longer than 400 bytes");
    finish(t);
}

static void test_amounts(void)
{
    check("a line without an end", hostile("yes | tr -d '\\n'", NULL), -CTR_ESIZE,
          "line 1 of sh is longer than max_line, 262144 bytes", 3000);
    check("contacts without an end",
          hostile("while :; do echo '{\"id\":1,\"city\":\"x\"}'; done",
                  OPTIONS("max_contacts", "5000")),
          -CTR_EREFUSED, "more than 5000 contacts", 10000);
    check("rejects without an end",
          hostile("yes '{\"reject\":\"row\",\"reason\":\"no\"}' | head -c 9000000",
                  OPTIONS("max_contacts", "10")),
          -CTR_EREFUSED, "wrote 100021 lines, too many for max_contacts", 10000);
    check("empty lines without an end", hostile("yes ''", OPTIONS("sync_timeout", "1s")),
          -CTR_ETIMEDOUT, "did not end within sync_timeout, 1 s", 5000);
    check("progress, and no more",
          hostile("while :; do echo '{\"progress\":1}'; sleep 0.1; done",
                  OPTIONS("sync_timeout", "1s")),
          -CTR_ETIMEDOUT, "did not end within sync_timeout, 1 s", 5000);
}

/* --- when it ends ---------------------------------------------------------------------
 */

static void test_ends(void)
{
    check("exit in a line", hostile(GOOD "printf '{\"id\":2,\"ci'", NULL), -CTR_EUNAVAIL,
          "exited with code 0 before it said", 2000);
    check("exit at once", hostile("exit 127", NULL), -CTR_EUNAVAIL,
          "exited with code 127 (a command was not found)", 2000);
    check("a crash", hostile(GOOD "kill -SEGV $$", NULL), -CTR_EUNAVAIL,
          "was ended by signal 11 (Segmentation fault)", 2000);
    check("closes stdout, lives on", hostile(GOOD "exec >&-; sleep 60", NULL),
          -CTR_EUNAVAIL, "sh closed its output before it said", 3000);
    check("says nothing", hostile("sleep 60", OPTIONS("start_timeout", "300ms")),
          -CTR_ETIMEDOUT, "said nothing for 0 s; see start_timeout", 3000);
    check("falls silent",
          hostile(GOOD "echo waiting >&2; sleep 60", OPTIONS("silence_timeout", "1s")),
          -CTR_ETIMEDOUT,
          "said nothing for 1 s; see silence_timeout; its last line on stderr: "
          "\"waiting\"",
          4000);
    check("ignores SIGTERM",
          hostile("trap '' TERM; while :; do sleep 1; done",
                  OPTIONS("start_timeout", "200ms")),
          -CTR_ETIMEDOUT, "start_timeout", 4000);
    check("done without a line end", hostile(GOOD "printf '{\"done\":true}'", NULL), 0,
          NULL, 2000);
}

static void test_afterwards(void)
{
    check("writes after done",
          hostile(GOOD DONE "head -c 1000000 /dev/zero; echo '{\"done\":true}'", NULL), 0,
          NULL, 3000);
    check("writes for ever after done", hostile(GOOD DONE "yes", NULL), 0, NULL, 6000);
    check("lives on after done", hostile(GOOD DONE "sleep 60", NULL), 0, NULL, 6000);
    check("lives on, and ignores SIGTERM",
          hostile("trap '' TERM; " GOOD DONE "while :; do sleep 1; done", NULL), 0, NULL,
          6000);
}

/* Whether a process still runs; a zombie nobody has buried yet does not. */
static bool runs(int pid)
{
    char path[64], text[256] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    if (!fgets(text, sizeof(text), f))
        text[0] = '\0';
    fclose(f);
    return strstr(text, ") Z ") == NULL;
}

/* Grandchildren hold the pipes open; they must end with the program. */
static void test_grandchildren(void)
{
    struct testhost *t = hostile("sleep 61 & echo $! >&2; " GOOD DONE, NULL);
    int pid = 0;

    check("a grandchild keeps the pipe", hostile("sleep 61 & " GOOD DONE, NULL), 0, NULL,
          2000);
    check("and the program fails", hostile("sleep 61 & exit 3", NULL), -CTR_EUNAVAIL,
          "exited with code 3", 2000);
    check(
        "a grandchild goes on writing",
        hostile("(while :; do echo '{\"progress\":1}'; sleep 0.01; done) & exit 3", NULL),
        -CTR_EUNAVAIL, "exited with code 3", 3000);
    is_int(testhost_sync(t, NULL), 0, "one more");
    for (uint32_t i = 0; i < t->logs.n; i++)
        if (sscanf(t->logs.at[i].b, "exec stderr=\"%d\"", &pid) == 1)
            break;
    for (int i = 0; i < 100 && pid > 0 && runs(pid); i++)
        wait_ms(10);
    ok(pid > 0 && !runs(pid), "the grandchild is gone");
    finish(t);
}

/* --- its other ends -------------------------------------------------------------------
 */

static void test_stderr(void)
{
    struct testhost *t = hostile(
        "yes error | head -c 3000000 >&2; head -c 100000 /dev/urandom >&2\n"
        "printf 'a\\033[31m\\tb\\n' >&2; head -c 5000 /dev/zero | tr '\\0' x >&2\n"
        "sleep 0.2; echo >&2; " GOOD DONE,
        NULL);
    size_t longest = 0;

    is_int(testhost_sync(t, NULL), 0, "a flood on stderr");
    for (uint32_t i = 0; i < t->logs.n; i++)
        if (strlen(t->logs.at[i].b) > longest)
            longest = strlen(t->logs.at[i].b);
    ok(t->logs.n > 50 && t->logs.n < 150, "few lines are logged: %u", t->logs.n);
    ok(longest < 900, "none of them long: %zu", longest);
    ok(testhost_logged(t, "reason=\"more than 10 a second\""), "and it is told");
    finish(t);
    t = hostile("printf 'a\\033[31m\\tb\\302\\233\"\\n' >&2; " GOOD DONE, NULL);
    is_int(testhost_sync(t, NULL), 0, "control characters on stderr");
    ok(testhost_logged(t, "info: exec stderr=\"a\\\\x1b[31m\\\\x09b\\\\xc2\\\\x9b\\\"\""),
       "do not reach the log");
    finish(t);
}

static void test_stdin(void)
{
    struct testhost *t = hostile("exec <&-; " GOOD DONE, NULL);
    char cursor[60001];

    is_int(testhost_sync(t, NULL), 0, "closes its stdin");
    finish(t);
    memset(cursor, 'c', sizeof(cursor) - 1);
    cursor[sizeof(cursor) - 1] = '\0';
    for (int i = 0; i < 2; i++) {
        char secret[60001];

        memset(secret, 's', sizeof(secret) - 1);
        secret[sizeof(secret) - 1] = '\0';
        t = hostile(i ? "sleep 0.2; cat | wc -c >&2 & sleep 0.3; " GOOD DONE
                      : "sleep 0.2; " GOOD DONE,
                    OPTIONS("secret", secret));
        is_int(testhost_sync(t, cursor), 0, "%s more than a pipe holds",
               i ? "reads late" : "never reads");
        finish(t);
    }
}

/* --- cancel ---------------------------------------------------------------------------
 */

static _Atomic bool canceled;

static int32_t sync_canceled(const struct ctr_host *host, struct ctr_sync *sync)
{
    (void)host, (void)sync;
    return canceled ? -CTR_ECANCELED : 0;
}

static void *cancel_soon(void *arg)
{
    struct testhost *t = arg;

    wait_ms(300);
    canceled = true;
    t->plugin->source->sync_cancel(t->instance, NULL);
    return NULL;
}

static void test_cancel(void)
{
    struct testhost *t = hostile(GOOD "sleep 60", NULL);
    pthread_t thread;
    int64_t begun = now_ms();

    t->host.sync_canceled = sync_canceled;
    pthread_create(&thread, NULL, cancel_soon, t);
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "a sync is canceled");
    ok(now_ms() - begun < 2000, "at once");
    pthread_join(thread, NULL);
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "or before it begins");
    canceled = false;
    finish(t);
    t = hostile("while :; do " GOOD "done", NULL);
    t->cancel_after = 3;
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "or when it puts");
    finish(t);
}

static void test_limits(void)
{
    check("too much memory",
          hostile("exec python3 -c 'x = bytearray(300 << 20)'",
                  OPTIONS("memory_limit", "100M")),
          -CTR_EUNAVAIL, "MemoryError", 5000);
    check("too much processor time",
          hostile("while :; do :; done", OPTIONS("cpu_limit", "1s")), -CTR_EUNAVAIL,
          "was ended by signal", 20000);
}

int main(void)
{
    begin();
    test_garbage();
    test_deep();
    test_many_fields();
    test_amounts();
    test_ends();
    test_afterwards();
    test_grandchildren();
    test_stderr();
    test_stdin();
    test_cancel();
    test_limits();
    unlink(script_path);
    return tap_done();
}
