/* timing.c - deadlines of streams.
 *
 * A service gives every stream the same times, so a deadline set later is due later:
 * each kind is a list in order, arming appends, and the coarse clock looks only at the
 * heads. */
#include "net/internal.h"

enum { TIMING_BUDGET = 64 };

void timing_init(struct net_service *service)
{
    const struct net_service_options *o = &service->options;

    service->times[TIMING_IDLE].time = o->idle_time;
    service->times[TIMING_RECEIVE].time = o->receive_time;
    service->times[TIMING_SEND].time = o->send_time;
    service->times[TIMING_HANDSHAKE].time = o->handshake_time;
    service->times[TIMING_LINGER].time = NET_LINGER_MS;
    for (int i = 0; i < TIMING_KINDS; i++)
        list_init(&service->times[i].list);
}

void timing_arm(struct ctr_stream *s, enum timing_kind kind)
{
    struct net_service *service = s->service;
    struct timing *t = &s->times[kind];

    uint64_t time = service->times[kind].time;

    /* The clock is coarse: rather a little early than late. */
    if (kind != TIMING_LINGER && time > service->net->tick_time)
        time -= service->net->tick_time;
    list_remove(&t->link);
    t->at = net_now(service->net) + time;
    list_append(&service->times[kind].list, &t->link);
}

void timing_disarm(struct ctr_stream *s, enum timing_kind kind)
{
    list_remove(&s->times[kind].link);
}

bool timing_armed(const struct ctr_stream *s, enum timing_kind kind)
{
    return !list_empty(&s->times[kind].link);
}

void timing_disarm_all(struct ctr_stream *s)
{
    for (int i = 0; i < TIMING_KINDS; i++)
        list_remove(&s->times[i].link);
}

bool timing_run(struct net_service *service)
{
    uint64_t now = net_now(service->net);
    unsigned budget = TIMING_BUDGET;

    for (int kind = 0; kind < TIMING_KINDS; kind++) {
        struct list *list = &service->times[kind].list;

        while (!list_empty(list)) {
            struct timing *t = list_entry(list->next, struct timing, link);
            struct ctr_stream *s = list_entry(t - kind, struct ctr_stream, times[0]);

            if (t->at > now)
                break;
            if (budget-- == 0)
                return false;
            list_remove(&t->link);
            stream_expired(s, (enum timing_kind)kind);
        }
    }
    return true;
}
