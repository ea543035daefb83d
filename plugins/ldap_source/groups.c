/* groups.c - who is in a group of the server. Active Directory is asked for the users
 * that are members directly or through other groups; elsewhere the group's members are
 * read and turned into the names of principals. A group that cannot be read, or of which
 * the name does not say which one is meant, has nobody in it.
 */
#include "groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "filter.h"
#include "read.h"
#include "text.h"

enum {
    MEMBERS_MAX = 20000,
    NAME_MAX_BYTES = 400,
    GROUP_NAME_BYTES = 256,      /* what the daemon takes: sync_group() */
    GROUP_TEXT_BYTES = 64 * 1024 /* likewise, of members' names */
};

struct members {
    struct run *run;
    char **name;
    struct ctr_str *str;
    uint32_t n, cap;
    size_t bytes;
    bool too_many;
};

static void members_finish(struct members *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->name[i]);
    free(s->name);
    free(s->str);
}

static int32_t grow(struct members *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : 64;
    char **name = realloc(s->name, cap * sizeof(*name));
    struct ctr_str *str;

    if (name)
        s->name = name;
    str = name ? realloc(s->str, cap * sizeof(*str)) : NULL;
    if (!str)
        return fault_nomem(&s->run->fault);
    s->str = str;
    s->cap = cap;
    return 0;
}

static int32_t add_member(struct members *s, const char *ptr, size_t len)
{
    struct ctr_str v = text_trim((struct ctr_str){ptr, len});

    if (v.len == 0 || v.len > NAME_MAX_BYTES || !text_utf8(v.ptr, v.len))
        return 0;
    s->bytes += v.len;
    if (s->n == MEMBERS_MAX || s->bytes > GROUP_TEXT_BYTES) {
        s->too_many = true;
        return 0;
    }
    if (s->n == s->cap && grow(s) != 0)
        return s->run->fault.code;
    s->name[s->n] = strndup(v.ptr, v.len);
    if (!s->name[s->n])
        return fault_nomem(&s->run->fault);
    s->str[s->n] = (struct ctr_str){s->name[s->n], v.len};
    s->n++;
    return 0;
}

static int32_t add_values(struct members *s, LDAPMessage *entry, const char *attribute)
{
    struct berval **values = ldap_get_values_len(s->run->conn->ld, entry, attribute);
    int32_t rc = 0;

    for (int i = 0; rc == 0 && values && values[i]; i++)
        rc = add_member(s, values[i]->bv_val, values[i]->bv_len);
    ldap_value_free_len(values);
    return rc;
}

static void reject(struct run *r, const char *name, const char *reason)
{
    char where[160], clean[120];

    fault_clean(clean, sizeof(clean), name);
    snprintf(where, sizeof(where), "group %s", clean);
    r->host->sync_reject(r->host, r->sync, where, reason);
}

/* --- Active Directory -----------------------------------------------------------------
 */

static int32_t on_user(void *user, LDAPMessage *m)
{
    struct members *s = user;
    int32_t rc = add_values(s, m, s->run->plan.principal);

    ldap_msgfree(m);
    return rc;
}

/* 1.2.840.113556.1.4.1941: through any number of groups in between. */
static int32_t users_of(struct members *s, const char *dn)
{
    struct run *r = s->run;
    const char *attrs[] = {r->plan.principal, NULL};
    const char *context = r->conn->dse.default_context;
    struct text_out escaped = {0};
    char *filter = NULL;
    struct read_request q = {.base = context ? context : r->base[0],
                             .scope = SCOPE_SUB,
                             .attrs = attrs,
                             .step = "groups",
                             .on_entry = on_user,
                             .user = s,
                             .max = (uint64_t)r->options->max_entries};
    int32_t rc;

    filter_escape(&escaped, dn, strlen(dn));
    if (escaped.failed ||
        asprintf(&filter, "(&(objectClass=user)(memberOf:1.2.840.113556.1.4.1941:=%s))",
                 escaped.ptr) < 0) {
        free(escaped.ptr);
        return fault_nomem(&r->fault);
    }
    q.filter = filter;
    rc = read_all(r->conn, &q, &r->fault);
    free(escaped.ptr);
    free(filter);
    return rc;
}

/* --- elsewhere ------------------------------------------------------------------------
 */

/* The name stands in the DN itself: "uid=anna,ou=people,...". */
static bool name_in_dn(struct members *s, const char *dn, int32_t *rc)
{
    LDAPDN parsed = NULL;
    bool found = false;

    if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        return false;
    for (LDAPAVA **ava = parsed && parsed[0] ? parsed[0] : NULL; ava && *ava && !found;
         ava++) {
        const struct berval *type = &(*ava)->la_attr, *value = &(*ava)->la_value;

        found = type->bv_len == strlen(s->run->plan.principal) &&
                strncasecmp(type->bv_val, s->run->plan.principal, type->bv_len) == 0;
        if (found)
            *rc = add_member(s, value->bv_val, value->bv_len);
    }
    ldap_dnfree(parsed);
    return found;
}

static int32_t add_dn(struct members *s, const char *dn)
{
    struct run *r = s->run;
    const char *attrs[] = {r->plan.principal, NULL};
    struct fault mine = {0};
    LDAPMessage *m = NULL;
    int32_t rc = 0;

    if (name_in_dn(s, dn, &rc))
        return rc;
    rc = conn_read_entry(r->conn, dn, "(objectClass=*)", attrs, NULL, &m, &mine);
    if (rc == 0)
        rc = add_values(s, ldap_first_entry(r->conn->ld, m), r->plan.principal);
    else if (mine.ldap != 0 || rc == -CTR_ENOENT)
        rc = 0; /* a member that is gone, or may not be read, is nobody */
    else
        r->fault = mine;
    ldap_msgfree(m);
    return rc;
}

static int32_t add_dns(struct members *s, LDAPMessage *entry, const char *attribute)
{
    struct berval **values = ldap_get_values_len(s->run->conn->ld, entry, attribute);
    int32_t rc = 0;

    for (int i = 0; rc == 0 && values && values[i] && i < MEMBERS_MAX; i++)
        rc = add_dn(s, values[i]->bv_val);
    if (values && ldap_count_values_len(values) > MEMBERS_MAX)
        s->too_many = true;
    ldap_value_free_len(values);
    return rc;
}

static int32_t members_of(struct members *s, LDAPMessage *entry)
{
    int32_t rc = add_values(s, entry, "memberUid");

    if (rc == 0)
        rc = add_dns(s, entry, "member");
    return rc == 0 ? add_dns(s, entry, "uniqueMember") : rc;
}

/* --- each group -----------------------------------------------------------------------
 */

static uint64_t hash_of(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

uint64_t groups_told(const struct run *r)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < r->n_groups; i++)
        all += r->group[i];
    return all;
}

/* Why the daemon would not take it, which would end the sync; or NULL. */
static const char *unfit(const struct run *r, const char *name)
{
    for (uint32_t i = 0; i < r->n_groups; i++)
        if (r->group[i] == hash_of(name))
            return "another group of this name was read before: only that one counts";
    if (r->n_groups == GROUPS_MAX)
        return "there are more than 256 groups: nobody counts as in it";
    if (!*name || strlen(name) > GROUP_NAME_BYTES)
        return "its name is empty or longer than 256 bytes: nobody counts as in it";
    return NULL;
}

_Static_assert(GROUPS_MAX == 256 && GROUP_NAME_BYTES == 256, "the messages name it");

static int32_t tell(struct members *s, const char *name)
{
    struct run *r = s->run;
    struct ctr_str group = {name, strlen(name)};
    const char *why = unfit(r, name);

    if (why) {
        reject(r, name, why);
        return 0;
    }
    if (s->too_many)
        reject(r, name,
               "it has more than 20000 members, or more than 64 KiB of their names: "
               "nobody counts as in it");
    r->group[r->n_groups++] = hash_of(name);
    return r->host->sync_group(r->host, r->sync, group, s->str, s->too_many ? 0 : s->n);
}

/* The group's own name, for one that the options do not name. */
static char *own_name(struct run *r, LDAPMessage *entry, const char *dn)
{
    struct berval **values = ldap_get_values_len(r->conn->ld, entry, "cn");
    char *out =
        values && values[0] ? strndup(values[0]->bv_val, values[0]->bv_len) : strdup(dn);

    ldap_value_free_len(values);
    if (!out)
        fault_nomem(&r->fault);
    return out;
}

/* Adds the members of one group. *name, if wanted: its own. */
static int32_t read_group(struct members *s, const char *dn, char **name)
{
    static const char *const attrs[] = {"cn", "member", "uniqueMember", "memberUid",
                                        NULL};
    static const char *const only_name[] = {"cn", NULL};
    struct run *r = s->run;
    bool ad = r->conn->dse.ad;
    struct fault mine = {0};
    LDAPMessage *m = NULL, *entry;
    int32_t rc = conn_read_entry(r->conn, dn, "(objectClass=*)", ad ? only_name : attrs,
                                 NULL, &m, &mine);

    if (rc != 0 && (mine.ldap != 0 || rc == -CTR_ENOENT)) {
        reject(r, dn, "it does not exist or may not be read: nobody counts as in it");
        return 0;
    }
    if (rc != 0) {
        r->fault = mine;
        return rc;
    }
    entry = ldap_first_entry(r->conn->ld, m);
    if (name && !(*name = own_name(r, entry, dn)))
        rc = r->fault.code;
    if (rc == 0)
        rc = ad ? users_of(s, dn) : members_of(s, entry);
    ldap_msgfree(m);
    return rc;
}

static int32_t tell_unnamed(struct run *r, const char *dn)
{
    struct members s = {.run = r};
    char *name = NULL;
    int32_t rc = read_group(&s, dn, &name);

    if (rc == 0 && name)
        rc = tell(&s, name);
    free(name);
    members_finish(&s);
    return rc;
}

struct found {
    struct run *run;
    char *dn[GROUPS_MAX],
        *name[GROUPS_MAX]; /* owned; no name where the options have one */
    uint32_t n;
    bool too_many;
    bool named;
};

static void found_finish(struct found *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        ldap_memfree(f->dn[i]);
        free(f->name[i]);
    }
}

static int32_t on_group(void *user, LDAPMessage *m)
{
    struct found *f = user;
    struct run *r = f->run;
    char *dn = f->n < GROUPS_MAX ? ldap_get_dn(r->conn->ld, m) : NULL;
    int32_t rc = 0;

    f->too_many = f->too_many || f->n == GROUPS_MAX;
    if (dn) {
        f->name[f->n] = f->named ? NULL : own_name(r, m, dn);
        rc = f->named || f->name[f->n] ? 0 : r->fault.code;
        f->dn[f->n++] = dn;
    }
    ldap_msgfree(m);
    return rc;
}

/* Who may make a group anywhere could make one more of that name, with himself in it. */
static bool is_ambiguous(const struct found *f, uint32_t at)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (i != at && strcmp(f->name[i], f->name[at]) == 0)
            return true;
    return false;
}

/* Groups stand where they like: the whole naming context is searched. */
static int32_t find_groups(struct run *r, const char *filter, struct found *f)
{
    static const char *const attrs[] = {"cn", NULL};
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        const char *context = rootdse_context(&r->conn->dse, r->base[i]);
        struct read_request q = {.base = context ? context : r->base[i],
                                 .filter = filter,
                                 .scope = SCOPE_SUB,
                                 .attrs = attrs,
                                 .step = "groups",
                                 .on_entry = on_group,
                                 .user = f,
                                 .max = (uint64_t)r->options->max_entries};

        if (i > 0 && context && context == rootdse_context(&r->conn->dse, r->base[i - 1]))
            continue;
        rc = read_all(r->conn, &q, &r->fault);
    }
    return rc;
}

static int32_t read_found(struct found *f)
{
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < f->n; i++) {
        if (is_ambiguous(f, i))
            reject(f->run, f->dn[i],
                   "another group has the same name: nobody counts as in either");
        else
            rc = tell_unnamed(f->run, f->dn[i]);
    }
    return rc;
}

/* All that match are one group. */
static int32_t read_as_one(struct found *f, const char *name)
{
    struct members s = {.run = f->run};
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < f->n; i++)
        rc = read_group(&s, f->dn[i], NULL);
    if (rc == 0)
        rc = tell(&s, name);
    members_finish(&s);
    return rc;
}

static int32_t read_filtered(struct run *r, const struct group *g)
{
    struct found found = {.run = r, .named = g->name != NULL};
    int32_t rc = find_groups(r, g->filter, &found);
    const char *name = g->name ? g->name : g->filter;

    if (rc == 0 && found.n == 0)
        reject(r, name, "no group matches the filter");
    if (rc == 0 && found.too_many)
        reject(r, name, "more than 256 groups match: nobody counts as in the others");
    if (rc == 0)
        rc = g->name ? read_as_one(&found, g->name) : read_found(&found);
    found_finish(&found);
    return rc;
}

static int32_t read_named(struct run *r, const struct group *g)
{
    struct members s = {.run = r};
    int32_t rc = read_group(&s, g->dn, NULL);

    if (rc == 0)
        rc = tell(&s, g->name);
    members_finish(&s);
    return rc;
}

int32_t groups_read(struct run *r)
{
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->options->n_groups; i++) {
        const struct group *g = &r->options->group[i];

        if (g->filter)
            rc = read_filtered(r, g);
        else
            rc = g->name ? read_named(r, g) : tell_unnamed(r, g->dn);
    }
    return rc;
}
