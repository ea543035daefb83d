/* hit.c - lays out the visible, wanted fields of a record, numbers as the client writes
 * them. */
#include "flow/hit.h"

static struct ctr_str e164_text(struct arena *arena, struct ctr_str digits)
{
    char *text = arena_alloc(arena, digits.len + 2);

    if (!text)
        return (struct ctr_str){NULL, 0};
    text[0] = '+';
    memcpy(text + 1, digits.ptr, digits.len);
    return str_make(text, digits.len + 1);
}

/* The number in the client's notation. */
static struct ctr_str written(const struct hit_options *o, struct ctr_str digits,
                              struct ctr_str e164, struct ctr_str stored,
                              struct ctr_str asked, struct arena *arena)
{
    char text[NUMBER_TEXT_MAX];
    size_t n;

    if (o->client->format == NUMBER_FORMAT_ASKED && asked.len > 0)
        return asked;
    if (digits.len == 0 || o->client->format == NUMBER_FORMAT_STORED)
        return stored;
    if (o->client->format == NUMBER_FORMAT_E164 ||
        o->client->format == NUMBER_FORMAT_ASKED)
        return e164;
    n = number_format(&o->client->plan, o->client->format, digits, stored, asked, text,
                      sizeof(text));
    return n > 0 ? arena_str(arena, str_make(text, n)) : e164;
}

static bool make_phone(const struct record_field *f, const struct hit_options *o,
                       struct ctr_field *out, struct arena *arena)
{
    const struct eval_number *q = NULL;
    struct ctr_str digits = {NULL, 0};
    unsigned reading;

    if (o->client->format == NUMBER_FORMAT_ASKED && o->filter)
        q = eval_answers(o->filter, f, &reading);
    if (f->number_class == NUMBER_E164) {
        digits = str_make(f->digits, f->digits_len);
        out->e164 = e164_text(arena, digits);
        if (!out->e164.ptr)
            return false;
    }
    out->value = written(o, digits, out->e164, f->value,
                         q ? q->text : (struct ctr_str){NULL, 0}, arena);
    return out->value.ptr != NULL;
}

static struct ctr_contact *make_head(const struct eval *ev, const struct hit_options *o,
                                     uint32_t n_fields, struct arena *arena)
{
    struct ctr_contact *c = arena_alloc(arena, sizeof(*c));
    struct ctr_field *fields = arena_array(arena, n_fields, sizeof(*fields));

    if (!c || !fields)
        return NULL;
    c->size = sizeof(*c);
    c->flags = o->flags;
    c->id = ev->id;
    c->source = ev->view->source->name;
    c->fields = fields;
    c->field_size = sizeof(*fields);
    c->as_of = o->as_of;
    return c;
}

struct ctr_contact *hit_make(const struct eval *ev, const struct hit_options *o,
                             struct arena *arena)
{
    struct ctr_contact *c = make_head(ev, o, ev->n, arena);
    struct ctr_field *out;

    if (!c)
        return NULL;
    out = (struct ctr_field *)(uintptr_t)c->fields;
    if (ev->view->kinds & CTR_KIND(CTR_FIELD_OWNER))
        c->owner = ev->owner;
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct record_field *f = &ev->fields[i].f;

        if (!(o->want & CTR_KIND(f->kind)) || f->kind == CTR_FIELD_OWNER)
            continue;
        out->kind = f->kind;
        out->name = f->name;
        out->value = f->value;
        if (CTR_KINDS_PHONE & CTR_KIND(f->kind) && !make_phone(f, o, out, arena))
            return NULL;
        c->n_fields++;
        out++;
    }
    return c;
}

struct ctr_contact *hit_make_company(const struct eval *ev, const struct hit_options *o,
                                     const struct hit_company *company,
                                     struct arena *arena)
{
    struct ctr_contact *c = make_head(ev, o, 3, arena);
    struct ctr_field *out;

    if (!c)
        return NULL;
    out = (struct ctr_field *)(uintptr_t)c->fields;
    c->group_size = company->group_size;
    out[0].kind = CTR_FIELD_DISPLAY_NAME;
    out[0].value = company->name;
    out[1].kind = CTR_FIELD_ORGANISATION;
    out[1].value = company->organisation;
    c->n_fields = 2;
    if (company->digits.len > 0 || company->asked.len > 0) {
        out[2].kind = company->number_kind;
        if (company->digits.len > 0)
            out[2].e164 = e164_text(arena, company->digits);
        out[2].value = written(o, company->digits, out[2].e164,
                               company->digits.len > 0 ? out[2].e164 : company->asked,
                               company->asked, arena);
        c->n_fields = 3;
    }
    return c;
}
