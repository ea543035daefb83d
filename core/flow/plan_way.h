/* plan_way.h - ways, as the files of the plan share them.
 *
 * A way is a list of walks that together find every record the node can be true for. It
 * may find more: the filter is checked on each candidate anyway. */
#ifndef FLOW_PLAN_WAY_H
#define FLOW_PLAN_WAY_H

#include "flow/plan.h"

enum {
    COST_ID = 1,
    COST_EXACT = 2,
    COST_WORD = 400,
    COST_DEAR = 1 << 21, /* more than any index can tell of what it finds */
    COST_SCAN = 1 << 30,
    DEAR_MAX = 8, /* of one way; more are no better than looking at all records */
    OTHERS_MAX = 8
};

struct way {
    struct plan_walk *first, *last;
    uint32_t n, n_dear, n_others;
    uint32_t cost;
    bool scan;        /* no index helps */
    bool not_numbers; /* ... but only fields that are no numbers can match */
    bool estimated;
    struct plan_other *others; /* each by itself finds all that the way is to find */
};

struct planner {
    const struct plan_options *options;
    struct arena *arena;
    unsigned estimates;
    unsigned counted; /* by them */
    int error;
};

struct way way_scan(void);
void way_add(struct planner *p, struct way *way, struct plan_walk walk, uint32_t cost);
/* Both ways; takes b's walks apart. */
void way_unite(struct planner *p, struct way *a, const struct way *b);
/* Of two that each find all: the cheaper one, the other beside it. Looks into the indexes
 * only where it may pay. */
struct way way_cheaper(struct planner *p, struct way *a, struct way *b);
/* Longer keys find less. */
uint32_t way_prefix_cost(size_t len, unsigned bits);
uint32_t way_add_cost(uint32_t a, uint32_t b);

/* plan_text.c */
struct way text_way(struct planner *p, const struct eval_leaf *leaf, uint64_t kinds);

#endif
