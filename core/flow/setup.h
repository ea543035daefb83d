/* setup.h - one configuration as flow keeps it: copied, sorted, counted by reference.
 *
 * A query holds the setup it started with; a reload makes a new one beside it. Sources
 * stand in the order of answers: priority, then name. */
#ifndef FLOW_SETUP_H
#define FLOW_SETUP_H

#include "base/arena.h"
#include "flow/flow.h"

struct auth_user;
struct source;
struct view;

/* User names, @groups, "anonymous". */
struct setup_names {
    const char *const *names;
    size_t n;
};

struct setup_rule {
    uint32_t kind;
    struct ctr_str name; /* CTR_FIELD_CUSTOM; absent: every custom field */
    struct setup_names who;
};

struct setup_source {
    struct ctr_str name; /* NUL behind */
    uint64_t name_hash;
    struct dialplan plan;
    int priority;
    uint32_t order; /* its place in setup->sources */
    struct setup_names allow, share_groups;
    struct setup_rule *rules;
    size_t n_rules;
    uint32_t sync_interval, sync_limit, stale_after, live_timeout;
    struct flow_times sync_times;
    unsigned max_delete_percent;
    bool live;
    struct cache_source *cache;
    struct source *source; /* flow's living part */
};

struct setup_client {
    const char *name;
    uint32_t index;
    struct dialplan plan;
    enum number_format format;
    uint32_t size_limit, time_limit;
    enum flow_ambiguity ambiguity;
    bool company_match, anonymous;
    struct setup_names sources; /* n 0: all */
    uint64_t fields;            /* never 0 */
};

struct setup_user {
    const char *name;
    struct setup_names groups;
    struct auth_user *auth; /* NULL: has no secret, cannot log in */
};

/* Who sees what, made when first needed: access.c. Replaced as a whole when groups
 * change; who looks through one holds it. */
struct viewset {
    unsigned refs;
    struct arena arena;
    struct view *at[]; /* client x (users + 2) */
};

struct setup {
    unsigned refs;
    uint64_t serial; /* no two are alike */
    struct arena arena;
    struct setup_source *sources;
    uint32_t n_sources;
    struct setup_client *clients;
    uint32_t n_clients;
    struct setup_user *users; /* by name, ASCII case ignored */
    uint32_t n_users;
    struct viewset *views;
};

/* Copies the configuration; living sources and users are linked by the caller. */
struct setup *setup_create(const struct flow_config *config, uint64_t serial);
struct setup *setup_ref(struct setup *setup);
/* The last one frees it and lets go of its auth users. NULL-safe. */
void setup_unref(struct setup *setup);

struct viewset *viewset_ref(struct viewset *views);
void viewset_unref(struct viewset *views); /* NULL-safe */
/* From here on all views are made anew. */
void setup_forget_views(struct setup *setup);

/* NULL: none of that name. */
struct setup_client *setup_find_client(const struct setup *setup, const char *name);
struct setup_user *setup_find_user(const struct setup *setup, struct ctr_str name);

#endif
