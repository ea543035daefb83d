/* private.h - connections and requests, for the files of the control socket.
 *
 * A connection has one request at a time: while it runs, what follows waits, at most a
 * line's length of it; but when the client goes, its request hears of it. */
#ifndef CONTROL_PRIVATE_H
#define CONTROL_PRIVATE_H

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/list.h"
#include "control/control.h"

struct control {
    struct loop *loop;
    const struct control_ops *ops;
    void *ctx;
    uv_pipe_t listener;
    int dir_fd; /* the folder of the socket */
    char *base; /* its name there */
    bool started, stopped, closed;
    struct list clients;
    unsigned n_clients;
};

struct client;

/* What a client asked and waits for. Ends by exactly one request_result or
 * request_error. */
struct request {
    struct client *client; /* NULL: it has gone; the answer is for nobody */
    struct control *control;
    cJSON *json; /* as it was asked */
    double id;
    void *data; /* the command's own */
    void (*gone)(
        struct request *request); /* the client has gone: end soon; may be NULL */
};

struct client {
    struct list link;
    struct control *control;
    uv_pipe_t pipe;
    char *buffer;
    size_t len;
    struct request *request;
    bool closing;
    bool reading, stepping;
    bool said_all; /* it has closed its side, and waits for answers */
    unsigned uid;
    long pid;
};

/* ---- client.c ---- */
void client_accept(struct control *control);
void client_close(struct client *client);
void request_event(struct request *request, const char *name, cJSON *value);
/* Takes value; frees the request. */
void request_result(struct request *request, cJSON *value);
void request_error(struct request *request, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- commands.c ---- */
void command_run(struct request *request);
/* A member of the request; NULL or 0 when absent. */
const char *request_str(const struct request *request, const char *name);
bool request_bool(const struct request *request, const char *name);
unsigned request_uint(const struct request *request, const char *name, unsigned otherwise,
                      unsigned max);
/* "; did you mean ...?" among the daemon's names of a kind. */
const char *request_hint(const struct request *request, const char *kind,
                         const char *word, char *out, size_t cap);
/* As control_ops.sources shows one; NULL: there is none. */
cJSON *request_source(const struct request *request, const char *name);
/* It cannot run, or there is none; else one that does not run is about to. */
bool request_source_failed(const struct request *request, const char *name);

/* ---- lookup.c, probe.c, sync.c ---- */
void command_lookup(struct request *request);
void command_search(struct request *request);
void command_sync(struct request *request);
void command_test(struct request *request);
void command_preview(struct request *request);

#endif
