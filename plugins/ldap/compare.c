/* compare.c - CompareRequest (RFC 4511 section 4.10), under the rules of a search.
 *
 * It is asked as a search for that one contact, so a field the peer may not see looks
 * exactly like one the contact does not have. */
#include "controls.h"
#include "filter.h"
#include "reply.h"
#include "target.h"

enum { STEP_EQUAL, STEP_PRESENT, STEP_EXISTS };

struct compare {
    struct target target;
    struct attr_ref ref;
    struct ctr_str value;
    struct filter filter;
    struct ctr_query query;
    int step;
    bool hit;
    int constant; /* STEP_EXISTS: the answer if the contact is there */
};

static void end(struct op *op, int code, const char *text)
{
    const struct compare *k = op->work;
    struct reply r = {.id = op->id, .tag = op->answer, .code = code, .text = text};

    if (code == RESULT_NO_SUCH_OBJECT)
        r.matched = k->target.matched;
    reply_send(op->conn, &r);
    op_free(op);
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct op *op = user;
    struct compare *k = op->work;

    (void)hits;
    k->hit |= n > 0;
    return 0;
}

static const struct ctr_query_ops query_ops = {
    .size = sizeof(struct ctr_query_ops), .on_hits = on_hits, .on_done = op_on_done};

static void ask(struct op *op, const struct ctr_filter *filter)
{
    struct compare *k = op->work;
    const char *text;
    int err = -CTR_ENOMEM;

    k->query.filter = filter;
    k->hit = false;
    if (filter)
        err = op_query(op, &k->query, &query_ops);
    if (err) {
        int code = op_result(err, &text);

        end(op, code, text);
    }
}

/* It does not hold the value: does it hold any? */
static void ask_present(struct op *op)
{
    struct compare *k = op->work;
    const struct ctr_filter *present = filter_present(&k->filter, &k->ref);

    k->step = STEP_PRESENT;
    if (present && present->op == CTR_OP_TRUE)
        end(op, RESULT_COMPARE_FALSE, NULL);
    else
        ask(op, present);
}

static void on_query_end(struct op *op)
{
    struct compare *k = op->work;
    const char *text;
    int code = op_result(op->outcome.status, &text);

    if (op->end_code > 0)
        end(op, op->end_code, "canceled");
    else if (op->end_code)
        op_free(op);
    else if (code != RESULT_SUCCESS)
        end(op, code, text);
    else if (k->step == STEP_EXISTS)
        end(op, k->hit ? k->constant : RESULT_NO_SUCH_OBJECT, NULL);
    else if (k->step == STEP_PRESENT)
        end(op, k->hit ? RESULT_COMPARE_FALSE : RESULT_NO_SUCH_ATTRIBUTE, NULL);
    else if (k->hit)
        end(op, RESULT_COMPARE_TRUE, NULL);
    else
        ask_present(op);
}

/* A contact: fields are the host's, the rest follows from its existence. */
static void compare_contact(struct op *op)
{
    static const struct ctr_filter everything = {.op = CTR_OP_TRUE};
    struct compare *k = op->work;
    const struct ctr_filter *equal = filter_equal(&k->filter, &k->ref, k->value);
    uint8_t type = k->ref.attr->type;

    k->query.size = sizeof(k->query);
    k->query.principal = op->conn->principal;
    k->query.source = k->target.source;
    k->query.id = k->target.id;
    k->query.client = op->conn->peer->address;
    k->query.asked = k->ref.name;
    k->query.limit = 1;
    op->finish = on_query_end;
    k->step = STEP_EQUAL;
    if (type >= ATTR_LOCAL || type == ATTR_WORDS) {
        k->constant = RESULT_NO_SUCH_ATTRIBUTE;
        equal = &everything;
        k->step = STEP_EXISTS;
    } else if (equal && (equal->op == CTR_OP_TRUE || equal->op == CTR_OP_FALSE)) {
        k->constant =
            equal->op == CTR_OP_TRUE ? RESULT_COMPARE_TRUE : RESULT_COMPARE_FALSE;
        equal = &everything;
        k->step = STEP_EXISTS;
    }
    ask(op, equal);
}

static void compare_local(struct op *op, const struct local_entry *entry)
{
    const struct compare *k = op->work;

    if (!local_has(entry, k->ref.attr))
        end(op, RESULT_NO_SUCH_ATTRIBUTE, NULL);
    else if (local_equals(entry, k->ref.attr, k->value) == LOCAL_TRUE)
        end(op, RESULT_COMPARE_TRUE, NULL);
    else
        end(op, RESULT_COMPARE_FALSE, NULL);
}

static void compare_source(struct op *op)
{
    const struct compare *k = op->work;
    struct local_entry entry;

    if (target_source_entry(op->conn, &op->pool, k->target.source, &entry))
        end(op, RESULT_BUSY, NULL);
    else
        compare_local(op, &entry);
}

static void compare_run(struct op *op)
{
    const struct compare *k = op->work;
    const struct server *s = op->conn->server;
    bool can_tls = (op->conn->peer->flags & CTR_PEER_CAN_TLS) != 0;

    if (!target_allowed(op->conn, &k->target, true)) {
        end(op, RESULT_INSUFFICIENT_ACCESS, "bind with a user name and password first");
        return;
    }
    if (k->target.kind == TARGET_NONE) {
        end(op, RESULT_NO_SUCH_OBJECT, NULL);
        return;
    }
    if (!k->ref.attr) {
        end(op, RESULT_UNDEFINED_TYPE, "no such attribute type");
        return;
    }
    if (k->ref.attr->type < ATTR_LOCAL && !attr_has_equality(k->ref.attr)) {
        end(op, RESULT_INAPPROPRIATE_MATCHING,
            "values of this attribute have no equality");
        return;
    }
    switch (k->target.kind) {
    case TARGET_ROOT:
        compare_local(op, can_tls ? &s->rootdse_tls : &s->rootdse);
        break;
    case TARGET_SUBSCHEMA:
        compare_local(op, &s->subschema);
        break;
    case TARGET_BASE:
        compare_local(op, &s->base_entry);
        break;
    case TARGET_SOURCE:
        compare_source(op);
        break;
    default:
        compare_contact(op);
    }
}

/* CompareRequest ::= SEQUENCE { entry, SEQUENCE { attribute, value } } */
static int prepare(struct op *op, const struct message *m)
{
    struct compare *k = op->work;
    struct ctr_str entry, name;
    struct ber b = m->body, ava;
    int err;

    if (ber_str(&b, BER_OCTETS, &entry) || ber_enter(&b, BER_SEQUENCE, &ava) ||
        ber_ignore_rest(&b) || ber_str(&ava, BER_OCTETS, &name) ||
        ber_str(&ava, BER_OCTETS, &k->value) || ber_ignore_rest(&ava))
        return -CTR_EFORMAT;
    err = target_resolve(op->conn, &op->pool, entry, &k->target);
    if (err)
        return err == -CTR_EFORMAT ? -CTR_EINVAL : err;
    k->filter.server = op->conn->server;
    k->filter.pool = &op->pool;
    k->filter.source = k->target.source;
    return attributes_find(&op->conn->server->attributes, &op->pool, name, &k->ref);
}

int compare_request(struct conn *c, const struct message *m)
{
    struct refusal why;
    struct message kept;
    struct op *op;
    int err;

    server_count(c->server, METRIC_COMPARE);
    if (controls_refuse(c, m))
        return 0;
    op = op_create(c, m, &why);
    if (!op) {
        reply_code(c, m, why.code, why.text);
        return 0;
    }
    err = op_keep(op, m, &kept);
    op->work = pool_zalloc(&op->pool, sizeof(struct compare));
    if (!err)
        err = op->work ? prepare(op, &kept) : -CTR_ENOMEM;
    if (!err) {
        compare_run(op);
        return 0;
    }
    op_free(op);
    if (err == -CTR_EINVAL)
        reply_code(c, m, RESULT_INVALID_DN, "the entry is no DN");
    else if (err != -CTR_EFORMAT)
        reply_code(c, m, RESULT_BUSY, "busy; try again later");
    return err == -CTR_EFORMAT ? err : 0;
}
