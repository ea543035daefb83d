/* walk.h - what the files of the walks share. */
#ifndef CACHE_WALK_H
#define CACHE_WALK_H

#include "cache/impl.h"

/* A walk may stand behind a key it has come past: then on this recno, which no record
 * has. */
enum { WALK_PASSED = UINT32_MAX, WALK_KEYS_AT_ONCE = 128 };

/* The walk's key as it is packed. */
struct place {
    enum db db;
    enum number_class class;
    const uint8_t *prefix;
    size_t prefix_len; /* with its end; 0: nothing can match */
};

/* All return 0 or a code of LMDB's; those that find the next posting also -CTR_EPAUSE. */

/* Does the cursor it left still stand where it did? */
bool walk_has_cursor(const struct cache_walk *walk);
void walk_note_cursor(struct cache_walk *walk, struct read_cursor *rc);
/* Takes the posting the cursor's iterator stands on. returns 0 | MDB_NOTFOUND: behind the
 * last that matches | MDB_CORRUPTED */
int walk_take(struct cache_walk *walk, const struct place *p, struct read_cursor *rc);
/* Behind the place the walk remembers, which may be gone. */
int walk_seek_behind(const struct cache_walk *walk, const struct place *p,
                     struct read_cursor *rc);
/* Comes past the key, of len bytes without its end. */
void walk_pass(struct cache_walk *walk, const uint8_t *key, size_t len);
/* Is the posting of the key the walk stands on? */
bool walk_is_at(const struct cache_walk *walk, const struct posting *posting);

static inline struct ctr_str walk_text(const struct cache_walk *walk)
{
    return str_make(walk->key, walk->key_len);
}

/* walk_within.c: from one key of DB_WORD to the next. */
int walk_within_next(struct cache_walk *walk, const struct slot *slot,
                     const struct place *p);
/* Would the walk stop at this key, closed? */
bool walk_within_matches(const struct cache_walk *walk, const uint8_t *key,
                         size_t key_len);

/* walk_names.c: by DB_PART. */
int walk_names_next(struct cache_walk *walk, const struct slot *slot,
                    const struct place *p);
/* The place of a word in the walk's order. returns false: it does not come to it */
bool walk_names_where(const struct cache_walk *walk, struct ctr_str word,
                      struct posting *out);
/* Does the walk come to the postings of the word? */
bool walk_names_has(const struct cache_walk *walk, struct ctr_str word);

#endif
