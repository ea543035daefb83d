/* rank.c - who is calling: all who have the number, the best first.
 *
 * The order is total: reading of the number, priority of the source, kind of the number,
 * completeness, source name, id. What only a weaker reading of the same number found is
 * dropped when somebody asks who is calling: "192" is the own extension, or else a
 * service. */
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"
#include "flow/query.h"

/* Which kind of number names its owner best. */
static uint8_t kind_rank(uint32_t kind)
{
    static const uint32_t order[] = {CTR_FIELD_PHONE_BUSINESS, CTR_FIELD_PHONE_MOBILE,
                                     CTR_FIELD_PHONE_MAIN,     CTR_FIELD_PHONE_OTHER,
                                     CTR_FIELD_PHONE_HOME,     CTR_FIELD_PHONE_IP,
                                     CTR_FIELD_PHONE_PAGER,    CTR_FIELD_PHONE_FAX};
    uint8_t i = 0;

    while (i < sizeof(order) / sizeof(order[0]) && order[i] != kind)
        i++;
    return i;
}

/* The best of the record's numbers that answer the question. */
static void rate(const struct query *q, struct kept *k)
{
    const struct eval *ev = &q->flow->eval;

    k->rank.text = EVAL_TEXTS_MAX;
    k->rank.reading = k->rank.kind = UINT8_MAX;
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct record_field *f = &ev->fields[i].f;
        const struct eval_number *text;
        uint8_t kind;
        unsigned reading;

        if (!(CTR_KINDS_PHONE & CTR_KIND(f->kind)))
            continue;
        text = eval_answers(&q->filter, f, &reading);
        kind = kind_rank(f->kind);
        if (!text || reading > k->rank.reading ||
            (reading == k->rank.reading && kind >= k->rank.kind))
            continue;
        k->rank.text = (uint8_t)text->text_no;
        k->rank.reading = (uint8_t)reading;
        k->rank.kind = kind;
    }
}

static uint64_t organisation_hash(const struct query *q)
{
    const struct eval *ev = &q->flow->eval;
    char folded[256];

    if (!q->caller || q->conf->ambiguity != FLOW_AMBIGUITY_COMPANY)
        return 0;
    for (uint32_t i = 0; i < ev->n; i++) {
        size_t n;

        if (ev->fields[i].f.kind != CTR_FIELD_ORGANISATION)
            continue;
        n = text_fold_into(ev->fields[i].f.value, 0, folded, sizeof(folded));
        return n > 0 ? XXH3_64bits(folded, n) | 1 : 0;
    }
    return 0;
}

void rank_keep(struct query *q, uint32_t source, const struct record *live)
{
    const struct eval *ev = &q->flow->eval;
    struct kept *k = kept_add(q, QUERY_KEPT_MAX);

    if (!k) {
        q->cut = true;
        query_stop(q, 0);
        return;
    }
    k->source = source;
    k->recno = live ? UINT32_MAX : q->candidate;
    k->live = live;
    rate(q, k);
    k->rank.fields = (uint8_t)__builtin_popcountll(ev->kinds);
    k->rank.organisation = organisation_hash(q);
    k->rank.id = arena_str(&q->arena, ev->id);
    if (!k->rank.id.ptr)
        query_stop(q, -CTR_EWORK);
}

static int by_rank(const void *pa, const void *pb)
{
    const struct kept *a = pa, *b = pb;

    if (a->rank.reading != b->rank.reading)
        return a->rank.reading < b->rank.reading ? -1 : 1;
    /* Sources stand by priority and name; of equal priority, the kind comes first. */
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a->rank.kind != b->rank.kind)
        return a->rank.kind < b->rank.kind ? -1 : 1;
    if (a->rank.fields != b->rank.fields)
        return a->rank.fields > b->rank.fields ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return str_cmp(a->rank.id, b->rank.id);
}

static void drop_weaker(struct query *q)
{
    uint8_t best[EVAL_TEXTS_MAX];
    uint32_t n = 0;

    memset(best, UINT8_MAX, sizeof(best));
    for (uint32_t i = 0; i < q->kept.n; i++) {
        const struct kept *k = &q->kept.items[i];

        if (k->rank.text < EVAL_TEXTS_MAX && k->rank.reading < best[k->rank.text])
            best[k->rank.text] = k->rank.reading;
    }
    for (uint32_t i = 0; i < q->kept.n; i++) {
        const struct kept *k = &q->kept.items[i];

        if (k->rank.text < EVAL_TEXTS_MAX && k->rank.reading > best[k->rank.text])
            query_trace_source(q, k->source)->weaker++;
        else
            q->kept.items[n++] = *k;
    }
    q->total -= q->kept.n - n;
    q->kept.n = n;
}

void rank_order(struct query *q)
{
    if (q->caller)
        drop_weaker(q);
    for (uint32_t i = 0; i < q->kept.n; i++)
        q->kept.items[i].priority =
            q->view->sources[q->kept.items[i].source].source->priority;
    if (q->kept.n > 1)
        qsort(q->kept.items, q->kept.n, sizeof(*q->kept.items), by_rank);
    q->end_kept = q->kept.n;
    if (q->caller && q->conf->ambiguity != FLOW_AMBIGUITY_ALL && q->kept.n > 1)
        q->end_kept = company_of_kept(q) ? 0 : 1;
    q->last_kept = q->end_kept;
    if (q->end_kept > q->next_kept && q->end_kept - q->next_kept > q->limit) {
        q->end_kept = q->next_kept + q->limit;
        q->cut = true;
    }
}

struct kept *kept_add(struct query *q, uint32_t max)
{
    struct kept_list *list = &q->kept;
    struct kept *k;

    if (list->n == max)
        return NULL;
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 8;
        list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
    }
    k = &list->items[list->n++];
    memset(k, 0, sizeof(*k));
    return k;
}
