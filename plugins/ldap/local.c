/* local.c - see local.h: filters on the few entries that are ours. */
#include "local.h"

#include "classes.h"

#include "filter.h"

static const struct local_attr *find(const struct local_entry *entry,
                                     const struct attr *attr)
{
    for (uint32_t i = 0; i < entry->n; i++)
        if (entry->attrs[i].attr == attr)
            return &entry->attrs[i];
    return NULL;
}

bool local_has(const struct local_entry *entry, const struct attr *attr)
{
    return find(entry, attr) != NULL;
}

int local_equals(const struct local_entry *entry, const struct attr *attr,
                 struct ctr_str value)
{
    const struct local_attr *have = find(entry, attr);

    if (attr->type == ATTR_CLASS || attr->type == ATTR_STRUCTURAL) {
        value = class_find(value);
        if (!value.ptr)
            return LOCAL_UNDEFINED;
    }
    for (uint32_t i = 0; have && i < have->n; i++)
        if (text_compare(have->values[i], value) == 0)
            return LOCAL_TRUE;
    return LOCAL_FALSE;
}

/* --- substrings --------------------------------------------------------------------- */

/* The first place of piece in s without case, or NULL. */
static const char *search(struct ctr_str s, struct ctr_str piece)
{
    char first = piece.len > 0 ? text_lower(piece.ptr[0]) : '\0';

    if (piece.len == 0)
        return s.ptr;
    for (; s.len >= piece.len; s.ptr++, s.len--)
        if (text_lower(s.ptr[0]) == first && text_starts_nocase(s, piece))
            return s.ptr;
    return NULL;
}

/* An initial piece without blanks before it, a final one without those behind. */
static struct ctr_str trim_end(struct ctr_str piece, uint8_t tag)
{
    struct ctr_str rest = text_trim(piece);

    if (tag == 0x80)
        rest.len = (uint64_t)(piece.ptr + piece.len - rest.ptr);
    else
        rest = (struct ctr_str){piece.ptr, (uint64_t)(rest.ptr + rest.len - piece.ptr)};
    return rest;
}

static bool value_matches(struct ctr_str value, struct ber pieces)
{
    struct ber content;
    uint8_t tag;

    while (ber_left(&pieces) > 0 && ber_next(&pieces, &tag, &content) == 0) {
        struct ctr_str piece = {(const char *)content.at, ber_left(&content)};
        const char *at = value.ptr;

        if (tag != 0x81) /* blanks at the ends of the whole say nothing */
            piece = trim_end(piece, tag);
        if (piece.len > value.len)
            return false;
        if (tag == 0x81)
            at = search(value, piece);
        else if (tag == 0x82)
            at = value.ptr + (value.len - piece.len);
        if (!at || !text_starts_nocase((struct ctr_str){at, piece.len}, piece))
            return false;
        value.len -= (uint64_t)(at - value.ptr) + piece.len;
        value.ptr = at + piece.len;
    }
    return true;
}

static int substr_matches(const struct local_attr *have, struct ber pieces)
{
    for (uint32_t i = 0; have && i < have->n; i++)
        if (value_matches(have->values[i], pieces))
            return LOCAL_TRUE;
    return LOCAL_FALSE;
}

static int order_matches(const struct local_attr *have, struct ctr_str value, bool ge)
{
    for (uint32_t i = 0; have && i < have->n; i++) {
        int order = text_compare(have->values[i], value);

        if (ge ? order >= 0 : order <= 0)
            return LOCAL_TRUE;
    }
    return LOCAL_FALSE;
}

/* --- one assertion -------------------------------------------------------------------
 */

/* Where the evaluation happens. */
struct place {
    const struct local_entry *entry;
    const struct attributes *t;
    struct pool *pool;
    uint64_t *work;
    struct dn dn; /* of the entry, once asked for */
};

/* Before the values of an attribute are compared. returns false: that is enough */
static bool spend(const struct place *p, const struct attr *attr)
{
    const struct local_attr *have = find(p->entry, attr);

    for (uint32_t i = 0; have && i < have->n; i++)
        *p->work += have->values[i].len;
    return *p->work <= LOCAL_WORK_MAX;
}

/* Whether the name itself says attr=value. attr NULL: any. */
static int name_says(struct place *p, const struct attr *attr, struct ctr_str value)
{
    if (p->dn.n == 0 && dn_parse(p->t, p->pool, p->entry->dn, &p->dn))
        return LOCAL_FALSE;
    for (uint32_t i = 0; i < p->dn.n; i++)
        if ((!attr || p->dn.rdns[i].attr == attr) &&
            text_compare(p->dn.rdns[i].value, value) == 0)
            return LOCAL_TRUE;
    return LOCAL_FALSE;
}

static const struct attr *known(const struct place *p, struct ctr_str name)
{
    struct attr_ref ref;

    return attributes_find(p->t, p->pool, name, &ref) ? NULL : ref.attr;
}

/* Every sort of assertion with an attribute and a value. */
static int matches_value(const struct place *p, uint8_t tag, struct ber b)
{
    struct ctr_str name, value;
    const struct attr *attr;
    struct ber pieces;

    if (ber_str(&b, BER_OCTETS, &name))
        return LOCAL_UNDEFINED;
    attr = known(p, name);
    if (!attr || !spend(p, attr))
        return LOCAL_UNDEFINED;
    if (tag == 0xa4) {
        if (!attr_has_substrings(attr) || ber_enter(&b, BER_SEQUENCE, &pieces))
            return LOCAL_UNDEFINED;
        return substr_matches(find(p->entry, attr), pieces);
    }
    if (ber_str(&b, BER_OCTETS, &value) || value.len == 0)
        return LOCAL_UNDEFINED;
    if (tag == 0xa5 || tag == 0xa6)
        return attr_has_order(attr)
                   ? order_matches(find(p->entry, attr), value, tag == 0xa5)
                   : LOCAL_UNDEFINED;
    return attr_has_equality(attr) ? local_equals(p->entry, attr, value)
                                   : LOCAL_UNDEFINED;
}

/* The greater of the two in False < Undefined < True. */
static int either(int a, int b)
{
    if (a == LOCAL_TRUE || b == LOCAL_TRUE)
        return LOCAL_TRUE;
    return a == LOCAL_UNDEFINED || b == LOCAL_UNDEFINED ? LOCAL_UNDEFINED : LOCAL_FALSE;
}

static int matches_extensible(struct place *p, struct ber b)
{
    struct ctr_str name = {NULL, 0}, type = {NULL, 0}, value;
    const struct rule *rule = NULL;
    const struct attr *attr = NULL;
    bool dn = false;
    int result = LOCAL_FALSE;

    if ((ber_peek(&b) == 0x81 && ber_str(&b, 0x81, &name)) ||
        (ber_peek(&b) == 0x82 && ber_str(&b, 0x82, &type)) || ber_str(&b, 0x83, &value) ||
        (ber_peek(&b) == 0x84 && ber_bool(&b, 0x84, &dn)))
        return LOCAL_UNDEFINED;
    if (name.ptr)
        rule = filter_find_rule(name);
    if (type.ptr)
        attr = known(p, type);
    if ((name.ptr && !rule) || (type.ptr && !attr) || value.len == 0 ||
        (attr && !spend(p, attr)))
        return LOCAL_UNDEFINED;
    if (attr && rule &&
        (attr->syntax != rule->syntax ||
         (rule->syntax == SYNTAX_INTEGER && local_has(p->entry, attr))))
        result = LOCAL_UNDEFINED; /* bits are not compared */
    else if (attr)
        result = attr_has_equality(attr) ? local_equals(p->entry, attr, value)
                                         : LOCAL_UNDEFINED;
    return dn ? either(result, name_says(p, attr, value)) : result;
}

static int matches(struct place *p, struct ber *b)
{
    struct ber content;
    uint8_t tag;
    int result;

    if (ber_next(b, &tag, &content))
        return LOCAL_UNDEFINED;
    switch (tag) {
    case 0xa0: /* the least of False < Undefined < True */
    case 0xa1: /* the greatest */
        result = tag == 0xa0 ? LOCAL_TRUE : LOCAL_FALSE;
        while (ber_left(&content) > 0) {
            int child = matches(p, &content);

            if (child == (tag == 0xa0 ? LOCAL_FALSE : LOCAL_TRUE))
                return child;
            if (child == LOCAL_UNDEFINED)
                result = LOCAL_UNDEFINED;
        }
        return result;
    case 0xa2:
        result = matches(p, &content);
        return result == LOCAL_UNDEFINED ? result
               : result == LOCAL_TRUE    ? LOCAL_FALSE
                                         : LOCAL_TRUE;
    case 0x87: {
        const struct attr *attr =
            known(p, (struct ctr_str){(const char *)content.at, ber_left(&content)});

        return !attr                       ? LOCAL_UNDEFINED
               : local_has(p->entry, attr) ? LOCAL_TRUE
                                           : LOCAL_FALSE;
    }
    case 0xa9:
        return matches_extensible(p, content);
    default:
        if (tag < 0xa3 || tag > 0xa8 || tag == 0xa7) /* none we know: not implemented */
            return LOCAL_UNDEFINED;
        return matches_value(p, tag, content);
    }
}

int local_matches(const struct local_entry *entry, const struct attributes *t,
                  struct pool *pool, struct ber filter, uint64_t *work)
{
    struct place p = {.entry = entry, .t = t, .pool = pool, .work = work};

    return matches(&p, &filter);
}
