/* controls.c - see controls.h: taking controls apart, and writing those of answers. */
#include "controls.h"

#include "reply.h"

static const struct {
    const char *oid;
    uint32_t bit;
} known[] = {{OID_PAGED, CONTROL_PAGED},
             {OID_SORT, CONTROL_SORT},
             {OID_VLV, CONTROL_VLV},
             {OID_MANAGE_DSA, CONTROL_MANAGE_DSA}};

/* One control of the list. */
struct control {
    struct ctr_str oid, value; /* value.ptr NULL: none */
    bool critical;
};

static int refuse(struct refusal *why, int code, const char *text)
{
    why->code = code;
    why->text = text;
    return -CTR_EREFUSED;
}

static int parse_control(struct ber *list, struct control *out)
{
    struct ber b;

    *out = (struct control){.critical = false};
    if (ber_enter(list, BER_SEQUENCE, &b) || ber_str(&b, BER_OCTETS, &out->oid) ||
        (ber_peek(&b) == BER_BOOLEAN && ber_bool(&b, BER_BOOLEAN, &out->critical)) ||
        (ber_peek(&b) == BER_OCTETS && ber_str(&b, BER_OCTETS, &out->value)) ||
        ber_ignore_rest(&b))
        return -CTR_EFORMAT;
    return 0;
}

static uint32_t bit_of(struct ctr_str oid)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_same(oid, str_of(known[i].oid)))
            return known[i].bit;
    return 0;
}

/* INTEGER (0 .. maxInt) */
static int take_uint(struct ber *b, uint32_t *out)
{
    int64_t value;

    if (ber_int(b, BER_INTEGER, &value) || value < 0 || value > INT32_MAX)
        return -CTR_EFORMAT;
    *out = (uint32_t)value;
    return 0;
}

/* --- paged results
 * ---------------------------------------------------------------------- */

static int parse_paged(struct ber b, struct controls *out)
{
    struct ber content;

    if (ber_enter(&b, BER_SEQUENCE, &content) || ber_left(&b) ||
        take_uint(&content, &out->page_size) ||
        ber_str(&content, BER_OCTETS, &out->cookie) || ber_ignore_rest(&content))
        return -CTR_EFORMAT;
    return 0;
}

/* --- sort
 * ------------------------------------------------------------------------------- */

/* Orderings we have one for: without case and accents. AD's are per language. */
static bool is_ordering(struct ctr_str rule)
{
    static const char *const rules[] = {"2.5.13.2",        "2.5.13.3",
                                        "caseIgnoreMatch", "caseIgnoreOrderingMatch",
                                        "2.5.13.20",       "telephoneNumberMatch"};

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (text_same_nocase(rule, str_of(rules[i])))
            return true;
    return text_starts_nocase(rule, STR("1.2.840.113556.1.4."));
}

/* One key: attributeType, orderingRule [0] OPTIONAL, reverseOrder [1] DEFAULT FALSE. */
static int parse_key(const struct conn *c, struct pool *pool, struct ber b,
                     struct controls *out)
{
    struct ctr_str name, rule = {NULL, 0};
    struct attr_ref ref;
    bool reverse = false;

    if (ber_str(&b, BER_OCTETS, &name) ||
        (ber_peek(&b) == BER_CONTEXT(0) && ber_str(&b, BER_CONTEXT(0), &rule)) ||
        (ber_peek(&b) == BER_CONTEXT(1) && ber_bool(&b, BER_CONTEXT(1), &reverse)) ||
        ber_ignore_rest(&b))
        return -CTR_EFORMAT;
    if (attributes_find(&c->server->attributes, pool, name, &ref))
        return -CTR_ENOMEM;
    if (rule.ptr && !is_ordering(rule))
        out->sort_result = RESULT_INAPPROPRIATE_MATCHING;
    else if (!ref.attr)
        out->sort_result = RESULT_NO_SUCH_ATTRIBUTE;
    else if (ref.attr->type != ATTR_ID &&
             (ref.attr->kinds == 0 || ref.attr->type == ATTR_CUSTOM ||
              ref.attr->syntax == SYNTAX_OCTETS))
        out->sort_result = RESULT_INAPPROPRIATE_MATCHING;
    else if (out->n_keys < SORT_KEYS_MAX)
        out->keys[out->n_keys++] = (struct ctr_sort_key){
            .kinds = ref.attr->type == ATTR_ID ? CTR_KIND(CTR_FIELD_ID) : ref.attr->kinds,
            .reverse = reverse};
    else
        out->sort_result = RESULT_UNWILLING;
    return 0;
}

static int parse_sort(const struct conn *c, struct pool *pool, struct ber b,
                      struct controls *out)
{
    struct ber keys, key;

    out->sort_value = (struct ctr_str){(const char *)b.at, ber_left(&b)};
    if (ber_enter(&b, BER_SEQUENCE, &keys) || ber_left(&b) || ber_left(&keys) == 0)
        return -CTR_EFORMAT;
    for (unsigned n = 0; ber_left(&keys) > 0; n++) {
        int err = ber_enter(&keys, BER_SEQUENCE, &key);

        if (!err && n >= SORT_KEYS_MAX) {
            out->sort_result = RESULT_UNWILLING;
            return 0;
        }
        if (!err)
            err = parse_key(c, pool, key, out);
        if (err)
            return err;
    }
    return 0;
}

/* --- virtual list view
 * ------------------------------------------------------------------ */

static int parse_vlv(struct ber b, struct controls *out)
{
    struct ber v, target;
    struct ctr_str context;

    if (ber_enter(&b, BER_SEQUENCE, &v) || ber_left(&b) || take_uint(&v, &out->before) ||
        take_uint(&v, &out->after))
        return -CTR_EFORMAT;
    if (ber_peek(&v) == BER_CONTEXT_CONS(0)) {
        if (ber_enter(&v, BER_CONTEXT_CONS(0), &target) ||
            take_uint(&target, &out->offset) || take_uint(&target, &out->count) ||
            ber_ignore_rest(&target))
            return -CTR_EFORMAT;
        if (out->offset == 0)
            out->vlv_result = RESULT_OFFSET_RANGE;
    } else if (ber_str(&v, BER_CONTEXT(1), &out->target)) {
        return -CTR_EFORMAT;
    }
    if (ber_peek(&v) == BER_OCTETS && ber_str(&v, BER_OCTETS, &context))
        return -CTR_EFORMAT; /* contextID: we keep none, so ours is never sent back */
    return ber_ignore_rest(&v);
}

/* --- the list
 * --------------------------------------------------------------------------- */

static int parse_value(const struct conn *c, struct pool *pool, uint32_t bit,
                       struct ctr_str value, struct controls *out)
{
    struct ber b = ber_over(value.ptr, value.len);

    if (bit == CONTROL_MANAGE_DSA)
        return 0; /* there are no referrals to manage */
    if (!value.ptr)
        return -CTR_EFORMAT;
    if (bit == CONTROL_PAGED)
        return parse_paged(b, out);
    if (bit == CONTROL_SORT)
        return parse_sort(c, pool, b, out);
    return parse_vlv(b, out);
}

/* Every OID once: a control must not come twice (RFC 4511 4.1.11). */
static bool is_duplicate(struct ber list, struct ctr_str oid)
{
    struct control other;
    unsigned n = 0;

    while (ber_left(&list) > 0 && parse_control(&list, &other) == 0)
        n += str_same(other.oid, oid);
    return n > 1;
}

static int count_controls(const struct conn *c, struct ber list, struct refusal *why)
{
    struct control control;

    for (uint32_t n = 0; ber_left(&list) > 0; n++) {
        if (parse_control(&list, &control))
            return -CTR_EFORMAT;
        if (n == c->server->limits.controls)
            return refuse(why, RESULT_ADMIN_LIMIT, "too many controls");
    }
    return 0;
}

int controls_parse(const struct conn *c, struct pool *pool, struct ber list,
                   uint32_t allowed, struct controls *out, struct refusal *why)
{
    struct ber all = list;
    struct control control;
    int err = count_controls(c, list, why);

    while (!err && ber_left(&list) > 0) {
        uint32_t bit;

        err = parse_control(&list, &control);
        if (err)
            break;
        bit = bit_of(control.oid) & allowed;
        if (is_duplicate(all, control.oid))
            err = refuse(why, RESULT_PROTOCOL_ERROR, "the same control twice");
        else if (!bit && control.critical)
            err = refuse(why, RESULT_CRITICAL_EXTENSION,
                         "a control marked critical is not supported here");
        else if (bit)
            err = parse_value(c, pool, bit, control.value, out);
        if (err == -CTR_EFORMAT)
            err = refuse(why, RESULT_PROTOCOL_ERROR, "malformed value of a control");
        if (err)
            break;
        out->have |= bit;
        if (control.critical)
            out->critical |= bit;
    }
    return err;
}

bool controls_refuse(struct conn *c, const struct message *m)
{
    struct refusal why;
    struct controls none = {0};
    int err;

    if (ber_left(&m->controls) == 0)
        return false;
    err = controls_parse(c, NULL, m->controls, 0, &none, &why);
    if (err == 0)
        return false;
    if (err == -CTR_EFORMAT)
        refuse(&why, RESULT_PROTOCOL_ERROR, "malformed controls");
    reply_code(c, m, why.code, why.text);
    return true;
}

/* --- answers
 * ---------------------------------------------------------------------------- */

/* Control ::= SEQUENCE { oid, value }, appended. */
static void put_control(struct answer_controls *to, const char *oid,
                        const struct ber_out *value)
{
    struct ber_out out = {to->data, to->len, sizeof(to->data)};
    size_t control = ber_open(&out, BER_SEQUENCE);

    ber_put_z(&out, BER_OCTETS, oid);
    ber_put_str(&out, BER_OCTETS,
                (struct ctr_str){(const char *)value->data, value->len});
    ber_close(&out, control);
    if (ber_fits(&out))
        to->len = out.len;
}

void controls_put_paged(struct answer_controls *to, struct ctr_str cookie)
{
    uint8_t room[64];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t at = ber_open(&value, BER_SEQUENCE);

    ber_put_int(&value, BER_INTEGER, 0); /* no estimate */
    ber_put_str(&value, BER_OCTETS, cookie);
    ber_close(&value, at);
    put_control(to, OID_PAGED, &value);
}

void controls_put_sorted(struct answer_controls *to, int result)
{
    uint8_t room[16];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t at = ber_open(&value, BER_SEQUENCE);

    ber_put_int(&value, BER_ENUMERATED, result);
    ber_close(&value, at);
    put_control(to, OID_SORTED, &value);
}

void controls_put_vlv(struct answer_controls *to, uint32_t position, uint32_t total,
                      int result)
{
    uint8_t room[32];
    struct ber_out value = {.data = room, .cap = sizeof(room)};
    size_t at = ber_open(&value, BER_SEQUENCE);

    ber_put_int(&value, BER_INTEGER, position);
    ber_put_int(&value, BER_INTEGER, total);
    ber_put_int(&value, BER_ENUMERATED, result);
    ber_close(&value, at);
    put_control(to, OID_VLV_DONE, &value);
}
