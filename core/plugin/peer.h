/* peer.h - for whom an instance fills its source role: flow in this process, or, in the
 * child of an isolated source, the daemon at the other end of a socket.
 *
 * The members mean what the functions of the same names in flow.h mean. */
#ifndef PLUGIN_PEER_H
#define PLUGIN_PEER_H

#include "flow/flow.h"

struct instance_env;

struct peer {
    void (*source_start)(const struct instance_env *env, const char *name,
                         const struct flow_driver *driver);
    void (*source_stop)(const struct instance_env *env, const char *name,
                        void (*done)(void *arg), void *arg);
    void (*source_error)(const struct instance_env *env, const char *name,
                         const char *reason);
    void (*request_sync)(const struct instance_env *env, const char *name);

    int (*sync_put)(struct ctr_sync *sync, const struct ctr_contact *contacts,
                    uint32_t n);
    int (*sync_delete)(struct ctr_sync *sync, const struct ctr_str *ids, uint32_t n);
    void (*sync_reject)(struct ctr_sync *sync, const char *where, const char *reason);
    int (*sync_cursor)(struct ctr_sync *sync, struct ctr_str cursor);
    int (*sync_group)(struct ctr_sync *sync, struct ctr_str group,
                      const struct ctr_str *members, uint32_t n);
    int (*sync_full)(struct ctr_sync *sync);
    void (*sync_progress)(struct ctr_sync *sync, uint64_t done, uint64_t total);
    int (*sync_canceled)(struct ctr_sync *sync);
    void (*sync_end)(struct ctr_sync *sync, int status, const char *reason);

    void (*test_step)(struct ctr_test *test, const char *step, int status,
                      const char *detail, const char *remedy);
    int (*test_canceled)(struct ctr_test *test);
    void (*test_end)(struct ctr_test *test, int status, const char *reason);

    int (*search_hits)(struct ctr_search *search, const struct ctr_contact *hits,
                       uint32_t n);
    void (*search_done)(struct ctr_search *search, int status);
};

/* Of the instances of env; unless it names another, flow in this process. */
const struct peer *peer_in(const struct instance_env *env);

#endif
