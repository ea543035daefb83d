/* groups.h - who is in a group of the server, for the daemon's permissions. */
#ifndef LDAP_SOURCE_GROUPS_H
#define LDAP_SOURCE_GROUPS_H

#include "run.h"

/* Each group of the options, whole. returns 0 | negative with r->fault set */
int32_t groups_read(struct run *r);
/* A number for the set of names that were told: with another one, the daemon knows groups
 * that are no more, and only a full sync makes it forget them. */
uint64_t groups_told(const struct run *r);

#endif
