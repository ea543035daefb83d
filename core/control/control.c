/* control.c - the listening socket of contactorctl. */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/place.h"
#include "control/private.h"

enum { BACKLOG = 16 };

static int cannot(const char *path, const char *what, char *error, size_t cap)
{
    snprintf(error, cap, "cannot %s the control socket %s: %s", what, path,
             strerror(errno));
    return -CTR_EIO;
}

static int open_folder(struct control *c, const char *path, char *error, size_t cap)
{
    const char *name;

    c->dir_fd = place_open(path, &name);
    if (!name) {
        snprintf(error, cap, "the name of the control socket %s is too long or empty",
                 path);
        return -CTR_EINVAL;
    }
    if (c->dir_fd < 0)
        return cannot(path, "open the folder of", error, cap);
    c->base = xstrdup(name);
    return 0;
}

/* A socket file may have been left behind; one that answers is another daemon's. */
static int clear_place(struct control *c, const char *path, int fd, char *error,
                       size_t cap)
{
    struct sockaddr_un address;
    struct stat st;

    if (fstatat(c->dir_fd, c->base, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(error, cap, "%s is in the way of the control socket", path);
        return -CTR_EEXIST;
    }
    address = place_address(c->dir_fd, c->base);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        snprintf(error, cap, "another contactord answers on %s", path);
        return -CTR_EBUSY;
    }
    if (unlinkat(c->dir_fd, c->base, 0) != 0)
        return cannot(path, "replace", error, cap);
    return 0;
}

static int bind_socket(struct control *c, const char *path, uid_t uid, gid_t gid,
                       char *error, size_t cap)
{
    struct sockaddr_un address;
    mode_t mask;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int err;

    if (fd < 0)
        return cannot(path, "make", error, cap);
    err = clear_place(c, path, fd, error, cap);
    if (err != 0)
        goto fail;
    address = place_address(c->dir_fd, c->base);
    mask = umask(0177);
    err = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (err != 0 || (uid != (uid_t)-1 &&
                     fchownat(c->dir_fd, c->base, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)) {
        err = cannot(path, "bind", error, cap);
        goto fail;
    }
    err = uv_pipe_open(&c->listener, fd);
    if (err == 0)
        return 0;
    snprintf(error, cap, "cannot use the control socket %s: %s", path, uv_strerror(err));
    err = -CTR_EIO;
fail:
    close(fd);
    return err;
}

static void on_connection(uv_stream_t *stream, int status)
{
    if (status == 0)
        client_accept(stream->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct control *c = handle->data;

    c->closed = true;
}

int control_open(struct loop *loop, const char *path, uid_t uid, gid_t gid,
                 const struct control_ops *ops, void *ctx, struct control **out,
                 char *error, size_t cap)
{
    struct control *c = xcalloc(1, sizeof(*c));
    int err;

    c->loop = loop;
    c->ops = ops;
    c->ctx = ctx;
    c->dir_fd = -1;
    list_init(&c->clients);
    uv_pipe_init(loop_uv(loop), &c->listener, 0);
    c->listener.data = c;
    *out = c;
    err = open_folder(c, path, error, cap);
    if (err == 0)
        err = bind_socket(c, path, uid, gid, error, cap);
    if (err != 0) {
        /* Nothing of it is ours: another daemon's socket stays where it is. */
        free(c->base);
        c->base = NULL;
    }
    return err;
}

int control_start(struct control *c)
{
    int err = uv_listen((uv_stream_t *)&c->listener, BACKLOG, on_connection);

    c->started = err == 0;
    if (err != 0)
        log_error("control", "contactorctl cannot connect reason=%s",
                  log_quoted(uv_strerror(err)));
    return err == 0 ? 0 : -CTR_EIO;
}

void control_stop(struct control *c)
{
    if (c->stopped)
        return;
    c->stopped = true;
    if (c->base && unlinkat(c->dir_fd, c->base, 0) != 0)
        log_warn("control", "the control socket stays behind reason=%s",
                 log_quoted(strerror(errno)));
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
    list_for_each_safe(it, &c->clients)
    {
        struct client *client = list_entry(it, struct client, link);

        if (!client->request)
            client_close(client);
    }
}

/* The handles' memory is theirs until they are closed: that has happened. */
void control_destroy(struct control *c)
{
    if (!c)
        return;
    control_stop(c);
    list_for_each_safe(it, &c->clients) client_close(list_entry(it, struct client, link));
    while (c->n_clients > 0 || !c->closed)
        uv_run(loop_uv(c->loop), UV_RUN_NOWAIT);
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    free(c->base);
    free(c);
}
