/* load.c - the caller's side of a load, and its way over the lane. */
#include "cache/load.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    BATCH_CONTACTS = 512,
    BATCH_BYTES = 256 * 1024,
    QUEUE_BUSY = 8,  /* batches: wait, or ask to slow down */
    QUEUE_MAX = 256, /* of one who does not slow down */
    TRIES_MAX = 8    /* commits begun anew in a larger map */
};

/* Entries: op (1), length (4), record or id. */
struct batch {
    struct cache_load *load;
    struct strbuf data;
    unsigned n;
};

static void on_batch(struct cache *c, void *arg);
static void on_commit(struct cache *c, void *arg);
static void on_step(struct cache *c, void *arg);
static void on_abort(struct cache *c, void *arg);

/* ---- the caller's thread ---- */

int cache_load_begin(struct cache_source *source,
                     const struct cache_load_options *options, struct cache_load **out)
{
    struct cache *c = source->cache;
    struct cache_load *load = xcalloc(1, sizeof(*load));

    load->cache = c;
    load->source = source;
    load->options = *options;
    if (options->plan)
        load->plan = *options->plan;
    else
        dialplan_neutral(&load->plan);
    load->options.plan = &load->plan;
    pthread_mutex_lock(&c->lock);
    if (source->loading) {
        pthread_mutex_unlock(&c->lock);
        free(load);
        return -CTR_EBUSY;
    }
    source->loading = load;
    pthread_mutex_unlock(&c->lock);
    *out = load;
    return 0;
}

/* Hands the batch over, waiting for room if the caller may. */
static int flush(struct cache_load *load)
{
    struct cache *c = load->cache;
    struct batch *b = load->batch;
    int rc = 0;

    if (!b)
        return 0;
    load->batch = NULL;
    pthread_mutex_lock(&c->lock);
    while (load->options.may_wait && load->queued >= QUEUE_BUSY && load->error == 0)
        pthread_cond_wait(&c->ready, &c->lock);
    if (load->queued >= QUEUE_MAX && load->error == 0)
        load->error = -CTR_ENOMEM;
    rc = load->error;
    if (rc == 0) {
        load->queued++;
        if (!load->options.may_wait && load->queued >= QUEUE_BUSY)
            rc = -CTR_EPAUSE;
    }
    pthread_mutex_unlock(&c->lock);
    if (rc != 0 && rc != -CTR_EPAUSE) {
        strbuf_finish(&b->data);
        free(b);
        return rc;
    }
    cache_task(c, on_batch, b);
    return rc;
}

static struct batch *batch_of(struct cache_load *load)
{
    if (!load->batch) {
        load->batch = xcalloc(1, sizeof(*load->batch));
        load->batch->load = load;
    }
    return load->batch;
}

static bool batch_full(const struct batch *b)
{
    return b->n >= BATCH_CONTACTS || b->data.len >= BATCH_BYTES;
}

static void entry_close(struct batch *b, size_t begin, enum stage_op op)
{
    uint32_t len = (uint32_t)(b->data.len - begin - 5);

    b->data.ptr[begin] = (char)op;
    memcpy(b->data.ptr + begin + 1, &len, sizeof(len));
    b->n++;
}

/* What the caller's thread has counted goes under the lock once per call. */
static int count_put(struct cache_load *load, const struct cache_load_stats *more, int rc)
{
    struct cache *c = load->cache;

    pthread_mutex_lock(&c->lock);
    load->stats.seen += more->seen;
    load->stats.rejected += more->rejected;
    load->stats.warnings += more->warnings;
    if (load->error)
        rc = load->error;
    else if (rc == 0 && !load->options.may_wait && load->queued >= QUEUE_BUSY)
        rc = -CTR_EPAUSE;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int cache_load_put(struct cache_load *load, const struct ctr_contact *contacts, size_t n)
{
    struct cache_load_stats more = {.seen = n};
    const char *at = (const char *)contacts;
    size_t stride = n > 0 && contacts->size ? contacts->size : sizeof(*contacts);
    int rc = 0;

    for (size_t i = 0; i < n && (rc == 0 || rc == -CTR_EPAUSE); i++, at += stride) {
        struct ctr_contact contact = {0};
        struct batch *b = batch_of(load);
        size_t begin = b->data.len;
        unsigned warnings = 0;

        memcpy(&contact, at, stride < sizeof(contact) ? stride : sizeof(contact));
        strbuf_add(&b->data, (const char[5]){0}, 5);
        if (record_encode(&contact, &load->plan, &b->data, &warnings) == 0) {
            entry_close(b, begin, STAGE_PUT);
        } else {
            b->data.len = begin;
            more.rejected++;
        }
        more.warnings += warnings;
        if (batch_full(b))
            rc = flush(load);
    }
    return count_put(load, &more, rc);
}

int cache_load_put_record(struct cache_load *load, struct ctr_str record)
{
    struct cache_load_stats more = {.seen = 1};
    struct batch *b = batch_of(load);
    size_t begin = b->data.len;

    strbuf_add(&b->data, (const char[5]){0}, 5);
    strbuf_str(&b->data, record);
    entry_close(b, begin, STAGE_PUT);
    return count_put(load, &more, batch_full(b) ? flush(load) : 0);
}

int cache_load_delete(struct cache_load *load, const struct ctr_str *ids, size_t n)
{
    struct cache_load_stats none = {0};
    int rc = 0;

    if (load->options.full)
        return -CTR_EINVAL;
    for (size_t i = 0; i < n && (rc == 0 || rc == -CTR_EPAUSE); i++) {
        struct batch *b = batch_of(load);
        size_t begin = b->data.len;

        if (ids[i].len == 0 || ids[i].len > CTR_ID_MAX)
            continue; /* nobody has it */
        strbuf_add(&b->data, (const char[5]){0}, 5);
        strbuf_str(&b->data, ids[i]);
        entry_close(b, begin, STAGE_DELETE);
        if (batch_full(b))
            rc = flush(load);
    }
    return count_put(load, &none, rc);
}

void cache_load_groups(struct cache_load *load, struct ctr_str groups)
{
    strbuf_reset(&load->groups);
    strbuf_str(&load->groups, groups);
    load->has_groups = true;
}

void cache_load_progress(const struct cache_load *load, struct cache_load_stats *stats)
{
    struct cache *c = load->cache;

    pthread_mutex_lock(&c->lock);
    *stats = load->stats;
    pthread_mutex_unlock(&c->lock);
}

static void commit_begin(struct cache_load *load, struct ctr_str cursor)
{
    (void)flush(load); /* its error is the load's, and found again by on_commit */
    if (cursor.len > CACHE_CURSOR_MAX || load->groups.len > CACHE_GROUPS_MAX) {
        pthread_mutex_lock(&load->cache->lock);
        load->error = load->error ? load->error : -CTR_EINVAL;
        pthread_mutex_unlock(&load->cache->lock);
    } else if (cursor.ptr) {
        strbuf_str(&load->cursor, cursor);
        if (!load->cursor.ptr) /* empty, but there */
            strbuf_z(&load->cursor, "");
    }
    cache_task(load->cache, on_commit, load);
}

int cache_load_commit(struct cache_load *load, struct ctr_str cursor,
                      struct cache_load_stats *stats)
{
    struct cache *c = load->cache;
    int status;

    commit_begin(load, cursor);
    pthread_mutex_lock(&c->lock);
    while (!load->finished)
        pthread_cond_wait(&c->ready, &c->lock);
    status = load->status;
    if (stats)
        *stats = load->stats;
    pthread_mutex_unlock(&c->lock);
    free(load);
    return status;
}

void cache_load_commit_async(struct cache_load *load, struct ctr_str cursor,
                             void (*done)(void *arg, int status,
                                          const struct cache_load_stats *stats),
                             void *arg)
{
    load->done = done;
    load->arg = arg;
    commit_begin(load, cursor);
}

void cache_load_abort(struct cache_load *load)
{
    struct cache *c = load->cache;

    if (load->batch) {
        strbuf_finish(&load->batch->data);
        free(load->batch);
        load->batch = NULL;
    }
    pthread_mutex_lock(&c->lock);
    load->aborted = true;
    if (load->error == 0)
        load->error = -CTR_ECANCELED;
    load->source->loading = NULL;
    pthread_mutex_unlock(&c->lock);
    cache_task(c, on_abort, load);
}

/* ---- the lane ---- */

static int work_batch(struct cache_load *load, const struct batch *b)
{
    const char *p = b->data.ptr, *end = p + b->data.len;
    int rc = env_ready(load->cache);

    if (rc == 0)
        rc = compare_start(load);
    while (rc == 0 && p < end) {
        uint32_t len;
        struct ctr_str data;

        memcpy(&len, p + 1, sizeof(len));
        data = str_make(p + 5, len);
        rc = *p == STAGE_PUT ? compare_put(load, data) : compare_delete(load, data);
        p += 5 + (size_t)len;
    }
    mdb_txn_reset(load->cache->lane_read);
    return rc;
}

/* With the lock held: what the lane counts, where cache_load_progress sees it. */
static void publish_counts(struct cache_load *load)
{
    load->stats.added = load->counts.added;
    load->stats.changed = load->counts.changed;
    load->stats.unchanged = load->counts.unchanged;
    load->stats.deleted = load->counts.deleted;
    load->stats.duplicates = load->counts.duplicates;
}

static void on_batch(struct cache *c, void *arg)
{
    struct batch *b = arg;
    struct cache_load *load = b->load;
    int rc;

    pthread_mutex_lock(&c->lock);
    rc = load->error;
    pthread_mutex_unlock(&c->lock);
    if (rc == 0)
        rc = work_batch(load, b);
    strbuf_finish(&b->data);
    free(b);
    pthread_mutex_lock(&c->lock);
    load->queued--;
    if (rc && load->error == 0)
        load->error = rc;
    publish_counts(load);
    pthread_cond_broadcast(&c->ready);
    pthread_mutex_unlock(&c->lock);
}

static void on_done(void *arg)
{
    struct cache_load *load = arg;

    load->done(load->arg, load->status, &load->stats);
    free(load);
}

/* The load is its waiter's from here on. */
static void finish(struct cache_load *load, int status)
{
    struct cache *c = load->cache;
    bool async = load->done != NULL;

    build_give_up(load);
    /* Whoever waits for the end still has room for it; after an abort nobody may. */
    if (load->sample)
        *load->options.sample = *load->sample;
    compare_finish(load);
    strbuf_finish(&load->cursor);
    strbuf_finish(&load->groups);
    pthread_mutex_lock(&c->lock);
    load->status = status;
    load->finished = true;
    if (load->source->loading == load)
        load->source->loading = NULL;
    pthread_cond_broadcast(&c->ready);
    pthread_mutex_unlock(&c->lock);
    if (async)
        loop_post(c->loop, on_done, load);
}

/* A full load that found little of what there was is more likely a broken source than a
 * company that closed: it must be said by the administrator. At most five may vanish as
 * they like, but not all there is. */
static bool deletes_too_many(const struct cache_load *load, uint64_t deleted)
{
    uint64_t had = load->source->state.contacts;

    if (load->options.allow_delete || load->options.max_delete_percent >= 100 ||
        deleted == 0 || load->source->state.as_of == 0)
        return false;
    if (load->n_old_seen == 0 && load->counts.added == 0)
        return true;
    return had > 5 && deleted * 100 > had * load->options.max_delete_percent;
}

/* Changed so much that writing all anew, sorted, is cheaper than many small changes. */
static bool worth_rebuild(const struct cache_load *load, uint64_t deleted)
{
    const struct source_state *s = &load->source->state;
    uint64_t n = load->n_staged + deleted;

    if (!s->slot)
        return n > 0;
    return n > 100000 || (n > 10000 && n * 10 > s->contacts * 3) ||
           s->next_recno > 2 * s->contacts + 1000000;
}

static int commit_ready(struct cache_load *load)
{
    uint64_t deleted = 0;
    int rc = env_ready(load->cache);

    if (rc == 0)
        rc = compare_start(load); /* a load without a single batch */
    mdb_txn_reset(load->cache->lane_read);
    if (rc)
        return rc;
    if (load->version != load->source->version)
        return -CTR_ECANCELED; /* wiped, or lost, meanwhile */
    if (load->options.aside && load->source->state.slot &&
        load->source->state.shape != load->options.shape)
        return -CTR_EVERSION;
    if (load->options.full)
        deleted = load->source->state.contacts - load->n_old_seen;
    load->n_deleted = deleted;
    load->counts.deleted += deleted;
    pthread_mutex_lock(&load->cache->lock);
    publish_counts(load);
    pthread_mutex_unlock(&load->cache->lock);
    if (load->sample && deleted > 0)
        rc = sample_unseen(load);
    if (rc)
        return rc;
    if (deletes_too_many(load, deleted))
        return -CTR_EREFUSED;
    if (load->options.dry_run)
        return 0;
    if (!load->build && worth_rebuild(load, deleted))
        rc = build_convert(load);
    return rc;
}

static void on_commit(struct cache *c, void *arg)
{
    struct cache_load *load = arg;
    int rc;

    pthread_mutex_lock(&c->lock);
    rc = load->error;
    pthread_mutex_unlock(&c->lock);
    if (rc == 0)
        rc = commit_ready(load);
    if (rc || load->options.dry_run)
        finish(load, rc);
    else
        on_step(c, load);
}

/* One transaction; other loads have their turn between them. */
static void on_step(struct cache *c, void *arg)
{
    struct cache_load *load = arg;
    int rc = env_ready(c);

    if (rc == 0 && load->version != load->source->version)
        rc = -CTR_ECANCELED;
    if (rc == 0)
        rc = load->build ? build_step(load) : update_commit(load);
    if (rc == -CTR_EFULL && load->tries++ < TRIES_MAX && env_grow(c))
        rc = 1;
    if (rc > 0) {
        cache_task(c, on_step, load);
        return;
    }
    if (rc == 0) {
        pthread_mutex_lock(&c->lock);
        c->health.write_error = 0;
        pthread_mutex_unlock(&c->lock);
    }
    finish(load, rc);
}

static void on_abort(struct cache *c, void *arg)
{
    struct cache_load *load = arg;

    (void)c;
    compare_finish(load);
    strbuf_finish(&load->cursor);
    strbuf_finish(&load->groups);
    free(load);
}
