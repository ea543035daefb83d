/* conn.h - one connection: a byte machine, its identity and what is under way.
 *
 * on_data cuts messages and hands each to its operation; answers go straight into the
 * output of the loop turn. A search that cannot be answered at once is an op in the list.
 * While a bind is checked, or the peer does not read, nothing more is taken in. */
#ifndef LDAP_CONN_H
#define LDAP_CONN_H

#include "server.h"

struct conn;
struct page;

/* One LDAPMessage, borrowed from the input. */
struct message {
    uint32_t id;
    uint8_t tag;         /* protocolOp */
    struct ber body;     /* its content */
    struct ber controls; /* content of [0]; empty where absent */
    size_t size;
};

/* A request under way. */
struct op {
    struct op *next, *prev; /* of the connection; next alone: in the idle list */
    struct conn *conn;
    uint32_t id;
    uint8_t answer;                /* tag of its last response */
    struct ctr_request *request;   /* of the host, while one runs */
    bool paused;                   /* the host waits for query_resume */
    bool running;                  /* below its own start: ends when that returns */
    bool done;                     /* the request has ended, outcome is set */
    int end_code;                  /* set before a cancel: answer this; -1: nothing */
    void *work;                    /* struct search, struct compare: in the pool */
    void (*finish)(struct op *op); /* the request has ended: go on, answer, free */
    struct ctr_outcome outcome;    /* cursor points into the pool */
    size_t held;
    struct pool pool;
};

struct conn {
    struct server *server;
    struct ctr_stream *stream;
    const struct ctr_peer *peer;
    struct ctr_principal *principal; /* NULL: anonymous */
    uint32_t version;                /* of the last bind */
    bool tls, tls_pending;
    bool choked;  /* the peer does not read: nothing is taken in */
    bool closing; /* said goodbye */
    bool busy;    /* as told to the host */
    bool inside;  /* on_data runs */

    struct ctr_request *auth; /* a bind being checked */
    bool auth_pending;
    uint32_t auth_id;

    struct op *ops;
    uint32_t n_ops;
    size_t held;
    struct page *pages;
    uint32_t n_pages;
};

extern const struct ctr_stream_ops conn_ops;

/* --- conn.c */

/* Notice of disconnection and the end. returns -CTR_EPROTO, for on_data to return */
int conn_disconnect(struct conn *c, int code, const char *text);
/* Tells the host whether something is under way. */
void conn_settle(struct conn *c);
/* The size a message may have now. */
size_t conn_pdu_max(const struct conn *c);
/* Forgets who the peer is, and everything that hangs on it. */
void conn_set_principal(struct conn *c, struct ctr_principal *principal);

/* --- op.c */

/* A request under way. NULL: refused, *why says how. */
struct op *op_create(struct conn *c, const struct message *m, struct refusal *why);
/* The content of the message, copied to live as long as the op. */
int op_keep(struct op *op, const struct message *m, struct message *kept);
void op_free(struct op *op);
struct op *op_find(struct conn *c, uint32_t id);
/* Starts a query; the op's finish follows, before or after this returns. returns 0 |
 * negative: nothing follows */
int op_query(struct op *op, const struct ctr_query *query,
             const struct ctr_query_ops *ops);
/* For those ops: the op is their user. */
void op_on_done(void *user, const struct ctr_outcome *outcome);
/* Ends it with a result code, or -1: without an answer. */
void op_cancel(struct op *op, int code);
void op_cancel_all(struct conn *c);
/* The result code of how the host's query ended. */
int op_result(int32_t status, const char **text);

/* --- the operations. 0 | -CTR_EFORMAT: no such message, end the connection | other
 * negative: the connection ends */
int bind_request(struct conn *c, const struct message *m);
void bind_cancel(struct conn *c);
int search_request(struct conn *c, const struct message *m);
int compare_request(struct conn *c, const struct message *m);
int extended_request(struct conn *c, const struct message *m);
int abandon_request(struct conn *c, const struct message *m);

#endif
