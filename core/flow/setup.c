/* setup.c - copies a configuration into one arena, with defaults filled and order made.
 */
#include "flow/setup.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "flow/auth.h"

enum {
    DEFAULT_SIZE_LIMIT = 500,
    DEFAULT_TIME_LIMIT = 3000,
    DEFAULT_SYNC_LIMIT = 3600 * 1000,
    DEFAULT_LIVE_TIMEOUT = 1500
};

static struct setup_names copy_names(struct arena *a, const char *const *names, size_t n)
{
    const char **copy = arena_array(a, n, sizeof(*copy));

    for (size_t i = 0; i < n; i++)
        copy[i] = arena_z(a, names[i]);
    return (struct setup_names){copy, n};
}

static void copy_rules(struct arena *a, struct setup_source *to,
                       const struct flow_source_config *from)
{
    to->n_rules = from->n_rules;
    to->rules = arena_array(a, from->n_rules, sizeof(*to->rules));
    for (size_t i = 0; i < from->n_rules; i++) {
        const struct flow_rule *rule = &from->rules[i];

        to->rules[i].kind = rule->kind;
        if (rule->name.ptr)
            to->rules[i].name = arena_str(a, rule->name);
        to->rules[i].who = copy_names(a, rule->who, rule->n_who);
    }
}

static void copy_source(struct arena *a, struct setup_source *to,
                        const struct flow_source_config *from)
{
    to->name = arena_str(a, str_of(from->name));
    to->name_hash = XXH3_64bits(to->name.ptr, to->name.len);
    to->plan = from->plan;
    to->priority = from->priority;
    to->allow = copy_names(a, from->allow, from->n_allow);
    to->share_groups = copy_names(a, from->share_groups, from->n_share_groups);
    copy_rules(a, to, from);
    to->sync_interval = from->sync_interval;
    to->sync_limit = from->sync_limit ? from->sync_limit : DEFAULT_SYNC_LIMIT;
    to->stale_after = from->stale_after;
    to->max_delete_percent = from->max_delete_percent;
    to->live = from->live;
    to->live_timeout = from->live_timeout ? from->live_timeout : DEFAULT_LIVE_TIMEOUT;
    to->sync_times = from->sync_times;
}

static void copy_client(struct arena *a, struct setup_client *to,
                        const struct flow_client_config *from)
{
    to->name = arena_z(a, from->name);
    to->plan = from->plan;
    to->format = from->format;
    to->size_limit = from->size_limit ? from->size_limit : DEFAULT_SIZE_LIMIT;
    to->time_limit = from->time_limit ? from->time_limit : DEFAULT_TIME_LIMIT;
    to->ambiguity = from->ambiguity;
    to->company_match = from->company_match;
    to->anonymous = from->anonymous;
    to->sources = copy_names(a, from->sources, from->n_sources);
    /* The id names a contact in every answer; it cannot be left out. */
    to->fields = from->fields ? from->fields | CTR_KIND(CTR_FIELD_ID) : CTR_KINDS_ALL;
}

static int by_priority(const void *pa, const void *pb)
{
    const struct setup_source *a = pa, *b = pb;

    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return str_cmp(a->name, b->name);
}

static int cmp_nocase(struct ctr_str a, struct ctr_str b)
{
    for (uint64_t i = 0; i < a.len && i < b.len; i++) {
        int ca = (unsigned char)a.ptr[i], cb = (unsigned char)b.ptr[i];

        ca += ca >= 'A' && ca <= 'Z' ? 'a' - 'A' : 0;
        cb += cb >= 'A' && cb <= 'Z' ? 'a' - 'A' : 0;
        if (ca != cb)
            return ca - cb;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *pa, const void *pb)
{
    const struct setup_user *a = pa, *b = pb;

    return cmp_nocase(str_of(a->name), str_of(b->name));
}

static struct viewset *viewset_create(const struct setup *s)
{
    size_t n = (size_t)s->n_clients * ((size_t)s->n_users + 2) + 1;
    struct viewset *views = xcalloc(1, sizeof(*views) + n * sizeof(views->at[0]));

    views->refs = 1;
    return views;
}

struct setup *setup_create(const struct flow_config *config, uint64_t serial)
{
    struct setup *s = xcalloc(1, sizeof(*s));
    struct arena *a = &s->arena;

    s->refs = 1;
    s->serial = serial;
    s->n_sources = (uint32_t)config->n_sources;
    s->sources = arena_array(a, s->n_sources, sizeof(*s->sources));
    for (uint32_t i = 0; i < s->n_sources; i++)
        copy_source(a, &s->sources[i], &config->sources[i]);
    qsort(s->sources, s->n_sources, sizeof(*s->sources), by_priority);
    for (uint32_t i = 0; i < s->n_sources; i++)
        s->sources[i].order = i;

    s->n_clients = (uint32_t)config->n_clients;
    s->clients = arena_array(a, s->n_clients, sizeof(*s->clients));
    for (uint32_t i = 0; i < s->n_clients; i++) {
        copy_client(a, &s->clients[i], &config->clients[i]);
        s->clients[i].index = i;
    }

    s->n_users = (uint32_t)config->n_users;
    s->users = arena_array(a, s->n_users, sizeof(*s->users));
    for (uint32_t i = 0; i < s->n_users; i++) {
        s->users[i].name = arena_z(a, config->users[i].name);
        s->users[i].groups =
            copy_names(a, config->users[i].groups, config->users[i].n_groups);
    }
    qsort(s->users, s->n_users, sizeof(*s->users), by_name);
    s->views = viewset_create(s);
    return s;
}

struct viewset *viewset_ref(struct viewset *views)
{
    views->refs++;
    return views;
}

void viewset_unref(struct viewset *views)
{
    if (!views || --views->refs > 0)
        return;
    arena_finish(&views->arena);
    free(views);
}

void setup_forget_views(struct setup *setup)
{
    viewset_unref(setup->views);
    setup->views = viewset_create(setup);
}

struct setup *setup_ref(struct setup *setup)
{
    setup->refs++;
    return setup;
}

void setup_unref(struct setup *setup)
{
    if (!setup || --setup->refs > 0)
        return;
    for (uint32_t i = 0; i < setup->n_users; i++)
        auth_user_unref(setup->users[i].auth);
    viewset_unref(setup->views);
    arena_finish(&setup->arena);
    free(setup);
}

struct setup_client *setup_find_client(const struct setup *setup, const char *name)
{
    for (uint32_t i = 0; i < setup->n_clients; i++)
        if (strcmp(setup->clients[i].name, name) == 0)
            return &setup->clients[i];
    return NULL;
}

struct setup_user *setup_find_user(const struct setup *setup, struct ctr_str name)
{
    uint32_t low = 0, high = setup->n_users;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = cmp_nocase(str_of(setup->users[mid].name), name);

        if (order == 0)
            return &setup->users[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
