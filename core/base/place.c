/* place.c - see place.h. */
#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"

enum { NAME_MAX_BYTES = 80 };

int place_open(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    int fd;

    *name = NULL;
    if (!slash || strlen(slash + 1) == 0 || strlen(slash + 1) > NAME_MAX_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *name = slash + 1;
    folder = xstrndup(path, (size_t)(slash - path) + 1);
    fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return fd;
}

struct sockaddr_un place_address(int folder, const char *name)
{
    struct sockaddr_un out = {.sun_family = AF_UNIX};

    snprintf(out.sun_path, sizeof(out.sun_path), "/proc/self/fd/%d/%.*s", folder,
             NAME_MAX_BYTES, name);
    return out;
}
