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

/* What to ask host->extension for. */
#define CTR_POLL_ID "contactor.poll/1"

/* What may be waited for, and what happened. */
enum {
    CTR_POLL_READ = 1u << 0, /* there is something to read, or the end */
    CTR_POLL_WRITE = 1u << 1 /* there is room to write, or it is connected */
};

/* One descriptor that is waited for.
 * owner   the host; valid until stop
 * since   1.1 */
struct ctr_poll;

/* Something happened.
 * user    as given to start
 * fd      the descriptor
 * events  CTR_POLL_* that happened; both at an error of the descriptor
 * thread  the loop
 * since   1.1 */
typedef void (*ctr_poll_fn)(void *user, int32_t fd, uint32_t events);

/* What host->extension(host, CTR_POLL_ID) gives.
 * thread  the loop
 * owner   the host; valid until destroy has returned
 * since   1.1 */
struct ctr_polls {
    uint32_t size;     /* of the host's struct ctr_polls */
    uint32_t reserved; /* 0 */

    /* Call fn whenever one of the events holds (level-triggered).
     * fd      a socket or pipe, non-blocking, that no other ctr_poll waits for
     * events  CTR_POLL_*; 0: none for now
     * fn      never called before this returns
     * user    handed to fn
     * returns it | NULL: not a socket or pipe, waited for already, or out of descriptors
     * owner   fd stays the plugin's, open until stop has returned */
    struct ctr_poll *(*start)(const struct ctr_host *host, int32_t fd, uint32_t events,
                              ctr_poll_fn fn, void *user);

    /* Wait for other events from here on.
     * poll    of this instance
     * events  CTR_POLL_*; 0: none for now */
    void (*change)(struct ctr_poll *poll, uint32_t events);

    /* End it: fn is not called from here on. The host stops what is left at destroy.
     * poll    of this instance, dead afterwards; NULL: nothing happens */
    void (*stop)(struct ctr_poll *poll);
};

#ifdef __cplusplus
}
#endif

#endif
