/* plan_text.c - ways for names and other text: by whole words, by their beginnings, and
 * by what stands within them. */
#include "flow/plan_way.h"

#include "base/error.h"

enum {
    WORD_KEY_MAX = 56, /* surely uncut in the index */
    WORDS_MAX = 8,     /* of many, so many are looked at */
    WITHIN_LEAST = 2   /* bytes; one stands in nearly every word */
};

static const uint64_t mail_kind = CTR_KIND(CTR_FIELD_MAIL);

static void add_word(struct planner *p, struct way *way, struct ctr_str word, bool exact)
{
    struct plan_walk walk = {.index = CACHE_WORD, .exact = exact, .key = word};

    if (word.len > WORD_KEY_MAX) {
        walk.key.len = WORD_KEY_MAX;
        walk.exact = false;
    }
    way_add(p, way, walk,
            walk.exact ? COST_WORD
                       : way_add_cost(COST_WORD, way_prefix_cost(word.len, 3)));
}

/* Words that must all be there; the best one proposes. */
static struct way words_way(struct planner *p, const struct eval_leaf *leaf)
{
    const struct eval_words *words = leaf->words;
    struct way best = way_scan();

    if (words->n == 0)
        return (struct way){0};
    for (uint32_t i = 0; i < words->n && i < WORDS_MAX; i++) {
        struct way way = {0};

        add_word(p, &way, words->word[i], false);
        if (leaf->op == CTR_OP_APPROX && words->sound[i].len > 0)
            way_add(p, &way,
                    (struct plan_walk){
                        .index = CACHE_SOUND, .exact = true, .key = words->sound[i]},
                    COST_WORD * 2);
        best = way_cheaper(p, &best, &way);
    }
    return best;
}

/* A word of an asked text that must stand in the value, and how. */
struct found_word {
    struct ctr_str word;
    bool exact;
};

static bool is_better(struct found_word a, struct found_word b)
{
    return !b.word.ptr || a.word.len + (a.exact ? 2 : 0) > b.word.len + (b.exact ? 2 : 0);
}

/* Looks through a piece. first_open: what precedes the piece is unknown, so its first
 * word may be the end of a longer one; last_open: likewise behind it. */
static struct found_word best_in_piece(struct ctr_str piece, bool first_open,
                                       bool last_open)
{
    struct found_word best = {0};
    struct ctr_str rest = piece, word;

    while (text_next_word(&rest, &word)) {
        bool first = word.ptr == piece.ptr;
        bool last = word.ptr + word.len == piece.ptr + piece.len;
        struct found_word found = {word, !(last && last_open)};

        if (!(first && first_open) && is_better(found, best))
            best = found;
    }
    return best;
}

/* The longest run of letters and digits in any piece: it stands within some word. */
static struct ctr_str longest_part(const struct eval_leaf *leaf)
{
    struct ctr_str best = {NULL, 0}, word;

    for (uint32_t i = 0; i < leaf->n_values; i++) {
        struct ctr_str rest = leaf->folds[i].form[0];

        while (text_next_word(&rest, &word))
            if (word.len > best.len)
                best = word;
    }
    return best;
}

/* SUBSTR: something that stands anywhere within a word, or within an address. */
static struct way within_way(struct planner *p, const struct eval_leaf *leaf,
                             enum cache_within within)
{
    struct plan_walk walk = {
        .index = CACHE_WORD, .within = (uint8_t)within, .key = longest_part(leaf)};
    struct way way = {0};

    if (leaf->op != CTR_OP_SUBSTR || walk.key.len < WITHIN_LEAST)
        return way_scan();
    if (walk.key.len > WORD_KEY_MAX)
        walk.key.len = WORD_KEY_MAX;
    way_add(p, &way, walk,
            plan_walk_is_dear(&walk)
                ? COST_DEAR - (uint32_t)walk.key.len
                : way_add_cost(COST_WORD, way_prefix_cost(walk.key.len, 2)));
    return way;
}

/* EQUAL and SUBSTR: one word that must be there. */
static struct way text_words_way(struct planner *p, const struct eval_leaf *leaf,
                                 uint64_t kinds)
{
    bool whole = leaf->op == CTR_OP_EQUAL;
    uint32_t n = whole ? 1 : leaf->n_values;
    struct found_word best = {0};
    struct way way = {0};

    for (uint32_t i = 0; i < n; i++) {
        struct found_word found = best_in_piece(leaf->folds[i].form[0], !whole && i > 0,
                                                !whole && i < leaf->n_values - 1);

        if (found.word.ptr && is_better(found, best))
            best = found;
    }
    if (!best.word.ptr)
        return within_way(
            p, leaf, kinds & ~CACHE_NAME_KINDS ? CACHE_WITHIN_WORDS : CACHE_WITHIN_NAMES);
    add_word(p, &way, best.word, best.exact);
    return way;
}

/* A mail address is one key of its own: equal to the text, or beginning with it. */
static struct way mail_way(struct planner *p, const struct eval_leaf *leaf)
{
    struct ctr_str text = leaf->folds[0].form[0];
    struct way way = {0};
    char *key;

    if (text.len == 0)
        return within_way(p, leaf, CACHE_WITHIN_ADDRESSES);
    if (text.len > WORD_KEY_MAX)
        text.len = WORD_KEY_MAX;
    key = arena_alloc(p->arena, text.len + 1);
    if (!key) {
        p->error = -CTR_ENOMEM;
        return way;
    }
    key[0] = CACHE_ADDRESS;
    memcpy(key + 1, text.ptr, text.len);
    add_word(p, &way, str_make(key, text.len + 1),
             leaf->op == CTR_OP_EQUAL && text.len < WORD_KEY_MAX);
    return way;
}

struct way text_way(struct planner *p, const struct eval_leaf *leaf, uint64_t kinds)
{
    bool words = leaf->op == CTR_OP_WORDS || leaf->op == CTR_OP_APPROX;
    struct way way = {0}, mail = {0};

    if (kinds & ~CACHE_WORD_KINDS || leaf->op == CTR_OP_GE || leaf->op == CTR_OP_LE)
        return way_scan();
    if (words)
        way = words_way(p, leaf);
    else if (kinds & ~mail_kind)
        way = text_words_way(p, leaf, kinds & ~mail_kind);
    if (kinds & mail_kind && (!words || leaf->words->n > 0)) {
        mail = mail_way(p, leaf);
        way_unite(p, &way, &mail);
    }
    return way;
}
