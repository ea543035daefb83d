/* test_plugin.c - what the host does for a plugin: life cycle, timers, posts, metrics,
 * batches; with a plugin made by hand, on a loop without a daemon around it. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "contactor/ext/poll.h"
#include "plugin/batch.h"
#include "plugin/instance.h"
#include "plugin/object.h"
#include "plugin/private.h"
#include "tap.h"

/* ---- a front end that listens to nothing ---------------------------------------- */

struct recorder {
    const struct ctr_host *host;
    char calls[256];
    int ticks, posted;
    struct ctr_timer *timer;
    bool stop_later;
    struct ctr_poll *left; /* a poll that destroy still names */
};

static int32_t create_result;
static struct recorder *last;

static void note(struct recorder *r, const char *call)
{
    strncat(r->calls, call, sizeof(r->calls) - strlen(r->calls) - 1);
    strncat(r->calls, " ", sizeof(r->calls) - strlen(r->calls) - 1);
}

static int32_t on_create(const struct ctr_host *host, const struct ctr_config *config,
                         void **out)
{
    static struct recorder recorder;

    (void)config;
    memset(&recorder, 0, sizeof(recorder));
    recorder.host = host;
    last = &recorder;
    note(last, "create");
    if (create_result < 0)
        host->fail(host, "no luck today");
    is_int(host->metric_define(host, CTR_METRIC_COUNTER, "things_total", "Things\nseen."),
           0, "the first metric");
    is_int(host->metric_define(host, CTR_METRIC_GAUGE, "level", "A level."), 1,
           "the second metric");
    is_int(host->metric_define(host, CTR_METRIC_GAUGE, "Bad Name", ""), -CTR_EINVAL,
           "a metric with a wrong name");
    *out = last;
    return create_result;
}

static int32_t on_bind(void *self)
{
    note(self, "bind");
    return 0;
}

static void on_tick(void *user)
{
    struct recorder *r = user;

    r->ticks++;
}

static void on_post(void *user)
{
    struct recorder *r = user;

    r->posted++;
}

static int32_t on_start(void *self)
{
    struct recorder *r = self;

    note(r, "start");
    r->timer = r->host->timer_start(r->host, 1, 1, on_tick, r);
    return 0;
}

static void finish_stop(void *user)
{
    struct recorder *r = user;

    note(r, "stopped");
    r->host->stopped(r->host);
}

static void on_stop(void *self)
{
    struct recorder *r = self;

    note(r, "stop");
    if (r->stop_later)
        r->host->timer_start(r->host, 20, 0, finish_stop, r);
    else
        finish_stop(r);
}

static void on_destroy(void *self)
{
    struct recorder *r = self;
    const struct ctr_polls *polls = r->host->extension(r->host, CTR_POLL_ID);

    /* Quiet since it stopped, and still its own. */
    r->host->timer_stop(r->host, r->timer);
    if (r->left) {
        polls->change(r->left, CTR_POLL_WRITE);
        polls->stop(r->left);
    }
    note(r, "destroy");
}

static struct plugin plugin = {
    .name = (char *)"recorder",
    .path = (char *)"recorder.so",
    .has_frontend = true,
    .desc = {.size = sizeof(struct ctr_plugin),
             .name = "recorder",
             .create = on_create,
             .bind = on_bind,
             .start = on_start,
             .stop = on_stop,
             .destroy = on_destroy},
};

/* ---- life cycle ----------------------------------------------------------------- */

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void on_deadline(uv_timer_t *timer)
{
    loop_stop(timer->data);
}

/* Runs the loop for some milliseconds. */
static void run_for(struct loop *loop, unsigned ms)
{
    uv_timer_t timer;

    uv_timer_init(loop_uv(loop), &timer);
    timer.data = loop;
    uv_timer_start(&timer, on_deadline, ms, 0);
    loop_run(loop);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static struct ctr_config *no_values(void)
{
    struct ctr_config *values;
    struct diag diag = {0};

    if (schema_read(NULL, "frontend.test", NULL, 0, 0, &diag, &values) != 0)
        values = NULL;
    if (values)
        conf_values_report_to(values, NULL);
    diag_finish(&diag);
    return values;
}

static void life(bool stop_later)
{
    struct instance_env env = {.loop = loop_create()};
    struct instance *in;
    struct strbuf text = {0};
    char error[256];

    create_result = 0;
    is_int(instance_create(&env, &plugin, INSTANCE_FRONTEND, "frontend.test", no_values(),
                           &in, error, sizeof(error)),
           0, "create");
    is_int(instance_bind(in, error, sizeof(error)), 0, "bind");
    is_int(instance_start(in, error, sizeof(error)), 0, "start");
    last->stop_later = stop_later;
    is_int(last->host->post(last->host, on_post, last), 0, "post");
    run_for(env.loop, 40);
    ok(last->ticks > 3, "the timer ticks");
    is_int(last->posted, 1, "what was posted ran once");
    last->host->metric_add(last->host, 0, 5);
    last->host->metric_add(last->host, 0, -3);
    last->host->metric_set(last->host, 1, -7);
    last->host->metric_set(last->host, 9, 1);
    instance_metrics(&in, 1, &text);
    is_str(text.ptr,
           "# HELP contactor_things_total Things\\nseen.\n"
           "# TYPE contactor_things_total counter\n"
           "contactor_things_total{instance=\"frontend.test\"} 5\n"
           "# HELP contactor_level A level.\n"
           "# TYPE contactor_level gauge\n"
           "contactor_level{instance=\"frontend.test\"} -7\n",
           "its metrics; a counter never falls");
    strbuf_finish(&text);
    is_int(last->host->metric_define(last->host, CTR_METRIC_GAUGE, "late", ""),
           -CTR_EINVAL, "no metric after create");
    ok(!last->host->extension(last->host, "contactor.nothing/9"), "an unknown extension");
    ok(last->host->extension(last->host, CTR_NET_ID), "the extension of front ends");

    instance_stop(in, 100, stop_loop, env.loop);
    loop_run(env.loop);
    is_int(instance_state(in), INSTANCE_STOPPED, "stopped");
    is_int(last->host->post(last->host, on_post, last), -CTR_ECANCELED,
           "no post after the end");
    instance_ref(in);
    instance_destroy(in);
    is_int(in->misuses, 2, "destroy did no wrong; create and start did, on purpose");
    instance_unref(in);
    is_str(last->calls, "create bind start stop stopped destroy ", "in this order");
    loop_destroy(env.loop);
}

static void failures(void)
{
    struct instance_env env = {.loop = loop_create()};
    struct instance *in;
    char error[256];

    create_result = -CTR_EIO;
    is_int(instance_create(&env, &plugin, INSTANCE_FRONTEND, "frontend.test", no_values(),
                           &in, error, sizeof(error)),
           -CTR_EIO, "create fails");
    is_str(error, "no luck today", "with the plugin's reason");
    ok(!in, "and nothing is left");

    create_result = 0;
    is_int(instance_create(&env, &plugin, INSTANCE_FRONTEND, "frontend.test", no_values(),
                           &in, error, sizeof(error)),
           0, "create");
    instance_stop(in, 0, stop_loop, env.loop);
    loop_run(env.loop);
    instance_destroy(in);
    is_str(last->calls, "create destroy ", "one that never started is not told to stop");
    loop_destroy(env.loop);
}

/* ---- timers --------------------------------------------------------------------- */

/* Starts itself again, at once, for a while. */
struct chain {
    const struct ctr_host *host;
    struct ctr_timer *timer;
    int64_t until;
    unsigned calls;
    int posted; /* how much of what the first one posted had run before the last one */
};

static void on_chain(void *user)
{
    struct chain *c = user;
    int64_t end = clock_ms() + 2;

    if (c->calls++ == 0)
        c->host->post(c->host, on_post, last);
    c->posted = last->posted;
    c->host->timer_stop(c->host, c->timer);
    while (clock_ms() < end)
        ;
    c->timer =
        clock_ms() < c->until ? c->host->timer_start(c->host, 0, 0, on_chain, c) : NULL;
}

static void busy_timers(void)
{
    struct instance_env env = {.loop = loop_create()};
    struct chain chains[2] = {0};
    struct instance *in;
    char error[256];

    create_result = 0;
    is_int(instance_create(&env, &plugin, INSTANCE_FRONTEND, "frontend.test", no_values(),
                           &in, error, sizeof(error)),
           0, "create");
    is_int(instance_start(in, error, sizeof(error)), 0, "start");
    for (unsigned i = 0; i < 2; i++) {
        chains[i].host = last->host;
        chains[i].until = clock_ms() + 100;
        chains[i].timer = last->host->timer_start(last->host, 0, 0, on_chain, &chains[i]);
    }
    run_for(env.loop, 200);
    for (unsigned i = 0; i < 2; i++) {
        ok(chains[i].calls > 1, "a timer of 0 ms that starts itself again");
        is_int(chains[i].posted, 2, "the loop does other work meanwhile");
    }
    instance_stop(in, 100, stop_loop, env.loop);
    loop_run(env.loop);
    instance_destroy(in);
    loop_destroy(env.loop);
}

/* ---- descriptors ---------------------------------------------------------------- */

enum what { COUNT, READ_ALL, PAUSE, TO_WRITE, STOP, STOP_OTHER, AGAIN };

struct watched {
    const struct ctr_polls *polls;
    struct ctr_poll *poll;
    struct watched *other;
    enum what what;
    int fd[2];
    int calls;
    uint32_t events;
};

static void on_events(void *user, int32_t fd, uint32_t events);

static struct ctr_poll *wait_for(struct watched *w, uint32_t events)
{
    w->calls = 0;
    w->poll = w->polls->start(last->host, w->fd[0], events, on_events, w);
    return w->poll;
}

static void open_pair(struct watched *w)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, w->fd) != 0)
        abort();
}

static void close_pair(struct watched *w)
{
    close(w->fd[0]);
    close(w->fd[1]);
}

/* Within its own callback: away with it, and the same number for another. */
static void start_again(struct watched *w)
{
    int before = w->fd[0];

    w->polls->stop(w->poll);
    close_pair(w);
    open_pair(w);
    is_int(w->fd[0], before, "a new descriptor has the number of the old");
    w->what = READ_ALL;
    ok(wait_for(w, CTR_POLL_READ), "it is waited for at once");
    is_int(write(w->fd[1], "y", 1), 1, "it has something to read");
}

static void on_events(void *user, int32_t fd, uint32_t events)
{
    struct watched *w = user;
    char buf[16];

    w->calls++;
    w->events = events;
    if (w->what == READ_ALL && read(fd, buf, sizeof(buf)) < 0)
        abort();
    if (w->what == PAUSE)
        w->polls->change(w->poll, 0);
    if (w->what == TO_WRITE)
        w->polls->change(w->poll, w->calls < 3 ? CTR_POLL_WRITE : 0);
    if (w->what == STOP_OTHER)
        w->polls->stop(w->other->poll);
    if (w->what == STOP || w->what == STOP_OTHER)
        w->polls->stop(w->poll);
    if (w->what == AGAIN)
        start_again(w);
}

static void poll_events(struct loop *loop, struct watched *w)
{
    open_pair(w);
    w->what = COUNT;
    ok(wait_for(w, CTR_POLL_READ), "a socket");
    run_for(loop, 5);
    is_int(w->calls, 0, "nothing to read");
    is_int(write(w->fd[1], "x", 1), 1, "something to read");
    run_for(loop, 10);
    ok(w->calls > 2 && w->events == CTR_POLL_READ, "it is told until it is read");
    w->what = READ_ALL;
    run_for(loop, 5);
    w->calls = 0;
    run_for(loop, 5);
    is_int(w->calls, 0, "then no more");
    w->what = TO_WRITE;
    w->polls->change(w->poll, CTR_POLL_READ | CTR_POLL_WRITE);
    run_for(loop, 10);
    is_int(w->calls, 3, "changed within the callback, to other events and to none");
    is_int(w->events, CTR_POLL_WRITE, "writable");
    ok(!w->polls->start(last->host, w->fd[0], CTR_POLL_READ, on_events, w),
       "not twice, also while it waits for nothing");
    w->polls->change(w->poll, 64);
    w->polls->change(NULL, CTR_POLL_READ);
    w->polls->stop(NULL);
    w->polls->stop(w->poll);
    close_pair(w);
}

static void poll_stops(struct loop *loop, struct watched *w)
{
    struct watched two[2];

    open_pair(w);
    w->what = STOP;
    wait_for(w, CTR_POLL_WRITE);
    run_for(loop, 5);
    is_int(w->calls, 1, "stopped within the callback");
    w->what = AGAIN;
    wait_for(w, CTR_POLL_WRITE);
    run_for(loop, 10);
    is_int(w->calls, 1, "stopped, closed and another one in its place");
    is_int(w->events, CTR_POLL_READ, "with its own events");
    w->polls->stop(w->poll);
    close_pair(w);
    for (int i = 0; i < 2; i++) {
        two[i] = (struct watched){.polls = w->polls, .other = &two[1 - i]};
        two[i].what = STOP_OTHER;
        open_pair(&two[i]);
        wait_for(&two[i], CTR_POLL_WRITE);
    }
    run_for(loop, 5);
    is_int(two[0].calls + two[1].calls, 1, "both ready: the first stops the second");
    close_pair(&two[0]);
    close_pair(&two[1]);
}

static void poll_errors(struct loop *loop, struct watched *w)
{
    int file = open("/proc/self/exe", O_RDONLY);

    ok(!w->polls->start(last->host, file, CTR_POLL_READ, on_events, w), "not a file");
    close(file);
    ok(!w->polls->start(last->host, file, CTR_POLL_READ, on_events, w), "nor a closed");
    ok(!w->polls->start(last->host, -1, CTR_POLL_READ, on_events, w), "nor none");
    if (pipe(w->fd) != 0)
        abort();
    file = w->fd[0];
    w->fd[0] = w->fd[1]; /* the end that writes */
    close(file);
    w->what = COUNT;
    ok(wait_for(w, CTR_POLL_WRITE), "a pipe");
    run_for(loop, 10);
    ok(w->calls > 2, "whose reader is gone: told, and told again (%d)", w->calls);
    is_int(w->events, CTR_POLL_READ | CTR_POLL_WRITE, "both events at an error");
    w->what = PAUSE;
    w->calls = 0;
    run_for(loop, 5);
    is_int(w->calls, 1, "until it is asked not to");
    close(w->fd[1]);
    w->polls->change(w->poll, CTR_POLL_READ);
    run_for(loop, 5);
    is_int(w->calls, 1, "a descriptor closed too early harms nobody");
    w->polls->stop(w->poll);
}

/* What is left is quiet from the stop on, and may be named until destroy has returned. */
static void poll_leftovers(struct loop *loop, struct instance *in, struct watched *w)
{
    static struct watched other;

    other = *w;
    open_pair(w);
    open_pair(&other);
    w->what = other.what = COUNT;
    last->left = wait_for(w, CTR_POLL_WRITE);
    wait_for(&other, CTR_POLL_WRITE);
    instance_stop(in, 100, stop_loop, loop);
    loop_run(loop);
    w->calls = other.calls = 0;
    run_for(loop, 5);
    is_int(w->calls + other.calls, 0, "no callback after the end");
    ok(!w->polls->start(last->host, w->fd[0], CTR_POLL_READ, on_events, w),
       "and nothing new");
    instance_destroy(in);
    is_str(last->calls, "create bind start stop stopped destroy ", "destroyed");
    close_pair(w);
    close_pair(&other);
}

static void polls(void)
{
    struct instance_env env = {.loop = loop_create()};
    struct watched w = {0};
    struct instance *in;
    char error[256];

    create_result = 0;
    is_int(instance_create(&env, &plugin, INSTANCE_FRONTEND, "frontend.test", no_values(),
                           &in, error, sizeof(error)),
           0, "create");
    w.polls = last->host->extension(last->host, CTR_POLL_ID);
    ok(w.polls && w.polls->size == sizeof(struct ctr_polls), "the extension");
    is_int(instance_bind(in, error, sizeof(error)), 0, "bind");
    is_int(instance_start(in, error, sizeof(error)), 0, "start");
    poll_events(env.loop, &w);
    poll_stops(env.loop, &w);
    poll_errors(env.loop, &w);
    poll_leftovers(env.loop, in, &w);
    loop_destroy(env.loop);
}

/* ---- batches -------------------------------------------------------------------- */

struct longer_contact {
    struct ctr_contact v1;
    uint64_t tail;
};

struct longer_field {
    struct ctr_field v1;
    uint64_t tail[3];
};

static void batches(void)
{
    struct longer_field fields[2] = {0};
    struct longer_contact contacts[2] = {0};
    struct batch batch;

    for (int i = 0; i < 2; i++) {
        fields[i].v1.kind = CTR_FIELD_SURNAME;
        fields[i].v1.value = i ? STR_LIT("two") : STR_LIT("one");
        fields[i].tail[0] = UINT64_MAX;
    }
    for (int i = 0; i < 2; i++) {
        contacts[i].v1.size = sizeof(contacts[i]);
        contacts[i].v1.id = STR_LIT("x");
        contacts[i].v1.fields = &fields[0].v1;
        contacts[i].v1.n_fields = 2;
        contacts[i].v1.field_size = sizeof(fields[0]);
        contacts[i].tail = UINT64_MAX;
    }
    ok(!batch_init(&batch, &contacts[0].v1, 2, 2), "longer structs are taken");
    is_int(batch.contacts[1].size, sizeof(struct ctr_contact), "in our size");
    ok(str_eq_z(batch.contacts[1].fields[1].value, "two"), "with the right fields");
    batch_finish(&batch);

    ok(batch_init(&batch, &contacts[0].v1, 0, 2), "an empty batch is wrong");
    ok(batch_init(&batch, &contacts[0].v1, 3, 2), "one that is too long, too");
    ok(batch_init(&batch, NULL, 2, 2), "and none at all");
    contacts[1].v1.size = sizeof(struct ctr_contact);
    ok(batch_init(&batch, &contacts[0].v1, 2, 2), "sizes must agree");
    contacts[1].v1.size = sizeof(contacts[1]);
    contacts[0].v1.size = 8;
    ok(batch_init(&batch, &contacts[0].v1, 2, 2), "and not be too small");
    contacts[0].v1.size = sizeof(contacts[0]);
    contacts[1].v1.field_size = 4;
    ok(batch_init(&batch, &contacts[0].v1, 2, 2), "nor the fields'");
    contacts[1].v1.field_size = sizeof(fields[0]);
    fields[1].v1.value.ptr = NULL;
    ok(batch_init(&batch, &contacts[0].v1, 2, 2), "a length without bytes is wrong");
}

/* ---- files ---------------------------------------------------------------------- */

static void objects(void)
{
    char why[256];

    is_int(object_check("/proc/self/exe", why, sizeof(why)), 0, "this program");
    is_int(object_check("/nonexistent.so", why, sizeof(why)), -CTR_ENOENT, "no file");
    is_int(object_check("/tmp", why, sizeof(why)), -CTR_EFORMAT, "a folder");
    is_int(object_check("/dev/null", why, sizeof(why)), -CTR_EFORMAT, "a device");
    is_int(object_check("/etc/passwd", why, sizeof(why)), -CTR_EFORMAT, "a text");
    ok(strstr(why, "ELF"), "and why: %s", why);
}

static void names(void)
{
    struct registry registry;
    struct plugin *out;
    char error[512];

    registry_init(&registry);
    is_int(plugin_load(&registry, "../../etc/x", &out, error, sizeof(error)), -CTR_EINVAL,
           "a name is no path");
    is_int(plugin_load(&registry, "no_such_plugin", &out, error, sizeof(error)),
           -CTR_ENOENT, "a plugin that is not there");
    ok(strstr(error, "no_such_plugin.so"), "the file is named: %s", error);
    registry_finish(&registry);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    life(false);
    life(true);
    failures();
    busy_timers();
    polls();
    batches();
    objects();
    names();
    return tap_done();
}
