/* types.h - the few types every other contactor header is written in.
 *
 * Fixed-width integers and pointers only: no enum, bit-field, long, time_t or library
 * type ever crosses the ABI. Every struct that may grow begins with its own size; the
 * reader copies min(theirs, ours) into a zeroed struct, so a missing tail reads as zero.
 * Members named `reserved` are 0.
 *
 * How to read the comments of these headers: first what a thing is for, then rows.
 *
 *     name      a parameter: its unit, range and default
 *     returns   0 or a length is success; a negated code of error.h is a failure
 *     thread    where it may be called, or is called: any, the loop, the lane of a sync
 *     owner     who owns what is pointed to, and until when
 *     since     the ABI that has it
 *
 * A row of a struct or of a section (--- between lines ---) holds for each function
 * below it that does not say otherwise. What is passed in is borrowed for the call,
 * unless a row says otherwise: copy what you keep. Nobody frees the other side's memory.
 *
 * since 1.0 */
#ifndef CONTACTOR_TYPES_H
#define CONTACTOR_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A run of bytes, not NUL-terminated. Text is UTF-8 unless its user says otherwise.
 * An absent value is { NULL, 0 }; an empty one has len 0 and a non-NULL ptr. Never grows.
 * owner   whoever made it; valid for the call it is passed in, unless its user says more
 * since   1.0 */
struct ctr_str {
    const char *ptr; /* the first byte; NULL: absent */
    uint64_t len;    /* bytes */
};

/* Names an ABI version in one comparable integer: major in the upper 16 bits. */
#define CTR_ABI(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
/* The major version of an ABI: plugins and hosts of different ones do not meet. */
#define CTR_ABI_MAJOR(abi) ((abi) >> 16)
/* The minor version of an ABI: a higher one has all a lower one has. */
#define CTR_ABI_MINOR(abi) ((abi)&0xffffu)

/* The ABI these headers describe. */
#define CTR_ABI_CURRENT CTR_ABI(1, 2)

/* Makes the descriptor visible outside the plugin, whatever the compiler's default is. */
#if defined(__GNUC__)
#define CTR_EXPORT __attribute__((visibility("default")))
#else
#define CTR_EXPORT
#endif

#ifdef __cplusplus
}
#endif

#endif
