/* ext/poll.h - waiting for file descriptors on the loop: host extension
 * "contactor.poll/1", for ON_LOOP sources that bring a library with sockets of its own.
 *
 * since 1.1 */
#ifndef CONTACTOR_EXT_POLL_H
#define CONTACTOR_EXT_POLL_H

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CTR_POLL_ID "contactor.poll/1"

/* What may be waited for, and what happened. */
enum { CTR_POLL_READ = 1u << 0, CTR_POLL_WRITE = 1u << 1 };

struct ctr_poll; /* one descriptor that is waited for; valid until stop */

/* events: CTR_POLL_* that happened; both at an error of the descriptor. */
typedef void (*ctr_poll_fn)(void *user, int32_t fd, uint32_t events);

/* What host->extension(host, CTR_POLL_ID) gives.
 * thread  the loop
 * since   1.1 */
struct ctr_polls {
    uint32_t size;
    uint32_t reserved;
    /* Call fn whenever one of `events` holds (level-triggered). The descriptor stays the
     * plugin's, non-blocking, open until stop has returned; one ctr_poll per descriptor.
     * returns NULL: not a socket or pipe, or out of descriptors */
    struct ctr_poll *(*start)(const struct ctr_host *host, int32_t fd, uint32_t events,
                              ctr_poll_fn fn, void *user);
    /* Wait for other events from here on; 0: none for now. */
    void (*change)(struct ctr_poll *poll, uint32_t events);
    /* No call of fn from here on. The host stops what is left at destroy. NULL-safe. */
    void (*stop)(struct ctr_poll *poll);
};

#ifdef __cplusplus
}
#endif

#endif
