/* run.c - one sync under way: puts, deletions, and the index of what there is. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"
#include "text.h"

enum { FEW = 5 /* may be missing without everything being read */ };

static int32_t delete_id(struct run *r, struct ctr_str id)
{
    int32_t rc = contacts_flush(r->contacts); /* in the order of things */

    r->deleted++;
    return rc == 0 ? r->host->sync_delete(r->host, r->sync, &id, 1) : rc;
}

/* The entry was a contact perhaps, and is none now. */
static int32_t drop_rejected(struct run *r, const struct identity *who)
{
    int32_t rc;

    if (r->old.mode == DELTA_AUTO || !who->unique)
        return 0; /* a full sync removes it by itself */
    rc = run_gone(r, who->key, who->guid);
    return rc < 0 ? rc : 0;
}

int32_t run_entry(struct run *r, LDAPMessage *m, const uint8_t *uuid)
{
    struct identity who;
    struct ctr_str none = {NULL, 0};
    int32_t rc = contacts_entry(r->contacts, m, uuid, &who);

    if (rc != 0)
        return rc;
    if (!who.id.ptr && (rc = drop_rejected(r, &who)) != 0)
        return rc;
    if (!r->index || (!who.id.ptr && !who.unique))
        return 0;
    /* A rejected entry is noted as well: it is there, and known. */
    if (index_put(r->index, who.key, who.guid, r->at_base,
                  who.named && who.id.ptr ? who.id : none) != 0)
        return fault_nomem(&r->fault);
    return 0;
}

int32_t run_again(struct run *r, const char *why)
{
    if (r->contacts->put == 0 && r->deleted == 0)
        return RUN_READ_ALL;
    r->strange = true;
    return fault_set(&r->fault, -CTR_EUNAVAIL, "search", NULL,
                     "%s; everything is read again next time", why);
}

int32_t run_gone(struct run *r, const uint8_t key[16], bool guid)
{
    struct index_entry *e = r->index ? index_find(r->index, key) : NULL;
    char text[INDEX_ID_MAX];
    size_t n;

    if (e && e->base != r->at_base && e->marked == MARK_SEEN)
        return 0; /* it has moved to another base, and was put there */
    if (e && e->marked == MARK_GONE)
        return 0;
    if (e) {
        n = index_id(r->index, e, text);
        e->marked = MARK_GONE;
    } else if (r->whole) {
        return 0; /* never was one of ours */
    } else if (r->plan.n_ids > 0) {
        return run_again(r, "an entry was deleted whose id is not known after a restart");
    } else {
        (guid ? text_guid : text_uuid)(key, text);
        n = TEXT_UUID - 1;
    }
    return delete_id(r, (struct ctr_str){text, n});
}

int32_t run_seen(struct run *r, const uint8_t key[16])
{
    struct ctr_str none = {NULL, 0};
    struct index_entry *e = index_find(r->index, key);

    if (e) {
        e->marked = e->marked == MARK_NONE ? MARK_SEEN : e->marked;
        return 0;
    }
    if (index_put(r->index, key, false, r->at_base, none) != 0)
        return fault_nomem(&r->fault);
    index_find(r->index, key)->marked = MARK_STRANGER; /* unless it is put yet */
    return 0;
}

static bool is_left(const struct run *r, const struct index_entry *e, bool any_base)
{
    return !e->marked && (any_base || e->base == r->at_base);
}

/* More than a tenth, or all: a server that lost its data, or no longer shows them to this
 * login, looks just so. Only what a full sync does not find is judged by the daemon. */
static bool too_many_left(const struct run *r, bool any_base)
{
    struct index_entry *e;
    uint64_t n = 0;

    for (size_t at = 0; (e = index_next(r->index, &at)) != NULL;)
        n += is_left(r, e, any_base);
    return n * 10 > r->index->n && (n > FEW || n == r->index->n);
}

int32_t run_sweep(struct run *r, bool any_base)
{
    struct index_entry *e;
    int32_t rc = 0;

    if (too_many_left(r, any_base))
        return run_again(r, "more than a tenth of the entries are not shown any more");
    for (size_t at = 0; rc == 0 && (e = index_next(r->index, &at)) != NULL;) {
        char text[INDEX_ID_MAX];
        size_t n;

        if (!is_left(r, e, any_base))
            continue;
        n = index_id(r->index, e, text);
        e->marked = MARK_GONE;
        rc = delete_id(r, (struct ctr_str){text, n});
    }
    return rc;
}

void run_settle(struct run *r)
{
    size_t at = 0;

    while (r->index && at < r->index->cap) {
        struct index_entry *e = &r->index->entries[at];

        if (e->used && (e->marked == MARK_GONE || e->marked == MARK_STRANGER)) {
            uint8_t key[16];

            r->strange = r->strange || e->marked == MARK_STRANGER;
            memcpy(key, e->key, sizeof(key));
            index_remove(r->index, key); /* another may move here: look again */
        } else {
            at++;
        }
    }
}

/* --- searching ------------------------------------------------------------------------
 */

static int32_t on_entry(void *user, LDAPMessage *m)
{
    return run_entry(user, m, NULL);
}

int32_t run_search(struct run *r, const char *filter)
{
    struct read_request q = {.base = r->base[r->at_base],
                             .filter = filter,
                             .scope = r->options->scope,
                             .attrs = r->plan.name,
                             .step = "search",
                             .on_entry = on_entry,
                             .user = r,
                             .max = (uint64_t)r->options->max_entries};
    char text[300];
    int32_t rc = read_all(r->conn, &q, &r->fault);

    if (q.references > 0 && rc == 0) {
        snprintf(
            text, sizeof(text),
            "%llu referrals were not followed, the first to %.160s; make that server "
            "a source of its own, or narrow base",
            (unsigned long long)q.references, q.reference);
        r->host->sync_reject(r->host, r->sync, "referral", text);
        r->references += q.references;
    }
    return rc;
}

char *run_filter(struct run *r, const char *more)
{
    char *out;

    if (asprintf(&out, "(&%s%s)", r->plan.filter, more) >= 0)
        return out;
    fault_nomem(&r->fault);
    return NULL;
}
