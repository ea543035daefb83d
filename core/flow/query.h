/* query.h - a running query, seen by the rooms that carry it.
 *
 * Phases: WALK looks at candidates; what is a hit is delivered as it comes (streamed),
 * or kept and put in order first (ranked: who is calling; sorted: the front end asked).
 * DELIVER hands out what was kept. LIVE waits for sources that are asked themselves. */
#ifndef FLOW_QUERY_H
#define FLOW_QUERY_H

#include "cache/cache.h"
#include "flow/answered.h"
#include "flow/hit.h"
#include "flow/plan.h"
#include "flow/seen.h"
#include "flow/state.h"
#include "flow/trace.h"

enum {
    QUERY_BATCH = 64,          /* hits in one on_hits */
    QUERY_BATCH_BYTES = 65536, /* of arena, before a batch leaves early */
    QUERY_RUNNING_MAX = 4096,  /* per client */
    QUERY_KEPT_MAX = 4096,     /* ranked hits */
    QUERY_SORT_MAX = 20000,    /* sorted hits of one query */
    QUERY_SORT_ALL_MAX = 100000,
    QUERY_SORT_KEYS_MAX = 8,
    QUERY_SORT_KEY_BYTES = 64,
    QUERY_ARENA_MAX = 32 * 1024 * 1024
};

enum query_mode { QUERY_STREAM, QUERY_RANK, QUERY_SORT };
enum query_phase {
    QUERY_WALK,
    QUERY_ORDER, /* sorted: by and by */
    QUERY_DELIVER,
    QUERY_LIVE,
    QUERY_DELIVER_LIVE,
    QUERY_END
};

/* A hit that was kept. */
struct kept {
    uint32_t source; /* in the view */
    int priority;    /* of the source */
    uint32_t recno;  /* UINT32_MAX: live, in `live` */
    const struct record *live;
    union {
        struct {
            uint8_t text, reading, kind;
            uint8_t fields;
            uint64_t organisation; /* hash; 0: none to be seen */
            struct ctr_str id;
        } rank;
        const struct ctr_str *keys; /* sorted: n_sort; ptr NULL: has none */
    };
};

struct kept_list {
    struct kept *items;
    uint32_t n, cap;
};

/* A record by what it is, not by its number. */
struct id_note {
    uint16_t len; /* 0: none */
    char bytes[CTR_ID_MAX];
};

enum narrow_state {
    NARROW_NEVER, /* in this source */
    NARROW_NOT,   /* not yet */
    NARROW_WALKING,
    NARROW_READY
};

/* What else must hold of a source's candidates: a bit for each record of which it may. */
struct narrow {
    uint8_t state;   /* enum narrow_state */
    uint32_t missed; /* candidates of this source that were no hits */
    uint32_t n_bits, cap_bits, n_left;
    uint64_t *bits;    /* of which all that was walked so far holds */
    uint64_t *bits_of; /* ... and `other`, as far as that was walked */
    const struct plan_other *other;
    const struct plan_walk *plan_walk;
    struct cache_walk walk;
    uint64_t generation, read_serial; /* of what the bits are */
    int64_t changed_at;
};

struct query {
    struct ctr_request request; /* first: the host's handle */
    struct list link;           /* flow->queries | flow->spare */
    struct list ready;
    struct flow *flow;
    struct flow_client *client;
    struct setup *setup;
    const struct setup_client *conf;
    struct viewset *views; /* what view is part of */
    const struct view *view;
    struct ctr_query ask;
    struct ctr_query_ops ops;
    void *user;

    struct arena arena;      /* for the whole query */
    struct arena hits_arena; /* for one batch */
    struct eval_filter filter;
    struct plan plan;
    uint64_t kinds; /* of fields it looks at: what a record is taken apart for */
    uint8_t mode, phase;
    bool listed; /* in flow->queries */
    bool paused, canceled, ended;
    bool caller;   /* CTR_QUERY_CALLER, and asks for numbers only */
    bool direct;   /* one contact by its id */
    bool exists;   /* ... which may be seen */
    bool id_done;  /* PLAN_INDEX_ID: was looked up */
    bool cut;      /* there is more than was delivered */
    bool resumed;  /* at a place from a cursor: the first source opens there */
    unsigned busy; /* frames of ours on the stack */

    /* walking: from one source of the view to the next */
    uint32_t source_first, source, source_end;
    bool source_open;
    uint32_t walk;
    struct cache_walk *walks;
    uint32_t candidate; /* record number of the last candidate */
    uint32_t delivered_source, delivered_walk;
    uint64_t delivered_numbering; /* of the source then */
    uint64_t state;               /* of all sources, when a slice ended; see walk.c */
    uint8_t begun_again;

    bool unsure;     /* the candidate may have been given before */
    bool renumbered; /* the source's records are not those that were seen */

    struct kept_list kept;
    uint32_t unsorted;                       /* how much of the heap is left */
    uint32_t next_kept, end_kept, last_kept; /* of this page; of all pages */
    uint32_t position;                       /* window */

    uint32_t limit, hits, total;
    int64_t began_us, deadline_us, paused_us, phase_us;
    int64_t oldest;
    int status;

    /* live searches under way or done */
    struct list searches; /* struct ctr_search.of_query */
    unsigned live_running;
    int64_t live_until_us;    /* no longer; at most the deadline */
    bool live_asked;          /* all that are to be asked were */
    bool live_over;           /* their answers were looked through */
    bool live_ranks;          /* they are kept and put in order, too */
    struct answered answered; /* by sources that are asked live */

    uint32_t n_batch;
    size_t cursor_len;
    uint64_t read_serial; /* of the read it began in */
    /* From here on not cleared for the next use. */
    struct trace_record trace;
    struct cache_walk delivered_at; /* streamed pages: where the last hit stood */
    struct id_note delivered_id;    /* ... its contact */
    struct id_note stands_on;       /* of the walk, when a slice ended */
    struct trace_source no_trace;   /* of sources beyond the record's room */
    struct seen seen;
    struct narrow narrow; /* begun anew with each source */
    struct ctr_contact *batch[QUERY_BATCH];
    char cursor[CTR_CURSOR_MAX];
};

/* ---- query.c: the life ----------------------------------------------------- */
/* Calls on_done; the memory stays for whoever is still on the stack. */
void query_end(struct query *q);
/* Ended, and no frame of ours uses it any more. */
void query_release(struct query *q);
/* Time since the last lap, us. */
uint32_t query_lap(struct query *q);

/* ---- phases.c -------------------------------------------------------------- */
/* One slice. Afterwards q is ended, waiting, or wants another. */
void phases_run(struct query *q, int64_t now_us, int64_t until_us);
/* Stops looking for candidates with this status; what was found goes out. */
void query_stop(struct query *q, int status);

/* ---- turns.c --------------------------------------------------------------- */
void query_wake(struct query *q); /* it has work again */
/* After a slice: in line again, or waiting for somebody. */
void turns_line_up(struct query *q);
void turns_leave(struct query *q);

void query_free_spare(struct flow *flow);
void query_cancel_all(struct flow *flow);

/* ---- walk.c: candidates
 * returns 0: loaded into flow->eval | -CTR_EPAUSE: skipped one, look at the clock |
 * -CTR_ENOENT: no more | -CTR_EIO */
int walk_next(struct query *q);
int walk_load(struct query *q, uint32_t source, uint32_t recno);
/* Around all that a query does in a slice. Sources may have changed between two: where
 * one was written anew a walk goes on behind the contact it stood on, and what was only
 * kept is looked for again. */
void walk_enter(struct query *q);
void walk_leave(struct query *q);
void walk_note_id(struct id_note *note, struct ctr_str id);
/* The candidate, a hit: was it given by an earlier walk or key? */
bool walk_repeats(struct query *q);

/* ---- narrow.c: a walk that finds much too much ------------------------------ */
void narrow_open(struct query *q); /* a source's walks begin */
void narrow_finish(struct query *q);
bool narrow_is_wanted(struct query *q);
/* returns -CTR_EPAUSE | -CTR_EIO */
int narrow_step(struct query *q);

/* Is it time to look at what else must hold, or is that under way? */
static inline bool narrow_wanted(struct query *q)
{
    return q->narrow.state != NARROW_NEVER && narrow_is_wanted(q);
}

/* Only these can be hits of this source. */
static inline bool narrow_is_ready(const struct query *q, struct cache_bits *out)
{
    *out = (struct cache_bits){q->narrow.bits, q->narrow.n_bits};
    return q->narrow.state == NARROW_READY;
}

static inline bool narrow_leaves_nobody(const struct query *q)
{
    return q->narrow.state == NARROW_READY && q->narrow.n_left == 0;
}

/* ---- hits.c: what becomes of the record in flow->eval ---------------------- */
void hits_candidate(struct query *q, uint32_t source, const struct record *live);
void hits_add(struct query *q, uint32_t source, uint32_t flags);
void hits_put(struct query *q, uint32_t source, struct ctr_contact *contact);
void hits_flush(struct query *q);
void hits_options(struct query *q, uint32_t source, uint32_t flags,
                  struct hit_options *out);

/* ---- rank.c: who is calling ------------------------------------------------ */
void rank_keep(struct query *q, uint32_t source, const struct record *live);
/* Puts the kept hits in order, drops what weaker readings found, sets what to deliver. */
void rank_order(struct query *q);

/* ---- company.c: contacts that stand for a company; added to the batch ------ */
/* All kept hits are one organisation's: returns whether that was answered. */
bool company_of_kept(struct query *q);
/* Nobody has the number: whose trunk is it? */
void company_of_trunk(struct query *q);

/* ---- sort.c ---------------------------------------------------------------- */
void sort_keep(struct query *q, uint32_t source);
/* returns true when the order is made */
bool sort_step(struct query *q, int64_t until_us);
void sort_window(struct query *q);
void sort_release(struct query *q);

/* ---- cursor.c -------------------------------------------------------------- */
void cursor_make(struct query *q);
int cursor_take(struct query *q);

/* ---- live.c ---------------------------------------------------------------- */
void live_start(struct query *q);
/* The caller is known from what a live source said before: is it still so? Nobody waits
 * for the answer. */
void live_check(struct query *q);
void live_stop(struct query *q);
/* The next record a live source gave: loaded into flow->eval. returns 0 | -CTR_EPAUSE
 * (was no hit) | -CTR_ENOENT */
int live_next(struct query *q, uint32_t *source, const struct record **record);
/* The contact in flow->eval is a hit: the same one, live, is not answered with again. */
void live_note(struct query *q, uint32_t source);
/* No more is waited for: what came is all. */
void live_close(struct query *q);
void live_load(struct query *q, uint32_t source, const struct record *record);

struct trace_source *query_trace_source(struct query *q, uint32_t source);
/* Keeps one more; NULL: no more room. */
struct kept *kept_add(struct query *q, uint32_t max);

#endif
