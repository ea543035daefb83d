/* posting.c - rows of the indexes: finding, adding and removing one posting. */
#include "base/error.h"
#include "cache/impl.h"

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

size_t posting_size(enum db db)
{
    return db == DB_NUM || db == DB_RNUM || db == DB_TRUNK ? 5 : 4;
}

size_t posting_make(enum db db, uint32_t recno, uint8_t kind,
                    uint8_t out[POSTING_SIZE_MAX])
{
    put_be32(out, recno);
    out[4] = kind;
    return posting_size(db);
}

uint32_t posting_recno(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void posting_key_bound(uint8_t *key, size_t *len, uint32_t recno)
{
    put_be32(key + *len, recno);
    *len += 4;
}

static bool row_is_of(const MDB_val *row_key, const uint8_t *key, size_t len)
{
    return (row_key->mv_size == len || row_key->mv_size == len + 4) &&
           memcmp(row_key->mv_data, key, len) == 0;
}

int posting_seek(MDB_cursor *cursor, const uint8_t *key, size_t key_len, uint32_t recno,
                 MDB_val *row_key, MDB_val *row)
{
    uint8_t bound[KEY_MAX + 4];
    size_t len = key_len;
    int rc;

    memcpy(bound, key, key_len);
    posting_key_bound(bound, &len, recno);
    *row_key = (MDB_val){len, bound};
    rc = mdb_cursor_get(cursor, row_key, row, MDB_SET_RANGE);
    if (rc == 0 && row_key->mv_size == len && memcmp(row_key->mv_data, bound, len) == 0)
        return 0;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_cursor_get(cursor, row_key, row, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc)
        return rc;
    return row_is_of(row_key, key, key_len) ? 0 : MDB_NOTFOUND;
}

unsigned posting_lower(enum db db, const MDB_val *row, const uint8_t *p)
{
    size_t size = posting_size(db);
    unsigned lo = 0, hi = (unsigned)(row->mv_size / size);

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (memcmp((const uint8_t *)row->mv_data + mid * size, p, size) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- writing ------------------------------------------------------------------------
 */

enum { ROW_BYTES = (POSTING_ROW_MAX + 1) * POSTING_SIZE_MAX };

/* Where a row too full is cut: near the middle, between two recnos. 0: nowhere. */
static unsigned cut_at(const uint8_t *row, unsigned n, size_t size)
{
    for (unsigned d = 0; d < n / 2; d++) {
        unsigned up = n / 2 + d, down = n / 2 - d;

        if (memcmp(row + (up - 1) * size, row + up * size, 4) != 0)
            return up;
        if (down > 0 && memcmp(row + (down - 1) * size, row + down * size, 4) != 0)
            return down;
    }
    return 0;
}

static void put_cut(struct writer *w, const struct key *key, MDB_val row_key,
                    const MDB_val *old, uint8_t *row, unsigned n)
{
    size_t size = posting_size(key->db), len = key->len;
    unsigned cut = n > POSTING_ROW_MAX ? cut_at(row, n, size) : 0;
    uint8_t second[KEY_MAX + 4];

    if (cut == 0) {
        writer_put(w, key->db, row_key, old, (MDB_val){n * size, row});
        return;
    }
    writer_put(w, key->db, row_key, old, (MDB_val){cut * size, row});
    memcpy(second, key->bytes, len);
    posting_key_bound(second, &len, posting_recno(row + cut * size));
    writer_put(w, key->db, (MDB_val){len, second}, NULL,
               (MDB_val){(n - cut) * size, row + cut * size});
}

/* Copies the row's key and value out of the map, where writing would move them. returns
 * 1: there, 0: none, or less: failed (in w->rc) */
static int row_take(struct writer *w, const struct key *key, uint32_t recno,
                    uint8_t key_buf[KEY_MAX + 4], MDB_val *row_key, uint8_t *buf,
                    MDB_val *row)
{
    int rc = w->rc ? w->rc
                   : posting_seek(w->cursor[key->db], key->bytes, key->len, recno,
                                  row_key, row);

    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && (row->mv_size > ROW_BYTES - POSTING_SIZE_MAX ||
                    row->mv_size % posting_size(key->db)))
        rc = MDB_CORRUPTED;
    if (rc) {
        w->rc = rc;
        return -1;
    }
    memcpy(key_buf, row_key->mv_data, row_key->mv_size);
    row_key->mv_data = key_buf;
    memcpy(buf, row->mv_data, row->mv_size);
    row->mv_data = buf;
    return 1;
}

void posting_add(struct writer *w, const struct key *key, uint32_t recno)
{
    uint8_t p[POSTING_SIZE_MAX], key_buf[KEY_MAX + 4], old[ROW_BYTES], row[ROW_BYTES];
    size_t size = posting_make(key->db, recno, key->kind, p), at;
    MDB_val row_key, val;
    int there = row_take(w, key, recno, key_buf, &row_key, old, &val);

    if (there < 0)
        return;
    if (there == 0) {
        memcpy(key_buf, key->bytes, key->len);
        writer_put(w, key->db, (MDB_val){key->len, key_buf}, NULL, (MDB_val){size, p});
        return;
    }
    at = posting_lower(key->db, &val, p) * size;
    if (at < val.mv_size && memcmp(old + at, p, size) == 0)
        return;
    memcpy(row, old, at);
    memcpy(row + at, p, size);
    memcpy(row + at + size, old + at, val.mv_size - at);
    put_cut(w, key, row_key, &val, row, (unsigned)(val.mv_size / size + 1));
}

void posting_del(struct writer *w, const struct key *key, uint32_t recno)
{
    uint8_t p[POSTING_SIZE_MAX], key_buf[KEY_MAX + 4], old[ROW_BYTES], row[ROW_BYTES];
    size_t size = posting_make(key->db, recno, key->kind, p), at;
    MDB_val row_key, val;
    int there = row_take(w, key, recno, key_buf, &row_key, old, &val);

    if (there <= 0)
        return;
    at = posting_lower(key->db, &val, p) * size;
    if (at >= val.mv_size || memcmp(old + at, p, size) != 0)
        return;
    if (val.mv_size == size) {
        writer_del(w, key->db, row_key, &val);
        return;
    }
    memcpy(row, old, at);
    memcpy(row + at, old + at + size, val.mv_size - at - size);
    writer_put(w, key->db, row_key, &val, (MDB_val){val.mv_size - size, row});
}
