/* admit.c - who may come in, and what is done where it is crowded.
 *
 * A session counts until it is over, and one may be over without our knowing yet: its end
 * waits in the socket, behind what it said. So where a limit is reached and somebody is
 * about to leave, the newcomer waits at the door for a few turns of the loop, and with it
 * whoever comes behind it: at most one a listening socket. When nobody leaves, the
 * newcomer takes the place of a session whose peer has closed its side and only waits for
 * an answer, a slow password check perhaps. (Such a peer is mostly gone; it could as well
 * have reset the connection, which frees its place at once.) Otherwise it is refused. */
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "net/internal.h"

enum {
    HOLD_TURNS = 8, /* its words, its end, its place in the work list */
    LOOK_AT_MOST = 1024
};

/* Which limit a newcomer met. */
struct crowd {
    enum peers_verdict verdict;
    struct net_service *service; /* whose own limit; NULL: that of all */
    struct peers_key key;
};

static bool enter(struct net_service *service, struct peers_key key, struct crowd *crowd)
{
    *crowd = (struct crowd){peers_enter(&service->peers, key), service, key};
    if (crowd->verdict != PEERS_OK)
        return false;
    *crowd = (struct crowd){peers_enter(&service->net->peers, key), NULL, key};
    if (crowd->verdict != PEERS_OK)
        peers_leave(&service->peers, key);
    return crowd->verdict == PEERS_OK;
}

static void refuse(struct net_service *service, const struct sockaddr *peer,
                   const struct crowd *crowd)
{
    char address[INET6_ADDRSTRLEN];
    uint16_t port;
    unsigned suppressed;

    service->stats.refused++;
    if (!net_may_log(service->net, NET_LOG_REFUSED, &suppressed))
        return;
    address_of_sockaddr(peer, address, sizeof(address), &port);
    log_warn("net",
             "session_refused service=%s peer=%s sessions=%u limit=%s%s suppressed=%u",
             service->name, address, service->net->peers.total,
             crowd->verdict == PEERS_TOO_MANY ? "max_sessions" : "max_sessions_per_peer",
             crowd->service ? " of the front end" : "", suppressed);
}

/* ---- somebody leaves ------------------------------------------------------- */

/* Those whom a newcomer could follow. */
struct look {
    bool leaving;               /* somebody will be gone in a few turns */
    struct ctr_stream *waiting; /* the oldest whose peer has closed, and which stays */
    nfds_t n;
    struct ctr_stream *stream[LOOK_AT_MOST];
    struct pollfd fd[LOOK_AT_MOST];
};

static bool is_of_crowd(const struct ctr_stream *s, const struct crowd *crowd)
{
    return crowd->verdict == PEERS_TOO_MANY ||
           (s->key.address == crowd->key.address && s->key.family == crowd->key.family);
}

static void look_at(struct look *look, struct ctr_stream *s)
{
    int fd;

    if (s->state == STREAM_CLOSED) {
        look->leaving |= !s->left;
    } else if (s->eof) {
        if (!s->busy && !s->paused)
            look->leaving = true;
        else if (!look->waiting)
            look->waiting = s;
    } else if (uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0) {
        look->stream[look->n] = s;
        look->fd[look->n++] = (struct pollfd){.fd = fd, .events = POLLRDHUP};
    }
}

/* Has a peer closed without our having read so far? */
static void look_into_sockets(struct look *look)
{
    if (poll(look->fd, look->n, 0) <= 0)
        return;
    for (nfds_t i = 0; i < look->n; i++) {
        struct ctr_stream *s = look->stream[i];

        if (look->fd[i].revents == 0)
            continue;
        if (s->reading)
            look->leaving = true;
        else if (!look->waiting)
            look->waiting = s;
    }
}

/* A flood that finds nobody looks once a turn. */
static void look_around(struct net *net, const struct crowd *crowd, struct look *look)
{
    look->leaving = false;
    look->waiting = NULL;
    look->n = 0;
    if (net->nobody_left == net->turn)
        return;
    list_for_each(it, &net->services)
    {
        struct net_service *service = list_entry(it, struct net_service, link);

        if (crowd->service && crowd->service != service)
            continue;
        list_for_each(at, &service->streams)
        {
            struct ctr_stream *s = list_entry(at, struct ctr_stream, link);

            if (look->n < LOOK_AT_MOST && is_of_crowd(s, crowd))
                look_at(look, s);
        }
    }
    look_into_sockets(look);
    if (!look->leaving && !look->waiting)
        net->nobody_left = net->turn;
}

static void displace(struct ctr_stream *s)
{
    log_debug("net", "session_displaced service=%s peer=%s", s->service->name,
              s->address);
    s->reason = CTR_CLOSE_PEER;
    stream_close(s);
    stream_leave(s);
}

/* ---- the door -------------------------------------------------------------- */

/* Whether it enters, in somebody's place perhaps. *hold: it should rather wait; NULL: it
 * has waited. */
static bool find_place(struct net_service *service, struct peers_key key,
                       struct crowd *crowd, bool *hold)
{
    struct look look;

    while (!enter(service, key, crowd)) {
        look_around(service->net, crowd, &look);
        if (hold && look.leaving) {
            *hold = true;
            return false;
        }
        if (!look.waiting)
            return false;
        displace(look.waiting);
    }
    return true;
}

/* returns false: it should wait, where hold is not NULL */
static bool decide(struct net_listener *listener, int fd,
                   const struct sockaddr_storage *peer, bool *hold)
{
    const struct sockaddr *address = (const struct sockaddr *)peer;
    struct net_service *service = listener->service;
    struct crowd crowd;

    if (find_place(service, peers_key_of(address), &crowd, hold)) {
        stream_accept(listener, fd, address);
        return true;
    }
    if (hold && *hold)
        return false;
    refuse(service, address, &crowd);
    close(fd);
    return true;
}

bool admit(struct net_socket *socket, int fd, const struct sockaddr_storage *peer)
{
    bool hold = false;

    if (decide(socket->user, fd, peer, &hold))
        return true;
    socket->held = (struct net_held){.fd = fd, .turns = HOLD_TURNS, .peer = *peer};
    socket->net->n_held++;
    return false;
}

static void release(struct net_socket *socket)
{
    socket->held.turns = 0;
    socket->net->n_held--;
}

void admit_drop_held(struct net_socket *socket)
{
    if (socket->held.turns == 0)
        return;
    release(socket);
    close(socket->held.fd);
}

bool admit_held(struct net_socket *socket)
{
    const struct sockaddr *address = (const struct sockaddr *)&socket->held.peer;
    struct net_listener *listener = socket->user;
    struct crowd crowd;

    if (enter(listener->service, peers_key_of(address), &crowd)) {
        release(socket);
        stream_accept(listener, socket->held.fd, address);
        return true;
    }
    if (--socket->held.turns > 0)
        return false;
    socket->net->n_held--;
    return decide(listener, socket->held.fd, &socket->held.peer, NULL);
}
