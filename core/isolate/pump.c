/* pump.c - in the process of an isolated source: contacts on their way into the
 * data socket.
 *
 * A thread of its own writes, so that a plugin on the loop never waits for the daemon's
 * cache, and one on a lane prepares the next contacts meanwhile. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "isolate/child.h"

enum { PUMP_MUCH = 1 << 20 };

struct load {
    struct list link;
    struct strbuf frames;
};

struct pump {
    int fd;
    bool ending;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t more, room;
    struct list queue;
    size_t bytes; /* queued and being written */
};

/* The daemon gone is the end of this process: the loop sees it, too. */
static void write_all(int fd, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            _exit(1);
        at += sent;
        n -= (size_t)sent;
    }
}

static void *pump_main(void *arg)
{
    struct pump *pump = arg;

    pthread_setname_np(pthread_self(), "pump");
    for (;;) {
        struct load *load;

        pthread_mutex_lock(&pump->mutex);
        while (list_empty(&pump->queue) && !pump->ending)
            pthread_cond_wait(&pump->more, &pump->mutex);
        if (list_empty(&pump->queue))
            break;
        load = list_entry(pump->queue.next, struct load, link);
        list_remove(&load->link);
        pthread_mutex_unlock(&pump->mutex);
        write_all(pump->fd, load->frames.ptr, load->frames.len);
        pthread_mutex_lock(&pump->mutex);
        pump->bytes -= load->frames.len;
        pthread_cond_broadcast(&pump->room);
        pthread_mutex_unlock(&pump->mutex);
        strbuf_finish(&load->frames);
        free(load);
    }
    pthread_mutex_unlock(&pump->mutex);
    return NULL;
}

struct pump *pump_create(int fd)
{
    struct pump *pump = xcalloc(1, sizeof(*pump));
    sigset_t all, before;

    pump->fd = fd;
    list_init(&pump->queue);
    ensure(pthread_mutex_init(&pump->mutex, NULL) == 0);
    ensure(pthread_cond_init(&pump->more, NULL) == 0);
    ensure(pthread_cond_init(&pump->room, NULL) == 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ensure(pthread_create(&pump->thread, NULL, pump_main, pump) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pump;
}

void pump_destroy(struct pump *pump)
{
    if (!pump)
        return;
    pthread_mutex_lock(&pump->mutex);
    pump->ending = true;
    pthread_cond_signal(&pump->more);
    pthread_mutex_unlock(&pump->mutex);
    ensure(pthread_join(pump->thread, NULL) == 0);
    pthread_cond_destroy(&pump->more);
    pthread_cond_destroy(&pump->room);
    pthread_mutex_destroy(&pump->mutex);
    free(pump);
}

int pump_put(struct pump *pump, struct strbuf *frames, bool wait)
{
    struct load *load = xcalloc(1, sizeof(*load));
    bool much;

    load->frames = *frames;
    *frames = (struct strbuf){0};
    pthread_mutex_lock(&pump->mutex);
    while (wait && pump->bytes > PUMP_MUCH)
        pthread_cond_wait(&pump->room, &pump->mutex);
    pump->bytes += load->frames.len;
    list_append(&pump->queue, &load->link);
    much = pump->bytes > PUMP_MUCH;
    pthread_cond_signal(&pump->more);
    pthread_mutex_unlock(&pump->mutex);
    return much && !wait ? -CTR_EPAUSE : 0;
}
