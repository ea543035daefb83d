/* walk_within.c - what stands within words, or within addresses, by going through all
 * their keys: for what walk_names.c does not have. */
#include <errno.h>

#include "base/error.h"
#include "cache/walk.h"

/* Is this key, without its end, of those a walk within looks at? */
static bool key_is_looked_at(const struct cache_walk *walk, const uint8_t *key)
{
    return key_is_more_words(key) ||
           (*key == CACHE_ADDRESS) == (walk->within == CACHE_WITHIN_ADDRESSES);
}

/* Does it hold the walk's text, not before `from`; or stand for more than it says? */
static bool key_holds(const struct cache_walk *walk, const uint8_t *key, size_t len,
                      size_t from)
{
    const char first = walk->key[0];

    if (key_may_be_cut(len) || key_is_more_words(key))
        return true;
    for (size_t i = from; i + walk->key_len <= len; i++)
        if (key[i] == (uint8_t)first && memcmp(key + i, walk->key, walk->key_len) == 0)
            return true;
    return false;
}

bool walk_within_matches(const struct cache_walk *walk, const uint8_t *key,
                         size_t key_len)
{
    return key_is_looked_at(walk, key) && key_holds(walk, key, key_len - 1, 0);
}

/* Onto the next posting, of any key; *key_len is of the one before. */
static int step(struct cache_walk *walk, const struct slot *slot, struct read_cursor **rc,
                const struct place *p)
{
    size_t shared;

    if (walk_has_cursor(walk)) {
        *rc = walk->cursor;
        return walk->recno == WALK_PASSED
                   ? posting_next_key(&(*rc)->it, (size_t)walk->at_len + 1, &shared)
                   : posting_next(&(*rc)->it);
    }
    *rc = read_cursor_get(walk->source->cache, slot->dbi[DB_WORD]);
    if (!*rc)
        return EIO;
    return walk->at_len == 0 ? posting_seek(&(*rc)->it, (*rc)->mdb, p->prefix, 0)
                             : walk_seek_behind(walk, p, *rc);
}

/* From a key that is not looked at to the first that may be. */
static int leave(const struct cache_walk *walk, struct read_cursor *rc)
{
    const uint8_t address = CACHE_ADDRESS, behind = CACHE_ADDRESS + 1;

    if (walk->within == CACHE_WITHIN_WORDS)
        return posting_seek(&rc->it, rc->mdb, &behind, 1);
    if (rc->it.posting.bytes[0] > address)
        return MDB_NOTFOUND;
    return posting_seek(&rc->it, rc->mdb, &address, 1);
}

/* From key to key, until one holds the text. Keys are sorted: what two have in common at
 * their beginning did not hold it in the first, and is not looked at in the second. */
static int find(struct cache_walk *walk, struct read_cursor *rc, const struct place *p)
{
    const struct posting *posting = &rc->it.posting;
    size_t shared = 0;

    for (unsigned n = 1;; n++) {
        const uint8_t *key = posting->bytes;
        const uint8_t *end = memchr(key + shared, 0, posting->len - shared);
        size_t len = end ? (size_t)(end - key) : 0, from = 0;
        int err;

        if (len == 0 || len >= KEY_MAX)
            return MDB_CORRUPTED;
        if (!key_is_looked_at(walk, key)) {
            err = leave(walk, rc);
            shared = 0;
        } else {
            if (shared >= walk->key_len)
                from = shared - walk->key_len + 1;
            if (key_holds(walk, key, len, from))
                return walk_take(walk, p, rc);
            if (n >= WALK_KEYS_AT_ONCE) {
                walk_pass(walk, key, len);
                walk_note_cursor(walk, rc);
                return -CTR_EPAUSE;
            }
            err = posting_next_key(&rc->it, len + 1, &shared);
        }
        if (err)
            return err;
    }
}

int walk_within_next(struct cache_walk *walk, const struct slot *slot,
                     const struct place *p)
{
    struct read_cursor *rc;
    int err = step(walk, slot, &rc, p);

    if (err)
        return err;
    return walk_is_at(walk, &rc->it.posting) ? walk_take(walk, p, rc) : find(walk, rc, p);
}
