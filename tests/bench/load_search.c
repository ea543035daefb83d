/* load_search.c - what the load client asks, and whether the answers are right. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "measure.h"

#define RX_CAP      (1u << 20)
#define TIME_LIMIT  3 /* result codes */
#define ADMIN_LIMIT 11

static uint32_t next_q;

/* ---- searches ------------------------------------------------------------------ */

static void add_search(conn *c, uint64_t start)
{
    uint16_t i = c->free_slots[--c->nfree];
    slot *s = &c->slots[i];
    query *q = &load.set.queries[next_q];
    size_t at = c->out.len;

    *s = (slot){.start = start, .q = next_q, .busy = 1};
    if (++next_q == load.set.n)
        next_q = 0;
    put_bytes(&c->out, load.set.wire.p + q->at, q->len);
    c->out.p[at + q->id_at + 2] = (uint8_t)(i >> 8);
    c->out.p[at + q->id_at + 3] = (uint8_t)i;
    c->inflight++;
    if (!opt.sessions)
        load.issued++;
}

uint64_t search_due(uint64_t k)
{
    return load.t0 + (uint64_t)((double)k * 1e9 / opt.rate);
}

void conn_supply(conn *c, uint64_t now)
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
        list_idle(c, now);
    if (c->out.len && !c->wants_out)
        conn_flush(c);
}

void issue_due(uint64_t now)
{
    while (load.nidle && may_issue() && search_due(load.issued) <= now) {
        conn *c = load.idle[0]; /* oldest first, so that all connections take turns */

        memmove(load.idle, load.idle + 1, sizeof *load.idle * (size_t)--load.nidle);
        c->idle_listed = 0;
        if (c->idle_since <= search_due(load.issued) &&
            now - search_due(load.issued) > load.late)
            load.late = now - search_due(load.issued);
        if (opt.sessions)
            session_begin(c, search_due(load.issued));
        else {
            uint64_t since = c->idle_since;

            add_search(c, search_due(load.issued));
            conn_flush(c);
            list_idle(c, since);
        }
    }
}

static void search_done(conn *c, unsigned i, uint32_t rc, uint64_t now)
{
    slot *s = &c->slots[i];
    uint32_t want = load.set.queries[s->q].expect, lim = (uint32_t)opt.form.sizelimit;
    int cut = lim && want > lim, ok;
    int gave_up = opt.may_give_up && (rc == TIME_LIMIT || rc == ADMIN_LIMIT);

    if (cut)
        want = lim;
    ok = s->entries == want && !s->bad &&
         (rc == (cut ? 4u : 0u) || (lim && want == lim && rc == 4));
    load.given_up += (uint64_t)gave_up;
    if (!ok && !(gave_up && s->entries <= want) && load.wrong++ < 3)
        fprintf(stderr, "wrong answer: query %u: rc %u, %u entries, expected %u\n",
                s->q + 1, rc, s->entries, want);
    hist_add(now - s->start);
    load.entries += s->entries;
    load.done_ops++;
    s->busy = 0;
    c->free_slots[c->nfree++] = (uint16_t)i;
    c->inflight--;
}

/* ---- answers ------------------------------------------------------------------- */

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
        load.bound++;
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
        if (load.wrong++ < 3)
            fprintf(stderr, "answer to no request: id %x op %02x rc %u\n", id, op, rc);
        return 0;
    }
    if (op == 0x64) {
        c->slots[i].entries++;
        if (!memmem(p, l, opt.form.attrs, strcspn(opt.form.attrs, ",")))
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

int conn_read(conn *c)
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
    load.rx_bytes += (uint64_t)n;
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
    conn_supply(c, now);
    return c->ssl != NULL;
}
