/* target.c - see target.h. A source that may not be seen does not exist. */
#include "target.h"

#include "entry.h"

/* --- sources
 * ---------------------------------------------------------------------------- */

struct collector {
    struct pool *pool;
    struct ctr_str *names;
    uint32_t n, cap;
    bool failed;
};

static void on_source(void *user, const struct ctr_source_info *info)
{
    struct collector *k = user;

    if (k->n == k->cap) {
        uint32_t cap = k->cap ? 2 * k->cap : 16;
        struct ctr_str *more = pool_array(k->pool, cap, sizeof(*more));

        if (!more) {
            k->failed = true;
            return;
        }
        if (k->n > 0)
            memcpy(more, k->names, k->n * sizeof(*more));
        k->names = more;
        k->cap = cap;
    }
    k->names[k->n] = pool_str(k->pool, info->name);
    k->failed |= !k->names[k->n].ptr;
    k->n++;
}

struct ctr_str *target_sources(const struct conn *c, struct pool *pool, uint32_t *n)
{
    struct collector k = {.pool = pool};

    k.names = pool_array(pool, 4, sizeof(*k.names));
    k.cap = 4;
    if (!k.names)
        return NULL;
    c->server->host->sources(c->server->host, c->principal, on_source, &k);
    *n = k.n;
    return k.failed ? NULL : k.names;
}

/* The source an ou= value names. returns 0 | -CTR_ENOENT | -CTR_ENOMEM */
static int find_source(const struct conn *c, struct pool *pool, struct ctr_str value,
                       struct ctr_str *out)
{
    uint32_t n;
    struct ctr_str *names = target_sources(c, pool, &n);

    if (!names)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        if (text_compare(names[i], value) == 0) {
            *out = names[i];
            return 0;
        }
    }
    return -CTR_ENOENT;
}

struct ctr_str target_source_dn(const struct conn *c, struct pool *pool,
                                struct ctr_str source)
{
    size_t room = 8 + 3 * source.len + c->server->base_text.len;
    struct ber_out out = {.data = pool_alloc(pool, room), .cap = room};

    if (!out.data)
        return (struct ctr_str){NULL, 0};
    entry_put_source_dn(&out, c->server, source);
    return (struct ctr_str){(const char *)out.data, out.len};
}

int target_source_entry(const struct conn *c, struct pool *pool, struct ctr_str source,
                        struct local_entry *out)
{
    static const struct ctr_str classes[] = {{"top", 3}, {"organizationalUnit", 18}};
    const struct attributes *t = &c->server->attributes;
    struct ctr_str *values = pool_array(pool, 6, sizeof(*values));
    struct local_attr *attrs = pool_array(pool, 7, sizeof(*attrs));

    out->dn = target_source_dn(c, pool, source);
    if (!values || !attrs || !out->dn.ptr)
        return -CTR_ENOMEM;
    values[0] = source;
    values[1] = out->dn;
    values[2] = STR("TRUE");
    values[3] = STR("organizationalUnit");
    values[4] = c->server->subschema.dn;
    attrs[0] = (struct local_attr){t->object_class, classes, 2};
    attrs[1] = (struct local_attr){t->ou, &values[0], 1};
    attrs[2] = (struct local_attr){t->entry_dn, &values[1], 1};
    attrs[3] = (struct local_attr){t->has_subordinates, &values[2], 1};
    attrs[4] = (struct local_attr){t->structural_class, &values[3], 1};
    attrs[5] = (struct local_attr){t->subschema, &values[4], 1};
    out->attrs = attrs;
    out->n = 6;
    return 0;
}

/* --- names
 * ------------------------------------------------------------------------------ */

/* innovaphone and others put the asking user into the base: "cn=sip:max@pbx,BASE". Whose
 * private contacts are shown follows from the bind alone, so it is taken off. */
static bool names_user(const struct conn *c, const struct rdn *rdn)
{
    struct ctr_str me = str_of(c->server->host->principal_name(c->principal));

    if (rdn->multi || !c->principal || !rdn->attr)
        return false;
    if (rdn->attr->type != ATTR_CN && rdn->attr != c->server->attributes.uid)
        return false;
    return text_same_nocase(rdn->value, me) ||
           text_starts_nocase(rdn->value, STR("sip:")) ||
           text_starts_nocase(rdn->value, STR("sips:")) ||
           (rdn->value.len > 0 && memchr(rdn->value.ptr, '@', rdn->value.len));
}

/* What stands before the base, from right to left. */
static int resolve_below(const struct conn *c, struct pool *pool, const struct rdn *rdns,
                         uint32_t n, struct target *out)
{
    const struct attributes *t = &c->server->attributes;
    const struct rdn *last = &rdns[n - 1];
    int err;

    out->kind = TARGET_NONE;
    out->matched = c->server->base_text;
    if (n == 1 && names_user(c, last)) {
        out->kind = TARGET_BASE;
        return 0;
    }
    if (last->multi || last->attr != t->ou)
        return 0;
    err = find_source(c, pool, last->value, &out->source);
    if (err)
        return err == -CTR_ENOENT ? 0 : err;
    if (n == 1) {
        out->kind = TARGET_SOURCE;
        return 0;
    }
    out->matched = target_source_dn(c, pool, out->source);
    if (!out->matched.ptr)
        return -CTR_ENOMEM;
    if (n == 2 && rdns[0].attr == t->uid && !rdns[0].multi && rdns[0].value.len > 0) {
        out->kind = TARGET_CONTACT;
        out->id = rdns[0].value;
    } else if (n == 2 && rdns[0].attr != t->uid && names_user(c, &rdns[0])) {
        out->kind = TARGET_SOURCE;
    }
    return 0;
}

int target_resolve(const struct conn *c, struct pool *pool, struct ctr_str text,
                   struct target *out)
{
    const struct server *s = c->server;
    uint32_t above;
    struct dn dn;
    int err;

    *out = (struct target){.kind = TARGET_NONE};
    if (str_same(text, s->base_text)) { /* what nearly everybody sends */
        out->kind = TARGET_BASE;
        return 0;
    }
    if (str_same(text, STR("0"))) /* Gigaset's "no base" */
        text.len = 0;
    err = dn_parse(&s->attributes, pool, text, &dn);
    if (err)
        return err;
    if (dn.n == 0) {
        out->kind = TARGET_ROOT;
    } else if (dn.n == 1 && dn.rdns[0].attr && dn.rdns[0].attr->type == ATTR_CN &&
               text_compare(dn.rdns[0].value, STR("Subschema")) == 0) {
        out->kind = TARGET_SUBSCHEMA;
    } else if (dn_below(&dn, &s->base, &above)) {
        out->kind = TARGET_BASE;
        if (above > 0)
            return resolve_below(c, pool, dn.rdns, above, out);
    }
    return 0;
}

bool target_allowed(const struct conn *c, const struct target *t, bool base_only)
{
    if (c->principal || c->server->anonymous == ANONYMOUS_ALLOW)
        return true;
    return c->server->anonymous == ANONYMOUS_ROOTDSE && base_only &&
           (t->kind == TARGET_ROOT || t->kind == TARGET_SUBSCHEMA);
}
