/* plugin.h - the one header a plugin includes, and the one symbol it exports.
 *
 *     check     options are right? (also for `contactord --check-config`)      any thread
 *       |
 *     create    allocate the instance                                          loop
 *       |
 *     bind      open what needs the daemon's rights (listeners are the host's) loop
 *       |
 *     -------   the daemon drops its privileges
 *       |
 *     start     begin working; roles are called from here on                   loop
 *       |
 *     stop      begin to end; call host->stopped when nothing is under way     loop
 *       |
 *     destroy   free the instance                                              loop
 *
 * A plugin is never unloaded. One plugin may have many instances; keep no state in
 * globals.
 *
 * History of the ABI
 *   1.0  first release
 *   1.1  source: test, CTR_SOURCE_PARALLEL, several spellings of a number in a live
 *        search; host: test_step, sync_group; CTR_OPT_PROGRAM; extension contactor.poll/1
 *
 * since 1.0 */
#ifndef CONTACTOR_PLUGIN_H
#define CONTACTOR_PLUGIN_H

#include "config.h"
#include "contact.h"
#include "error.h"
#include "frontend.h"
#include "host.h"
#include "query.h"
#include "source.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a plugin is. All strings are static.
 * since 1.0 */
struct ctr_plugin {
    uint32_t size;      /* sizeof(struct ctr_plugin) */
    uint32_t abi_built; /* CTR_ABI_CURRENT of the headers it was built with */
    uint32_t abi_needs; /* the oldest ABI it works with: CTR_ABI(1, 0) */
    uint32_t n_options;
    const char *name;    /* what `plugin = "..."` says; the file is NAME.so */
    const char *version; /* the plugin's own */
    const char *summary; /* one line */
    const struct ctr_option *options;
    uint32_t option_size; /* sizeof(struct ctr_option): the stride of `options` */
    uint32_t reserved;

    const struct ctr_source *source;     /* NULL: no such role */
    const struct ctr_frontend *frontend; /* NULL: no such role */

    /* Look at the options together (each alone is already checked). Optional.
     * returns 0 | negative after host->option_error */
    int32_t (*check)(const struct ctr_host *host, const struct ctr_config *config);
    /* config stays valid until destroy. returns 0 and *instance | negative after
     * host->fail */
    int32_t (*create)(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
    int32_t (*bind)(void *instance);  /* optional; negative after host->fail */
    int32_t (*start)(void *instance); /* optional; negative after host->fail */
    void (*stop)(void *instance);     /* optional: without it the host assumes stopped */
    void (*destroy)(void *instance);  /* only after stopped, or a failed start */
};

/* The one symbol. Define it:  CTR_PLUGIN = { .size = sizeof(struct ctr_plugin), ... }; */
#define CTR_PLUGIN_SYMBOL "contactor_plugin"
extern CTR_EXPORT const struct ctr_plugin contactor_plugin;
#ifdef __cplusplus
#define CTR_PLUGIN \
    const struct ctr_plugin contactor_plugin /* linkage as declared above */
#else
#define CTR_PLUGIN CTR_EXPORT const struct ctr_plugin contactor_plugin
#endif

#ifdef __cplusplus
}
#endif

#endif
