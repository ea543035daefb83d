/* plan.h - which index walks propose every contact a filter can be true for. */
#ifndef FLOW_PLAN_H
#define FLOW_PLAN_H

#include "cache/cache.h"
#include "flow/eval.h"

/* Beside enum cache_index: a contact by its id. */
enum { PLAN_INDEX_ID = 100 };

struct plan_walk {
    struct plan_walk *next; /* while planning, and of plan_other */
    uint8_t index;          /* enum cache_index | PLAN_INDEX_ID */
    uint8_t number_class;
    bool exact;
    uint8_t within; /* enum cache_within */
    struct ctr_str key;
};

/* A way the filter's AND asks for beside the plan's: it, too, finds every record. */
struct plan_other {
    struct plan_other *next; /* those that find less stand first, dear ones last */
    struct plan_walk *first;
    uint32_t cost; /* about what it finds */
    bool dear;     /* goes through all words, or all addresses */
};

/* Does the walk go through all keys of an index? */
static inline bool plan_walk_is_dear(const struct plan_walk *walk)
{
    return walk->within == CACHE_WITHIN_WORDS || walk->within == CACHE_WITHIN_ADDRESSES;
}

struct plan {
    uint32_t n; /* 0: nothing can match */
    struct plan_walk *walks;
    bool scan;        /* the one walk is CACHE_ALL */
    bool not_numbers; /* a scan that can only find fields that are no numbers */
    const struct plan_other *others; /* with them, unless it is dear, the plan's own */
};

struct plan_options {
    const struct view *view;
    bool estimate; /* look into the indexes to choose; a read is under way */
    bool caller;   /* who is no number is nobody: never scan for one */
};

/* returns 0 | -CTR_ENOMEM (arena cap) */
int plan_make(struct plan *plan, const struct eval_filter *filter,
              const struct plan_options *options, struct arena *arena);

/* The walk of a plan in one source. Not for PLAN_INDEX_ID. */
void plan_walk_init(const struct plan_walk *walk, struct cache_source *source,
                    struct cache_walk *out);
/* The same walks in the same order? */
uint64_t plan_hash(const struct plan *plan);

#endif
