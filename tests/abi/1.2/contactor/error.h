/* error.h - one vocabulary of results for the daemon and every plugin.
 *
 * Functions return 0 or a negated code: `return -CTR_ENOENT;`. One macro list makes the
 * codes, their names and their texts, so they cannot drift apart. Codes are never
 * renumbered.
 *
 * since 1.0 */
#ifndef CONTACTOR_ERROR_H
#define CONTACTOR_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* All codes: X(number, NAME, "text"). */
#define CTR_ERROR_MAP(X)                               \
    X(1, EINVAL, "invalid argument")                   \
    X(2, ENOMEM, "out of memory")                      \
    X(3, EIO, "input or output failed")                \
    X(4, ENOENT, "not found")                          \
    X(5, EEXIST, "already exists")                     \
    X(6, EACCES, "access denied")                      \
    X(7, EPAUSE, "accepted; wait before sending more") \
    X(8, ECANCELED, "canceled")                        \
    X(9, ETIMEDOUT, "time limit reached")              \
    X(10, EWORK, "work limit reached")                 \
    X(11, ESIZE, "size limit reached")                 \
    X(12, EPROTO, "protocol error by the peer")        \
    X(13, ECONF, "configuration error")                \
    X(14, EUNAVAIL, "temporarily unavailable")         \
    X(15, ENOTSUP, "not supported")                    \
    X(16, EVERSION, "incompatible version")            \
    X(17, EBUSY, "busy")                               \
    X(18, EFORMAT, "malformed data")                   \
    X(19, EFULL, "no space left")                      \
    X(20, EINTERNAL, "internal error")                 \
    X(21, EREFUSED, "refused by a safety limit")

/* The codes: CTR_EINVAL and so on. A function returns one negated. */
enum {
#define CTR_X(number, name, text) CTR_##name = number,
    CTR_ERROR_MAP(CTR_X)
#undef CTR_X
};

#ifdef __cplusplus
}
#endif

#endif
