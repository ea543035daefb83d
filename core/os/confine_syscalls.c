/* confine_syscalls.c - seccomp: the system calls that are left, see confine.h.
 *
 * A list of what is allowed: what libuv, LMDB, the C library and drivers of databases
 * use. Everything else answers EPERM, which a library takes as "not here". */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "os/confine.h"
#include "os/sanitized.h"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const allowed[] = {
    /* memory */
    "brk", "madvise", "mincore", "mlock", "mlock2", "mlockall", "mremap", "msync",
    "munlock", "munlockall", "munmap", "membarrier", "memfd_create", "mbind",
    "get_mempolicy", "set_mempolicy",
    /* files */
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flock", "fstat", "fstat64",
    "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat",
    "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat",
    "llseek", "_llseek", "lseek", "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat",
    "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev",
    "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "rename",
    "renameat", "renameat2", "rmdir", "sendfile", "sendfile64", "splice", "stat",
    "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "sync",
    "sync_file_range", "syncfs", "tee", "truncate", "truncate64", "umask", "unlink",
    "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "write", "writev",
    "io_cancel", "io_destroy", "io_getevents", "io_setup", "io_submit",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd", "eventfd2", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64",
    "pselect6", "pselect6_time64", "select", "_newselect",
    /* sockets; socket itself below */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
    "listen", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send",
    "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
    /* processes and threads; clone below */
    "execve", "execveat", "exit", "exit_group", "fork", "vfork", "wait4", "waitid",
    "waitpid", "kill", "tgkill", "tkill", "pidfd_open", "pidfd_send_signal", "getpid",
    "getppid", "gettid", "getpgid", "getpgrp", "getsid", "setpgid", "setsid", "getuid",
    "getuid32", "geteuid", "geteuid32", "getgid", "getgid32", "getegid", "getegid32",
    "getgroups", "getgroups32", "getresuid", "getresuid32", "getresgid", "getresgid32",
    "capget", "prctl", "arch_prctl", "set_thread_area", "get_thread_area",
    "set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex",
    "futex_time64", "futex_waitv", "seccomp", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self",
    /* scheduling and limits */
    "getcpu", "getpriority", "setpriority", "getrlimit", "ugetrlimit", "setrlimit",
    "prlimit64", "getrusage", "ioprio_get", "ioprio_set", "sched_getaffinity",
    "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setparam", "sched_setscheduler", "sched_yield", "sysinfo", "times", "uname",
    /* signals */
    "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaction", "sigaltstack", "signalfd",
    "signalfd4", "sigpending", "sigprocmask", "sigreturn", "sigsuspend",
    /* time */
    "alarm", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
    "clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
    "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
    "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
    "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64",
    /* System V memory and semaphores, which some drivers use */
    "ipc", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "shmat",
    "shmctl", "shmdt", "shmget", "mq_getsetattr", "mq_notify", "mq_open",
    "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget", "msgrcv",
    "msgsnd",
    /* other */
    "getrandom", NULL};

/* The leak check of a sanitizer stops and reads its own process. */
static const char *const allowed_sanitized[] = {"ptrace", "personality",
                                                "process_vm_readv", NULL};

/* Name spaces are for containers. */
enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
};

/* From 1.49 on the event library makes a ring for its loop whatever UV_USE_IO_URING says,
 * and aborts when it cannot use it later; where none can be made it goes on without. */
static int refuse_rings(bool renounce)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int number = seccomp_syscall_resolve_name("io_uring_setup");
    int rc;

    if (!filter)
        return -ENOMEM;
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, renounce);
    if (rc == 0 && number >= 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc;
}

void confine_prepare(void)
{
    int rc;

    setenv("UV_USE_IO_URING", "0", 1);
    /* Without rights it takes the promise never to get more. */
    rc = refuse_rings(false);
    if (rc != 0)
        rc = refuse_rings(true);
    if (rc != 0)
        log_debug("os", "io_uring_left reason=%s", log_quoted(strerror(-rc)));
}

/* A name this machine or this library does not know is not there to be allowed. */
static int allow(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

static int allow_all(scmp_filter_ctx filter, const char *const *names)
{
    int rc = 0;

    for (; *names && rc == 0; names++)
        rc = allow(filter, *names);
    return rc;
}

static int allow_if(scmp_filter_ctx filter, const char *name,
                    struct scmp_arg_cmp condition)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

/* Threads and children, but no name spaces. The flags of clone3 lie in memory, where a
 * filter cannot look; the C library falls back on clone. */
static int add_clone(scmp_filter_ctx filter)
{
#ifdef __s390x__
    struct scmp_arg_cmp flags = SCMP_A1_64(SCMP_CMP_MASKED_EQ, NAMESPACES, 0);
#else
    struct scmp_arg_cmp flags = SCMP_A0_64(SCMP_CMP_MASKED_EQ, NAMESPACES, 0);
#endif
    int rc = allow_if(filter, "clone", flags);

    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return rc;
}

static int add_socket(scmp_filter_ctx filter)
{
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int rc = 0;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && rc == 0; i++)
        rc = allow_if(filter, "socket", SCMP_A0_32(SCMP_CMP_EQ, families[i], 0));
    return rc;
}

/* Memory is writable or executable, never both. */
static int add_memory(scmp_filter_ctx filter, bool allow_jit)
{
    const unsigned both = PROT_WRITE | PROT_EXEC;
    int rc;

    if (allow_jit || OS_SANITIZED)
        return allow_all(filter, NAMES("mmap", "mmap2", "mprotect", "pkey_mprotect",
                                       "pkey_alloc", "pkey_free"));
    rc = allow_if(filter, "mprotect", SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (unsigned prot = 0; prot < both && rc == 0; prot++) {
        if ((prot & both) != prot)
            continue;
        rc = allow_if(filter, "mmap", SCMP_A2_32(SCMP_CMP_MASKED_EQ, both, prot));
        if (rc == 0)
            rc = allow_if(filter, "mmap2", SCMP_A2_32(SCMP_CMP_MASKED_EQ, both, prot));
    }
    return rc;
}

/* All but typing into the terminal we were started from. The kernel looks at 32 bits of
 * the number, a filter's "not equal" at 64: so, one bit after the other, those that
 * differ in it. */
static int add_ioctl(scmp_filter_ctx filter)
{
    int rc = 0;

    for (unsigned bit = 0; bit < 32 && rc == 0; bit++) {
        const uint32_t mask = UINT32_C(1) << bit;

        rc = allow_if(filter, "ioctl",
                      SCMP_A1_64(SCMP_CMP_MASKED_EQ, mask, ~(uint32_t)TIOCSTI & mask));
    }
    return rc;
}

static int add_rules(scmp_filter_ctx filter, const struct confine_syscalls_options *o)
{
    int rc = allow_all(filter, allowed);

    if (rc == 0 && OS_SANITIZED)
        rc = allow_all(filter, allowed_sanitized);
    if (rc == 0)
        rc = add_clone(filter);
    if (rc == 0)
        rc = add_socket(filter);
    if (rc == 0)
        rc = add_memory(filter, o && o->allow_jit);
    if (rc == 0)
        rc = add_ioctl(filter);
    return rc;
}

int confine_syscalls(const struct confine_syscalls_options *options, char *error,
                     size_t cap)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc;

    if (!filter) {
        snprintf(error, cap, "cannot make a filter of system calls");
        return -CTR_EIO;
    }
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (rc == 0)
        rc = add_rules(filter, options);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc == 0) {
        log_info("os", "seccomp_on");
        return 0;
    }
    snprintf(error, cap, "cannot filter system calls: %s", strerror(-rc));
    return rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP ? -CTR_ENOTSUP : -CTR_EIO;
}
