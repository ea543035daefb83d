/* lines.c - lines out of a stream of bytes, within one buffer that never grows. */
#include "lines.h"

#include <stdlib.h>
#include <string.h>

#include "contactor/error.h"

int32_t lines_init(struct lines *l, size_t max)
{
    *l = (struct lines){.max = max, .cap = max + LINES_READ};
    l->bytes = malloc(l->cap + 1); /* a NUL behind the rest */
    return l->bytes ? 0 : -CTR_ENOMEM;
}

void lines_finish(struct lines *l)
{
    free(l->bytes);
    l->bytes = NULL;
}

char *lines_room(struct lines *l, size_t *n)
{
    if (l->start > 0) {
        memmove(l->bytes, l->bytes + l->start, l->end - l->start);
        l->end -= l->start;
        l->looked -= l->start;
        l->start = 0;
    }
    *n = l->cap - l->end;
    return l->bytes + l->end;
}

void lines_filled(struct lines *l, size_t n)
{
    l->end += n;
}

static struct ctr_str take(struct lines *l, size_t end, size_t next)
{
    struct ctr_str line = {l->bytes + l->start, end - l->start};

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    l->bytes[l->start + line.len] = '\0';
    l->start = l->looked = next;
    l->number++;
    return line;
}

enum lines_result lines_next(struct lines *l, struct ctr_str *line)
{
    char *at = memchr(l->bytes + l->looked, '\n', l->end - l->looked);
    size_t end = at ? (size_t)(at - l->bytes) : l->end;

    if (end - l->start > l->max)
        return LINES_LONG;
    l->looked = end;
    if (!at)
        return LINES_MORE;
    *line = take(l, end, end + 1);
    return LINES_LINE;
}

bool lines_rest(struct lines *l, struct ctr_str *line)
{
    if (!lines_unread(l))
        return false;
    *line = take(l, l->end, l->end);
    return true;
}

bool lines_unread(const struct lines *l)
{
    return l->end > l->start;
}
