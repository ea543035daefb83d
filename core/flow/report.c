/* report.c - number hygiene: what could not be read, what is doubtful, what is double.
 *
 * Goes through the cache in slices, with a read transaction for each. First the records
 * of every source; then the number index, where numbers of several contacts stand side by
 * side, with a look into the sources behind. */
#include "flow/report.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/kind.h"
#include "flow/source.h"

enum { STEP_US = 1500, LISTED_VALUE = 80, LISTED_IDS = 10 };

/* One source's part of the report. */
struct section {
    const struct setup_source *source;
    struct cJSON *json, *not_numbers, *impossible, *ambiguous, *duplicates;
    uint64_t contacts, numbers, by_note[NUMBER_NOTE_COUNT], n_none, n_ambiguous, n_double;
};

/* Postings of one number, as the walk comes past them. */
struct group {
    char digits[CACHE_KEY_MAX];
    size_t len;
    uint32_t recnos[LISTED_IDS];
    unsigned n, total;
    uint32_t last;
};

struct report {
    struct list link;
    struct loop_slice slice;
    struct flow *flow;
    struct setup *setup;
    unsigned limit;
    void (*done)(void *arg, struct cJSON *report);
    void *arg;
    struct section *sections;
    uint32_t n, at;
    bool numbers; /* the second way through */
    bool open;
    struct cache_walk walk;
    struct group group;
};

/* ---- values as JSON -------------------------------------------------------- */

static struct cJSON *text_json(struct ctr_str text)
{
    char z[LISTED_VALUE + 1];
    size_t n = text.len < LISTED_VALUE ? text.len : LISTED_VALUE;

    if (n > 0)
        memcpy(z, text.ptr, n);
    while (n > 0 && !str_is_utf8(str_make(z, n)))
        n--;
    z[n] = 0;
    return cJSON_CreateString(z);
}

static void add_text(struct cJSON *o, const char *key, struct ctr_str text)
{
    cJSON_AddItemToObject(o, key, text_json(text));
}

static struct cJSON *list_number(struct cJSON *list, unsigned limit,
                                 const struct record *r, const struct record_field *f)
{
    struct cJSON *o;

    if ((unsigned)cJSON_GetArraySize(list) >= limit)
        return NULL;
    o = cJSON_CreateObject();
    add_text(o, "id", record_id(r));
    cJSON_AddStringToObject(o, "field", kind_name(f->kind));
    add_text(o, "value", f->value);
    if (f->number_class == NUMBER_E164) {
        char text[NUMBER_DIGITS_MAX + 2];

        text[0] = '+';
        memcpy(text + 1, f->digits, (size_t)f->digits_len + 1);
        cJSON_AddStringToObject(o, "read_as", text);
    } else if (f->number_class == NUMBER_LOCAL) {
        cJSON_AddStringToObject(o, "read_as", f->digits);
    }
    cJSON_AddStringToObject(o, "why", number_note_text((enum number_note)f->number_note));
    cJSON_AddItemToArray(list, o);
    return o;
}

/* ---- records --------------------------------------------------------------- */

/* Notations that leave a choice; the others say what they are. */
static bool is_doubtful(const struct record_field *f)
{
    return f->number_note == NUMBER_NOTE_LOCAL_AREA ||
           f->number_note == NUMBER_NOTE_MISSING_PLUS ||
           f->number_note == NUMBER_NOTE_OUTSIDE_LINE;
}

static void look_at_doubtful(struct report *rep, struct section *s,
                             const struct record *r, const struct record_field *f)
{
    struct number readings[NUMBER_READINGS_MAX];
    unsigned n = number_readings(&s->source->plan, f->value, readings);
    struct cJSON *o, *list;

    if (n < 2)
        return;
    s->n_ambiguous++;
    o = list_number(s->ambiguous, rep->limit, r, f);
    if (!o)
        return;
    list = cJSON_AddArrayToObject(o, "could_be");
    for (unsigned i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(readings[i].digits));
}

static void look_at_number(struct report *rep, struct section *s, const struct record *r,
                           const struct record_field *f)
{
    s->numbers++;
    if (f->number_note < NUMBER_NOTE_COUNT)
        s->by_note[f->number_note]++;
    if (f->number_class == NUMBER_NONE) {
        s->n_none++;
        list_number(f->number_note == NUMBER_NOTE_IMPOSSIBLE ? s->impossible
                                                             : s->not_numbers,
                    rep->limit, r, f);
    } else if (f->number_note == NUMBER_NOTE_IMPOSSIBLE) {
        list_number(s->impossible, rep->limit, r, f);
    } else if (is_doubtful(f)) {
        look_at_doubtful(rep, s, r, f);
    }
}

static void look_at_record(struct report *rep, struct section *s, const struct record *r)
{
    struct record_iter it = {0};
    struct record_field f;

    s->contacts++;
    while (record_next(r, &it, &f))
        if (f.kind < 64 && CTR_KINDS_PHONE & CTR_KIND(f.kind))
            look_at_number(rep, s, r, &f);
}

/* ---- duplicates ------------------------------------------------------------ */

/* Other sources that have the number, too. Those in front listed it already. */
static struct cJSON *also_in(struct report *rep, struct ctr_str digits)
{
    struct cJSON *list = NULL;

    for (uint32_t i = rep->at + 1; i < rep->n; i++) {
        struct cache_walk walk;

        cache_walk_init(&walk, rep->sections[i].source->cache, CACHE_NUMBER, digits, true,
                        NUMBER_E164);
        if (cache_walk_next(&walk) != 0)
            continue;
        if (!list)
            list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_CreateString(rep->sections[i].source->name.ptr));
    }
    return list;
}

/* Takes others over. */
static struct cJSON *double_json(const struct section *s, const struct group *g,
                                 struct cJSON *others)
{
    struct cJSON *o = cJSON_CreateObject(), *ids;
    char number[CACHE_KEY_MAX + 1];
    struct record r;

    snprintf(number, sizeof(number), "+%.*s", (int)g->len, g->digits);
    cJSON_AddStringToObject(o, "number", number);
    cJSON_AddNumberToObject(o, "contacts", g->total);
    ids = cJSON_AddArrayToObject(o, "ids");
    for (unsigned i = 0; i < g->n; i++)
        if (cache_get(s->source->cache, g->recnos[i], &r) == 0)
            cJSON_AddItemToArray(ids, text_json(record_id(&r)));
    if (others)
        cJSON_AddItemToObject(o, "also_in", others);
    return o;
}

static void end_group(struct report *rep)
{
    struct group *g = &rep->group;
    struct section *s = &rep->sections[rep->at];
    struct cJSON *others;

    if (g->total == 0)
        return;
    others = also_in(rep, str_make(g->digits, g->len));
    s->n_double += g->total > 1 || others;
    if ((g->total > 1 || others) &&
        (unsigned)cJSON_GetArraySize(s->duplicates) < rep->limit)
        cJSON_AddItemToArray(s->duplicates, double_json(s, g, others));
    else
        cJSON_Delete(others);
    g->total = g->n = 0;
}

static void look_at_posting(struct report *rep)
{
    struct group *g = &rep->group;
    const struct cache_walk *walk = &rep->walk;

    if (g->total == 0 || g->len != walk->at_len ||
        memcmp(g->digits, walk->at, g->len) != 0) {
        end_group(rep);
        g->len = walk->at_len;
        memcpy(g->digits, walk->at, g->len);
    } else if (g->last == walk->recno) {
        return; /* twice in one contact */
    }
    g->last = walk->recno;
    g->total++;
    if (g->n < LISTED_IDS)
        g->recnos[g->n++] = walk->recno;
}

/* ---- the way through ------------------------------------------------------- */

static void open_walk(struct report *rep)
{
    struct cache_source *cache = rep->sections[rep->at].source->cache;

    if (rep->numbers)
        cache_walk_init(&rep->walk, cache, CACHE_NUMBER, str_make("", 0), false,
                        NUMBER_E164);
    else
        cache_walk_init(&rep->walk, cache, CACHE_ALL, str_make("", 0), false,
                        NUMBER_NONE);
    rep->open = true;
}

static void next_section(struct report *rep)
{
    if (rep->numbers)
        end_group(rep);
    rep->open = false;
    rep->at++;
    if (rep->at == rep->n && !rep->numbers) {
        rep->numbers = true;
        rep->at = 0;
    }
}

static void visit(struct report *rep)
{
    struct section *s = &rep->sections[rep->at];
    struct record r;

    if (rep->numbers)
        look_at_posting(rep);
    else if (cache_get(s->source->cache, rep->walk.recno, &r) == 0)
        look_at_record(rep, s, &r);
}

static struct cJSON *finish_section(struct section *s)
{
    struct cJSON *o = s->json, *notes;

    cJSON_AddNumberToObject(o, "contacts", (double)s->contacts);
    cJSON_AddNumberToObject(o, "numbers", (double)s->numbers);
    cJSON_AddNumberToObject(o, "normalised", (double)(s->numbers - s->n_none));
    cJSON_AddNumberToObject(o, "not_normalised", (double)s->n_none);
    cJSON_AddNumberToObject(o, "ambiguous", (double)s->n_ambiguous);
    cJSON_AddNumberToObject(o, "impossible", (double)s->by_note[NUMBER_NOTE_IMPOSSIBLE]);
    cJSON_AddNumberToObject(o, "duplicates", (double)s->n_double);
    notes = cJSON_AddObjectToObject(o, "notations");
    for (unsigned i = 1; i < NUMBER_NOTE_COUNT; i++)
        if (s->by_note[i] > 0)
            cJSON_AddNumberToObject(notes, number_note_text((enum number_note)i),
                                    (double)s->by_note[i]);
    cJSON_AddItemToObject(o, "not_normalised_list", s->not_numbers);
    cJSON_AddItemToObject(o, "ambiguous_list", s->ambiguous);
    cJSON_AddItemToObject(o, "impossible_list", s->impossible);
    cJSON_AddItemToObject(o, "duplicates_list", s->duplicates);
    return o;
}

static void report_free(struct report *rep)
{
    list_remove(&rep->link);
    setup_unref(rep->setup);
    free(rep->sections);
    free(rep);
}

static void finish(struct report *rep)
{
    struct cJSON *json = cJSON_CreateObject(), *list;

    list = cJSON_AddArrayToObject(json, "sources");
    for (uint32_t i = 0; i < rep->n; i++)
        cJSON_AddItemToArray(list, finish_section(&rep->sections[i]));
    rep->done(rep->arg, json);
    report_free(rep);
}

static bool on_step(struct loop_slice *slice)
{
    struct report *rep =
        (struct report *)((char *)slice - offsetof(struct report, slice));
    int64_t until = clock_us() + STEP_US;

    if (rep->at < rep->n && flow_read_begin(rep->flow) < 0) {
        rep->at = rep->n; /* the cache is being made anew: what was seen is the report */
        rep->numbers = true;
    } else if (rep->at < rep->n) {
        while (rep->at < rep->n && clock_us() < until) {
            if (!rep->open)
                open_walk(rep);
            if (cache_walk_next(&rep->walk) == 0)
                visit(rep);
            else
                next_section(rep);
        }
        flow_read_end(rep->flow);
    }
    if (rep->at < rep->n)
        return true;
    finish(rep);
    return false;
}

static void open_section(struct section *s, const struct setup_source *source)
{
    s->source = source;
    s->json = cJSON_CreateObject();
    cJSON_AddStringToObject(s->json, "name", source->name.ptr);
    s->not_numbers = cJSON_CreateArray();
    s->impossible = cJSON_CreateArray();
    s->ambiguous = cJSON_CreateArray();
    s->duplicates = cJSON_CreateArray();
}

void flow_numbers_report(struct flow *flow, const char *source, unsigned limit,
                         void (*done)(void *arg, struct cJSON *report), void *arg)
{
    struct report *rep = xcalloc(1, sizeof(*rep));

    rep->flow = flow;
    rep->setup = setup_ref(flow->setup);
    rep->limit = limit;
    rep->done = done;
    rep->arg = arg;
    rep->sections = xcalloc((size_t)rep->setup->n_sources + 1, sizeof(*rep->sections));
    for (uint32_t i = 0; i < rep->setup->n_sources; i++)
        if (!source || str_eq_z(rep->setup->sources[i].name, source))
            open_section(&rep->sections[rep->n++], &rep->setup->sources[i]);
    list_append(&flow->reports, &rep->link);
    loop_slice_start(flow->loop, &rep->slice, on_step);
}

void report_cancel_all(struct flow *flow)
{
    list_for_each_safe(it, &flow->reports)
    {
        struct report *rep = list_entry(it, struct report, link);

        loop_slice_cancel(&rep->slice);
        for (uint32_t i = 0; i < rep->n; i++)
            cJSON_Delete(finish_section(&rep->sections[i]));
        report_free(rep);
    }
}
