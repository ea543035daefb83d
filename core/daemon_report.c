/* daemon_report.c - what the daemon tells contactorctl about itself. */
#include "daemon_private.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

enum { SOURCE_PREFIX = sizeof("source.") - 1, FRONTEND_PREFIX = sizeof("frontend.") - 1 };

/* ---- sources -------------------------------------------------------------------- */

/* A source nobody could ask flow about, with the members every source has. */
static cJSON *source_unknown(const char *name)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddStringToObject(json, "state", "failed");
    cJSON_AddNumberToObject(json, "contacts", 0);
    cJSON_AddNullToObject(json, "last_success");
    return json;
}

static void set_string(cJSON *json, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(json, name);
    cJSON_AddStringToObject(json, name, value);
}

/* Of a source whose plugin runs in a process of its own. */
static void add_process(cJSON *json, const struct slot *slot)
{
    struct isolate_info info;
    cJSON *process;
    char when[32];

    if (!slot->in || !isolate_info(slot->in, &info))
        return;
    process = cJSON_AddObjectToObject(json, "process");
    cJSON_AddStringToObject(process, "state", info.state);
    cJSON_AddNumberToObject(process, "pid", (double)info.pid);
    cJSON_AddNumberToObject(process, "restarts", info.restarts);
    cJSON_AddNumberToObject(process, "memory", (double)info.memory);
    cJSON_AddStringToObject(process, "last_end", info.last_end);
    if (info.last_end_at > 0)
        cJSON_AddStringToObject(process, "last_end_at",
                                clock_format(info.last_end_at, when, sizeof(when)));
    if (info.next_start > 0)
        cJSON_AddStringToObject(process, "next_start",
                                clock_format(info.next_start, when, sizeof(when)));
}

static cJSON *source_json(struct daemon *d, const struct slot *slot)
{
    const char *name = slot->name + SOURCE_PREFIX;
    cJSON *json = flow_source_json(d->flow, name, true);

    if (!json)
        json = source_unknown(name);
    set_string(json, "plugin", slot->plugin_name);
    add_process(json, slot);
    if (slot->problem) {
        set_string(json, "state", "failed");
        set_string(json, "last_error", slot->problem);
    }
    return json;
}

static cJSON *report_sources(void *ctx, const char *name)
{
    struct daemon *d = ctx;
    cJSON *list = cJSON_CreateArray();

    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->role == INSTANCE_SOURCE && !slot->removed &&
            (!name || strcmp(slot->name + SOURCE_PREFIX, name) == 0))
            cJSON_AddItemToArray(list, source_json(d, slot));
    }
    return list;
}

/* ---- front ends ----------------------------------------------------------------- */

static void add_listen(cJSON *json, struct net_service *service)
{
    cJSON *listen = cJSON_AddArrayToObject(json, "listen");
    char text[96];

    for (unsigned i = 0; net_service_bound(service, i, text, sizeof(text)) == 0; i++)
        cJSON_AddItemToArray(listen, cJSON_CreateString(text));
}

static void add_stats(cJSON *json, const struct net_stats *s)
{
    cJSON_AddNumberToObject(json, "sessions", s->sessions);
    cJSON_AddNumberToObject(json, "accepted", (double)s->accepted);
    cJSON_AddNumberToObject(json, "refused", (double)s->refused);
    cJSON_AddNumberToObject(json, "dropped_slow", (double)s->dropped_slow);
    cJSON_AddNumberToObject(json, "dropped_idle", (double)s->dropped_idle);
    cJSON_AddNumberToObject(json, "tls_handshakes", (double)s->tls_handshakes);
    cJSON_AddNumberToObject(json, "tls_resumed", (double)s->tls_resumed);
    cJSON_AddNumberToObject(json, "tls_failed", (double)s->tls_failed);
    cJSON_AddNumberToObject(json, "bytes_in", (double)s->bytes_in);
    cJSON_AddNumberToObject(json, "bytes_out", (double)s->bytes_out);
}

static void add_certificate(cJSON *json, const struct net_service *service)
{
    struct net_certificate found;

    if (!net_service_certificate(service, &found))
        return;
    cJSON_AddNumberToObject(json, "certificate_valid_until",
                            (double)found.valid_until * 1000);
    cJSON_AddBoolToObject(json, "certificate_ends_soon",
                          found.valid_until <
                              clock_wall_ms() / 1000 + NET_CERTIFICATE_SOON_S);
}

static cJSON *frontend_json(const struct slot *slot)
{
    cJSON *json = cJSON_CreateObject();
    struct net_service *service = slot->in ? instance_service(slot->in) : NULL;
    struct net_stats stats;

    cJSON_AddStringToObject(json, "name", slot->name + FRONTEND_PREFIX);
    cJSON_AddStringToObject(json, "plugin", slot->plugin_name);
    cJSON_AddStringToObject(json, "state", slot->in ? "running" : "failed");
    if (slot->problem)
        cJSON_AddStringToObject(json, "last_error", slot->problem);
    else
        cJSON_AddNullToObject(json, "last_error");
    if (service) {
        add_listen(json, service);
        net_service_stats(service, &stats);
        add_stats(json, &stats);
        add_certificate(json, service);
    }
    return json;
}

static cJSON *report_frontends(struct daemon *d)
{
    cJSON *list = cJSON_CreateArray();

    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->role == INSTANCE_FRONTEND && !slot->removed)
            cJSON_AddItemToArray(list, frontend_json(slot));
    }
    return list;
}

/* ---- the daemon ----------------------------------------------------------------- */

static cJSON *cache_json(struct daemon *d)
{
    struct cache_health health;
    cJSON *json = cJSON_CreateObject();

    cache_health(d->cache, &health);
    cJSON_AddNumberToObject(json, "used", (double)health.used);
    cJSON_AddNumberToObject(json, "map_size", (double)health.map_size);
    cJSON_AddNumberToObject(json, "commits", (double)health.commits);
    cJSON_AddNumberToObject(json, "reopened", (double)health.reopened);
    cJSON_AddStringToObject(json, "write_error",
                            health.write_error ? error_text(health.write_error) : "");
    return json;
}

static cJSON *report_status(void *ctx)
{
    struct daemon *d = ctx;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "version", CONTACTOR_VERSION);
    cJSON_AddNumberToObject(json, "pid", (double)getpid());
    cJSON_AddNumberToObject(json, "uid", (double)geteuid());
    cJSON_AddStringToObject(json, "config", d->config_path);
    cJSON_AddStringToObject(json, "state_dir", d->settings->daemon.state_dir);
    cJSON_AddStringToObject(json, "log_level", log_level_name(log_get_level()));
    cJSON_AddNumberToObject(json, "started", (double)d->started);
    cJSON_AddNumberToObject(json, "uptime", (double)(clock_wall_ms() - d->started));
    cJSON_AddNumberToObject(json, "reloaded", (double)d->reloaded);
    cJSON_AddNumberToObject(json, "reloads", (double)d->n_reloads);
    cJSON_AddNumberToObject(json, "reloads_refused", (double)d->n_refused);
    cJSON_AddBoolToObject(json, "confined", d->confined != NULL);
    cJSON_AddItemToObject(json, "cache", cache_json(d));
    cJSON_AddItemToObject(json, "sources", report_sources(d, NULL));
    cJSON_AddItemToObject(json, "frontends", report_frontends(d));
    return json;
}

/* ---- metrics -------------------------------------------------------------------- */

static void put_services(struct daemon *d, struct strbuf *out, const char *name,
                         const char *kind, const char *help,
                         uint64_t (*get)(const struct net_stats *))
{
    strbuf_fmt(out, "# HELP contactor_%s %s\n# TYPE contactor_%s %s\n", name, help, name,
               kind);
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);
        struct net_service *service =
            slot->in && !slot->removed ? instance_service(slot->in) : NULL;
        struct net_stats stats;

        if (!service)
            continue;
        net_service_stats(service, &stats);
        strbuf_fmt(out, "contactor_%s{frontend=\"%s\"} %llu\n", name,
                   slot->name + FRONTEND_PREFIX, (unsigned long long)get(&stats));
    }
}

/* For an alarm some weeks before: nobody who asks over TLS is answered afterwards. */
static void put_certificates(struct daemon *d, struct strbuf *out)
{
    static const char name[] = "contactor_tls_certificate_valid_until_seconds";

    strbuf_fmt(out,
               "# HELP %s When the certificate expires, since 1970.\n# TYPE %s gauge\n",
               name, name);
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);
        struct net_service *service =
            slot->in && !slot->removed ? instance_service(slot->in) : NULL;
        struct net_certificate found;

        if (service && net_service_certificate(service, &found))
            strbuf_fmt(out, "%s{frontend=\"%s\"} %lld\n", name,
                       slot->name + FRONTEND_PREFIX, (long long)found.valid_until);
    }
}

#define GETTER(member)                                      \
    static uint64_t get_##member(const struct net_stats *s) \
    {                                                       \
        return s->member;                                   \
    }
GETTER(sessions)
GETTER(accepted)
GETTER(refused)
GETTER(tls_handshakes)
GETTER(tls_resumed)
GETTER(tls_failed)
GETTER(dropped_slow)
GETTER(dropped_idle)
GETTER(bytes_in)
GETTER(bytes_out)

static void put_net(struct daemon *d, struct strbuf *out)
{
    put_services(d, out, "sessions", "gauge", "Open connections.", get_sessions);
    put_services(d, out, "sessions_accepted_total", "counter", "Connections accepted.",
                 get_accepted);
    put_services(d, out, "sessions_refused_total", "counter",
                 "Connections refused by a limit.", get_refused);
    put_services(d, out, "tls_handshakes_total", "counter", "TLS handshakes finished.",
                 get_tls_handshakes);
    put_services(d, out, "tls_resumed_total", "counter", "TLS sessions resumed.",
                 get_tls_resumed);
    put_services(d, out, "tls_failed_total", "counter", "TLS handshakes that failed.",
                 get_tls_failed);
    put_certificates(d, out);
    put_services(d, out, "sessions_dropped_slow_total", "counter",
                 "Connections ended because the peer was too slow.", get_dropped_slow);
    put_services(d, out, "sessions_dropped_idle_total", "counter",
                 "Connections ended because nothing was asked.", get_dropped_idle);
    put_services(d, out, "received_bytes_total", "counter", "Bytes received.",
                 get_bytes_in);
    put_services(d, out, "sent_bytes_total", "counter", "Bytes sent.", get_bytes_out);
}

static void put_one(struct strbuf *out, const char *name, const char *kind,
                    const char *help, double value)
{
    strbuf_fmt(out,
               "# HELP contactor_%s %s\n# TYPE contactor_%s %s\ncontactor_%s %.15g\n",
               name, help, name, kind, name, value);
}

static void put_process(struct daemon *d, struct strbuf *out)
{
    struct cache_health health;
    struct rusage usage;

    strbuf_fmt(out,
               "# HELP contactor_build_info The version that runs.\n"
               "# TYPE contactor_build_info gauge\n"
               "contactor_build_info{version=\"%s\"} 1\n",
               CONTACTOR_VERSION);
    put_one(out, "start_time_seconds", "gauge", "When the daemon started.",
            (double)d->started / 1000);
    put_one(out, "reloads_total", "counter", "Reloads asked for.", (double)d->n_reloads);
    put_one(out, "reloads_refused_total", "counter",
            "Reloads refused because something was wrong.", (double)d->n_refused);
    cache_health(d->cache, &health);
    put_one(out, "cache_used_bytes", "gauge", "Bytes of the cache in use.",
            (double)health.used);
    put_one(out, "cache_map_bytes", "gauge", "Bytes the cache may use before it grows.",
            (double)health.map_size);
    put_one(out, "cache_commits_total", "counter", "Transactions committed.",
            (double)health.commits);
    put_one(out, "cache_write_failed", "gauge", "1 when the last commit failed.",
            health.write_error != 0);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        put_one(out, "max_resident_bytes", "gauge", "The most memory used so far.",
                (double)usage.ru_maxrss * 1024);
}

static double get_up(const struct isolate_info *info)
{
    return info->pid > 0 && strcmp(info->state, "running") == 0;
}

static double get_restarts(const struct isolate_info *info)
{
    return info->restarts;
}

static double get_memory(const struct isolate_info *info)
{
    return (double)info->memory;
}

static void put_processes(struct daemon *d, struct strbuf *out, const char *name,
                          const char *kind, const char *help,
                          double (*get)(const struct isolate_info *))
{
    strbuf_fmt(out, "# HELP contactor_%s %s\n# TYPE contactor_%s %s\n", name, help, name,
               kind);
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);
        struct isolate_info info;

        if (slot->in && !slot->removed && isolate_info(slot->in, &info))
            strbuf_fmt(out, "contactor_%s{source=\"%s\"} %.15g\n", name,
                       slot->name + SOURCE_PREFIX, get(&info));
    }
}

static void put_isolated(struct daemon *d, struct strbuf *out)
{
    put_processes(d, out, "source_process_up", "gauge",
                  "1 when the process of an isolated source runs.", get_up);
    put_processes(d, out, "source_process_restarts_total", "counter",
                  "How often the process of an isolated source was started again.",
                  get_restarts);
    put_processes(d, out, "source_process_resident_bytes", "gauge",
                  "Memory used by the process of an isolated source.", get_memory);
}

static void report_metrics(void *ctx, struct strbuf *out)
{
    struct daemon *d = ctx;
    struct instance **all;
    unsigned n = 0;

    list_for_each(it, &d->slots) n++;
    all = xcalloc(n + 1, sizeof(*all));
    n = 0;
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->in && !slot->removed)
            all[n++] = slot->in;
    }
    put_process(d, out);
    put_net(d, out);
    put_isolated(d, out);
    flow_metrics(d->flow, out);
    instance_metrics(all, n, out);
    free(all);
}

/* ---- the rest ------------------------------------------------------------------- */

static unsigned report_names(void *ctx, const char *kind, const char **out, unsigned cap)
{
    const struct daemon *d = ctx;
    const struct flow_config *flow = &d->settings->flow;
    unsigned n = 0;

    if (strcmp(kind, "source") == 0)
        for (size_t i = 0; i < flow->n_sources && n < cap; i++)
            out[n++] = flow->sources[i].name;
    else if (strcmp(kind, "user") == 0)
        for (size_t i = 0; i < flow->n_users && n < cap; i++)
            out[n++] = flow->users[i].name;
    else
        for (unsigned i = 0; i < d->settings->n_instances && n < cap; i++)
            if (d->settings->instances[i].role == INSTANCE_FRONTEND)
                out[n++] = d->settings->instances[i].short_name;
    return n;
}

static void do_reload(void *ctx, void (*done)(void *arg, int status, const char *text),
                      void *arg)
{
    daemon_reload(ctx, done, arg);
}

static int do_check(void *ctx, struct strbuf *text)
{
    return daemon_check_files(ctx, text);
}

static int do_log_level(void *ctx, const char *name)
{
    enum log_level level;
    int err = log_level_parse(name, &level);

    (void)ctx;
    if (err == 0)
        log_set_level(level);
    return err;
}

static struct flow *get_flow(void *ctx)
{
    struct daemon *d = ctx;

    return d->flow;
}

const struct control_ops daemon_control_ops = {
    .status = report_status,
    .sources = report_sources,
    .metrics = report_metrics,
    .reload = do_reload,
    .check = do_check,
    .log_level = do_log_level,
    .names = report_names,
    .flow = get_flow,
};
