/* leaf.c - see leaf.h: an attribute and a value become kinds, or a constant. */
#include "leaf.h"

#include "classes.h"

#define KIND(name) CTR_KIND(CTR_FIELD_##name)

const struct ctr_filter leaf_true = {.op = CTR_OP_TRUE};
const struct ctr_filter leaf_false = {.op = CTR_OP_FALSE};

const struct rule filter_rules[] = {
    {"objectIdentifierMatch", "2.5.13.0", SYNTAX_OID},
    {"distinguishedNameMatch", "2.5.13.1", SYNTAX_DN},
    {"caseIgnoreMatch", "2.5.13.2", SYNTAX_TEXT},
    {"booleanMatch", "2.5.13.13", SYNTAX_BOOLEAN},
    {"telephoneNumberMatch", "2.5.13.20", SYNTAX_PHONE},
    {"caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2", SYNTAX_TEXT},
    {"integerBitAndMatch", "1.2.840.113556.1.4.803", SYNTAX_INTEGER},
    {"integerBitOrMatch", "1.2.840.113556.1.4.804", SYNTAX_INTEGER},
};
const uint32_t filter_n_rules = sizeof(filter_rules) / sizeof(filter_rules[0]);

const struct ctr_filter *leaf_undefined(const struct filter *f)
{
    return f->negative ? &leaf_true : &leaf_false;
}

static const struct ctr_filter *constant(bool value)
{
    return value ? &leaf_true : &leaf_false;
}

const struct ctr_filter *leaf_join(struct filter *f, uint32_t op,
                                   const struct ctr_filter *const *children, uint32_t n)
{
    struct ctr_filter *node = pool_zalloc(f->pool, sizeof(*node));

    if (!node)
        return NULL;
    node->op = op;
    node->children = children;
    node->n_children = n;
    return node;
}

/* OR or AND of two, folded. */
static const struct ctr_filter *join_two(struct filter *f, uint32_t op,
                                         const struct ctr_filter *a,
                                         const struct ctr_filter *b)
{
    const struct ctr_filter *strong = op == CTR_OP_OR ? &leaf_true : &leaf_false;
    const struct ctr_filter *weak = op == CTR_OP_OR ? &leaf_false : &leaf_true;
    const struct ctr_filter **two;

    if (!a || !b)
        return NULL;
    if (a == strong || b == weak)
        return a;
    if (b == strong || a == weak)
        return b;
    two = pool_array(f->pool, 2, sizeof(const struct ctr_filter *));
    if (!two)
        return NULL;
    two[0] = a;
    two[1] = b;
    return leaf_join(f, op, two, 2);
}

/* A leaf for the host. NULL: no memory. */
static const struct ctr_filter *host_leaf(struct filter *f, uint32_t op, uint64_t kinds,
                                          const struct ctr_str *values, uint32_t n)
{
    struct ctr_filter *node = pool_zalloc(f->pool, sizeof(*node));

    if (!node || (n > 0 && !values))
        return NULL;
    node->op = op;
    node->kinds = kinds;
    node->values = values;
    node->n_values = n;
    f->host_leaves++;
    if (op == CTR_OP_EQUAL && (kinds & ~CTR_KINDS_PHONE) == 0)
        f->phone_equal = true;
    else
        f->other = true;
    return node;
}

/* --- numbers ----------------------------------------------------------------------- */

/* "tel:+49..." without the scheme. */
static struct ctr_str without_tel(struct ctr_str s)
{
    if (text_starts_nocase(s, STR("tel:"))) {
        s.ptr += 4;
        s.len -= 4;
    }
    return s;
}

/* The host reads a whole number in any notation; of a substring only the start can carry
 * a scheme, which is taken off here. */
static const struct ctr_filter *phone_leaf(struct filter *f, uint64_t kinds, uint32_t op,
                                           const struct ctr_str *values, uint32_t n)
{
    struct ctr_str *copy;

    if (op == CTR_OP_APPROX)
        op = CTR_OP_EQUAL;
    if (op != CTR_OP_SUBSTR || !text_starts_nocase(values[0], STR("tel:")))
        return host_leaf(f, op, kinds, values, n);
    copy = pool_array(f->pool, n, sizeof(*copy));
    if (!copy)
        return NULL;
    memcpy(copy, values, n * sizeof(*copy));
    copy[0] = without_tel(copy[0]);
    if (copy[0].len == 0 && n == 2 && copy[1].len == 0)
        return host_leaf(f, CTR_OP_PRESENT, kinds, NULL, 0);
    return host_leaf(f, op, kinds, copy, n);
}

/* How sure it is that somebody typed a number: 0 no, 1 maybe, 2 yes. */
static int number_likeness(struct ctr_str s)
{
    size_t digits = 0;

    s = text_trim(without_tel(s));
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9')
            digits++;
        else if (!memchr("+-()/. *#", s.ptr[i], 9))
            return 0;
    }
    if (digits < 3)
        return 0;
    return digits >= 5 || s.ptr[0] == '+' ? 2 : 1;
}

/* --- names ------------------------------------------------------------------------- */

/* Pieces of a substring as words in a row. */
static struct ctr_str join_pieces(struct filter *f, const struct ctr_str *values,
                                  uint32_t n)
{
    size_t room = n;
    char *to;
    size_t at = 0;

    for (uint32_t i = 0; i < n; i++)
        room += values[i].len;
    to = pool_alloc(f->pool, room);
    if (!to)
        return (struct ctr_str){NULL, 0};
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].len == 0)
            continue;
        if (at > 0)
            to[at++] = ' ';
        memcpy(to + at, values[i].ptr, values[i].len);
        at += values[i].len;
    }
    return (struct ctr_str){to, at};
}

/* One value as an array that outlives the caller. */
static const struct ctr_str *keep(struct filter *f, struct ctr_str value)
{
    struct ctr_str *kept = pool_alloc(f->pool, sizeof(*kept));

    if (kept)
        *kept = value;
    return kept;
}

/* anr and metaName: every word begins a word of the name; anr also takes a number, as an
 * SBC sends it. */
static const struct ctr_filter *words_leaf(struct filter *f, const struct attr *attr,
                                           uint32_t op, const struct ctr_str *values,
                                           uint32_t n)
{
    const struct ctr_filter *words;
    struct ctr_str text;
    int number;

    if (op == CTR_OP_GE || op == CTR_OP_LE)
        return leaf_undefined(f);
    text = op == CTR_OP_SUBSTR ? join_pieces(f, values, n) : values[0];
    if (!text.ptr)
        return NULL;
    text = text_trim(text);
    if (text.len > 1 && text.ptr[0] == '=') /* "(anr==term)" is exact */
        return host_leaf(f, CTR_OP_EQUAL, attr->kinds,
                         keep(f, (struct ctr_str){text.ptr + 1, text.len - 1}), 1);
    number = attr->kinds & KIND(MAIL) ? number_likeness(text) : 0;
    if (number == 2)
        return phone_leaf(f, CTR_KINDS_PHONE, op, values, n);
    words = host_leaf(f, CTR_OP_WORDS, attr->kinds, keep(f, text), 1);
    if (number == 0 || f->plain)
        return words;
    return join_two(f, CTR_OP_OR, words, phone_leaf(f, CTR_KINDS_PHONE, op, values, n));
}

/* sn: where there is none, the display name stands in, in the answer as in the filter. */
static const struct ctr_filter *surname_leaf(struct filter *f, uint32_t op,
                                             const struct ctr_str *values, uint32_t n)
{
    const struct ctr_filter *own = host_leaf(f, op, KIND(SURNAME), values, n);
    const struct ctr_filter *has, **no;
    const struct ctr_filter *none;

    if (!own || f->plain)
        return own;
    has = host_leaf(f, CTR_OP_PRESENT, KIND(SURNAME), NULL, 0);
    no = pool_alloc(f->pool, sizeof(const struct ctr_filter *));
    if (!has || !no)
        return NULL;
    no[0] = has;
    none = leaf_join(f, CTR_OP_NOT, no, 1);
    return join_two(
        f, CTR_OP_OR, own,
        join_two(f, CTR_OP_AND, host_leaf(f, op, KIND(DISPLAY_NAME), values, n), none));
}

/* --- what is the same for every contact, or for every one of a source --------------- */

static const struct ctr_filter *truth(struct filter *f, int value)
{
    return value == LOCAL_UNDEFINED ? leaf_undefined(f) : constant(value == LOCAL_TRUE);
}

/* What differs between sources is built once for each. */
static const struct ctr_filter *source_is(struct filter *f, struct ctr_str name)
{
    if (!f->source.ptr) {
        f->by_source = true;
        return &leaf_false;
    }
    return constant(text_compare(f->source, name) == 0);
}

/* entryDN=uid=ID,ou=SOURCE,BASE */
static const struct ctr_filter *dn_leaf(struct filter *f, struct ctr_str value)
{
    const struct attributes *t = &f->server->attributes;
    const struct ctr_filter *source;
    uint32_t above;
    struct dn dn;

    if (dn_parse(t, f->pool, value, &dn))
        return leaf_undefined(f);
    if (!dn_below(&dn, &f->server->base, &above) || above != 2 || dn.rdns[0].multi ||
        dn.rdns[1].multi || dn.rdns[0].attr != t->uid || dn.rdns[1].attr != t->ou)
        return &leaf_false;
    source = source_is(f, dn.rdns[1].value);
    if (source == &leaf_false)
        return source;
    return host_leaf(f, CTR_OP_EQUAL, KIND(ID), keep(f, dn.rdns[0].value), 1);
}

/* Attributes whose value no field holds. */
static const struct ctr_filter *computed_leaf(struct filter *f, const struct attr *attr,
                                              uint32_t op, struct ctr_str value)
{
    bool equal = op == CTR_OP_EQUAL || op == CTR_OP_APPROX;

    if (attr->type >= ATTR_LOCAL)
        return &leaf_false;
    if (op == CTR_OP_PRESENT)
        return attr->type == ATTR_MATCH ? leaf_undefined(f) : &leaf_true;
    if (!equal)
        return leaf_undefined(f);
    switch (attr->type) {
    case ATTR_CLASS:
        return truth(f, class_of_contact(f->server, value));
    case ATTR_STRUCTURAL:
        return constant(str_same(class_find(value), STR("inetOrgPerson")));
    case ATTR_CATEGORY:
        return constant(text_compare(value, STR("person")) == 0 ||
                        text_starts_nocase(value, STR("cn=person,")));
    case ATTR_HAS_SUB:
        return constant(text_compare(value, STR("FALSE")) == 0);
    case ATTR_SUBSCHEMA:
        return constant(text_compare(value, f->server->subschema.dn) == 0);
    case ATTR_SOURCE:
        return source_is(f, value);
    case ATTR_ENTRY_DN:
        return dn_leaf(f, value);
    default: /* times, ages: shown, not searched */
        return leaf_undefined(f);
    }
}

/* --- one assertion ------------------------------------------------------------------ */

/* What asks the host about fields. */
static const struct ctr_filter *field_leaf(struct filter *f, const struct attr_ref *ref,
                                           uint32_t op, const struct ctr_str *values,
                                           uint32_t n)
{
    const struct attr *attr = ref->attr;
    const struct ctr_filter *leaf;

    if (attr->kinds & CTR_KINDS_PHONE)
        return phone_leaf(f, attr->kinds, op, values, n);
    leaf = host_leaf(f, op, attr->kinds, values, n);
    if (leaf && attr->type == ATTR_CUSTOM)
        ((struct ctr_filter *)(uintptr_t)leaf)->name = ref->custom;
    return leaf;
}

static bool has_rule(const struct attr *attr, uint32_t op)
{
    switch (op) {
    case CTR_OP_PRESENT:
        return true;
    case CTR_OP_SUBSTR:
        return attr_has_substrings(attr);
    case CTR_OP_GE:
    case CTR_OP_LE:
        return attr_has_order(attr);
    default:
        return attr_has_equality(attr);
    }
}

static const struct ctr_filter *contact_leaf(struct filter *f, const struct attr_ref *ref,
                                             uint32_t op, const struct ctr_str *values,
                                             uint32_t n)
{
    if (!ref->attr)
        return leaf_undefined(f);
    if (op != CTR_OP_PRESENT && op != CTR_OP_SUBSTR && values[0].len == 0)
        return leaf_undefined(f); /* no value of any syntax here is empty */
    if (!has_rule(ref->attr, op))
        return leaf_undefined(f);
    switch (ref->attr->type) {
    case ATTR_FIELD:
    case ATTR_TEL_URI:
    case ATTR_SECOND:
    case ATTR_CUSTOM:
        return field_leaf(f, ref, op, values, n);
    case ATTR_CN:
        return op == CTR_OP_PRESENT ? &leaf_true : field_leaf(f, ref, op, values, n);
    case ATTR_SN:
        return op == CTR_OP_PRESENT ? &leaf_true : surname_leaf(f, op, values, n);
    case ATTR_ID:
        return op == CTR_OP_PRESENT
                   ? &leaf_true
                   : host_leaf(f, op == CTR_OP_APPROX ? CTR_OP_EQUAL : op, KIND(ID),
                               values, n);
    case ATTR_WORDS:
        return op == CTR_OP_PRESENT ? &leaf_true
                                    : words_leaf(f, ref->attr, op, values, n);
    default:
        return computed_leaf(f, ref->attr, op, n > 0 ? values[0] : STR(""));
    }
}

/* Whether one of our own entries may have the attribute. */
static bool may_be_local(const struct filter *f, const struct attr *attr)
{
    const struct server *s = f->server;

    return attr && (attr->type >= ATTR_CLASS || attr == s->attributes.ou ||
                    local_has(&s->base_entry, attr));
}

int leaf_build(struct filter *f, const struct attr_ref *ref, uint32_t op,
               const struct ctr_str *values, uint32_t n, struct node *out)
{
    out->local_true = may_be_local(f, ref->attr);
    out->local_false = ref->attr != NULL;
    out->f = contact_leaf(f, ref, op, values, n);
    return out->f ? 0 : -CTR_ENOMEM;
}

const struct rule *filter_find_rule(struct ctr_str name)
{
    for (uint32_t i = 0; i < filter_n_rules; i++)
        if (text_same_nocase(name, str_of(filter_rules[i].name)) ||
            str_same(name, str_of(filter_rules[i].oid)))
            return &filter_rules[i];
    return NULL;
}

/* A rule without an attribute asks about every attribute it fits. */
static const struct ctr_filter *rule_leaf(struct filter *f, const struct rule *rule,
                                          struct ctr_str value)
{
    uint64_t text = CTR_KINDS_ALL & ~CTR_KINDS_PHONE & ~CTR_KIND(0) & ~KIND(ID) &
                    ~KIND(OWNER) & ~KIND(PHOTO);

    if (value.len == 0)
        return leaf_undefined(f);
    if (rule->syntax == SYNTAX_TEXT)
        return host_leaf(f, CTR_OP_EQUAL, text, keep(f, value), 1);
    if (rule->syntax == SYNTAX_PHONE)
        return host_leaf(f, CTR_OP_EQUAL, CTR_KINDS_PHONE, keep(f, value), 1);
    return leaf_undefined(f);
}

/* ":dn:": the value stands in the entry's name. attr NULL: whichever. */
static const struct ctr_filter *name_leaf(struct filter *f, const struct attr *attr,
                                          struct ctr_str value)
{
    const struct attributes *t = &f->server->attributes;
    const struct ctr_filter *found = &leaf_false;

    for (uint32_t i = 0; i < f->server->base.n; i++) {
        const struct rdn *rdn = &f->server->base.rdns[i];

        if ((!attr || attr == rdn->attr) && text_compare(rdn->value, value) == 0)
            return &leaf_true;
    }
    if (!attr || attr == t->ou)
        found = source_is(f, value);
    if (!attr || attr == t->uid)
        found = join_two(f, CTR_OP_OR, found,
                         host_leaf(f, CTR_OP_EQUAL, KIND(ID), keep(f, value), 1));
    return found;
}

int leaf_extensible(struct filter *f, struct ctr_str rule_name,
                    const struct attr_ref *ref, struct ctr_str value, bool dn,
                    struct node *out)
{
    const struct rule *rule = rule_name.ptr ? filter_find_rule(rule_name) : NULL;
    const struct ctr_filter *leaf;

    out->local_true = out->local_false = true;
    if ((rule_name.ptr && !rule) || (ref && !ref->attr) ||
        (ref && rule && ref->attr->syntax != rule->syntax))
        leaf = leaf_undefined(f);
    else if (ref)
        leaf = contact_leaf(f, ref, CTR_OP_EQUAL, keep(f, value), 1);
    else
        leaf = rule_leaf(f, rule, value);
    if (dn && value.len > 0 && !(rule_name.ptr && !rule) && !(ref && !ref->attr))
        leaf = join_two(f, CTR_OP_OR, leaf, name_leaf(f, ref ? ref->attr : NULL, value));
    out->f = leaf;
    return leaf ? 0 : -CTR_ENOMEM;
}
