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

/* Contacts kept back, and who wants to see them. */
struct preview {
    flow_preview_fn done; /* NULL: told */
    void *arg;
    uint32_t wanted;
    /* ctr_sync.mutex */
    uint32_t n;
    uint64_t seen, refused;
    struct strbuf bytes;
    size_t ends[FLOW_PREVIEW_MAX];
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
    struct preview *preview;     /* NULL: a sync */
    struct cache_sample *sample; /* of a dry run; NULL: none */
    struct strbuf asked_cursor, old_groups;
    int64_t began;

    /* The sync's thread, until its end. */
    bool full;
    int error;
    struct cache_load *load;
    bool groups_changed;
    struct strbuf cursor, groups;
    struct groups all_groups; /* as they are after it, when groups_changed */
    char reason[SOURCE_REASON];
    int status;
    struct cache_load_stats stats;

    /* Both. */
    atomic_bool canceled;
    atomic_bool enough; /* of a preview */
    int64_t overdue;    /* loop: since, clock_ms; 0: it is not */
    _Atomic uint64_t done, total;
    pthread_mutex_t mutex; /* of what follows */
    struct rejects rejects;
    struct cache_load_stats so_far;
};

/* ---- sync.c ---------------------------------------------------------------- */
uint64_t sync_shape(const struct dialplan *plan);
/* Creates source->sync and has the driver begin it. */
struct sync_options {
    bool allow_delete, dry_run;
    struct preview *preview; /* the sync's own */
};
void sync_start(struct source *source, const struct sync_options *options);
void sync_cancel(struct source *source);
void sync_free(struct ctr_sync *sync);

/* ---- preview.c ------------------------------------------------------------- */
/* As flow_sync_put. */
int preview_put(struct ctr_sync *sync, const struct ctr_contact *contacts, uint32_t n);
/* The time is up: tells what there is. */
void preview_overdue(struct ctr_sync *sync);
/* The sync has ended, on the loop. */
void preview_over(struct ctr_sync *sync);
void preview_free(struct preview *preview); /* NULL-safe */
/* What it says of the source, in half a sentence. */
void preview_summary(const struct cJSON *preview, char *out, size_t cap);

/* ---- look.c ---------------------------------------------------------------- */
/* error: why it failed, NULL when it did not. */
struct cJSON *look_dry_run(const struct ctr_sync *sync, const char *error);
void look_add_rejects(struct cJSON *o, const struct rejects *rejects, uint32_t most);

/* ---- schedule.c ------------------------------------------------------------ */
/* arg: the sync; on the loop. */
void schedule_sync_over(void *arg);
void sync_set_state(struct source *source, enum source_state state);
void sync_set_error(struct source *source, const char *reason);
/* Begin one; nothing may be under way. */
void schedule_sync(struct source *source, bool allow_delete);
void schedule_dry_run(struct source *source, bool allow_delete);
/* The next sync: at this time of clock_ms, 0: none; as the configuration wants it, for a
 * source that begins. */
enum { SCHEDULE_SOON = 1 };
void schedule_at(struct source *source, int64_t at);
void schedule_first(struct source *source);
/* A preview or test took the place of what was planned; it has ended. */
void schedule_put_off(struct source *source);
void schedule_resume(struct source *source);
/* Its live answers are written. */
void schedule_refreshed(struct source *source);
/* Begin one with this time limit. */
void schedule_preview(struct source *source, struct preview *preview, uint32_t limit);
void sync_notify(struct source *source, bool done, int status);

#endif
