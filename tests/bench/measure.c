/* measure.c - times and processor use, see measure.h. */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t clock_ns(clockid_t c)
{
    struct timespec t;
    clock_gettime(c, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* log-linear histogram: 64 steps to every doubling, under 1.6 % error */
#define HB 64
static uint64_t hist[HB * 60], hist_max, hist_n;

void hist_clear(void)
{
    memset(hist, 0, sizeof hist);
    hist_max = hist_n = 0;
}

void hist_add(uint64_t ns)
{
    unsigned e = ns < HB ? 0 : 63 - (unsigned)__builtin_clzll(ns) - 5;
    hist[e ? (e << 6) + (ns >> (e - 1)) - HB : ns]++;
    hist_n++;
    if (ns > hist_max)
        hist_max = ns;
}
double hist_us(double share)
{
    uint64_t want = (uint64_t)(share * (double)hist_n), seen = 0;
    for (unsigned i = 0; i < HB * 60; i++) {
        seen += hist[i];
        if (seen > want) {
            unsigned e = i >> 6;
            double lo = e ? (double)((uint64_t)((i & 63) + HB) << (e - 1)) : i;
            return (lo + (e > 1 ? (double)(1ull << (e - 1)) / 2 : 0)) / 1000;
        }
    }
    return (double)hist_max / 1000;
}

double hist_max_us(void)
{
    return (double)hist_max / 1000;
}

static pid_t server;
static clockid_t srv_clock;

int measure_server(pid_t pid)
{
    server = pid;
    return pid && clock_getcpuclockid(pid, &srv_clock) ? -1 : 0;
}

static uint64_t machine_busy_ns(void)
{ /* all cores, interrupts and stolen time too, less idle */
    unsigned long long v[8] = {0};
    FILE *f = fopen("/proc/stat", "r");
    if (!f)
        return 0;
    if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3,
               v + 4, v + 5, v + 6, v + 7) != 8)
        memset(v, 0, sizeof v);
    fclose(f);
    return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) *
           (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}
static uint64_t status_value(const char *path, const char *name)
{
    char line[256];
    uint64_t v = 0;
    size_t n = strlen(name);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, name, n)) {
            v = strtoull(line + n, NULL, 10);
            break;
        }
    fclose(f);
    return v;
}
static uint64_t server_switches(void)
{
    char path[300];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", server);
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", server, e->d_name);
        sum += status_value(path, "voluntary_ctxt_switches:") +
               status_value(path, "nonvoluntary_ctxt_switches:");
    }
    closedir(d);
    return sum;
}
void snap(snapshot *s)
{
    s->switches = server ? server_switches() : 0;
    s->busy = machine_busy_ns();
    s->srv_cpu = server ? clock_ns(srv_clock) : 0;
    s->cli_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    s->wall = now_ns();
}

uint64_t server_status(const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/status", server);
    return server ? status_value(path, name) : 0;
}
