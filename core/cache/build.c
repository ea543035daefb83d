/* build.c - writing a source's contacts anew: records in their order, then ids and index
 * keys sorted, all appended, in several transactions into a slot nobody reads; one last
 * transaction swaps it in. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cache/load.h"

struct build *build_create(const char *dir, uint64_t seed)
{
    struct build *b = xcalloc(1, sizeof(*b));

    b->parts.seed = seed;
    b->sorter = sorter_create(dir);
    return b;
}

static void build_rewind(struct build *b)
{
    merge_close(b->merge);
    b->merge = NULL;
    stage_read_finish(&b->reader);
    b->phase = BUILD_SLOT;
    b->recno = 0;
    b->sum = 0;
    b->row.len = 0;
    b->row.last.len = 0;
}

void build_free(struct build *b)
{
    if (!b)
        return;
    build_rewind(b);
    idmap_finish(&b->parts.words);
    sorter_destroy(b->sorter);
    free(b);
}

static int add_parts(struct build *b, struct ctr_str word)
{
    struct part_turns turns = {word, 0};
    struct posting p;
    int rc = 0;

    if (!part_is_new(&b->parts, word))
        return 0;
    while (rc == 0 && part_next(&turns, &p))
        rc = sorter_add(b->sorter, DB_PART, p.bytes, p.len, NULL, 0);
    return rc;
}

int build_add(struct build *b, struct keys *keys, struct ctr_str record)
{
    struct record r = {(const uint8_t *)record.ptr, record.len};
    uint32_t recno = b->state.next_recno;
    struct ctr_str id = record_id(&r);
    int rc = sorter_add(b->sorter, DB_ID, id.ptr, id.len, &recno, sizeof(recno));

    keys_derive(keys, &r, KEYS_ALL);
    for (unsigned i = 0; i < keys->n && rc == 0; i++) {
        const struct key *k = &keys->key[i];
        struct posting p;

        posting_make(&p, k, recno);
        rc = sorter_add(b->sorter, k->db, p.bytes, p.len, NULL, 0);
        if (rc == 0 && k->name)
            rc = add_parts(b, key_word(k));
    }
    b->state.next_recno++;
    b->state.contacts++;
    count_numbers(&b->state, &r, 1);
    return rc;
}

/* ---- a compared load, turned ---- */

struct convert {
    struct cache_load *load;
    struct build *build;
    struct stage stage; /* takes the place of the load's */
};

static int convert_put(struct convert *cv, struct ctr_str record)
{
    int rc = stage_add(&cv->stage, STAGE_PUT, 0, record);

    return rc ? rc : build_add(cv->build, &cv->load->keys, record);
}

/* A full load keeps what it saw unchanged, a delta all it did not touch. */
static bool keeps(const struct cache_load *load, uint32_t recno)
{
    return !bitmap_get(&load->staged, recno) &&
           (!load->options.full || bitmap_get(&load->seen, recno));
}

static int convert_old(struct convert *cv)
{
    struct cache *c = cv->load->cache;
    const struct slot *slot = cv->load->source->state.slot;
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc, err = 0;

    if (!slot)
        return 0;
    rc = mdb_txn_renew(c->lane_read);
    if (rc)
        return env_error(c, rc);
    rc = mdb_cursor_open(c->lane_read, slot->dbi[DB_REC], &cursor);
    if (rc == 0) {
        while (err == 0 && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
            uint32_t recno;

            memcpy(&recno, k.mv_data, sizeof(recno));
            if (keeps(cv->load, recno))
                err = convert_put(cv, str_make(v.mv_data, v.mv_size));
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_reset(c->lane_read);
    return err ? err : rc == MDB_NOTFOUND ? 0 : env_error(c, rc);
}

/* A delta may have staged a contact several times: its last entry counts. */
static int last_entries(struct cache_load *load, struct idmap *last)
{
    struct stage_reader reader;
    struct stage_entry e;
    uint32_t n = 0;
    int rc;

    stage_read(&reader, &load->stage, 0);
    while ((rc = stage_next(&reader, &e)) == 0) {
        bool is_new;
        uint32_t *at = idmap_put(last, (uint64_t)e.recno + 1, &is_new);

        if (!at) {
            rc = -CTR_ENOMEM;
            break;
        }
        *at = n++;
    }
    stage_read_finish(&reader);
    return rc == -CTR_ENOENT ? 0 : rc;
}

static int convert_staged(struct convert *cv)
{
    struct stage_reader reader;
    struct stage_entry e;
    struct idmap last = {0};
    uint32_t n = 0;
    int rc = last_entries(cv->load, &last);

    stage_read(&reader, &cv->load->stage, 0);
    while (rc == 0 && (rc = stage_next(&reader, &e)) == 0) {
        const uint32_t *at = idmap_find(&last, (uint64_t)e.recno + 1);

        if (at && *at == n++ && e.op == STAGE_PUT)
            rc = convert_put(cv, e.data);
    }
    stage_read_finish(&reader);
    idmap_finish(&last);
    return rc == -CTR_ENOENT ? 0 : rc;
}

int build_convert(struct cache_load *load)
{
    struct convert cv = {.load = load,
                         .build = build_create(load->cache->dir, load->seed)};
    int rc;

    stage_init(&cv.stage, load->cache->dir);
    rc = convert_old(&cv);
    if (rc == 0)
        rc = convert_staged(&cv);
    if (rc) {
        stage_finish(&cv.stage);
        build_free(cv.build);
        return rc;
    }
    stage_finish(&load->stage);
    load->stage = cv.stage;
    load->build = cv.build;
    return 0;
}

/* ---- the commit, a transaction a step ---- */

static int step_slot(struct cache_load *load)
{
    struct build *b = load->build;
    int rc;

    idmap_finish(&b->parts.words);
    if (b->state.contacts == 0) {
        b->phase = BUILD_SWAP;
        return 0;
    }
    rc = slot_take(load->cache, &b->state.slot);
    if (rc)
        return rc;
    b->incarnation = load->cache->incarnation;
    stage_read(&b->reader, &load->stage, 0);
    b->phase = BUILD_RECORDS;
    return 0;
}

static int write_records(struct build *b, struct writer *w)
{
    struct stage_entry e;
    int rc = 0;

    while (w->rc == 0 && w->bytes < CACHE_STEP_BYTES &&
           (rc = stage_next(&b->reader, &e)) == 0) {
        writer_append(w, DB_REC, (MDB_val){sizeof(b->recno), &b->recno},
                      (MDB_val){e.data.len, (void *)(uintptr_t)e.data.ptr});
        b->recno++;
    }
    if (rc == -CTR_ENOENT) {
        stage_read_finish(&b->reader);
        b->phase = BUILD_MERGE;
        return merge_open(b->sorter, &b->merge);
    }
    return rc;
}

static void flush_row(struct build *b, struct writer *w)
{
    struct posting_row *row = &b->row;

    if (row->len > 0)
        writer_append(w, b->db, (MDB_val){row->first.len, row->first.bytes},
                      (MDB_val){row->len, row->bytes});
    row->len = 0;
}

/* One posting more: into the row, or the row is full, or it is another index's. */
static void gather(struct build *b, struct writer *w, const struct sort_item *it)
{
    struct posting p = {.len = (uint8_t)it->key_len};

    memcpy(p.bytes, it->key, it->key_len);
    if (it->db == b->db && posting_cmp(&b->row.last, p.bytes, p.len) == 0)
        return; /* and perhaps the row it is in has been written */
    if (it->db != b->db || b->row.len >= posting_row_fill(b->db))
        flush_row(b, w);
    b->db = (enum db)it->db;
    posting_row_add(&b->row, &p);
}

static int write_sorted(struct build *b, struct writer *w)
{
    struct sort_item it;
    int rc = 0;

    while (w->rc == 0 && w->bytes < CACHE_STEP_BYTES &&
           (rc = merge_next(b->merge, &it)) == 0) {
        if (it.db == DB_ID)
            writer_append(w, DB_ID, (MDB_val){it.key_len, (void *)(uintptr_t)it.key},
                          (MDB_val){it.value_len, (void *)(uintptr_t)it.value});
        else
            gather(b, w, &it);
    }
    if (rc == -CTR_ENOENT) {
        flush_row(b, w);
        b->phase = BUILD_SWAP;
        rc = 0;
    }
    return rc;
}

static int step_write(struct cache_load *load)
{
    struct build *b = load->build;
    struct writer w;
    MDB_txn *txn;
    int rc;

    /* Dirty pages, their copies of old ones, and the list of free pages. */
    env_reserve(load->cache, 3 * (uint64_t)CACHE_STEP_BYTES);
    rc = env_begin(load->cache, &txn);
    if (rc)
        return rc;
    rc = writer_open(&w, txn, b->state.slot, b->sum);
    if (rc == 0) {
        rc = b->phase == BUILD_RECORDS ? write_records(b, &w) : write_sorted(b, &w);
        rc = w.rc ? w.rc : rc;
        writer_close(&w);
    }
    rc = env_end(load->cache, txn, rc);
    b->sum = w.sum;
    return rc;
}

static int step_swap(struct cache_load *load)
{
    struct cache *c = load->cache;
    struct cache_source *source = load->source;
    struct build *b = load->build;
    struct slot *old = source->state.slot;
    struct source_state state = b->state;
    MDB_txn *txn;
    int rc = env_begin(c, &txn);

    if (rc)
        return rc;
    state.sum = b->sum;
    state_after(load, &state, state.contacts > 0 || old);
    rc = env_end(c, txn, state_put(load, txn, &state));
    if (rc) {
        strbuf_finish(&state.cursor);
        return rc;
    }
    state_publish(load, &state);
    b->state.slot = NULL; /* the source's now */
    if (old)
        old->taken = false;
    slot_sweep(c);
    return 0;
}

/* A slot that did not become the source's: after an error of the last transaction the
 * file may say that it did, and reading it again has settled that. */
static void give_up_slot(struct cache *c, struct build *b)
{
    bool owned = false;

    pthread_mutex_lock(&c->lock);
    list_for_each(it, &c->sources)
    {
        if (list_entry(it, struct cache_source, link)->state.slot == b->state.slot)
            owned = true;
    }
    pthread_mutex_unlock(&c->lock);
    if (b->state.slot && !owned) {
        b->state.slot->taken = false;
        slot_sweep(c);
    }
    b->state.slot = NULL;
}

void build_give_up(struct cache_load *load)
{
    struct build *b = load->build;

    /* A slot of before the file was reopened is free again, or somebody else's. */
    if (b && b->state.slot && b->incarnation == load->cache->incarnation)
        give_up_slot(load->cache, b);
}

int build_step(struct cache_load *load)
{
    struct build *b = load->build;
    int rc = 0;

    /* Somebody else's failed write had the file reopened: the slot is free again. */
    if (b->state.slot && b->incarnation != load->cache->incarnation) {
        b->state.slot = NULL;
        build_rewind(b);
    }
    switch (b->phase) {
    case BUILD_SLOT:
        rc = step_slot(load);
        break;
    case BUILD_RECORDS:
    case BUILD_MERGE:
        rc = step_write(load);
        break;
    case BUILD_SWAP:
        rc = step_swap(load);
        if (rc == 0)
            return 0;
        break;
    }
    if (rc == 0)
        return 1;
    give_up_slot(load->cache, b);
    build_rewind(b);
    return rc;
}
