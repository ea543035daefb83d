/* buffer.h - bytes on their way in or out of a stream: grown at the end, taken from the
 * front, and holding no memory while empty. */
#ifndef NET_BUFFER_H
#define NET_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *mem;
    size_t at;  /* the first byte not taken */
    size_t end; /* behind the last byte */
    size_t cap;
};

static inline size_t buffer_len(const struct buffer *b)
{
    return b->end - b->at;
}

static inline const uint8_t *buffer_data(const struct buffer *b)
{
    return b->mem ? b->mem + b->at : NULL;
}

/* Room for n more bytes behind the end; buffer_added says how many it became. The caller
 * bounds n. */
uint8_t *buffer_room(struct buffer *b, size_t n);
void buffer_added(struct buffer *b, size_t n);
void buffer_add(struct buffer *b, const void *data, size_t n);
/* Takes n bytes from the front; frees the memory when that was all. */
void buffer_take(struct buffer *b, size_t n);
/* The same for bytes that may be secret: they are cleared. */
void buffer_take_wiped(struct buffer *b, size_t n);
void buffer_finish(struct buffer *b);
void buffer_finish_wiped(struct buffer *b);
/* Memory of buffers that were used up, for the next ones. One size, the last in is the
 * first out: what is written in each turn of the loop stays in the processor's cache. */
enum { BUFFER_FIRST = 2048, BUFFER_SPARE_MAX = 64 };
struct buffer_spare {
    uint8_t *mem[BUFFER_SPARE_MAX];
    unsigned n;
};
/* Before buffer_room: memory for a buffer that has none. */
void buffer_take_spare(struct buffer *b, struct buffer_spare *spare);
/* As buffer_finish, but the memory is kept. Not for what may be secret. */
void buffer_give_spare(struct buffer *b, struct buffer_spare *spare);
void buffer_spare_finish(struct buffer_spare *spare);
/* Moves everything in `from` behind `to`, without copying when `to` is empty. */
void buffer_move(struct buffer *to, struct buffer *from);

#endif
