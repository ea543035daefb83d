/* listen.h - a thread that listens for changes (RFC 4533, refreshAndPersist) and asks the
 * daemon for a sync as soon as there is one. */
#ifndef LDAP_SOURCE_LISTEN_H
#define LDAP_SOURCE_LISTEN_H

#include "cursor.h"
#include "options.h"
#include "tls.h"

struct listener;

/* returns NULL: out of memory, threads or descriptors */
struct listener *listener_create(const struct options *o, const struct ctr_host *host,
                                 struct tls_cache *tls);
/* Waits for the thread, which ends at once: each of its waits can be canceled. NULL-safe
 */
void listener_destroy(struct listener *l);

/* The sync has read this far; NULL: it has no cookies. From its lane. */
void listener_follow(struct listener *l, const struct cursor *cursor);
/* Syncs fail: ask for them rarely. From the sync's lane. */
void listener_calm(struct listener *l, bool calm);

#endif
