/* private.h - what the files of the plugin module share about an instance. */
#ifndef PLUGIN_PRIVATE_H
#define PLUGIN_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "contactor/ext/poll.h"
#include "loop/lane.h"
#include "plugin/instance.h"
#include "plugin/peer.h"
#include "plugin/remote.h"

enum { WATCHES_MAX = 32 };

struct metric {
    uint32_t kind;
    char *name, *help;
    _Atomic int64_t value;
};

struct instance {
    struct ctr_host host; /* first: what the plugin holds */
    uint32_t magic;
    const struct instance_env *env;
    const struct plugin *plugin;
    enum instance_role role;
    enum instance_state state;
    char *name; /* "source.crm" */
    const char *short_name;
    struct ctr_config *values;
    const struct ctr_config *secrets; /* the same, and that of a check */
    void *self;                       /* the plugin's own */
    bool creating;

    /* From any thread. */
    pthread_mutex_t lock;
    unsigned refs;                   /* under lock: the instance and its posted tasks */
    bool ended;                      /* under lock: no post any more */
    struct list searches;            /* under lock */
    _Atomic(struct ctr_sync *) sync; /* the one under way, NULL: none */
    _Atomic(struct ctr_test *) test; /* the same */
    struct metric metrics[METRICS_MAX];
    _Atomic uint32_t n_metrics;
    _Atomic unsigned misuses;

    /* The loop's. */
    struct list timers, watches, polls;
    unsigned n_watches;
    struct lane *lane;        /* sources ON_LANE */
    struct lane *search_lane; /* the same, or one beside it (CTR_SOURCE_PARALLEL) */
    struct lane *watch_lane;  /* where there is no lane, and files are watched */
    struct net_service *service;
    struct flow_driver driver;
    unsigned jobs; /* syncs, searches, looks whose memory the lane has */

    /* Who runs the plugin. NULL: this process does. */
    const struct remote_ops *remote;
    void *remote_self;

    /* Stopping. */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    uint32_t grace;
    bool service_ended, flow_ended, plugin_told, plugin_ended;
};

/* The instance behind a host table; aborts on one that is none. */
struct instance *instance_of(const struct ctr_host *host);
static inline const struct peer *peer_of(const struct instance *in)
{
    return peer_in(in->env);
}
/* instance.c: a step of stopping may be over. */
void instance_stop_step(struct instance *in);
void instance_ref(struct instance *in);
void instance_unref(struct instance *in);

/* host.c */
void host_fill(struct instance *in);
/* The plugin's reason on this thread: cleared before a call into it, read after. */
void host_fail_clear(void);
const char *host_fail_text(void); /* "" when it gave none */
/* Complains about a breach of the contract, and says whether `on the loop` holds. */
bool host_on_loop(struct instance *in, const char *function);
void host_misuse(struct instance *in, const char *what);

/* timer.c */
struct ctr_timer *timer_start(const struct ctr_host *host, uint32_t after,
                              uint32_t repeat, ctr_task_fn fn, void *user);
void timer_stop(const struct ctr_host *host, struct ctr_timer *timer);
/* No callback from here on; the plugin may still name them. */
void timer_quiet_all(struct instance *in);
void timer_stop_all(struct instance *in);

/* poll.c */
extern const struct ctr_polls poll_extension;
void poll_stop(struct ctr_poll *poll);
void poll_quiet_all(struct instance *in);
void poll_stop_all(struct instance *in);

/* watch.c */
int32_t watch_add(const struct ctr_host *host, const char *path, uint32_t settle);
void watch_arm_all(struct instance *in);
void watch_stop_all(struct instance *in);

/* metrics.c */
int32_t metric_define(const struct ctr_host *host, uint32_t kind, const char *name,
                      const char *help);
void metric_add(const struct ctr_host *host, int32_t id, int64_t delta);
void metric_set(const struct ctr_host *host, int32_t id, int64_t value);
void metrics_finish(struct instance *in);

/* source.c: the source role, as flow's driver */
void source_init(struct instance *in);
bool source_handle_ok(struct instance *in, struct ctr_sync *sync, const char *function);
bool source_search_ok(struct instance *in, struct ctr_search *search,
                      const char *function);
bool source_test_ok(struct instance *in, struct ctr_test *test, const char *function);
void source_finish(struct instance *in); /* ends the lanes; waits */
void source_sync_done(struct instance *in, struct ctr_sync *sync, int32_t status);
void source_search_done(struct instance *in, struct ctr_search *search, int32_t status);

#endif
