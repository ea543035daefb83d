/* parts.c - everything in parts of some thousand rows, in the order of a key that is a
 * whole number: for a driver that keeps whole results in memory. */
#include <inttypes.h>
#include <sql.h>
#include <sqlext.h>

#include "diag.h"
#include "sync_private.h"

enum { PART_ROWS = 20000 };

static bool is_whole_number(const struct column *column)
{
    switch (column->type) {
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
        return true;
    default:
        return false;
    }
}

static int32_t part_text(struct run *r, struct sqltext *sql, const char *name, bool first)
{
    char quoted[2 * COLUMN_NAME + 2], tail[4 * COLUMN_NAME + 100];
    int32_t rc;

    sqltext_identifier(quoted, sizeof(quoted), name, conn_quote(r->conn));
    snprintf(tail, sizeof(tail), "%s%s%sORDER BY contactor_q.%s LIMIT %d",
             first ? "" : "WHERE contactor_q.", first ? "" : quoted,
             first ? "" : " >= ? ", quoted, PART_ROWS);
    rc = sqltext_wrap(sql, &r->s->config.query, "*", tail, first ? 0 : 1);
    return rc == 0 ? 0 : trouble_set(&r->trouble, rc, "out of memory");
}

/* Rows of a part; the last of its keys stays open: the next part begins with it again,
 * and what is there twice counts once. */
static int32_t read_part(struct run *r, const struct sqltext *sql,
                         const struct param *param, uint64_t *rows)
{
    uint64_t before = r->contacts.rows;
    int32_t rc = sync_begin_result(r, sql, param);

    if (rc == 0)
        rc = sync_read_pages(r);
    *rows = r->contacts.rows - before;
    return rc;
}

static int32_t read_further_parts(struct run *r, const char *name)
{
    struct sqltext sql;
    struct mark key = {.type = MARK_INTEGER};
    struct param param = {.mark = &key};
    uint64_t rows = PART_ROWS;
    int32_t rc = part_text(r, &sql, name, false);

    while (rc == 0 && rows >= PART_ROWS) {
        if (strcmp(r->last_id, key.text) == 0 || strlen(r->last_id) > 20) {
            rc = trouble_set(&r->trouble, -CTR_EFORMAT,
                             "one key has more than %d rows; the query does not fit "
                             "its key",
                             PART_ROWS);
            break;
        }
        strcpy(key.text, r->last_id);
        rc = read_part(r, &sql, &param, &rows);
    }
    sqltext_finish(&sql);
    return rc;
}

/* The first part. returns -CTR_ENOTSUP, with nothing read: not to be had in parts */
static int32_t read_first_part(struct run *r, char *name, uint64_t *rows)
{
    const struct config *c = &r->s->config;
    const char *key = c->n_keys ? c->keys[0] : "id";
    struct sqltext sql;
    int32_t rc = part_text(r, &sql, key, true);

    if (rc != 0)
        return rc;
    rc = sync_begin_result(r, &sql, NULL);
    sqltext_finish(&sql);
    if (rc != 0)
        return diag_refused(&r->trouble) ? -CTR_ENOTSUP : rc;
    if (!is_whole_number(&conn_columns(r->conn)->at[r->plan.keys[0]]))
        return -CTR_ENOTSUP;
    sync_note_names(r);
    strcpy(name, conn_columns(r->conn)->at[r->plan.keys[0]].name);
    contacts_begin(&r->contacts, &r->plan);
    rc = sync_read_pages(r);
    *rows = r->contacts.rows;
    return rc;
}

int32_t parts_read(struct run *r)
{
    char name[COLUMN_NAME];
    uint64_t rows = 0;
    int32_t rc = read_first_part(r, name, &rows);

    if (rc == 0 && rows >= PART_ROWS)
        rc = read_further_parts(r, name);
    return rc == 0 ? sync_end_result(r) : rc;
}
