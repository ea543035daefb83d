/* connect.c - finds the daemon by its configuration, and speaks lines of JSON to it. */
#include "ctl/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/place.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/schema.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, CHUNK = 65536 };

struct connection {
    int fd;
    struct strbuf in;
    size_t taken; /* bytes of `in` that were handed out */
};

/* ---- the socket ----------------------------------------------------------------- */

static const struct ctr_option options[] = {
    {.name = "state_dir",
     .type = CTR_OPT_PATH,
     .default_value = "/var/lib/contactor",
     .doc = "Where the daemon keeps its state."},
    {.name = "control_socket",
     .type = CTR_OPT_PATH,
     .doc = "The socket of the daemon, where it is not in state_dir."},
};

char *socket_of_config(const char *config_path)
{
    struct schema_table table = SCHEMA_TABLE(options);
    struct diag *diag = xcalloc(1, sizeof(*diag));
    struct ctr_config *values = NULL;
    struct strbuf path = {0};
    struct conf *conf;

    if (conf_load(config_path, diag, &conf) == 0) {
        if (schema_read(conf_get(conf_root(conf), "contactor"), "contactor", &table, 1,
                        SCHEMA_OPEN, diag, &values) == 0) {
            if (conf_str(values, "control_socket"))
                strbuf_z(&path, conf_str(values, "control_socket"));
            else
                strbuf_fmt(&path, "%s/control.sock", conf_str(values, "state_dir"));
            conf_values_report_to(values, NULL);
        }
        conf_destroy(conf);
    }
    if (!path.ptr) {
        diag_print(diag, stderr);
        fprintf(stderr,
                "contactorctl: the daemon's socket is named in this file; correct it, or "
                "give --socket PATH\n");
    }
    conf_values_destroy(values);
    diag_finish(diag);
    free(diag);
    return path.ptr;
}

static int connect_path(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name;
    int folder, rc, err;

    if (strlen(path) < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path, strlen(path) + 1);
        return connect(fd, (const struct sockaddr *)&address, sizeof(address));
    }
    folder = place_open(path, &name);
    if (folder < 0)
        return -1;
    address = place_address(folder, name);
    rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    err = errno;
    close(folder);
    errno = err;
    return rc;
}

static void tell_unreachable(const char *path, const char *config, int err)
{
    fprintf(stderr, "contactorctl: cannot reach contactord at %s: %s\n", path,
            strerror(err));
    if (err == EACCES || err == EPERM)
        fprintf(stderr,
                "Only root and the daemon's own user may ask it: try with sudo.\n");
    else
        fprintf(stderr,
                "Is it running? Start it with `systemctl start contactord`, or "
                "`contactord -c %s`.\n",
                config);
}

int connect_daemon(const char *socket_path, const char *config_path, bool quiet,
                   struct connection **out)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *out = NULL;
    if (fd < 0 || connect_path(fd, socket_path) != 0) {
        if (!quiet)
            tell_unreachable(socket_path, config_path, errno);
        if (fd >= 0)
            close(fd);
        return CTL_UNREACHABLE;
    }
    *out = xcalloc(1, sizeof(**out));
    (*out)->fd = fd;
    (*out)->in.max = ANSWER_MAX;
    return CTL_OK;
}

void disconnect(struct connection *c)
{
    if (!c)
        return;
    close(c->fd);
    strbuf_finish(&c->in);
    free(c);
}

/* ---- requests ------------------------------------------------------------------- */

static bool send_all(struct connection *c, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* A line that has come, as JSON; false: it is not whole yet. */
static bool take_line(struct connection *c, cJSON **json)
{
    char *start = c->in.ptr ? c->in.ptr + c->taken : NULL;
    char *end = start ? memchr(start, '\n', c->in.len - c->taken) : NULL;

    if (!end)
        return false;
    *json = cJSON_ParseWithLength(start, (size_t)(end - start));
    c->taken = (size_t)(end - c->in.ptr) + 1;
    if (c->taken == c->in.len) {
        strbuf_reset(&c->in);
        c->taken = 0;
    }
    return true;
}

/* The next line as JSON; NULL when the daemon has gone. */
static cJSON *receive(struct connection *c)
{
    char chunk[CHUNK];
    cJSON *json;

    while (!take_line(c, &json)) {
        ssize_t n;

        do {
            n = recv(c->fd, chunk, sizeof(chunk), 0);
        } while (n < 0 && errno == EINTR);
        if (n <= 0 || strbuf_add(&c->in, chunk, (size_t)n) != 0)
            return NULL;
    }
    return json;
}

static bool send_request(struct connection *c, cJSON *request)
{
    char *text;
    bool sent;

    cJSON_AddNumberToObject(request, "id", 1);
    text = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    sent = send_all(c, text, strlen(text)) && send_all(c, "\n", 1);
    free(text);
    return sent;
}

/* Takes answer over. */
static int take_result(cJSON *answer, cJSON **result)
{
    *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    if (!*result) {
        *result = answer;
        return CTL_FAILED;
    }
    cJSON_Delete(answer);
    return CTL_OK;
}

int call(struct connection *c, cJSON *request,
         void (*on_event)(void *arg, const cJSON *event), void *arg, cJSON **result)
{
    bool sent = send_request(c, request);

    *result = NULL;
    for (;;) {
        cJSON *answer = sent ? receive(c) : NULL;
        const cJSON *event = cJSON_GetObjectItemCaseSensitive(answer, "event");

        if (!answer) {
            fprintf(stderr, "contactorctl: the daemon ended the connection; its log says "
                            "why\n");
            return CTL_UNREACHABLE;
        }
        if (!event)
            return take_result(answer, result);
        if (on_event)
            on_event(arg, event);
        cJSON_Delete(answer);
    }
}
