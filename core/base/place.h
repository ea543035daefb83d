/* place.h - a UNIX socket in a folder of any depth: an address has room for 107 bytes,
 * but through the open folder any path fits. */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <sys/un.h>

/* The folder a socket's path lies in, and its name there, which is part of path.
 * returns a descriptor | -1 with errno; *name NULL: the name is empty or too long */
int place_open(const char *path, const char **name);
/* To bind or connect while the folder is open. */
struct sockaddr_un place_address(int folder, const char *name);

#endif
