/* posting.c - rows of the indexes: going through them, adding and removing one posting.
 *
 * In a row a posting is: a byte (bits 7-3: how many bytes it shares with the one before,
 * 31: a byte with that number follows; bits 2-0: how many follow, 0: a byte with that
 * number follows), and the bytes that follow. */
#include "cache/posting.h"

#include "base/error.h"
#include "cache/impl.h"

enum { SHARED_INLINE = 31, REST_INLINE = 8, RECNO_SIZE = 4 };

static bool db_has_kind(enum db db)
{
    return db == DB_NUM || db == DB_RNUM || db == DB_TRUNK;
}

void posting_make(struct posting *p, const struct key *key, uint32_t recno)
{
    size_t n = key->len;

    memcpy(p->bytes, key->bytes, n);
    p->bytes[n++] = (uint8_t)(recno >> 24);
    p->bytes[n++] = (uint8_t)(recno >> 16);
    p->bytes[n++] = (uint8_t)(recno >> 8);
    p->bytes[n++] = (uint8_t)recno;
    if (db_has_kind(key->db))
        p->bytes[n++] = key->kind;
    p->len = (uint8_t)n;
}

int posting_cmp(const struct posting *p, const uint8_t *bytes, size_t len)
{
    int c = memcmp(p->bytes, bytes, p->len < len ? p->len : len);

    if (c)
        return c;
    return p->len < len ? -1 : p->len > len;
}

static uint32_t recno_at(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* returns key_len, 0: malformed */
static size_t parts_behind(enum db db, const struct posting *p, size_t key_len,
                           uint32_t *recno, uint8_t *kind)
{
    const uint8_t *b = p->bytes + key_len;

    if (key_len + RECNO_SIZE + db_has_kind(db) != p->len)
        return 0;
    *recno = recno_at(b);
    *kind = db_has_kind(db) ? b[RECNO_SIZE] : 0;
    return key_len;
}

size_t posting_parts(enum db db, const struct posting *p, uint32_t *recno, uint8_t *kind)
{
    size_t n = key_measure(db, p->bytes, p->len);

    return n == 0 ? 0 : parts_behind(db, p, n, recno, kind);
}

int posting_parts_of(enum db db, const struct posting *p, const uint8_t *key,
                     size_t key_len, uint32_t *recno, uint8_t *kind)
{
    if (p->len < key_len || memcmp(p->bytes, key, key_len) != 0)
        return MDB_NOTFOUND;
    return parts_behind(db, p, key_len, recno, kind) == 0 ? MDB_CORRUPTED : 0;
}

/* ---- reading ---- */

static void row_open(struct posting_iter *it, const MDB_val *row)
{
    it->posting.len = 0;
    it->at = row->mv_data;
    it->end = it->at + row->mv_size;
}

/* Takes the head of a posting off *at, which then stands on the bytes that follow. last:
 * length of the posting before. returns 0 | MDB_NOTFOUND: the row ends | MDB_CORRUPTED */
static inline int row_head(const uint8_t **at, const uint8_t *end, size_t last,
                           size_t *shared, size_t *rest)
{
    if (*at == end)
        return MDB_NOTFOUND;
    *shared = **at >> 3;
    *rest = *(*at)++ & 7;
    if (*shared == SHARED_INLINE && *at < end)
        *shared = *(*at)++;
    if (*rest == 0 && *at < end)
        *rest = *(*at)++;
    if (*rest == 0 || *rest > (size_t)(end - *at) || *shared > last ||
        *shared + *rest > POSTING_MAX)
        return MDB_CORRUPTED;
    return 0;
}

/* The next posting of the row. returns 0 | MDB_NOTFOUND: the row ends | MDB_CORRUPTED */
static int row_next(struct posting_iter *it)
{
    const uint8_t *at = it->at;
    size_t shared, rest;
    int rc = row_head(&at, it->end, it->posting.len, &shared, &rest);

    if (rc)
        return rc;
    memcpy(it->posting.bytes + shared, at, rest);
    it->posting.len = (uint8_t)(shared + rest);
    it->at = at + rest;
    return 0;
}

/* From the row's begin on to its first posting not less than the bytes. `same`: as how
 * many of them the last one began with, and was less. One that shares more with it is
 * less, too; one that shares less is more; only where it is as much are bytes compared.
 * So what is passed over need not be put together. */
static int row_find(struct posting_iter *it, const uint8_t *bytes, size_t len)
{
    const uint8_t *at = it->at;
    size_t same = 0, last = 0, shared, rest;
    int rc;

    while ((rc = row_head(&at, it->end, last, &shared, &rest)) == 0) {
        size_t n = 0;

        if (shared < same)
            break;
        if (shared == same) {
            while (n < rest && same + n < len && at[n] == bytes[same + n])
                n++;
            if (same + n == len || (n < rest && at[n] > bytes[same + n]))
                break;
            same += n;
        }
        last = shared + rest;
        at += rest;
    }
    it->at = at;
    if (rc)
        return rc;
    memcpy(it->posting.bytes, bytes, shared);
    memcpy(it->posting.bytes + shared, at, rest);
    it->posting.len = (uint8_t)(shared + rest);
    it->at = at + rest;
    return 0;
}

int posting_next(struct posting_iter *it)
{
    int rc = row_next(it);
    MDB_val k, v;

    if (rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_cursor_get(it->cursor, &k, &v, MDB_NEXT);
    if (rc)
        return rc;
    row_open(it, &v);
    rc = row_next(it);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc; /* no row is empty */
}

/* Postings of one key, gone through by their numbers alone. */
struct run {
    const uint8_t *at, *end;
    size_t key_len;
    uint8_t head; /* of one that differs in the last byte; 0: takes two bytes */
    uint32_t recno;
};

static bool run_begin(struct run *run, const struct posting_iter *it, size_t key_len)
{
    size_t shared = key_len + RECNO_SIZE - 1;

    if (it->posting.len != key_len + RECNO_SIZE)
        return false;
    *run = (struct run){.at = it->at,
                        .end = it->end,
                        .key_len = key_len,
                        .head = shared < SHARED_INLINE ? (uint8_t)(shared << 3 | 1) : 0,
                        .recno = recno_at(it->posting.bytes + key_len)};
    return true;
}

/* Any posting of the key. returns false: another key's, or malformed: posting_next will
 * tell */
static bool run_step_any(struct run *run)
{
    const uint8_t *at = run->at;
    size_t shared, rest;

    if (row_head(&at, run->end, run->key_len + RECNO_SIZE, &shared, &rest) ||
        shared < run->key_len || shared + rest != run->key_len + RECNO_SIZE)
        return false;
    run->at = at + rest;
    run->recno = rest == RECNO_SIZE ? 0 : (run->recno >> 8 * rest) << 8 * rest;
    for (; rest > 0; rest--)
        run->recno |= (uint32_t)*at++ << 8 * (rest - 1);
    return true;
}

/* Nearly all differ in one byte or in two. */
static inline bool run_step(struct run *run)
{
    enum { ONE_BYTE_MORE = -(1 << 3) + 1 };
    const uint8_t *at = run->at;

    if (run->end - at < 3 || run->head == 0)
        return run_step_any(run);
    if (at[0] == run->head) {
        run->recno = (run->recno & 0xffffff00) | at[1];
        run->at = at + 2;
        return true;
    }
    if (at[0] == run->head + ONE_BYTE_MORE) {
        run->recno = (run->recno & 0xffff0000) | (uint32_t)at[1] << 8 | at[2];
        run->at = at + 3;
        return true;
    }
    return run_step_any(run);
}

static void run_end(const struct run *run, struct posting_iter *it)
{
    uint8_t *b = it->posting.bytes + run->key_len;

    b[0] = (uint8_t)(run->recno >> 24);
    b[1] = (uint8_t)(run->recno >> 16);
    b[2] = (uint8_t)(run->recno >> 8);
    b[3] = (uint8_t)run->recno;
    it->at = run->at;
}

unsigned posting_run(struct posting_iter *it, size_t key_len, uint32_t *out, unsigned max)
{
    struct run run;
    unsigned n = 0;

    if (!run_begin(&run, it, key_len))
        return 0;
    while (n < max && run_step(&run))
        out[n++] = run.recno;
    run_end(&run, it);
    return n;
}

bool posting_run_to(struct posting_iter *it, size_t key_len,
                    const struct cache_bits *among, uint32_t *recno, unsigned *passed)
{
    struct run run;
    bool found = false;

    if (!run_begin(&run, it, key_len))
        return false;
    for (; !found && run_step(&run); ++*passed)
        found = cache_bit(among, run.recno);
    run_end(&run, it);
    *recno = run.recno;
    return found;
}

/* The first posting of the row that does not begin with the first key_len bytes of the
 * one the iterator stands on. What is passed over is not put together: it shares these
 * bytes, and what follows them is overwritten. */
static int row_next_key(struct posting_iter *it, size_t key_len, size_t *shared)
{
    const uint8_t *at = it->at;
    size_t last = it->posting.len, rest;
    int rc;

    while ((rc = row_head(&at, it->end, last, shared, &rest)) == 0 &&
           *shared >= key_len) {
        last = *shared + rest;
        at += rest;
    }
    if (rc)
        return rc;
    memcpy(it->posting.bytes + *shared, at, rest);
    it->posting.len = (uint8_t)(*shared + rest);
    it->at = at + rest;
    return 0;
}

/* Behind all postings that begin with the key, in this row or one after it; the file may
 * be damaged, and what its rows say lead back. */
static int seek_behind(struct posting_iter *it, const MDB_val *row, uint8_t *key,
                       size_t key_len)
{
    MDB_val k, v;
    int rc;

    key[key_len - 1]++; /* keys end with a zero */
    rc = posting_seek(it, it->cursor, key, key_len);
    if (rc == 0)
        rc = mdb_cursor_get(it->cursor, &k, &v, MDB_GET_CURRENT);
    if (rc)
        return rc;
    return mdb_cmp(mdb_cursor_txn(it->cursor), mdb_cursor_dbi(it->cursor), &k, row) < 0
               ? MDB_CORRUPTED
               : 0;
}

int posting_next_key(struct posting_iter *it, size_t key_len, size_t *shared)
{
    int rc = row_next_key(it, key_len, shared);
    uint8_t key[POSTING_MAX];
    MDB_val k, v;

    if (rc != MDB_NOTFOUND)
        return rc;
    memcpy(key, it->posting.bytes, key_len);
    *shared = 0;
    rc = mdb_cursor_get(it->cursor, &k, &v, MDB_NEXT);
    if (rc)
        return rc;
    row_open(it, &v);
    rc = row_next(it);
    if (rc)
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    if (it->posting.len < key_len || memcmp(it->posting.bytes, key, key_len) != 0)
        return 0;
    return seek_behind(it, &k, key, key_len);
}

/* The last row whose key is not more than the bytes (or_equal), or less. returns
 * MDB_NOTFOUND when all are more */
static int row_seek(MDB_cursor *cursor, const uint8_t *bytes, size_t len, bool or_equal,
                    MDB_val *k, MDB_val *v)
{
    int rc;

    *k = (MDB_val){len, (void *)(uintptr_t)bytes};
    rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (rc == 0 && or_equal && k->mv_size == len && memcmp(k->mv_data, bytes, len) == 0)
        return 0;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return mdb_cursor_get(cursor, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
}

int posting_seek(struct posting_iter *it, MDB_cursor *cursor, const uint8_t *bytes,
                 size_t len)
{
    MDB_val k, v;
    int rc = len == 0 ? MDB_NOTFOUND : row_seek(cursor, bytes, len, true, &k, &v);

    if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    if (rc)
        return rc;
    it->cursor = cursor;
    row_open(it, &v);
    rc = row_find(it, bytes, len);
    if (rc != MDB_NOTFOUND)
        return rc;
    do
        rc = posting_next(it);
    while (rc == 0 && posting_cmp(&it->posting, bytes, len) < 0);
    return rc;
}

int posting_seek_before(struct posting_iter *it, MDB_cursor *cursor, const uint8_t *bytes,
                        size_t len)
{
    struct posting last;
    MDB_val k, v;
    int rc = row_seek(cursor, bytes, len, false, &k, &v);

    it->cursor = cursor;
    while (rc == 0) {
        int err;

        last.len = 0;
        row_open(it, &v);
        while ((err = row_next(it)) == 0 && posting_cmp(&it->posting, bytes, len) < 0)
            last = it->posting;
        if (err && err != MDB_NOTFOUND)
            return err;
        if (last.len > 0) {
            it->posting = last;
            return 0;
        }
        /* What the row began with is gone. */
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    }
    return rc;
}

/* ---- writing ---- */

enum { WORDS_FILL = POSTING_ROW_MAX / 2, NUMBERS_FILL = 128 };

size_t posting_row_fill(enum db db)
{
    return db_has_kind(db) ? NUMBERS_FILL : WORDS_FILL;
}

size_t posting_row_max(enum db db)
{
    return 2 * posting_row_fill(db);
}

void posting_row_add(struct posting_row *row, const struct posting *p)
{
    const struct posting *last = &row->last;
    uint8_t *out = row->bytes + row->len;
    size_t shared = 0, rest;

    if (row->len == 0) {
        row->first = *p;
        row->last.len = 0;
    }
    while (shared < last->len && shared < p->len &&
           last->bytes[shared] == p->bytes[shared])
        shared++;
    rest = p->len - shared;
    if (rest == 0)
        return;
    ensure(row->len + rest + 3 <= sizeof(row->bytes));
    *out++ = (uint8_t)((shared < SHARED_INLINE ? shared : SHARED_INLINE) << 3 |
                       (rest < REST_INLINE ? rest : 0));
    if (shared >= SHARED_INLINE)
        *out++ = (uint8_t)shared;
    if (rest >= REST_INLINE)
        *out++ = (uint8_t)rest;
    memcpy(out, p->bytes + shared, rest);
    row->len = (size_t)(out + rest - row->bytes);
    row->last = *p;
}

static void write_row(struct writer *w, enum db db, const struct posting_row *row)
{
    writer_put(w, db, (MDB_val){row->first.len, (void *)(uintptr_t)row->first.bytes},
               NULL, (MDB_val){row->len, (void *)(uintptr_t)row->bytes});
}

/* A row being changed, copied out of the map, where writing would move it. */
struct change {
    uint8_t key[POSTING_MAX], old[sizeof(((struct posting_row *)0)->bytes)];
    MDB_val k, v;
    bool found; /* the posting is there */
    struct posting_row row[2];
};

/* returns 1: the row that has or would have it | 0: there is none at all | -1: in w->rc
 */
static int take_row(struct writer *w, enum db db, const struct posting *p,
                    struct change *ch)
{
    int rc =
        w->rc ? w->rc : row_seek(w->cursor[db], p->bytes, p->len, true, &ch->k, &ch->v);

    if (rc == MDB_NOTFOUND) /* before all rows: the first becomes its own */
        rc = mdb_cursor_get(w->cursor[db], &ch->k, &ch->v, MDB_FIRST);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && (ch->k.mv_size > sizeof(ch->key) || ch->v.mv_size > sizeof(ch->old)))
        rc = MDB_CORRUPTED;
    if (rc) {
        w->rc = rc;
        return -1;
    }
    memcpy(ch->key, ch->k.mv_data, ch->k.mv_size);
    memcpy(ch->old, ch->v.mv_data, ch->v.mv_size);
    ch->k.mv_data = ch->key;
    ch->v.mv_data = ch->old;
    return 1;
}

/* Writes the row's postings into one row or, when they are too many, two: with or without
 * p. */
static int remake(struct change *ch, size_t max, const struct posting *p, bool with)
{
    struct posting_iter it = {.cursor = NULL};
    struct posting_row *row = &ch->row[0];
    size_t half = ch->v.mv_size + POSTING_MAX > max ? ch->v.mv_size / 2 : SIZE_MAX;
    bool pending = with;
    int rc;

    ch->found = false;
    ch->row[0].len = ch->row[1].len = 0;
    row_open(&it, &ch->v);
    while ((rc = row_next(&it)) == 0) {
        int c = posting_cmp(&it.posting, p->bytes, p->len);

        if (row->len >= half)
            row = &ch->row[1];
        ch->found |= c == 0;
        if (pending && c > 0)
            posting_row_add(row, p);
        pending = pending && c < 0;
        if (c != 0 || with)
            posting_row_add(row, &it.posting);
    }
    if (rc == MDB_NOTFOUND && pending)
        posting_row_add(row, p);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The first row keeps its key as long as it is a lower bound. */
static void write_change(struct writer *w, enum db db, struct change *ch)
{
    if (ch->row[0].len == 0 ||
        posting_cmp(&ch->row[0].first, ch->key, ch->k.mv_size) < 0) {
        writer_del(w, db, ch->k, &ch->v);
        if (ch->row[0].len > 0)
            write_row(w, db, &ch->row[0]);
    } else {
        writer_put(w, db, ch->k, &ch->v, (MDB_val){ch->row[0].len, ch->row[0].bytes});
    }
    if (ch->row[1].len > 0)
        write_row(w, db, &ch->row[1]);
}

void posting_put(struct writer *w, enum db db, const struct posting *p)
{
    struct change ch;
    int there = take_row(w, db, p, &ch);

    if (there == 0) {
        ch.row[0].len = 0;
        posting_row_add(&ch.row[0], p);
        write_row(w, db, &ch.row[0]);
    } else if (there > 0) {
        w->rc = remake(&ch, posting_row_max(db), p, true);
        if (w->rc == 0 && !ch.found)
            write_change(w, db, &ch);
    }
}

void posting_drop(struct writer *w, enum db db, const struct posting *p)
{
    struct change ch;

    if (take_row(w, db, p, &ch) <= 0)
        return;
    w->rc = remake(&ch, posting_row_max(db), p, false);
    if (w->rc == 0 && ch.found)
        write_change(w, db, &ch);
}

void posting_add(struct writer *w, const struct key *key, uint32_t recno)
{
    struct posting p;

    posting_make(&p, key, recno);
    posting_put(w, (enum db)key->db, &p);
}

void posting_del(struct writer *w, const struct key *key, uint32_t recno)
{
    struct posting p;

    posting_make(&p, key, recno);
    posting_drop(w, (enum db)key->db, &p);
}

/* The first posting not less than the bytes begins with them. */
static bool begins_one(struct writer *w, enum db db, const uint8_t *bytes, size_t len,
                       struct posting_iter *it)
{
    int rc = w->rc ? w->rc : posting_seek(it, w->cursor[db], bytes, len);

    if (rc && rc != MDB_NOTFOUND)
        w->rc = rc;
    return rc == 0 && it->posting.len >= len &&
           memcmp(it->posting.bytes, bytes, len) == 0;
}

bool posting_is_there(struct writer *w, enum db db, const struct posting *p)
{
    struct posting_iter it;

    return begins_one(w, db, p->bytes, p->len, &it) && it.posting.len == p->len;
}

bool posting_has_key(struct writer *w, const struct key *key)
{
    struct posting_iter it;

    return begins_one(w, (enum db)key->db, key->bytes, key->len, &it);
}
