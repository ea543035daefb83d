/* daemon_reload.c - from the running configuration to another one, or not at all.
 *
 * Everything new is made beside the old: read, checked, created, bound. Only when nothing
 * can fail any more is it exchanged. What did not change is not touched. */
#include "daemon_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

enum { RELOAD_PATIENCE_MS = 10000, RELOAD_ERROR_MAX = 1024 };

struct reload_request {
    struct list link;
    reload_fn done;
    void *arg;
};

/* What becomes of one section of the new configuration. */
struct change {
    struct settings_instance *si;
    struct slot *slot;   /* NULL: it is new */
    struct instance *in; /* NULL: the running one is kept */
};

struct reload {
    struct daemon *d;
    struct settings *next;
    struct change *changes;
    struct strbuf text; /* what the administrator is told */
    unsigned kept, changed, added, removed;
};

/* ---- looking -------------------------------------------------------------------- */

static int load(struct daemon *d, struct strbuf *text, struct settings **out)
{
    struct diag *diag = xcalloc(1, sizeof(*diag));
    int err = settings_load(d->config_path, SETTINGS_STRICT, &d->registry, diag, out);

    diag_format(diag, text);
    diag_finish(diag);
    free(diag);
    return err;
}

int daemon_check_files(struct daemon *d, struct strbuf *text)
{
    struct settings *settings;
    int err = load(d, text, &settings);

    settings_destroy(settings);
    if (d->settings)
        registry_set_dir(&d->registry, d->settings->daemon.plugin_dir);
    return err;
}

static int check_confined(struct reload *r)
{
    const char *outside, *of;

    if (!rights_may_isolate(r->d, r->next)) {
        strbuf_fmt(&r->text,
                   "%s: error: the daemon confined itself at its start and cannot start "
                   "the process of an isolated source; restart it once\n",
                   r->d->config_path);
        return -CTR_EACCES;
    }
    if (!r->d->confined)
        return 0;
    if (!settings_programs_within(r->next, r->d->startable, &outside)) {
        strbuf_fmt(&r->text,
                   "%s: error: the daemon confined itself to the programs of its first "
                   "configuration and cannot start those in %s; restart it, or set "
                   "confine = false in [contactor] and restart it once\n",
                   r->d->config_path, outside);
        return -CTR_EACCES;
    }
    if (settings_within(r->next, r->d->confined, &outside, &of))
        return 0;
    strbuf_fmt(&r->text,
               "%s: error: %s%s%sthe daemon confined itself to the folders of its first "
               "configuration and cannot open %s; restart it, or set confine = false in "
               "[contactor] and restart it once\n",
               r->d->config_path, of ? "[" : "", of ? of : "", of ? "]: " : "", outside);
    return -CTR_EACCES;
}

static bool unchanged(const struct slot *slot, const struct settings_instance *si)
{
    return slot && slot->in && slot->identity &&
           instance_plugin(slot->in) == si->plugin &&
           instance_state(slot->in) == INSTANCE_STARTED &&
           conf_values_equal(slot->identity, si->identity);
}

static void drop_made(struct reload *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (r->changes[i].in)
            slot_drop_instance(r->d, r->changes[i].in);
}

static int make_changes(struct reload *r)
{
    char error[RELOAD_ERROR_MAX];

    r->changes = xcalloc(r->next->n_instances + 1, sizeof(*r->changes));
    for (unsigned i = 0; i < r->next->n_instances; i++) {
        struct change *c = &r->changes[i];
        int err;

        c->si = &r->next->instances[i];
        c->slot = slot_find(r->d, c->si->name);
        if (unchanged(c->slot, c->si))
            continue;
        err = slot_make(r->d, c->si, &c->in, error, sizeof(error));
        if (err != 0) {
            strbuf_fmt(&r->text, "%s: error: [%s] %s\n", r->d->config_path, c->si->name,
                       error);
            drop_made(r, i);
            return err;
        }
    }
    return 0;
}

/* ---- exchanging ----------------------------------------------------------------- */

/* The old one of a front end ends while the new one answers already. */
static void end_beside(struct slot *slot, struct settings_instance *si)
{
    struct slot *ghost = slot_add(slot->daemon, si);

    ghost->removed = true;
    ghost->in = slot->in;
    slot->in = NULL;
    slot_end(ghost);
}

static void apply_change(struct reload *r, struct change *c)
{
    struct slot *slot = c->slot ? c->slot : slot_add(r->d, c->si);
    char error[RELOAD_ERROR_MAX];

    if (!c->in) {
        struct net_service *service = instance_service(slot->in);

        r->kept++;
        if (service && net_service_reload_tls(service, error, sizeof(error)) != 0)
            log_error(slot->name, "the old certificate stays reason=%s",
                      log_quoted(error));
        return;
    }
    r->changed += c->slot != NULL;
    r->added += c->slot == NULL;
    slot_adopt(slot, c->si);
    if (slot->in && slot->role == INSTANCE_SOURCE) {
        slot->next = c->in;
        slot_end(slot);
        return;
    }
    if (slot->in) {
        /* First the new one takes over the sockets, then the old one lets go. */
        struct instance *old = slot->in;

        slot->in = c->in;
        slot_start(slot);
        c->in = slot->in;
        slot->in = old;
        end_beside(slot, c->si);
        slot->in = c->in;
        return;
    }
    slot->in = c->in;
    slot_start(slot);
}

static void remove_others(struct reload *r)
{
    list_for_each_safe(it, &r->d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->removed || settings_find(r->next, slot->name))
            continue;
        r->removed++;
        slot->removed = true;
        if (slot->in)
            slot_end(slot);
        else
            slot_free(slot);
    }
}

static bool differ(const char *a, const char *b)
{
    return (a != NULL) != (b != NULL) || (a && strcmp(a, b) != 0);
}

/* What was needed at the start only is told, not silently left out. */
static void tell_later(struct reload *r, const char *option, bool changed)
{
    if (changed)
        strbuf_fmt(&r->text,
                   "%s: warning: %s of [contactor] takes effect at the next start\n",
                   r->d->config_path, option);
}

static void apply_daemon(struct reload *r)
{
    const struct settings_daemon *was = &r->d->settings->daemon, *is = &r->next->daemon;
    struct net_options options = {.max_sessions = is->max_sessions,
                                  .max_sessions_per_peer = is->max_sessions_per_peer};

    tell_later(r, "state_dir", differ(was->state_dir, is->state_dir));
    tell_later(r, "control_socket", differ(was->control_socket, is->control_socket));
    tell_later(r, "user", differ(was->user, is->user));
    tell_later(r, "group", differ(was->group, is->group));
    tell_later(r, "cache_map_size", was->cache_map_size != is->cache_map_size);
    tell_later(r, "cache_map_max", was->cache_map_max != is->cache_map_max);
    tell_later(r, "confine", was->confine != is->confine);
    net_set_options(r->d->net, &options);
    if (was->log_level != is->log_level)
        log_set_level(is->log_level);
}

/* Numbers are read with the source's plan when they are stored. */
static void sync_replanned(struct daemon *d, const struct settings *was,
                           const struct settings *is)
{
    for (size_t i = 0; i < is->flow.n_sources; i++) {
        const struct flow_source_config *new = &is->flow.sources[i];

        for (size_t k = 0; k < was->flow.n_sources; k++) {
            const struct flow_source_config *old = &was->flow.sources[k];

            if (strcmp(old->name, new->name) == 0 &&
                !dialplan_same(&old->plan, &new->plan))
                flow_source_request_sync(d->flow, new->name);
        }
    }
}

static void apply(struct reload *r)
{
    struct daemon *d = r->d;
    struct settings *was = d->settings;

    apply_daemon(r);
    flow_configure(d->flow, &r->next->flow);
    settings_forget_passwords(r->next);
    d->settings = r->next;
    for (unsigned i = 0; i < r->next->n_instances; i++)
        apply_change(r, &r->changes[i]);
    remove_others(r);
    sync_replanned(d, was, r->next);
    settings_destroy(was);
    if (d->ending == 0)
        daemon_retain_cache(d);
}

/* ---- requests ------------------------------------------------------------------- */

static void log_text(struct strbuf *text)
{
    char *copy = xstrdup(text->ptr ? text->ptr : "");
    char *line, *rest = copy;

    while ((line = strsep(&rest, "\n"))) {
        if (strstr(line, ": error: "))
            log_error("config", "%s", line);
        else if (*line)
            log_warn("config", "%s", line);
    }
    free(copy);
}

static int reload_now(struct daemon *d, struct strbuf *text)
{
    struct reload r = {.d = d};
    int err;

    d->n_reloads++;
    notify_reloading(d->notify);
    err = load(d, &r.text, &r.next);
    if (err == 0)
        err = check_confined(&r);
    if (err == 0)
        err = make_changes(&r);
    if (err == 0)
        apply(&r);
    else
        settings_destroy(r.next);
    if (err != 0 && r.text.ptr && strstr(r.text.ptr, "Permission denied"))
        strbuf_fmt(&r.text, "%s: warning: files are read as user id %u\n", d->config_path,
                   (unsigned)geteuid());
    log_text(&r.text);
    if (err == 0) {
        d->reloaded = clock_wall_ms();
        log_info("contactord", "reloaded kept=%u changed=%u added=%u removed=%u", r.kept,
                 r.changed, r.added, r.removed);
        notify_ready(d->notify, "Answering");
    } else {
        d->n_refused++;
        registry_set_dir(&d->registry, d->settings->daemon.plugin_dir);
        log_error("contactord",
                  "reload refused hint=\"correct the lines above; the configuration "
                  "before stays in force\"");
        notify_ready(d->notify, "Answering; the last reload was refused");
    }
    free(r.changes);
    *text = r.text;
    return err;
}

static void answer_all(struct daemon *d, int status, const char *text)
{
    struct list answered;

    list_init(&answered);
    while (!list_empty(&d->reloads)) {
        struct list *first = d->reloads.next;

        list_remove(first);
        list_append(&answered, first);
    }
    list_for_each_safe(it, &answered)
    {
        struct reload_request *request = list_entry(it, struct reload_request, link);

        if (request->done)
            request->done(request->arg, status, text);
        free(request);
    }
}

static void on_patience(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    struct strbuf text = {0};

    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (slot->in && instance_state(slot->in) == INSTANCE_STOPPING)
            strbuf_fmt(&text, "[%s] is still ending and waits for %s; ", slot->name,
                       instance_waits_for(slot->in));
    }
    strbuf_z(&text, "try again later, or restart the daemon");
    log_error("contactord", "reload refused reason=%s", log_quoted(text.ptr));
    d->n_refused++;
    answer_all(d, -CTR_EBUSY, text.ptr);
    strbuf_finish(&text);
}

void daemon_reload_step(struct daemon *d)
{
    struct strbuf text = {0};
    int err;

    if (list_empty(&d->reloads))
        return;
    if (d->stopping) {
        answer_all(d, -CTR_ECANCELED, "the daemon is stopping");
        return;
    }
    if (d->ending > 0) {
        if (!uv_is_active((uv_handle_t *)&d->patience))
            uv_timer_start(&d->patience, on_patience, RELOAD_PATIENCE_MS, 0);
        return;
    }
    uv_timer_stop(&d->patience);
    err = reload_now(d, &text);
    answer_all(d, err, text.ptr ? text.ptr : "");
    strbuf_finish(&text);
}

void daemon_reload(struct daemon *d, reload_fn done, void *arg)
{
    struct reload_request *request = xcalloc(1, sizeof(*request));

    request->done = done;
    request->arg = arg;
    list_append(&d->reloads, &request->link);
    daemon_reload_step(d);
}
