/* host.h - everything a plugin may ask of the daemon.
 *
 * Each instance gets its own table at create; it stays valid until destroy has returned.
 * The table only ever grows at its end: check `size` (CTR_HOST_HAS) before using a
 * function newer than your abi_needs. Pointers passed in are borrowed for the call unless
 * said otherwise.
 *
 * since 1.0 */
#ifndef CONTACTOR_HOST_H
#define CONTACTOR_HOST_H

#include "config.h"
#include "contact.h"
#include "frontend.h"
#include "query.h"
#include "source.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Log levels. No contact data and no secrets above DEBUG. */
enum { CTR_LOG_ERROR = 3, CTR_LOG_WARN = 4, CTR_LOG_INFO = 6, CTR_LOG_DEBUG = 7 };

/* Metric kinds: a counter only grows, a gauge is set. */
enum { CTR_METRIC_COUNTER = 1, CTR_METRIC_GAUGE = 2 };

/* A source as a principal may see it.
 * since 1.0 */
struct ctr_source_info {
    uint32_t size;
    uint32_t flags; /* 0 in ABI 1.0 */
    struct ctr_str name;
    uint64_t contacts; /* how many it holds */
    int64_t as_of;     /* ms since 1970; 0: never loaded */
};

struct ctr_timer;
struct ctr_host;

typedef void (*ctr_task_fn)(void *user);
typedef void (*ctr_auth_fn)(void *user, int32_t status, struct ctr_principal *principal);
typedef void (*ctr_source_fn)(void *user, const struct ctr_source_info *info);

#define CTR_HOST_HAS(host, member) \
    ((host)->size >= offsetof(struct ctr_host, member) + sizeof((host)->member))

/* The host table. `host` is always the first argument of its functions, and names the
 * instance that asks.
 * since 1.0 */
struct ctr_host {
    uint32_t size;
    uint32_t abi;         /* CTR_ABI of the daemon */
    const char *instance; /* "source.crm": for messages */

    /* --- everywhere -------------------------------------------------------------------
     */

    /* One line: lower-case event, then key=value. thread: any */
    void (*log)(const struct ctr_host *host, uint32_t level, const char *text);
    /* The reason that belongs to the negative code about to be returned: one sentence
     * that says what to do. thread: any; kept per thread until the plugin's function
     * returns */
    void (*fail)(const struct ctr_host *host, const char *text);
    /* An optional interface by "name/revision", or NULL. thread: any */
    const void *(*extension)(const struct ctr_host *host, const char *id);
    /* Milliseconds: a clock that never jumps, and UTC since 1970. thread: any */
    int64_t (*now)(const struct ctr_host *host);
    int64_t (*wall)(const struct ctr_host *host);
    /* Run fn on the loop, in order. returns 0 | -CTR_ECANCELED after stop. thread: any */
    int32_t (*post)(const struct ctr_host *host, ctr_task_fn fn, void *user);
    /* Call fn on the loop after `after` ms, then each `repeat` ms (0: once).
     * returns the timer | NULL on -CTR_ENOMEM. owner: the host; timer_stop frees it, as
     * does destroy; a one-shot timer must be stopped too. thread: loop */
    struct ctr_timer *(*timer_start)(const struct ctr_host *host, uint32_t after,
                                     uint32_t repeat, ctr_task_fn fn, void *user);
    void (*timer_stop)(const struct ctr_host *host, struct ctr_timer *timer);
    /* Define once in create; then count. name: "csv_rows_rejected_total" (the host adds
     * prefix and instance label). returns id >= 0. thread: define: create; others: any */
    int32_t (*metric_define)(const struct ctr_host *host, uint32_t kind, const char *name,
                             const char *help);
    void (*metric_add)(const struct ctr_host *host, int32_t id, int64_t delta);
    void (*metric_set)(const struct ctr_host *host, int32_t id, int64_t value);

    /* --- options: check, create and later, any thread ----------------------------------
     */

    /* NULL where an optional one is not set. owner: config */
    const char *(*option_str)(const struct ctr_config *config, const char *name);
    int64_t (*option_int)(const struct ctr_config *config, const char *name);
    uint32_t (*option_set)(const struct ctr_config *config,
                           const char *name); /* 1: by the admin */
    uint32_t (*option_list_len)(const struct ctr_config *config, const char *name);
    const char *(*option_list_at)(const struct ctr_config *config, const char *name,
                                  uint32_t i);
    /* Entry i of a MAP, a list as one entry per string, in file order.
     * returns 0 | -CTR_ENOENT past the end */
    int32_t (*option_map_at)(const struct ctr_config *config, const char *name,
                             uint32_t i, const char **key, const char **value);
    /* Report a mistake in option `name` with its place in the file (check only). */
    void (*option_error)(const struct ctr_config *config, const char *name,
                         const char *text);

    /* --- life cycle
     * --------------------------------------------------------------------- */

    /* stop has finished. thread: loop */
    void (*stopped)(const struct ctr_host *host);

    /* --- sources
     * ------------------------------------------------------------------------ */

    /* Ask for a sync soon (something changed). thread: any */
    void (*request_sync)(const struct ctr_host *host);
    /* Ask for a sync whenever the file or folder at path changed and has been quiet for
     * `settle` ms; an atomically replaced file counts, as does one that vanishes or
     * appears. returns 0 | -CTR_EINVAL. thread: create, start */
    int32_t (*watch)(const struct ctr_host *host, const char *path, uint32_t settle);
    /* n contacts (1..1024) of a running sync. Blocks (lane) while the cache catches up.
     * returns 0 | -CTR_EPAUSE (ON_LOOP: wait for timer, taken) | -CTR_ECANCELED |
     * -CTR_EFULL and others: end the sync with this code. thread: the sync's */
    int32_t (*sync_put)(const struct ctr_host *host, struct ctr_sync *sync,
                        const struct ctr_contact *contacts, uint32_t n);
    /* Delta: these ids are gone. */
    int32_t (*sync_delete)(const struct ctr_host *host, struct ctr_sync *sync,
                           const struct ctr_str *ids, uint32_t n);
    /* A row that could not be used: counted, listed to the admin, never fatal.
     * where: "line 12"; reason: one sentence without contact data */
    void (*sync_reject)(const struct ctr_host *host, struct ctr_sync *sync,
                        const char *where, const char *reason);
    /* The cursor to commit with this sync, <= 64 KiB. */
    int32_t (*sync_cursor)(const struct ctr_host *host, struct ctr_sync *sync,
                           struct ctr_str cursor);
    /* A delta could not be had: from here on this is a full sync. Before the first put.
     */
    int32_t (*sync_full)(const struct ctr_host *host, struct ctr_sync *sync);
    /* How far: done of total in any unit; total 0: unknown. */
    void (*sync_progress)(const struct ctr_host *host, struct ctr_sync *sync,
                          uint64_t done, uint64_t total);
    /* 0 | -CTR_ECANCELED: the sync should end. */
    int32_t (*sync_canceled)(const struct ctr_host *host, struct ctr_sync *sync);
    /* ON_LOOP only: the sync ended. */
    void (*sync_done)(const struct ctr_host *host, struct ctr_sync *sync, int32_t status);
    /* Live search: n hits (1..256), and the end. thread: any, one at a time per search
     * returns 0 | -CTR_EPAUSE (taken; lane: sleep a little) | -CTR_ECANCELED */
    int32_t (*search_hits)(const struct ctr_host *host, struct ctr_search *search,
                           const struct ctr_contact *hits, uint32_t n);
    void (*search_done)(const struct ctr_host *host, struct ctr_search *search,
                        int32_t status);

    /* --- front ends: the loop
     * ------------------------------------------------------------ */

    /* Start a query. *out is set before the first callback and is dead after on_done,
     * which may have happened when this returns (then *out is NULL). returns 0: exactly
     * one on_done | negative: none (-CTR_EINVAL: filter over its limits) */
    int32_t (*query_start)(const struct ctr_host *host, const struct ctr_query *query,
                           const struct ctr_query_ops *ops, void *user,
                           struct ctr_request **out);
    void (*query_resume)(const struct ctr_host *host, struct ctr_request *request);
    /* Ask it to end: on_done(-CTR_ECANCELED) comes before this returns. */
    void (*query_cancel)(const struct ctr_host *host, struct ctr_request *request);
    /* The sources a principal may see, in priority order, fn called for each. */
    void (*sources)(const struct ctr_host *host, const struct ctr_principal *principal,
                    ctr_source_fn fn, void *user);
    /* Check a password off the loop. done runs once on the loop, never before this
     * returns: status 0 and a principal (the callee owns one reference) | -CTR_EACCES
     * (wrong or unknown: same time either way) | -CTR_EBUSY | -CTR_ECANCELED */
    int32_t (*authenticate)(const struct ctr_host *host,
                            const struct ctr_credentials *credentials, ctr_auth_fn done,
                            void *user, struct ctr_request **out);
    void (*authenticate_cancel)(const struct ctr_host *host, struct ctr_request *request);
    /* The user's name; "" for NULL. owner: the principal */
    const char *(*principal_name)(const struct ctr_principal *principal);
    struct ctr_principal *(*principal_ref)(struct ctr_principal *principal);
    void (*principal_unref)(struct ctr_principal *principal); /* NULL-safe */

    /* --- since 1.1: sources ----------------------------------------------------------
     */

    /* A step of a running test. step: one word, "login"; status: 0 | negative; detail:
     * what was found, or what exactly failed in the other side's words; remedy: what to
     * do about it, NULL when there is nothing. No secrets. thread: the test's */
    void (*test_step)(const struct ctr_host *host, struct ctr_test *test,
                      const char *step, int32_t status, const char *detail,
                      const char *remedy);
    /* Who is in a group that `allow` lists may name as @NAME, beside the users the
     * configuration puts there: the whole membership, n names of principals (0: nobody is
     * in it). Committed with the sync; a full sync forgets groups it does not name.
     * returns 0 | -CTR_EINVAL | -CTR_EFULL (over 256 groups or 64 KiB of names each) |
     * -CTR_ECANCELED. thread: the sync's */
    int32_t (*sync_group)(const struct ctr_host *host, struct ctr_sync *sync,
                          struct ctr_str group, const struct ctr_str *members,
                          uint32_t n);
};

#ifdef __cplusplus
}
#endif

#endif
