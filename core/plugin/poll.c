/* poll.c - descriptors a plugin has us wait for: a uv handle each, quiet when the
 * instance has stopped, gone when it is destroyed.
 *
 * A ctr_poll is held by the plugin, until its stop, and by its uv handle, until that is
 * closed: a library that takes its sockets down in destroy may still name it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "plugin/private.h"

enum { EVENTS_ALL = CTR_POLL_READ | CTR_POLL_WRITE };

struct ctr_poll {
    struct list link; /* of the instance, while the plugin holds it */
    uv_poll_t uv;
    struct instance *in;
    int32_t fd;
    uint32_t events;    /* waited for */
    bool armed;         /* the handle waits for them */
    bool held, closing; /* by the plugin; the handle is on its way out */
    bool open;          /* the handle is not closed yet */
    ctr_poll_fn fn;
    void *user;
};

static void on_poll(uv_poll_t *uv, int status, int events);

static void poll_free(struct ctr_poll *poll)
{
    if (!poll->held && !poll->open)
        free(poll);
}

static void on_closed(uv_handle_t *handle)
{
    struct ctr_poll *poll = handle->data;

    poll->open = false;
    poll_free(poll);
}

static void poll_disarm(struct ctr_poll *poll)
{
    uv_poll_stop(&poll->uv);
    poll->armed = false;
}

/* libuv ends the process over a descriptor that is not one; better the plugin's request
 * than everybody's. */
static int poll_arm(struct ctr_poll *poll)
{
    int events = (poll->events & CTR_POLL_READ ? UV_READABLE : 0) |
                 (poll->events & CTR_POLL_WRITE ? UV_WRITABLE : 0);
    int rc;

    if (fcntl(poll->fd, F_GETFD) < 0)
        return -errno;
    rc = uv_poll_start(&poll->uv, events, on_poll);
    poll->armed = rc == 0;
    return rc;
}

static void poll_rearm(struct ctr_poll *poll)
{
    if (poll_arm(poll) != 0)
        host_misuse(poll->in, "it waits for a descriptor that it has closed");
}

/* At an error of the descriptor libuv has stopped the handle: level-triggered means that
 * it goes on, unless the plugin had enough. */
static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct ctr_poll *poll = uv->data;
    uint32_t happened = (events & UV_READABLE ? CTR_POLL_READ : 0u) |
                        (events & UV_WRITABLE ? CTR_POLL_WRITE : 0u);

    if (status < 0) {
        poll->armed = false;
        happened = CTR_POLL_READ | CTR_POLL_WRITE;
    }
    poll->fn(poll->user, poll->fd, happened);
    if (!poll->closing && !poll->armed && poll->events != 0)
        poll_rearm(poll);
}

static void poll_close(struct ctr_poll *poll)
{
    if (poll->closing)
        return;
    poll->closing = true;
    poll->armed = false;
    uv_close((uv_handle_t *)&poll->uv, on_closed);
}

static bool has_descriptor(const struct instance *in, int32_t fd)
{
    list_for_each(it, &in->polls)
    {
        if (list_entry(it, struct ctr_poll, link)->fd == fd)
            return true;
    }
    return false;
}

static struct ctr_poll *poll_start(const struct ctr_host *host, int32_t fd,
                                   uint32_t events, ctr_poll_fn fn, void *user)
{
    struct instance *in = instance_of(host);
    struct ctr_poll *poll;

    if (!in->env->loop || !host_on_loop(in, "poll start"))
        return NULL;
    if (!fn || fd < 0 || events > EVENTS_ALL || in->state == INSTANCE_STOPPED ||
        has_descriptor(in, fd)) {
        host_misuse(in, "it waits for a descriptor that cannot be waited for (one "
                        "ctr_poll each, before it has stopped)");
        return NULL;
    }
    poll = xcalloc(1, sizeof(*poll));
    *poll =
        (struct ctr_poll){.in = in, .fd = fd, .events = events, .fn = fn, .user = user};
    poll->uv.data = poll;
    if (uv_poll_init(loop_uv(in->env->loop), &poll->uv, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->open = poll->held = true;
    list_append(&in->polls, &poll->link);
    if (events != 0 && poll_arm(poll) != 0) {
        poll_stop(poll);
        return NULL;
    }
    return poll;
}

static void poll_change(struct ctr_poll *poll, uint32_t events)
{
    if (!poll || !host_on_loop(poll->in, "poll change"))
        return;
    if (events > EVENTS_ALL) {
        host_misuse(poll->in, "it waits for events that there are not");
        return;
    }
    if (poll->closing || (poll->armed && poll->events == events))
        return;
    poll->events = events;
    if (events == 0)
        poll_disarm(poll);
    else
        poll_rearm(poll);
}

void poll_stop(struct ctr_poll *poll)
{
    if (!poll || !host_on_loop(poll->in, "poll stop"))
        return;
    list_remove(&poll->link);
    poll->held = false;
    poll_close(poll);
    poll_free(poll);
}

void poll_quiet_all(struct instance *in)
{
    list_for_each(it, &in->polls) poll_close(list_entry(it, struct ctr_poll, link));
}

void poll_stop_all(struct instance *in)
{
    list_for_each_safe(it, &in->polls) poll_stop(list_entry(it, struct ctr_poll, link));
}

const struct ctr_polls poll_extension = {
    .size = sizeof(struct ctr_polls),
    .start = poll_start,
    .change = poll_change,
    .stop = poll_stop,
};
