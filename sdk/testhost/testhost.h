/* testhost.h - a fake host with a virtual clock: tests a plugin without the daemon.
 *
 *     struct testhost *t = testhost_create(&contactor_plugin, "source.test");
 *     testhost_set(t, "file", "/tmp/x.csv");
 *     testhost_set(t, "map.surname", "Name");
 *     testhost_start(t);                      check, create, bind, start
 *     testhost_sync(t, NULL);                 then look at t->contacts, t->rejects
 *     testhost_destroy(t);                    stop, destroy
 *
 * Nothing happens by itself: testhost_run runs what was posted, testhost_advance lets
 * time pass. Only while a plugin waits for a descriptor (ext/poll.h) or for a thread of
 * its own a sync takes real time. Everything runs on the calling thread but what
 * testhost_lane_* runs. The clocks stand still otherwise: host->now begins at 1000,
 * host->wall at 2026-01-01 00:00 UTC and one second.
 *
 * What the test may read and set are the members below: "set" is what the test sets
 * before it calls, the others are what the plugin did. A host that answers otherwise than
 * this one is made by laying a function over t->host after testhost_create.
 *
 * A plugin that breaks the contract (a handle used after its end, a call in the wrong
 * place, a malformed struct: where host.h says "misuse") is told so on stderr, and the
 * process aborts. */
#ifndef CONTACTOR_TESTHOST_H
#define CONTACTOR_TESTHOST_H

#include <pthread.h>
#include <stdbool.h>

#include "contactor/ext/net.h"
#include "contactor/plugin.h"

struct testhost_pair {
    char *a, *b;
};

/* A growing array of pairs. */
struct testhost_pairs {
    struct testhost_pair *at;
    uint32_t n, cap;
};

/* A step a test told. */
struct testhost_step {
    char *step;
    int32_t status;
    char *detail, *remedy; /* NULL: none */
};

struct testhost_task;
struct testhost_watch;

struct testhost {
    struct ctr_host host;
    const struct ctr_plugin *plugin;
    void *instance; /* from create; NULL before and after */

    /* --- what the plugin said */
    char failure[1024];                  /* the last fail() */
    struct testhost_pairs logs;          /* level as text, line */
    struct testhost_pairs option_errors; /* option, text */
    struct testhost_pairs watches;       /* path, settle */
    struct testhost_pairs metrics;       /* name, help; the index is the id */
    int64_t metric_value[64];
    uint32_t sync_requests; /* how often request_sync was called */
    bool stopped;

    /* --- the last sync */
    bool discard;                  /* set: count contacts, keep none */
    struct ctr_contact **contacts; /* deep copies */
    uint64_t n_contacts;
    struct testhost_pairs rejects; /* where, reason */
    struct testhost_pairs deletes; /* id, "" */
    char *cursor;                  /* NULL: none given */
    uint64_t cursor_len;
    bool became_full; /* sync_full was called */
    uint64_t progress_done, progress_total;
    /* set: from the n-th call of sync_put and sync_delete on these, sync_group and
     * sync_canceled say -CTR_ECANCELED */
    uint32_t cancel_after;
    bool cancel_sync; /* set: sync_cancel comes as soon as sync has returned, ON_LOOP */
    uint32_t pause_every; /* set: each n-th sync_put says -CTR_EPAUSE to an ON_LOOP one */
    bool sync_running;
    int32_t sync_status;
    struct testhost_pairs groups; /* group, member; a group nobody is in: member "" */

    /* --- the last test */
    struct testhost_step *steps;
    uint32_t n_steps;
    uint32_t cancel_after_steps; /* set: test_canceled says so from then on */

    /* --- the last live search */
    struct ctr_contact **hits; /* deep copies */
    uint32_t n_hits;
    uint32_t cancel_after_hits; /* set: search_hits says -CTR_ECANCELED from then on */
    bool cancel_search; /* set: search_cancel comes as soon as search has returned */
    bool pause_hits;    /* set: search_hits says -CTR_EPAUSE */
    bool search_running;
    int32_t search_status;

    /* --- what queries see */
    struct ctr_contact **directory; /* testhost_add */
    uint32_t n_directory;
    bool defer_queries;          /* set: nothing is answered before testhost_run */
    bool hold_queries;           /* set: nothing is answered before testhost_release */
    uint32_t batch;              /* set: hits a batch (1..256); 0: 256 */
    int32_t query_status;        /* set: how a query ends that would have ended with 0 */
    uint32_t queries;            /* started so far */
    uint32_t queries_open;       /* not done yet */
    struct testhost_pairs users; /* name, password */
    uint32_t principals;         /* references held by the plugin; must be 0 at the end */

    /* --- for new streams */
    uint64_t queue_limit; /* set: write says -CTR_EPAUSE above this; 0: never */

    /* --- private */
    int64_t clock;
    struct ctr_config *config;
    struct testhost_pairs options;
    uint64_t allocated; /* by the host itself, bytes */
    pthread_mutex_t lock;
    pthread_cond_t posted;
    struct testhost_task *tasks;
    struct ctr_request *held;
    struct ctr_timer *timers;
    struct ctr_poll *polls;
    struct ctr_stream *streams;
    void *blocks;
    bool creating; /* create runs */
    uint32_t put_calls, auths_open, cap_steps, cap_hits;
    int64_t paused_at;
    uint64_t cap_contacts;
};

/* --- life -----------------------------------------------------------------------------
 */

struct testhost *testhost_create(const struct ctr_plugin *plugin, const char *instance);
/* An option as the administrator would write it. A LIST: call again for each string. A
 * MAP: name is "map.KEY", again for each string. CHOICE, BOOL, DURATION, SIZE: text. */
void testhost_set(struct testhost *t, const char *name, const char *value);
/* A LIST or MAP that the administrator wrote as empty; forgets what was set before. */
void testhost_set_empty(struct testhost *t, const char *name);
/* The values against the plugin's table, then plugin->check.
 * returns 0 | -CTR_ECONF: option_errors says why | what check returned: failure does */
int32_t testhost_check(struct testhost *t);
/* testhost_check, create, bind, start; on an error what was created is destroyed. */
int32_t testhost_start(struct testhost *t);
/* Stop (streams get on_goodbye and on_close, queries are canceled) and destroy. */
void testhost_stop(struct testhost *t);
/* testhost_stop if needed, then frees everything. NULL-safe. */
void testhost_destroy(struct testhost *t);

/* --- what the plugin said --------------------------------------------------------------
 */

/* Some line of the log, "level: text", contains the text: "warn: row_rejected". */
bool testhost_logged(const struct testhost *t, const char *text);
/* What a metric stands at. Dies where it is not defined. */
int64_t testhost_metric(const struct testhost *t, const char *name);

/* --- time -----------------------------------------------------------------------------
 */

/* Posted tasks until none is left. returns how many ran */
uint32_t testhost_run(struct testhost *t);
/* The same, waiting for one at most so long of real time, ms. returns whether one came */
bool testhost_wait(struct testhost *t, int64_t ms);
/* Let time pass: timers fire in order, posted tasks in between. */
void testhost_advance(struct testhost *t, int64_t ms);

/* --- sources --------------------------------------------------------------------------
 */

/* One sync; cursor NULL: a full one. An ON_LOOP source is run, time included, until its
 * sync_done. returns its status */
int32_t testhost_sync(struct testhost *t, const char *cursor);
/* A delta with the cursor that the last sync gave, which may hold any bytes. */
int32_t testhost_delta(struct testhost *t);
/* The source's test; look at t->steps. A plugin without one: -CTR_ENOTSUP. Dies when it
 * fails without a step that says so. */
int32_t testhost_test(struct testhost *t);
/* The step of this name, or NULL. */
const struct testhost_step *testhost_step_find(const struct testhost *t,
                                               const char *step);
/* A live search, until its search_done; look at t->hits. returns its status */
int32_t testhost_search(struct testhost *t, const struct ctr_query *query);
/* The same for a number over all phone kinds, in the three spellings the daemon gives. */
int32_t testhost_search_number(struct testhost *t, const char *e164, const char *national,
                               const char *asked);
const struct ctr_contact *testhost_find(const struct testhost *t, const char *id);
/* Value i of a kind, NUL-terminated, or NULL. name: of a custom field, else NULL. */
const char *testhost_value(const struct ctr_contact *c, uint32_t kind, const char *name,
                           uint32_t i);
bool testhost_deleted(const struct testhost *t, const char *id);
bool testhost_in_group(const struct testhost *t, const char *group, const char *member);
/* Some reject's "where: reason" contains the text. */
bool testhost_rejected(const struct testhost *t, const char *text);

/* A sync or a search of an ON_LANE source on a thread of its own, as in the daemon, so
 * that what the loop does meanwhile (sync_cancel, search_cancel) is done meanwhile. */
struct testhost_lane;
struct testhost_lane *testhost_lane_sync(struct testhost *t, const char *cursor);
/* query: unchanged until testhost_lane_end */
struct testhost_lane *testhost_lane_search(struct testhost *t,
                                           const struct ctr_query *query);
/* What the plugin knows the sync or the search by. */
struct ctr_sync *testhost_lane_sync_handle(const struct testhost_lane *lane);
struct ctr_search *testhost_lane_search_handle(const struct testhost_lane *lane);
/* As the daemon does at shutdown: from here on the host's functions say -CTR_ECANCELED,
 * and the plugin's sync_cancel or search_cancel is called. */
void testhost_lane_cancel(struct testhost_lane *lane);
/* Runs what is posted until it has ended, at most so long of real time, ms.
 * returns whether it has ended */
bool testhost_lane_wait(struct testhost_lane *lane, int64_t ms);
/* Waits for its end. returns its status */
int32_t testhost_lane_end(struct testhost_lane *lane);

/* --- what front ends find -------------------------------------------------------------
 */

struct testhost_field {
    uint32_t kind;
    const char *value; /* UTF-8, NUL-terminated */
    const char *name;  /* CTR_FIELD_CUSTOM */
};

/* A contact in the directory. fields end with kind 0; OWNER as a field sets the owner.
 * Numbers get a naive E.164 form: "+49..." as digits, "00.." and "0..." (German). */
void testhost_add(struct testhost *t, const char *source, const char *id,
                  const struct testhost_field *fields);
void testhost_user(struct testhost *t, const char *name, const char *password);

/* Go on with the queries and passwords that hold_queries held back. */
void testhost_release(struct testhost *t);

/* --- streams --------------------------------------------------------------------------
 */

/* A peer connects. flags: CTR_PEER_*. returns NULL if on_open refused */
struct ctr_stream *testhost_connect(struct testhost *t, const char *address,
                                    uint32_t flags);
/* Bytes arrive; on_data is called while it consumes, then everything posted runs. */
void testhost_feed(struct ctr_stream *s, const void *data, uint64_t n);
/* The peer closes. */
void testhost_hangup(struct ctr_stream *s);
/* on_goodbye, then on_close, as at shutdown or idle. */
void testhost_goodbye(struct ctr_stream *s, uint32_t reason);
/* What the plugin wrote and was not taken yet; valid until the next call. */
const uint8_t *testhost_output(const struct ctr_stream *s, uint64_t *n);
/* Take n bytes off the front of the output: on_drain may follow. */
void testhost_take(struct ctr_stream *s, uint64_t n);
bool testhost_closed(const struct ctr_stream *s); /* on_close has run */
uint32_t testhost_close_reason(const struct ctr_stream *s);
bool testhost_paused(const struct ctr_stream *s);
bool testhost_busy(const struct ctr_stream *s); /* set_busy */
bool testhost_tls(const struct ctr_stream *s);

#endif
