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

/* The walk's key as it is packed. */
struct place {
    enum db db;
    enum number_class class;
    const uint8_t *prefix;
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
    p->prefix = walk->prefix;
    p->prefix_len = walk->prefix_len;
}

void cache_walk_init(struct cache_walk *walk, struct cache_source *source,
                     enum cache_index index, struct ctr_str key, bool exact,
                     enum number_class number_class)
{
    walk->source = source;
    walk->index = (uint32_t)index;
    walk->exact = exact;
    walk->within = CACHE_NOT_WITHIN;
    walk->number_class = (uint8_t)number_class;
    walk->at_len = walk->kind = 0;
    walk->recno = 0;
    walk->epoch = 0;
    walk->cursor = NULL;
    if (index == CACHE_WORD || index == CACHE_SOUND)
        key = key_cut_word(key);
    /* A number longer than any is not to match those it begins with. */
    if (key.len >= CACHE_KEY_MAX)
        key.len = CACHE_KEY_MAX - 1;
    if (key.len > 0)
        memcpy(walk->key, key.ptr, key.len);
    walk->key_len = (uint8_t)key.len;
    walk->prefix_len = index == CACHE_ALL ? 0
                                          : (uint8_t)key_pack(db_of(walk), class_of(walk),
                                                              key, walk->prefix);
}

void cache_walk_init_within(struct cache_walk *walk, struct cache_source *source,
                            struct ctr_str text, enum cache_within within)
{
    cache_walk_init(walk, source, CACHE_WORD, text, false, NUMBER_NONE);
    walk->within = (uint8_t)within;
}

static bool is_more_words(const uint8_t *key)
{
    return *key == (uint8_t)CACHE_MORE_WORDS.ptr[0];
}

/* Is this key, without its end, of those a walk within looks at? */
static bool key_is_looked_at(const struct cache_walk *walk, const uint8_t *key)
{
    return is_more_words(key) ||
           (*key == CACHE_ADDRESS) == (walk->within == CACHE_WITHIN_ADDRESSES);
}

/* Does it hold the walk's text, not before `from`; or stand for more than it says? */
static bool key_holds(const struct cache_walk *walk, const uint8_t *key, size_t len,
                      size_t from)
{
    const char first = walk->key[0];

    if (key_may_be_cut(len) || is_more_words(key))
        return true;
    for (size_t i = from; i + walk->key_len <= len; i++)
        if (key[i] == (uint8_t)first && memcmp(key + i, walk->key, walk->key_len) == 0)
            return true;
    return false;
}

static bool key_matches(const struct cache_walk *walk, const struct place *p,
                        const uint8_t *key, size_t key_len)
{
    if (walk->within)
        return key_is_looked_at(walk, key) && key_holds(walk, key, key_len - 1, 0);
    if (walk->exact)
        return key_len == p->prefix_len && memcmp(key, p->prefix, key_len) == 0;
    return key_begins(p->db, p->class, key, key_len, p->prefix, p->prefix_len);
}

static void note_cursor(struct cache_walk *walk, struct read_cursor *rc)
{
    walk->cursor = rc;
    rc->stamp = rc->used = walk->epoch = ++walk->source->cache->stamp;
}

/* All that an exact walk finds has the walk's own key. */
static int take_exact(struct cache_walk *walk, const struct place *p,
                      const struct posting *posting)
{
    int rc = posting_parts_of(p->db, posting, p->prefix, p->prefix_len, &walk->recno,
                              &walk->kind);

    if (rc == 0) {
        memcpy(walk->at, walk->key, walk->key_len);
        walk->at_len = walk->key_len;
    }
    return rc;
}

static int take_matching(struct cache_walk *walk, const struct place *p,
                         const struct posting *posting)
{
    uint32_t recno;
    uint8_t kind;
    size_t key_len = posting_parts(p->db, posting, &recno, &kind);

    if (key_len == 0)
        return MDB_CORRUPTED;
    if (!key_matches(walk, p, posting->bytes, key_len))
        return MDB_NOTFOUND;
    walk->at_len = (uint8_t)key_unpack(p->db, posting->bytes, key_len, walk->at);
    walk->recno = recno;
    walk->kind = kind;
    return 0;
}

/* Takes the posting the cursor's iterator stands on. returns 0 | MDB_NOTFOUND: behind the
 * last that matches | MDB_CORRUPTED */
static int take_posting(struct cache_walk *walk, const struct place *p,
                        struct read_cursor *rc)
{
    int err = walk->exact ? take_exact(walk, p, &rc->it.posting)
                          : take_matching(walk, p, &rc->it.posting);

    if (err == 0)
        note_cursor(walk, rc);
    return err;
}

static int seek_first(const struct cache_walk *walk, const struct place *p,
                      struct read_cursor *rc)
{
    size_t len = p->prefix_len;

    /* Without its end a prefix stands before all that begin with it. */
    if (!walk->exact && p->prefix[len - 1] == 0)
        len--;
    return posting_seek(&rc->it, rc->mdb, p->prefix, len);
}

/* Behind the place the walk remembers, which may be gone. */
static int seek_behind(const struct cache_walk *walk, const struct place *p,
                       struct read_cursor *rc)
{
    struct key key = {.db = (uint8_t)p->db, .kind = walk->kind};
    struct posting was;
    int err;

    key.len =
        (uint8_t)key_pack(p->db, p->class, str_make(walk->at, walk->at_len), key.bytes);
    if (key.len == 0)
        return MDB_CORRUPTED;
    posting_make(&was, &key, walk->recno);
    err = posting_seek(&rc->it, rc->mdb, was.bytes, was.len);
    if (err == 0 && posting_cmp(&rc->it.posting, was.bytes, was.len) == 0)
        err = posting_next(&rc->it);
    return err;
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
    struct read_cursor *rc = walk->cursor;
    struct place p;
    int err;

    place_of(walk, &p);
    if (p.prefix_len == 0)
        return MDB_NOTFOUND;
    if (has_cursor(walk)) {
        err = posting_next(&rc->it);
    } else {
        rc = read_cursor_get(walk->source->cache, slot->dbi[p.db]);
        if (!rc)
            return EIO;
        err = walk->at_len == 0 ? seek_first(walk, &p, rc) : seek_behind(walk, &p, rc);
    }
    if (err == 0)
        err = take_posting(walk, &p, rc);
    if (err == MDB_NOTFOUND)
        read_cursor_put(rc);
    return err;
}

/* ---- within words ---- */

/* A walk within may stand behind a key it has come past: then on this recno, which no
 * record has. */
enum { PASSED = UINT32_MAX, KEYS_AT_ONCE = 128 };

static bool is_at(const struct cache_walk *walk, const struct posting *posting)
{
    return walk->at_len > 0 && walk->recno != PASSED && posting->len > walk->at_len &&
           posting->bytes[walk->at_len] == 0 &&
           memcmp(posting->bytes, walk->at, walk->at_len) == 0;
}

/* Onto the next posting, of any key; *key_len is of the one before. */
static int step_within(struct cache_walk *walk, const struct slot *slot,
                       struct read_cursor **rc, const struct place *p)
{
    size_t shared;

    if (has_cursor(walk)) {
        *rc = walk->cursor;
        return walk->recno == PASSED
                   ? posting_next_key(&(*rc)->it, (size_t)walk->at_len + 1, &shared)
                   : posting_next(&(*rc)->it);
    }
    *rc = read_cursor_get(walk->source->cache, slot->dbi[DB_WORD]);
    if (!*rc)
        return EIO;
    return walk->at_len == 0 ? posting_seek(&(*rc)->it, (*rc)->mdb, p->prefix, 0)
                             : seek_behind(walk, p, *rc);
}

static void pass(struct cache_walk *walk, struct read_cursor *rc, size_t len)
{
    memcpy(walk->at, rc->it.posting.bytes, len);
    walk->at_len = (uint8_t)len;
    walk->recno = PASSED;
    note_cursor(walk, rc);
}

/* From a key that is not looked at to the first that may be. */
static int leave(const struct cache_walk *walk, struct read_cursor *rc)
{
    const uint8_t address = CACHE_ADDRESS, behind = CACHE_ADDRESS + 1;

    if (walk->within == CACHE_WITHIN_WORDS)
        return posting_seek(&rc->it, rc->mdb, &behind, 1);
    if (rc->it.posting.bytes[0] > address)
        return MDB_NOTFOUND;
    return posting_seek(&rc->it, rc->mdb, &address, 1);
}

/* From key to key, until one holds the text. Keys are sorted: what two have in common at
 * their beginning did not hold it in the first, and is not looked at in the second. */
static int find_within(struct cache_walk *walk, struct read_cursor *rc,
                       const struct place *p)
{
    const struct posting *posting = &rc->it.posting;
    size_t shared = 0;

    for (unsigned n = 1;; n++) {
        const uint8_t *key = posting->bytes;
        const uint8_t *end = memchr(key + shared, 0, posting->len - shared);
        size_t len = end ? (size_t)(end - key) : 0, from = 0;
        int err;

        if (len == 0 || len >= KEY_MAX)
            return MDB_CORRUPTED;
        if (!key_is_looked_at(walk, key)) {
            err = leave(walk, rc);
            shared = 0;
        } else {
            if (shared >= walk->key_len)
                from = shared - walk->key_len + 1;
            if (key_holds(walk, key, len, from))
                return take_posting(walk, p, rc);
            if (n >= KEYS_AT_ONCE) {
                pass(walk, rc, len);
                return -CTR_EPAUSE;
            }
            err = posting_next_key(&rc->it, len + 1, &shared);
        }
        if (err)
            return err;
    }
}

static int next_within(struct cache_walk *walk, const struct slot *slot)
{
    struct read_cursor *rc;
    struct place p;
    int err;

    place_of(walk, &p);
    err = step_within(walk, slot, &rc, &p);
    if (err)
        return err;
    return is_at(walk, &rc->it.posting) ? take_posting(walk, &p, rc)
                                        : find_within(walk, rc, &p);
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
    note_cursor(walk, rc);
    return 0;
}

int cache_walk_next(struct cache_walk *walk)
{
    struct cache *c = walk->source->cache;
    const struct slot *slot = walk->source->state.slot;
    int rc;

    ensure(c->reading);
    if (!slot)
        return -CTR_ENOENT;
    rc = walk->index == CACHE_ALL ? next_record(walk, slot)
         : walk->within           ? next_within(walk, slot)
                                  : next_posting(walk, slot);
    return rc == -CTR_EPAUSE ? rc : read_error(c, rc);
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
    while (n < limit && cache_walk_next(&look) == 0)
        n++;
    return n;
}

/* ---- from the record's side ---- */

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

        if (k->db == p.db && key_matches(walk, &p, k->bytes, k->len) &&
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
