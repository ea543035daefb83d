/* object.h - is a file a whole shared object of this machine?
 *
 * The dynamic linker maps what the headers promise and faults on what is not there, so a
 * truncated file would take the daemon down; it is measured before it is loaded. */
#ifndef PLUGIN_OBJECT_H
#define PLUGIN_OBJECT_H

#include <stddef.h>

/* returns 0 | -CTR_ENOENT | -CTR_EACCES | -CTR_EFORMAT with the cause in why */
int object_check(const char *path, char *why, size_t cap);

#endif
