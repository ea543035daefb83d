/* read.c - the loop's reading: one transaction a slice, cursors kept open, records by
 * number and by id. */
#include "base/clock.h"
#include "base/error.h"
#include "cache/impl.h"

int read_error(struct cache *c, int rc)
{
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
    rc = mdb_txn_renew(c->txn);
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
    mdb_txn_reset(c->txn);
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

/* One nobody stands on in this transaction, else the one moved longest ago. */
struct read_cursor *read_cursor_get(struct cache *c, MDB_dbi dbi)
{
    struct read_cursor *best = NULL;

    for (unsigned i = 0; i < CACHE_CURSORS; i++) {
        struct read_cursor *rc = &c->cursors[i];

        if (rc->mdb && rc->dbi == dbi && rc->epoch != c->epoch) {
            best = rc;
            break;
        }
        if (!best || rc->used < best->used)
            best = rc;
    }
    if (best->mdb && best->dbi != dbi) {
        mdb_cursor_close(best->mdb);
        *best = (struct read_cursor){0};
    }
    if (!best->mdb ? mdb_cursor_open(c->txn, dbi, &best->mdb)
                   : best->epoch != c->epoch && mdb_cursor_renew(c->txn, best->mdb)) {
        if (best->mdb)
            mdb_cursor_close(best->mdb);
        *best = (struct read_cursor){0};
        return NULL;
    }
    best->dbi = dbi;
    best->epoch = c->epoch;
    best->stamp = best->used = ++c->stamp;
    return best;
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
    rc = mdb_get(c->txn, slot->dbi[DB_REC], &k, &v);
    if (rc)
        return read_error(c, rc);
    *r = (struct record){v.mv_data, v.mv_size};
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
