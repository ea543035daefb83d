/* sync.c - a sync under way: from the source's thread into a cache load, and its end.
 *
 * It runs where the driver runs it (a lane, or the loop) and puts into a load begun with
 * its first contact. How it ended goes to the loop (schedule.c). */
#include "flow/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

enum {
    SHAPE_VERSION = 1, /* of what flow puts into a load's shape */
    CURSOR_MAX = 64 * 1024,
    SHAPE_SIZE = 8 /* in front of a stored cursor: the dial plan it was made under */
};

/* ---- what a record's shape depends on -------------------------------------- */

static uint64_t hash_z(const char *z, uint64_t seed)
{
    return XXH3_64bits_withSeed(z, strlen(z) + 1, seed);
}

uint64_t sync_shape(const struct dialplan *plan)
{
    uint64_t hash = SHAPE_VERSION;
    uint32_t numbers[] = {plan->calling_code, plan->extension_length};

    hash = hash_z(plan->country, hash);
    hash = hash_z(plan->area_code, hash);
    hash = hash_z(plan->main_number, hash);
    hash = hash_z(plan->outside_line, hash);
    hash = hash_z(plan->international_prefix, hash);
    hash = hash_z(plan->national_prefix, hash);
    return XXH3_64bits_withSeed(numbers, sizeof(numbers), hash);
}

/* ---- on the sync's thread -------------------------------------------------- */

static int begin_load(struct ctr_sync *sync)
{
    struct cache_load_options options = {.full = sync->full,
                                         .plan = &sync->plan,
                                         .shape = sync->shape,
                                         .max_delete_percent = sync->max_delete_percent,
                                         .allow_delete = sync->allow_delete,
                                         .may_wait = sync->may_wait,
                                         .dry_run = sync->dry_run,
                                         .sample = sync->sample};

    if (sync->load)
        return 0;
    return cache_load_begin(sync->cache, &options, &sync->load);
}

/* The first error stays: the plugin may overlook it, the commit will not. */
static int keep_error(struct ctr_sync *sync, int r)
{
    if (r < 0 && r != -CTR_EPAUSE && sync->error == 0)
        sync->error = r;
    return r;
}

static int sync_check(struct ctr_sync *sync)
{
    if (atomic_load(&sync->canceled))
        return -CTR_ECANCELED;
    if (sync->error < 0)
        return sync->error;
    return keep_error(sync, begin_load(sync));
}

/* For those who watch. */
static void count(struct ctr_sync *sync)
{
    struct cache_load_stats stats;

    cache_load_progress(sync->load, &stats);
    pthread_mutex_lock(&sync->mutex);
    sync->so_far = stats;
    pthread_mutex_unlock(&sync->mutex);
}

int flow_sync_put(struct ctr_sync *sync, const struct ctr_contact *contacts, uint32_t n)
{
    int r;

    if (sync->preview)
        return preview_put(sync, contacts, n);
    r = sync_check(sync);
    if (r < 0)
        return r;
    r = keep_error(sync, cache_load_put(sync->load, contacts, n));
    count(sync);
    return r;
}

int flow_sync_delete(struct ctr_sync *sync, const struct ctr_str *ids, uint32_t n)
{
    int r;

    if (sync->preview)
        return flow_sync_canceled(sync);
    r = sync_check(sync);
    if (r < 0)
        return r;
    r = keep_error(sync, cache_load_delete(sync->load, ids, n));
    count(sync);
    return r;
}

void flow_sync_reject(struct ctr_sync *sync, const char *where, const char *reason)
{
    struct rejects *list = &sync->rejects;
    struct reject *r;

    pthread_mutex_lock(&sync->mutex);
    list->total++;
    if (list->n < SOURCE_REJECTS_MAX) {
        if (list->n == list->cap) {
            list->cap = list->cap ? list->cap * 2 : 16;
            list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
        }
        r = &list->items[list->n++];
        snprintf(r->where, sizeof(r->where), "%s", where);
        snprintf(r->reason, sizeof(r->reason), "%s", reason);
        flow_utf8(r->where);
        flow_utf8(r->reason);
    }
    pthread_mutex_unlock(&sync->mutex);
}

int flow_sync_cursor(struct ctr_sync *sync, struct ctr_str cursor)
{
    if (cursor.len > CURSOR_MAX)
        return keep_error(sync, -CTR_EINVAL);
    strbuf_reset(&sync->cursor);
    strbuf_add(&sync->cursor, &sync->shape, SHAPE_SIZE);
    strbuf_str(&sync->cursor, cursor);
    return 0;
}

int flow_sync_group(struct ctr_sync *sync, struct ctr_str group,
                    const struct ctr_str *members, uint32_t n)
{
    int r;

    if (flow_sync_canceled(sync) < 0)
        return -CTR_ECANCELED;
    r = groups_add(&sync->groups, group, members, n);
    if (r == -CTR_EFULL)
        snprintf(sync->reason, sizeof(sync->reason),
                 "the source tells of more than %d groups, or of one with more than %d "
                 "bytes of names",
                 GROUPS_MAX, GROUP_BYTES_MAX);
    else if (r < 0)
        snprintf(
            sync->reason, sizeof(sync->reason),
            "the source tells a group twice, or one without a name or with a nameless "
            "member");
    return keep_error(sync, r);
}

int flow_sync_full(struct ctr_sync *sync)
{
    if (sync->load)
        return sync->full ? 0 : -CTR_EINVAL;
    sync->full = true;
    return 0;
}

void flow_sync_progress(struct ctr_sync *sync, uint64_t done, uint64_t total)
{
    atomic_store(&sync->done, done);
    atomic_store(&sync->total, total);
}

int flow_sync_canceled(struct ctr_sync *sync)
{
    return atomic_load(&sync->canceled) || atomic_load(&sync->enough) ? -CTR_ECANCELED
                                                                      : 0;
}

static void on_committed(void *arg, int status, const struct cache_load_stats *stats)
{
    struct ctr_sync *sync = arg;

    sync->status = status;
    sync->stats = *stats;
    schedule_sync_over(sync);
}

/* A full sync forgets the groups it did not name. */
static void put_groups(struct ctr_sync *sync)
{
    struct ctr_str old = str_make(sync->old_groups.ptr, sync->old_groups.len);
    struct strbuf all = {0};

    groups_merge(sync->full ? str_make(NULL, 0) : old,
                 str_make(sync->groups.ptr, sync->groups.len), &all);
    sync->groups_changed = !str_eq(old, str_make(all.ptr, all.len));
    if (sync->groups_changed) {
        cache_load_groups(sync->load, str_make(all.ptr, all.len));
        groups_set(&sync->all_groups, &all);
    }
    strbuf_finish(&all);
}

static void commit(struct ctr_sync *sync)
{
    struct ctr_str cursor = str_make(sync->cursor.ptr, sync->cursor.len);
    struct cache_load *load = sync->load;

    put_groups(sync);
    sync->load = NULL;
    if (sync->may_wait) {
        sync->status = cache_load_commit(load, cursor, &sync->stats);
        loop_post(sync->loop, schedule_sync_over, sync);
    } else {
        cache_load_commit_async(load, cursor, on_committed, sync);
    }
}

void flow_sync_end(struct ctr_sync *sync, int status, const char *reason)
{
    if (sync->preview) {
        sync->status = status;
        if (reason)
            snprintf(sync->reason, sizeof(sync->reason), "%s", reason);
        loop_post(sync->loop, schedule_sync_over, sync);
        return;
    }
    if (atomic_load(&sync->canceled))
        status = -CTR_ECANCELED; /* whatever it says, for that is why */
    if (status == 0)
        status = sync->error;
    if (status == 0)
        status = begin_load(sync); /* nothing was put: that is an answer, too */
    if (reason)
        snprintf(sync->reason, sizeof(sync->reason), "%s", reason);
    sync->status = status;
    if (status == 0) {
        commit(sync);
        return;
    }
    if (sync->load) {
        cache_load_progress(sync->load, &sync->stats);
        cache_load_abort(sync->load);
        sync->load = NULL;
    }
    loop_post(sync->loop, schedule_sync_over, sync);
}

/* ---- begin ----------------------------------------------------------------- */

void sync_cancel(struct source *s)
{
    struct ctr_sync *sync = s->sync;

    if (atomic_exchange(&sync->canceled, true))
        return;
    if (s->driver.sync_cancel)
        s->driver.sync_cancel(s->driver.ctx, sync);
}

/* The stored cursor, unless what it belongs to was shaped by another dial plan. */
static bool take_cursor(const struct source *s, struct ctr_sync *sync)
{
    struct strbuf *b = &sync->asked_cursor;

    return s->driver.can_delta && cache_cursor(s->cache, b) == 0 &&
           b->len >= SHAPE_SIZE && memcmp(b->ptr, &sync->shape, SHAPE_SIZE) == 0;
}

static struct ctr_sync *sync_create(struct source *s, const struct sync_options *options)
{
    struct ctr_sync *sync = xcalloc(1, sizeof(*sync));

    pthread_mutex_init(&sync->mutex, NULL);
    sync->source = s;
    sync->loop = s->flow->loop;
    sync->cache = s->cache;
    sync->plan = s->conf->plan;
    sync->shape = sync_shape(&sync->plan);
    sync->max_delete_percent = s->conf->max_delete_percent;
    sync->allow_delete = options->allow_delete;
    sync->dry_run = options->dry_run;
    if (sync->dry_run)
        sync->sample = xcalloc(1, sizeof(*sync->sample));
    sync->preview = options->preview;
    sync->may_wait = s->driver.may_wait;
    sync->began = clock_ms();
    sync->full = sync->preview || !take_cursor(s, sync);
    (void)cache_groups(s->cache, &sync->old_groups); /* none: there are none */
    if (!sync->preview && !sync->dry_run)
        s->shape = sync->shape;
    return sync;
}

void sync_free(struct ctr_sync *sync)
{
    pthread_mutex_destroy(&sync->mutex);
    free(sync->rejects.items);
    preview_free(sync->preview);
    free(sync->sample);
    strbuf_finish(&sync->cursor);
    strbuf_finish(&sync->asked_cursor);
    strbuf_finish(&sync->old_groups);
    strbuf_finish(&sync->groups);
    groups_finish(&sync->all_groups);
    free(sync);
}

void sync_start(struct source *s, const struct sync_options *options)
{
    struct ctr_sync_request request = {.size = sizeof(request)};
    struct ctr_sync *sync = sync_create(s, options);
    int r;

    if (!sync->full)
        request.cursor = str_make(sync->asked_cursor.ptr + SHAPE_SIZE,
                                  sync->asked_cursor.len - SHAPE_SIZE);
    s->sync = sync;
    log_debug(s->who, "sync_begin source=%s kind=%s", s->name,
              sync->preview ? "preview"
              : sync->full  ? "full"
                            : "delta");
    r = s->driver.sync(s->driver.ctx, sync, &request);
    if (r < 0) { /* not begun: it will not end by itself */
        sync->status = r;
        loop_post(s->flow->loop, schedule_sync_over, sync);
    }
}
