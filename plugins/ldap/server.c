/* server.c - making an instance from its options. */
#include "server.h"

#include <stdlib.h>

#include "conn.h"
#include "entry.h"
#include "kit/kit.h"
#include "rootdse.h"

enum { SERVER_POOL_MAX = 4 << 20 };

static const struct {
    const char *name, *help;
} metrics[METRIC_N] = {
    [METRIC_BIND] = {"ldap_binds_total", "Bind requests."},
    [METRIC_SEARCH] = {"ldap_searches_total", "Search requests."},
    [METRIC_COMPARE] = {"ldap_compares_total", "Compare requests."},
    [METRIC_EXTENDED] = {"ldap_extended_total", "Extended requests."},
    [METRIC_ABANDON] = {"ldap_abandons_total", "Abandon requests."},
    [METRIC_WRITE] = {"ldap_writes_refused_total", "Requests to change something."},
    [METRIC_ENTRIES] = {"ldap_entries_total", "Contacts sent."},
    [METRIC_BIND_FAILED] = {"ldap_bind_failures_total", "Binds that did not succeed."},
    [METRIC_OK] = {"ldap_results_ok_total", "Requests answered in full."},
    [METRIC_LIMIT] = {"ldap_results_limit_total", "Requests cut by a limit."},
    [METRIC_REFUSED] = {"ldap_results_refused_total",
                        "Requests refused: wrong, not allowed or not supported."},
    [METRIC_FAILED] = {"ldap_results_failed_total",
                       "Requests that could not be served now."},
    [METRIC_PROTOCOL] = {"ldap_protocol_errors_total",
                         "Connections ended because what came was no LDAP."},
};

static uint32_t number(const struct ctr_host *host, const struct ctr_config *config,
                       const char *name)
{
    return (uint32_t)host->option_int(config, name);
}

static void read_limits(struct limits *l, const struct ctr_host *host,
                        const struct ctr_config *config)
{
    l->pdu_anonymous = number(host, config, "max_pdu_anonymous");
    l->pdu = number(host, config, "max_pdu");
    l->filter_depth = number(host, config, "max_filter_depth");
    l->filter_terms = number(host, config, "max_filter_terms");
    l->substrings = number(host, config, "max_substrings");
    l->controls = number(host, config, "max_controls");
    l->attributes = number(host, config, "max_attributes");
    l->outstanding = number(host, config, "max_outstanding");
    l->cookies = number(host, config, "max_cookies");
    l->value_length = number(host, config, "max_value_length");
}

static int read_base(struct server *s, const struct ctr_config *config)
{
    struct ctr_str text = str_of(s->host->option_str(config, "base"));
    char *users;
    int err;

    s->base_text = pool_str(&s->pool, text_trim(text));
    if (!s->base_text.ptr)
        return -CTR_ENOMEM;
    err = dn_parse(&s->attributes, &s->pool, s->base_text, &s->base);
    if (err)
        return err;
    if (s->base.n == 0)
        return -CTR_EFORMAT;
    for (uint32_t i = 0; i < s->base.n; i++)
        if (s->base.rdns[i].multi || s->base.rdns[i].value.len == 0)
            return -CTR_EFORMAT;
    users = pool_alloc(&s->pool, s->base_text.len + 16);
    if (!users)
        return -CTR_ENOMEM;
    s->users_text.len = (uint64_t)sprintf(users, "ou=users,%s", s->base_text.ptr);
    s->users_text.ptr = users;
    return 0;
}

static int read_classes(struct server *s, const struct ctr_config *config)
{
    static const char *const own[SERVER_CLASSES] = {
        "top", "person", "organizationalPerson", "inetOrgPerson", "contactorPerson"};
    uint32_t more = s->host->option_list_len(config, "object_classes");

    s->classes = pool_array(&s->pool, SERVER_CLASSES + more, sizeof(*s->classes));
    if (!s->classes)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < SERVER_CLASSES; i++)
        s->classes[s->n_classes++] = str_of(own[i]);
    for (uint32_t i = 0; i < more; i++) {
        struct ctr_str name =
            str_of(s->host->option_list_at(config, "object_classes", i));
        bool known = false;

        for (uint32_t k = 0; k < s->n_classes; k++)
            known |= text_same_nocase(s->classes[k], name);
        if (known)
            continue;
        s->classes[s->n_classes] = pool_str(&s->pool, name);
        if (!s->classes[s->n_classes++].ptr)
            return -CTR_ENOMEM;
    }
    return 0;
}

/* Everything that follows from the options. *what: the option that is wrong. */
static int build(struct server *s, const struct ctr_config *config, const char **what)
{
    const struct ctr_host *host = s->host;
    const char *bad = NULL;
    int err;

    *what = NULL;
    s->anonymous = (int)host->option_int(config, "anonymous");
    s->plaintext_bind = (int)host->option_int(config, "plaintext_bind");
    s->charset = (int)host->option_int(config, "charset");
    s->limit_success = host->option_int(config, "limit_success") != 0;
    read_limits(&s->limits, host, config);
    err = attributes_init(&s->attributes, &s->pool, host, config, &bad);
    if (err) {
        *what = err == -CTR_ENOMEM ? NULL : "attributes";
        return err;
    }
    err = read_base(s, config);
    if (!err)
        err = read_classes(s, config);
    if (!err)
        err = schema_init(s);
    if (!err)
        err = rootdse_init(s);
    if (err && err != -CTR_ENOMEM)
        *what = "base";
    return err ? err : selection_init(s);
}

static const char *complaint(const char *what)
{
    if (strcmp(what, "attributes") == 0)
        return "each entry must be FIELD = \"attributeName\": a field of contacts other "
               "than id and owner, and a name of letters, digits and hyphens that the "
               "server does not need itself; one name is for numbers or for text";
    return "must be a DN such as \"dc=contacts\" or \"ou=phones,o=Example\", beginning "
           "with dc, o, ou, c, l or cn";
}

int32_t server_check(const struct ctr_host *host, const struct ctr_config *config)
{
    struct server *s = calloc(1, sizeof(*s));
    const char *what = NULL;
    int err;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    pool_init(&s->pool, SERVER_POOL_MAX);
    err = build(s, config, &what);
    if (what)
        host->option_error(config, what, complaint(what));
    else if (err)
        kit_fail(host, err, "out of memory");
    if (!err && s->limits.pdu < s->limits.pdu_anonymous) {
        host->option_error(config, "max_pdu", "must not be less than max_pdu_anonymous");
        err = -CTR_ECONF;
    }
    pool_reset(&s->pool);
    free(s);
    return err ? -CTR_ECONF : 0;
}

int server_create(const struct ctr_host *host, const struct ctr_config *config,
                  void **instance)
{
    struct server *s = calloc(1, sizeof(*s));
    const char *what;
    int err;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    pool_init(&s->pool, SERVER_POOL_MAX);
    s->net = host->extension(host, CTR_NET_ID);
    if (!s->net) {
        server_destroy(s);
        return kit_fail(host, -CTR_EVERSION, "this daemon has no %s; it is too old",
                        CTR_NET_ID);
    }
    err = build(s, config, &what);
    if (err) {
        server_destroy(s);
        return kit_fail(host, err, "option %s cannot be used", what ? what : "(memory)");
    }
    for (unsigned i = 0; i < METRIC_N; i++)
        s->metric[i] = host->metric_define(host, CTR_METRIC_COUNTER, metrics[i].name,
                                           metrics[i].help);
    *instance = s;
    return 0;
}

void server_destroy(void *instance)
{
    struct server *s = instance;

    while (s->idle_ops) {
        struct op *op = s->idle_ops;

        s->idle_ops = op->next;
        free(op);
    }
    pool_reset(&s->pool);
    free(s);
}
