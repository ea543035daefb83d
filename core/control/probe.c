/* probe.c - contactorctl source test and preview: asks a source without changing
 * anything. Whoever asks while it is being synced waits for that, up to the time limit.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "control/private.h"

enum { RETRY_MS = 200, LIMIT_MS = 30 * 1000, LIMIT_MAX = 600 * 1000, PREVIEW_N = 10 };

struct probe {
    struct request *request;
    struct flow *flow;
    char *source;
    bool preview, asked; /* asked: flow will answer */
    unsigned n;
    int64_t began;
    uint32_t limit;
    cJSON *steps; /* NULL: given away */
    uv_timer_t retry;
};

static void probe_try(struct probe *p);
static void on_retry(uv_timer_t *timer);

static void on_closed(uv_handle_t *handle)
{
    struct probe *p = handle->data;

    cJSON_Delete(p->steps);
    free(p->source);
    free(p);
}

static void probe_free(struct probe *p)
{
    if (p->asked)
        flow_source_forget(p->flow, p);
    uv_close((uv_handle_t *)&p->retry, on_closed);
}

/* ---- test ----------------------------------------------------------------------- */

static cJSON *step_json(const char *step, int status, const char *detail,
                        const char *remedy, uint32_t ms)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "step", step);
    cJSON_AddBoolToObject(json, "ok", status >= 0);
    cJSON_AddStringToObject(json, "status", status < 0 ? error_name(status) : "ok");
    cJSON_AddStringToObject(json, "detail", detail ? detail : "");
    cJSON_AddStringToObject(json, "remedy", remedy ? remedy : "");
    cJSON_AddNumberToObject(json, "ms", ms);
    return json;
}

static void on_step(void *arg, const char *step, int status, const char *detail,
                    const char *remedy, uint32_t ms)
{
    struct probe *p = arg;
    cJSON *json = step_json(step, status, detail, remedy, ms);

    cJSON_AddItemToArray(p->steps, cJSON_Duplicate(json, true));
    request_event(p->request, "step", json);
}

static void on_tested(void *arg, int status)
{
    struct probe *p = arg;
    cJSON *json;

    p->asked = false;
    if (status == -CTR_ECANCELED) {
        request_error(p->request, status,
                      "the test of '%s' was ended by a reload or stop", p->source);
        probe_free(p);
        return;
    }
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", p->source);
    cJSON_AddBoolToObject(json, "ok", status >= 0);
    cJSON_AddItemToObject(json, "steps", p->steps);
    p->steps = NULL;
    cJSON_AddNumberToObject(json, "ms", (double)(clock_ms() - p->began));
    request_result(p->request, json);
    probe_free(p);
}

static const struct flow_test_ops test_ops = {.step = on_step, .done = on_tested};

/* ---- preview -------------------------------------------------------------------- */

static void on_preview(void *arg, int status, const char *reason, cJSON *preview)
{
    struct probe *p = arg;

    p->asked = false;
    if (status < 0) {
        request_error(p->request, status, "'%s' cannot be read: %s", p->source,
                      reason ? reason : error_text(status));
        cJSON_Delete(preview);
    } else {
        cJSON_AddStringToObject(preview, "name", p->source);
        request_result(p->request, preview);
    }
    probe_free(p);
}

/* ---- both ----------------------------------------------------------------------- */

/* It never started: the reason is what there is to tell. */
static void not_running(struct probe *p)
{
    cJSON *source = request_source(p->request, p->source);
    const char *why =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "last_error"));

    if (!why || !*why)
        why = source ? "it is not running" : "it is no longer configured";
    if (p->preview) {
        request_error(p->request, CTR_EUNAVAIL, "'%s' cannot be read: %s", p->source,
                      why);
        probe_free(p);
    } else {
        on_step(p, "start", -CTR_EUNAVAIL, why,
                "correct the configuration, then run: contactorctl reload", 0);
        on_tested(p, -CTR_EUNAVAIL);
    }
    cJSON_Delete(source);
}

static void busy(struct probe *p)
{
    if (clock_ms() - p->began < (int64_t)p->limit) {
        request_event(p->request, "waiting", cJSON_CreateString(p->source));
        uv_timer_start(&p->retry, on_retry, RETRY_MS, 0);
        return;
    }
    request_error(p->request, CTR_EBUSY,
                  "'%s' is being read by a sync, preview or test that takes longer than "
                  "%u s; try again when it has ended: contactorctl sources %s",
                  p->source, p->limit / 1000, p->source);
    probe_free(p);
}

static void probe_try(struct probe *p)
{
    struct request *request = p->request;
    int err;

    if (request->control->stopped) {
        request_error(request, CTR_ECANCELED, "the daemon is stopping");
        probe_free(p);
        return;
    }
    p->asked = true;
    if (p->preview)
        err = flow_source_preview(p->flow, p->source, p->n, p->limit, on_preview, p);
    else
        err = flow_source_test(p->flow, p->source, p->limit, &test_ops, p);
    if (err == 0)
        return;
    p->asked = false;
    if (err == -CTR_EBUSY ||
        (err == -CTR_EUNAVAIL && !request_source_failed(request, p->source)))
        busy(p); /* or a reload ends and starts it just now */
    else
        not_running(p);
}

static void on_retry(uv_timer_t *timer)
{
    probe_try(timer->data);
}

static void on_gone(struct request *request)
{
    struct probe *p = request->data;

    cJSON_Delete(request->json);
    free(request);
    probe_free(p);
}

static void probe_start(struct request *request, bool preview)
{
    const char *name = request_str(request, "source");
    cJSON *source = name ? request_source(request, name) : NULL;
    struct probe *p;
    char hint[512];

    if (!source) {
        request_error(
            request, CTR_ENOENT, "there is no source '%s'%s", name ? name : "",
            request_hint(request, "source", name ? name : "", hint, sizeof(hint)));
        return;
    }
    cJSON_Delete(source);
    p = xcalloc(1, sizeof(*p));
    p->request = request;
    p->flow = request->control->ops->flow(request->control->ctx);
    p->source = xstrdup(name);
    p->preview = preview;
    p->n = request_uint(request, "limit", PREVIEW_N, FLOW_PREVIEW_MAX);
    p->began = clock_ms();
    p->limit = request_uint(request, "timeout", LIMIT_MS / 1000, LIMIT_MAX / 1000) * 1000;
    p->steps = cJSON_CreateArray();
    uv_timer_init(loop_uv(request->control->loop), &p->retry);
    p->retry.data = p;
    request->data = p;
    request->gone = on_gone;
    probe_try(p);
}

void command_test(struct request *request)
{
    probe_start(request, false);
}

void command_preview(struct request *request)
{
    probe_start(request, true);
}
