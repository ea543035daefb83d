/* buffer.c - growing byte buffers, see buffer.h. */
#include "net/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* Not realloc: what may be secret must not stay behind in freed memory. */
static void grow(struct buffer *b, size_t n)
{
    size_t len = buffer_len(b);
    size_t cap = b->cap ? b->cap : BUFFER_FIRST;
    uint8_t *mem;

    while (cap - len < n)
        cap *= 2;
    if (b->mem && cap == b->cap) {
        memmove(b->mem, b->mem + b->at, len);
    } else {
        mem = xmalloc(cap);
        if (b->mem) {
            memcpy(mem, b->mem + b->at, len);
            wipe(b->mem, b->end);
            free(b->mem);
        }
        b->mem = mem;
        b->cap = cap;
    }
    b->at = 0;
    b->end = len;
}

uint8_t *buffer_room(struct buffer *b, size_t n)
{
    if (b->cap - b->end < n || !b->mem)
        grow(b, n);
    return b->mem + b->end;
}

void buffer_added(struct buffer *b, size_t n)
{
    ensure(n <= b->cap - b->end);
    b->end += n;
}

void buffer_add(struct buffer *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    memcpy(buffer_room(b, n), data, n);
    b->end += n;
}

void buffer_take(struct buffer *b, size_t n)
{
    ensure(n <= buffer_len(b));
    b->at += n;
    if (b->at == b->end)
        buffer_finish(b);
}

void buffer_take_wiped(struct buffer *b, size_t n)
{
    ensure(n <= buffer_len(b));
    if (n > 0)
        wipe(b->mem + b->at, n);
    buffer_take(b, n);
}

void buffer_finish(struct buffer *b)
{
    free(b->mem);
    *b = (struct buffer){0};
}

void buffer_finish_wiped(struct buffer *b)
{
    if (b->mem)
        wipe(b->mem, b->end);
    buffer_finish(b);
}

void buffer_take_spare(struct buffer *b, struct buffer_spare *spare)
{
    if (!b->mem && spare->n > 0)
        *b = (struct buffer){.mem = spare->mem[--spare->n], .cap = BUFFER_FIRST};
}

void buffer_give_spare(struct buffer *b, struct buffer_spare *spare)
{
    if (b->cap == BUFFER_FIRST && spare->n < BUFFER_SPARE_MAX) {
        spare->mem[spare->n++] = b->mem;
        b->mem = NULL;
    }
    buffer_finish(b);
}

void buffer_spare_finish(struct buffer_spare *spare)
{
    while (spare->n > 0)
        free(spare->mem[--spare->n]);
}

void buffer_move(struct buffer *to, struct buffer *from)
{
    if (buffer_len(to) == 0) {
        buffer_finish(to);
        *to = *from;
        *from = (struct buffer){0};
        return;
    }
    buffer_add(to, buffer_data(from), buffer_len(from));
    buffer_finish(from);
}
