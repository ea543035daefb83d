/* walk.c - walking an index: from posting to posting, across transactions.
 *
 * Where a walk stands is its key and recno. A cursor of the read transaction is only a
 * short cut: the walk keeps the stamp of its last movement, and when somebody else has
 * moved the cursor since, or the transaction is another, it seeks. */
#include <errno.h>

#include "base/error.h"
#include "cache/impl.h"

/* A walk's index as stored. */
static enum db db_of(const struct cache_walk *walk)
{
    switch (walk->index) {
    case CACHE_NUMBER:
        return DB_NUM;
    case CACHE_NUMBER_REVERSED:
        return DB_RNUM;
    case CACHE_WORD:
        return DB_WORD;
    case CACHE_SOUND:
        return DB_SOUND;
    default:
        return DB_REC;
    }
}

/* The walk's key and place, packed. */
struct place {
    enum db db;
    enum number_class class;
    uint8_t prefix[KEY_MAX];
    size_t prefix_len; /* with its end; 0: nothing can match */
};

static enum number_class class_of(const struct cache_walk *walk)
{
    if (walk->index == CACHE_NUMBER_REVERSED)
        return NUMBER_E164;
    return (enum number_class)walk->number_class;
}

static void place_of(const struct cache_walk *walk, struct place *p)
{
    p->db = db_of(walk);
    p->class = class_of(walk);
    p->prefix_len =
        key_pack(p->db, p->class, str_make(walk->key, walk->key_len), p->prefix);
}

void cache_walk_init(struct cache_walk *walk, struct cache_source *source,
                     enum cache_index index, struct ctr_str key, bool exact,
                     enum number_class number_class)
{
    *walk = (struct cache_walk){.source = source,
                                .index = (uint32_t)index,
                                .exact = exact,
                                .number_class = (uint8_t)number_class};
    if (index == CACHE_WORD || index == CACHE_SOUND)
        key = key_cut_word(key);
    /* A number longer than any is not to match those it begins with. */
    if (key.len >= CACHE_KEY_MAX)
        key.len = CACHE_KEY_MAX - 1;
    if (key.len > 0)
        memcpy(walk->key, key.ptr, key.len);
    walk->key_len = (uint8_t)key.len;
}

static bool row_matches(const struct cache_walk *walk, const struct place *p,
                        const uint8_t *key, size_t key_len)
{
    if (walk->exact)
        return key_len == p->prefix_len && memcmp(key, p->prefix, key_len) == 0;
    return key_begins(p->db, p->class, key, key_len, p->prefix, p->prefix_len);
}

/* Takes posting i of the row the cursor stands on. returns 0 | MDB_NOTFOUND: behind the
 * last that matches | MDB_CORRUPTED */
static int take_posting(struct cache_walk *walk, const struct place *p,
                        struct read_cursor *rc, const MDB_val *k, const MDB_val *v,
                        unsigned i)
{
    size_t size = posting_size(p->db),
           key_len = key_measure(p->db, k->mv_data, k->mv_size);
    const uint8_t *posting;

    if (key_len == 0 || v->mv_size < size || v->mv_size % size || i >= v->mv_size / size)
        return MDB_CORRUPTED;
    if (!row_matches(walk, p, k->mv_data, key_len))
        return MDB_NOTFOUND;
    posting = (const uint8_t *)v->mv_data + i * size;
    walk->at_len = (uint8_t)key_unpack(p->db, k->mv_data, key_len, walk->at);
    walk->recno = posting_recno(posting);
    walk->kind = size == POSTING_SIZE_MAX ? posting[4] : 0;
    walk->cursor = rc;
    rc->i = i;
    rc->stamp = rc->used = walk->epoch = ++walk->source->cache->stamp;
    return 0;
}

static int next_row(struct cache_walk *walk, const struct place *p,
                    struct read_cursor *rc)
{
    MDB_val k, v;
    int err = mdb_cursor_get(rc->mdb, &k, &v, MDB_NEXT);

    return err ? err : take_posting(walk, p, rc, &k, &v, 0);
}

static int first_row(struct cache_walk *walk, const struct place *p,
                     struct read_cursor *rc)
{
    /* Without its end a prefix stands before all that begin with it. */
    MDB_val k = {walk->exact ? p->prefix_len : p->prefix_len - 1,
                 (void *)(uintptr_t)p->prefix};
    MDB_val v;
    int err;

    if (!walk->exact && p->prefix[p->prefix_len - 1])
        k.mv_size++;
    err = k.mv_size > 0 ? mdb_cursor_get(rc->mdb, &k, &v, MDB_SET_RANGE)
                        : mdb_cursor_get(rc->mdb, &k, &v, MDB_FIRST);
    return err ? err : take_posting(walk, p, rc, &k, &v, 0);
}

/* Behind the place the walk remembers, which may be gone. */
static int seek_behind(struct cache_walk *walk, const struct place *p,
                       struct read_cursor *rc)
{
    uint8_t key[KEY_MAX + 4], posting[POSTING_SIZE_MAX];
    size_t len = key_pack(p->db, p->class, str_make(walk->at, walk->at_len), key);
    size_t size = posting_make(p->db, walk->recno, walk->kind, posting);
    MDB_val k, v;
    unsigned i;
    int err;

    if (len == 0)
        return MDB_CORRUPTED;
    err = posting_seek(rc->mdb, key, len, walk->recno, &k, &v);
    if (err == MDB_NOTFOUND) {
        posting_key_bound(key, &len, walk->recno);
        k = (MDB_val){len, key};
        err = mdb_cursor_get(rc->mdb, &k, &v, MDB_SET_RANGE);
        return err ? err : take_posting(walk, p, rc, &k, &v, 0);
    }
    if (err)
        return err;
    i = posting_lower(p->db, &v, posting);
    if (i < v.mv_size / size &&
        memcmp((uint8_t *)v.mv_data + i * size, posting, size) == 0)
        i++;
    return i < v.mv_size / size ? take_posting(walk, p, rc, &k, &v, i)
                                : next_row(walk, p, rc);
}

/* The cursor stands where the walk left it. */
static int go_on(struct cache_walk *walk, const struct place *p, struct read_cursor *rc)
{
    size_t size = posting_size(p->db);
    MDB_val k, v;
    int err = mdb_cursor_get(rc->mdb, &k, &v, MDB_GET_CURRENT);

    if (err)
        return err;
    return rc->i + 1 < v.mv_size / size ? take_posting(walk, p, rc, &k, &v, rc->i + 1)
                                        : next_row(walk, p, rc);
}

static bool has_cursor(const struct cache_walk *walk)
{
    const struct read_cursor *rc = walk->cursor;

    return rc && rc->stamp == walk->epoch && rc->mdb &&
           rc->epoch == walk->source->cache->epoch &&
           rc->dbi == walk->source->state.slot->dbi[db_of(walk)];
}

static int next_posting(struct cache_walk *walk, const struct slot *slot)
{
    struct read_cursor *rc;
    struct place p;

    place_of(walk, &p);
    if (p.prefix_len == 0)
        return MDB_NOTFOUND;
    if (has_cursor(walk))
        return go_on(walk, &p, walk->cursor);
    rc = read_cursor_get(walk->source->cache, slot->dbi[p.db]);
    if (!rc)
        return EIO;
    return walk->at_len == 0 ? first_row(walk, &p, rc) : seek_behind(walk, &p, rc);
}

/* Every record: a walk without a key stands on a recno; at_len says that it does. */
static int next_record(struct cache_walk *walk, const struct slot *slot)
{
    struct cache *c = walk->source->cache;
    uint32_t from = walk->at_len ? walk->recno + 1 : 0;
    struct read_cursor *rc = walk->cursor;
    MDB_val k = {sizeof(from), &from}, v;
    int err;

    if (has_cursor(walk)) {
        err = mdb_cursor_get(rc->mdb, &k, &v, MDB_NEXT);
    } else {
        if (walk->at_len && from == 0)
            return MDB_NOTFOUND;
        rc = read_cursor_get(c, slot->dbi[DB_REC]);
        if (!rc)
            return EIO;
        err = mdb_cursor_get(rc->mdb, &k, &v, MDB_SET_RANGE);
    }
    if (err)
        return err;
    memcpy(&walk->recno, k.mv_data, sizeof(walk->recno));
    walk->at_len = 1;
    walk->cursor = rc;
    rc->stamp = rc->used = walk->epoch = ++c->stamp;
    return 0;
}

int cache_walk_next(struct cache_walk *walk)
{
    struct cache *c = walk->source->cache;
    const struct slot *slot = walk->source->state.slot;

    ensure(c->reading);
    if (!slot)
        return -CTR_ENOENT;
    return read_error(c, walk->index == CACHE_ALL ? next_record(walk, slot)
                                                  : next_posting(walk, slot));
}

unsigned cache_walk_estimate(struct cache_walk *walk, unsigned limit)
{
    struct cache *c = walk->source->cache;
    struct cache_walk look = *walk;
    unsigned n = 0;

    ensure(c->reading);
    if (walk->index == CACHE_ALL) {
        uint64_t all = walk->source->state.contacts;

        return all < limit ? (unsigned)all : limit;
    }
    look.cursor = NULL; /* leaves the walk's own where it is */
    while (n < limit && cache_walk_next(&look) == 0) {
        struct read_cursor *rc = look.cursor;
        size_t size = posting_size(db_of(&look));
        MDB_val k, v;

        if (mdb_cursor_get(rc->mdb, &k, &v, MDB_GET_CURRENT) != 0)
            break;
        /* The rest of the row at once. */
        n += (unsigned)(v.mv_size / size) - rc->i;
        rc->i = (unsigned)(v.mv_size / size) - 1;
    }
    return n < limit ? n : limit;
}

/* ---- from the record's side ---------------------------------------------------------
 */

/* The record's keys that the walk matches; returns the first, or NULL. */
static const struct key *first_match(const struct cache_walk *walk,
                                     const struct record *r, struct keys *keys)
{
    const struct key *first = NULL;
    struct place p;

    place_of(walk, &p);
    if (p.prefix_len == 0)
        return NULL;
    keys_derive(keys, r, KEYS_OF(p.db));
    for (unsigned i = 0; i < keys->n; i++) {
        const struct key *k = &keys->key[i];

        if (k->db == p.db && row_matches(walk, &p, k->bytes, k->len) &&
            (!first || key_cmp(k, first) < 0))
            first = k;
    }
    return first;
}

bool cache_record_in_walk(const struct cache_walk *walk, const struct record *r)
{
    return walk->index == CACHE_ALL ||
           first_match(walk, r, &walk->source->cache->scratch) != NULL;
}

bool cache_walk_is_first(const struct cache_walk *walk, const struct record *r)
{
    const struct key *first;
    uint8_t at[KEY_MAX];
    enum db db = db_of(walk);
    size_t len;

    if (walk->index == CACHE_ALL)
        return true;
    first = first_match(walk, r, &walk->source->cache->scratch);
    if (!first)
        return false;
    len = key_pack(db, class_of(walk), str_make(walk->at, walk->at_len), at);
    return first->len == len && memcmp(first->bytes, at, len) == 0 &&
           first->kind == walk->kind;
}
