/* state.c - makes, hands over and locks the state folder. */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

uid_t state_owner(const char *dir)
{
    struct stat st;

    return stat(dir, &st) == 0 ? st.st_uid : 0;
}

/* The regular files of a folder that was root's alone, and of the folders in it. */
static void give_entries(int folder, uid_t uid, gid_t gid, int depth)
{
    DIR *dir = fdopendir(folder);
    struct dirent *entry;

    if (!dir) {
        close(folder);
        return;
    }
    while ((entry = readdir(dir))) {
        struct stat st;
        int fd;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        fd =
            openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &st) == 0 && st.st_uid == 0 &&
            (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1)) &&
            fchown(fd, uid, gid) == 0 && S_ISDIR(st.st_mode) && depth > 0)
            give_entries(fd, uid, gid, depth - 1);
        else
            close(fd);
    }
    closedir(dir);
}

static int give(const char *dir, uid_t uid, gid_t gid)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -1;
    if (uid == (uid_t)-1 || uid == 0 || fstat(fd, &st) != 0 || st.st_uid != 0) {
        close(fd);
        return 0;
    }
    if (fchown(fd, uid, gid) != 0) {
        close(fd);
        return -1;
    }
    give_entries(fd, uid, gid, 1);
    return 0;
}

static int take_lock(const char *dir, uid_t uid, gid_t gid, int *lock_fd, char *error,
                     size_t cap)
{
    char path[4096], pid[32] = "";
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "%s/lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        snprintf(error, cap, "cannot write to state_dir %s: %s (as user id %u)", dir,
                 strerror(errno), (unsigned)geteuid());
        return -CTR_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        n = read(fd, pid, sizeof(pid) - 1);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        close(fd);
        snprintf(error, cap,
                 "another contactord (process %s) uses state_dir %s; stop it, or give "
                 "this one its own state_dir",
                 pid[0] ? pid : "unknown", dir);
        return -CTR_EBUSY;
    }
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (uid != (uid_t)-1 && fchown(fd, uid, gid) != 0)
        pid[0] = '\0';
    if (ftruncate(fd, 0) != 0 || write(fd, pid, strlen(pid)) != (ssize_t)strlen(pid)) {
        snprintf(error, cap, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        return -CTR_EIO;
    }
    *lock_fd = fd;
    return 0;
}

int state_open(const char *dir, uid_t uid, gid_t gid, int *lock_fd, char *error,
               size_t cap)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(error, cap, "cannot make state_dir %s: %s (as user id %u)", dir,
                 strerror(errno), (unsigned)geteuid());
        return -CTR_EIO;
    }
    if (give(dir, uid, gid) != 0) {
        snprintf(error, cap, "cannot use state_dir %s: %s", dir, strerror(errno));
        return -CTR_EIO;
    }
    return take_lock(dir, uid, gid, lock_fd, error, cap);
}
