/* look.c - sources and traces as the control socket shows them. */
#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/error.h"
#include "flow/sync.h"
#include "flow/trace.h"

static const char *const state_names[] = {[SOURCE_DISABLED] = "disabled",
                                          [SOURCE_WAITING] = "waiting",
                                          [SOURCE_SYNCING] = "syncing",
                                          [SOURCE_OK] = "ok",
                                          [SOURCE_FAILED] = "failed"};

/* A time as text, or null. */
static void add_time(struct cJSON *o, const char *key, int64_t wall_ms)
{
    char text[32];

    if (wall_ms > 0)
        cJSON_AddStringToObject(o, key, clock_format(wall_ms, text, sizeof(text)));
    else
        cJSON_AddNullToObject(o, key);
}

static void add_stats(struct cJSON *o, const struct cache_load_stats *n, uint64_t rejects)
{
    cJSON_AddNumberToObject(o, "seen", (double)n->seen);
    cJSON_AddNumberToObject(o, "added", (double)n->added);
    cJSON_AddNumberToObject(o, "changed", (double)n->changed);
    cJSON_AddNumberToObject(o, "unchanged", (double)n->unchanged);
    cJSON_AddNumberToObject(o, "deleted", (double)n->deleted);
    cJSON_AddNumberToObject(o, "duplicates", (double)n->duplicates);
    cJSON_AddNumberToObject(o, "rejected", (double)(n->rejected + rejects));
    cJSON_AddNumberToObject(o, "warnings", (double)n->warnings);
}

static void add_progress(struct cJSON *o, struct ctr_sync *sync)
{
    struct cJSON *p = cJSON_AddObjectToObject(o, "progress");

    double done = (double)atomic_load(&sync->done);
    double total = (double)atomic_load(&sync->total);
    double ms = (double)(clock_ms() - sync->began), seen;

    cJSON_AddStringToObject(p, "what",
                            sync->preview   ? "preview"
                            : sync->dry_run ? "dry run"
                                            : "sync");
    cJSON_AddNumberToObject(p, "done", done);
    cJSON_AddNumberToObject(p, "total", total);
    cJSON_AddNumberToObject(p, "ms", ms);
    pthread_mutex_lock(&sync->mutex);
    add_stats(p, &sync->so_far, sync->rejects.total);
    seen = (double)sync->so_far.seen;
    pthread_mutex_unlock(&sync->mutex);
    cJSON_AddNumberToObject(p, "rate", ms > 0 ? seen * 1000 / ms : 0); /* contacts/s */
    if (total > 0 && done > 0 && ms >= 500)
        cJSON_AddNumberToObject(p, "left_ms",
                                done < total ? ms * (total - done) / done : 0);
    else
        cJSON_AddNullToObject(p, "left_ms");
}

void look_add_rejects(struct cJSON *o, const struct rejects *rejects, uint32_t most)
{
    struct cJSON *list = cJSON_AddArrayToObject(o, "rejected");

    for (uint32_t i = 0; i < rejects->n && i < most; i++) {
        struct cJSON *r = cJSON_CreateObject();

        cJSON_AddStringToObject(r, "where", rejects->items[i].where);
        cJSON_AddStringToObject(r, "reason", rejects->items[i].reason);
        cJSON_AddItemToArray(list, r);
    }
}

static void add_times(struct cJSON *o, const struct source *s,
                      const struct cache_info *info)
{
    int64_t wall = clock_wall_ms();

    add_time(o, "last_success", s->last_success > 0 ? s->last_success : info->as_of);
    add_time(o, "last_run", s->last_run);
    add_time(o, "next_run", s->next_run > 0 ? wall + s->next_run - clock_ms() : 0);
    add_time(o, "as_of", info->as_of);
    add_time(o, "changed_at", info->changed_at);
    if (info->as_of > 0)
        cJSON_AddNumberToObject(o, "age", (double)((wall - info->as_of) / 1000));
    else
        cJSON_AddNullToObject(o, "age");
}

static struct cJSON *sample_json(const struct cache_sample *s, enum cache_change change)
{
    struct cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < s->n[change]; i++) {
        struct cJSON *o = cJSON_CreateObject();
        char text[CACHE_SAMPLE_TEXT];

        memcpy(text, s->item[change][i].id, sizeof(text));
        flow_utf8(text);
        cJSON_AddStringToObject(o, "id", text);
        memcpy(text, s->item[change][i].name, sizeof(text));
        flow_utf8(text);
        cJSON_AddStringToObject(o, "name", text);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void add_or_null(struct cJSON *o, const char *key, const char *text)
{
    if (text)
        cJSON_AddStringToObject(o, key, text);
    else
        cJSON_AddNullToObject(o, key);
}

struct cJSON *look_dry_run(const struct ctr_sync *sync, const char *error)
{
    bool refused = sync->status == -CTR_EREFUSED;
    struct cJSON *o = cJSON_CreateObject(), *part = cJSON_AddObjectToObject(o, "last");

    add_stats(part, &sync->stats, sync->rejects.total);
    cJSON_AddNumberToObject(part, "ms", (double)(clock_ms() - sync->began));
    part = cJSON_AddObjectToObject(o, "sample");
    cJSON_AddItemToObject(part, "added", sample_json(sync->sample, CACHE_ADDED));
    cJSON_AddItemToObject(part, "changed", sample_json(sync->sample, CACHE_CHANGED));
    cJSON_AddItemToObject(part, "deleted", sample_json(sync->sample, CACHE_DELETED));
    add_or_null(o, "refused", refused ? error : NULL);
    add_or_null(o, "error", refused ? NULL : error);
    look_add_rejects(o, &sync->rejects, SOURCE_REJECTS_MAX);
    return o;
}

struct cJSON *flow_source_take_dry_run(struct flow *flow, const char *name)
{
    struct source *s = source_find(flow, name);
    struct cJSON *o = s ? s->dry_run : NULL;

    if (s)
        s->dry_run = NULL;
    return o;
}

struct cJSON *flow_source_json(struct flow *flow, const char *name, bool with_rejects)
{
    struct source *s = source_find(flow, name);
    const struct cache_info *info;
    struct cJSON *o, *last;

    if (!s || !s->conf)
        return NULL;
    source_info_changed(s);
    info = source_info(s);
    o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", s->name);
    cJSON_AddStringToObject(o, "state", state_names[s->state]);
    cJSON_AddNumberToObject(o, "contacts", (double)info->contacts);
    cJSON_AddNumberToObject(o, "numbers", (double)info->numbers);
    cJSON_AddNumberToObject(o, "generation", (double)info->generation);
    if (s->error[0])
        cJSON_AddStringToObject(o, "last_error", s->error);
    else
        cJSON_AddNullToObject(o, "last_error");
    add_times(o, s, info);
    cJSON_AddBoolToObject(o, "stale",
                          s->conf && s->conf->stale_after > 0 &&
                              source_is_stale(s, s->conf->stale_after));
    cJSON_AddNumberToObject(o, "failures", s->failures);
    cJSON_AddBoolToObject(o, "testing", s->test != NULL);
    cJSON_AddBoolToObject(o, "stuck", source_stuck(s));
    cJSON_AddNumberToObject(o, "groups", s->groups.n);
    if (s->last_run > 0) {
        last = cJSON_AddObjectToObject(o, "last");
        add_stats(last, &s->last, s->rejects.total);
        cJSON_AddNumberToObject(last, "ms", s->last_ms);
        cJSON_AddNumberToObject(last, "code", s->last_status);
    }
    if (s->sync)
        add_progress(o, s->sync);
    if (with_rejects)
        look_add_rejects(o, &s->rejects, SOURCE_REJECTS_MAX);
    return o;
}

struct cJSON *flow_trace_json(struct flow *flow, unsigned limit, struct ctr_str match)
{
    return trace_json(flow->trace, limit, match);
}

struct cJSON *flow_trace_last(struct flow *flow, const char *client)
{
    return trace_last(flow->trace, client);
}
