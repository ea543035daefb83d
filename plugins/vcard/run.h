/* run.h - one sync: cards to contacts with ids, and what the administrator is told. */
#ifndef VCARD_RUN_H
#define VCARD_RUN_H

#include <limits.h>

#include "ids/ids.h"
#include "source.h"

struct run {
    const struct source *source;
    const struct ctr_host *host;
    struct ctr_sync *sync;
    struct vcard_reader *reader;
    struct folders *folders;
    struct ids ids;
    char file[PATH_MAX]; /* within the folder; "": the path is the file */
    uint64_t files;      /* opened */
    uint64_t put, rejected, bytes;
    int64_t patience; /* ms left to wait for files that are being written */
    char first_reject[256];
};

/* All that return int32_t: 0 | a negative code after host->fail. */
int32_t run_init(struct run *run, const struct source *source, struct ctr_sync *sync);
/* A file that could not be used, or (line > 0) something within the one being read. */
void run_say(struct run *run, uint64_t line, const char *reason);
void run_finish(struct run *run);

#endif
