/* cache.c - the cache as a whole: opening, closing, its sources and what is known of
 * them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "cache/impl.h"

/* ---- tasks of the lane ---- */

struct task {
    struct lane_job job;
    struct cache *cache;
    cache_task_fn fn;
    void *arg;
};

static void task_work(struct lane_job *job)
{
    struct task *task = list_entry(job, struct task, job);

    task->fn(task->cache, task->arg);
}

static void task_done(struct lane_job *job)
{
    free(list_entry(job, struct task, job));
}

void cache_task(struct cache *c, cache_task_fn fn, void *arg)
{
    struct task *task = xcalloc(1, sizeof(*task));

    task->job.work = task_work;
    task->job.done = task_done;
    task->cache = c;
    task->fn = fn;
    task->arg = arg;
    lane_submit(c->lane, &task->job);
}

static void set_right(struct cache *c, void *arg)
{
    (void)arg;
    (void)env_ready(c); /* logged there; asked again by whoever needs it */
}

void cache_set_right(struct cache *c)
{
    cache_task(c, set_right, NULL);
}

void cache_report(struct cache *c, atomic_bool *what)
{
    if (!atomic_exchange(what, true))
        cache_set_right(c);
}

/* ---- opening ---- */

static int make_dir(const char *dir, char *error, size_t cap)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return 0;
    snprintf(error, cap, "cannot create %s: %s", dir, strerror(errno));
    return errno == EACCES || errno == EPERM ? -CTR_EACCES : -CTR_EIO;
}

/* A file that is not whole is never opened. */
static int check_and_open(struct cache *c, char *error, size_t cap)
{
    const char *why = NULL;
    int rc;

    if (access(c->path, F_OK) == 0 && access(c->path, R_OK | W_OK) != 0) {
        snprintf(error, cap, "cannot open %s: %s", c->path, strerror(errno));
        return -CTR_EACCES;
    }
    if (!aside_take_mark(c) && check_file(c->path, &why) != CHECK_GOOD) {
        rc = aside_move(c, why);
        if (rc) {
            snprintf(error, cap, "%s is damaged and cannot be set aside", c->path);
            return rc;
        }
    }
    rc = env_open(c, error, cap);
    if (rc == -CTR_EFORMAT) {
        rc = aside_move(c, error);
        if (rc == 0)
            rc = env_open(c, error, cap);
    }
    return rc;
}

static void cache_free(struct cache *c)
{
    list_for_each_safe(it, &c->sources)
    {
        struct cache_source *source = list_entry(it, struct cache_source, link);

        source_state_clear(&source->state);
        strbuf_finish(&source->groups);
        spot_finish(&source->spots);
        free(source->name);
        free(source);
    }
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    keys_finish(&c->scratch);
    pthread_rwlock_destroy(&c->gate);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->ready);
    free(c->path);
    free(c->dir);
    c->closed = true;
    if (atomic_load(&c->notices) == 0)
        free(c);
}

static struct cache *cache_new(struct loop *loop, const struct cache_options *options)
{
    struct cache *c = xcalloc(1, sizeof(*c));
    struct strbuf path = {0};
    pthread_rwlockattr_t attr;

    c->loop = loop;
    c->options = *options;
    c->dir = xstrdup(options->dir);
    c->options.dir = c->dir;
    strbuf_fmt(&path, "%s/contacts.mdb", c->dir);
    c->path = strbuf_take(&path);
    c->lock_fd = -1;
    c->clean = true;
    list_init(&c->sources);
    keys_init(&c->scratch);
    /* The lane asks for the gate alone seldom and briefly; it must not starve behind a
     * busy loop. */
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    ensure(pthread_rwlock_init(&c->gate, &attr) == 0);
    pthread_rwlockattr_destroy(&attr);
    ensure(pthread_mutex_init(&c->lock, NULL) == 0);
    ensure(pthread_cond_init(&c->ready, NULL) == 0);
    return c;
}

int cache_open(struct loop *loop, const struct cache_options *options, struct cache **out,
               char *error, size_t cap)
{
    struct cache *c = cache_new(loop, options);
    int rc = make_dir(c->dir, error, cap);

    if (rc == 0)
        rc = aside_lock(c, error, cap);
    if (rc == 0)
        rc = check_and_open(c, error, cap);
    if (rc) {
        cache_free(c);
        return rc;
    }
    c->lane = lane_create(loop, "cache");
    slot_sweep(c);
    *out = c;
    return 0;
}

void cache_close(struct cache *c)
{
    bool whole;

    if (!c)
        return;
    ensure(!c->reading);
    lane_destroy(c->lane);
    whole = c->env && c->clean && !atomic_load(&c->damaged) && !atomic_load(&c->broken) &&
            mdb_env_sync(c->env, 1) == 0;
    env_shut(c);
    if (whole)
        aside_put_mark(c);
    cache_free(c);
}

/* ---- sources ---- */

void source_state_clear(struct source_state *state)
{
    strbuf_finish(&state->cursor);
    *state = (struct source_state){0};
}

void source_state_set(struct source_state *to, struct source_state *from)
{
    strbuf_finish(&to->cursor);
    *to = *from;
    from->cursor = (struct strbuf){0};
}

void cache_publish(struct cache_source *source, struct source_state *state)
{
    struct cache *c = source->cache;

    pthread_rwlock_wrlock(&c->gate);
    source->numbering += source->state.slot != state->slot;
    source_state_set(&source->state, state);
    if (!source->state.slot)
        spot_finish(&source->spots);
    read_end_snapshot(c); /* of another slot perhaps */
    pthread_rwlock_unlock(&c->gate);
}

void cache_publish_groups(struct cache_source *source, struct strbuf *groups)
{
    struct cache *c = source->cache;

    pthread_rwlock_wrlock(&c->gate);
    strbuf_finish(&source->groups);
    source->groups = *groups;
    pthread_rwlock_unlock(&c->gate);
    *groups = (struct strbuf){0};
}

struct cache_source *cache_source_named(struct cache *c, struct ctr_str name)
{
    struct cache_source *source = NULL;

    pthread_mutex_lock(&c->lock);
    list_for_each(it, &c->sources)
    {
        struct cache_source *s = list_entry(it, struct cache_source, link);

        if (str_eq_z(name, s->name))
            source = s;
    }
    if (!source) {
        source = xcalloc(1, sizeof(*source));
        source->cache = c;
        source->name = xstrndup(name.ptr, name.len);
        list_append(&c->sources, &source->link);
    }
    pthread_mutex_unlock(&c->lock);
    return source;
}

struct cache_source *cache_source(struct cache *c, const char *name)
{
    return cache_source_named(c, str_of(name));
}

/* The loop's look at what the lane publishes; within a read it has the gate already. */
static void look_begin(struct cache *c)
{
    if (!c->reading)
        pthread_rwlock_rdlock(&c->gate);
}

static void look_end(struct cache *c)
{
    if (!c->reading)
        pthread_rwlock_unlock(&c->gate);
}

void cache_source_info(struct cache_source *source, struct cache_info *out)
{
    const struct source_state *s = &source->state;

    look_begin(source->cache);
    *out = (struct cache_info){
        .contacts = s->contacts,
        .numbers = s->numbers,
        .e164 = s->e164,
        .local = s->local,
        .not_numbers = s->not_numbers,
        .as_of = s->as_of,
        .changed_at = s->changed_at,
        .generation = s->generation,
        .has_cursor = s->has_cursor,
    };
    look_end(source->cache);
}

uint32_t cache_source_recnos(const struct cache_source *source)
{
    return source->state.next_recno;
}

uint64_t cache_source_numbering(const struct cache_source *source)
{
    return source->numbering;
}

int cache_cursor(struct cache_source *source, struct strbuf *out)
{
    const struct source_state *s = &source->state;
    int rc = -CTR_ENOENT;

    look_begin(source->cache);
    if (s->has_cursor)
        rc = strbuf_add(out, s->cursor.ptr, s->cursor.len);
    look_end(source->cache);
    return rc;
}

int cache_groups(struct cache_source *source, struct strbuf *out)
{
    int rc = -CTR_ENOENT;

    look_begin(source->cache);
    if (source->groups.len > 0)
        rc = strbuf_add(out, source->groups.ptr, source->groups.len);
    look_end(source->cache);
    return rc;
}

void cache_health(struct cache *c, struct cache_health *out)
{
    MDB_envinfo info = {0};
    MDB_stat st = {0};

    pthread_mutex_lock(&c->lock);
    *out = c->health;
    pthread_mutex_unlock(&c->lock);
    look_begin(c);
    if (c->env) {
        mdb_env_info(c->env, &info);
        mdb_env_stat(c->env, &st);
    }
    out->map_size = c->map_size;
    look_end(c);
    out->used = (info.me_last_pgno + 1) * (uint64_t)st.ms_psize;
}

/* ---- forgetting ---- */

/* The row goes first; the slot is emptied afterwards, unseen. */
static int forget(struct cache *c, struct cache_source *source)
{
    struct source_state none = {0};
    struct strbuf no_groups = {0};
    struct slot *slot = source->state.slot;
    MDB_txn *txn;
    int rc = env_ready(c);

    if (rc == 0 && !source->stored) {
        source->version++; /* its first load may be under way */
        return 0;
    }
    if (rc == 0)
        rc = env_begin(c, &txn);
    if (rc == 0)
        rc = env_end(c, txn, meta_del_source(c, txn, source));
    if (rc) {
        log_warn("cache", "source not forgotten name=%s error=%s", source->name,
                 error_name(rc));
        return rc;
    }
    none.generation = source->state.generation + 1;
    source->stored = false;
    source->version++;
    cache_publish(source, &none);
    cache_publish_groups(source, &no_groups);
    if (slot)
        slot->taken = false;
    slot_sweep(c);
    return 0;
}

static void wipe_task(struct cache *c, void *arg)
{
    (void)forget(c, arg); /* logged; shown by health.write_error */
}

void cache_wipe(struct cache_source *source)
{
    cache_task(source->cache, wipe_task, source);
}

struct names {
    size_t n;
    char *name[];
};

static bool names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return false;
}

/* Sources are only ever added at the end of the list, and only the lane walks it without
 * the lock: it takes a copy of the entries first. */
static size_t sources_copy(struct cache *c, struct cache_source ***out)
{
    size_t n = 0, cap = 0;

    *out = NULL;
    pthread_mutex_lock(&c->lock);
    list_for_each(it, &c->sources)
    {
        if (n == cap)
            *out = xrealloc(*out, (cap += 64) * sizeof(**out));
        (*out)[n++] = list_entry(it, struct cache_source, link);
    }
    pthread_mutex_unlock(&c->lock);
    return n;
}

static void retain_task(struct cache *c, void *arg)
{
    struct names *names = arg;
    struct cache_source **sources;
    size_t n = sources_copy(c, &sources);

    for (size_t i = 0; i < n; i++)
        if (!names_have(names, sources[i]->name))
            (void)forget(c, sources[i]); /* logged; the next start asks again */
    free(sources);
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    free(names);
}

void cache_retain(struct cache *c, const char *const *names, size_t n)
{
    struct names *copy = xmalloc(sizeof(*copy) + n * sizeof(copy->name[0]));

    copy->n = n;
    for (size_t i = 0; i < n; i++)
        copy->name[i] = xstrdup(names[i]);
    cache_task(c, retain_task, copy);
}
