/* usage.c - what the process uses: memory, threads, descriptors. */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

int64_t usage_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void usage_sleep(long ms)
{
    const struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

bool usage_sanitized(void)
{
    return dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes") != NULL;
}

/* A sanitizer brings an allocator of its own, which mallinfo2 does not know. */
uint64_t usage_memory(void)
{
    void *symbol = dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    struct mallinfo2 info;
    size_t (*bytes)(void);

    if (symbol) {
        memcpy(&bytes, &symbol, sizeof(bytes));
        return bytes();
    }
    info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static uint32_t entries(const char *folder, char *last, size_t cap)
{
    char path[300], to[256];
    DIR *dir = opendir(folder);
    uint32_t n = 0;

    if (!dir)
        check_skip("%s cannot be read", folder);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        ssize_t len;

        if (e->d_name[0] == '.' || (last && strtol(e->d_name, NULL, 10) == dirfd(dir)))
            continue;
        n++;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        len = last ? readlink(path, to, sizeof(to) - 1) : -1;
        if (len > 0)
            snprintf(last, cap, "%.*s", (int)len, to);
    }
    closedir(dir);
    return n;
}

uint32_t usage_threads(void)
{
    return entries("/proc/self/task", NULL, 0);
}

uint32_t usage_threads_settled(uint32_t want)
{
    uint32_t n = usage_threads();

    for (int i = 0; n > want && i < 100; i++) {
        usage_sleep(10);
        n = usage_threads();
    }
    return n;
}

uint32_t usage_descriptors(char *last, size_t cap)
{
    return entries("/proc/self/fd", last, cap);
}

/* One window. returns by how much memory grew */
static int64_t window(void (*fn)(void *user), void *user, uint32_t rounds, int64_t until,
                      uint32_t *done)
{
    uint64_t before = usage_memory();

    for (*done = 0; *done < rounds && (*done < 3 || usage_ms() < until); (*done)++)
        fn(user);
    return (int64_t)usage_memory() - (int64_t)before;
}

/* What a library keeps from its first use is no leak: that grows once, not always. */
void usage_watch(void (*fn)(void *user), void *user, uint32_t rounds, uint32_t seconds,
                 const char *what, const char *remedy)
{
    enum { WINDOWS = 3, LEAST = 8 }; /* bytes a round: no allocation is smaller */
    int64_t slice = (int64_t)seconds * 1000 / (WINDOWS + 1), grown = 0;
    uint32_t done, grew = 0, all = 0;

    window(fn, user, rounds / 4 + 1, usage_ms() + slice, &done);
    for (int i = 0; i < WINDOWS; i++) {
        int64_t more = window(fn, user, rounds, usage_ms() + slice, &done);

        grew += more >= (int64_t)done * LEAST;
        grown += more;
        all += done;
    }
    if (grew == WINDOWS)
        check_fail(remedy, "%s leaves about %lld bytes of memory behind", what,
                   (long long)(grown / all));
}
