/* errlog.h - what a program writes to stderr, as lines of the log: bounded in length and
 * in rate. */
#ifndef EXEC_ERRLOG_H
#define EXEC_ERRLOG_H

#include <stdbool.h>

#include "contactor/plugin.h"

enum {
    ERRLOG_LINE_MAX = 400, /* bytes of a line that are shown */
    ERRLOG_LAST_MAX = 240,
    ERRLOG_BURST = 50, /* lines at once */
    ERRLOG_RATE = 10   /* lines a second after that */
};

struct errlog {
    const struct ctr_host *host;
    const char *secret; /* never shown; NULL: there is none */
    char line[ERRLOG_LINE_MAX];
    size_t n;
    bool cut;                   /* there was more */
    char last[ERRLOG_LAST_MAX]; /* the last line that was not empty, as it can be shown */
    uint32_t tokens;
    int64_t refilled; /* ms */
    uint64_t left_out;
};

void errlog_init(struct errlog *e, const struct ctr_host *host, const char *secret,
                 int64_t now);
void errlog_add(struct errlog *e, const char *bytes, size_t n, int64_t now);
/* The end: a line without an end, and how many were left out. */
void errlog_finish(struct errlog *e, int64_t now);

#endif
