/* source.h - the CSV source: its life and its sync. */
#ifndef CSV_SOURCE_H
#define CSV_SOURCE_H

#include "contactor/plugin.h"

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config);
int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
int32_t source_start(void *instance);
void source_destroy(void *instance);
int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);

#endif
