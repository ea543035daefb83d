/* plan_way.c - ways: lists of walks, united or chosen among. */
#include "flow/plan_way.h"

#include "base/error.h"

enum {
    COST_WORTH_LOOKING = 16, /* below, no estimate pays */
    ESTIMATE_LEAST = 200,    /* postings of one walk in one source */
    ESTIMATE_MOST = 2048,
    ESTIMATE_SHARE = 64, /* ... a share of the contacts */
    ESTIMATE_WALKS = 32,
    ESTIMATES_MAX = 16,                  /* in one plan */
    ESTIMATES_COUNT = 3 * ESTIMATE_MOST, /* all of its estimates together */
    LOOK_BACK = 16                       /* equal walks are looked for this far */
};

struct way way_scan(void)
{
    return (struct way){.scan = true, .cost = COST_SCAN};
}

uint32_t way_add_cost(uint32_t a, uint32_t b)
{
    return a + b > COST_SCAN || a + b < a ? COST_SCAN : a + b;
}

uint32_t way_prefix_cost(size_t len, unsigned bits)
{
    unsigned shift = (unsigned)len * bits;

    return shift >= 20 ? COST_WORTH_LOOKING + 1 : (1u << 20) >> shift;
}

/* A copy, behind `last`. */
static struct plan_walk *append(struct planner *p, struct plan_walk **first,
                                struct plan_walk *last, const struct plan_walk *walk)
{
    struct plan_walk *w = arena_alloc(p->arena, sizeof(*w));

    if (!w) {
        p->error = -CTR_ENOMEM;
        return NULL;
    }
    *w = *walk;
    w->next = NULL;
    if (last)
        last->next = w;
    else
        *first = w;
    return w;
}

static bool is_same(const struct plan_walk *a, const struct plan_walk *b)
{
    return a->index == b->index && a->number_class == b->number_class &&
           a->exact == b->exact && a->within == b->within && str_eq(a->key, b->key);
}

void way_add(struct planner *p, struct way *way, struct plan_walk walk, uint32_t cost)
{
    struct plan_walk *w;
    unsigned seen = 0;

    if (walk.key.len > CACHE_KEY_MAX) {
        walk.key.len = CACHE_KEY_MAX;
        walk.exact = false;
    }
    for (w = way->first; w && seen++ < LOOK_BACK; w = w->next)
        if (is_same(w, &walk))
            return;
    w = append(p, &way->first, way->last, &walk);
    if (!w)
        return;
    way->last = w;
    way->n++;
    way->n_dear += plan_walk_is_dear(&walk);
    way->cost = way_add_cost(way->cost, cost);
}

/* ---- one of several -------------------------------------------------------- */

/* What is common is not to be told from what is more common at any price. */
static unsigned estimate_walk(struct planner *p, const struct plan_walk *w,
                              struct cache_source *source, uint32_t enough)
{
    struct cache_walk walk;
    struct cache_info info;
    uint64_t limit;
    unsigned n;

    cache_source_info(source, &info);
    limit = info.contacts / ESTIMATE_SHARE;
    limit = limit < ESTIMATE_LEAST ? ESTIMATE_LEAST : limit;
    limit = limit > ESTIMATE_MOST ? ESTIMATE_MOST : limit;
    plan_walk_init(w, source, &walk);
    n = cache_walk_estimate(&walk, limit < enough ? (unsigned)limit : enough);
    p->counted += n;
    return n;
}

/* enough: more need not be known */
static uint32_t estimate(struct planner *p, const struct way *way, uint32_t enough)
{
    const struct view *view = p->options->view;
    uint32_t cost = 0;
    unsigned seen = 0;

    p->estimates++;
    for (const struct plan_walk *w = way->first; w; w = w->next) {
        if (w->index == PLAN_INDEX_ID)
            continue;
        for (uint32_t i = 0; i < view->n; i++) {
            if (++seen > ESTIMATE_WALKS || p->counted > ESTIMATES_COUNT)
                return way->cost;
            cost = way_add_cost(
                cost, estimate_walk(p, w, view->sources[i].source->cache, enough));
        }
    }
    return cost;
}

/* Do these walks find all, also of a contact with more sounds than the index keeps? */
static bool can_be_other(const struct way *way)
{
    for (const struct plan_walk *w = way->first; w; w = w->next)
        if (w->index == PLAN_INDEX_ID || w->index == CACHE_SOUND)
            return false;
    return !way->scan && way->n > 0;
}

static void add_other(struct way *way, struct plan_other *other)
{
    struct plan_other **at = &way->others;

    if (way->n_others == OTHERS_MAX)
        return;
    while (*at && (other->dear > (*at)->dear ||
                   (other->dear == (*at)->dear && other->cost >= (*at)->cost)))
        at = &(*at)->next;
    other->next = *at;
    *at = other;
    way->n_others++;
}

/* The way that was not chosen; contacts with more words than the index keeps count in. */
static void set_beside(struct planner *p, struct way *way, const struct way *not_chosen)
{
    const struct plan_walk more = {
        .index = CACHE_WORD, .exact = true, .key = CACHE_MORE_WORDS};
    struct plan_other *other, *next;

    for (other = not_chosen->others; other; other = next) {
        next = other->next;
        add_other(way, other);
    }
    if (!can_be_other(not_chosen))
        return;
    other = arena_alloc(p->arena, sizeof(*other));
    if (!other || !append(p, &not_chosen->last->next, not_chosen->last, &more)) {
        p->error = -CTR_ENOMEM;
        return;
    }
    other->first = not_chosen->first;
    other->dear = not_chosen->n_dear > 0;
    other->cost = not_chosen->cost;
    add_other(way, other);
}

struct way way_cheaper(struct planner *p, struct way *a, struct way *b)
{
    struct way *best = b->cost < a->cost ? b : a;

    if (a->scan || b->scan)
        return !a->scan ? *a : !b->scan ? *b : a->not_numbers ? *a : *b;
    if (p->options->estimate && a->cost > COST_WORTH_LOOKING &&
        b->cost > COST_WORTH_LOOKING && a->n_dear == 0 && b->n_dear == 0 &&
        p->estimates < ESTIMATES_MAX) {
        if (!a->estimated)
            a->cost = estimate(p, a, b->estimated ? b->cost + 1 : COST_SCAN);
        if (!b->estimated)
            b->cost = estimate(p, b, a->cost + 1);
        a->estimated = b->estimated = true;
        best = b->cost < a->cost ? b : a;
    }
    set_beside(p, best, best == a ? b : a);
    return *best;
}

/* ---- all of several -------------------------------------------------------- */

/* With each of the others also what the other part finds. */
static void widen_others(struct planner *p, struct way *way, const struct way *part)
{
    enum { WALKS_MAX = 4 };

    if (part->n > WALKS_MAX || !can_be_other(part)) {
        way->others = NULL;
        way->n_others = 0;
    }
    for (struct plan_other *other = way->others; other; other = other->next) {
        struct plan_walk *last = other->first;

        while (last->next)
            last = last->next;
        other->dear |= part->n_dear > 0;
        other->cost = way_add_cost(other->cost, part->cost);
        for (const struct plan_walk *w = part->first; w; w = w->next) {
            last = append(p, &other->first, last, w);
            if (!last)
                return;
        }
    }
}

static void unite_others(struct planner *p, struct way *a, const struct way *b)
{
    if (b->n == 0)
        return;
    if (a->n == 0) {
        a->others = b->others;
        a->n_others = b->n_others;
    } else if (!b->others) {
        widen_others(p, a, b);
    } else {
        a->others = NULL;
        a->n_others = 0;
    }
}

void way_unite(struct planner *p, struct way *a, const struct way *b)
{
    struct plan_walk *next;

    if (a->scan || b->scan) {
        bool only = (!a->scan || a->not_numbers) && (!b->scan || b->not_numbers) &&
                    (a->n == 0 || a->scan) && (b->n == 0 || b->scan);

        *a = way_scan();
        a->not_numbers = only;
        return;
    }
    unite_others(p, a, b);
    for (struct plan_walk *w = b->first; w; w = next) {
        uint32_t cost = w->index == PLAN_INDEX_ID ? COST_ID : b->cost / b->n;

        next = w->next;
        way_add(p, a, *w, cost);
    }
    if (a->n_dear > DEAR_MAX)
        *a = way_scan();
}
