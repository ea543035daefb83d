/* refresh.h - what a live source answered goes into the cache, so that the next lookup
 * needs no wait and finds it when the source is down. */
#ifndef FLOW_REFRESH_H
#define FLOW_REFRESH_H

#include "cache/record.h"
#include "flow/source.h"

/* A search that has ended well. */
struct refresh_search {
    const struct dialplan *plan; /* its records were made with it */
    uint64_t syncs;              /* source->syncs when it began */
    struct ctr_str asker;        /* absent: anonymous */
};

/* One of its hits. */
void refresh_put(struct source *source, const struct refresh_search *search,
                 const struct record *record);
/* A contact that the cache has and the source no longer has; only where nothing but
 * earlier answers is cached. */
void refresh_delete(struct source *source, const struct refresh_search *search,
                    struct ctr_str id);
void refresh_destroy(struct source *source);

#endif
