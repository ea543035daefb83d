/* confine.h - what is left to the process after start: some folders, and the system calls
 * of a directory server. */
#ifndef OS_CONFINE_H
#define OS_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/* Call first in main, before a loop is made: the event library must not begin what the
 * system call filter refuses later (io_uring). */
void confine_prepare(void);

/* Path lists end with NULL; a list may be NULL; a path that does not exist is skipped.
 * What every daemon reads (shared libraries, /etc, /proc, time zones, /dev/null) is
 * always allowed. A path may be a folder (all below) or a file. */
struct confine_paths {
    const char *const *read_only;
    const char *const *read_write; /* read, create, write, rename, remove */
    const char *const *execute;    /* programs that may be started, and read */
};

/* Landlock: all other files can neither be opened nor listed, from now on and in
 * children. For the calling thread and those it starts: before threads are started. A
 * kernel without Landlock is logged once, at info, and is no error (*active says).
 * returns 0 | -CTR_EIO | -CTR_EINVAL, with a sentence in error */
int confine_files(const struct confine_paths *paths, bool *active, char *error,
                  size_t cap);

/* For a process that belongs to another one, beside what that one gave up: it writes no
 * file (but /dev/null), signals no process but those it starts, and is shown to no
 * debugger. Where the kernel cannot do a part of it, that part is left out. Before
 * threads are started. returns 0 | -CTR_EIO, with a sentence in error */
int confine_outside(char *error, size_t cap);

struct confine_syscalls_options {
    bool allow_jit; /* pages that are writable and executable (a JIT in a driver) */
};

/* seccomp: everything a directory server has no use for answers EPERM (debugging others,
 * mounting, kernel modules, bpf, io_uring, name spaces, ...), in all threads and
 * children. returns 0 | -CTR_ENOTSUP (the kernel has no seccomp) | -CTR_EIO, with a
 * sentence in error */
int confine_syscalls(const struct confine_syscalls_options *options, char *error,
                     size_t cap);

#endif
