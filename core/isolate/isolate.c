/* isolate.c - the process of an isolated source: watched, told to end, started again.
 *
 *     idle -> starting -> running -> ending -> waiting -> starting ...
 *                                          '-> stopped
 *
 * Whatever ends it goes the same way: its sockets are closed, it is killed if it is still
 * there, its status is taken, what it had begun is ended with the reason; and only when
 * nothing of it is left does the next one start. */
#include "isolate/isolate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "isolate/private.h"

enum {
    BACK_OFF_FIRST = 1000,
    BACK_OFF_MOST = 5 * 60 * 1000,
    HEALTHY_MS = 60 * 1000, /* one that ran so long has not failed at its start */
    STOP_LIMIT_MS = 3000,   /* the daemon's promise is 5 s for everything */
    SOON_MS = 10 * 1000,    /* a start so far away is worth waiting for */
    HANG_UP_MS = 200,       /* between the end of its socket and its own */
    WATCH_MS = 250,
    ENDING_MS = 5
};

static void process_start(struct isolate *iso);
static void on_watch(uv_timer_t *timer);
static void look(struct isolate *iso);
static void on_again(uv_timer_t *timer);
static void process_over(struct isolate *iso);
static void tell_ended(struct isolate *iso);
static void on_instance_start(void *self);
static void on_instance_deadline(void *self);
static void on_instance_stop(void *self);
static void on_instance_destroy(void *self);
static void on_instance_kill(void *self);

static const struct remote_ops remote_process = {.start = on_instance_start,
                                                 .deadline = on_instance_deadline,
                                                 .stop = on_instance_stop,
                                                 .destroy = on_instance_destroy,
                                                 .kill = on_instance_kill};

/* ---- memory --------------------------------------------------------------------- */

struct instance *isolate_create(const struct instance_env *env,
                                const struct plugin *plugin, const char *name,
                                struct ctr_config *values,
                                const struct isolate_options *options)
{
    struct isolate *iso = xcalloc(1, sizeof(*iso));
    uv_loop_t *uv = loop_uv(env->loop);

    iso->in = instance_create_remote(env, plugin, name, values, &remote_process, iso);
    iso->env = env;
    iso->peer = peer_in(env);
    iso->plugin = plugin;
    iso->values = values;
    iso->name = instance_name(iso->in);
    iso->short_name = instance_short_name(iso->in);
    iso->options = *options;
    iso->data = iso->control.fd = iso->errors.fd = -1;
    list_init(&iso->out);
    list_init(&iso->lost);
    list_init(&iso->searches);
    uv_timer_init(uv, &iso->tick);
    uv_timer_init(uv, &iso->again);
    iso->tick.data = iso->again.data = iso;
    iso->open = 2;
    return iso->in;
}

static void on_closed(uv_handle_t *handle)
{
    struct isolate *iso = handle->data;

    if (--iso->open == 0)
        free(iso);
}

static void on_instance_destroy(void *self)
{
    struct isolate *iso = self;

    ensure(iso->state == ISOLATE_IDLE || iso->state == ISOLATE_STOPPED);
    lane_destroy(iso->lane);
    iso->lane = NULL;
    uv_close((uv_handle_t *)&iso->tick, on_closed);
    uv_close((uv_handle_t *)&iso->again, on_closed);
}

bool rate_allows(struct rate *rate, unsigned per_second)
{
    int64_t now = clock_ms();

    if (now - rate->since >= 1000) {
        rate->since = now;
        rate->n = 0;
    }
    if (rate->n < per_second) {
        rate->n++;
        return true;
    }
    rate->lost++;
    return false;
}

static void tell_lost_lines(struct isolate *iso)
{
    unsigned lost = iso->log_rate.lost + iso->error_rate.lost;

    if (lost == 0 || clock_ms() - iso->log_rate.since < 1000)
        return;
    log_warn(iso->name, "process wrote too much, lines_left_out=%u", lost);
    iso->log_rate.lost = iso->error_rate.lost = 0;
}

/* ---- up ------------------------------------------------------------------------- */

static void on_instance_start(void *self)
{
    struct isolate *iso = self;

    ensure(iso->state == ISOLATE_IDLE);
    iso->lane = lane_create(iso->env->loop, iso->short_name);
    process_start(iso);
}

static void send_hello(struct isolate *iso)
{
    struct hello hello = {.options = iso->options,
                          .log_level = (uint32_t)log_get_level(),
                          .path = str_of(iso->plugin->path),
                          .name = str_of(iso->name)};
    struct strbuf frame = {0};

    hello_make(&frame, &hello, iso->values);
    link_send(iso, &frame);
}

static void send_ping(struct isolate *iso)
{
    iso->asked = clock_ms();
    link_send_ui(iso, FRAME_PING, ++iso->pings, log_get_level());
}

static void process_start(struct isolate *iso)
{
    struct isolate_process process;
    char error[FAIL_TEXT_MAX];

    iso->state = ISOLATE_STARTING;
    iso->starts++;
    iso->began = clock_ms();
    iso->hung_up = iso->asked = iso->answered = iso->next_start = 0;
    iso->resident = iso->reported = 0;
    iso->n_metrics = 0;
    iso->verdict[0] = '\0';
    iso->killed = false;
    if (isolate_spawn(iso->name, &process, error, sizeof(error)) != 0) {
        snprintf(iso->verdict, sizeof(iso->verdict), "%s", error);
        process_over(iso);
        return;
    }
    iso->pid = process.pid;
    iso->data = process.data;
    log_info(iso->name, "process starts pid=%d start=%u", (int)iso->pid, iso->starts);
    link_open(iso, process.control, process.errors);
    uv_timer_start(&iso->tick, on_watch, WATCH_MS, WATCH_MS);
    send_hello(iso);
    send_ping(iso);
}

/* Between two lives. */
static bool isolate_soon(void *ctx)
{
    const struct isolate *iso = ctx;

    if (iso->state == ISOLATE_WAITING)
        return iso->next_start - clock_wall_ms() <= SOON_MS;
    return !iso->deadline &&
           (iso->state == ISOLATE_STARTING || iso->state == ISOLATE_ENDING);
}

void isolate_started(struct isolate *iso, uint32_t flags)
{
    bool search = (iso->plugin->source.flags & CTR_SOURCE_SEARCH) != 0;

    iso->state = ISOLATE_RUNNING;
    log_info(iso->name, "process runs pid=%d ms=%lld", (int)iso->pid,
             (long long)(clock_ms() - iso->began));
    if (iso->deadline)
        return;
    iso->driver = (struct flow_driver){
        .ctx = iso,
        .can_delta = (iso->plugin->source.flags & CTR_SOURCE_DELTA) != 0,
        .can_search = search,
        .sync = isolate_sync,
        .sync_cancel = isolate_sync_cancel,
        .search = search ? isolate_search : NULL,
        .search_cancel = search ? isolate_search_cancel : NULL,
        .search_drop = search ? isolate_search_drop : NULL,
        .may_wait = true,
        .spellings = iso->plugin->desc.abi_built >= CTR_ABI(1, 1),
        .test = iso->plugin->source.threading == CTR_ON_LANE && iso->plugin->source.test
                    ? isolate_test
                    : NULL,
        .test_cancel = isolate_test_cancel,
        .watches = (flags & STARTED_WATCHING) || iso->resync,
        .soon = isolate_soon,
    };
    iso->peer->source_start(iso->env, iso->short_name, &iso->driver);
    iso->resync = false;
}

/* ---- watched -------------------------------------------------------------------- */

static const char *in_seconds(uint32_t ms, char out[32])
{
    snprintf(out, 32, ms % 1000 ? "%u.%u s" : "%u s", ms / 1000, ms % 1000 / 100);
    return out;
}

static void watch_memory(struct isolate *iso)
{
    uint64_t resident = isolate_resident(iso->pid);

    iso->resident = resident > iso->reported ? resident : iso->reported;
    if (iso->resident > iso->options.memory)
        isolate_break(iso,
                      "was killed because it used %llu MiB of memory (isolated_memory "
                      "allows %llu)",
                      (unsigned long long)(iso->resident >> 20),
                      (unsigned long long)(iso->options.memory >> 20));
}

static void watch_answers(struct isolate *iso, int64_t now)
{
    const uint32_t patience = iso->options.patience;
    int64_t sync = isolate_sync_overdue(iso), search = isolate_search_overdue(iso);
    char text[32];

    if (iso->asked > 0 && now - iso->asked > patience)
        isolate_break(iso, "hung: it was killed after it had answered nothing for %s%s",
                      in_seconds(patience, text),
                      iso->state == ISOLATE_STARTING ? ", during its start" : "");
    else if (sync > 0 && now - sync > patience)
        isolate_break(iso,
                      "hung: it was killed because its sync did not end within %s of "
                      "being told to",
                      in_seconds(patience, text));
    else if (search > 0 && now - search > patience)
        isolate_break(iso,
                      "hung: it was killed because a live search did not end within %s "
                      "of being told to",
                      in_seconds(patience, text));
    else if (isolate_test_is_overdue(iso))
        isolate_break(iso, "hung: it was killed because its test did not end");
    else if (iso->asked == 0 && now - iso->answered >= patience / 4)
        send_ping(iso);
}

static void watch_requests(struct isolate *iso)
{
    if (!iso->sync_wanted)
        return;
    iso->sync_wanted = false;
    iso->peer->request_sync(iso->env, iso->short_name);
}

static void on_watch(uv_timer_t *timer)
{
    struct isolate *iso = timer->data;
    int64_t now = clock_ms();

    look(iso);
    if (iso->state == ISOLATE_ENDING)
        return;
    if (iso->hung_up > 0) {
        if (now - iso->hung_up > HANG_UP_MS)
            isolate_break(iso, "was killed because it closed its connection");
        return;
    }
    watch_memory(iso);
    if (iso->state != ISOLATE_ENDING)
        watch_answers(iso, now);
    if (iso->state != ISOLATE_ENDING)
        watch_requests(iso);
    tell_lost_lines(iso);
}

/* ---- the end of a process ------------------------------------------------------- */

/* What it had is taken away, and those who wait for it are told. */
static void let_go(struct isolate *iso)
{
    iso->state = ISOLATE_ENDING;
    link_close(iso);
    shutdown(iso->data, SHUT_RDWR); /* the lane sees the end of it */
    isolate_search_end_all(iso);
    uv_timer_start(&iso->tick, on_watch, ENDING_MS, ENDING_MS);
}

void isolate_break(struct isolate *iso, const char *fmt, ...)
{
    va_list ap;

    if (iso->pid == 0 || iso->killed)
        return;
    va_start(ap, fmt);
    vsnprintf(iso->verdict, sizeof(iso->verdict), fmt, ap);
    va_end(ap);
    iso->killed = true;
    isolate_kill_group(iso->pid);
    let_go(iso);
}

static void on_instance_kill(void *self)
{
    struct isolate *iso = self;

    if (iso->pid > 0)
        isolate_kill_group(iso->pid);
}

/* The group is killed while its leader, though dead, still has its number. */
static void take_status(struct isolate *iso)
{
    char words[FAIL_TEXT_MAX];

    isolate_kill_group(iso->pid);
    if (isolate_reap(iso->pid, iso->options.memory, words, sizeof(words)) == 0 &&
        iso->stop_wanted)
        words[0] = '\0';
    if (!iso->killed)
        snprintf(iso->verdict, sizeof(iso->verdict), "%s", words);
    iso->pid = 0;
    if (iso->state != ISOLATE_ENDING)
        let_go(iso);
}

static void look(struct isolate *iso)
{
    if (iso->pid > 0 && isolate_ended(iso->pid))
        take_status(iso);
    if (iso->pid == 0 && iso->state == ISOLATE_ENDING && link_is_closed(iso) &&
        isolate_sync_is_quiet(iso))
        process_over(iso);
}

void isolate_hung_up(struct isolate *iso)
{
    if (iso->hung_up == 0)
        iso->hung_up = clock_ms();
    uv_timer_start(&iso->tick, on_watch, 0, ENDING_MS);
}

/* It was not asked to end: tell all, and plan the next. */
static void process_failed(struct isolate *iso)
{
    int64_t lived = clock_ms() - iso->began;
    uint32_t wait;

    if (lived >= HEALTHY_MS)
        iso->failures = 0;
    wait = flow_back_off(BACK_OFF_FIRST, BACK_OFF_MOST, ++iso->failures);
    snprintf(iso->last_end, sizeof(iso->last_end), "%.380s (%lld.%lld s after its start)",
             iso->verdict, (long long)(lived / 1000), (long long)(lived % 1000 / 100));
    snprintf(iso->down, sizeof(iso->down), "its process %.420s; next start in %u s",
             iso->last_end, (wait + 999) / 1000);
    iso->last_end_at = clock_wall_ms();
    iso->next_start = iso->last_end_at + wait;
    log_error(iso->name, "process ended restarts=%u reason=%s", iso->starts - 1,
              log_quoted(iso->down));
    iso->peer->source_error(iso->env, iso->short_name, iso->down);
    iso->state = ISOLATE_WAITING;
    uv_timer_start(&iso->again, on_again, wait, 0);
}

static void process_over(struct isolate *iso)
{
    uv_timer_stop(&iso->tick);
    if (iso->data >= 0)
        close(iso->data);
    iso->data = -1;
    if (iso->deadline) {
        if (iso->verdict[0])
            log_warn(iso->name, "process ended while it was stopped reason=%s",
                     log_quoted(iso->verdict));
        snprintf(iso->down, sizeof(iso->down), "it was stopped");
        iso->state = ISOLATE_STOPPED;
    } else {
        process_failed(iso);
    }
    isolate_sync_lost(iso, iso->down);
    isolate_test_lost(iso, iso->down);
    if (iso->stop_wanted)
        tell_ended(iso);
}

static void on_again(uv_timer_t *timer)
{
    struct isolate *iso = timer->data;

    if (iso->deadline)
        isolate_break(iso, "was killed because it did not end when it was told to");
    else
        process_start(iso);
}

/* ---- down ----------------------------------------------------------------------- */

static void on_instance_deadline(void *self)
{
    struct isolate *iso = self;

    iso->deadline = true;
    uv_timer_stop(&iso->again);
    if (iso->state == ISOLATE_WAITING)
        iso->state = ISOLATE_STOPPED;
    else if (iso->state != ISOLATE_STOPPED)
        uv_timer_start(&iso->again, on_again, STOP_LIMIT_MS, 0);
}

static void tell_ended(struct isolate *iso)
{
    uv_timer_stop(&iso->again);
    remote_ended(iso->in);
}

static void on_instance_stop(void *self)
{
    struct isolate *iso = self;
    struct strbuf frame = {0};
    size_t at;

    iso->stop_wanted = true;
    if (iso->state == ISOLATE_STOPPED) {
        tell_ended(iso);
        return;
    }
    if (iso->state == ISOLATE_ENDING)
        return;
    frame_begin(&frame, FRAME_STOP, &at);
    frame_end(&frame, at);
    link_send(iso, &frame);
}

/* ---- what others ask ------------------------------------------------------------ */

bool isolate_info(const struct instance *in, struct isolate_info *out)
{
    const struct isolate *iso = instance_remote(in, &remote_process);
    static const char *const states[] = {
        [ISOLATE_IDLE] = "waiting",    [ISOLATE_STARTING] = "starting",
        [ISOLATE_RUNNING] = "running", [ISOLATE_ENDING] = "ending",
        [ISOLATE_WAITING] = "waiting", [ISOLATE_STOPPED] = "stopped"};

    if (!iso)
        return false;
    *out = (struct isolate_info){
        .state = states[iso->state],
        .pid = iso->pid,
        .restarts = iso->starts > 0 ? iso->starts - 1 : 0,
        .memory = iso->resident,
        .last_end = iso->last_end,
        .last_end_at = iso->last_end_at,
        .next_start = iso->next_start,
    };
    return true;
}
