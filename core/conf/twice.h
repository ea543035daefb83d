/* twice.h - where a key that a file sets twice was set first (internal to conf). */
#ifndef CONF_TWICE_H
#define CONF_TWICE_H

#include "conf/tree.h"

/* The parser stops at the second setting and names no other place. Finds the first by
 * parsing what stands before the line, and the line by itself.
 * returns its place | line 0: not found */
struct conf_place twice_first(struct conf *conf, struct ctr_str text, uint32_t line,
                              const struct conf_file *file);

#endif
