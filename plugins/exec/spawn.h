/* spawn.h - starting a program: a clean environment, no descriptors but its three, a
 * process group of its own, limits, and an end with the daemon's. */
#ifndef EXEC_SPAWN_H
#define EXEC_SPAWN_H

#include <sys/types.h>

#include "contactor/types.h"

/* What to start; the instance's, unchanged while it lives. */
struct spawn_command {
    char **argv; /* argv[0] absolute; NULL at the end */
    char **env;  /* NAME=value; NULL at the end */
    const char *folder;
    uint64_t memory; /* bytes of data; 0: no limit */
    uint64_t cpu;    /* seconds; 0: no limit */
};

/* One that runs. */
struct spawned {
    pid_t pid;
    int pidfd;        /* readable when it has ended; -1: this kernel has none */
    int in, out, err; /* our ends of its three pipes, non-blocking */
};

/* Why it could not be started, in words for an administrator. */
struct spawn_problem {
    char what[320];
    char remedy[240];
};

/* deadline: monotonic ms. returns 0 | -CTR_ENOENT, -CTR_EACCES, -CTR_EIO, -CTR_ETIMEDOUT
 * and *problem */
int32_t spawn_start(const struct spawn_command *command, int64_t deadline,
                    struct spawned *out, struct spawn_problem *problem);
/* The two as one reason, without a full stop at its end. */
const char *spawn_reason(const struct spawn_problem *problem, char *out, size_t cap);
int64_t spawn_now(void);

#endif
