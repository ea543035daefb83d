/* client.c - one connection of contactorctl: lines in, lines out. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "control/private.h"

enum { ERROR_TEXT_MAX = 64 * 1024 };

struct write {
    uv_write_t req;
    uv_buf_t buf;
    struct client *client;
};

static void client_step(struct client *client);

/* ---- life ----------------------------------------------------------------------- */

/* Only here, never within a command's own call, is its request taken from it. */
static void on_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct request *request = client->request;

    if (request) {
        request->client = NULL;
        if (request->gone)
            request->gone(request);
    }
    client->control->n_clients--;
    free(client->buffer);
    free(client);
}

void client_close(struct client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    list_remove(&client->link);
    uv_close((uv_handle_t *)&client->pipe, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct client *client = handle->data;

    (void)suggested;
    *buf = uv_buf_init(client->buffer + client->len,
                       (unsigned)(CONTROL_LINE_MAX - client->len));
}

/* Or does it still want to read? */
static bool has_gone(struct client *client)
{
    struct pollfd p = {.fd = -1};

    return uv_fileno((uv_handle_t *)&client->pipe, &p.fd) != 0 || poll(&p, 1, 0) < 0 ||
           (p.revents & (POLLHUP | POLLERR));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *client = stream->data;

    (void)buf;
    loop_busy(client->control->loop);
    if (n < 0 && (n != UV_EOF || has_gone(client))) {
        client_close(client);
        return;
    }
    client->said_all = n < 0;
    client->len += n < 0 ? 0 : (size_t)n;
    client_step(client);
}

static void set_reading(struct client *client, bool on)
{
    if (client->closing || client->reading == on)
        return;
    client->reading = on;
    if (on)
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&client->pipe);
}

/* Who it is, for the log: only root and the daemon's user can open the socket. */
static void log_peer(struct client *client)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&client->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return;
    client->uid = who.uid;
    client->pid = who.pid;
    log_debug("control", "connected uid=%u pid=%ld", (unsigned)who.uid, (long)who.pid);
}

/* Room for one more: an idle one makes place. */
static bool make_room(struct control *control)
{
    if (control->n_clients < CONTROL_CLIENTS_MAX)
        return true;
    list_for_each(it, &control->clients)
    {
        struct client *client = list_entry(it, struct client, link);

        if (!client->request) {
            log_warn("control", "too many connections, an idle one is closed pid=%ld",
                     client->pid);
            client_close(client);
            return true;
        }
    }
    log_warn("control", "too many connections, a new one is closed most=%d",
             CONTROL_CLIENTS_MAX);
    return false;
}

void client_accept(struct control *control)
{
    struct client *client = xcalloc(1, sizeof(*client));
    bool room = make_room(control);

    client->control = control;
    client->buffer = xmalloc(CONTROL_LINE_MAX);
    list_init(&client->link);
    uv_pipe_init(loop_uv(control->loop), &client->pipe, 0);
    client->pipe.data = client;
    control->n_clients++;
    if (uv_accept((uv_stream_t *)&control->listener, (uv_stream_t *)&client->pipe) != 0 ||
        !room || control->stopped) {
        client_close(client);
        return;
    }
    list_append(&control->clients, &client->link);
    log_peer(client);
    set_reading(client, true);
}

/* ---- writing -------------------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
    struct write *write = list_entry(req, struct write, req);

    if (status < 0 && !write->client->closing)
        client_close(write->client);
    free(write->buf.base);
    free(write);
}

/* Takes line, which is malloced, and sends it with a line end. */
static void send_line(struct client *client, char *line)
{
    size_t n = strlen(line);
    struct write *write;

    if (client->closing ||
        uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe) + n >
            CONTROL_QUEUE_MAX) {
        if (!client->closing)
            log_warn("control", "client does not read its answers, dropped pid=%ld",
                     client->pid);
        free(line);
        client_close(client);
        return;
    }
    line = xrealloc(line, n + 1);
    line[n] = '\n';
    write = xcalloc(1, sizeof(*write));
    write->client = client;
    write->buf = uv_buf_init(line, (unsigned)(n + 1));
    if (uv_write(&write->req, (uv_stream_t *)&client->pipe, &write->buf, 1, on_written) !=
        0) {
        free(line);
        free(write);
        client_close(client);
    }
}

/* Takes value. */
static void send_member(struct request *request, const char *name, cJSON *value,
                        const char *code)
{
    cJSON *line;

    if (!request->client) {
        cJSON_Delete(value);
        return;
    }
    line = cJSON_CreateObject();
    cJSON_AddNumberToObject(line, "id", request->id);
    cJSON_AddItemToObject(line, name, value);
    if (code)
        cJSON_AddStringToObject(line, "code", code);
    send_line(request->client, cJSON_PrintUnformatted(line));
    cJSON_Delete(line);
}

void request_event(struct request *request, const char *name, cJSON *value)
{
    cJSON *event = cJSON_CreateObject();

    cJSON_AddItemToObject(event, name, value);
    send_member(request, "event", event, NULL);
}

static void request_end(struct request *request)
{
    struct client *client = request->client;

    cJSON_Delete(request->json);
    free(request);
    if (!client)
        return;
    client->request = NULL;
    if (client->control->stopped)
        client_close(client);
    else if (!client->stepping)
        client_step(client);
}

void request_result(struct request *request, cJSON *value)
{
    send_member(request, "result", value ? value : cJSON_CreateNull(), NULL);
    request_end(request);
}

void request_error(struct request *request, int err, const char *fmt, ...)
{
    struct strbuf text = {.max = ERROR_TEXT_MAX};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vfmt(&text, fmt, ap);
    va_end(ap);
    send_member(request, "error", cJSON_CreateString(text.ptr ? text.ptr : ""),
                error_name(err));
    strbuf_finish(&text);
    request_end(request);
}

/* ---- reading -------------------------------------------------------------------- */

static void begin_request(struct client *client, const char *line, size_t n)
{
    struct request *request = xcalloc(1, sizeof(*request));
    const cJSON *id;

    request->client = client;
    request->control = client->control;
    request->json = cJSON_ParseWithLength(line, n);
    id = cJSON_GetObjectItemCaseSensitive(request->json, "id");
    request->id = cJSON_IsNumber(id) ? id->valuedouble : 0;
    client->request = request;
    if (!cJSON_IsObject(request->json))
        request_error(request, CTR_EPROTO, "a request is one JSON object in one line");
    else
        command_run(request);
}

/* Lines one after another: the next one when the request of the last has ended, which may
 * be at once. */
static void client_step(struct client *client)
{
    client->stepping = true;
    while (!client->closing && !client->request) {
        char *end = memchr(client->buffer, '\n', client->len);
        size_t n;
        char *line;

        if (!end)
            break;
        n = (size_t)(end - client->buffer);
        line = xstrndup(client->buffer, n);
        client->len -= n + 1;
        memmove(client->buffer, end + 1, client->len);
        begin_request(client, line, strlen(line));
        free(line);
    }
    client->stepping = false;
    if (!client->closing && !client->request && client->len == CONTROL_LINE_MAX) {
        log_warn("control", "line too long, dropped pid=%ld", client->pid);
        client_close(client);
    }
    if (client->said_all && !client->request)
        client_close(client);
    set_reading(client, !client->said_all && client->len < CONTROL_LINE_MAX);
}
