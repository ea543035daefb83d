/* ldapload.c - LDAP search load generator and checker: one thread, epoll, requests
 * encoded once before the clock starts (request.c), TLS by OpenSSL.
 *
 * Closed loop (default): CONNS connections each keep DEPTH searches under way.
 * Open loop (-r RATE):   searches fall due at a fixed rate whatever the server
 *                        does; latency counts from the due time, so a stall is
 *                        charged to every search it delayed. late_us is the longest
 *                        that this client itself was late with one: it had a free
 *                        connection and did not get the processor.
 * Sessions (-u):         every search is connect, bind, search, unbind, close. They come
 *                        from many loopback addresses, since whoever closes keeps the
 *                        port for a minute and one address has only so many.
 * TLS (-T):              from the first byte; sessions resume (-R) the last one of their
 *                        slot, or make a full handshake each time.
 *
 * A query file has lines EXPECTED <TAB> FILTER. Every answer is checked: the
 * number of entries must be min(EXPECTED, sizelimit), the result code 0, or 4
 * where the limit cut it, and every entry must hold the first attribute asked
 * for. What does not match is counted as 'wrong'. With -g the server may also say
 * that it gave up at a limit of time or work; that is counted by itself.
 *
 * Prints one line of key=value pairs. Exit status: 0, 1 on a failure to run,
 * 3 when there were wrong answers or lost connections.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "load.h"
#include "measure.h"

struct load load;

/* ---- the loop ------------------------------------------------------------------ */

static void handle(conn *c, uint32_t ev)
{
    if (c->state < BINDING) {
        conn_proceed(c);
        return;
    }
    if (ev & EPOLLOUT)
        conn_flush(c);
    if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR))
        while (conn_read(c))
            ;
}

static void loop_once(uint64_t until)
{
    struct epoll_event ev[256];
    uint64_t now = now_ns(), wake = until, left;
    struct timespec ts = {0};
    int n;

    if (opt.rate > 0 && load.nidle && may_issue() && search_due(load.issued) < wake)
        wake = search_due(load.issued);
    left = wake > now ? wake - now : 0;
    ts.tv_nsec = (long)(left > 100000000 ? 100000000 : left);
    n = epoll_pwait2(load.ep, ev, 256, &ts, NULL);
    if (n < 0 && errno != EINTR)
        die("epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        handle(ev[i].data.ptr, ev[i].events);
    if (opt.rate > 0)
        issue_due(now_ns());
}

/* bind every connection before the first search */
static void bind_all(uint64_t start)
{
    double rate = opt.rate;

    load.stopping = 1;
    opt.rate = 0;
    for (int i = 0; i <= opt.conns; i++) {
        /* no more than 64 under way: mind the accept queue */
        int enough = i < opt.conns ? i + 1 - 64 : opt.conns;

        if (i < opt.conns)
            conn_open(&load.conns[i], start);
        while (load.bound < enough) {
            loop_once(now_ns() + 100000000);
            if (now_ns() - start > 60000000000ull)
                die("connections not accepted: %d of %d", load.bound, opt.conns);
        }
    }
    load.stopping = 0;
    opt.rate = rate;
}

static void begin_all(void)
{
    for (int i = 0; i < opt.conns; i++) {
        if (opt.rate > 0)
            list_idle(&load.conns[i], load.t0);
        else if (opt.sessions && may_issue())
            session_begin(&load.conns[i], load.t0);
        else
            conn_supply(&load.conns[i], load.t0);
    }
}

static void measure(void)
{
    uint64_t last = now_ns();

    while (now_ns() < load.t_end && load.done_ops < opt.max_ops) {
        uint64_t before = load.done_ops;

        loop_once(load.t_end);
        if (load.done_ops != before)
            last = now_ns();
        else if (now_ns() - last > 30000000000ull)
            die("no answer for 30 seconds");
    }
}

static void print_result(const snapshot *a, const snapshot *b)
{
    uint64_t due_by_end =
        opt.rate > 0 ? (uint64_t)((double)(b->wall - load.t0) / 1e9 * opt.rate) : 0;
    double sec = (double)(b->wall - a->wall) / 1e9, ops = (double)load.done_ops;
    double srv = (double)(b->srv_cpu - a->srv_cpu) / 1e9;
    double cli = (double)(b->cli_cpu - a->cli_cpu) / 1e9;
    double foreign = (double)(b->busy - a->busy) / 1e9 - srv - cli;

    if (due_by_end > opt.max_ops)
        due_by_end = opt.max_ops;
    printf("label=%s conns=%d depth=%d mode=%s rate=%.0f secs=%.3f ops=%llu ops_s=%.0f ",
           opt.label, opt.conns, opt.depth,
           opt.sessions   ? "session"
           : opt.rate > 0 ? "open"
                          : "closed",
           opt.rate, sec, (unsigned long long)load.done_ops, ops / sec);
    printf("p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f ", hist_us(.5), hist_us(.99),
           hist_us(.999), hist_max_us());
    printf("entries_op=%.2f bytes_op=%.0f wrong=%llu lost=%llu backlog=%llu ",
           load.done_ops ? (double)load.entries / ops : 0,
           load.done_ops ? (double)load.rx_bytes / ops : 0,
           (unsigned long long)load.wrong, (unsigned long long)load.lost,
           (unsigned long long)(due_by_end > load.issued ? due_by_end - load.issued : 0));
    printf("given_up=%llu late_us=%.1f tls_full=%llu tls_resumed=%llu ",
           (unsigned long long)load.given_up, (double)load.late / 1000,
           (unsigned long long)load.tls_full, (unsigned long long)load.tls_resumed);
    printf("srv_cpu_s_per_kop=%.6f srv_cpu=%.2f cli_cpu=%.2f foreign_cpu=%.2f "
           "switches_op=%.3f rss_mb=%.1f anon_mb=%.1f\n",
           load.done_ops ? srv / ops * 1000 : 0, srv / sec, cli / sec,
           foreign > 0 ? foreign / sec : 0,
           load.done_ops ? (double)(b->switches - a->switches) / ops : 0,
           (double)server_status("VmRSS:") / 1024,
           (double)server_status("RssAnon:") / 1024);
}

/* ---- the start ----------------------------------------------------------------- */

static void find_server(void)
{
    load.server = (struct sockaddr_in){.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)opt.port)};
    if (inet_pton(AF_INET, opt.host, &load.server.sin_addr) != 1)
        die("bad address");
    if ((ntohl(load.server.sin_addr.s_addr) >> 24) != 127)
        die("only loopback addresses are allowed");
    if (measure_server(opt.pid))
        die("no process %d", opt.pid);
}

static void prepare_process(void)
{
    struct rlimit rl = {65536, 65536};

    if (opt.cpu >= 0) {
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        CPU_SET((size_t)opt.cpu, &cpus);
        if (sched_setaffinity(0, sizeof cpus, &cpus))
            die("affinity: %s", strerror(errno));
    }
    if (setrlimit(RLIMIT_NOFILE, &rl)) {
        getrlimit(RLIMIT_NOFILE, &rl);
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
}

int main(int argc, char **argv)
{
    uint64_t warm_end;
    snapshot a, b;

    options_read(argc, argv);
    find_server();
    prepare_process();
    requests_load(&load.set, opt.queries, &opt.form);
    conns_prepare();
    if (!opt.sessions)
        bind_all(now_ns());
    load.t0 = now_ns();
    warm_end = load.t0 + (uint64_t)(opt.warm * 1e9);
    load.t_end = warm_end + (uint64_t)(opt.seconds * 1e9);
    begin_all();
    while (now_ns() < warm_end)
        loop_once(warm_end);
    hist_clear();
    load.done_ops = load.entries = load.rx_bytes = load.tls_resumed = load.late = 0;
    load.given_up = 0;
    load.tls_full = opt.sessions ? 0 : load.tls_full;
    snap(&a);
    measure();
    load.stopping = 1;
    snap(&b);
    print_result(&a, &b);
    return load.wrong || load.lost ? 3 : 0;
}
