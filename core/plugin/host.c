/* host.c - the table of functions a plugin gets, laid over flow, net, loop and conf.
 *
 * A plugin may call from the wrong thread, or with a handle that has ended; where that
 * can be told cheaply it is logged and refused instead of being carried out. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "plugin/batch.h"
#include "plugin/private.h"

enum {
    HOST_LOG_MAX = 2048,
    HOST_TEXT_MAX = 2048, /* of a step or a rejected row */
    SYNC_BATCH_MAX = 1024,
    SEARCH_BATCH_MAX = 256,
    MISUSES_LOGGED = 20
};

/* These are read in place, for they are as long as in ABI 1.0. Who lets one grow copies
 * min(theirs, ours) into a zeroed one instead, as loader.c does. */
_Static_assert(sizeof(struct ctr_query) == 176, "read in place by query_start");
_Static_assert(sizeof(struct ctr_query_ops) == 24, "read in place by query_start");
_Static_assert(sizeof(struct ctr_credentials) == 56, "read in place by authenticate");

static _Thread_local char fail_text[FAIL_TEXT_MAX];

/* ---- breaches of the contract --------------------------------------------------- */

/* A plugin that does it once does it for each contact: the log is not to drown. */
void host_misuse(struct instance *in, const char *what)
{
    unsigned n = atomic_fetch_add(&in->misuses, 1);

    if (n >= MISUSES_LOGGED)
        return;
    log_error(in->name, "plugin misbehaves plugin=%s problem=%s", in->plugin->desc.name,
              log_quoted(what));
    if (n + 1 == MISUSES_LOGGED)
        log_error(in->name, "plugin misbehaves, no further complaints are logged");
}

bool host_on_loop(struct instance *in, const char *function)
{
    char what[128];

    if (!in->env->loop || loop_on_thread(in->env->loop))
        return true;
    snprintf(what, sizeof(what), "it called %s off the loop's thread", function);
    host_misuse(in, what);
    return false;
}

/* ---- everywhere ----------------------------------------------------------------- */

void host_fail_clear(void)
{
    fail_text[0] = '\0';
}

const char *host_fail_text(void)
{
    return fail_text;
}

/* A plugin's words may be those of a server, a driver or a program that was told the
 * instance's secrets: they are not shown. returns out | NULL for NULL */
static const char *without_secrets(const struct instance *in, const char *text, char *out,
                                   size_t cap)
{
    if (!text)
        return NULL;
    snprintf(out, cap, "%s", text);
    conf_values_mask(in->secrets, out);
    return out;
}

static void host_fail(const struct ctr_host *host, const char *text)
{
    without_secrets(instance_of(host), text ? text : "", fail_text, sizeof(fail_text));
}

static void host_log(const struct ctr_host *host, uint32_t level, const char *text)
{
    struct instance *in = instance_of(host);
    enum log_level mine = level <= CTR_LOG_ERROR  ? LOG_LEVEL_ERROR
                          : level <= CTR_LOG_WARN ? LOG_LEVEL_WARN
                          : level <= CTR_LOG_INFO ? LOG_LEVEL_INFO
                                                  : LOG_LEVEL_DEBUG;
    char words[HOST_LOG_MAX + 1];

    log_line(mine, in->name, "%s",
             without_secrets(in, text ? text : "", words, sizeof(words)));
}

static const void *host_extension(const struct ctr_host *host, const char *id)
{
    struct instance *in = instance_of(host);

    if (id && strcmp(id, CTR_NET_ID) == 0 && in->role == INSTANCE_FRONTEND)
        return &net_extension;
    if (id && strcmp(id, CTR_POLL_ID) == 0)
        return &poll_extension;
    return NULL;
}

static int64_t host_now(const struct ctr_host *host)
{
    (void)host;
    return clock_ms();
}

static int64_t host_wall(const struct ctr_host *host)
{
    (void)host;
    return clock_wall_ms();
}

/* A posted call keeps the instance's memory, but does not run once it has ended. */
struct host_task {
    struct instance *in;
    ctr_task_fn fn;
    void *user;
};

static void on_task(void *arg)
{
    struct host_task *task = arg;
    bool ended;

    pthread_mutex_lock(&task->in->lock);
    ended = task->in->ended;
    pthread_mutex_unlock(&task->in->lock);
    if (!ended)
        task->fn(task->user);
    instance_unref(task->in);
    free(task);
}

static int32_t host_post(const struct ctr_host *host, ctr_task_fn fn, void *user)
{
    struct instance *in = instance_of(host);
    struct host_task *task;
    bool ended;

    if (!fn || !in->env->loop)
        return -CTR_EINVAL;
    pthread_mutex_lock(&in->lock);
    ended = in->ended;
    if (!ended)
        in->refs++;
    pthread_mutex_unlock(&in->lock);
    if (ended)
        return -CTR_ECANCELED;
    task = xmalloc(sizeof(*task));
    *task = (struct host_task){in, fn, user};
    loop_post(in->env->loop, on_task, task);
    return 0;
}

static void host_stopped(const struct ctr_host *host)
{
    struct instance *in = instance_of(host);

    if (!host_on_loop(in, "stopped"))
        return;
    if (!in->plugin_told) {
        host_misuse(in, "it called stopped without having been told to stop");
        return;
    }
    in->plugin_ended = true;
    instance_stop_step(in);
}

/* ---- sources -------------------------------------------------------------------- */

static void host_request_sync(const struct ctr_host *host)
{
    struct instance *in = instance_of(host);

    if (in->role == INSTANCE_SOURCE)
        peer_of(in)->request_sync(in->env, in->short_name);
}

/* Contacts in our layout; false after a complaint. */
static bool take_batch(struct instance *in, struct batch *batch,
                       const struct ctr_contact *contacts, uint32_t n, uint32_t max)
{
    const char *wrong = batch_init(batch, contacts, n, max);

    if (wrong)
        host_misuse(in, wrong);
    return wrong == NULL;
}

static int32_t host_sync_put(const struct ctr_host *host, struct ctr_sync *sync,
                             const struct ctr_contact *contacts, uint32_t n)
{
    struct instance *in = instance_of(host);
    struct batch batch;
    int err;

    if (!source_handle_ok(in, sync, "sync_put") ||
        !take_batch(in, &batch, contacts, n, SYNC_BATCH_MAX))
        return -CTR_EINVAL;
    err = peer_of(in)->sync_put(sync, batch.contacts, n);
    batch_finish(&batch);
    return err;
}

static int32_t host_sync_delete(const struct ctr_host *host, struct ctr_sync *sync,
                                const struct ctr_str *ids, uint32_t n)
{
    struct instance *in = instance_of(host);

    if (!source_handle_ok(in, sync, "sync_delete") || (n > 0 && !ids))
        return -CTR_EINVAL;
    return n > 0 ? peer_of(in)->sync_delete(sync, ids, n) : 0;
}

static void host_sync_reject(const struct ctr_host *host, struct ctr_sync *sync,
                             const char *where, const char *reason)
{
    struct instance *in = instance_of(host);
    char place[HOST_TEXT_MAX], why[HOST_TEXT_MAX];

    if (source_handle_ok(in, sync, "sync_reject"))
        peer_of(in)->sync_reject(
            sync, without_secrets(in, where ? where : "", place, sizeof(place)),
            without_secrets(in, reason ? reason : "", why, sizeof(why)));
}

static int32_t host_sync_cursor(const struct ctr_host *host, struct ctr_sync *sync,
                                struct ctr_str cursor)
{
    struct instance *in = instance_of(host);

    if (!source_handle_ok(in, sync, "sync_cursor") || cursor.len > 65536 ||
        (cursor.len > 0 && !cursor.ptr))
        return -CTR_EINVAL;
    return peer_of(in)->sync_cursor(sync, cursor);
}

static int32_t host_sync_group(const struct ctr_host *host, struct ctr_sync *sync,
                               struct ctr_str group, const struct ctr_str *members,
                               uint32_t n)
{
    struct instance *in = instance_of(host);

    if (!source_handle_ok(in, sync, "sync_group"))
        return -CTR_EINVAL;
    return peer_of(in)->sync_group(sync, group, members, n);
}

static int32_t host_sync_full(const struct ctr_host *host, struct ctr_sync *sync)
{
    struct instance *in = instance_of(host);

    return source_handle_ok(in, sync, "sync_full") ? peer_of(in)->sync_full(sync)
                                                   : -CTR_EINVAL;
}

static void host_sync_progress(const struct ctr_host *host, struct ctr_sync *sync,
                               uint64_t done, uint64_t total)
{
    struct instance *in = instance_of(host);

    if (source_handle_ok(in, sync, "sync_progress"))
        peer_of(in)->sync_progress(sync, done, total);
}

static int32_t host_sync_canceled(const struct ctr_host *host, struct ctr_sync *sync)
{
    struct instance *in = instance_of(host);

    return source_handle_ok(in, sync, "sync_canceled") ? peer_of(in)->sync_canceled(sync)
                                                       : -CTR_ECANCELED;
}

static void host_sync_done(const struct ctr_host *host, struct ctr_sync *sync,
                           int32_t status)
{
    struct instance *in = instance_of(host);

    if (!host_on_loop(in, "sync_done"))
        return;
    if (in->plugin->source.threading != CTR_ON_LOOP) {
        host_misuse(in, "it called sync_done, but its sync runs on a lane and ends by "
                        "returning");
        return;
    }
    if (source_handle_ok(in, sync, "sync_done"))
        source_sync_done(in, sync, status);
}

static int32_t host_search_hits(const struct ctr_host *host, struct ctr_search *search,
                                const struct ctr_contact *hits, uint32_t n)
{
    struct instance *in = instance_of(host);
    struct batch batch;
    int err;

    if (!source_search_ok(in, search, "search_hits") ||
        !take_batch(in, &batch, hits, n, SEARCH_BATCH_MAX))
        return -CTR_EINVAL;
    err = peer_of(in)->search_hits(search, batch.contacts, n);
    batch_finish(&batch);
    return err;
}

static void host_search_done(const struct ctr_host *host, struct ctr_search *search,
                             int32_t status)
{
    struct instance *in = instance_of(host);

    if (source_search_ok(in, search, "search_done"))
        source_search_done(in, search, status);
}

static void host_test_step(const struct ctr_host *host, struct ctr_test *test,
                           const char *step, int32_t status, const char *detail,
                           const char *remedy)
{
    struct instance *in = instance_of(host);
    char name[64], what[HOST_TEXT_MAX], todo[HOST_TEXT_MAX];

    if (source_test_ok(in, test, "test_step"))
        peer_of(in)->test_step(test, without_secrets(in, step, name, sizeof(name)),
                               status < 0 ? status : 0,
                               without_secrets(in, detail, what, sizeof(what)),
                               without_secrets(in, remedy, todo, sizeof(todo)));
}

static int32_t host_test_canceled(const struct ctr_host *host, struct ctr_test *test)
{
    struct instance *in = instance_of(host);

    return source_test_ok(in, test, "test_canceled") ? peer_of(in)->test_canceled(test)
                                                     : -CTR_ECANCELED;
}

/* ---- front ends ----------------------------------------------------------------- */

/* Looked up each time: a reload makes new ones. NULL after a complaint, or when this
 * front end is no longer configured. */
static struct flow_client *client_of(struct instance *in, const char *function)
{
    if (in->role != INSTANCE_FRONTEND || !in->env->flow) {
        host_misuse(in, "it called a function that only front ends have");
        return NULL;
    }
    return host_on_loop(in, function) ? flow_client(in->env->flow, in->name) : NULL;
}

static int32_t host_query_start(const struct ctr_host *host,
                                const struct ctr_query *query,
                                const struct ctr_query_ops *ops, void *user,
                                struct ctr_request **out)
{
    struct instance *in = instance_of(host);
    struct flow_client *client = client_of(in, "query_start");

    if (!client)
        return -CTR_EUNAVAIL;
    if (!query || !ops || !out || !ops->on_hits || !ops->on_done ||
        query->size < sizeof(*query) || ops->size < sizeof(*ops)) {
        host_misuse(in, "it started a query that is malformed");
        return -CTR_EINVAL;
    }
    return flow_query_start(client, query, ops, user, out);
}

static void host_query_resume(const struct ctr_host *host, struct ctr_request *request)
{
    if (request && host_on_loop(instance_of(host), "query_resume"))
        flow_query_resume(request);
}

static void host_query_cancel(const struct ctr_host *host, struct ctr_request *request)
{
    if (request && host_on_loop(instance_of(host), "query_cancel"))
        flow_query_cancel(request);
}

static void host_sources(const struct ctr_host *host,
                         const struct ctr_principal *principal, ctr_source_fn fn,
                         void *user)
{
    struct instance *in = instance_of(host);

    struct flow_client *client = client_of(in, "sources");

    if (fn && client)
        flow_sources(client, principal, fn, user);
}

static int32_t host_authenticate(const struct ctr_host *host,
                                 const struct ctr_credentials *credentials,
                                 ctr_auth_fn done, void *user, struct ctr_request **out)
{
    struct instance *in = instance_of(host);

    if (!client_of(in, "authenticate") || !credentials || !done || !out ||
        credentials->size < sizeof(*credentials))
        return -CTR_EINVAL;
    return flow_authenticate(in->env->flow, credentials, done, user, out);
}

static void host_authenticate_cancel(const struct ctr_host *host,
                                     struct ctr_request *request)
{
    if (request && host_on_loop(instance_of(host), "authenticate_cancel"))
        flow_authenticate_cancel(request);
}

static const char *host_principal_name(const struct ctr_principal *principal)
{
    return principal ? principal_name(principal) : "";
}

/* ---- the table ------------------------------------------------------------------ */

void host_fill(struct instance *in)
{
    in->host = (struct ctr_host){
        .size = sizeof(struct ctr_host),
        .abi = CTR_ABI_CURRENT,
        .instance = in->name,
        .log = host_log,
        .fail = host_fail,
        .extension = host_extension,
        .now = host_now,
        .wall = host_wall,
        .post = host_post,
        .timer_start = timer_start,
        .timer_stop = timer_stop,
        .metric_define = metric_define,
        .metric_add = metric_add,
        .metric_set = metric_set,
        .option_str = conf_str,
        .option_int = conf_int,
        .option_set = conf_set,
        .option_list_len = conf_list_len,
        .option_list_at = conf_list_at,
        .option_map_at = conf_map_at,
        .option_error = conf_option_error,
        .stopped = host_stopped,
        .request_sync = host_request_sync,
        .watch = watch_add,
        .sync_put = host_sync_put,
        .sync_delete = host_sync_delete,
        .sync_reject = host_sync_reject,
        .sync_cursor = host_sync_cursor,
        .sync_full = host_sync_full,
        .sync_progress = host_sync_progress,
        .sync_canceled = host_sync_canceled,
        .sync_done = host_sync_done,
        .search_hits = host_search_hits,
        .search_done = host_search_done,
        .query_start = host_query_start,
        .query_resume = host_query_resume,
        .query_cancel = host_query_cancel,
        .sources = host_sources,
        .authenticate = host_authenticate,
        .authenticate_cancel = host_authenticate_cancel,
        .principal_name = host_principal_name,
        .principal_ref = principal_ref,
        .principal_unref = principal_unref,
        .test_step = host_test_step,
        .sync_group = host_sync_group,
        .test_canceled = host_test_canceled,
    };
}
