/* state.h - what the rooms of flow share: struct flow itself, clients, the kinds of
 * requests. */
#ifndef FLOW_STATE_H
#define FLOW_STATE_H

#include <stdatomic.h>

#include "base/list.h"
#include "flow/access.h"
#include "flow/eval.h"
#include "flow/flow.h"
#include "flow/setup.h"

struct auth;
struct query;
struct trace;

enum { FLOW_KEY_SIZE = 32 };

/* Counted per client: how queries ended. */
enum flow_end {
    FLOW_END_HIT,
    FLOW_END_MISS,
    FLOW_END_COMPANY,
    FLOW_END_LIMIT,
    FLOW_END_TIMEOUT,
    FLOW_END_REFUSED, /* nothing there for this principal, or asked wrongly */
    FLOW_END_CANCELED,
    FLOW_END_FAILED,
    FLOW_END_COUNT
};

enum { FLOW_BUCKETS = 8 };

struct flow_client {
    struct list link;
    struct flow *flow;
    char *name;
    const struct setup_client *conf; /* in flow->setup; NULL: no longer configured */
    unsigned running;
    uint64_t ends[FLOW_END_COUNT];
    uint64_t buckets[FLOW_BUCKETS]; /* of the time a query took */
    uint64_t took_us;
};

/* Outlives flow for what other threads posted. */
struct anchor {
    atomic_uint refs;
    struct flow *flow; /* loop thread; NULL: gone */
};

struct flow {
    struct loop *loop;
    struct cache *cache;
    struct setup *setup;
    uint64_t serial; /* of setups */
    struct anchor *anchor;
    struct ctr_principal *admin;
    struct list clients;  /* struct flow_client */
    struct list sources;  /* struct source */
    struct list reports;  /* struct report */
    struct list searches; /* struct ctr_search */

    /* queries */
    struct list queries; /* all that outlived their query_start */
    struct list ready;   /* of these, the ones that want a slice, in turn */
    unsigned n_ready;
    struct list spare; /* to be used again */
    unsigned n_spare;
    unsigned sorting; /* entries kept by sorted queries */
    size_t narrowing; /* bytes of narrow.c */
    struct loop_slice slice;
    uint64_t turn; /* of the loop, in which queries were started ... */
    int64_t turn_spent_us;
    uv_timer_t *tick; /* deadlines, while there are queries */
    unsigned read_depth;
    bool read_held; /* open until the end of the loop's burst */
    struct loop_burst burst;
    uint64_t read_serial; /* which read: what points into the map is valid for one */
    struct eval eval;
    const struct view_source *loaded_view; /* what eval holds */
    uint32_t loaded_recno;
    uint64_t loaded_serial;

    struct trace *trace;
    struct auth *auth;
    unsigned char key[FLOW_KEY_SIZE]; /* random: cursors, cached successes */
};

/* What a handle of the host ABI points to. */
enum { REQUEST_QUERY = 0x71727931, REQUEST_AUTH = 0x61757431, REQUEST_DEAD = 0 };

struct ctr_request {
    uint32_t type;
};

/* Reads nest: a callback within one may start another query. */
int flow_read_begin(struct flow *flow);
void flow_read_end(struct flow *flow);

/* A timer on the heap; NULL-safe close. */
uv_timer_t *flow_timer_create(struct flow *flow, void *data);
void flow_timer_close(uv_timer_t *timer);

/* Makes text of outside fit for JSON: a character cut at the end goes, and when that is
 * not all that is wrong, every byte beyond ASCII becomes "?". */
void flow_utf8(char *z);

struct anchor *anchor_ref(struct anchor *anchor);
void anchor_unref(struct anchor *anchor);

#endif
