/* sync.h - a running sync, as its thread and the loop see it. */
#ifndef FLOW_SYNC_H
#define FLOW_SYNC_H

#include <stdatomic.h>

#include "flow/source.h"

struct watcher {
    struct list link;
    flow_sync_watch_fn fn;
    void *arg;
};

struct ctr_sync {
    struct source *source; /* loop */
    struct loop *loop;
    struct cache_source *cache;
    /* What it began with. */
    struct dialplan plan;
    uint64_t shape;
    unsigned max_delete_percent;
    bool allow_delete, dry_run, may_wait;
    struct strbuf asked_cursor;
    int64_t began;

    /* The sync's thread, until its end. */
    bool full;
    int error;
    struct cache_load *load;
    struct strbuf cursor;
    char reason[SOURCE_REASON];
    int status;
    struct cache_load_stats stats;

    /* Both. */
    atomic_bool canceled;
    bool overdue; /* loop */
    _Atomic uint64_t done, total;
    pthread_mutex_t mutex; /* of what follows */
    struct rejects rejects;
    struct cache_load_stats so_far;
};

/* ---- sync.c ---------------------------------------------------------------- */
uint64_t sync_shape(const struct dialplan *plan);
/* Creates source->sync and has the driver begin it. */
void sync_start(struct source *source, bool allow_delete, bool dry_run);
void sync_cancel(struct source *source);
void sync_free(struct ctr_sync *sync);

/* ---- schedule.c ------------------------------------------------------------ */
/* arg: the sync; on the loop. */
void schedule_sync_over(void *arg);
void sync_set_error(struct source *source, const char *reason);
void sync_notify(struct source *source, bool done, int status);

#endif
