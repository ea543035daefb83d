/* changes.c - deltas without the server's help: by modifyTimestamp, and by reading the
 * ids of all entries. */
#include "changes.h"

#include <stdio.h>
#include <stdlib.h>

#include "read.h"
#include "text.h"

/* --- the difference -------------------------------------------------------------------
 */

static int32_t on_key(void *user, LDAPMessage *m)
{
    struct run *r = user;
    struct identity who;
    struct entry e;
    int32_t rc = 0;

    if (entry_open(&e, &r->plan, r->conn->ld, m) == 0 &&
        !entry_identify(&e, &r->plan, NULL, &who))
        rc = run_seen(r, who.key);
    entry_close(&e, &r->plan);
    ldap_msgfree(m);
    return rc;
}

int32_t changes_difference(struct run *r)
{
    const char *attrs[SLOTS_FIXED + PLAN_IDS + 1] = {NULL};
    uint32_t n = 0;
    int32_t rc = 0;

    for (uint32_t i = 0; i < SLOTS_FIXED; i++)
        attrs[n++] = r->plan.name[i];
    for (uint32_t i = 0; i < r->plan.n_ids; i++)
        attrs[n++] = r->plan.name[r->plan.id[i]];
    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        struct read_request q = {.base = r->base[i],
                                 .filter = r->plan.filter,
                                 .scope = r->options->scope,
                                 .attrs = attrs,
                                 .step = "search",
                                 .on_entry = on_key,
                                 .user = r,
                                 .max = (uint64_t)r->options->max_entries};

        rc = read_all(r->conn, &q, &r->fault);
    }
    return rc == 0 ? run_sweep(r, true) : rc;
}

/* --- by time --------------------------------------------------------------------------
 */

/* The mark is the newest time seen at the server, so its clock alone matters; the overlap
 * is for servers that replicate, and for changes within that second. */
int32_t changes_modified(struct run *r)
{
    char since[TEXT_TIME], more[64];
    char *filter;
    int32_t rc = 0;

    if (!r->whole)
        return RUN_READ_ALL;
    index_unmark_all(r->index);
    text_time(r->old.modified - r->options->overlap, since);
    snprintf(more, sizeof(more), "(modifyTimestamp>=%s)", since);
    filter = run_filter(r, more);
    if (!filter)
        return r->fault.code;
    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        r->at_base = (uint8_t)i;
        rc = run_search(r, filter);
    }
    free(filter);
    return rc == 0 ? changes_difference(r) : rc;
}
