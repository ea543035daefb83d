/* load.h - a load under way. Its caller's thread encodes contacts into batches; the lane
 * compares each batch with what is stored and stages what must be written; the commit
 * writes it. So an aborted load costs the cache nothing, and loads of several sources
 * proceed side by side, batch by batch. */
#ifndef CACHE_LOAD_H
#define CACHE_LOAD_H

#include "cache/idmap.h"
#include "cache/impl.h"
#include "cache/part.h"
#include "cache/sort.h"
#include "cache/stage.h"

/* A rebuild under way on the lane: records are numbered anew from 0. */
struct build {
    struct sorter *sorter;     /* ids and index keys */
    struct source_state state; /* counts so far; the slot once it is taken */
    struct part_seen parts;    /* words that are in the sorter, turned */

    /* the commit */
    enum { BUILD_SLOT, BUILD_RECORDS, BUILD_MERGE, BUILD_SWAP } phase;
    struct stage_reader reader;
    uint64_t incarnation; /* of the environment the slot was taken in */
    uint32_t recno;       /* of the next record to write */
    struct merge *merge;
    uint64_t sum; /* of what is written */

    /* merging: the row being gathered */
    enum db db;
    struct posting_row row;
};

/* Bits by recno. */
struct bitmap {
    uint8_t *bits;
    size_t cap; /* bytes */
};
bool bitmap_get(const struct bitmap *b, uint32_t i);
/* returns whether it was clear; *ok false: out of memory */
bool bitmap_set(struct bitmap *b, uint32_t i, bool *ok);

struct batch;

struct cache_load {
    struct cache *cache;
    struct cache_source *source;
    struct cache_load_options options;
    struct dialplan plan;

    /* the caller's thread */
    struct batch *batch;

    /* cache->lock */
    unsigned queued; /* batches the lane has not taken */
    int error;       /* sticky */
    bool aborted, finished;
    struct cache_load_stats stats;
    int status;

    /* the lane */
    bool started;
    uint64_t version;     /* of the source when it started */
    struct bitmap seen;   /* recnos put (a delta: or deleted), unchanged or not */
    struct bitmap staged; /* recnos of which the stage has an entry */
    struct idmap ids;     /* hashes of ids that are new in this load -> recno */
    uint64_t seed;
    uint32_t next_recno;
    struct cache_load_stats counts; /* added to deleted, and duplicates */
    uint64_t n_old_seen, n_staged, n_deleted;
    struct stage stage;
    struct build *build; /* all is written anew */
    struct keys keys, old_keys;
    struct cache_sample *sample; /* NULL: nobody wants one */

    /* the commit */
    struct strbuf cursor, groups;
    bool has_groups;
    unsigned tries;
    void (*done)(void *arg, int status, const struct cache_load_stats *stats);
    void *arg;
};

/* compare.c, on the lane: one contact (a record) or one deleted id. returns 0 | -CTR_E*
 */
int compare_start(struct cache_load *load);
int compare_put(struct cache_load *load, struct ctr_str record);
int compare_delete(struct cache_load *load, struct ctr_str id);
/* The first of those a full load did not see, into its sample. */
int sample_unseen(struct cache_load *load);
/* Frees what the lane has of the load. */
void compare_finish(struct cache_load *load);
void count_numbers(struct source_state *state, const struct record *r, int sign);

/* build.c */
/* seed: nobody outside knows it */
struct build *build_create(const char *dir, uint64_t seed);
void build_free(struct build *build);
/* The next record of the new generation: its index keys; the caller keeps the record. */
int build_add(struct build *build, struct keys *keys, struct ctr_str record);
/* One transaction's worth of a rebuild's commit. returns 1: more to do | 0: done |
 * -CTR_E* */
int build_step(struct cache_load *load);
/* The commit ended before its last step: what was written is not wanted. */
void build_give_up(struct cache_load *load);
/* Turns a compared load into a rebuild: the old records it keeps, then the staged. */
int build_convert(struct cache_load *load);

/* update.c: the commit of a load that changes little, in one transaction. */
int update_commit(struct cache_load *load);
/* The source's row and its groups, into the commit's transaction. */
int state_put(const struct cache_load *load, MDB_txn *txn,
              const struct source_state *state);
/* Committed: for everybody to see. Takes the state. */
void state_publish(struct cache_load *load, struct source_state *state);
/* What a commit leaves: time, shape, cursor, generation. */
void state_after(const struct cache_load *load, struct source_state *to, bool changed);

#endif
