/* source.h - the vCard source: its life and its sync. */
#ifndef VCARD_SOURCE_H
#define VCARD_SOURCE_H

#include "contactor/plugin.h"
#include "folders.h"
#include "vcard/vcard.h"

enum private_cards { PRIVATE_SKIP, PRIVATE_SHOW, PRIVATE_OWNER };

struct source {
    const struct ctr_host *host;
    const char *path, *pattern;
    struct vcard_options cards;
    struct vcard_maps maps;
    int64_t settle, max_size, max_cards;
    bool recursive, allow_empty;
    int32_t metric_cards, metric_rejected;
    struct folders folders; /* with recursive */
};

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config);
int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
int32_t source_start(void *instance);
void source_destroy(void *instance);
int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);

#endif
