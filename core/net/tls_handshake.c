/* tls_handshake.c - handshakes, off the loop: their public-key work takes milliseconds,
 * and a storm of them must not make a lookup wait.
 *
 *   waiting (for bytes, then in a list)  ->  lent (a lane takes the step)
 *   ->  stepped (in the turn's work list)  ->  waiting again, or established
 *
 * What was received goes with the stream to the lane, what is to be sent comes back;
 * in between the loop only collects further bytes. A handshake stays on its lane, whose
 * copy of the key it uses; those begun go before new ones, which wait for any lane. */
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "net/internal.h"
#include "net/tls_private.h"

enum {
    /* The next one is there when a lane has finished one, although the loop is busy. */
    LENT_MAX = 2,
    RECORD_MAX = 16384 + 2048 /* longer ones are refused, by the library */
};

struct handshake_lane {
    struct tls_handshakes *all;
    struct lane *lane;
    unsigned lent;
    struct list begun;
};

struct tls_handshakes {
    struct net *net;
    unsigned waiting; /* in `fresh` */
    struct list fresh;
    bool started;
    unsigned n_lanes;
    struct handshake_lane lanes[TLS_LANES_MAX];
};

/* Half of the processors: the loop and others need the rest. */
static unsigned default_lanes(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 4 ? 1 : (unsigned)(processors / 2);
}

struct tls_handshakes *tls_handshakes_create(struct net *net, unsigned lanes)
{
    struct tls_handshakes *h = xcalloc(1, sizeof(*h));

    if (lanes == 0)
        lanes = default_lanes();
    h->net = net;
    h->n_lanes = lanes < TLS_LANES_MAX ? lanes : TLS_LANES_MAX;
    list_init(&h->fresh);
    for (unsigned i = 0; i < h->n_lanes; i++) {
        h->lanes[i].all = h;
        list_init(&h->lanes[i].begun);
    }
    return h;
}

void tls_handshakes_start(struct tls_handshakes *h)
{
    if (h->started)
        return;
    h->started = true;
    for (unsigned i = 0; i < h->n_lanes; i++)
        h->lanes[i].lane = lane_create_background(h->net->loop, "tls");
}

unsigned tls_handshakes_lanes(const struct tls_handshakes *h)
{
    return h->n_lanes;
}

void tls_handshakes_destroy(struct tls_handshakes *h)
{
    if (!h)
        return;
    ensure(list_empty(&h->fresh));
    for (unsigned i = 0; i < h->n_lanes; i++)
        lane_destroy(h->lanes[i].lane);
    free(h);
}

/* ---- on the lane ---------------------------------------------------------------- */

static int set_up(struct stream_tls *t, const struct tls_party *party)
{
    int rc;

    if (t->set_up)
        return 0;
    t->set_up = true;
    mbedtls_ssl_init(&t->ssl);
    rc = mbedtls_ssl_setup(&t->ssl, &party->conf);
    if (rc == 0)
        mbedtls_ssl_set_bio(&t->ssl, t, tls_bio_send, tls_bio_recv, NULL);
    return rc;
}

static void on_step(struct lane_job *job)
{
    struct stream_tls *t = list_entry(job, struct stream_tls, job);
    struct handshake_lane *lane = t->lane;
    struct tls_party *party = &t->context->parties[lane - lane->all->lanes];

    t->worked = true;
    t->result = set_up(t, party);
    if (t->result != 0)
        return;
    t->sink = &t->made;
    t->feed = buffer_data(&t->given);
    t->feed_len = buffer_len(&t->given);
    party->resumed = false;
    t->result = mbedtls_ssl_handshake(&t->ssl);
    t->resumed = t->resumed || party->resumed;
    buffer_take(&t->given, buffer_len(&t->given) - t->feed_len);
    t->feed_len = 0;
}

/* ---- on the loop ---------------------------------------------------------------- */

static void lend_some(struct handshake_lane *lane);

static void on_back(struct lane_job *job)
{
    struct stream_tls *t = list_entry(job, struct stream_tls, job);
    struct handshake_lane *lane = t->lane;

    t->lent = false;
    lane->lent--;
    if (!t->stream) {
        tls_stream_free(t);
    } else if (t->stream->state != STREAM_CLOSED) {
        t->stepped = true;
        net_add_work(t->stream);
    }
    lend_some(lane);
}

static bool is_wanted(const struct ctr_stream *s)
{
    return s->state <= STREAM_OPEN && !s->goodbye && !s->tls->over;
}

static struct ctr_stream *take_first(struct list *list)
{
    struct ctr_stream *s;

    if (list_empty(list))
        return NULL;
    s = list_entry(list->next, struct ctr_stream, handshake);
    list_remove(&s->handshake);
    return s;
}

static struct ctr_stream *next_for(struct handshake_lane *lane)
{
    struct ctr_stream *s;

    do {
        s = take_first(&lane->begun);
        if (!s) {
            s = take_first(&lane->all->fresh);
            if (s)
                lane->all->waiting--;
        }
    } while (s && !is_wanted(s));
    return s;
}

static void lend_some(struct handshake_lane *lane)
{
    struct ctr_stream *s;

    while (lane->lent < LENT_MAX && (s = next_for(lane))) {
        struct stream_tls *t = s->tls;

        t->lane = lane;
        t->lent = true;
        t->worked = false;
        t->records = 0;
        lane->lent++;
        buffer_move(&t->given, &t->kept);
        t->job = (struct lane_job){.work = on_step, .done = on_back};
        list_init(&t->job.link);
        lane_submit(lane->lane, &t->job);
    }
}

/* Part of a record is not worth a step; one too long is, to be refused. */
static bool is_due(const struct stream_tls *t)
{
    return t->records > 0 || t->record_left > RECORD_MAX;
}

static void line_up(struct tls_handshakes *h, struct ctr_stream *s)
{
    if (h->waiting >= h->net->options.handshakes_waiting) {
        tls_stream_failed(s, "too many handshakes wait for their turn");
        return;
    }
    h->waiting++;
    list_append(&h->fresh, &s->handshake);
    for (unsigned i = 0; i < h->n_lanes; i++)
        lend_some(&h->lanes[i]);
}

void handshake_offer(struct ctr_stream *s)
{
    struct stream_tls *t = s->tls;

    if (t->lent || t->stepped || !list_empty(&s->handshake) || !is_due(t))
        return;
    if (!t->lane) {
        line_up(s->service->net->handshakes, s);
        return;
    }
    list_append(&t->lane->begun, &s->handshake);
    lend_some(t->lane);
}

void tls_stream_withdraw(struct ctr_stream *s)
{
    if (list_empty(&s->handshake))
        return;
    list_remove(&s->handshake);
    if (!s->tls->lane)
        s->service->net->handshakes->waiting--;
}

void handshake_disown(struct stream_tls *t)
{
    t->stream = NULL;
    /* In time or not, on_back runs. */
    (void)lane_cancel(t->lane->lane, &t->job);
}
