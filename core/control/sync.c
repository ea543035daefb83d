/* sync.c - contactorctl sync: starts a sync of one source and tells how it goes. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "control/private.h"

enum { RETRY_MS = 200, EXCHANGE_MS = 10 * 1000 };

struct sync_request {
    struct request *request;
    struct flow *flow;
    char *source;
    bool allow_delete, dry_run, watching;
    int64_t began;
    uv_timer_t retry; /* another sync, or a reload, is under way */
};

static void sync_try(struct sync_request *s);

static void on_retry_closed(uv_handle_t *handle)
{
    struct sync_request *s = handle->data;

    free(s->source);
    free(s);
}

static void sync_free(struct sync_request *s)
{
    if (s->watching)
        flow_source_unwatch(s->flow, s);
    uv_close((uv_handle_t *)&s->retry, on_retry_closed);
}

static void move_item(cJSON *from, cJSON *to, const char *name)
{
    cJSON_DeleteItemFromObjectCaseSensitive(to, name);
    cJSON_AddItemToObject(to, name, cJSON_DetachItemFromObjectCaseSensitive(from, name));
}

/* A reload took it away meanwhile. */
static void tell_removed(struct sync_request *s)
{
    request_error(s->request, CTR_ENOENT, "source '%s' is no longer configured",
                  s->source);
}

/* The source as it stands, with what a sync would do in place of what the last one did.
 */
static void dry_run_end(struct sync_request *s, int status)
{
    cJSON *found = flow_source_take_dry_run(s->flow, s->source);
    const char *error =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "error"));
    cJSON *source = request_source(s->request, s->source);

    if (!source) {
        tell_removed(s);
    } else if (!found || error || status == -CTR_ECANCELED) {
        request_error(s->request, status, "'%s' cannot be read: %s", s->source,
                      error ? error : error_text(status));
        cJSON_Delete(source);
    } else {
        cJSON_AddBoolToObject(source, "dry_run", true);
        move_item(found, source, "last");
        move_item(found, source, "sample");
        move_item(found, source, "refused");
        move_item(found, source, "rejected");
        request_result(s->request, source);
    }
    cJSON_Delete(found);
    sync_free(s);
}

static void sync_end(struct sync_request *s, int status)
{
    struct request *request = s->request;
    cJSON *source = request_source(request, s->source);
    const char *error =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "last_error"));

    if (!source) {
        tell_removed(s);
    } else if (status == 0) {
        cJSON_AddBoolToObject(source, "dry_run", false);
        request_result(request, source);
    } else {
        request_error(request, status, "the sync of '%s' failed: %s", s->source,
                      error && *error ? error : error_text(status));
        cJSON_Delete(source);
    }
    sync_free(s);
}

static void on_change(void *arg, bool done, int status)
{
    struct sync_request *s = arg;

    if (done) {
        s->watching = false;
        if (s->dry_run)
            dry_run_end(s, status);
        else
            sync_end(s, status);
        return;
    }
    request_event(s->request, "source", request_source(s->request, s->source));
}

static void on_retry(uv_timer_t *timer)
{
    sync_try(timer->data);
}

static void on_gone(struct request *request)
{
    struct sync_request *s = request->data;

    /* The sync itself goes on. */
    cJSON_Delete(request->json);
    free(request);
    sync_free(s);
}

/* A reload ends and starts it just now. */
static bool is_exchanged(const struct sync_request *s)
{
    return clock_ms() - s->began < EXCHANGE_MS &&
           !request_source_failed(s->request, s->source);
}

static bool is_stuck(const struct sync_request *s)
{
    cJSON *source = request_source(s->request, s->source);
    bool stuck = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(source, "stuck")) != 0;

    cJSON_Delete(source);
    return stuck;
}

static void sync_try(struct sync_request *s)
{
    struct request *request = s->request;
    char hint[512];
    int err;

    if (request->control->stopped) {
        request_error(request, CTR_ECANCELED, "the daemon is stopping");
        sync_free(s);
        return;
    }
    s->watching = true;
    err = flow_source_sync_now(s->flow, s->source, s->allow_delete, s->dry_run, on_change,
                               s);
    if (err == 0)
        return;
    s->watching = false;
    if (err == -CTR_EBUSY && is_stuck(s)) {
        request_error(request, err,
                      "'%s' does not come back from what it was asked before, a sync, "
                      "preview or test; when it does it can be synced again, else "
                      "restart the daemon",
                      s->source);
        sync_free(s);
        return;
    }
    if (err == -CTR_EBUSY || (err == -CTR_EUNAVAIL && is_exchanged(s))) {
        request_event(request, "source", request_source(request, s->source));
        uv_timer_start(&s->retry, on_retry, RETRY_MS, 0);
        return;
    }
    if (err == -CTR_ENOENT)
        request_error(request, err, "there is no source '%s'%s", s->source,
                      request_hint(request, "source", s->source, hint, sizeof(hint)));
    else
        request_error(
            request, err,
            "source '%s' cannot be synced: %s; `contactorctl sources %s` tells why",
            s->source, error_text(err), s->source);
    sync_free(s);
}

/* A sync as the schedule would begin it, which is neither dry nor allowed more. Takes
 * source. */
static void ask_only(struct request *request, const char *name, cJSON *source)
{
    if (request_bool(request, "dry_run") || request_bool(request, "allow_delete")) {
        cJSON_Delete(source);
        request_error(request, CTR_EINVAL,
                      "--no-wait goes with neither --dry-run nor --allow-delete");
        return;
    }
    flow_source_request_sync(request->control->ops->flow(request->control->ctx), name);
    cJSON_AddBoolToObject(source, "asked", true);
    request_result(request, source);
}

void command_sync(struct request *request)
{
    const char *name = request_str(request, "source");
    struct sync_request *s;
    cJSON *source = name ? request_source(request, name) : NULL;
    char hint[512];

    if (!source) {
        request_error(
            request, CTR_ENOENT, "there is no source '%s'%s", name ? name : "",
            request_hint(request, "source", name ? name : "", hint, sizeof(hint)));
        return;
    }
    if (request_bool(request, "no_wait")) {
        ask_only(request, name, source);
        return;
    }
    cJSON_Delete(source);
    s = xcalloc(1, sizeof(*s));
    s->request = request;
    s->flow = request->control->ops->flow(request->control->ctx);
    s->source = xstrdup(name);
    s->began = clock_ms();
    s->allow_delete = request_bool(request, "allow_delete");
    s->dry_run = request_bool(request, "dry_run");
    uv_timer_init(loop_uv(request->control->loop), &s->retry);
    s->retry.data = s;
    request->data = s;
    request->gone = on_gone;
    sync_try(s);
}
