/* test_exec_live.c - live searches through the exec source, and its test in steps. */
#include <pthread.h>

#include "test_exec_util.h"

/* --- a host for searches --------------------------------------------------------------
 */

static struct {
    char text[2048]; /* "id: value; ..." of the hits */
    unsigned hits, done;
    int32_t status;
    int32_t answer; /* what search_hits says */
} got;

static int32_t search_hits(const struct ctr_host *host, struct ctr_search *search,
                           const struct ctr_contact *hits, uint32_t n)
{
    (void)host, (void)search;
    if (n < 1 || n > 256 || got.done)
        abort();
    for (uint32_t i = 0; i < n; i++) {
        size_t len = strlen(got.text);

        snprintf(got.text + len, sizeof(got.text) - len, "%.*s ", (int)hits[i].id.len,
                 hits[i].id.ptr);
        got.hits++;
    }
    return got.answer;
}

static void search_done(const struct ctr_host *host, struct ctr_search *search,
                        int32_t status)
{
    (void)host, (void)search;
    if (status > 0)
        abort();
    got.status = status;
    got.done++;
}

static struct ctr_search *const handle = (struct ctr_search *)&got;

static struct testhost *live(const char *script, bool keep)
{
    struct testhost *t = make_script(script);

    testhost_set(t, "keep_running", keep ? "true" : "false");
    start(t);
    t->host.search_hits = search_hits;
    t->host.search_done = search_done;
    return t;
}

/* returns the status */
static int32_t ask(struct testhost *t, const struct ctr_filter *filter, uint32_t time)
{
    struct ctr_query query = {
        .size = sizeof(query), .filter = filter, .limit = 10, .time_limit = time};
    int32_t answer = got.answer;

    memset(&got, 0, sizeof(got));
    got.answer = answer;
    if (t->plugin->source->search(t->instance, handle, &query) != 0 || got.done != 1)
        abort();
    return got.status;
}

#define STR(z)             \
    {                      \
        (z), sizeof(z) - 1 \
    }

static const struct ctr_str number_spellings[] = {STR("+4989840798192"),
                                                  STR("089840798192"), STR("192")};
static const struct ctr_filter number = {.op = CTR_OP_EQUAL,
                                         .kinds = CTR_KINDS_PHONE,
                                         .values = number_spellings,
                                         .n_values = 3};

/* A program that looks things up and says in its notes how it was asked. */
static const char script_of_search[] =
    "read -r h; echo '{\"contactor\":1,\"can\":[\"search\"]}'\n"
    "while read -r r; do echo \"$r\" >&2\n"
    "case $r in *'\"op\":\"cancel\"'*) continue;; *slow*) sleep 0.4;;\n"
    "*many*) i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "
    "\"{\\\"id\\\":$i,\\\"city\\\":"
    "\\\"x\\\"}\"; done;;\n"
    "*broken*) exit 5;; *sorry*) echo '{\"error\":\"no database\"}'; continue;;\n"
    "*hang*) while read -r r; do :; done;; esac\n"
    "echo '{\"id\":\"'$$'\",\"city\":\"x\"}'; echo '{\"done\":true}'; done";

static struct ctr_filter text_filter(const struct ctr_str *text)
{
    return (struct ctr_filter){.op = CTR_OP_WORDS,
                               .kinds = CTR_KIND(CTR_FIELD_SURNAME),
                               .values = text,
                               .n_values = 1};
}

static int32_t ask_text(struct testhost *t, const char *z, uint32_t time)
{
    struct ctr_str text = {z, strlen(z)};
    struct ctr_filter f = text_filter(&text);

    return ask(t, &f, time);
}

/* --- searches -------------------------------------------------------------------------
 */

static void test_search(void)
{
    struct testhost *t = live(script_of_search, true);
    char first[sizeof(got.text)];

    is_int(ask(t, &number, 5000), 0, "a number is looked up");
    is_int(got.hits, 1, "one hit");
    snprintf(first, sizeof(first), "%s", got.text);
    ok(testhost_logged(t, "\\\"op\\\":\\\"search\\\",\\\"request\\\":1,\\\"numbers\\\":["
                          "\\\"+4989840798192\\\",\\\"089840798192\\\",\\\"192\\\"],"
                          "\\\"digits\\\":[],\\\"texts\\\":[],\\\"ids\\\":[],"
                          "\\\"limit\\\":10,\\\"time_ms\\\":5000"),
       "by all its spellings");
    is_int(ask_text(t, "meier", 5000), 0, "so is a text");
    is_str(got.text, first, "by the same program");
    ok(testhost_logged(t, "\\\"texts\\\":[\\\"meier\\\"]"), "as it was typed");
    finish(t);
}

static void test_filters(void)
{
    struct testhost *t = live(script_of_search, true);
    static const struct ctr_str pieces[] = {STR("0898"), {NULL, 0}};
    static const struct ctr_str id[] = {STR("k7")}, bad[] = {STR("\xff\xfe")};
    static const struct ctr_str name[] = {STR("mue")}, unwanted[] = {STR("secret")};
    const struct ctr_filter digits = {.op = CTR_OP_SUBSTR,
                                      .kinds = CTR_KINDS_PHONE,
                                      .values = pieces,
                                      .n_values = 2},
                            ids = {.op = CTR_OP_EQUAL,
                                   .kinds = CTR_KIND(CTR_FIELD_ID),
                                   .values = id,
                                   .n_values = 1},
                            wrong = text_filter(bad), same = text_filter(name),
                            inner = text_filter(unwanted),
                            present = {
                                .op = CTR_OP_PRESENT,
                                .kinds = CTR_KINDS_PHONE,
                            };
    const struct ctr_filter *one[] = {&inner};
    const struct ctr_filter none = {.op = CTR_OP_NOT, .children = one, .n_children = 1};
    const struct ctr_filter *all[] = {&digits, &ids,  &wrong,  &same,
                                      &same,   &none, &present};
    const struct ctr_filter both = {.op = CTR_OP_AND, .children = all, .n_children = 7};

    is_int(ask(t, &both, 5000), 0, "a filter of all kinds");
    ok(testhost_logged(t, "\\\"numbers\\\":[],\\\"digits\\\":[\\\"0898\\\"],"
                          "\\\"texts\\\":[\\\"mue\\\"],\\\"ids\\\":[\\\"k7\\\"]"),
       "is flattened: each wanted text once");
    is_int(ask(t, &present, 5000), 0, "one that names nothing");
    is_int(got.hits, 0, "is not asked");
    finish(t);
}

static void test_bounds(void)
{
    struct testhost *t = live(script_of_search, true);
    int64_t begun = now_ms();

    is_int(ask_text(t, "slow", 100), -CTR_ETIMEDOUT, "a program slower than the client");
    ok(now_ms() - begun < 1200, "is not waited for");
    is_int(got.hits, 0, "its late hits are thrown away");
    is_int(ask_text(t, "x", 5000), 0, "the next question");
    is_int(got.hits, 1, "gets its own answer");
    begun = now_ms();
    is_int(ask_text(t, "hang", 200), -CTR_ETIMEDOUT, "one that does not come back");
    ok(now_ms() - begun < 2500, "is ended");
    is_int(ask_text(t, "x", 5000), 0, "and another is started");
    is_int(ask_text(t, "many", 5000), 0, "too many hits");
    ok(got.hits >= 1024 && got.hits < 1024 + 256, "are cut: %u", got.hits);
    got.answer = -CTR_ECANCELED;
    is_int(ask_text(t, "many", 5000), 0, "the host has had enough");
    is_int(got.hits, 256, "at once");
    got.answer = -CTR_EPAUSE;
    is_int(ask_text(t, "x", 5000), 0, "a pause is no end");
    got.answer = 0;
    finish(t);
}

static void test_back_off(void)
{
    struct testhost *t = live(script_of_search, true);

    is_int(ask_text(t, "broken", 5000), -CTR_EUNAVAIL, "a program that dies");
    ok(testhost_logged(t, "warn: exec live search failed, the program is not asked for a "
                          "while seconds=1 reason=\"sh exited with code 5"),
       "is told");
    is_int(t->metric_value[2], 1, "it was started once");
    for (int i = 0; i < 20; i++)
        if (ask_text(t, "x", 5000) != -CTR_EUNAVAIL)
            break;
    is_int(t->metric_value[2], 1, "and not for each question after that");
    wait_ms(1100);
    is_int(ask_text(t, "x", 5000), 0, "but after a while");
    is_int(ask_text(t, "sorry", 5000), -CTR_EUNAVAIL, "one that cannot answer");
    ok(testhost_logged(t, "exec live search failed reason=\"no database\""), "says why");
    is_int(ask_text(t, "x", 5000), 0, "and is asked again at once");
    finish(t);
    t = live("echo '{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'", true);
    is_int(ask_text(t, "x", 5000), -CTR_ENOTSUP, "one that cannot search");
    says(t, "does not announce \"search\" in its answer to hello; leave `live` out");
    finish(t);
}

static void test_not_kept(void)
{
    struct testhost *t = live(script_of_search, false);
    char first[sizeof(got.text)];

    is_int(ask_text(t, "x", 5000), 0, "a program for each search");
    no_children("it is ended");
    snprintf(first, sizeof(first), "%s", got.text);
    is_int(ask_text(t, "y", 5000), 0, "another");
    ok(strcmp(got.text, first) != 0, "is another program");
    finish(t);
    t = live("read -r h; echo '{\"contactor\":1,\"can\":[\"search\"]}'; read -r r; echo "
             "'{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'",
             true);
    is_int(ask_text(t, "x", 5000), 0, "one that ends by itself");
    is_int(ask_text(t, "x", 5000), 0, "is started again");
    finish(t);
}

static void *cancel_soon(void *arg)
{
    struct testhost *t = arg;

    wait_ms(200);
    t->plugin->source->search_cancel(t->instance, handle);
    return NULL;
}

static void test_cancel(void)
{
    struct testhost *t = live(script_of_search, true);
    int64_t begun = now_ms();
    pthread_t thread;

    pthread_create(&thread, NULL, cancel_soon, t);
    is_int(ask_text(t, "slow slow", 5000), 0, "a search is canceled");
    pthread_join(thread, NULL);
    ok(now_ms() - begun < 1500, "soon");
    t->plugin->source->search_cancel(t->instance, handle);
    is_int(ask_text(t, "x", 5000), 0, "one canceled too late harms no other");
    is_int(got.hits, 1, "which has its hit");
    finish(t);
}

/* The test host is of one thread: two may not count or log through it. */
static void count_nothing(const struct ctr_host *host, int32_t id, int64_t delta)
{
    (void)host, (void)id, (void)delta;
}

static void log_nothing(const struct ctr_host *host, uint32_t level, const char *text)
{
    (void)host, (void)level, (void)text;
}

/* A sync and a search at the same time. */
static void *sync_meanwhile(void *arg)
{
    struct testhost *t = arg;

    testhost_sync(t, NULL);
    return NULL;
}

static void test_parallel(void)
{
    struct testhost *t = live("read -r h; echo '{\"contactor\":1,\"can\":[\"search\"]}'\n"
                              "read -r r; case $r in *sync*) sleep 0.5;; esac\n"
                              "echo '{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'",
                              false);
    int64_t begun = now_ms();
    pthread_t thread;

    t->host.metric_add = count_nothing;
    t->host.log = log_nothing;
    pthread_create(&thread, NULL, sync_meanwhile, t);
    wait_ms(100);
    is_int(ask_text(t, "x", 5000), 0, "a search beside a sync");
    ok(now_ms() - begun < 450, "does not wait for it");
    pthread_join(thread, NULL);
    is_int(t->sync_status, 0, "and the sync ends well");
    finish(t);
}

/* --- the test -------------------------------------------------------------------------
 */

static char steps[4096];

static void test_step(const struct ctr_host *host, struct ctr_test *test,
                      const char *name, int32_t status, const char *detail,
                      const char *remedy)
{
    size_t len = strlen(steps);

    (void)host, (void)test;
    snprintf(steps + len, sizeof(steps) - len, "%s %s: %s%s%s\n", name,
             status ? "FAILED" : "ok", detail, remedy ? " -> " : "",
             remedy ? remedy : "");
}

static unsigned patience; /* how often test_canceled says no; 0: always */

static int32_t test_canceled(const struct ctr_host *host, struct ctr_test *test)
{
    (void)host, (void)test;
    return patience > 0 && --patience == 0 ? -CTR_ECANCELED : 0;
}

static int32_t run_test(struct testhost *t)
{
    int32_t rc;

    start(t);
    steps[0] = '\0';
    t->host.test_step = test_step;
    t->host.test_canceled = test_canceled;
    rc = t->plugin->source->test(t->instance, NULL);
    finish(t);
    return rc;
}

static void is_test(const char *script, int32_t want, const char *text)
{
    is_int(run_test(make_script(script)), want, "a test");
    if (!ok(strstr(steps, text) != NULL, "tells: %.*s", (int)strcspn(text, "\n"), text))
        for (char *line, *rest = steps; (line = strsep(&rest, "\n"));)
            printf("# it tells: %s\n", line);
}

/* Between steps, and while the program says nothing. */
static void test_steps_canceled(void)
{
    int64_t begun = now_ms();

    patience = 1;
    is_test("read -r h; echo '{\"contactor\":1}'; sleep 60", -CTR_ECANCELED,
            "start ok: /bin/sh runs in /\n");
    ok(!strstr(steps, "hello"), "no further step");
    patience = 4;
    is_test("read -r h; echo '{\"contactor\":1}'; sleep 60", -CTR_ECANCELED,
            "hello ok: protocol 1\n");
    ok(!strstr(steps, "contacts"), "nor one that failed");
    patience = 3;
    is_test("sleep 60", -CTR_ECANCELED, "start ok: /bin/sh runs in /\n");
    ok(now_ms() - begun < 8000, "and nobody waits for a silent program");
    patience = 0;
}

static void test_steps(void)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "command", "/nowhere/x");
    is_int(run_test(t), -CTR_ENOENT, "no program");
    is_str(steps,
           "start FAILED: the program /nowhere/x does not exist -> Correct `command`, or "
           "install the program.\n",
           "the only step");
    is_test(
        "echo '{\"id\":1,\"city\":\"x\"}'; echo '{\"done\":true}'", 0,
        "start ok: /bin/sh runs in /\nhello ok: it does not answer hello: it is asked "
        "for all contacts only\ncontacts ok: all it has were read: 1 can be used\n");
    is_test(
        "read -r h; echo '{\"contactor\":1,\"can\":[\"search\"]}'; read -r r; i=0; "
        "while [ $i -lt 9 ]; do i=$((i+1)); echo \"{\\\"id\\\":$i,\\\"city\\\":1}\"; "
        "done; sleep 60",
        0,
        "hello ok: protocol 1; can search\ncontacts ok: the first were read: 5 can be "
        "used\n");
    is_test("read -r h; read -r r; echo '{\"done\":true}'", 0,
            "contacts ok: it has no contacts\n");
    is_test("echo '{\"id\":1}'; echo '{\"done\":true}'", -CTR_EFORMAT,
            "contacts FAILED: line 1: it has no value besides its id -> Correct what");
    is_test("read -r h; echo '{\"contactor\":1,\"can\":[\"test\"]}'; read -r r\n"
            "echo '{\"step\":\"connect\",\"ok\":true,\"detail\":\"db.example\"}'\n"
            "echo '{\"step\":\"login\",\"ok\":false,\"detail\":\"refused\",\"remedy\":"
            "\"renew it\"}'; sleep 60",
            -CTR_EUNAVAIL,
            "can test\nconnect ok: db.example\nlogin FAILED: refused -> renew it\n");
    is_test(
        "read -r h; echo '{\"contactor\":1,\"can\":[\"test\",\"search\"]}'; read -r r\n"
        "echo '{\"done\":true}'",
        0, "hello ok: protocol 1; can search and test\n");
    is_test("read -r h; echo '{\"contactor\":1,\"can\":[\"test\"]}'; read -r r\n"
            "echo '{\"error\":\"no\",\"remedy\":\"yes\"}'",
            -CTR_EUNAVAIL, "test FAILED: no -> yes\n");
}

static void test_steps_fail(void)
{
    is_test("echo connecting", -CTR_EFORMAT,
            "hello FAILED: line 1 of sh: it is not one JSON object -> Write nothing but");
    is_test(
        "echo cannot import x >&2; exit 1", -CTR_EUNAVAIL,
        "hello FAILED: sh exited with code 1 before it said {\"done\":true}; its last "
        "line on stderr: \"cannot import x\" -> Run the program by hand");
    is_test("echo '{\"contactor\":9}'", -CTR_EVERSION, "hello FAILED: sh speaks another");
    is_test("echo '{\"id\":1,\"city\":\"x\"}'; exit 3", -CTR_EUNAVAIL,
            "contacts FAILED: sh exited with code 3");
    is_test("echo '{\"error\":\"no\"}'", -CTR_EUNAVAIL, "contacts FAILED: no\n");
    is_test("yes '{\"progress\":1}'", -CTR_EREFUSED, "does not come to an end");
    is_test("head -c 300000 /dev/zero | tr '\\0' x", -CTR_ESIZE,
            "longer than max_line, 262144 bytes -> Write one object a line");
}

int main(void)
{
    begin();
    test_search();
    test_filters();
    test_bounds();
    test_back_off();
    test_not_kept();
    test_cancel();
    test_parallel();
    test_steps();
    test_steps_canceled();
    test_steps_fail();
    unlink(script_path);
    return tap_done();
}
