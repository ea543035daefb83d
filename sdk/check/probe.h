/* probe.h - stands between the test host and the plugin: counts, times and refuses calls.
 *
 * There is one, for the one plugin this process has: the ABI's callbacks have no room for
 * a pointer of ours. */
#ifndef CHECK_PROBE_H
#define CHECK_PROBE_H

#include <stdatomic.h>

#include "check.h"

/* What is timed: each function of the plugin that runs on the loop. */
#define PROBE_CALLS(X)                \
    X(CREATE, "create")               \
    X(BIND, "bind")                   \
    X(START, "start")                 \
    X(STOP, "stop")                   \
    X(DESTROY, "destroy")             \
    X(SYNC, "sync (ON_LOOP)")         \
    X(SYNC_CANCEL, "sync_cancel")     \
    X(SEARCH, "search (ON_LOOP)")     \
    X(SEARCH_CANCEL, "search_cancel") \
    X(ON_OPEN, "on_open")             \
    X(ON_DATA, "on_data")             \
    X(ON_DRAIN, "on_drain")           \
    X(ON_TLS, "on_tls")               \
    X(ON_GOODBYE, "on_goodbye")       \
    X(ON_CLOSE, "on_close")           \
    X(TASK, "a posted task or a timer")

enum {
#define X(name, text) PROBE_##name,
    PROBE_CALLS(X)
#undef X
        PROBE_N
};

/* What runs on the loop returns within this time. */
enum { PROBE_LIMIT_MS = 50 };

struct probe {
    /* --- set by the check */
    uint32_t
        refuse_from; /* from this call of a sync on (1..), answer refuse_code; 0: no */
    int32_t refuse_code;
    atomic_bool refuse_now; /* from now on */
    bool hold;              /* sync_put and search_hits wait until refuse_now */
    bool replace_cursor;    /* the next sync gets this one */
    struct ctr_str cursor;  /* also: what the last sync gave; ours */
    uint32_t longer;        /* so many bytes more in structs the host gives */
    bool timed;             /* fill `worst`: it costs a little */
    uint32_t abi;           /* set: the host's, which lacks what came later */

    /* --- seen */
    atomic_uint calls;      /* of a sync that are answered */
    atomic_uint puts;       /* sync_put and search_hits */
    atomic_uint puts_after; /* sync_put, sync_delete after one was refused */
    atomic_bool refused;    /* one was */
    const char *refused_call;
    atomic_bool entered; /* sync or search has begun */
    uint32_t tls_asked;
    uint64_t limit;        /* the largest set_limit */
    double worst[PROBE_N]; /* ms that a call took or waited */
};

extern struct probe probe;

/* Back to nothing set, nothing seen. */
void probe_reset(void);
/* Puts the probe before the plugin's functions; once. */
void probe_plugin(struct subject *s);
/* Puts it before the host's; for each host, before its start. */
void probe_host(struct testhost *t);
const char *probe_name(int call);
/* For the thread that waits until the plugin is at work. returns false after ms */
bool probe_wait(atomic_bool *flag, int64_t ms);

#endif
