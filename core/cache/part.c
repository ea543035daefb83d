/* part.c - turning words, and keeping their turns. */
#include "cache/part.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "cache/impl.h"

static bool is_more_words(struct ctr_str word)
{
    return word.len > 0 && key_is_more_words((const uint8_t *)word.ptr);
}

static bool is_long(struct ctr_str word)
{
    return word.len > PART_WHOLE || is_more_words(word);
}

static void make_long(struct ctr_str word, struct posting *out)
{
    ensure(word.len < KEY_MAX);
    out->bytes[0] = PART_LONG;
    memcpy(out->bytes + 1, word.ptr, word.len);
    out->len = (uint8_t)(word.len + 1);
}

static void make_turn(struct ctr_str word, size_t at, struct posting *out)
{
    size_t rest = word.len - at;

    memcpy(out->bytes, word.ptr + at, rest);
    out->bytes[rest] = PART_TURN;
    memcpy(out->bytes + rest + 1, word.ptr, at);
    out->len = (uint8_t)(word.len + 1);
}

static bool begins_character(char c)
{
    return ((uint8_t)c & 0xc0) != 0x80;
}

bool part_next(struct part_turns *t, struct posting *out)
{
    if (is_long(t->word)) {
        if (t->at++ > 0)
            return false;
        make_long(t->word, out);
        return true;
    }
    while (t->at < t->word.len && !begins_character(t->word.ptr[t->at]))
        t->at++;
    if (t->at + CACHE_NAME_PIECE_MIN > t->word.len)
        return false;
    make_turn(t->word, t->at++, out);
    return true;
}

void part_turned(struct ctr_str word, size_t at, struct posting *out)
{
    if (is_long(word))
        make_long(word, out);
    else
        make_turn(word, at < word.len ? at : word.len, out);
}

size_t part_word(const struct posting *p, uint8_t out[KEY_MAX], size_t *at)
{
    const uint8_t *turn;
    size_t head, rest;

    *at = 0;
    if (p->len < 2 || p->len > KEY_MAX)
        return 0;
    if (p->bytes[0] == PART_LONG) {
        memcpy(out, p->bytes + 1, p->len - 1u);
        return p->len - 1u;
    }
    turn = memchr(p->bytes, PART_TURN, p->len);
    if (!turn)
        return 0;
    rest = (size_t)(turn - p->bytes);
    head = p->len - rest - 1;
    memcpy(out, turn + 1, head);
    memcpy(out + head, p->bytes, rest);
    *at = head;
    return head + rest;
}

static const char *find(struct ctr_str word, struct ctr_str text)
{
    const char *at = word.ptr, *end = word.ptr + word.len;

    while (at && (size_t)(end - at) >= text.len) {
        if (memcmp(at, text.ptr, text.len) == 0)
            return at;
        at = memchr(at + 1, text.ptr[0], (size_t)(end - at - 1));
    }
    return NULL;
}

bool part_holds(struct ctr_str word, struct ctr_str text)
{
    return key_may_be_cut(word.len) || is_more_words(word) || find(word, text);
}

bool part_where(struct ctr_str word, struct ctr_str text, struct posting *out)
{
    const char *at;

    if (is_long(word)) {
        make_long(word, out);
        return part_holds(word, text);
    }
    at = find(word, text);
    if (at)
        make_turn(word, (size_t)(at - word.ptr), out);
    return at != NULL;
}

bool part_is_new(struct part_seen *seen, struct ctr_str word)
{
    enum { WORDS_MAX = 1 << 20 };
    uint64_t hash = XXH3_64bits_withSeed(word.ptr, word.len, seen->seed);
    bool is_new = true;

    if (seen->words.n >= WORDS_MAX)
        return idmap_find(&seen->words, hash) == NULL;
    (void)idmap_put(&seen->words, hash, &is_new); /* without memory it is always new */
    return is_new;
}

/* ---- writing ---- */

/* A word has all its postings or none. */
static bool is_there(struct writer *w, struct ctr_str word)
{
    struct part_turns turns = {word, 0};
    struct posting p;

    return !part_next(&turns, &p) || posting_is_there(w, DB_PART, &p);
}

void part_add(struct writer *w, struct ctr_str word)
{
    struct part_turns turns = {word, 0};
    struct posting p;

    if (is_there(w, word))
        return;
    while (part_next(&turns, &p))
        posting_put(w, DB_PART, &p);
}

void part_del(struct writer *w, struct ctr_str word)
{
    struct part_turns turns = {word, 0};
    struct posting p;

    if (!is_there(w, word))
        return;
    while (part_next(&turns, &p))
        posting_drop(w, DB_PART, &p);
}
