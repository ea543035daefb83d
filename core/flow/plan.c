/* plan.c - from a filter to index walks: the best child of an AND, all of an OR. */
#include <xxhash.h>

#include "base/error.h"
#include "flow/plan_way.h"

enum { TAIL_DIGITS_MIN = 3 };

/* ---- numbers --------------------------------------------------------------- */

static void add_number(struct planner *p, struct way *way, const struct number *n,
                       bool exact)
{
    struct plan_walk walk = {.index = CACHE_NUMBER,
                             .number_class = n->class,
                             .exact = exact,
                             .key = str_make(n->digits, n->len)};

    way_add(p, way, walk, exact ? COST_EXACT : way_prefix_cost(n->len, 2));
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
        way_add(p, &way, tail, way_prefix_cost(piece->len, 3));
    }
    way_add(p, &way, local, COST_EXACT);
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

/* ---- the tree -------------------------------------------------------------- */

static struct way id_way(struct planner *p, const struct eval_leaf *leaf)
{
    struct way way = {0};

    if (leaf->op != CTR_OP_EQUAL && leaf->op != CTR_OP_WORDS && leaf->op != CTR_OP_APPROX)
        return way_scan();
    if (leaf->values[0].len > 0 && leaf->values[0].len <= CTR_ID_MAX)
        way_add(p, &way,
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
        way_unite(p, &way, &more);
    }
    if (rest) {
        more = text_way(p, leaf, rest);
        way_unite(p, &way, &more);
    }
    return way;
}

static struct way node_way(struct planner *p, const struct eval_node *node);

/* Begins with what most likely finds least: next to it the others need no long look. */
static struct way and_way(struct planner *p, const struct eval_node *node)
{
    struct way *ways = arena_array(p->arena, node->n_children, sizeof(*ways));
    struct way best = way_scan();
    uint32_t first = 0;

    if (!ways) {
        p->error = -CTR_ENOMEM;
        return best;
    }
    for (uint32_t i = 0; i < node->n_children; i++) {
        ways[i] = node_way(p, &node->children[i]);
        if (ways[i].n == 0 && !ways[i].scan)
            return ways[i]; /* never true */
        first = ways[i].cost < ways[first].cost ? i : first;
    }
    for (uint32_t i = 0; i < node->n_children; i++) {
        uint32_t k = i == 0 ? first : i <= first ? i - 1 : i;

        best = way_cheaper(p, &best, &ways[k]);
    }
    return best;
}

static struct way or_way(struct planner *p, const struct eval_node *node)
{
    struct way all = {0};

    for (uint32_t i = 0; i < node->n_children; i++) {
        struct way way = node_way(p, &node->children[i]);

        way_unite(p, &all, &way);
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

/* Contacts of which the index does not keep all words. */
static void add_more_words(struct planner *p, struct way *way)
{
    bool needed = false;

    for (const struct plan_walk *w = way->first; w && !way->scan; w = w->next)
        needed |= w->index == CACHE_WORD && !w->within;
    if (needed)
        way_add(p, way,
                (struct plan_walk){
                    .index = CACHE_WORD, .exact = true, .key = CACHE_MORE_WORDS},
                COST_EXACT);
}

/* Where there are others the plan's own walks narrow as they do, and first. */
static void add_self(struct planner *p, struct plan *plan, const struct way *way)
{
    struct plan_other *self;

    if (!way->others || way->n_dear > 0)
        return;
    for (const struct plan_walk *w = way->first; w; w = w->next)
        if (w->index == PLAN_INDEX_ID)
            return;
    self = arena_alloc(p->arena, sizeof(*self));
    if (!self) {
        p->error = -CTR_ENOMEM;
        return;
    }
    *self =
        (struct plan_other){.next = way->others, .first = way->first, .cost = way->cost};
    plan->others = self;
}

int plan_make(struct plan *plan, const struct eval_filter *filter,
              const struct plan_options *options, struct arena *arena)
{
    struct planner p = {.options = options, .arena = arena};
    struct way way = node_way(&p, &filter->root);
    struct plan_walk *w;

    add_more_words(&p, &way);
    w = way.first;
    memset(plan, 0, sizeof(*plan));
    plan->scan = way.scan;
    plan->others = way.others;
    add_self(&p, plan, &way);
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
    if (walk->within) {
        cache_walk_init_within(out, source, walk->key, (enum cache_within)walk->within);
        return;
    }
    cache_walk_init(out, source, (enum cache_index)walk->index, walk->key, walk->exact,
                    (enum number_class)walk->number_class);
}

uint64_t plan_hash(const struct plan *plan)
{
    uint64_t hash = plan->n;

    for (uint32_t i = 0; i < plan->n; i++) {
        const struct plan_walk *w = &plan->walks[i];
        uint8_t head[4] = {w->index, w->number_class, w->exact, w->within};

        hash = XXH3_64bits_withSeed(head, sizeof(head), hash);
        if (w->key.len > 0)
            hash = XXH3_64bits_withSeed(w->key.ptr, w->key.len, hash);
    }
    return hash;
}
