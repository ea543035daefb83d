/* testhost.c - life cycle, clock, tasks, timers, log and metrics of the test host. */
#include "testhost.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "contactor/ext/poll.h"
#include "private.h"

struct testhost_task {
    struct testhost_task *next;
    ctr_task_fn fn;
    void *user;
};

struct ctr_timer {
    struct ctr_timer *next;
    struct testhost *t;
    int64_t due;
    uint32_t repeat;
    bool armed, stopped;
    ctr_task_fn fn;
    void *user;
};

struct block {
    struct block *next;
    void *pad; /* keeps what follows aligned to 16 bytes */
};

/* --- memory and errors ----------------------------------------------------------------
 */

void testhost_die(const char *fmt, ...)
{
    va_list ap;

    fputs("testhost: the plugin broke the contract: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

struct testhost *testhost_of(const struct ctr_host *host)
{
    require(host != NULL, "host is NULL");
    return (struct testhost *)(uintptr_t)host; /* the first member */
}

static void *must(void *p)
{
    if (!p) {
        fputs("testhost: out of memory\n", stderr);
        abort();
    }
    return p;
}

/* What any thread may call holds the lock; no function of the plugin is called with it.
 */
void testhost_lock(struct testhost *t)
{
    pthread_mutex_lock(&t->lock);
}

void testhost_unlock(struct testhost *t)
{
    pthread_mutex_unlock(&t->lock);
}

void *testhost_alloc(struct testhost *t, size_t n)
{
    struct block *b = must(calloc(1, sizeof(*b) + n));

    testhost_lock(t);
    b->next = t->blocks;
    t->blocks = b;
    t->allocated += sizeof(*b) + n + 16; /* what malloc adds, about */
    testhost_unlock(t);
    return b + 1;
}

char *testhost_copy(struct testhost *t, const char *s, uint64_t n)
{
    char *copy = testhost_alloc(t, (size_t)n + 1);

    if (n)
        memcpy(copy, s, (size_t)n);
    return copy;
}

char *testhost_copy_z(struct testhost *t, const char *z)
{
    return testhost_copy(t, z, strlen(z));
}

void testhost_pair_add(struct testhost *t, struct testhost_pairs *p, const char *a,
                       const char *b)
{
    testhost_lock(t);
    if (p->n == p->cap) {
        t->allocated += (p->cap ? p->cap : 16) * sizeof(*p->at);
        p->cap = p->cap ? p->cap * 2 : 16;
        p->at = must(realloc(p->at, p->cap * sizeof(*p->at)));
    }
    p->at[p->n].a = testhost_copy_z(t, a);
    p->at[p->n].b = testhost_copy_z(t, b);
    p->n++;
    testhost_unlock(t);
}

bool testhost_contains(const struct testhost_pairs *p, const char *text)
{
    char line[4096];

    for (uint32_t i = 0; i < p->n; i++) {
        snprintf(line, sizeof(line), "%s: %s", p->at[i].a, p->at[i].b);
        if (strstr(line, text))
            return true;
    }
    return false;
}

/* --- log, clock, extension ------------------------------------------------------------
 */

static void host_log(const struct ctr_host *host, uint32_t level, const char *text)
{
    struct testhost *t = testhost_of(host);
    const char *name = level == CTR_LOG_ERROR   ? "error"
                       : level == CTR_LOG_WARN  ? "warn"
                       : level == CTR_LOG_INFO  ? "info"
                       : level == CTR_LOG_DEBUG ? "debug"
                                                : NULL;

    require(name != NULL, "log: level %u is none of CTR_LOG_*", level);
    require(!strchr(text, '\n'), "log: a line has a line end in it: %s", text);
    testhost_pair_add(t, &t->logs, name, text);
}

static void host_fail(const struct ctr_host *host, const char *text)
{
    struct testhost *t = testhost_of(host);

    testhost_lock(t);
    snprintf(t->failure, sizeof(t->failure), "%s", text);
    testhost_unlock(t);
}

static const void *host_extension(const struct ctr_host *host, const char *id)
{
    testhost_of(host);
    if (strcmp(id, CTR_POLL_ID) == 0)
        return testhost_polls();
    return strcmp(id, CTR_NET_ID) == 0 ? testhost_net() : NULL;
}

static int64_t host_now(const struct ctr_host *host)
{
    return testhost_of(host)->clock;
}

/* The virtual clock began on 2026-01-01. */
static int64_t host_wall(const struct ctr_host *host)
{
    return INT64_C(1767225600000) + testhost_of(host)->clock;
}

/* --- tasks and timers -----------------------------------------------------------------
 */

void testhost_post(struct testhost *t, ctr_task_fn fn, void *user)
{
    struct testhost_task *task = must(calloc(1, sizeof(*task))), **end = &t->tasks;

    task->fn = fn;
    task->user = user;
    testhost_lock(t);
    while (*end)
        end = &(*end)->next;
    *end = task;
    pthread_cond_signal(&t->posted);
    testhost_unlock(t);
}

static int32_t host_post(const struct ctr_host *host, ctr_task_fn fn, void *user)
{
    struct testhost *t = testhost_of(host);

    require(fn != NULL, "post: no function");
    if (t->stopped)
        return -CTR_ECANCELED;
    testhost_post(t, fn, user);
    return 0;
}

static struct testhost_task *task_take(struct testhost *t)
{
    struct testhost_task *task;

    testhost_lock(t);
    task = t->tasks;
    if (task)
        t->tasks = task->next;
    testhost_unlock(t);
    return task;
}

uint32_t testhost_run(struct testhost *t)
{
    uint32_t n = 0;

    for (struct testhost_task *task; (task = task_take(t)) != NULL; n++) {
        task->fn(task->user);
        free(task);
    }
    return n;
}

bool testhost_wait(struct testhost *t, int64_t ms)
{
    struct timespec until;
    bool some;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    testhost_lock(t);
    while (!t->tasks && pthread_cond_timedwait(&t->posted, &t->lock, &until) == 0)
        ;
    some = t->tasks != NULL;
    testhost_unlock(t);
    testhost_run(t);
    return some;
}

/* Threads of the plugin may yet post something. */
static bool has_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int n = 0;

    if (!dir)
        return false;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n > 1;
}

static struct ctr_timer *host_timer_start(const struct ctr_host *host, uint32_t after,
                                          uint32_t repeat, ctr_task_fn fn, void *user)
{
    struct testhost *t = testhost_of(host);
    struct ctr_timer *timer = testhost_alloc(t, sizeof(*timer));

    require(fn != NULL, "timer_start: no function");
    *timer =
        (struct ctr_timer){t->timers, t, t->clock + after, repeat, true, false, fn, user};
    t->timers = timer;
    return timer;
}

static void host_timer_stop(const struct ctr_host *host, struct ctr_timer *timer)
{
    if (!timer)
        return;
    require(timer->t == testhost_of(host), "timer_stop: not a timer of this host");
    require(!timer->stopped, "timer_stop: stopped twice");
    timer->armed = false;
    timer->stopped = true;
}

static struct ctr_timer *timer_next(struct testhost *t)
{
    struct ctr_timer *next = NULL;

    for (struct ctr_timer *i = t->timers; i; i = i->next)
        if (i->armed && (!next || i->due < next->due))
            next = i;
    return next;
}

static void timer_fire(struct testhost *t, struct ctr_timer *timer)
{
    if (timer->due > t->clock)
        t->clock = timer->due;
    timer->armed = timer->repeat != 0;
    timer->due = t->clock + timer->repeat;
    timer->fn(timer->user);
    testhost_run(t);
}

bool testhost_step(struct testhost *t)
{
    struct ctr_timer *timer = timer_next(t);
    int64_t wait = !timer ? -1 : timer->due > t->clock ? timer->due - t->clock : 0;
    bool happened = testhost_poll(t, wait);

    if (!timer && !happened && has_threads())
        happened = testhost_wait(t, SILENCE_MAX);

    timer = timer_next(t);
    if (timer && (!happened || timer->due <= t->clock))
        timer_fire(t, timer);
    return happened || timer;
}

void testhost_advance(struct testhost *t, int64_t ms)
{
    int64_t end = t->clock + ms;

    testhost_run(t);
    testhost_poll(t, 0);
    for (struct ctr_timer *timer; (timer = timer_next(t)) && timer->due <= end;) {
        timer_fire(t, timer);
        testhost_poll(t, 0);
    }
    if (t->clock < end)
        t->clock = end;
}

/* --- metrics --------------------------------------------------------------------------
 */

static int32_t host_metric_define(const struct ctr_host *host, uint32_t kind,
                                  const char *name, const char *help)
{
    struct testhost *t = testhost_of(host);

    require(kind == CTR_METRIC_COUNTER || kind == CTR_METRIC_GAUGE,
            "metric_define: kind %u is none of CTR_METRIC_*", kind);
    require(t->creating, "metric_define: outside create");
    for (uint32_t i = 0; i < t->metrics.n; i++)
        if (strcmp(t->metrics.at[i].a, name) == 0)
            return (int32_t)i;
    if (t->metrics.n == sizeof(t->metric_value) / sizeof(t->metric_value[0]))
        return -CTR_EFULL;
    testhost_pair_add(t, &t->metrics, name, help);
    return (int32_t)t->metrics.n - 1;
}

static int64_t *metric(const struct ctr_host *host, int32_t id)
{
    struct testhost *t = testhost_of(host);

    require((uint32_t)id < t->metrics.n, "metric %d is not defined", id);
    return &t->metric_value[id];
}

static void host_metric_add(const struct ctr_host *host, int32_t id, int64_t delta)
{
    struct testhost *t = testhost_of(host);

    if (id < 0)
        return; /* as metric_define gave it */
    testhost_lock(t);
    *metric(host, id) += delta;
    testhost_unlock(t);
}

static void host_metric_set(const struct ctr_host *host, int32_t id, int64_t value)
{
    struct testhost *t = testhost_of(host);

    if (id < 0)
        return;
    testhost_lock(t);
    *metric(host, id) = value;
    testhost_unlock(t);
}

int64_t testhost_metric(const struct testhost *t, const char *name)
{
    for (uint32_t i = 0; i < t->metrics.n; i++)
        if (strcmp(t->metrics.at[i].a, name) == 0)
            return t->metric_value[i];
    testhost_die("the metric %s is not defined", name);
}

/* --- life -----------------------------------------------------------------------------
 */

static void host_stopped(const struct ctr_host *host)
{
    struct testhost *t = testhost_of(host);

    require(!t->stopped, "stopped was called twice");
    require(!t->queries_open && !t->auths_open, "stopped with %u queries, %u binds open",
            t->queries_open, t->auths_open);
    t->stopped = true;
}

struct testhost *testhost_create(const struct ctr_plugin *plugin, const char *instance)
{
    struct testhost *t = must(calloc(1, sizeof(*t)));
    pthread_mutexattr_t again;

    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&t->lock, &again);
    pthread_mutexattr_destroy(&again);
    pthread_cond_init(&t->posted, NULL);
    t->plugin = plugin;
    t->host = (struct ctr_host){.size = sizeof(t->host),
                                .abi = CTR_ABI_CURRENT,
                                .instance = testhost_copy_z(t, instance),
                                .log = host_log,
                                .fail = host_fail,
                                .extension = host_extension,
                                .now = host_now,
                                .wall = host_wall,
                                .post = host_post,
                                .timer_start = host_timer_start,
                                .timer_stop = host_timer_stop,
                                .metric_define = host_metric_define,
                                .metric_add = host_metric_add,
                                .metric_set = host_metric_set,
                                .stopped = host_stopped};
    t->config = testhost_alloc(t, sizeof(*t->config));
    t->config->t = t;
    t->clock = 1000;
    testhost_config_init(t);
    testhost_sync_init(t);
    testhost_test_init(t);
    testhost_query_init(t);
    return t;
}

static void instance_end(struct testhost *t)
{
    if (t->plugin->destroy)
        t->plugin->destroy(t->instance);
    t->instance = NULL;
    testhost_polls_end(t);
    for (struct ctr_timer *i = t->timers; i; i = i->next)
        i->armed = false;
}

int32_t testhost_start(struct testhost *t)
{
    const struct ctr_plugin *p = t->plugin;
    int32_t rc = testhost_check(t);

    require(!t->instance, "testhost_start: already started");
    t->stopped = false;
    if (rc != 0)
        return rc;
    t->creating = true;
    rc = p->create(&t->host, t->config, &t->instance);
    t->creating = false;
    require(rc <= 0, "create returned %d: a code must be 0 or negative", rc);
    require(rc == 0 || t->failure[0], "create failed without host->fail");
    if (rc < 0) {
        t->instance = NULL;
        return rc;
    }
    if (p->bind)
        rc = p->bind(t->instance);
    if (rc == 0 && p->start)
        rc = p->start(t->instance);
    require(rc == 0 || t->failure[0], "bind or start failed without host->fail");
    if (rc != 0)
        instance_end(t);
    return rc;
}

void testhost_stop(struct testhost *t)
{
    if (!t->instance)
        return;
    testhost_net_close_all(t);
    if (t->plugin->stop)
        t->plugin->stop(t->instance);
    else
        t->stopped = true;
    testhost_run(t);
    for (int i = 0; !t->stopped && i < 10000 && testhost_step(t); i++)
        ;
    require(t->stopped, "stop: host->stopped was never called");
    instance_end(t);
    require(t->principals == 0, "%u principal references were not given back",
            t->principals);
}

void testhost_destroy(struct testhost *t)
{
    if (!t)
        return;
    testhost_stop(t);
    testhost_run(t);
    testhost_net_free(t);
    free(t->logs.at);
    free(t->option_errors.at);
    free(t->watches.at);
    free(t->metrics.at);
    free(t->rejects.at);
    free(t->groups.at);
    free(t->steps);
    free(t->hits);
    free(t->deletes.at);
    free(t->users.at);
    free(t->options.at);
    free(t->contacts);
    free(t->directory);
    for (struct block *b = t->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    pthread_cond_destroy(&t->posted);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

bool testhost_logged(const struct testhost *t, const char *text)
{
    return testhost_contains(&t->logs, text);
}
