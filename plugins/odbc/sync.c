/* sync.c - reading everything, or what changed since the last time. A cursor is only
 * given when all went well; what a failed sync put is thrown away by the host. */
#include <inttypes.h>
#include <stdlib.h>

#include "diag.h"
#include "sync_private.h"

enum { DAY_MS = 24 * 3600 * 1000, KEY_LIST = (2 * COLUMN_NAME + 20) * KEYS_MAX };

/* --- what the host is told ------------------------------------------------------------
 */

static int32_t on_put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct run *r = user;

    return r->host->sync_put(r->host, r->sync, contacts, n);
}

static int32_t on_gone(void *user, const struct ctr_str *ids, uint32_t n)
{
    struct run *r = user;

    for (uint32_t i = 0; i < n; i++)
        keyset_remove(&r->s->known.ids, ids[i].ptr, ids[i].len);
    return r->delta ? r->host->sync_delete(r->host, r->sync, ids, n) : 0;
}

static void on_reject(void *user, const char *where, const char *reason)
{
    struct run *r = user;

    r->host->sync_reject(r->host, r->sync, where, reason);
}

static bool is_canceled(void *user)
{
    const struct run *r = user;

    return r->host->sync_canceled(r->host, r->sync) != 0;
}

/* --- reading a result -----------------------------------------------------------------
 */

/* A time from the future is a slip of the pen. As the watermark it would hide all changes
 * until then. The day is for clocks of other time zones. */
static void note_marks(struct run *r, const struct page *p)
{
    const struct columns *columns = conn_columns(r->conn);
    bool loose = (conn_driver(r->conn)->flags & DRIVER_LOOSE) != 0;
    struct mark m;

    if (r->plan.watermark == PLAN_NO_COLUMN)
        return;
    for (uint32_t row = 0; row < p->n_rows; row++) {
        struct cell cell = page_cell(p, row, r->plan.watermark);

        if (cell.len > 0 &&
            mark_read(&m, &columns->at[r->plan.watermark], p->text + cell.offset,
                      cell.len, loose) &&
            !mark_is_after(&m, r->now + DAY_MS))
            mark_raise(&r->next.mark, &m);
    }
}

static void note_last_id(struct run *r, const struct page *p)
{
    const char *why;

    if (p->n_rows)
        r->last_id[contacts_id(&r->plan, p, p->n_rows - 1, r->last_id, &why)] = 0;
}

static int32_t take_page(struct run *r, const struct page *p)
{
    const struct config *c = &r->s->config;
    int32_t rc = contacts_page(&r->contacts, p);

    if (rc == -CTR_ENOMEM)
        return trouble_set(&r->trouble, rc, "out of memory after %" PRIu64 " rows",
                           r->contacts.rows);
    if (rc != 0) {
        r->trouble.code = rc;
        return rc;
    }
    note_last_id(r, p);
    note_marks(r, p);
    if (r->contacts.rows > (uint64_t)c->max_rows) {
        trouble_set(&r->trouble, -CTR_EREFUSED,
                    "the result has more than %" PRId64 " rows", c->max_rows);
        trouble_remedy(&r->trouble, "raise max_rows if this is right");
        return r->trouble.code;
    }
    r->host->sync_progress(r->host, r->sync, r->contacts.rows,
                           r->s->last_rows > r->contacts.rows ? r->s->last_rows : 0);
    return 0;
}

void sync_note_names(struct run *r)
{
    const struct columns *columns = conn_columns(r->conn);
    struct cursor *c = &r->next;

    c->n_names = 0;
    if (r->plan.watermark == PLAN_NO_COLUMN)
        return;
    strcpy(c->names[c->n_names++], columns->at[r->plan.watermark].name);
    for (uint32_t i = 0; i < r->plan.n_keys; i++)
        strcpy(c->names[c->n_names++], columns->at[r->plan.keys[i]].name);
}

int32_t sync_begin_result(struct run *r, const struct sqltext *sql,
                          const struct param *params)
{
    const struct config *c = &r->s->config;
    int32_t rc = conn_execute(r->conn, sql, params, &r->patience, &r->trouble);

    if (rc == 0)
        rc = plan_make(&r->plan, c, conn_columns(r->conn), conn_driver(r->conn), false,
                       &r->trouble);
    if (rc == 0)
        rc = conn_bind(r->conn, SYNC_PAGE_ROWS, &r->trouble);
    return rc;
}

int32_t sync_read_pages(struct run *r)
{
    struct page *p = NULL;
    int32_t rc;

    do {
        rc = conn_fetch(r->conn, &p, &r->patience, &r->trouble);
        if (rc == 0 && p)
            rc = take_page(r, p);
    } while (rc == 0 && p);
    return rc;
}

int32_t sync_end_result(struct run *r)
{
    int32_t rc = contacts_end(&r->contacts);

    r->trouble.code = rc;
    return rc;
}

static int32_t read_result(struct run *r, const struct sqltext *sql,
                           const struct param *params)
{
    int32_t rc = sync_begin_result(r, sql, params);

    if (rc != 0)
        return rc;
    sync_note_names(r);
    contacts_begin(&r->contacts, &r->plan);
    rc = sync_read_pages(r);
    return rc == 0 ? sync_end_result(r) : rc;
}

/* --- full -----------------------------------------------------------------------------
 */

static int32_t read_all(struct run *r)
{
    const struct config *c = &r->s->config;
    int32_t rc = -CTR_ENOTSUP;

    r->next.full_at = r->now;
    if (conn_hoards(r->conn) && c->n_keys <= 1 && c->query.verb == SQL_VERB_SELECT)
        rc = parts_read(r);
    if (rc != -CTR_ENOTSUP)
        return rc;
    r->trouble = (struct trouble){0};
    rc = conn_reset(r->conn, &r->patience, &r->trouble);
    return rc == 0 ? read_result(r, &c->query, NULL) : rc;
}

/* --- changes --------------------------------------------------------------------------
 */

void sync_key_list(const struct run *r, const char *alias, char *out, size_t cap)
{
    char name[2 * COLUMN_NAME + 2];
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 1; i < r->old.n_names; i++) {
        sqltext_identifier(name, sizeof(name), r->old.names[i], conn_quote(r->conn));
        n +=
            (size_t)snprintf(out + n, cap - n, "%s%s.%s", i > 1 ? ", " : "", alias, name);
    }
}

/* Whether one of a contact's rows may have changed without the others. */
static bool has_joined_rows(const struct run *r)
{
    return r->old.several || strcasestr(r->s->config.query.sql, "join");
}

/* Of a contact with several rows all are read: what is put replaces it as a whole. */
static int32_t changes_text(struct run *r, struct sqltext *sql)
{
    const struct sqltext *query = &r->s->config.query;
    char mark[2 * COLUMN_NAME + 2], keys[KEY_LIST], changed[KEY_LIST];
    char *tail = NULL;
    int32_t rc = -CTR_ENOMEM;
    int n;

    sqltext_identifier(mark, sizeof(mark), r->old.names[0], conn_quote(r->conn));
    sync_key_list(r, "contactor_q", keys, sizeof(keys));
    sync_key_list(r, "contactor_p", changed, sizeof(changed));
    if (has_joined_rows(r))
        n = asprintf(&tail,
                     "WHERE (%s) IN (SELECT %s FROM (%s\n) contactor_p "
                     "WHERE contactor_p.%s >= ?) ORDER BY %s",
                     keys, changed, query->sql, mark, keys);
    else
        n = asprintf(&tail, "WHERE contactor_q.%s >= ? ORDER BY %s", mark, keys);
    if (n < 0)
        return rc;
    rc = sqltext_wrap(sql, query, "*", tail, 1);
    free(tail);
    return rc;
}

static int32_t read_changes(struct run *r)
{
    const struct config *c = &r->s->config;
    struct mark since = r->old.mark;
    struct param params[SQLTEXT_PARAMS_MAX];
    struct sqltext wrapped = {0};
    int32_t rc = 0;

    mark_lower(&since, c->overlap, c->overlap_count);
    for (uint32_t i = 0; i < SQLTEXT_PARAMS_MAX; i++)
        params[i] = (struct param){.mark = &since};
    r->next.mark = r->old.mark;
    r->next.full_at = r->old.full_at;
    if (!c->changes.sql)
        rc = changes_text(r, &wrapped);
    if (rc != 0)
        return trouble_set(&r->trouble, rc, "out of memory");
    rc = read_result(r, c->changes.sql ? &c->changes : &wrapped, params);
    sqltext_finish(&wrapped);
    return rc;
}

/* --- the sync -------------------------------------------------------------------------
 */

static bool compares(const struct run *r)
{
    return r->s->config.deletions == DELETIONS_COMPARE;
}

/* Whether the cursor is one of ours, fits the options, and is not due for a full sync. */
static bool use_cursor(struct run *r, struct ctr_str text)
{
    const struct config *c = &r->s->config;
    const struct known *known = &r->s->known;

    if (!text.ptr || !c->watermark || !cursor_read(&r->old, text.ptr, text.len) ||
        r->old.hash != c->hash || r->old.mark.type == MARK_NONE || r->old.n_names < 2)
        return false;
    if (c->full_every &&
        (r->now < r->old.full_at || r->now - r->old.full_at >= c->full_every))
        return false;
    return !compares(r) || (strlen(known->cursor) == text.len &&
                            memcmp(known->cursor, text.ptr, text.len) == 0);
}

static int32_t make_full(struct run *r, const char *why)
{
    int32_t rc = r->host->sync_full(r->host, r->sync);

    kit_log(r->host, CTR_LOG_INFO, "odbc reads_all reason=%s", kit_quoted(why));
    r->delta = false;
    r->trouble = (struct trouble){.code = rc};
    return rc != 0 ? rc : conn_reset(r->conn, &r->patience, &r->trouble);
}

/* Changes, or everything where they cannot be had. */
static int32_t read_rows(struct run *r)
{
    int32_t rc = 0;

    if (r->delta && compares(r)) {
        rc = gone_compare(r);
        if (rc == -CTR_ENOTSUP)
            rc = make_full(r, "more than a tenth of the keys are gone");
        else if (rc != 0 && diag_refused(&r->trouble))
            rc = make_full(r, r->trouble.text);
    }
    if (rc != 0)
        return rc;
    if (r->delta) {
        rc = read_changes(r);
        if (rc == 0 || !diag_refused(&r->trouble) || r->contacts.rows || compares(r))
            return rc;
        kit_log(r->host, CTR_LOG_WARN,
                "odbc changes_refused reason=%s effect=\"everything is read each "
                "time\" remedy=\"write changes = the statement for what changed since "
                ":since\"",
                kit_quoted(r->trouble.text));
        rc = make_full(r, "the statement for changes was refused");
    }
    return rc == 0 ? read_all(r) : rc;
}

/* What the host commits together with the contacts. */
static int32_t give_cursor(struct run *r)
{
    struct known *known = &r->s->known;
    char text[CURSOR_TEXT];
    int32_t rc;

    if (!r->s->config.watermark)
        return 0;
    r->next.several = r->old.several || r->contacts.several;
    if (!cursor_write(&r->next, text, sizeof(text)))
        return trouble_set(&r->trouble, -CTR_EINTERNAL, "the cursor is too long");
    rc = r->host->sync_cursor(r->host, r->sync, (struct ctr_str){text, strlen(text)});
    if (rc == 0 && compares(r))
        memcpy(known->cursor, text, sizeof(text));
    r->trouble.code = rc;
    return rc;
}

/* For the next comparison: of a full sync what it saw, of changes what they added. */
static int32_t keep_known(struct run *r)
{
    struct known *known = &r->s->known;
    size_t at = 0;
    int32_t rc = 0;

    if (!compares(r))
        return 0;
    if (!r->delta) {
        keyset_finish(&known->ids);
        known->ids = r->seen;
        r->seen = (struct keyset){0};
        return 0;
    }
    for (const char *id; (id = keyset_next(&r->seen, &at)) && rc != -CTR_ENOMEM;)
        rc = keyset_add(&known->ids, id, strlen(id));
    return rc == -CTR_ENOMEM ? trouble_set(&r->trouble, rc, "out of memory for the keys")
                             : 0;
}

static int32_t run_sync(struct run *r)
{
    struct conn_setup setup = source_setup(r->s, true, r->s->config.query_timeout);
    int32_t rc = contacts_init(&r->contacts, &r->sink, &r->seen);

    if (rc != 0)
        return trouble_set(&r->trouble, rc, "out of memory before the first row");
    rc = conn_open(&r->conn, &setup, r->s->crew, &r->patience, &r->trouble);
    if (rc == 0)
        rc = read_rows(r);
    if (rc == 0)
        rc = keep_known(r);
    if (rc == 0)
        rc = give_cursor(r);
    return rc;
}

static void report(struct run *r)
{
    const struct contacts *c = &r->contacts;
    struct source *s = r->s;

    s->host->metric_add(s->host, s->metric_rows, (int64_t)c->rows);
    s->host->metric_add(s->host, s->metric_rejected, (int64_t)c->rejected);
    s->host->metric_set(s->host, s->metric_stuck, crew_stuck(s->crew));
    if (!r->delta)
        s->last_rows = c->rows;
    kit_log(s->host, CTR_LOG_INFO,
            "odbc read kind=%s rows=%" PRIu64 " contacts=%" PRIu64 " deleted=%" PRIu64
            " rejected=%" PRIu64 " driver=%s",
            r->delta ? "changes" : "all", c->rows, c->put, c->gone, c->rejected,
            kit_quoted(conn_version(r->conn)));
}

static void prepare(struct run *r, const struct ctr_sync_request *request)
{
    r->patience = (struct patience){.canceled = is_canceled, .user = r};
    r->sink = (struct sink){on_put, on_gone, on_reject, r};
    r->next.hash = r->s->config.hash;
    r->now = r->host->wall(r->host);
    r->next.mark.type = MARK_NONE;
    keyset_init(&r->seen, compares(r));
    r->delta = use_cursor(r, request->cursor);
    r->next.at = r->now > r->old.at ? r->now : r->old.at + 1; /* the clock may jump */
    if (!r->delta && request->cursor.ptr)
        (void)r->host->sync_full(r->host, r->sync); /* before the first put: it can */
    r->s->known.cursor[0] = 0;                      /* until this one has gone well */
}

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    struct source *s = instance;
    struct run *r = calloc(1, sizeof(*r));
    int32_t rc;

    if (!r)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    r->s = s;
    r->host = s->host;
    r->sync = sync;
    prepare(r, request);
    rc = run_sync(r);
    if (rc == 0)
        report(r);
    else if (r->trouble.text[0])
        rc = source_fail(s, &r->trouble, "; the last good data stay");
    conn_leave(r->conn);
    contacts_finish(&r->contacts);
    keyset_finish(&r->seen);
    free(r);
    return rc;
}
