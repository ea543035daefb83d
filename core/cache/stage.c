/* stage.c - staged changes, and the unnamed files they and the sorter spill to. */
#include "cache/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

enum { STAGE_MEMORY = 1 << 20, STAGE_WINDOW = 256 * 1024, ENTRY_HEAD = 9 };

static int error_of(int err)
{
    return err == ENOSPC || err == EDQUOT || err == EFBIG ? -CTR_EFULL : -CTR_EIO;
}

int temp_file(const char *dir)
{
    char path[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
        return error_of(errno);
    /* A file system without unnamed files. */
    if (snprintf(path, sizeof(path), "%s/spill.XXXXXX", dir) >= (int)sizeof(path))
        return -CTR_EIO;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return error_of(errno);
    unlink(path);
    return fd;
}

int temp_write(int fd, const void *data, size_t n, uint64_t at)
{
    const char *p = data;

    while (n > 0) {
        ssize_t w = pwrite(fd, p, n, (off_t)at);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return error_of(errno);
        p += w;
        n -= (size_t)w;
        at += (uint64_t)w;
    }
    return 0;
}

int temp_read(int fd, void *data, size_t n, uint64_t at)
{
    char *p = data;

    while (n > 0) {
        ssize_t r = pread(fd, p, n, (off_t)at);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return -CTR_EIO;
        p += r;
        n -= (size_t)r;
        at += (uint64_t)r;
    }
    return 0;
}

void stage_init(struct stage *stage, const char *dir)
{
    *stage = (struct stage){.dir = dir, .fd = -1};
}

void stage_finish(struct stage *stage)
{
    if (stage->fd >= 0)
        close(stage->fd);
    stage->fd = -1;
    strbuf_finish(&stage->buf);
}

static int stage_flush(struct stage *stage)
{
    int rc;

    if (stage->fd < 0) {
        int fd = temp_file(stage->dir);

        if (fd < 0)
            return fd;
        stage->fd = fd;
    }
    rc = temp_write(stage->fd, stage->buf.ptr, stage->buf.len, stage->written);
    if (rc)
        return rc;
    stage->written += stage->buf.len;
    strbuf_reset(&stage->buf);
    return 0;
}

int stage_add(struct stage *stage, enum stage_op op, uint32_t recno, struct ctr_str data)
{
    uint32_t head[2] = {(uint32_t)data.len, recno};

    if (stage->buf.len >= STAGE_MEMORY) {
        int rc = stage_flush(stage);

        if (rc)
            return rc;
    }
    strbuf_add(&stage->buf, head, sizeof(head));
    strbuf_char(&stage->buf, (char)op);
    strbuf_str(&stage->buf, data);
    return 0;
}

void stage_read(struct stage_reader *reader, const struct stage *stage, uint64_t from)
{
    *reader = (struct stage_reader){.stage = stage, .at = from, .buf_at = from};
}

void stage_read_finish(struct stage_reader *reader)
{
    strbuf_finish(&reader->buf);
}

/* n bytes at reader->at from the file, through the window. */
static int window(struct stage_reader *reader, size_t n, const char **out)
{
    const struct stage *s = reader->stage;
    uint64_t skip = reader->at - reader->buf_at;

    if (skip + n > reader->buf.len) {
        uint64_t left = s->written - reader->at;
        size_t want = n > STAGE_WINDOW ? n : STAGE_WINDOW;
        int rc;

        if (n > left)
            return -CTR_EIO;
        if (want > left)
            want = (size_t)left;
        strbuf_reset(&reader->buf);
        while (reader->buf.cap <= want)
            strbuf_add(&reader->buf, (const char[1024]){0}, 1024);
        rc = temp_read(s->fd, reader->buf.ptr, want, reader->at);
        if (rc)
            return rc;
        reader->buf.len = want;
        reader->buf_at = reader->at;
        skip = 0;
    }
    *out = reader->buf.ptr + skip;
    return 0;
}

/* An entry never straddles the file and the memory behind it. */
static int bytes_at(struct stage_reader *reader, size_t n, const char **out)
{
    const struct stage *s = reader->stage;

    if (reader->at < s->written)
        return window(reader, n, out);
    if (n > s->buf.len - (reader->at - s->written))
        return -CTR_EIO;
    *out = s->buf.ptr + (reader->at - s->written);
    return 0;
}

int stage_next(struct stage_reader *reader, struct stage_entry *entry)
{
    const struct stage *s = reader->stage;
    const char *p = NULL;
    uint32_t head[2];
    int rc;

    if (reader->at >= s->written + s->buf.len)
        return -CTR_ENOENT;
    rc = bytes_at(reader, ENTRY_HEAD, &p);
    if (rc)
        return rc;
    memcpy(head, p, sizeof(head));
    rc = bytes_at(reader, ENTRY_HEAD + (size_t)head[0], &p);
    if (rc)
        return rc;
    entry->op = (uint8_t)p[8];
    entry->recno = head[1];
    entry->data = str_make(p + ENTRY_HEAD, head[0]);
    reader->at += ENTRY_HEAD + (uint64_t)head[0];
    return 0;
}
