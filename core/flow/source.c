/* source.c - what the plugin module and the control socket do with a source: start, stop,
 * ask for a sync, watch one. */
#include "flow/source.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/sync.h"

void flow_source_start(struct flow *flow, const char *name,
                       const struct flow_driver *driver)
{
    struct source *s = source_find(flow, name);

    if (!s || !s->conf) {
        log_error("flow", "source_unknown source=%s: not in the configuration", name);
        return;
    }
    s->driver = *driver;
    s->started = true;
    s->failures = 0;
    s->error[0] = 0;
    if (source_busy(s)) {
        s->resume_at = clock_ms() + SCHEDULE_SOON;
        return;
    }
    source_info_changed(s);
    s->last_success = source_info(s)->as_of;
    sync_set_state(s, s->last_success > 0 ? SOURCE_OK : SOURCE_WAITING);
    if (driver->watches)
        schedule_at(s, clock_ms() + SCHEDULE_SOON);
    else
        schedule_first(s);
}

void flow_source_stop(struct flow *flow, const char *name, void (*done)(void *arg),
                      void *arg)
{
    struct source *s = source_find(flow, name);

    if (!s) {
        done(arg);
        return;
    }
    search_cancel_source(s);
    s->started = s->wanted = false;
    test_give_up(s, -CTR_ECANCELED);
    if (s->sync) {
        s->stopped = done;
        s->stopped_arg = arg;
        sync_cancel(s);
        return;
    }
    schedule_at(s, 0);
    sync_set_state(s, SOURCE_DISABLED);
    done(arg);
}

void flow_source_error(struct flow *flow, const char *name, const char *reason)
{
    struct source *s = source_find(flow, name);

    if (!s)
        return;
    if (s->sync && (s->sync->preview ||
                    s->sync->dry_run)) { /* how the source stands is another matter */
        snprintf(s->sync->reason, sizeof(s->sync->reason), "%s", reason ? reason : "");
        return;
    }
    sync_set_error(s, reason);
    s->error_is_new = true;
    if (!s->started)
        sync_set_state(s, SOURCE_FAILED);
}

struct wish {
    struct anchor *anchor;
    char name[];
};

static void on_wish(void *arg)
{
    struct wish *wish = arg;
    struct flow *flow = wish->anchor->flow;
    struct source *s = flow ? source_find(flow, wish->name) : NULL;

    if (s && s->started) {
        s->failures = 0;
        s->wanted = true;
        if (!source_busy(s))
            schedule_at(s, clock_ms() + SCHEDULE_SOON);
    }
    anchor_unref(wish->anchor);
    free(wish);
}

void flow_source_request_sync(struct flow *flow, const char *name)
{
    struct wish *wish = xmalloc(sizeof(*wish) + strlen(name) + 1);

    wish->anchor = anchor_ref(flow->anchor);
    memcpy(wish->name, name, strlen(name) + 1);
    loop_post(flow->loop, on_wish, wish);
}

int flow_source_sync_now(struct flow *flow, const char *name, bool allow_delete,
                         bool dry_run, flow_sync_watch_fn on_change, void *arg)
{
    struct source *s = source_find(flow, name);
    struct watcher *w;

    if (!s || !s->conf)
        return -CTR_ENOENT;
    if (!s->started)
        return -CTR_EUNAVAIL;
    if (source_busy(s) || s->refreshing)
        return -CTR_EBUSY;
    if (s->driver.soon && s->driver.soon(s->driver.ctx))
        return -CTR_EBUSY;
    if (on_change) {
        w = xcalloc(1, sizeof(*w));
        w->fn = on_change;
        w->arg = arg;
        list_append(&s->watchers, &w->link);
    }
    if (dry_run)
        schedule_dry_run(s, allow_delete);
    else
        schedule_sync(s, allow_delete);
    return 0;
}

void flow_source_unwatch(struct flow *flow, void *arg)
{
    list_for_each(it, &flow->sources)
    {
        struct source *s = list_entry(it, struct source, link);

        list_for_each_safe(at, &s->watchers)
        {
            struct watcher *w = list_entry(at, struct watcher, link);

            if (w->arg != arg)
                continue;
            list_remove(&w->link);
            free(w);
        }
    }
}

void source_configured(struct source *s)
{
    uint64_t shape;

    if (!s->conf || !s->started)
        return;
    shape = sync_shape(&s->conf->plan);
    if (s->shape != 0 && s->shape != shape)
        s->wanted = true; /* its numbers read differently now */
    if (s->refused_at > 0 && s->refused_at != 1 + s->conf->max_delete_percent)
        s->wanted = true; /* it may be allowed now */
    if (source_busy(s) || (s->failures > 0 && !s->wanted))
        return;
    if (s->wanted)
        schedule_at(s, clock_ms() + SCHEDULE_SOON);
    else if (s->conf->sync_interval > 0 || s->conf->sync_times.n > 0)
        schedule_first(s);
    else
        schedule_at(s, 0);
}
