/* entry.c - see entry.h: contacts and our own entries as BER. */
#include "entry.h"

#include <stdio.h>
#include <time.h>

#define KIND(name) CTR_KIND(CTR_FIELD_##name)

/* A contact being written. */
struct writer {
    struct ber_out *out;
    struct server *s;
    const struct ctr_contact *c;
    const struct selection *sel;
    uint64_t present; /* kinds the contact has */
};

static const struct ctr_field *field_at(const struct ctr_contact *c, uint32_t i)
{
    return (const struct ctr_field *)(const void *)((const char *)c->fields +
                                                    (size_t)i * c->field_size);
}

/* --- names ---------------------------------------------------------------------------
 */

void entry_put_source_dn(struct ber_out *out, const struct server *s,
                         struct ctr_str source)
{
    ber_put(out, "ou=", 3);
    dn_put_value(out, source);
    if (s->base_text.len > 0)
        ber_put(out, ",", 1);
    ber_put(out, s->base_text.ptr, s->base_text.len);
}

/* ",ou=SOURCE,BASE", made anew only for another source than that of the last contact. */
static void put_dn_tail(struct ber_out *out, struct server *s, struct ctr_str source)
{
    struct dn_tail *tail = &s->dn_tail;
    struct ber_out made = {.data = tail->text, .cap = sizeof(tail->text)};

    if (tail->len > 0 && str_same(source, (struct ctr_str){tail->source, tail->n})) {
        ber_put(out, tail->text, tail->len);
        return;
    }
    ber_put(&made, ",", 1);
    entry_put_source_dn(&made, s, source);
    tail->len = 0;
    if (ber_fits(&made) && source.len <= sizeof(tail->source)) {
        memcpy(tail->source, source.ptr, source.len);
        tail->n = (uint32_t)source.len;
        tail->len = (uint32_t)made.len;
    }
    ber_put(out, ",", 1);
    entry_put_source_dn(out, s, source);
}

static void put_dn(const struct writer *w)
{
    size_t dn = ber_open(w->out, BER_OCTETS);

    ber_put(w->out, "uid=", 4);
    dn_put_value(w->out, w->c->id);
    put_dn_tail(w->out, w->s, w->c->source);
    ber_close(w->out, dn);
}

/* --- values of fields ----------------------------------------------------------------
 */

static void put_text(const struct writer *w, struct ctr_str value)
{
    size_t at = ber_open(w->out, BER_OCTETS);

    text_put(w->out, value, w->s->charset, w->s->limits.value_length);
    ber_close(w->out, at);
}

static void put_tel_uri(const struct writer *w, const struct ctr_field *field)
{
    struct ctr_str number = field->e164.len > 0 ? field->e164 : field->value;
    size_t at = ber_open(w->out, BER_OCTETS);

    ber_put(w->out, "tel:", 4);
    ber_put(w->out, number.ptr, number.len);
    ber_close(w->out, at);
}

static void put_field(const struct writer *w, const struct attr *attr,
                      const struct ctr_field *field)
{
    if (attr->type == ATTR_TEL_URI)
        put_tel_uri(w, field);
    else if (attr->syntax == SYNTAX_TEXT)
        put_text(w, field->value);
    else
        ber_put_str(w->out, BER_OCTETS, field->value);
}

/* Whether the value of field i was written before: an attribute is a set. */
static bool is_repeated(const struct ctr_contact *c, uint64_t kinds, uint32_t i)
{
    const struct ctr_field *field = field_at(c, i);

    for (uint32_t j = 0; j < c->n_fields; j++) {
        const struct ctr_field *other = field_at(c, j);

        if (!(kinds & CTR_KIND(other->kind)) || other->kind > field->kind ||
            (other->kind == field->kind && j >= i))
            continue;
        if (str_same(other->value, field->value))
            return true;
    }
    return false;
}

/* Kind by kind, so that the office number comes first; without the first `skip`. */
static void put_kinds(const struct writer *w, const struct attr *attr, uint64_t kinds,
                      uint32_t skip)
{
    uint32_t met = 0;

    for (uint64_t left = kinds & w->present; left; left &= left - 1) {
        uint32_t kind = (uint32_t)__builtin_ctzll(left);

        for (uint32_t i = 0; i < w->c->n_fields; i++) {
            const struct ctr_field *field = field_at(w->c, i);

            if (field->kind != kind || met++ < skip)
                continue;
            if (met == 1 || !is_repeated(w->c, kinds, i)) /* the first repeats none */
                put_field(w, attr, field);
        }
    }
}

static size_t open_attr(const struct writer *w, struct ctr_str name, size_t *set)
{
    size_t at = ber_open(w->out, BER_SEQUENCE);

    ber_put_str(w->out, BER_OCTETS, name);
    *set = ber_open(w->out, BER_SET);
    return at;
}

static void close_attr(const struct writer *w, size_t at, size_t set)
{
    ber_close(w->out, set);
    ber_close(w->out, at);
}

static void put_fields(const struct writer *w, const struct select_item *item,
                       uint64_t kinds)
{
    size_t set, at = open_attr(w, item->name, &set);

    if (!w->sel->types_only)
        put_kinds(w, item->attr, kinds, 0);
    close_attr(w, at, set);
}

static void put_one(const struct writer *w, struct ctr_str name, struct ctr_str value)
{
    size_t set, at = open_attr(w, name, &set);

    if (!w->sel->types_only)
        ber_put_str(w->out, BER_OCTETS, value);
    close_attr(w, at, set);
}

/* Only where there is a second value. */
static void put_second(const struct writer *w, const struct select_item *item)
{
    uint32_t n = 0;
    size_t set, at;

    for (uint32_t i = 0; i < w->c->n_fields; i++)
        n += (item->attr->kinds & CTR_KIND(field_at(w->c, i)->kind)) != 0 &&
             !is_repeated(w->c, item->attr->kinds, i);
    if (n < 2)
        return;
    at = open_attr(w, item->name, &set);
    if (!w->sel->types_only)
        put_kinds(w, item->attr, item->attr->kinds, 1);
    close_attr(w, at, set);
}

/* cn and sn are never missing (RFC 4519: person must have both). */
static void put_name(const struct writer *w, const struct select_item *item)
{
    uint64_t kinds = item->attr->kinds;
    size_t set, at;

    if (!(w->present & kinds))
        kinds = KIND(DISPLAY_NAME);
    if (w->present & kinds) {
        put_fields(w, item, kinds);
        return;
    }
    at = open_attr(w, item->name, &set);
    if (!w->sel->types_only)
        put_text(w, w->c->id);
    close_attr(w, at, set);
}

/* --- custom fields -------------------------------------------------------------------
 */

/* Whether field i is the first with its custom name. */
static bool is_first_custom(const struct ctr_contact *c, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (field_at(c, j)->kind == CTR_FIELD_CUSTOM &&
            str_same(field_at(c, j)->name, field_at(c, i)->name))
            return false;
    return true;
}

static void put_custom_values(const struct writer *w, struct ctr_str custom)
{
    for (uint32_t i = 0; i < w->c->n_fields && !w->sel->types_only; i++) {
        const struct ctr_field *field = field_at(w->c, i);

        if (field->kind == CTR_FIELD_CUSTOM && str_same(field->name, custom))
            put_text(w, field->value);
    }
}

static bool has_custom(const struct writer *w, struct ctr_str custom)
{
    for (uint32_t i = 0; i < w->c->n_fields; i++)
        if (field_at(w->c, i)->kind == CTR_FIELD_CUSTOM &&
            str_same(field_at(w->c, i)->name, custom))
            return true;
    return false;
}

/* Whether an attribute was configured for this custom field. */
static bool is_configured(const struct server *s, struct ctr_str custom)
{
    const struct attributes *t = &s->attributes;

    for (uint32_t i = 0; i < t->n; i++)
        if (t->list[i].type == ATTR_CUSTOM && str_same(t->list[i].custom, custom))
            return true;
    return false;
}

/* "*": every custom field that has no name of its own, as x-NAME. */
static void put_all_custom(const struct writer *w)
{
    for (uint32_t i = 0; i < w->c->n_fields; i++) {
        const struct ctr_field *field = field_at(w->c, i);
        size_t at, name, set;

        if (field->kind != CTR_FIELD_CUSTOM || !is_first_custom(w->c, i) ||
            is_configured(w->s, field->name))
            continue;
        at = ber_open(w->out, BER_SEQUENCE);
        name = ber_open(w->out, BER_OCTETS);
        ber_put(w->out, "x-", 2);
        ber_put(w->out, field->name.ptr, field->name.len);
        ber_close(w->out, name);
        set = ber_open(w->out, BER_SET);
        put_custom_values(w, field->name);
        close_attr(w, at, set);
    }
}

static void put_custom(const struct writer *w, const struct select_item *item)
{
    size_t set, at;

    if (item->custom.len == 0) {
        put_all_custom(w);
        return;
    }
    if (!has_custom(w, item->custom))
        return;
    at = open_attr(w, item->name, &set);
    put_custom_values(w, item->custom);
    close_attr(w, at, set);
}

/* --- what we say about a contact -----------------------------------------------------
 */

static void put_time(const struct writer *w, struct ctr_str name)
{
    time_t seconds = (time_t)(w->c->as_of / 1000);
    char text[32];
    struct tm tm;

    if (w->c->as_of <= 0 || !gmtime_r(&seconds, &tm))
        return;
    put_one(w, name,
            (struct ctr_str){text, strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm)});
}

static void put_age(const struct writer *w, struct ctr_str name)
{
    int64_t age = (w->s->host->wall(w->s->host) - w->c->as_of) / 1000;
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)(age > 0 ? age : 0));

    if (w->c->as_of > 0)
        put_one(w, name, (struct ctr_str){text, (size_t)n});
}

static uint64_t hash(uint64_t h, struct ctr_str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

/* The same contact has the same UUID everywhere and for ever (RFC 9562 version 8). */
static void put_uuid(const struct writer *w, struct ctr_str name)
{
    uint64_t a = hash(hash(UINT64_C(14695981039346656037), w->c->source), w->c->id);
    uint64_t b = hash(hash(a ^ UINT64_C(0x9e3779b97f4a7c15), w->c->id), w->c->source);
    char text[40];
    int n;

    n = snprintf(text, sizeof(text), "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32),
                 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                 (unsigned)(b >> 48 & 0x3fff) | 0x8000,
                 (unsigned long long)(b & UINT64_C(0xffffffffffff)));
    put_one(w, name, (struct ctr_str){text, (size_t)n});
}

static void put_match(const struct writer *w, struct ctr_str name)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } marks[] = {{CTR_CONTACT_COMPANY, "company"},
                 {CTR_CONTACT_AMBIGUOUS, "ambiguous"},
                 {CTR_CONTACT_STALE, "stale"},
                 {CTR_CONTACT_LIVE, "live"}};
    size_t set, at;

    if (!(w->c->flags & (CTR_CONTACT_COMPANY | CTR_CONTACT_AMBIGUOUS | CTR_CONTACT_STALE |
                         CTR_CONTACT_LIVE)))
        return;
    at = open_attr(w, name, &set);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if ((w->c->flags & marks[i].flag) && !w->sel->types_only)
            ber_put_z(w->out, BER_OCTETS, marks[i].text);
    close_attr(w, at, set);
}

static void put_entry_dn(const struct writer *w, struct ctr_str name)
{
    size_t set, at = open_attr(w, name, &set);

    if (!w->sel->types_only)
        put_dn(w);
    close_attr(w, at, set);
}

static void put_classes(const struct writer *w, struct ctr_str name)
{
    size_t set, at = open_attr(w, name, &set);

    for (uint32_t i = 0; i < w->s->n_classes && !w->sel->types_only; i++)
        ber_put_str(w->out, BER_OCTETS, w->s->classes[i]);
    close_attr(w, at, set);
}

static void put_computed(const struct writer *w, const struct select_item *item)
{
    switch (item->attr->type) {
    case ATTR_ID:
        put_one(w, item->name, w->c->id);
        break;
    case ATTR_CLASS:
        put_classes(w, item->name);
        break;
    case ATTR_CATEGORY:
        put_one(w, item->name, STR("person"));
        break;
    case ATTR_ENTRY_DN:
        put_entry_dn(w, item->name);
        break;
    case ATTR_TIME:
        put_time(w, item->name);
        break;
    case ATTR_UUID:
        put_uuid(w, item->name);
        break;
    case ATTR_HAS_SUB:
        put_one(w, item->name, STR("FALSE"));
        break;
    case ATTR_STRUCTURAL:
        put_one(w, item->name, STR("inetOrgPerson"));
        break;
    case ATTR_SUBSCHEMA:
        put_one(w, item->name, w->s->subschema.dn);
        break;
    case ATTR_SOURCE:
        put_one(w, item->name, w->c->source);
        break;
    case ATTR_AGE:
        put_age(w, item->name);
        break;
    case ATTR_MATCH:
        put_match(w, item->name);
        break;
    default: /* ATTR_WORDS has no values, the others are not a contact's */
        break;
    }
}

static void put_item(const struct writer *w, const struct select_item *item)
{
    switch (item->attr->type) {
    case ATTR_FIELD:
    case ATTR_TEL_URI:
        if (w->present & item->attr->kinds)
            put_fields(w, item, item->attr->kinds);
        break;
    case ATTR_CN:
    case ATTR_SN:
        put_name(w, item);
        break;
    case ATTR_SECOND:
        put_second(w, item);
        break;
    case ATTR_CUSTOM:
        if (w->present & KIND(CUSTOM))
            put_custom(w, item);
        break;
    default:
        put_computed(w, item);
    }
}

/* --- entries -------------------------------------------------------------------------
 */

void entry_put_contact(struct ber_out *out, struct server *s, uint32_t id,
                       const struct ctr_contact *c, const struct selection *sel)
{
    struct writer w = {out, s, c, sel, 0};
    size_t message = ber_open(out, BER_SEQUENCE);
    size_t op, attrs;

    for (uint32_t i = 0; i < c->n_fields; i++)
        w.present |= CTR_KIND(field_at(c, i)->kind & 63);
    ber_put_int(out, BER_INTEGER, id);
    op = ber_open(out, OP_SEARCH_ENTRY);
    put_dn(&w);
    attrs = ber_open(out, BER_SEQUENCE);
    for (uint32_t i = 0; i < sel->n; i++)
        put_item(&w, &sel->items[i]);
    ber_close(out, attrs);
    ber_close(out, op);
    ber_close(out, message);
}

/* The name to return an attribute of ours under, absent where it was not asked for. */
static struct ctr_str local_name(const struct selection *sel, const struct attr *attr)
{
    bool all = attr->flags & ATTR_OPERATIONAL ? sel->operational : sel->user;

    for (uint32_t i = 0; i < sel->n_named; i++)
        if (sel->items[i].attr == attr)
            return sel->items[i].name;
    return all ? str_of(attr->name) : (struct ctr_str){NULL, 0};
}

void entry_put_local(struct ber_out *out, uint32_t id, const struct local_entry *entry,
                     const struct selection *sel)
{
    size_t message = ber_open(out, BER_SEQUENCE);
    size_t op, attrs;

    ber_put_int(out, BER_INTEGER, id);
    op = ber_open(out, OP_SEARCH_ENTRY);
    ber_put_str(out, BER_OCTETS, entry->dn);
    attrs = ber_open(out, BER_SEQUENCE);
    for (uint32_t i = 0; i < entry->n; i++) {
        const struct local_attr *a = &entry->attrs[i];
        struct ctr_str name = local_name(sel, a->attr);
        size_t at, set;

        if (!name.ptr)
            continue;
        at = ber_open(out, BER_SEQUENCE);
        ber_put_str(out, BER_OCTETS, name);
        set = ber_open(out, BER_SET);
        for (uint32_t k = 0; k < a->n && !sel->types_only; k++)
            ber_put_str(out, BER_OCTETS, a->values[k]);
        ber_close(out, set);
        ber_close(out, at);
    }
    ber_close(out, attrs);
    ber_close(out, op);
    ber_close(out, message);
}
