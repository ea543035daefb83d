/* conn.c - see conn.h: frames, messages, dispatch, and the end of a connection. */
#include "conn.h"

#include <stdlib.h>

#include "controls.h"
#include "page.h"
#include "reply.h"

enum {
    TURN_MESSAGES = 32, /* then the others have their turn */
    MESSAGE_ID_MAX = 0x7fffffff
};

size_t conn_pdu_max(const struct conn *c)
{
    return c->principal ? c->server->limits.pdu : c->server->limits.pdu_anonymous;
}

void conn_set_principal(struct conn *c, struct ctr_principal *principal)
{
    page_drop_all(c);
    c->server->host->principal_unref(c->principal);
    c->principal = principal;
    c->server->net->set_limit(c->stream, conn_pdu_max(c) + BER_HEADER_MAX);
}

void conn_settle(struct conn *c)
{
    bool busy = c->n_ops > 0 || c->auth_pending;

    if (busy != c->busy && !c->closing)
        c->server->net->set_busy(c->stream, busy);
    c->busy = busy;
}

static void send_notice(struct conn *c, int code, const char *text)
{
    struct reply r = {
        .tag = OP_EXTENDED_RESPONSE, .code = code, .text = text, .name = OID_NOTICE};

    if (!c->closing)
        reply_send(c, &r);
    c->closing = true;
}

int conn_disconnect(struct conn *c, int code, const char *text)
{
    if (code == RESULT_PROTOCOL_ERROR)
        server_count(c->server, METRIC_PROTOCOL);
    send_notice(c, code, text);
    return -CTR_EPROTO;
}

/* --- one message ----------------------------------------------------------------------
 */

/* LDAPMessage ::= SEQUENCE { messageID, protocolOp, controls [0] OPTIONAL } */
static int parse_message(const uint8_t *data, size_t n, struct message *m)
{
    struct ber b = ber_over(data, n);
    struct ber content;
    int64_t id;

    m->size = n;
    if (ber_enter(&b, BER_SEQUENCE, &content) || ber_int(&content, BER_INTEGER, &id) ||
        id < 0 || id > MESSAGE_ID_MAX || ber_next(&content, &m->tag, &m->body))
        return -CTR_EFORMAT;
    m->id = (uint32_t)id;
    m->controls = ber_over(content.at, 0);
    if (ber_peek(&content) == BER_CONTEXT_CONS(0) &&
        ber_enter(&content, BER_CONTEXT_CONS(0), &m->controls))
        return -CTR_EFORMAT;
    return ber_ignore_rest(&content);
}

static int write_request(struct conn *c, const struct message *m)
{
    server_count(c->server, METRIC_WRITE);
    if (controls_refuse(c, m))
        return 0;
    reply_code(c, m, RESULT_UNWILLING,
               "this directory is read-only; change the contact where it comes from");
    return 0;
}

int abandon_request(struct conn *c, const struct message *m)
{
    /* AbandonRequest ::= [APPLICATION 16] MessageID: the content is the number */
    struct op *op;
    uint64_t id = 0;
    size_t n = ber_left(&m->body);

    if (n < 1 || n > 8)
        return -CTR_EFORMAT;
    for (size_t i = 0; i < n; i++)
        id = id << 8 | m->body.at[i];
    server_count(c->server, METRIC_ABANDON);
    op = id <= MESSAGE_ID_MAX ? op_find(c, (uint32_t)id) : NULL;
    if (op)
        op_cancel(op, -1);
    return 0;
}

static int dispatch(struct conn *c, const struct message *m)
{
    switch (m->tag) {
    case OP_BIND:
        return bind_request(c, m);
    case OP_UNBIND:
        c->closing = true;
        return -CTR_ECANCELED;
    case OP_SEARCH:
        return search_request(c, m);
    case OP_COMPARE:
        return compare_request(c, m);
    case OP_ABANDON:
        return abandon_request(c, m);
    case OP_EXTENDED:
        return extended_request(c, m);
    case OP_MODIFY:
    case OP_ADD:
    case OP_DELETE:
    case OP_MODIFY_DN:
        return write_request(c, m);
    default:
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR, "not a request of LDAP");
    }
}

static int handle(struct conn *c, const uint8_t *data, size_t n)
{
    struct message m;
    int err = parse_message(data, n, &m);

    if (err)
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR, "malformed LDAP message");
    if (m.id == 0)
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR, "message ID 0 is reserved");
    if (m.tag != OP_ABANDON && m.tag != OP_UNBIND && op_find(c, m.id))
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR,
                               "a request with this message ID is under way");
    err = dispatch(c, &m);
    if (err == -CTR_EFORMAT)
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR, "malformed LDAP request");
    return err;
}

/* --- bytes in -------------------------------------------------------------------------
 */

/* A frame we refuse: what came is no LDAP, or too much of it. */
static int refuse_frame(struct conn *c, int64_t err)
{
    if (err == -CTR_ESIZE)
        return conn_disconnect(c, RESULT_PROTOCOL_ERROR,
                               c->principal ? "message is too large"
                                            : "message is too large before a bind");
    return conn_disconnect(c, RESULT_PROTOCOL_ERROR,
                           "this is not LDAP; for TLS use an ldaps port or StartTLS");
}

static bool takes_input(const struct conn *c)
{
    return !c->auth_pending && !c->choked && !c->closing && !c->tls_pending;
}

/* Whole messages as long as there are some. returns bytes consumed, or negative */
static int64_t take_messages(struct conn *c, const uint8_t *data, size_t n)
{
    size_t used = 0;
    unsigned left = TURN_MESSAGES;

    while (used < n && takes_input(c) && left > 0) {
        int64_t size = ber_frame(data + used, n - used, BER_SEQUENCE, conn_pdu_max(c));
        int err;

        if (size < 0)
            return refuse_frame(c, size);
        if (size == 0 || (uint64_t)size > n - used)
            return (int64_t)used;
        used += (size_t)size;
        left--;
        err = handle(c, data + used - size, (size_t)size);
        if (err)
            return err;
        if (c->tls_pending && used < n) /* would be taken for encrypted */
            return conn_disconnect(c, RESULT_PROTOCOL_ERROR,
                                   "nothing may follow StartTLS before its answer");
    }
    if (left == 0 && takes_input(c) && used < n) {
        c->server->net->pause(c->stream);
        c->server->net->resume(c->stream);
    }
    return (int64_t)used;
}

static int64_t on_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct conn *c = conn;
    int64_t used;

    if (c->closing)
        return (int64_t)n;
    c->inside = true;
    server_count_begin(c->server);
    used = take_messages(c, data, (size_t)n);
    server_count_end(c->server);
    c->inside = false;
    if (used < 0)
        return used;
    conn_settle(c);
    if (!takes_input(c) && !c->tls_pending)
        c->server->net->pause(c->stream);
    return used;
}

/* The peer reads again: the waiting searches first, then new requests. */
static void on_drain(void *conn)
{
    struct conn *c = conn;
    struct op *op = c->ops;

    c->choked = false;
    while (op && !c->choked) {
        if (op->paused) {
            op->paused = false;
            c->server->host->query_resume(c->server->host, op->request);
            op = c->ops; /* it may have ended, or others with it */
        } else {
            op = op->next;
        }
    }
    if (takes_input(c))
        c->server->net->resume(c->stream);
}

/* --- beginning and end ----------------------------------------------------------------
 */

static int32_t on_open(void *instance, struct ctr_stream *stream,
                       const struct ctr_peer *peer, void **conn)
{
    struct server *s = instance;
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return -CTR_ENOMEM;
    c->server = s;
    c->stream = stream;
    c->peer = peer;
    c->tls = (peer->flags & CTR_PEER_TLS) != 0;
    c->version = 3;
    s->net->set_limit(stream, conn_pdu_max(c) + BER_HEADER_MAX);
    *conn = c;
    return 0;
}

static void on_tls(void *conn, int32_t status)
{
    struct conn *c = conn;

    c->tls_pending = false;
    if (status)
        c->closing = true; /* on_close follows */
    else
        c->tls = true;
}

static void on_goodbye(void *conn, uint32_t reason)
{
    static const struct refusal notices[] = {
        [CTR_CLOSE_IDLE] = {RESULT_UNAVAILABLE, "idle for too long; connect again"},
        [CTR_CLOSE_SLOW] = {RESULT_BUSY, "too slow in sending or reading"},
        [CTR_CLOSE_LIMIT] = {RESULT_PROTOCOL_ERROR, "message is too large"},
    };
    struct conn *c = conn;

    if (reason < sizeof(notices) / sizeof(notices[0]) && notices[reason].text)
        send_notice(c, notices[reason].code, notices[reason].text);
    else
        send_notice(c, RESULT_UNAVAILABLE, "the server is going down; connect again");
}

static void on_close(void *conn, uint32_t reason)
{
    struct conn *c = conn;

    (void)reason;
    c->closing = true;
    bind_cancel(c);
    op_cancel_all(c);
    page_drop_all(c);
    c->server->host->principal_unref(c->principal);
    free(c);
}

const struct ctr_stream_ops conn_ops = {
    .size = sizeof(struct ctr_stream_ops),
    .on_open = on_open,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_tls = on_tls,
    .on_goodbye = on_goodbye,
    .on_close = on_close,
};
