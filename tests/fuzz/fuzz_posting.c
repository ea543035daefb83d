/* fuzz_posting.c - rows of an index as they may lie damaged on the disk: going through
 * them ends, with whole postings or an error; and what seeking finds is what going
 * through all of them would.
 *
 * Byte 0: how the rows are made, of the bytes as they are or of postings cut out of them.
 * Then rows: two lengths, the key, the row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cache/posting.h"

enum { ROWS_MAX = 6, POSTINGS_MAX = 4096, OUR_KEY_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static MDB_env *env;
static MDB_dbi dbi;
static struct posting all[POSTINGS_MAX];

static void open_env(void)
{
    char dir[] = "/tmp/fuzz_posting.XXXXXX", path[64];

    ensure(mkdtemp(dir));
    ensure(mdb_env_create(&env) == 0 && mdb_env_open(env, dir, MDB_NOSYNC, 0600) == 0);
    for (unsigned i = 0; i < 2; i++) { /* nobody else opens them */
        snprintf(path, sizeof(path), "%s/%s.mdb", dir, i ? "lock" : "data");
        unlink(path);
    }
    rmdir(dir);
}

static void put(MDB_txn *txn, const uint8_t *key, size_t key_len, const void *row,
                size_t n)
{
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {n, (void *)(uintptr_t)row};

    if (key_len > 0 && n > 0)
        ensure(mdb_put(txn, dbi, &k, &v, 0) == 0);
}

static void put_raw(MDB_txn *txn, const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < ROWS_MAX && size > 2; i++) {
        size_t key_len = data[0] % 32 < size - 2 ? data[0] % 32 : size - 2;
        size_t n = data[1] < size - 2 - key_len ? data[1] : size - 2 - key_len;

        put(txn, data + 2, key_len, data + 2 + key_len, n);
        data += 2 + key_len + n;
        size -= 2 + key_len + n;
    }
}

static int by_bytes(const void *a, const void *b)
{
    const struct posting *x = b;

    return -posting_cmp(x, ((const struct posting *)a)->bytes,
                        ((const struct posting *)a)->len);
}

/* Sorted, in rows as they are written; each begins with a key of key_len bytes, which
 * ends with a zero as keys do. returns how many */
static size_t put_made(MDB_txn *txn, size_t key_len, const uint8_t *data, size_t size)
{
    static struct posting made[POSTINGS_MAX];
    struct posting_row row = {.len = 0};
    size_t n = 0, put_n = 0;

    while (size > 1 && n < 200) {
        size_t len = key_len + 1 + data[0] % 40;

        if (len > size - 1)
            break;
        made[n].len = (uint8_t)len;
        memcpy(made[n].bytes, data + 1, len);
        made[n++].bytes[key_len - 1] = 0;
        data += 1 + len;
        size -= 1 + len;
    }
    qsort(made, n, sizeof(made[0]), by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && posting_cmp(&made[i], made[i - 1].bytes, made[i - 1].len) == 0)
            continue;
        if (row.len > posting_row_fill(DB_WORD) / 4) {
            put(txn, row.first.bytes, row.first.len, row.bytes, row.len);
            row.len = 0;
        }
        posting_row_add(&row, &made[i]);
        put_n++;
    }
    if (row.len > 0)
        put(txn, row.first.bytes, row.first.len, row.bytes, row.len);
    return put_n;
}

/* All, one after another. returns how many; *whole: they rise, and none was damaged */
static size_t go_through(MDB_cursor *cursor, bool *whole)
{
    struct posting_iter it;
    size_t n = 0;
    int rc;

    *whole = true;
    for (rc = posting_seek(&it, cursor, (const uint8_t *)"", 0); rc == 0;
         rc = posting_next(&it)) {
        ensure(it.posting.len > 0 && it.posting.len <= POSTING_MAX && n < POSTINGS_MAX);
        all[n++] = it.posting;
        *whole = *whole && (n == 1 || posting_cmp(&all[n - 1], all[n - 2].bytes,
                                                  all[n - 2].len) > 0);
    }
    ensure(rc == MDB_NOTFOUND || rc == MDB_CORRUPTED);
    *whole = *whole && rc == MDB_NOTFOUND;
    return n;
}

static void seek(MDB_cursor *cursor, const uint8_t *bytes, size_t len, size_t n,
                 bool made)
{
    struct posting_iter it;
    size_t want = 0;
    int rc = posting_seek(&it, cursor, bytes, len);

    if (made) {
        while (want < n && posting_cmp(&all[want], bytes, len) < 0)
            want++;
        ensure(rc == (want < n ? 0 : MDB_NOTFOUND));
        ensure(rc != 0 || posting_cmp(&it.posting, all[want].bytes, all[want].len) == 0);
    }
    rc = posting_seek_before(&it, cursor, bytes, len);
    if (made) {
        ensure(rc == (want > 0 ? 0 : MDB_NOTFOUND));
        ensure(rc != 0 ||
               posting_cmp(&it.posting, all[want - 1].bytes, all[want - 1].len) == 0);
    }
}

/* From one key to the next. */
static void skip(MDB_cursor *cursor, size_t key_len, size_t n, bool made)
{
    struct posting_iter it;
    size_t at = 0, shared, steps = 0;
    int rc = posting_seek(&it, cursor, (const uint8_t *)"", 0);

    while (rc == 0 && steps++ <= POSTINGS_MAX) {
        size_t len = key_len < it.posting.len ? key_len : it.posting.len;

        rc = posting_next_key(&it, len, &shared);
        if (!made)
            continue;
        for (at++; at < n && all[at].len >= len &&
                   memcmp(all[at].bytes, all[at - 1].bytes, len) == 0;
             at++)
            ;
        ensure(rc == (at < n ? 0 : MDB_NOTFOUND));
        ensure(rc != 0 || posting_cmp(&it.posting, all[at].bytes, all[at].len) == 0);
    }
    ensure(steps <= POSTINGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    bool made, whole;
    size_t n, key_len, wrote = 0;

    if (size < 4 || size > 4096)
        return 0;
    if (!env)
        open_env();
    ensure(mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
           mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    made = data[0] & 1;
    key_len = 1 + data[1] % OUR_KEY_MAX;
    if (made)
        wrote = put_made(txn, key_len, data + 3, size - 3);
    else
        put_raw(txn, data + 3, size - 3);
    ensure(mdb_cursor_open(txn, dbi, &cursor) == 0);
    n = go_through(cursor, &whole);
    ensure(!made || (whole && n == wrote));
    seek(cursor, data + 3, 1 + data[1] % 48u < size - 3 ? 1 + data[1] % 48u : size - 3, n,
         made);
    if (n > 0)
        seek(cursor, all[data[2] % n].bytes, all[data[2] % n].len, n, made);
    skip(cursor, key_len, n, made);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return 0;
}
