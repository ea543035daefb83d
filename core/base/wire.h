/* wire.h - numbers and strings as a run of bytes: what two processes of ours tell each
 * other.
 *
 * Whoever reads does not trust whoever wrote: reading past the end, or a number that is
 * none, sets `bad`, which stays, and gives zeroes from there on; so it is asked once, at
 * the end. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdint.h>

#include "base/str.h"

void wire_put_u(struct strbuf *out, uint64_t n);
void wire_put_i(struct strbuf *out, int64_t n);
/* Absent ({ NULL, 0 }) and empty are told apart. */
void wire_put_str(struct strbuf *out, struct ctr_str s);
void wire_put_z(struct strbuf *out, const char *z); /* may be NULL */

struct wire {
    const uint8_t *at, *end;
    bool bad;
};

struct wire wire_of(const void *data, size_t n);
uint64_t wire_u(struct wire *w);
/* bad when it is larger than max */
uint32_t wire_u32(struct wire *w, uint32_t max);
int64_t wire_i(struct wire *w);
int32_t wire_i32(struct wire *w);
/* Borrowed from the bytes; no NUL behind. */
struct ctr_str wire_str(struct wire *w);
/* All was read, and nothing was bad. */
bool wire_done(const struct wire *w);

#endif
