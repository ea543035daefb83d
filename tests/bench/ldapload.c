/* ldapload.c - LDAP search load generator and checker: one thread, epoll,
 * hand-written BER, requests encoded once before the clock starts.
 *
 * Closed loop (default): CONNS connections each keep DEPTH searches under way.
 * Open loop (-r RATE):   searches fall due at a fixed rate whatever the server
 *                        does; latency counts from the due time, so a stall is
 *                        charged to every search it delayed.
 * Sessions (-u):         every search is connect, bind, search, unbind, close.
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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 256
#define RX_CAP    (1u << 20)
#define ID_BASE   0x01000000u /* keeps every message id at four bytes */

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("ldapload: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* ---- BER writing ---------------------------------------------------------- */
typedef struct {
    uint8_t *p;
    size_t len, cap;
} buf;

static void buf_room(buf *b, size_t more)
{
    if (b->len + more <= b->cap)
        return;
    while (b->cap < b->len + more)
        b->cap = b->cap ? b->cap * 2 : 256;
    if (!(b->p = realloc(b->p, b->cap)))
        die("out of memory");
}
static void put_bytes(buf *b, const void *src, size_t n)
{
    buf_room(b, n);
    memcpy(b->p + b->len, src, n);
    b->len += n;
}
static void put_byte(buf *b, uint8_t v)
{
    put_bytes(b, &v, 1);
}

/* turn what was written since 'from' into the contents of one element */
static void wrap(buf *b, size_t from, uint8_t tag)
{
    size_t n = b->len - from, h = 0;
    uint8_t head[6];
    head[h++] = tag;
    if (n < 128)
        head[h++] = (uint8_t)n;
    else if (n < 256) {
        head[h++] = 0x81;
        head[h++] = (uint8_t)n;
    } else {
        head[h++] = 0x82;
        head[h++] = (uint8_t)(n >> 8);
        head[h++] = (uint8_t)n;
    }
    if (n > 65535)
        die("request too long");
    buf_room(b, h);
    memmove(b->p + from + h, b->p + from, n);
    memcpy(b->p + from, head, h);
    b->len += h;
}
static void put_string(buf *b, uint8_t tag, const void *s, size_t n)
{
    size_t at = b->len;
    put_bytes(b, s, n);
    wrap(b, at, tag);
}
static void put_int(buf *b, uint8_t tag, uint32_t v)
{
    size_t at = b->len;
    int shift = 24;
    while (shift > 0 && !(v >> (shift - 1)))
        shift -= 8; /* shortest, sign bit clear */
    for (; shift >= 0; shift -= 8)
        put_byte(b, (uint8_t)(v >> shift));
    wrap(b, at, tag);
}

/* ---- RFC 4515 filter text to BER ---------------------------------------------- */
static int hexval(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/* one assertion value, up to ')' or '*' */
static const char *put_value(buf *b, uint8_t tag, const char *s)
{
    size_t at = b->len;
    while (*s && *s != ')' && *s != '*') {
        if (*s == '\\') {
            if (hexval(s[1]) < 0 || hexval(s[2]) < 0)
                die("bad escape in filter");
            put_byte(b, (uint8_t)(hexval(s[1]) << 4 | hexval(s[2])));
            s += 3;
        } else
            put_byte(b, (uint8_t)*s++);
    }
    wrap(b, at, tag);
    return s;
}
static const char *put_filter(buf *b, const char *s)
{
    size_t at = b->len;
    if (*s++ != '(')
        die("filter: '(' expected");
    if (*s == '&' || *s == '|' || *s == '!') {
        uint8_t tag = *s == '&' ? 0xA0 : *s == '|' ? 0xA1 : 0xA2;
        for (s++; *s == '(';)
            s = put_filter(b, s);
        wrap(b, at, tag);
    } else {
        size_t n = strcspn(s, "=<>~)");
        const char *attr = s;
        uint8_t tag = 0xA3;
        s += n;
        if (*s == '>')
            tag = 0xA5, s++;
        else if (*s == '<')
            tag = 0xA6, s++;
        else if (*s == '~')
            tag = 0xA8, s++;
        if (*s++ != '=' || !n)
            die("filter: bad item");
        if (s[0] == '*' && s[1] == ')') {
            put_string(b, 0x87, attr, n);
            s++;
        } else if (tag == 0xA3 && s[strcspn(s, "*)")] == '*') {
            put_string(b, 0x04, attr, n);
            size_t subs = b->len;
            if (*s != '*')
                s = put_value(b, 0x80, s);
            while (*s == '*') {
                s++;
                if (*s == ')')
                    break;
                size_t v = b->len;
                s = put_value(b, 0x81, s);
                if (*s == ')')
                    b->p[v] = 0x82; /* the last piece is 'final' */
            }
            wrap(b, subs, 0x30);
            wrap(b, at, 0xA4);
        } else {
            put_string(b, 0x04, attr, n);
            s = put_value(b, 0x04, s);
            wrap(b, at, tag);
        }
    }
    if (*s++ != ')')
        die("filter: ')' expected");
    return s;
}

/* ---- settings and prepared requests -------------------------------------------- */
static struct {
    const char *host, *base, *attrs, *dn, *pw, *queries, *label;
    int port, conns, depth, sizelimit, sessions, cpu;
    pid_t pid;
    double seconds, warm, rate;
    uint64_t max_ops;
} opt = {.host = "127.0.0.1",
         .base = "dc=contactor,dc=test",
         .attrs = "displayName",
         .dn = "",
         .pw = "",
         .label = "-",
         .port = 389,
         .conns = 1,
         .depth = 1,
         .cpu = -1,
         .seconds = 2,
         .warm = 0.3,
         .max_ops = 20000000};

typedef struct {
    uint32_t at, len, id_at, expect;
} query;
static query *queries;
static uint32_t nqueries;
static buf wire; /* all encoded searches, one after the other */
static buf bind_msg, unbind_msg;
static char need[64]; /* what every entry must hold */

static void finish_message(buf *b, size_t from, uint32_t id, uint32_t *id_at)
{
    /* b holds the operation; put the message id before it and wrap both */
    uint8_t idbuf[6] = {
        0x02,       0x04, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
        (uint8_t)id};
    buf_room(b, sizeof idbuf);
    memmove(b->p + from + sizeof idbuf, b->p + from, b->len - from);
    memcpy(b->p + from, idbuf, sizeof idbuf);
    b->len += sizeof idbuf;
    size_t body = b->len - from;
    wrap(b, from, 0x30);
    if (id_at)
        *id_at = (uint32_t)(b->len - from - body + 2);
}

static void encode_search(query *q, const char *filter)
{
    size_t from = q->at = (uint32_t)wire.len;
    put_string(&wire, 0x04, opt.base, strlen(opt.base));
    put_int(&wire, 0x0A, 2); /* whole subtree */
    put_int(&wire, 0x0A, 0); /* never dereference */
    put_int(&wire, 0x02, (uint32_t)opt.sizelimit);
    put_int(&wire, 0x02, 0);
    put_int(&wire, 0x01, 0); /* typesOnly false */
    if (*put_filter(&wire, filter))
        die("filter: text after the end: %s", filter);
    size_t list = wire.len;
    for (const char *a = opt.attrs; *a;) {
        size_t n = strcspn(a, ",");
        put_string(&wire, 0x04, a, n);
        a += n + (a[n] == ',');
    }
    wrap(&wire, list, 0x30);
    wrap(&wire, from, 0x63);
    finish_message(&wire, from, ID_BASE, &q->id_at);
    q->len = (uint32_t)(wire.len - from);
}

static void load_queries(void)
{
    FILE *f = fopen(opt.queries, "r");
    if (!f)
        die("%s: %s", opt.queries, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    uint32_t room = 0;
    while ((n = getline(&line, &cap, f)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = 0;
        char *filter;
        unsigned long e = strtoul(line, &filter, 10);
        if (*filter++ != '\t')
            die("%s: bad line %u", opt.queries, nqueries + 1);
        if (nqueries == room) {
            room = room ? room * 2 : 1024;
            if (!(queries = realloc(queries, room * sizeof *queries)))
                die("out of memory");
        }
        queries[nqueries].expect = (uint32_t)e;
        encode_search(&queries[nqueries++], filter);
    }
    free(line);
    fclose(f);
    if (!nqueries)
        die("%s: no queries", opt.queries);
    put_int(&bind_msg, 0x02, 3);
    put_string(&bind_msg, 0x04, opt.dn, strlen(opt.dn));
    put_string(&bind_msg, 0x80, opt.pw, strlen(opt.pw));
    wrap(&bind_msg, 0, 0x60);
    finish_message(&bind_msg, 0, ID_BASE + MAX_DEPTH, NULL);
    put_byte(&unbind_msg, 0x42);
    put_byte(&unbind_msg, 0x00);
    finish_message(&unbind_msg, 0, ID_BASE + MAX_DEPTH + 1, NULL);
    snprintf(need, sizeof need, "%.*s", (int)strcspn(opt.attrs, ","), opt.attrs);
}

/* ---- measuring ------------------------------------------------------------------ */
static uint64_t clock_ns(clockid_t c)
{
    struct timespec t;
    clock_gettime(c, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#define now_ns() clock_ns(CLOCK_MONOTONIC)

/* log-linear histogram: 64 steps to every doubling, under 1.6 % error */
#define HB 64
static uint64_t hist[HB * 60], hist_max;
static void hist_add(uint64_t ns)
{
    unsigned e = ns < HB ? 0 : 63 - (unsigned)__builtin_clzll(ns) - 5;
    hist[e ? (e << 6) + (ns >> (e - 1)) - HB : ns]++;
    if (ns > hist_max)
        hist_max = ns;
}
static double hist_us(double share, uint64_t total)
{
    uint64_t want = (uint64_t)(share * (double)total), seen = 0;
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

typedef struct {
    uint64_t wall, srv_cpu, cli_cpu, busy, switches;
} snapshot;
static clockid_t srv_clock;

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
    snprintf(path, sizeof path, "/proc/%d/task", opt.pid);
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", opt.pid, e->d_name);
        sum += status_value(path, "voluntary_ctxt_switches:") +
               status_value(path, "nonvoluntary_ctxt_switches:");
    }
    closedir(d);
    return sum;
}
static void snap(snapshot *s)
{
    s->switches = opt.pid ? server_switches() : 0;
    s->busy = machine_busy_ns();
    s->srv_cpu = opt.pid ? clock_ns(srv_clock) : 0;
    s->cli_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    s->wall = now_ns();
}

/* ---- connections ------------------------------------------------------------------ */
typedef struct {
    uint64_t start;
    uint32_t q, entries;
    uint8_t busy, bad;
} slot;
enum { CLOSED, CONNECTING, BINDING, READY };
typedef struct {
    int fd, state, inflight, wants_out;
    slot *slots;
    uint16_t *free_slots, nfree;
    buf part; /* an incomplete message from the server */
    buf out;  /* bytes the socket would not take yet */
    uint64_t session_start;
    uint8_t idle_listed;
} conn;

static int ep;
static conn *conns;
static conn **idle; /* open loop: connections with a free slot */
static int nidle, bound;
static struct sockaddr_in server;
static uint64_t done_ops, entries, rx_bytes, wrong, lost, issued, t0, t_end;
static uint32_t next_q;
static int stopping;

static void watch(conn *c, int op, int out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(ep, op, c->fd, &e))
        die("epoll_ctl: %s", strerror(errno));
    c->wants_out = out;
}
static void conn_open(conn *c, uint64_t start)
{
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->session_start = start;
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    c->state = CONNECTING;
    c->part.len = c->out.len = 0;
    watch(c, EPOLL_CTL_ADD, 1);
}
static void conn_flush(conn *c)
{
    size_t sent = 0;
    while (sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + sent, c->out.len - sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            break; /* EAGAIN waits for EPOLLOUT; a real error shows as EOF on reading */
        }
        sent += (size_t)n;
    }
    if (sent && sent < c->out.len)
        memmove(c->out.p, c->out.p + sent, c->out.len - sent);
    c->out.len -= sent;
    if (!c->out.len != !c->wants_out)
        watch(c, EPOLL_CTL_MOD, c->out.len > 0);
}
static void add_search(conn *c, uint64_t start)
{
    uint16_t i = c->free_slots[--c->nfree];
    slot *s = &c->slots[i];
    query *q = &queries[next_q];
    *s = (slot){.start = start, .q = next_q, .busy = 1};
    if (++next_q == nqueries)
        next_q = 0;
    size_t at = c->out.len;
    put_bytes(&c->out, wire.p + q->at, q->len);
    c->out.p[at + q->id_at + 2] = (uint8_t)(i >> 8);
    c->out.p[at + q->id_at + 3] = (uint8_t)i;
    c->inflight++;
    if (!opt.sessions)
        issued++;
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

/* open loop: when the search with this number falls due */
static uint64_t due(uint64_t k)
{
    return t0 + (uint64_t)((double)k * 1e9 / opt.rate);
}

static void list_idle(conn *c)
{
    if (c->idle_listed || !c->nfree)
        return;
    c->idle_listed = 1;
    idle[nidle++] = c;
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
static void session_end(conn *c, uint64_t now)
{
    put_bytes(&c->out, unbind_msg.p, unbind_msg.len);
    conn_flush(c);
    close(c->fd);
    c->state = CLOSED;
    if (opt.rate > 0)
        list_idle(c);
    else if (may_issue())
        session_begin(c, now);
}

static void search_done(conn *c, unsigned i, uint32_t rc, uint64_t now)
{
    slot *s = &c->slots[i];
    uint32_t want = queries[s->q].expect, lim = (uint32_t)opt.sizelimit;
    int cut = lim && want > lim, ok;
    if (cut)
        want = lim;
    ok = s->entries == want && !s->bad &&
         (rc == (cut ? 4u : 0u) || (lim && want == lim && rc == 4));
    if (!ok && wrong++ < 3)
        fprintf(stderr, "wrong answer: query %u: rc %u, %u entries, expected %u\n", s->q,
                rc, s->entries, want);
    hist_add(now - s->start);
    entries += s->entries;
    done_ops++;
    s->busy = 0;
    c->free_slots[c->nfree++] = (uint16_t)i;
    c->inflight--;
}

/* read one element header; 0 while it is incomplete */
static size_t header(const uint8_t *p, size_t n, size_t *len)
{
    if (n < 2)
        return 0;
    if (p[1] < 0x80) {
        *len = p[1];
        return 2;
    }
    size_t k = p[1] & 0x7F, v = 0;
    if (k > 4 || n < 2 + k) {
        if (k > 4)
            die("bad length from server");
        return 0;
    }
    for (size_t i = 0; i < k; i++)
        v = v << 8 | p[2 + i];
    *len = v;
    return 2 + k;
}
/* handle one whole LDAPMessage body; returns 1 when the connection was closed */
static int message(conn *c, const uint8_t *p, size_t n, uint64_t now)
{
    size_t l, h = header(p, n, &l);
    uint32_t id = 0;
    if (!h || p[0] != 0x02 || l > 4 || h + l >= n)
        die("bad message from server");
    for (size_t i = 0; i < l; i++)
        id = id << 8 | p[h + i];
    p += h + l;
    n -= h + l;
    uint8_t op = p[0];
    if (!(h = header(p, n, &l)) || h + l > n)
        die("bad operation from server");
    p += h;
    uint32_t rc = l >= 3 && p[0] == 0x0A ? p[2] : 255;
    if (op == 0x61) {
        if (rc)
            die("bind refused: result code %u", rc);
        if (c->state == BINDING) {
            c->state = READY;
            bound++;
        }
        return 0;
    }
    unsigned i = id & 0xFFFF;
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
static void conn_lost(conn *c, uint64_t now)
{
    close(c->fd);
    lost++;
    if (lost > 1000 + (uint64_t)opt.conns)
        die("too many lost connections");
    if (c->state == READY && !opt.sessions)
        bound--;
    c->state = CLOSED;
    c->inflight = 0;
    c->nfree = 0;
    for (int i = opt.depth - 1; i >= 0; i--) {
        c->slots[i].busy = 0;
        c->free_slots[c->nfree++] = (uint16_t)i;
    }
    if (!stopping)
        conn_open(c, now);
}
static void conn_readable(conn *c)
{
    static uint8_t rx[RX_CAP];
    size_t have = c->part.len, used = 0, l, h;
    memcpy(rx, c->part.p, have);
    ssize_t n = recv(c->fd, rx + have, sizeof rx - have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    uint64_t now = now_ns();
    if (n <= 0) {
        conn_lost(c, now);
        return;
    }
    rx_bytes += (uint64_t)n;
    have += (size_t)n;
    while ((h = header(rx + used, have - used, &l)) && h + l <= have - used) {
        if (message(c, rx + used + h, l, now))
            return;
        used += h + l;
    }
    if (have == sizeof rx && !used)
        die("message too long");
    c->part.len = 0;
    if (used < have)
        put_bytes(&c->part, rx + used, have - used);
    supply(c, now);
}
static void handle(conn *c, uint32_t ev)
{
    if (c->state == CONNECTING) {
        int err = 0;
        socklen_t n = sizeof err;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n);
        if (err) {
            conn_lost(c, now_ns());
            return;
        }
        c->state = BINDING;
        put_bytes(&c->out, bind_msg.p, bind_msg.len);
        conn_flush(c);
        return;
    }
    if (ev & EPOLLOUT)
        conn_flush(c);
    if (ev & (EPOLLIN | EPOLLHUP | EPOLLERR))
        conn_readable(c);
}
static void loop_once(uint64_t until)
{
    struct epoll_event ev[256];
    uint64_t now = now_ns(), wake = until;
    if (opt.rate > 0 && nidle && may_issue() && due(issued) < wake)
        wake = due(issued);
    uint64_t left = wake > now ? wake - now : 0;
    if (left > 100000000)
        left = 100000000;
    struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)left};
    int n = epoll_pwait2(ep, ev, 256, &ts, NULL);
    if (n < 0 && errno != EINTR)
        die("epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        handle(ev[i].data.ptr, ev[i].events);
    if (opt.rate > 0)
        issue_due(now_ns());
}

static void usage(void)
{
    fputs("usage: ldapload -q QUERIES [-h HOST] [-p PORT] [-c CONNS] [-d DEPTH] [-t "
          "SECONDS] [-W WARMUP]\n"
          "       [-n MAXOPS] [-r RATE] [-u] [-s SIZELIMIT] [-a ATTRS] [-b BASE] [-D DN "
          "-w PW]\n"
          "       [-P SERVERPID] [-C CPU] [-l LABEL]\n",
          stderr);
    exit(2);
}
int main(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "q:h:p:c:d:t:W:n:r:us:a:b:D:w:P:C:l:")) != -1;)
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
        case 's':
            opt.sizelimit = atoi(optarg);
            break;
        case 'a':
            opt.attrs = optarg;
            break;
        case 'b':
            opt.base = optarg;
            break;
        case 'D':
            opt.dn = optarg;
            break;
        case 'w':
            opt.pw = optarg;
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
        opt.depth > MAX_DEPTH)
        usage();
    if (opt.sessions)
        opt.depth = 1;
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)opt.port)};
    if (inet_pton(AF_INET, opt.host, &server.sin_addr) != 1)
        die("bad address");
    if ((ntohl(server.sin_addr.s_addr) >> 24) != 127)
        die("only loopback addresses are allowed");
    if (opt.pid && clock_getcpuclockid(opt.pid, &srv_clock))
        die("no process %d", opt.pid);
    if (opt.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(opt.cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set))
            die("affinity: %s", strerror(errno));
    }
    struct rlimit rl = {65536, 65536};
    if (setrlimit(RLIMIT_NOFILE, &rl)) {
        getrlimit(RLIMIT_NOFILE, &rl);
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    load_queries();

    ep = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)opt.conns, sizeof *conns);
    idle = calloc((size_t)opt.conns, sizeof *idle);
    if (!conns || !idle)
        die("out of memory");
    double rate = opt.rate;
    int sessions = opt.sessions;
    uint64_t start = now_ns();
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
    if (!sessions) { /* bind every connection before the first search */
        stopping = 1;
        opt.rate = 0;
        for (int i = 0; i < opt.conns; i++) {
            conn_open(&conns[i], start);
            while (bound <
                   i + 1 - 64) { /* no more than 64 under way: mind the accept queue */
                loop_once(now_ns() + 100000000);
                if (now_ns() - start > 20000000000ull)
                    die("connections not accepted");
            }
        }
        while (bound < opt.conns) {
            loop_once(now_ns() + 100000000);
            if (now_ns() - start > 20000000000ull)
                die("connections not accepted: %d of %d", bound, opt.conns);
        }
        stopping = 0;
        opt.rate = rate;
    }
    t0 = now_ns();
    uint64_t warm_end = t0 + (uint64_t)(opt.warm * 1e9);
    t_end = warm_end + (uint64_t)(opt.seconds * 1e9);
    if (rate > 0)
        for (int i = 0; i < opt.conns; i++)
            list_idle(&conns[i]);
    else if (sessions)
        for (int i = 0; i < opt.conns; i++)
            session_begin(&conns[i], t0);
    else
        for (int i = 0; i < opt.conns; i++)
            supply(&conns[i], t0);
    while (now_ns() < warm_end)
        loop_once(warm_end);
    snapshot a, b;
    memset(hist, 0, sizeof hist);
    hist_max = done_ops = entries = rx_bytes = 0;
    snap(&a);
    while (now_ns() < t_end && done_ops < opt.max_ops) {
        uint64_t before = done_ops, t = now_ns();
        loop_once(t_end);
        static uint64_t last;
        if (done_ops != before || !last)
            last = t;
        else if (t - last > 30000000000ull)
            die("no answer for 30 seconds");
    }
    uint64_t due_by_end = rate > 0 ? (uint64_t)((double)(now_ns() - t0) / 1e9 * rate) : 0;
    uint64_t backlog = due_by_end > issued ? due_by_end - issued : 0;
    stopping = 1;
    snap(&b);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", opt.pid);
    double sec = (double)(b.wall - a.wall) / 1e9, ops = (double)done_ops;
    double srv = (double)(b.srv_cpu - a.srv_cpu) / 1e9,
           cli = (double)(b.cli_cpu - a.cli_cpu) / 1e9;
    double foreign = (double)(b.busy - a.busy) / 1e9 - srv - cli;
    printf("label=%s conns=%d depth=%d mode=%s rate=%.0f secs=%.3f ops=%llu ops_s=%.0f "
           "p50_us=%.1f p99_us=%.1f "
           "p999_us=%.1f max_us=%.1f entries_op=%.2f bytes_op=%.0f wrong=%llu lost=%llu "
           "backlog=%llu "
           "srv_cpu_s_per_kop=%.6f srv_cpu=%.2f cli_cpu=%.2f foreign_cpu=%.2f "
           "switches_op=%.3f rss_mb=%.1f "
           "anon_mb=%.1f\n",
           opt.label, opt.conns, opt.depth,
           sessions   ? "session"
           : rate > 0 ? "open"
                      : "closed",
           rate, sec, (unsigned long long)done_ops, ops / sec, hist_us(.5, done_ops),
           hist_us(.99, done_ops), hist_us(.999, done_ops), (double)hist_max / 1000,
           done_ops ? (double)entries / ops : 0, done_ops ? (double)rx_bytes / ops : 0,
           (unsigned long long)wrong, (unsigned long long)lost,
           (unsigned long long)backlog, done_ops ? srv / ops * 1000 : 0, srv / sec,
           cli / sec, foreign > 0 ? foreign / sec : 0,
           done_ops ? (double)(b.switches - a.switches) / ops : 0,
           (double)status_value(path, "VmRSS:") / 1024,
           (double)status_value(path, "RssAnon:") / 1024);
    return wrong || lost ? 3 : 0;
}
