/* impl.h - what the files of the cache share.
 *
 * The file holds one "meta" database and slots: numbered sets of the databases of enum
 * db. A source's contacts are the contents of one slot; its row in "meta" says which. A
 * rebuild fills a free slot in several transactions nobody sees, and swaps it in with
 * one. Slots are emptied, never removed, so their handles stay valid for ever.
 *
 * Threads. The lane writes and owns everything here but what is marked. The loop reads:
 * from cache_read_begin to cache_read_end it holds `gate` shared. The lane takes the gate
 * alone for moments only: to publish a source's new state, to end the loop's snapshot, to
 * move the map, to reopen.
 *
 * The snapshot. The loop's read transaction outlives the slice it was begun for: what
 * LMDB has to look up anew in each one is much of a lookup's cost. It is always the
 * newest, since the lane ends it with each commit. So it keeps no page from being used
 * again: the writer may not reuse those of the newest state anyhow. */
#ifndef CACHE_IMPL_H
#define CACHE_IMPL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "cache/cache.h"
#include "cache/keys.h"
#include "cache/posting.h"
#include "cache/spot.h"
#include "loop/lane.h"

enum {
    CACHE_FORMAT = 3,
    CACHE_SOURCES_MAX = 128,
    CACHE_SLOTS_MAX = CACHE_SOURCES_MAX + 8, /* some being built or emptied */
    CACHE_CURSORS = 32,
    CACHE_STEP_BYTES = 24 << 20, /* written in one transaction of a rebuild */
    CACHE_CURSOR_MAX = 65536,    /* a source's cursor, bytes */
    CACHE_GROUPS_MAX = 24 << 20  /* a source's groups, bytes */
};

/* What "the contents of a slot" is to the loop and the lane. */
struct slot {
    MDB_dbi dbi[DB_COUNT];
    bool opened; /* dbi are valid */
    bool taken;  /* a source's, or being built */
    bool filled; /* not known to be empty */
};

/* A source as of its last commit; one row of "meta". */
struct source_state {
    struct slot *slot; /* NULL: no contacts */
    uint64_t contacts, numbers, e164, local, not_numbers;
    int64_t as_of, changed_at;
    uint64_t generation, shape;
    uint64_t sum; /* of all rows of the slot, see row_hash */
    uint32_t next_recno;
    bool has_cursor;
    struct strbuf cursor;
};

struct cache_source {
    struct list link;
    struct cache *cache;
    char *name;
    struct source_state state;  /* written by the lane with the gate; read by both */
    struct strbuf groups;       /* the same */
    uint64_t numbering;         /* the same: grows with each other slot */
    struct spots spots;         /* loop; in the loop's snapshot, of state.slot */
    bool stored;                /* lane: has a row */
    uint64_t version;           /* lane: changes when staged loads no longer fit */
    struct cache_load *loading; /* cache->lock */
};

/* An LMDB cursor of the loop's. Walks share them: one that finds another stamp than it
 * left seeks again. */
struct read_cursor {
    MDB_cursor *mdb;
    MDB_dbi dbi;
    uint64_t snapshot; /* it was renewed in */
    uint64_t epoch;    /* the slice in which somebody stands on it; 0: nobody does */
    uint64_t stamp;    /* of its last movement */
    uint64_t used;
    struct posting_iter it;
};

struct cache {
    struct loop *loop;
    struct lane *lane;
    struct cache_options options;
    char *dir, *path;
    int lock_fd;

    /* lane, with the gate; the loop under it */
    pthread_rwlock_t gate;
    MDB_env *env; /* NULL: could not be reopened yet */
    MDB_dbi meta;
    struct slot slots[CACHE_SLOTS_MAX];
    size_t map_size;
    uint64_t incarnation; /* of env: grows when it is opened again */

    /* lane */
    MDB_txn *lane_read; /* comparing; reset between batches */
    bool clean;         /* nothing failed: a clean close may say so */

    /* any thread */
    pthread_mutex_t lock; /* over loads, source list, health */
    pthread_cond_t ready; /* a load's batch was taken, or it finished */
    struct list sources;
    struct cache_health health;
    atomic_bool damaged; /* stop reading; a task sets the file aside */
    atomic_bool broken;  /* env must be reopened */
    atomic_uint notices; /* posted to the loop and not taken there */

    /* loop; txn, live and spoiled: the lane, with the gate */
    MDB_txn *txn;
    bool live;    /* txn is a snapshot, and the newest */
    bool spoiled; /* it met an error, which LMDB would give again and again */
    bool reading;
    bool closed;       /* only a notice keeps the memory */
    uint64_t snapshot; /* number of the last */
    uint64_t epoch;    /* number of the slice */
    uint64_t stamp;
    int64_t asked_at; /* for an environment that could not be reopened */
    struct read_cursor cursors[CACHE_CURSORS];
    struct keys scratch;
};

/* ---- env.c: the file ---- */

/* Opens what is there or creates; reads all sources' states. The gate is held or nobody
 * else is there. returns 0 | -CTR_E* with a sentence */
int env_open(struct cache *c, char *error, size_t cap);
/* Closes transactions, cursors, file. */
void env_shut(struct cache *c);
/* On the lane, before work: reopens or sets aside when something asked for it. returns 0
 * | -CTR_EIO */
int env_ready(struct cache *c);
/* Code of an LMDB or errno error; notes what it means for the file. */
int env_error(struct cache *c, int rc);
/* On the lane. */
int env_begin(struct cache *c, MDB_txn **txn);
/* Commits, or aborts when rc is not 0, or when committing fails. Publishes nothing. */
int env_end(struct cache *c, MDB_txn *txn, int rc);
/* Enlarges the map if allowed. returns whether it did. */
bool env_grow(struct cache *c);
/* Before a step that writes about n bytes: room for it if that can be had. */
void env_reserve(struct cache *c, uint64_t n);

/* ---- aside.c: files beside the data file ---- */

int aside_lock(struct cache *c, char *error, size_t cap);
/* The mark of a clean shutdown: is it there and true? It is removed. */
bool aside_take_mark(struct cache *c);
void aside_put_mark(struct cache *c);
/* Renames the data file, keeping one such. returns 0 | -CTR_EIO */
int aside_move(struct cache *c, const char *why);

/* ---- check.c: is the file whole? ---- */

enum check_result { CHECK_GOOD, CHECK_DAMAGED, CHECK_FOREIGN };

/* Reads the whole data file without LMDB: every page, and every row against the sums.
 * why: a sentence's end when it is not good. */
enum check_result check_file(const char *path, const char **why);

/* ---- meta.c: rows of "meta" ---- */

/* All little structs with a checksum behind; see meta.c. */
int meta_put_format(MDB_txn *txn, MDB_dbi meta);
/* The transaction's own number, so that an old root cannot pass for the last one. */
int meta_put_txn(MDB_txn *txn, MDB_dbi meta);
int meta_put_source(struct cache *c, MDB_txn *txn, const struct cache_source *source,
                    const struct source_state *state);
int meta_put_groups(struct cache *c, MDB_txn *txn, const struct cache_source *source,
                    const struct strbuf *groups);
int meta_del_source(struct cache *c, MDB_txn *txn, const struct cache_source *source);
/* Fills c->sources from the rows. */
int meta_load(struct cache *c, MDB_txn *txn);
/* For check.c: what a row says. */
enum meta_kind {
    META_BAD,
    META_FORMAT_GOOD,
    META_FORMAT_FOREIGN,
    META_TXN,
    META_SOURCE,
    META_GROUPS
};
enum meta_kind meta_read_row(struct ctr_str key, struct ctr_str value, uint64_t *txn,
                             uint32_t *slot, uint64_t *sum, uint64_t *contacts);

/* ---- slot.c ---- */

void slot_db_name(unsigned slot, enum db db, char out[24]);
/* "3.word" -> 3, DB_WORD */
bool slot_db_parse(struct ctr_str name, unsigned *slot, enum db *db);
unsigned slot_db_flags(enum db db);
/* Opens the handles of existing slots. */
int slot_open_all(struct cache *c, MDB_txn *txn);
/* A free slot, made empty in a transaction of its own, and taken. returns 0 | -CTR_E* */
int slot_take(struct cache *c, struct slot **out);
int slot_empty(MDB_txn *txn, struct slot *slot);
/* Empties the slots nobody has, one a task. */
void slot_sweep(struct cache *c);

/* Order-independent sums: what a row adds. */
uint64_t row_hash(enum db db, const void *key, size_t key_len, const void *value,
                  size_t value_len);

/* The lane's hand on a slot within a transaction. Errors stick in rc (LMDB's codes). */
struct writer {
    MDB_txn *txn;
    struct slot *slot;
    MDB_cursor *cursor[DB_COUNT];
    uint64_t sum;   /* of the slot */
    uint64_t bytes; /* put so far */
    int rc;
};
int writer_open(struct writer *w, MDB_txn *txn, struct slot *slot, uint64_t sum);
/* Before the transaction ends. */
void writer_close(struct writer *w);
void writer_append(struct writer *w, enum db db, MDB_val key, MDB_val value);
/* old: what stands there, or NULL. */
void writer_put(struct writer *w, enum db db, MDB_val key, const MDB_val *old,
                MDB_val value);
void writer_del(struct writer *w, enum db db, MDB_val key, const MDB_val *old);
/* returns whether found; value points into the map until the next write. */
bool writer_get(struct writer *w, enum db db, MDB_val key, MDB_val *value);

/* ---- posting.c ---- */

void posting_add(struct writer *w, const struct key *key, uint32_t recno);
void posting_del(struct writer *w, const struct key *key, uint32_t recno);
void posting_put(struct writer *w, enum db db, const struct posting *p);
void posting_drop(struct writer *w, enum db db, const struct posting *p);
bool posting_is_there(struct writer *w, enum db db, const struct posting *p);
/* Is there a posting of this index key? */
bool posting_has_key(struct writer *w, const struct key *key);

/* ---- cache.c ---- */

/* Runs fn(cache, arg) on the lane. Any thread. */
typedef void (*cache_task_fn)(struct cache *c, void *arg);
void cache_task(struct cache *c, cache_task_fn fn, void *arg);
/* The gate alone, on the lane. */
void cache_publish(struct cache_source *source, struct source_state *state);
/* The same for its groups; takes the bytes. */
void cache_publish_groups(struct cache_source *source, struct strbuf *groups);
struct cache_source *cache_source_named(struct cache *c, struct ctr_str name);
/* Marks, and has it set right on the lane. Any thread. */
void cache_report(struct cache *c, atomic_bool *what);
/* Reopens or begins anew on the lane, if either is due. */
void cache_set_right(struct cache *c);
void source_state_clear(struct source_state *state);
/* Moves `from` there. */
void source_state_set(struct source_state *to, struct source_state *from);

/* ---- read.c ---- */

/* Errors of reading: notes damage. */
int read_error(struct cache *c, int rc);
struct read_cursor *read_cursor_get(struct cache *c, MDB_dbi dbi);
/* Nobody stands on it any more. */
void read_cursor_put(struct read_cursor *cursor);
/* The snapshot ends: the next slice begins another. The gate is held alone. */
void read_end_snapshot(struct cache *c);
void read_shut(struct cache *c);

#endif
