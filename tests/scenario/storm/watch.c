/* watch.c - what others see while the storm goes on: a caller lookup every 5 ms, the
 * daemon's memory and its descriptors. */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storm.h"

enum { TIMES_MAX = 400000, GAP_MS = 5, ANSWER_MS = 10000, FDS_MS = 10000, RSS_MS = 5000 };

static struct {
    pthread_t probe, gauge;
    atomic_bool over;
    struct storm *storm;
    struct watch_result r;
    double times[TIMES_MAX];
} watch;

long watch_rss_kb(int pid)
{
    char path[64], line[256];
    long kb = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "r");
    if (!f)
        return -1;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    fclose(f);
    return kb;
}

static int count_fds(int pid)
{
    char path[64];
    DIR *dir;
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    dir = opendir(path);
    if (!dir)
        return -1;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

/* Reads until the result of the search has come. returns whether the name was in it */
static bool read_answer(int fd, const char *name)
{
    uint8_t buffer[16384];
    size_t n = 0;
    uint64_t end = storm_now_us() + (uint64_t)ANSWER_MS * 1000;

    while (n < sizeof(buffer) && storm_now_us() < end) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (poll(&p, 1, 100) <= 0)
            continue;
        got = recv(fd, buffer + n, sizeof(buffer) - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        /* searchResDone { success, "", "" } is the end of what was asked for */
        if (n > 9 && memcmp(buffer + n - 7, "\x0a\x01\0\x04\0\x04\0", 7) == 0)
            return memmem(buffer, n, name, strlen(name)) != NULL;
    }
    return false;
}

static int reconnect(int fd, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (fd >= 0)
        close(fd);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void *probe(void *arg)
{
    struct watch_result *r = &watch.r;
    struct msg m = {0};
    char name[32];
    int fd = reconnect(-1, watch.storm->port);

    (void)arg;
    while (!atomic_load(&watch.over) || r->lookups < 200) {
        unsigned i = (r->lookups * 7919U) % STORM_CONTACTS;
        uint64_t begin = storm_now_us();

        snprintf(name, sizeof(name), "Name%05u", i);
        msg_clear(&m);
        msg_lookup(&m, r->lookups + 2, i);
        if (fd < 0 || send(fd, m.data, m.n, MSG_NOSIGNAL) != (ssize_t)m.n ||
            !read_answer(fd, name)) {
            r->wrong++;
            fd = reconnect(fd, watch.storm->port);
        }
        if (r->lookups < TIMES_MAX)
            watch.times[r->lookups] = (double)(storm_now_us() - begin) / 1000;
        r->lookups++;
        if (fd < 0 && kill(watch.storm->pid, 0) < 0)
            break;
        storm_sleep_ms(GAP_MS);
    }
    if (fd >= 0)
        close(fd);
    msg_finish(&m);
    return NULL;
}

static void *gauge(void *arg)
{
    (void)arg;
    while (!atomic_load(&watch.over)) {
        long kb = watch_rss_kb(watch.storm->pid);

        if (kb > watch.r.rss_peak)
            watch.r.rss_peak = kb;
        storm_sleep_ms(20);
    }
    return NULL;
}

void watch_begin(struct storm *storm)
{
    watch.storm = storm;
    watch.r = (struct watch_result){0};
    watch.r.rss_before = watch.r.rss_peak = watch_rss_kb(storm->pid);
    watch.r.fds_before = count_fds(storm->pid);
    atomic_store(&watch.over, false);
    if (pthread_create(&watch.probe, NULL, probe, NULL) != 0 ||
        pthread_create(&watch.gauge, NULL, gauge, NULL) != 0)
        abort();
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void wait_for_descriptors(struct watch_result *r)
{
    uint64_t begin = storm_now_us();

    do {
        r->fds_after = count_fds(watch.storm->pid);
        r->fds_ms = (unsigned)((storm_now_us() - begin) / 1000);
        if (r->fds_after <= r->fds_before)
            return;
        storm_sleep_ms(20);
    } while (r->fds_ms < FDS_MS);
}

void watch_end(struct storm *storm, struct watch_result *out)
{
    struct watch_result *r = &watch.r;
    unsigned n;

    atomic_store(&watch.over, true);
    pthread_join(watch.probe, NULL);
    pthread_join(watch.gauge, NULL);
    wait_for_descriptors(r);
    for (unsigned ms = 0; ms < RSS_MS; ms += 100) {
        r->rss_after = watch_rss_kb(storm->pid);
        if (r->rss_after <= r->rss_before + 16 * 1024)
            break;
        storm_sleep_ms(100);
    }
    n = r->lookups < TIMES_MAX ? r->lookups : TIMES_MAX;
    qsort(watch.times, n, sizeof(watch.times[0]), by_time);
    if (n > 0) {
        r->median_ms = watch.times[n / 2];
        r->p99_ms = watch.times[n - 1 - n / 100];
        r->max_ms = watch.times[n - 1];
    }
    r->alive = kill(storm->pid, 0) == 0 && r->rss_after > 0;
    *out = *r;
}
