/* syncrepl.c - content synchronisation (RFC 4533): the delta of one base.
 *
 * The server names what was added or modified, and says what is gone in one of two ways:
 * it lists what was deleted, or it lists all that is still there. The second needs the
 * index of what the cache holds. */
#include "syncrepl.h"

#include <lber.h>
#include <stdio.h>
#include <string.h>

/* --- parts ----------------------------------------------------------------------------
 */

LDAPControl *syncrepl_control(int mode, const char *cookie, size_t len)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    LDAPControl *out = NULL;
    struct berval value = {0, NULL};
    int rc;

    if (!ber)
        return NULL;
    if (cookie)
        rc = ber_printf(ber, "{eo}", (ber_int_t)mode, cookie, (ber_len_t)len);
    else
        rc = ber_printf(ber, "{e}", (ber_int_t)mode);
    if (rc != -1 && ber_flatten2(ber, &value, 0) == 0 &&
        ldap_control_create(LDAP_CONTROL_SYNC, 1, &value, 1, &out) != LDAP_SUCCESS)
        out = NULL;
    ber_free(ber, 1);
    return out;
}

bool syncrepl_state(LDAP *ld, LDAPMessage *m, struct sync_state *out)
{
    LDAPControl **controls = NULL, *found;
    struct berval uuid = {0, NULL};
    BerElement *ber = NULL;
    ber_int_t state = -1;
    bool ok = false;

    memset(out, 0, sizeof(*out));
    if (ldap_get_entry_controls(ld, m, &controls) != LDAP_SUCCESS)
        return false;
    found = ldap_control_find(LDAP_CONTROL_SYNC_STATE, controls, NULL);
    if (found && found->ldctl_value.bv_val)
        ber = ber_init(&found->ldctl_value);
    if (ber && ber_scanf(ber, "{em", &state, &uuid) != LBER_ERROR && uuid.bv_len == 16) {
        memcpy(out->uuid, uuid.bv_val, 16);
        out->state = state;
        ok = true;
    }
    ber_free(ber, 1);
    ldap_controls_free(controls);
    return ok;
}

static int32_t parse_ids(BerElement *ber, struct sync_info *out)
{
    ber_len_t len;

    if (ber_scanf(ber, "{") == LBER_ERROR)
        return -CTR_EPROTO;
    if (ber_peek_tag(ber, &len) == LDAP_TAG_SYNC_COOKIE &&
        ber_scanf(ber, "o", &out->cookie) == LBER_ERROR)
        return -CTR_EPROTO;
    if (ber_peek_tag(ber, &len) == LBER_BOOLEAN) {
        ber_int_t deletes = 0;

        if (ber_scanf(ber, "b", &deletes) == LBER_ERROR)
            return -CTR_EPROTO;
        out->deletes = deletes != 0;
    }
    return ber_scanf(ber, "[W]", &out->ids) == LBER_ERROR ? -CTR_EPROTO : 0;
}

static int32_t parse_phase(BerElement *ber, struct sync_info *out)
{
    ber_int_t done = 1;
    ber_len_t len;

    if (ber_scanf(ber, "{") == LBER_ERROR)
        return -CTR_EPROTO;
    if (ber_peek_tag(ber, &len) == LDAP_TAG_SYNC_COOKIE &&
        ber_scanf(ber, "o", &out->cookie) == LBER_ERROR)
        return -CTR_EPROTO;
    if (ber_peek_tag(ber, &len) == LBER_BOOLEAN &&
        ber_scanf(ber, "b", &done) == LBER_ERROR)
        return -CTR_EPROTO;
    out->done = done != 0;
    return 0;
}

static int32_t parse_info(struct berval *data, struct sync_info *out)
{
    BerElement *ber = ber_init(data);
    ber_len_t len;
    int32_t rc = -CTR_EPROTO;

    if (!ber)
        return -CTR_ENOMEM;
    out->kind = ber_peek_tag(ber, &len);
    if (out->kind == LDAP_TAG_SYNC_NEW_COOKIE)
        rc = ber_scanf(ber, "o", &out->cookie) == LBER_ERROR ? -CTR_EPROTO : 0;
    else if (out->kind == LDAP_TAG_SYNC_ID_SET)
        rc = parse_ids(ber, out);
    else if (out->kind == LDAP_TAG_SYNC_REFRESH_DELETE ||
             out->kind == LDAP_TAG_SYNC_REFRESH_PRESENT)
        rc = parse_phase(ber, out);
    ber_free(ber, 1);
    return rc;
}

int32_t syncrepl_info(LDAP *ld, LDAPMessage *m, struct sync_info *out)
{
    char *oid = NULL;
    struct berval *data = NULL;
    int32_t rc = -CTR_ENOENT;

    memset(out, 0, sizeof(*out));
    if (ldap_parse_intermediate(ld, m, &oid, &data, NULL, 0) != LDAP_SUCCESS)
        return -CTR_EPROTO;
    if (oid && data && data->bv_val && strcmp(oid, LDAP_SYNC_INFO) == 0)
        rc = parse_info(data, out);
    ldap_memfree(oid);
    ber_bvfree(data);
    if (rc != 0)
        syncrepl_info_finish(out);
    return rc;
}

void syncrepl_info_finish(struct sync_info *info)
{
    ber_memfree(info->cookie.bv_val);
    ber_bvarray_free(info->ids);
    memset(info, 0, sizeof(*info));
}

/* --- one search -----------------------------------------------------------------------
 */

struct phase {
    struct run *run;
    bool beginning; /* nothing was asked but the cookie of now */
    char asked[240];
};

static int32_t keep_cookie(struct run *r, const struct berval *cookie)
{
    if (!cookie->bv_val || cookie->bv_len == 0)
        return 0;
    if (cursor_cookie(&r->next, r->at_base, cookie->bv_val, cookie->bv_len) == 0)
        return 0;
    return fault_set(&r->fault, -CTR_EPROTO, "search", "set delta = \"modify_timestamp\"",
                     "the server's sync cookie has %lu bytes, which is too long",
                     (unsigned long)cookie->bv_len);
}

static int32_t mark(struct phase *p, const uint8_t uuid[16])
{
    if (!p->run->whole)
        return run_again(p->run, "the server says what is there instead of what is gone, "
                                 "and after a restart that cannot be compared");
    return run_seen(p->run, uuid);
}

static int32_t take_entry(struct phase *p, LDAPMessage *m)
{
    struct run *r = p->run;
    struct sync_state state;
    int32_t rc = 0;

    if (!syncrepl_state(r->conn->ld, m, &state)) {
        ldap_msgfree(m);
        return fault_set(&r->fault, -CTR_EPROTO, "search",
                         "set delta = \"modify_timestamp\"",
                         "%s: an entry came without its sync state", p->asked);
    }
    if (state.state == LDAP_SYNC_ADD || state.state == LDAP_SYNC_MODIFY)
        return run_entry(r, m, state.uuid);
    if (state.state == LDAP_SYNC_DELETE)
        rc = run_gone(r, state.uuid, false);
    else if (state.state == LDAP_SYNC_PRESENT)
        rc = mark(p, state.uuid);
    ldap_msgfree(m);
    return rc;
}

static int32_t take_info(struct phase *p, LDAPMessage *m)
{
    struct run *r = p->run;
    struct sync_info info;
    int32_t rc = syncrepl_info(r->conn->ld, m, &info);

    ldap_msgfree(m);
    if (rc == -CTR_ENOENT)
        return 0;
    if (rc != 0)
        return fault_set(&r->fault, rc, "search", "set delta = \"modify_timestamp\"",
                         "%s: a sync message cannot be read", p->asked);
    for (size_t i = 0; rc == 0 && info.ids && info.ids[i].bv_val; i++) {
        const uint8_t *uuid = (const uint8_t *)info.ids[i].bv_val;

        if (info.ids[i].bv_len != 16)
            continue;
        rc = info.deletes ? run_gone(r, uuid, false) : mark(p, uuid);
    }
    if (rc == 0)
        rc = keep_cookie(r, &info.cookie);
    syncrepl_info_finish(&info);
    return rc;
}

static int32_t take_done(struct phase *p, LDAPControl **controls, bool *deletes)
{
    LDAPControl *found = ldap_control_find(LDAP_CONTROL_SYNC_DONE, controls, NULL);
    struct berval cookie = {0, NULL};
    ber_int_t flag = 0;
    BerElement *ber = NULL;
    ber_len_t len;
    int32_t rc;

    *deletes = false;
    if (found && found->ldctl_value.bv_val)
        ber = ber_init(&found->ldctl_value);
    if (!ber || ber_scanf(ber, "{") == LBER_ERROR) {
        ber_free(ber, 1);
        return fault_set(&p->run->fault, -CTR_EPROTO, "search",
                         "set delta = \"modify_timestamp\"",
                         "%s: the end came without its sync control", p->asked);
    }
    if (ber_peek_tag(ber, &len) == LDAP_TAG_SYNC_COOKIE)
        ber_scanf(ber, "m", &cookie);
    if (ber_peek_tag(ber, &len) == LBER_BOOLEAN)
        ber_scanf(ber, "b", &flag);
    *deletes = flag != 0;
    rc = keep_cookie(p->run, &cookie);
    ber_free(ber, 1);
    return rc;
}

/* The end of the answer. */
static int32_t take_result(struct phase *p, LDAPMessage *m)
{
    struct run *r = p->run;
    LDAPControl **controls = NULL;
    bool deletes = false;
    int32_t rc = conn_result(r->conn, m, "search", p->asked, &controls, &r->fault);

    ldap_msgfree(m);
    if (rc == 0)
        rc = take_done(p, controls, &deletes);
    ldap_controls_free(controls);
    if (rc != 0 || deletes)
        return rc;
    if (!r->whole)
        return run_again(r, "the server says what is there instead of what is gone, and "
                            "after a restart that cannot be compared");
    return run_sweep(r, false);
}

static int32_t send(struct phase *p, const char *filter, const char *const *attrs,
                    const char *cookie, size_t len, int *msgid)
{
    static const int scopes[] = {[SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
                                 [SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
                                 [SCOPE_BASE] = LDAP_SCOPE_BASE};
    struct run *r = p->run;
    LDAPControl *controls[2] = {syncrepl_control(LDAP_SYNC_REFRESH_ONLY, cookie, len),
                                NULL};
    int rc;

    snprintf(p->asked, sizeof(p->asked), "synchronising \"%.180s\"", r->base[r->at_base]);
    if (!controls[0])
        return fault_nomem(&r->fault);
    rc = ldap_search_ext(r->conn->ld, r->base[r->at_base], scopes[r->options->scope],
                         filter, (char **)(uintptr_t)attrs, 0, controls, NULL, NULL,
                         LDAP_NO_LIMIT, msgid);
    ldap_control_free(controls[0]);
    return rc == LDAP_SUCCESS ? 0
                              : conn_unsent(r->conn, rc, "search", p->asked, &r->fault);
}

/* A delta that cannot be had: the cookie is too old, or more changed than the server
 * tells this login at once. */
static int32_t give_up(struct run *r)
{
    int code = r->fault.ldap;

    if (code != LDAP_SYNC_REFRESH_REQUIRED && code != LDAP_SIZELIMIT_EXCEEDED &&
        code != LDAP_ADMINLIMIT_EXCEEDED)
        return r->fault.code;
    r->fault = (struct fault){0};
    return run_again(r, code == LDAP_SYNC_REFRESH_REQUIRED
                            ? "the server no longer knows what changed since"
                            : "more changed than the server tells at once");
}

static int32_t receive(struct phase *p, int msgid)
{
    struct run *r = p->run;
    uint64_t messages = 0;
    int32_t rc;

    for (;;) {
        LDAPMessage *m = NULL;
        int type;

        rc = conn_next(r->conn, msgid, p->asked, &m, &r->fault);
        if (rc != 0)
            break;
        type = ldap_msgtype(m);
        if (type == LDAP_RES_SEARCH_RESULT) {
            rc = take_result(p, m);
            return rc < 0 && !p->beginning ? give_up(r) : rc;
        }
        if (type == LDAP_RES_SEARCH_ENTRY)
            rc = take_entry(p, m);
        else if (type == LDAP_RES_INTERMEDIATE)
            rc = take_info(p, m);
        else
            ldap_msgfree(m);
        if (rc == 0 && ++messages > (uint64_t)r->options->max_entries + SYNC_IDS_MAX)
            rc = fault_set(&r->fault, -CTR_EPROTO, "search", "see what the server does",
                           "%s: the answer never ends", p->asked);
        if (rc != 0)
            break;
    }
    conn_abandon(r->conn, msgid);
    return rc;
}

int32_t syncrepl_delta(struct run *r)
{
    struct phase p = {.run = r};
    int msgid = -1;
    int32_t rc;

    if (r->at_base >= r->old.n_cookies || r->old.cookie[r->at_base].len == 0)
        return run_again(r, "a base has no sync cookie");
    rc = cursor_cookie(&r->next, r->at_base, r->old.cookie[r->at_base].bytes,
                       r->old.cookie[r->at_base].len);
    if (rc == 0)
        rc = send(&p, r->plan.filter, r->plan.name, r->old.cookie[r->at_base].bytes,
                  r->old.cookie[r->at_base].len, &msgid);
    else
        rc = fault_nomem(&r->fault);
    return rc == 0 ? receive(&p, msgid) : rc;
}

/* --- the first time -------------------------------------------------------------------
 */

/* Asks for a synchronisation of nothing: its end tells the cookie of now. The content is
 * then read page by page, which this protocol cannot; what changes meanwhile comes with
 * the first delta. */
int32_t syncrepl_begin(struct run *r)
{
    static const char nothing[] = "(entryUUID=00000000-0000-0000-0000-000000000000)";
    static const char *const no_attributes[] = {LDAP_NO_ATTRS, NULL};
    struct phase p = {.run = r, .beginning = true};
    struct index *index = r->index, empty = {0};
    int msgid = -1;
    int32_t rc = send(&p, nothing, no_attributes, NULL, 0, &msgid);

    /* With an index that holds all of nothing, nothing is deleted. */
    r->index = &empty;
    r->whole = true;
    if (rc == 0)
        rc = receive(&p, msgid);
    index_finish(&empty);
    r->index = index;
    r->whole = false;
    if (rc == 0 &&
        (r->at_base >= r->next.n_cookies || r->next.cookie[r->at_base].len == 0))
        rc = fault_set(&r->fault, -CTR_ENOTSUP, "delta",
                       "add the overlay syncprov to this database of the server",
                       "%s: the server gives no sync cookie", p.asked);
    if (rc < 0 && (r->fault.ldap == LDAP_UNAVAILABLE_CRITICAL_EXTENSION ||
                   r->fault.ldap == LDAP_UNWILLING_TO_PERFORM)) {
        r->fault.code = rc = -CTR_ENOTSUP;
        snprintf(
            r->fault.remedy, sizeof(r->fault.remedy),
            "add the overlay syncprov to this database of the server, or leave delta "
            "at \"auto\"");
    }
    return rc;
}
