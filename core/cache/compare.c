/* compare.c - the lane's side of a load before its commit: each contact against what is
 * stored, and what must be written into the stage or, when all is written anew, into the
 * build. */
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cache/load.h"

bool bitmap_get(const struct bitmap *b, uint32_t i)
{
    return i / 8 < b->cap && (b->bits[i / 8] & 1u << (i & 7));
}

bool bitmap_set(struct bitmap *b, uint32_t i, bool *ok)
{
    uint8_t bit = (uint8_t)(1u << (i & 7));
    bool was;

    *ok = true;
    if (i / 8 >= b->cap) {
        size_t cap = b->cap ? b->cap : 1024;
        uint8_t *p;

        while (i / 8 >= cap)
            cap *= 2;
        p = realloc(b->bits, cap);
        if (!p) {
            *ok = false;
            return false;
        }
        memset(p + b->cap, 0, cap - b->cap);
        b->bits = p;
        b->cap = cap;
    }
    was = b->bits[i / 8] & bit;
    b->bits[i / 8] |= bit;
    return !was;
}

void count_numbers(struct source_state *state, const struct record *r, int sign)
{
    struct record_iter it = {0};
    struct record_field f;
    uint64_t one = sign < 0 ? UINT64_MAX : 1;

    while (record_next(r, &it, &f)) {
        if (!(CTR_KINDS_PHONE & CTR_KIND(f.kind)))
            continue;
        state->numbers += one;
        state->e164 += f.number_class == NUMBER_E164 ? one : 0;
        state->local += f.number_class == NUMBER_LOCAL ? one : 0;
        state->not_numbers += f.number_class == NUMBER_NONE ? one : 0;
    }
}

int compare_start(struct cache_load *load)
{
    struct cache *c = load->cache;
    const struct source_state *s = &load->source->state;

    if (!load->started) {
        load->started = true;
        load->version = load->source->version;
        load->next_recno = s->next_recno;
        stage_init(&load->stage, c->dir);
        keys_init(&load->keys);
        keys_init(&load->old_keys);
        if (load->options.dry_run && load->options.sample)
            load->sample = xcalloc(1, sizeof(*load->sample));
        /* Without a seed ids could be chosen that take each other's place. */
        if (getrandom(&load->seed, sizeof(load->seed), 0) != sizeof(load->seed))
            load->seed = (uint64_t)(uintptr_t)load;
        if (load->options.full && !load->options.dry_run &&
            (!s->slot || s->shape != load->options.shape))
            load->build = build_create(c->dir, load->seed);
    }
    if (load->version != load->source->version)
        return -CTR_ECANCELED;
    mdb_txn_reset(c->lane_read);
    return env_error(c, mdb_txn_renew(c->lane_read));
}

void compare_finish(struct cache_load *load)
{
    if (!load->started)
        return;
    build_free(load->build);
    stage_finish(&load->stage);
    keys_finish(&load->keys);
    keys_finish(&load->old_keys);
    idmap_finish(&load->ids);
    free(load->seen.bits);
    free(load->staged.bits);
    free(load->sample);
    load->sample = NULL;
    load->started = false;
}

static MDB_val val_of(const void *p, size_t n)
{
    return (MDB_val){n, (void *)(uintptr_t)p};
}

/* returns 0 | -CTR_ENOENT | -CTR_EIO */
static int find_old(struct cache_load *load, struct ctr_str id, uint32_t *recno)
{
    struct cache *c = load->cache;
    const struct slot *slot = load->source->state.slot;
    MDB_val k = val_of(id.ptr, id.len), v;
    int rc = slot ? mdb_get(c->lane_read, slot->dbi[DB_ID], &k, &v) : MDB_NOTFOUND;

    if (rc == 0 && v.mv_size != sizeof(*recno))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(recno, v.mv_data, sizeof(*recno));
    return env_error(c, rc);
}

/* Is the record stored there the same, byte by byte? */
static int same_as_old(struct cache_load *load, uint32_t recno, struct ctr_str record,
                       bool *same)
{
    struct cache *c = load->cache;
    MDB_val k = val_of(&recno, sizeof(recno)), v;
    int rc = mdb_get(c->lane_read, load->source->state.slot->dbi[DB_REC], &k, &v);

    if (rc)
        return env_error(c, rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc);
    *same = str_eq(record, str_make(v.mv_data, v.mv_size));
    return 0;
}

/* ---- the sample of a dry run ---- */

static void copy_cut(char out[CACHE_SAMPLE_TEXT], struct ctr_str text)
{
    size_t n = text.len < CACHE_SAMPLE_TEXT - 1 ? text.len : CACHE_SAMPLE_TEXT - 1;

    if (n > 0)
        memcpy(out, text.ptr, n);
    out[n] = '\0';
}

static void sample(struct cache_load *load, enum cache_change change,
                   struct ctr_str record)
{
    struct record r = {(const uint8_t *)record.ptr, record.len};
    struct cache_sample *s = load->sample;
    struct record_iter it = {0};
    struct record_field f;
    unsigned i;

    if (!s || s->n[change] == CACHE_SAMPLE_MAX)
        return;
    i = s->n[change]++;
    copy_cut(s->item[change][i].id, record_id(&r));
    if (record_next(&r, &it, &f) && f.kind == CTR_FIELD_DISPLAY_NAME)
        copy_cut(s->item[change][i].name, f.value);
}

int sample_unseen(struct cache_load *load)
{
    struct cache *c = load->cache;
    const struct source_state *s = &load->source->state;
    MDB_cursor *cursor;
    uint32_t recno;
    MDB_val k, v;
    int rc = compare_start(load);

    if (rc || !s->slot)
        return rc;
    rc = mdb_cursor_open(c->lane_read, s->slot->dbi[DB_REC], &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
        while (rc == 0 && load->sample->n[CACHE_DELETED] < CACHE_SAMPLE_MAX) {
            memcpy(&recno, k.mv_data, sizeof(recno));
            if (!bitmap_get(&load->seen, recno))
                sample(load, CACHE_DELETED, str_make(v.mv_data, v.mv_size));
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_reset(c->lane_read);
    return env_error(c, rc == MDB_NOTFOUND ? 0 : rc);
}

/* A contact that must be written. */
static int take(struct cache_load *load, uint32_t recno, struct ctr_str record)
{
    bool ok;
    int rc;

    if (load->options.dry_run)
        return 0;
    rc = stage_add(&load->stage, STAGE_PUT, recno, record);
    if (rc)
        return rc;
    if (load->build)
        return build_add(load->build, &load->keys, record);
    load->n_staged++;
    bitmap_set(&load->staged, recno, &ok);
    return ok ? 0 : -CTR_ENOMEM;
}

/* A contact the source had already. */
static int put_old(struct cache_load *load, uint32_t recno, struct ctr_str record)
{
    bool ok, first = bitmap_set(&load->seen, recno, &ok), same = false;
    int rc;

    if (!ok)
        return -CTR_ENOMEM;
    if (!first) {
        load->counts.duplicates++;
        /* In a delta the order counts: it may have been changed and changed back. */
        return load->options.full ? 0 : take(load, recno, record);
    }
    rc = same_as_old(load, recno, record, &same);
    if (rc)
        return rc;
    load->n_old_seen++;
    if (same) {
        load->counts.unchanged++;
    } else {
        load->counts.changed++;
        sample(load, CACHE_CHANGED, record);
    }
    return same && !load->build ? 0 : take(load, recno, record);
}

static int put_new(struct cache_load *load, struct ctr_str id, struct ctr_str record)
{
    bool is_new;
    uint32_t *recno =
        idmap_put(&load->ids, XXH3_64bits_withSeed(id.ptr, id.len, load->seed), &is_new);

    if (!recno)
        return -CTR_ENOMEM;
    if (is_new) {
        if (load->next_recno == UINT32_MAX)
            return -CTR_EFULL;
        *recno = load->next_recno++;
        load->counts.added++;
        sample(load, CACHE_ADDED, record);
    } else {
        load->counts.duplicates++;
        if (load->options.full)
            return 0;
    }
    return take(load, *recno, record);
}

int compare_put(struct cache_load *load, struct ctr_str record)
{
    struct record r = {(const uint8_t *)record.ptr, record.len};
    struct ctr_str id = record_id(&r);
    uint32_t recno = 0;
    int rc = find_old(load, id, &recno);

    if (rc == 0)
        return put_old(load, recno, record);
    return rc == -CTR_ENOENT ? put_new(load, id, record) : rc;
}

static int sample_old(struct cache_load *load, uint32_t recno)
{
    const struct slot *slot = load->source->state.slot;
    MDB_val k = val_of(&recno, sizeof(recno)), v;
    int rc =
        slot ? mdb_get(load->cache->lane_read, slot->dbi[DB_REC], &k, &v) : MDB_NOTFOUND;

    if (rc == 0)
        sample(load, CACHE_DELETED, str_make(v.mv_data, v.mv_size));
    return env_error(load->cache, rc == MDB_NOTFOUND ? 0 : rc);
}

static int stage_delete(struct cache_load *load, uint32_t recno, struct ctr_str id)
{
    bool ok;
    int rc;

    load->counts.deleted++;
    if (load->options.dry_run)
        return sample_old(load, recno);
    rc = stage_add(&load->stage, STAGE_DELETE, recno, id);
    if (rc)
        return rc;
    load->n_staged++;
    bitmap_set(&load->staged, recno, &ok);
    return ok ? 0 : -CTR_ENOMEM;
}

int compare_delete(struct cache_load *load, struct ctr_str id)
{
    uint32_t *recno, old = 0;
    bool ok;
    int rc = find_old(load, id, &old);

    if (rc == 0) {
        bitmap_set(&load->seen, old, &ok);
        return ok ? stage_delete(load, old, id) : -CTR_ENOMEM;
    }
    if (rc != -CTR_ENOENT)
        return rc;
    recno = idmap_find(&load->ids, XXH3_64bits_withSeed(id.ptr, id.len, load->seed));
    return recno ? stage_delete(load, *recno, id) : 0;
}
