/* peer.c - flow in this process as the one a source's role is filled for. */
#include "plugin/peer.h"

#include "plugin/instance.h"

static void source_start(const struct instance_env *env, const char *name,
                         const struct flow_driver *driver)
{
    flow_source_start(env->flow, name, driver);
}

static void source_stop(const struct instance_env *env, const char *name,
                        void (*done)(void *arg), void *arg)
{
    flow_source_stop(env->flow, name, done, arg);
}

static void source_error(const struct instance_env *env, const char *name,
                         const char *reason)
{
    flow_source_error(env->flow, name, reason);
}

static void request_sync(const struct instance_env *env, const char *name)
{
    if (env->flow)
        flow_source_request_sync(env->flow, name);
}

static const struct peer peer_flow = {
    .source_start = source_start,
    .source_stop = source_stop,
    .source_error = source_error,
    .request_sync = request_sync,
    .sync_put = flow_sync_put,
    .sync_delete = flow_sync_delete,
    .sync_reject = flow_sync_reject,
    .sync_cursor = flow_sync_cursor,
    .sync_group = flow_sync_group,
    .sync_full = flow_sync_full,
    .sync_progress = flow_sync_progress,
    .sync_canceled = flow_sync_canceled,
    .sync_end = flow_sync_end,
    .test_step = flow_test_step,
    .test_canceled = flow_test_canceled,
    .test_end = flow_test_end,
    .search_hits = flow_search_hits,
    .search_done = flow_search_done,
};

const struct peer *peer_in(const struct instance_env *env)
{
    return env->peer ? env->peer : &peer_flow;
}
