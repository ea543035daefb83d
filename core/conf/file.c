/* file.c - open, look what it is, read it whole. */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

/* Up to cap bytes. returns how many | -1 and errno */
static ssize_t read_all(int fd, char *out, size_t cap)
{
    size_t len = 0;

    while (len < cap) {
        ssize_t n = read(fd, out + len, cap - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static const char *read_fd(int fd, size_t max, char **text, size_t *len, struct stat *st)
{
    size_t cap;
    ssize_t n;

    if (fstat(fd, st) != 0)
        return strerror(errno);
    if (S_ISDIR(st->st_mode))
        return "it is a folder";
    if (!S_ISREG(st->st_mode))
        return "it is not a regular file";
    if (st->st_size > (off_t)max)
        return "it is too large";
    cap = (size_t)st->st_size + 1; /* one more shows whether it grows */
    *text = xmalloc(cap + 1);
    n = read_all(fd, *text, cap);
    if (n < 0 || (size_t)n == cap) {
        const char *wrong = n < 0 ? strerror(errno) : "it changed while it was read";

        wipe(*text, cap);
        free(*text);
        *text = NULL;
        return wrong;
    }
    (*text)[n] = '\0';
    *len = (size_t)n;
    return NULL;
}

const char *file_read(const char *path, size_t max, char **text, size_t *len,
                      struct stat *st)
{
    /* Without waiting for the other end of a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *wrong;

    *text = NULL;
    *len = 0;
    if (fd < 0)
        return strerror(errno);
    wrong = read_fd(fd, max, text, len, st);
    close(fd);
    return wrong;
}
