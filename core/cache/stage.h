/* stage.h - what a load has to write, kept aside until its commit: in memory while it is
 * small, then in an unnamed file in the cache's folder. An aborted load costs the cache
 * nothing. */
#ifndef CACHE_STAGE_H
#define CACHE_STAGE_H

#include "base/str.h"

struct stage {
    const char *dir;   /* where the file goes */
    struct strbuf buf; /* not yet written */
    int fd;            /* -1: all in buf */
    uint64_t written;  /* bytes in the file */
};

enum stage_op { STAGE_PUT = 1, STAGE_DELETE = 2 };

struct stage_entry {
    uint8_t op;
    uint32_t recno;
    struct ctr_str data; /* PUT: the record; DELETE: the id */
};

struct stage_reader {
    const struct stage *stage;
    uint64_t at;       /* of the next entry */
    struct strbuf buf; /* a window of the file */
    uint64_t buf_at;
};

void stage_init(struct stage *stage, const char *dir);
void stage_finish(struct stage *stage);
/* returns 0 | -CTR_EFULL | -CTR_EIO */
int stage_add(struct stage *stage, enum stage_op op, uint32_t recno, struct ctr_str data);

void stage_read(struct stage_reader *reader, const struct stage *stage, uint64_t from);
/* entry->data is valid until the next call. returns 0 | -CTR_ENOENT | -CTR_EIO */
int stage_next(struct stage_reader *reader, struct stage_entry *entry);
void stage_read_finish(struct stage_reader *reader);

/* An unnamed file that is gone when closed. returns a descriptor | -CTR_E* */
int temp_file(const char *dir);
/* All or nothing; -CTR_EFULL | -CTR_EIO */
int temp_write(int fd, const void *data, size_t n, uint64_t at);
int temp_read(int fd, void *data, size_t n, uint64_t at);

#endif
