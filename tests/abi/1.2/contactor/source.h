/* source.h - the role of a plugin that brings contacts.
 *
 * sync: the host asks, the plugin puts batches of contacts and, in a delta, names the
 * deleted ids. Returning 0 commits contacts, deletions and cursor in one transaction;
 * anything else leaves the last good data untouched. A full sync that succeeds removes
 * what it did not put, and is refused by the host when that would be more than the
 * configured share.
 *
 * search: optional; the source is asked at lookup time. Hits come in batches, done
 * exactly once, also after search_cancel; the host answers at its deadline with or
 * without it.
 *
 * since 1.0 */
#ifndef CONTACTOR_SOURCE_H
#define CONTACTOR_SOURCE_H

#include "contact.h"
#include "query.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which thread the role's functions run on. */
enum {
    CTR_ON_LANE = 0, /* a serial worker thread of this instance: may block */
    CTR_ON_LOOP = 1 /* the loop: never blocks, finishes through sync_done / search_done */
};

/* What a source can do beyond a full sync. */
enum {
    CTR_SOURCE_DELTA = 1u << 0,   /* understands struct ctr_sync_request.cursor */
    CTR_SOURCE_SEARCH = 1u << 1,  /* has search and search_cancel */
    CTR_SOURCE_PARALLEL = 1u << 2 /* ON_LANE: search has a lane of its own, so that it
                                   * does not wait for a running sync; the two may run at
                                   * the same time. Since 1.1 */
};

/* A running sync.
 * owner   the host; valid until sync returns (lane) or sync_done (loop)
 * since   1.0 */
struct ctr_sync;

/* A running live search.
 * owner   the host; valid until search_done
 * since   1.0 */
struct ctr_search;

/* A running test.
 * owner   the host; valid until test returns
 * since   1.1 */
struct ctr_test;

/* What the host wants.
 * owner   the host; valid until the sync has ended
 * since   1.0 */
struct ctr_sync_request {
    uint32_t size;         /* of the host's struct ctr_sync_request */
    uint32_t flags;        /* 0 */
    struct ctr_str cursor; /* absent: a full sync. Present: as given to sync_cursor by the
                            * last committed sync; put what changed since, or all after
                            * calling sync_full (the cursor expired) */
};

/* The source role.
 * thread  as `threading` says: the lane, or the loop
 * owner   the plugin: static
 * since   1.0 */
struct ctr_source {
    uint32_t size;      /* sizeof(struct ctr_source) */
    uint32_t threading; /* CTR_ON_LANE | CTR_ON_LOOP */
    uint32_t flags;     /* CTR_SOURCE_* */
    uint32_t reserved;  /* 0 */

    /* Read the source. One at a time for an instance.
     * instance what create made
     * sync    names this sync to the functions of the host
     * request full or delta
     * returns ON_LANE: 0 commits what was put | negative discards it, after host->fail.
     *         ON_LOOP: 0: started, sync_done will follow | negative: not started */
    int32_t (*sync)(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);

    /* The sync should end soon (shutdown, reload, admin). Optional: sync_put and
     * sync_canceled say -CTR_ECANCELED anyway.
     * instance what create made
     * sync    the running one
     * thread  the loop, also when sync runs on the lane */
    void (*sync_cancel)(void *instance, struct ctr_sync *sync);

    /* Ask the source itself, at lookup time. It may answer more than was asked: the host
     * looks at each hit again. search_done follows exactly once, unless this fails.
     *
     * Since 1.1 an EQUAL leaf over phone kinds holds the spellings of one number that the
     * source may have stored, of which any may match: values[0] E.164 with its plus
     * ("+4989840798192"; as asked where it is no such number), values[1] as dialled in
     * the source's country ("089840798192"), and the last as asked.
     * instance what create made
     * search  names this search to the functions of the host
     * query   as in query.h with principal NULL; valid until search_done
     * returns 0: search_done was or will be called | negative: it was not and will not,
     *         after host->fail
     * thread  as `threading` says; with CTR_SOURCE_PARALLEL a second lane */
    int32_t (*search)(void *instance, struct ctr_search *search,
                      const struct ctr_query *query);

    /* The search should end soon; search_done is still due.
     * instance what create made
     * search  the running one
     * thread  the loop, also when search runs on a lane */
    void (*search_cancel)(void *instance, struct ctr_search *search);

    /* Try to reach the source, step by step ("resolve", "connect", "tls", "login",
     * "query"), and tell each by host->test_step; change nothing. Ends at the first step
     * that fails, or, between two, when host->test_canceled says so. Optional: without it
     * the host reads the first contacts.
     * instance what create made
     * test    names this test to the functions of the host
     * returns 0 | negative after the failing test_step | -CTR_ECANCELED
     * thread  the sync's lane, never beside a sync; ON_LOOP: must not block, so leave it
     *         out
     * since   1.1 */
    int32_t (*test)(void *instance, struct ctr_test *test);
};

#ifdef __cplusplus
}
#endif

#endif
