/* walk.c - from walk to walk and source to source: the candidates of a query, each once.
 *
 * What was seen is remembered up to a limit. Beyond it, and on later pages, a record is
 * left out when an earlier walk of the plan finds it as well, or an earlier key of the
 * same walk: that needs no memory, but takes the record's keys. */
#include "base/error.h"
#include "flow/query.h"

enum { KEYS_WORK = 4096, GONE_BY_AT_ONCE = 1024, BEGIN_AGAIN_MAX = 4 };

static struct cache_source *cache_of(const struct query *q, uint32_t source)
{
    return q->view->sources[source].source->cache;
}

/* ---- sources written anew ------------------------------------------------------ */

void walk_note_id(struct id_note *note, struct ctr_str id)
{
    note->len = (uint16_t)(id.len <= sizeof(note->bytes) ? id.len : 0);
    if (note->len > 0)
        memcpy(note->bytes, id.ptr, note->len);
}

/* Its contact has another number now. Where it is gone, the old one is as good as any. */
static void find_again(struct cache_walk *walk, const struct id_note *id)
{
    uint32_t recno;

    if (cache_find(walk->source, str_make(id->bytes, id->len), &recno) == 0)
        walk->recno = recno;
}

/* Of the sources: what only grows. Who is calling is one answer, which a change of the
 * best hit may make none. */
static uint64_t state_of_all(const struct query *q)
{
    struct cache_info info;
    uint64_t sum = 0;

    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        sum += cache_source_numbering(cache_of(q, i));
        if (q->mode != QUERY_RANK)
            continue;
        cache_source_info(cache_of(q, i), &info);
        sum += info.generation;
    }
    return sum;
}

static bool has_walk(const struct query *q)
{
    return q->phase == QUERY_WALK && q->source_open && q->walk < q->plan.n &&
           q->plan.walks[q->walk].index != PLAN_INDEX_ID;
}

void walk_leave(struct query *q)
{
    struct cache_walk *walk = &q->walks[q->walk];
    struct record r;

    q->stands_on.len = 0;
    if (q->phase > QUERY_DELIVER || q->ended)
        return;
    q->state = state_of_all(q);
    if (has_walk(q) && walk->at_len > 0 && cache_get(walk->source, walk->recno, &r) == 0)
        walk_note_id(&q->stands_on, record_id(&r));
}

/* From the first source on; what was kept is not what it was. */
static void begin_again(struct query *q)
{
    sort_release(q);
    q->begun_again++;
    q->kept.n = 0;
    q->total = q->unsorted = q->next_kept = q->end_kept = 0;
    q->cut = q->exists = q->source_open = false;
    q->source = q->source_first;
    q->phase = QUERY_WALK;
}

/* Nothing was given out. Not for ever: sources may change all the time. */
static bool may_begin_again(const struct query *q)
{
    return q->begun_again < BEGIN_AGAIN_MAX && q->hits == 0 && q->status == 0 &&
           !q->live_asked && !q->ask.resume.ptr;
}

void walk_enter(struct query *q)
{
    if (q->read_serial == q->flow->read_serial || q->phase > QUERY_DELIVER ||
        state_of_all(q) == q->state)
        return;
    if (may_begin_again(q)) {
        begin_again(q);
        return;
    }
    if (!has_walk(q))
        return;
    find_again(&q->walks[q->walk], &q->stands_on);
    seen_reset(&q->seen, cache_source_recnos(cache_of(q, q->source)));
    q->renumbered = true;
}

/* ---- sources, one after another ------------------------------------------------- */

/* The walk goes on behind the last hit of the page before. */
static void seek_resumed(struct query *q)
{
    const struct cache_walk *from = &q->delivered_at;
    struct cache_walk *walk = &q->walks[q->delivered_walk];

    q->resumed = false;
    q->walk = q->delivered_walk;
    if (q->plan.walks[q->walk].index == PLAN_INDEX_ID) {
        q->id_done = true;
        return;
    }
    walk->recno = from->recno;
    walk->kind = from->kind;
    walk->at_len = from->at_len;
    memcpy(walk->at, from->at, sizeof(walk->at));
    if (cache_source_numbering(walk->source) != q->delivered_numbering)
        find_again(walk, &q->delivered_id);
}

/* As it is now: what is left out by this must not be there. */
static bool has_not_numbers(struct cache_source *cache)
{
    struct cache_info info;

    cache_source_info(cache, &info);
    return info.not_numbers > 0;
}

static bool open_source(struct query *q)
{
    const struct setup_source *s = q->view->sources[q->source].source;

    q->source_open = true;
    q->renumbered = false;
    q->walk = 0;
    seen_reset(&q->seen, cache_source_recnos(s->cache));
    narrow_open(q);
    q->id_done = false;
    if (q->plan.not_numbers && !has_not_numbers(s->cache)) {
        q->resumed = false; /* the next source begins at its beginning */
        return false;
    }
    for (uint32_t i = 0; i < q->plan.n; i++)
        if (q->plan.walks[i].index != PLAN_INDEX_ID)
            plan_walk_init(&q->plan.walks[i], s->cache, &q->walks[i]);
    if (q->resumed)
        seek_resumed(q);
    return true;
}

/* Does an earlier walk, or an earlier key of this one, find the record? */
static bool found_before(struct query *q, const struct record *r)
{
    /* Derives the record's keys, walk by walk: dear. */
    q->flow->eval.work += (uint64_t)(q->walk + 1) * KEYS_WORK;
    for (uint32_t i = 0; i < q->walk; i++) {
        if (q->plan.walks[i].index == PLAN_INDEX_ID) {
            if (str_eq(record_id(r), q->plan.walks[i].key))
                return true;
        } else if (cache_record_in_walk(&q->walks[i], r)) {
            return true;
        }
    }
    return q->plan.walks[q->walk].index != PLAN_INDEX_ID &&
           !cache_walk_is_first(&q->walks[q->walk], r);
}

bool walk_repeats(struct query *q)
{
    struct record r = q->flow->eval.record;

    return q->unsure && found_before(q, &r);
}

static bool can_repeat(const struct query *q)
{
    return q->plan.n > 1 || (!q->plan.scan && !q->direct);
}

/* Is this record what was taken apart last, and as far as this query needs it? */
static bool is_loaded(const struct query *q, uint32_t source, uint32_t recno)
{
    const struct flow *flow = q->flow;

    return flow->loaded_view == &q->view->sources[source] &&
           flow->loaded_recno == recno && flow->loaded_serial == flow->read_serial &&
           flow->eval.plan == &q->conf->plan && (q->kinds & ~flow->eval.loaded) == 0;
}

static void load(struct query *q, uint32_t source, uint32_t recno, const struct record *r)
{
    struct flow *flow = q->flow;
    const struct view_source *view = &q->view->sources[source];

    if (is_loaded(q, source, recno))
        return;
    eval_load(&flow->eval, view, &q->conf->plan, r, q->kinds);
    flow->loaded_view = view;
    flow->loaded_recno = recno;
    flow->loaded_serial = flow->read_serial;
}

int walk_load(struct query *q, uint32_t source, uint32_t recno)
{
    struct record r;
    int err;

    if (is_loaded(q, source, recno))
        return 0;
    err = cache_get(cache_of(q, source), recno, &r);
    if (err < 0)
        return err;
    load(q, source, recno, &r);
    return 0;
}

static int step(struct query *q, uint32_t *recno)
{
    const struct plan_walk *walk = &q->plan.walks[q->walk];
    struct cache_bits among;
    int r;

    if (walk->index != PLAN_INDEX_ID) {
        r = narrow_is_ready(q, &among)
                ? cache_walk_next_among(&q->walks[q->walk], &among, GONE_BY_AT_ONCE)
                : cache_walk_next(&q->walks[q->walk]);
        *recno = q->walks[q->walk].recno;
        return r;
    }
    if (q->id_done)
        return -CTR_ENOENT;
    q->id_done = true;
    return cache_find(cache_of(q, q->source), walk->key, recno);
}

static int propose(struct query *q, uint32_t recno)
{
    struct record r;
    int before = 0, err;

    /* What earlier pages saw is not remembered, nor what had other numbers. */
    if (can_repeat(q))
        before = q->ask.resume.ptr || q->renumbered
                     ? -1
                     : seen_add(&q->seen, &q->arena, recno);
    if (before > 0)
        return -CTR_EPAUSE;
    err = cache_get(cache_of(q, q->source), recno, &r);
    if (err == -CTR_EIO)
        query_trace_source(q, q->source)->damaged++;
    if (err < 0)
        return -CTR_EPAUSE;
    q->unsure = before < 0;
    q->candidate = recno;
    load(q, q->source, recno, &r);
    return 0;
}

int walk_next(struct query *q)
{
    while (q->source < q->source_end) {
        uint32_t recno;
        int r;

        if (q->source_open || open_source(q)) {
            if (narrow_wanted(q))
                return narrow_step(q);
            if (q->walk < q->plan.n && !narrow_leaves_nobody(q)) {
                r = step(q, &recno);
                if (r == 0)
                    return propose(q, recno);
                if (r != -CTR_ENOENT)
                    return r;
                q->walk++;
                q->id_done = false;
                if (q->walk < q->plan.n)
                    return -CTR_EPAUSE;
            }
        }
        q->source++;
        q->source_open = false;
    }
    return -CTR_ENOENT;
}
