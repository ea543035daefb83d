/* run.h - one sync, a machine on the loop that never waits:
 *
 *     discover   where the address books are (once; remembered)      discover.c
 *     list       which there are, with their tokens                  discover.c
 *     collect    what changed in each: names of cards                changes.c
 *     fetch      deletions, then the cards in batches                fetch.c
 *     finish     the cursor                                          sync.c
 *
 * Each step asks one thing, and its answer begins the next. Everything is known about
 * what changed before the first contact is put: a token that has expired can still make
 * the sync a full one. */
#ifndef CARDDAV_RUN_H
#define CARDDAV_RUN_H

#include "cursor.h"
#include "dav.h"
#include "source.h"

enum { BATCH_MAX = 1000, PAGES_MAX = 100000, PAUSE_MS = 20 };

/* What a resource said of itself. */
struct found {
    bool any, collection, addressbook;
    char *principal, *homes[MULTISTATUS_HOMES_MAX];
    unsigned n_homes;
};

/* A card of the batch that is being fetched. */
struct wanted {
    const char *name;
    char *path; /* in one spelling */
    bool answered;
};

struct run {
    struct source *s;
    struct ctr_sync *sync;
    char *cursor; /* the last sync's, NULL: none */
    size_t cursor_len;
    bool full;

    /* --- what is under way: at most one of these */
    struct dav *ask;
    int32_t (*on_response)(void *run, const struct dav_response *r);
    void (*on_answer)(void *run, const struct dav_answer *answer);
    struct http_request *get;
    struct ctr_timer *timer;       /* the host asked to wait */
    void (*next)(struct run *run); /* goes on after the wait, with nothing under way */
    bool wait;                     /* the host has just asked for it */
    int32_t error; /* found within a callback, `reason` with it; told once it is over */
    char reason[HTTP_REASON_MAX];

    /* --- discover, list */
    unsigned candidate; /* which place is being tried */
    char fallback[HTTP_URL_MAX];
    char first_reason[HTTP_REASON_MAX]; /* why the first one was none */
    int32_t first_error;
    struct found found;
    char principal[HTTP_URL_MAX];
    unsigned home;
    struct books books;

    /* --- collect */
    unsigned book;
    bool truncated; /* there is more to come */
    char *since;    /* the token sent */
    uint32_t pages, page_size;
    uint64_t n_changed;

    /* --- fetch */
    struct vcard_reader *reader;
    struct wanted *batch;
    uint32_t n_batch, hint; /* hint: where the next answer is looked for first */
    uint32_t at;            /* of the book's names: behind the batch */
    uint32_t getting;       /* of the batch: by GET */
    const char *card;       /* id of the card that is being read */
    bool card_put;
    char wrong[160]; /* why it could not be used; "": nothing is wrong with it */
    char get_id[CTR_ID_MAX + 1];
    uint64_t left_out; /* groups and private cards before this one */
    bool no_multiget;
    uint64_t n_done, n_put, n_gone;
};

/* sync.c */
/* Ends the sync with a reason. The run is gone afterwards. */
__attribute__((format(printf, 3, 4))) void run_fail(struct run *run, int32_t code,
                                                    const char *fmt, ...);
/* Within a callback of a request: remembers the reason, returns the code. */
__attribute__((format(printf, 3, 4))) int32_t run_note(struct run *run, int32_t code,
                                                       const char *fmt, ...);
void run_finish(struct run *run);
/* Goes on with `next`, at once or after the wait the host asked for. */
void run_continue(struct run *run, void (*next)(struct run *run));
/* What sync_put and sync_delete said: 0, also when they asked to wait, which is kept in
 * `wait`; other codes are noted. */
int32_t run_put_result(struct run *run, int32_t rc);
/* Asks; on_response and on_done get the run. A failure to do so ends the run. */
void run_ask(struct run *run, const struct dav_call *call);
/* Nothing but a multistatus will do: else the run is ended. what: "the address books" */
bool run_answered(struct run *run, const struct dav_answer *answer, const char *what);
/* The server would rather not be asked now. */
void run_heed(struct run *run, const struct http_result *result);

/* discover.c, changes.c, fetch.c: where each step begins */
void discover_begin(struct run *run);
void discover_release(struct run *run);
void changes_begin(struct run *run);
void fetch_begin(struct run *run);
void fetch_release(struct run *run);

#endif
