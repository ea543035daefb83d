/* plan.h - which column of a result becomes which field: by the map and the key, or by
 * the columns' names. */
#ifndef ODBC_PLAN_H
#define ODBC_PLAN_H

#include "columns.h"
#include "config.h"
#include "driver.h"
#include "trouble.h"

enum { PLAN_NO_COLUMN = UINT32_MAX };

/* One column put to one use. */
struct use {
    uint32_t column, kind;
    const char *name; /* of a custom field; points into the config or `names` */
};

struct plan {
    struct use uses[MAP_MAX];
    uint32_t n_uses, n_of[64];
    uint32_t keys[KEYS_MAX], n_keys;
    uint32_t watermark, deleted;      /* PLAN_NO_COLUMN: none */
    char names[MAP_MAX][COLUMN_NAME]; /* of custom fields without a map */
};

/* Also chooses each used column's form. keys_only: nothing but the key is looked for.
 * returns 0 | -CTR_EFORMAT: what is missing, what there is, what may be meant */
int32_t plan_make(struct plan *p, const struct config *c, struct columns *columns,
                  const struct driver *driver, bool keys_only, struct trouble *t);

#endif
