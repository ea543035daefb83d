/* plan.c - see plan.h. */
#include "plan.h"

#include <ctype.h>
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <string.h>

#include "plain/plain.h"
#include "text.h"

/* --- forms ----------------------------------------------------------------------------
 */

static enum form text_form(const struct driver *d)
{
    return d->flags & DRIVER_UTF8 ? FORM_TEXT : FORM_WIDE;
}

static enum form form_of(const struct column *column, const struct driver *d)
{
    switch (column->type) {
    case SQL_BINARY:
    case SQL_VARBINARY:
    case SQL_LONGVARBINARY:
        return FORM_BYTES;
    case SQL_TYPE_TIMESTAMP:
    case SQL_TIMESTAMP:
        return d->flags & DRIVER_LOOSE ? FORM_TEXT : FORM_STAMP;
    case SQL_TYPE_DATE:
    case SQL_DATE:
        return d->flags & DRIVER_LOOSE ? FORM_TEXT : FORM_DATE;
    case SQL_BIT:
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
    case SQL_NUMERIC:
    case SQL_DECIMAL:
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
    case SQL_GUID:
        return FORM_TEXT;
    default:
        return text_form(d);
    }
}

/* --- finding --------------------------------------------------------------------------
 */

struct search {
    struct plan *plan;
    struct columns *columns;
    const struct driver *driver;
    struct trouble *trouble;
};

static int32_t missing(const struct search *s, const char *name, const char *where)
{
    const char *names[COLUMNS_MAX], *near;
    char found[500] = "";

    for (uint32_t i = 0; i < s->columns->n; i++) {
        names[i] = s->columns->at[i].name;
        if (strlen(found) + COLUMN_NAME > sizeof(found))
            continue;
        text_add(found, sizeof(found), i ? ", \"" : "\"");
        text_add(found, sizeof(found), names[i]);
        text_add(found, sizeof(found), "\"");
    }
    near = plain_nearest(name, names, s->columns->n);
    trouble_set(s->trouble, -CTR_EFORMAT, "the result has no column \"%.60s\" (%s)%s%s%s",
                name, where, near ? "; did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
    trouble_remedy(s->trouble, "columns found: %.380s", found);
    return -CTR_EFORMAT;
}

/* The first column of that name. */
static int32_t find(const struct search *s, const char *name, const char *where,
                    uint32_t *out)
{
    for (uint32_t i = 0; i < s->columns->n; i++) {
        struct column *column = &s->columns->at[i];

        if (!text_same_name(column->name, name))
            continue;
        if (column->form == FORM_NONE)
            column->form = form_of(column, s->driver);
        *out = i;
        return 0;
    }
    return missing(s, name, where);
}

static int32_t add_use(const struct search *s, const char *column, uint32_t kind,
                       const char *name, const char *where)
{
    struct plan *p = s->plan;
    struct use u = {.kind = kind, .name = name};
    int32_t rc = find(s, column, where, &u.column);

    if (rc != 0)
        return rc;
    if (p->n_uses == MAP_MAX)
        return trouble_set(s->trouble, -CTR_ECONF, "more than %d columns are used",
                           MAP_MAX);
    if (kind == CTR_FIELD_PHOTO) {
        s->columns->at[u.column].photo = true;
        s->columns->at[u.column].form = FORM_BYTES;
    }
    p->uses[p->n_uses++] = u;
    p->n_of[kind]++;
    return 0;
}

static int32_t use_map(const struct search *s, const struct config *c)
{
    char where[80];
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < c->n_map; i++) {
        snprintf(where, sizeof(where), "map.%.60s", c->map[i].key);
        rc = add_use(s, c->map[i].column, c->map[i].kind, c->map[i].name, where);
    }
    return rc;
}

/* Without a map: SELECT ... AS surname, ... AS phone_mobile, ... AS x_badge. */
static int32_t use_names(const struct search *s)
{
    int32_t rc = 0;

    for (uint32_t i = 0; rc == 0 && i < s->columns->n; i++) {
        const char *name = s->columns->at[i].name;
        uint32_t kind = config_kind(name);
        char *custom = s->plan->names[s->plan->n_uses];

        if (kind == 0 || kind == CTR_FIELD_ID || s->plan->n_uses == MAP_MAX)
            continue;
        for (size_t k = 2; kind == CTR_FIELD_CUSTOM && name[k]; k++)
            custom[k - 2] = (char)tolower((uint8_t)name[k]); /* zeroed before */
        rc = add_use(s, name, kind, kind == CTR_FIELD_CUSTOM ? custom : NULL, "its name");
    }
    if (rc == 0 && s->plan->n_uses == 0) {
        missing(s, "surname", "a field's name");
        rc = trouble_set(s->trouble, -CTR_EFORMAT,
                         "no column is called like a field and there is no map");
        trouble_remedy(s->trouble, "write a map, or name columns in the query: AS "
                                   "surname, AS phone_business");
    }
    return rc;
}

static int32_t use_keys(const struct search *s, const struct config *c)
{
    struct plan *p = s->plan;
    int32_t rc = 0;

    if (c->n_keys == 0) {
        p->n_keys = 1;
        return find(s, "id", "key is not set", &p->keys[0]);
    }
    for (uint32_t i = 0; rc == 0 && i < c->n_keys; i++)
        rc = find(s, c->keys[i], "key", &p->keys[p->n_keys++]);
    return rc;
}

int32_t plan_make(struct plan *p, const struct config *c, struct columns *columns,
                  const struct driver *driver, bool keys_only, struct trouble *t)
{
    struct search s = {p, columns, driver, t};
    int32_t rc;

    memset(p, 0, sizeof(*p));
    p->watermark = p->deleted = PLAN_NO_COLUMN;
    for (uint32_t i = 0; i < columns->n; i++) {
        columns->at[i].form = FORM_NONE;
        columns->at[i].photo = false;
    }
    rc = use_keys(&s, c);
    if (rc != 0 || keys_only)
        return rc;
    rc = c->n_map ? use_map(&s, c) : use_names(&s);
    if (rc == 0 && c->watermark)
        rc = find(&s, c->watermark, "watermark", &p->watermark);
    if (rc == 0 && c->deleted_column)
        rc = find(&s, c->deleted_column, "deleted_column", &p->deleted);
    return rc;
}
