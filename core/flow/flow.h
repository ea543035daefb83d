/* flow.h - the way of a question to its answer, and of a source's contacts into the
 * cache.
 *
 * flow knows sources (what may be seen, in which order, how its numbers are written),
 * clients (a front-end instance: how numbers arrive and leave, limits) and users. The
 * loop's thread, except where said. Configuration is given as a whole (flow_configure)
 * and replaces the old at once; running queries keep what they started with. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "cache/cache.h"
#include "contactor/frontend.h"
#include "contactor/host.h"
#include "contactor/query.h"
#include "loop/loop.h"
#include "number/number.h"

struct cJSON;
struct flow;

/* A field restricted to some: field name -> user names and @groups. */
struct flow_rule {
    uint32_t kind;
    struct ctr_str name; /* CTR_FIELD_CUSTOM */
    const char *const *who;
    size_t n_who;
};

/* Times of day on the local clock, ascending. */
enum { FLOW_TIMES_MAX = 24 };
struct flow_times {
    uint16_t minute[FLOW_TIMES_MAX];
    unsigned n;
};

struct flow_source_config {
    const char *name;
    struct dialplan plan;
    int priority; /* lower comes first; default 100 */
    const char *const
        *allow; /* users, @groups, "anonymous"; n_allow 0: every authenticated
                 * principal, and anonymous where the client allows it */
    size_t n_allow;
    const struct flow_rule *rules; /* fields only some may see; n_rules 0: all fields */
    size_t n_rules;
    /* Groups it tells of that count for other sources, too; "*": all. The others open
     * only itself. */
    const char *const *share_groups;
    size_t n_share_groups;
    uint32_t sync_interval;       /* ms between syncs; 0: only on change and on demand */
    struct flow_times sync_times; /* n > 0: in place of the interval */
    uint32_t stale_after;         /* ms; answers from older data are marked; 0: never */
    uint32_t sync_limit;          /* ms; a sync that takes longer is ended; 0: 1 h */
    unsigned max_delete_percent;  /* 20 */
    bool live;                    /* ask the source itself at lookup, too */
    uint32_t live_timeout;        /* ms it may take of the client's time; 0: 1500 */
};

enum flow_ambiguity { FLOW_AMBIGUITY_FIRST, FLOW_AMBIGUITY_COMPANY, FLOW_AMBIGUITY_ALL };

struct flow_client_config {
    const char *name; /* "frontend.sbc" */
    struct dialplan plan;
    enum number_format format;
    uint32_t size_limit;           /* hits, default 500 */
    uint32_t time_limit;           /* ms, default 3000 */
    enum flow_ambiguity ambiguity; /* default ALL: every match, best first */
    bool company_match;            /* default true */
    bool anonymous;                /* anonymous principals may see sources at all */
    const char *const *sources;    /* n_sources 0: all */
    size_t n_sources;
    uint64_t fields; /* CTR_KIND() set this client may read; 0: all */
};

struct flow_user_config {
    const char *name;
    const char *const *groups;
    size_t n_groups;
    struct ctr_str secret; /* "$argon2id$..." or the password itself; hashed, wiped */
};

struct flow_config {
    const struct flow_source_config *sources;
    size_t n_sources;
    const struct flow_client_config *clients;
    size_t n_clients;
    const struct flow_user_config *users;
    size_t n_users;
};

struct flow *flow_create(struct loop *loop, struct cache *cache);
/* Copies all it keeps. The configuration is already checked. */
void flow_configure(struct flow *flow, const struct flow_config *config);
/* Cancels everything; sources must have been stopped (flow_source_stop). NULL-safe. */
void flow_destroy(struct flow *flow);

/* ---- search: what struct ctr_host offers front ends ------------------------ */

/* client: its configured name. As ctr_host.query_start and friends. */
struct flow_client *flow_client(struct flow *flow, const char *name);
int flow_query_start(struct flow_client *client, const struct ctr_query *query,
                     const struct ctr_query_ops *ops, void *user,
                     struct ctr_request **out);
void flow_query_resume(struct ctr_request *request);
void flow_query_cancel(struct ctr_request *request);
void flow_sources(struct flow_client *client, const struct ctr_principal *principal,
                  ctr_source_fn fn, void *user);

/* ---- access ---------------------------------------------------------------- */

int flow_authenticate(struct flow *flow, const struct ctr_credentials *credentials,
                      ctr_auth_fn done, void *user, struct ctr_request **out);
void flow_authenticate_cancel(struct ctr_request *request);
const char *principal_name(const struct ctr_principal *principal);
struct ctr_principal *principal_ref(struct ctr_principal *principal);
void principal_unref(struct ctr_principal *principal);
/* The principal of the control socket: sees every source and field. */
struct ctr_principal *flow_admin(struct flow *flow);

/* ---- sync ------------------------------------------------------------------ */

/* What carries out a source's role; given by the plugin module, called on the loop. */
struct flow_driver {
    void *ctx;
    bool can_delta, can_search;
    /* Begin a sync: flow_sync_end must follow, from any thread. returns 0 | negative: not
     * begun, error text through flow_source_error before */
    int (*sync)(void *ctx, struct ctr_sync *sync, const struct ctr_sync_request *request);
    void (*sync_cancel)(void *ctx, struct ctr_sync *sync);
    /* Live search: flow_search_done must follow. */
    int (*search)(void *ctx, struct ctr_search *search, const struct ctr_query *query);
    void (*search_cancel)(void *ctx, struct ctr_search *search);
    /* Nobody waits for it any more: one that has not begun need not. May be NULL. */
    void (*search_drop)(void *ctx, struct ctr_search *search);
    bool may_wait;  /* sync runs on a lane: sync_put may block */
    bool spellings; /* a live search is told the spellings of a number (ABI 1.1) */
    /* Try to reach the source, off the loop, never beside a sync: flow_test_end must
     * follow. NULL: it cannot; its first contacts are read instead. */
    void (*test)(void *ctx, struct ctr_test *test);
    /* It should end soon: flow_test_canceled says so from here on. May be NULL. */
    void (*test_cancel)(void *ctx, struct ctr_test *test);
    bool watches; /* it asks for a sync at each change: what changed before the start? */
    /* It cannot be asked now, but within seconds, or will have a reason then. May be
     * NULL. */
    bool (*soon)(void *ctx);
};

/* How long to wait after so many failures in a row: `first`, doubled with each, up to
 * `most`; up to a tenth less, so that sources of one dead server come back one by one. */
uint32_t flow_back_off(uint32_t first, uint32_t most, unsigned failures);

/* A started source begins to sync (at once when it has no data or the interval has
 * passed). */
void flow_source_start(struct flow *flow, const char *name,
                       const struct flow_driver *driver);
/* No sync begins any more; a running one is canceled; done when none is under way. */
void flow_source_stop(struct flow *flow, const char *name, void (*done)(void *arg),
                      void *arg);
/* The source cannot run (plugin missing, create failed): shown in status; its data answer
 * on. */
void flow_source_error(struct flow *flow, const char *name, const char *reason);
/* Soon; joins a sync that waits. Any thread. */
void flow_source_request_sync(struct flow *flow, const char *name);
/* The same for every started source: the cache has lost what it held (cache_options
 * .on_rebuilt). Loop. */
void flow_resync_all(struct flow *flow);

/* What ctr_host's sync functions do; on the sync's thread (may_wait) or the loop. */
int flow_sync_put(struct ctr_sync *sync, const struct ctr_contact *contacts, uint32_t n);
int flow_sync_delete(struct ctr_sync *sync, const struct ctr_str *ids, uint32_t n);
void flow_sync_reject(struct ctr_sync *sync, const char *where, const char *reason);
int flow_sync_cursor(struct ctr_sync *sync, struct ctr_str cursor);
int flow_sync_group(struct ctr_sync *sync, struct ctr_str group,
                    const struct ctr_str *members, uint32_t n);
int flow_sync_full(struct ctr_sync *sync);
void flow_sync_progress(struct ctr_sync *sync, uint64_t done, uint64_t total);
int flow_sync_canceled(struct ctr_sync *sync);
/* The sync function ended. reason: why, when status is negative; may be NULL. Any thread;
 * commits on that thread when may_wait, else in the background. */
void flow_sync_end(struct ctr_sync *sync, int status, const char *reason);

/* What ctr_host.test_step and test_canceled do, and the end of driver.test, on the test's
 * thread. reason: why, when status is negative and no step told; may be NULL. */
void flow_test_step(struct ctr_test *test, const char *step, int status,
                    const char *detail, const char *remedy);
int flow_test_canceled(struct ctr_test *test);
void flow_test_end(struct ctr_test *test, int status, const char *reason);

int flow_search_hits(struct ctr_search *search, const struct ctr_contact *hits,
                     uint32_t n);
void flow_search_done(struct ctr_search *search, int status);

/* ---- looking in: what the control socket shows. JSON objects are the caller's. --- */

/* {"name","plugin" (left to the caller),"state","contacts","last_success","last_error",
 *  "last_run","next_run","age","rejected":[{"where","reason"}...], last run's counts,
 *  "progress":{...} while one runs} for one source; NULL when unknown. */
struct cJSON *flow_source_json(struct flow *flow, const char *name, bool with_rejects);
/* Run a sync now. allow_delete: this once. dry_run: only count. on_change runs on each
 * state change and each 200 ms while running, last with done=true. returns 0 |
 * -CTR_ENOENT | -CTR_EUNAVAIL (not started) | -CTR_EBUSY (something is under way, or the
 * source is just coming back) */
typedef void (*flow_sync_watch_fn)(void *arg, bool done, int status);
int flow_source_sync_now(struct flow *flow, const char *name, bool allow_delete,
                         bool dry_run, flow_sync_watch_fn on_change, void *arg);
/* What the dry run that has just ended found; how the source stands it leaves as it was.
 * {"last": counts, "sample": {"added": [{"id", "name"}...], "changed", "deleted"},
 *  "refused": why the sync would be, or null, "error": why it failed, or null}; NULL:
 * there was none. */
struct cJSON *flow_source_take_dry_run(struct flow *flow, const char *name);
void flow_source_unwatch(struct flow *flow, void *arg);

/* ---- trying a source: nothing is written, and how the source stands does not change */

/* Both end by exactly one done, unless flow_source_forget is called with the same arg
 * before. After `limit` ms done comes without the source; until that lets go, no sync of
 * it can begin.
 * returns 0 | -CTR_ENOENT | -CTR_EUNAVAIL (it is not running) | -CTR_EBUSY (a sync or
 * another try is under way) */

/* step, detail and remedy as in ctr_host.test_step; ms: since the step before. */
struct flow_test_ops {
    void (*step)(void *arg, const char *step, int status, const char *detail,
                 const char *remedy, uint32_t ms);
    void (*done)(void *arg, int status);
};
int flow_source_test(struct flow *flow, const char *name, uint32_t limit,
                     const struct flow_test_ops *ops, void *arg);

/* The first n contacts (1..FLOW_PREVIEW_MAX) as the source gives them now. preview, the
 * callee's: {"contacts": [{"id", "owner", "fields": [{"kind", "value", "number", "e164",
 * "why"}...]}...], "seen", "refused", "complete", "rejected": [{"where", "reason"}...],
 * "ms"}. reason: why, when status is negative. */
enum { FLOW_PREVIEW_MAX = 100 };
typedef void (*flow_preview_fn)(void *arg, int status, const char *reason,
                                struct cJSON *preview);
int flow_source_preview(struct flow *flow, const char *name, unsigned n, uint32_t limit,
                        flow_preview_fn done, void *arg);
void flow_source_forget(struct flow *flow, void *arg);

/* The last `limit` traces, newest first; number or text filters when not absent. */
struct cJSON *flow_trace_json(struct flow *flow, unsigned limit, struct ctr_str match);
/* The trace of the query that ended last with this request id; for lookup --explain. */
struct cJSON *flow_trace_last(struct flow *flow, const char *client);
/* The number hygiene report over one source (NULL: all), made in slices; done gets the
 * JSON. */
void flow_numbers_report(struct flow *flow, const char *source, unsigned limit,
                         void (*done)(void *arg, struct cJSON *report), void *arg);
/* Counters in Prometheus text form. */
void flow_metrics(struct flow *flow, struct strbuf *out);

#endif
