/* env.c - the LMDB environment: opening, growing, closing and reopening it, and
 * transactions of the lane. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cache/impl.h"

#define MAP_DEFAULT (UINT64_C(64) << 30)
#define MAP_LEAST   (UINT64_C(1) << 20)
#define MAP_TRIED   (UINT64_C(64) << 20) /* address space asked for at least */

/* ---- errors ---- */

/* A transaction turns bad when a page it needs is no such page; the call that met it
 * does not always say so. We give it no other reason. */
static bool is_damage(int rc)
{
    return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
           rc == MDB_VERSION_MISMATCH || rc == MDB_INCOMPATIBLE ||
           rc == MDB_CURSOR_FULL || rc == MDB_PAGE_FULL || rc == MDB_BAD_VALSIZE ||
           rc == MDB_BAD_DBI || rc == MDB_BAD_TXN;
}

int env_error(struct cache *c, int rc)
{
    if (rc == 0)
        return 0;
    if (rc == MDB_NOTFOUND)
        return -CTR_ENOENT;
    if (is_damage(rc))
        cache_report(c, &c->damaged);
    if (rc == MDB_PANIC)
        cache_report(c, &c->broken);
    switch (rc) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_DBS_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return -CTR_EFULL;
    case ENOMEM:
        return -CTR_ENOMEM;
    default:
        return -CTR_EIO;
    }
}

/* ---- opening ---- */

/* How much address space: as configured, else as much as the process may have. */
static uint64_t map_wish(const struct cache *c)
{
    uint64_t wish = c->options.map_size ? c->options.map_size : MAP_DEFAULT;
    struct rlimit lim;
    struct stat st;

    if (c->map_size > wish)
        wish = c->map_size;
    if (!c->options.map_size && getrlimit(RLIMIT_AS, &lim) == 0 &&
        lim.rlim_cur != RLIM_INFINITY && wish > lim.rlim_cur / 2)
        wish = lim.rlim_cur / 2;
    if (stat(c->path, &st) == 0 && wish < (uint64_t)st.st_size)
        wish = (uint64_t)st.st_size;
    wish = wish < MAP_LEAST ? MAP_LEAST : wish;
    return wish & ~(uint64_t)0xffff;
}

static int open_mapped(struct cache *c, uint64_t size)
{
    enum { DBS_MAX = 1 + CACHE_SLOTS_MAX * DB_COUNT, READERS = 8 };
    int rc = mdb_env_create(&c->env);

    if (rc)
        return rc;
    if ((rc = mdb_env_set_mapsize(c->env, size)) == 0 &&
        (rc = mdb_env_set_maxdbs(c->env, DBS_MAX)) == 0 &&
        (rc = mdb_env_set_maxreaders(c->env, READERS)) == 0)
        rc = mdb_env_open(c->env, c->path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (rc) {
        mdb_env_close(c->env);
        c->env = NULL;
    }
    return rc;
}

/* The lock table is of use only among processes that have the file open: none has, our
 * own lock says so. A damaged or stale one could only do harm. */
static void remove_lock_table(struct cache *c)
{
    struct strbuf b = {0};

    strbuf_fmt(&b, "%s-lock", c->path);
    if (unlink(b.ptr) != 0 && errno != ENOENT)
        log_warn("cache", "cannot remove file=%s error=%s", b.ptr,
                 log_quoted(strerror(errno)));
    strbuf_finish(&b);
}

static int open_any_size(struct cache *c)
{
    uint64_t size = map_wish(c);
    int rc, dead;

    remove_lock_table(c);
    rc = open_mapped(c, size);
    while (rc == ENOMEM && size > MAP_TRIED) {
        size /= 2;
        rc = open_mapped(c, size);
    }
    if (rc)
        return rc;
    c->map_size = size;
    return mdb_reader_check(c->env, &dead);
}

/* A new file gets its format before anything else. */
static int create_meta(struct cache *c)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(c->env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &c->meta);
    if (rc == 0)
        rc = meta_put_format(txn, c->meta);
    if (rc == 0)
        rc = meta_put_txn(txn, c->meta);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static int open_dbs(struct cache *c)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);

    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, "meta", 0, &c->meta);
    if (rc == MDB_NOTFOUND) {
        mdb_txn_abort(txn);
        rc = create_meta(c);
        return rc ? rc : open_dbs(c);
    }
    if (rc == 0)
        rc = slot_open_all(c, txn);
    if (rc == 0)
        rc = meta_load(c, txn);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn); /* keeps the handles */
}

static int open_readers(struct cache *c)
{
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &c->txn);

    if (rc)
        return rc;
    mdb_txn_reset(c->txn);
    rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &c->lane_read);
    if (rc)
        return rc;
    mdb_txn_reset(c->lane_read);
    return 0;
}

int env_open(struct cache *c, char *error, size_t cap)
{
    int rc = open_any_size(c);

    if (rc == 0)
        rc = open_dbs(c);
    if (rc == 0)
        rc = open_readers(c);
    if (rc == 0) {
        MDB_envinfo info;

        mdb_env_info(c->env, &info);
        c->map_size = info.me_mapsize; /* at least the file's */
        c->incarnation++;
        return 0;
    }
    snprintf(error, cap, "cannot open %s: %s", c->path, mdb_strerror(rc));
    env_shut(c);
    return is_damage(rc) ? -CTR_EFORMAT : env_error(c, rc);
}

void env_shut(struct cache *c)
{
    if (!c->env)
        return;
    read_shut(c);
    read_end_snapshot(c);
    if (c->txn)
        mdb_txn_abort(c->txn);
    if (c->lane_read)
        mdb_txn_abort(c->lane_read);
    c->txn = c->lane_read = NULL;
    mdb_env_close(c->env);
    c->env = NULL;
}

/* ---- setting right ---- */

static void on_rebuilt(void *arg)
{
    struct cache *c = arg;
    bool last = atomic_fetch_sub(&c->notices, 1) == 1;

    if (!c->closed)
        c->options.on_rebuilt(c->options.arg);
    else if (last)
        free(c);
}

static void rebuild(struct cache *c)
{
    char error[256];

    atomic_store(&c->broken, false);
    env_shut(c);
    if (aside_move(c, "damage found while in use") != 0)
        return;
    if (env_open(c, error, sizeof(error)) != 0) {
        log_error("cache", "cannot begin anew reason=%s", log_quoted(error));
        return;
    }
    atomic_store(&c->damaged, false);
    if (c->options.on_rebuilt) {
        atomic_fetch_add(&c->notices, 1);
        loop_post(c->loop, on_rebuilt, c);
    }
}

static void reopen(struct cache *c)
{
    char error[256];

    env_shut(c);
    if (env_open(c, error, sizeof(error)) != 0) {
        log_error("cache", "cannot reopen reason=%s", log_quoted(error));
        return;
    }
    atomic_store(&c->broken, false);
    pthread_mutex_lock(&c->lock);
    c->health.reopened++;
    pthread_mutex_unlock(&c->lock);
    log_warn("cache", "reopened after a failed write file=%s", c->path);
}

int env_ready(struct cache *c)
{
    bool damaged = atomic_load(&c->damaged);

    if (!damaged && !atomic_load(&c->broken))
        return 0;
    c->clean = false;
    pthread_rwlock_wrlock(&c->gate);
    if (damaged)
        rebuild(c);
    else
        reopen(c);
    pthread_rwlock_unlock(&c->gate);
    return c->env ? 0 : -CTR_EIO;
}

/* ---- transactions of the lane ---- */

int env_begin(struct cache *c, MDB_txn **txn)
{
    int rc = c->env ? mdb_txn_begin(c->env, NULL, 0, txn) : MDB_PANIC;

    return env_error(c, rc);
}

/* After a failed commit: has it left the environment unusable? Readers would find out,
 * too, but they should not have to. */
static void look_for_panic(struct cache *c)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);

    if (rc == 0)
        mdb_txn_abort(txn);
    else if (rc == MDB_PANIC)
        atomic_store(&c->broken, true);
}

/* What the loop reads is the newest state no more. */
static void end_loop_snapshot(struct cache *c)
{
    pthread_rwlock_wrlock(&c->gate);
    read_end_snapshot(c);
    pthread_rwlock_unlock(&c->gate);
}

int env_end(struct cache *c, MDB_txn *txn, int rc)
{
    int err;

    if (rc == 0)
        rc = meta_put_txn(txn, c->meta);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    /* Codes of ours come from reading what was staged. */
    err = rc < 0 && rc > MDB_LAST_ERRCODE ? rc : env_error(c, rc);
    if (err)
        look_for_panic(c);
    end_loop_snapshot(c);
    pthread_mutex_lock(&c->lock);
    if (err) /* stays until a load is committed: tidying up after it does not undo it */
        c->health.write_error = err;
    c->health.commits += err == 0;
    pthread_mutex_unlock(&c->lock);
    if (err) {
        log_warn("cache", "write failed error=%s reason=%s", error_name(err),
                 log_quoted(rc == err ? error_text(err) : mdb_strerror(rc)));
        (void)env_ready(c); /* sets right what can be; the next write asks again */
    }
    return err;
}

bool env_grow(struct cache *c)
{
    uint64_t size = c->map_size, max = c->options.map_max;
    int rc = -1;

    if (!c->env || size >= max)
        return false;
    size = size > max / 2 ? max : 2 * size;
    pthread_rwlock_wrlock(&c->gate);
    mdb_txn_reset(c->lane_read);
    read_end_snapshot(c);
    rc = mdb_env_set_mapsize(c->env, size);
    if (rc == 0)
        c->map_size = size;
    else
        atomic_store(&c->broken, true); /* the old map may be gone */
    pthread_rwlock_unlock(&c->gate);
    log_info("cache", "map enlarged bytes=%llu", (unsigned long long)size);
    return rc == 0 || env_ready(c) == 0;
}

void env_reserve(struct cache *c, uint64_t n)
{
    MDB_envinfo info;
    MDB_stat st;

    while (c->env) {
        mdb_env_info(c->env, &info);
        mdb_env_stat(c->env, &st);
        if ((info.me_last_pgno + 1) * (uint64_t)st.ms_psize + n < c->map_size)
            return;
        if (!env_grow(c))
            return;
    }
}
