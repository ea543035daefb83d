/* file.h - reading a whole file of the administrator's, within limits (internal to conf).
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stddef.h>
#include <sys/stat.h>

/* Reads a regular file of at most max bytes. *text has a NUL behind; free it.
 * returns NULL | what is wrong, without the name */
const char *file_read(const char *path, size_t max, char **text, size_t *len,
                      struct stat *st);

#endif
