/* state.h - the folder the daemon keeps its state in: one daemon at a time, its user's.
 */
#ifndef STATE_H
#define STATE_H

#include <stddef.h>
#include <sys/types.h>

/* Makes the folder (0700) where it is missing, gives a folder of root's to uid and gid
 * (-1: leave them) with what an earlier daemon left in it, and locks it.
 * lock_fd   keeps the lock; closing gives it back
 * returns   0 | -CTR_EBUSY (another daemon has it) | -CTR_EIO, with a sentence in error
 */
int state_open(const char *dir, uid_t uid, gid_t gid, int *lock_fd, char *error,
               size_t cap);
/* Whose it is; 0 also when there is none yet. */
uid_t state_owner(const char *dir);

#endif
