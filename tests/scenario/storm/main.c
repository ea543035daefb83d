/* main.c - the storm: every group of attacks in turn, judged from outside.
 *
 *   storm PORT TLS_PORT PID SEED full|quick|sanitized [GROUP...]
 *
 * Prints TAP without a plan: one line a group, and a comment with its figures. The goals:
 * a lookup every 5 ms meanwhile is right, its p99 <= 50 ms and its worst <= 500 ms;
 * memory rises by 64 MB at most and comes back to 16 MB; descriptors come back within 2
 * s; no case is left without an end. A sanitizer multiplies time and keeps memory: there
 * only what is right and what ends is judged. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "storm.h"

enum {
    P99_MS = 50,
    MAX_MS = 500,
    PEAK_KB = 64 * 1024,
    BACK_KB = 16 * 1024,
    FDS_MS = 2000
};

struct run {
    struct storm storm;
    bool sanitized;
    long baseline;
    int argc;
    char **argv;
    unsigned groups, failed;
};

static bool is_good(const struct run *run, const struct watch_result *r)
{
    if (!r->alive || r->wrong > 0 || run->storm.hung > 0 || r->fds_after > r->fds_before)
        return false;
    if (run->sanitized)
        return true;
    return r->p99_ms <= P99_MS && r->max_ms <= MAX_MS && r->fds_ms <= FDS_MS &&
           r->rss_peak <= run->baseline + PEAK_KB &&
           r->rss_after <= run->baseline + BACK_KB;
}

static void run_group(struct run *run, const struct storm_group *group)
{
    struct storm *storm = &run->storm;
    unsigned before = storm->cases;
    uint64_t begin = storm_now_us();
    struct watch_result r;
    bool good;

    storm->hung = 0;
    watch_begin(storm);
    group->run(storm, storm->full ? group->full : group->quick);
    watch_end(storm, &r);
    good = is_good(run, &r);
    run->groups++;
    run->failed += !good;
    printf("%sok - %s\n", good ? "" : "not ", group->name);
    printf(
        "# %-16s cases=%u seconds=%.1f lookups=%u wrong=%u hung=%u median=%.2f p99=%.1f "
        "max=%.1f ms  rss=%+ld/%+ld kB  fds=%+d in %u ms\n",
        group->name, storm->cases - before, (double)(storm_now_us() - begin) / 1e6,
        r.lookups, r.wrong, storm->hung, r.median_ms, r.p99_ms, r.max_ms,
        r.rss_peak - run->baseline, r.rss_after - run->baseline,
        r.fds_after - r.fds_before, r.fds_ms);
    fflush(stdout);
    if (!r.alive) {
        printf("# the daemon is gone\n");
        exit(1);
    }
}

static bool is_wanted(const struct run *run, const char *name)
{
    for (int i = 6; i < run->argc; i++)
        if (strcmp(run->argv[i], name) == 0)
            return true;
    return run->argc <= 6;
}

static void run_groups(struct run *run, const struct storm_group *groups)
{
    for (; groups->name; groups++)
        if (is_wanted(run, groups->name))
            run_group(run, groups);
}

/* Everything once, so that the baseline has the cache's pages and the pools in it. */
static void warm_up(struct run *run)
{
    struct msg m = {0};

    for (unsigned i = 0; i < STORM_CONTACTS; i++)
        msg_lookup(&m, i + 2, i);
    storm_deliver(&run->storm, run->storm.port, &m);
    msg_clear(&m);
    msg_search(&m, &(struct search){.scope = 2});
    for (unsigned i = 0; i < 20; i++)
        storm_deliver(&run->storm, run->storm.port, &m);
    msg_finish(&m);
    run->storm.cases = run->storm.hung = 0;
    run->baseline = watch_rss_kb(run->storm.pid);
}

int main(int argc, char **argv)
{
    struct run run = {.argc = argc, .argv = argv};
    struct rlimit files;

    if (argc < 6)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    run.storm.port = (uint16_t)atoi(argv[1]);
    run.storm.tls_port = (uint16_t)atoi(argv[2]);
    run.storm.pid = atoi(argv[3]);
    run.storm.random = (uint64_t)atoll(argv[4]);
    run.storm.full = strcmp(argv[5], "full") == 0;
    run.sanitized = strcmp(argv[5], "sanitized") == 0;
    warm_up(&run);
    run_groups(&run, storm_malformed);
    run_groups(&run, storm_requests);
    run_groups(&run, storm_sessions);
    printf("# seed=%s groups=%u failed=%u cases=%u baseline=%ld kB\n", argv[4],
           run.groups, run.failed, run.storm.cases, run.baseline);
    return 0;
}
