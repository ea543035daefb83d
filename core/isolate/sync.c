/* sync.c - a sync of an isolated source: what its process writes into the data
 * socket goes, on a lane, to where a plugin of this process would put it.
 *
 * The lane reads only while a sync is under way, and only as fast as the cache takes it:
 * the socket holds the process back. The lane ends with the sync's last frame, or with
 * the socket; then the loop ends the sync, once it knows why the process did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "isolate/private.h"

enum { READ_BEGIN = 512 << 10, DELETE_MAX = 4096, WHERE_MAX = 64, REASON_MAX = 512 };

struct isolate_sync {
    struct lane_job job;
    struct list link; /* iso->lost */
    struct isolate *iso;
    struct ctr_sync *sync;
    uint32_t id;
    int64_t canceled; /* clock_ms; loop */
    bool reading;     /* loop: the lane has it */

    /* The lane's. */
    int fd;
    uint8_t *bytes;
    size_t at, len, cap;
    struct contacts contacts;
    int error; /* what was put could not be stored */
    bool ended;
    const char *wrong; /* how it broke the protocol */
    char reason[REASON_MAX];
};

static void on_read_work(struct lane_job *job);
static void on_read_left(struct lane_job *job);
static void on_lost_work(struct lane_job *job);
static void on_lost_left(struct lane_job *job);

/* ---- begin and cancel, on the loop ---------------------------------------------- */

static void send_sync(struct isolate *iso, const struct ctr_sync_request *request,
                      uint32_t id)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, FRAME_SYNC, &at);
    wire_put_u(&frame, id);
    wire_put_str(&frame, request->cursor);
    frame_end(&frame, at);
    link_send(iso, &frame);
}

int isolate_sync(void *ctx, struct ctr_sync *sync, const struct ctr_sync_request *request)
{
    struct isolate *iso = ctx;
    struct isolate_sync *s;

    if (iso->state != ISOLATE_RUNNING) {
        iso->peer->source_error(iso->env, iso->short_name,
                                iso->down[0] ? iso->down : "its process is ending");
        iso->resync = true;
        return -CTR_EUNAVAIL;
    }
    s = xcalloc(1, sizeof(*s));
    s->iso = iso;
    s->sync = sync;
    s->id = ++iso->next_id;
    s->fd = iso->data;
    s->reading = true;
    s->job.work = on_read_work;
    s->job.done = on_read_left;
    list_init(&s->link);
    iso->sync = s;
    iso->n_reading++;
    remote_job_begin(iso->in);
    lane_submit(iso->lane, &s->job);
    send_sync(iso, request, s->id);
    return 0;
}

void isolate_sync_cancel(void *ctx, struct ctr_sync *sync)
{
    struct isolate *iso = ctx;
    struct isolate_sync *s = iso->sync;

    if (!s || s->sync != sync || s->canceled > 0)
        return;
    s->canceled = clock_ms();
    link_send_u(iso, FRAME_SYNC_CANCEL, s->id);
}

int64_t isolate_sync_overdue(const struct isolate *iso)
{
    return iso->sync && iso->sync->reading ? iso->sync->canceled : 0;
}

bool isolate_sync_is_quiet(const struct isolate *iso)
{
    return iso->n_reading == 0;
}

/* ---- frames, on the lane -------------------------------------------------------- */

/* The process hears of it by the loop, once. */
struct failure {
    struct isolate *iso;
    uint32_t id;
    int error;
};

static void on_failure(void *arg)
{
    struct failure *failure = arg;

    if (failure->iso->state == ISOLATE_RUNNING)
        link_send_ui(failure->iso, FRAME_SYNC_FAILED, failure->id, failure->error);
    free(failure);
}

static void keep_error(struct isolate_sync *s, int r)
{
    struct failure *failure;

    if (r >= 0 || r == -CTR_EPAUSE || s->error < 0)
        return;
    s->error = r;
    failure = xmalloc(sizeof(*failure));
    *failure = (struct failure){s->iso, s->id, r};
    loop_post(s->iso->env->loop, on_failure, failure);
}

static int take_put(struct isolate_sync *s, struct wire *w)
{
    if (s->error < 0)
        return 0;
    if (contacts_read(w, &s->contacts) != 0)
        return -CTR_EPROTO;
    keep_error(s, s->iso->peer->sync_put(s->sync, s->contacts.items, s->contacts.n));
    return 0;
}

static int take_delete(struct isolate_sync *s, struct wire *w)
{
    struct ctr_str ids[DELETE_MAX];
    uint32_t n = 0;

    while (w->at < w->end && n < DELETE_MAX)
        ids[n++] = wire_str(w);
    if (!wire_done(w))
        return -CTR_EPROTO;
    if (s->error == 0)
        keep_error(s, s->iso->peer->sync_delete(s->sync, ids, n));
    return 0;
}

static int take_reject(struct isolate_sync *s, struct wire *w)
{
    struct ctr_str where = wire_str(w), reason = wire_str(w);
    char where_z[WHERE_MAX * 2], reason_z[REASON_MAX];

    if (!wire_done(w))
        return -CTR_EPROTO;
    snprintf(where_z, sizeof(where_z), STR_FMT, STR_ARG(where));
    snprintf(reason_z, sizeof(reason_z), STR_FMT, STR_ARG(reason));
    s->iso->peer->sync_reject(s->sync, where_z, reason_z);
    return 0;
}

static int take_cursor(struct isolate_sync *s, struct wire *w)
{
    struct ctr_str cursor = wire_str(w);

    if (!wire_done(w))
        return -CTR_EPROTO;
    keep_error(s, s->iso->peer->sync_cursor(s->sync, cursor));
    return 0;
}

static int take_group(struct isolate_sync *s, struct wire *w)
{
    struct ctr_str group = wire_str(w), *members = NULL;
    uint32_t n = 0, cap = 0;

    while (w->at < w->end && !w->bad) {
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            members = xrealloc(members, cap * sizeof(*members));
        }
        members[n++] = wire_str(w);
    }
    if (wire_done(w) && s->error == 0)
        keep_error(s, s->iso->peer->sync_group(s->sync, group, members, n));
    free(members);
    return wire_done(w) ? 0 : -CTR_EPROTO;
}

static int take_full(struct isolate_sync *s, struct wire *w)
{
    if (!wire_done(w))
        return -CTR_EPROTO;
    keep_error(s, s->iso->peer->sync_full(s->sync));
    return 0;
}

static int take_progress(struct isolate_sync *s, struct wire *w)
{
    uint64_t done = wire_u(w), total = wire_u(w);

    if (!wire_done(w))
        return -CTR_EPROTO;
    s->iso->peer->sync_progress(s->sync, done, total);
    return 0;
}

static int take_end(struct isolate_sync *s, struct wire *w)
{
    int status = wire_i32(w);
    struct ctr_str reason = wire_str(w);

    if (!wire_done(w) || status > 0)
        return -CTR_EPROTO;
    snprintf(s->reason, sizeof(s->reason), STR_FMT, STR_ARG(reason));
    s->ended = true;
    s->iso->peer->sync_end(s->sync, status, s->reason[0] ? s->reason : NULL);
    return 0;
}

static int take_frame(struct isolate_sync *s, uint32_t type, struct ctr_str payload)
{
    struct wire w = wire_of(payload.ptr, payload.len);

    if (wire_u(&w) != s->id)
        return -CTR_EPROTO;
    switch (type) {
    case FRAME_PUT:
        return take_put(s, &w);
    case FRAME_DELETE:
        return take_delete(s, &w);
    case FRAME_REJECT:
        return take_reject(s, &w);
    case FRAME_CURSOR:
        return take_cursor(s, &w);
    case FRAME_GROUP:
        return take_group(s, &w);
    case FRAME_FULL:
        return take_full(s, &w);
    case FRAME_PROGRESS:
        return take_progress(s, &w);
    case FRAME_END:
        return take_end(s, &w);
    default:
        return -CTR_EPROTO;
    }
}

/* ---- reading, on the lane ------------------------------------------------------- */

/* Room for the whole frame that begins at `at`, if it is known how large that is. */
static void make_room(struct isolate_sync *s)
{
    struct frame_head head = {0};
    size_t need;

    memmove(s->bytes, s->bytes + s->at, s->len - s->at);
    s->len -= s->at;
    s->at = 0;
    if (s->len >= sizeof(head))
        memcpy(&head, s->bytes, sizeof(head));
    need =
        sizeof(head) + (size_t)head.size; /* frame_take refused one that is too large */
    if (need <= s->cap)
        return;
    s->cap = need;
    s->bytes = xrealloc(s->bytes, s->cap);
}

/* returns false at the end of the socket */
static bool read_more(struct isolate_sync *s)
{
    ssize_t n;

    make_room(s);
    do
        n = recv(s->fd, s->bytes + s->len, s->cap - s->len, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    s->len += (size_t)n;
    return true;
}

static void read_frames(struct isolate_sync *s)
{
    while (!s->ended) {
        struct ctr_str payload;
        uint32_t type = 0;
        size_t size =
            frame_take(s->bytes + s->at, s->len - s->at, FRAME_DATA_MAX, &type, &payload);

        if (size == 0) {
            if (!read_more(s))
                return;
            continue;
        }
        if (size == SIZE_MAX || take_frame(s, type, payload) != 0) {
            s->wrong = "a frame of contacts";
            return;
        }
        s->at += size;
    }
    if (s->at < s->len)
        s->wrong = "more frames than its sync had";
}

static void on_read_work(struct lane_job *job)
{
    struct isolate_sync *s = list_entry(job, struct isolate_sync, job);

    s->cap = READ_BEGIN;
    s->bytes = xmalloc(s->cap);
    read_frames(s);
    wipe(s->bytes, s->cap);
    free(s->bytes);
    s->bytes = NULL;
    contacts_finish(&s->contacts);
}

/* ---- the end, on the loop ------------------------------------------------------- */

static void sync_free(struct isolate_sync *s)
{
    struct instance *in = s->iso->in;

    if (s->iso->sync == s)
        s->iso->sync = NULL;
    free(s);
    remote_job_end(in);
}

static void on_read_left(struct lane_job *job)
{
    struct isolate_sync *s = list_entry(job, struct isolate_sync, job);
    struct isolate *iso = s->iso;

    s->reading = false;
    iso->n_reading--;
    if (s->wrong)
        isolate_break(iso, "was killed because it broke the protocol of isolation (%s)",
                      s->wrong);
    if (s->ended) {
        sync_free(s);
        return;
    }
    /* Why is known when the process has been looked at; it is on its way out. */
    list_append(&iso->lost, &s->link);
    isolate_hung_up(iso);
}

void isolate_sync_lost(struct isolate *iso, const char *reason)
{
    list_for_each_safe(it, &iso->lost)
    {
        struct isolate_sync *s = list_entry(it, struct isolate_sync, link);

        list_remove(it);
        snprintf(s->reason, sizeof(s->reason), "%s", reason);
        iso->resync = true;
        s->job.work = on_lost_work;
        s->job.done = on_lost_left;
        lane_submit(iso->lane, &s->job);
    }
}

/* On the lane: what was staged is thrown away, which takes time. */
static void on_lost_work(struct lane_job *job)
{
    struct isolate_sync *s = list_entry(job, struct isolate_sync, job);

    s->iso->peer->sync_end(s->sync, -CTR_EUNAVAIL, s->reason);
}

static void on_lost_left(struct lane_job *job)
{
    sync_free(list_entry(job, struct isolate_sync, job));
}
