/* hits.c - decides whether a candidate is a hit, and takes hits to the front end in
 * batches. */
#include "base/clock.h"
#include "base/error.h"
#include "flow/query.h"
#include "flow/source.h"

/* Would it have been a hit, were nothing hidden? For the trace only. */
static bool is_hidden(struct query *q, uint32_t source)
{
    struct flow *flow = q->flow;
    struct view_source all = q->view->sources[source];
    struct record record = flow->eval.record;
    enum eval_truth truth;

    if (!all.restricted || q->mode != QUERY_RANK)
        return false;
    all.restricted = false;
    all.kinds = CTR_KINDS_ALL;
    all.secret = 0;
    eval_load(&flow->eval, &all, &q->conf->plan, &record, q->kinds);
    truth = eval_truth(&flow->eval, &q->filter.root);
    flow->loaded_view = NULL;
    return truth == EVAL_TRUE;
}

static bool check(struct query *q, uint32_t source, bool live)
{
    struct trace_source *trace = query_trace_source(q, source);
    struct eval *ev = &q->flow->eval;
    enum eval_truth truth;

    trace->candidates++;
    if (!access_owns(q->view, ev->owner)) {
        trace->private_of_others++;
        return false;
    }
    q->exists = true;
    truth = eval_truth(ev, &q->filter.root);
    if (ev->exhausted) {
        query_stop(q, -CTR_EWORK);
        return false;
    }
    if (truth == EVAL_TRUE && (live || !walk_repeats(q))) {
        trace->hits++;
        return true;
    }
    if (truth == EVAL_TRUE)
        return false; /* given already */
    if (is_hidden(q, source))
        trace->hidden++;
    else
        trace->unmatched++;
    return false;
}

static void mark_delivered(struct query *q)
{
    q->delivered_source = q->source;
    q->delivered_walk = q->walk;
    q->delivered_at = q->walks[q->walk];
    q->delivered_numbering =
        cache_source_numbering(q->view->sources[q->source].source->cache);
    walk_note_id(&q->delivered_id, q->flow->eval.id);
}

static void stream(struct query *q, uint32_t source, const struct record *live)
{
    if (q->hits < q->limit) {
        if (q->ask.page && !live)
            mark_delivered(q);
        hits_add(q, source, live ? CTR_CONTACT_LIVE : 0);
        return;
    }
    q->cut = true;
    if (!(q->ask.flags & CTR_QUERY_COUNT))
        query_stop(q, 0);
}

void hits_candidate(struct query *q, uint32_t source, const struct record *live)
{
    if (!check(q, source, live != NULL)) {
        q->narrow.missed++;
        return;
    }
    q->total++;
    if (live || q->mode == QUERY_STREAM)
        live_note(q, source);
    if (q->mode == QUERY_RANK && (!live || q->live_ranks))
        rank_keep(q, source, live);
    else if (q->mode == QUERY_SORT)
        sort_keep(q, source);
    else
        stream(q, source, live);
}

/* ---- to the front end ------------------------------------------------------ */

void hits_options(struct query *q, uint32_t source, uint32_t flags,
                  struct hit_options *out)
{
    const struct setup_source *s = q->view->sources[source].source;
    int64_t as_of =
        flags & CTR_CONTACT_LIVE ? clock_wall_ms() : source_info(s->source)->as_of;

    *out = (struct hit_options){.client = q->conf,
                                .filter = &q->filter,
                                .want = q->ask.want,
                                .as_of = as_of,
                                .flags = flags};
    if (s->stale_after > 0 && !(flags & CTR_CONTACT_LIVE) &&
        source_is_stale(s->source, s->stale_after))
        out->flags |= CTR_CONTACT_STALE;
}

void hits_add(struct query *q, uint32_t source, uint32_t flags)
{
    struct hit_options options;

    hits_options(q, source, flags, &options);
    hits_put(q, source, hit_make(&q->flow->eval, &options, &q->hits_arena));
}

void hits_put(struct query *q, uint32_t source, struct ctr_contact *contact)
{
    ensure(contact); /* the arena of a batch has no cap */
    if (q->hits == 0) {
        trace_copy(q->trace.hit_source, sizeof(q->trace.hit_source),
                   q->view->sources[source].source->name);
        trace_copy(q->trace.hit_id, sizeof(q->trace.hit_id), contact->id);
    }
    q->batch[q->n_batch++] = contact;
    q->hits++;
    if (q->n_batch == QUERY_BATCH || q->hits_arena.used > QUERY_BATCH_BYTES)
        hits_flush(q);
}

void hits_flush(struct query *q)
{
    uint32_t n = q->n_batch;
    int32_t r;

    if (n == 0 || q->ended)
        return;
    q->n_batch = 0;
    r = q->ops.on_hits(q->user, (const struct ctr_contact *const *)q->batch, n);
    arena_reset(&q->hits_arena);
    if (r == -CTR_EPAUSE)
        q->paused = true;
    else if (r < 0)
        q->canceled = true;
}
