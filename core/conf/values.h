/* values.h - how a section's values are kept (internal to conf). */
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include "base/arena.h"
#include "conf/schema.h"

/* LIST: value only. */
struct conf_pair {
    const char *key, *value;
};

struct conf_value {
    const char *name;
    uint32_t type;
    bool secret;
    bool set;                /* by the administrator */
    struct conf_place at;    /* of what was set */
    int64_t integer;         /* BOOL, INT, DURATION, SIZE, CHOICE */
    const char *string;      /* STRING, PATH */
    char *secret_text;       /* a secret's, on the heap, wiped; `string` points here */
    size_t secret_size;      /* allocated */
    struct conf_pair *pairs; /* LIST, MAP */
    uint32_t n;
};

struct ctr_config {
    struct arena arena; /* everything but the secrets */
    const char *section;
    struct conf_value *values;
    unsigned n;
    struct conf_place at;   /* of the section */
    struct conf_file *file; /* the copy made last */
    struct diag *diag;      /* NULL: the log */
};

/* The same place in memory of config's own. */
struct conf_place values_keep_place(struct ctr_config *config, struct conf_place at);

#endif
