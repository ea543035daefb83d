/* files.c - opening, settling, reading and re-checking files. They are read, never
 * mapped: a mapped file that is cut short kills its reader. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/kit.h"
#include "quiet/quiet.h"

enum { DEPTH_MAX = 16, NAMES_MAX = 1000000, BLOCK = 64 * 1024 };

/* What the messages call the file. */
struct shown {
    char text[2 * PATH_MAX];
};

static const char *show(const struct run *run, struct shown *out)
{
    snprintf(out->text, sizeof(out->text), "%s%s%s", run->source->path,
             run->file[0] ? "/" : "", run->file);
    return out->text;
}

static int32_t fail_errno(const struct run *run, const char *what, int error)
{
    bool gone = error == ENOENT || error == ENOTDIR, closed = error == EACCES;
    struct shown name;

    if (gone && run->file[0])
        return kit_fail(run->host, -CTR_EUNAVAIL,
                        "%s vanished while the folder was read; will retry; the last "
                        "good data stay",
                        show(run, &name));
    return kit_fail(run->host,
                    gone     ? -CTR_ENOENT
                    : closed ? -CTR_EACCES
                             : -CTR_EIO,
                    "cannot %s %s: %s; the last good data stay; %s", what,
                    show(run, &name), strerror(error),
                    gone     ? "put it back or correct the option 'path'"
                    : closed ? "let the daemon's user read it and enter its folders"
                             : "check the disk or the network share it lies on");
}

static int32_t fail_retry(const struct run *run, const char *what)
{
    struct shown name;

    return kit_fail(run->host, -CTR_EUNAVAIL,
                    "%s %s; will retry; the last good data stay", show(run, &name), what);
}

/* --- one file -------------------------------------------------------------------------
 */

struct input {
    struct run *run;
    int folder; /* AT_FDCWD: name is the path */
    const char *name;
    int fd;
    struct stat before; /* when it was opened */
    uint64_t done;      /* bytes read */
};

/* Only the path itself may be a symbolic link: the administrator wrote it. */
static int flag(const struct input *in, int no_follow)
{
    return in->folder == AT_FDCWD ? 0 : no_follow;
}

/* Never blocks: a pipe without a writer would hold an ordinary open for ever. */
static int32_t open_regular(struct input *in)
{
    in->fd = openat(in->folder, in->name,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flag(in, O_NOFOLLOW));
    if (in->fd < 0)
        return errno == ELOOP ? fail_retry(in->run, "was replaced by a symbolic link")
                              : fail_errno(in->run, "open", errno);
    if (fstat(in->fd, &in->before) != 0)
        return fail_errno(in->run, "stat", errno);
    if (!S_ISREG(in->before.st_mode))
        return fail_retry(in->run, "is no regular file any more");
    return 0;
}

/* For writers that never rest the host tries again later; the patience is that with all
 * files together. */
static int32_t open_quiet(struct input *in)
{
    struct run *run = in->run;
    int32_t rc = open_regular(in);

    while (rc == 0) {
        rc = quiet_wait(run->host, run->sync, &in->before, run->source->settle,
                        &run->patience);
        if (rc == QUIET_NEVER)
            return fail_retry(run, "is still being written");
        if (rc != QUIET_AGAIN)
            break;
        close(in->fd);
        rc = open_regular(in);
    }
    return rc;
}

static int32_t check_size(struct run *run, uint64_t bytes)
{
    run->bytes += bytes;
    if (run->bytes <= (uint64_t)run->source->max_size)
        return 0;
    return kit_fail(
        run->host, -CTR_EREFUSED,
        "%s has more than %lld bytes; the last good data stay; raise max_size "
        "if this is right",
        run->source->path, (long long)run->source->max_size);
}

static int32_t read_block(struct input *in, char *out, size_t *n)
{
    ssize_t got;

    do
        got = pread(in->fd, out, BLOCK, (off_t)in->done);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_errno(in->run, "read", errno);
    *n = (size_t)got;
    in->done += *n;
    return 0;
}

/* The code of the reader, with a reason where it came without. */
static int32_t explain(const struct run *run, int32_t rc)
{
    struct shown name;

    if (rc == -CTR_ENOMEM)
        return kit_fail(run->host, rc, "out of memory while reading %s",
                        show(run, &name));
    return rc;
}

static int32_t read_cards(struct input *in)
{
    struct run *run = in->run;
    char block[BLOCK];
    size_t n = 1;
    int32_t rc = 0;

    while (rc == 0 && n > 0) {
        rc = read_block(in, block, &n);
        if (rc == 0)
            rc = check_size(run, n);
        if (rc == 0)
            rc = explain(run, vcard_reader_feed(run->reader, block, n));
        if (rc == 0)
            rc = run->host->sync_canceled(run->host, run->sync);
        if (rc == 0 && !run->file[0])
            run->host->sync_progress(run->host, run->sync, in->done,
                                     (uint64_t)in->before.st_size);
    }
    /* Whatever went wrong ends the sync: the card that was begun is not put any more. */
    return rc == 0 ? explain(run, vcard_reader_end(run->reader)) : rc;
}

/* It is still the file that was opened, with the content that was read. */
static int32_t check_unchanged(const struct input *in)
{
    struct stat now;

    if (fstat(in->fd, &now) != 0)
        return fail_errno(in->run, "stat", errno);
    if (!quiet_same(&now, &in->before) || in->done != (uint64_t)now.st_size)
        return fail_retry(in->run, "changed while it was read");
    if (fstatat(in->folder, in->name, &now, flag(in, AT_SYMLINK_NOFOLLOW)) != 0)
        return fail_errno(in->run, "find", errno);
    if (!quiet_same(&now, &in->before))
        return fail_retry(in->run, "was replaced while it was read");
    return 0;
}

static int32_t read_file(struct run *run, int folder, const char *name)
{
    struct input in = {.run = run, .folder = folder, .name = name, .fd = -1};
    int32_t rc = open_quiet(&in), same;

    run->files++;
    if (rc == 0) {
        rc = read_cards(&in);
        if (rc == 0 || rc == -CTR_EFORMAT) {
            /* What looks wrong may only be unfinished: a change says so first. */
            same = check_unchanged(&in);
            rc = same != 0            ? same
                 : rc == -CTR_EFORMAT ? fail_retry(run, "seems half written: it ends "
                                                        "within a card")
                                      : 0;
        }
    }
    if (in.fd >= 0)
        close(in.fd);
    return rc;
}

/* --- a folder -------------------------------------------------------------------------
 */

struct names {
    char **at;
    size_t n, cap;
};

static void names_finish(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
}

static int32_t names_add(struct names *names, const struct run *run, const char *name)
{
    size_t cap = names->cap ? names->cap * 2 : 64;
    struct shown shown;

    if (names->n == NAMES_MAX)
        return kit_fail(run->host, -CTR_EREFUSED,
                        "%s has more than %d files; the last good data stay",
                        show(run, &shown), NAMES_MAX);
    if (names->n == names->cap) {
        char **more = realloc(names->at, cap * sizeof(*more));

        if (!more)
            return kit_fail(run->host, -CTR_ENOMEM, "out of memory while listing %s",
                            show(run, &shown));
        names->at = more;
        names->cap = cap;
    }
    names->at[names->n] = strdup(name);
    if (!names->at[names->n])
        return kit_fail(run->host, -CTR_ENOMEM, "out of memory while listing %s",
                        show(run, &shown));
    names->n++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What does not begin with a dot, in the order of bytes: who is first among cards of one
 * id must not depend on the disk. */
static int32_t list(const struct run *run, DIR *dir, struct names *names)
{
    struct dirent *e;
    int32_t rc = 0;

    while (rc == 0 && (errno = 0, e = readdir(dir)))
        if (e->d_name[0] != '.')
            rc = names_add(names, run, e->d_name);
    if (rc == 0 && errno != 0)
        rc = fail_errno(run, "list", errno);
    if (rc == 0 && names->n > 1)
        qsort(names->at, names->n, sizeof(*names->at), by_name);
    return rc;
}

static int32_t read_folder(struct run *run, int fd, unsigned depth);

static int32_t enter(struct run *run, int parent, const char *name, unsigned depth)
{
    int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);

    if (fd < 0)
        return errno == ELOOP ? fail_retry(run, "was replaced by a symbolic link")
                              : fail_errno(run, "open", errno);
    return read_folder(run, fd, depth);
}

/* An entry of a folder: read, entered, or told to be left out. A link would lead out of
 * the folder, a pipe or device nowhere. */
static int32_t read_entry(struct run *run, int folder, const char *name, unsigned depth)
{
    const struct source *s = run->source;
    bool wanted = fnmatch(s->pattern, name, FNM_CASEFOLD | FNM_PERIOD) == 0;
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return wanted || s->recursive ? fail_errno(run, "find", errno) : 0;
    if (S_ISDIR(st.st_mode)) {
        if (s->recursive && depth < DEPTH_MAX)
            return enter(run, folder, name, depth + 1);
        if (s->recursive)
            run_say(run, 0, "is a folder too deep and was left out");
    } else if (wanted && S_ISREG(st.st_mode)) {
        return read_file(run, folder, name);
    } else if (wanted) {
        run_say(run, 0,
                S_ISLNK(st.st_mode) ? "is a symbolic link and was left out"
                                    : "is no regular file and was left out");
    }
    return 0;
}

static int32_t read_entries(struct run *run, int fd, const struct names *names,
                            unsigned depth)
{
    size_t n = strlen(run->file);
    int32_t rc = 0;

    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        if ((size_t)snprintf(run->file + n, sizeof(run->file) - n, "%s%s", n ? "/" : "",
                             names->at[i]) >= sizeof(run->file) - n)
            rc = fail_errno(run, "open", ENAMETOOLONG);
        else
            rc = read_entry(run, fd, names->at[i], depth);
        if (rc == 0)
            rc = run->host->sync_canceled(run->host, run->sync);
        if (rc == 0 && depth == 0)
            run->host->sync_progress(run->host, run->sync, i + 1, names->n);
        run->file[n] = 0;
    }
    return rc;
}

/* Takes fd over. */
static int32_t read_folder(struct run *run, int fd, unsigned depth)
{
    struct names names = {0};
    struct shown name;
    DIR *dir = fdopendir(fd);
    int32_t rc;

    if (!dir) {
        rc = fail_errno(run, "list", errno);
        close(fd);
        return rc;
    }
    if (depth > 0) /* before it is listed: nothing is missed in between */
        folders_see(run->folders, fd, show(run, &name));
    rc = list(run, dir, &names);
    if (rc == 0)
        rc = read_entries(run, fd, &names, depth);
    names_finish(&names);
    closedir(dir);
    return rc;
}

/* --- the path -------------------------------------------------------------------------
 */

int32_t files_read(struct run *run)
{
    const char *path = run->source->path;
    struct stat st;
    int fd;

    if (stat(path, &st) != 0)
        return fail_errno(run, "open", errno);
    if (S_ISREG(st.st_mode))
        return read_file(run, AT_FDCWD, path);
    if (!S_ISDIR(st.st_mode))
        return kit_fail(run->host, -CTR_EINVAL,
                        "%s is neither a regular file nor a folder; correct the option "
                        "'path'",
                        path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return fail_errno(run, "open", errno);
    return read_folder(run, fd, 0);
}
