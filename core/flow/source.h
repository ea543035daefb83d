/* source.h - the living part of a source: its driver, its syncs, its live searches. */
#ifndef FLOW_SOURCE_H
#define FLOW_SOURCE_H

#include <pthread.h>

#include "flow/groups.h"
#include "flow/state.h"

enum source_state {
    SOURCE_DISABLED,
    SOURCE_WAITING,
    SOURCE_SYNCING,
    SOURCE_OK,
    SOURCE_FAILED
};

enum {
    SOURCE_REJECTS_MAX = 1000,
    SOURCE_REASON = 256,
    SOURCE_SEARCHES_MAX = 64,
    SOURCE_CHECKED_MAX = 64
};

struct reject {
    char where[64];
    char reason[160];
};

struct rejects {
    struct reject *items;
    uint32_t n, cap;
    uint64_t total;
};

struct source {
    struct list link;
    struct flow *flow;
    char *name;
    char who[64];                    /* "source.NAME", for the log */
    const struct setup_source *conf; /* in flow->setup; NULL: no longer configured */
    struct cache_source *cache;
    struct cache_info info;
    int64_t info_at; /* ms */

    struct flow_driver driver;
    bool started, wanted; /* wanted: as soon as the running sync has ended */
    enum source_state state;
    char error[SOURCE_REASON]; /* "": none */
    bool error_is_new;         /* set since the driver was last called */
    uv_timer_t *timer;         /* next run; while syncing: the limit */
    uv_timer_t *progress;      /* while syncing and watched */
    int64_t next_run;          /* clock_ms; 0: none planned */
    int64_t due_wall; /* next_run is this time of day, with jitter; 0: it is none */
    int64_t place, done_place; /* see times.h: the planned one, the last that was run */
    unsigned failures;         /* in a row */
    uint32_t retry_in;         /* ms, after the last of them */
    unsigned refused_at;       /* 1 + max_delete_percent that refused it; 0: none did */
    int64_t last_run, last_success; /* wall */
    uint32_t last_ms;
    int last_status;
    uint64_t shape;       /* of the last sync; 0: none yet */
    struct groups groups; /* as of its last sync */
    struct cache_load_stats last;
    struct rejects rejects;
    struct ctr_sync *sync;
    struct ctr_test *test;
    struct ctr_test *reading; /* a test that is carried out by a preview */
    int64_t resume_at;        /* next_run, put off by a preview, test or dry run */
    enum source_state resume_state;
    struct cJSON *dry_run; /* what the last one found, until it is taken */
    struct list watchers;
    void (*stopped)(void *arg);
    void *stopped_arg;

    struct list searches; /* struct ctr_search.of_source */
    unsigned n_searches;
    uv_timer_t *late;                     /* while searches run that nobody waits for */
    uint64_t checked[SOURCE_CHECKED_MAX]; /* questions asked again lately, by hash */
    int64_t checked_at[SOURCE_CHECKED_MAX];
    struct refresh *refresh; /* NULL: nothing was asked live yet */
    bool refreshing;         /* its load is under way */
    uint64_t syncs;          /* begun */

    uint64_t syncs_ok, syncs_failed;
};

struct source *source_find(struct flow *flow, const char *name);
void source_destroy(struct source *source);
/* What the cache holds; at most a second old. */
const struct cache_info *source_info(struct source *source);
/* Its data are older than `limit` ms. */
bool source_is_stale(struct source *source, uint32_t limit);
/* Its groups are these now, which are taken: who may see what is found out anew. */
void source_groups_changed(struct source *source, struct groups *groups);
void source_info_changed(struct source *source);
/* search.c: its searches are told to end; are on their own; so are all. */
void search_cancel_source(struct source *source);
void search_detach_source(struct source *source);
void search_detach_all(struct flow *flow);
struct cJSON;
/* Nothing may begin now: a sync, a preview or a test is under way. */
bool source_busy(const struct source *source);
/* And what is under way does not come back, though its time is up. */
bool source_stuck(const struct source *source);
/* test.c: whoever asked has gone. */
void test_forget(struct source *source, void *arg);
/* test.c: it is stopped; who waits for its test need not. */
bool test_is_overdue(const struct source *source);
void test_give_up(struct source *source, int status);
/* The configuration changed: plan the next sync by it. */
void source_configured(struct source *source);

#endif
