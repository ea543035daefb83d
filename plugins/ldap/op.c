/* op.c - requests under way: kept in a list of their connection, reused afterwards. */
#include <stdlib.h>

#include "conn.h"
#include "reply.h"

enum {
    IDLE_OPS_MAX = 64,
    OP_POOL_MAX = 16 << 20 /* decoded filter, names, entries of ours; of one request */
};

static struct op *take_idle(struct server *s)
{
    struct op *op = s->idle_ops;

    if (op) {
        s->idle_ops = op->next;
        s->n_idle_ops--;
        return op;
    }
    op = malloc(sizeof(*op));
    if (op)
        pool_init(&op->pool, OP_POOL_MAX);
    return op;
}

static void put_idle(struct server *s, struct op *op)
{
    if (s->n_idle_ops >= IDLE_OPS_MAX) {
        free(op);
        return;
    }
    op->next = s->idle_ops;
    s->idle_ops = op;
    s->n_idle_ops++;
}

struct op *op_create(struct conn *c, const struct message *m, struct refusal *why)
{
    struct server *s = c->server;
    struct op *op;

    why->code = RESULT_BUSY;
    if (c->n_ops >= s->limits.outstanding) {
        why->text = "too many requests under way on this connection; wait for answers";
        return NULL;
    }
    if (s->n_ops >= CROWD_OPS && c->n_ops >= CROWD_SHARE) {
        why->text = "too many requests under way on this server; wait for answers";
        return NULL;
    }
    if ((c->n_ops > 0 && c->held + m->size > s->limits.pdu) ||
        ((c->n_ops > 0 || m->size > HELD_SMALL) && s->held + m->size > HELD_MAX)) {
        why->text = "the requests under way are too large; wait for answers";
        return NULL;
    }
    op = take_idle(s);
    if (!op) {
        why->text = "out of memory; try again later";
        return NULL;
    }
    memset(op, 0, offsetof(struct op, pool));
    op->conn = c;
    op->id = m->id;
    op->answer = reply_tag(m->tag);
    op->held = m->size;
    op->next = c->ops;
    if (op->next)
        op->next->prev = op;
    c->ops = op;
    c->n_ops++;
    s->n_ops++;
    c->held += op->held;
    s->held += op->held;
    return op;
}

int op_keep(struct op *op, const struct message *m, struct message *kept)
{
    size_t n = (size_t)(m->body.end - m->body.at);
    size_t n_controls = ber_left(&m->controls);
    uint8_t *copy = pool_alloc(&op->pool, n + n_controls);

    if (!copy)
        return -CTR_ENOMEM;
    memcpy(copy, m->body.at, n);
    if (n_controls > 0)
        memcpy(copy + n, m->controls.at, n_controls);
    *kept = *m;
    kept->body = ber_over(copy, n);
    kept->controls = ber_over(copy + n, n_controls);
    return 0;
}

void op_free(struct op *op)
{
    struct conn *c = op->conn;

    if (op->prev)
        op->prev->next = op->next;
    else
        c->ops = op->next;
    if (op->next)
        op->next->prev = op->prev;
    c->n_ops--;
    c->server->n_ops--;
    c->held -= op->held;
    c->server->held -= op->held;
    pool_reset(&op->pool);
    put_idle(c->server, op);
    if (!c->inside)
        conn_settle(c);
}

struct op *op_find(struct conn *c, uint32_t id)
{
    struct op *op = c->ops;

    while (op && op->id != id)
        op = op->next;
    return op;
}

/* --- the host's side ------------------------------------------------------------------
 */

void op_on_done(void *user, const struct ctr_outcome *outcome)
{
    struct op *op = user;

    op->request = NULL;
    op->paused = false;
    op->done = true;
    op->outcome = *outcome;
    if (outcome->cursor.ptr) {
        op->outcome.cursor = pool_str(&op->pool, outcome->cursor);
        if (!op->outcome.cursor.ptr && op->outcome.status == 0)
            op->outcome.status = -CTR_EWORK;
    }
    if (!op->running)
        op->finish(op);
}

int op_query(struct op *op, const struct ctr_query *query,
             const struct ctr_query_ops *ops)
{
    const struct ctr_host *host = op->conn->server->host;
    int32_t err;

    op->done = false;
    op->running = true;
    err = host->query_start(host, query, ops, op, &op->request);
    op->running = false;
    if (err)
        op->request = NULL;
    else if (op->done)
        op->finish(op);
    return err;
}

void op_cancel(struct op *op, int code)
{
    const struct ctr_host *host = op->conn->server->host;

    op->end_code = code;
    if (op->request)
        host->query_cancel(host, op->request);
    else
        op_free(op);
}

void op_cancel_all(struct conn *c)
{
    while (c->ops)
        op_cancel(c->ops, -1);
}

int op_result(int32_t status, const char **text)
{
    *text = NULL;
    switch (status) {
    case 0:
        return RESULT_SUCCESS;
    case -CTR_ESIZE:
        return RESULT_SIZE_LIMIT;
    case -CTR_ETIMEDOUT:
        return RESULT_TIME_LIMIT;
    case -CTR_EWORK:
        *text = "this filter is too much work; ask for a number or for more of a name";
        return RESULT_ADMIN_LIMIT;
    case -CTR_ENOENT:
        return RESULT_NO_SUCH_OBJECT;
    case -CTR_EINVAL:
        *text = "the filter or the page asked for cannot be served; start again";
        return RESULT_UNWILLING;
    case -CTR_EBUSY:
    case -CTR_ENOMEM:
        *text = "busy; try again later";
        return RESULT_BUSY;
    case -CTR_ECANCELED:
    case -CTR_EUNAVAIL:
        *text = "the directory is not available now; try again later";
        return RESULT_UNAVAILABLE;
    default:
        *text = "internal error; the server's log says more";
        return RESULT_OTHER;
    }
}
