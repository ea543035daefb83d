/* remote.h - an instance whose plugin runs somewhere else: what instance.c asks of the
 * one who runs it there, and what that one tells the instance.
 *
 * Nothing of the plugin is called here; only its description is read. The one who runs it
 * starts the source with its peer (peer.h) when the plugin runs, and fills its role. The
 * loop's thread only. */
#ifndef PLUGIN_REMOTE_H
#define PLUGIN_REMOTE_H

#include "plugin/instance.h"

/* What an instance may have, wherever its plugin runs. */
enum { METRICS_MAX = 64, SEARCHES_MAX = 64, FAIL_TEXT_MAX = 512 };

struct remote_ops {
    void (*start)(void *self);
    /* It must have ended soon: from here on it is not started again. */
    void (*deadline)(void *self);
    /* Ends it; then remote_ended is called, perhaps at once. */
    void (*stop)(void *self);
    /* Not started, or ended. */
    void (*destroy)(void *self);
    /* At once, and without a word. */
    void (*kill)(void *self);
};

/* values becomes the instance's own. */
struct instance *instance_create_remote(const struct instance_env *env,
                                        const struct plugin *plugin, const char *name,
                                        struct ctr_config *values,
                                        const struct remote_ops *ops, void *self);
/* Whose plugin is run by these. NULL: it is not */
void *instance_remote(const struct instance *in, const struct remote_ops *ops);
const char *instance_short_name(const struct instance *in); /* "crm" of "source.crm" */

/* The plugin ended, as stop asked. */
void remote_ended(struct instance *in);
/* The instance does not end between the two. */
void remote_job_begin(struct instance *in);
void remote_job_end(struct instance *in);

/* A metric the plugin defined. returns its number here | -CTR_E* */
int32_t metric_adopt(struct instance *in, uint32_t kind, const char *name,
                     const char *help);
/* value: by what a counter grew, what a gauge is */
void metric_take(struct instance *in, int32_t id, int64_t value);

/* For the other end, where the plugin runs. */
struct metric_view {
    uint32_t kind;
    const char *name, *help;
    int64_t value;
};
/* false: it has no metric of this number */
bool instance_metric(const struct instance *in, uint32_t number, struct metric_view *out);

#endif
