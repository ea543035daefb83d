/* flow_util.h - a small world for the tests of flow: a loop, a cache in a folder of its
 * own, contacts, filters, and a front end that writes down what it is given. */
#ifndef TESTS_FLOW_UTIL_H
#define TESTS_FLOW_UTIL_H

#include <ftw.h>
#include <stdint.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cache/cache.h"
#include "flow/flow.h"
#include "tap.h"

#define UNUSED __attribute__((unused))

/* ---- the world ------------------------------------------------------------- */

struct world {
    char dir[64];
    struct loop *loop;
    struct cache *cache;
    struct flow *flow;
    struct arena pool; /* filters and what tests copy */
};

UNUSED static int remove_entry(const char *path, const struct stat *st, int flag,
                               struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

UNUSED static struct dialplan munich(void)
{
    struct dialplan_options o = {.country = "DE",
                                 .area_code = "89",
                                 .main_number = "+49 89 840798",
                                 .extension_length = 3};
    struct dialplan plan;
    const char *bad;
    char error[200];

    ensure(dialplan_init(&plan, &o, &bad, error, sizeof(error)) == 0);
    return plan;
}

UNUSED static void world_open(struct world *w)
{
    struct cache_options options = {.dir = w->dir};
    char error[512];

    memset(w, 0, sizeof(*w));
    log_set_level(LOG_LEVEL_ERROR);
    strcpy(w->dir, "/tmp/contactor-flow-XXXXXX");
    ensure(mkdtemp(w->dir));
    ensure(number_global_init() == 0);
    w->loop = loop_create();
    ensure(cache_open(w->loop, &options, &w->cache, error, sizeof(error)) == 0);
    w->flow = flow_create(w->loop, w->cache);
}

UNUSED static void world_turn(struct world *w)
{
    uv_run(loop_uv(w->loop), UV_RUN_NOWAIT);
    usleep(100);
}

UNUSED static void world_turns(struct world *w, int n)
{
    while (n-- > 0)
        world_turn(w);
}

UNUSED static bool world_until(struct world *w, const bool *flag)
{
    int64_t end = clock_ms() + 20000;

    while (!*flag && clock_ms() < end)
        world_turn(w);
    return *flag;
}

UNUSED static void world_close(struct world *w)
{
    flow_destroy(w->flow);
    cache_close(w->cache);
    loop_destroy(w->loop);
    arena_finish(&w->pool);
    nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- contacts -------------------------------------------------------------- */

struct person {
    struct ctr_contact contact;
    struct ctr_field fields[32];
};

/* kind, value pairs, ended by 0. */
UNUSED static struct person person(const char *id, const char *owner, ...)
{
    struct person p = {0};
    va_list ap;
    uint32_t kind;

    p.contact.size = sizeof(p.contact);
    p.contact.id = str_of(id);
    if (owner)
        p.contact.owner = str_of(owner);
    va_start(ap, owner);
    while ((kind = va_arg(ap, uint32_t)) != 0) {
        struct ctr_field *f = &p.fields[p.contact.n_fields++];

        f->kind = kind;
        f->value = str_of(va_arg(ap, const char *));
        if (kind == CTR_FIELD_CUSTOM)
            f->name = str_of("extra");
    }
    va_end(ap);
    p.contact.field_size = sizeof(struct ctr_field);
    return p;
}

struct load {
    struct world *w;
    struct cache_load *load;
};

UNUSED static struct load load_begin(struct world *w, const char *source)
{
    struct dialplan plan = munich();
    struct cache_load_options options = {.full = true,
                                         .plan = &plan,
                                         .may_wait = true,
                                         .allow_delete = true,
                                         .max_delete_percent = 100};
    struct load l = {.w = w};

    ensure(cache_load_begin(cache_source(w->cache, source), &options, &l.load) == 0);
    return l;
}

UNUSED static void load_put(struct load *l, struct person p)
{
    p.contact.fields = p.fields;
    ensure(cache_load_put(l->load, &p.contact, 1) == 0);
}

UNUSED static struct cache_load_stats load_end(struct load *l)
{
    struct cache_load_stats stats;
    struct world *w = l->w;

    ensure(cache_load_commit(l->load, str_make(NULL, 0), &stats) == 0);
    world_turns(w, 20);
    return stats;
}

/* ---- filters --------------------------------------------------------------- */

UNUSED static struct ctr_filter *leaf(struct world *w, uint32_t op, uint64_t kinds,
                                      const char *value)
{
    struct ctr_filter *f = arena_alloc(&w->pool, sizeof(*f));
    struct ctr_str *values = arena_array(&w->pool, 1, sizeof(*values));

    f->op = op;
    f->kinds = kinds;
    f->values = values;
    if (value) {
        values[0] = str_of(arena_z(&w->pool, value));
        f->n_values = 1;
    }
    return f;
}

/* "ab*c*" */
UNUSED static struct ctr_filter *substr(struct world *w, uint64_t kinds,
                                        const char *pattern)
{
    struct ctr_filter *f = leaf(w, CTR_OP_SUBSTR, kinds, NULL);
    struct ctr_str *values = arena_array(&w->pool, 64, sizeof(*values));
    const char *star;

    pattern = arena_z(&w->pool, pattern);
    f->values = values;
    while ((star = strchr(pattern, '*')) != NULL) {
        if (star > pattern)
            values[f->n_values] = str_make(pattern, (size_t)(star - pattern));
        f->n_values++;
        pattern = star + 1;
    }
    if (*pattern)
        values[f->n_values] = str_of(pattern);
    f->n_values++;
    return f;
}

/* children ended by NULL */
UNUSED static struct ctr_filter *branch(struct world *w, uint32_t op, ...)
{
    struct ctr_filter *f = arena_alloc(&w->pool, sizeof(*f));
    const struct ctr_filter **children = arena_array(&w->pool, 64, sizeof(*children));
    va_list ap;

    f->op = op;
    f->children = children;
    va_start(ap, op);
    while ((children[f->n_children] = va_arg(ap, const struct ctr_filter *)) != NULL)
        f->n_children++;
    va_end(ap);
    return f;
}

/* ---- a front end ----------------------------------------------------------- */

enum { ANSWER_MAX = 30000 };

struct answer {
    struct world *w;
    bool done;
    int status;
    struct ctr_outcome outcome;
    unsigned batches, late;
    uint32_t n;
    char *ids[ANSWER_MAX];
    uint32_t flags[ANSWER_MAX];
    uint32_t group_size;
    char name[200], phone[100], e164[40], source[40]; /* of the first hit */
    uint64_t kinds;                                   /* that occurred */
    char cursor[CTR_CURSOR_MAX];
    size_t cursor_len;
    /* What the front end does. */
    unsigned pause_each; /* batches; 0: never */
    unsigned cancel_at;  /* batch; 0: never; 1: the first */
    bool cancel_by_call;
    struct ctr_request *request;
};

UNUSED static void note_first(struct answer *a, const struct ctr_contact *c)
{
    snprintf(a->source, sizeof(a->source), STR_FMT, STR_ARG(c->source));
    a->group_size = c->group_size;
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const struct ctr_field *f = &c->fields[i];

        if (f->kind == CTR_FIELD_DISPLAY_NAME)
            snprintf(a->name, sizeof(a->name), STR_FMT, STR_ARG(f->value));
        if (f->kind >= CTR_FIELD_PHONE_BUSINESS && f->kind <= CTR_FIELD_PHONE_FAX &&
            !a->phone[0]) {
            snprintf(a->phone, sizeof(a->phone), STR_FMT, STR_ARG(f->value));
            snprintf(a->e164, sizeof(a->e164), STR_FMT, STR_ARG(f->e164));
        }
    }
}

UNUSED static int32_t on_hits(void *user, const struct ctr_contact *const *hits,
                              uint32_t n)
{
    struct answer *a = user;

    if (a->done)
        a->late++;
    a->batches++;
    for (uint32_t i = 0; i < n && a->n < ANSWER_MAX; i++) {
        if (a->n == 0)
            note_first(a, hits[i]);
        for (uint32_t k = 0; k < hits[i]->n_fields; k++)
            a->kinds |= CTR_KIND(hits[i]->fields[k].kind);
        a->ids[a->n] = xstrndup(hits[i]->id.ptr, hits[i]->id.len);
        a->flags[a->n++] = hits[i]->flags;
    }
    if (a->cancel_at && a->batches == a->cancel_at) {
        if (!a->cancel_by_call)
            return -CTR_ECANCELED;
        flow_query_cancel(a->request);
        return 0;
    }
    if (a->pause_each && a->batches % a->pause_each == 0)
        return -CTR_EPAUSE;
    return 0;
}

UNUSED static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct answer *a = user;

    if (a->done)
        a->late++;
    a->done = true;
    a->status = outcome->status;
    a->outcome = *outcome;
    a->cursor_len = (size_t)outcome->cursor.len;
    if (a->cursor_len)
        memcpy(a->cursor, outcome->cursor.ptr, a->cursor_len);
}

static const struct ctr_query_ops answer_ops = {
    .size = sizeof(answer_ops), .on_hits = on_hits, .on_done = on_done};

UNUSED static struct answer *answer_new(struct world *w)
{
    struct answer *a = xcalloc(1, sizeof(*a));

    a->w = w;
    return a;
}

UNUSED static void answer_free(struct answer *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        free(a->ids[i]);
    free(a);
}

UNUSED static struct ctr_query ask_for(const struct ctr_filter *filter)
{
    return (struct ctr_query){.size = sizeof(struct ctr_query),
                              .filter = filter,
                              .want = CTR_KINDS_ALL,
                              .asked = str_of("test")};
}

/* Starts and waits for the end. The answer is the caller's. */
UNUSED static struct answer *ask_into(struct world *w, const char *client,
                                      const struct ctr_query *query, struct answer *a)
{
    int r = flow_query_start(flow_client(w->flow, client), query, &answer_ops, a,
                             &a->request);

    if (r < 0) {
        a->done = true;
        a->status = r;
        return a;
    }
    while (!a->done) {
        if (a->request && a->pause_each)
            flow_query_resume(a->request);
        world_turn(w);
    }
    return a;
}

UNUSED static struct answer *ask(struct world *w, const char *client,
                                 struct ctr_principal *principal,
                                 const struct ctr_query *query)
{
    struct ctr_query q = *query;

    q.principal = principal;
    return ask_into(w, client, &q, answer_new(w));
}

UNUSED static bool has_id(const struct answer *a, const char *id)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (strcmp(a->ids[i], id) == 0)
            return true;
    return false;
}

/* "a,b,c" in the order of arrival */
UNUSED static const char *ids_of(const struct answer *a)
{
    static char out[4096];
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 0; i < a->n && n < sizeof(out) - 100; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i ? "," : "", a->ids[i]);
    return out;
}

/* ---- principals ------------------------------------------------------------ */

struct login {
    bool done;
    int status;
    struct ctr_principal *principal;
    int64_t at_us;
};

UNUSED static void on_login(void *user, int32_t status, struct ctr_principal *principal)
{
    struct login *l = user;

    l->done = true;
    l->status = status;
    l->principal = principal;
    l->at_us = clock_us();
}

UNUSED static int login_start(struct world *w, const char *name, const char *password,
                              const char *peer, struct login *l,
                              struct ctr_request **request)
{
    struct ctr_credentials c = {.size = sizeof(c),
                                .name = str_of(name),
                                .password = str_of(password),
                                .client = str_of(peer)};

    memset(l, 0, sizeof(*l));
    return flow_authenticate(w->flow, &c, on_login, l, request);
}

UNUSED static struct ctr_principal *login(struct world *w, const char *name,
                                          const char *password)
{
    struct ctr_request *request;
    struct login l;

    ensure(login_start(w, name, password, "127.0.0.1", &l, &request) == 0);
    world_until(w, &l.done);
    return l.principal;
}

#endif
