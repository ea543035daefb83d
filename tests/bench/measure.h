/* measure.h - a histogram of times, and what the machine, the server and the client used.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

uint64_t clock_ns(clockid_t clock);
static inline uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void hist_clear(void);
void hist_add(uint64_t ns);
/* The time, us, that `share` of all took at most. */
double hist_us(double share);
double hist_max_us(void);

typedef struct {
    uint64_t wall, srv_cpu, cli_cpu, busy, switches;
} snapshot;
/* server: 0 is none. returns 0 | -1: there is no such process */
int measure_server(pid_t server);
void snap(snapshot *s);
/* A line "NAME number" of the server's status file. */
uint64_t server_status(const char *name);

#endif
