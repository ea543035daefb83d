/* front.c - checks of front ends: bytes in pieces, garbage, streams that end at any time,
 * clients that do not read, TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "probe.h"

static uint32_t chance(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*seed * n) >> 32);
}

static struct testhost *front_start(struct subject *s, uint32_t contacts)
{
    struct testhost *t = subject_host(s);

    probe_host(t);
    clients_directory(t, contacts);
    if (testhost_start(t) != 0)
        check_fail("It must start each time with the same options.",
                   "it started once, and then it did not: %s", t->failure);
    return t;
}

static void no_queries(const struct testhost *t)
{
    if (t->queries_open || t->auths_open)
        check_fail("In on_close cancel what is under way: query_cancel, "
                   "authenticate_cancel.",
                   "a stream has ended, and %u of its requests go on",
                   t->queries_open + t->auths_open);
}

/* --- pieces ---------------------------------------------------------------------------
 */

struct answer {
    uint8_t *bytes;
    uint64_t n;
};

/* How an exchange is cut: all at once, each byte alone, anyhow. */
enum { WHOLE, BYTES, RANDOM };

static struct answer exchange_run(struct subject *s, const struct exchange *e, int cut,
                                  uint32_t *queries)
{
    struct testhost *t = front_start(s, 20);
    struct ctr_stream *stream = testhost_connect(t, "127.0.0.1", CTR_PEER_LOOPBACK);
    struct answer a = {NULL, 0};
    const uint8_t *out;
    uint32_t seed = 7;
    uint64_t n;

    for (uint64_t at = 0; stream && at < e->n; at += n) {
        n = cut == WHOLE ? e->n : cut == BYTES ? 1 : 1 + chance(&seed, 9);
        n = n < e->n - at ? n : e->n - at;
        testhost_feed(stream, e->bytes + at, n);
    }
    if (stream) {
        out = testhost_output(stream, &a.n);
        a.bytes = malloc((size_t)a.n + 1);
        if (!a.bytes)
            abort();
        if (a.n)
            memcpy(a.bytes, out, (size_t)a.n);
        testhost_hangup(stream);
        no_queries(t);
    }
    *queries = t->queries;
    testhost_destroy(t);
    return a;
}

static bool same(struct answer a, struct answer b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.bytes, b.bytes, (size_t)a.n) == 0);
}

static void pieces_compare(struct subject *s, const struct exchange *e, uint32_t *queries)
{
    struct answer whole = exchange_run(s, e, WHOLE, queries), cut;
    struct answer again = exchange_run(s, e, WHOLE, queries);
    uint32_t n;

    for (int how = BYTES; how <= RANDOM && same(whole, again); how++) {
        check_step("%s, %s", e->name,
                   how == BYTES ? "each byte alone" : "in random pieces");
        cut = exchange_run(s, e, how, &n);
        if (!same(whole, cut))
            check_fail(
                "Consume whole messages only: return how many bytes they have, and "
                "the rest is presented again with more.",
                "%s is answered with %llu bytes when it comes at once, with %llu "
                "when it comes %s",
                e->name, (unsigned long long)whole.n, (unsigned long long)cut.n,
                how == BYTES ? "byte by byte" : "in pieces");
        free(cut.bytes);
    }
    free(whole.bytes);
    free(again.bytes);
}

static void pieces_run(struct subject *s)
{
    uint32_t queries, all = 0;

    probe_plugin(s);
    for (uint32_t i = 0; i < s->clients->n; i++) {
        check_step("%s, all at once", s->clients->at[i].name);
        pieces_compare(s, &s->clients->at[i], &queries);
        all += queries;
    }
    if (all == 0)
        check_warn("Give --exchange FILE with the bytes a client of this protocol sends: "
                   "then its queries are checked, too.",
                   "nothing that was sent led to a query");
    check_note("%u exchanges, at once, byte by byte and in random pieces; %u queries",
               s->clients->n, all);
    probe_reset();
}

const struct check check_pieces = {
    .name = "pieces",
    .rule = "It does not matter in which pieces bytes arrive.",
    .where = "ext/net.h (on_data)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 60,
    .run = pieces_run,
};

/* --- garbage --------------------------------------------------------------------------
 */

/* Random bytes, or an exchange with some bytes changed, cut or doubled. */
static uint64_t make_noise(const struct subject *s, uint32_t *seed, uint8_t *out,
                           uint64_t cap)
{
    const struct exchange *e = &s->clients->at[chance(seed, s->clients->n)];
    uint64_t n = e->n < cap ? e->n : cap;

    if (chance(seed, 3) == 0) {
        n = 1 + chance(seed, 2000);
        for (uint64_t i = 0; i < n; i++)
            out[i] = (uint8_t)chance(seed, 256);
        return n;
    }
    memcpy(out, e->bytes, (size_t)n);
    for (uint32_t k = 1 + chance(seed, 6); k > 0; k--)
        out[chance(seed, (uint32_t)n)] = (uint8_t)chance(seed, 256);
    if (chance(seed, 3) == 0)
        n = 1 + chance(seed, (uint32_t)n);
    if (chance(seed, 4) == 0 && n * 2 <= cap) {
        memcpy(out + n, out, (size_t)n);
        n *= 2;
    }
    return n;
}

static void noise_run(struct subject *s)
{
    enum { STREAMS = 2000, CAP = 1 << 20 };
    struct testhost *t;
    uint8_t *bytes = malloc(CAP);
    int64_t until = usage_ms() + 10000;
    uint32_t seed = 1, done = 0;

    if (!bytes)
        abort();
    probe_plugin(s);
    t = front_start(s, 20);
    for (; done < STREAMS && usage_ms() < until; done++) {
        struct ctr_stream *stream =
            testhost_connect(t, done % 2 ? "2001:db8::7" : "unix", done % 4);
        uint64_t n = make_noise(s, &seed, bytes, CAP);

        check_step("garbage, stream %u", done + 1);
        t->defer_queries = done % 3 == 0;
        t->query_status = done % 7 == 0 ? -CTR_ETIMEDOUT : done % 5 == 0 ? -CTR_ESIZE : 0;
        if (!stream)
            continue;
        testhost_feed(stream, bytes, n / 2);
        testhost_feed(stream, bytes + n / 2, n - n / 2);
        if (done % 2)
            testhost_goodbye(stream, CTR_CLOSE_SLOW);
        else
            testhost_hangup(stream);
        no_queries(t);
    }
    free(bytes);
    testhost_destroy(t);
    check_note("%u streams of garbage", done);
    probe_reset();
}

const struct check check_noise = {
    .name = "noise",
    .rule = "Whatever bytes a peer sends, the front end answers, waits or ends the "
            "stream.",
    .where = "ext/net.h (on_data)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 60,
    .run = noise_run,
};

/* --- without an end -------------------------------------------------------------------
 */

/* returns by how much memory grew while the stream was fed, the host's aside */
static uint64_t feed_on(const struct testhost *t, struct ctr_stream *stream,
                        uint8_t filler, uint64_t most)
{
    enum { PIECE = 65536, PIECES = 256 };
    static uint8_t piece[PIECE];
    uint64_t before = usage_memory() - t->allocated, now = before, out;
    int64_t until = usage_ms() + 1000;

    memset(piece, filler, sizeof(piece));
    for (uint32_t n = 0; n < PIECES && now < before + most; n++) {
        if (testhost_closed(stream) || usage_ms() > until)
            break;
        testhost_feed(stream, piece, sizeof(piece));
        testhost_output(stream, &out);
        testhost_take(stream, out);
        now = usage_memory() - t->allocated;
    }
    return now > before && !testhost_closed(stream) ? now - before : 0;
}

static void endless_one(struct testhost *t, const struct exchange *e, uint64_t from,
                        uint8_t filler)
{
    enum { KEEP_MAX = 2 << 20 };
    struct ctr_stream *stream = testhost_connect(t, "192.0.2.1", CTR_PEER_LOOPBACK);
    uint64_t most, grown;

    if (!stream)
        return;
    testhost_feed(stream, e->bytes, from);
    /* The host's own: what waits for its end, and a copy of it, each twice for growing.
     */
    most = 4 * (probe.limit > 256 * 1024 ? probe.limit : 256 * 1024) + KEEP_MAX;
    grown = feed_on(t, stream, filler, most);
    if (grown >= most)
        check_fail(
            "Keep a limit on what one client may make you keep, and end the stream "
            "beyond it; unconsumed bytes the host limits for you (set_limit).",
            "a client that sends without an end made it keep %llu KiB, and it would "
            "go on",
            (unsigned long long)(grown / 1024));
    testhost_hangup(stream);
    no_queries(t);
}

static void endless_run(struct subject *s)
{
    static const uint8_t fillers[] = {'a', 0, 0x30, '\n', 0xff};
    struct testhost *t;

    probe_plugin(s);
    for (uint32_t i = 0; i < s->clients->n; i++)
        for (size_t k = 0; k < sizeof(fillers); k++) {
            t = front_start(s, 1);
            check_step("16 MiB of byte %#x after half of %s", fillers[k],
                       s->clients->at[i].name);
            endless_one(t, &s->clients->at[i], s->clients->at[i].n / 2, fillers[k]);
            testhost_destroy(t);
        }
    check_note("messages without an end are bounded");
    probe_reset();
}

const struct check check_endless = {
    .name = "endless",
    .rule = "What one client can make the front end keep is bounded.",
    .where = "ext/net.h (set_limit)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 120,
    .run = endless_run,
};

/* --- streams that end -----------------------------------------------------------------
 */

enum { ENDS = 5 };

/* The exchange up to `at`, queries held back; then one of the ways a stream ends. */
static void hangup_at(struct testhost *t, const struct exchange *e, uint64_t at, int how)
{
    struct ctr_stream *stream = testhost_connect(t, "127.0.0.1", CTR_PEER_LOOPBACK);

    if (!stream)
        return;
    t->hold_queries = true;
    testhost_feed(stream, e->bytes, at);
    if (how == 3) { /* some of the answer is on its way */
        t->batch = 1;
        testhost_release(t);
    }
    if (how == 4)
        t->hold_queries = false;
    if (how == 0 || how == 3)
        testhost_hangup(stream);
    else
        testhost_goodbye(stream, how == 1 ? CTR_CLOSE_SHUTDOWN : CTR_CLOSE_IDLE);
    no_queries(t);
    t->hold_queries = false;
    t->batch = 0;
    testhost_release(t);
}

static void hangup_run(struct subject *s)
{
    int64_t until = usage_ms() + 10000;
    struct testhost *t;
    uint32_t done = 0;

    probe_plugin(s);
    t = front_start(s, 20);
    for (uint32_t i = 0; i < s->clients->n; i++) {
        const struct exchange *e = &s->clients->at[i];
        uint64_t step = e->n / 200 + 1;

        for (uint64_t at = 0; at <= e->n && usage_ms() < until; at += step)
            for (int how = 0; how < ENDS; how++, done++) {
                check_step("the stream ends after byte %llu of %s",
                           (unsigned long long)at, e->name);
                hangup_at(t, e, at, how);
            }
    }
    check_note("streams ended at %u places, %u queries in all", done, t->queries);
    check_step("stop, with streams open and queries under way");
    for (uint32_t i = 0; i < s->clients->n; i++) {
        struct ctr_stream *stream = testhost_connect(t, "127.0.0.1", CTR_PEER_LOOPBACK);

        t->hold_queries = true;
        if (stream)
            testhost_feed(stream, s->clients->at[i].bytes, s->clients->at[i].n);
    }
    testhost_destroy(t);
    probe_reset();
}

const struct check check_hangup = {
    .name = "hangup",
    .rule = "A stream may end at any time, with queries under way: on_close cancels them "
            "and frees everything.",
    .where = "ext/net.h (on_close, on_goodbye), host.h (query_cancel)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 90,
    .run = hangup_run,
};

/* --- clients that do not read ---------------------------------------------------------
 */

/* Reads a little at a time. returns all that came */
static uint64_t read_slowly(struct ctr_stream *stream, uint64_t *largest)
{
    uint64_t all = 0, n;

    for (uint32_t i = 0; i < 1000000; i++) {
        testhost_output(stream, &n);
        *largest = n > *largest ? n : *largest;
        if (n == 0)
            return all;
        n = n < 97 ? n : 97;
        all += n;
        testhost_take(stream, n);
    }
    check_fail("End the answer.", "an answer does not end");
}

static uint64_t pressure_one(struct subject *s, const struct exchange *e, uint64_t limit,
                             uint64_t *largest)
{
    struct testhost *t = front_start(s, 400);
    struct ctr_stream *stream;
    uint64_t all = 0;

    t->queue_limit = limit;
    t->batch = 4;
    stream = testhost_connect(t, "127.0.0.1", CTR_PEER_LOOPBACK);
    if (stream) {
        testhost_feed(stream, e->bytes, e->n);
        all = read_slowly(stream, largest);
        testhost_hangup(stream);
        no_queries(t);
    }
    testhost_destroy(t);
    return all;
}

static void pressure_run(struct subject *s)
{
    enum { LIMIT = 512, PATIENCE = 4096 };
    uint64_t largest = 0, ignored = 0, all = 0;

    probe_plugin(s);
    for (uint32_t i = 0; i < s->clients->n; i++) {
        const struct exchange *e = &s->clients->at[i];
        uint64_t free_run, held;

        check_step("%s, by a client that reads at once", e->name);
        free_run = pressure_one(s, e, 0, &ignored);
        check_step("%s, by a client that reads slowly", e->name);
        held = pressure_one(s, e, LIMIT, &largest);
        if (held < free_run)
            check_fail("Go on in on_drain: query_resume, and what you kept back.",
                       "%s: a client that reads slowly gets %llu of %llu bytes", e->name,
                       (unsigned long long)held, (unsigned long long)free_run);
        all += held;
    }
    if (largest > PATIENCE)
        check_warn("After a write that said -CTR_EPAUSE let on_hits return -CTR_EPAUSE, "
                   "and call query_resume in on_drain; else the daemon drops clients at "
                   "max_queue.",
                   "it goes on writing after -CTR_EPAUSE: %llu bytes were waiting",
                   (unsigned long long)largest);
    check_note("%llu bytes read slowly, at most %llu were waiting",
               (unsigned long long)all, (unsigned long long)largest);
    probe_reset();
}

const struct check check_pressure = {
    .name = "pressure",
    .rule = "A client that reads slowly gets the whole answer, and less is written while "
            "it does not read.",
    .where = "ext/net.h (write, on_drain), query.h (on_hits)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 90,
    .run = pressure_run,
};

/* --- TLS ------------------------------------------------------------------------------
 */

/* refused: no certificate; failed: there is something behind the request in clear. */
static void tls_one(struct testhost *t, const struct exchange *e, uint32_t flags,
                    bool more, uint32_t *began)
{
    struct ctr_stream *stream = testhost_connect(t, "192.0.2.1", flags);

    if (!stream)
        return;
    testhost_feed(stream, e->bytes, e->n);
    if (more)
        testhost_feed(stream, e->bytes, e->n);
    *began += testhost_tls(stream);
    if (testhost_tls(stream) && !testhost_closed(stream))
        testhost_feed(stream, e->bytes, e->n);
    testhost_hangup(stream);
    no_queries(t);
}

static void tls_run(struct subject *s)
{
    struct testhost *t;
    uint32_t began = 0;

    probe_plugin(s);
    t = front_start(s, 5);
    for (uint32_t i = 0; i < s->clients->n; i++) {
        const struct exchange *e = &s->clients->at[i];

        check_step("%s, where start_tls is refused", e->name);
        tls_one(t, e, 0, false, &began);
        tls_one(t, e, 0, true, &began);
        check_step("%s, where start_tls works", e->name);
        tls_one(t, e, CTR_PEER_CAN_TLS, false, &began);
        tls_one(t, e, CTR_PEER_CAN_TLS, true, &began);
        check_step("%s, over TLS from the first byte", e->name);
        tls_one(t, e, CTR_PEER_TLS, false, &began);
    }
    if (probe.tls_asked == 0)
        check_note("start_tls was never asked for; TLS from the first byte works");
    else
        check_note("start_tls asked for %u times: refused, failed and done",
                   probe.tls_asked);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_tls = {
    .name = "tls",
    .rule = "A start_tls that is refused or fails is told to the client or ends the "
            "stream.",
    .where = "ext/net.h (start_tls, on_tls)",
    .needs = NEEDS_FRONTEND | NEEDS_START,
    .seconds = 60,
    .run = tls_run,
};
