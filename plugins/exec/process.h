/* process.h - a program that runs: lines out of it, lines into it, its stderr to the log,
 * and its end, after which nothing of it is left. */
#ifndef EXEC_PROCESS_H
#define EXEC_PROCESS_H

#include <stdbool.h>

#include "errlog.h"
#include "lines.h"
#include "spawn.h"

enum {
    PROCESS_PENDING_MAX = 512 * 1024, /* bytes it has not read yet */
    PROCESS_LEAVE_MS = 2000,          /* to end by itself, its stdin closed */
    PROCESS_TERM_MS = 1000,           /* to obey SIGTERM */
    PROCESS_KILL_MS = 2000            /* to be gone after SIGKILL */
};

enum process_event {
    PROCESS_LINE,
    PROCESS_LONG,    /* a line over the limit */
    PROCESS_END,     /* it closed its output, or exited */
    PROCESS_WOKEN,   /* the descriptor to be woken by */
    PROCESS_TIMEOUT, /* the deadline */
};

enum process_ending { PROCESS_RUNS, PROCESS_LEAVING, PROCESS_TOLD, PROCESS_KILLED };

struct process {
    struct spawned s;
    struct lines lines;
    struct errlog log;
    char *pending;
    size_t n_pending;
    int64_t started;
    bool eof; /* nothing more will come out of it */
    bool exited;
    int status;        /* of waitpid; once exited */
    size_t after_exit; /* bytes that may still lie in its pipe */
    enum process_ending ending;
    int64_t ending_since;
};

/* secret: kept out of the log; must live as long as the process.
 * returns 0 and *out | negative and *problem */
int32_t process_start(const struct ctr_host *host, const struct spawn_command *command,
                      const char *secret, size_t max_line, int64_t deadline,
                      struct process **out, struct spawn_problem *problem);
/* Waits for what comes first. wake: a descriptor, or -1. */
enum process_event process_wait(struct process *p, int wake, int64_t deadline,
                                struct ctr_str *line);
/* Queues a text for its stdin and writes what goes; what it does not read is no error
 * before PROCESS_PENDING_MAX. returns 0 | -CTR_EFULL | -CTR_ENOMEM */
int32_t process_send(struct process *p, const char *text, size_t n);
/* Between two requests: its stderr to the log; whether it is still good for another: it
 * runs, and (where it should be silent) has said nothing unasked. Never blocks. */
bool process_idle(struct process *p, bool silent);
/* Whether it has exited within so many ms. */
bool process_wait_exit(struct process *p, int64_t ms);
/* "exited with code 1", "was ended by signal 9 (Killed)", "closed its output". */
const char *process_fate(const struct process *p, char *out, size_t cap);

/* The end in steps: begin, then step until it returns true, then free. leave: it may end
 * by itself first. Never blocks longer than `patience` ms. */
void process_end_begin(struct process *p, bool leave);
bool process_end_step(struct process *p, int patience);
void process_free(struct process *p);
/* The end at once; blocks for PROCESS_LEAVE_MS and the others together at most. */
void process_end(struct process *p, bool leave);

#endif
