/* test.c - trying a source: step by step through its driver, or, where that has no test,
 * by reading its first contacts.
 *
 * The steps come from the source's thread and go to the loop as they are told. Who waits
 * is answered in time, whether the source comes back or not; the test itself is freed
 * when it has. When nobody waits any more, the source is told to come back. */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/sync.h"

enum { STEPS_MAX = 64, STEP_NAME = 32, STEP_TEXT = 1024, FIRST_CONTACTS = 10 };

struct step {
    struct list link;
    char name[STEP_NAME];
    int status;
    char *detail, *remedy; /* NULL: none */
    uint32_t ms;
};

struct ctr_test {
    struct source *source; /* loop */
    struct loop *loop;
    struct flow_test_ops ops;
    void *arg;
    uint32_t limit;
    bool told; /* nobody waits any more */
    bool overdue;
    uv_timer_t *timer;
    atomic_bool canceled;

    pthread_mutex_t mutex; /* of what follows */
    struct list steps;     /* not yet on their way */
    unsigned n_steps;
    int64_t last;
    bool failed; /* a step did */
    int status;
};

/* ---- on the test's thread -------------------------------------------------- */

static char *copy_text(const char *text)
{
    char *copy;

    if (!text || !*text)
        return NULL;
    copy = xstrndup(text, strnlen(text, STEP_TEXT));
    flow_utf8(copy);
    return copy;
}

static void step_free(struct step *step)
{
    free(step->detail);
    free(step->remedy);
    free(step);
}

static void deliver(struct ctr_test *test)
{
    for (;;) {
        struct step *step = NULL;

        pthread_mutex_lock(&test->mutex);
        if (!list_empty(&test->steps)) {
            step = list_entry(test->steps.next, struct step, link);
            list_remove(&step->link);
        }
        pthread_mutex_unlock(&test->mutex);
        if (!step)
            return;
        if (!test->told)
            test->ops.step(test->arg, step->name, step->status, step->detail,
                           step->remedy, step->ms);
        step_free(step);
    }
}

static void on_steps(void *arg)
{
    deliver(arg);
}

void flow_test_step(struct ctr_test *test, const char *name, int status,
                    const char *detail, const char *remedy)
{
    struct step *step = xcalloc(1, sizeof(*step));
    int64_t now = clock_ms();

    snprintf(step->name, sizeof(step->name), "%s", name ? name : "");
    flow_utf8(step->name);
    step->status = status;
    step->detail = copy_text(detail);
    step->remedy = copy_text(remedy);
    pthread_mutex_lock(&test->mutex);
    step->ms = (uint32_t)(now - test->last);
    test->last = now;
    test->failed = test->failed || status < 0;
    if (test->n_steps < STEPS_MAX) {
        test->n_steps++;
        list_append(&test->steps, &step->link);
        step = NULL;
    }
    pthread_mutex_unlock(&test->mutex);
    if (step)
        step_free(step);
    else
        loop_post(test->loop, on_steps, test);
}

int flow_test_canceled(struct ctr_test *test)
{
    return atomic_load(&test->canceled) ? -CTR_ECANCELED : 0;
}

static void on_ended(void *arg);

void flow_test_end(struct ctr_test *test, int status, const char *reason)
{
    bool failed, silent;

    pthread_mutex_lock(&test->mutex);
    failed = test->failed;
    silent = test->n_steps == 0;
    pthread_mutex_unlock(&test->mutex);
    if (status < 0 && !failed)
        flow_test_step(test, "test", status,
                       reason && *reason ? reason : error_text(status), NULL);
    else if (silent)
        flow_test_step(test, "test", 0, "nothing to complain about", NULL);
    test->status = status < 0 ? status : failed ? -CTR_EIO : 0;
    loop_post(test->loop, on_ended, test);
}

/* ---- the loop -------------------------------------------------------------- */

static void tell(struct ctr_test *test, int status)
{
    if (test->told)
        return;
    test->told = true;
    test->ops.done(test->arg, status);
}

static void test_cancel(struct ctr_test *test)
{
    const struct flow_driver *driver = &test->source->driver;

    if (!atomic_exchange(&test->canceled, true) && driver->test_cancel)
        driver->test_cancel(driver->ctx, test);
}

static void test_free(struct ctr_test *test)
{
    pthread_mutex_destroy(&test->mutex);
    flow_timer_close(test->timer);
    free(test);
}

static void on_ended(void *arg)
{
    struct ctr_test *test = arg;
    struct source *s = test->source;

    deliver(test);
    s->test = NULL;
    log_debug(s->who, "test_end source=%s status=%s", s->name, error_name(test->status));
    tell(test, test->status);
    test_free(test);
    schedule_resume(s);
}

static void on_limit(uv_timer_t *timer)
{
    struct ctr_test *test = timer->data;
    char text[128];

    deliver(test);
    uv_timer_stop(timer);
    test->overdue = true;
    test_cancel(test);
    if (test->told)
        return;
    snprintf(text, sizeof(text), "nothing more came within %u s", test->limit / 1000);
    test->ops.step(test->arg, "time", -CTR_ETIMEDOUT, text,
                   "see whether the other side answers at all: a firewall that drops "
                   "packets looks like this",
                   (uint32_t)(clock_ms() - test->last));
    log_warn(test->source->who, "test_overdue source=%s", test->source->name);
    tell(test, -CTR_ETIMEDOUT);
}

bool test_is_overdue(const struct source *s)
{
    return s->test && s->test->overdue;
}

void test_give_up(struct source *s, int status)
{
    if (!s->test)
        return;
    test_cancel(s->test);
    tell(s->test, status);
}

void test_forget(struct source *s, void *arg)
{
    if (s->test && s->test->arg == arg) {
        s->test->told = true;
        test_cancel(s->test);
    }
    if (s->reading && s->reading->arg == arg) {
        s->reading->told = true;
        sync_cancel(s);
    }
}

static struct ctr_test *test_create(struct source *s, const struct flow_test_ops *ops,
                                    void *arg)
{
    struct ctr_test *test = xcalloc(1, sizeof(*test));

    test->source = s;
    test->loop = s->flow->loop;
    test->ops = *ops;
    test->arg = arg;
    test->last = clock_ms();
    test->timer = flow_timer_create(s->flow, test);
    list_init(&test->steps);
    pthread_mutex_init(&test->mutex, NULL);
    return test;
}

/* ---- a source without a test ----------------------------------------------- */

static void on_first_contacts(void *arg, int status, const char *reason,
                              struct cJSON *preview)
{
    struct ctr_test *test = arg;
    char text[160];
    uint32_t ms = (uint32_t)(clock_ms() - test->last);

    test->source->reading = NULL;
    preview_summary(preview, text, sizeof(text));
    if (!test->told)
        test->ops.step(test->arg, "read", status, status < 0 ? reason : text, NULL, ms);
    cJSON_Delete(preview);
    tell(test, status);
    test_free(test);
}

static int read_first(struct ctr_test *test, uint32_t limit)
{
    struct source *s = test->source;
    int r;

    s->reading = test;
    r = flow_source_preview(s->flow, s->name, FIRST_CONTACTS, limit, on_first_contacts,
                            test);
    if (r < 0) {
        s->reading = NULL;
        test_free(test);
    }
    return r;
}

int flow_source_test(struct flow *flow, const char *name, uint32_t limit,
                     const struct flow_test_ops *ops, void *arg)
{
    struct source *s = source_find(flow, name);
    struct ctr_test *test;

    if (!s || !s->conf)
        return -CTR_ENOENT;
    if (!s->started)
        return -CTR_EUNAVAIL;
    if (source_busy(s))
        return -CTR_EBUSY;
    test = test_create(s, ops, arg);
    if (!s->driver.test)
        return read_first(test, limit);
    schedule_put_off(s);
    s->test = test;
    uv_update_time(test->timer->loop);
    test->limit = limit;
    uv_timer_start(test->timer, on_limit, limit, 0);
    log_debug(s->who, "test_begin source=%s", s->name);
    s->driver.test(s->driver.ctx, test);
    return 0;
}
