/* settings_access.c - who may see what, and other references between sections. */
#include "settings_private.h"

#include "base/kind.h"

static void check_principal(struct settings_build *b, const struct conf_node *node)
{
    const char *who = node->string.ptr;
    char hint[256];

    if (node->type != CONF_STRING)
        return; /* told by the schema */
    /* A source may tell of it later; until then nobody is in it. */
    if (who[0] == '@' && !settings_known(who + 1, b->groups, b->n_groups))
        diag_warning(b->diag, node->at,
                     "no user belongs to a group '%s', unless a source brings it (for "
                     "another source with share_groups)%s",
                     who + 1,
                     settings_hint(who + 1, b->groups, b->n_groups, hint, sizeof(hint)));
    else if (who[0] != '@' && strcmp(who, "anonymous") != 0 &&
             !settings_known(who, b->users, b->n_users))
        diag_error(b->diag, node->at, "there is no [user.%s]%s", who,
                   settings_hint(who, b->users, b->n_users, hint, sizeof(hint)));
}

static void check_shared(struct settings_build *b, const struct conf_node *node)
{
    if (node->type == CONF_STRING && node->string.len > 0 && node->string.ptr[0] == '@')
        diag_error(b->diag, node->at, "write the group without the @: \"%s\"",
                   node->string.ptr + 1);
}

static void check_source(struct settings_build *b, const struct conf_node *node)
{
    char hint[256];

    if (node->type == CONF_STRING &&
        !settings_known(node->string.ptr, b->sources, b->n_sources))
        diag_error(b->diag, node->at, "there is no [source.%s]%s", node->string.ptr,
                   settings_hint(node->string.ptr, b->sources, b->n_sources, hint,
                                 sizeof(hint)));
}

/* A string, or each element of a list. */
static void check_each(struct settings_build *b, const struct conf_node *node,
                       void (*check)(struct settings_build *, const struct conf_node *))
{
    if (!node)
        return;
    if (node->type != CONF_ARRAY)
        check(b, node);
    else
        conf_for_each(it, node) check(b, it);
}

void section_check_references(struct section *s)
{
    const struct conf_node *fields = conf_get(s->node, "fields");

    settings_check_plan(s->b, s->node);
    if (s->frontend) {
        check_each(s->b, conf_get(s->node, "sources"), check_source);
        return;
    }
    section_check_interval(s);
    check_each(s->b, conf_get(s->node, "allow"), check_principal);
    check_each(s->b, conf_get(s->node, "share_groups"), check_shared);
    if (!fields || fields->type != CONF_TABLE)
        return;
    conf_for_each(it, fields)
    {
        if (str_eq_z(it->key, "id") || str_eq_z(it->key, "owner"))
            diag_error(s->b->diag, it->key_at, "'" STR_FMT "' cannot be hidden",
                       STR_ARG(it->key));
        check_each(s->b, it, check_principal);
    }
}

/* `fields` of a source: name -> who, one pair at a time and in groups of one name. */
void section_read_rules(struct section *s, struct flow_source_config *source)
{
    struct arena *a = &s->b->s->arena;
    struct flow_rule *rules, *rule = NULL;
    const char *key, *who, *last = NULL;
    const char **list = NULL;
    uint32_t n = 0;

    while (conf_map_at(s->in->values, "fields", n, &key, &who) == 0)
        n++;
    rules = arena_array(a, n + 1, sizeof(*rules));
    for (uint32_t i = 0; i < n; i++) {
        conf_map_at(s->in->values, "fields", i, &key, &who);
        if (!last || strcmp(last, key) != 0) {
            rule = &rules[source->n_rules++];
            rule->kind = kind_named(key);
            if (rule->kind == CTR_FIELD_CUSTOM)
                rule->name = str_of(arena_z(a, key + 2));
            list = arena_array(a, n - i, sizeof(*list));
            rule->who = list;
            last = key;
        }
        if (who)
            list[rule->n_who++] = arena_z(a, who);
    }
    source->rules = rules;
}
