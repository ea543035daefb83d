/* meta.c - rows of the "meta" database, each closed by a checksum over key and value.
 *
 *   "format"  what wrote this file
 *   "txn"     the number of the last transaction
 *   "s:NAME"  a source: struct source_row, its cursor
 *   "g:NAME"  its groups, if it has any: bytes of flow's */
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cache/impl.h"

struct format_row {
    char magic[16];
    uint32_t format, record, word, order;
};

struct source_row {
    uint64_t contacts, numbers, e164, local, not_numbers;
    int64_t as_of, changed_at;
    uint64_t generation, shape, sum;
    uint32_t slot; /* UINT32_MAX: none */
    uint32_t next_recno;
    uint32_t has_cursor, cursor_len;
};

enum { CHECKSUM = 8, ROW_HEAD = sizeof(struct source_row) };

static const struct format_row format_ours = {"contactor cache", CACHE_FORMAT,
                                              RECORD_VERSION, sizeof(void *), 0x01020304};

static uint64_t checksum(const char *key, size_t key_len, const char *value, size_t len)
{
    return XXH3_64bits_withSeed(value, len, XXH3_64bits(key, key_len));
}

static int put(MDB_txn *txn, MDB_dbi meta, const char *key, size_t key_len,
               struct strbuf *value)
{
    uint64_t sum = checksum(key, key_len, value->ptr, value->len);
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v;

    strbuf_add(value, &sum, sizeof(sum));
    v = (MDB_val){value->len, value->ptr};
    return mdb_put(txn, meta, &k, &v, 0);
}

static int put_struct(MDB_txn *txn, MDB_dbi meta, const char *key, const void *data,
                      size_t n)
{
    struct strbuf b = {0};
    int rc;

    strbuf_add(&b, data, n);
    rc = put(txn, meta, key, strlen(key), &b);
    strbuf_finish(&b);
    return rc;
}

int meta_put_format(MDB_txn *txn, MDB_dbi meta)
{
    return put_struct(txn, meta, "format", &format_ours, sizeof(format_ours));
}

int meta_put_txn(MDB_txn *txn, MDB_dbi meta)
{
    uint64_t id = mdb_txn_id(txn);

    return put_struct(txn, meta, "txn", &id, sizeof(id));
}

static void source_key(const char *prefix, const struct cache_source *source,
                       struct strbuf *out)
{
    strbuf_z(out, prefix);
    strbuf_z(out, source->name);
}

int meta_put_source(struct cache *c, MDB_txn *txn, const struct cache_source *source,
                    const struct source_state *s)
{
    struct source_row row = {
        .contacts = s->contacts,
        .numbers = s->numbers,
        .e164 = s->e164,
        .local = s->local,
        .not_numbers = s->not_numbers,
        .as_of = s->as_of,
        .changed_at = s->changed_at,
        .generation = s->generation,
        .shape = s->shape,
        .sum = s->sum,
        .slot = s->slot ? (uint32_t)(s->slot - c->slots) : UINT32_MAX,
        .next_recno = s->next_recno,
        .has_cursor = s->has_cursor,
        .cursor_len = (uint32_t)s->cursor.len,
    };
    struct strbuf key = {0}, value = {0};
    int rc;

    source_key("s:", source, &key);
    strbuf_add(&value, &row, sizeof(row));
    strbuf_add(&value, s->cursor.ptr, s->cursor.len);
    rc = put(txn, c->meta, key.ptr, key.len, &value);
    strbuf_finish(&key);
    strbuf_finish(&value);
    return rc;
}

static int del(struct cache *c, MDB_txn *txn, const char *prefix,
               const struct cache_source *source)
{
    struct strbuf key = {0};
    MDB_val k;
    int rc;

    source_key(prefix, source, &key);
    k = (MDB_val){key.len, key.ptr};
    rc = mdb_del(txn, c->meta, &k, NULL);
    strbuf_finish(&key);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int meta_put_groups(struct cache *c, MDB_txn *txn, const struct cache_source *source,
                    const struct strbuf *groups)
{
    struct strbuf key = {0}, value = {0};
    int rc;

    if (groups->len == 0)
        return del(c, txn, "g:", source);
    source_key("g:", source, &key);
    strbuf_add(&value, groups->ptr, groups->len);
    rc = put(txn, c->meta, key.ptr, key.len, &value);
    strbuf_finish(&key);
    strbuf_finish(&value);
    return rc;
}

int meta_del_source(struct cache *c, MDB_txn *txn, const struct cache_source *source)
{
    int rc = del(c, txn, "g:", source);

    return rc ? rc : del(c, txn, "s:", source);
}

/* ---- reading ---- */

static bool row_open(struct ctr_str key, struct ctr_str *value)
{
    uint64_t sum;

    if (value->len < CHECKSUM)
        return false;
    value->len -= CHECKSUM;
    memcpy(&sum, value->ptr + value->len, sizeof(sum));
    return sum == checksum(key.ptr, key.len, value->ptr, value->len);
}

static bool source_row_read(struct ctr_str value, struct source_row *row)
{
    if (value.len < ROW_HEAD)
        return false;
    memcpy(row, value.ptr, sizeof(*row));
    return row->cursor_len == value.len - ROW_HEAD &&
           row->cursor_len <= CACHE_CURSOR_MAX &&
           (row->slot < CACHE_SLOTS_MAX || row->slot == UINT32_MAX);
}

enum meta_kind meta_read_row(struct ctr_str key, struct ctr_str value, uint64_t *txn,
                             uint32_t *slot, uint64_t *sum, uint64_t *contacts)
{
    struct source_row row;

    if (!row_open(key, &value))
        return META_BAD;
    if (str_eq_z(key, "format"))
        return str_eq(value, str_make((const char *)&format_ours, sizeof(format_ours)))
                   ? META_FORMAT_GOOD
                   : META_FORMAT_FOREIGN;
    if (str_eq_z(key, "txn") && value.len == sizeof(*txn)) {
        memcpy(txn, value.ptr, sizeof(*txn));
        return META_TXN;
    }
    if (str_starts(key, STR_LIT("g:")))
        return value.len <= CACHE_GROUPS_MAX ? META_GROUPS : META_BAD;
    if (!str_starts(key, STR_LIT("s:")) || !source_row_read(value, &row))
        return META_BAD;
    *slot = row.slot;
    *sum = row.sum;
    *contacts = row.contacts;
    return META_SOURCE;
}

static int load_groups(struct cache *c, MDB_txn *txn, struct cache_source *source)
{
    struct strbuf key = {0}, groups = {0};
    struct ctr_str value;
    MDB_val k, v;
    int rc;

    source_key("g:", source, &key);
    k = (MDB_val){key.len, key.ptr};
    rc = mdb_get(txn, c->meta, &k, &v);
    if (rc == 0) {
        value = str_make(v.mv_data, v.mv_size);
        if (row_open(str_make(key.ptr, key.len), &value))
            strbuf_str(&groups, value);
        else
            rc = MDB_CORRUPTED;
    }
    strbuf_finish(&key);
    strbuf_finish(&source->groups);
    source->groups = groups;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int load_source(struct cache *c, MDB_txn *txn, struct ctr_str key,
                       struct ctr_str value)
{
    struct source_state s = {0};
    struct cache_source *source;
    struct source_row row;

    if (!row_open(key, &value) || !source_row_read(value, &row))
        return MDB_CORRUPTED;
    if (row.slot != UINT32_MAX) {
        s.slot = &c->slots[row.slot];
        if (!s.slot->opened || s.slot->taken)
            return MDB_CORRUPTED;
        s.slot->taken = true;
    }
    s.contacts = row.contacts;
    s.numbers = row.numbers;
    s.e164 = row.e164;
    s.local = row.local;
    s.not_numbers = row.not_numbers;
    s.as_of = row.as_of;
    s.changed_at = row.changed_at;
    s.generation = row.generation;
    s.shape = row.shape;
    s.sum = row.sum;
    s.next_recno = row.next_recno;
    s.has_cursor = row.has_cursor != 0;
    strbuf_add(&s.cursor, value.ptr + ROW_HEAD, row.cursor_len);
    source = cache_source_named(c, str_make(key.ptr + 2, key.len - 2));
    source->stored = true;
    if (source->state.generation != s.generation || source->state.slot != s.slot)
        source->version++;
    source->numbering += source->state.slot != s.slot;
    source_state_set(&source->state, &s);
    return load_groups(c, txn, source);
}

/* What is in memory of sources without a row is forgotten. The loop may add a source
 * meanwhile. */
static void forget_all(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    list_for_each(it, &c->sources)
    {
        struct cache_source *source = list_entry(it, struct cache_source, link);

        source->stored = false;
    }
    pthread_mutex_unlock(&c->lock);
}

/* One that never had a sync may have contacts that were put aside. */
static bool is_known(const struct cache_source *source)
{
    return source->state.slot || source->state.as_of != 0;
}

static void forget_missing(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    list_for_each(it, &c->sources)
    {
        struct cache_source *source = list_entry(it, struct cache_source, link);

        if (source->stored || !is_known(source))
            continue;
        source_state_clear(&source->state);
        strbuf_finish(&source->groups);
        source->version++;
        source->numbering++;
    }
    pthread_mutex_unlock(&c->lock);
}

int meta_load(struct cache *c, MDB_txn *txn)
{
    MDB_val k = {2, (void *)(uintptr_t) "s:"}, v;
    MDB_cursor *cursor;
    int rc;

    forget_all(c);
    rc = mdb_cursor_open(txn, c->meta, &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0) {
        struct ctr_str key = str_make(k.mv_data, k.mv_size);

        if (!str_starts(key, STR_LIT("s:")))
            break; /* "txn" */
        rc = load_source(c, txn, key, str_make(v.mv_data, v.mv_size));
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 || rc == MDB_NOTFOUND) {
        forget_missing(c);
        return 0;
    }
    return rc;
}
