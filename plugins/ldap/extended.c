/* extended.c - StartTLS (RFC 4511 4.14), Who am I? (RFC 4532), Cancel (RFC 3909). */
#include "controls.h"
#include "reply.h"

/* ExtendedRequest, borrowed. */
struct extended {
    struct ctr_str name, value; /* value.ptr NULL: none */
};

static void answer(struct conn *c, const struct message *m, int code, const char *text,
                   const char *name)
{
    struct reply r = {.id = m->id,
                      .tag = OP_EXTENDED_RESPONSE,
                      .code = code,
                      .text = text,
                      .name = name};

    reply_send(c, &r);
}

static int start_tls(struct conn *c, const struct message *m, const struct extended *x)
{
    if (x->value.ptr)
        answer(c, m, RESULT_PROTOCOL_ERROR, "StartTLS takes no value", OID_START_TLS);
    else if (c->tls)
        answer(c, m, RESULT_OPERATIONS_ERROR, "the connection is encrypted already",
               OID_START_TLS);
    else if (c->n_ops > 0)
        answer(c, m, RESULT_OPERATIONS_ERROR, "StartTLS must wait for other answers",
               OID_START_TLS);
    else if (!(c->peer->flags & CTR_PEER_CAN_TLS))
        answer(c, m, RESULT_PROTOCOL_ERROR,
               "StartTLS is not set up; give the listener a certificate", OID_START_TLS);
    else {
        answer(c, m, RESULT_SUCCESS, NULL, OID_START_TLS);
        if (c->server->net->start_tls(c->stream))
            return conn_disconnect(c, RESULT_UNAVAILABLE, "TLS cannot start");
        c->tls_pending = true;
    }
    return 0;
}

/* "dn:uid=NAME,ou=users,BASE", nothing for anonymous. */
static void who_am_i(struct conn *c, const struct message *m, const struct extended *x)
{
    struct ctr_str name = str_of(c->server->host->principal_name(c->principal));
    struct reply r = {.id = m->id, .tag = OP_EXTENDED_RESPONSE, .value = STR("")};
    size_t room = 16 + 3 * name.len + c->server->users_text.len;
    struct ber_out out = {.cap = room};
    struct pool pool;

    if (x->value.ptr) {
        answer(c, m, RESULT_PROTOCOL_ERROR, "Who am I? takes no value", NULL);
        return;
    }
    pool_init(&pool, 1 << 20);
    out.data = pool_alloc(&pool, room);
    if (c->principal && out.data) {
        ber_put(&out, "dn:uid=", 7);
        dn_put_value(&out, name);
        ber_put(&out, ",", 1);
        ber_put(&out, c->server->users_text.ptr, c->server->users_text.len);
        r.value = (struct ctr_str){(const char *)out.data, out.len};
    }
    reply_send(c, &r);
    pool_reset(&pool);
}

/* Value ::= SEQUENCE { cancelID MessageID } */
static void cancel(struct conn *c, const struct message *m, const struct extended *x)
{
    struct ber b = ber_over(x->value.ptr, x->value.len);
    struct ber content;
    struct op *op;
    int64_t id;

    if (!x->value.ptr || ber_enter(&b, BER_SEQUENCE, &content) || ber_left(&b) ||
        ber_int(&content, BER_INTEGER, &id) || ber_ignore_rest(&content) || id < 0 ||
        id > INT32_MAX) {
        answer(c, m, RESULT_PROTOCOL_ERROR, "malformed Cancel", NULL);
        return;
    }
    op = op_find(c, (uint32_t)id);
    if (!op) {
        answer(c, m, RESULT_NO_SUCH_OPERATION, "no such request is under way", NULL);
        return;
    }
    op_cancel(op, RESULT_CANCELED);
    answer(c, m, RESULT_SUCCESS, NULL, NULL);
}

static int parse_extended(struct ber b, struct extended *x)
{
    *x = (struct extended){.value = {NULL, 0}};
    if (ber_str(&b, BER_CONTEXT(0), &x->name) ||
        (ber_peek(&b) == BER_CONTEXT(1) && ber_str(&b, BER_CONTEXT(1), &x->value)) ||
        ber_ignore_rest(&b))
        return -CTR_EFORMAT;
    return 0;
}

int extended_request(struct conn *c, const struct message *m)
{
    struct extended x;
    int err = parse_extended(m->body, &x);

    if (err)
        return err;
    server_count(c->server, METRIC_EXTENDED);
    if (controls_refuse(c, m))
        return 0;
    if (str_same(x.name, STR(OID_START_TLS)))
        return start_tls(c, m, &x);
    if (str_same(x.name, STR(OID_WHOAMI)))
        who_am_i(c, m, &x);
    else if (str_same(x.name, STR(OID_CANCEL)))
        cancel(c, m, &x);
    else
        answer(c, m, RESULT_PROTOCOL_ERROR, "this extended operation is not supported",
               NULL);
    return 0;
}
