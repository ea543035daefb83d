/* probe.c - the test of a source: step by step, changing nothing. */
#include <stdlib.h>

#include "changes.h"
#include "contacts.h"
#include "kit/kit.h"
#include "read.h"
#include "source.h"
#include "syncrepl.h"

enum { LOOK_AT = 100 /* entries */, ENOUGH = -CTR_EPAUSE };

struct probe {
    struct source *source;
    struct ctr_test *test;
    struct conn *conn;
    struct plan plan;
    struct contacts *contacts;
    const char *base[BASES_MAX];
    uint32_t n_bases;
    struct fault fault;
    bool canceled;
    bool failed; /* a step that did was told */
};

static void say(struct probe *p, const char *step, int32_t status, const char *detail,
                const char *remedy)
{
    const struct ctr_host *h = p->source->host;

    if (p->canceled)
        return;
    p->failed = p->failed || status < 0;
    h->test_step(h, p->test, step, status, detail, remedy && *remedy ? remedy : NULL);
    p->canceled = status == 0 && kit_test_canceled(h, p->test) < 0;
    if (p->canceled) /* every wait ends from here on */
        cancel_fire(&p->source->sync_cancel);
}

static int32_t say_fault(struct probe *p, const char *step)
{
    say(p, step, p->fault.code, p->fault.text, p->fault.remedy);
    return p->fault.code;
}

static void on_step(void *user, const char *step, const char *detail)
{
    say(user, step, 0, detail, NULL);
}

/* --- base -----------------------------------------------------------------------------
 */

static int32_t probe_bases(struct probe *p)
{
    static const char *const attrs[] = {LDAP_NO_ATTRS, NULL};
    char text[300];
    int32_t rc = source_plan(&p->source->options, p->conn, &p->plan, p->base, &p->n_bases,
                             &p->fault);

    for (uint32_t i = 0; rc == 0 && i < p->n_bases; i++) {
        LDAPMessage *m = NULL;

        rc = conn_read_entry(p->conn, p->base[i], "(objectClass=*)", attrs, NULL, &m,
                             &p->fault);
        ldap_msgfree(m);
        snprintf(text, sizeof(text), "\"%.250s\" is there", p->base[i]);
        if (rc == 0)
            say(p, "base", 0, text, NULL);
    }
    return rc == 0 ? 0 : say_fault(p, "base");
}

/* --- search and map -------------------------------------------------------------------
 */

static int32_t keep_nothing(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    (void)user;
    (void)contacts;
    (void)n;
    return 0;
}

static int32_t on_entry(void *user, LDAPMessage *m)
{
    struct probe *p = user;
    struct identity who;
    int32_t rc = contacts_entry(p->contacts, m, NULL, &who);

    return rc != 0 ? rc : p->contacts->entries >= LOOK_AT ? ENOUGH : 0;
}

static int32_t search_base(struct probe *p, uint32_t i)
{
    struct read_request q = {.base = p->base[i],
                             .filter = p->plan.filter,
                             .scope = p->source->options.scope,
                             .attrs = p->plan.name,
                             .step = "search",
                             .on_entry = on_entry,
                             .user = p,
                             .max = UINT64_MAX};

    return read_all(p->conn, &q, &p->fault);
}

static int32_t say_found(struct probe *p, bool more)
{
    const struct contacts *c = p->contacts;
    char text[400];

    snprintf(text, sizeof(text), "%s%llu entries%s%s%s", more ? "at least " : "",
             (unsigned long long)c->entries, c->rejected ? ", some cannot be used: " : "",
             c->rejected ? c->first_reject : "",
             p->conn->dse.paged ? "" : "; the server knows no pages");
    if (c->entries > c->rejected) {
        say(p, "search", 0, text, NULL);
        return 0;
    }
    say(p, "search", -CTR_ENOENT, text,
        c->entries ? "correct map"
                   : "let bind_dn read the entries below base (servers show nothing of "
                     "what may not be read), or correct filter and scope");
    return -CTR_ENOENT;
}

static int32_t probe_search(struct probe *p)
{
    int32_t rc = 0;

    p->contacts = contacts_create(&p->plan, p->conn->ld);
    if (!p->contacts)
        return fault_nomem(&p->fault);
    p->contacts->deliver = keep_nothing;
    for (uint32_t i = 0; rc == 0 && i < p->n_bases; i++)
        rc = search_base(p, i);
    if (rc != 0 && rc != ENOUGH)
        return say_fault(p, "search");
    return say_found(p, rc == ENOUGH);
}

static int32_t probe_map(struct probe *p)
{
    char seen[400] = "", missing[400] = "", text[900];
    uint64_t told = 0;

    for (uint32_t i = 0; i < p->plan.n_uses; i++) {
        uint32_t kind = p->plan.use[i].kind;
        char *out = p->contacts->seen & CTR_KIND(kind) ? seen : missing;
        size_t n = strlen(out);

        if (told & CTR_KIND(kind))
            continue;
        told |= CTR_KIND(kind);
        snprintf(out + n, sizeof(seen) - n, "%s%s", n ? ", " : "", kit_kind_name(kind));
    }
    snprintf(text, sizeof(text), "seen: %s%s%s", seen,
             missing[0] ? "; without a value so far: " : "", missing);
    if (p->contacts->seen & CTR_KINDS_PHONE) {
        say(p, "map", 0, text, NULL);
        return 0;
    }
    say(p, "map", -CTR_ENOENT, text,
        "no entry looked at has a number: map the attributes that hold numbers "
        "(phone_business, phone_mobile, ...), or let bind_dn read them");
    return -CTR_ENOENT;
}

/* --- delta ----------------------------------------------------------------------------
 */

/* What usn and syncrepl need is asked for as a sync would. */
static int32_t try_begin(struct probe *p, int32_t (*begin)(struct run *))
{
    struct run *r = calloc(1, sizeof(*r));
    int32_t rc;

    if (!r)
        return fault_nomem(&p->fault);
    r->options = &p->source->options;
    r->host = p->source->host;
    r->conn = p->conn;
    r->contacts = p->contacts;
    r->plan = p->plan;
    memcpy(r->base, p->base, sizeof(p->base));
    r->n_bases = p->n_bases;
    rc = begin(r);
    p->fault = r->fault;
    cursor_finish(&r->next);
    free(r);
    return rc;
}

static void describe_usn(struct probe *p, char *out, size_t cap)
{
    const char *context = rootdse_context(&p->conn->dse, p->base[0]);
    bool seen = context && usn_sees_deleted(p->conn, context);

    snprintf(out, cap, "by uSNChanged; %s",
             seen ? "deleted objects can be read"
                  : "no deleted objects can be seen, so the ids of all entries are "
                    "compared each time (slower)");
}

static int32_t probe_delta(struct probe *p)
{
    const struct rootdse *d = &p->conn->dse;
    enum delta wish = p->source->options.delta;
    bool by_usn = wish == DELTA_USN || (wish == DELTA_AUTO && d->ad && d->highest_usn);
    bool by_sync =
        wish == DELTA_SYNCREPL || (wish == DELTA_AUTO && d->openldap && d->syncrepl);
    char text[300] = "off: everything is read each time";
    int32_t rc = by_usn    ? try_begin(p, usn_begin)
                 : by_sync ? try_begin(p, syncrepl_begin)
                           : 0;

    if (rc != 0 && (wish != DELTA_AUTO || rc != -CTR_ENOTSUP))
        return say_fault(p, "delta");
    if (rc == 0 && by_usn)
        describe_usn(p, text, sizeof(text));
    else if (rc == 0 && by_sync)
        snprintf(text, sizeof(text), "by syncrepl%s",
                 p->source->options.listen ? "; changes are told by the server at once"
                                           : "");
    else if (wish != DELTA_OFF)
        snprintf(text, sizeof(text),
                 p->contacts->newest ? "by modifyTimestamp"
                                     : "none: the entries show no modifyTimestamp; "
                                       "everything is read each time");
    say(p, "delta", 0, text, rc != 0 ? p->fault.remedy : NULL);
    return 0;
}

/* --- the whole ------------------------------------------------------------------------
 */

static int32_t probe_all(struct probe *p)
{
    int32_t rc;

    p->conn->on_step = on_step;
    p->conn->user = p;
    rc = conn_open(p->conn, &p->fault);
    if (rc != 0)
        return say_fault(p, p->fault.step);
    p->conn->on_step = NULL;
    rc = probe_bases(p);
    if (rc == 0)
        rc = probe_search(p);
    if (rc == 0)
        rc = probe_map(p);
    return rc == 0 ? probe_delta(p) : rc;
}

int32_t source_test(void *instance, struct ctr_test *test)
{
    struct source *s = instance;
    struct probe *p = calloc(1, sizeof(*p));
    int32_t rc;

    cancel_reset(&s->sync_cancel);
    if (p)
        p->conn = conn_create(&s->options, s->host, &s->tls, &s->sync_cancel);
    if (!p || !p->conn) {
        free(p);
        s->host->test_step(s->host, test, "prepare", -CTR_ENOMEM, "out of memory", NULL);
        return -CTR_ENOMEM;
    }
    p->source = s;
    p->test = test;
    rc = probe_all(p);
    if (rc < 0 && !p->failed)
        say(p, "memory", rc, "out of memory", NULL);
    contacts_destroy(p->contacts);
    conn_destroy(p->conn);
    if (p->canceled)
        rc = -CTR_ECANCELED;
    else if (rc != 0 && p->fault.code != 0)
        rc = fault_tell(&p->fault, s->host);
    free(p);
    return rc;
}
