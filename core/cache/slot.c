/* slot.c - numbered sets of databases, and writing rows of one with its sum. */
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/log.h"
#include "cache/impl.h"

static const char *const db_names[DB_COUNT] = {"rec",  "id",    "num",   "rnum",
                                               "word", "sound", "trunk", "part"};

void slot_db_name(unsigned slot, enum db db, char out[24])
{
    snprintf(out, 24, "%u.%s", slot, db_names[db]);
}

bool slot_db_parse(struct ctr_str name, unsigned *slot, enum db *db)
{
    size_t i = 0;

    *slot = 0;
    for (; i < name.len && i < 4 && name.ptr[i] >= '0' && name.ptr[i] <= '9'; i++)
        *slot = *slot * 10 + (unsigned)(name.ptr[i] - '0');
    if (i == 0 || i >= name.len || name.ptr[i] != '.' || *slot >= CACHE_SLOTS_MAX)
        return false;
    for (unsigned d = 0; d < DB_COUNT; d++) {
        if (str_eq_z(str_make(name.ptr + i + 1, name.len - i - 1), db_names[d])) {
            *db = (enum db)d;
            return true;
        }
    }
    return false;
}

unsigned slot_db_flags(enum db db)
{
    return db == DB_REC ? MDB_INTEGERKEY : 0;
}

static int slot_open(struct cache *c, MDB_txn *txn, unsigned n, unsigned flags)
{
    char name[24];

    for (unsigned d = 0; d < DB_COUNT; d++) {
        int rc;

        slot_db_name(n, (enum db)d, name);
        rc = mdb_dbi_open(txn, name, flags | slot_db_flags((enum db)d),
                          &c->slots[n].dbi[d]);
        if (rc)
            return rc;
    }
    return 0;
}

/* Slots are created one after another, all databases of one in one transaction. */
int slot_open_all(struct cache *c, MDB_txn *txn)
{
    memset(c->slots, 0, sizeof(c->slots));
    for (unsigned n = 0; n < CACHE_SLOTS_MAX; n++) {
        int rc = slot_open(c, txn, n, 0);

        if (rc == MDB_NOTFOUND)
            return 0;
        if (rc)
            return rc;
        c->slots[n].opened = c->slots[n].filled = true;
    }
    return 0;
}

int slot_empty(MDB_txn *txn, struct slot *slot)
{
    for (unsigned d = 0; d < DB_COUNT; d++) {
        int rc = mdb_drop(txn, slot->dbi[d], 0);

        if (rc)
            return rc;
    }
    return 0;
}

int slot_take(struct cache *c, struct slot **out)
{
    MDB_txn *txn;
    unsigned n = 0;
    int rc;

    while (n < CACHE_SLOTS_MAX && c->slots[n].taken)
        n++;
    if (n == CACHE_SLOTS_MAX)
        return -CTR_EFULL;
    if (!c->slots[n].opened || c->slots[n].filled) {
        bool opened = c->slots[n].opened;

        rc = env_begin(c, &txn);
        if (rc)
            return rc;
        rc = opened ? slot_empty(txn, &c->slots[n]) : slot_open(c, txn, n, MDB_CREATE);
        rc = env_end(c, txn, rc);
        c->slots[n].opened = opened || rc == 0;
        if (rc)
            return rc;
    }
    c->slots[n].filled = c->slots[n].taken = true;
    *out = &c->slots[n];
    return 0;
}

static void sweep_one(struct cache *c, void *arg)
{
    (void)arg;
    if (env_ready(c) != 0)
        return;
    for (unsigned n = 0; n < CACHE_SLOTS_MAX; n++) {
        struct slot *s = &c->slots[n];
        MDB_txn *txn;
        int rc;

        if (!s->opened || s->taken || !s->filled)
            continue;
        rc = env_begin(c, &txn);
        if (rc == 0)
            rc = env_end(c, txn, slot_empty(txn, s));
        if (rc) { /* again with the next commit */
            log_warn("cache", "old generation not removed error=%s", error_name(rc));
            return;
        }
        s->filled = false;
        slot_sweep(c);
        return;
    }
}

void slot_sweep(struct cache *c)
{
    cache_task(c, sweep_one, NULL);
}

/* ---- writing ---- */

uint64_t row_hash(enum db db, const void *key, size_t key_len, const void *value,
                  size_t value_len)
{
    uint64_t h = XXH3_64bits_withSeed(key, key_len, (uint64_t)db + 1);

    return XXH3_64bits_withSeed(value, value_len, h);
}

int writer_open(struct writer *w, MDB_txn *txn, struct slot *slot, uint64_t sum)
{
    *w = (struct writer){.txn = txn, .slot = slot, .sum = sum};
    for (unsigned d = 0; d < DB_COUNT && w->rc == 0; d++)
        w->rc = mdb_cursor_open(txn, slot->dbi[d], &w->cursor[d]);
    if (w->rc)
        writer_close(w);
    return w->rc;
}

void writer_close(struct writer *w)
{
    for (unsigned d = 0; d < DB_COUNT; d++)
        if (w->cursor[d])
            mdb_cursor_close(w->cursor[d]);
    memset(w->cursor, 0, sizeof(w->cursor));
}

static uint64_t hash_of(enum db db, const MDB_val *key, const MDB_val *value)
{
    return row_hash(db, key->mv_data, key->mv_size, value->mv_data, value->mv_size);
}

static void put_row(struct writer *w, enum db db, MDB_val key, MDB_val value,
                    unsigned flags)
{
    if (w->rc)
        return;
    w->sum += hash_of(db, &key, &value);
    w->bytes += key.mv_size + value.mv_size + 10;
    w->rc = mdb_cursor_put(w->cursor[db], &key, &value, flags);
}

void writer_append(struct writer *w, enum db db, MDB_val key, MDB_val value)
{
    put_row(w, db, key, value, MDB_APPEND);
}

void writer_put(struct writer *w, enum db db, MDB_val key, const MDB_val *old,
                MDB_val value)
{
    if (old)
        w->sum -= hash_of(db, &key, old);
    put_row(w, db, key, value, 0);
}

void writer_del(struct writer *w, enum db db, MDB_val key, const MDB_val *old)
{
    if (w->rc)
        return;
    w->sum -= hash_of(db, &key, old);
    w->rc = mdb_del(w->txn, w->slot->dbi[db], &key, NULL);
}

bool writer_get(struct writer *w, enum db db, MDB_val key, MDB_val *value)
{
    int rc = w->rc ? w->rc : mdb_get(w->txn, w->slot->dbi[db], &key, value);

    if (rc && rc != MDB_NOTFOUND)
        w->rc = rc;
    return rc == 0;
}
