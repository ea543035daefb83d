/* watch.c - a file or folder that a source is read from: when it changed and has been
 * quiet for a while, the source is asked to sync.
 *
 * The kernel tells of changes in a local folder at once (the folder is watched, not the
 * file: an editor or an export replaces the file). What comes over a network file system
 * it does not see, so the file's status is also looked at every few seconds. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "plugin/private.h"

enum { WATCH_POLL_MS = 5000, WATCH_SETTLE_MAX = 3600 * 1000 };

struct watch {
    struct list link;
    struct instance *in;
    char *path, *folder;
    const char *base;
    uint32_t settle;
    uv_fs_event_t parent; /* the folder it lies in */
    uv_fs_event_t self;   /* the path, when it is a folder */
    uv_fs_poll_t poll;
    uv_timer_t timer;
    unsigned open;
};

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status);
static void on_self_event(uv_fs_event_t *uv, const char *name, int events, int status);
static void on_poll(uv_fs_poll_t *uv, int status, const uv_stat_t *before,
                    const uv_stat_t *after);
static void on_quiet(uv_timer_t *uv);
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

/* Not before the start: it needs threads, and those come after privileges are dropped. */
void watch_arm_all(struct instance *in)
{
    list_for_each(it, &in->watches)
    {
        struct watch *w = list_entry(it, struct watch, link);

        watch_arm(w);
        uv_fs_poll_start(&w->poll, on_poll, w->path, WATCH_POLL_MS);
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

static void on_poll(uv_fs_poll_t *uv, int status, const uv_stat_t *before,
                    const uv_stat_t *after)
{
    struct watch *w = uv->data;

    (void)status; /* it vanished: a change, too */
    (void)before;
    (void)after;
    watch_arm(w);
    watch_changed(w);
}

static void on_quiet(uv_timer_t *uv)
{
    struct watch *w = uv->data;

    log_debug(w->in->name, "watched file changed path=%s", w->path);
    peer_of(w->in)->request_sync(w->in->env, w->in->short_name);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;

    if (--w->open > 0)
        return;
    free(w->path);
    free(w->folder);
    free(w);
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
    uv_fs_poll_init(loop, &w->poll);
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
        uv_close((uv_handle_t *)&w->parent, on_closed);
        uv_close((uv_handle_t *)&w->self, on_closed);
        uv_close((uv_handle_t *)&w->poll, on_closed);
        uv_close((uv_handle_t *)&w->timer, on_closed);
    }
    in->n_watches = 0;
}
