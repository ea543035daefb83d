/* tree.h - building the tree out of texts (internal to conf). */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "base/arena.h"
#include "conf/conf.h"
#include "shim/toml.h"

struct conf {
    struct arena arena;
    struct conf_node root;
    struct conf_file *main;
};

/* Parses a text below `top`, an empty table.
 * returns 0 | -CTR_ECONF, reported | -CTR_EFORMAT, see failure */
int tree_parse(struct conf *conf, struct ctr_str text, const struct conf_file *file,
               struct conf_node *top, struct toml_failure *failure, struct diag *diag);

/* Adds one file's content below the root.
 * returns 0 | -CTR_ECONF when it is no TOML; a key set twice is only reported */
int tree_add(struct conf *conf, struct ctr_str text, const struct conf_file *file,
             struct diag *diag);

#endif
