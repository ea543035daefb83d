/* role.c - in the process of an isolated source: the peer of its instance. What
 * flow does for an instance of the daemon, this does by frames.
 *
 * A sync's frames are gathered and given to the pump in large pieces. Its state here is
 * what a plugin can tell by return codes: canceled, full, an error of the cache. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "isolate/child.h"

enum {
    GATHER_MAX = FRAME_CONTACTS_AIM,
    GATHER_MS = 200, /* what was gathered is sent then, with the next call */
    CONTACTS_A_FRAME = 1024,
    FIELDS_A_FRAME = 1 << 16,
    IDS_A_FRAME = 1024,
    GROUP_MAX = 128 << 10, /* bytes of names: more than is taken there */
};

struct child_sync {
    struct child *child;
    uint32_t id;
    struct strbuf cursor; /* asked */
    struct ctr_sync_request request;
    bool may_wait;
    _Atomic bool canceled;
    _Atomic int error;

    /* Its thread's. */
    bool full, begun;
    struct strbuf gathered;
    int64_t sent; /* clock_ms */
};

static struct child_sync *sync_of(struct ctr_sync *sync)
{
    return (struct child_sync *)(void *)sync;
}

/* ---- the source as a whole ------------------------------------------------------- */

static void send_u(struct child *c, uint32_t type, uint64_t n)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, type, &at);
    wire_put_u(&frame, n);
    frame_end(&frame, at);
    child_send(c, &frame);
}

static void source_start(const struct instance_env *env, const char *name,
                         const struct flow_driver *driver)
{
    struct child *c = child_of(env);

    (void)name;
    c->driver = driver;
    send_u(c, FRAME_STARTED, driver->watches ? STARTED_WATCHING : 0);
}

/* Nothing is under way any more, and nothing begins. */
static void stop_step(struct child *c)
{
    void (*stopped)(void *) = c->stopped;

    if (!stopped || c->sync)
        return;
    c->stopped = NULL;
    stopped(c->stopped_arg);
}

static void source_stop(const struct instance_env *env, const char *name,
                        void (*done)(void *arg), void *arg)
{
    struct child *c = child_of(env);

    (void)name;
    c->stopping = true;
    c->stopped = done;
    c->stopped_arg = arg;
    if (c->sync) {
        atomic_store(&c->sync->canceled, true);
        c->driver->sync_cancel(c->driver->ctx, (struct ctr_sync *)(void *)c->sync);
    }
    role_search_cancel_all(c);
    stop_step(c);
}

static void source_error(const struct instance_env *env, const char *name,
                         const char *reason)
{
    struct child *c = child_of(env);

    (void)name;
    snprintf(c->error, sizeof(c->error), "%s", reason);
}

static void request_sync(const struct instance_env *env, const char *name)
{
    struct strbuf frame = {0};
    size_t at;

    (void)name;
    frame_begin(&frame, FRAME_REQUEST_SYNC, &at);
    frame_end(&frame, at);
    child_send(child_of(env), &frame);
}

/* ---- a sync: its thread ---------------------------------------------------------- */

static int flush(struct child_sync *s)
{
    int r = 0;

    if (s->gathered.len > 0)
        r = pump_put(s->child->pump, &s->gathered, s->may_wait);
    s->sent = clock_ms();
    return r;
}

static int flush_if_due(struct child_sync *s)
{
    if (s->gathered.len < GATHER_MAX && clock_ms() - s->sent < GATHER_MS)
        return 0;
    return flush(s);
}

static size_t sync_frame(struct child_sync *s, uint32_t type)
{
    size_t at;

    frame_begin(&s->gathered, type, &at);
    wire_put_u(&s->gathered, s->id);
    return at;
}

static int sync_check(struct child_sync *s)
{
    if (atomic_load(&s->canceled))
        return -CTR_ECANCELED;
    s->begun = true;
    return atomic_load(&s->error);
}

static int sync_canceled(struct ctr_sync *sync)
{
    return atomic_load(&sync_of(sync)->canceled) ? -CTR_ECANCELED : 0;
}

static int sync_put(struct ctr_sync *sync, const struct ctr_contact *contacts, uint32_t n)
{
    struct child_sync *s = sync_of(sync);
    int r = sync_check(s), pause = 0;
    uint32_t i = 0;

    while (r == 0 && i < n) {
        size_t at = sync_frame(s, FRAME_PUT), fields = 0;
        uint32_t end = n - i < CONTACTS_A_FRAME ? n : i + CONTACTS_A_FRAME;

        do {
            fields += contacts[i].n_fields;
            contact_put(&s->gathered, &contacts[i++]);
        } while (i < end && s->gathered.len - at < FRAME_CONTACTS_AIM &&
                 fields < FIELDS_A_FRAME);
        frame_end(&s->gathered, at);
        pause |= flush_if_due(s);
    }
    return r < 0 ? r : pause;
}

static int sync_delete(struct ctr_sync *sync, const struct ctr_str *ids, uint32_t n)
{
    struct child_sync *s = sync_of(sync);
    int r = sync_check(s), pause = 0;
    uint32_t i = 0;

    while (r == 0 && i < n) {
        size_t at = sync_frame(s, FRAME_DELETE);
        uint32_t end = n - i < IDS_A_FRAME ? n : i + IDS_A_FRAME;

        for (; i < end; i++) {
            if (ids[i].len > 0 && ids[i].len <= CTR_ID_MAX && ids[i].ptr)
                wire_put_str(&s->gathered, ids[i]); /* nobody has another */
        }
        frame_end(&s->gathered, at);
        pause |= flush_if_due(s);
    }
    return r < 0 ? r : pause;
}

static void sync_reject(struct ctr_sync *sync, const char *where, const char *reason)
{
    struct child_sync *s = sync_of(sync);
    size_t at = sync_frame(s, FRAME_REJECT);

    wire_put_str(&s->gathered, str_make(where, strnlen(where, 200)));
    wire_put_str(&s->gathered, str_make(reason, strnlen(reason, 1000)));
    frame_end(&s->gathered, at);
    (void)flush_if_due(s); /* that there is much is told by the next put */
}

static int sync_cursor(struct ctr_sync *sync, struct ctr_str cursor)
{
    struct child_sync *s = sync_of(sync);
    size_t at = sync_frame(s, FRAME_CURSOR);

    wire_put_str(&s->gathered, cursor);
    frame_end(&s->gathered, at);
    return 0;
}

static int sync_group(struct ctr_sync *sync, struct ctr_str group,
                      const struct ctr_str *members, uint32_t n)
{
    struct child_sync *s = sync_of(sync);
    uint64_t bytes = group.len;
    size_t at;

    if (sync_canceled(sync) < 0)
        return -CTR_ECANCELED;
    if (n > 0 && !members)
        return -CTR_EINVAL;
    for (uint32_t i = 0; i < n && bytes <= GROUP_MAX; i++)
        bytes += members[i].len > GROUP_MAX ? GROUP_MAX + 1 : members[i].len;
    if (bytes > GROUP_MAX || n > GROUP_MAX)
        return -CTR_EFULL;
    at = sync_frame(s, FRAME_GROUP);
    wire_put_str(&s->gathered, group);
    for (uint32_t i = 0; i < n; i++)
        wire_put_str(&s->gathered, members[i]);
    frame_end(&s->gathered, at);
    return atomic_load(&s->error);
}

static int sync_full(struct ctr_sync *sync)
{
    struct child_sync *s = sync_of(sync);

    if (s->begun)
        return s->full ? 0 : -CTR_EINVAL;
    s->full = true;
    frame_end(&s->gathered, sync_frame(s, FRAME_FULL));
    return 0;
}

static void sync_progress(struct ctr_sync *sync, uint64_t done, uint64_t total)
{
    struct child_sync *s = sync_of(sync);
    size_t at;

    if (clock_ms() - s->sent < GATHER_MS)
        return; /* nobody looks more often */
    at = sync_frame(s, FRAME_PROGRESS);
    wire_put_u(&s->gathered, done);
    wire_put_u(&s->gathered, total);
    frame_end(&s->gathered, at);
    (void)flush(s);
}

static void on_sync_over(void *arg)
{
    struct child_sync *s = arg;
    struct child *c = s->child;

    c->sync = NULL;
    child_send_metrics(c);
    strbuf_finish(&s->cursor);
    strbuf_finish(&s->gathered);
    free(s);
    stop_step(c);
    if (c->next.len > 0) {
        struct strbuf next = c->next;

        c->next = (struct strbuf){0};
        if (!c->stopping)
            (void)role_sync(c, str_make(next.ptr, next.len)); /* it was looked at */
        strbuf_finish(&next);
    }
}

static void sync_end(struct ctr_sync *sync, int status, const char *reason)
{
    struct child_sync *s = sync_of(sync);
    size_t at = sync_frame(s, FRAME_END);

    wire_put_i(&s->gathered, status);
    wire_put_z(&s->gathered, reason);
    frame_end(&s->gathered, at);
    (void)flush(s);
    loop_post(s->child->env.loop, on_sync_over, s);
}

/* ---- a sync: the loop ------------------------------------------------------------ */

int role_sync(struct child *c, struct ctr_str payload)
{
    struct wire w = wire_of(payload.ptr, payload.len);
    uint32_t id = wire_u32(&w, UINT32_MAX);
    struct ctr_str cursor = wire_str(&w);
    struct child_sync *s;
    int err;

    if (!wire_done(&w) || !c->driver)
        return -CTR_EPROTO;
    if (c->sync) { /* its end is on the way to the loop */
        strbuf_reset(&c->next);
        strbuf_str(&c->next, payload);
        return 0;
    }
    s = xcalloc(1, sizeof(*s));
    s->child = c;
    s->id = id;
    s->may_wait = c->driver->may_wait;
    s->full = !cursor.ptr;
    s->sent = clock_ms();
    s->request.size = sizeof(s->request);
    if (cursor.ptr) {
        strbuf_str(&s->cursor, cursor);
        s->request.cursor = str_make(s->cursor.ptr ? s->cursor.ptr : "", cursor.len);
    }
    c->sync = s;
    c->error[0] = '\0';
    err = c->driver->sync(c->driver->ctx, (struct ctr_sync *)(void *)s, &s->request);
    if (err < 0)
        sync_end((struct ctr_sync *)(void *)s, err, c->error);
    return 0;
}

int role_sync_cancel(struct child *c, struct wire *w)
{
    uint32_t id = wire_u32(w, UINT32_MAX);

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (c->sync && c->sync->id == id) {
        atomic_store(&c->sync->canceled, true);
        c->driver->sync_cancel(c->driver->ctx, (struct ctr_sync *)(void *)c->sync);
    }
    return 0;
}

int role_sync_failed(struct child *c, struct wire *w)
{
    uint32_t id = wire_u32(w, UINT32_MAX);
    int32_t code = wire_i32(w);

    if (!wire_done(w) || code >= 0)
        return -CTR_EPROTO;
    if (c->sync && c->sync->id == id)
        atomic_store(&c->sync->error, code);
    return 0;
}

void role_init(struct child *c)
{
    list_init(&c->searches);
    c->env.peer = &peer_daemon;
}

const struct peer peer_daemon = {
    .source_start = source_start,
    .source_stop = source_stop,
    .source_error = source_error,
    .request_sync = request_sync,
    .sync_put = sync_put,
    .sync_delete = sync_delete,
    .sync_reject = sync_reject,
    .sync_cursor = sync_cursor,
    .sync_group = sync_group,
    .sync_full = sync_full,
    .sync_progress = sync_progress,
    .sync_canceled = sync_canceled,
    .sync_end = sync_end,
    .test_step = role_test_step,
    .test_canceled = role_test_canceled,
    .test_end = role_test_end,
    .search_hits = role_search_hits,
    .search_done = role_search_done,
};
