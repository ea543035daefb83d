/* usn.c - deltas of Active Directory: every change of an object gives it the domain
 * controller's next number, uSNChanged.
 *
 * What changed and matches the filter is put. What changed and does not match (deleted,
 * disabled, moved away) is deleted: one search over the whole naming context, tombstones
 * included, gives the ids of all that changed. Where tombstones may not be read, all ids
 * are compared instead. The ids are read first: what changes in between comes again. */
#include <inttypes.h>
#include <lber.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "read.h"
#include "text.h"

/* --- whose numbers --------------------------------------------------------------------
 */

/* The database's own id: a restored controller gets another one. */
static int32_t read_invocation(struct run *r)
{
    static const char *const attrs[] = {"invocationId", NULL};
    LDAPMessage *m = NULL;
    struct berval **values;
    int32_t rc = conn_read_entry(r->conn, r->conn->dse.service, "(objectClass=*)", attrs,
                                 NULL, &m, &r->fault);

    if (rc != 0)
        return rc;
    values = ldap_get_values_len(r->conn->ld, ldap_first_entry(r->conn->ld, m),
                                 "invocationId");
    if (values && values[0] && values[0]->bv_len == 16)
        text_guid((const uint8_t *)values[0]->bv_val, r->next.dc);
    ldap_value_free_len(values);
    ldap_msgfree(m);
    return 0;
}

int32_t usn_begin(struct run *r)
{
    const struct rootdse *d = &r->conn->dse;
    int32_t rc;

    if (!d->ad || !d->highest_usn || !d->service)
        return fault_set(&r->fault, -CTR_ENOTSUP, "delta",
                         "leave delta at \"auto\": it is no Active Directory",
                         "the server tells no highestCommittedUSN");
    rc = read_invocation(r);
    if (rc != 0 && r->conn->wire.broke != 0)
        return rc;
    r->next.usn = d->highest_usn;
    if (rc == 0 && r->next.dc[0])
        return 0;
    r->fault = (struct fault){0};
    return fault_set(&r->fault, -CTR_ENOTSUP, "delta",
                     "let bind_dn read that object, or set delta = \"modify_timestamp\"",
                     "the controller's invocationId cannot be read from \"%.200s\"",
                     d->service);
}

/* --- what changed ---------------------------------------------------------------------
 */

static LDAPControl *show_deleted(void)
{
    LDAPControl *out = NULL;

    return ldap_control_create(OID_AD_SHOW_DELETED, 1, NULL, 0, &out) == LDAP_SUCCESS
               ? out
               : NULL;
}

static int32_t on_tombstone(void *user, LDAPMessage *m)
{
    *(bool *)user = true;
    ldap_msgfree(m);
    return -CTR_EPAUSE; /* one is enough */
}

/* Who may not list the container sees it, but nothing in it; and where nothing was
 * deleted yet nobody knows. */
bool usn_sees_deleted(struct conn *c, const char *context)
{
    static const char *const attrs[] = {LDAP_NO_ATTRS, NULL};
    LDAPControl *control = show_deleted();
    struct fault ignored = {0};
    char *dn = NULL;
    bool seen = false;
    struct read_request q = {.filter = "(isDeleted=TRUE)",
                             .scope = SCOPE_ONE,
                             .attrs = attrs,
                             .control = control,
                             .step = "delta",
                             .on_entry = on_tombstone,
                             .user = &seen,
                             .max = UINT64_MAX};

    if (control &&
        asprintf(&dn, "<WKGUID=18E2EA80684F11D2B9AA00C04F79F805,%s>", context) >= 0) {
        q.base = dn;
        (void)read_all(c, &q, &ignored); /* refused is not seen */
        free(dn);
    }
    ldap_control_free(control);
    return seen;
}

struct changed {
    struct run *run;
    struct index ids;
};

static int32_t on_changed(void *user, LDAPMessage *m)
{
    struct changed *changed = user;
    struct run *r = changed->run;
    struct ctr_str guid, none = {NULL, 0};
    struct entry e;
    int32_t rc = 0;

    if (entry_open(&e, &r->plan, r->conn->ld, m) == 0) {
        guid = entry_value(&e, SLOT_OBJECT_GUID);
        if (guid.len == 16)
            rc = index_put(&changed->ids, (const uint8_t *)guid.ptr, true, 0, none);
    }
    entry_close(&e, &r->plan);
    ldap_msgfree(m);
    return rc == 0 ? 0 : fault_nomem(&r->fault);
}

/* The ids of everything in the naming contexts that changed. */
static int32_t read_changed(struct run *r, struct changed *changed, const char *more)
{
    static const char *const attrs[] = {"objectGUID", NULL};
    const char *done[BASES_MAX];
    LDAPControl *control = show_deleted();
    int32_t rc = control ? 0 : fault_nomem(&r->fault);

    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        const char *context = rootdse_context(&r->conn->dse, r->base[i]);
        struct read_request q = {.base = context,
                                 .filter = more,
                                 .scope = SCOPE_SUB,
                                 .attrs = attrs,
                                 .control = control,
                                 .step = "search",
                                 .on_entry = on_changed,
                                 .user = changed,
                                 .max = (uint64_t)r->options->max_entries};
        bool again = false;

        for (uint32_t k = 0; k < i; k++)
            again = again || done[k] == context;
        done[i] = context;
        if (!again)
            rc = read_all(r->conn, &q, &r->fault);
    }
    ldap_control_free(control);
    return rc;
}

static int32_t put_changed(struct run *r, const char *more)
{
    char *filter = run_filter(r, more);
    int32_t rc = filter ? 0 : r->fault.code;

    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        r->at_base = (uint8_t)i;
        rc = run_search(r, filter);
    }
    free(filter);
    return rc;
}

/* What changed and was not put is none of ours any more. */
static int32_t drop_others(struct run *r, struct changed *changed)
{
    struct index_entry *e;
    int32_t rc = 0;

    for (size_t at = 0; rc == 0 && (e = index_next(&changed->ids, &at)) != NULL;) {
        struct index_entry *ours = index_find(r->index, e->key);

        if (ours && ours->marked == MARK_SEEN)
            continue;
        r->at_base = ours ? ours->base : 0;
        rc = run_gone(r, e->key, true);
    }
    return rc;
}

static bool all_seen(struct run *r)
{
    for (uint32_t i = 0; i < r->n_bases; i++) {
        const char *context = rootdse_context(&r->conn->dse, r->base[i]);

        if (!context || !usn_sees_deleted(r->conn, context))
            return false;
    }
    return true;
}

int32_t usn_delta(struct run *r)
{
    struct changed changed = {.run = r};
    bool tombstones;
    char more[64];
    int32_t rc;

    if (strcmp(r->old.dc, r->next.dc) != 0 || r->next.usn < r->old.usn)
        return RUN_READ_ALL; /* another controller, or one that was restored */
    if (r->next.usn == r->old.usn)
        return 0;
    tombstones = all_seen(r);
    if (!r->whole && (!tombstones || r->plan.n_ids > 0))
        return RUN_READ_ALL;
    snprintf(more, sizeof(more), "(uSNChanged>=%" PRIu64 ")", r->old.usn + 1);
    index_unmark_all(r->index);
    rc = tombstones ? read_changed(r, &changed, more) : 0;
    if (rc == 0)
        rc = put_changed(r, more);
    if (rc == 0)
        rc = tombstones ? drop_others(r, &changed) : changes_difference(r);
    index_finish(&changed.ids);
    return rc;
}
