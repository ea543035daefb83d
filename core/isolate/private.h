/* private.h - what the files of isolation share: the frames of the two sockets,
 * and the daemon's state of one isolated source. */
#ifndef ISOLATE_PRIVATE_H
#define ISOLATE_PRIVATE_H

#include <uv.h>

#include "base/list.h"
#include "base/wire.h"
#include "contactor/query.h"
#include "isolate/isolate.h"
#include "loop/lane.h"
#include "plugin/peer.h"
#include "plugin/remote.h"

/* ---- frames ----------------------------------------------------------------------- */

/* In front of each frame, in the machine's own order: both ends are one program. */
struct frame_head {
    uint32_t size; /* of what follows */
    uint32_t type;
};

enum {
    /* daemon -> process, control socket */
    FRAME_HELLO = 1,     /* the first: see struct hello */
    FRAME_SYNC,          /* sync, has a cursor, cursor */
    FRAME_SYNC_CANCEL,   /* sync */
    FRAME_SYNC_FAILED,   /* sync, code: what was put could not be stored */
    FRAME_SEARCH,        /* search, query */
    FRAME_SEARCH_CANCEL, /* search */
    FRAME_SEARCH_CLOSED, /* search: no more hits are taken */
    FRAME_SEARCH_DROP,   /* search: nobody waits for it */
    FRAME_TEST,          /* test */
    FRAME_PING,          /* number, log level */
    FRAME_STOP,
    FRAME_TEST_CANCEL, /* test */

    /* process -> daemon, control socket */
    FRAME_CHECKED = 32, /* code, reason, n times: line, text */
    FRAME_FAILED,       /* reason: it cannot start */
    FRAME_STARTED,      /* flags */
    FRAME_LOG,          /* level, text */
    FRAME_METRIC,       /* number, kind, name, help */
    FRAME_METRICS,      /* n times: number, value: what counters grew, what gauges are */
    FRAME_PONG,         /* number, resident bytes */
    FRAME_REQUEST_SYNC,
    FRAME_HITS,        /* search, contacts */
    FRAME_SEARCH_DONE, /* search, code */
    FRAME_TEST_STEP,   /* test, step, code, detail, remedy */
    FRAME_TEST_END,    /* test, code, reason */

    /* process -> daemon, data socket; each begins with its sync */
    FRAME_PUT = 64, /* contacts */
    FRAME_DELETE,   /* n times: id */
    FRAME_REJECT,   /* where, reason */
    FRAME_CURSOR,   /* cursor */
    FRAME_GROUP,    /* group, n times: member */
    FRAME_FULL,
    FRAME_PROGRESS, /* done, total */
    FRAME_END       /* code, reason */
};

enum {
    FRAME_CONTROL_MAX = 1 << 20, /* bytes of one frame from the process */
    FRAME_DATA_MAX = 4 << 20,
    FRAME_CONTACT_MAX = 3 << 20,   /* fields beyond it are left out, with a warning */
    FRAME_CONTACTS_AIM = 256 << 10 /* a frame of contacts is not begun to grow further */
};

enum { STARTED_WATCHING = 1u << 0 };

/* What the process is told first. */
struct hello {
    struct isolate_options options;
    uint32_t log_level;
    bool check_only;
    struct ctr_str path;   /* of the plugin's file */
    struct ctr_str name;   /* "source.crm" */
    struct ctr_str values; /* conf/pack.h; secrets are among them */
};

/* wire.c: frames are made in a strbuf, head first. */
void frame_begin(struct strbuf *out, uint32_t type, size_t *at);
void frame_end(struct strbuf *out, size_t at);
/* A whole frame with secrets in it, in memory that is not copied about. */
void hello_make(struct strbuf *out, const struct hello *hello,
                const struct ctr_config *values);
int hello_read(struct ctr_str payload, struct hello *out);

void contact_put(struct strbuf *out, const struct ctr_contact *contact);
/* Contacts of a frame, borrowed from its bytes; memory is reused. Zero-initialise. */
struct contacts {
    struct ctr_contact *items;
    struct ctr_field *fields;
    uint32_t n, cap;
    size_t n_fields, cap_fields;
};
/* returns 0 | -CTR_EFORMAT */
int contacts_read(struct wire *w, struct contacts *out);
void contacts_finish(struct contacts *contacts);

void query_put(struct strbuf *out, const struct ctr_query *query);
int query_read(struct wire *w, struct arena *arena, struct ctr_query *out);

/* ---- spawn.c --------------------------------------------------------------------- */

struct isolate_process {
    pid_t pid;
    int control, data, errors; /* ours; non-blocking but data */
};

int isolate_spawn(const char *name, struct isolate_process *out, char *error, size_t cap);
/* With all it started. */
void isolate_kill_group(pid_t pid);
/* Whether it has ended; its status is still to be taken by isolate_reap. */
bool isolate_ended(pid_t pid);
/* Takes the status of an ended one, in words, too; memory: what it was allowed.
 * returns 0: it exited with code 0 */
int isolate_reap(pid_t pid, uint64_t memory, char *words, size_t cap);
/* Resident bytes; 0: not known. */
uint64_t isolate_resident(pid_t pid);

/* ---- intake.c: reading at a bounded pace ----------------------------------------- */

struct intake {
    uv_poll_t poll;
    uv_timer_t pause;
    int fd; /* -1: closed */
    uint8_t *bytes;
    size_t len, cap, max;
    bool again;   /* set by take: there is more to take, but not now */
    bool writing; /* writable is wanted, too */
    unsigned open;
    /* returns how many bytes it used; the rest is shown again, with more */
    size_t (*take)(struct intake *intake, const uint8_t *data, size_t n);
    void (*ended)(struct intake *intake);    /* the other end is gone */
    void (*writable)(struct intake *intake); /* may be NULL */
    void (*closed)(struct intake *intake);
};

/* The rest of the members is set before. max: bytes that take may leave. */
void intake_open(struct intake *intake, struct loop *loop, int fd, size_t max);
void intake_want_write(struct intake *intake, bool on);
/* Takes what is there already, once. */
void intake_drain(struct intake *intake);
/* Closes fd; closed follows, later. */
void intake_close(struct intake *intake);
bool intake_is_open(const struct intake *intake);
/* One frame: returns bytes of head and payload, 0: there is more to come, SIZE_MAX: it is
 * larger than max. */
size_t frame_take(const uint8_t *data, size_t n, size_t max, uint32_t *type,
                  struct ctr_str *payload);

/* ---- the daemon's state ----------------------------------------------------------- */

enum isolate_state {
    ISOLATE_IDLE,     /* not started yet */
    ISOLATE_STARTING, /* the process was started and said nothing yet */
    ISOLATE_RUNNING,  /* its plugin was started */
    ISOLATE_ENDING,   /* it is to end, or has: waiting for all of it to be over */
    ISOLATE_WAITING,  /* for its next start */
    ISOLATE_STOPPED
};

struct isolate_sync;

struct rate {
    int64_t since;
    unsigned n, lost;
};

struct isolate {
    struct instance *in;
    const struct instance_env *env; /* the instance's, and so are the next */
    const struct peer *peer;
    const struct plugin *plugin;
    const struct ctr_config *values;
    const char *name, *short_name;
    struct isolate_options options;
    struct flow_driver driver;
    enum isolate_state state;
    unsigned open;    /* handles: it is freed with the last */
    uv_timer_t tick;  /* while there is a process */
    uv_timer_t again; /* the next start, or the deadline */
    bool deadline, stop_wanted;

    /* The process. */
    pid_t pid;
    int data;
    struct intake control, errors;
    struct list out; /* struct frame_out */
    size_t out_bytes;
    int64_t began;   /* clock_ms */
    int64_t hung_up; /* clock_ms: its end of the control socket is closed; 0: open */
    uint64_t pings;
    int64_t asked;    /* clock_ms of the ping without an answer; 0: all have one */
    int64_t answered; /* clock_ms of the last answer */
    uint64_t resident, reported;
    int32_t metrics[METRICS_MAX]; /* its number -> ours */
    uint32_t n_metrics;
    char verdict[FAIL_TEXT_MAX]; /* why we ended it; "": it did itself */
    bool killed;
    struct rate log_rate, error_rate;
    int64_t sync_requested;
    bool sync_wanted; /* of flow, at the next tick */

    /* All of them. */
    unsigned failures, starts;
    char last_end[FAIL_TEXT_MAX];
    char down[FAIL_TEXT_MAX];        /* what syncs are told while there is none */
    int64_t last_end_at, next_start; /* wall ms */
    bool resync; /* a sync was lost: the next process begins with one */

    struct lane *lane;
    struct isolate_sync *sync; /* the one under way */
    unsigned n_reading;        /* that the lane reads */
    struct list lost;          /* struct isolate_sync: end when the reason is known */
    uint32_t next_id;
    struct ctr_test *test; /* the one under way */
    uint32_t test_id;
    int64_t test_began; /* clock_ms */
    struct list searches;
    unsigned n_searches;
};

/* isolate.c */
/* It is ended by us. why: "it hung: ..." */
void isolate_break(struct isolate *iso, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void isolate_started(struct isolate *iso, uint32_t flags);
/* It closed a socket: it ended, or should have. */
void isolate_hung_up(struct isolate *iso);
/* One line may be logged. */
bool rate_allows(struct rate *rate, unsigned per_second);

/* link.c */
void link_open(struct isolate *iso, int control, int errors);
/* Takes over the frame's memory and wipes it. */
void link_send(struct isolate *iso, struct strbuf *frame);
/* A frame of one or two numbers. */
void link_send_u(struct isolate *iso, uint32_t type, uint64_t a);
void link_send_ui(struct isolate *iso, uint32_t type, uint64_t a, int64_t b);
void link_close(struct isolate *iso);
bool link_is_closed(const struct isolate *iso);

/* sync.c */
int isolate_sync(void *ctx, struct ctr_sync *sync,
                 const struct ctr_sync_request *request);
void isolate_sync_cancel(void *ctx, struct ctr_sync *sync);
/* Lost syncs end, for this reason. */
void isolate_sync_lost(struct isolate *iso, const char *reason);
/* Since when the process should have ended its sync; 0: it need not. */
int64_t isolate_sync_overdue(const struct isolate *iso);
/* No lane reads from the data socket. */
bool isolate_sync_is_quiet(const struct isolate *iso);

/* search.c */
int isolate_search(void *ctx, struct ctr_search *search, const struct ctr_query *query);
void isolate_search_cancel(void *ctx, struct ctr_search *search);
void isolate_search_drop(void *ctx, struct ctr_search *search);
/* Frames. returns 0 | -CTR_EPROTO */
int isolate_search_hits(struct isolate *iso, struct wire *w);
int isolate_search_done(struct isolate *iso, struct wire *w);
void isolate_search_end_all(struct isolate *iso);
int64_t isolate_search_overdue(const struct isolate *iso);

/* test.c */
void isolate_test(void *ctx, struct ctr_test *test);
void isolate_test_cancel(void *ctx, struct ctr_test *test);
/* Frames. returns 0 | -CTR_EPROTO */
int isolate_test_step(struct isolate *iso, struct wire *w);
int isolate_test_end(struct isolate *iso, struct wire *w);
void isolate_test_lost(struct isolate *iso, const char *reason);
bool isolate_test_is_overdue(const struct isolate *iso);

#endif
