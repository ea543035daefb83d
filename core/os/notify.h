/* notify.h - telling the service manager how the daemon is doing: sd_notify's protocol.
 *
 * All calls accept NULL (nobody asked to be told) and then do nothing and return 0. They
 * never block. */
#ifndef OS_NOTIFY_H
#define OS_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

struct notify;

/* Reads $NOTIFY_SOCKET and $WATCHDOG_USEC, connects, and takes them out of the
 * environment so that no child speaks in our name. *out is NULL when there is no service
 * manager. Before privileges are dropped.
 * returns 0 | -CTR_EINVAL | -CTR_EIO, with a sentence in error */
int notify_open(struct notify **out, char *error, size_t cap);
void notify_close(struct notify *n);

/* returns 0 | -CTR_EIO (the manager does not take it; errno says why) */
int notify_ready(struct notify *n, const char *status);
int notify_reloading(struct notify *n); /* end it with notify_ready */
int notify_stopping(struct notify *n, const char *status);
int notify_status(struct notify *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int notify_watchdog(struct notify *n); /* "the loop turns" */

/* Milliseconds between two notify_watchdog calls: half of what the manager waits; 0: no
 * watchdog. */
uint64_t notify_watchdog_interval(const struct notify *n);

#endif
