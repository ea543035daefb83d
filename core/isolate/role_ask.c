/* role_ask.c - in the process of an isolated source: live searches and tests, the
 * second part of its peer. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "isolate/child.h"

enum { ASK_MAX = 4 << 20, TEXT_MAX = 4096 };

struct child_search {
    struct list link;
    struct child *child;
    uint32_t id;
    struct arena arena;
    struct ctr_query query;
    _Atomic bool closed;
    bool told; /* to cancel; loop */
};

struct child_test {
    struct child *child;
    uint32_t id;
    struct strbuf end; /* the last frame */
    _Atomic bool canceled;
};

static struct child_search *search_of(struct ctr_search *search)
{
    return (struct child_search *)(void *)search;
}

/* ---- live search ----------------------------------------------------------------- */

static struct child_search *find_search(struct child *c, uint32_t id)
{
    list_for_each(it, &c->searches)
    {
        struct child_search *s = list_entry(it, struct child_search, link);

        if (s->id == id)
            return s;
    }
    return NULL;
}

static void search_free(struct child_search *s)
{
    list_remove(&s->link);
    arena_finish(&s->arena);
    free(s);
}

/* The query stays until here: the plugin's function may still be using it when it has
 * said done. */
static void on_search_over(void *arg)
{
    search_free(arg);
}

int role_search_hits(struct ctr_search *search, const struct ctr_contact *hits,
                     uint32_t n)
{
    struct child_search *s = search_of(search);
    uint32_t i = 0;

    while (i < n && !atomic_load(&s->closed)) {
        struct strbuf frame = {0};
        size_t at;

        frame_begin(&frame, FRAME_HITS, &at);
        wire_put_u(&frame, s->id);
        do
            contact_put(&frame, &hits[i++]);
        while (i < n && frame.len < FRAME_CONTACTS_AIM);
        frame_end(&frame, at);
        if (frame.len <= FRAME_CONTROL_MAX)
            child_send(s->child, &frame);
        strbuf_finish(&frame); /* one contact of such a size is not worth a lookup */
    }
    return atomic_load(&s->closed) ? -CTR_ECANCELED : 0;
}

static void send_done(struct child_search *s, int status)
{
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, FRAME_SEARCH_DONE, &at);
    wire_put_u(&frame, s->id);
    wire_put_i(&frame, status);
    frame_end(&frame, at);
    child_send(s->child, &frame);
}

void role_search_done(struct ctr_search *search, int status)
{
    struct child_search *s = search_of(search);

    send_done(s, status);
    loop_post(s->child->env.loop, on_search_over, s);
}

int role_search(struct child *c, struct wire *w)
{
    struct child_search *s = xcalloc(1, sizeof(*s));
    int err;

    s->child = c;
    arena_init(&s->arena, ASK_MAX);
    list_append(&c->searches, &s->link);
    s->id = wire_u32(w, UINT32_MAX);
    if (query_read(w, &s->arena, &s->query) != 0 || !c->driver || !c->driver->search) {
        search_free(s);
        return -CTR_EPROTO;
    }
    err = c->stopping ? -CTR_ECANCELED
                      : c->driver->search(c->driver->ctx, (struct ctr_search *)(void *)s,
                                          &s->query);
    if (err < 0) {
        send_done(s, err);
        search_free(s);
    }
    return 0;
}

static void cancel_search(struct child *c, struct child_search *s)
{
    atomic_store(&s->closed, true);
    if (!s->told)
        c->driver->search_cancel(c->driver->ctx, (struct ctr_search *)(void *)s);
    s->told = true;
}

void role_search_cancel_all(struct child *c)
{
    list_for_each_safe(it, &c->searches)
        cancel_search(c, list_entry(it, struct child_search, link));
}

int role_search_cancel(struct child *c, struct wire *w)
{
    struct child_search *s = find_search(c, wire_u32(w, UINT32_MAX));

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (s)
        cancel_search(c, s);
    return 0;
}

int role_search_drop(struct child *c, struct wire *w)
{
    struct child_search *s = find_search(c, wire_u32(w, UINT32_MAX));

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (s && c->driver->search_drop)
        c->driver->search_drop(c->driver->ctx, (struct ctr_search *)(void *)s);
    return 0;
}

int role_search_closed(struct child *c, struct wire *w)
{
    struct child_search *s = find_search(c, wire_u32(w, UINT32_MAX));

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (s)
        atomic_store(&s->closed, true);
    return 0;
}

/* ---- test ------------------------------------------------------------------------ */

void role_test_step(struct ctr_test *test, const char *step, int status,
                    const char *detail, const char *remedy)
{
    struct child_test *t = (struct child_test *)(void *)test;
    struct strbuf frame = {0};
    size_t at;

    frame_begin(&frame, FRAME_TEST_STEP, &at);
    wire_put_u(&frame, t->id);
    wire_put_z(&frame, step);
    wire_put_i(&frame, status);
    wire_put_str(&frame, str_make(detail, detail ? strnlen(detail, TEXT_MAX) : 0));
    wire_put_str(&frame, str_make(remedy, remedy ? strnlen(remedy, TEXT_MAX) : 0));
    frame_end(&frame, at);
    child_send(t->child, &frame);
}

int role_test_canceled(struct ctr_test *test)
{
    struct child_test *t = (struct child_test *)(void *)test;

    return atomic_load(&t->canceled) ? -CTR_ECANCELED : 0;
}

int role_test_cancel(struct child *c, struct wire *w)
{
    uint32_t id = wire_u32(w, UINT32_MAX);

    if (!wire_done(w))
        return -CTR_EPROTO;
    if (c->test && c->test->id == id)
        atomic_store(&c->test->canceled, true);
    return 0;
}

static void on_test_over(void *arg)
{
    struct child_test *t = arg;
    struct strbuf frame = {0};

    t->child->test = NULL;
    frame = t->end;
    child_send(t->child, &frame);
    free(t);
}

/* The daemon may ask for the next one as soon as it hears of it: on the loop. */
void role_test_end(struct ctr_test *test, int status, const char *reason)
{
    struct child_test *t = (struct child_test *)(void *)test;
    size_t at;

    frame_begin(&t->end, FRAME_TEST_END, &at);
    wire_put_u(&t->end, t->id);
    wire_put_i(&t->end, status);
    wire_put_z(&t->end, reason);
    frame_end(&t->end, at);
    loop_post(t->child->env.loop, on_test_over, t);
}

int role_test(struct child *c, struct wire *w)
{
    struct child_test *t;
    uint32_t id = wire_u32(w, UINT32_MAX);

    if (!wire_done(w) || !c->driver || !c->driver->test || c->test)
        return -CTR_EPROTO;
    t = xcalloc(1, sizeof(*t));
    t->child = c;
    t->id = id;
    c->test = t;
    c->driver->test(c->driver->ctx, (struct ctr_test *)(void *)t);
    return 0;
}
