/* cache_fault.c - each write and sync of the disk fails once, then loading is tried
 * again: lookups go on with what was there, and the next load works without a restart.
 *
 * The calls below take the place of the C library's for LMDB, too: the program exports
 * them, and its own come first. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../unit/cache_util.h"

enum { PEOPLE = 400 };

static struct dialplan plan;
static atomic_long calls, fail_at = -1; /* the lane's calls count, too */
static atomic_int fail_with;

static bool fails(void)
{
    if (atomic_fetch_add(&calls, 1) + 1 != fail_at)
        return false;
    errno = fail_with;
    return true;
}

/* A function under the C library's name, which its headers may have redirected. */
#define EXPORT(name)      __asm__(name) __attribute__((visibility("default"), used))
#define PASS(number, ...) (fails() ? -1 : syscall(number, __VA_ARGS__))

ssize_t own_pwrite(int fd, const void *buf, size_t n, off_t at) EXPORT("pwrite");
ssize_t own_pwrite64(int fd, const void *buf, size_t n, off_t at) EXPORT("pwrite64");
ssize_t own_writev(int fd, const struct iovec *iov, int n) EXPORT("writev");
int own_fdatasync(int fd) EXPORT("fdatasync");
int own_fsync(int fd) EXPORT("fsync");
int own_msync(void *at, size_t n, int flags) EXPORT("msync");
int own_ftruncate(int fd, off_t n) EXPORT("ftruncate");
int own_ftruncate64(int fd, off_t n) EXPORT("ftruncate64");

ssize_t own_pwrite(int fd, const void *buf, size_t n, off_t at)
{
    return PASS(SYS_pwrite64, fd, buf, n, at);
}

ssize_t own_pwrite64(int fd, const void *buf, size_t n, off_t at)
{
    return PASS(SYS_pwrite64, fd, buf, n, at);
}

ssize_t own_writev(int fd, const struct iovec *iov, int n)
{
    return PASS(SYS_writev, fd, iov, n);
}

int own_fdatasync(int fd)
{
    return (int)PASS(SYS_fdatasync, fd);
}

int own_fsync(int fd)
{
    return (int)PASS(SYS_fsync, fd);
}

int own_msync(void *at, size_t n, int flags)
{
    return (int)PASS(SYS_msync, at, n, flags);
}

int own_ftruncate(int fd, off_t n)
{
    return (int)PASS(SYS_ftruncate, fd, n);
}

int own_ftruncate64(int fd, off_t n)
{
    return (int)PASS(SYS_ftruncate, fd, n);
}

/* Versions as in cache_kill.c; the shape decides between update and rebuild. */
static int load_version(struct cache *c, unsigned version, bool rebuild)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_load *load;
    static uint64_t shape;

    shape += rebuild;
    o.shape = shape;
    load = begin_or_die(cache_source(c, "crm"), &o);
    for (unsigned i = 0; i < PEOPLE; i++) {
        char id[16], name[32];

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(name, sizeof(name), "version%u", version);
        put_one(load, id, name, "+49 89 840798-192");
    }
    return cache_load_commit(load, STR_LIT("c"), &st);
}

static unsigned count(struct cache *c, unsigned version)
{
    char word[32];
    struct cache_walk w;
    unsigned n = 0;

    snprintf(word, sizeof(word), "version%u", version);
    if (cache_read_begin(c) != 0)
        return 0;
    cache_walk_init(&w, cache_source(c, "crm"), CACHE_WORD, str_of(word), true,
                    NUMBER_NONE);
    while (cache_walk_next(&w) == 0)
        n++;
    cache_read_end(c);
    return n;
}

/* Each call of a load fails once. returns how many there were. */
static unsigned each_call(struct cache *c, unsigned *version, bool rebuild, int error)
{
    unsigned n = 1, dark = 0, stuck = 0, failed = 0;

    for (;; n++) {
        unsigned old = *version, now = old + 1;
        int rc;

        calls = 0;
        fail_with = error;
        fail_at = n;
        rc = load_version(c, now, rebuild);
        fail_at = -1;
        if (calls < n) {
            ok(rc == 0, "the first load without a fault");
            *version = now;
            break;
        }
        failed += rc != 0;
        /* An error of the very last write may be one after the fact. */
        if (count(c, rc ? old : now) != PEOPLE && count(c, now) != PEOPLE)
            dark++;
        if (load_version(c, now + 1, rebuild) != 0 || count(c, now + 1) != PEOPLE)
            stuck++;
        *version = now + 1;
    }
    is_int(dark, 0, "%u faults (%s, %s): lookups went on", n - 1,
           rebuild ? "rebuild" : "update", error == EIO ? "EIO" : "ENOSPC");
    is_int(stuck, 0, "and the next load worked");
    ok(failed > 0, "%u loads failed", failed);
    return n - 1;
}

int main(void)
{
    char dir[64];
    struct cache_options o = {.dir = fresh_dir(dir)};
    struct cache_health h;
    struct loop *loop;
    struct cache *c;
    unsigned version = 1, points = 0;

    if (number_global_init() != 0)
        return 2;
    munich(&plan);
    loop = loop_create();
    c = open_or_die(loop, &o);
    is_int(load_version(c, version, false), 0, "loaded");
    for (unsigned i = 0; i < 4; i++)
        points += each_call(c, &version, i & 1, i & 2 ? ENOSPC : EIO);
    cache_health(c, &h);
    ok(h.reopened > 0, "the file was reopened %llu times",
       (unsigned long long)h.reopened);
    cache_close(c);
    c = open_or_die(loop, &o);
    is_int(count(c, version), PEOPLE, "and is whole");
    ok(!exists_in(dir, "contacts.mdb.damaged-"), "none was set aside");
    printf("# %u fault points\n", points);
    cache_close(c);
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
