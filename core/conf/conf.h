/* conf.h - the administrator's files as one tree in which every key and value knows its
 * place.
 *
 * PATH and, beside it, conf.d/NAME.toml in byte order of the names. A later file may add
 * tables and keys; a key that is set twice is an error that names both places. Files over
 * CONF_FILE_MAX, nesting over CONF_DEPTH_MAX and anything that is not TOML are errors. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/diag.h"
#include "contactor/types.h"

enum {
    CONF_FILE_MAX = 4 * 1024 * 1024, /* bytes */
    CONF_FILES_MAX = 256,            /* the main file and the drop-ins */
    CONF_DEPTH_MAX = 32,             /* tables and arrays within each other */
    CONF_NAME_MAX = 64               /* bytes of NAME in [source.NAME] */
};

enum conf_type {
    CONF_TABLE = 1,
    CONF_ARRAY,
    CONF_STRING,
    CONF_INT,
    CONF_FLOAT,
    CONF_BOOL,
    CONF_TIME /* a date, time or both, as text in `string` */
};

/* A key with its value, or an element of an array. Strings are NUL-terminated, and may
 * hold NULs within. owner: the conf */
struct conf_node {
    enum conf_type type;
    struct ctr_str key;             /* absent: the root, an element */
    struct conf_place key_at;       /* of the key; of the value where there is no key */
    struct conf_place at;           /* of the value */
    struct conf_node *parent;       /* NULL: the root */
    struct conf_node *next;         /* the next of the same parent, in file order */
    struct conf_node *first, *last; /* children of a table or an array */
    unsigned n;                     /* how many */
    struct ctr_str string;          /* STRING, TIME */
    int64_t integer;                /* INT; BOOL: 0 or 1 */
    double real;                    /* FLOAT */
};

struct conf;

/* Reads everything. returns 0 and *out | -CTR_ECONF when a file could not be read or
 * parsed, *out NULL. In either case look at diag->errors: a key set twice leaves a tree
 * that can be checked further (the first setting counts). */
int conf_load(const char *path, struct diag *diag, struct conf **out);
/* The same for one text; name: for messages; folder: absolute, for relative paths. */
int conf_parse(struct ctr_str text, const char *name, const char *folder,
               struct diag *diag, struct conf **out);
/* NULL-safe. */
void conf_destroy(struct conf *conf);

const struct conf_node *conf_root(const struct conf *conf);
/* The main file. */
struct conf_place conf_place_of(const struct conf *conf);

#define conf_for_each(it, table) \
    for (const struct conf_node *it = (table)->first; it; it = it->next)

/* A key of a table, or NULL. table may be NULL or not a table: NULL then. */
const struct conf_node *conf_get(const struct conf_node *table, const char *key);
/* The content of a STRING key, or NULL (absent, another type, a NUL within). */
const char *conf_get_z(const struct conf_node *table, const char *key);
/* "a string", "a table", ...: for messages. */
const char *conf_type_text(enum conf_type type);

/* The tables [kind.NAME], one after another in file order: pass NULL, then the last one.
 * What is not a table, and names that are empty, over CONF_NAME_MAX, ".", ".." or hold
 * '/' or control characters are reported and skipped. NULL at the end. */
const struct conf_node *conf_section_next(const struct conf *conf, const char *kind,
                                          const struct conf_node *after,
                                          struct diag *diag);
/* Reports every top-level key that is not in `known` (NULL-terminated), with a
 * suggestion, and every known one that is not a table. */
void conf_check_sections(const struct conf *conf, const char *const *known,
                         struct diag *diag);

/* "; did you mean 'X'?" for the nearest of n candidates (distance <= 2), or "", into out.
 * returns out */
const char *conf_suggest(const char *word, const char *const *candidates, unsigned n,
                         char *out, size_t cap);

#endif
