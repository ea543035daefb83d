/* walk.c - walking an index: from posting to posting, across transactions.
 *
 * Where a walk stands is its key and recno. A cursor of the read transaction is only a
 * short cut: the walk keeps the stamp of its last movement, and when somebody else has
 * moved the cursor since, or the transaction is another, it seeks. */
#include <errno.h>

#include "base/error.h"
#include "cache/walk.h"

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
    /* Not all of it: what the lengths say is not there stays as it is. */
    walk->source = source;
    walk->index = (uint32_t)index;
    walk->exact = exact;
    walk->within = CACHE_NOT_WITHIN;
    walk->number_class = (uint8_t)number_class;
    walk->at_len = walk->kind = 0;
    walk->recno = 0;
    walk->epoch = walk->turns_stamp = 0;
    walk->cursor = walk->turns = NULL;
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
    if (within == CACHE_WITHIN_NAMES && text.len < CACHE_NAME_PIECE_MIN)
        within = CACHE_WITHIN_WORDS;
    cache_walk_init(walk, source, CACHE_WORD, text, false, NUMBER_NONE);
    walk->within = (uint8_t)within;
}

static bool key_matches(const struct cache_walk *walk, const struct place *p,
                        const uint8_t *key, size_t key_len)
{
    if (walk->within == CACHE_WITHIN_NAMES)
        return true; /* by the way it came to it */
    if (walk->within)
        return walk_within_matches(walk, key, key_len);
    if (walk->exact)
        return key_len == p->prefix_len && memcmp(key, p->prefix, key_len) == 0;
    return key_begins(p->db, p->class, key, key_len, p->prefix, p->prefix_len);
}

void walk_note_cursor(struct cache_walk *walk, struct read_cursor *rc)
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

int walk_take(struct cache_walk *walk, const struct place *p, struct read_cursor *rc)
{
    int err = walk->exact ? take_exact(walk, p, &rc->it.posting)
                          : take_matching(walk, p, &rc->it.posting);

    if (err == 0)
        walk_note_cursor(walk, rc);
    return err;
}

void walk_pass(struct cache_walk *walk, const uint8_t *key, size_t len)
{
    memcpy(walk->at, key, len);
    walk->at_len = (uint8_t)len;
    walk->recno = WALK_PASSED;
}

bool walk_is_at(const struct cache_walk *walk, const struct posting *posting)
{
    return walk->at_len > 0 && walk->recno != WALK_PASSED &&
           posting->len > walk->at_len && posting->bytes[walk->at_len] == 0 &&
           memcmp(posting->bytes, walk->at, walk->at_len) == 0;
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

int walk_seek_behind(const struct cache_walk *walk, const struct place *p,
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

bool walk_has_cursor(const struct cache_walk *walk)
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
    if (walk->within == CACHE_WITHIN_NAMES)
        return walk_names_next(walk, slot, &p);
    if (walk->within)
        return walk_within_next(walk, slot, &p);
    if (walk_has_cursor(walk)) {
        err = posting_next(&rc->it);
    } else {
        rc = read_cursor_get(walk->source->cache, slot->dbi[p.db]);
        if (!rc)
            return EIO;
        err =
            walk->at_len == 0 ? seek_first(walk, &p, rc) : walk_seek_behind(walk, &p, rc);
    }
    if (err == 0)
        err = walk_take(walk, &p, rc);
    if (err == MDB_NOTFOUND)
        read_cursor_put(rc);
    return err;
}

/* Every record: a walk without a key stands on a recno; at_len says that it does. */
static int next_record(struct cache_walk *walk, const struct slot *slot)
{
    struct cache *c = walk->source->cache;
    uint32_t from = walk->at_len ? walk->recno + 1 : 0;
    struct read_cursor *rc = walk->cursor;
    MDB_val k = {sizeof(from), &from}, v;
    int err;

    if (walk_has_cursor(walk)) {
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
    walk_note_cursor(walk, rc);
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
    rc = walk->index == CACHE_ALL ? next_record(walk, slot) : next_posting(walk, slot);
    return rc == -CTR_EPAUSE ? rc : read_error(c, rc);
}

/* ---- many at once ---- */

enum {
    STEP_WORK = 16, /* a step to another row or word, in postings of one row */
    RUN = 256
};

static bool can_run(const struct cache_walk *walk)
{
    return (walk->index == CACHE_WORD || walk->index == CACHE_SOUND) &&
           walk->recno != WALK_PASSED && walk_has_cursor(walk);
}

/* Goes on among the postings of the same key and row. returns how many; the walk stands
 * on the last */
static unsigned run(struct cache_walk *walk, uint32_t *out, unsigned max)
{
    struct read_cursor *rc = walk->cursor;
    unsigned n;

    if (!can_run(walk))
        return 0;
    n = posting_run(&rc->it, walk->at_len + 1u, out, max);
    if (n > 0)
        walk->recno = out[n - 1];
    return n;
}

static bool run_to(struct cache_walk *walk, const struct cache_bits *among,
                   unsigned *passed)
{
    struct read_cursor *rc = walk->cursor;

    return can_run(walk) &&
           posting_run_to(&rc->it, walk->at_len + 1u, among, &walk->recno, passed);
}

int cache_walk_next_among(struct cache_walk *walk, const struct cache_bits *among,
                          unsigned work)
{
    for (unsigned done = 0; done < work; done += STEP_WORK) {
        int r = cache_walk_next(walk);

        if (r != 0 || cache_bit(among, walk->recno) || run_to(walk, among, &done))
            return r;
    }
    return -CTR_EPAUSE;
}

static void fill(struct cache_fill *fill, uint32_t recno)
{
    uint64_t bit = UINT64_C(1) << recno % 64, *word;

    if (recno >= fill->bits.n)
        return;
    word = &fill->bits.bits[recno / 64];
    if (!(*word & bit) && (!fill->among || fill->among[recno / 64] & bit)) {
        *word |= bit;
        fill->set++;
    }
}

int cache_walk_fill(struct cache_walk *walk, struct cache_fill *to, unsigned work)
{
    uint32_t recno[RUN];

    for (unsigned done = 0; done < work; done += STEP_WORK) {
        int r = cache_walk_next(walk);
        unsigned n;

        if (r == -CTR_EPAUSE)
            continue;
        if (r != 0)
            return r;
        fill(to, walk->recno);
        n = run(walk, recno, RUN);
        for (unsigned i = 0; i < n; i++)
            fill(to, recno[i]);
        done += n;
    }
    return -CTR_EPAUSE;
}

unsigned cache_walk_estimate(struct cache_walk *walk, unsigned limit)
{
    struct cache *c = walk->source->cache;
    struct cache_walk look = *walk;
    unsigned n = 0, work = 0;
    uint32_t recno[RUN];

    ensure(c->reading);
    if (walk->index == CACHE_ALL) {
        uint64_t all = walk->source->state.contacts;

        return all < limit ? (unsigned)all : limit;
    }
    look.cursor = look.turns = NULL; /* leaves the walk's own where they are */
    while (n < limit && work < 2 * limit + STEP_WORK * STEP_WORK) {
        int r = cache_walk_next(&look);

        if (r != 0 && r != -CTR_EPAUSE)
            return n;
        if (r == 0)
            n += 1 + run(&look, recno, RUN);
        work += r == 0 ? STEP_WORK : WALK_KEYS_AT_ONCE;
    }
    return limit;
}

/* ---- from the record's side ---- */

/* Comes the walk to the key? */
static bool comes_to(const struct cache_walk *walk, const struct place *p,
                     const struct key *k)
{
    return walk->within == CACHE_WITHIN_NAMES ? walk_names_has(walk, key_word(k))
                                              : key_matches(walk, p, k->bytes, k->len);
}

/* ... to this one first? */
static bool is_before(const struct cache_walk *walk, const struct key *a,
                      const struct key *b)
{
    struct posting x, y;

    if (walk->within != CACHE_WITHIN_NAMES)
        return key_cmp(a, b) < 0;
    return walk_names_where(walk, key_word(a), &x) &&
           walk_names_where(walk, key_word(b), &y) && posting_cmp(&x, y.bytes, y.len) < 0;
}

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

        if (k->db == p.db && comes_to(walk, &p, k) &&
            (!first || is_before(walk, k, first)))
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
