/* gone.c - which contacts are gone: the keys the database has now, beside those the last
 * sync left. */
#include <inttypes.h>

#include "sync_private.h"

enum {
    DELETE_BATCH = 256,
    FEW = 100 /* more, and more than a tenth: better to read everything */
};

static int32_t keys_text(struct run *r, struct sqltext *sql)
{
    char list[(2 * COLUMN_NAME + 20) * KEYS_MAX];

    sync_key_list(r, "contactor_q", list, sizeof(list));
    return sqltext_wrap(sql, &r->s->config.query, list, "", 0);
}

static int32_t add_keys(struct run *r, struct keyset *now, const struct page *p)
{
    char id[CTR_ID_MAX + 8];
    const char *why;
    int32_t rc = 0;

    for (uint32_t row = 0; row < p->n_rows && (rc == 0 || rc == -CTR_EEXIST); row++) {
        size_t n = contacts_id(&r->plan, p, row, id, &why);

        rc = n ? keyset_add(now, id, n) : 0;
    }
    if (rc == -CTR_ENOMEM)
        return trouble_set(&r->trouble, rc, "out of memory for the keys");
    if (now->n > (size_t)r->s->config.max_rows)
        return trouble_set(&r->trouble, -CTR_EREFUSED,
                           "the keys are more than max_rows = %" PRId64,
                           r->s->config.max_rows);
    return 0;
}

static int32_t read_keys(struct run *r, struct keyset *now)
{
    const struct config *c = &r->s->config;
    struct sqltext wrapped = {0};
    struct page *p = NULL;
    int32_t rc = 0;

    if (!c->keys_query.sql && keys_text(r, &wrapped) != 0)
        return trouble_set(&r->trouble, -CTR_ENOMEM, "out of memory");
    rc = conn_execute(r->conn, c->keys_query.sql ? &c->keys_query : &wrapped, NULL,
                      &r->patience, &r->trouble);
    sqltext_finish(&wrapped);
    if (rc == 0)
        rc = plan_make(&r->plan, c, conn_columns(r->conn), conn_driver(r->conn), true,
                       &r->trouble);
    if (rc == 0)
        rc = conn_bind(r->conn, SYNC_PAGE_ROWS, &r->trouble);
    do {
        if (rc == 0)
            rc = conn_fetch(r->conn, &p, &r->patience, &r->trouble);
        if (rc == 0 && p)
            rc = add_keys(r, now, p);
    } while (rc == 0 && p);
    return rc;
}

static uint64_t count_gone(const struct keyset *known, const struct keyset *now)
{
    uint64_t n = 0;
    size_t at = 0;

    for (const char *id; (id = keyset_next(known, &at));)
        n += !keyset_has(now, id, strlen(id));
    return n;
}

static int32_t delete_gone(struct run *r, const struct keyset *now)
{
    struct ctr_str batch[DELETE_BATCH];
    struct keyset *known = &r->s->known.ids;
    uint32_t n = 0;
    size_t at = 0;
    int32_t rc = 0;

    for (const char *id; rc == 0 && (id = keyset_next(known, &at));) {
        size_t len = strlen(id);

        if (keyset_has(now, id, len))
            continue;
        batch[n++] = (struct ctr_str){id, len};
        keyset_remove(known, id, len); /* the text stays where it is */
        if (n == DELETE_BATCH) {
            rc = r->host->sync_delete(r->host, r->sync, batch, n);
            n = 0;
        }
    }
    if (rc == 0 && n)
        rc = r->host->sync_delete(r->host, r->sync, batch, n);
    r->trouble.code = rc;
    return rc;
}

int32_t gone_compare(struct run *r)
{
    struct keyset now;
    uint64_t gone;
    int32_t rc;

    keyset_init(&now, false);
    rc = read_keys(r, &now);
    if (rc == 0) {
        gone = count_gone(&r->s->known.ids, &now);
        if (gone > FEW && gone * 10 > r->s->known.ids.n)
            rc = -CTR_ENOTSUP;
        else
            rc = delete_gone(r, &now);
    }
    keyset_finish(&now);
    return rc;
}
