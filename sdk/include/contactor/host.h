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
enum {
    CTR_LOG_ERROR = 3, /* it does not work, and the administrator must do something */
    CTR_LOG_WARN = 4,  /* it works, but not as it should */
    CTR_LOG_INFO = 6,  /* what happens seldom and is worth knowing */
    CTR_LOG_DEBUG = 7  /* everything else */
};

/* Metric kinds. */
enum {
    CTR_METRIC_COUNTER = 1, /* only grows */
    CTR_METRIC_GAUGE = 2    /* is set */
};

/* A source as a principal may see it.
 * owner   the host; borrowed for the call it is passed in
 * since   1.0 */
struct ctr_source_info {
    uint32_t size;       /* of the host's struct ctr_source_info */
    uint32_t flags;      /* 0 */
    struct ctr_str name; /* of the instance: "crm" */
    uint64_t contacts;   /* how many it holds */
    int64_t as_of;       /* ms since 1970; 0: never loaded */
};

/* A running timer.
 * owner   the host; valid until timer_stop, or until destroy has returned
 * since   1.0 */
struct ctr_timer;

struct ctr_host;

/* A task on the loop: what post and timer_start call.
 * user    as given to them
 * thread  the loop
 * since   1.0 */
typedef void (*ctr_task_fn)(void *user);

/* The result of authenticate.
 * user    as given to it
 * status  0 | -CTR_EACCES (wrong or unknown: same time either way) | -CTR_EBUSY |
 *         -CTR_ECANCELED
 * principal who it is; NULL unless status is 0
 * thread  the loop
 * owner   the callee has one reference to principal: principal_unref
 * since   1.0 */
typedef void (*ctr_auth_fn)(void *user, int32_t status, struct ctr_principal *principal);

/* One source, from sources.
 * user    as given to it
 * info    what it is called, and how full and old it is
 * thread  the loop
 * since   1.0 */
typedef void (*ctr_source_fn)(void *user, const struct ctr_source_info *info);

/* 1: this host has the function; ask before using one newer than your abi_needs. */
#define CTR_HOST_HAS(host, member) \
    ((host)->size >= offsetof(struct ctr_host, member) + sizeof((host)->member))

/* The host table. `host` is always the first argument of its functions, and names the
 * instance that asks.
 * owner   the host; valid from create until destroy has returned
 * since   1.0 */
struct ctr_host {
    uint32_t size;        /* how many bytes of this struct the daemon has: CTR_HOST_HAS */
    uint32_t abi;         /* CTR_ABI of the daemon */
    const char *instance; /* "source.crm": for messages */

    /* --- everywhere ---
     * thread  any */

    /* Write a line to the log.
     * level   CTR_LOG_*
     * text    a lower-case event, then key=value, or key="value" with a backslash in
     *         front of each quote and backslash in it; more than 2 KiB is cut off */
    void (*log)(const struct ctr_host *host, uint32_t level, const char *text);

    /* Give the reason that belongs to the negative code about to be returned. The
     * administrator sees it.
     * text    one sentence that says what to do, at most 511 bytes
     * thread  any; kept for the calling thread until the plugin's function returns */
    void (*fail)(const struct ctr_host *host, const char *text);

    /* Get an optional interface: CTR_NET_ID for front ends, CTR_POLL_ID.
     * id      "name/revision"
     * returns its table | NULL: this host has none, or not for this instance
     * owner   the host; valid until destroy has returned */
    const void *(*extension)(const struct ctr_host *host, const char *id);

    /* Read a clock that never jumps.
     * returns ms since an unknown moment */
    int64_t (*now)(const struct ctr_host *host);

    /* Read the clock on the wall.
     * returns ms since 1970 UTC */
    int64_t (*wall)(const struct ctr_host *host);

    /* Run a task on the loop, after what was posted before it.
     * fn      the task; never runs after the instance has stopped
     * user    handed to fn
     * returns 0 | -CTR_ECANCELED: the instance has stopped | -CTR_EINVAL: no fn, or
     *         called from check
     * owner   user stays the plugin's */
    int32_t (*post)(const struct ctr_host *host, ctr_task_fn fn, void *user);

    /* Call a task after a time, once or again and again.
     * after   ms to the first call; 0: 1, so that timers leave the loop to others
     * repeat  ms between further calls; 0: once
     * fn      the task
     * user    handed to fn
     * returns the timer | NULL: no fn, called off the loop or from check, or the
     *         instance has stopped
     * thread  the loop
     * owner   the host; a one-shot timer must be stopped, too; destroy stops the rest */
    struct ctr_timer *(*timer_start)(const struct ctr_host *host, uint32_t after,
                                     uint32_t repeat, ctr_task_fn fn, void *user);

    /* End a timer: its task is not called from here on.
     * timer   of this instance; NULL: nothing happens; dead afterwards
     * thread  the loop, the timer's own task included */
    void (*timer_stop)(const struct ctr_host *host, struct ctr_timer *timer);

    /* Define a metric. At most 64; defining one again gives the same id.
     * kind    CTR_METRIC_*
     * name    "rows_rejected_total": a-z, 0-9 and _, at most 100 bytes; the host adds
     *         prefix and instance label
     * help    one sentence, at most 300 bytes
     * returns id >= 0 | -CTR_EINVAL (outside create, malformed) | -CTR_EFULL
     * thread  create */
    int32_t (*metric_define)(const struct ctr_host *host, uint32_t kind, const char *name,
                             const char *help);

    /* Count.
     * id      from metric_define; a negative one is ignored
     * delta   how much; of a counter, a negative one is ignored */
    void (*metric_add)(const struct ctr_host *host, int32_t id, int64_t delta);

    /* Set a metric.
     * id      from metric_define; a negative one is ignored
     * value   in the unit its name ends with */
    void (*metric_set)(const struct ctr_host *host, int32_t id, int64_t value);

    /* --- options ---
     * thread  any
     * owner   config; strings are valid as long as it is */

    /* The value of a STRING or PATH.
     * config  as given to check or create
     * name    of the option, as in the plugin's table
     * returns NUL-terminated text | NULL: an optional one that is not set */
    const char *(*option_str)(const struct ctr_config *config, const char *name);

    /* The value of a BOOL, INT, DURATION, SIZE or CHOICE.
     * config  as given to check or create
     * name    of the option
     * returns the value in the unit of its type; 0: an optional one that is not set */
    int64_t (*option_int)(const struct ctr_config *config, const char *name);

    /* Whether the administrator set it, or it is the default.
     * config  as given to check or create
     * name    of the option
     * returns 1: by the administrator | 0 */
    uint32_t (*option_set)(const struct ctr_config *config, const char *name);

    /* The length of a LIST.
     * config  as given to check or create
     * name    of the option
     * returns how many strings; 0: an optional one that is not set */
    uint32_t (*option_list_len)(const struct ctr_config *config, const char *name);

    /* A string of a LIST.
     * config  as given to check or create
     * name    of the option
     * i       which, from 0
     * returns NUL-terminated text | NULL past the end */
    const char *(*option_list_at)(const struct ctr_config *config, const char *name,
                                  uint32_t i);

    /* An entry of a MAP in file order; a list counts as one entry for each string.
     * config  as given to check or create
     * name    of the option
     * i       which, from 0
     * key     out: NUL-terminated; NULL past the end
     * value   out: NUL-terminated; NULL past the end
     * returns 0 | -CTR_ENOENT past the end */
    int32_t (*option_map_at)(const struct ctr_config *config, const char *name,
                             uint32_t i, const char **key, const char **value);

    /* Report a mistake with its place in the file.
     * config  as given to check
     * name    of the option it stands in
     * text    one sentence that says what to do
     * thread  check */
    void (*option_error)(const struct ctr_config *config, const char *name,
                         const char *text);

    /* --- life cycle --- */

    /* Tell that stop has finished: from within stop, or later. Once.
     * thread  the loop */
    void (*stopped)(const struct ctr_host *host);

    /* --- sources: sync ---
     * A source in a process of its own may hear of an error of the cache with a later
     * call than the one that caused it.
     * thread  the sync's: its lane, or the loop */

    /* Ask for a sync soon: something changed.
     * thread  any */
    void (*request_sync)(const struct ctr_host *host);

    /* Ask for a sync whenever a file or folder changed and has been quiet; an atomically
     * replaced file counts, as does one that vanishes or appears. At most 32.
     * path    absolute
     * settle  ms of quiet, at most an hour
     * returns 0 | -CTR_EINVAL
     * thread  create, bind, start */
    int32_t (*watch)(const struct ctr_host *host, const char *path, uint32_t settle);

    /* Put contacts. ON_LANE it waits while the cache catches up.
     * sync    the running one
     * contacts n of them, contacts[0].size bytes apart; the host copies
     * n       1..1024
     * returns 0 | -CTR_EPAUSE (ON_LOOP: taken; go on in a later turn of the loop) |
     *         -CTR_ECANCELED (the sync should end: nothing is taken from here on),
     *         -CTR_EFULL and others: end the sync with this code, which comes again
     *         from here on | -CTR_EINVAL: malformed */
    int32_t (*sync_put)(const struct ctr_host *host, struct ctr_sync *sync,
                        const struct ctr_contact *contacts, uint32_t n);

    /* Say that contacts are gone. In a delta only: a full sync removes what it does not
     * put.
     * sync    the running one
     * ids     n of them; the host copies; one that nobody has is ignored
     * n       0: nothing happens, and 0 is returned
     * returns as sync_put, -CTR_ECANCELED included | -CTR_EINVAL: in a full sync, too */
    int32_t (*sync_delete)(const struct ctr_host *host, struct ctr_sync *sync,
                           const struct ctr_str *ids, uint32_t n);

    /* Tell of a row that could not be used: counted, listed to the admin, never fatal;
     * also after a cancel.
     * sync    the running one
     * where   "line 12"
     * reason  one sentence without contact data */
    void (*sync_reject)(const struct ctr_host *host, struct ctr_sync *sync,
                        const char *where, const char *reason);

    /* Set the cursor to commit with this sync; the last one counts.
     * sync    the running one
     * cursor  any bytes, at most 64 KiB; the host copies
     * returns 0, also after a cancel, when nothing is committed | -CTR_EINVAL: too long
     */
    int32_t (*sync_cursor)(const struct ctr_host *host, struct ctr_sync *sync,
                           struct ctr_str cursor);

    /* A delta could not be had: from here on this is a full sync. Before the first put.
     * sync    the running one
     * returns 0, also in a full sync and after a cancel | -CTR_EINVAL: in a delta
     *         something was put or deleted already */
    int32_t (*sync_full)(const struct ctr_host *host, struct ctr_sync *sync);

    /* Say how far it is; after a cancel nobody looks.
     * sync    the running one
     * done    in any unit
     * total   in the same; 0: unknown */
    void (*sync_progress)(const struct ctr_host *host, struct ctr_sync *sync,
                          uint64_t done, uint64_t total);

    /* Ask whether the sync should end: sync_cancel was or will be called. Once it should,
     * it always should. ON_LANE ask once a second where no sync_put does.
     * sync    the running one
     * returns 0 | -CTR_ECANCELED: it should, with this code */
    int32_t (*sync_canceled)(const struct ctr_host *host, struct ctr_sync *sync);

    /* End a sync ON_LOOP: exactly once for each that started, possibly within sync.
     * sync    the running one; dead afterwards
     * status  0 commits what was put | negative discards it, after fail; of a sync that
     *         was canceled nothing is committed, whatever is said
     * thread  the loop */
    void (*sync_done)(const struct ctr_host *host, struct ctr_sync *sync, int32_t status);

    /* --- sources: live search ---
     * thread  any, one at a time per search */

    /* Hand in hits.
     * search  the running one
     * hits    n of them, hits[0].size bytes apart; the host copies
     * n       1..256
     * returns 0 | -CTR_EPAUSE (taken; lane: sleep a little) | -CTR_ECANCELED (nobody
     *         wants more: after search_cancel, or when there are enough; it stays so, and
     *         search_done is still due) | -CTR_EINVAL: malformed */
    int32_t (*search_hits)(const struct ctr_host *host, struct ctr_search *search,
                           const struct ctr_contact *hits, uint32_t n);

    /* End a search: exactly once, also after a cancel, possibly within search.
     * search  the running one; dead afterwards
     * status  0 | negative: the source could not be asked, after fail; after a cancel
     *         nobody looks */
    void (*search_done)(const struct ctr_host *host, struct ctr_search *search,
                        int32_t status);

    /* --- front ends ---
     * thread  the loop */

    /* Start a query. It may be over when this returns.
     * query   stays the caller's, unchanged with all it points to until on_done
     * ops     called until on_done
     * user    handed to ops
     * out     set before the first callback, for query_resume and query_cancel; dead
     *         after on_done, and NULL when that has happened already
     * returns 0: exactly one on_done | negative: none (-CTR_EINVAL: malformed, or over
     *         the limits of a filter; -CTR_EUNAVAIL: this front end is being removed) */
    int32_t (*query_start)(const struct ctr_host *host, const struct ctr_query *query,
                           const struct ctr_query_ops *ops, void *user,
                           struct ctr_request **out);

    /* Go on after on_hits said -CTR_EPAUSE; hits come in a later callback. The time
     * between does not count against the query's time limit.
     * request a query; NULL: nothing happens */
    void (*query_resume)(const struct ctr_host *host, struct ctr_request *request);

    /* Ask it to end: on_done with -CTR_ECANCELED comes before this returns.
     * request a query; NULL: nothing happens */
    void (*query_cancel)(const struct ctr_host *host, struct ctr_request *request);

    /* The sources a principal may see, in priority order.
     * principal NULL: anonymous
     * fn      called for each before this returns
     * user    handed to fn */
    void (*sources)(const struct ctr_host *host, const struct ctr_principal *principal,
                    ctr_source_fn fn, void *user);

    /* Check a password off the loop.
     * credentials name, password and where it came from
     * done    called once, never before this returns
     * user    handed to done
     * out     for authenticate_cancel; dead when done has run
     * returns 0: exactly one done | negative: none (-CTR_EINVAL: malformed; -CTR_EBUSY:
     *         too many wait already) */
    int32_t (*authenticate)(const struct ctr_host *host,
                            const struct ctr_credentials *credentials, ctr_auth_fn done,
                            void *user, struct ctr_request **out);

    /* Ask it to end: done with -CTR_ECANCELED comes before this returns.
     * request an authentication; NULL: nothing happens */
    void (*authenticate_cancel)(const struct ctr_host *host, struct ctr_request *request);

    /* The user's name.
     * principal NULL: anonymous
     * returns NUL-terminated text; "" for NULL
     * owner   principal */
    const char *(*principal_name)(const struct ctr_principal *principal);

    /* Keep a principal.
     * principal NULL: nothing happens
     * returns principal
     * owner   the caller has one more reference */
    struct ctr_principal *(*principal_ref)(struct ctr_principal *principal);

    /* Give up a reference.
     * principal NULL: nothing happens */
    void (*principal_unref)(struct ctr_principal *principal);

    /* --- since 1.1: sources ---
     * since   1.1 */

    /* Tell of a step of a running test. No secrets.
     * test    the running one
     * step    one word: "login"
     * status  0 | negative
     * detail  what was found, or what exactly failed in the other side's words
     * remedy  what to do about it; NULL: nothing
     * thread  the test's */
    void (*test_step)(const struct ctr_host *host, struct ctr_test *test,
                      const char *step, int32_t status, const char *detail,
                      const char *remedy);

    /* Say who is in a group that `allow` lists may name as @NAME, beside the users the
     * configuration puts there; those of other sources only where the administrator says
     * so (share_groups). Committed with the sync; a full sync forgets groups it
     * does not name.
     * sync    the running one
     * group   its name, once in a sync
     * members the whole membership: n names of principals; the host copies
     * n       0: nobody is in it
     * returns 0 | -CTR_EINVAL (named twice, or a name is missing) | -CTR_EFULL (over 256
     *         groups or 64 KiB of names each) | -CTR_ECANCELED (after a cancel): end the
     *         sync with this code
     * thread  the sync's */
    int32_t (*sync_group)(const struct ctr_host *host, struct ctr_sync *sync,
                          struct ctr_str group, const struct ctr_str *members,
                          uint32_t n);

    /* --- since 1.2: sources ---
     * since   1.2 */

    /* Ask whether the test should end: who asked for it has gone, its time is up, or the
     * source is stopping. Between two steps, and again and again while waiting.
     * test    the running one
     * returns 0 | -CTR_ECANCELED: it should, with this code and without a further step
     * thread  the test's */
    int32_t (*test_canceled)(const struct ctr_host *host, struct ctr_test *test);
};

#ifdef __cplusplus
}
#endif

#endif
