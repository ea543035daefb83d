/* plain.h - plain text as files and tables have it. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "contactor/types.h"

/* Without white space at both ends, no-break spaces too: columns are padded with both. */
struct ctr_str plain_trim(const char *ptr, uint64_t len);

/* One character; returns the bytes written, 1 to 4 */
size_t plain_put_utf8(char *out, uint32_t c);

/* "Did you mean": the one of n names that is nearest, without regard to case. NULL: none
 * is near. */
const char *plain_nearest(const char *name, const char *const *names, uint32_t n);

#endif
