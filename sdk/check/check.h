/* check.h - what a check is, what it checks, and how it tells what it found.
 *
 * Each check runs in a child process of its own, which loads the plugin anew: a crash, an
 * abort of the test host or a hang ends that check and no other. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "testhost.h"

/* What a check needs the plugin to have; without it the check is skipped. */
enum {
    NEEDS_SOURCE = 1u << 0,
    NEEDS_FRONTEND = 1u << 1, /* with streams */
    NEEDS_DELTA = 1u << 2,
    NEEDS_SEARCH = 1u << 3,
    NEEDS_LANE = 1u << 4, /* a source ON_LANE */
    NEEDS_LOOP = 1u << 5, /* a source ON_LOOP */
    NEEDS_START = 1u << 6 /* that it starts with the configuration there is */
};

struct options;
struct exchanges;

/* The plugin, as this process loaded it. */
struct subject {
    const char *path;
    const char *name;                /* of the file, without .so */
    const struct options *options;   /* the administrator's, or none */
    const struct exchanges *clients; /* what clients say to a front end */
    const struct ctr_plugin *theirs; /* the symbol */
    uint64_t room;                   /* bytes behind the symbol */
    /* Our copies, zero where theirs is shorter; `plugin` points to the others. */
    struct ctr_plugin plugin;
    struct ctr_source source;
    struct ctr_frontend frontend;
    struct ctr_stream_ops stream;
};

struct check {
    const char *name;
    const char *rule;  /* one sentence */
    const char *where; /* the header it stands in */
    uint32_t needs;    /* NEEDS_* */
    uint32_t seconds;  /* time limit */
    void (*run)(struct subject *s);
};

extern const struct check *const checks[]; /* NULL at the end */

extern const struct check check_descriptor, check_object, check_schema;
extern const struct check check_config, check_secrets, check_start;
extern const struct check check_host_old, check_host_new;
extern const struct check check_life, check_late, check_instances, check_memory;
extern const struct check check_sync, check_sync_cancel, check_sync_error;
extern const struct check check_sync_pause, check_cursor, check_sync_stop;
extern const struct check check_search, check_search_cancel, check_parallel, check_test;
extern const struct check check_blocking, check_odd_start, check_no_memory;
extern const struct check check_pieces, check_noise, check_endless, check_hangup;
extern const struct check check_pressure, check_tls;

/* --- what a check says (to the parent process) ---------------------------------------
 */

/* The rule is broken; remedy: what to do about it. Ends the process. */
_Noreturn void check_fail(const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* It cannot be checked. Ends the process. */
_Noreturn void check_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Not forbidden, but worth a look. */
void check_warn(const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What was done: stands beside "ok". The last one counts. */
void check_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What is being tried: told when the process does not survive it. */
void check_step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- what this process uses -----------------------------------------------------------
 */

int64_t usage_ms(void);       /* a clock that never jumps */
uint64_t usage_memory(void);  /* bytes that are allocated */
uint32_t usage_threads(void); /* how many there are */
/* The same, when those that were told to end have had a moment to do so. */
uint32_t usage_threads_settled(uint32_t want);
void usage_sleep(long ms);
bool usage_sanitized(void); /* a sanitizer watches this process */
/* How many descriptors are open, and what the last of them is. */
uint32_t usage_descriptors(char *last, size_t cap);
/* Calls fn often (at most `rounds` times a window, for seconds) and fails when memory
 * grows in each of three windows. what: "a life"; remedy: what to do about it. */
void usage_watch(void (*fn)(void *user), void *user, uint32_t rounds, uint32_t seconds,
                 const char *what, const char *remedy);

/* --- the subject ---------------------------------------------------------------------
 */

/* Opens the file. returns NULL, or why not (static) */
const char *subject_load(struct subject *s);
/* A host with the administrator's options set, not started. */
struct testhost *subject_host(const struct subject *s);
/* The same, started; does not return where it cannot be. */
struct testhost *subject_start(const struct subject *s);
const struct ctr_option *subject_option(const struct subject *s, uint32_t i);
/* Whether value i of the options is for an option that the plugin has. */
bool subject_knows(const struct subject *s, uint32_t i);
/* The first required option that the administrator did not set, or NULL. */
const char *subject_missing(const struct subject *s);
/* What to tell about options that are missing. */
void subject_hint(const struct subject *s, char *out, size_t cap);

#endif
