/* aside.c - the files beside the data file: the lock that keeps a second process out, the
 * mark of a clean shutdown, and a damaged file set aside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cache/impl.h"

#define MARK_NAME "clean"
#define DATA_NAME "contacts.mdb"

enum { MARK_MAX = 256 };

static char *path_in(const struct cache *c, const char *name)
{
    struct strbuf b = {0};

    strbuf_fmt(&b, "%s/%s", c->dir, name);
    return strbuf_take(&b);
}

int aside_lock(struct cache *c, char *error, size_t cap)
{
    char *path = path_in(c, "lock");
    int rc = 0;

    c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock_fd < 0) {
        snprintf(error, cap, "cannot open %s: %s", path, strerror(errno));
        rc = errno == EACCES || errno == EPERM ? -CTR_EACCES : -CTR_EIO;
    } else if (flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, cap, "%s is used by another process", c->dir);
        rc = -CTR_EBUSY;
    }
    free(path);
    return rc;
}

/* All that changes with the file's content: even a write that puts the time of
 * modification back moves the time of change. */
static bool mark_text(const struct cache *c, char out[MARK_MAX])
{
    struct stat st;

    if (stat(c->path, &st) != 0)
        return false;
    snprintf(out, MARK_MAX,
             "contactor cache %d size=%lld mtime=%lld.%09ld ctime=%lld.%09ld "
             "inode=%llu\n",
             CACHE_FORMAT, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
             (unsigned long long)st.st_ino);
    return true;
}

bool aside_take_mark(struct cache *c)
{
    char *path = path_in(c, MARK_NAME), want[MARK_MAX], got[MARK_MAX] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got) - 1);
    bool good = n > 0 && mark_text(c, want) && strcmp(want, got) == 0;

    if (fd >= 0)
        close(fd);
    if (unlink(path) != 0 && errno != ENOENT) {
        /* One that stays would vouch for a file it does not know. */
        log_warn("cache", "cannot remove file=%s error=%s", path,
                 log_quoted(strerror(errno)));
    }
    free(path);
    return good;
}

/* Without it the next start only takes longer: a failure is worth a line, no more. */
void aside_put_mark(struct cache *c)
{
    char *path = path_in(c, MARK_NAME), *temp = path_in(c, MARK_NAME ".new");
    char text[MARK_MAX];
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && mark_text(c, text) &&
                write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    if (!good || rename(temp, path) != 0) {
        log_info("cache",
                 "no mark of a clean shutdown; the next start checks all file=%s", path);
        unlink(temp);
    }
    free(temp);
    free(path);
}

static void remove_older(const struct cache *c)
{
    DIR *dir = opendir(c->dir);
    struct dirent *e;

    if (!dir)
        return;
    while ((e = readdir(dir)))
        if (strncmp(e->d_name, DATA_NAME ".damaged-", strlen(DATA_NAME ".damaged-")) == 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

int aside_move(struct cache *c, const char *why)
{
    struct strbuf to = {0};
    time_t now = time(NULL);
    char date[32];
    struct tm tm;
    int rc = 0;

    remove_older(c);
    strftime(date, sizeof(date), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
    strbuf_fmt(&to, "%s.damaged-%s", c->path, date);
    if (rename(c->path, to.ptr) == 0) {
        log_warn("cache",
                 "cache set aside, the sources will fill a new one reason=%s file=%s",
                 log_quoted(why), to.ptr);
    } else if (unlink(c->path) == 0) {
        log_warn("cache", "cache removed, the sources will fill a new one reason=%s",
                 log_quoted(why));
    } else if (errno != ENOENT) {
        log_error("cache", "cannot set aside file=%s error=%s", c->path,
                  log_quoted(strerror(errno)));
        rc = -CTR_EIO;
    }
    strbuf_finish(&to);
    return rc;
}
