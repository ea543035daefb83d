/* preview.c - the first contacts as a source gives them now, and how their numbers were
 * understood. A sync whose contacts are kept back, and that is canceled when there are
 * enough; nothing of it reaches the cache. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/kind.h"
#include "flow/sync.h"

enum { PREVIEW_BYTES = 2 * 1024 * 1024, PREVIEW_VALUE = 1024, PREVIEW_REJECTS = 10 };

/* ---- on the sync's thread -------------------------------------------------- */

static void on_enough(void *arg)
{
    struct ctr_sync *sync = arg;

    sync_cancel(sync->source);
}

/* With the mutex held. returns whether there is room for more */
static bool keep(struct ctr_sync *sync, const struct ctr_contact *contact)
{
    struct preview *p = sync->preview;
    size_t before = p->bytes.len;
    unsigned warnings = 0;
    int r;

    if (p->n == p->wanted)
        return false;
    p->seen++;
    r = record_encode(contact, &sync->plan, &p->bytes, &warnings);
    if (p->bytes.error || r < 0)
        p->bytes.len = before;
    if (p->bytes.error)
        return false; /* what came before is the preview */
    if (r < 0)
        p->refused++;
    else
        p->ends[p->n++] = p->bytes.len;
    return p->n < p->wanted;
}

int preview_put(struct ctr_sync *sync, const struct ctr_contact *contacts, uint32_t n)
{
    bool more = true;

    if (flow_sync_canceled(sync) < 0)
        return -CTR_ECANCELED;
    pthread_mutex_lock(&sync->mutex);
    for (uint32_t i = 0; i < n && more; i++)
        more = keep(sync, &contacts[i]);
    pthread_mutex_unlock(&sync->mutex);
    if (more)
        return 0;
    /* The end of the sync is posted after this, so it will be there. */
    if (!atomic_exchange(&sync->enough, true))
        loop_post(sync->loop, on_enough, sync);
    return -CTR_ECANCELED;
}

/* ---- as JSON --------------------------------------------------------------- */

static void add_text(struct cJSON *o, const char *key, struct ctr_str text)
{
    size_t n = text.len < PREVIEW_VALUE ? text.len : PREVIEW_VALUE;
    char *z = xstrndup(text.ptr ? text.ptr : "", n);

    flow_utf8(z);
    cJSON_AddStringToObject(o, key, z);
    free(z);
}

static void add_number(struct cJSON *o, const struct record_field *f)
{
    static const char *const classes[] = {
        [NUMBER_NONE] = "none", [NUMBER_E164] = "e164", [NUMBER_LOCAL] = "short"};
    char text[NUMBER_DIGITS_MAX + 2];

    cJSON_AddStringToObject(o, "number", classes[f->number_class]);
    cJSON_AddStringToObject(o, "why", number_note_text((enum number_note)f->number_note));
    if (f->number_class == NUMBER_NONE)
        return;
    snprintf(text, sizeof(text), "%s%s", f->number_class == NUMBER_E164 ? "+" : "",
             f->digits);
    cJSON_AddStringToObject(o, f->number_class == NUMBER_E164 ? "e164" : "short", text);
}

static struct cJSON *field_json(const struct record_field *f)
{
    struct cJSON *o = cJSON_CreateObject();
    char name[80];

    if (f->kind == CTR_FIELD_CUSTOM) {
        snprintf(name, sizeof(name), "x_" STR_FMT, STR_ARG(f->name));
        flow_utf8(name);
        cJSON_AddStringToObject(o, "kind", name);
    } else {
        cJSON_AddStringToObject(o, "kind", kind_name(f->kind));
    }
    if (f->kind == CTR_FIELD_PHOTO) {
        snprintf(name, sizeof(name), "(%zu bytes)", (size_t)f->value.len);
        cJSON_AddStringToObject(o, "value", name);
        return o;
    }
    add_text(o, "value", f->value);
    if (CTR_KINDS_PHONE & CTR_KIND(f->kind))
        add_number(o, f);
    return o;
}

static struct cJSON *contact_json(const struct record *r)
{
    struct cJSON *o = cJSON_CreateObject(), *fields;
    struct record_iter it = {0};
    struct record_field f;

    add_text(o, "id", record_id(r));
    if (record_owner(r).len > 0)
        add_text(o, "owner", record_owner(r));
    fields = cJSON_AddArrayToObject(o, "fields");
    while (record_next(r, &it, &f))
        cJSON_AddItemToArray(fields, field_json(&f));
    return o;
}

/* complete: the source has no more than this. */
static struct cJSON *preview_json(struct ctr_sync *sync, bool complete)
{
    struct cJSON *o = cJSON_CreateObject(), *list;
    const struct preview *p = sync->preview;

    pthread_mutex_lock(&sync->mutex);
    list = cJSON_AddArrayToObject(o, "contacts");
    for (uint32_t i = 0; i < p->n; i++) {
        size_t begin = i > 0 ? p->ends[i - 1] : 0;
        struct record r = {(const uint8_t *)p->bytes.ptr + begin, p->ends[i] - begin};

        cJSON_AddItemToArray(list, contact_json(&r));
    }
    cJSON_AddNumberToObject(o, "seen", (double)p->seen);
    cJSON_AddNumberToObject(o, "refused", (double)p->refused);
    cJSON_AddBoolToObject(o, "complete", complete);
    cJSON_AddNumberToObject(o, "rejects", (double)sync->rejects.total);
    look_add_rejects(o, &sync->rejects, PREVIEW_REJECTS);
    pthread_mutex_unlock(&sync->mutex);
    cJSON_AddNumberToObject(o, "ms", (double)(clock_ms() - sync->began));
    return o;
}

void preview_summary(const struct cJSON *preview, char *out, size_t cap)
{
    const cJSON *contacts = cJSON_GetObjectItemCaseSensitive(preview, "contacts");
    const cJSON *rejects = cJSON_GetObjectItemCaseSensitive(preview, "rejects");
    bool complete =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(preview, "complete")) != 0;
    int n = cJSON_GetArraySize(contacts);

    if (n == 0 && complete)
        snprintf(out, cap, "it can be read, but holds no contacts");
    else if (complete)
        snprintf(out, cap, "it can be read: %d contacts", n);
    else
        snprintf(out, cap, "it can be read: the first %d contacts came", n);
    if (cJSON_GetNumberValue(rejects) > 0)
        snprintf(out + strlen(out), cap - strlen(out), ", %.0f rows could not be used",
                 cJSON_GetNumberValue(rejects));
}

/* ---- the loop -------------------------------------------------------------- */

static void tell(struct ctr_sync *sync, int status, const char *reason, bool complete)
{
    flow_preview_fn done = sync->preview->done;

    sync->preview->done = NULL;
    if (done)
        done(sync->preview->arg, status, reason, preview_json(sync, complete));
}

void preview_overdue(struct ctr_sync *sync)
{
    bool some;

    pthread_mutex_lock(&sync->mutex);
    some = sync->preview->n > 0;
    pthread_mutex_unlock(&sync->mutex);
    tell(sync, some ? 0 : -CTR_ETIMEDOUT,
         some ? NULL : "no contact came within the time limit", false);
}

void preview_over(struct ctr_sync *sync)
{
    bool enough = atomic_load(&sync->enough);
    int status = enough || sync->status >= 0 ? 0 : sync->status;

    tell(sync, status,
         status == 0       ? NULL
         : sync->reason[0] ? sync->reason
                           : error_text(status),
         !enough && status == 0);
}

void preview_free(struct preview *p)
{
    if (!p)
        return;
    strbuf_finish(&p->bytes);
    free(p);
}

/* Whoever asked has gone. */
static void preview_forget(struct source *s, void *arg)
{
    struct preview *p = s->sync ? s->sync->preview : NULL;

    if (!p || !p->done || p->arg != arg)
        return;
    p->done = NULL;
    sync_cancel(s);
}

int flow_source_preview(struct flow *flow, const char *name, unsigned n, uint32_t limit,
                        flow_preview_fn done, void *arg)
{
    struct source *s = source_find(flow, name);
    struct preview *p;

    if (!s || !s->conf)
        return -CTR_ENOENT;
    if (!s->started)
        return -CTR_EUNAVAIL;
    if (source_busy(s))
        return -CTR_EBUSY;
    p = xcalloc(1, sizeof(*p));
    p->done = done;
    p->arg = arg;
    p->wanted = n < 1 ? 1 : n > FLOW_PREVIEW_MAX ? FLOW_PREVIEW_MAX : n;
    p->bytes.max = PREVIEW_BYTES;
    schedule_preview(s, p, limit);
    return 0;
}

void flow_source_forget(struct flow *flow, void *arg)
{
    list_for_each(it, &flow->sources)
    {
        struct source *s = list_entry(it, struct source, link);

        test_forget(s, arg);
        preview_forget(s, arg);
    }
}
