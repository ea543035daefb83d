/* test_net.c - plain connections: framing, writing, pacing, times, limits, ending. */
#include <sys/resource.h>

#include "net/peers.h"
#include "net_kit.h"

static void test_addresses(void)
{
    struct net_address a;
    char error[200];

    is_int(net_address_parse("lines://0.0.0.0:636", kit_schemes, 2, &a, error, 200), 0,
           "an address with a port");
    is_str(a.host, "0.0.0.0", "its host");
    is_int(a.port, 636, "its port");
    ok(a.tls, "its scheme has TLS");
    is_int(net_address_parse("line://[2001:db8::1]", kit_schemes, 2, &a, error, 200), 0,
           "IPv6 without a port");
    is_str(a.host, "2001:db8::1", "without brackets");
    is_int(a.port, 3890, "the scheme's port");
    is_int(net_address_parse("LINE://localhost/", kit_schemes, 2, &a, error, 200), 0,
           "localhost, any case, a slash");
    is_str(a.host, "127.0.0.1", "is 127.0.0.1");
    static const char *const bad[] = {
        "http://127.0.0.1",
        "127.0.0.1:389",
        "line://",
        "line://:389",
        "line://[::1:389",
        "line://::1:389",
        "line://127.0.0.1:65536",
        "line://127.0.0.1:",
        "line://127.0.0.1:3x",
        "line://host.example",
        "line://127.0.0.1:1/x",
        "line://300.1.1.1",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error[0] = 0;
        is_int(net_address_parse(bad[i], kit_schemes, 2, &a, error, 200), -CTR_EINVAL,
               "refused: %s", bad[i]);
        ok(strstr(error, bad[i]) != NULL, "the sentence quotes it: %s", error);
    }
}

static struct peers_key key_of(const char *text)
{
    struct sockaddr_storage s = {0};

    if (strchr(text, ':'))
        uv_ip6_addr(text, 1, (struct sockaddr_in6 *)(void *)&s);
    else
        uv_ip4_addr(text, 1, (struct sockaddr_in *)(void *)&s);
    return peers_key_of((struct sockaddr *)&s);
}

static void test_peers(void)
{
    struct peers p;

    peers_init(&p, 5, 2);
    is_int(peers_enter(&p, key_of("2001:db8::1")), PEERS_OK, "first of a /64");
    is_int(peers_enter(&p, key_of("2001:db8::2")), PEERS_OK, "second of a /64");
    is_int(peers_enter(&p, key_of("2001:db8::3")), PEERS_TOO_MANY_OF_PEER,
           "a third of the same /64 is one too many");
    is_int(peers_enter(&p, key_of("2001:db8:0:1::1")), PEERS_OK, "another /64 is not");
    is_int(peers_enter(&p, key_of("192.0.2.1")), PEERS_OK, "IPv4");
    is_int(peers_enter(&p, key_of("::ffff:192.0.2.1")), PEERS_OK,
           "the same one, mapped into IPv6");
    is_int(peers_enter(&p, key_of("192.0.2.2")), PEERS_TOO_MANY, "and no more in all");
    peers_leave(&p, key_of("192.0.2.1"));
    is_int(peers_enter(&p, key_of("192.0.2.1")), PEERS_OK, "who leaves makes room");
    peers_leave(&p, key_of("2001:db8::9"));
    peers_leave(&p, key_of("2001:db8::9"));
    peers_leave(&p, key_of("2001:db8:0:1::9"));
    peers_leave(&p, key_of("192.0.2.1"));
    peers_leave(&p, key_of("192.0.2.1"));
    peers_finish(&p);
    ok(true, "all have left");
}

static void test_echo(void)
{
    struct net_service_options options = {0};
    int fd;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    kit_send(fd, "echo hello\n");
    is_str(kit_read(fd, "\n"), "hello\n", "an answer");
    is_str(kit.peer, "127.0.0.1", "the peer's address");
    ok(kit.peer_flags & CTR_PEER_LOOPBACK, "is this machine");
    ok(!(kit.peer_flags & (CTR_PEER_TLS | CTR_PEER_CAN_TLS)), "without TLS");
    kit_send(fd, "tls\n");
    is_str(kit_read(fd, "\n"), "go\n", "start_tls without a certificate");
    is_int(kit.start_tls_result, -CTR_ENOTSUP, "is refused");
    kit_send(fd, "quit\n");
    ok(kit_closed(fd), "close closes");
    ok(kit_until(kit.closes == 1), "on_close");
    is_int(kit.close_reason, CTR_CLOSE_LOCAL, "by the front end");
    close(fd);
    fd = kit_connect();
    kit_send(fd, "fail\n");
    is_str(kit_read(fd, NULL), "failed\n", "an error of on_data flushes, then closes");
    close(fd);
    fd = kit_connect();
    kit_send(fd, "abort\n");
    ok(kit_closed(fd), "abort closes at once");
    close(fd);
    kit.refuse_open = true;
    fd = kit_connect();
    ok(kit_closed(fd), "a front end that does not want it");
    kit.refuse_open = false;
    kit.opens--; /* no on_close follows */
    close(fd);
    fd = kit_connect();
    kit_send(fd, "\x16\x03\x01\x02");
    ok(kit_closed(fd), "a TLS hello on a plain port is closed");
    is_int(kit_stats().tls_failed, 1, "and counted");
    close(fd);
    kit_stop();
}

static void test_coalescing(void)
{
    struct net_service_options options = {0};
    struct net_stats before, after;
    int fd;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    kit_send(fd, "echo x\n");
    kit_read(fd, "\n");
    before = kit_stats();
    kit_send(fd, "many 100\necho a\necho end\n");
    kit_until(kit_stats().writes > before.writes);
    kit_run(20);
    after = kit_stats();
    is_int(after.writes - before.writes, 1, "102 answers, one write");
    is_int(after.reads - before.reads, 1, "one read");
    is_int(after.bytes_out - before.bytes_out, 1006, "of so many bytes");
    is_int(strlen(kit_read(fd, "end\n")), 1006, "which arrive");
    kit_send(fd, "room 5000\necho !\n");
    is_int(strlen(kit_read(fd, "!\n")), 5002, "encoded in place");
    close(fd);
    kit_stop();
}

static void test_bytewise(void)
{
    struct net_service_options options = {0};
    const char *text = "echo one\necho two\n";
    int fd, on = 1;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (const char *p = text; *p; p++) {
        send(fd, p, 1, MSG_NOSIGNAL);
        kit_until(kit_stats().bytes_in == (uint64_t)(p - text) + 1);
    }
    is_str(kit_read(fd, "two\n"), "one\ntwo\n", "byte by byte");
    kit_send(fd, "hold 30\necho after\n");
    is_str(kit_read(fd, "\n"), "after\n", "what waited for resume is shown again");
    close(fd);
    kit_stop();
}

static void test_pressure(void)
{
    struct net_service_options options = {.pause_queue = 64 * 1024};
    enum { BIG = 20 * 1000 * 1000 };
    int fd;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    kit_send(fd, "big 20000000\n");
    kit_until(kit.last_write == -CTR_EPAUSE);
    kit_run(50);
    ok(kit.most_queued < 70 * 1000, "the queue stays short: %llu bytes",
       (unsigned long long)kit.most_queued);
    is_int(kit_swallow(fd, BIG), BIG, "a reader gets everything");
    ok(kit.drains > 10, "in %u drains", kit.drains);
    kit_send(fd, "echo on\n");
    is_str(kit_read(fd, "\n"), "on\n", "and goes on");
    close(fd);
    kit_stop();
}

static void test_stalled(void)
{
    struct net_service_options options = {.send_time = 300};
    uint64_t begin;
    int fd, other;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    other = kit_connect();
    kit_send(fd, "big 50000000\n");
    begin = kit_ms();
    ok(kit_until(kit.closes == 1), "who does not read is dropped");
    ok(kit_ms() - begin >= 240 && kit_ms() - begin < 1500, "after the send time");
    is_int(kit.close_reason, CTR_CLOSE_SLOW, "as slow");
    close(fd);
    fd = kit_connect();
    kit_send(fd, "flood 50000000\n");
    begin = kit_ms();
    ok(kit_until(kit.closes == 2), "who queues too much is dropped");
    ok(kit_ms() - begin < 250, "at once");
    is_int(kit.close_reason, CTR_CLOSE_SLOW, "as slow");
    is_int(kit.last_write, -CTR_EIO, "and the front end is told");
    ok(kit.most_queued <= 1024 * 1024 + 1000, "1 MiB is the most that is queued");
    is_int(kit_stats().dropped_slow, 2, "both counted");
    kit_send(other, "echo fine\n");
    is_str(kit_read(other, "\n"), "fine\n", "others do not notice");
    close(fd);
    close(other);
    kit_stop();
}

static void test_half_message(void)
{
    struct net_service_options options = {.receive_time = 300};
    uint64_t begin;
    int fd, good;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    good = kit_connect();
    kit_send(fd, "e");
    begin = kit_ms();
    while (kit.goodbyes == 0 && kit_ms() - begin < 3000) {
        send(fd, "c", 1, MSG_NOSIGNAL); /* does not help */
        kit_send(good, "echo yes\nec"); /* this does: messages end */
        kit_run(30);
        kit_send(good, "ho on\n");
    }
    ok(kit_ms() - begin >= 240 && kit_ms() - begin < 900,
       "half a message: dropped after the time from its first byte");
    is_int(kit.goodbye_reason, CTR_CLOSE_SLOW, "with a goodbye");
    is_str(kit_read(fd, NULL), "bye 4\n", "that arrives");
    is_int(kit.goodbyes, 1, "whose messages end is not dropped");
    close(fd);
    close(good);
    kit_stop();
}

static void test_idle(void)
{
    struct net_service_options options = {.idle_time = 300};
    uint64_t begin;
    int fd, busy;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    busy = kit_connect();
    kit_send(busy, "later 700 done\n");
    begin = kit_ms();
    is_str(kit_read(fd, NULL), "bye 3\n", "an idle one gets a goodbye");
    ok(kit_ms() - begin >= 240 && kit_ms() - begin < 650, "after the idle time");
    is_int(kit.goodbye_reason, CTR_CLOSE_IDLE, "as idle");
    ok(kit_closed(fd), "and is closed");
    is_str(kit_read(busy, "\n"), "done\n", "one with a request under way is not");
    is_str(kit_read(busy, NULL), "bye 3\n", "until later");
    is_int(kit_stats().dropped_idle, 2, "both counted");
    close(fd);
    close(busy);
    kit_stop();
}

static void test_limit(void)
{
    struct net_service_options options = {0};
    static char much[300 * 1024];
    size_t sent = 0;
    int fd;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    memset(much, 'x', sizeof(much));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (sent < sizeof(much) && kit.goodbyes == 0) {
        ssize_t n = send(fd, much + sent, sizeof(much) - sent, MSG_NOSIGNAL);

        if (n > 0)
            sent += (size_t)n;
        kit_turn();
    }
    ok(kit_until(kit.closes == 1), "a message beyond the limit ends the connection");
    is_int(kit.close_reason, CTR_CLOSE_LIMIT, "for that reason");
    close(fd);
    kit_stop();
}

/* Each below its own limit; all together too much. */
static void test_many_halves(void)
{
    struct net_service_options options = {0};
    enum { MANY = 200, EACH = 250 * 1024 };
    static char much[EACH];
    static int fds[MANY];
    static size_t sent[MANY];

    kit_start(options, NULL, KIT_PLAIN);
    memset(much, 'x', sizeof(much));
    for (int i = 0; i < MANY; i++) {
        fds[i] = kit_connect();
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        sent[i] = 0;
    }
    for (uint64_t until = kit_ms() + 5000; kit.goodbyes == 0 && kit_ms() < until;) {
        for (int i = 0; i < MANY; i++) {
            ssize_t n = send(fds[i], much, EACH - sent[i], MSG_NOSIGNAL);

            if (n > 0)
                sent[i] += (size_t)n;
        }
        kit_turn();
    }
    ok(kit.goodbyes > 0, "there is a limit for all halves together");
    is_int(kit.goodbye_reason, CTR_CLOSE_LIMIT, "which ends some");
    ok(kit_stats().bytes_in > 30000000, "not earlier than needed");
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    kit_stop();
}

static void test_half_close(void)
{
    struct net_service_options options = {0};
    int fd;

    kit_start(options, NULL, KIT_PLAIN);
    fd = kit_connect();
    kit_send(fd, "echo now\nlater 100 later\n");
    shutdown(fd, SHUT_WR);
    is_str(kit_read(fd, NULL), "now\nlater\n", "a peer that closed its side is answered");
    ok(kit_until(kit.closes == 1), "then it is closed");
    is_int(kit.close_reason, CTR_CLOSE_PEER, "by the peer");
    close(fd);
    fd = kit_connect();
    kit_send(fd, "hold 60\necho held\n");
    shutdown(fd, SHUT_WR);
    is_str(kit_read(fd, NULL), "held\n", "what waited for resume is answered too");
    close(fd);
    kit_stop();
}

static void test_session_limits(void)
{
    struct net_options net_options = {.max_sessions = 6, .max_sessions_per_peer = 3};
    struct net_service_options options = {0};
    int fds[8];

    kit_start(options, &net_options, KIT_PLAIN);
    for (int i = 0; i < 4; i++)
        fds[i] = kit_connect_from(kit.address, "127.0.0.2");
    ok(kit_closed(fds[3]), "the fourth of one source is closed");
    is_int(kit_stats().refused, 1, "and counted");
    for (int i = 4; i < 8; i++)
        fds[i] = kit_connect_from(kit.address, i < 6 ? "127.0.0.3" : "127.0.0.4");
    ok(kit_closed(fds[7]), "the seventh of all is closed");
    is_int(kit_stats().sessions, 6, "six stay");
    kit_send(fds[0], "echo in\n");
    is_str(kit_read(fds[0], "\n"), "in\n", "and are answered");
    close(fds[0]);
    kit_until(kit.closes == 1);
    close(fds[3]);
    fds[3] = kit_connect_from(kit.address, "127.0.0.2");
    kit_send(fds[3], "echo again\n");
    is_str(kit_read(fds[3], "\n"), "again\n", "who leaves makes room");
    for (int i = 1; i < 8; i++)
        close(fds[i]);
    kit_stop();
}

/* At the limit, who has gone unseen makes room for who comes. */
static void test_gone_unseen(void)
{
    enum { GONE = 20 };
    struct net_options net_options = {.max_sessions_per_peer = 3};
    struct net_service_options options = {0};
    int fd;

    kit_start(options, &net_options, KIT_PLAIN);
    for (int i = 0; i < GONE; i++) {
        fd = kit_connect();
        kit_send(fd, i % 2 ? "echo I was here\n" : "half a comm");
        close(fd);
    }
    fd = kit_connect();
    kit_send(fd, "echo in\n");
    is_str(kit_read(fd, "\n"), "in\n", "behind %d who are gone, one is answered", GONE);
    is_int(kit_stats().refused, 0, "nobody was refused");
    is_int(kit.opens, GONE + 1, "all were let in");
    close(fd);
    kit_stop();
}

/* A peer that closed its side and waits for an answer gives way, the oldest first. */
static void test_displaced(void)
{
    struct net_options net_options = {.max_sessions_per_peer = 3};
    struct net_service_options options = {0};
    int fds[3], fresh, over;

    kit_start(options, &net_options, KIT_PLAIN);
    for (int i = 0; i < 3; i++) {
        fds[i] = kit_connect();
        kit_send(fds[i], i < 2 ? "later 1000 patient\n" : "hold 800\n");
    }
    kit_until(kit.data_calls == 3);
    over = kit_connect();
    ok(kit_closed(over), "those who are there are not displaced");
    is_int(kit_stats().refused, 1, "the fourth is refused");
    close(over);
    shutdown(fds[0], SHUT_WR);
    shutdown(fds[2], SHUT_WR); /* and is not read now */
    kit_run(50);
    fresh = kit_connect();
    kit_send(fresh, "echo fresh\n");
    is_str(kit_read(fresh, "\n"), "fresh\n", "a fresh one comes in");
    ok(kit_closed(fds[0]), "in the place of the oldest that closed its side");
    over = kit_connect();
    kit_send(over, "echo next\n");
    is_str(kit_read(over, "\n"), "next\n", "the next in that of one that is not read");
    ok(kit_closed(fds[2]), "which is closed");
    is_int(kit_stats().sessions, 3, "no more than there may be");
    is_int(kit_stats().refused, 1, "nobody else was refused");
    is_str(kit_read(fds[1], "\n"), "patient\n", "who has not closed is answered");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(fresh);
    close(over);
    kit_stop();
}

static void test_descriptors(void)
{
    struct net_service_options options = {0};
    struct rlimit old, low;
    struct timespec cpu0, cpu1;
    int fds[3], spare[64], n = 0;
    int64_t used;

    kit_start(options, NULL, KIT_PLAIN);
    fds[0] = kit_connect();
    kit_until(kit.opens == 1);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    close(fds[1]);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &low);
    while (n < 64 && (spare[n] = dup(0)) >= 0)
        n++;
    close(spare[--n]);
    fds[1] = kit_connect(); /* takes the last one */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu0);
    kit_run(500);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu1);
    used = (cpu1.tv_sec - cpu0.tv_sec) * 1000 + (cpu1.tv_nsec - cpu0.tv_nsec) / 1000000;
    is_int(kit.opens, 1, "without descriptors nobody is accepted");
    ok(used < 200, "which costs little: %lld ms of 500", (long long)used);
    kit_send(fds[0], "echo held\n");
    is_str(kit_read(fds[0], "\n"), "held\n", "who is in is answered");
    while (n > 0)
        close(spare[--n]);
    setrlimit(RLIMIT_NOFILE, &old);
    kit_send(fds[1], "echo relief\n");
    used = (int64_t)kit_ms();
    is_str(kit_read(fds[1], "\n"), "relief\n", "with relief, the next is accepted");
    ok((int64_t)kit_ms() - used < 1000, "soon");
    close(fds[0]);
    close(fds[1]);
    kit_stop();
}

static void test_stop(void)
{
    struct net_service_options options = {0};
    bool gone = false;
    uint64_t begin;
    int idle, busy, stuck;

    kit_start(options, NULL, KIT_PLAIN);
    idle = kit_connect();
    busy = kit_connect();
    stuck = kit_connect();
    kit_send(busy, "later 100 answer\n");
    kit_send(stuck, "later 60000 never\n");
    kit_until(kit.data_calls == 2);
    begin = kit_ms();
    net_service_stop(kit.service, 400, kit_gone, &gone);
    kit.service = NULL;
    is_int(kit.goodbyes, 0, "stop calls nobody at once");
    is_str(kit_read(idle, NULL), "bye 6\n", "an idle one gets its goodbye");
    is_int(kit_connect(), -1, "no new ones");
    is_str(kit_read(busy, NULL), "answer\nbye 6\n", "a busy one its answer first");
    shutdown(busy, SHUT_RDWR);
    shutdown(idle, SHUT_RDWR);
    ok(!gone, "one is left");
    ok(kit_closed(stuck), "which is aborted");
    ok(kit_until(gone), "then it is over");
    ok(kit_ms() - begin >= 390 && kit_ms() - begin < 1500, "after the grace");
    is_int(kit.close_reason, CTR_CLOSE_SHUTDOWN, "by shutdown");
    close(idle);
    close(busy);
    close(stuck);
    kit_stop();
}

/* Connects again and again; each must be answered. */
struct storm {
    pthread_t thread;
    char address[64];
    unsigned good, bad;
    volatile bool stop;
};

static void *storm_run(void *arg)
{
    struct storm *storm = arg;

    while (!storm->stop) {
        int fd = kit_connect_from(storm->address, NULL);
        char answer[16] = "";
        bool good = false;

        if (fd >= 0 && send(fd, "echo ok\n", 8, MSG_NOSIGNAL) == 8)
            good = recv(fd, answer, sizeof(answer), 0) > 0 && answer[0] == 'o';
        if (fd >= 0) {
            close(fd);
        }
        if (good)
            storm->good++;
        else
            storm->bad++;
    }
    return NULL;
}

static void test_handover(void)
{
    struct net_service_options options = {0};
    struct storm storm = {.good = 0};
    int gone = 0, moves = 0;

    kit_start(options, NULL, KIT_PLAIN);
    snprintf(storm.address, sizeof(storm.address), "%s", kit.address);
    pthread_create(&storm.thread, NULL, storm_run, &storm);
    for (; moves < 20; moves++) {
        struct net_service *old = kit.service;

        kit_run(20);
        kit.service = kit_service(options, KIT_PLAIN, old);
        is_str(kit.address, storm.address, "the same socket");
        net_service_stop(old, 1000, on_counted, &gone);
    }
    kit_run(50);
    storm.stop = true;
    kit_run(20);
    pthread_join(storm.thread, NULL);
    is_int(storm.bad, 0, "nobody was refused during %d handovers", moves);
    ok(storm.good > 100, "of %u", storm.good);
    ok(kit_until(gone == moves), "all old services are gone");
    kit_stop();
}

static void test_passed_socket(void)
{
    struct net_service_options options = {0};
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof(any);
    char text[32], url[64];
    int fd, saved;

    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    saved = dup(3);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(fd, (struct sockaddr *)&any, sizeof(any));
    listen(fd, 16);
    getsockname(fd, (struct sockaddr *)&any, &len);
    if (fd != 3) {
        dup2(fd, 3);
        close(fd);
    }
    snprintf(text, sizeof(text), "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", "1", 1);
    snprintf(url, sizeof(url), "line://127.0.0.1:%u", ntohs(any.sin_port));
    kit_start(options, NULL, (const char *const[]){url, NULL});
    ok(!getenv("LISTEN_FDS"), "the variables are not for children");
    ok(fcntl(3, F_GETFD) & FD_CLOEXEC, "nor the socket");
    fd = kit_connect();
    kit_send(fd, "echo passed\n");
    is_str(kit_read(fd, "\n"), "passed\n", "a socket passed by the service manager");
    close(fd);
    kit_stop();
    if (saved >= 0)
        close(saved);
}

/* What a session that does nothing costs, without the kernel's share. */
static size_t heap_used(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;

    if (f) {
        if (fscanf(f, "%lu %lu", &size, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return resident * 4096;
}

static void test_many_idle(void)
{
    struct net_options net_options = {.max_sessions_per_peer = 4000};
    struct net_service_options options = {0};
    enum { MANY = 1500 };
    static int fds[MANY];
    size_t before, after;
    uint64_t begin;
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * MANY + 100)
        return;
    kit_start(options, &net_options, KIT_PLAIN);
    before = heap_used();
    for (unsigned i = 0; i < MANY; i++) {
        fds[i] = kit_connect();
        if (i % 100 == 99)
            kit_until(kit.opens > i);
    }
    ok(kit_until(kit.opens == MANY), "%d sessions", MANY);
    after = heap_used();
    printf("# %zu bytes resident a session\n", (after - before) / MANY);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ok((after - before) / MANY < 2048, "an idle one costs less than 2 KB");
#endif
    begin = uv_hrtime();
    for (int i = 0; i < 100; i++) {
        kit_send(fds[i], "echo x\n");
        kit_read(fds[i], "\n");
    }
    ok(uv_hrtime() - begin < 1000u * 1000 * 1000, "the others are answered soon");
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    kit_stop();
}

/* The kernel's table of descriptors has room for all sessions before the first comes: it
 * grows while the process waits. */
static void test_descriptors_reserved(void)
{
    struct net_options net_options = {.max_sessions = 700};
    unsigned room = 0;
    char line[200];
    FILE *f;

    kit_start((struct net_service_options){0}, &net_options, KIT_PLAIN);
    f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "FDSize: %u", &room) == 1)
            break;
    if (f) {
        fclose(f);
        ok(room > 700, "room for %u descriptors", room);
    } else {
        printf("# no /proc to look into\n");
    }
    kit_stop();
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    test_descriptors_reserved();
    test_addresses();
    test_peers();
    test_echo();
    test_coalescing();
    test_bytewise();
    test_pressure();
    test_stalled();
    test_half_message();
    test_idle();
    test_limit();
    test_many_halves();
    test_half_close();
    test_session_limits();
    test_gone_unseen();
    test_displaced();
    test_descriptors();
    test_stop();
    test_handover();
    test_passed_socket();
    test_many_idle();
    return tap_done();
}
