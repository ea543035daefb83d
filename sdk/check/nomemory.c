/* nomemory.c - check of what a plugin does when an allocation of its own fails: each in
 * turn, alone and with all that follow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "faults.h"
#include "options.h"
#include "source.h"

/* What is done while allocations fail, and what it gave when none did. */
struct trial {
    struct subject *s;
    const char *what; /* "a sync" */
    void (*run)(struct trial *trial, uint32_t from, bool on);
    const struct exchange *client;
    uint32_t calls; /* allocations of the last run */
    bool based;     /* what follows is how it is when nothing fails */
    struct ids ids;
    int32_t status;
    uint32_t hits;
    uint8_t *answer;
    uint64_t n_answer;
    bool known; /* that it works when nothing fails */
    bool unfit; /* it does not: that is told by other checks */
};

#define wrong(trial, ...) \
    ((trial)->known ? check_fail(__VA_ARGS__) : (void)((trial)->unfit = true))

static const char look_at_each[] =
    "Look at what each allocation gave; where it is NULL, give back what was taken so "
    "far, tell host->fail, and end with -CTR_ENOMEM.";

static struct testhost *start(const struct trial *trial)
{
    struct testhost *t = subject_host(trial->s);

    if (testhost_start(t) != 0)
        check_fail("What an allocation that failed left behind must not count later.",
                   "after %s without memory it does not start: %s", trial->what,
                   t->failure);
    return t;
}

/* --- a life ---------------------------------------------------------------------------
 */

static void a_life(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = subject_host(trial->s);
    int32_t rc;

    faults_arm(from, on);
    rc = testhost_start(t);
    testhost_stop(t);
    trial->calls = faults_disarm();
    if (rc != 0 && strcmp(code_name(rc), "no CTR_E* code") == 0)
        wrong(trial, look_at_each,
              "without memory it does not start with %d, which is no "
              "code of error.h",
              rc);
    testhost_destroy(t);
}

/* --- a sync ---------------------------------------------------------------------------
 */

static void compare_ids(struct trial *trial, struct testhost *t, const char *when)
{
    struct ids now;

    ids_take(&now, t);
    if (!trial->ids.at) {
        trial->ids = now;
        return;
    }
    if (ids_differ(&trial->ids, &now))
        wrong(trial,
              "A full sync that ends with 0 removes what it did not put: where one "
              "contact cannot be put, the sync has failed.",
              "%s it ended with 0 and put %llu contacts instead of %llu", when,
              (unsigned long long)now.n, (unsigned long long)trial->ids.n);
    ids_finish(&now);
}

static void a_sync(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = start(trial);
    int32_t rc;

    faults_arm(from, on);
    rc = testhost_sync(t, NULL);
    trial->calls = faults_disarm();
    if (rc == 0)
        compare_ids(trial, t, "a sync whose memory was out:");
    source_settle(t);
    if (testhost_sync(t, NULL) != 0)
        wrong(trial, "Free and forget what a sync left when it ends, however it ends.",
              "after a sync without memory the next one fails: %s", t->failure);
    else
        compare_ids(trial, t, "a sync after one without memory:");
    testhost_destroy(t);
}

static void a_delta(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = start(trial);

    if (testhost_sync(t, NULL) == 0 && t->cursor) {
        faults_arm(from, on);
        testhost_sync(t, t->cursor);
        trial->calls = faults_disarm();
        source_settle(t);
    }
    testhost_destroy(t);
}

/* --- a search -------------------------------------------------------------------------
 */

static void compare_hits(struct trial *trial, const struct testhost *t, const char *when)
{
    if (t->search_status == 0 && trial->status == 0 && t->n_hits != trial->hits)
        wrong(trial,
              "Without all hits end the search with an error: search_done with a "
              "negative status, after host->fail.",
              "%s it ended with 0 and gave %u hits instead of %u", when, t->n_hits,
              trial->hits);
}

static void a_search(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = start(trial);
    struct ctr_query query;

    source_question(0, &query);
    faults_arm(from, on);
    testhost_search(t, &query);
    trial->calls = faults_disarm();
    if (!trial->based) {
        trial->status = t->search_status;
        trial->hits = t->n_hits;
    }
    compare_hits(trial, t, "a search whose memory was out:");
    source_settle(t);
    testhost_search(t, &query);
    if (t->search_status != -CTR_EUNAVAIL) { /* it may leave its server alone first */
        if (t->search_status != trial->status)
            wrong(trial, look_at_each,
                  "after a search without memory the next one ends "
                  "with %s: %s",
                  code_name(t->search_status), t->failure);
        compare_hits(trial, t, "a search after one without memory:");
    }
    testhost_destroy(t);
}

static void a_test(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = start(trial);

    faults_arm(from, on);
    testhost_test(t);
    trial->calls = faults_disarm();
    source_settle(t);
    testhost_destroy(t);
}

/* --- a client -------------------------------------------------------------------------
 */

/* That on_open refuses it is right. */
static void say(const struct trial *trial, struct testhost *t)
{
    struct ctr_stream *stream = testhost_connect(t, "192.0.2.1", 0);

    if (!stream)
        return;
    testhost_feed(stream, trial->client->bytes, trial->client->n);
    testhost_goodbye(stream, CTR_CLOSE_SHUTDOWN);
}

/* The same client again, when there is memory, must be answered as ever. */
static void say_again(struct trial *trial, struct testhost *t)
{
    struct ctr_stream *stream = testhost_connect(t, "192.0.2.1", 0);
    const uint8_t *answer;
    uint64_t n;

    if (!stream)
        wrong(trial, look_at_each,
              "after a client without memory on_open refuses the next");
    testhost_feed(stream, trial->client->bytes, trial->client->n);
    answer = testhost_output(stream, &n);
    if (!trial->based) {
        trial->answer = malloc((size_t)n + 1);
        if (!trial->answer)
            abort();
        memcpy(trial->answer, answer ? answer : (const uint8_t *)"", (size_t)n);
        trial->n_answer = n;
    } else if (n != trial->n_answer ||
               (n && memcmp(answer, trial->answer, (size_t)n) != 0)) {
        wrong(trial, look_at_each,
              "after a client without memory the next one is answered otherwise: "
              "%llu bytes instead of %llu",
              (unsigned long long)n, (unsigned long long)trial->n_answer);
    }
    testhost_hangup(stream);
}

static void a_client(struct trial *trial, uint32_t from, bool on)
{
    struct testhost *t = start(trial);

    clients_directory(t, 20);
    faults_arm(from, on);
    say(trial, t);
    trial->calls = faults_disarm();
    testhost_run(t);
    if (t->queries_open)
        wrong(trial, "Cancel in on_close what the connection still asks.",
              "a client without memory has ended, and %u of its queries go on",
              t->queries_open);
    say_again(trial, t);
    testhost_destroy(t);
}

/* --- all of them ----------------------------------------------------------------------
 */

static void once(struct trial *trial, uint32_t n, uint32_t calls, bool on)
{
    check_step("allocation %u of %u of %s fails%s", n, calls, trial->what,
               on ? ", and all that follow" : "");
    trial->run(trial, n, on);
}

enum { AGAIN = 4, GROWTH = 8 }; /* bytes: no allocation is smaller */

/* Whether it works, the same each time and without a leak, when nothing fails. */
static bool works(struct trial *trial)
{
    int grew = 0;

    for (int i = 0; i < AGAIN && !trial->unfit; i++) {
        uint64_t before = usage_memory();

        trial->run(trial, 0, false);
        trial->based = true;
        grew += usage_memory() >= before + GROWTH;
    }
    trial->known = !trial->unfit && grew < AGAIN;
    return trial->known;
}

/* What stays four times over is no cache. */
static void fail_and_weigh(struct trial *trial, uint32_t n, uint32_t calls, bool on)
{
    uint64_t before = usage_memory();
    int64_t grown = 0;

    once(trial, n, calls, on);
    for (int i = 0; i < AGAIN && usage_memory() >= before + GROWTH; i++) {
        before = usage_memory();
        once(trial, n, calls, on);
        grown = (int64_t)(usage_memory() - before);
        if (i + 1 == AGAIN && grown >= GROWTH)
            check_fail("On each way out of a function give back what it took.",
                       "when allocation %u of %s fails%s, about %lld bytes of memory "
                       "stay behind",
                       n, trial->what, on ? " with all that follow" : "",
                       (long long)grown);
    }
}

/* At as many places, evenly spread over all, as there is time for. returns how many */
static uint32_t fail_everywhere(struct trial *trial)
{
    enum { PLACES = 96, LEAST = 4, MS = 12000 };
    int64_t began = usage_ms(), places;
    uint32_t calls, done = 0;

    trial->run(trial, 0, false);
    calls = trial->calls;
    places = MS / (4 * (usage_ms() - began) + 1);
    places = places > PLACES ? PLACES : places < LEAST ? LEAST : places;
    for (uint32_t n = 1; n <= calls; n += calls / (uint32_t)places + 1) {
        fail_and_weigh(trial, n, calls, false);
        fail_and_weigh(trial, n, calls, true);
        done += 2;
    }
    return done;
}

static uint32_t everywhere(struct trial *trial)
{
    uint32_t done = 0;

    check_step("%s", trial->what);
    if (works(trial))
        done = fail_everywhere(trial);
    ids_finish(&trial->ids);
    free(trial->answer);
    trial->answer = NULL;
    return done;
}

/* Whether a sync succeeds at all; if not, the check "sync" tells it. */
static bool syncs(struct subject *s)
{
    struct testhost *t = subject_host(s);
    bool well = testhost_start(t) == 0 && testhost_sync(t, NULL) == 0;

    testhost_destroy(t);
    return well;
}

static uint32_t try_source(struct subject *s)
{
    struct trial sync = {.s = s, .what = "a sync", .run = a_sync};
    struct trial delta = {.s = s, .what = "a delta", .run = a_delta};
    struct trial search = {.s = s, .what = "a search", .run = a_search};
    struct trial test = {.s = s, .what = "a test", .run = a_test};
    uint32_t done = 0;

    if (syncs(s)) {
        done += everywhere(&sync);
        if (s->source.flags & CTR_SOURCE_DELTA)
            done += everywhere(&delta);
    }
    if (s->source.flags & CTR_SOURCE_SEARCH)
        done += everywhere(&search);
    if (s->source.test && s->source.threading == CTR_ON_LANE)
        done += everywhere(&test);
    return done;
}

static uint32_t try_clients(struct subject *s)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < s->clients->n; i++) {
        char what[256];
        struct trial client = {
            .s = s, .what = what, .run = a_client, .client = &s->clients->at[i]};

        snprintf(what, sizeof(what), "a client (%s)", s->clients->at[i].name);
        done += everywhere(&client);
    }
    return done;
}

static void no_memory_run(struct subject *s)
{
    struct trial life = {.s = s, .what = "a life", .run = a_life};
    uint32_t done;

    if (faults_lay(s) == 0)
        check_skip("it asks for no memory itself");
    done = everywhere(&life);
    if (s->plugin.source)
        done += try_source(s);
    if (s->frontend.stream)
        done += try_clients(s);
    check_note("%u times an allocation failed, alone or with all that followed", done);
}

const struct check check_no_memory = {
    .name = "no-memory",
    .rule = "When an allocation fails the plugin ends what it was about with an error, "
            "once, and goes on later as if nothing had been; where a language cannot do "
            "that, --skip no-memory leaves this check out.",
    .where = "error.h (CTR_ENOMEM), source.h",
    .needs = NEEDS_START,
    .seconds = 300,
    .run = no_memory_run,
};
