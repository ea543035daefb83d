/* plan.h - which column becomes which field: from the header, the map and the preset. */
#ifndef CSV_PLAN_H
#define CSV_PLAN_H

#include "rows.h"

/* In the order of the option's choices. */
enum preset { PRESET_AUTO, PRESET_NONE, PRESET_OUTLOOK, PRESET_GOOGLE, PRESET_CONTACTOR };

enum { PLAN_USES_MAX = 512, PLAN_NO_COLUMN = UINT32_MAX };

/* One column put to one use. */
struct use {
    uint32_t column;
    uint32_t kind;
    uint32_t type_column; /* whose text says which kind of number it is; or NO_COLUMN */
    bool split;           /* may hold several values, " ::: " between them */
    char *name;           /* CTR_FIELD_CUSTOM; owned */
};

/* The map of the configuration, one entry a column. */
struct map_entry {
    uint32_t kind;
    char *name;         /* of a custom field */
    const char *key;    /* as written; owned by the configuration */
    const char *column; /* likewise */
};

struct plan {
    struct use uses[PLAN_USES_MAX];
    uint32_t n_uses;
    uint32_t n_of[64]; /* uses of each kind */
    char **columns;    /* cleaned names; owned */
    uint32_t n_columns;
    enum preset preset; /* the one used */
};

struct config {
    bool header;
    enum preset preset;
    struct map_entry *map;
    uint32_t n_map;
};

/* The first row says how the columns are called, or how many there are. returns 0 | a
 * negative code after host->fail */
int32_t plan_make(struct plan *p, const struct ctr_host *host, const struct config *c,
                  const char *path, const struct rows *r);
void plan_finish(struct plan *p);

/* Kind of number a label such as "* Mobile" or "Work Fax" stands for. */
uint32_t plan_phone_kind(const char *label, size_t n);

#endif
