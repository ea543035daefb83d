/* extension.c - the table a front end gets as extension contactor.net/1.
 *
 * Every call only notes and appends; what follows from it happens in a later callback, so
 * a front end is never called from within its own calls. */
#include "base/error.h"
#include "net/internal.h"
#include "net/tls.h"

/* Open, or saying its goodbye. */
static bool takes_output(const struct ctr_stream *s)
{
    return s->state == STREAM_OPEN && !s->broken;
}

static int32_t ext_write(struct ctr_stream *s, const void *data, uint64_t n)
{
    if (!takes_output(s))
        return -CTR_EIO;
    /* More than may ever be queued is not worth the memory. */
    if (n > s->service->options.max_queue) {
        s->service->stats.dropped_slow++;
        stream_abort(s, CTR_CLOSE_SLOW);
        return -CTR_EIO;
    }
    buffer_add(&s->out, data, (size_t)n);
    return output_added(s);
}

static uint8_t *ext_reserve(struct ctr_stream *s, uint64_t n)
{
    if (!takes_output(s) || n > s->service->options.max_queue)
        return NULL;
    buffer_take_spare(&s->out, &s->service->net->spare);
    return buffer_room(&s->out, (size_t)n);
}

static int32_t ext_commit(struct ctr_stream *s, uint64_t used)
{
    if (!takes_output(s))
        return -CTR_EIO;
    buffer_added(&s->out, (size_t)used);
    return output_added(s);
}

static uint64_t ext_queued(struct ctr_stream *s)
{
    return output_queued(s);
}

static void ext_pause(struct ctr_stream *s)
{
    s->paused = true;
    s->present = false;
    timing_disarm(s, TIMING_RECEIVE);
    stream_update_reading(s);
}

static void ext_resume(struct ctr_stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (s->state != STREAM_OPEN)
        return;
    s->present = true;
    net_add_work(s);
}

static void ext_set_limit(struct ctr_stream *s, uint64_t max)
{
    s->limit = max;
}

static void ext_set_busy(struct ctr_stream *s, uint32_t busy)
{
    if (s->busy == (busy != 0))
        return;
    s->busy = busy != 0;
    if (s->state != STREAM_OPEN)
        return;
    if (s->busy) {
        timing_disarm(s, TIMING_IDLE);
        return;
    }
    timing_arm(s, TIMING_IDLE);
    if (s->eof || s->draining)
        net_add_work(s);
}

static int32_t ext_start_tls(struct ctr_stream *s)
{
    if (!s->service->tls)
        return -CTR_ENOTSUP;
    if (s->tls || s->tls_requested)
        return -CTR_EINVAL;
    if (s->state != STREAM_OPEN || s->goodbye || s->broken)
        return -CTR_EIO;
    if (!s->in_data && buffer_len(&s->in) > 0)
        return -CTR_EPROTO;
    /* What was written up to here leaves in clear. */
    buffer_move(&s->wire, &s->out);
    net_add_dirty(s);
    if (s->in_data) {
        /* How much of what is being shown is the request, on_data's return tells. */
        s->tls_requested = true;
        return 0;
    }
    tls_stream_begin(s);
    timing_arm(s, TIMING_HANDSHAKE);
    return 0;
}

static void ext_close(struct ctr_stream *s)
{
    stream_end(s, CTR_CLOSE_LOCAL);
}

static void ext_abort(struct ctr_stream *s)
{
    stream_abort(s, CTR_CLOSE_LOCAL);
}

const struct ctr_net net_extension = {
    .size = sizeof(net_extension),
    .write = ext_write,
    .reserve = ext_reserve,
    .commit = ext_commit,
    .queued = ext_queued,
    .pause = ext_pause,
    .resume = ext_resume,
    .set_limit = ext_set_limit,
    .set_busy = ext_set_busy,
    .start_tls = ext_start_tls,
    .close = ext_close,
    .abort = ext_abort,
};
