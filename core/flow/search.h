/* search.h - one question to one live source, from asking it to its end, and what it
 * answers.
 *
 * A source answers from any thread. Its contacts become records with the source's dial
 * plan there and then, so that on the loop they are checked, ranked and shown like those
 * of the cache. The query and the search are independent: whichever ends first lets go of
 * the other, and the search is freed when both have. A search that nobody waits for any
 * more may still end in time to refresh the cache. */
#ifndef FLOW_SEARCH_H
#define FLOW_SEARCH_H

#include <pthread.h>

#include "flow/query.h"
#include "flow/source.h"

enum { LIVE_HITS_MAX = 1024, LIVE_CACHED_MAX = 16 };

/* Records, one behind the other. */
struct hit_list {
    struct strbuf bytes;
    size_t ends[LIVE_HITS_MAX];
    uint32_t n;
};

struct ctr_search {
    struct list link;      /* flow->searches */
    struct list of_query;  /* query->searches */
    struct list of_source; /* source->searches */
    struct anchor *anchor;
    struct loop *loop;
    struct source *source; /* NULL: gone */
    struct query *q;       /* NULL: ended */
    uint32_t view_source;
    struct arena arena; /* the copy of the question */
    struct ctr_query ask;
    struct dialplan plan;
    bool done, told; /* told: search_cancel was called */
    int64_t began;   /* ms */
    uint64_t syncs;  /* of the source, then */
    struct ctr_str asker;
    struct ctr_str cached[LIVE_CACHED_MAX]; /* ids the cache answered with */
    uint32_t n_cached;
    struct answered refreshed;

    pthread_mutex_t mutex; /* of what follows */
    bool late;             /* the query looks at `hits` no more, or is past them */
    bool closed;           /* no more hits are taken */
    bool cut;              /* there was no room for all */
    int status;
    struct hit_list hits, more; /* in time; late */

    uint32_t next; /* loop: hit to be looked at; late or done */
    struct record record[LIVE_HITS_MAX];
};

/* Asks source i of the query's view; it has time_limit ms.
 * returns NULL: it was not asked, the trace says why */
struct ctr_search *search_start(struct query *q, uint32_t i, uint32_t time_limit);
/* Record i of what came in time; of a search that parted from its query, or is done. */
struct record search_hit(const struct ctr_search *s, uint32_t i);
/* What has come so far stands still from here on. */
void search_part(struct ctr_search *s);
/* It goes on without its query. */
void search_let_go(struct ctr_search *s);
/* It is told to end, and what it says still is not taken. */
void search_give_up(struct ctr_search *s);

#endif
