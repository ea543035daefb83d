/* check.c - a plugin's look at its options, in a process of its own: what crashes
 * or hangs there is told as a mistake of the configuration, and the daemon goes on.
 *
 * The only place where the loop waits for such a process, and not for long. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "conf/pack.h"
#include "isolate/private.h"

enum { CHECK_MS = 5000, REAP_MS = 2000, READ_CHUNK = 4096 };

struct checking {
    const struct ctr_config *values;
    struct isolate_process process;
    int64_t until;
    struct strbuf in;
    bool answered, late, wrong;
    int status;
    char *error;
    size_t cap;
};

/* returns false when time is up */
static bool wait_for(struct checking *c, short events)
{
    struct pollfd p = {.fd = c->process.control, .events = events};
    int64_t left;
    int rc;

    do {
        left = c->until - clock_ms();
        rc = left > 0 ? poll(&p, 1, (int)left) : 0;
    } while (rc < 0 && errno == EINTR);
    c->late = rc <= 0;
    return rc > 0;
}

static void send_hello(struct checking *c, const struct plugin *plugin,
                       const struct isolate_options *options)
{
    struct hello hello = {.options = *options,
                          .log_level = LOG_LEVEL_WARN,
                          .check_only = true,
                          .path = str_of(plugin->path),
                          .name = str_of(conf_values_section(c->values))};
    struct strbuf frame = {0};
    size_t sent = 0;

    hello_make(&frame, &hello, c->values);
    while (sent < frame.len && wait_for(c, POLLOUT)) {
        ssize_t n = send(c->process.control, frame.ptr + sent, frame.len - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            break; /* it is gone: reading tells */
        sent += n > 0 ? (size_t)n : 0;
    }
    wipe(frame.ptr, frame.cap);
    strbuf_finish(&frame);
}

/* ---- the answer ----------------------------------------------------------------- */

static void take_checked(struct checking *c, struct wire *w)
{
    struct ctr_str reason;

    c->status = wire_i32(w);
    reason = wire_str(w);
    snprintf(c->error, c->cap, STR_FMT, STR_ARG(reason));
    while (w->at < w->end) {
        uint32_t line = wire_u32(w, UINT32_MAX);
        struct ctr_str text = wire_str(w);
        char *text_z = xstrndup(text.ptr ? text.ptr : "", text.len);

        if (!w->bad)
            conf_values_complain(c->values, line, text_z);
        free(text_z);
    }
    c->answered = wire_done(w);
    c->wrong = w->bad;
}

static void take_frame(struct checking *c, uint32_t type, struct ctr_str payload)
{
    struct wire w = wire_of(payload.ptr, payload.len);
    struct ctr_str text;

    switch (type) {
    case FRAME_CHECKED:
        take_checked(c, &w);
        return;
    case FRAME_FAILED:
        text = wire_str(&w);
        snprintf(c->error, c->cap, STR_FMT, STR_ARG(text));
        c->status = -CTR_ECONF;
        c->answered = true;
        return;
    case FRAME_LOG:
        wire_u32(&w, LOG_LEVEL_DEBUG);
        text = wire_str(&w);
        log_warn(conf_values_section(c->values), STR_FMT, STR_ARG(text));
        return;
    default:
        c->wrong = true;
    }
}

/* The next frame of what was read; false: it is not whole yet. */
static bool take_next(struct checking *c)
{
    struct ctr_str payload;
    uint32_t type = 0;
    size_t size = frame_take((const uint8_t *)c->in.ptr, c->in.len, FRAME_CONTROL_MAX,
                             &type, &payload);

    if (size == 0)
        return false;
    if (size == SIZE_MAX) {
        c->wrong = true;
        return true;
    }
    take_frame(c, type, payload);
    memmove(c->in.ptr, c->in.ptr + size, c->in.len - size);
    c->in.len -= size;
    return true;
}

static bool is_open(const struct checking *c)
{
    return !c->answered && !c->wrong;
}

static void read_answer(struct checking *c)
{
    char chunk[READ_CHUNK];
    ssize_t n;

    while (is_open(c) && wait_for(c, POLLIN)) {
        n = recv(c->process.control, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return;
        strbuf_add(&c->in, chunk, n > 0 ? (size_t)n : 0);
        while (is_open(c) && take_next(c))
            ;
    }
}

/* What it wrote last, if it wrote anything: a library's complaint before an abort. */
static void tell_output(struct checking *c)
{
    char text[512];
    ssize_t n = read(c->process.errors, text, sizeof(text) - 1);

    if (n <= 0)
        return;
    text[n] = '\0';
    conf_values_mask(c->values, text);
    log_warn(conf_values_section(c->values), "output text=%s", log_quoted(text));
}

static void end_process(struct checking *c, const struct isolate_options *options)
{
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    int64_t until = clock_ms() + REAP_MS;
    char words[FAIL_TEXT_MAX] = "cannot be ended";

    if (c->answered || c->late || c->wrong)
        isolate_kill_group(c->process.pid);
    while (!isolate_ended(c->process.pid) && clock_ms() < until)
        nanosleep(&moment, NULL);
    isolate_kill_group(c->process.pid);
    if (isolate_ended(c->process.pid))
        isolate_reap(c->process.pid, options->memory, words, sizeof(words));
    if (c->answered)
        return;
    tell_output(c);
    c->status = -CTR_ECONF;
    if (c->late)
        snprintf(c->error, c->cap,
                 "the check of its options hung: it was killed after %d s",
                 CHECK_MS / 1000);
    else
        snprintf(c->error, c->cap, "the process that checked its options %s",
                 c->wrong ? "broke the protocol of isolation" : words);
}

int isolate_check(const struct plugin *plugin, const struct ctr_config *values,
                  const struct isolate_options *options, char *error, size_t cap)
{
    struct checking c = {.values = values,
                         .until = clock_ms() + CHECK_MS,
                         .in = {.max = FRAME_CONTROL_MAX * 2},
                         .error = error,
                         .cap = cap};

    error[0] = '\0';
    if (!plugin->desc.check)
        return 0;
    if (isolate_spawn(conf_values_section(values), &c.process, error, cap) != 0)
        return -CTR_EIO;
    send_hello(&c, plugin, options);
    if (!c.late)
        read_answer(&c);
    end_process(&c, options);
    close(c.process.control);
    close(c.process.data);
    close(c.process.errors);
    strbuf_finish(&c.in);
    return c.status < 0 ? c.status : 0;
}
