/* scan.h - a look over a TOML text before it is parsed (internal to conf). */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include "contactor/types.h"

enum {
    SCAN_DEPTH_MAX = 32,     /* brackets and braces within each other */
    SCAN_DOTS_MAX = 16,      /* in one key */
    SCAN_ITEMS_MAX = 100000, /* keys, elements and headers of a file */
    SCAN_KEY_MAX = 4096      /* bytes of a dotted key or other run outside of strings */
};

/* The parser recurses with the nesting of values, and its tree with that of keys: both
 * are bounded here, as is the number of things in a file. Control characters are refused
 * because the parser's idea of a line end must be ours.
 * returns NULL | what is wrong, and where */
const char *scan_check(struct ctr_str text, uint32_t *line, uint32_t *column);

#endif
