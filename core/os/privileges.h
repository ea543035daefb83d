/* privileges.h - giving up what the daemon needed only to start.
 *
 * Order in the daemon: privileges_find, bind sockets and open files, privileges_drop,
 * confine_files, start threads, confine_syscalls. */
#ifndef OS_PRIVILEGES_H
#define OS_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PRIVILEGES_GROUPS_MAX = 64 };

struct privileges_user {
    char name[64];
    uid_t uid;
    gid_t gid;
    gid_t groups[PRIVILEGES_GROUPS_MAX];
    int n_groups;
};

/* Looks up a user ("contactor" or "998") and a group (NULL: the user's own).
 * returns 0 | -CTR_ENOENT | -CTR_EINVAL | -CTR_EIO, with a sentence in error */
int privileges_find(const char *user, const char *group, struct privileges_user *out,
                    char *error, size_t cap);

/* true: this process runs as root, so that a user to become is needed. */
bool privileges_is_root(void);

/* Becomes `user` (ignored when not root; NULL as root: root stays, without any
 * capability), clears every capability set, and sees to it that no program started later
 * gains any; checks that there is no way back, in any thread. Memory is never dumped to a
 * core file nor shown to a debugger from here on. Best before threads are started.
 * returns 0 | -CTR_EBUSY (a thread still holds rights) | -CTR_EIO, with a sentence in
 * error; the process must then not go on */
int privileges_drop(const struct privileges_user *user, char *error, size_t cap);

#endif
