/* read.c - the loop's reading: a snapshot kept until the next commit, cursors kept open,
 * records by number and by id. */
#include "base/clock.h"
#include "base/error.h"
#include "cache/impl.h"

int read_error(struct cache *c, int rc)
{
    if (rc && rc != MDB_NOTFOUND)
        c->spoiled = true;
    return env_error(c, rc);
}

/* What could not be set right at once, the disk being full perhaps, is tried again. */
static void ask_again(struct cache *c)
{
    enum { EVERY_MS = 1000 };
    int64_t now = clock_ms();

    if (now - c->asked_at < EVERY_MS)
        return;
    c->asked_at = now;
    cache_set_right(c);
}

static int begin_snapshot(struct cache *c)
{
    int rc = mdb_txn_renew(c->txn);

    c->live = rc == 0;
    c->snapshot += rc == 0;
    return rc;
}

void read_end_snapshot(struct cache *c)
{
    if (c->live)
        mdb_txn_reset(c->txn);
    c->live = c->spoiled = false;
}

int cache_read_begin(struct cache *c)
{
    int rc;

    ensure(!c->reading);
    pthread_rwlock_rdlock(&c->gate);
    if (!c->env || atomic_load_explicit(&c->damaged, memory_order_relaxed)) {
        pthread_rwlock_unlock(&c->gate);
        ask_again(c);
        return -CTR_EIO;
    }
    rc = c->live ? 0 : begin_snapshot(c);
    if (rc) {
        pthread_rwlock_unlock(&c->gate);
        (void)env_error(c, rc); /* whatever it is, there is no answer now */
        return -CTR_EIO;
    }
    c->reading = true;
    c->epoch++;
    return 0;
}

void cache_read_end(struct cache *c)
{
    ensure(c->reading);
    if (c->spoiled)
        read_end_snapshot(c);
    c->reading = false;
    pthread_rwlock_unlock(&c->gate);
}

void read_shut(struct cache *c)
{
    for (unsigned i = 0; i < CACHE_CURSORS; i++) {
        if (c->cursors[i].mdb)
            mdb_cursor_close(c->cursors[i].mdb);
        c->cursors[i] = (struct read_cursor){0};
    }
}

/* One nobody stands on in this slice, else the one moved longest ago. */
static struct read_cursor *choose(struct cache *c, MDB_dbi dbi)
{
    struct read_cursor *best = &c->cursors[0];

    for (unsigned i = 0; i < CACHE_CURSORS; i++) {
        struct read_cursor *rc = &c->cursors[i];

        if (rc->mdb && rc->dbi == dbi && rc->epoch != c->epoch)
            return rc;
        if (rc->used < best->used)
            best = rc;
    }
    return best;
}

struct read_cursor *read_cursor_get(struct cache *c, MDB_dbi dbi)
{
    struct read_cursor *rc = choose(c, dbi);
    int err = 0;

    if (rc->mdb && rc->dbi != dbi) {
        mdb_cursor_close(rc->mdb);
        *rc = (struct read_cursor){0};
    }
    if (!rc->mdb)
        err = mdb_cursor_open(c->txn, dbi, &rc->mdb);
    else if (rc->snapshot != c->snapshot)
        err = mdb_cursor_renew(c->txn, rc->mdb);
    if (err) {
        if (rc->mdb)
            mdb_cursor_close(rc->mdb);
        *rc = (struct read_cursor){0};
        return NULL;
    }
    rc->dbi = dbi;
    rc->snapshot = c->snapshot;
    rc->epoch = c->epoch;
    rc->stamp = rc->used = ++c->stamp;
    return rc;
}

void read_cursor_put(struct read_cursor *cursor)
{
    cursor->epoch = 0;
}

int cache_get(struct cache_source *source, uint32_t recno, struct record *r)
{
    struct cache *c = source->cache;
    const struct slot *slot = source->state.slot;
    MDB_val k = {sizeof(recno), &recno}, v;
    int rc;

    ensure(c->reading);
    if (!slot)
        return -CTR_ENOENT;
    if (spot_find(&source->spots, c->snapshot, recno, r))
        return 0;
    rc = mdb_get(c->txn, slot->dbi[DB_REC], &k, &v);
    if (rc)
        return read_error(c, rc);
    *r = (struct record){v.mv_data, v.mv_size};
    spot_note(&source->spots, c->snapshot, recno, source->state.next_recno, r);
    return 0;
}

int cache_find(struct cache_source *source, struct ctr_str id, uint32_t *recno)
{
    struct cache *c = source->cache;
    const struct slot *slot = source->state.slot;
    MDB_val k = {id.len, (void *)(uintptr_t)id.ptr}, v;
    int rc;

    ensure(c->reading);
    if (!slot || id.len == 0 || id.len > CTR_ID_MAX)
        return -CTR_ENOENT;
    rc = mdb_get(c->txn, slot->dbi[DB_ID], &k, &v);
    if (rc == 0 && v.mv_size != sizeof(*recno))
        rc = MDB_CORRUPTED;
    if (rc)
        return read_error(c, rc);
    memcpy(recno, v.mv_data, sizeof(*recno));
    return 0;
}
