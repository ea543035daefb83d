/* storm.h - a stranger's attack on a running daemon: what the files of storm/ share.
 *
 *   main      the groups one after the other, each judged from outside (main.c)
 *   watch     a caller lookup every 5 ms, memory, descriptors (watch.c)
 *   peers     connections: one case, or many at once (peers.c)
 *   msg       LDAP messages, right ones and others (msg.c)
 *   groups    malformed.c, requests.c, sessions.c */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORM_CONTACTS = 10000, STORM_PATIENCE_MS = 15000 };

struct storm {
    uint16_t port, tls_port;
    int pid;
    bool full;
    unsigned cases, source;
    uint64_t random;
    unsigned hung; /* cases that did not end */
};

struct storm_group {
    const char *name;
    void (*run)(struct storm *storm, unsigned n);
    unsigned quick, full; /* n */
};

extern const struct storm_group storm_malformed[], storm_requests[], storm_sessions[];

uint32_t storm_random(struct storm *storm, uint32_t below);
uint64_t storm_now_us(void);
void storm_sleep_ms(unsigned ms);

/* ---- msg ---- */

struct msg {
    uint8_t *data;
    size_t n, cap;
};

void msg_clear(struct msg *m);
void msg_finish(struct msg *m);
void msg_raw(struct msg *m, const void *data, size_t n);
void msg_fill(struct msg *m, uint8_t byte, size_t n);
/* A length of four bytes, filled in by msg_close. */
size_t msg_open(struct msg *m, uint8_t tag);
void msg_close(struct msg *m, size_t at);
void msg_bytes(struct msg *m, uint8_t tag, const void *data, size_t n);
void msg_text(struct msg *m, uint8_t tag, const char *text);
void msg_int(struct msg *m, uint8_t tag, int64_t value);

struct search {
    uint32_t id;
    const char *base; /* NULL: all contacts */
    int64_t scope, deref, size, seconds;
    struct msg *filter, *attributes, *controls; /* encoded; NULL: the usual */
};

void msg_bind(struct msg *m, uint32_t id, const char *dn, const char *password);
void msg_search(struct msg *m, const struct search *s);
void msg_equal(struct msg *m, const char *attribute, const void *value, size_t n);
/* "(attribute=*text*)" */
void msg_contains(struct msg *m, const char *attribute, const char *text);
void msg_present(struct msg *m, const char *attribute);
void msg_control(struct msg *m, const char *oid, bool critical, const struct msg *value);
/* The lookup of contact i. */
void msg_lookup(struct msg *m, uint32_t id, unsigned i);

/* ---- peers ---- */

struct peer {
    int fd;
    struct msg out;
    size_t sent, received;
    bool keep; /* does not end its side when all is sent */
    bool over;
};

/* A connection from 127.0.1.x, another x each time `source` differs; -1: refused. */
int storm_connect(struct storm *storm, uint16_t port, unsigned source);
void storm_reset(int fd);
/* Sends, ends its side and reads until the server has closed. Counts a case. */
void storm_deliver(struct storm *storm, uint16_t port, const struct msg *m);
/* Drives them all until every one is over or time is up; returns how many are not. */
unsigned storm_drive(struct storm *storm, struct peer *peers, unsigned n, unsigned ms);
struct peer *storm_peers(struct storm *storm, uint16_t port, unsigned n,
                         unsigned per_source);
void storm_peers_end(struct peer *peers, unsigned n, bool reset);

/* ---- watch ---- */

struct watch_result {
    unsigned lookups, wrong;
    double median_ms, p99_ms, max_ms;
    long rss_before, rss_peak, rss_after; /* kB */
    int fds_before, fds_after;
    unsigned fds_ms; /* until they were back */
    bool alive;
};

void watch_begin(struct storm *storm);
void watch_end(struct storm *storm, struct watch_result *out);
long watch_rss_kb(int pid);

#endif
