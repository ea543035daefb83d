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
 * History of the ABI; CHANGES.md says why, and how it grows:
 *
 *     1.0  first release
 *     1.1  source: test, CTR_SOURCE_PARALLEL, several spellings of a number in a live
 *          search; host: test_step, sync_group; front end: scheme_size;
 *          CTR_OPT_PROGRAM; extension contactor.poll/1
 *     1.2  host: test_canceled
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

/* What a plugin is.
 * thread  the loop
 * owner   the plugin: static, as is all it points to
 * since   1.0 */
struct ctr_plugin {
    uint32_t size;       /* sizeof(struct ctr_plugin) */
    uint32_t abi_built;  /* CTR_ABI_CURRENT of the headers it was built with */
    uint32_t abi_needs;  /* the oldest ABI it works with: CTR_ABI(1, 0) */
    uint32_t n_options;  /* how many options it has */
    const char *name;    /* what `plugin = "..."` says; the file is NAME.so */
    const char *version; /* the plugin's own */
    const char *summary; /* one line */
    const struct ctr_option *options; /* n_options, option_size bytes apart */
    uint32_t option_size; /* sizeof(struct ctr_option): the stride of `options` */
    uint32_t reserved;    /* 0 */

    const struct ctr_source *source;     /* NULL: no such role */
    const struct ctr_frontend *frontend; /* NULL: no such role */

    /* Look at the options together (each alone is already checked). Optional.
     * host    of an instance that is not created; only fail, log and the options work
     * config  the checked options; valid for this call
     * returns 0 | negative after host->option_error, or after host->fail where it is no
     *         option's fault
     * thread  any; also for `contactord --check-config` */
    int32_t (*check)(const struct ctr_host *host, const struct ctr_config *config);

    /* Allocate the instance; read options, define metrics.
     * host    the instance's own; valid until destroy has returned
     * config  the checked options; valid until destroy has returned
     * instance out: handed to all other functions
     * returns 0 and *instance | negative after host->fail: destroy does not follow */
    int32_t (*create)(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);

    /* Open what needs the daemon's rights, before it drops them. Optional.
     * instance what create made
     * returns 0 | negative after host->fail: destroy follows */
    int32_t (*bind)(void *instance);

    /* Begin to work. Optional.
     * instance what create made
     * returns 0 | negative after host->fail: destroy follows, without stop */
    int32_t (*start)(void *instance);

    /* Begin to end; call host->stopped when nothing is under way. Optional: without it
     * the host assumes that.
     * instance what create made */
    void (*stop)(void *instance);

    /* Free the instance: after it has stopped, or a failed bind or start.
     * instance what create made */
    void (*destroy)(void *instance);
};

/* The name of the one symbol a plugin exports. */
#define CTR_PLUGIN_SYMBOL "contactor_plugin"
/* The one symbol: what the plugin is.
 * since   1.0 */
extern CTR_EXPORT const struct ctr_plugin contactor_plugin;
/* Defines it:  CTR_PLUGIN = { .size = sizeof(struct ctr_plugin), ... }; */
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
