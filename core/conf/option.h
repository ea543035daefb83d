/* option.h - one option of a table: finding it, and values written as text (internal to
 * conf). */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/schema.h"

enum { OPTION_TYPES = CTR_OPT_MAP + 1, OPTION_TEXT_MAX = 64 };

/* "STRING", ... for documentation; type must be a known one. */
const char *option_type_name(uint32_t type);

unsigned option_count(const struct schema_table *tables, unsigned n_tables);
/* Option i of all tables together. A table with a shorter stride leaves zeroes. */
struct ctr_option option_at(const struct schema_table *tables, unsigned n_tables,
                            unsigned i);

/* "250ms", "30s", "5m", "1h", "2d". returns 0 | -CTR_EINVAL */
int option_parse_duration(const char *text, int64_t *ms);
/* A default or other text of an INT, BOOL, DURATION, SIZE or CHOICE.
 * returns 0 | -CTR_EINVAL */
int option_parse(const struct ctr_option *option, const char *text, int64_t *value);

bool option_has_range(const struct ctr_option *option);
bool option_in_range(const struct ctr_option *option, int64_t value);
/* A value of an INT, DURATION or SIZE as one would write it: "5m", "64K", "389". */
const char *option_format(uint32_t type, int64_t value, char *out, size_t cap);
/* "between 1s and 1h", "at least 1", "at most 100". */
const char *option_format_range(const struct ctr_option *option, char *out, size_t cap);

/* Whether a key of a MAP is a field: a name of CTR_FIELD_MAP or x_NAME. */
bool option_is_field(struct ctr_str key);
/* The names of CTR_FIELD_MAP. */
extern const char *const option_fields[];
extern const unsigned option_n_fields;

#endif
