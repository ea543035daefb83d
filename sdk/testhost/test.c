/* test.c - the test host's side of a source's test and of live searches. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* --- test -----------------------------------------------------------------------------
 */

struct ctr_test {
    struct testhost *t;
    bool running, failed, canceled; /* canceled: it has been told */
};

static void test_step(const struct ctr_host *host, struct ctr_test *test,
                      const char *step, int32_t status, const char *detail,
                      const char *remedy)
{
    struct testhost *t = testhost_of(host);

    require(test && test->t == t && test->running, "a test is used after its end");
    require(step && *step && !strpbrk(step, " \n"), "test_step: a step is one word");
    require(status <= 0, "test_step: status %d, must be 0 or negative", status);
    require(status == 0 || (detail && *detail), "test_step: %s failed without a detail",
            step);
    require(!test->failed, "test_step: %s after a step that failed", step);
    require(!test->canceled, "test_step: %s after test_canceled had said so", step);
    test->failed = status < 0;
    if (t->n_steps == t->cap_steps) {
        t->cap_steps = t->cap_steps ? t->cap_steps * 2 : 16;
        t->steps = realloc(t->steps, t->cap_steps * sizeof(*t->steps));
        if (!t->steps)
            abort();
    }
    t->steps[t->n_steps++] = (struct testhost_step){
        .step = testhost_copy_z(t, step),
        .status = status,
        .detail = detail ? testhost_copy_z(t, detail) : NULL,
        .remedy = remedy ? testhost_copy_z(t, remedy) : NULL,
    };
}

static int32_t test_canceled(const struct ctr_host *host, struct ctr_test *test)
{
    struct testhost *t = testhost_of(host);

    require(test && test->t == t && test->running, "a test is used after its end");
    test->canceled = t->cancel_after_steps && t->n_steps >= t->cancel_after_steps;
    return test->canceled ? -CTR_ECANCELED : 0;
}

int32_t testhost_test(struct testhost *t)
{
    const struct ctr_source *source = t->plugin->source;
    struct ctr_test *test = testhost_alloc(t, sizeof(*test));
    int32_t rc;

    t->n_steps = 0;
    t->failure[0] = 0;
    if (source->size < offsetof(struct ctr_source, test) + sizeof(source->test) ||
        !source->test)
        return -CTR_ENOTSUP;
    require(source->threading == CTR_ON_LANE, "test: only for sources ON_LANE");
    test->t = t;
    test->running = true;
    rc = source->test(t->instance, test);
    test->running = false;
    testhost_run(t);
    require(rc <= 0, "test returned %d: a code must be 0 or negative", rc);
    require(!test->canceled || rc == -CTR_ECANCELED,
            "test returned %d after test_canceled had said so", rc);
    require(test->canceled || (rc < 0) == test->failed,
            "test returned %d, but its last step %s", rc,
            test->failed ? "failed" : "did not fail");
    require(rc < 0 || t->n_steps > 0, "test told no step");
    return rc;
}

const struct testhost_step *testhost_step_find(const struct testhost *t, const char *step)
{
    for (uint32_t i = 0; i < t->n_steps; i++)
        if (strcmp(t->steps[i].step, step) == 0)
            return &t->steps[i];
    return NULL;
}

/* --- live search ----------------------------------------------------------------------
 */

struct ctr_search {
    struct testhost *t;
    bool running;
    atomic_bool canceled;
};

static struct testhost *search_of(const struct ctr_host *host, struct ctr_search *search)
{
    struct testhost *t = testhost_of(host);

    require(search && search->t == t && search->running,
            "a search is used after its end");
    return t;
}

static int32_t search_hits(const struct ctr_host *host, struct ctr_search *search,
                           const struct ctr_contact *hits, uint32_t n)
{
    struct testhost *t = search_of(host, search);

    require(n >= 1 && n <= 256, "search_hits: %u hits", n);
    for (uint32_t i = 0; i < n; i++) {
        testhost_contact_check(&hits[i]);
        if (atomic_load(&search->canceled) ||
            (t->cancel_after_hits && t->n_hits >= t->cancel_after_hits))
            return -CTR_ECANCELED;
        if (t->n_hits == t->cap_hits) {
            t->cap_hits = t->cap_hits ? t->cap_hits * 2 : 64;
            t->hits = realloc(t->hits, t->cap_hits * sizeof(*t->hits));
            if (!t->hits)
                abort();
        }
        t->hits[t->n_hits++] = testhost_contact_copy(t, &hits[i]);
    }
    return t->pause_hits ? -CTR_EPAUSE : 0;
}

static void search_done(const struct ctr_host *host, struct ctr_search *search,
                        int32_t status)
{
    struct testhost *t = search_of(host, search);

    require(status <= 0, "search_done: status %d, must be 0 or negative", status);
    testhost_lock(t);
    search->running = false;
    t->search_running = false;
    t->search_status = status;
    testhost_unlock(t);
}

struct ctr_search *testhost_search_open(struct testhost *t)
{
    struct ctr_search *search = testhost_alloc(t, sizeof(*search));

    search->t = t;
    search->running = t->search_running = true;
    t->n_hits = 0;
    t->search_status = 0;
    t->failure[0] = 0;
    return search;
}

void testhost_search_failed(struct testhost *t, struct ctr_search *search, int32_t err)
{
    require(search->running, "search failed after it had called search_done");
    search->running = t->search_running = false;
    t->search_status = err;
}

void testhost_search_cancel(struct testhost *t, struct ctr_search *search)
{
    atomic_store(&search->canceled, true);
    t->plugin->source->search_cancel(t->instance, search);
}

int32_t testhost_search(struct testhost *t, const struct ctr_query *query)
{
    const struct ctr_source *source = t->plugin->source;
    struct ctr_search *search;
    int32_t rc;

    require(source->flags & CTR_SOURCE_SEARCH, "search: the plugin does not declare it");
    search = testhost_search_open(t);
    rc = source->search(t->instance, search, query);
    if (rc < 0)
        testhost_search_failed(t, search, rc);
    else if (t->cancel_search)
        testhost_search_cancel(t, search);
    testhost_run(t);
    while (t->search_running && testhost_step(t))
        ;
    require(!t->search_running, "search: search_done never came");
    return t->search_status;
}

int32_t testhost_search_number(struct testhost *t, const char *e164, const char *national,
                               const char *asked)
{
    const struct ctr_str values[3] = {
        {e164, strlen(e164)}, {national, strlen(national)}, {asked, strlen(asked)}};
    const struct ctr_filter filter = {
        .op = CTR_OP_EQUAL, .n_values = 3, .kinds = CTR_KINDS_PHONE, .values = values};
    const struct ctr_query query = {.size = sizeof(query),
                                    .flags = CTR_QUERY_CALLER,
                                    .filter = &filter,
                                    .want = CTR_KINDS_ALL,
                                    .limit = 100,
                                    .time_limit = 1000};

    return testhost_search(t, &query);
}

void testhost_test_init(struct testhost *t)
{
    t->host.test_step = test_step;
    t->host.test_canceled = test_canceled;
    t->host.search_hits = search_hits;
    t->host.search_done = search_done;
}
