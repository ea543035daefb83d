/* selection.c - the attribute list of a search request, resolved once. */
#include "entry.h"

/* What is being put together. */
struct picker {
    const struct server *s;
    struct select_item *items;
    uint32_t n;
    uint64_t want;
};

static void pick(struct picker *p, const struct attr *attr, struct ctr_str name,
                 struct ctr_str custom)
{
    p->items[p->n].attr = attr;
    p->items[p->n].name = name;
    p->items[p->n].custom = custom;
    p->n++;
    p->want |= attr_wants(attr);
}

/* Whether the standards call an attribute so. Names of other directories ("department")
 * stand for attributes of their own, and clients that ask for both expect both. */
static bool is_standard(const struct attr *attr, struct ctr_str name)
{
    static const char *const second[] = {
        "commonName",          "surname",       "gn",
        "organizationName",    "userid",        "organizationalUnitName",
        "rfc822Mailbox",       "fax",           "mobileTelephoneNumber",
        "homeTelephoneNumber", "localityName",  "pagerTelephoneNumber",
        "stateOrProvinceName", "streetAddress", "friendlyCountryName",
        "domainComponent",
    };

    if (text_same_nocase(name, str_of(attr->name)) || str_same(name, str_of(attr->oid)))
        return true;
    for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
        if (text_same_nocase(name, str_of(second[i])))
            return true;
    return false;
}

static bool picked(const struct picker *p, const struct attr *attr, struct ctr_str name)
{
    bool standard = p->n > 0 && is_standard(attr, name);

    for (uint32_t i = 0; i < p->n; i++)
        if (text_same_nocase(p->items[i].name, name) ||
            (standard && p->items[i].attr == attr && is_standard(attr, p->items[i].name)))
            return true;
    return false;
}

static bool picked_attr(const struct picker *p, const struct attr *attr)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (p->items[i].attr == attr)
            return true;
    return false;
}

/* All attributes of a sort that were not named. */
static void pick_all(struct picker *p, bool operational)
{
    const struct attributes *t = &p->s->attributes;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct attr *a = &t->list[i];

        if (a->type < ATTR_LOCAL && !(a->flags & ATTR_BY_NAME) &&
            ((a->flags & ATTR_OPERATIONAL) != 0) == operational && !picked_attr(p, a))
            pick(p, a, str_of(a->name), a->custom);
    }
    if (!operational) /* x-NAME for what no attribute was configured for */
        pick(p, t->any_custom, STR(""), STR(""));
}

int selection_init(struct server *s)
{
    struct picker p = {.s = s};

    p.items = pool_array(&s->pool, s->attributes.n + 1, sizeof(*p.items));
    if (!p.items)
        return -CTR_ENOMEM;
    pick_all(&p, false);
    s->all_items = p.items;
    s->n_all_items = p.n;
    s->all_want = p.want;
    return 0;
}

/* The names, "*" and "+" of the list. */
static int pick_named(struct picker *p, struct pool *pool, struct ber list,
                      struct selection *out)
{
    struct ctr_str name;
    struct attr_ref ref;

    while (ber_left(&list) > 0) {
        if (ber_str(&list, BER_OCTETS, &name))
            return -CTR_EFORMAT;
        if (str_same(name, STR("*"))) {
            out->user = true;
            continue;
        }
        if (str_same(name, STR("+"))) {
            out->operational = true;
            continue;
        }
        if (attributes_find(&p->s->attributes, pool, name, &ref))
            return -CTR_ENOMEM;
        if (ref.attr && str_same(ref.name, str_of(ref.attr->oid)))
            ref.name = str_of(ref.attr->name); /* answers have names, not OIDs */
        if (ref.attr && !picked(p, ref.attr, ref.name))
            pick(p, ref.attr, ref.name, ref.custom);
    }
    return 0;
}

/* How many names. */
static int count_names(const struct server *s, struct ber list, uint32_t *n,
                       struct refusal *why)
{
    struct ctr_str name;

    for (*n = 0; ber_left(&list) > 0; (*n)++) {
        if (ber_str(&list, BER_OCTETS, &name))
            return -CTR_EFORMAT;
        if (*n == s->limits.attributes) {
            why->code = RESULT_ADMIN_LIMIT;
            why->text = "too many attributes are asked for; ask for fewer or for *";
            return -CTR_EREFUSED;
        }
    }
    return 0;
}

static void select_all(const struct server *s, struct selection *out)
{
    out->user = true;
    out->items = s->all_items;
    out->n = s->n_all_items;
    out->n_named = 0;
    out->want = s->all_want;
}

int selection_parse(const struct server *s, struct pool *pool, struct ber list,
                    struct selection *out, struct refusal *why)
{
    struct picker p = {.s = s};
    uint32_t n;
    int err = count_names(s, list, &n, why);

    if (err)
        return err;
    if (n == 0 || (n == 1 && ber_left(&list) == 3 && list.at[2] == '*')) {
        select_all(s, out);
        return 0;
    }
    p.items = pool_array(pool, n, sizeof(*p.items));
    if (!p.items)
        return -CTR_ENOMEM;
    err = pick_named(&p, pool, list, out);
    if (err)
        return err;
    out->n_named = p.n;
    if (out->user || out->operational) {
        struct select_item *more =
            pool_array(pool, p.n + s->attributes.n + 1, sizeof(*more));

        if (!more)
            return -CTR_ENOMEM;
        memcpy(more, p.items, p.n * sizeof(*more));
        p.items = more;
        if (out->user)
            pick_all(&p, false);
        if (out->operational)
            pick_all(&p, true);
    }
    out->items = p.items;
    out->n = p.n;
    out->want = p.want;
    return 0;
}
