/* link.c - the control socket and the error output of an isolated source's
 * process, at the daemon's end.
 *
 * Sending never waits: what the socket does not take is kept, within a bound. Of what
 * comes in nothing is believed; a frame that breaks the rules ends the process. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "isolate/private.h"

enum {
    OUT_MAX = 32 << 20, /* kept for a process that does not read */
    TURN_US = 500,      /* of frames in one go */
    LOG_PER_SECOND = 50,
    ERRORS_PER_SECOND = 100,
    LINE_MAX_LEN = 400, /* of its error output */
    REQUEST_MS = 50     /* between two requests for a sync */
};

/* Memory of a frame; the secrets of the first one are in it. */
struct frame_out {
    struct list link;
    char *bytes;
    size_t len, cap, sent;
};

/* ---- out ------------------------------------------------------------------------ */

static void frame_out_free(struct isolate *iso, struct frame_out *f)
{
    list_remove(&f->link);
    iso->out_bytes -= f->len;
    wipe(f->bytes, f->cap);
    free(f->bytes);
    free(f);
}

/* returns whether all of it was taken */
static bool send_some(struct isolate *iso, struct frame_out *f)
{
    while (f->sent < f->len) {
        ssize_t n = send(iso->control.fd, f->bytes + f->sent, f->len - f->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0)
            f->sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        else if (errno != EINTR)
            f->sent = f->len; /* it is gone; reading says so, too */
    }
    return true;
}

static void send_all(struct isolate *iso)
{
    list_for_each_safe(it, &iso->out)
    {
        struct frame_out *f = list_entry(it, struct frame_out, link);

        if (!send_some(iso, f))
            break;
        frame_out_free(iso, f);
    }
    intake_want_write(&iso->control, !list_empty(&iso->out));
}

static void on_writable(struct intake *intake)
{
    send_all(list_entry(intake, struct isolate, control));
}

void link_send(struct isolate *iso, struct strbuf *frame)
{
    struct frame_out *f = xcalloc(1, sizeof(*f));

    f->len = frame->len;
    f->cap = frame->cap;
    f->bytes = frame->ptr;
    *frame = (struct strbuf){0};
    iso->out_bytes += f->len;
    list_append(&iso->out, &f->link);
    if (iso->control.fd < 0)
        frame_out_free(iso, f);
    else if (iso->out_bytes > OUT_MAX)
        isolate_break(iso, "hung: it did not read what it was asked");
    else
        send_all(iso);
}

void link_send_u(struct isolate *iso, uint32_t type, uint64_t a)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, type, &at);
    wire_put_u(&frame, a);
    frame_end(&frame, at);
    link_send(iso, &frame);
}

void link_send_ui(struct isolate *iso, uint32_t type, uint64_t a, int64_t b)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, type, &at);
    wire_put_u(&frame, a);
    wire_put_i(&frame, b);
    frame_end(&frame, at);
    link_send(iso, &frame);
}

/* ---- in: what it says ----------------------------------------------------------- */

static int on_failed(struct isolate *iso, struct wire *w)
{
    struct ctr_str reason = wire_str(w);

    if (!wire_done(w) || iso->state != ISOLATE_STARTING)
        return -CTR_EPROTO;
    isolate_break(iso, "cannot start: " STR_FMT, STR_ARG(reason));
    return 0;
}

static int on_started(struct isolate *iso, struct wire *w)
{
    uint32_t flags = wire_u32(w, STARTED_WATCHING);

    if (!wire_done(w) || iso->state != ISOLATE_STARTING)
        return -CTR_EPROTO;
    isolate_started(iso, flags);
    return 0;
}

static int on_log(struct isolate *iso, struct wire *w)
{
    uint32_t level = wire_u32(w, LOG_LEVEL_DEBUG);
    struct ctr_str text = wire_str(w);

    if (!wire_done(w))
        return -CTR_EPROTO;
    level = level <= LOG_LEVEL_ERROR  ? LOG_LEVEL_ERROR
            : level <= LOG_LEVEL_WARN ? LOG_LEVEL_WARN
            : level <= LOG_LEVEL_INFO ? LOG_LEVEL_INFO
                                      : LOG_LEVEL_DEBUG;
    if (rate_allows(&iso->log_rate, LOG_PER_SECOND))
        log_line((enum log_level)level, iso->name, STR_FMT, STR_ARG(text));
    return 0;
}

static int on_metric(struct isolate *iso, struct wire *w)
{
    uint32_t number = wire_u32(w, METRICS_MAX - 1), kind = wire_u32(w, UINT32_MAX);
    struct ctr_str name = wire_str(w), help = wire_str(w);
    char name_z[128], help_z[512];

    if (!wire_done(w) || number != iso->n_metrics || iso->state != ISOLATE_STARTING)
        return -CTR_EPROTO;
    snprintf(name_z, sizeof(name_z), STR_FMT, STR_ARG(name));
    snprintf(help_z, sizeof(help_z), STR_FMT, STR_ARG(help));
    iso->metrics[iso->n_metrics++] = metric_adopt(iso->in, kind, name_z, help_z);
    return 0;
}

static int on_metrics(struct isolate *iso, struct wire *w)
{
    while (w->at < w->end) {
        uint32_t number = wire_u32(w, METRICS_MAX - 1);
        int64_t value = wire_i(w);

        if (w->bad || number >= iso->n_metrics)
            return -CTR_EPROTO;
        if (iso->metrics[number] < 0)
            continue;
        metric_take(iso->in, iso->metrics[number], value);
    }
    return w->bad ? -CTR_EPROTO : 0;
}

static int on_pong(struct isolate *iso, struct wire *w)
{
    uint64_t number = wire_u(w), resident = wire_u(w);

    if (!wire_done(w) || number != iso->pings || iso->asked == 0)
        return -CTR_EPROTO;
    iso->reported = resident;
    iso->asked = 0;
    iso->answered = clock_ms();
    return 0;
}

static int on_request_sync(struct isolate *iso, struct wire *w)
{
    int64_t now = clock_ms();

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (now - iso->sync_requested < REQUEST_MS) {
        iso->sync_wanted = true;
        return 0;
    }
    iso->sync_requested = now;
    iso->peer->request_sync(iso->env, iso->short_name);
    return 0;
}

static int on_frame(struct isolate *iso, uint32_t type, struct ctr_str payload)
{
    struct wire w = wire_of(payload.ptr, payload.len);

    switch (type) {
    case FRAME_FAILED:
        return on_failed(iso, &w);
    case FRAME_STARTED:
        return on_started(iso, &w);
    case FRAME_LOG:
        return on_log(iso, &w);
    case FRAME_METRIC:
        return on_metric(iso, &w);
    case FRAME_METRICS:
        return on_metrics(iso, &w);
    case FRAME_PONG:
        return on_pong(iso, &w);
    case FRAME_REQUEST_SYNC:
        return on_request_sync(iso, &w);
    case FRAME_HITS:
        return isolate_search_hits(iso, &w);
    case FRAME_SEARCH_DONE:
        return isolate_search_done(iso, &w);
    case FRAME_TEST_STEP:
        return isolate_test_step(iso, &w);
    case FRAME_TEST_END:
        return isolate_test_end(iso, &w);
    default:
        return -CTR_EPROTO;
    }
}

static size_t take_frames(struct intake *intake, const uint8_t *data, size_t n)
{
    struct isolate *iso = list_entry(intake, struct isolate, control);
    int64_t end = clock_us() + TURN_US;
    size_t used = 0;

    for (;;) {
        struct ctr_str payload;
        uint32_t type = 0;
        size_t size =
            frame_take(data + used, n - used, FRAME_CONTROL_MAX, &type, &payload);

        if (size == 0)
            return used;
        if (size == SIZE_MAX || on_frame(iso, type, payload) != 0) {
            isolate_break(iso, "broke the protocol of isolation (frame %u)", type);
            return 0;
        }
        if (intake->fd < 0)
            return 0;
        used += size;
        if (clock_us() >= end) {
            intake->again = true;
            return used;
        }
    }
}

/* It ended, or closed its descriptors: the watch finds out. */
static void on_control_ended(struct intake *intake)
{
    isolate_hung_up(list_entry(intake, struct isolate, control));
}

/* ---- in: its error output ------------------------------------------------------- */

static void log_line_of(struct isolate *iso, const uint8_t *line, size_t n)
{
    bool cut = n > LINE_MAX_LEN;
    char text[LINE_MAX_LEN + sizeof("...")];

    if (n == 0 || !rate_allows(&iso->error_rate, ERRORS_PER_SECOND))
        return;
    snprintf(text, sizeof(text), "%.*s%s", cut ? LINE_MAX_LEN : (int)n,
             (const char *)line, cut ? "..." : "");
    conf_values_mask(iso->values, text);
    log_warn(iso->name, "output text=%s", log_quoted(text));
}

static size_t take_lines(struct intake *intake, const uint8_t *data, size_t n)
{
    struct isolate *iso = list_entry(intake, struct isolate, errors);
    size_t used = 0;

    while (used < n) {
        const uint8_t *end = memchr(data + used, '\n', n - used);
        size_t len = end ? (size_t)(end - (data + used)) : n - used;

        if (!end && len < LINE_MAX_LEN)
            break;
        log_line_of(iso, data + used, len);
        used += len + (end ? 1 : 0);
    }
    return used;
}

static void on_errors_ended(struct intake *intake)
{
    struct isolate *iso = list_entry(intake, struct isolate, errors);

    log_line_of(iso, intake->bytes, intake->len);
    intake_close(intake);
}

/* ---- both ----------------------------------------------------------------------- */

static void on_closed(struct intake *intake)
{
    (void)intake; /* the watch looks whether all of it is over */
}

void link_open(struct isolate *iso, int control, int errors)
{
    iso->control = (struct intake){.take = take_frames,
                                   .ended = on_control_ended,
                                   .writable = on_writable,
                                   .closed = on_closed};
    iso->errors = (struct intake){
        .take = take_lines, .ended = on_errors_ended, .closed = on_closed};
    intake_open(&iso->control, iso->env->loop, control,
                FRAME_CONTROL_MAX + sizeof(struct frame_head));
    intake_open(&iso->errors, iso->env->loop, errors, LINE_MAX_LEN);
}

void link_close(struct isolate *iso)
{
    intake_close(&iso->control);
    intake_drain(&iso->errors); /* its last words */
    intake_close(&iso->errors);
    list_for_each_safe(it, &iso->out)
        frame_out_free(iso, list_entry(it, struct frame_out, link));
}

bool link_is_closed(const struct isolate *iso)
{
    return !intake_is_open(&iso->control) && !intake_is_open(&iso->errors);
}
