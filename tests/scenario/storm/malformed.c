/* malformed.c - bytes that are no LDAP, or nearly. */
#include <string.h>

#include "storm.h"

#define DN "uid=sbc,ou=users,dc=contacts"

/* One right message of a kind that random chooses. */
static void some_message(struct storm *storm, struct msg *m)
{
    static const uint8_t tags[] = {0x42, 0x4a, 0x50, 0x66, 0x68, 0x6c, 0x6e, 0x77, 0x65};
    struct msg filter = {0}, controls = {0}, value = {0};
    size_t at;

    switch (storm_random(storm, 6)) {
    case 0:
        msg_bind(m, 1, DN, "wrong");
        break;
    case 1:
        msg_lookup(m, 2, storm_random(storm, STORM_CONTACTS));
        break;
    case 2:
        at = msg_open(&filter, 0xa0);
        msg_contains(&filter, "cn", "ame0");
        msg_present(&filter, "mail");
        msg_close(&filter, at);
        msg_search(m, &(struct search){.id = 3, .scope = 2, .filter = &filter});
        break;
    case 3:
        at = msg_open(&value, 0x30);
        msg_int(&value, 2, 10);
        msg_text(&value, 4, "");
        msg_close(&value, at);
        msg_control(&controls, "1.2.840.113556.1.4.319", true, &value);
        msg_search(m, &(struct search){.id = 4, .scope = 2, .controls = &controls});
        break;
    case 4:
        at = msg_open(m, 0x30);
        msg_int(m, 2, 5);
        msg_text(m, tags[storm_random(storm, sizeof(tags))], "\x04\x01x");
        msg_close(m, at);
        break;
    default:
        at = msg_open(m, 0x30);
        msg_int(m, 2, 6);
        msg_text(m, 0x77,
                 "\x80\x17"
                 "1.3.6.1.4.1.4203.1.11.3");
        msg_close(m, at);
    }
    msg_finish(&filter);
    msg_finish(&controls);
    msg_finish(&value);
}

static void mutated(struct storm *storm, unsigned n)
{
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned changes = 1 + storm_random(storm, 8);

        msg_clear(&m);
        for (unsigned k = storm_random(storm, 3); k < 3; k++)
            some_message(storm, &m);
        while (changes-- > 0)
            m.data[storm_random(storm, (uint32_t)m.n)] =
                (uint8_t)storm_random(storm, 256);
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
}

static void truncated(struct storm *storm, unsigned n)
{
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        msg_clear(&m);
        some_message(storm, &m);
        m.n = storm_random(storm, (uint32_t)m.n);
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
}

/* Replaces the length of a random element (they begin with a tag and 0x84). */
static void lengths(struct storm *storm, unsigned n)
{
    static const char *const lies[] = {"\x84\xff\xff\xff\xff", "\x84\x7f\xff\xff\xff",
                                       "\x84\x80\x00\x00\x00", "\x84\x00\x00\x00\x01",
                                       "\x80\x80\x80\x80\x80", "\x85\x00\x00\x00\x10",
                                       "\x88\xff\xff\xff\xff", "\xff\xff\xff\xff\xff",
                                       "\x83\x01\x00\x00\x00", "\x81\x7f\x81\x7f\x81"};
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        size_t places[64], n_places = 0;

        msg_clear(&m);
        some_message(storm, &m);
        for (size_t at = 1; at + 5 < m.n && n_places < 64; at++)
            if (m.data[at] == 0x84)
                places[n_places++] = at;
        memcpy(m.data + places[storm_random(storm, (uint32_t)n_places)],
               lies[storm_random(storm, 10)], 5);
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
}

static void tags(struct storm *storm, unsigned n)
{
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        size_t at;

        msg_clear(&m);
        some_message(storm, &m);
        do
            at = storm_random(storm, (uint32_t)m.n - 1);
        while (m.data[at + 1] != 0x84);
        m.data[at] = (uint8_t)i;
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
}

static void noise(struct storm *storm, unsigned n)
{
    static const char *const starts[] = {"GET / HTTP/1.1\r\n\r\n",
                                         "\x16\x03\x01\x02\x00\x01",
                                         "\x30\x84\x00\x01\x00\x00",
                                         "SSH-2.0-x\r\n",
                                         "\x30\x80",
                                         "\x30\x0c\x02\x01\x01\x60"};
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        const char *start = starts[storm_random(storm, 6)];
        size_t from;

        msg_clear(&m);
        msg_raw(&m, start, i % 3 ? strlen(start) : 0);
        from = m.n;
        msg_fill(&m, 0, 1 + storm_random(storm, i % 50 ? 300 : 300000));
        for (size_t k = from; k < m.n; k++)
            m.data[k] = (uint8_t)storm_random(storm, 256);
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
}

/* A hello that a server answers with a key exchange: the dear part of a handshake. */
static void hello(struct msg *m)
{
    static const uint8_t head[] = {0x16, 3, 1, 0, 0x5d, 1, 0, 0, 0x59, 3, 3};
    static const uint8_t tail[] = {
        0,    0, 8,    0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 1, 0,    0,
        0x28, 0, 0x0a, 0,    6,    0,    4,    0,    0x1d, 0,    0x17, 0, 0x0b, 0,
        2,    1, 0,    0,    0x0d, 0,    0x14, 0,    0x12, 4,    3,    8, 4,    4,
        1,    5, 3,    8,    5,    5,    1,    8,    6,    6,    1,    2, 3};

    msg_raw(m, head, sizeof(head));
    msg_fill(m, 0x5a, 32);
    msg_raw(m, tail, sizeof(tail));
    m->data[4] = (uint8_t)(m->n - 5);
    m->data[8] = (uint8_t)(m->n - 9);
}

static void start_tls(struct msg *m)
{
    size_t at = msg_open(m, 0x30), op;

    msg_int(m, 2, 1);
    op = msg_open(m, 0x77);
    msg_text(m, 0x80, "1.3.6.1.4.1.1466.20037");
    msg_close(m, op);
    msg_close(m, at);
}

static void tls(struct storm *storm, unsigned n)
{
    struct msg m = {0};

    for (unsigned i = 0; i < n; i++) {
        uint16_t port = i % 4 == 3 ? storm->port : storm->tls_port;

        msg_clear(&m);
        if (i % 4 == 3)
            start_tls(&m);
        hello(&m);
        if (i % 4 == 0)
            m.data[storm_random(storm, (uint32_t)m.n)] ^=
                (uint8_t)(1 + storm_random(storm, 255));
        if (i % 4 == 1)
            m.n = storm_random(storm, (uint32_t)m.n);
        if (i % 4 == 2)
            msg_fill(&m, (uint8_t)storm_random(storm, 256), storm_random(storm, 2000));
        storm_deliver(storm, port, &m);
    }
    msg_finish(&m);
}

/* Hundreds of peers that say hello, get the server's dear answer, and then nothing. */
static void half_handshakes(struct storm *storm, unsigned n)
{
    while (n > 0) {
        unsigned k = n < 200 ? n : 200;
        struct peer *peers = storm_peers(storm, storm->tls_port, k, 50);

        for (unsigned i = 0; i < k; i++) {
            hello(&peers[i].out);
            peers[i].keep = true;
        }
        storm_drive(storm, peers, k, 500);
        storm_peers_end(peers, k, true);
        storm->cases += k;
        n -= k;
    }
}

const struct storm_group storm_malformed[] = {
    {"mutated", mutated, 800, 9000},
    {"truncated", truncated, 300, 5000},
    {"lengths", lengths, 300, 6000},
    {"tags", tags, 300, 6000},
    {"noise", noise, 200, 4000},
    {"tls", tls, 100, 2000},
    {"half-handshakes", half_handshakes, 200, 1200},
    {0},
};
