/* rootdse.c - see rootdse.h: what the server can do, and the entry of its base. */
#include "rootdse.h"

void maker_init(struct entry_maker *k, struct server *s, uint32_t max)
{
    *k = (struct entry_maker){.s = s};
    k->attrs = pool_array(&s->pool, max, sizeof(*k->attrs));
    k->failed = !k->attrs;
}

void maker_add_values(struct entry_maker *k, const char *attr,
                      const struct ctr_str *values, uint32_t n)
{
    k->failed |= !values;
    if (!k->failed)
        k->attrs[k->n++] =
            (struct local_attr){attributes_get(&k->s->attributes, attr), values, n};
}

void maker_add(struct entry_maker *k, const char *attr, const char *const *values)
{
    struct ctr_str *copy;
    uint32_t n = 0;

    while (values[n])
        n++;
    copy = pool_array(&k->s->pool, n, sizeof(*copy));
    for (uint32_t i = 0; copy && i < n; i++)
        copy[i] = str_of(values[i]);
    maker_add_values(k, attr, copy, n);
}

void maker_add_one(struct entry_maker *k, const char *attr, struct ctr_str value)
{
    struct ctr_str *copy = pool_alloc(&k->s->pool, sizeof(*copy));

    if (copy)
        *copy = value;
    maker_add_values(k, attr, copy, 1);
}

int maker_finish(const struct entry_maker *k, struct ctr_str dn, struct local_entry *out)
{
    out->dn = dn;
    out->attrs = k->attrs;
    out->n = k->n;
    return k->failed ? -CTR_ENOMEM : 0;
}

static int make_rootdse(struct server *s, bool tls, struct local_entry *out)
{
    static const char *const classes[] = {"top", NULL};
    static const char *const versions[] = {"2", "3", NULL};
    static const char *const controls[] = {OID_PAGED, OID_SORT, OID_VLV, OID_MANAGE_DSA,
                                           NULL};
    static const char *const with_tls[] = {OID_START_TLS, OID_WHOAMI, OID_CANCEL, NULL};
    static const char *const features[] = {OID_ALL_OPER, OID_TRUE_FALSE, NULL};
    struct entry_maker k;

    maker_init(&k, s, 16);
    maker_add(&k, "objectClass", classes);
    maker_add_one(&k, "namingContexts", s->base_text);
    maker_add_one(&k, "subschemaSubentry", s->subschema.dn);
    maker_add(&k, "supportedLDAPVersion", versions);
    maker_add(&k, "supportedControl", controls);
    maker_add(&k, "supportedExtension", with_tls + (tls ? 0 : 1));
    maker_add(&k, "supportedFeatures", features);
    maker_add_one(&k, "vendorName", STR("contactor"));
    maker_add_one(&k, "vendorVersion", STR(CONTACTOR_VERSION));
    return maker_finish(&k, STR(""), out);
}

/* The structural class of an entry by the attribute that names it. */
static const char *class_of(const struct attr *attr)
{
    static const char *const classes[][2] = {
        {"dc", "organization"},       {"o", "organization"}, {"co", "country"},
        {"ou", "organizationalUnit"}, {"l", "locality"},     {"cn", "organizationalRole"},
    };

    for (size_t i = 0; attr && i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(attr->name, classes[i][0]) == 0)
            return classes[i][1];
    return NULL;
}

static int make_base(struct server *s)
{
    const struct rdn *rdn = &s->base.rdns[0];
    const char *structural = class_of(rdn->attr);
    bool dc = structural && strcmp(rdn->attr->name, "dc") == 0;
    const char *const classes[] = {"top", structural, dc ? "dcObject" : NULL, NULL};
    struct entry_maker k;

    if (!structural)
        return -CTR_EINVAL;
    maker_init(&k, s, 16);
    maker_add(&k, "objectClass", classes);
    maker_add_one(&k, rdn->attr->name, rdn->value);
    if (dc) /* organization must have one */
        maker_add_one(&k, "o", rdn->value);
    maker_add_one(&k, "entryDN", s->base_text);
    maker_add_one(&k, "hasSubordinates", STR("TRUE"));
    maker_add_one(&k, "structuralObjectClass", str_of(structural));
    maker_add_one(&k, "subschemaSubentry", s->subschema.dn);
    return maker_finish(&k, s->base_text, &s->base_entry);
}

int rootdse_init(struct server *s)
{
    int err = make_rootdse(s, false, &s->rootdse);

    if (!err)
        err = make_rootdse(s, true, &s->rootdse_tls);
    return err ? err : make_base(s);
}
