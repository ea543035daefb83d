/* update.c - the commit of a load that changes little: one transaction with the changed
 * rows, the source's row and its cursor. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "cache/load.h"

/* A commit under way. */
struct update {
    struct cache_load *load;
    struct writer w;
    struct source_state state;
    struct strbuf old; /* the record that is replaced */
};

void state_after(const struct cache_load *load, struct source_state *to, bool changed)
{
    const struct source_state *was = &load->source->state;
    const struct strbuf *cursor = &load->cursor;

    int64_t now = clock_wall_ms();

    to->as_of = load->options.aside ? was->as_of : now;
    to->changed_at = changed ? now : was->changed_at;
    to->generation = was->generation + changed;
    to->shape = load->options.full || !was->slot ? load->options.shape : was->shape;
    to->has_cursor = cursor->ptr != NULL;
    to->cursor = (struct strbuf){0};
    /* A delta that names no cursor goes on from the old one. */
    if (!cursor->ptr && !load->options.full && was->has_cursor) {
        to->has_cursor = true;
        cursor = &was->cursor;
    }
    strbuf_add(&to->cursor, cursor->ptr, cursor->len);
}

int state_put(const struct cache_load *load, MDB_txn *txn,
              const struct source_state *state)
{
    int rc = meta_put_source(load->cache, txn, load->source, state);

    if (rc == 0 && load->has_groups)
        rc = meta_put_groups(load->cache, txn, load->source, &load->groups);
    return rc;
}

void state_publish(struct cache_load *load, struct source_state *state)
{
    load->source->stored = true;
    cache_publish(load->source, state);
    if (load->has_groups)
        cache_publish_groups(load->source, &load->groups);
}

static void add_key(struct update *u, const struct key *key, uint32_t recno)
{
    posting_add(&u->w, key, recno);
    if (key->name)
        part_add(&u->w, key_word(key));
}

static void del_key(struct update *u, const struct key *key, uint32_t recno)
{
    posting_del(&u->w, key, recno);
    if (key->db == DB_WORD && !posting_has_key(&u->w, key))
        part_del(&u->w, key_word(key));
}

/* Both sides sorted: only what differs is written. */
static void change_keys(struct update *u, const struct keys *from, const struct keys *to,
                        uint32_t recno)
{
    unsigned i = 0, j = 0;

    while (i < from->n || j < to->n) {
        int c = i == from->n ? 1 : j == to->n ? -1 : key_cmp(&from->key[i], &to->key[j]);

        if (c < 0)
            del_key(u, &from->key[i], recno);
        else if (c > 0)
            add_key(u, &to->key[j], recno);
        else if (to->key[j].name && !from->key[i].name)
            part_add(&u->w, key_word(&to->key[j]));
        i += c <= 0;
        j += c >= 0;
    }
}

/* The record at recno, copied: it moves while rows are written. */
static bool take_old(struct update *u, uint32_t *recno, struct record *r)
{
    MDB_val v;

    if (!writer_get(&u->w, DB_REC, (MDB_val){sizeof(*recno), recno}, &v))
        return false;
    strbuf_reset(&u->old);
    strbuf_add(&u->old, v.mv_data, v.mv_size);
    *r = (struct record){(const uint8_t *)u->old.ptr, u->old.len};
    count_numbers(&u->state, r, -1);
    u->state.contacts--;
    return true;
}

static MDB_val val_of(struct ctr_str s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr};
}

/* An id keeps its recno while its contact lives. */
static void put_id(struct update *u, struct ctr_str id, uint32_t recno)
{
    writer_put(&u->w, DB_ID, val_of(id), NULL, (MDB_val){sizeof(recno), &recno});
}

static void delete_id(struct update *u, struct ctr_str id, uint32_t recno)
{
    MDB_val was = {sizeof(recno), &recno};

    writer_del(&u->w, DB_ID, val_of(id), &was);
}

static void put_record(struct update *u, uint32_t recno, struct ctr_str record)
{
    struct keys *from = &u->load->old_keys, *to = &u->load->keys;
    struct record r = {(const uint8_t *)record.ptr, record.len}, old;
    MDB_val key = {sizeof(recno), &recno}, old_val;
    bool there = take_old(u, &recno, &old);

    from->n = 0;
    if (there) {
        keys_derive(from, &old, KEYS_ALL);
        keys_sort(from);
    }
    keys_derive(to, &r, KEYS_ALL);
    keys_sort(to);
    change_keys(u, from, to, recno);
    old_val = (MDB_val){u->old.len, u->old.ptr};
    writer_put(&u->w, DB_REC, key, there ? &old_val : NULL, val_of(record));
    if (!there)
        put_id(u, record_id(&r), recno);
    count_numbers(&u->state, &r, 1);
    u->state.contacts++;
    if (recno >= u->state.next_recno)
        u->state.next_recno = recno + 1;
}

static void delete_record(struct update *u, uint32_t recno)
{
    struct keys *from = &u->load->old_keys;
    MDB_val key = {sizeof(recno), &recno}, old_val;
    struct record old;

    if (!take_old(u, &recno, &old))
        return;
    keys_derive(from, &old, KEYS_ALL);
    keys_sort(from);
    u->load->keys.n = 0;
    change_keys(u, from, &u->load->keys, recno);
    delete_id(u, record_id(&old), recno);
    old_val = (MDB_val){u->old.len, u->old.ptr};
    writer_del(&u->w, DB_REC, key, &old_val);
}

static int apply_staged(struct update *u)
{
    struct stage_reader reader;
    struct stage_entry e;
    int rc = 0;

    stage_read(&reader, &u->load->stage, 0);
    while (u->w.rc == 0 && (rc = stage_next(&reader, &e)) == 0) {
        if (e.op == STAGE_PUT)
            put_record(u, e.recno, e.data);
        else
            delete_record(u, e.recno);
    }
    stage_read_finish(&reader);
    return u->w.rc ? u->w.rc : rc == -CTR_ENOENT ? 0 : rc;
}

/* The recnos a full load did not see. Collected first: deleting moves the cursor. */
static int collect_unseen(struct update *u, uint32_t *out, uint64_t n)
{
    MDB_cursor *cursor = u->w.cursor[DB_REC];
    uint64_t found = 0;
    MDB_val k, v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);

    while (rc == 0 && found < n) {
        uint32_t recno;

        memcpy(&recno, k.mv_data, sizeof(recno));
        if (recno < u->load->source->state.next_recno &&
            !bitmap_get(&u->load->seen, recno))
            out[found++] = recno;
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return found == n ? 0 : MDB_CORRUPTED;
}

static int delete_unseen(struct update *u)
{
    uint64_t n = u->load->n_deleted;
    uint32_t *recnos;
    int rc;

    if (n == 0)
        return 0;
    recnos = malloc(n * sizeof(*recnos));
    if (!recnos)
        return -CTR_ENOMEM;
    rc = collect_unseen(u, recnos, n);
    for (uint64_t i = 0; i < n && rc == 0; i++) {
        delete_record(u, recnos[i]);
        rc = u->w.rc;
    }
    free(recnos);
    return rc;
}

static int change_rows(struct update *u, MDB_txn *txn)
{
    const struct source_state *was = &u->load->source->state;
    int rc = writer_open(&u->w, txn, was->slot, was->sum);

    if (rc)
        return rc;
    rc = delete_unseen(u);
    if (rc == 0)
        rc = apply_staged(u);
    writer_close(&u->w);
    u->state.sum = u->w.sum;
    return rc;
}

int update_commit(struct cache_load *load)
{
    struct cache *c = load->cache;
    struct update u = {.load = load, .state = load->source->state};
    bool changed = load->n_staged + load->n_deleted > 0;
    MDB_txn *txn;
    int rc;

    u.state.cursor = (struct strbuf){0};
    env_reserve(c, 8 * (load->stage.written + load->stage.buf.len) + (1 << 20));
    rc = env_begin(c, &txn);
    if (rc)
        return rc;
    rc = changed ? change_rows(&u, txn) : 0;
    state_after(load, &u.state, changed);
    if (rc == 0)
        rc = state_put(load, txn, &u.state);
    rc = env_end(c, txn, rc);
    strbuf_finish(&u.old);
    if (rc) {
        strbuf_finish(&u.state.cursor);
        return rc;
    }
    state_publish(load, &u.state);
    return 0;
}
