/* narrow.c - when a walk proposes much that is no hit, what else the filter's AND asks
 * for is walked as well, and noted as one bit a record: to look at a bit costs a
 * hundredth of looking at a record.
 *
 * Worth it only when some candidates were in vain, as many as could have been looked at
 * for the price. Then the AND's ways are gone through in turn, the plan's own first, then
 * those that find less; each leaves those it shares with the ones before, until few are
 * left. The order and the place of the walk itself stay as they are, and so do cursors.
 * Bits are of one state of the source: when that changes meanwhile, they are given up. */
#include <stdlib.h>

#include "base/error.h"
#include "flow/query.h"

enum {
    MISSED_LEAST = 16,
    MISSED_SHARE = 4096,    /* of so many contacts one in vain, before narrowing pays */
    MISSED_SHARE_DEAR = 32, /* ... which goes through all words or addresses */
    WORK_AT_ONCE = 1024,    /* of a walk; then the clock is looked at */
    BITS_MAX = 16 << 20,
    BYTES_MAX = 32 << 20, /* of all queries */
    CLOCK_NOW = 1 << 20   /* work that makes somebody look at the clock */
};

void narrow_open(struct query *q)
{
    q->narrow.state = q->plan.others ? NARROW_NOT : NARROW_NEVER;
    q->narrow.missed = 0;
}

static void drop(struct query *q)
{
    struct narrow *n = &q->narrow;

    free(n->bits);
    free(n->bits_of);
    n->bits = n->bits_of = NULL;
    q->flow->narrowing -= n->cap_bits / 4;
    n->cap_bits = 0;
}

void narrow_finish(struct query *q)
{
    drop(q);
}

/* Two sets, a quarter of a byte a record. */
static bool make_room(struct query *q)
{
    struct narrow *n = &q->narrow;
    uint32_t words = n->n_bits / 64 + 1;
    size_t bytes = words * sizeof(*n->bits);

    drop(q);
    if (n->n_bits > BITS_MAX || q->flow->narrowing + 2 * bytes > BYTES_MAX)
        return false;
    n->bits = calloc(words, sizeof(*n->bits));
    n->bits_of = calloc(words, sizeof(*n->bits));
    n->cap_bits = words * 64;
    q->flow->narrowing += 2 * bytes;
    return n->bits && n->bits_of;
}

static struct cache_source *cache_of(const struct query *q)
{
    return q->view->sources[q->source].source->cache;
}

/* Of the state the bits are of? */
static bool is_same_state(struct query *q)
{
    struct narrow *n = &q->narrow;
    struct cache_info info;

    if (n->read_serial == q->flow->read_serial)
        return true;
    cache_source_info(cache_of(q), &info);
    n->read_serial = q->flow->read_serial;
    return info.generation == n->generation && info.changed_at == n->changed_at;
}

/* So many records are looked at in the time the other way takes. */
static uint64_t worth(uint64_t contacts, const struct plan_other *other)
{
    return contacts / (other->dear ? MISSED_SHARE_DEAR : MISSED_SHARE) + MISSED_LEAST;
}

bool narrow_is_wanted(struct query *q)
{
    struct narrow *n = &q->narrow;
    struct cache_info info;

    if (n->state == NARROW_NOT) {
        if (n->missed == 0)
            return false;
        cache_source_info(cache_of(q), &info);
        return n->missed >= worth(info.contacts, q->plan.others);
    }
    if (!is_same_state(q)) {
        n->state = NARROW_NEVER;
        drop(q);
    }
    return n->state == NARROW_WALKING;
}

/* ---- setting bits ---- */

static void begin_walk(struct query *q, const struct plan_walk *walk)
{
    q->narrow.plan_walk = walk;
    plan_walk_init(walk, cache_of(q), &q->narrow.walk);
}

static void begin_other(struct query *q, const struct plan_other *other)
{
    q->narrow.other = other;
    q->narrow.n_left = 0;
    begin_walk(q, other->first);
}

static void begin(struct query *q)
{
    struct narrow *n = &q->narrow;
    struct cache_info info;

    cache_source_info(cache_of(q), &info);
    n->generation = info.generation;
    n->changed_at = info.changed_at;
    n->read_serial = q->flow->read_serial;
    n->n_bits = cache_source_recnos(cache_of(q));
    n->state = NARROW_NEVER;
    if (!make_room(q)) {
        drop(q);
        return;
    }
    n->state = NARROW_WALKING;
    begin_other(q, q->plan.others);
}

/* The other way is at its end: what it shares with those before is what is left. */
static void end_other(struct query *q)
{
    struct narrow *n = &q->narrow;
    const struct plan_other *next = n->other->next;
    uint64_t *bits = n->bits_of;

    n->bits_of = n->bits;
    n->bits = bits;
    if (!next || n->n_left <= worth(n->n_bits, next)) {
        n->state = NARROW_READY;
        return;
    }
    memset(n->bits_of, 0, n->cap_bits / 8);
    begin_other(q, next);
}

static void end_walk(struct query *q)
{
    if (q->narrow.plan_walk->next)
        begin_walk(q, q->narrow.plan_walk->next);
    else
        end_other(q);
}

static int fill(struct query *q)
{
    struct narrow *n = &q->narrow;
    struct cache_fill to = {
        {n->bits_of, n->n_bits}, n->other == q->plan.others ? NULL : n->bits, n->n_left};
    int r = cache_walk_fill(&n->walk, &to, WORK_AT_ONCE);

    n->n_left = to.set;
    return r;
}

int narrow_step(struct query *q)
{
    struct narrow *n = &q->narrow;
    int r = 0;

    if (n->state == NARROW_NOT)
        begin(q);
    if (n->state == NARROW_WALKING)
        r = fill(q);
    if (r == -CTR_ENOENT)
        end_walk(q);
    q->flow->eval.work += CLOCK_NOW;
    return r == -CTR_EIO ? r : -CTR_EPAUSE;
}
