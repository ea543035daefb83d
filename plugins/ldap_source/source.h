/* source.h - the LDAP source: its life, its sync, its live search and its test. */
#ifndef LDAP_SOURCE_SOURCE_H
#define LDAP_SOURCE_SOURCE_H

#include <pthread.h>

#include "index.h"
#include "listen.h"
#include "live.h"
#include "options.h"
#include "wire.h"

struct source {
    const struct ctr_host *host;
    struct options options;
    int32_t metric_entries, metric_rejected, metric_deltas, metric_fulls;

    /* --- the sync's lane */
    struct index index;    /* what the cache holds, as far as known */
    uint64_t index_serial; /* the cursor it belongs to; 0: none */
    uint64_t serial;       /* of the last cursor given out */
    bool read_all_next;
    int64_t read_all_at; /* text_now() of the last time that was wanted */

    struct cancel sync_cancel;
    struct tls_cache tls;
    struct live live;
    struct listener *listener; /* NULL: not wanted */
};

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config);
int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
int32_t source_start(void *instance);
void source_stop(void *instance);
void source_destroy(void *instance);

/* sync.c */
int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);
void source_sync_cancel(void *instance, struct ctr_sync *sync);
/* probe.c */
int32_t source_test(void *instance, struct ctr_test *test);

/* The preset that `auto` means for a server, and where its contacts are: the options'
 * bases, else the server's own. Strings are the options' or the connection's.
 * returns 0 | negative with f set */
int32_t source_plan(const struct options *o, const struct conn *c, struct plan *plan,
                    const char *base[BASES_MAX], uint32_t *n_bases, struct fault *f);

#endif
