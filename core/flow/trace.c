/* trace.c - the ring, and its records as JSON. */
#include "flow/trace.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cache/cache.h"
#include "flow/plan.h"
#include "flow/state.h"

struct trace {
    uint64_t serial; /* of the newest; 0: none yet */
    struct trace_record ring[TRACE_RING];
};

struct trace *trace_create(void)
{
    return xcalloc(1, sizeof(struct trace));
}

void trace_destroy(struct trace *trace)
{
    free(trace);
}

void trace_begin(struct trace_record *record)
{
    memset(record, 0, offsetof(struct trace_record, asked));
    record->asked[0] = record->client[0] = record->principal[0] = record->peer[0] = 0;
}

void trace_set_sources(struct trace_record *record, uint32_t n)
{
    record->n_sources = (uint8_t)(n < TRACE_SOURCES ? n : TRACE_SOURCES);
    record->more_sources = n > TRACE_SOURCES;
    memset(record->sources, 0, record->n_sources * sizeof(record->sources[0]));
}

void trace_add(struct trace *trace, struct trace_record *record)
{
    size_t n = offsetof(struct trace_record, sources) +
               record->n_sources * sizeof(record->sources[0]);

    record->serial = ++trace->serial;
    memcpy(&trace->ring[record->serial % TRACE_RING], record, n);
}

void trace_copy(char *out, size_t cap, struct ctr_str text)
{
    size_t n = text.len < cap ? text.len : cap - 1;

    if (n > 0)
        memcpy(out, text.ptr, n);
    out[n] = 0;
}

/* ---- as JSON --------------------------------------------------------------- */

static void add_str(struct cJSON *o, const char *key, const char *text)
{
    cJSON_AddStringToObject(o, key, text);
}

static void add_num(struct cJSON *o, const char *key, double n)
{
    cJSON_AddNumberToObject(o, key, n);
}

static void add_foreign(struct cJSON *o, const char *key, const char *text)
{
    char copy[TRACE_ASKED];

    memcpy(copy, text, strlen(text) + 1);
    flow_utf8(copy);
    add_str(o, key, copy);
}

static const char *index_name(const struct trace_record *t)
{
    if (t->walks == 0)
        return "none";
    if (t->scan)
        return "scan";
    switch (t->first_index) {
    case CACHE_NUMBER:
        return "number";
    case CACHE_NUMBER_REVERSED:
        return "number_tail";
    case CACHE_WORD:
        return "word";
    case CACHE_SOUND:
        return "sound";
    case PLAN_INDEX_ID:
        return "id";
    default:
        return "scan";
    }
}

static struct cJSON *readings_json(const struct trace_record *t)
{
    struct cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < t->n_readings; i++) {
        const struct number *n = &t->readings[i];
        struct cJSON *o = cJSON_CreateObject();
        char text[NUMBER_DIGITS_MAX + 2];

        text[0] = '+';
        memcpy(text + 1, n->digits, sizeof(n->digits));
        add_str(o, "number", n->class == NUMBER_E164 ? text : text + 1);
        add_str(o, "class", n->class == NUMBER_E164 ? "e164" : "local");
        add_str(o, "why", number_note_text((enum number_note)n->note));
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void add_count(struct cJSON *o, const char *key, uint32_t n)
{
    if (n > 0)
        add_num(o, key, n);
}

static struct cJSON *sources_json(const struct trace_record *t)
{
    static const char *const live[] = {[TRACE_LIVE_NONE] = "no",
                                       [TRACE_LIVE_ASKED] = "asked",
                                       [TRACE_LIVE_DONE] = "done",
                                       [TRACE_LIVE_LATE] = "too late",
                                       [TRACE_LIVE_FAILED] = "failed",
                                       [TRACE_LIVE_BUSY] = "busy",
                                       [TRACE_LIVE_DOWN] =
                                           "down (contactorctl sources says why)"};
    struct cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < t->n_sources; i++) {
        const struct trace_source *s = &t->sources[i];
        struct cJSON *o = cJSON_CreateObject(), *dropped = cJSON_CreateObject();

        add_str(o, "source", s->name);
        add_num(o, "candidates", s->candidates);
        add_num(o, "hits", s->hits);
        add_count(dropped, "private contact of somebody else", s->private_of_others);
        add_count(dropped, "field hidden from this user", s->hidden);
        add_count(dropped, "does not match the whole filter", s->unmatched);
        add_count(dropped, "found by a weaker reading of the number", s->weaker);
        add_count(dropped, "record damaged", s->damaged);
        cJSON_AddItemToObject(o, "dropped", dropped);
        if (s->live != TRACE_LIVE_NONE)
            add_str(o, "live", live[s->live]);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static struct cJSON *record_json(const struct trace_record *t)
{
    struct cJSON *o = cJSON_CreateObject(), *us = cJSON_CreateObject(), *hit;

    add_num(o, "serial", (double)t->serial);
    add_num(o, "at", (double)t->at);
    add_str(o, "client", t->client);
    add_str(o, "principal", t->principal);
    add_foreign(o, "peer", t->peer);
    add_foreign(o, "asked", t->asked);
    cJSON_AddItemToObject(o, "readings", readings_json(t));
    cJSON_AddBoolToObject(o, "caller", t->caller);
    add_str(o, "index", index_name(t));
    add_num(o, "walks", t->walks);
    cJSON_AddItemToObject(o, "sources", sources_json(t));
    cJSON_AddBoolToObject(o, "more_sources", t->more_sources);
    add_num(o, "unseen_sources", t->unseen);
    add_str(o, "status", t->status == 0 ? "ok" : error_text(t->status));
    add_num(o, "code", t->status);
    add_num(o, "hits", t->hits);
    add_num(o, "total", t->total);
    cJSON_AddBoolToObject(o, "company_match", t->company);
    cJSON_AddBoolToObject(o, "ambiguous", t->ambiguous);
    if (t->hits > 0) {
        hit = cJSON_AddObjectToObject(o, "first_hit");
        add_str(hit, "source", t->hit_source);
        add_foreign(hit, "id", t->hit_id);
    }
    add_num(us, "plan", t->us_plan);
    add_num(us, "walk", t->us_walk);
    add_num(us, "live", t->us_live);
    add_num(us, "deliver", t->us_deliver);
    add_num(us, "total", t->us_total);
    cJSON_AddItemToObject(o, "us", us);
    return o;
}

/* ---- look for -------------------------------------------------------------- */

static bool has_text(const char *in, struct ctr_str match)
{
    size_t n = strlen(in);

    for (size_t i = 0; i + match.len <= n; i++)
        if (str_eq_nocase(str_make(in + i, match.len), match))
            return true;
    return false;
}

static bool matches(const struct trace_record *t, struct ctr_str match)
{
    char digits[NUMBER_DIGITS_MAX + 1];
    size_t n;

    if (match.len == 0 || has_text(t->asked, match) || has_text(t->peer, match) ||
        has_text(t->client, match) || has_text(t->principal, match))
        return true;
    n = number_piece_digits(match, digits);
    if (n == 0 || n == SIZE_MAX)
        return false;
    /* "0891234" as somebody says it: the digits behind its zeros are in the number. */
    for (size_t skip = 0; skip < 3 && skip < n; skip++) {
        for (unsigned i = 0; i < t->n_readings; i++)
            if (memmem(t->readings[i].digits, t->readings[i].len, digits + skip,
                       n - skip))
                return true;
        if (digits[skip] != '0')
            break;
    }
    return false;
}

/* The record `back` before the newest; NULL: none. */
static const struct trace_record *record_at(const struct trace *trace, unsigned back)
{
    if (back >= TRACE_RING || back >= trace->serial)
        return NULL;
    return &trace->ring[(trace->serial - back) % TRACE_RING];
}

struct cJSON *trace_json(const struct trace *trace, unsigned limit, struct ctr_str match)
{
    struct cJSON *list = cJSON_CreateArray();
    const struct trace_record *t;

    for (unsigned i = 0; limit > 0 && (t = record_at(trace, i)) != NULL; i++) {
        if (!matches(t, match))
            continue;
        cJSON_AddItemToArray(list, record_json(t));
        limit--;
    }
    return list;
}

struct cJSON *trace_last(const struct trace *trace, const char *client)
{
    const struct trace_record *t;
    char name[TRACE_NAME];

    trace_copy(name, sizeof(name), str_of(client));
    for (unsigned i = 0; (t = record_at(trace, i)) != NULL; i++)
        if (strcmp(t->client, name) == 0)
            return record_json(t);
    return NULL;
}
