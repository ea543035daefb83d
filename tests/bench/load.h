/* load.h - what the files of the load client share, see ldapload.c. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/types.h>

#include "request.h"

#define USERS_MAX 1000

struct options {
    const char *host, *dn, *pw, *queries, *label;
    struct request_form form;
    int port, conns, depth, sessions, cpu, tls, resume, users, may_give_up;
    pid_t pid;
    double seconds, warm, rate;
    uint64_t max_ops;
};
extern struct options opt;

typedef struct {
    uint64_t start;
    uint32_t q, entries;
    uint8_t busy, bad;
} slot;
enum { CLOSED, CONNECTING, GREETING, BINDING, READY };
typedef struct {
    int fd, state, inflight, wants_out;
    SSL *ssl;
    SSL_SESSION *session; /* to be resumed */
    slot *slots;
    uint16_t *free_slots, nfree;
    buf part; /* an incomplete message from the server */
    buf out;  /* bytes the socket would not take yet */
    uint64_t session_start;
    uint64_t idle_since;
    uint8_t idle_listed;
} conn;

/* What is under way, and what has come of it. */
struct load {
    struct request_set set;
    SSL_CTX *tls; /* NULL: without */
    struct sockaddr_in server;
    int ep;
    conn *conns;
    conn **idle; /* open loop: connections with a free slot */
    int nidle, bound, stopping;
    uint64_t t0, t_end;
    uint64_t issued, done_ops, entries, rx_bytes, wrong, lost, given_up;
    uint64_t tls_full, tls_resumed, late;
};
extern struct load load;

/* load_options.c */
void options_read(int argc, char **argv);

/* load_conn.c: bytes, and the life of a connection */
void conns_prepare(void);
void conn_open(conn *c, uint64_t start);
void conn_flush(conn *c);
void conn_lost(conn *c, uint64_t now);
/* Reads once; as recv. */
ssize_t conn_recv(conn *c, void *data, size_t n);
/* Something happened while it was not bound yet. */
void conn_proceed(conn *c);
void list_idle(conn *c, uint64_t now);
/* a session is issued when it starts to connect */
void session_begin(conn *c, uint64_t start);
void session_end(conn *c, uint64_t now);
int may_issue(void);

/* load_search.c: searches and their answers */
/* open loop: when the search with this number falls due */
uint64_t search_due(uint64_t k);
/* keep a connection supplied with work, once it may be */
void conn_supply(conn *c, uint64_t now);
void issue_due(uint64_t now);
/* returns whether there may be more to read at once */
int conn_read(conn *c);

#endif
