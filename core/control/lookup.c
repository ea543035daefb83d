/* lookup.c - contactorctl lookup and search: questions as a front end asks them. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/kind.h"
#include "control/private.h"
#include "flow/access.h"

#define CONTROL_CLIENT "control"

enum { SEARCH_MAX = 1000, TEXT_MAX = 1024 };

struct lookup {
    struct request *request;
    struct ctr_request *query; /* NULL: over */
    struct ctr_principal *principal;
    cJSON *result, *hits;
    bool explain;
    char client[80], text[TEXT_MAX];
    struct ctr_str value;
    struct ctr_filter filter;
    struct ctr_query q;
};

/* ---- a hit as JSON -------------------------------------------------------------- */

static void add_str(cJSON *object, const char *name, struct ctr_str value)
{
    char *copy;

    if (!value.ptr)
        return;
    if (!str_is_utf8(value)) {
        cJSON_AddStringToObject(object, name, "(not text)");
        return;
    }
    copy = xstrndup(value.ptr, value.len);
    cJSON_AddStringToObject(object, name, copy);
    free(copy);
}

static cJSON *field_json(const struct ctr_field *field)
{
    cJSON *json = cJSON_CreateObject();
    char name[96];

    if (field->kind == CTR_FIELD_CUSTOM) {
        snprintf(name, sizeof(name), "x_" STR_FMT, STR_ARG(field->name));
        cJSON_AddStringToObject(json, "kind", name);
    } else {
        cJSON_AddStringToObject(json, "kind", kind_name(field->kind));
    }
    add_str(json, "value", field->value);
    add_str(json, "e164", field->e164);
    return json;
}

static cJSON *contact_json(const struct ctr_contact *c)
{
    cJSON *json = cJSON_CreateObject(), *fields;

    add_str(json, "source", c->source);
    add_str(json, "id", c->id);
    add_str(json, "owner", c->owner);
    for (uint32_t i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind == CTR_FIELD_DISPLAY_NAME &&
            !cJSON_GetObjectItemCaseSensitive(json, "display_name"))
            add_str(json, "display_name", c->fields[i].value);
    fields = cJSON_AddArrayToObject(json, "fields");
    for (uint32_t i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind != CTR_FIELD_PHOTO)
            cJSON_AddItemToArray(fields, field_json(&c->fields[i]));
    cJSON_AddBoolToObject(json, "company", (c->flags & CTR_CONTACT_COMPANY) != 0);
    cJSON_AddBoolToObject(json, "ambiguous", (c->flags & CTR_CONTACT_AMBIGUOUS) != 0);
    cJSON_AddBoolToObject(json, "stale", (c->flags & CTR_CONTACT_STALE) != 0);
    cJSON_AddBoolToObject(json, "live", (c->flags & CTR_CONTACT_LIVE) != 0);
    cJSON_AddNumberToObject(json, "as_of", (double)c->as_of);
    if (c->group_size > 0)
        cJSON_AddNumberToObject(json, "group_size", c->group_size);
    return json;
}

/* ---- the query ------------------------------------------------------------------ */

static void lookup_start(struct lookup *l, struct flow_client *client);

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct lookup *l = user;

    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(l->hits, contact_json(hits[i]));
    return 0;
}

static void lookup_free(struct lookup *l)
{
    principal_unref(l->principal);
    cJSON_Delete(l->result);
    free(l);
}

/* A turn later: by then the trace of the query is written. */
static void on_finish(void *arg)
{
    struct lookup *l = arg;
    struct request *request = l->request;
    struct flow *flow =
        request ? request->control->ops->flow(request->control->ctx) : NULL;
    cJSON *trace = flow && l->explain ? flow_trace_last(flow, l->client) : NULL;

    if (trace)
        cJSON_AddItemToObject(l->result, "trace", trace);
    if (request) {
        request_result(request, l->result);
        l->result = NULL;
    }
    lookup_free(l);
}

/* Nobody is spelled like that: who sounds like it? */
static void on_retry(void *arg)
{
    struct lookup *l = arg;
    struct flow_client *client;

    if (!l->request) {
        lookup_free(l);
        return;
    }
    client =
        flow_client(l->request->control->ops->flow(l->request->control->ctx), l->client);
    l->filter.op = CTR_OP_APPROX;
    cJSON_AddBoolToObject(l->result, "sounds_like", true);
    if (client)
        lookup_start(l, client);
    else
        on_finish(l); /* a reload took it away: then nobody was found */
}

static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct lookup *l = user;

    l->query = NULL;
    if (outcome->status == 0 && l->filter.op == CTR_OP_WORDS && l->request &&
        cJSON_GetArraySize(l->hits) == 0) {
        loop_post(l->request->control->loop, on_retry, l);
        return;
    }
    cJSON_AddStringToObject(l->result, "status",
                            outcome->status == 0 ? "ok" : error_name(outcome->status));
    if (outcome->status != 0)
        cJSON_AddStringToObject(l->result, "reason", error_text(outcome->status));
    cJSON_AddNumberToObject(l->result, "oldest", (double)outcome->oldest);
    if (l->request)
        loop_post(l->request->control->loop, on_finish, l);
    else
        lookup_free(l);
}

static const struct ctr_query_ops query_ops = {
    .size = sizeof(struct ctr_query_ops), .on_hits = on_hits, .on_done = on_done};

static void on_gone(struct request *request)
{
    struct lookup *l = request->data;
    struct ctr_request *query = l->query;

    l->request = NULL;
    cJSON_Delete(request->json);
    free(request);
    if (query)
        flow_query_cancel(query); /* on_done frees it */
}

static void lookup_start(struct lookup *l, struct flow_client *client)
{
    struct ctr_request *query = NULL;
    int err;

    l->q.size = sizeof(l->q);
    l->q.filter = &l->filter;
    l->q.principal = l->principal;
    l->q.want = CTR_KINDS_ALL & ~CTR_KIND(CTR_FIELD_PHOTO);
    l->q.client = STR_LIT("contactorctl");
    l->q.asked = l->value;
    l->filter.values = &l->value;
    l->filter.n_values = 1;
    err = flow_query_start(client, &l->q, &query_ops, l, &query);
    if (err != 0) {
        struct request *request = l->request;

        lookup_free(l);
        request_error(request, err, "the question could not be asked: %s",
                      error_text(err));
    } else if (query) {
        l->query = query;
    }
}

/* ---- as whom, and where --------------------------------------------------------- */

/* "sbc" and "frontend.sbc" name the same client. */
static struct flow_client *find_client(struct lookup *l, struct flow *flow,
                                       const char *name)
{
    if (!name)
        snprintf(l->client, sizeof(l->client), CONTROL_CLIENT);
    else if (strncmp(name, "frontend.", 9) == 0)
        snprintf(l->client, sizeof(l->client), "%s", name);
    else
        snprintf(l->client, sizeof(l->client), "frontend.%s", name);
    return flow_client(flow, l->client);
}

static bool knows(const struct request *request, const char *kind, const char *name)
{
    const char *names[1024];
    unsigned n = request->control->ops->names(request->control->ctx, kind, names, 1024);

    for (unsigned i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static struct ctr_principal *find_principal(struct flow *flow, const char *name)
{
    if (!name)
        return principal_ref(flow_admin(flow));
    if (strcmp(name, "anonymous") == 0)
        return NULL;
    return principal_create(name, false);
}

/* The parts both commands share; NULL after an error was sent. */
static struct lookup *lookup_create(struct request *request, struct flow_client **client)
{
    struct flow *flow = request->control->ops->flow(request->control->ctx);
    const char *as = request_str(request, "as");
    const char *where = request_str(request, "client");
    struct lookup *l;
    char hint[512];

    if (as && strcmp(as, "anonymous") != 0 && !knows(request, "user", as)) {
        request_error(request, CTR_ENOENT, "there is no user '%s'%s", as,
                      request_hint(request, "user", as, hint, sizeof(hint)));
        return NULL;
    }
    l = xcalloc(1, sizeof(*l));
    *client = find_client(l, flow, where);
    if (!*client ||
        (where && !knows(request, "frontend", l->client + strlen("frontend.")))) {
        free(l);
        request_error(
            request, CTR_ENOENT, "there is no front end '%s'%s",
            where ? where : CONTROL_CLIENT,
            request_hint(request, "frontend", where ? where : "", hint, sizeof(hint)));
        return NULL;
    }
    l->request = request;
    l->principal = find_principal(flow, as);
    l->result = cJSON_CreateObject();
    request->data = l;
    request->gone = on_gone;
    return l;
}

void command_lookup(struct request *request)
{
    const char *number = request_str(request, "number");
    struct flow_client *client;
    struct lookup *l;

    if (!number || !*number || strlen(number) >= TEXT_MAX) {
        request_error(request, CTR_EINVAL, "a lookup needs a number");
        return;
    }
    l = lookup_create(request, &client);
    if (!l)
        return;
    snprintf(l->text, sizeof(l->text), "%s", number);
    cJSON_AddStringToObject(l->result, "number", l->text);
    l->hits = cJSON_AddArrayToObject(l->result, "hits");
    l->explain = request_bool(request, "explain");
    l->value = str_of(l->text);
    l->filter.op = CTR_OP_EQUAL;
    l->filter.kinds = CTR_KINDS_PHONE;
    l->q.flags = CTR_QUERY_CALLER;
    lookup_start(l, client);
}

void command_search(struct request *request)
{
    const char *text = request_str(request, "text");
    struct flow_client *client;
    struct lookup *l;

    if (!text || !*text || strlen(text) >= TEXT_MAX) {
        request_error(request, CTR_EINVAL, "a search needs some words");
        return;
    }
    l = lookup_create(request, &client);
    if (!l)
        return;
    snprintf(l->text, sizeof(l->text), "%s", text);
    cJSON_AddStringToObject(l->result, "text", l->text);
    l->hits = cJSON_AddArrayToObject(l->result, "hits");
    l->explain = request_bool(request, "explain");
    l->value = str_of(l->text);
    l->filter.op = CTR_OP_WORDS;
    l->filter.kinds = CTR_KINDS_ALL & ~CTR_KINDS_PHONE & ~CTR_KIND(CTR_FIELD_PHOTO) &
                      ~CTR_KIND(CTR_FIELD_ID) & ~CTR_KIND(CTR_FIELD_OWNER);
    l->q.limit = request_uint(request, "limit", 20, SEARCH_MAX);
    lookup_start(l, client);
}
