/* lines.h - lines out of a stream of bytes, within one buffer that never grows. */
#ifndef EXEC_LINES_H
#define EXEC_LINES_H

#include <stdbool.h>

#include "contactor/types.h"

enum { LINES_READ = 65536 }; /* there is always room for so much */

enum lines_result {
    LINES_LINE, /* NUL-terminated in place, without its end */
    LINES_MORE, /* fill it first */
    LINES_LONG  /* longer than max: nothing more will come */
};

struct lines {
    char *bytes;
    size_t cap, max;
    size_t start, looked, end; /* start..end unread; no line end before looked */
    uint64_t number;           /* of the line given last, from 1 */
};

/* returns 0 | -CTR_ENOMEM */
int32_t lines_init(struct lines *l, size_t max);
void lines_finish(struct lines *l);
/* Where to read to, LINES_READ bytes at least; moves what is unread. */
char *lines_room(struct lines *l, size_t *n);
void lines_filled(struct lines *l, size_t n);
/* The line is good until lines_room. */
enum lines_result lines_next(struct lines *l, struct ctr_str *line);
/* At the end of the stream: what came behind the last line end; false: nothing. */
bool lines_rest(struct lines *l, struct ctr_str *line);
bool lines_unread(const struct lines *l);

#endif
