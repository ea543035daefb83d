/* server.h - one instance of the front end: settings, names, what it says of itself. */
#ifndef LDAP_SERVER_H
#define LDAP_SERVER_H

#include "attributes.h"
#include "contactor/ext/net.h"
#include "dn.h"
#include "local.h"
#include "result.h"

enum { ANONYMOUS_DENY = 0, ANONYMOUS_ROOTDSE = 1, ANONYMOUS_ALLOW = 2 };
enum { PLAINTEXT_LOOPBACK = 0, PLAINTEXT_ALWAYS = 1, PLAINTEXT_NEVER = 2 };

/* What one client may ask for; each is an option of the same name with max_ before. */
struct limits {
    uint32_t pdu_anonymous, pdu; /* bytes */
    uint32_t filter_depth, filter_terms, substrings;
    uint32_t controls, attributes, outstanding, cookies;
    uint32_t value_length; /* characters of a text value shown; 0: all */
};

/* Counters, defined at create. */
enum {
    METRIC_BIND,
    METRIC_SEARCH,
    METRIC_COMPARE,
    METRIC_EXTENDED,
    METRIC_ABANDON,
    METRIC_WRITE,
    METRIC_ENTRIES,
    METRIC_BIND_FAILED,
    METRIC_OK,
    METRIC_LIMIT,
    METRIC_REFUSED,
    METRIC_FAILED,
    METRIC_PROTOCOL,
    METRIC_N
};

struct op;

/* ",ou=SOURCE,BASE" of the contact that was written last. */
struct dn_tail {
    uint32_t n, len; /* of source, of text; len 0: none yet */
    char source[64];
    uint8_t text[440];
};

struct server {
    const struct ctr_host *host;
    const struct ctr_net *net;
    struct pool pool; /* lives as long as the instance */
    struct limits limits;
    int anonymous, plaintext_bind, charset;
    bool limit_success;
    struct attributes attributes;
    struct ctr_str base_text;
    struct dn base;
    struct ctr_str users_text; /* "ou=users,BASE" */

    /* Our own entries, made once. rootDSE without and with StartTLS. */
    struct local_entry rootdse, rootdse_tls, subschema, base_entry;
    struct ctr_str *classes; /* object classes every contact carries */
    uint32_t n_classes;
    struct select_item *all_items; /* what "*" means */
    uint32_t n_all_items;
    uint64_t all_want;

    struct dn_tail dn_tail;

    int32_t metric[METRIC_N];
    /* While the messages of one read are handled: counted here, told at the end. */
    bool counting;
    uint32_t counted[METRIC_N];
    uint32_t touched; /* a bit for each metric that was counted */

    /* Requests not in use, kept for the next one. */
    struct op *idle_ops;
    uint32_t n_idle_ops;
    uint32_t n_ops; /* under way, over all connections */
    uint64_t held;  /* bytes of requests under way */

    int64_t log_window; /* of lines about refused binds */
    uint32_t log_lines, log_suppressed;
};

/* The largest sum of requests under way over all connections, in bytes. Beyond it each
 * connection may still have one small one. */
enum { HELD_MAX = 32 << 20, HELD_SMALL = 16 << 10 };
/* With so many requests under way over all connections, each may have only its share:
 * what a few greedy ones hold would else grow with their number. */
enum { CROWD_OPS = 1024, CROWD_SHARE = 8 };
/* Object classes every contact has before those of the options. */
enum { SERVER_CLASSES = 5 };

int server_create(const struct ctr_host *host, const struct ctr_config *config,
                  void **instance);
void server_destroy(void *instance);
int32_t server_check(const struct ctr_host *host, const struct ctr_config *config);

static inline void server_count_many(struct server *s, unsigned metric, uint32_t n)
{
    if (s->counting) {
        s->counted[metric] += n;
        s->touched |= 1u << metric;
    } else {
        s->host->metric_add(s->host, s->metric[metric], n);
    }
}

static inline void server_count(struct server *s, unsigned metric)
{
    server_count_many(s, metric, 1);
}

static inline void server_count_begin(struct server *s)
{
    s->counting = true;
}

static inline void server_count_end(struct server *s)
{
    s->counting = false;
    for (; s->touched; s->touched &= s->touched - 1) {
        unsigned metric = (unsigned)__builtin_ctz(s->touched);

        s->host->metric_add(s->host, s->metric[metric], s->counted[metric]);
        s->counted[metric] = 0;
    }
}

#endif
