/* plan.c - from a filter to index walks: the best child of an AND, all of an OR.
 *
 * A way is a list of walks that together find every record the node can be true for. It
 * may find more: the filter is checked on each candidate anyway. */
#include "flow/plan.h"

#include <xxhash.h>

#include "base/error.h"

enum {
    COST_ID = 1,
    COST_EXACT = 2,
    COST_WORD = 400,
    COST_SCAN = 1 << 30,
    COST_WORTH_LOOKING = 16, /* below, no estimate pays */
    ESTIMATE_LIMIT = 200,
    ESTIMATE_WALKS = 8,
    ESTIMATES_MAX = 16, /* in one plan */
    LOOK_BACK = 16,     /* equal walks are looked for this far */
    TAIL_DIGITS_MIN = 3,
    WORD_KEY_MAX = 56 /* surely uncut in the index */
};

static const uint64_t mail_kind = CTR_KIND(CTR_FIELD_MAIL);

struct way {
    struct plan_walk *first, *last;
    uint32_t n;
    uint32_t cost;
    bool scan;        /* no index helps */
    bool not_numbers; /* ... but only fields that are no numbers can match */
    bool estimated;
};

struct planner {
    const struct plan_options *options;
    struct arena *arena;
    unsigned estimates;
    int error;
};

static struct way way_scan(void)
{
    return (struct way){.scan = true, .cost = COST_SCAN};
}

static uint32_t add_cost(uint32_t a, uint32_t b)
{
    return a + b > COST_SCAN || a + b < a ? COST_SCAN : a + b;
}

/* Longer keys find less. */
static uint32_t prefix_cost(size_t len, unsigned bits)
{
    unsigned shift = (unsigned)len * bits;

    return shift >= 20 ? COST_WORTH_LOOKING + 1 : (1u << 20) >> shift;
}

static void add_walk(struct planner *p, struct way *way, struct plan_walk walk,
                     uint32_t cost)
{
    struct plan_walk *w;
    unsigned seen = 0;

    if (walk.key.len > CACHE_KEY_MAX) {
        walk.key.len = CACHE_KEY_MAX;
        walk.exact = false;
    }
    for (w = way->first; w && seen++ < LOOK_BACK; w = w->next)
        if (w->index == walk.index && w->number_class == walk.number_class &&
            w->exact == walk.exact && str_eq(w->key, walk.key))
            return;
    w = arena_alloc(p->arena, sizeof(*w));
    if (!w) {
        p->error = -CTR_ENOMEM;
        return;
    }
    *w = walk;
    w->next = NULL;
    if (way->last)
        way->last->next = w;
    else
        way->first = w;
    way->last = w;
    way->n++;
    way->cost = add_cost(way->cost, cost);
}

/* Both ways; takes b's walks apart. */
static void unite(struct planner *p, struct way *a, const struct way *b)
{
    struct plan_walk *next;

    if (a->scan || b->scan) {
        bool only = (!a->scan || a->not_numbers) && (!b->scan || b->not_numbers) &&
                    (a->n == 0 || a->scan) && (b->n == 0 || b->scan);

        *a = way_scan();
        a->not_numbers = only;
        return;
    }
    for (struct plan_walk *w = b->first; w; w = next) {
        uint32_t cost = w->index == PLAN_INDEX_ID ? COST_ID : b->cost / b->n;

        next = w->next;
        add_walk(p, a, *w, cost);
    }
}

/* ---- numbers --------------------------------------------------------------- */

static void add_number(struct planner *p, struct way *way, const struct number *n,
                       bool exact)
{
    struct plan_walk walk = {.index = CACHE_NUMBER,
                             .number_class = n->class,
                             .exact = exact,
                             .key = str_make(n->digits, n->len)};

    add_walk(p, way, walk, exact ? COST_EXACT : prefix_cost(n->len, 2));
}

static struct way exact_way(struct planner *p, const struct eval_number *q)
{
    struct way way = {0};

    if (q->n_readings == 0 && !p->options->caller) {
        way = way_scan();
        way.not_numbers = true;
    }
    for (unsigned i = 0; i < q->n_readings; i++)
        add_number(p, &way, &q->readings[i], true);
    return way;
}

static struct way prefix_way(struct planner *p, const struct eval_number *q)
{
    struct way way = {0};

    for (unsigned i = 0; i < q->n_readings; i++) {
        if (q->readings[i].len == 0)
            return way_scan();
        add_number(p, &way, &q->readings[i], false);
    }
    return way;
}

static struct way tail_way(struct planner *p, const struct eval_number *q)
{
    const struct eval_piece *piece = &q->pieces[0];
    struct plan_walk local = {.index = CACHE_NUMBER,
                              .number_class = NUMBER_LOCAL,
                              .exact = true,
                              .key = str_make(piece->digits, piece->len)};
    struct plan_walk tail = {.index = CACHE_NUMBER_REVERSED, .number_class = NUMBER_E164};
    struct way way = {0};
    char *reversed;

    if (!q->short_tail && piece->len < TAIL_DIGITS_MIN)
        return way_scan();
    if (!q->short_tail) {
        reversed = arena_alloc(p->arena, (size_t)piece->len + 1);
        if (!reversed) {
            p->error = -CTR_ENOMEM;
            return way;
        }
        for (unsigned i = 0; i < piece->len; i++)
            reversed[i] = piece->digits[piece->len - 1 - i];
        tail.key = str_make(reversed, piece->len);
        add_walk(p, &way, tail, prefix_cost(piece->len, 3));
    }
    add_walk(p, &way, local, COST_EXACT);
    for (unsigned i = 0; i < q->n_readings; i++)
        add_number(p, &way, &q->readings[i], true);
    return way;
}

static struct way number_way(struct planner *p, const struct eval_leaf *leaf)
{
    const struct eval_number *q = leaf->number;

    if (leaf->op == CTR_OP_GE || leaf->op == CTR_OP_LE)
        return way_scan();
    switch (q->shape) {
    case EVAL_NEVER:
        return (struct way){0};
    case EVAL_EXACT:
        return exact_way(p, q);
    case EVAL_PREFIX:
        return prefix_way(p, q);
    case EVAL_TAIL:
        return tail_way(p, q);
    default:
        return way_scan();
    }
}

/* ---- text ------------------------------------------------------------------ */

static void add_word(struct planner *p, struct way *way, struct ctr_str word, bool exact)
{
    struct plan_walk walk = {.index = CACHE_WORD, .exact = exact, .key = word};

    if (word.len > WORD_KEY_MAX) {
        walk.key.len = WORD_KEY_MAX;
        walk.exact = false;
    }
    add_walk(p, way, walk,
             walk.exact ? COST_WORD : add_cost(COST_WORD, prefix_cost(word.len, 3)));
}

static uint32_t estimate(struct planner *p, const struct way *way)
{
    const struct view *view = p->options->view;
    uint32_t cost = 0;
    unsigned seen = 0;

    p->estimates++;
    for (const struct plan_walk *w = way->first; w; w = w->next) {
        if (w->index == PLAN_INDEX_ID)
            continue;
        for (uint32_t i = 0; i < view->n; i++) {
            struct cache_walk walk;

            if (++seen > ESTIMATE_WALKS * 4)
                return way->cost;
            plan_walk_init(w, view->sources[i].source->cache, &walk);
            cost = add_cost(cost, cache_walk_estimate(&walk, ESTIMATE_LIMIT));
        }
    }
    return cost;
}

/* The cheaper of two; looks into the indexes only where it may pay. */
static struct way cheaper(struct planner *p, struct way *a, struct way *b)
{
    if (a->scan || b->scan)
        return !a->scan ? *a : !b->scan ? *b : a->not_numbers ? *a : *b;
    if (p->options->estimate && a->cost > COST_WORTH_LOOKING &&
        b->cost > COST_WORTH_LOOKING && p->estimates < ESTIMATES_MAX) {
        if (!a->estimated)
            a->cost = estimate(p, a);
        if (!b->estimated)
            b->cost = estimate(p, b);
        a->estimated = b->estimated = true;
    }
    return b->cost < a->cost ? *b : *a;
}

/* Words that must all be there; the best one proposes. */
static struct way words_way(struct planner *p, const struct eval_leaf *leaf)
{
    const struct eval_words *words = leaf->words;
    struct way best = way_scan();

    if (words->n == 0)
        return (struct way){0};
    for (uint32_t i = 0; i < words->n && i < ESTIMATE_WALKS; i++) {
        struct way way = {0};

        add_word(p, &way, words->word[i], false);
        if (leaf->op == CTR_OP_APPROX && words->sound[i].len > 0)
            add_walk(p, &way,
                     (struct plan_walk){
                         .index = CACHE_SOUND, .exact = true, .key = words->sound[i]},
                     COST_WORD * 2);
        best = cheaper(p, &best, &way);
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

/* EQUAL and SUBSTR: one word that must be there. */
static struct way text_words_way(struct planner *p, const struct eval_leaf *leaf)
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
        return way_scan();
    add_word(p, &way, best.word, best.exact);
    return way;
}

/* A mail address is one key of its own: equal to the text, or beginning with it. */
static struct way mail_way(struct planner *p, const struct eval_leaf *leaf)
{
    struct ctr_str text = leaf->folds[0].form[0];
    struct way way = {0};

    if (text.len == 0)
        return way_scan();
    add_word(p, &way, text, leaf->op == CTR_OP_EQUAL);
    return way;
}

static struct way text_way(struct planner *p, const struct eval_leaf *leaf,
                           uint64_t kinds)
{
    bool words = leaf->op == CTR_OP_WORDS || leaf->op == CTR_OP_APPROX;
    struct way way = {0}, mail = {0};

    if (kinds & ~CACHE_WORD_KINDS || leaf->op == CTR_OP_GE || leaf->op == CTR_OP_LE)
        return way_scan();
    if (words)
        way = words_way(p, leaf);
    else if (kinds & ~mail_kind)
        way = text_words_way(p, leaf);
    if (kinds & mail_kind && (!words || leaf->words->n > 0)) {
        mail = mail_way(p, leaf);
        unite(p, &way, &mail);
    }
    return way;
}

/* ---- the tree -------------------------------------------------------------- */

static struct way id_way(struct planner *p, const struct eval_leaf *leaf)
{
    struct way way = {0};

    if (leaf->op != CTR_OP_EQUAL && leaf->op != CTR_OP_WORDS && leaf->op != CTR_OP_APPROX)
        return way_scan();
    if (leaf->values[0].len > 0 && leaf->values[0].len <= CTR_ID_MAX)
        add_walk(p, &way,
                 (struct plan_walk){.index = PLAN_INDEX_ID, .key = leaf->values[0]},
                 COST_ID);
    return way;
}

/* The kinds any source of the view shows; others cannot be matched. */
static uint64_t kinds_in_view(const struct view *view)
{
    uint64_t kinds = 0;

    for (uint32_t i = 0; i < view->n; i++)
        kinds |= view->sources[i].kinds;
    return kinds;
}

static struct way leaf_way(struct planner *p, const struct eval_leaf *leaf)
{
    uint64_t kinds = leaf->kinds & kinds_in_view(p->options->view);
    uint64_t id = CTR_KIND(CTR_FIELD_ID), rest = kinds & ~(CTR_KINDS_PHONE | id);
    struct way way = {0}, more;

    if (leaf->op == CTR_OP_PRESENT)
        return kinds ? way_scan() : way;
    if (kinds & id)
        way = id_way(p, leaf);
    if (kinds & CTR_KINDS_PHONE) {
        more = number_way(p, leaf);
        unite(p, &way, &more);
    }
    if (rest) {
        more = text_way(p, leaf, rest);
        unite(p, &way, &more);
    }
    return way;
}

static struct way node_way(struct planner *p, const struct eval_node *node);

static struct way and_way(struct planner *p, const struct eval_node *node)
{
    struct way best = way_scan();

    for (uint32_t i = 0; i < node->n_children; i++) {
        struct way way = node_way(p, &node->children[i]);

        if (way.n == 0 && !way.scan)
            return way; /* never true */
        best = cheaper(p, &best, &way);
    }
    return best;
}

static struct way or_way(struct planner *p, const struct eval_node *node)
{
    struct way all = {0};

    for (uint32_t i = 0; i < node->n_children; i++) {
        struct way way = node_way(p, &node->children[i]);

        unite(p, &all, &way);
        if (all.scan && !all.not_numbers)
            break;
    }
    return all;
}

static struct way node_way(struct planner *p, const struct eval_node *node)
{
    if (node->leaf)
        return leaf_way(p, node->leaf);
    switch (node->op) {
    case CTR_OP_AND:
        return and_way(p, node);
    case CTR_OP_OR:
        return or_way(p, node);
    case CTR_OP_FALSE:
    case CTR_OP_UNDEFINED:
        return (struct way){0};
    default: /* TRUE, NOT */
        return way_scan();
    }
}

int plan_make(struct plan *plan, const struct eval_filter *filter,
              const struct plan_options *options, struct arena *arena)
{
    struct planner p = {.options = options, .arena = arena};
    struct way way = node_way(&p, &filter->root);
    struct plan_walk *w = way.first;

    memset(plan, 0, sizeof(*plan));
    plan->scan = way.scan;
    plan->not_numbers = way.not_numbers;
    plan->n = way.scan ? 1 : way.n;
    plan->walks = arena_array(arena, plan->n, sizeof(*plan->walks));
    if (p.error < 0 || !plan->walks)
        return -CTR_ENOMEM;
    if (way.scan)
        plan->walks[0] = (struct plan_walk){.index = CACHE_ALL};
    for (uint32_t i = 0; !way.scan && i < plan->n; i++, w = w->next)
        plan->walks[i] = *w;
    return 0;
}

void plan_walk_init(const struct plan_walk *walk, struct cache_source *source,
                    struct cache_walk *out)
{
    cache_walk_init(out, source, (enum cache_index)walk->index, walk->key, walk->exact,
                    (enum number_class)walk->number_class);
}

uint64_t plan_hash(const struct plan *plan)
{
    uint64_t hash = plan->n;

    for (uint32_t i = 0; i < plan->n; i++) {
        const struct plan_walk *w = &plan->walks[i];
        uint8_t head[3] = {w->index, w->number_class, w->exact};

        hash = XXH3_64bits_withSeed(head, sizeof(head), hash);
        if (w->key.len > 0)
            hash = XXH3_64bits_withSeed(w->key.ptr, w->key.len, hash);
    }
    return hash;
}
