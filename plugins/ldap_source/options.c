/* options.c - what the administrator wrote, typed and checked. */
#include "options.h"

#include <ctype.h>
#include <ldap.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "filter.h"
#include "kit/kit.h"

/* --- check ----------------------------------------------------------------------------
 */

struct check {
    const struct ctr_host *host;
    const struct ctr_config *config;
    int32_t rc;
};

__attribute__((format(printf, 3, 4))) static void
wrong(struct check *c, const char *option, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->host->option_error(c->config, option, text);
    c->rc = -CTR_ECONF;
}

static const char *str(const struct check *c, const char *name)
{
    const char *s = c->host->option_str(c->config, name);

    return s && *s ? s : NULL;
}

static void check_urls(struct check *c, bool *encrypted, bool *local)
{
    uint32_t n = c->host->option_list_len(c->config, "url");

    if (n == 0 || n > URLS_MAX)
        wrong(c, "url", n ? "more than %d servers" : "no server is named (at most %d)",
              URLS_MAX);
    for (uint32_t i = 0; i < n && i < URLS_MAX; i++) {
        const char *text = c->host->option_list_at(c->config, "url", i);
        struct where w;
        const char *bad = where_parse(text, &w);

        if (bad) {
            wrong(c, "url", "'%s' cannot be used: %s", text,
                  *bad ? bad : "out of memory");
            continue;
        }
        *encrypted = *encrypted || w.scheme == SCHEME_LDAPS;
        *local = *local || w.scheme == SCHEME_LDAPI;
        where_finish(&w);
    }
}

static void check_login(struct check *c, bool local)
{
    const struct ctr_host *h = c->host;
    bool external = h->option_int(c->config, "sasl_external") != 0;
    const char *dn = str(c, "bind_dn");

    if (dn && !str(c, "password"))
        wrong(c, "bind_dn",
              "a login without password_file would be an anonymous one; set "
              "password_file = \"/path/of/a/file\"");
    if (!dn && h->option_set(c->config, "password"))
        wrong(c, "password", "a password without bind_dn says nothing");
    if (external && dn)
        wrong(c, "sasl_external", "either bind_dn with password_file, or sasl_external");
    if (external && !local && !str(c, "cert_file"))
        wrong(
            c, "sasl_external",
            "needs cert_file and key_file, or an ldapi:// URL: it is the certificate or "
            "the local user that says who logs in");
    if (!str(c, "cert_file") != !str(c, "key_file"))
        wrong(c, "cert_file", "cert_file and key_file belong together");
}

/* Whether `inner` lies in or under `outer`, both normalised. */
static bool lies_within(const char *inner, const char *outer)
{
    size_t n = strlen(inner), m = strlen(outer);

    if (m == 0 || (n == m && strcasecmp(inner, outer) == 0))
        return true;
    return n > m && inner[n - m - 1] == ',' && strcasecmp(inner + n - m, outer) == 0;
}

static void check_overlap(struct check *c, char *const *base, uint32_t n)
{
    bool subtree = c->host->option_int(c->config, "scope") == SCOPE_SUB;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++) {
            if (i == k || !base[i] || !base[k] || !lies_within(base[i], base[k]))
                continue;
            if (subtree || strcasecmp(base[i], base[k]) == 0) {
                wrong(c, "base", "'%s' lies within '%s': leave it out", base[i], base[k]);
                return;
            }
        }
}

static void check_bases(struct check *c)
{
    uint32_t n = c->host->option_list_len(c->config, "base");
    char *base[BASES_MAX] = {NULL};

    if (n > BASES_MAX)
        wrong(c, "base", "more than %d", BASES_MAX);
    n = n < BASES_MAX ? n : BASES_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const char *text = c->host->option_list_at(c->config, "base", i);

        if (ldap_dn_normalize(text, LDAP_DN_FORMAT_LDAPV3, &base[i],
                              LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
            wrong(c, "base", "'%s' is not a DN: \"ou=people,dc=example,dc=com\"", text);
    }
    check_overlap(c, base, n);
    for (uint32_t i = 0; i < n; i++)
        ldap_memfree(base[i]);
}

static void check_filters(struct check *c)
{
    for (uint32_t i = 0; i < c->host->option_list_len(c->config, "filter"); i++) {
        const char *text = c->host->option_list_at(c->config, "filter", i);
        const char *bad = filter_check(text);

        if (bad)
            wrong(c, "filter", "'%.200s' is not a filter: %s", text, bad);
    }
}

/* A name or an OID, with options: "telephoneNumber", "cn;lang-de", "2.5.4.3". */
static bool is_attribute(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > ATTRIBUTE_MAX || !isalnum((unsigned char)s[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-.;_", s[i]))
            return false;
    return true;
}

static void check_map(struct check *c)
{
    const char *key, *value;
    uint32_t owners = 0;
    uint32_t i;

    for (i = 0; c->host->option_map_at(c->config, "map", i, &key, &value) == 0; i++) {
        owners += kit_kind(key) == CTR_FIELD_OWNER;
        if (!is_attribute(value))
            wrong(c, "map", "map.%.40s: '%.100s' is not the name of an attribute", key,
                  value);
    }
    if (owners > 1)
        wrong(c, "map", "map.owner takes one attribute");
    if (i == 0 && c->host->option_int(c->config, "preset") == PRESET_NONE)
        wrong(c, "map", "preset = \"none\" needs a map");
}

static void group_finish(struct group *g)
{
    free(g->name);
    free(g->dn);
    free(g->filter);
    *g = (struct group){0};
}

/* "NAME: DN", "NAME: (filter)", or either without a name. returns NULL | what is wrong */
static const char *group_parse(const char *text, struct group *out)
{
    size_t n = strcspn(text, ":=(");
    LDAPDN dn = NULL;
    const char *bad;

    *out = (struct group){0};
    if (text[n] == ':') {
        if (n == 0 || n > 128)
            return "the name before the colon is empty or too long";
        out->name = strndup(text, n);
        text += n + 1;
        if (!out->name)
            return "out of memory";
    }
    text += strspn(text, " \t");
    if (*text == '(') {
        bad = filter_check(text);
        out->filter = bad ? NULL : strdup(text);
        return bad ? bad : out->filter ? NULL : "out of memory";
    }
    if (!*text || ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        return "it is neither a DN nor a filter in parentheses";
    ldap_dnfree(dn);
    out->dn = strdup(text);
    return out->dn ? NULL : "out of memory";
}

static void check_groups(struct check *c)
{
    uint32_t n = c->host->option_list_len(c->config, "groups");

    if (n > GROUPS_MAX)
        wrong(c, "groups", "more than %d", GROUPS_MAX);
    for (uint32_t i = 0; i < n && i < GROUPS_MAX; i++) {
        const char *text = c->host->option_list_at(c->config, "groups", i);
        struct group g;
        const char *bad = group_parse(text, &g);

        if (bad)
            wrong(c, "groups", "'%.200s' cannot be used: %s", text, bad);
        group_finish(&g);
    }
    if (str(c, "group_principal") && !is_attribute(str(c, "group_principal")))
        wrong(c, "group_principal", "is not the name of an attribute");
}

int32_t options_check(const struct ctr_host *host, const struct ctr_config *config)
{
    struct check c = {host, config, 0};
    bool encrypted = false, local = false;

    check_urls(&c, &encrypted, &local);
    check_login(&c, local);
    check_bases(&c);
    check_filters(&c);
    check_map(&c);
    check_groups(&c);
    return c.rc;
}

/* --- read -----------------------------------------------------------------------------
 */

static bool read_urls(const struct ctr_host *h, const struct ctr_config *c,
                      struct options *o)
{
    uint32_t n = h->option_list_len(c, "url");

    for (uint32_t i = 0; i < n && i < URLS_MAX; i++, o->n_urls++)
        if (where_parse(h->option_list_at(c, "url", i), &o->url[i]) != NULL)
            return false;
    return true;
}

static bool read_bases(const struct ctr_host *h, const struct ctr_config *c,
                       struct options *o)
{
    uint32_t n = h->option_list_len(c, "base");

    for (uint32_t i = 0; i < n && i < BASES_MAX; i++, o->n_bases++) {
        o->base[i] = strdup(h->option_list_at(c, "base", i));
        if (!o->base[i])
            return false;
    }
    return true;
}

/* Several filters are alternatives: one of them is enough. */
static bool read_filter(const struct ctr_host *h, const struct ctr_config *c,
                        struct options *o)
{
    uint32_t n = h->option_list_len(c, "filter");
    size_t len = 4;

    if (n == 0)
        return true;
    for (uint32_t i = 0; i < n; i++)
        len += strlen(h->option_list_at(c, "filter", i));
    o->filter = malloc(len);
    if (!o->filter)
        return false;
    strcpy(o->filter, n > 1 ? "(|" : "");
    for (uint32_t i = 0; i < n; i++)
        strcat(o->filter, h->option_list_at(c, "filter", i));
    if (n > 1)
        strcat(o->filter, ")");
    return true;
}

static bool read_map(const struct ctr_host *h, const struct ctr_config *c,
                     struct options *o)
{
    const char *key, *value;
    uint32_t n = 0;

    while (h->option_map_at(c, "map", n, &key, &value) == 0)
        n++;
    o->map = calloc(n + 1, sizeof(*o->map));
    if (!o->map)
        return false;
    for (; h->option_map_at(c, "map", o->n_map, &key, &value) == 0; o->n_map++) {
        struct mapping *m = &o->map[o->n_map];

        m->kind = kit_kind(key);
        m->attribute = strdup(value);
        if (m->kind == CTR_FIELD_CUSTOM)
            m->custom = strdup(key + 2);
        if (!m->attribute || (m->kind == CTR_FIELD_CUSTOM && !m->custom))
            return false;
    }
    return true;
}

static bool read_groups(const struct ctr_host *h, const struct ctr_config *c,
                        struct options *o)
{
    uint32_t n = h->option_list_len(c, "groups");

    for (uint32_t i = 0; i < n && i < GROUPS_MAX; i++, o->n_groups++)
        if (group_parse(h->option_list_at(c, "groups", i), &o->group[i]) != NULL)
            return false;
    return true;
}

static const char *set(const struct ctr_host *h, const struct ctr_config *c,
                       const char *name)
{
    const char *s = h->option_str(c, name);

    return s && *s ? s : NULL;
}

static void read_scalars(const struct ctr_host *h, const struct ctr_config *c,
                         struct options *o)
{
    o->start_tls = h->option_int(c, "start_tls") != 0;
    o->tls_verify = h->option_int(c, "tls_verify") != 0;
    o->sasl_external = h->option_int(c, "sasl_external") != 0;
    o->ca_file = set(h, c, "ca_file");
    o->cert_file = set(h, c, "cert_file");
    o->key_file = set(h, c, "key_file");
    o->bind_dn = set(h, c, "bind_dn");
    o->password = set(h, c, "password");
    o->scope = (enum scope)h->option_int(c, "scope");
    o->preset = (enum preset)h->option_int(c, "preset");
    o->page_size = (int32_t)h->option_int(c, "page_size");
    o->connect_timeout = h->option_int(c, "connect_timeout");
    o->timeout = h->option_int(c, "timeout");
    o->max_entries = h->option_int(c, "max_entries");
    o->delta = (enum delta)h->option_int(c, "delta");
    o->overlap = h->option_int(c, "overlap") / 1000;
    o->full_every = h->option_int(c, "full_every") / 1000;
    o->listen = h->option_int(c, "listen") != 0;
    o->allow_empty = h->option_int(c, "allow_empty") != 0;
    o->live_wildcards = h->option_int(c, "live_wildcards") != 0;
    o->group_principal = set(h, c, "group_principal");
}

static void hash_text(XXH64_state_t *state, const char *s)
{
    XXH64_update(state, s ? s : "", s ? strlen(s) + 1 : 1);
}

/* Which entries are asked for and what becomes of them: with another shape, what the
 * cache holds says nothing of what changed. The servers are not part of it: any of them
 * will do. */
static uint64_t shape_of(const struct options *o)
{
    XXH64_state_t state;
    uint32_t numbers[] = {2 /* of this code */, o->scope, o->preset, o->n_bases,
                          o->n_map};

    XXH64_reset(&state, 0);
    XXH64_update(&state, numbers, sizeof(numbers));
    for (uint32_t i = 0; i < o->n_bases; i++)
        hash_text(&state, o->base[i]);
    hash_text(&state, o->filter);
    for (uint32_t i = 0; i < o->n_map; i++) {
        XXH64_update(&state, &o->map[i].kind, sizeof(o->map[i].kind));
        hash_text(&state, o->map[i].attribute);
        hash_text(&state, o->map[i].custom);
    }
    return XXH64_digest(&state);
}

int32_t options_read(const struct ctr_host *host, const struct ctr_config *config,
                     struct options *out)
{
    *out = (struct options){0};
    read_scalars(host, config, out);
    if (!read_urls(host, config, out) || !read_bases(host, config, out) ||
        !read_filter(host, config, out) || !read_map(host, config, out) ||
        !read_groups(host, config, out)) {
        options_finish(out);
        return kit_fail(host, -CTR_ENOMEM, "out of memory for the options");
    }
    out->shape = shape_of(out);
    return 0;
}

void options_finish(struct options *o)
{
    for (uint32_t i = 0; i < URLS_MAX; i++)
        where_finish(&o->url[i]);
    for (uint32_t i = 0; i < o->n_bases + 1 && i < BASES_MAX; i++)
        free(o->base[i]);
    free(o->filter);
    for (uint32_t i = 0; o->map && i <= o->n_map; i++) {
        free(o->map[i].attribute);
        free(o->map[i].custom);
    }
    free(o->map);
    for (uint32_t i = 0; i < GROUPS_MAX; i++)
        group_finish(&o->group[i]);
}
