/* limits.h - resource limits of the process. */
#ifndef OS_LIMITS_H
#define OS_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Raises the soft limit of open files to the hard one.
 * files   the limit now in force
 * returns 0 | -CTR_EIO, with a sentence in error */
int limits_raise_files(uint64_t *files, char *error, size_t cap);

/* No core files: they would hold contacts and secrets.
 * returns 0 | -CTR_EIO, with a sentence in error */
int limits_no_core(char *error, size_t cap);

#endif
