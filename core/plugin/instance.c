/* instance.c - the life cycle of an instance, as sdk/include/contactor/plugin.h draws it.
 *
 * Stopping takes time: sessions say goodbye, a sync is canceled, the plugin winds down.
 * Each part ends by itself, and instance_stop_step looks whether the next may begin. */
#include "plugin/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "plugin/private.h"

enum { INSTANCE_MAGIC = 0x1e57a9ce };

static void on_service_stopped(void *arg);
static void on_flow_stopped(void *arg);
static void on_all_stopped(void *arg);

/* ---- memory --------------------------------------------------------------------- */

struct instance *instance_of(const struct ctr_host *host)
{
    struct instance *in = (struct instance *)(uintptr_t)host;

    ensure(in && in->magic == INSTANCE_MAGIC);
    return in;
}

void instance_ref(struct instance *in)
{
    pthread_mutex_lock(&in->lock);
    in->refs++;
    pthread_mutex_unlock(&in->lock);
}

void instance_unref(struct instance *in)
{
    unsigned left;

    pthread_mutex_lock(&in->lock);
    left = --in->refs;
    pthread_mutex_unlock(&in->lock);
    if (left > 0)
        return;
    metrics_finish(in);
    pthread_mutex_destroy(&in->lock);
    conf_values_destroy(in->values);
    in->magic = 0;
    free(in->name);
    free(in);
}

static struct instance *instance_alloc(const struct instance_env *env,
                                       const struct plugin *plugin,
                                       enum instance_role role, const char *name)
{
    struct instance *in = xcalloc(1, sizeof(*in));
    const char *dot = strchr(name, '.');

    in->magic = INSTANCE_MAGIC;
    in->env = env;
    in->plugin = plugin;
    in->role = role;
    in->name = xstrdup(name);
    in->short_name = dot ? in->name + (dot + 1 - name) : in->name;
    in->refs = 1;
    pthread_mutex_init(&in->lock, NULL);
    list_init(&in->searches);
    list_init(&in->timers);
    list_init(&in->watches);
    list_init(&in->polls);
    host_fill(in);
    return in;
}

/* The reason the plugin gave, else the text of the code. */
static int plugin_error(const struct instance *in, const char *function, int err,
                        char *error, size_t cap)
{
    if (host_fail_text()[0])
        snprintf(error, cap, "%s", host_fail_text());
    else
        snprintf(error, cap, "%s failed without a reason (%s)", function,
                 error_text(err));
    (void)in;
    return err;
}

/* ---- up ------------------------------------------------------------------------- */

int instance_check(const struct plugin *plugin, const struct ctr_config *values,
                   char *error, size_t cap)
{
    enum instance_role role = plugin->has_source ? INSTANCE_SOURCE : INSTANCE_FRONTEND;
    static const struct instance_env nowhere;
    struct instance *in;
    int err;

    error[0] = '\0';
    if (!plugin->desc.check)
        return 0;
    in = instance_alloc(&nowhere, plugin, role, conf_values_section(values));
    in->secrets = values;
    host_fail_clear();
    err = plugin->desc.check(&in->host, values);
    if (err < 0)
        snprintf(error, cap, "%s", host_fail_text());
    instance_unref(in);
    return err < 0 ? err : 0;
}

int instance_create(const struct instance_env *env, const struct plugin *plugin,
                    enum instance_role role, const char *name, struct ctr_config *values,
                    struct instance **out, char *error, size_t cap)
{
    struct instance *in = instance_alloc(env, plugin, role, name);
    int err;

    *out = NULL;
    in->values = values;
    in->secrets = values;
    in->creating = true;
    host_fail_clear();
    err = plugin->desc.create(&in->host, values, &in->self);
    in->creating = false;
    if (err < 0) {
        plugin_error(in, "create", err, error, cap);
        timer_stop_all(in);
        watch_stop_all(in);
        poll_stop_all(in);
        pthread_mutex_lock(&in->lock);
        in->ended = true;
        pthread_mutex_unlock(&in->lock);
        instance_unref(in);
        return err;
    }
    *out = in;
    return 0;
}

struct instance *instance_create_remote(const struct instance_env *env,
                                        const struct plugin *plugin, const char *name,
                                        struct ctr_config *values,
                                        const struct remote_ops *ops, void *self)
{
    struct instance *in = instance_alloc(env, plugin, INSTANCE_SOURCE, name);

    in->values = values;
    in->secrets = values;
    in->remote = ops;
    in->remote_self = self;
    return in;
}

int instance_listen(struct instance *in, const struct net_service_options *options,
                    char *error, size_t cap)
{
    struct net_service_options mine = *options;

    mine.name = in->name;
    mine.ops = &in->plugin->stream;
    mine.instance = in->self;
    return net_service_create(in->env->net, &mine, &in->service, error, cap);
}

int instance_listen_at(struct instance *in, const struct net_address *address,
                       struct instance *old, char *error, size_t cap)
{
    return net_service_listen(in->service, address, old ? old->service : NULL, error,
                              cap);
}

int instance_bind(struct instance *in, char *error, size_t cap)
{
    int err;

    if (!in->plugin->desc.bind || in->remote)
        return 0;
    host_fail_clear();
    err = in->plugin->desc.bind(in->self);
    return err < 0 ? plugin_error(in, "bind", err, error, cap) : 0;
}

int instance_start(struct instance *in, char *error, size_t cap)
{
    int err;

    ensure(in->state == INSTANCE_CREATED);
    if (in->remote) {
        in->state = INSTANCE_STARTED;
        in->remote->start(in->remote_self);
        return 0;
    }
    host_fail_clear();
    err = in->plugin->desc.start ? in->plugin->desc.start(in->self) : 0;
    if (err < 0)
        return plugin_error(in, "start", err, error, cap);
    in->state = INSTANCE_STARTED;
    if (in->role == INSTANCE_SOURCE) {
        source_init(in);
        watch_arm_all(in);
        peer_of(in)->source_start(in->env, in->short_name, &in->driver);
    }
    if (in->service)
        net_service_start(in->service);
    return 0;
}

/* ---- down ----------------------------------------------------------------------- */

void instance_stop(struct instance *in, uint32_t grace, void (*done)(void *arg),
                   void *arg)
{
    bool started = in->state == INSTANCE_STARTED;

    ensure(started || in->state == INSTANCE_CREATED);
    in->state = INSTANCE_STOPPING;
    in->on_stopped = done;
    in->on_stopped_arg = arg;
    in->grace = grace;
    in->service_ended = in->service == NULL;
    in->flow_ended = !started || in->role != INSTANCE_SOURCE;
    /* One that never started has nothing to be told. */
    in->plugin_told = in->plugin_ended = !started;
    instance_ref(in);
    if (in->service)
        net_service_stop(in->service, grace, on_service_stopped, in);
    if (in->remote && started)
        in->remote->deadline(in->remote_self);
    if (!in->flow_ended)
        peer_of(in)->source_stop(in->env, in->short_name, on_flow_stopped, in);
    instance_stop_step(in);
    instance_unref(in);
}

static void on_service_stopped(void *arg)
{
    struct instance *in = arg;

    in->service = NULL;
    in->service_ended = true;
    instance_stop_step(in);
}

static void on_flow_stopped(void *arg)
{
    struct instance *in = arg;

    in->flow_ended = true;
    instance_stop_step(in);
}

static bool has_searches(struct instance *in)
{
    bool some;

    pthread_mutex_lock(&in->lock);
    some = !list_empty(&in->searches);
    pthread_mutex_unlock(&in->lock);
    return some;
}

void instance_stop_step(struct instance *in)
{
    if (in->state != INSTANCE_STOPPING || !in->service_ended || !in->flow_ended)
        return;
    if (!in->plugin_told) {
        in->plugin_told = true;
        if (in->remote)
            in->remote->stop(in->remote_self); /* may end it, and so come here */
        else if (!in->plugin->desc.stop)
            in->plugin_ended = true;
        else
            in->plugin->desc.stop(in->self); /* may call stopped, and so come here */
        if (in->state != INSTANCE_STOPPING)
            return;
    }
    if (!in->plugin_ended || in->jobs > 0 || has_searches(in))
        return;
    in->state = INSTANCE_STOPPED;
    pthread_mutex_lock(&in->lock);
    in->ended = true;
    pthread_mutex_unlock(&in->lock);
    timer_quiet_all(in);
    watch_stop_all(in);
    poll_quiet_all(in);
    instance_ref(in);
    loop_post(in->env->loop, on_all_stopped, in);
}

static void on_all_stopped(void *arg)
{
    struct instance *in = arg;
    void (*done)(void *) = in->on_stopped;

    in->on_stopped = NULL;
    if (done)
        done(in->on_stopped_arg);
    instance_unref(in);
}

const char *instance_waits_for(const struct instance *in)
{
    if (!in->service_ended)
        return "its sessions";
    if (!in->flow_ended || in->jobs > 0)
        return "its sync";
    if (!in->plugin_ended)
        return "its plugin";
    return "its searches";
}

void instance_destroy(struct instance *in)
{
    if (!in)
        return;
    ensure(in->state == INSTANCE_CREATED || in->state == INSTANCE_STOPPED);
    ensure(in->service == NULL);
    pthread_mutex_lock(&in->lock);
    in->ended = true;
    pthread_mutex_unlock(&in->lock);
    timer_quiet_all(in);
    watch_stop_all(in);
    poll_quiet_all(in);
    source_finish(in);
    if (in->remote)
        in->remote->destroy(in->remote_self);
    else
        in->plugin->desc.destroy(in->self);
    timer_stop_all(in);
    poll_stop_all(in);
    in->remote = NULL;
    in->self = NULL;
    instance_unref(in);
}

void instance_abandon(struct instance *in)
{
    log_error(in->name, "stopping takes too long, leaving it behind waits_for=%s",
              log_quoted(instance_waits_for(in)));
    in->on_stopped = NULL;
    if (in->remote)
        in->remote->kill(in->remote_self);
}

/* ---- a plugin elsewhere ---------------------------------------------------------- */

void *instance_remote(const struct instance *in, const struct remote_ops *ops)
{
    return in->remote == ops ? in->remote_self : NULL;
}

void remote_ended(struct instance *in)
{
    in->plugin_ended = true;
    instance_stop_step(in);
}

void remote_job_begin(struct instance *in)
{
    in->jobs++;
}

void remote_job_end(struct instance *in)
{
    ensure(in->jobs > 0);
    in->jobs--;
    instance_stop_step(in);
}

/* ---- what others ask ------------------------------------------------------------ */

const char *instance_name(const struct instance *in)
{
    return in->name;
}

const char *instance_short_name(const struct instance *in)
{
    return in->short_name;
}

const struct plugin *instance_plugin(const struct instance *in)
{
    return in->plugin;
}

enum instance_state instance_state(const struct instance *in)
{
    return in->state;
}

struct net_service *instance_service(struct instance *in)
{
    return in->service;
}
