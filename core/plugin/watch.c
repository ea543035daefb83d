/* watch.c - a file or folder that a source is read from: when it changed and has been
 * quiet for a while, the source is asked to sync.
 *
 * The kernel tells of changes in a local folder at once (the folder is watched, not the
 * file: an editor or an export replaces the file). What comes over a network file system
 * it does not see, so the file's status is also looked at every few seconds: on the
 * source's lane, since a dead server lets whoever asks wait. libuv would use its pool,
 * and ends the process where the kernel refuses it the threads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "plugin/private.h"

enum { WATCH_POLL_MS = 5000, WATCH_SETTLE_MAX = 3600 * 1000 };

/* What of a file tells that it changed. */
struct look {
    int err; /* errno, 0: it is there */
    struct stat st;
};

struct watch {
    struct list link;
    struct instance *in;
    char *path, *folder;
    const char *base;
    uint32_t settle;
    uv_fs_event_t parent; /* the folder it lies in */
    uv_fs_event_t self;   /* the path, when it is a folder */
    uv_timer_t poll;
    uv_timer_t timer;
    unsigned open; /* handles, and the job while the lane has it */

    struct lane_job job;
    bool looking, looked, closing;
    struct look last, now; /* now: the lane's while it is looking */
};

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status);
static void on_self_event(uv_fs_event_t *uv, const char *name, int events, int status);
static void on_poll(uv_timer_t *uv);
static void on_look(struct lane_job *job);
static void on_looked(struct lane_job *job);
static void on_quiet(uv_timer_t *uv);
static void watch_unref(struct watch *w);
static void on_closed(uv_handle_t *handle);

/* Also again: the folder itself may have been replaced. */
static void watch_arm(struct watch *w)
{
    int err;

    uv_fs_event_stop(&w->parent);
    uv_fs_event_stop(&w->self);
    err = uv_fs_event_start(&w->parent, on_event, w->folder, 0);
    if (err != 0)
        log_debug(w->in->name, "no change events, polling only folder=%s error=%s",
                  w->folder, log_quoted(uv_strerror(err)));
    /* Fails where the path is not there now; for a file it is heard of twice. */
    (void)uv_fs_event_start(&w->self, on_self_event, w->path, 0);
}

static void watch_look(struct watch *w)
{
    struct instance *in = w->in;

    if (w->looking || in->state != INSTANCE_STARTED)
        return;
    w->looking = true;
    w->open++;
    in->jobs++;
    w->job = (struct lane_job){.work = on_look, .done = on_looked};
    list_init(&w->job.link);
    lane_submit(in->lane ? in->lane : in->watch_lane, &w->job);
}

/* Not before the start: it needs threads, and those come after privileges are dropped. */
void watch_arm_all(struct instance *in)
{
    if (!in->lane && !list_empty(&in->watches))
        in->watch_lane = lane_create_background(in->env->loop, in->short_name);
    list_for_each(it, &in->watches)
    {
        struct watch *w = list_entry(it, struct watch, link);

        watch_arm(w);
        uv_timer_start(&w->poll, on_poll, 0, WATCH_POLL_MS);
    }
}

static void watch_changed(struct watch *w)
{
    uv_timer_start(&w->timer, on_quiet, w->settle, 0);
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    struct watch *w = uv->data;

    (void)events;
    if (status != 0 || (name && strcmp(name, w->base) != 0))
        return;
    watch_changed(w);
}

static void on_self_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    if (status == 0)
        watch_changed(uv->data);
}

static void on_poll(uv_timer_t *uv)
{
    watch_look(uv->data);
}

static void on_look(struct lane_job *job)
{
    struct watch *w = list_entry(job, struct watch, job);

    w->now.err = stat(w->path, &w->now.st) == 0 ? 0 : errno;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_look(const struct look *a, const struct look *b)
{
    if (a->err || b->err)
        return a->err == b->err;
    return same_time(&a->st.st_mtim, &b->st.st_mtim) &&
           same_time(&a->st.st_ctim, &b->st.st_ctim) && a->st.st_size == b->st.st_size &&
           a->st.st_ino == b->st.st_ino && a->st.st_dev == b->st.st_dev &&
           a->st.st_mode == b->st.st_mode && a->st.st_uid == b->st.st_uid &&
           a->st.st_gid == b->st.st_gid;
}

/* That it vanished is a change, too. The first look only tells what is there. */
static void watch_looked(struct watch *w)
{
    bool changed = w->looked ? !same_look(&w->last, &w->now) : w->now.err != 0;

    w->looked = true;
    w->last = w->now;
    if (changed) {
        watch_arm(w);
        watch_changed(w);
    }
}

static void on_looked(struct lane_job *job)
{
    struct watch *w = list_entry(job, struct watch, job);
    struct instance *in = w->in;

    ensure(in->jobs > 0);
    in->jobs--;
    w->looking = false;
    if (!w->closing)
        watch_looked(w);
    watch_unref(w);
    instance_stop_step(in);
}

static void on_quiet(uv_timer_t *uv)
{
    struct watch *w = uv->data;

    log_debug(w->in->name, "watched file changed path=%s", w->path);
    peer_of(w->in)->request_sync(w->in->env, w->in->short_name);
}

static void watch_unref(struct watch *w)
{
    if (--w->open > 0)
        return;
    free(w->path);
    free(w->folder);
    free(w);
}

static void on_closed(uv_handle_t *handle)
{
    watch_unref(handle->data);
}

static struct watch *watch_create(struct instance *in, const char *path, uint32_t settle)
{
    struct watch *w = xcalloc(1, sizeof(*w));
    uv_loop_t *loop = loop_uv(in->env->loop);
    char *slash;

    w->in = in;
    w->settle = settle;
    w->path = xstrdup(path);
    for (size_t n = strlen(w->path); n > 1 && w->path[n - 1] == '/'; n--)
        w->path[n - 1] = '\0';
    slash = strrchr(w->path, '/');
    w->base = slash + 1;
    w->folder =
        slash == w->path ? xstrdup("/") : xstrndup(w->path, (size_t)(slash - w->path));
    w->parent.data = w->self.data = w->poll.data = w->timer.data = w;
    uv_fs_event_init(loop, &w->parent);
    uv_fs_event_init(loop, &w->self);
    uv_timer_init(loop, &w->poll);
    uv_timer_init(loop, &w->timer);
    w->open = 4;
    return w;
}

int32_t watch_add(const struct ctr_host *host, const char *path, uint32_t settle)
{
    struct instance *in = instance_of(host);
    struct watch *w;

    if (!in->env->loop || !host_on_loop(in, "watch"))
        return -CTR_EINVAL;
    if (in->role != INSTANCE_SOURCE || !path || path[0] != '/' ||
        settle > WATCH_SETTLE_MAX || in->n_watches == WATCHES_MAX ||
        in->state != INSTANCE_CREATED) {
        host_misuse(in, "it watches something that cannot be watched (sources may watch "
                        "a few absolute paths, from create or start)");
        return -CTR_EINVAL;
    }
    w = watch_create(in, path, settle);
    list_append(&in->watches, &w->link);
    in->n_watches++;
    return 0;
}

void watch_stop_all(struct instance *in)
{
    list_for_each_safe(it, &in->watches)
    {
        struct watch *w = list_entry(it, struct watch, link);

        list_remove(it);
        w->closing = true;
        uv_close((uv_handle_t *)&w->parent, on_closed);
        uv_close((uv_handle_t *)&w->self, on_closed);
        uv_close((uv_handle_t *)&w->poll, on_closed);
        uv_close((uv_handle_t *)&w->timer, on_closed);
    }
    in->n_watches = 0;
}
