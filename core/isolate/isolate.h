/* isolate.h - a source whose plugin runs in a process of its own.
 *
 * The process is this program again, started with a hidden argument; it loads the same
 * file, and for flow its plugin is a driver like any other. When it crashes, hangs,
 * breaks the protocol or grows too large it is killed and started again, ever later; the
 * cache goes on answering.
 *
 *     isolate.c    the process is watched, told to end, started again; the instance's
 *                  remote (plugin/remote.h)
 *     spawn.c      starting it, and how it ended in words
 *     intake.c     reading from a descriptor at a bounded pace
 *     link.c       what goes over the control socket, the daemon's side
 *     sync.c       its contacts, on a lane, from the data socket into the cache
 *     search.c     its live searches
 *     test.c       trying it
 *     wire.c       contacts and questions as bytes
 *     check.c      `check` in a process of its own
 *     child.c      in the process: its life
 *     role.c       in the process: the peer of its instance (plugin/peer.h), its syncs
 *     role_ask.c   and its searches and tests
 *     pump.c       in the process: the data socket
 */
#ifndef ISOLATE_ISOLATE_H
#define ISOLATE_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ctr_config;
struct instance;
struct instance_env;
struct plugin;

struct isolate_options {
    uint64_t memory;   /* bytes of resident memory it may use */
    uint32_t patience; /* ms it may leave a question unanswered */
    bool confine;      /* it gives up system calls and writing, too */
    bool allow_jit;
};

/* ---- the daemon: loop ------------------------------------------------------------- */

/* An instance whose plugin runs in a process of its own, from its start on: here nothing
 * of it is called. values becomes the instance's own. */
struct instance *isolate_create(const struct instance_env *env,
                                const struct plugin *plugin, const char *name,
                                struct ctr_config *values,
                                const struct isolate_options *options);

struct isolate_info {
    const char *state;    /* "starting", "running", "waiting", "ending", "stopped" */
    pid_t pid;            /* 0: there is none now */
    unsigned restarts;    /* since the instance was made */
    uint64_t memory;      /* resident, bytes */
    const char *last_end; /* "": it never ended by itself */
    int64_t last_end_at, next_start; /* wall ms; 0: none */
};
/* false: its plugin runs in this process */
bool isolate_info(const struct instance *in, struct isolate_info *out);

/* As instance_check, in a process that may crash and gets a bounded time. */
int isolate_check(const struct plugin *plugin, const struct ctr_config *values,
                  const struct isolate_options *options, char *error, size_t cap);

/* ---- the process ------------------------------------------------------------------ */

/* The hidden argument of this program; the descriptor's number and a name follow. */
#define ISOLATE_ARGUMENT "--isolated"

/* Gives up what such a process has no use for; returns 0 | -CTR_E* with a sentence in
 * error. */
typedef int (*isolate_confine_fn)(const struct isolate_options *options, char *error,
                                  size_t cap);
/* returns the exit code */
int isolate_child_main(int fd, isolate_confine_fn confine);

#endif
