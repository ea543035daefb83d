/* ldapload.c - LDAP search load generator and checker: one thread, epoll, requests
 * encoded once before the clock starts (request.c), TLS by OpenSSL.
 *
 * Closed loop (default): CONNS connections each keep DEPTH searches under way.
 * Open loop (-r RATE):   searches fall due at a fixed rate whatever the server
 *                        does; latency counts from the due time, so a stall is
 *                        charged to every search it delayed.
 * Sessions (-u):         every search is connect, bind, search, unbind, close. They come
 *                        from many loopback addresses, since whoever closes keeps the
 *                        port for a minute and one address has only so many.
 * TLS (-T):              from the first byte; sessions resume (-R) the last one of their
 *                        slot, or make a full handshake each time.
 *
 * A query file has lines EXPECTED <TAB> FILTER. Every answer is checked: the
 * number of entries must be min(EXPECTED, sizelimit), the result code 0, or 4
 * where the limit cut it, and every entry must hold the first attribute asked
 * for. What does not match is counted as 'wrong'.
 *
 * Prints one line of key=value pairs. Exit status: 0, 1 on a failure to run,
 * 3 when there were wrong answers or lost connections.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "request.h"

#define RX_CAP    (1u << 20)
#define SOURCES   1000 /* loopback addresses of sessions */
#define USERS_MAX 1000

static struct {
    const char *host, *dn, *pw, *queries, *label;
    struct request_form form;
    int port, conns, depth, sessions, cpu, tls, resume, users;
    pid_t pid;
    double seconds, warm, rate;
    uint64_t max_ops;
} opt = {.host = "127.0.0.1",
         .form = {.base = "dc=contactor,dc=test", .attrs = "displayName"},
         .dn = "",
         .pw = "",
         .label = "-",
         .port = 389,
         .conns = 1,
         .depth = 1,
         .cpu = -1,
         .users = 1,
         .seconds = 2,
         .warm = 0.3,
         .max_ops = 20000000};

typedef struct {
    uint64_t start;
    uint32_t q, entries;
    uint8_t busy, bad;
} slot;
enum { CLOSED, CONNECTING, GREETING, BINDING, READY };
typedef struct {
    int fd, state, inflight, wants_out;
    SSL *ssl;
    SSL_SESSION *session; /* to be resumed */
    slot *slots;
    uint16_t *free_slots, nfree;
    buf part; /* an incomplete message from the server */
    buf out;  /* bytes the socket would not take yet */
    uint64_t session_start;
    uint8_t idle_listed;
} conn;

static struct request_set set;
static buf bind_msgs[USERS_MAX], unbind_msg;
static char need[64]; /* what every entry must hold */
static SSL_CTX *tls;
static int ep;
static conn *conns;
static conn **idle; /* open loop: connections with a free slot */
static int nidle, bound;
static struct sockaddr_in server;
static uint64_t done_ops, entries, rx_bytes, wrong, lost, issued, t0, t_end;
static uint64_t tls_full, tls_resumed;
static uint32_t next_q, next_source, next_user;
static int stopping;

/* ---- bytes ------------------------------------------------------------------------ */

static void watch(conn *c, int op, int out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(ep, op, c->fd, &e))
        die("epoll_ctl: %s", strerror(errno));
    c->wants_out = out;
}

/* Like send and recv, for both kinds. */
static ssize_t tls_result(conn *c, int n)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        errno = EIO;
        return -1;
    }
}

static ssize_t conn_send(conn *c, const void *data, size_t n)
{
    if (!c->ssl)
        return send(c->fd, data, n, MSG_NOSIGNAL);
    ERR_clear_error();
    return tls_result(c, SSL_write(c->ssl, data, (int)n));
}

static ssize_t conn_recv(conn *c, void *data, size_t n)
{
    if (!c->ssl)
        return recv(c->fd, data, n, 0);
    ERR_clear_error();
    return tls_result(c, SSL_read(c->ssl, data, (int)n));
}

static void conn_flush(conn *c)
{
    size_t sent = 0;

    while (sent < c->out.len) {
        ssize_t n = conn_send(c, c->out.p + sent, c->out.len - sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* EAGAIN waits for EPOLLOUT; a real error shows on reading */
        sent += (size_t)n;
    }
    if (sent && sent < c->out.len)
        memmove(c->out.p, c->out.p + sent, c->out.len - sent);
    c->out.len -= sent;
    if (!c->out.len != !c->wants_out)
        watch(c, EPOLL_CTL_MOD, c->out.len > 0);
}

/* ---- the life of a connection -------------------------------------------------------
 */

static void choose_source(int fd)
{
    uint32_t k = next_source++ % SOURCES;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    from.sin_addr.s_addr = htonl(0x7F010000u | (k / 250) << 8 | (k % 250 + 1));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&from, sizeof from))
        die("bind: %s", strerror(errno));
}

static void conn_open(conn *c, uint64_t start)
{
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opt.sessions)
        choose_source(c->fd);
    c->session_start = start;
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    c->state = CONNECTING;
    c->part.len = c->out.len = 0;
    watch(c, EPOLL_CTL_ADD, 1);
}

static void conn_close(conn *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->state = CLOSED;
}

/* a session is issued when it starts to connect */
static void session_begin(conn *c, uint64_t start)
{
    issued++;
    conn_open(c, start);
}

static int may_issue(void)
{
    return !stopping && issued < opt.max_ops;
}

static void conn_lost(conn *c, uint64_t now)
{
    if (c->state == READY && !opt.sessions)
        bound--;
    conn_close(c);
    lost++;
    if (lost > 1000 + (uint64_t)opt.conns)
        die("too many lost connections");
    c->inflight = 0;
    c->nfree = 0;
    for (int i = opt.depth - 1; i >= 0; i--) {
        c->slots[i].busy = 0;
        c->free_slots[c->nfree++] = (uint16_t)i;
    }
    if (!stopping)
        conn_open(c, now);
}

static void conn_bind(conn *c)
{
    const buf *msg = &bind_msgs[next_user++ % (unsigned)opt.users];

    c->state = BINDING;
    put_bytes(&c->out, msg->p, msg->len);
    conn_flush(c);
}

static void conn_greet(conn *c)
{
    int rc;

    ERR_clear_error();
    rc = SSL_connect(c->ssl);
    if (rc != 1) {
        int error = SSL_get_error(c->ssl, rc);
        int out = error == SSL_ERROR_WANT_WRITE;

        if (error != SSL_ERROR_WANT_READ && !out)
            conn_lost(c, now_ns());
        else if (out != c->wants_out)
            watch(c, EPOLL_CTL_MOD, out);
        return;
    }
    if (SSL_session_reused(c->ssl))
        tls_resumed++;
    else
        tls_full++;
    conn_bind(c);
}

static void conn_connected(conn *c)
{
    int err = 0;
    socklen_t n = sizeof err;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n);
    if (err) {
        conn_lost(c, now_ns());
        return;
    }
    if (!tls) {
        conn_bind(c);
        return;
    }
    c->state = GREETING;
    c->ssl = SSL_new(tls);
    if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
        die("out of memory");
    if (opt.resume && c->session)
        SSL_set_session(c->ssl, c->session);
    conn_greet(c);
}

static void list_idle(conn *c)
{
    if (c->idle_listed || !c->nfree)
        return;
    c->idle_listed = 1;
    idle[nidle++] = c;
}

static void keep_session(conn *c)
{
    SSL_SESSION *session = SSL_get1_session(c->ssl);

    if (!session || !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return;
    }
    SSL_SESSION_free(c->session);
    c->session = session;
}

static void session_end(conn *c, uint64_t now)
{
    put_bytes(&c->out, unbind_msg.p, unbind_msg.len);
    conn_flush(c);
    if (c->ssl && opt.resume)
        keep_session(c);
    if (c->ssl)
        SSL_shutdown(c->ssl);
    conn_close(c);
    if (opt.rate > 0)
        list_idle(c);
    else if (may_issue())
        session_begin(c, now);
}

/* ---- searches -----------------------------------------------------------------------
 */

static void add_search(conn *c, uint64_t start)
{
    uint16_t i = c->free_slots[--c->nfree];
    slot *s = &c->slots[i];
    query *q = &set.queries[next_q];
    size_t at = c->out.len;

    *s = (slot){.start = start, .q = next_q, .busy = 1};
    if (++next_q == set.n)
        next_q = 0;
    put_bytes(&c->out, set.wire.p + q->at, q->len);
    c->out.p[at + q->id_at + 2] = (uint8_t)(i >> 8);
    c->out.p[at + q->id_at + 3] = (uint8_t)i;
    c->inflight++;
    if (!opt.sessions)
        issued++;
}

/* open loop: when the search with this number falls due */
static uint64_t due(uint64_t k)
{
    return t0 + (uint64_t)((double)k * 1e9 / opt.rate);
}

/* keep a connection supplied with work, once it may be */
static void supply(conn *c, uint64_t now)
{
    if (c->state != READY)
        return;
    if (opt.sessions) {
        if (!c->inflight)
            add_search(c, c->session_start);
    } else if (opt.rate == 0)
        while (c->nfree && may_issue())
            add_search(c, now);
    else
        list_idle(c);
    if (c->out.len && !c->wants_out)
        conn_flush(c);
}

static void issue_due(uint64_t now)
{
    while (nidle && may_issue() && due(issued) <= now) {
        conn *c = idle[0]; /* oldest first, so that all connections take turns */

        memmove(idle, idle + 1, sizeof *idle * (size_t)--nidle);
        c->idle_listed = 0;
        if (opt.sessions)
            session_begin(c, due(issued));
        else {
            add_search(c, due(issued));
            conn_flush(c);
            list_idle(c);
        }
    }
}

static void search_done(conn *c, unsigned i, uint32_t rc, uint64_t now)
{
    slot *s = &c->slots[i];
    uint32_t want = set.queries[s->q].expect, lim = (uint32_t)opt.form.sizelimit;
    int cut = lim && want > lim, ok;

    if (cut)
        want = lim;
    ok = s->entries == want && !s->bad &&
         (rc == (cut ? 4u : 0u) || (lim && want == lim && rc == 4));
    if (!ok && wrong++ < 3)
        fprintf(stderr, "wrong answer: query %u: rc %u, %u entries, expected %u\n",
                s->q + 1, rc, s->entries, want);
    hist_add(now - s->start);
    entries += s->entries;
    done_ops++;
    s->busy = 0;
    c->free_slots[c->nfree++] = (uint16_t)i;
    c->inflight--;
}

/* ---- answers ------------------------------------------------------------------------
 */

/* read one element header; 0 while it is incomplete */
static size_t header(const uint8_t *p, size_t n, size_t *len)
{
    size_t k, v = 0;

    if (n < 2)
        return 0;
    if (p[1] < 0x80) {
        *len = p[1];
        return 2;
    }
    k = p[1] & 0x7F;
    if (k > 4)
        die("bad length from server");
    if (n < 2 + k)
        return 0;
    for (size_t i = 0; i < k; i++)
        v = v << 8 | p[2 + i];
    *len = v;
    return 2 + k;
}

static void bind_answered(conn *c, uint32_t rc)
{
    if (rc)
        die("bind refused: result code %u", rc);
    if (c->state == BINDING) {
        c->state = READY;
        bound++;
    }
}

/* handle one whole LDAPMessage body; returns 1 when the connection was closed */
static int message(conn *c, const uint8_t *p, size_t n, uint64_t now)
{
    size_t l, h = header(p, n, &l);
    uint32_t id = 0, rc;
    unsigned i;
    uint8_t op;

    if (!h || p[0] != 0x02 || l > 4 || h + l >= n)
        die("bad message from server");
    for (size_t k = 0; k < l; k++)
        id = id << 8 | p[h + k];
    p += h + l;
    n -= h + l;
    op = p[0];
    if (!(h = header(p, n, &l)) || h + l > n)
        die("bad operation from server");
    p += h;
    rc = l >= 3 && p[0] == 0x0A ? p[2] : 255;
    if (op == 0x61) {
        bind_answered(c, rc);
        return 0;
    }
    i = id & 0xFFFF;
    if (id - ID_BASE >= MAX_DEPTH || i >= (unsigned)opt.depth || !c->slots[i].busy) {
        if (wrong++ < 3)
            fprintf(stderr, "answer to no request: id %x op %02x rc %u\n", id, op, rc);
        return 0;
    }
    if (op == 0x64) {
        c->slots[i].entries++;
        if (!memmem(p, l, need, strlen(need)))
            c->slots[i].bad = 1;
    } else if (op == 0x65) {
        search_done(c, i, rc, now);
        if (opt.sessions) {
            session_end(c, now);
            return 1;
        }
    }
    return 0;
}

/* returns whether there may be more to read at once */
static int conn_read(conn *c)
{
    static uint8_t rx[RX_CAP];
    size_t have = c->part.len, used = 0, l, h;
    uint64_t now;
    ssize_t n;

    memcpy(rx, c->part.p, have);
    n = conn_recv(c, rx + have, sizeof rx - have);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    now = now_ns();
    if (n <= 0) {
        conn_lost(c, now);
        return 0;
    }
    rx_bytes += (uint64_t)n;
    have += (size_t)n;
    while ((h = header(rx + used, have - used, &l)) && h + l <= have - used) {
        if (message(c, rx + used + h, l, now))
            return 0;
        used += h + l;
    }
    if (have == sizeof rx && !used)
        die("message too long");
    c->part.len = 0;
    if (used < have)
        put_bytes(&c->part, rx + used, have - used);
    supply(c, now);
    return c->ssl != NULL;
}

/* ---- the loop -----------------------------------------------------------------------
 */

static void handle(conn *c, uint32_t ev)
{
    if (c->state == CONNECTING) {
        conn_connected(c);
        return;
    }
    if (c->state == GREETING) {
        conn_greet(c);
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

    if (opt.rate > 0 && nidle && may_issue() && due(issued) < wake)
        wake = due(issued);
    left = wake > now ? wake - now : 0;
    ts.tv_nsec = (long)(left > 100000000 ? 100000000 : left);
    n = epoll_pwait2(ep, ev, 256, &ts, NULL);
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

    stopping = 1;
    opt.rate = 0;
    for (int i = 0; i <= opt.conns; i++) {
        /* no more than 64 under way: mind the accept queue */
        int enough = i < opt.conns ? i + 1 - 64 : opt.conns;

        if (i < opt.conns)
            conn_open(&conns[i], start);
        while (bound < enough) {
            loop_once(now_ns() + 100000000);
            if (now_ns() - start > 60000000000ull)
                die("connections not accepted: %d of %d", bound, opt.conns);
        }
    }
    stopping = 0;
    opt.rate = rate;
}

static void begin_all(void)
{
    for (int i = 0; i < opt.conns; i++) {
        if (opt.rate > 0)
            list_idle(&conns[i]);
        else if (opt.sessions && may_issue())
            session_begin(&conns[i], t0);
        else
            supply(&conns[i], t0);
    }
}

static void measure(void)
{
    uint64_t last = now_ns();

    while (now_ns() < t_end && done_ops < opt.max_ops) {
        uint64_t before = done_ops;

        loop_once(t_end);
        if (done_ops != before)
            last = now_ns();
        else if (now_ns() - last > 30000000000ull)
            die("no answer for 30 seconds");
    }
}

static void print_result(const snapshot *a, const snapshot *b)
{
    uint64_t due_by_end =
        opt.rate > 0 ? (uint64_t)((double)(b->wall - t0) / 1e9 * opt.rate) : 0;
    double sec = (double)(b->wall - a->wall) / 1e9, ops = (double)done_ops;
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
           opt.rate, sec, (unsigned long long)done_ops, ops / sec);
    printf("p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f ", hist_us(.5), hist_us(.99),
           hist_us(.999), hist_max_us());
    printf("entries_op=%.2f bytes_op=%.0f wrong=%llu lost=%llu backlog=%llu ",
           done_ops ? (double)entries / ops : 0, done_ops ? (double)rx_bytes / ops : 0,
           (unsigned long long)wrong, (unsigned long long)lost,
           (unsigned long long)(due_by_end > issued ? due_by_end - issued : 0));
    printf("tls_full=%llu tls_resumed=%llu ", (unsigned long long)tls_full,
           (unsigned long long)tls_resumed);
    printf("srv_cpu_s_per_kop=%.6f srv_cpu=%.2f cli_cpu=%.2f foreign_cpu=%.2f "
           "switches_op=%.3f rss_mb=%.1f anon_mb=%.1f\n",
           done_ops ? srv / ops * 1000 : 0, srv / sec, cli / sec,
           foreign > 0 ? foreign / sec : 0,
           done_ops ? (double)(b->switches - a->switches) / ops : 0,
           (double)server_status("VmRSS:") / 1024,
           (double)server_status("RssAnon:") / 1024);
}

/* ---- the start ----------------------------------------------------------------------
 */

static void usage(void)
{
    fputs("usage: ldapload -q QUERIES [-h HOST] [-p PORT] [-c CONNS] [-d DEPTH] [-t "
          "SECONDS] [-W WARMUP]\n"
          "       [-n MAXOPS] [-r RATE] [-u] [-T] [-R] [-s SIZELIMIT] [-a ATTRS] [-b "
          "BASE]\n"
          "       [-D DN -w PW] [-U USERS: %u in DN is 1 to USERS]\n"
          "       [-P SERVERPID] [-C CPU] [-l LABEL]\n",
          stderr);
    exit(2);
}

static void read_options(int argc, char **argv)
{
    for (int o;
         (o = getopt(argc, argv, "q:h:p:c:d:t:W:n:r:uTRs:a:b:D:w:U:P:C:l:")) != -1;)
        switch (o) {
        case 'q':
            opt.queries = optarg;
            break;
        case 'h':
            opt.host = optarg;
            break;
        case 'p':
            opt.port = atoi(optarg);
            break;
        case 'c':
            opt.conns = atoi(optarg);
            break;
        case 'd':
            opt.depth = atoi(optarg);
            break;
        case 't':
            opt.seconds = atof(optarg);
            break;
        case 'W':
            opt.warm = atof(optarg);
            break;
        case 'n':
            opt.max_ops = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            opt.rate = atof(optarg);
            break;
        case 'u':
            opt.sessions = 1;
            break;
        case 'T':
            opt.tls = 1;
            break;
        case 'R':
            opt.resume = 1;
            break;
        case 's':
            opt.form.sizelimit = atoi(optarg);
            break;
        case 'a':
            opt.form.attrs = optarg;
            break;
        case 'b':
            opt.form.base = optarg;
            break;
        case 'D':
            opt.dn = optarg;
            break;
        case 'w':
            opt.pw = optarg;
            break;
        case 'U':
            opt.users = atoi(optarg);
            break;
        case 'P':
            opt.pid = atoi(optarg);
            break;
        case 'C':
            opt.cpu = atoi(optarg);
            break;
        case 'l':
            opt.label = optarg;
            break;
        default:
            usage();
        }
    if (!opt.queries || opt.conns < 1 || opt.conns > 10000 || opt.depth < 1 ||
        opt.depth > MAX_DEPTH || opt.users < 1 || opt.users > USERS_MAX)
        usage();
    if (opt.sessions)
        opt.depth = 1;
}

static void find_server(void)
{
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)opt.port)};
    if (inet_pton(AF_INET, opt.host, &server.sin_addr) != 1)
        die("bad address");
    if ((ntohl(server.sin_addr.s_addr) >> 24) != 127)
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

static void prepare_requests(void)
{
    requests_load(&set, opt.queries, &opt.form);
    for (int i = 0; i < opt.users; i++)
        request_bind(&bind_msgs[i], opt.dn, (unsigned)i + 1, opt.pw);
    request_unbind(&unbind_msg);
    snprintf(need, sizeof need, "%.*s", (int)strcspn(opt.form.attrs, ","),
             opt.form.attrs);
}

static void prepare_tls(void)
{
    if (!opt.tls)
        return;
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls)
        die("TLS: %s", ERR_error_string(ERR_get_error(), NULL));
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
}

static void prepare_connections(void)
{
    ep = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)opt.conns, sizeof *conns);
    idle = calloc((size_t)opt.conns, sizeof *idle);
    if (ep < 0 || !conns || !idle)
        die("out of memory");
    for (int i = 0; i < opt.conns; i++) {
        conn *c = &conns[i];

        c->slots = calloc((size_t)opt.depth, sizeof *c->slots);
        c->free_slots = calloc((size_t)opt.depth, sizeof *c->free_slots);
        if (!c->slots || !c->free_slots)
            die("out of memory");
        for (int k = opt.depth - 1; k >= 0; k--)
            c->free_slots[c->nfree++] = (uint16_t)k;
        buf_room(&c->part, 256);
    }
}

int main(int argc, char **argv)
{
    uint64_t warm_end;
    snapshot a, b;

    read_options(argc, argv);
    find_server();
    prepare_process();
    prepare_requests();
    prepare_tls();
    prepare_connections();
    if (!opt.sessions)
        bind_all(now_ns());
    t0 = now_ns();
    warm_end = t0 + (uint64_t)(opt.warm * 1e9);
    t_end = warm_end + (uint64_t)(opt.seconds * 1e9);
    begin_all();
    while (now_ns() < warm_end)
        loop_once(warm_end);
    hist_clear();
    done_ops = entries = rx_bytes = tls_resumed = 0;
    tls_full = opt.sessions ? 0 : tls_full;
    snap(&a);
    measure();
    stopping = 1;
    snap(&b);
    print_result(&a, &b);
    return wrong || lost ? 3 : 0;
}
