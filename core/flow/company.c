/* company.c - answers that stand for a company: several who share a number and an
 * employer, or nobody where the number lies behind a company's trunk.
 *
 * They are made of contacts, so the same rules hold: nothing of a private contact of
 * somebody else, nothing of a hidden field. */
#include "flow/query.h"

static struct ctr_str visible_organisation(const struct eval *ev)
{
    for (uint32_t i = 0; i < ev->n; i++)
        if (ev->fields[i].f.kind == CTR_FIELD_ORGANISATION)
            return ev->fields[i].f.value;
    return (struct ctr_str){NULL, 0};
}

static bool share_organisation(const struct query *q)
{
    const struct kept *first = &q->kept.items[0];

    for (uint32_t i = 0; i < q->kept.n; i++)
        if (q->kept.items[i].rank.organisation == 0 ||
            q->kept.items[i].rank.organisation != first->rank.organisation)
            return false;
    return q->kept.n > 1;
}

/* The number as asked: that is what all of them have. */
static void asked_number(const struct query *q, struct hit_company *out)
{
    const struct eval *ev = &q->flow->eval;
    unsigned reading;

    out->number_kind = CTR_FIELD_PHONE_MAIN;
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct record_field *f = &ev->fields[i].f;
        const struct eval_number *text;

        if (!(CTR_KINDS_PHONE & CTR_KIND(f->kind)))
            continue;
        text = eval_answers(&q->filter, f, &reading);
        if (!text)
            continue;
        out->asked = text->text;
        out->number_kind = f->kind;
        if (f->number_class == NUMBER_E164)
            out->digits = str_make(f->digits, f->digits_len);
        return;
    }
}

bool company_of_kept(struct query *q)
{
    const struct kept *first = &q->kept.items[0];
    struct hit_company company = {.group_size = q->kept.n};
    struct hit_options options;
    char *name;

    if (q->conf->ambiguity != FLOW_AMBIGUITY_COMPANY || !share_organisation(q))
        return false;
    if (first->live)
        live_load(q, first->source, first->live);
    else if (walk_load(q, first->source, first->recno) < 0)
        return false;
    company.organisation = visible_organisation(&q->flow->eval);
    name = arena_fmt(&q->hits_arena, STR_FMT " (%u contacts)",
                     STR_ARG(company.organisation), q->kept.n);
    company.name = str_of(name);
    asked_number(q, &company);
    hits_options(q, first->source, CTR_CONTACT_AMBIGUOUS, &options);
    q->trace.ambiguous = 1;
    hits_put(q, first->source,
             hit_make_company(&q->flow->eval, &options, &company, &q->hits_arena));
    return true;
}

/* ---- the owner of a trunk -------------------------------------------------- */

/* Does the loaded contact show a number under this trunk? */
static bool shows_trunk(const struct eval *ev, struct ctr_str trunk)
{
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct record_field *f = &ev->fields[i].f;

        if (CTR_KINDS_PHONE & CTR_KIND(f->kind) && f->number_class == NUMBER_E164 &&
            f->digits_len >= trunk.len && memcmp(f->digits, trunk.ptr, trunk.len) == 0)
            return true;
    }
    return false;
}

static bool answer_trunk(struct query *q, uint32_t source, const struct number *n,
                         struct ctr_str asked)
{
    struct eval *ev = &q->flow->eval;
    struct hit_company company = {.number_kind = CTR_FIELD_PHONE_MAIN};
    struct cache_company found;
    struct hit_options options;
    struct ctr_str digits = str_make(n->digits, n->len);

    if (cache_company(q->view->sources[source].source->cache, digits, &found) < 0 ||
        found.trunk_len == 0 || found.trunk_len >= n->len ||
        walk_load(q, source, found.recno) < 0)
        return false;
    company.digits = str_make(n->digits, found.trunk_len);
    company.organisation = company.name = visible_organisation(ev);
    if (ev->owner.len > 0 && !access_owns(q->view, ev->owner))
        return false;
    if (company.organisation.len == 0 || !shows_trunk(ev, company.digits))
        return false;
    company.asked = asked;
    hits_options(q, source, CTR_CONTACT_COMPANY, &options);
    q->trace.company = 1;
    q->total = 1;
    hits_put(q, source, hit_make_company(ev, &options, &company, &q->hits_arena));
    return true;
}

/* Only the best reading counts: 112 is the emergency number before it is an extension.
 * And only who asks for a number at work is told where it would ring. */
void company_of_trunk(struct query *q)
{
    const uint64_t trunk_kinds =
        CTR_KIND(CTR_FIELD_PHONE_BUSINESS) | CTR_KIND(CTR_FIELD_PHONE_MAIN);

    for (unsigned t = 0; t < q->filter.n_texts; t++) {
        const struct eval_number *text = q->filter.texts[t];

        if (text->n_readings == 0 || text->readings[0].class != NUMBER_E164 ||
            !(text->kinds & trunk_kinds))
            continue;
        for (uint32_t s = q->source_first; s < q->source_end; s++)
            if (answer_trunk(q, s, &text->readings[0], text->text))
                return;
    }
}
