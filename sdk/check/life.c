/* life.c - checks of the life cycle: often, late, several at once, and what is left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

static void start_or_fail(struct testhost *t, const char *when)
{
    if (testhost_start(t) != 0)
        check_fail("Destroy gives back everything that create and start took.",
                   "%s it does not start: %s", when, t->failure);
}

static void live_once(const struct subject *s)
{
    struct testhost *t = subject_host(s);
    int64_t began, virtual;

    start_or_fail(t, "after other instances have ended,");
    if (s->plugin.source)
        testhost_advance(t, 1);
    began = usage_ms();
    virtual = t->clock;
    testhost_stop(t);
    if (usage_ms() - began > 5000 || t->clock - virtual > 5000)
        check_fail("In stop end what is under way, and call host->stopped at once.",
                   "stopping took %lld ms of real and %lld ms of the host's time",
                   (long long)(usage_ms() - began), (long long)(t->clock - virtual));
    testhost_destroy(t);
}

static void life_run(struct subject *s)
{
    enum { LIVES = 1000, WARM = 3 };
    char last[256] = "";
    uint32_t fds, threads, done = 0;
    int64_t until;

    for (int i = 0; i < WARM; i++)
        live_once(s);
    threads = usage_threads_settled(1);
    fds = usage_descriptors(last, sizeof(last));
    until = usage_ms() + 20000;
    for (; done < LIVES && usage_ms() < until; done++) {
        check_step("life %u", done + 1);
        live_once(s);
    }
    if (usage_threads_settled(threads) > threads)
        check_fail(
            "Tell your threads to end in stop, and join them before host->stopped.",
            "after %u lives there are %u threads more", done, usage_threads() - threads);
    if (usage_descriptors(last, sizeof(last)) > fds)
        check_fail("Close in destroy what create and start opened.",
                   "after %u lives %u descriptors more are open, one of them %s", done,
                   usage_descriptors(last, sizeof(last)) - fds, last);
    if (threads > 1)
        check_warn("Fine where a library does it; its own threads a plugin joins.",
                   "%u threads run on after the first life", threads - 1);
    check_note("created, started, stopped, destroyed %u times", done + WARM);
}

const struct check check_life = {
    .name = "life",
    .rule = "An instance that is stopped and destroyed leaves no thread and no "
            "descriptor; stop ends in host->stopped within 5 s.",
    .where = "plugin.h",
    .needs = NEEDS_START,
    .seconds = 90,
    .run = life_run,
};

/* --- what comes after destroy ---------------------------------------------------------
 */

static _Noreturn void too_late(void)
{
    check_fail(
        "Join your threads and stop your timers before host->stopped; the table of "
        "the host is gone after destroy.",
        "it called the host after destroy");
}

static void late_run(struct subject *s)
{
    struct testhost *t = subject_host(s);
    struct ctr_host *h = &t->host;
    void (*poison)(void) = too_late;
    size_t at = offsetof(struct ctr_host, log);

    start_or_fail(t, "now");
    if (s->plugin.source)
        testhost_sync(t, NULL); /* whether it succeeds is told elsewhere */
    testhost_stop(t);
    for (; at + sizeof(poison) <= sizeof(*h); at += sizeof(poison))
        memcpy((char *)h + at, &poison, sizeof(poison));
    check_step("a quarter of a second after destroy");
    usage_sleep(250);
    testhost_run(t);
    testhost_destroy(t);
    check_note("nothing is heard of it after destroy");
}

const struct check check_late = {
    .name = "late",
    .rule = "After destroy the plugin uses neither its host table nor its instance.",
    .where = "host.h, plugin.h",
    .needs = NEEDS_START,
    .seconds = 90,
    .run = late_run,
};

/* --- several at once ------------------------------------------------------------------
 */

/* Another value than the administrator's, that the schema takes. */
static void set_other(struct testhost *t, const struct ctr_option *o)
{
    char text[32];

    if (o->type == CTR_OPT_STRING || o->type == CTR_OPT_LIST)
        testhost_set(t, o->name, "another-instance");
    else if (o->type == CTR_OPT_PATH)
        testhost_set(t, o->name, "/nonexistent/another-instance");
    else if (o->type == CTR_OPT_CHOICE && o->choices && o->choices[0])
        testhost_set(t, o->name, o->choices[0]);
    else if (o->type == CTR_OPT_INT && (o->min || o->max)) {
        snprintf(text, sizeof(text), "%lld", (long long)o->min);
        testhost_set(t, o->name, text);
    }
}

/* One with all options changed; or the same again where that does not start. */
static struct testhost *start_other(const struct subject *s)
{
    struct testhost *t = subject_host(s);

    for (uint32_t i = 0; i < s->plugin.n_options; i++)
        set_other(t, subject_option(s, i));
    if (testhost_start(t) == 0)
        return t;
    testhost_destroy(t);
    t = subject_host(s);
    start_or_fail(t, "beside another instance");
    return t;
}

static void same_contacts(struct testhost *t, const struct ids *before, const char *when)
{
    struct ids now;

    check_step("a sync of the first instance %s", when);
    if (testhost_sync(t, NULL) != 0)
        check_fail("Keep everything in the instance, nothing in globals.",
                   "%s the first one's sync fails: %s", when, t->failure);
    ids_take(&now, t);
    if (ids_differ(before, &now))
        check_fail("Keep everything in the instance, nothing in globals.",
                   "%s the first one puts other contacts than before", when);
    ids_finish(&now);
}

static void sources_apart(const struct subject *s)
{
    struct testhost *first = subject_host(s), *other;
    struct ids before;

    start_or_fail(first, "now");
    if (testhost_sync(first, NULL) != 0) {
        testhost_destroy(first);
        return;
    }
    ids_take(&before, first);
    other = start_other(s);
    same_contacts(first, &before, "beside a second instance with other options");
    check_step("a sync of the second instance");
    testhost_sync(other, NULL);
    same_contacts(first, &before, "after a sync of the second instance");
    testhost_destroy(other);
    same_contacts(first, &before, "after the second instance has ended");
    ids_finish(&before);
    testhost_destroy(first);
}

static void instances_run(struct subject *s)
{
    enum { MANY = 20 };
    struct testhost *t[MANY];

    if (s->plugin.source)
        sources_apart(s);
    for (int i = 0; i < MANY; i++) {
        check_step("starting instance %d of %d", i + 1, MANY);
        t[i] = i % 2 ? start_other(s) : subject_host(s);
        if (i % 2 == 0)
            start_or_fail(t[i], "beside other instances");
    }
    for (int i = 0; i < MANY; i++) {
        check_step("ending instance %d of %d", i + 1, MANY);
        testhost_destroy(t[i]);
    }
    check_note("%d at once; %s", MANY,
               s->plugin.source ? "one does not change what another puts"
                                : "they start and end beside each other");
}

const struct check check_instances = {
    .name = "instances",
    .rule = "A plugin may have many instances, which share no state.",
    .where = "plugin.h",
    .needs = NEEDS_START,
    .seconds = 300,
    .run = instances_run,
};

/* --- memory ---------------------------------------------------------------------------
 */

static void a_life(void *user)
{
    live_once(user);
}

static void a_sync(void *user)
{
    struct subject *s = user;
    struct testhost *t = subject_host(s);

    start_or_fail(t, "again");
    testhost_sync(t, NULL);
    testhost_destroy(t);
}

/* It ends with an error at the second put. */
static void a_broken_sync(void *user)
{
    struct subject *s = user;
    struct testhost *t = subject_host(s);

    start_or_fail(t, "again");
    t->cancel_after = 2;
    testhost_sync(t, NULL);
    testhost_destroy(t);
}

static void a_search(void *user)
{
    struct subject *s = user;
    struct testhost *t = subject_host(s);
    struct ctr_query query;

    start_or_fail(t, "again");
    for (uint32_t i = 0; source_question(i, &query); i++)
        testhost_search(t, &query);
    testhost_destroy(t);
}

static void memory_run(struct subject *s)
{
    static const char gives_back[] =
        "Free in destroy what create took, and on each way out what a function took; "
        "built with -fsanitize=address the plugin tells here where it was allocated.";

    check_step("lives, one after the other");
    usage_watch(a_life, s, 250, 8, "a life", gives_back);
    if (s->plugin.source) {
        check_step("syncs, one after the other");
        usage_watch(a_sync, s, 50, 8, "a sync", gives_back);
        check_step("syncs that are canceled");
        usage_watch(a_broken_sync, s, 50, 8, "a canceled sync", gives_back);
    }
    if (s->source.flags & CTR_SOURCE_SEARCH) {
        check_step("searches");
        usage_watch(a_search, s, 20, 8, "a round of searches", gives_back);
    }
    check_note("%s", usage_sanitized()
                         ? "nothing grows; the leak sanitizer looks at the end of each "
                           "check, too"
                         : "nothing grows; a plugin built with -fsanitize=address is "
                           "looked at more closely");
}

const struct check check_memory = {
    .name = "memory",
    .rule = "What a life, a sync or a search takes it gives back.",
    .where = "plugin.h (destroy)",
    .needs = NEEDS_START,
    .seconds = 600,
    .run = memory_run,
};
