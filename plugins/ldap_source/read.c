/* read.c - one search, page by page (RFC 2696). Success means that the server said
 * "success" behind the last page: anything less is a fault, because what was not seen
 * would be deleted. */
#include "read.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum {
    IDLE_PAGES_MAX = 200, /* pages without an entry, one after the other */
    REFERENCES_MAX = 10000
};

struct pages {
    struct conn *conn;
    struct read_request *request;
    char asked[240];
    struct berval cookie; /* owned */
    uint32_t idle, references;
    uint64_t on_page;
};

static int32_t send(struct pages *p, int *msgid, struct fault *f)
{
    struct read_request *r = p->request;
    static const int scopes[] = {[SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
                                 [SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
                                 [SCOPE_BASE] = LDAP_SCOPE_BASE};
    LDAPControl *controls[3] = {NULL, r->control, NULL};
    LDAP *ld = p->conn->ld;
    int rc =
        ldap_create_page_control(ld, p->conn->options->page_size,
                                 p->cookie.bv_val ? &p->cookie : NULL, 'N', &controls[0]);

    if (rc != LDAP_SUCCESS)
        return fault_nomem(f);
    rc = ldap_search_ext(ld, r->base, scopes[r->scope], r->filter,
                         (char **)(uintptr_t)r->attrs, 0, controls, NULL, NULL,
                         LDAP_NO_LIMIT, msgid);
    ldap_control_free(controls[0]);
    return rc == LDAP_SUCCESS ? 0 : conn_unsent(p->conn, rc, r->step, p->asked, f);
}

/* Active Directory's own partitions, which never hold a contact. */
static bool is_of_no_interest(const struct pages *p, const char *url)
{
    return p->conn->dse.ad &&
           (strstr(url, "/CN=Configuration,") || strstr(url, "/DC=DomainDnsZones,") ||
            strstr(url, "/DC=ForestDnsZones,"));
}

static int32_t take_reference(struct pages *p, LDAPMessage *m, struct fault *f)
{
    struct read_request *r = p->request;
    char **urls = NULL;
    const char *url = "";

    if (ldap_parse_reference(p->conn->ld, m, &urls, NULL, 0) == LDAP_SUCCESS && urls &&
        urls[0])
        url = urls[0];
    if (!is_of_no_interest(p, url) && r->references++ == 0)
        fault_clean(r->reference, sizeof(r->reference), url);
    ldap_memvfree((void **)urls);
    ldap_msgfree(m);
    if (++p->references > REFERENCES_MAX)
        return fault_set(f, -CTR_EPROTO, r->step, "see what the server does",
                         "%s: more than %d referrals", p->asked, REFERENCES_MAX);
    return 0;
}

static int32_t take_entry(struct pages *p, LDAPMessage *m, struct fault *f)
{
    struct read_request *r = p->request;

    p->on_page++;
    if (++r->entries > r->max) {
        ldap_msgfree(m);
        return fault_set(f, -CTR_ESIZE, r->step,
                         "narrow base or filter, or raise max_entries if this is right",
                         "%s: more than %llu entries", p->asked,
                         (unsigned long long)r->max);
    }
    return r->on_entry(r->user, m);
}

/* The end of a page. returns 1: there is another | 0 | negative */
static int32_t take_result(struct pages *p, LDAPMessage *m, struct fault *f)
{
    struct read_request *r = p->request;
    LDAPControl **controls = NULL, *found;
    struct berval cookie = {0, NULL};
    ber_int_t estimate;
    int32_t rc = conn_result(p->conn, m, r->step, p->asked, &controls, f);

    ldap_msgfree(m);
    found = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    /* libldap asserts that there is a value. */
    if (rc == 0 && found &&
        (!found->ldctl_value.bv_val ||
         ldap_parse_pageresponse_control(p->conn->ld, found, &estimate, &cookie) !=
             LDAP_SUCCESS))
        rc = fault_set(f, -CTR_EPROTO, r->step, NULL,
                       "%s: the server's page control cannot be read", p->asked);
    ldap_controls_free(controls);
    ber_memfree(p->cookie.bv_val);
    p->cookie = cookie;
    if (rc != 0 || cookie.bv_len == 0)
        return rc;
    p->idle = p->on_page ? 0 : p->idle + 1;
    p->on_page = 0;
    if (p->idle > IDLE_PAGES_MAX)
        return fault_set(f, -CTR_EPROTO, r->step, "see what the server does",
                         "%s: the server's pages never end: %d without an entry",
                         p->asked, IDLE_PAGES_MAX);
    return 1;
}

static int32_t read_page(struct pages *p, struct fault *f)
{
    int msgid = -1;
    int32_t rc = send(p, &msgid, f);

    if (rc != 0)
        return rc;
    for (;;) {
        LDAPMessage *m = NULL;

        rc = conn_next(p->conn, msgid, p->asked, &m, f);
        if (rc != 0)
            break;
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
            return take_result(p, m, f);
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
            rc = take_entry(p, m, f);
        else if (ldap_msgtype(m) == LDAP_RES_SEARCH_REFERENCE)
            rc = take_reference(p, m, f);
        else
            ldap_msgfree(m);
        if (rc != 0)
            break;
    }
    conn_abandon(p->conn, msgid);
    return rc;
}

/* A server whose limit ends even paged answers. */
static void say_limit(const struct read_request *r, struct fault *f)
{
    char before[sizeof(f->text)];

    if (f->ldap != LDAP_SIZELIMIT_EXCEEDED)
        return;
    snprintf(before, sizeof(before), "%s", f->text);
    snprintf(f->text, sizeof(f->text),
             "%.380s; after %llu entries; the last good data stay", before,
             (unsigned long long)r->entries);
}

int32_t read_all(struct conn *c, struct read_request *r, struct fault *f)
{
    struct pages p = {.conn = c, .request = r};
    int32_t rc;

    r->entries = r->references = 0;
    r->reference[0] = 0;
    snprintf(p.asked, sizeof(p.asked), "searching \"%.180s\"", r->base);
    do
        rc = read_page(&p, f);
    while (rc == 1);
    ber_memfree(p.cookie.bv_val);
    if (rc != 0)
        say_limit(r, f);
    return rc;
}
