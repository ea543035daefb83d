/* child.h - in the process of an isolated source: what its files share. */
#ifndef ISOLATE_CHILD_H
#define ISOLATE_CHILD_H

#include <pthread.h>

#include "isolate/private.h"

struct child_sync;
struct child_test;
struct pump;

struct child {
    struct instance_env env; /* first: how the peer's functions find the rest */
    struct registry registry;
    struct plugin *plugin;
    struct instance *in;
    const struct flow_driver *driver; /* from source_start on */
    char *name, *short_name;
    isolate_confine_fn confine; /* may be NULL */

    struct intake control;
    pthread_mutex_t sending; /* the control socket, from any thread */
    int data;
    struct pump *pump;

    /* The loop's. */
    struct child_sync *sync;    /* the one under way */
    struct strbuf next;         /* payload of one that came too early */
    struct list searches;       /* struct child_search */
    struct child_test *test;    /* the one under way */
    int64_t told[METRICS_MAX];  /* metrics, as they were told last */
    char error[FAIL_TEXT_MAX];  /* of source_error */
    void (*stopped)(void *arg); /* source_stop's */
    void *stopped_arg;
    bool stopping, over;
};

/* The process has one; its host table has no room for it. */
static inline struct child *child_of(const struct instance_env *env)
{
    return (struct child *)(uintptr_t)env;
}

/* child.c: any thread; may block until the daemon reads */
void child_send(struct child *c, struct strbuf *frame);
void child_send_metrics(struct child *c); /* loop */

/* role.c */
extern const struct peer peer_daemon;
void role_init(struct child *c);
/* Frames. returns 0 | -CTR_EPROTO */
int role_sync(struct child *c, struct ctr_str payload);
int role_sync_cancel(struct child *c, struct wire *w);
int role_sync_failed(struct child *c, struct wire *w);
int role_search(struct child *c, struct wire *w);
int role_search_cancel(struct child *c, struct wire *w);
int role_search_closed(struct child *c, struct wire *w);
int role_search_drop(struct child *c, struct wire *w);
int role_test(struct child *c, struct wire *w);
int role_test_cancel(struct child *c, struct wire *w);

/* role_ask.c: the part of peer_daemon that is not syncs */
int role_search_hits(struct ctr_search *search, const struct ctr_contact *hits,
                     uint32_t n);
void role_search_done(struct ctr_search *search, int status);
void role_search_cancel_all(struct child *c);
void role_test_step(struct ctr_test *test, const char *step, int status,
                    const char *detail, const char *remedy);
int role_test_canceled(struct ctr_test *test);
void role_test_end(struct ctr_test *test, int status, const char *reason);

/* pump.c: the data socket, written by a thread of its own */
struct pump *pump_create(int fd);
/* Waits until all is written. NULL-safe. */
void pump_destroy(struct pump *pump);
/* Takes the frames over. wait: until there is room.
 * returns 0 | -CTR_EPAUSE (taken, but there is much) */
int pump_put(struct pump *pump, struct strbuf *frames, bool wait);

#endif
