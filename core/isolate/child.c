/* child.c - the life of an isolated source's process.
 *
 * It is told what it is by the first frame, loads the plugin, makes its one instance and
 * runs it as the daemon would, until it is told to stop. When the daemon is gone, it
 * goes, too: the kernel sees to that (PR_SET_PDEATHSIG), and so does the end of the
 * socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "conf/diag.h"
#include "conf/pack.h"
#include "isolate/child.h"

enum { FROM_DAEMON_MAX = 64 << 20, CODE_DONE = 0, CODE_FAILED = 1, ERROR_MAX = 1024 };

/* Where lines of the log go: log.c calls with nothing else to know it by. */
static struct child *log_child;

/* ---- out ------------------------------------------------------------------------ */

/* The loop's descriptors do not wait by themselves. */
static void wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    (void)poll(&p, 1, -1); /* interrupted: tried again */
}

static void send_bytes(int fd, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            wait_writable(fd);
            continue;
        }
        if (sent < 0)
            _exit(CODE_FAILED); /* there is nobody to serve, nor to tell */
        at += sent;
        n -= (size_t)sent;
    }
}

void child_send(struct child *c, struct strbuf *frame)
{
    pthread_mutex_lock(&c->sending);
    send_bytes(c->control.fd, frame->ptr, frame->len);
    pthread_mutex_unlock(&c->sending);
    strbuf_finish(frame);
}

static void write_log(enum log_level level, const char *who, const char *text)
{
    struct child *c = log_child;
    struct strbuf frame = {0}, line = {0};
    size_t at;

    if (c->name && strcmp(who, c->name) != 0)
        strbuf_fmt(&line, "%s: ", who);
    strbuf_z(&line, text);
    frame_begin(&frame, FRAME_LOG, &at);
    wire_put_u(&frame, (uint64_t)level);
    wire_put_z(&frame, line.ptr);
    frame_end(&frame, at);
    child_send(c, &frame);
    strbuf_finish(&line);
}

static void send_failed(struct child *c, const char *reason)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, FRAME_FAILED, &at);
    wire_put_z(&frame, reason);
    frame_end(&frame, at);
    child_send(c, &frame);
}

static void send_metric_names(struct child *c)
{
    struct metric_view metric;

    for (uint32_t i = 0; instance_metric(c->in, i, &metric); i++) {
        struct strbuf frame = {0};
        size_t at;

        frame_begin(&frame, FRAME_METRIC, &at);
        wire_put_u(&frame, i);
        wire_put_u(&frame, metric.kind);
        wire_put_z(&frame, metric.name);
        wire_put_z(&frame, metric.help);
        frame_end(&frame, at);
        child_send(c, &frame);
    }
}

void child_send_metrics(struct child *c)
{
    struct strbuf frame = {0};
    struct metric_view metric;
    size_t at, empty;

    frame_begin(&frame, FRAME_METRICS, &at);
    empty = frame.len;
    for (uint32_t i = 0; c->in && instance_metric(c->in, i, &metric); i++) {
        if (metric.value == c->told[i])
            continue;
        wire_put_u(&frame, i);
        wire_put_i(&frame, metric.kind == CTR_METRIC_COUNTER ? metric.value - c->told[i]
                                                             : metric.value);
        c->told[i] = metric.value;
    }
    frame_end(&frame, at);
    if (frame.len > empty)
        child_send(c, &frame);
    strbuf_finish(&frame);
}

/* ---- the beginning -------------------------------------------------------------- */

static void end(struct child *c)
{
    c->over = true;
    loop_stop(c->env.loop);
}

static void check(struct child *c, struct ctr_config *values)
{
    struct diag *diag = xcalloc(1, sizeof(*diag));
    struct strbuf frame = {0};
    char error[ERROR_MAX] = "";
    size_t at;
    int err;

    conf_values_report_to(values, diag);
    err = instance_check(c->plugin, values, error, sizeof(error));
    frame_begin(&frame, FRAME_CHECKED, &at);
    wire_put_i(&frame, err);
    wire_put_z(&frame, error);
    for (unsigned i = 0; i < diag->n; i++) {
        wire_put_u(&frame, diag->items[i].line);
        wire_put_z(&frame, diag->items[i].text);
    }
    frame_end(&frame, at);
    child_send(c, &frame);
    diag_finish(diag);
    free(diag);
    conf_values_destroy(values);
    end(c);
}

static int make_instance(struct child *c, struct ctr_config *values, char *error,
                         size_t cap)
{
    int err = instance_create(&c->env, c->plugin, INSTANCE_SOURCE, c->name, values,
                              &c->in, error, cap);

    if (err == 0)
        send_metric_names(c);
    if (err == 0)
        err = instance_bind(c->in, error, cap);
    if (err == 0)
        err = instance_start(c->in, error, cap);
    return err;
}

static int prepare(struct child *c, const struct hello *hello, char *error, size_t cap)
{
    char *path;
    int err = 0;

    c->name = xstrndup(hello->name.ptr, hello->name.len);
    if (c->confine)
        err = c->confine(&hello->options, error, cap);
    log_set_level((enum log_level)hello->log_level);
    if (err != 0)
        return err;
    c->pump = pump_create(c->data); /* a thread: not before it is confined */
    path = xstrndup(hello->path.ptr, hello->path.len);
    err = plugin_load_file(&c->registry, path, &c->plugin, error, cap);
    free(path);
    if (err == 0 && !c->plugin->has_source) {
        snprintf(error, cap, "the plugin is not a source any more");
        err = -CTR_EINVAL;
    }
    return err;
}

static int on_hello(struct child *c, struct ctr_str payload)
{
    char error[ERROR_MAX] = "";
    struct ctr_config *values;
    struct hello hello;
    int err;

    if (c->name || hello_read(payload, &hello) != 0 ||
        conf_values_unpack(hello.values, &values) != 0)
        return -CTR_EPROTO;
    err = prepare(c, &hello, error, sizeof(error));
    if (err != 0) {
        conf_values_destroy(values);
    } else if (hello.check_only) {
        check(c, values);
        return 0;
    } else {
        err = make_instance(c, values, error, sizeof(error));
    }
    if (err != 0) {
        send_failed(c, error[0] ? error : error_text(err));
        end(c);
    }
    return 0;
}

/* ---- frames --------------------------------------------------------------------- */

static int on_ping(struct child *c, struct wire *w)
{
    uint64_t number = wire_u(w);
    int64_t level = wire_i(w);
    struct strbuf frame = {0};
    size_t at;

    if (!wire_done(w))
        return -CTR_EPROTO;
    log_set_level((enum log_level)level);
    child_send_metrics(c);
    frame_begin(&frame, FRAME_PONG, &at);
    wire_put_u(&frame, number);
    wire_put_u(&frame, isolate_resident(getpid()));
    frame_end(&frame, at);
    child_send(c, &frame);
    return 0;
}

static void on_stopped(void *arg)
{
    struct child *c = arg;

    child_send_metrics(c);
    instance_destroy(c->in);
    c->in = NULL;
    end(c);
}

static int on_stop(struct child *c)
{
    if (c->stopping || !c->in || instance_state(c->in) > INSTANCE_STARTED)
        return 0;
    instance_stop(c->in, 0, on_stopped, c);
    return 0;
}

static int on_frame(struct child *c, uint32_t type, struct ctr_str payload)
{
    struct wire w = wire_of(payload.ptr, payload.len);

    switch (type) {
    case FRAME_HELLO:
        return on_hello(c, payload);
    case FRAME_PING:
        return on_ping(c, &w);
    case FRAME_STOP:
        return on_stop(c);
    case FRAME_SYNC:
        return role_sync(c, payload);
    case FRAME_SYNC_CANCEL:
        return role_sync_cancel(c, &w);
    case FRAME_SYNC_FAILED:
        return role_sync_failed(c, &w);
    case FRAME_SEARCH:
        return role_search(c, &w);
    case FRAME_SEARCH_CANCEL:
        return role_search_cancel(c, &w);
    case FRAME_SEARCH_DROP:
        return role_search_drop(c, &w);
    case FRAME_TEST:
        return role_test(c, &w);
    case FRAME_TEST_CANCEL:
        return role_test_cancel(c, &w);
    case FRAME_SEARCH_CLOSED:
        return role_search_closed(c, &w);
    default:
        return -CTR_EPROTO;
    }
}

static size_t take_frames(struct intake *intake, const uint8_t *data, size_t n)
{
    struct child *c = list_entry(intake, struct child, control);
    size_t used = 0;

    while (!c->over) {
        struct ctr_str payload;
        uint32_t type = 0;
        size_t size = frame_take(data + used, n - used, FROM_DAEMON_MAX, &type, &payload);

        if (size == 0)
            break;
        if (size == SIZE_MAX || on_frame(c, type, payload) != 0)
            _exit(CODE_FAILED); /* the daemon's own word, overwritten: nothing holds */
        wipe((void *)(uintptr_t)payload.ptr, payload.len);
        used += size;
    }
    return used;
}

static void on_control_ended(struct intake *intake)
{
    (void)intake;
    _exit(CODE_FAILED);
}

static void on_closed(struct intake *intake)
{
    (void)intake;
}

/* ---- all of it ------------------------------------------------------------------ */

static void open_child(struct child *c, int fd)
{
    pthread_mutex_init(&c->sending, NULL);
    registry_init(&c->registry);
    c->env.loop = loop_create();
    ensure(c->env.loop);
    role_init(c);
    c->control = (struct intake){
        .take = take_frames, .ended = on_control_ended, .closed = on_closed};
    intake_open(&c->control, c->env.loop, fd,
                FROM_DAEMON_MAX + sizeof(struct frame_head));
    c->data = fd + 1;
    log_child = c;
    log_set_level(LOG_LEVEL_ERROR); /* until the daemon says */
    log_set_writer(write_log);
}

static void close_child(struct child *c)
{
    if (c->in && instance_state(c->in) != INSTANCE_STARTED)
        instance_destroy(c->in);
    pump_destroy(c->pump);
    log_set_writer(NULL);
    intake_close(&c->control);
    loop_destroy(c->env.loop);
    registry_finish(&c->registry);
    strbuf_finish(&c->next);
    free(c->name);
}

static void on_signal(int number)
{
    (void)number;
}

/* A service manager that ends the service tells every process of it: when this one ends
 * is the daemon's matter. Not ignored, which what a plugin starts would inherit. */
static void mind_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int is_socket(int fd)
{
    int type;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

int isolate_child_main(int fd, isolate_confine_fn confine)
{
    static struct child child;

    if (fd < 3 || !is_socket(fd) || !is_socket(fd + 1)) {
        fprintf(stderr,
                "%s is for contactord itself: it starts the process of an "
                "isolated source\n",
                ISOLATE_ARGUMENT);
        return CODE_FAILED;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mind_signals();
    child.confine = confine;
    open_child(&child, fd);
    loop_run(child.env.loop);
    close_child(&child);
    return CODE_DONE;
}
