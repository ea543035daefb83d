/* types.h - the few types every other contactor header is written in.
 *
 * Fixed-width integers and pointers only: no enum, bit-field, long, time_t or library
 * type ever crosses the ABI. Every struct that may grow begins with its own size; the
 * reader copies min(theirs, ours) into a zeroed struct, so a missing tail reads as zero.
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
 * An absent value is { NULL, 0 }; an empty one has len 0 and a non-NULL ptr.
 * owner   whoever made it; valid for the call it is passed in, unless its user says
 * longer since   1.0 */
struct ctr_str {
    const char *ptr;
    uint64_t len; /* bytes */
};

/* Names an ABI version in one comparable integer: major in the upper 16 bits. */
#define CTR_ABI(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define CTR_ABI_MAJOR(abi)    ((abi) >> 16)
#define CTR_ABI_MINOR(abi)    ((abi)&0xffffu)

/* The ABI these headers describe. */
#define CTR_ABI_CURRENT CTR_ABI(1, 1)

#if defined(__GNUC__)
#define CTR_EXPORT __attribute__((visibility("default")))
#else
#define CTR_EXPORT
#endif

#ifdef __cplusplus
}
#endif

#endif
