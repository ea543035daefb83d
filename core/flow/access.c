/* access.c - makes views from the rules of a setup, and keeps principals. */
#include "flow/access.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "flow/source.h"

struct ctr_principal {
    unsigned refs;
    bool admin;
    char *name;
    /* Where the name stands in the setup it was last used with. */
    uint64_t serial;
    uint32_t user;
};

/* Places in setup->views of one client. */
enum { WHO_ANONYMOUS, WHO_ADMIN, WHO_USER };

struct ctr_principal *principal_create(const char *name, bool admin)
{
    struct ctr_principal *p = xcalloc(1, sizeof(*p));

    p->refs = 1;
    p->admin = admin;
    p->name = xstrdup(name);
    return p;
}

const char *principal_name(const struct ctr_principal *principal)
{
    return principal ? principal->name : "";
}

struct ctr_principal *principal_ref(struct ctr_principal *principal)
{
    if (principal)
        principal->refs++;
    return principal;
}

void principal_unref(struct ctr_principal *principal)
{
    if (!principal || --principal->refs > 0)
        return;
    free(principal->name);
    free(principal);
}

/* A user who is no longer in the configuration counts as anonymous. */
static uint32_t who_is(const struct setup *setup, struct ctr_principal *p)
{
    const struct setup_user *user;

    if (!p)
        return WHO_ANONYMOUS;
    if (p->admin)
        return WHO_ADMIN;
    if (p->serial != setup->serial) {
        user = setup_find_user(setup, str_of(p->name));
        p->user = user ? WHO_USER + (uint32_t)(user - setup->users) : WHO_ANONYMOUS;
        p->serial = setup->serial;
    }
    return p->user;
}

/* What a source tells of its groups opens itself; others only where the configuration
 * says so, for who can write into one source must not open all. */
static bool shares(const struct setup_source *s, const char *group)
{
    for (size_t i = 0; i < s->share_groups.n; i++)
        if (strcmp(s->share_groups.names[i], group) == 0 ||
            strcmp(s->share_groups.names[i], "*") == 0)
            return true;
    return false;
}

/* By the configuration, or by what a source tells of its groups. s: whose rule it is */
static bool in_group(const struct setup *setup, const struct setup_source *s,
                     const struct setup_user *user, const char *group)
{
    for (size_t i = 0; i < user->groups.n; i++)
        if (strcmp(user->groups.names[i], group) == 0)
            return true;
    for (uint32_t i = 0; i < setup->n_sources; i++) {
        const struct setup_source *teller = &setup->sources[i];

        if (teller->source && (teller == s || shares(teller, group)) &&
            groups_have(&teller->source->groups, group, str_of(user->name)))
            return true;
    }
    return false;
}

/* user NULL: anonymous. Who is named "anonymous" is everybody: leaving out the password
 * must not show more than giving it. */
static bool named(const struct setup *setup, const struct setup_source *s,
                  const struct setup_names *who, const struct setup_user *user)
{
    for (size_t i = 0; i < who->n; i++) {
        const char *name = who->names[i];

        if (strcmp(name, "anonymous") == 0)
            return true;
        if (!user)
            continue;
        if (name[0] == '@' ? in_group(setup, s, user, name + 1)
                           : str_eq_nocase(str_of(name), str_of(user->name)))
            return true;
    }
    return false;
}

static bool client_has_source(const struct setup_client *client, struct ctr_str name)
{
    for (size_t i = 0; i < client->sources.n; i++)
        if (str_eq_z(name, client->sources.names[i]))
            return true;
    return client->sources.n == 0;
}

static bool may_see(const struct setup *setup, const struct setup_client *client,
                    const struct setup_source *source, const struct setup_user *user,
                    bool admin)
{
    if (!client_has_source(client, source->name))
        return false;
    if (admin)
        return true;
    if (!user && !client->anonymous)
        return false;
    return source->allow.n == 0 || named(setup, source, &source->allow, user);
}

/* Several rules for one field: any of them opens it. */
static bool rule_opens(const struct setup *setup, const struct setup_source *s,
                       const struct setup_rule *rule, const struct setup_user *user)
{
    for (size_t i = 0; i < s->n_rules; i++) {
        const struct setup_rule *other = &s->rules[i];

        if (other->kind == rule->kind && str_eq(other->name, rule->name) &&
            named(setup, s, &other->who, user))
            return true;
    }
    return false;
}

static void apply_rules(struct setup *setup, struct view_source *v,
                        const struct setup_user *user)
{
    struct arena *a = &setup->views->arena;
    const struct setup_source *s = v->source;
    struct ctr_str *hidden = arena_array(a, s->n_rules, sizeof(*hidden));

    for (size_t i = 0; i < s->n_rules; i++) {
        const struct setup_rule *rule = &s->rules[i];

        if (rule->kind > CTR_FIELD_CUSTOM || rule->kind == CTR_FIELD_ID ||
            rule_opens(setup, s, rule, user))
            continue;
        v->secret |= CTR_KIND(rule->kind);
        if (rule->kind == CTR_FIELD_CUSTOM && rule->name.ptr)
            hidden[v->n_hidden++] = rule->name;
        else
            v->kinds &= ~CTR_KIND(rule->kind);
    }
    v->hidden = hidden;
}

static struct view *make_view(struct setup *setup, const struct setup_client *client,
                              uint32_t who)
{
    struct arena *a = &setup->views->arena;
    const struct setup_user *user =
        who >= WHO_USER ? &setup->users[who - WHO_USER] : NULL;
    struct view *view = arena_alloc(a, sizeof(*view));

    view->principal = user ? user->name : NULL;
    view->admin = who == WHO_ADMIN;
    view->sources = arena_array(a, setup->n_sources, sizeof(*view->sources));
    for (uint32_t i = 0; i < setup->n_sources; i++) {
        struct view_source *v = &view->sources[view->n];

        if (!may_see(setup, client, &setup->sources[i], user, view->admin))
            continue;
        *v = (struct view_source){.source = &setup->sources[i], .kinds = client->fields};
        /* A client that reads names, but no parts of names, is to read names. */
        v->secret = ~client->fields & (CTR_KINDS_PHONE | CTR_KIND(CTR_FIELD_MAIL));
        if (!view->admin)
            apply_rules(setup, v, user);
        v->restricted = v->kinds != CTR_KINDS_ALL || v->n_hidden > 0;
        view->n++;
    }
    view->unseen = setup->n_sources - view->n;
    return view;
}

const struct view *access_view(struct setup *setup, const struct setup_client *client,
                               struct ctr_principal *principal)
{
    uint32_t who = who_is(setup, principal);
    size_t at = (size_t)client->index * ((size_t)setup->n_users + 2) + who;

    if (!setup->views->at[at])
        setup->views->at[at] = make_view(setup, client, who);
    return setup->views->at[at];
}

const struct view_source *access_find(const struct view *view, struct ctr_str source)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (str_eq(view->sources[i].source->name, source))
            return &view->sources[i];
    return NULL;
}

bool access_owns(const struct view *view, struct ctr_str owner)
{
    if (owner.len == 0 || view->admin)
        return true;
    return view->principal && str_eq_nocase(owner, str_of(view->principal));
}
