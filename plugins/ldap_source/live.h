/* live.h - asking the server at lookup time, over one connection that is kept. */
#ifndef LDAP_SOURCE_LIVE_H
#define LDAP_SOURCE_LIVE_H

#include <pthread.h>

#include "conn.h"
#include "plan.h"

struct live {
    struct conn *conn; /* the search's lane; NULL: none yet */
    struct plan plan;
    const char *base[BASES_MAX];
    uint32_t n_bases;
    int64_t not_before; /* text_now(): the server was down a moment ago */

    struct cancel cancel;
    pthread_mutex_t lock; /* of what follows */
    struct ctr_search *running;
};

int32_t live_init(struct live *l);
void live_finish(struct live *l);
/* The role's functions; the instance is a struct source. */
int32_t live_search(void *instance, struct ctr_search *search,
                    const struct ctr_query *query);
void live_search_cancel(void *instance, struct ctr_search *search);

#endif
