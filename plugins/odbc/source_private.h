/* source_private.h - an instance of the source, as its files share it. */
#ifndef ODBC_SOURCE_PRIVATE_H
#define ODBC_SOURCE_PRIVATE_H

#include <pthread.h>

#include "config.h"
#include "conn.h"
#include "cursor.h"
#include "keyset.h"
#include "kit/kit.h"
#include "source.h"

/* What the last sync left in memory, for deletions = "compare": of the sync's lane. */
struct known {
    struct keyset ids;
    char cursor[CURSOR_TEXT]; /* what that sync committed, if it did; "": nothing */
};

struct source {
    const struct ctr_host *host;
    struct config config;
    struct crew *crew;
    int32_t metric_rows, metric_rejected, metric_lookups, metric_lookups_failed;
    int32_t metric_stuck;

    /* --- the sync's lane */
    struct known known;
    uint64_t last_rows;

    /* --- the search's lane */
    struct conn *conn; /* open between lookups */
    int64_t retry_at, retry_after;

    pthread_mutex_t mutex; /* of what follows */
    bool stopping;
    struct ctr_search *searching; /* the one under way */
    bool canceled;                /* it is */

    /* --- the loop */
    struct ctr_timer *stop_timer;
    unsigned stop_ticks;
};

/* How to connect, for reading much or for lookups. */
struct conn_setup source_setup(const struct source *s, bool stream, int64_t query_ms);
bool source_stopping(struct source *s);
/* "what went wrong; what to do", as host->fail; returns its code. */
int32_t source_fail(const struct source *s, const struct trouble *t, const char *end);

#endif
