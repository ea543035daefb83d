/* search.c - live searches of an isolated source, at the daemon's end. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "isolate/private.h"

enum { HITS_MAX = 256 /* as the host table has it: it is the loop that takes them */ };

struct search {
    struct list link;
    uint32_t id;
    struct ctr_search *search;
    bool closed;      /* no more hits are taken, and it was told so */
    int64_t canceled; /* clock_ms; 0: not */
};

static struct search *find_id(struct isolate *iso, uint32_t id)
{
    list_for_each(it, &iso->searches)
    {
        struct search *s = list_entry(it, struct search, link);

        if (s->id == id)
            return s;
    }
    return NULL;
}

static void search_end(struct isolate *iso, struct search *s, int status)
{
    list_remove(&s->link);
    iso->n_searches--;
    iso->peer->search_done(s->search, status);
    free(s);
}

/* ---- flow's ---------------------------------------------------------------------- */

int isolate_search(void *ctx, struct ctr_search *search, const struct ctr_query *query)
{
    struct isolate *iso = ctx;
    struct strbuf frame = {0};
    struct search *s;
    size_t at;

    if (iso->state != ISOLATE_RUNNING)
        return -CTR_EUNAVAIL;
    if (iso->n_searches >= SEARCHES_MAX)
        return -CTR_EBUSY;
    s = xcalloc(1, sizeof(*s));
    s->id = ++iso->next_id;
    s->search = search;
    list_append(&iso->searches, &s->link);
    iso->n_searches++;
    frame_begin(&frame, FRAME_SEARCH, &at);
    wire_put_u(&frame, s->id);
    query_put(&frame, query);
    frame_end(&frame, at);
    link_send(iso, &frame); /* may end it all, and with it this search */
    return 0;
}

void isolate_search_cancel(void *ctx, struct ctr_search *search)
{
    struct isolate *iso = ctx;

    list_for_each(it, &iso->searches)
    {
        struct search *s = list_entry(it, struct search, link);

        if (s->search != search || s->canceled > 0)
            continue;
        s->canceled = clock_ms();
        link_send_u(iso, FRAME_SEARCH_CANCEL, s->id);
        return;
    }
}

void isolate_search_drop(void *ctx, struct ctr_search *search)
{
    struct isolate *iso = ctx;

    list_for_each(it, &iso->searches)
    {
        struct search *s = list_entry(it, struct search, link);

        if (s->search == search) {
            link_send_u(iso, FRAME_SEARCH_DROP, s->id);
            return;
        }
    }
}

int64_t isolate_search_overdue(const struct isolate *iso)
{
    int64_t oldest = 0;

    list_for_each(it, &iso->searches)
    {
        const struct search *s = list_entry(it, struct search, link);

        if (s->canceled > 0 && (oldest == 0 || s->canceled < oldest))
            oldest = s->canceled;
    }
    return oldest;
}

/* ---- the process's --------------------------------------------------------------- */

int isolate_search_hits(struct isolate *iso, struct wire *w)
{
    struct search *s = find_id(iso, wire_u32(w, UINT32_MAX));
    struct contacts hits = {0};
    int err = 0, r = 0;

    if (!s || w->bad)
        return -CTR_EPROTO;
    if (s->closed)
        return 0;
    err = contacts_read(w, &hits);
    if (err == 0 && hits.n > HITS_MAX)
        err = -CTR_EPROTO;
    if (err == 0)
        r = iso->peer->search_hits(s->search, hits.items, hits.n);
    contacts_finish(&hits);
    if (r == -CTR_ECANCELED) {
        s->closed = true;
        link_send_u(iso, FRAME_SEARCH_CLOSED, s->id);
    }
    return err == 0 ? 0 : -CTR_EPROTO;
}

int isolate_search_done(struct isolate *iso, struct wire *w)
{
    struct search *s = find_id(iso, wire_u32(w, UINT32_MAX));
    int status = wire_i32(w);

    if (!s || !wire_done(w) || status > 0)
        return -CTR_EPROTO;
    search_end(iso, s, status);
    return 0;
}

void isolate_search_end_all(struct isolate *iso)
{
    list_for_each_safe(it, &iso->searches)
        search_end(iso, list_entry(it, struct search, link), -CTR_EUNAVAIL);
}
