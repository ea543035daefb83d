/* source.h - the exec source: its life and its role. */
#ifndef EXEC_SOURCE_H
#define EXEC_SOURCE_H

#include <stdatomic.h>

#include "channel.h"
#include "contactor/plugin.h"

struct source {
    const struct ctr_host *host;
    struct channel_config config;
    struct channel for_sync, for_search;
    int64_t sync_timeout, max_contacts;
    struct ctr_timer *tick;
    int32_t metric_lines, metric_rejected;

    pthread_mutex_t lock;         /* what follows */
    struct ctr_search *searching; /* NULL: none */
    bool search_canceled;
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
/* search.c */
int32_t source_search(void *instance, struct ctr_search *search,
                      const struct ctr_query *query);
void source_search_cancel(void *instance, struct ctr_search *search);
/* test.c */
int32_t source_test(void *instance, struct ctr_test *test);

#endif
