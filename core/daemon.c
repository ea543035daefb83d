/* daemon.c - builds everything up in order, runs it, and tears it down in reverse.
 *
 * - with the rights of the start: configuration, sockets, state folder, descriptors
 * - with privileges dropped and folders confined: cache, flow, the instances start
 * - threads begin here
 * - with system calls confined: "ready"
 */
#include "daemon_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "os/confine.h"
#include "os/limits.h"
#include "os/memory.h"
#include "plugin/describe.h"
#include "state.h"

enum { ERROR_MAX = 1024, TIDY_MS = 1000 };

static void stop(struct daemon *d, const char *why);
static void begin_stop(struct daemon *d);
static void finish_stop(struct daemon *d);

int daemon_complain(const char *error)
{
    log_error("contactord", "cannot start reason=%s", log_quoted(error));
    return -CTR_EIO;
}

/* ---- configuration -------------------------------------------------------------- */

static void log_diag(struct diag *diag)
{
    struct strbuf text = {0};
    char *line, *rest;

    diag_format(diag, &text);
    rest = text.ptr;
    while ((line = strsep(&rest, "\n"))) {
        if (strstr(line, ": error: "))
            log_error("config", "%s", line);
        else if (*line)
            log_warn("config", "%s", line);
    }
    strbuf_finish(&text);
}

static int load_settings(struct daemon *d)
{
    struct diag *diag = xcalloc(1, sizeof(*diag));
    int err = settings_load(d->config_path, 0, &d->registry, diag, &d->settings);

    log_diag(diag);
    if (err != 0)
        log_error("contactord", "cannot start errors=%u hint=\"correct the lines above\"",
                  diag->errors);
    else
        log_set_level(d->settings->daemon.log_level);
    diag_finish(diag);
    free(diag);
    return err;
}

/* ---- with the rights of the start ----------------------------------------------- */

static int open_net(struct daemon *d)
{
    const struct settings_daemon *s = &d->settings->daemon;
    struct net_options options = {.max_sessions = s->max_sessions,
                                  .max_sessions_per_peer = s->max_sessions_per_peer};

    d->net = net_create(d->loop, &options);
    d->env.net = d->net;
    return 0;
}

/* A source that cannot be made is shown as failed; a front end that cannot listen is the
 * end: nobody would notice that it does not answer. */
static int make_instances(struct daemon *d)
{
    char error[ERROR_MAX];

    for (unsigned i = 0; i < d->settings->n_instances; i++) {
        struct settings_instance *si = &d->settings->instances[i];
        struct slot *slot = slot_add(d, si);

        if (!si->plugin) {
            slot_set_problem(slot, si->problem ? si->problem : "it has no plugin");
            continue;
        }
        if (slot_make(d, si, &slot->in, error, sizeof(error)) == 0) {
            slot_adopt(slot, si);
            continue;
        }
        slot_set_problem(slot, error);
        if (si->role == INSTANCE_FRONTEND)
            return daemon_complain("a front end cannot run; its reason stands above");
    }
    return 0;
}

static int open_state(struct daemon *d, const struct privileges_user *user)
{
    const struct settings_daemon *s = &d->settings->daemon;
    uid_t uid = user ? user->uid : (uid_t)-1;
    gid_t gid = user ? user->gid : (gid_t)-1;
    char error[ERROR_MAX];

    if (state_open(s->state_dir, uid, gid, &d->lock_fd, error, sizeof(error)) != 0)
        return daemon_complain(error);
    if (control_open(d->loop, s->control_socket, uid, gid, &daemon_control_ops, d,
                     &d->control, error, sizeof(error)) != 0)
        return daemon_complain(error);
    return 0;
}

/* ---- the inner parts ------------------------------------------------------------ */

void daemon_retain_cache(struct daemon *d)
{
    const struct flow_config *flow = &d->settings->flow;
    const char **names = xcalloc(flow->n_sources + 1, sizeof(*names));

    for (size_t i = 0; i < flow->n_sources; i++)
        names[i] = flow->sources[i].name;
    cache_retain(d->cache, names, flow->n_sources);
    free(names);
}

/* The cache was damaged in use and is empty now: every source fills it again. */
static void on_cache_rebuilt(void *arg)
{
    struct daemon *d = arg;

    if (d->flow)
        flow_resync_all(d->flow);
}

static int open_inner(struct daemon *d)
{
    const struct settings_daemon *s = &d->settings->daemon;
    char dir[4096], error[ERROR_MAX];
    struct cache_options options = {
        .dir = dir,
        .map_size = s->cache_map_size,
        .map_max = s->cache_map_max,
        .on_rebuilt = on_cache_rebuilt,
        .arg = d,
    };

    snprintf(dir, sizeof(dir), "%s/cache", s->state_dir);
    if (cache_open(d->loop, &options, &d->cache, error, sizeof(error)) != 0)
        return daemon_complain(error);
    d->flow = flow_create(d->loop, d->cache);
    flow_configure(d->flow, &d->settings->flow);
    settings_forget_passwords(d->settings);
    d->env.flow = d->flow;
    daemon_retain_cache(d);
    return 0;
}

static void start_instances(struct daemon *d)
{
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->in)
            slot_start(slot);
        else if (slot->role == INSTANCE_SOURCE)
            flow_source_error(d->flow, slot->name + strlen("source."), slot->problem);
    }
}

/* ---- signals, watchdog ---------------------------------------------------------- */

static void on_signal(uv_signal_t *signal, int number)
{
    struct daemon *d = signal->data;

    loop_busy(d->loop);
    if (number == SIGHUP)
        daemon_reload(d, NULL, NULL);
    else
        stop(d, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void on_watchdog(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    notify_watchdog(d->notify);
}

static void on_tidy(uv_timer_t *timer)
{
    (void)timer;
    memory_tidy();
}

static void open_handles(struct daemon *d)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_loop_t *uv = loop_uv(d->loop);
    uint64_t interval = notify_watchdog_interval(d->notify);

    d->handles_open = true;
    for (int i = 0; i < 3; i++) {
        uv_signal_init(uv, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(uv, &d->watchdog);
    uv_timer_init(uv, &d->deadline);
    uv_timer_init(uv, &d->patience);
    uv_timer_init(uv, &d->tidy);
    d->watchdog.data = d->deadline.data = d->patience.data = d;
    if (interval > 0)
        uv_timer_start(&d->watchdog, on_watchdog, interval, interval);
    uv_timer_start(&d->tidy, on_tidy, TIDY_MS, TIDY_MS);
}

static void close_handles(struct daemon *d)
{
    if (!d->handles_open)
        return;
    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    uv_close((uv_handle_t *)&d->watchdog, NULL);
    uv_close((uv_handle_t *)&d->deadline, NULL);
    uv_close((uv_handle_t *)&d->patience, NULL);
    uv_close((uv_handle_t *)&d->tidy, NULL);
    d->handles_open = false;
}

/* ---- the end -------------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    list_for_each_safe(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->in && instance_state(slot->in) == INSTANCE_STOPPING) {
            instance_abandon(slot->in);
            slot->in = NULL;
        }
    }
    d->dirty = true;
    finish_stop(d);
}

static void stop(struct daemon *d, const char *why)
{
    if (d->stopping)
        return;
    d->stopping = true;
    log_info("contactord", "stopping reason=%s", why);
    notify_stopping(d->notify, "Stopping");
    begin_stop(d);
}

static void begin_stop(struct daemon *d)
{
    control_stop(d->control);
    daemon_reload_step(d);
    uv_timer_start(&d->deadline, on_deadline, STOP_MS, 0);
    list_for_each_safe(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->in && instance_state(slot->in) <= INSTANCE_STARTED)
            slot_end(slot);
    }
    if (d->ending == 0)
        finish_stop(d);
}

void daemon_ended_one(struct daemon *d)
{
    ensure(d->ending > 0);
    if (--d->ending > 0)
        return;
    if (d->stopping) {
        finish_stop(d);
        return;
    }
    if (d->flow)
        daemon_retain_cache(d);
    daemon_reload_step(d);
}

static void finish_stop(struct daemon *d)
{
    if (d->stopped)
        return;
    d->stopped = true;
    loop_stop(d->loop);
}

/* A plugin that does not end keeps its threads and what they use: the process ends around
 * it. The cache is safe at any instant. */
static void tear_down(struct daemon *d)
{
    if (d->dirty) {
        log_warn("contactord", "stopped with plugins left behind");
        _exit(EXIT_OK);
    }
    /* A start that failed half way has instances that are not ended yet. */
    if (!d->stopping && d->loop) {
        d->stopping = true;
        list_for_each_safe(it, &d->slots)
        {
            struct slot *slot = list_entry(it, struct slot, link);

            if (slot->in)
                slot_end(slot);
        }
        if (d->control)
            control_stop(d->control);
        if (d->ending > 0)
            loop_run(d->loop);
    }
    list_for_each_safe(it, &d->slots) slot_free(list_entry(it, struct slot, link));
    control_destroy(d->control);
    if (d->net)
        net_destroy(d->net);
    flow_destroy(d->flow);
    cache_close(d->cache);
    close_handles(d);
    loop_destroy(d->loop);
    settings_destroy(d->settings);
    registry_finish(&d->registry);
    rights_forget(d);
    notify_close(d->notify);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d->config_path);
}

/* ---- all of it ------------------------------------------------------------------ */

static char *absolute(const char *path)
{
    char cwd[4096];
    struct strbuf out = {0};

    if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
        return xstrdup(path);
    strbuf_fmt(&out, "%s/%s", cwd, path);
    return strbuf_take(&out);
}

static void init(struct daemon *d, const char *config_path)
{
    d->config_path = absolute(config_path);
    d->lock_fd = -1;
    d->started = clock_wall_ms();
    list_init(&d->slots);
    list_init(&d->reloads);
    registry_init(&d->registry);
    tzset(); /* the zone's file cannot be read later on */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until it can be followed */
    confine_prepare();
    memory_prepare();
    d->loop = loop_create();
    d->env.loop = d->loop;
}

static int begin(struct daemon *d)
{
    char error[ERROR_MAX];

    if (!d->loop)
        return daemon_complain("the kernel refuses descriptors; the reason stands above");
    if (number_global_init() != 0)
        return daemon_complain("the tables of telephone numbers could not be made");
    if (limits_raise_files(&d->descriptors, error, sizeof(error)) != 0 ||
        limits_no_core(error, sizeof(error)) != 0)
        log_warn("contactord", "resource limit not set reason=%s", log_quoted(error));
    return notify_open(&d->notify, error, sizeof(error)) != 0 ? daemon_complain(error)
                                                              : 0;
}

static int build(struct daemon *d)
{
    struct privileges_user user;
    bool found = false;
    int err;

    if ((err = begin(d)) != 0 || (err = load_settings(d)) != 0 ||
        (err = open_net(d)) != 0 || (err = make_instances(d)) != 0 ||
        (err = rights_find_user(d, &user, &found)) != 0 ||
        (err = open_state(d, found ? &user : NULL)) != 0 ||
        (err = rights_drop(found ? &user : NULL)) != 0 ||
        (err = rights_confine(d)) != 0 || (err = open_inner(d)) != 0)
        return err;
    open_handles(d);
    start_instances(d);
    net_warn_unused_sockets(d->net);
    if (control_start(d->control) != 0)
        return daemon_complain("contactorctl could not reach it");
    return rights_confine_calls(d);
}

int daemon_run(const char *config_path)
{
    struct daemon d = {0};
    int code = EXIT_FAILED;

    init(&d, config_path);
    if (build(&d) == 0) {
        d.running = true;
        log_info("contactord", "ready version=%s config=%s sources=%zu frontends=%zu",
                 CONTACTOR_VERSION, d.config_path, d.settings->flow.n_sources,
                 d.settings->flow.n_clients - 1);
        notify_ready(d.notify, "Answering");
        loop_run(d.loop);
        code = EXIT_OK;
        log_info("contactord", "stopped");
    }
    tear_down(&d);
    return code;
}

/* ---- without running ------------------------------------------------------------ */

int daemon_check(const char *config_path)
{
    struct daemon d = {0};
    struct strbuf text = {0};
    int err;

    log_set_level(LOG_LEVEL_ERROR);
    init(&d, config_path);
    err = d.loop ? number_global_init() : -CTR_EIO;
    if (err == 0)
        err = daemon_check_files(&d, &text);
    fputs(text.ptr ? text.ptr : "", stderr);
    if (err == 0)
        printf("%s: the configuration is right\n", d.config_path);
    strbuf_finish(&text);
    tear_down(&d);
    return err == 0 ? EXIT_OK : EXIT_FAILED;
}

int daemon_isolated(const char *number)
{
    confine_prepare();
    memory_prepare();
    return isolate_child_main((int)strtol(number, NULL, 10), rights_confine_isolated);
}

int daemon_describe(const char *plugin_path, int json)
{
    struct registry registry;
    struct plugin *plugin;
    char error[2048];
    int err;

    registry_init(&registry);
    err = plugin_load_file(&registry, plugin_path, &plugin, error, sizeof(error));
    if (err != 0)
        fprintf(stderr, "contactord: %s\n", error);
    else if (json)
        plugin_describe_json(stdout, plugin);
    else
        plugin_describe(stdout, plugin);
    registry_finish(&registry);
    return err == 0 ? EXIT_OK : EXIT_FAILED;
}
