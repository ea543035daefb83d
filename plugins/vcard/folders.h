/* folders.h - changes in the folders within the folder, which the host does not watch. */
#ifndef VCARD_FOLDERS_H
#define VCARD_FOLDERS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "contactor/plugin.h"

enum {
    FOLDERS_MAX = 1024,           /* are watched; the others are looked at now and then */
    FOLDERS_POLL_MS = 300 * 1000, /* how often that is */
    FOLDERS_LOOK_MS = 1000        /* how often the kernel is asked for its events */
};

struct folders {
    const struct ctr_host *host;
    int fd; /* inotify; -1: none */
    int64_t settle;

    /* The sync's lane. */
    int old[FOLDERS_MAX], now[FOLDERS_MAX]; /* watch descriptors */
    uint32_t n_old, n_now;
    uint32_t unseen; /* folders of this sync that cannot be watched */

    /* The loop. */
    struct ctr_timer *timer;
    int64_t changed; /* the last event nobody was told of; 0: none */

    _Atomic bool polled;     /* some must be */
    _Atomic int64_t read_at; /* host->now, the end of the last sync; 0: one is running */
};

/* From start. */
void folders_start(struct folders *f, const struct ctr_host *host, int64_t settle);
/* NULL-safe; also of one that was never started. */
void folders_finish(struct folders *f);

/* Around the reading of all folders, on the sync's lane; nothing happens without start.
 */
void folders_begin(struct folders *f);
void folders_see(struct folders *f, int folder, const char *path);
/* whole: all were seen; else those of before stay watched. */
void folders_end(struct folders *f, bool whole);

#endif
