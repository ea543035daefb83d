/* poll.c - descriptors on the test host: while one is waited for, time is real. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "contactor/ext/poll.h"
#include "private.h"

enum { POLLS_MAX = 256 };

struct ctr_poll {
    struct ctr_poll *next;
    struct testhost *t;
    int32_t fd;
    uint32_t events;
    bool stopped;
    ctr_poll_fn fn;
    void *user;
};

static struct ctr_poll *poll_start(const struct ctr_host *host, int32_t fd,
                                   uint32_t events, ctr_poll_fn fn, void *user)
{
    struct testhost *t = testhost_of(host);
    struct ctr_poll *p;
    struct stat st;

    require(fn != NULL, "poll start: no function");
    require(events <= (CTR_POLL_READ | CTR_POLL_WRITE), "poll start: events %u", events);
    for (p = t->polls; p; p = p->next)
        require(p->stopped || p->fd != fd, "poll start: descriptor %d twice", fd);
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return NULL;
    p = testhost_alloc(t, sizeof(*p));
    *p = (struct ctr_poll){t->polls, t, fd, events, false, fn, user};
    t->polls = p;
    return p;
}

static void poll_change(struct ctr_poll *poll, uint32_t events)
{
    require(poll && !poll->stopped, "poll change: after its stop");
    require(events <= (CTR_POLL_READ | CTR_POLL_WRITE), "poll change: events %u", events);
    poll->events = events;
}

static void poll_stop(struct ctr_poll *poll)
{
    if (!poll)
        return;
    require(!poll->stopped, "poll stop: stopped twice");
    poll->stopped = true;
}

const void *testhost_polls(void)
{
    static const struct ctr_polls polls = {.size = sizeof(polls),
                                           .start = poll_start,
                                           .change = poll_change,
                                           .stop = poll_stop};
    return &polls;
}

void testhost_polls_end(struct testhost *t)
{
    for (struct ctr_poll *p = t->polls; p; p = p->next)
        p->stopped = true;
    t->polls = NULL;
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Those that are waited for; stopped ones leave the list. */
static nfds_t collect(struct testhost *t, struct pollfd *fds, struct ctr_poll **of)
{
    nfds_t n = 0;

    for (struct ctr_poll **p = &t->polls; *p;) {
        if ((*p)->stopped) {
            *p = (*p)->next;
            continue;
        }
        if ((*p)->events != 0) {
            require(n < POLLS_MAX, "more than %d descriptors", POLLS_MAX);
            of[n] = *p;
            fds[n++] = (struct pollfd){
                .fd = (*p)->fd,
                .events = (short)(((*p)->events & CTR_POLL_READ ? POLLIN : 0) |
                                  ((*p)->events & CTR_POLL_WRITE ? POLLOUT : 0))};
        }
        p = &(*p)->next;
    }
    return n;
}

static void tell(struct ctr_poll *p, short revents)
{
    uint32_t events = (revents & POLLIN ? CTR_POLL_READ : 0u) |
                      (revents & POLLOUT ? CTR_POLL_WRITE : 0u);

    if (revents == 0 || p->stopped || p->events == 0)
        return;
    require(!(revents & POLLNVAL), "descriptor %d was closed before its poll stopped",
            p->fd);
    if (revents & POLLERR)
        events = CTR_POLL_READ | CTR_POLL_WRITE;
    else if (revents & POLLHUP)
        events |= p->events;
    p->fn(p->user, p->fd, events);
}

bool testhost_poll(struct testhost *t, int64_t timeout)
{
    struct pollfd fds[POLLS_MAX];
    struct ctr_poll *of[POLLS_MAX];
    nfds_t n = collect(t, fds, of);
    int64_t began = now_ms();
    int ready;

    if (n == 0)
        return false;
    if (timeout < 0 || timeout > SILENCE_MAX)
        timeout = SILENCE_MAX;
    do
        ready = poll(fds, n, (int)timeout);
    while (ready < 0 && errno == EINTR);
    require(ready >= 0, "poll: %s", strerror(errno));
    for (nfds_t i = 0; ready > 0 && i < n; i++)
        tell(of[i], fds[i].revents);
    t->clock += now_ms() - began;
    testhost_run(t);
    return ready > 0;
}
