/* company.c - whose trunk number begins these digits? */
#include "base/error.h"
#include "cache/impl.h"
#include "text/text.h"

enum { COMPARED_MAX = 32, SCRATCH_MAX = 128 * 1024 };

/* The greatest trunk not behind the digits, as text. returns 0 | an error of LMDB's */
static int trunk_not_behind(MDB_cursor *cursor, struct ctr_str digits,
                            char trunk[CACHE_KEY_MAX], size_t *len)
{
    struct key key = {.db = DB_TRUNK, .kind = UINT8_MAX};
    struct posting_iter it;
    struct posting bound;
    uint32_t recno;
    uint8_t kind;
    size_t n;
    int rc;

    key.len = (uint8_t)key_pack(DB_TRUNK, NUMBER_E164, digits, key.bytes);
    if (key.len == 0)
        return MDB_NOTFOUND;
    posting_make(&bound, &key, UINT32_MAX); /* behind all of that very trunk */
    rc = posting_seek_before(&it, cursor, bound.bytes, bound.len);
    if (rc)
        return rc;
    n = posting_parts(DB_TRUNK, &it.posting, &recno, &kind);
    if (n == 0)
        return MDB_CORRUPTED;
    *len = key_unpack(DB_TRUNK, it.posting.bytes, n, trunk);
    return 0;
}

/* Shortens digits to the longest trunk that begins them. A trunk longer than what it has
 * in common with the digits rules out all between the two. */
static int find_trunk(MDB_cursor *cursor, struct ctr_str *digits)
{
    while (digits->len >= KEY_TRUNK_MIN) {
        char trunk[CACHE_KEY_MAX];
        size_t n = 0, same = 0;
        int rc = trunk_not_behind(cursor, *digits, trunk, &n);

        if (rc)
            return rc;
        while (same < n && same < digits->len && trunk[same] == digits->ptr[same])
            same++;
        digits->len = same;
        if (same == n)
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

/* What is known of the company so far. */
struct agreement {
    struct arena arena;
    struct text_folds name;
    bool main; /* the contact given is the main number's */
};

/* Takes one contact that shows the trunk. returns 0 | -CTR_ENOENT: they do not agree */
static int agree(struct cache_source *source, struct agreement *ag, uint32_t recno,
                 bool main, struct cache_company *out)
{
    struct text_folds own;
    struct record r;
    int rc = cache_get(source, recno, &r);

    if (rc)
        return rc;
    if (!organisation_of(&ag->arena, &r, &own))
        return -CTR_ENOENT;
    if (out->contacts == 0)
        ag->name = own;
    else if (!text_folds_equal(&ag->name, &own))
        return -CTR_ENOENT;
    if (out->contacts++ == 0 || (main && !ag->main))
        out->recno = recno;
    ag->main |= main;
    return 0;
}

/* All that show the trunk, up to a number after which nobody doubts. */
static int compare_all(struct cache_source *source, MDB_cursor *cursor,
                       struct ctr_str trunk, struct cache_company *out)
{
    struct agreement ag = {.main = false};
    struct posting_iter it;
    uint8_t key[KEY_MAX], kind;
    size_t len = key_pack(DB_TRUNK, NUMBER_E164, trunk, key);
    uint32_t recno;
    int err = 0, rc = posting_seek(&it, cursor, key, len);

    arena_init(&ag.arena, SCRATCH_MAX);
    while (rc == 0 && err == 0 && out->contacts < COMPARED_MAX) {
        if (posting_parts(DB_TRUNK, &it.posting, &recno, &kind) != len ||
            memcmp(it.posting.bytes, key, len) != 0)
            break;
        err = agree(source, &ag, recno, kind == KEY_TRUNK_MAIN, out);
        if (err == 0)
            rc = posting_next(&it);
    }
    arena_finish(&ag.arena);
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
