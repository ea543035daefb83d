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
    CTR_SOURCE_DELTA = 1u << 0,  /* understands struct ctr_sync_request.cursor */
    CTR_SOURCE_SEARCH = 1u << 1, /* has search and search_cancel */
    CTR_SOURCE_PARALLEL =
        1u << 2 /* ON_LANE: search has a lane of its own, so that it does not wait for a
                 * running sync; the two may run at the same time. Since 1.1 */
};

struct ctr_sync; /* a running sync; valid until sync returns (lane) or sync_done (loop) */
struct ctr_search; /* a running live search; valid until search_done */
struct ctr_test;   /* a running test; valid until test returns. Since 1.1 */

/* What the host wants. cursor absent: a full sync. Present: what changed since; the
 * source may answer in full after calling host->sync_full (its cursor expired). since 1.0
 */
struct ctr_sync_request {
    uint32_t size;
    uint32_t flags;
    struct ctr_str cursor; /* as given to sync_cursor by the last committed sync */
};

/* The source role.
 * thread  sync, search: as `threading` says; sync_cancel, search_cancel: the loop
 * since   1.0 */
struct ctr_source {
    uint32_t size;
    uint32_t threading; /* CTR_ON_LANE | CTR_ON_LOOP */
    uint32_t flags;     /* CTR_SOURCE_* */
    uint32_t reserved;

    /* Read the source. ON_LANE: 0 commits, negative discards. ON_LOOP: 0 means started
     * and sync_done will follow; negative means not started. */
    int32_t (*sync)(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);

    /* The sync should end soon (shutdown, reload, admin). Optional: host->sync_put and
     * host->sync_canceled say -CTR_ECANCELED anyway. */
    void (*sync_cancel)(void *instance, struct ctr_sync *sync);

    /* Ask the source itself. query as in query.h with principal NULL, valid until done.
     * It may answer more than was asked: the host looks at each hit again.
     * since 1.1: an EQUAL leaf over phone kinds holds the spellings of one number that
     * the source may have stored, of which any may match: values[0] E.164 with its plus
     * ("+4989840798192"; as asked where it is no such number), values[1] as dialled in
     * the source's country ("089840798192"), and the last as asked. */
    int32_t (*search)(void *instance, struct ctr_search *search,
                      const struct ctr_query *query);
    void (*search_cancel)(void *instance, struct ctr_search *search);

    /* Since 1.1, optional: try to reach the source, step by step ("resolve", "connect",
     * "tls", "login", "query"), and tell each by host->test_step; change nothing. Ends at
     * the first step that fails. ON_LANE: on the sync's lane, never beside a sync;
     * ON_LOOP: must not block, so leave it out; the host then reads the first contacts.
     * returns 0 | negative after the failing test_step */
    int32_t (*test)(void *instance, struct ctr_test *test);
};

#ifdef __cplusplus
}
#endif

#endif
