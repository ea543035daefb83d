/* settle.c - the complete card: what the labels of its groups say, which of several names
 * counts, and the order of its values. */
#include "reader.h"

static void apply_label(struct vcard_reader *r, struct entry *e, const struct label *l)
{
    e->types |= l->types;
    for (uint32_t i = 0; e->mapped.len && i < r->options.n_map; i++) {
        const struct vcard_map *m = &r->options.map[i];

        if (m->label && str_is(e->mapped, m->property) && str_is(l->text, m->label))
            values_map(r, e, m);
    }
}

static void apply_labels(struct vcard_reader *r)
{
    struct card *c = &r->card;

    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct entry *e = &c->entries[i];

        for (uint32_t k = 0; e->group && k < c->n_labels; k++)
            if (c->labels[k].group == e->group)
                apply_label(r, e, &c->labels[k]);
        if (!e->final && e->f.kind == CTR_FIELD_PHONE_OTHER)
            e->f.kind = property_phone_kind(e->types);
    }
}

/* A contact has one display name: the preferred one. */
static const struct entry *display_name(const struct card *c)
{
    const struct entry *best = NULL;

    for (uint32_t i = 0; i < c->n_entries; i++)
        if (c->entries[i].f.kind == CTR_FIELD_DISPLAY_NAME &&
            (!best || c->entries[i].pref < best->pref))
            best = &c->entries[i];
    return best;
}

static bool is_field(const struct entry *e, const struct entry *name)
{
    return e->f.kind != 0 && e->f.kind != CTR_FIELD_ID && e->f.kind != CTR_FIELD_OWNER &&
           (e->f.kind != CTR_FIELD_DISPLAY_NAME || e == name);
}

/* Leaves fields only. */
static void sift(struct card *c)
{
    const struct entry *name = display_name(c);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->n_entries; i++)
        if (is_field(&c->entries[i], name)) {
            if (kept != i)
                c->entries[kept] = c->entries[i];
            kept++;
        }
    c->n_entries = kept;
}

/* The preferred first, else as written. */
static void sort(struct card *c)
{
    for (uint32_t i = 1; i < c->n_entries; i++) {
        struct entry e = c->entries[i];
        uint32_t k = i;

        if (c->entries[i - 1].pref <= e.pref)
            continue;
        for (; k > 0 && c->entries[k - 1].pref > e.pref; k--)
            c->entries[k] = c->entries[k - 1];
        c->entries[k] = e;
    }
}

/* The name of a firm's own card is that of the firm. */
static void name_organisation(struct card *c)
{
    const struct entry *name = display_name(c);

    for (uint32_t i = 0; i < c->n_entries; i++)
        if (c->entries[i].f.kind == CTR_FIELD_ORGANISATION)
            return;
    if (!name || c->n_entries == CTR_FIELDS_MAX)
        return;
    c->entries[c->n_entries] = (struct entry){
        .f = {.kind = CTR_FIELD_ORGANISATION, .value = name->f.value}, .pref = PREF_NONE};
    c->n_entries++;
}

void settle(struct vcard_reader *r)
{
    apply_labels(r);
    sift(&r->card);
    if (r->card.organisation)
        name_organisation(&r->card);
    sort(&r->card);
}
