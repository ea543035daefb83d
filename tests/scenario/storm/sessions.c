/* sessions.c - peers that are too many, too slow, too dear, or gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storm.h"

/* Twenty clients, fifty wrong passwords each. */
static void bind_flood(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, 20, 1);

    for (unsigned i = 0; i < 20; i++)
        for (unsigned k = 0; k < 50; k++) {
            char password[32];

            snprintf(password, sizeof(password), "guess-%u-%u", i, k);
            msg_bind(&peers[i].out, k + 1,
                     k % 4 ? "uid=sbc,ou=users,dc=contacts" : "uid=nobody,dc=contacts",
                     password);
        }
    storm_drive(storm, peers, 20, n);
    storm->cases += 1000;
    storm_peers_end(peers, 20, true);
}

static void unauthenticated(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, 20, 2);

    for (unsigned i = 0; i < 20; i++)
        for (unsigned k = 0; k < n / 20; k++)
            msg_bind(&peers[i].out, k + 1, k % 2 ? "uid=sbc,ou=users,dc=contacts" : "",
                     "");
    storm->hung += storm_drive(storm, peers, 20, STORM_PATIENCE_MS);
    storm->cases += n;
    storm_peers_end(peers, 20, true);
}

static void connects(struct storm *storm, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int fd = storm_connect(storm, i % 2 ? storm->port : storm->tls_port, i / 10);

        storm->hung += fd < 0;
        if (i % 3)
            storm_reset(fd);
        else if (fd >= 0)
            close(fd);
        storm->cases++;
    }
}

/* Begun messages, and messages a byte at a time. */
static void half_messages(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, n, 100);
    struct msg m = {0};

    msg_lookup(&m, 2, 7);
    for (size_t at = 0; at < m.n; at++) {
        for (unsigned i = 0; i < n; i++)
            if (at < m.n - 3 || i % 2)
                if (send(peers[i].fd, m.data + at, 1, MSG_NOSIGNAL) != 1)
                    storm->hung++;
        if (at % 10 == 0)
            storm_sleep_ms(5);
    }
    storm->cases += n;
    storm_peers_end(peers, n, true);
    msg_finish(&m);
}

/* They ask for everything, again and again, and read nothing. */
static void stalled_readers(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, 40, 10);
    struct msg m = {0};

    for (unsigned k = 0; k < 90; k++)
        msg_search(&m, &(struct search){.id = k + 2, .scope = 2});
    for (unsigned i = 0; i < 40; i++) {
        int small = 4096;

        setsockopt(peers[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        if (send(peers[i].fd, m.data, m.n, MSG_NOSIGNAL) <= 0)
            storm->hung++;
    }
    storm_sleep_ms(n);
    storm->cases += 40 * 90;
    storm_peers_end(peers, 40, true);
    msg_finish(&m);
}

static void resets(struct storm *storm, unsigned n)
{
    struct msg m = {0};

    for (unsigned k = 0; k < 5; k++)
        msg_search(&m, &(struct search){.id = k + 2, .scope = 2});
    for (unsigned i = 0; i < n; i++) {
        int fd = storm_connect(storm, storm->port, i);
        char some[512];

        storm->cases++;
        if (fd < 0 || send(fd, m.data, m.n, MSG_NOSIGNAL) <= 0)
            storm->hung++;
        if (i % 2) {
            storm_sleep_ms(1);
            if (recv(fd, some, sizeof(some), 0) == 0)
                storm->hung++;
        }
        storm_reset(fd);
    }
    msg_finish(&m);
}

/* Searches that have to look at every contact, sixty at a time. */
static void scans(struct storm *storm, unsigned n)
{
    static const char *const texts[] = {"a", "zqx", "e", "ame", "0000"};
    struct peer *peers = storm_peers(storm, storm->port, 60, 10);

    for (unsigned i = 0; i < 60; i++)
        for (unsigned k = 0; k < n; k++) {
            struct msg filter = {0};
            size_t at = msg_open(&filter, i % 2 ? 0xa0 : 0xa1);

            msg_contains(&filter, "cn", texts[(i + k) % 5]);
            msg_contains(&filter, i % 3 ? "mail" : "telephoneNumber", "zqx");
            msg_close(&filter, at);
            msg_search(&peers[i].out,
                       &(struct search){.id = k + 2, .scope = 2, .filter = &filter});
            msg_finish(&filter);
        }
    storm->hung += storm_drive(storm, peers, 60, STORM_PATIENCE_MS * 2);
    storm->cases += 60 * n;
    storm_peers_end(peers, 60, true);
}

static void pipelines(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, n, 5);

    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < 2000; k++)
            msg_lookup(&peers[i].out, k + 2, storm_random(storm, STORM_CONTACTS));
    storm->hung += storm_drive(storm, peers, n, STORM_PATIENCE_MS * 2);
    storm->cases += n * 2000;
    storm_peers_end(peers, n, true);
}

static void abandon(struct msg *m, uint32_t id, uint32_t which)
{
    size_t at = msg_open(m, 0x30), op;

    msg_int(m, 2, id);
    if (id % 3) {
        msg_int(m, 0x50, which);
    } else {
        op = msg_open(m, 0x77);
        msg_text(m, 0x80, "1.3.6.1.1.8");
        msg_fill(m, 0x81, 1);
        msg_fill(m, 5, 1);
        msg_raw(m, "\x30\x03\x02\x01", 4);
        msg_fill(m, (uint8_t)(which & 0x7f), 1);
        msg_close(m, op);
    }
    msg_close(m, at);
}

static void abandons(struct storm *storm, unsigned n)
{
    struct peer *peers = storm_peers(storm, storm->port, 20, 5);

    for (unsigned i = 0; i < 20; i++)
        for (unsigned k = 0; k < n; k++) {
            msg_search(&peers[i].out, &(struct search){.id = 2 * k + 2, .scope = 2});
            abandon(&peers[i].out, 2 * k + 3, 2 * (k - storm_random(storm, 3)) + 2);
        }
    storm->hung += storm_drive(storm, peers, 20, STORM_PATIENCE_MS);
    storm->cases += 20 * n;
    storm_peers_end(peers, 20, true);
}

/* 3,000 idle, 300 half a message, 200 that ask and take an answer now and then. */
static void many_sessions(struct storm *storm, unsigned n)
{
    unsigned idle = n * 10, half = n, slow = n * 2 / 3, all = idle + half + slow;
    struct peer *peers = storm_peers(storm, storm->port, all, 200);
    struct msg m = {0};

    msg_lookup(&m, 2, 7);
    for (unsigned i = idle; i < idle + half; i++)
        if (send(peers[i].fd, m.data, m.n / 2, MSG_NOSIGNAL) <= 0)
            storm->hung++;
    for (unsigned turn = 0; turn < (storm->full ? 120U : 15U); turn++) {
        for (unsigned i = idle + half; i < all; i++) {
            char some[64];

            if ((i + turn) % 10 == 0 && send(peers[i].fd, m.data, m.n, MSG_NOSIGNAL) <= 0)
                storm->hung++;
            if (recv(peers[i].fd, some, sizeof(some), 0) == 0)
                storm->hung++;
        }
        storm_sleep_ms(100);
    }
    /* Who began a message and did not end it is gone by now. */
    if (storm->full) {
        storm->hung += storm_drive(storm, peers + idle, half, 1000);
    }
    storm->cases += all;
    storm_peers_end(peers, all, true);
    msg_finish(&m);
}

const struct storm_group storm_sessions[] = {
    {"bind-flood", bind_flood, 3000, 8000},
    {"unauthenticated", unauthenticated, 2000, 20000},
    {"connects", connects, 1000, 10000},
    {"half-messages", half_messages, 100, 300},
    {"stalled-readers", stalled_readers, 2000, 12000},
    {"resets", resets, 300, 3000},
    {"scans", scans, 2, 40},
    {"pipelines", pipelines, 1, 100},
    {"abandons", abandons, 50, 200},
    {"many-sessions", many_sessions, 60, 300},
    {0},
};
