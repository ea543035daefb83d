/* source.h - the CardDAV source: its options, its life, and what outlives a sync. */
#ifndef CARDDAV_SOURCE_H
#define CARDDAV_SOURCE_H

#include "book.h"
#include "vcard/vcard.h"

struct run;

struct source {
    const struct ctr_host *host;
    struct http *http;

    /* --- options */
    const char *url, *owner, *user;
    const char **books, **hosts;
    uint32_t n_books, n_hosts;
    struct vcard_maps maps;
    uint32_t batch, max_contacts;
    size_t max_card;
    uint64_t max_answer;
    bool show_private;
    uint32_t photo_max;
    uint64_t mark; /* of all that shapes what is read */

    /* --- from one sync to the next */
    char *homes[MULTISTATUS_HOMES_MAX]; /* where the address books are */
    unsigned n_homes;
    char *book_url;     /* or the one there is */
    int64_t not_before; /* host->now: the server asked to be left alone */
    struct run *run;    /* the sync under way, NULL: none */
    int32_t metric_requests, metric_cards;
};

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config);
int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance);
void source_stop(void *instance);
void source_destroy(void *instance);
/* Discovery has to begin anew. */
void source_forget(struct source *s);

/* sync.c */
int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request);
void source_sync_cancel(void *instance, struct ctr_sync *sync);

#endif
