/* source.h - the ODBC source: its life and its roles. */
#ifndef ODBC_SOURCE_H
#define ODBC_SOURCE_H

#include "contactor/plugin.h"

/* --- source.c */
int32_t source_check(const struct ctr_host *host, const struct ctr_config *config);
int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
void source_stop(void *instance);
void source_destroy(void *instance);

/* --- sync.c */
int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);

/* --- search.c */
int32_t source_search(void *instance, struct ctr_search *search,
                      const struct ctr_query *query);
void source_search_cancel(void *instance, struct ctr_search *search);

/* --- try.c */
int32_t source_test(void *instance, struct ctr_test *test);

#endif
