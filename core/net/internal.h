/* internal.h - the shapes that the files of net/ share.
 *
 * net       the turn: what is to be done and written later in it (net.c)
 * service   what one front end listens with (service.c)
 * socket    a listening socket; survives its service on reload (listener.c)
 * stream    one connection (stream.c: its life, input.c, output.c, timing.c,
 *           tls_stream.c, tls_handshake.c)
 *
 * Plug-in code is called from four places only, and never from within a stream call:
 * bytes arriving, the turn's work list, the coarse clock, and the close callback. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/list.h"
#include "net/buffer.h"
#include "net/net.h"
#include "net/peers.h"

enum {
    NET_READ_SIZE = 64 * 1024,  /* one read from the kernel */
    NET_PLAIN_SIZE = 16 * 1024, /* one TLS record */
    NET_TURN_WORK = 64,         /* streams looked after from the work list in one turn */
    NET_LINGER_MS = 1000,       /* how long a closed peer may still talk */
    NET_KEPT_MAX = 32 << 20,    /* unconsumed input of all streams together */
};

/* A log line of one kind, at most a few in a while. */
struct net_log_gate {
    uint64_t window; /* when it began */
    unsigned lines, suppressed;
};

enum net_log_kind { NET_LOG_REFUSED, NET_LOG_TLS, NET_LOG_ACCEPT, NET_LOG_KINDS };

struct net {
    struct loop *loop;
    uv_loop_t *uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;   /* active while there is work, so that polling does not wait */
    uv_timer_t tick;  /* the coarse clock; runs while there are streams */
    uv_timer_t relax; /* accepting begins again */
    unsigned closing; /* handles whose close callback is due */

    struct net_options options;
    struct peers peers;
    uint32_t tick_time;
    size_t kept; /* bytes of unconsumed input, all streams */
    struct list services;
    struct list sockets;
    struct list work;  /* streams with something to do in a later callback */
    struct list dirty; /* streams with output of this turn */
    uint64_t turn;
    uint64_t nobody_left; /* the turn in which that was seen last */
    unsigned n_held;      /* sockets that hold somebody, see admit.c */
    struct tls_handshakes *handshakes;
    struct net_log_gate gates[NET_LOG_KINDS];
    struct buffer_spare spare; /* of output that has left */

    uint8_t read_buffer[NET_READ_SIZE];
    uint8_t plain_buffer[NET_PLAIN_SIZE];
};

enum timing_kind {
    TIMING_IDLE,      /* nothing asked */
    TIMING_RECEIVE,   /* a message begun */
    TIMING_SEND,      /* output the peer does not take */
    TIMING_HANDSHAKE, /* TLS not done */
    TIMING_LINGER,    /* closed, and the peer still talks */
    TIMING_KINDS
};

struct timing {
    struct list link;
    uint64_t at; /* loop time, ms */
};

/* Accepted, and not let in yet. */
struct net_held {
    unsigned turns; /* left to wait; 0: nobody is held */
    int fd;
    struct sockaddr_storage peer;
};

struct net_socket {
    struct list link; /* net->sockets */
    struct net *net;
    int fd;
    unsigned refs;
    bool passed;  /* by the service manager: it stays open, to be used again */
    bool resting; /* the process has no descriptors left: not accepting for a moment */
    struct net_held held;      /* nobody else is accepted meanwhile */
    struct net_listener *user; /* who gets the connections; NULL: they wait */
    uv_poll_t poll;
    struct sockaddr_storage address;
    char text[80]; /* "127.0.0.1:389", as bound */
};

struct net_listener {
    struct list link; /* service->listeners */
    struct net_service *service;
    struct net_socket *socket;
    struct net_address address;
};

struct net_service {
    struct list link; /* net->services */
    struct net *net;
    char *name, *tls_certificate, *tls_key;
    struct net_service_options options; /* defaults filled in */
    struct ctr_stream_ops ops;
    struct tls_context *tls; /* NULL: no certificate */
    struct peers peers;
    struct list listeners;
    struct list streams;
    struct {
        struct list list; /* by deadline */
        uint32_t time;
    } times[TIMING_KINDS];
    struct net_stats stats;
    bool started, stopping;
    bool settled; /* stopping, and who was about to ask has had the time to */
    uv_timer_t grace;
    uint32_t grace_left; /* ms behind `settled` */
    void (*done)(void *arg);
    void *done_arg;
};

enum stream_state {
    STREAM_HANDSHAKE, /* TLS from the first byte; the front end has not seen it yet */
    STREAM_OPEN,
    STREAM_ENDING, /* output leaves, then it closes */
    STREAM_LINGER, /* all sent; waiting a moment for the peer to close */
    STREAM_CLOSED  /* the close callback is due */
};

struct stream_tls;
struct tls_handshakes;

struct ctr_stream {
    uv_tcp_t tcp;
    uv_write_t write;
    struct net_service *service;
    struct list link; /* service->streams */
    struct list work, dirty;
    struct list handshake; /* waiting for a lane */
    struct timing times[TIMING_KINDS];
    void *conn;
    struct stream_tls *tls; /* NULL: plain */

    struct buffer in;     /* received, shown, not consumed */
    struct buffer out;    /* written by the front end in this turn */
    struct buffer wire;   /* ready for the kernel */
    struct buffer flying; /* in uv_write */
    uint64_t taken;       /* bytes the kernel took, those of `flying` not counted */
    uint64_t send_mark;   /* `taken` when TIMING_SEND began */
    uint64_t limit;       /* what on_data may leave */
    size_t kept;          /* of net->kept */

    uint8_t state;   /* enum stream_state */
    uint8_t reason;  /* CTR_CLOSE_*; 0: not ending */
    uint8_t head_n;  /* bytes of `head` */
    uint8_t head[3]; /* the first bytes on a plain port */
    uint16_t port;
    bool opened : 1;     /* on_open succeeded: on_close is due */
    bool in_data : 1;    /* within on_data */
    bool reading : 1;    /* uv_read_start is on */
    bool paused : 1;     /* by the front end */
    bool throttled : 1;  /* by a long output queue */
    bool present : 1;    /* work: show the unconsumed bytes again */
    bool decrypt : 1;    /* work: there are records kept encrypted */
    bool want_drain : 1; /* on_drain is owed */
    bool goodbye : 1;    /* work: on_goodbye(reason), then end */
    bool draining : 1;   /* the service stops: goodbye as soon as nothing is under way */
    bool asked : 1;      /* has consumed something */
    bool busy : 1;       /* requests under way */
    bool eof : 1;        /* the peer will send no more */
    bool left : 1;       /* counts no more */
    bool broken : 1;     /* nothing reaches the peer any more */
    bool answered : 1;   /* wrote something since the last bytes came in */
    bool tls_requested : 1; /* start_tls within on_data, not begun yet */
    bool tls_ended : 1;     /* close_notify has been sent */

    struct peers_key key;
    struct ctr_peer peer;
    char address[INET6_ADDRSTRLEN];
};

/* net.c */
void net_add_work(struct ctr_stream *s);
void net_add_dirty(struct ctr_stream *s);
void net_tick_start(struct net *net);
void net_fit_tick(struct net *net, const struct net_service *service);
/* Whether a line of this kind may be logged now; *suppressed lines were not since the
 * last one. */
bool net_may_log(struct net *net, enum net_log_kind kind, unsigned *suppressed);

/* address.c */
int address_to_sockaddr(const struct net_address *address, struct sockaddr_storage *out);
/* out >= INET6_ADDRSTRLEN */
void address_of_sockaddr(const struct sockaddr *address, char *out, size_t cap,
                         uint16_t *port);
bool address_is_loopback(const struct sockaddr *address);
bool address_same(const struct sockaddr *a, const struct sockaddr *b);

/* activation.c */
void activation_take(struct net *net);

/* listener.c */
/* Takes a descriptor that listens. */
struct net_socket *listener_adopt(struct net *net, int fd, bool passed);
int listener_open(struct net_service *service, const struct net_address *address,
                  struct net_service *old, char *error, size_t cap);
void listener_start(struct net_listener *listener);
void listener_close(struct net_listener *listener);
void listener_release(struct net_socket *socket);
void listener_relax(struct net *net); /* accept again after a shortage */
void listener_turn(struct net *net);  /* who is held may come in now */

/* service.c */
void service_stream_gone(struct net_service *service);

/* admit.c */
/* Lets it in, or refuses and closes it. returns false: it is held, accept no more */
bool admit(struct net_socket *socket, int fd, const struct sockaddr_storage *peer);
/* Once a turn, for a socket that holds somebody and has a user. returns whether that is
 * decided */
bool admit_held(struct net_socket *socket);
void admit_drop_held(struct net_socket *socket);

/* stream.c */
/* One that has entered and been counted. */
void stream_accept(struct net_listener *listener, int fd, const struct sockaddr *peer);
/* Counts no more against the limits. */
void stream_leave(struct ctr_stream *s);
void stream_open(struct ctr_stream *s);
void stream_work(struct ctr_stream *s);
void stream_expired(struct ctr_stream *s, enum timing_kind kind);
/* The service stops: a goodbye once nothing is under way. */
void stream_drain(struct ctr_stream *s);
/* on_goodbye in a later callback, then flush and close. */
void stream_say_goodbye(struct ctr_stream *s, uint8_t reason);
/* Flush, then close. */
void stream_end(struct ctr_stream *s, uint8_t reason);
/* Close, in peace. */
void stream_close(struct ctr_stream *s);
/* Close now; what is queued is lost. */
void stream_abort(struct ctr_stream *s, uint8_t reason);
void stream_sent_all(struct ctr_stream *s); /* all output has left */
/* Begins or stops reading, as the state of the stream asks for. */
void stream_update_reading(struct ctr_stream *s);

/* input.c */
void input_start(struct ctr_stream *s);
void input_present(struct ctr_stream *s, const uint8_t *data, size_t n);
void input_present_again(struct ctr_stream *s);
void input_eof(struct ctr_stream *s);
void input_finish(struct ctr_stream *s);

/* output.c */
uint64_t output_queued(const struct ctr_stream *s);
bool output_is_short(const struct ctr_stream *s); /* below the mark for on_drain */
/* Output has been appended. returns 0 | -CTR_EPAUSE | -CTR_EIO */
int32_t output_added(struct ctr_stream *s);
void output_flush(struct ctr_stream *s);
uint64_t output_taken(const struct ctr_stream *s);

/* timing.c */
void timing_init(struct net_service *service);
void timing_arm(struct ctr_stream *s, enum timing_kind kind);
void timing_disarm(struct ctr_stream *s, enum timing_kind kind);
bool timing_armed(const struct ctr_stream *s, enum timing_kind kind);
void timing_disarm_all(struct ctr_stream *s);
/* returns false when there is more to do than one turn should take */
bool timing_run(struct net_service *service);

/* Nothing more is read: the service stops. */
static inline bool stream_is_settled(const struct ctr_stream *s)
{
    return s->draining && s->service->settled;
}

static inline uint64_t net_now(const struct net *net)
{
    return uv_now(net->uv);
}

#endif
