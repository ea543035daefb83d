/* faults.c - preloaded into the daemon: lets the Nth call of the C library that asks the
 * kernel for something fail, in one of the ways in which it can fail.
 *
 * The file named by TORTURE_CONTROL is shared with the test, which writes into it which
 * call is to fail and how, and reads how many there were and what failed. Only what the
 * kernel may really answer is played: a descriptor is looked at first. Left out is where
 * libuv aborts: failures of epoll_ctl, of pipe2 (its pipe for signals is the first thing
 * it opens), and of its writing to its eventfd and pipe. */
#undef _FILE_OFFSET_BITS /* open and open64 are two */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { SHORT = -1, END = 0, WAYS_MAX = 8 };

/* What torture.py shares: its struct format is "QQQIIII64s". */
struct control {
    atomic_ullong calls;   /* since it was set to 0 */
    atomic_ullong fail_at; /* 0: none */
    atomic_ullong failed;  /* how many did */
    atomic_uint way;       /* which of the call's ways to fail */
    atomic_uint ways;      /* of the call that failed */
    atomic_uint owner;     /* the process that counts: the first that came */
    atomic_int with;       /* errno, or SHORT */
    char name[64];
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TORTURE_CONTROL");
    unsigned nobody = 0;
    struct control *c;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (c != MAP_FAILED &&
        atomic_compare_exchange_strong(&c->owner, &nobody, (unsigned)getpid()))
        control = c;
}

/* How this call fails: END when it does not, an errno, or SHORT. */
static int fate(const char *name, const int *ways)
{
    struct control *c = control;
    unsigned n = 0;
    int with;

    if (!c || !ways || (unsigned)getpid() != atomic_load(&c->owner) ||
        atomic_fetch_add(&c->calls, 1) + 1 != atomic_load(&c->fail_at))
        return END;
    while (ways[n] != END)
        n++;
    with = ways[atomic_load(&c->way) % n];
    strncpy(c->name, name, sizeof(c->name) - 1);
    atomic_store(&c->ways, n);
    atomic_store(&c->with, with);
    atomic_fetch_add(&c->failed, 1);
    return with;
}

/* ---- what may go wrong ---------------------------------------------------------- */

#define WAYS(...) ((const int[WAYS_MAX]){__VA_ARGS__})

struct kind {
    mode_t type; /* 0: an eventfd and the like */
    int nonblocking;
};

static struct kind kind_of(int fd)
{
    static int (*real)(int, struct stat *);
    struct kind kind = {0, 0};
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (!real)
        real = (int (*)(int, struct stat *))dlsym(RTLD_NEXT, "fstat");
    if (real(fd, &st) == 0)
        kind.type = st.st_mode & S_IFMT;
    kind.nonblocking = flags >= 0 && (flags & O_NONBLOCK);
    return kind;
}

/* Of a file, of a socket that waits and one that does not, of pipes and what else libuv
 * wakes itself with. */
static const int read_file[] = {SHORT, EIO, END};
static const int read_socket[] = {SHORT, ECONNRESET, EINTR, END};
static const int read_ready[] = {SHORT, ECONNRESET, EAGAIN, EINTR, ETIMEDOUT, END};

static const int write_file[] = {SHORT, EIO, ENOSPC, END};
static const int write_socket[] = {SHORT, EPIPE, EINTR, END};
static const int write_ready[] = {SHORT, EPIPE, ECONNRESET, EAGAIN, EINTR, END};
static const int interrupted[] = {EINTR, END};

static const int *ways_of_reading(int fd)
{
    struct kind kind = kind_of(fd);

    if (kind.type == S_IFREG)
        return read_file;
    if (kind.type == S_IFSOCK)
        return kind.nonblocking ? read_ready : read_socket;
    return interrupted;
}

static const int *ways_of_writing(int fd)
{
    struct kind kind = kind_of(fd);

    if (kind.type == S_IFREG)
        return write_file;
    if (kind.type == S_IFSOCK)
        return kind.nonblocking ? write_ready : write_socket;
    return interrupted;
}

/* ---- the calls ------------------------------------------------------------------ */

/* The next definition of the same name: a sanitizer's, or the C library's. */
#define NEXT(ret, name, ...)         \
    static ret (*next)(__VA_ARGS__); \
    if (!next)                       \
    next = (ret(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAILS(bad, name, ways)       \
    do {                             \
        int with = fate(name, ways); \
        if (with != END) {           \
            errno = with;            \
            return bad;              \
        }                            \
    } while (0)

#define PLAIN(ret, bad, name, ways, params, ...)           \
    EXPORT ret name params;                                \
    ret name params                                        \
    {                                                      \
        static ret(*next) params;                          \
        if (!next)                                         \
            next = (ret(*) params)dlsym(RTLD_NEXT, #name); \
        FAILS(bad, #name, ways);                           \
        return next(__VA_ARGS__);                          \
    }

PLAIN(int, -1, accept4, WAYS(ECONNABORTED, EMFILE, ENFILE, ENOMEM, EAGAIN, EINTR),
      (int fd, struct sockaddr *a, socklen_t *n, int f), fd, a, n, f)
PLAIN(int, -1, accept, WAYS(ECONNABORTED, EMFILE, ENFILE, ENOMEM, EAGAIN, EINTR),
      (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
PLAIN(int, -1, bind, WAYS(EADDRINUSE, EACCES),
      (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
PLAIN(int, -1, listen, WAYS(EADDRINUSE), (int fd, int n), fd, n)
PLAIN(int, -1, connect, WAYS(ECONNREFUSED, ETIMEDOUT, ENETUNREACH),
      (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
PLAIN(int, -1, socket, WAYS(EMFILE, ENFILE, ENOBUFS), (int d, int t, int p), d, t, p)
PLAIN(int, -1, socketpair, WAYS(EMFILE, ENFILE), (int d, int t, int p, int v[2]), d, t, p,
      v)
PLAIN(int, -1, setsockopt, WAYS(ENOBUFS, EINVAL),
      (int fd, int l, int o, const void *v, socklen_t n), fd, l, o, v, n)
PLAIN(int, -1, getsockname, WAYS(ENOBUFS), (int fd, struct sockaddr *a, socklen_t *n), fd,
      a, n)
PLAIN(int, -1, getpeername, WAYS(ENOTCONN, ENOBUFS),
      (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
PLAIN(int, -1, epoll_wait, WAYS(EINTR), (int fd, struct epoll_event *e, int n, int ms),
      fd, e, n, ms)
PLAIN(int, -1, epoll_pwait, WAYS(EINTR),
      (int fd, struct epoll_event *e, int n, int ms, const sigset_t *s), fd, e, n, ms, s)
PLAIN(int, -1, epoll_create1, WAYS(EMFILE, ENFILE, ENOMEM), (int f), f)
PLAIN(int, -1, eventfd, WAYS(EMFILE, ENFILE, ENOMEM), (unsigned n, int f), n, f)
PLAIN(int, -1, inotify_init1, WAYS(EMFILE, ENFILE, ENOMEM), (int f), f)
PLAIN(int, -1, inotify_add_watch, WAYS(ENOSPC, ENOMEM, EACCES),
      (int fd, const char *p, uint32_t m), fd, p, m)
PLAIN(int, -1, fsync, WAYS(EIO, ENOSPC), (int fd), fd)
PLAIN(int, -1, fdatasync, WAYS(EIO, ENOSPC), (int fd), fd)
PLAIN(int, -1, msync, WAYS(EIO), (void *p, size_t n, int f), p, n, f)
PLAIN(int, -1, ftruncate, WAYS(EIO, ENOSPC), (int fd, off_t n), fd, n)
PLAIN(int, -1, ftruncate64, WAYS(EIO, ENOSPC), (int fd, off_t n), fd, n)
PLAIN(int, -1, rename, WAYS(EIO, EACCES, ENOSPC), (const char *a, const char *b), a, b)
PLAIN(int, -1, unlink, WAYS(EIO, EACCES), (const char *p), p)
PLAIN(int, -1, mkdir, WAYS(EIO, ENOSPC, EACCES), (const char *p, mode_t m), p, m)
PLAIN(int, -1, chmod, WAYS(EIO, EPERM), (const char *p, mode_t m), p, m)
PLAIN(int, -1, fchmod, WAYS(EIO, EPERM), (int fd, mode_t m), fd, m)
PLAIN(int, -1, flock, WAYS(ENOLCK, EINTR), (int fd, int f), fd, f)
PLAIN(int, -1, fstat, WAYS(EIO, ENOMEM), (int fd, struct stat *s), fd, s)
PLAIN(int, -1, stat, WAYS(EIO, ENOMEM, EACCES), (const char *p, struct stat *s), p, s)
PLAIN(int, -1, lstat, WAYS(EIO, ENOMEM, EACCES), (const char *p, struct stat *s), p, s)
PLAIN(int, -1, fstatat, WAYS(EIO, ENOMEM, EACCES),
      (int fd, const char *p, struct stat *s, int f), fd, p, s, f)
PLAIN(int, -1, fstat64, WAYS(EIO, ENOMEM), (int fd, struct stat64 *s), fd, s)
PLAIN(int, -1, stat64, WAYS(EIO, ENOMEM, EACCES), (const char *p, struct stat64 *s), p, s)
PLAIN(int, -1, lstat64, WAYS(EIO, ENOMEM, EACCES), (const char *p, struct stat64 *s), p,
      s)
PLAIN(int, -1, fstatat64, WAYS(EIO, ENOMEM, EACCES),
      (int fd, const char *p, struct stat64 *s, int f), fd, p, s, f)
PLAIN(int, -1, access, WAYS(EIO, EACCES), (const char *p, int m), p, m)
PLAIN(int, -1, faccessat, WAYS(EIO, EACCES), (int d, const char *p, int m, int f), d, p,
      m, f)
PLAIN(int, -1, unlinkat, WAYS(EIO, EACCES), (int d, const char *p, int f), d, p, f)
PLAIN(int, -1, fchown, WAYS(EIO, EPERM), (int fd, uid_t u, gid_t g), fd, u, g)
PLAIN(int, -1, fchownat, WAYS(EIO, EPERM),
      (int d, const char *p, uid_t u, gid_t g, int f), d, p, u, g, f)
PLAIN(int, -1, getrlimit64, WAYS(EPERM), (__rlimit_resource_t r, struct rlimit64 *l), r,
      l)
PLAIN(int, -1, setrlimit64, WAYS(EPERM),
      (__rlimit_resource_t r, const struct rlimit64 *l), r, l)
PLAIN(int, -1, scandir64, WAYS(EMFILE, ENOMEM),
      (const char *p, struct dirent64 ***l, int (*f)(const struct dirent64 *),
       int (*c)(const struct dirent64 **, const struct dirent64 **)),
      p, l, f, c)
PLAIN(char *, NULL, realpath, WAYS(EIO, ENOMEM, EACCES), (const char *p, char *to), p, to)
PLAIN(ssize_t, -1, readlink, WAYS(EIO, ENOMEM), (const char *p, char *to, size_t n), p,
      to, n)
PLAIN(FILE *, NULL, fopen, WAYS(EMFILE, EIO, ENOMEM), (const char *p, const char *m), p,
      m)
PLAIN(FILE *, NULL, fopen64, WAYS(EMFILE, EIO, ENOMEM), (const char *p, const char *m), p,
      m)
PLAIN(DIR *, NULL, opendir, WAYS(EMFILE, EIO, ENOMEM), (const char *p), p)
PLAIN(DIR *, NULL, fdopendir, WAYS(ENOMEM), (int fd), fd)
PLAIN(void *, MAP_FAILED, mmap, WAYS(ENOMEM),
      (void *p, size_t n, int prot, int f, int fd, off_t at), p, n, prot, f, fd, at)
PLAIN(void *, MAP_FAILED, mmap64, WAYS(ENOMEM),
      (void *p, size_t n, int prot, int f, int fd, off_t at), p, n, prot, f, fd, at)

/* The rest differs: a number is returned, bytes are fewer, arguments vary. */

EXPORT int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *),
                          void *x)
{
    NEXT(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *),
         void *);
    int with = fate("pthread_create", WAYS(EAGAIN));

    return with != END ? with : next(t, a, run, x);
}

#define OPENS(name)                                          \
    EXPORT int name(const char *path, int flags, ...)        \
    {                                                        \
        NEXT(int, name, const char *, int, ...);             \
        va_list ap;                                          \
        mode_t mode;                                         \
                                                             \
        va_start(ap, flags);                                 \
        mode = va_arg(ap, mode_t);                           \
        va_end(ap);                                          \
        FAILS(-1, #name, WAYS(EMFILE, ENFILE, ENOMEM, EIO)); \
        return next(path, flags, mode);                      \
    }
#define OPENS_AT(name)                                         \
    EXPORT int name(int dir, const char *path, int flags, ...) \
    {                                                          \
        NEXT(int, name, int, const char *, int, ...);          \
        va_list ap;                                            \
        mode_t mode;                                           \
                                                               \
        va_start(ap, flags);                                   \
        mode = va_arg(ap, mode_t);                             \
        va_end(ap);                                            \
        FAILS(-1, #name, WAYS(EMFILE, ENFILE, ENOMEM, EIO));   \
        return next(dir, path, flags, mode);                   \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

/* One byte, where there is more than one. */
#define BYTES(name, ways, params, ...)                         \
    EXPORT ssize_t name params;                                \
    ssize_t name params                                        \
    {                                                          \
        static ssize_t(*next) params;                          \
        int with = fate(#name, ways);                          \
                                                               \
        if (!next)                                             \
            next = (ssize_t(*) params)dlsym(RTLD_NEXT, #name); \
        if (with == SHORT)                                     \
            n = n > 0 ? 1 : 0;                                 \
        else if (with != END) {                                \
            errno = with;                                      \
            return -1;                                         \
        }                                                      \
        return next(__VA_ARGS__);                              \
    }
BYTES(read, ways_of_reading(fd), (int fd, void *p, size_t n), fd, p, n)
BYTES(pread, ways_of_reading(fd), (int fd, void *p, size_t n, off_t at), fd, p, n, at)
BYTES(pread64, ways_of_reading(fd), (int fd, void *p, size_t n, off_t at), fd, p, n, at)
BYTES(recv, ways_of_reading(fd), (int fd, void *p, size_t n, int f), fd, p, n, f)
BYTES(write, ways_of_writing(fd), (int fd, const void *p, size_t n), fd, p, n)
BYTES(pwrite, ways_of_writing(fd), (int fd, const void *p, size_t n, off_t at), fd, p, n,
      at)
BYTES(pwrite64, ways_of_writing(fd), (int fd, const void *p, size_t n, off_t at), fd, p,
      n, at)
BYTES(send, ways_of_writing(fd), (int fd, const void *p, size_t n, int f), fd, p, n, f)

EXPORT ssize_t writev(int fd, const struct iovec *v, int n)
{
    NEXT(ssize_t, writev, int, const struct iovec *, int);
    int with = fate("writev", ways_of_writing(fd));
    struct iovec one;

    if (with == END || n < 1)
        return next(fd, v, n);
    if (with == SHORT) {
        one = (struct iovec){v->iov_base, v->iov_len ? 1 : 0};
        return next(fd, &one, 1);
    }
    errno = with;
    return -1;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    NEXT(ssize_t, sendmsg, int, const struct msghdr *, int);

    FAILS(-1, "sendmsg", WAYS(ENOBUFS, EPIPE, EINTR));
    return next(fd, m, flags);
}
