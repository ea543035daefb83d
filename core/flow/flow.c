/* flow.c - builds flow up, gives it a configuration, takes it down. */
#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "flow/auth.h"
#include "flow/query.h"
#include "flow/refresh.h"
#include "flow/report.h"
#include "flow/source.h"
#include "flow/state.h"
#include "flow/sync.h"

/* ---- small things the rooms share ------------------------------------------ */

struct anchor *anchor_ref(struct anchor *anchor)
{
    atomic_fetch_add(&anchor->refs, 1);
    return anchor;
}

void anchor_unref(struct anchor *anchor)
{
    if (atomic_fetch_sub(&anchor->refs, 1) == 1)
        free(anchor);
}

void flow_utf8(char *z)
{
    size_t n = strlen(z);

    for (size_t cut = 0; cut <= 3 && cut <= n; cut++) {
        if (str_is_utf8(str_make(z, n - cut))) {
            z[n - cut] = 0;
            return;
        }
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] >= 0x80)
            z[i] = '?';
}

uv_timer_t *flow_timer_create(struct flow *flow, void *data)
{
    uv_timer_t *timer = xcalloc(1, sizeof(*timer));

    ensure(uv_timer_init(loop_uv(flow->loop), timer) == 0);
    timer->data = data;
    return timer;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void flow_timer_close(uv_timer_t *timer)
{
    if (timer)
        uv_close((uv_handle_t *)timer, on_timer_closed);
}

int flow_read_begin(struct flow *flow)
{
    int r = 0;

    if (flow->read_depth == 0 && !flow->read_held) {
        r = cache_read_begin(flow->cache);
        flow->read_serial++;
    }
    if (r == 0)
        flow->read_depth++;
    return r;
}

static void on_burst_end(struct loop_burst *burst)
{
    struct flow *flow = (struct flow *)((char *)burst - offsetof(struct flow, burst));

    flow->read_held = false;
    cache_read_end(flow->cache);
}

/* Requests that came together read together. */
void flow_read_end(struct flow *flow)
{
    ensure(flow->read_depth > 0);
    if (--flow->read_depth > 0 || flow->read_held)
        return;
    flow->burst.end = on_burst_end;
    flow->read_held = loop_burst_add(flow->loop, &flow->burst);
    if (!flow->read_held)
        cache_read_end(flow->cache);
}

/* ---- sources --------------------------------------------------------------- */

struct source *source_find(struct flow *flow, const char *name)
{
    list_for_each(it, &flow->sources)
    {
        struct source *s = list_entry(it, struct source, link);

        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

static void take_groups(struct source *s)
{
    struct strbuf bytes = {0};

    (void)cache_groups(s->cache, &bytes); /* none: there are none */
    groups_set(&s->groups, &bytes);
}

/* Finds or makes it. */
static struct source *source_get(struct flow *flow, const char *name)
{
    struct source *s = source_find(flow, name);

    if (s)
        return s;
    s = xcalloc(1, sizeof(*s));
    s->flow = flow;
    s->name = xstrdup(name);
    snprintf(s->who, sizeof(s->who), "source.%s", name);
    s->cache = cache_source(flow->cache, name);
    s->timer = flow_timer_create(flow, s);
    s->progress = flow_timer_create(flow, s);
    s->late = flow_timer_create(flow, s);
    list_init(&s->watchers);
    list_init(&s->searches);
    list_append(&flow->sources, &s->link);
    source_info_changed(s);
    take_groups(s);
    return s;
}

void source_groups_changed(struct source *s, struct groups *groups)
{
    groups_finish(&s->groups);
    s->groups = *groups;
    *groups = (struct groups){0};
    s->flow->loaded_view = NULL; /* it may go with its views */
    setup_forget_views(s->flow->setup);
}

void source_destroy(struct source *s)
{
    ensure(!s->sync && !s->test);
    search_detach_source(s);
    sync_notify(s, true, -CTR_ECANCELED);
    list_remove(&s->link);
    flow_timer_close(s->timer);
    flow_timer_close(s->progress);
    flow_timer_close(s->late);
    refresh_destroy(s);
    free(s->rejects.items);
    groups_finish(&s->groups);
    cJSON_Delete(s->dry_run);
    free(s->name);
    free(s);
}

enum { INFO_MS = 1000 };

void source_info_changed(struct source *s)
{
    s->info_at = clock_ms();
    cache_source_info(s->cache, &s->info);
}

const struct cache_info *source_info(struct source *s)
{
    /* libuv's time of this turn: no system call, and near enough. */
    int64_t now = (int64_t)uv_now(s->timer->loop);

    if (now - s->info_at > INFO_MS)
        source_info_changed(s);
    return &s->info;
}

bool source_is_stale(struct source *s, uint32_t limit)
{
    int64_t as_of = source_info(s)->as_of;

    return as_of > 0 && clock_wall_ms() - as_of > (int64_t)limit;
}

/* ---- configuration --------------------------------------------------------- */

static void link_sources(struct flow *flow, struct setup *setup)
{
    list_for_each(it, &flow->sources) list_entry(it, struct source, link)->conf = NULL;
    for (uint32_t i = 0; i < setup->n_sources; i++) {
        struct setup_source *conf = &setup->sources[i];

        conf->source = source_get(flow, conf->name.ptr);
        conf->cache = conf->source->cache;
        conf->source->conf = conf;
    }
}

/* What a query still holds stays; its memory goes with flow. */
static void drop_sources(struct flow *flow)
{
    list_for_each_safe(it, &flow->sources)
    {
        struct source *s = list_entry(it, struct source, link);

        if (!s->conf && !s->started && !source_busy(s) && list_empty(&flow->queries))
            source_destroy(s);
    }
}

static void link_clients(struct flow *flow, struct setup *setup)
{
    list_for_each(it, &flow->clients)
    {
        struct flow_client *c = list_entry(it, struct flow_client, link);

        c->conf = setup_find_client(setup, c->name);
    }
}

static void link_users(struct flow *flow, struct setup *setup,
                       const struct flow_config *config)
{
    for (size_t i = 0; i < config->n_users; i++) {
        const struct flow_user_config *from = &config->users[i];
        struct setup_user *user = setup_find_user(setup, str_of(from->name));
        struct setup_user *old =
            flow->setup ? setup_find_user(flow->setup, str_of(from->name)) : NULL;

        if (user && !user->auth)
            user->auth = auth_user_create(flow->auth, user->name, from->secret,
                                          old ? old->auth : NULL);
    }
}

static void retain(struct flow *flow, const struct setup *setup)
{
    const char **names = xcalloc((size_t)setup->n_sources + 1, sizeof(*names));

    for (uint32_t i = 0; i < setup->n_sources; i++)
        names[i] = setup->sources[i].name.ptr;
    cache_retain(flow->cache, names, setup->n_sources);
    free(names);
}

void flow_configure(struct flow *flow, const struct flow_config *config)
{
    struct setup *setup = setup_create(config, ++flow->serial), *old = flow->setup;

    link_sources(flow, setup);
    link_clients(flow, setup);
    link_users(flow, setup, config);
    flow->setup = setup;
    setup_unref(old);
    drop_sources(flow);
    retain(flow, setup);
    for (uint32_t i = 0; i < setup->n_sources; i++)
        source_configured(setup->sources[i].source);
}

void flow_resync_all(struct flow *flow)
{
    list_for_each(it, &flow->sources)
    {
        struct source *s = list_entry(it, struct source, link);

        source_info_changed(s);
        if (s->started)
            flow_source_request_sync(flow, s->name);
    }
}

struct flow_client *flow_client(struct flow *flow, const char *name)
{
    struct flow_client *c;

    list_for_each(it, &flow->clients)
    {
        c = list_entry(it, struct flow_client, link);
        if (strcmp(c->name, name) == 0)
            return c;
    }
    if (!setup_find_client(flow->setup, name))
        return NULL;
    c = xcalloc(1, sizeof(*c));
    c->flow = flow;
    c->name = xstrdup(name);
    c->conf = setup_find_client(flow->setup, name);
    list_append(&flow->clients, &c->link);
    return c;
}

void flow_sources(struct flow_client *client, const struct ctr_principal *principal,
                  ctr_source_fn fn, void *user)
{
    const struct view *view;
    struct setup *setup;

    if (!client->conf)
        return;
    setup = setup_ref(client->flow->setup);
    view = access_view(setup, client->conf, (struct ctr_principal *)(uintptr_t)principal);
    for (uint32_t i = 0; i < view->n; i++) {
        const struct setup_source *s = view->sources[i].source;
        const struct cache_info *info = source_info(s->source);
        struct ctr_source_info out = {.size = sizeof(out),
                                      .name = s->name,
                                      .contacts = info->contacts,
                                      .as_of = info->as_of};

        fn(user, &out);
    }
    setup_unref(setup);
}

struct ctr_principal *flow_admin(struct flow *flow)
{
    return flow->admin;
}

/* ---- life ------------------------------------------------------------------ */

struct flow *flow_create(struct loop *loop, struct cache *cache)
{
    struct flow *flow = xcalloc(1, sizeof(*flow));
    struct flow_config none = {0};

    ensure(sodium_init() >= 0);
    flow->loop = loop;
    flow->cache = cache;
    flow->anchor = xcalloc(1, sizeof(*flow->anchor));
    atomic_init(&flow->anchor->refs, 1);
    flow->anchor->flow = flow;
    randombytes_buf(flow->key, sizeof(flow->key));
    list_init(&flow->clients);
    list_init(&flow->sources);
    list_init(&flow->reports);
    list_init(&flow->searches);
    list_init(&flow->queries);
    list_init(&flow->ready);
    list_init(&flow->spare);
    eval_init(&flow->eval);
    flow->admin = principal_create("admin", true);
    flow->trace = trace_create();
    flow->tick = flow_timer_create(flow, flow);
    flow->setup = setup_create(&none, ++flow->serial);
    flow->auth = auth_create(flow);
    return flow;
}

static void free_clients(struct flow *flow)
{
    while (!list_empty(&flow->clients)) {
        struct flow_client *c = list_entry(flow->clients.next, struct flow_client, link);

        list_remove(&c->link);
        free(c->name);
        free(c);
    }
}

void flow_destroy(struct flow *flow)
{
    if (!flow)
        return;
    flow->anchor->flow = NULL;
    query_cancel_all(flow);
    report_cancel_all(flow);
    loop_slice_cancel(&flow->slice);
    search_detach_all(flow);
    while (!list_empty(&flow->sources))
        source_destroy(list_entry(flow->sources.next, struct source, link));
    auth_destroy(flow->auth);
    setup_unref(flow->setup);
    query_free_spare(flow);
    free_clients(flow);
    flow_timer_close(flow->tick);
    trace_destroy(flow->trace);
    eval_finish(&flow->eval);
    principal_unref(flow->admin);
    wipe(flow->key, sizeof(flow->key));
    anchor_unref(flow->anchor);
    free(flow);
}
