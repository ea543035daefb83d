/* walk_names.c - what stands within the words of names, by their turns in DB_PART: first
 * the long words, then those that hold the text, each with its postings in DB_WORD.
 *
 * The walk stands on a posting of DB_WORD; the word's place in DB_PART follows from it.
 * Or it has come past a turn, of which it keeps the word and, as its kind, the byte. */
#include <errno.h>

#include "base/error.h"
#include "cache/part.h"
#include "cache/walk.h"

bool walk_names_where(const struct cache_walk *walk, struct ctr_str word,
                      struct posting *out)
{
    return part_where(word, walk_text(walk), out);
}

/* The cursor that stands on the turn of the walk's word, if it still does. */
static struct read_cursor *turns_of(const struct cache_walk *walk)
{
    const struct cache *c = walk->source->cache;
    struct read_cursor *rc = walk->turns;

    return rc && rc->stamp == walk->turns_stamp && rc->mdb && rc->epoch == c->epoch &&
                   rc->dbi == walk->source->state.slot->dbi[DB_PART]
               ? rc
               : NULL;
}

static void note_turns(struct cache_walk *walk, struct read_cursor *rc)
{
    walk->turns = rc;
    rc->stamp = rc->used = walk->turns_stamp = ++walk->source->cache->stamp;
}

/* The turn the walk stands on, or has come past. */
static bool turn_of_walk(const struct cache_walk *walk, struct posting *out)
{
    struct ctr_str word = str_make(walk->at, walk->at_len);

    if (walk->at_len == 0 || walk->at_len >= KEY_MAX)
        return false;
    if (walk->recno != WALK_PASSED)
        return walk_names_where(walk, word, out);
    part_turned(word, walk->kind, out);
    return true;
}

static int seek_turn(const struct cache_walk *walk, struct read_cursor *rc)
{
    const uint8_t first = PART_LONG;
    struct posting was;
    int err;

    if (!turn_of_walk(walk, &was))
        return posting_seek(&rc->it, rc->mdb, &first, 1);
    err = posting_seek(&rc->it, rc->mdb, was.bytes, was.len);
    if (err == 0 && posting_cmp(&rc->it.posting, was.bytes, was.len) == 0)
        err = posting_next(&rc->it);
    return err;
}

/* To the first turn behind the word the walk stands on. */
static int next_turn(const struct cache_walk *walk, const struct slot *slot,
                     struct read_cursor **out)
{
    *out = turns_of(walk);
    if (*out) {
        (*out)->used = ++walk->source->cache->stamp; /* not to be taken for the word's */
        return posting_next(&(*out)->it);
    }
    *out = read_cursor_get(walk->source->cache, slot->dbi[DB_PART]);
    return *out ? seek_turn(walk, *out) : EIO;
}

static bool begins(const struct posting *turn, struct ctr_str text)
{
    return turn->len >= text.len && memcmp(turn->bytes, text.ptr, text.len) == 0;
}

/* To the first turn that begins with the text, or behind where it would be; the file may
 * be damaged, and what a row says lead back. */
static int seek_text(struct read_cursor *rc, struct ctr_str text)
{
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    int err = posting_seek(&rc->it, rc->mdb, bytes, text.len);

    if (err == 0 && posting_cmp(&rc->it.posting, bytes, text.len) < 0)
        err = MDB_CORRUPTED;
    return err;
}

/* Is this the turn by which the walk comes to the word? Where the text stands in it
 * several times, it begins several. */
static bool is_where(const struct cache_walk *walk, const struct posting *turn,
                     struct ctr_str word)
{
    struct posting where;

    return walk_names_where(walk, word, &where) &&
           posting_cmp(turn, where.bytes, where.len) == 0;
}

/* Onto the first posting of the word. returns 1: it has none */
static int enter(struct cache_walk *walk, const struct slot *slot, const struct place *p,
                 struct ctr_str word)
{
    struct read_cursor *rc = walk->cursor;
    struct posting_iter *it;
    uint8_t key[KEY_MAX];
    size_t len;
    int err;

    if (!walk_has_cursor(walk))
        rc = read_cursor_get(walk->source->cache, slot->dbi[DB_WORD]);
    if (!rc)
        return EIO;
    it = &rc->it;
    len = key_pack(DB_WORD, NUMBER_NONE, word, key);
    if (len == 0)
        return MDB_CORRUPTED;
    err = posting_seek(it, rc->mdb, key, len);
    if (err == MDB_NOTFOUND)
        return 1;
    if (err)
        return err;
    if (it->posting.len < len || memcmp(it->posting.bytes, key, len) != 0)
        return 1;
    return walk_take(walk, p, rc);
}

/* To the next word that has postings. */
static int next_word(struct cache_walk *walk, const struct slot *slot,
                     const struct place *p)
{
    struct ctr_str text = walk_text(walk);
    struct read_cursor *rc;
    int err = next_turn(walk, slot, &rc);

    for (unsigned n = 1; err == 0; n++) {
        const struct posting *turn = &rc->it.posting;
        uint8_t bytes[KEY_MAX];
        size_t at;
        struct ctr_str word = {(const char *)bytes, part_word(turn, bytes, &at)};

        if (word.len == 0)
            return MDB_CORRUPTED;
        if (turn->bytes[0] != PART_LONG && !begins(turn, text)) {
            if (memcmp(turn->bytes, text.ptr,
                       turn->len < text.len ? turn->len : text.len) > 0)
                return MDB_NOTFOUND;
            err = seek_text(rc, text);
            continue;
        }
        if (is_where(walk, turn, word)) {
            err = enter(walk, slot, p, word);
            if (err == 0)
                note_turns(walk, rc);
            if (err != 1)
                return err;
        }
        if (n >= WALK_KEYS_AT_ONCE) {
            walk_pass(walk, bytes, word.len);
            walk->kind = (uint8_t)at;
            note_turns(walk, rc);
            return -CTR_EPAUSE;
        }
        err = posting_next(&rc->it);
    }
    return err;
}

/* The next posting of the word it stands on. returns 0 | MDB_NOTFOUND: there is none |
 * an error */
static int next_of_word(struct cache_walk *walk, const struct slot *slot,
                        const struct place *p)
{
    struct read_cursor *rc = walk->cursor;
    int err;

    if (walk_has_cursor(walk)) {
        err = posting_next(&rc->it);
    } else {
        rc = read_cursor_get(walk->source->cache, slot->dbi[DB_WORD]);
        if (!rc)
            return EIO;
        err = walk_seek_behind(walk, p, rc);
    }
    if (err)
        return err;
    return walk_is_at(walk, &rc->it.posting) ? walk_take(walk, p, rc) : MDB_NOTFOUND;
}

int walk_names_next(struct cache_walk *walk, const struct slot *slot,
                    const struct place *p)
{
    int err = MDB_NOTFOUND;

    if (walk->at_len > 0 && walk->recno != WALK_PASSED)
        err = next_of_word(walk, slot, p);
    return err == MDB_NOTFOUND ? next_word(walk, slot, p) : err;
}

bool walk_names_has(const struct cache_walk *walk, struct ctr_str word)
{
    struct cache *c = walk->source->cache;
    struct read_cursor *rc;
    struct posting where;
    int err;

    if (!walk->source->state.slot || !walk_names_where(walk, word, &where))
        return false;
    rc = read_cursor_get(c, walk->source->state.slot->dbi[DB_PART]);
    err = rc ? posting_seek(&rc->it, rc->mdb, where.bytes, where.len) : EIO;
    if (err && err != MDB_NOTFOUND)
        (void)read_error(c, err); /* notes damage; nobody is left out for it */
    return err == 0 && posting_cmp(&rc->it.posting, where.bytes, where.len) == 0;
}
