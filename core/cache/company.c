/* company.c - whose trunk number begins these digits? */
#include "base/error.h"
#include "cache/impl.h"
#include "text/text.h"

enum { COMPARED_MAX = 32, SCRATCH_MAX = 128 * 1024 };

/* The greatest row not behind the key. */
static int seek_not_behind(MDB_cursor *cursor, const uint8_t *key, size_t len, MDB_val *k,
                           MDB_val *v)
{
    uint8_t bound[KEY_MAX + 4];
    int rc;

    /* Behind all rows of that very key. */
    memcpy(bound, key, len);
    posting_key_bound(bound, &len, UINT32_MAX);
    *k = (MDB_val){len, bound};
    rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return mdb_cursor_get(cursor, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
}

/* Shortens digits to the longest trunk that begins them. A trunk longer than what it has
 * in common with the digits rules out all between the two. */
static int find_trunk(MDB_cursor *cursor, struct ctr_str *digits)
{
    while (digits->len >= KEY_TRUNK_MIN) {
        uint8_t key[KEY_MAX];
        char trunk[CACHE_KEY_MAX];
        size_t len = key_pack(DB_TRUNK, NUMBER_E164, *digits, key), n, same = 0;
        MDB_val k, v;
        int rc;

        if (len == 0)
            return MDB_NOTFOUND;
        rc = seek_not_behind(cursor, key, len, &k, &v);
        if (rc)
            return rc;
        len = key_measure(DB_TRUNK, k.mv_data, k.mv_size);
        n = key_unpack(DB_TRUNK, k.mv_data, len, trunk);
        while (same < n && same < digits->len && trunk[same] == digits->ptr[same])
            same++;
        digits->len = same;
        if (same == n && len > 0)
            return 0;
    }
    return MDB_NOTFOUND;
}

static bool organisation_of(struct arena *a, const struct record *r,
                            struct text_folds *out)
{
    struct record_iter it = {0};
    struct record_field f;

    while (record_next(r, &it, &f))
        if (f.kind == CTR_FIELD_ORGANISATION)
            return text_fold(a, f.value, out) == 0;
    return false;
}

/* Takes one contact that shows the trunk. returns 0 | -CTR_ENOENT: they do not agree */
static int agree(struct cache_source *source, struct arena *a, const uint8_t *posting,
                 struct text_folds *name, struct cache_company *out, bool *main)
{
    uint32_t recno = posting_recno(posting);
    bool owns = posting[4] == KEY_TRUNK_MAIN;
    struct text_folds own;
    struct record r;
    int rc = cache_get(source, recno, &r);

    if (rc)
        return rc;
    if (!organisation_of(a, &r, &own))
        return -CTR_ENOENT;
    if (out->contacts == 0)
        *name = own;
    else if (!text_folds_equal(name, &own))
        return -CTR_ENOENT;
    if (out->contacts++ == 0 || (owns && !*main))
        out->recno = recno;
    *main |= owns;
    return 0;
}

/* All rows of the trunk, up to a number of contacts nobody doubts after. */
static int compare_all(struct cache_source *source, MDB_cursor *cursor,
                       struct ctr_str trunk, struct cache_company *out)
{
    struct arena a;
    struct text_folds name = {0};
    uint8_t key[KEY_MAX];
    size_t len = key_pack(DB_TRUNK, NUMBER_E164, trunk, key);
    MDB_val k, v;
    bool main = false;
    int rc = posting_seek(cursor, key, len, 0, &k, &v), err = 0;

    arena_init(&a, SCRATCH_MAX);
    if (rc == MDB_NOTFOUND) { /* its first row is gone */
        k = (MDB_val){len, key};
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    }
    while (rc == 0 && err == 0 && out->contacts < COMPARED_MAX) {
        if (key_measure(DB_TRUNK, k.mv_data, k.mv_size) != len ||
            memcmp(k.mv_data, key, len) != 0)
            break;
        for (size_t i = 0; i + POSTING_SIZE_MAX <= v.mv_size && err == 0 &&
                           out->contacts < COMPARED_MAX;
             i += POSTING_SIZE_MAX)
            err = agree(source, &a, (const uint8_t *)v.mv_data + i, &name, out, &main);
        if (err == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    arena_finish(&a);
    if (rc && rc != MDB_NOTFOUND)
        return read_error(source->cache, rc);
    return err ? err : out->contacts > 0 ? 0 : -CTR_ENOENT;
}

int cache_company(struct cache_source *source, struct ctr_str digits,
                  struct cache_company *out)
{
    struct cache *c = source->cache;
    const struct slot *slot = source->state.slot;
    struct read_cursor *rc;
    int err;

    ensure(c->reading);
    *out = (struct cache_company){0};
    if (!slot || digits.len > NUMBER_DIGITS_MAX)
        return -CTR_ENOENT;
    rc = read_cursor_get(c, slot->dbi[DB_TRUNK]);
    if (!rc)
        return -CTR_EIO;
    err = find_trunk(rc->mdb, &digits);
    if (err)
        return read_error(c, err);
    out->trunk_len = (uint8_t)digits.len;
    return compare_all(source, rc->mdb, digits, out);
}
