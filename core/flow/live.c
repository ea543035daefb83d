/* live.c - asks sources themselves, beside the cache: which, how long their answers are
 * waited for, and what of them is new to who asked. */
#include <xxhash.h>

#include "base/clock.h"
#include "base/error.h"
#include "flow/search.h"

enum {
    LIVE_CHECKS_MAX = 4,      /* at once, beside those somebody waits for */
    LIVE_CHECK_MS = 10 * 1000 /* the same question is not asked again sooner */
};

/* ---- ask ------------------------------------------------------------------- */

static bool can_go_live(const struct query *q)
{
    return q->mode != QUERY_SORT && !q->ask.page && !q->direct;
}

static bool can_ask(const struct setup_source *conf)
{
    return conf->live && conf->source->started && conf->source->driver.can_search;
}

/* How long the answer of this source is waited for. */
static int64_t wait_until(const struct query *q, uint32_t i, int64_t now)
{
    int64_t until = now + (int64_t)q->view->sources[i].source->live_timeout * 1000;

    return until < q->deadline_us ? until : q->deadline_us;
}

static struct ctr_search *ask(struct query *q, uint32_t i, int64_t now)
{
    int64_t left = (wait_until(q, i, now) - now) / 1000;

    return search_start(q, i, left > 0 ? (uint32_t)left : 1);
}

void live_start(struct query *q)
{
    if (q->live_asked)
        return;
    q->live_asked = true;
    if (!can_go_live(q))
        return;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        int64_t now = clock_us(), until = wait_until(q, i, now);

        if (!can_ask(q->view->sources[i].source) || now >= until || !ask(q, i, now))
            continue;
        q->live_running++;
        if (until > q->live_until_us)
            q->live_until_us = until;
    }
}

/* ---- asked again while nobody waits ---------------------------------------- */

/* Once in a while for each question. */
static bool checked_lately(struct source *source, struct ctr_str asked)
{
    uint64_t hash = XXH3_64bits(asked.ptr, asked.len);
    unsigned at = (unsigned)(hash % SOURCE_CHECKED_MAX);
    int64_t now = clock_ms();

    if (source->checked[at] == hash && now - source->checked_at[at] < LIVE_CHECK_MS)
        return true;
    source->checked[at] = hash;
    source->checked_at[at] = now;
    return false;
}

static void note_cached(struct ctr_search *s, const struct query *q)
{
    for (uint32_t i = 0; i < q->kept.n && s->n_cached < LIVE_CACHED_MAX; i++) {
        const struct kept *k = &q->kept.items[i];
        struct ctr_str id;

        if (k->source != s->view_source || k->live)
            continue;
        id = arena_str(&s->arena, k->rank.id);
        if (id.ptr)
            s->cached[s->n_cached++] = id;
    }
}

static bool cache_answered(const struct query *q, uint32_t source)
{
    for (uint32_t i = 0; i < q->kept.n; i++)
        if (q->kept.items[i].source == source && !q->kept.items[i].live)
            return true;
    return false;
}

void live_check(struct query *q)
{
    if (q->direct || q->filter.n_texts == 0)
        return;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        const struct setup_source *conf = q->view->sources[i].source;
        struct ctr_search *s;

        /* What a sync brought is looked after by the next one. */
        if (!can_ask(conf) || source_info(conf->source)->as_of != 0 ||
            !cache_answered(q, i) || conf->source->n_searches >= LIVE_CHECKS_MAX ||
            checked_lately(conf->source, q->filter.texts[0]->text))
            continue;
        s = ask(q, i, clock_us());
        if (!s)
            continue;
        note_cached(s, q);
        search_let_go(s);
    }
}

/* ---- use ------------------------------------------------------------------- */

void live_close(struct query *q)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        search_part(s);
        if (!s->done)
            query_trace_source(q, s->view_source)->live = TRACE_LIVE_LATE;
    }
}

void live_load(struct query *q, uint32_t source, const struct record *record)
{
    q->flow->loaded_view = NULL;
    eval_load(&q->flow->eval, &q->view->sources[source], &q->conf->plan, record,
              q->kinds);
}

void live_note(struct query *q, uint32_t source)
{
    if (can_go_live(q) && q->view->sources[source].source->live)
        answered_add(&q->answered, &q->arena, source, q->flow->eval.id);
}

/* This query has answered with the contact, from the cache or live. That the cache has it
 * says nothing: another query's answer may just have brought it there. Of more hits than
 * are remembered it has to be enough. */
static bool answered_before(struct query *q, uint32_t source, const struct record *record)
{
    struct cache_source *cache = q->view->sources[source].source->cache;
    uint32_t recno;

    if (answered_has(&q->answered, source, record_id(record)))
        return true;
    return q->answered.full && cache_find(cache, record_id(record), &recno) == 0 &&
           walk_load(q, source, recno) == 0 &&
           access_owns(q->view, q->flow->eval.owner) &&
           eval_truth(&q->flow->eval, &q->filter.root) == EVAL_TRUE;
}

int live_next(struct query *q, uint32_t *source, const struct record **record)
{
    list_for_each(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);
        struct record *r;

        if (s->next == s->hits.n)
            continue;
        r = &s->record[s->next];
        *r = search_hit(s, s->next);
        s->next++;
        if (answered_before(q, s->view_source, r))
            return -CTR_EPAUSE;
        live_load(q, s->view_source, r);
        *source = s->view_source;
        *record = r;
        return 0;
    }
    return -CTR_ENOENT;
}

/* ---- let go ---------------------------------------------------------------- */

/* Who asked no longer wants to know, or knows: the source is told to end. Else the time
 * was up, and the answer is still good for the cache. */
void live_stop(struct query *q)
{
    bool late = !q->canceled && !q->cut && q->status != -CTR_ECANCELED;

    list_for_each_safe(it, &q->searches)
    {
        struct ctr_search *s = list_entry(it, struct ctr_search, of_query);

        if (!late || s->done) {
            search_give_up(s);
            continue;
        }
        search_let_go(s);
        if (s->source && s->source->driver.search_drop)
            s->source->driver.search_drop(s->source->driver.ctx, s);
    }
    q->live_running = 0;
}
