/* changes.h - deltas without the server's help: what is newer than a mark, and what is
 * not there any more. */
#ifndef LDAP_SOURCE_CHANGES_H
#define LDAP_SOURCE_CHANGES_H

#include "run.h"

/* Reads only the ids of all entries, and deletes what is not among them. The index must
 * be whole. returns 0 | negative */
int32_t changes_difference(struct run *r);
/* By modifyTimestamp since r->old. returns 0 | RUN_READ_ALL | negative */
int32_t changes_modified(struct run *r);

/* By Active Directory's uSNChanged. usn_begin: whose numbers, and the highest now, into
 * r->next. returns 0 | -CTR_ENOTSUP with a fault | negative */
int32_t usn_begin(struct run *r);
int32_t usn_delta(struct run *r); /* 0 | RUN_READ_ALL | negative */
/* Whether deleted objects can be seen: their tombstones. */
bool usn_sees_deleted(struct conn *c, const char *context);

#endif
