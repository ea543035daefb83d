/* instance.h - one configured use of a plugin, [source.crm] or [frontend.sbc], from its
 * creation to its end.
 *
 *     instance_check    the plugin looks at its options; no instance needed
 *     instance_create   create
 *     instance_listen   the front end's sockets (the host's part of bind)
 *     instance_bind     bind
 *     instance_start    start; its role is called from here on
 *     instance_stop     front end: sessions end; source: its sync ends; then stop
 *     instance_destroy  destroy, once stopped
 *
 * The loop's thread only. */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "conf/schema.h"
#include "flow/flow.h"
#include "loop/loop.h"
#include "net/net.h"
#include "plugin/loader.h"

struct instance;
struct peer;

/* What instances live in; must outlive them. net is there before instance_listen, flow
 * before instance_start: until then nothing of an instance needs a thread. */
struct instance_env {
    struct loop *loop;
    struct flow *flow;
    struct net *net;
    const struct peer *peer; /* of the sources' role; NULL: flow */
};

enum instance_role { INSTANCE_SOURCE, INSTANCE_FRONTEND };

enum instance_state {
    INSTANCE_CREATED,
    INSTANCE_STARTED,
    INSTANCE_STOPPING,
    INSTANCE_STOPPED
};

/* The plugin's check over the values of a section; what is wrong goes to where
 * conf_values_report_to points. returns 0 | -CTR_ECONF | what check returned, with its
 * reason (or "") in error */
int instance_check(const struct plugin *plugin, const struct ctr_config *values,
                   char *error, size_t cap);

/* values becomes the instance's own, also on failure. */
int instance_create(const struct instance_env *env, const struct plugin *plugin,
                    enum instance_role role, const char *name, struct ctr_config *values,
                    struct instance **out, char *error, size_t cap);
/* Front ends. options: name, ops and instance are filled in here. */
int instance_listen(struct instance *in, const struct net_service_options *options,
                    char *error, size_t cap);
/* old: the instance whose socket may be taken over, or NULL. */
int instance_listen_at(struct instance *in, const struct net_address *address,
                       struct instance *old, char *error, size_t cap);
int instance_bind(struct instance *in, char *error, size_t cap);
int instance_start(struct instance *in, char *error, size_t cap);
/* done runs once, later, unless the plugin never ends. sessions get `grace` ms. */
void instance_stop(struct instance *in, uint32_t grace, void (*done)(void *arg),
                   void *arg);
/* Created or stopped, not in between. NULL-safe. */
void instance_destroy(struct instance *in);
/* The plugin did not end in time and may still run: nothing of it is freed, ever. */
void instance_abandon(struct instance *in);

const char *instance_name(const struct instance *in); /* "source.crm" */
const struct plugin *instance_plugin(const struct instance *in);
enum instance_state instance_state(const struct instance *in);
struct net_service *instance_service(struct instance *in); /* NULL: none */
/* What a stopping instance still waits for: "its plugin", "a sync", ... */
const char *instance_waits_for(const struct instance *in);

/* Metrics the plugins of all instances defined, in Prometheus text form. */
void instance_metrics(struct instance *const *all, unsigned n, struct strbuf *out);

#endif
