/* search.c - checks of a source's live search, and of its test. */

#include "options.h"
#include "source.h"

/* Each question again, with every search_hits saying -CTR_EPAUSE. */
static void search_paused(struct testhost *t, int64_t until)
{
    struct ctr_query query;

    for (uint32_t i = 0; source_question(i, &query) && usage_ms() < until; i++) {
        uint32_t hits;
        int32_t status;

        check_step("search %u, with and without a pause at its hits", i);
        status = testhost_search(t, &query);
        hits = t->n_hits;
        if (hits == 0)
            continue;
        t->pause_hits = true;
        testhost_search(t, &query);
        t->pause_hits = false;
        if (t->search_status != status || t->n_hits != hits)
            check_fail("-CTR_EPAUSE means taken: sleep a little on a lane, and go on.",
                       "when search_hits says -CTR_EPAUSE a search ends with %s and %u "
                       "hits, without with %s and %u",
                       code_name(t->search_status), t->n_hits, code_name(status), hits);
    }
}

static void search_run(struct subject *s)
{
    struct ctr_query query;
    struct testhost *t;
    uint32_t n = 0, hits = 0, failed = 0;
    int64_t until = usage_ms() + 60000;

    probe_plugin(s);
    t = source_start(s);
    for (uint32_t i = 0; source_question(i, &query) && usage_ms() < until; i++) {
        static const uint32_t limits[] = {100, 1, 0};

        for (int k = 0; k < 3; k++, n++) {
            query.limit = limits[k];
            check_step("search %u, limit %u", i, query.limit);
            failed += testhost_search(t, &query) != 0;
            hits += t->n_hits;
        }
    }
    search_paused(t, until);
    check_step("what comes after the searches");
    source_settle(t);
    check_note(
        "%u searches, %u hits, %u refused or failed; search_done came once for each", n,
        hits, failed);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_search = {
    .name = "search",
    .rule = "Each search ends with exactly one search_done (or a negative return), "
            "whatever is asked; hits are well formed, and -CTR_EPAUSE is no error.",
    .where = "source.h (search), query.h",
    .needs = NEEDS_SOURCE | NEEDS_SEARCH | NEEDS_START,
    .seconds = 300,
    .run = search_run,
};

static void test_run(struct subject *s)
{
    const struct testhost_step *last;
    struct testhost *t;
    int32_t rc;

    if (!s->source.test)
        check_skip("it has no test");
    t = source_start(s);
    for (int i = 0; i < 2; i++) {
        check_step("test, for the %s time", i ? "second" : "first");
        (void)testhost_test(t);
        source_settle(t);
    }
    check_step("test, canceled after its first step");
    t->cancel_after_steps = 1; /* one that asks must end then, with no further step */
    (void)testhost_test(t);
    source_settle(t);
    t->cancel_after_steps = 0;
    check_step("test, for the last time");
    rc = testhost_test(t);
    source_settle(t);
    last = t->n_steps ? &t->steps[t->n_steps - 1] : NULL;
    if (rc == 0)
        check_note("%u steps, all well", t->n_steps);
    else if (last)
        check_note("it ends at step \"%s\": %s", last->step, last->detail);
    if (rc != 0 && last && !last->remedy)
        check_warn("Give test_step a remedy: the administrator wants to know what to do.",
                   "the step \"%s\" failed and gave no remedy", last->step);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_test = {
    .name = "test",
    .rule = "test tells its steps, ends at the first that fails, and returns negative "
            "exactly then.",
    .where = "source.h (test), host.h (test_step)",
    .needs = NEEDS_SOURCE | NEEDS_LANE | NEEDS_START,
    .seconds = 120,
    .run = test_run,
};
