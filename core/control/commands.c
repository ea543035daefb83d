/* commands.c - what contactorctl can ask: one function a command. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "conf/conf.h"
#include "control/private.h"

enum { NAMES_MAX = 256, TRACE_MAX = 1000, NUMBERS_MAX = 10000 };

/* ---- reading a request ---------------------------------------------------------- */

const char *request_str(const struct request *request, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request->json, name));
}

bool request_bool(const struct request *request, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request->json, name)) != 0;
}

unsigned request_uint(const struct request *request, const char *name, unsigned otherwise,
                      unsigned max)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(request->json, name);

    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 1))
        return otherwise < max ? otherwise : max;
    return value->valuedouble > max ? max : (unsigned)value->valuedouble;
}

const char *request_hint(const struct request *request, const char *kind,
                         const char *word, char *out, size_t cap)
{
    const char *names[NAMES_MAX];
    unsigned n =
        request->control->ops->names(request->control->ctx, kind, names, NAMES_MAX);
    size_t len;

    conf_suggest(word, names, n, out, cap);
    if (out[0] || n == 0)
        return out;
    len = (size_t)snprintf(out, cap, "; there is");
    for (unsigned i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s '%s'", i ? "," : "", names[i]);
    return out;
}

cJSON *request_source(const struct request *request, const char *name)
{
    cJSON *list = request->control->ops->sources(request->control->ctx, name);
    cJSON *source = cJSON_DetachItemFromArray(list, 0);

    cJSON_Delete(list);
    return source;
}

bool request_source_failed(const struct request *request, const char *name)
{
    cJSON *source = request_source(request, name);
    const char *state =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "state"));
    bool failed = !state || strcmp(state, "failed") == 0;

    cJSON_Delete(source);
    return failed;
}

static struct flow *flow_of(struct request *request)
{
    return request->control->ops->flow(request->control->ctx);
}

/* ---- looking -------------------------------------------------------------------- */

static void command_status(struct request *request)
{
    request_result(request, request->control->ops->status(request->control->ctx));
}

static void command_sources(struct request *request)
{
    const char *name = request_str(request, "source");
    cJSON *list = request->control->ops->sources(request->control->ctx, name);
    char hint[512];

    if (name && cJSON_GetArraySize(list) == 0) {
        cJSON_Delete(list);
        request_error(request, CTR_ENOENT, "there is no source '%s'%s", name,
                      request_hint(request, "source", name, hint, sizeof(hint)));
        return;
    }
    request_result(request, list);
}

static void command_trace(struct request *request)
{
    struct ctr_str match = str_of(request_str(request, "number"));
    unsigned limit = request_uint(request, "limit", 20, TRACE_MAX);

    request_result(request, flow_trace_json(flow_of(request), limit, match));
}

static void command_metrics(struct request *request)
{
    struct strbuf text = {0};
    cJSON *result = cJSON_CreateObject();

    request->control->ops->metrics(request->control->ctx, &text);
    cJSON_AddStringToObject(result, "text", text.ptr ? text.ptr : "");
    strbuf_finish(&text);
    request_result(request, result);
}

static void on_numbers(void *arg, cJSON *report)
{
    struct request *request = arg;

    if (report)
        request_result(request, report);
    else
        request_error(request, CTR_EUNAVAIL, "the cache could not be read; try again");
}

static void command_numbers(struct request *request)
{
    const char *source = request_str(request, "source");
    unsigned limit = request_uint(request, "limit", 100, NUMBERS_MAX);
    char hint[512];
    cJSON *list;

    if (source) {
        list = request->control->ops->sources(request->control->ctx, source);
        if (cJSON_GetArraySize(list) == 0) {
            cJSON_Delete(list);
            request_error(request, CTR_ENOENT, "there is no source '%s'%s", source,
                          request_hint(request, "source", source, hint, sizeof(hint)));
            return;
        }
        cJSON_Delete(list);
    }
    flow_numbers_report(flow_of(request), source, limit, on_numbers, request);
}

/* ---- configuration -------------------------------------------------------------- */

static cJSON *text_result(const char *text, int err)
{
    cJSON *result = cJSON_CreateObject();

    cJSON_AddBoolToObject(result, "ok", err == 0);
    cJSON_AddStringToObject(result, "text", text ? text : "");
    return result;
}

static void command_check(struct request *request)
{
    struct strbuf text = {0};
    int err = request->control->ops->check(request->control->ctx, &text);

    request_result(request, text_result(text.ptr, err));
    strbuf_finish(&text);
}

static void on_reloaded(void *arg, int status, const char *text)
{
    struct request *request = arg;

    if (status == 0)
        request_result(request, text_result(text, 0));
    else
        request_error(request, status, "%s", text && *text ? text : error_text(status));
}

static void command_reload(struct request *request)
{
    request->control->ops->reload(request->control->ctx, on_reloaded, request);
}

static void command_log_level(struct request *request)
{
    const char *level = request_str(request, "level");
    cJSON *result;

    if (level && request->control->ops->log_level(request->control->ctx, level) != 0) {
        request_error(request, CTR_EINVAL,
                      "'%s' is not a log level: error, warn, info or debug", level);
        return;
    }
    result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "level", log_level_name(log_get_level()));
    request_result(request, result);
}

/* ---- all of them ---------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct request *request);
    bool acts; /* changes something: the log says who asked for it */
} commands[] = {
    {"status", command_status, false},   {"sources", command_sources, false},
    {"sync", command_sync, true},        {"lookup", command_lookup, false},
    {"search", command_search, false},   {"trace", command_trace, false},
    {"numbers", command_numbers, false}, {"check", command_check, false},
    {"reload", command_reload, true},    {"log-level", command_log_level, true},
    {"metrics", command_metrics, false}, {"source test", command_test, true},
    {"preview", command_preview, true},
};

void command_run(struct request *request)
{
    const char *name = request_str(request, "command");

    if (request->control->stopped || !flow_of(request)) {
        request_error(request, CTR_EUNAVAIL, "the daemon is stopping");
        return;
    }
    for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            if (commands[i].acts)
                log_info("control", "command=%s uid=%u pid=%ld", name,
                         request->client->uid, request->client->pid);
            commands[i].run(request);
            return;
        }
    }
    request_error(request, CTR_ENOTSUP, "the daemon knows no command '%s'",
                  name ? name : "");
}
