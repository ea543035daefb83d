/* input.c - opening, settling, reading and re-checking the file. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit/kit.h"
#include "quiet/quiet.h"

/* --- opening --------------------------------------------------------------------------
 */

static int32_t fail_errno(const struct input *in, const char *what, int error)
{
    int32_t code = error == ENOENT || error == ENOTDIR ? -CTR_ENOENT
                   : error == EACCES || error == EPERM ? -CTR_EACCES
                                                       : -CTR_EIO;
    const char *remedy = code == -CTR_ENOENT
                             ? "put the file back or correct the option 'file'"
                         : code == -CTR_EACCES
                             ? "let the daemon's user read the file and enter its folders"
                             : "check the disk or the network share it lies on";

    return kit_fail(in->host, code, "cannot %s %s: %s; the last good data stay; %s", what,
                    in->path, strerror(error), remedy);
}

static const char *kind_of_file(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

/* Never blocks: a pipe without a writer would hold an ordinary open for ever. */
static int32_t open_regular(struct input *in)
{
    in->fd = open(in->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (in->fd < 0)
        return fail_errno(in, "open", errno);
    if (fstat(in->fd, &in->before) != 0)
        return fail_errno(in, "stat", errno);
    if (!S_ISREG(in->before.st_mode))
        return kit_fail(in->host, -CTR_EINVAL,
                        "%s is %s, not a regular file; correct the option 'file'",
                        in->path, kind_of_file(in->before.st_mode));
    return 0;
}

/* For a writer that never rests the host tries again later. */
static int32_t open_quiet(struct input *in, int64_t settle)
{
    int64_t patience = quiet_patience(settle);
    int32_t rc = open_regular(in);

    while (rc == 0) {
        rc = quiet_wait(in->host, in->sync, &in->before, settle, &patience);
        if (rc == QUIET_NEVER)
            return kit_fail(in->host, -CTR_EUNAVAIL,
                            "%s is still being written; will retry; the last good data "
                            "stay",
                            in->path);
        if (rc != QUIET_AGAIN)
            break;
        close(in->fd);
        rc = open_regular(in);
    }
    return rc;
}

/* --- the encoding ---------------------------------------------------------------------
 */

static int32_t read_block(struct input *in, uint8_t *out, off_t at, size_t *n)
{
    ssize_t got;

    do
        got = pread(in->fd, out, INPUT_BLOCK, at);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_errno(in, "read", errno);
    *n = (size_t)got;
    return 0;
}

/* Reads the whole file: one umlaut in its last line decides as well as one in its first.
 */
static int32_t sniff_file(struct input *in, enum encoding *found)
{
    struct sniff s = {0};
    size_t n = 0;
    int32_t rc;

    do {
        rc = read_block(in, in->raw, (off_t)s.bytes, &n);
        if (rc == 0)
            rc = in->host->sync_canceled(in->host, in->sync);
        if (rc != 0)
            return rc;
        sniff_add(&s, in->raw, n);
    } while (n > 0);
    *found = sniff_result(&s);
    return 0;
}

/* A byte order mark is stronger than the option: it can stand for nothing else. */
static int32_t find_encoding(struct input *in, enum encoding wanted)
{
    enum encoding found;
    size_t n = 0, bom;
    int32_t rc = read_block(in, in->raw, 0, &n);

    if (rc != 0)
        return rc;
    found = decode_bom(in->raw, n, &bom);
    in->done = bom;
    if (found == ENCODING_AUTO && (wanted == ENCODING_AUTO || wanted == ENCODING_UTF16)) {
        rc = sniff_file(in, &found);
        if (rc != 0)
            return rc;
        if (wanted == ENCODING_UTF16 && found != ENCODING_UTF16BE)
            found = ENCODING_UTF16LE;
    }
    in->decoder.from = found == ENCODING_AUTO ? wanted : found;
    return 0;
}

int32_t input_open(struct input *in, const struct ctr_host *host, struct ctr_sync *sync,
                   const char *path, enum encoding encoding, int64_t settle,
                   int64_t max_size)
{
    int32_t rc;

    *in = (struct input){.host = host, .sync = sync, .path = path, .fd = -1};
    rc = open_quiet(in, settle);
    if (rc != 0)
        return rc;
    if (in->before.st_size > max_size)
        return kit_fail(host, -CTR_EREFUSED,
                        "%s has %lld bytes, more than max_size; the last good data stay; "
                        "raise max_size if this is right",
                        path, (long long)in->before.st_size);
    in->raw = malloc(INPUT_BLOCK);
    if (!in->raw)
        return kit_fail(host, -CTR_ENOMEM, "out of memory while reading %s", path);
    return find_encoding(in, encoding);
}

/* --- reading --------------------------------------------------------------------------
 */

int32_t input_read(struct input *in, char *out, size_t *n)
{
    bool direct = in->decoder.from == ENCODING_UTF8;
    size_t want = direct ? INPUT_BLOCK : INPUT_BLOCK / 3 - 4, got;
    ssize_t r;

    do {
        *n = 0;
        if (in->end)
            return 0;
        r = pread(in->fd, direct ? (void *)out : in->raw, want, (off_t)in->done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return fail_errno(in, "read", errno);
        got = (size_t)r;
        in->done += got;
        in->end = got == 0;
        *n = direct ? got : decode(&in->decoder, in->raw, got, in->end, out);
    } while (*n == 0);
    in->host->sync_progress(in->host, in->sync, in->done, (uint64_t)in->before.st_size);
    return in->host->sync_canceled(in->host, in->sync);
}

static int32_t fail_changed(const struct input *in, const char *what)
{
    return kit_fail(in->host, -CTR_EUNAVAIL,
                    "%s %s while it was read; will retry; the last good data stay",
                    in->path, what);
}

int32_t input_unchanged(const struct input *in)
{
    struct stat now;

    if (fstat(in->fd, &now) != 0)
        return fail_errno(in, "stat", errno);
    if (!quiet_same(&now, &in->before) || (in->end && in->done != (uint64_t)now.st_size))
        return fail_changed(in, "changed");
    if (stat(in->path, &now) != 0)
        return fail_errno(in, "find", errno);
    if (!quiet_same(&now, &in->before))
        return fail_changed(in, "was replaced");
    return 0;
}

void input_close(struct input *in)
{
    if (in->fd >= 0)
        close(in->fd);
    free(in->raw);
    in->raw = NULL;
    in->fd = -1;
}
