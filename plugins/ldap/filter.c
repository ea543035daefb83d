/* filter.c - see filter.h: the tree of a filter, from BER to nodes, with its limits. */
#include "filter.h"

#include "leaf.h"

enum {
    FILTER_AND = 0xa0,
    FILTER_OR = 0xa1,
    FILTER_NOT = 0xa2,
    FILTER_EQUAL = 0xa3,
    FILTER_SUBSTR = 0xa4,
    FILTER_GE = 0xa5,
    FILTER_LE = 0xa6,
    FILTER_PRESENT = 0x87,
    FILTER_APPROX = 0xa8,
    FILTER_EXTENSIBLE = 0xa9
};

static int refuse(struct filter *f, const char *text)
{
    f->why.code = RESULT_ADMIN_LIMIT;
    f->why.text = text;
    return -CTR_EREFUSED;
}

/* --- the question in words, for the trace --------------------------------------------
 */

static void ask(struct filter *f, const char *text, size_t n)
{
    size_t room = ASKED_MAX - f->n_asked;

    n = n < room ? n : room;
    if (n > 0)
        memcpy(f->asked + f->n_asked, text, n);
    f->n_asked += (uint32_t)n;
}

/* How many bytes from i on stand in a filter as they are (RFC 4515). */
static size_t count_plain(struct ctr_str s, size_t i)
{
    size_t from = i;

    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x20 || (c >= '(' && c <= '*') || c == '\\' || c == 0x7f)
            break;
    }
    return i - from;
}

static void ask_value(struct filter *f, struct ctr_str value)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0;

    while (i < value.len && f->n_asked < ASKED_MAX) {
        size_t n = count_plain(value, i);
        unsigned char c;

        ask(f, value.ptr + i, n);
        i += n;
        if (i == value.len)
            break;
        c = (unsigned char)value.ptr[i++];
        ask(f, (const char[]){'\\', digits[c >> 4], digits[c & 15]}, 3);
    }
}

static void ask_item(struct filter *f, struct ctr_str name, const char *sign)
{
    ask(f, "(", 1);
    ask(f, name.ptr, name.len);
    ask(f, sign, strlen(sign));
}

/* --- assertions ----------------------------------------------------------------------
 */

static int find_attr(struct filter *f, struct ctr_str name, struct attr_ref *out)
{
    return attributes_find(&f->server->attributes, f->pool, name, out);
}

static int build_value(struct filter *f, struct ber *b, uint32_t op, const char *sign,
                       struct node *out)
{
    struct ctr_str *value = pool_alloc(f->pool, sizeof(*value));
    struct attr_ref ref;
    struct ctr_str name;
    int err;

    if (!value)
        return -CTR_ENOMEM;
    if (ber_str(b, BER_OCTETS, &name) || ber_str(b, BER_OCTETS, value) ||
        ber_ignore_rest(b))
        return -CTR_EFORMAT;
    ask_item(f, name, sign);
    ask_value(f, *value);
    ask(f, ")", 1);
    err = find_attr(f, name, &ref);
    return err ? err : leaf_build(f, &ref, op, value, 1, out);
}

static int build_present(struct filter *f, const struct ber *b, struct node *out)
{
    struct ctr_str name = {(const char *)b->at, ber_left(b)};
    struct attr_ref ref;
    int err = find_attr(f, name, &ref);

    ask_item(f, name, "=*)");
    return err ? err : leaf_build(f, &ref, CTR_OP_PRESENT, NULL, 0, out);
}

/* How many elements, counted no further than max + 1. */
static int count_elements(struct ber b, uint32_t max, uint32_t *n)
{
    struct ber content;
    uint8_t tag;

    for (*n = 0; ber_left(&b) > 0 && *n <= max; (*n)++)
        if (ber_next(&b, &tag, &content))
            return -CTR_EFORMAT;
    return 0;
}

/* Fills values with initial, any..., final; the ends stay empty where absent. Empty
 * pieces say nothing and are left out, and none at all, as Java sends "(cn=**)", no more
 * than one. returns how many, or negative */
static int read_pieces(struct filter *f, struct ber *b, struct ctr_str *values)
{
    uint32_t n = 1;
    bool ended = false, started = false;

    values[0] = STR("");
    while (ber_left(b) > 0) {
        struct ber content;
        struct ctr_str piece;
        uint8_t tag;

        if (ber_next(b, &tag, &content) || tag < 0x80 || tag > 0x82 || ended ||
            (tag == 0x80 && started))
            return -CTR_EFORMAT;
        piece = (struct ctr_str){(const char *)content.at, ber_left(&content)};
        if (tag != 0x80)
            ask(f, "*", 1);
        ask_value(f, piece);
        started = true;
        ended = tag == 0x82;
        if (tag == 0x80)
            values[0] = piece;
        else if (ended || piece.len > 0)
            values[n++] = piece;
    }
    if (!ended) {
        values[n++] = STR("");
        ask(f, "*", 1);
    }
    return (int)n;
}

static int build_substr(struct filter *f, struct ber *b, struct node *out)
{
    struct ctr_str name, *values;
    struct attr_ref ref;
    struct ber pieces;
    uint32_t count;
    int n, err;

    if (ber_str(b, BER_OCTETS, &name) || ber_enter(b, BER_SEQUENCE, &pieces) ||
        ber_ignore_rest(b) ||
        count_elements(pieces, f->server->limits.substrings, &count))
        return -CTR_EFORMAT;
    if (count > f->server->limits.substrings)
        return refuse(f, "too many pieces between the * of one substring filter");
    values = pool_array(f->pool, count + 2, sizeof(*values));
    if (!values)
        return -CTR_ENOMEM;
    ask_item(f, name, "=");
    n = read_pieces(f, &pieces, values);
    if (n < 0)
        return n;
    ask(f, ")", 1);
    err = find_attr(f, name, &ref);
    if (err)
        return err;
    if (n == 2 && values[0].len == 0 && values[1].len == 0)
        return leaf_build(f, &ref, CTR_OP_PRESENT, NULL, 0, out);
    return leaf_build(f, &ref, CTR_OP_SUBSTR, values, (uint32_t)n, out);
}

static int build_extensible(struct filter *f, struct ber *b, struct node *out)
{
    struct ctr_str rule = {NULL, 0}, type = {NULL, 0}, value;
    struct attr_ref ref;
    bool dn = false;

    if ((ber_peek(b) == 0x81 && ber_str(b, 0x81, &rule)) ||
        (ber_peek(b) == 0x82 && ber_str(b, 0x82, &type)) || ber_str(b, 0x83, &value) ||
        (ber_peek(b) == 0x84 && ber_bool(b, 0x84, &dn)) || ber_ignore_rest(b) ||
        (!rule.ptr && !type.ptr))
        return -CTR_EFORMAT;
    ask_item(f, type, dn ? ":dn" : "");
    if (rule.ptr) {
        ask(f, ":", 1);
        ask(f, rule.ptr, rule.len);
    }
    ask(f, ":=", 2);
    ask_value(f, value);
    ask(f, ")", 1);
    if (type.ptr && find_attr(f, type, &ref))
        return -CTR_ENOMEM;
    return leaf_extensible(f, rule, type.ptr ? &ref : NULL, value, dn, out);
}

/* --- and, or, not --------------------------------------------------------------------
 */

static int build(struct filter *f, struct ber *b, struct node *out);

/* Adds a child that was built to those that count. returns false when it decides. */
static bool add_child(bool is_and, const struct ctr_filter *child,
                      const struct ctr_filter **children, uint32_t *n)
{
    if (child == (is_and ? &leaf_false : &leaf_true))
        return false;
    if (child != (is_and ? &leaf_true : &leaf_false))
        children[(*n)++] = child;
    return true;
}

static int build_set(struct filter *f, struct ber *b, bool is_and, struct node *out)
{
    const struct ctr_filter **children;
    bool decided = false;
    uint32_t count, n = 0;

    if (count_elements(*b, f->server->limits.filter_terms, &count))
        return -CTR_EFORMAT;
    if (count > f->server->limits.filter_terms)
        return refuse(f, "too many terms in one filter");
    children = pool_array(f->pool, count, sizeof(const struct ctr_filter *));
    if (!children)
        return -CTR_ENOMEM;
    out->local_true = is_and;
    out->local_false = !is_and;
    ask(f, is_and ? "(&" : "(|", 2);
    while (ber_left(b) > 0) {
        struct node child;
        int err = build(f, b, &child);

        if (err)
            return err;
        decided |= !add_child(is_and, child.f, children, &n);
        out->local_true = is_and ? out->local_true && child.local_true
                                 : out->local_true || child.local_true;
        out->local_false = is_and ? out->local_false || child.local_false
                                  : out->local_false && child.local_false;
    }
    ask(f, ")", 1);
    if (decided || n == 0)
        out->f = is_and != decided ? &leaf_true : &leaf_false;
    else if (n == 1)
        out->f = children[0];
    else
        out->f = leaf_join(f, is_and ? CTR_OP_AND : CTR_OP_OR, children, n);
    return out->f ? 0 : -CTR_ENOMEM;
}

static int build_not(struct filter *f, struct ber *b, struct node *out)
{
    const struct ctr_filter **children;
    struct node child;
    int err;

    f->negative = !f->negative;
    ask(f, "(!", 2);
    err = build(f, b, &child);
    ask(f, ")", 1);
    f->negative = !f->negative;
    if (err)
        return err;
    if (ber_left(b))
        return -CTR_EFORMAT;
    out->local_true = child.local_false;
    out->local_false = child.local_true;
    if (child.f == &leaf_true || child.f == &leaf_false) {
        out->f = child.f == &leaf_true ? &leaf_false : &leaf_true;
        return 0;
    }
    f->other = true;
    if (child.f->op == CTR_OP_NOT) {
        out->f = child.f->children[0];
        return 0;
    }
    children = pool_alloc(f->pool, sizeof(const struct ctr_filter *));
    if (!children)
        return -CTR_ENOMEM;
    children[0] = child.f;
    out->f = leaf_join(f, CTR_OP_NOT, children, 1);
    return out->f ? 0 : -CTR_ENOMEM;
}

/* An operator of the sets, one level down. */
static int build_nested(struct filter *f, uint8_t tag, struct ber *b, struct node *out)
{
    int err;

    if (f->depth >= f->server->limits.filter_depth)
        return refuse(f, "filter is nested too deeply");
    if (ber_left(b) == 0 && ++f->terms > f->server->limits.filter_terms)
        return refuse(f, "too many terms in one filter");
    f->depth++;
    err = tag == FILTER_NOT ? build_not(f, b, out)
                            : build_set(f, b, tag == FILTER_AND, out);
    f->depth--;
    return err;
}

static int build_assertion(struct filter *f, uint8_t tag, struct ber *b, struct node *out)
{
    if (++f->terms > f->server->limits.filter_terms)
        return refuse(f, "too many terms in one filter");
    switch (tag) {
    case FILTER_EQUAL:
        return build_value(f, b, CTR_OP_EQUAL, "=", out);
    case FILTER_GE:
        return build_value(f, b, CTR_OP_GE, ">=", out);
    case FILTER_LE:
        return build_value(f, b, CTR_OP_LE, "<=", out);
    case FILTER_APPROX:
        return build_value(f, b, CTR_OP_APPROX, "~=", out);
    case FILTER_SUBSTR:
        return build_substr(f, b, out);
    case FILTER_PRESENT:
        return build_present(f, b, out);
    case FILTER_EXTENSIBLE:
        return build_extensible(f, b, out);
    default:
        if ((tag & 0xc0) != 0x80)
            return -CTR_EFORMAT;
        /* a kind of assertion of the future: "not implemented" is Undefined */
        *out = (struct node){.f = leaf_undefined(f)};
        return 0;
    }
}

/* Takes one filter off b. */
static int build(struct filter *f, struct ber *b, struct node *out)
{
    struct ber content;
    uint8_t tag;

    if (ber_next(b, &tag, &content))
        return -CTR_EFORMAT;
    if (tag == FILTER_AND || tag == FILTER_OR || tag == FILTER_NOT)
        return build_nested(f, tag, &content, out);
    return build_assertion(f, tag, &content, out);
}

static int build_once(struct filter *f, struct ber *b)
{
    struct node root;
    int err;

    f->by_source = f->negative = f->phone_equal = f->other = false;
    f->depth = f->terms = f->host_leaves = f->n_asked = 0;
    err = build(f, b, &root);
    if (err)
        return err;
    f->root = root.f;
    f->local_true = root.local_true;
    f->caller = f->phone_equal && !f->other;
    return 0;
}

int filter_build(struct filter *f, struct ber *b)
{
    struct ber start = *b;
    int err = build_once(f, b);

    if (err || f->plain || f->host_leaves <= CTR_FILTER_LEAVES_MAX)
        return err;
    f->plain = true;
    *b = start;
    return build_once(f, b);
}

const struct ctr_filter *filter_equal(struct filter *f, const struct attr_ref *ref,
                                      struct ctr_str value)
{
    struct node node;
    struct ctr_str *kept = pool_alloc(f->pool, sizeof(*kept));

    if (!kept)
        return NULL;
    *kept = value;
    return leaf_build(f, ref, CTR_OP_EQUAL, kept, 1, &node) ? NULL : node.f;
}

const struct ctr_filter *filter_present(struct filter *f, const struct attr_ref *ref)
{
    struct node node;

    return leaf_build(f, ref, CTR_OP_PRESENT, NULL, 0, &node) ? NULL : node.f;
}
