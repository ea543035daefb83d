/* resolve.c - getaddrinfo on a thread of its own, which is left behind when it takes too
 * long: it ends by itself and frees what it holds. */
#include "resolve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "text.h"

struct lookup {
    atomic_int refs; /* the thread, the waiter */
    int done;        /* an eventfd */
    int rc;
    struct addrinfo *found;
    char port[8];
    char host[256];
};

static void lookup_unref(struct lookup *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    close(l->done);
    free(l);
}

static void look(struct lookup *l, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};

    l->rc = getaddrinfo(l->host, l->port, &hints, &l->found);
    if (l->rc != 0)
        l->found = NULL;
}

static void *lookup_main(void *arg)
{
    struct lookup *l = arg;
    uint64_t one = 1;

    look(l, AI_ADDRCONFIG | AI_NUMERICSERV);
    while (write(l->done, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    lookup_unref(l);
    return NULL;
}

static struct lookup *lookup_create(const char *host, uint16_t port)
{
    struct lookup *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->done < 0) {
        free(l);
        return NULL;
    }
    atomic_init(&l->refs, 1);
    snprintf(l->host, sizeof(l->host), "%s", host);
    snprintf(l->port, sizeof(l->port), "%u", port);
    return l;
}

static int32_t lookup_start(struct lookup *l)
{
    pthread_attr_t attr;
    pthread_t thread;
    int err;

    if (pthread_attr_init(&attr) != 0)
        return -CTR_ENOMEM;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    atomic_fetch_add(&l->refs, 1);
    err = pthread_create(&thread, &attr, lookup_main, l);
    pthread_attr_destroy(&attr);
    if (err == 0)
        return 0;
    lookup_unref(l);
    return -CTR_ENOMEM;
}

static int32_t lookup_wait(struct lookup *l, struct cancel *cancel, int64_t deadline)
{
    struct pollfd fds[2] = {{l->done, POLLIN, 0}, {cancel->fd, POLLIN, 0}};

    for (;;) {
        int64_t left = deadline - text_now();
        int n;

        if (atomic_load(&cancel->set))
            return -CTR_ECANCELED;
        if (left <= 0)
            return -CTR_ETIMEDOUT;
        n = poll(fds, 2, (int)(left < 60000 ? left : 60000));
        if (n > 0 && fds[0].revents)
            return 0;
    }
}

static int32_t lookup_failed(const char *host, int rc, struct fault *f)
{
    bool unknown = rc == EAI_NONAME || rc == EAI_NODATA || rc == EAI_ADDRFAMILY;

    return fault_set(
        f, unknown ? -CTR_ENOENT : -CTR_EUNAVAIL, "resolve",
        unknown ? "correct the host in url, or add it to the DNS or to /etc/hosts"
                : "see whether the name servers in /etc/resolv.conf answer",
        "the name %s cannot be resolved: %s", host, gai_strerror(rc));
}

int32_t resolve_host(const char *host, uint16_t port, struct cancel *cancel,
                     int64_t deadline, struct addrinfo **out, struct fault *f)
{
    struct lookup *l = lookup_create(host, port);
    bool numeric;
    int32_t rc;

    *out = NULL;
    if (!l)
        return fault_nomem(f);
    look(l, AI_NUMERICHOST | AI_NUMERICSERV); /* an address needs no waiting */
    numeric = l->rc == 0;
    rc = numeric ? 0 : lookup_start(l);
    if (rc == 0 && !numeric)
        rc = lookup_wait(l, cancel, deadline);
    if (rc == -CTR_ENOMEM)
        rc = fault_nomem(f);
    else if (rc == -CTR_ECANCELED)
        rc = fault_set(f, rc, "resolve", NULL, "canceled");
    else if (rc != 0)
        rc = fault_set(f, rc, "resolve",
                       "see whether the name servers in "
                       "/etc/resolv.conf answer",
                       "the name %s was not resolved in time", host);
    else if (l->rc != 0)
        rc = lookup_failed(host, l->rc, f);
    if (rc == 0) {
        *out = l->found;
        l->found = NULL;
    }
    lookup_unref(l);
    return rc;
}
