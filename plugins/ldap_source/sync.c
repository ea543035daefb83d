/* sync.c - one sync from connecting to the cursor: a delta where the last cursor allows
 * it, else everything. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "changes.h"
#include "groups.h"
#include "kit/kit.h"
#include "run.h"
#include "source.h"
#include "syncrepl.h"
#include "text.h"

enum {
    STRANGE_MS = 10 * 60 * 1000, /* at most this often everything is read for strangers */
    CURSOR_MAX = 65536,
    AHEAD_MAX = 24 * 3600 /* seconds: a modifyTimestamp beyond is an accident */
};

/* --- what the parts call --------------------------------------------------------------
 */

static int32_t deliver(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct run *r = user;

    r->host->sync_progress(r->host, r->sync, r->contacts->put + n, 0);
    return r->host->sync_put(r->host, r->sync, contacts, n);
}

static void reject(void *user, const char *where, const char *reason)
{
    struct run *r = user;

    r->host->sync_reject(r->host, r->sync, where, reason);
}

/* --- a full sync ----------------------------------------------------------------------
 */

static enum delta mode_for(const struct run *r)
{
    const struct rootdse *d = &r->conn->dse;

    if (r->options->delta != DELTA_AUTO)
        return r->options->delta;
    if (d->ad && d->highest_usn)
        return DELTA_USN;
    return d->openldap && d->syncrepl ? DELTA_SYNCREPL : DELTA_MODIFY_TIMESTAMP;
}

static int32_t begin_syncrepl(struct run *r)
{
    const struct rootdse *d = &r->conn->dse;
    int32_t rc = 0;

    if (!d->openldap || !d->syncrepl)
        return fault_set(&r->fault, -CTR_ENOTSUP, "delta",
                         "leave delta at \"auto\"; at OpenLDAP, load the module and add "
                         "the overlay syncprov",
                         "the server does not offer content synchronisation as OpenLDAP "
                         "does");
    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        r->at_base = (uint8_t)i;
        rc = syncrepl_begin(r);
    }
    return rc;
}

/* What a cursor was made with goes on as long as the server can do it. */
static bool goes_on(const struct run *r)
{
    const struct rootdse *d = &r->conn->dse;

    if (r->options->delta != DELTA_AUTO)
        return r->options->delta == r->old.mode;
    return r->old.mode == DELTA_SYNCREPL ? d->openldap && d->syncrepl
                                         : r->old.mode != DELTA_USN || d->ad;
}

/* Where the server is now, before everything is read. What `auto` cannot have, it does
 * without. */
static int32_t begin(struct run *r)
{
    int32_t rc = 0;

    r->next.mode = mode_for(r);
    if (r->next.mode == DELTA_SYNCREPL)
        rc = begin_syncrepl(r);
    else if (r->next.mode == DELTA_USN)
        rc = usn_begin(r);
    if (rc != -CTR_ENOTSUP || r->options->delta != DELTA_AUTO)
        return rc;
    kit_log(r->host, CTR_LOG_INFO, "ldap_delta_by_time reason=%s",
            kit_quoted(r->fault.text));
    r->fault = (struct fault){0};
    r->next.mode = DELTA_MODIFY_TIMESTAMP;
    return 0;
}

static int32_t refuse_empty(struct run *r)
{
    if (r->contacts->rejected)
        return fault_set(&r->fault, -CTR_EFORMAT, "search", NULL,
                         "none of the %llu entries can be used; the last good data stay; "
                         "the first: %s",
                         (unsigned long long)r->contacts->rejected,
                         r->contacts->first_reject);
    return fault_set(
        &r->fault, -CTR_EFORMAT, "search",
        "let bind_dn read the entries, correct base or filter, or set "
        "allow_empty = true if nobody is right",
        "the server shows no entry under \"%.200s\"; the last good data stay",
        r->base[0]);
}

static int32_t read_everything(struct run *r, struct source *s)
{
    struct index fresh = {0};
    int32_t rc = begin(r);

    if (rc == 0 && r->next.mode != DELTA_OFF)
        r->index = &fresh;
    else
        r->index = NULL;
    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        r->at_base = (uint8_t)i;
        rc = run_search(r, r->plan.filter);
    }
    if (rc == 0)
        rc = contacts_flush(r->contacts);
    if (rc == 0 && r->contacts->put == 0 && !r->options->allow_empty)
        rc = refuse_empty(r);
    r->index = &s->index;
    if (rc != 0) {
        index_finish(&fresh);
        return rc;
    }
    index_finish(&s->index);
    s->index = fresh;
    r->strange = false;
    s->host->metric_add(s->host, s->metric_fulls, 1);
    return 0;
}

static int32_t become_full(struct run *r, struct source *s, bool had_cursor)
{
    int32_t rc = had_cursor ? r->host->sync_full(r->host, r->sync) : 0;

    if (rc != 0)
        return rc;
    cursor_finish(&r->next);
    r->next.full_at = r->host->wall(r->host) / 1000;
    r->old.mode = DELTA_AUTO;
    contacts_restart(r->contacts);
    return read_everything(r, s);
}

/* --- a delta --------------------------------------------------------------------------
 */

static int32_t delta_syncrepl(struct run *r)
{
    int32_t rc = r->old.n_cookies == r->n_bases ? 0 : RUN_READ_ALL;

    for (uint32_t i = 0; rc == 0 && i < r->n_bases; i++) {
        r->at_base = (uint8_t)i;
        if (i == 0)
            index_unmark_all(r->index);
        rc = syncrepl_delta(r);
    }
    return rc;
}

static int32_t delta_usn(struct run *r)
{
    int32_t rc = usn_begin(r);

    return rc == 0 ? usn_delta(r) : rc;
}

/* What servers do not tell as a change: rights that were given or taken, parents that
 * were moved or renamed, what another replica changed before the last look. */
static bool is_due(const struct run *r)
{
    int64_t now = r->host->wall(r->host) / 1000, every = r->options->full_every;

    return every && (now < r->old.full_at || now - r->old.full_at >= every);
}

/* returns 0 | RUN_READ_ALL | negative */
static int32_t read_changes(struct run *r, struct source *s)
{
    int32_t rc;

    if (s->read_all_next || !goes_on(r) || is_due(r) || groups_told(r) != r->old.groups)
        return RUN_READ_ALL;
    r->next.mode = r->old.mode;
    r->next.full_at = r->old.full_at;
    r->contacts->newest = r->old.modified;
    if (r->old.mode == DELTA_SYNCREPL)
        rc = delta_syncrepl(r);
    else
        rc = r->old.mode == DELTA_USN ? delta_usn(r) : changes_modified(r);
    if (rc != 0)
        return rc;
    rc = contacts_flush(r->contacts);
    if (rc == 0)
        s->host->metric_add(s->host, s->metric_deltas, 1);
    return rc;
}

/* --- the end --------------------------------------------------------------------------
 */

static uint64_t first_serial(void)
{
    uint64_t n;

    if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
        n = (uint64_t)text_now() << 20;
    return n >> 1 | 1;
}

static bool has_mark(const struct run *r)
{
    if (r->next.mode == DELTA_MODIFY_TIMESTAMP)
        return r->next.modified > 0;
    return r->next.mode == DELTA_SYNCREPL || r->next.mode == DELTA_USN;
}

/* returns 0, *given: whether there is one | negative */
static int32_t give_cursor(struct run *r, struct source *s, bool *given)
{
    char *text;
    int32_t rc = 0;

    *given = false;
    r->next.modified = r->contacts->newest;
    r->next.groups = groups_told(r);
    s->serial = s->serial ? s->serial + 1 : first_serial();
    r->next.serial = s->serial;
    if (!has_mark(r))
        return 0;
    text = cursor_text(&r->next, r->options->shape);
    if (!text)
        return fault_nomem(&r->fault);
    if (strlen(text) <= CURSOR_MAX) {
        struct ctr_str cursor = {text, strlen(text)};

        rc = r->host->sync_cursor(r->host, r->sync, cursor);
        *given = rc == 0;
    }
    free(text);
    return rc;
}

static void remember(struct run *r, struct source *s, bool given)
{
    bool due = text_now() - s->read_all_at > STRANGE_MS || s->read_all_at == 0;

    run_settle(r);
    if (!given)
        index_finish(&s->index);
    s->index_serial = given && r->whole ? s->serial : 0;
    s->read_all_next = false;
    if (r->strange && due) {
        s->read_all_next = true;
        s->read_all_at = text_now();
        s->host->request_sync(s->host);
    }
    listener_follow(s->listener,
                    given && r->next.mode == DELTA_SYNCREPL ? &r->next : NULL);
}

static void report(const struct run *r, const struct source *s, bool full)
{
    static const char *const modes[] = {"auto", "syncrepl", "usn", "modify_timestamp",
                                        "off"};
    const struct contacts *c = r->contacts;

    s->host->metric_add(s->host, s->metric_entries, (int64_t)c->entries);
    s->host->metric_add(s->host, s->metric_rejected, (int64_t)c->rejected);
    kit_log(s->host, full || c->entries || r->deleted ? CTR_LOG_INFO : CTR_LOG_DEBUG,
            "ldap_read url=%s kind=%s delta=%s entries=%llu rejected=%llu deleted=%llu "
            "referrals=%llu",
            r->conn->where->url, full ? "full" : "delta", modes[r->next.mode],
            (unsigned long long)c->entries, (unsigned long long)c->rejected,
            (unsigned long long)r->deleted, (unsigned long long)r->references);
}

/* --- the whole ------------------------------------------------------------------------
 */

int32_t source_plan(const struct options *o, const struct conn *c, struct plan *plan,
                    const char *base[BASES_MAX], uint32_t *n_bases, struct fault *f)
{
    const struct rootdse *d = &c->dse;
    enum preset preset = o->preset != PRESET_AUTO ? o->preset
                         : d->ad                  ? PRESET_AD
                                                  : PRESET_INETORGPERSON;

    *n_bases = 0;
    for (uint32_t i = 0; i < o->n_bases; i++)
        base[(*n_bases)++] = o->base[i];
    if (*n_bases == 0 && (d->default_context || d->n_contexts == 1))
        base[(*n_bases)++] = d->default_context ? d->default_context : d->context[0];
    if (*n_bases == 0)
        return fault_set(f, -CTR_ECONF, "base",
                         "set base = [\"ou=people,dc=example,...\"]",
                         d->n_contexts ? "the server has several naming contexts, the "
                                         "first is \"%.200s\""
                                       : "the server does not tell its naming context%s",
                         d->n_contexts ? d->context[0] : "");
    if (plan_make(plan, o, preset) != 0)
        return fault_set(f, -CTR_ECONF, "map", "map fewer attributes",
                         "the map names more attributes than %d", PLAN_SLOTS);
    return 0;
}

static int32_t prepare(struct run *r, struct source *s)
{
    int32_t rc = conn_open(r->conn, &r->fault);

    if (rc == 0)
        rc = source_plan(r->options, r->conn, &r->plan, r->base, &r->n_bases, &r->fault);
    if (rc != 0)
        return rc;
    r->contacts = contacts_create(&r->plan, r->conn->ld);
    if (!r->contacts)
        return fault_nomem(&r->fault);
    r->contacts->deliver = deliver;
    r->contacts->reject = reject;
    r->contacts->user = r;
    r->contacts->latest = r->host->wall(r->host) / 1000 + AHEAD_MAX;
    r->index = &s->index;
    return groups_read(r);
}

static int32_t run_sync(struct run *r, struct source *s,
                        const struct ctr_sync_request *request)
{
    bool had_cursor = request->cursor.ptr != NULL, given = false, full = true;
    int32_t rc = prepare(r, s);

    if (rc != 0)
        return rc;
    rc = had_cursor ? cursor_parse(&r->old, request->cursor, r->options->shape)
                    : -CTR_ENOENT;
    if (rc == 0) {
        r->whole = r->old.serial == s->index_serial;
        rc = read_changes(r, s);
        full = rc == RUN_READ_ALL;
    } else if (rc == -CTR_ENOENT) {
        rc = RUN_READ_ALL;
    } else {
        rc = fault_nomem(&r->fault);
    }
    if (rc == RUN_READ_ALL) {
        rc = become_full(r, s, had_cursor);
        r->whole = rc == 0;
    }
    if (rc == 0)
        rc = give_cursor(r, s, &given);
    if (rc != 0)
        return rc;
    report(r, s, full);
    remember(r, s, given);
    return 0;
}

/* The last cursor given out was not committed: the daemon refused that sync. Changes at
 * the server are then no reason to try again at once. */
static bool was_refused(const struct source *s, const struct ctr_sync_request *request)
{
    struct cursor c;
    bool same;

    if (s->serial == 0)
        return false;
    if (!request->cursor.ptr || cursor_parse(&c, request->cursor, s->options.shape) != 0)
        return true;
    same = c.serial == s->serial;
    cursor_finish(&c);
    return !same;
}

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    struct source *s = instance;
    struct run *r = calloc(1, sizeof(*r));
    int32_t rc = -CTR_ENOMEM;

    cancel_reset(&s->sync_cancel);
    if (r)
        r->conn = conn_create(&s->options, s->host, &s->tls, &s->sync_cancel);
    if (!r || !r->conn) {
        free(r);
        return kit_fail(s->host, rc, "out of memory");
    }
    r->options = &s->options;
    r->host = s->host;
    r->sync = sync;
    listener_calm(s->listener, was_refused(s, request));
    rc = s->host->sync_canceled(s->host, sync);
    if (rc == 0)
        rc = run_sync(r, s, request);
    if (rc != 0) {
        s->read_all_next = s->read_all_next || r->strange;
        listener_calm(s->listener, true);
    }
    if (rc != 0 && r->fault.code != 0)
        rc = fault_tell(&r->fault, s->host);
    contacts_destroy(r->contacts);
    conn_destroy(r->conn);
    cursor_finish(&r->old);
    cursor_finish(&r->next);
    free(r);
    return rc;
}

void source_sync_cancel(void *instance, struct ctr_sync *sync)
{
    struct source *s = instance;

    (void)sync;
    cancel_fire(&s->sync_cancel);
}
