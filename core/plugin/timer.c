/* timer.c - the timers of a plugin's instance: a uv timer each, gone with the instance.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "plugin/private.h"

struct ctr_timer {
    struct list link;
    uv_timer_t uv;
    struct instance *in;
    ctr_task_fn fn;
    void *user;
};

static void on_timer(uv_timer_t *uv)
{
    struct ctr_timer *timer = uv->data;

    timer->fn(timer->user);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void timer_close(struct ctr_timer *timer)
{
    list_remove(&timer->link);
    uv_close((uv_handle_t *)&timer->uv, on_closed);
}

/* From now, in the loop's time, which stands while the loop looks for timers that are
 * due: older versions of libuv look on as long as one is. So one that is started by
 * another is due in the next turn at the earliest, and descriptors get theirs. */
static uint64_t due_in(const uv_loop_t *loop, uint32_t after)
{
    uint64_t now = uv_hrtime() / 1000000, turn = uv_now(loop);

    return (after > 0 ? after : 1) + (now > turn ? now - turn : 0);
}

struct ctr_timer *timer_start(const struct ctr_host *host, uint32_t after,
                              uint32_t repeat, ctr_task_fn fn, void *user)
{
    struct instance *in = instance_of(host);
    struct ctr_timer *timer;

    if (!fn || !in->env->loop || !host_on_loop(in, "timer_start") || in->ended)
        return NULL;
    timer = xcalloc(1, sizeof(*timer));
    timer->in = in;
    timer->fn = fn;
    timer->user = user;
    timer->uv.data = timer;
    uv_timer_init(loop_uv(in->env->loop), &timer->uv);
    uv_timer_start(&timer->uv, on_timer, due_in(loop_uv(in->env->loop), after), repeat);
    list_append(&in->timers, &timer->link);
    return timer;
}

void timer_stop(const struct ctr_host *host, struct ctr_timer *timer)
{
    struct instance *in = instance_of(host);

    if (!timer || !host_on_loop(in, "timer_stop"))
        return;
    list_for_each(it, &in->timers)
    {
        if (it == &timer->link) {
            timer_close(timer);
            return;
        }
    }
    host_misuse(in, "it called timer_stop with a timer it does not have");
}

void timer_quiet_all(struct instance *in)
{
    list_for_each(it, &in->timers)
        uv_timer_stop(&list_entry(it, struct ctr_timer, link)->uv);
}

void timer_stop_all(struct instance *in)
{
    list_for_each_safe(it, &in->timers)
        timer_close(list_entry(it, struct ctr_timer, link));
}
