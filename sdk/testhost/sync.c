/* sync.c - the source side of the test host: collects what a sync puts. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct ctr_sync {
    struct testhost *t;
    bool running;
    bool full, begun;     /* something was put or deleted */
    atomic_bool canceled; /* by the loop */
};

static struct ctr_str str_copy(struct testhost *t, struct ctr_str s)
{
    if (!s.ptr)
        return (struct ctr_str){NULL, 0};
    return (struct ctr_str){testhost_copy(t, s.ptr, s.len), s.len};
}

struct ctr_contact *testhost_contact_copy(struct testhost *t, const struct ctr_contact *c)
{
    struct ctr_contact *copy = testhost_alloc(t, sizeof(*copy));
    struct ctr_field *fields = testhost_alloc(t, c->n_fields * sizeof(*fields));

    *copy = *c;
    copy->id = str_copy(t, c->id);
    copy->owner = str_copy(t, c->owner);
    copy->source = str_copy(t, c->source);
    copy->fields = fields;
    for (uint32_t i = 0; i < c->n_fields; i++) {
        fields[i] = c->fields[i];
        fields[i].value = str_copy(t, fields[i].value);
        fields[i].name = str_copy(t, fields[i].name);
        fields[i].e164 = str_copy(t, fields[i].e164);
    }
    return copy;
}

void testhost_contact_check(const struct ctr_contact *c)
{
    require(c->size == sizeof(*c) && c->field_size == sizeof(struct ctr_field),
            "contact: size or field_size is not set");
    require(c->id.len >= 1 && c->id.len <= CTR_ID_MAX, "contact: id has %llu bytes",
            (unsigned long long)c->id.len);
    require(c->n_fields <= CTR_FIELDS_MAX, "contact: %u fields", c->n_fields);
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const struct ctr_field *f = &c->fields[i];

        require(f->kind > 1 && f->kind <= CTR_FIELD_CUSTOM && f->kind != CTR_FIELD_OWNER,
                "contact: a field has kind %u", f->kind);
        require(f->value.ptr && f->value.len, "contact: a field without a value");
        require(f->kind == CTR_FIELD_PHOTO || f->value.len <= CTR_VALUE_MAX,
                "contact: a value over CTR_VALUE_MAX");
        require((f->kind == CTR_FIELD_CUSTOM) == (f->name.len > 0),
                "contact: only a custom field has a name");
    }
}

static struct testhost *sync_of(const struct ctr_host *host, struct ctr_sync *sync)
{
    struct testhost *t = testhost_of(host);

    require(sync && sync->t == t && sync->running, "a sync is used after its end");
    return t;
}

static void contact_keep(struct testhost *t, const struct ctr_contact *c)
{
    if (t->n_contacts == t->cap_contacts) {
        t->cap_contacts = t->cap_contacts ? t->cap_contacts * 2 : 64;
        t->contacts =
            realloc(t->contacts, (size_t)t->cap_contacts * sizeof(*t->contacts));
        if (!t->contacts)
            abort();
    }
    t->contacts[t->n_contacts] = testhost_contact_copy(t, c);
}

static bool canceled(const struct testhost *t, struct ctr_sync *sync)
{
    return atomic_load(&sync->canceled) ||
           (t->cancel_after && t->put_calls >= t->cancel_after);
}

static int32_t sync_put(const struct ctr_host *host, struct ctr_sync *sync,
                        const struct ctr_contact *contacts, uint32_t n)
{
    struct testhost *t = sync_of(host, sync);

    require(n >= 1 && n <= 1024, "sync_put: %u contacts", n);
    require(t->clock != t->paused_at, "sync_put: no time passed since -CTR_EPAUSE");
    t->put_calls++;
    if (canceled(t, sync))
        return -CTR_ECANCELED;
    sync->begun = true;
    for (uint32_t i = 0; i < n; i++) {
        testhost_contact_check(&contacts[i]);
        if (!t->discard)
            contact_keep(t, &contacts[i]);
        t->n_contacts++;
    }
    if (t->plugin->source->threading != CTR_ON_LOOP || !t->pause_every ||
        t->put_calls % t->pause_every != 0)
        return 0;
    t->paused_at = t->clock;
    return -CTR_EPAUSE;
}

static int32_t sync_delete(const struct ctr_host *host, struct ctr_sync *sync,
                           const struct ctr_str *ids, uint32_t n)
{
    struct testhost *t = sync_of(host, sync);

    if (n == 0)
        return 0;
    t->put_calls++;
    if (canceled(t, sync))
        return -CTR_ECANCELED;
    require(!sync->full, "sync_delete: in a full sync, which removes what it does not "
                         "put");
    sync->begun = true;
    for (uint32_t i = 0; i < n; i++)
        testhost_pair_add(t, &t->deletes, testhost_copy(t, ids[i].ptr, ids[i].len), "");
    return 0;
}

static void sync_reject(const struct ctr_host *host, struct ctr_sync *sync,
                        const char *where, const char *reason)
{
    struct testhost *t = sync_of(host, sync);

    testhost_pair_add(t, &t->rejects, where, reason);
}

static int32_t sync_cursor(const struct ctr_host *host, struct ctr_sync *sync,
                           struct ctr_str cursor)
{
    struct testhost *t = sync_of(host, sync);

    require(cursor.len <= 65536, "sync_cursor: over 64 KiB");
    t->cursor = testhost_copy(t, cursor.ptr, cursor.len);
    t->cursor_len = cursor.len;
    return 0;
}

static int32_t sync_full(const struct ctr_host *host, struct ctr_sync *sync)
{
    struct testhost *t = sync_of(host, sync);

    if (sync->full)
        return 0;
    require(!sync->begun, "sync_full: after the first put");
    sync->full = t->became_full = true;
    return 0;
}

static void sync_progress(const struct ctr_host *host, struct ctr_sync *sync,
                          uint64_t done, uint64_t total)
{
    struct testhost *t = sync_of(host, sync);

    t->progress_done = done;
    t->progress_total = total;
}

static int32_t sync_canceled(const struct ctr_host *host, struct ctr_sync *sync)
{
    return canceled(sync_of(host, sync), sync) ? -CTR_ECANCELED : 0;
}

static int32_t sync_group(const struct ctr_host *host, struct ctr_sync *sync,
                          struct ctr_str group, const struct ctr_str *members, uint32_t n)
{
    struct testhost *t = sync_of(host, sync);
    char *name;

    require(group.ptr && group.len >= 1, "sync_group: a group without a name");
    require(n == 0 || members, "sync_group: %u members and no array", n);
    if (canceled(t, sync))
        return -CTR_ECANCELED;
    name = testhost_copy(t, group.ptr, group.len);
    if (n == 0)
        testhost_pair_add(t, &t->groups, name, "");
    for (uint32_t i = 0; i < n; i++) {
        require(members[i].ptr && members[i].len, "sync_group: a member without a name");
        testhost_pair_add(t, &t->groups, name,
                          testhost_copy(t, members[i].ptr, members[i].len));
    }
    return 0;
}

void testhost_sync_end(struct testhost *t, struct ctr_sync *sync, int32_t status)
{
    require(status <= 0, "sync ended with %d: a code must be 0 or negative", status);
    sync->running = false;
    t->sync_running = false;
    t->sync_status = status;
}

static void sync_done(const struct ctr_host *host, struct ctr_sync *sync, int32_t status)
{
    struct testhost *t = sync_of(host, sync);

    require(t->plugin->source->threading == CTR_ON_LOOP, "sync_done: not ON_LOOP");
    testhost_sync_end(t, sync, status);
}

static void request_sync(const struct ctr_host *host)
{
    testhost_of(host)->sync_requests++;
}

static int32_t watch(const struct ctr_host *host, const char *path, uint32_t settle)
{
    struct testhost *t = testhost_of(host);
    char text[32];

    if (path[0] != '/' || t->watches.n == 32 || settle > 3600000)
        return -CTR_EINVAL;
    snprintf(text, sizeof(text), "%u", settle);
    testhost_pair_add(t, &t->watches, path, text);
    return 0;
}

static void sync_reset(struct testhost *t)
{
    t->n_contacts = 0;
    t->rejects.n = t->deletes.n = t->groups.n = t->put_calls = 0;
    t->cursor = NULL;
    t->cursor_len = 0;
    t->became_full = false;
    t->progress_done = t->progress_total = 0;
    t->failure[0] = 0;
    t->paused_at = -1;
    t->sync_running = true;
}

struct ctr_sync *testhost_sync_open(struct testhost *t, bool full)
{
    struct ctr_sync *sync = testhost_alloc(t, sizeof(*sync));

    sync->t = t;
    sync->running = true;
    sync->full = full;
    sync_reset(t);
    return sync;
}

void testhost_sync_cancel(struct testhost *t, struct ctr_sync *sync)
{
    atomic_store(&sync->canceled, true);
    if (t->plugin->source->sync_cancel)
        t->plugin->source->sync_cancel(t->instance, sync);
}

static int32_t sync_from(struct testhost *t, struct ctr_str cursor)
{
    const struct ctr_source *source = t->plugin->source;
    struct ctr_sync *sync = testhost_sync_open(t, !cursor.ptr);
    struct ctr_sync_request request = {.size = sizeof(request), .cursor = cursor};
    int32_t rc = source->sync(t->instance, sync, &request);

    if (source->threading == CTR_ON_LANE || rc < 0)
        testhost_sync_end(t, sync, rc);
    else if (t->cancel_sync && t->sync_running)
        testhost_sync_cancel(t, sync);
    testhost_run(t);
    while (t->sync_running && testhost_step(t))
        ;
    require(!t->sync_running, "sync: sync_done never came");
    require(t->sync_status == 0 || t->sync_status == -CTR_ECANCELED || t->failure[0],
            "sync failed with %d without host->fail", t->sync_status);
    return t->sync_status;
}

int32_t testhost_sync(struct testhost *t, const char *cursor)
{
    return sync_from(t, (struct ctr_str){cursor, cursor ? strlen(cursor) : 0});
}

int32_t testhost_delta(struct testhost *t)
{
    require(t->cursor, "a delta, and the last sync gave no cursor");
    return sync_from(t, (struct ctr_str){t->cursor, t->cursor_len});
}

const struct ctr_contact *testhost_find(const struct testhost *t, const char *id)
{
    for (uint64_t i = 0; !t->discard && i < t->n_contacts; i++)
        if (strcmp(t->contacts[i]->id.ptr, id) == 0)
            return t->contacts[i];
    return NULL;
}

const char *testhost_value(const struct ctr_contact *c, uint32_t kind, const char *name,
                           uint32_t i)
{
    for (uint32_t k = 0; c && k < c->n_fields; k++) {
        const struct ctr_field *f = &c->fields[k];

        if (f->kind == kind && (!name || strcmp(f->name.ptr, name) == 0) && i-- == 0)
            return f->value.ptr;
    }
    return NULL;
}

static bool pair_is(const struct testhost_pair *p, const char *a, const char *b)
{
    return strcmp(p->a, a) == 0 && strcmp(p->b, b) == 0;
}

bool testhost_deleted(const struct testhost *t, const char *id)
{
    for (uint32_t i = 0; i < t->deletes.n; i++)
        if (pair_is(&t->deletes.at[i], id, ""))
            return true;
    return false;
}

bool testhost_in_group(const struct testhost *t, const char *group, const char *member)
{
    for (uint32_t i = 0; i < t->groups.n; i++)
        if (pair_is(&t->groups.at[i], group, member))
            return true;
    return false;
}

bool testhost_rejected(const struct testhost *t, const char *text)
{
    return testhost_contains(&t->rejects, text);
}

void testhost_sync_init(struct testhost *t)
{
    t->host.request_sync = request_sync;
    t->host.watch = watch;
    t->host.sync_put = sync_put;
    t->host.sync_delete = sync_delete;
    t->host.sync_reject = sync_reject;
    t->host.sync_cursor = sync_cursor;
    t->host.sync_full = sync_full;
    t->host.sync_progress = sync_progress;
    t->host.sync_canceled = sync_canceled;
    t->host.sync_done = sync_done;
    t->host.sync_group = sync_group;
}
