/* intake.c - reads from a descriptor of the loop, so much a turn: however fast
 * the other end writes, lookups come first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "isolate/private.h"

enum { INTAKE_CHUNK = 64 << 10, INTAKE_PAUSE_MS = 5 };

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_pause(uv_timer_t *timer);

static void poll_again(struct intake *intake)
{
    int events = UV_READABLE | (intake->writing ? UV_WRITABLE : 0);

    uv_poll_start(&intake->poll, events, on_poll);
}

void intake_open(struct intake *intake, struct loop *loop, int fd, size_t max)
{
    intake->fd = fd;
    intake->len = 0;
    intake->cap = INTAKE_CHUNK;
    intake->max = max + INTAKE_CHUNK;
    intake->bytes = xmalloc(intake->cap);
    intake->again = intake->writing = false;
    intake->open = 2;
    ensure(uv_poll_init(loop_uv(loop), &intake->poll, fd) == 0);
    uv_timer_init(loop_uv(loop), &intake->pause);
    intake->poll.data = intake->pause.data = intake;
    poll_again(intake);
}

bool intake_is_open(const struct intake *intake)
{
    return intake->open > 0;
}

/* Room for one more read. */
static void make_room(struct intake *intake)
{
    if (intake->cap - intake->len >= INTAKE_CHUNK / 2)
        return;
    intake->cap = intake->cap * 2 < intake->max ? intake->cap * 2 : intake->max;
    intake->bytes = xrealloc(intake->bytes, intake->cap);
}

/* returns false when there is no more to come */
static bool read_some(struct intake *intake, bool *full)
{
    ssize_t n;

    make_room(intake);
    do
        n = read(intake->fd, intake->bytes + intake->len, intake->cap - intake->len);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return false;
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK;
    intake->len += (size_t)n;
    *full = intake->len == intake->cap;
    return true;
}

static void show(struct intake *intake)
{
    size_t used;

    intake->again = false;
    used = intake->take(intake, intake->bytes, intake->len);
    if (intake->fd < 0 || used == 0)
        return;
    ensure(used <= intake->len);
    intake->len -= used;
    memmove(intake->bytes, intake->bytes + used, intake->len);
}

static void show_paced(struct intake *intake, bool full)
{
    show(intake);
    if (intake->fd < 0 || (!intake->again && !full))
        return;
    uv_poll_stop(&intake->poll);
    uv_timer_start(&intake->pause, on_pause, INTAKE_PAUSE_MS, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct intake *intake = poll->data;
    bool full = false;

    if (status == 0 && (events & UV_WRITABLE))
        intake->writable(intake);
    if (intake->fd < 0 || (status == 0 && !(events & UV_READABLE)))
        return;
    if (status == 0 && read_some(intake, &full)) {
        show_paced(intake, full);
        return;
    }
    uv_poll_stop(poll);
    intake->ended(intake);
}

static void on_pause(uv_timer_t *timer)
{
    struct intake *intake = timer->data;

    show(intake);
    if (intake->fd < 0)
        return;
    if (intake->again)
        uv_timer_start(timer, on_pause, INTAKE_PAUSE_MS, 0);
    else
        poll_again(intake);
}

void intake_want_write(struct intake *intake, bool on)
{
    if (intake->fd < 0 || intake->writing == on)
        return;
    intake->writing = on;
    if (!uv_is_active((uv_handle_t *)&intake->pause))
        poll_again(intake);
}

void intake_drain(struct intake *intake)
{
    bool full;

    if (intake->fd < 0)
        return;
    if (read_some(intake, &full))
        show(intake);
    else
        intake->ended(intake);
}

static void on_closed(uv_handle_t *handle)
{
    struct intake *intake = handle->data;

    if (--intake->open > 0)
        return;
    wipe(intake->bytes, intake->cap);
    free(intake->bytes);
    intake->bytes = NULL;
    intake->closed(intake);
}

void intake_close(struct intake *intake)
{
    if (intake->fd < 0)
        return;
    uv_close((uv_handle_t *)&intake->poll, on_closed);
    uv_close((uv_handle_t *)&intake->pause, on_closed);
    close(intake->fd);
    intake->fd = -1; /* the bytes are in use where take closes it */
}

size_t frame_take(const uint8_t *data, size_t n, size_t max, uint32_t *type,
                  struct ctr_str *payload)
{
    struct frame_head head;

    if (n < sizeof(head))
        return 0;
    memcpy(&head, data, sizeof(head));
    if (head.size > max)
        return SIZE_MAX;
    if (n - sizeof(head) < head.size)
        return 0;
    *type = head.type;
    *payload = str_make((const char *)data + sizeof(head), head.size);
    return sizeof(head) + head.size;
}
