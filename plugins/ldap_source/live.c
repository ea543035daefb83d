/* live.c - asking the server at lookup time. The connection is kept between questions;
 * one that the server has closed meanwhile is opened again once. Everything ends at the
 * question's time limit. */
#include "live.h"

#include <stdlib.h>

#include "contacts.h"
#include "filter.h"
#include "kit/kit.h"
#include "source.h"
#include "text.h"

enum {
    TIME_DEFAULT = 5000, /* ms, for a question without a limit */
    HITS_DEFAULT = 100,
    HITS_MAX = 1000, /* asked for: the host takes no more */
    SPARE = 4,       /* the translation is wider than the question */
    DOWN_MS = 2000   /* after a failure: questions are not kept waiting again */
};

int32_t live_init(struct live *l)
{
    pthread_mutex_init(&l->lock, NULL);
    return cancel_init(&l->cancel);
}

void live_finish(struct live *l)
{
    conn_destroy(l->conn);
    cancel_finish(&l->cancel);
    pthread_mutex_destroy(&l->lock);
}

static void set_running(struct live *l, struct ctr_search *search)
{
    pthread_mutex_lock(&l->lock);
    l->running = search;
    cancel_reset(&l->cancel);
    pthread_mutex_unlock(&l->lock);
}

void live_search_cancel(void *instance, struct ctr_search *search)
{
    struct source *s = instance;

    pthread_mutex_lock(&s->live.lock);
    if (s->live.running == search)
        cancel_fire(&s->live.cancel);
    pthread_mutex_unlock(&s->live.lock);
}

/* --- one question ---------------------------------------------------------------------
 */

struct question {
    struct source *source;
    struct ctr_search *search;
    struct contacts *contacts;
    const char *filter;
    int size_limit;
    int64_t deadline;
    uint64_t hits;
    struct fault fault;
};

static int32_t deliver(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct question *q = user;
    const struct ctr_host *host = q->source->host;
    int32_t rc = host->search_hits(host, q->search, contacts, n);

    q->hits += n;
    return rc == -CTR_EPAUSE ? 0 : rc;
}

static int32_t ask(struct question *q, const char *base, int *msgid)
{
    static const int scopes[] = {[SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
                                 [SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
                                 [SCOPE_BASE] = LDAP_SCOPE_BASE};
    struct live *l = &q->source->live;
    int64_t left = q->deadline - text_now();
    struct timeval limit = {.tv_sec = left > 0 ? (left + 999) / 1000 : 1};
    int rc = ldap_search_ext(l->conn->ld, base, scopes[q->source->options.scope],
                             q->filter, (char **)(uintptr_t)l->plan.name, 0, NULL, NULL,
                             &limit, q->size_limit, msgid);

    return rc == LDAP_SUCCESS
               ? 0
               : conn_unsent(l->conn, rc, "search", "a live search", &q->fault);
}

/* returns 1: the answer is over | 0 | negative */
static int32_t take(struct question *q, LDAPMessage *m)
{
    struct identity who;
    struct fault *f = &q->fault;

    switch (ldap_msgtype(m)) {
    case LDAP_RES_SEARCH_ENTRY:
        return contacts_entry(q->contacts, m, NULL, &who);
    case LDAP_RES_SEARCH_RESULT:
        conn_result(q->source->live.conn, m, "search", "a live search", NULL, f);
        if (f->ldap == LDAP_SIZELIMIT_EXCEEDED)
            *f = (struct fault){0}; /* enough is enough */
        ldap_msgfree(m);
        return f->code ? f->code : 1;
    default:
        ldap_msgfree(m);
        return 0;
    }
}

static int32_t search_base(struct question *q, const char *base)
{
    struct live *l = &q->source->live;
    int msgid;
    int32_t rc = ask(q, base, &msgid);

    if (rc != 0)
        return rc;
    while (rc == 0) {
        LDAPMessage *m = NULL;

        rc = conn_next_until(l->conn, msgid, q->deadline, "a live search", &m, &q->fault);
        if (rc == 0)
            rc = take(q, m);
    }
    if (rc == 1)
        return contacts_flush(q->contacts);
    conn_abandon(l->conn, msgid);
    return rc;
}

static int32_t open_conn(struct source *s, struct question *q)
{
    struct live *l = &s->live;
    int32_t rc;

    if (!l->conn)
        l->conn = conn_create(&s->options, s->host, &s->tls, &l->cancel);
    if (!l->conn)
        return fault_nomem(&q->fault);
    l->conn->deadline = q->deadline;
    rc = conn_open(l->conn, &q->fault);
    l->conn->deadline = 0;
    if (rc == 0)
        rc = source_plan(&s->options, l->conn, &l->plan, l->base, &l->n_bases, &q->fault);
    if (rc != 0)
        conn_close(l->conn);
    return rc;
}

static int32_t search_bases(struct question *q, const struct ctr_query *query)
{
    struct live *l = &q->source->live;
    struct text_out filter = {0};
    bool none;
    int32_t rc = filter_write(&filter, &l->plan, query->filter,
                              q->source->options.live_wildcards, &none);

    q->filter = filter.ptr;
    q->contacts = rc == 0 ? contacts_create(&l->plan, l->conn->ld) : NULL;
    if (rc != 0)
        fault_set(&q->fault, rc, "search", NULL, "the question is too long for a filter");
    else if (!q->contacts)
        rc = fault_nomem(&q->fault);
    else
        q->contacts->deliver = deliver;
    if (rc == 0)
        q->contacts->user = q;
    for (uint32_t i = 0; rc == 0 && !none && i < l->n_bases; i++)
        rc = search_base(q, l->base[i]);
    contacts_destroy(q->contacts);
    q->contacts = NULL;
    free(filter.ptr);
    return rc;
}

/* A kept connection may have ended unnoticed: that counts once. */
static int32_t search_again(struct question *q, const struct ctr_query *query)
{
    struct live *l = &q->source->live;
    bool kept = l->conn && l->conn->ld;
    int32_t rc = kept ? 0 : open_conn(q->source, q);

    if (rc == 0)
        rc = search_bases(q, query);
    if (rc == 0 || !l->conn || !l->conn->ld || l->conn->wire.broke == 0)
        return rc;
    conn_close(l->conn);
    if (!kept || q->hits > 0 || atomic_load(&l->cancel.set) || text_now() >= q->deadline)
        return rc;
    q->fault = (struct fault){0};
    rc = open_conn(q->source, q);
    return rc == 0 ? search_bases(q, query) : rc;
}

static int32_t failed(struct source *s, struct question *q, int32_t rc)
{
    if (atomic_load(&s->live.cancel.set))
        return -CTR_ECANCELED;
    if (q->fault.code == 0)
        return rc;
    s->live.not_before = s->live.conn && s->live.conn->ld ? 0 : text_now() + DOWN_MS;
    kit_log(s->host, CTR_LOG_WARN, "ldap_live_failed reason=%s",
            kit_quoted(q->fault.text));
    return fault_tell(&q->fault, s->host);
}

int32_t live_search(void *instance, struct ctr_search *search,
                    const struct ctr_query *query)
{
    struct source *s = instance;
    uint32_t limit = query->limit ? query->limit : HITS_DEFAULT;
    struct question q = {
        .source = s,
        .search = search,
        .size_limit = limit < HITS_MAX / SPARE ? (int)limit * SPARE : HITS_MAX,
        .deadline = text_now() + (query->time_limit ? query->time_limit : TIME_DEFAULT)};
    int32_t rc;

    if (text_now() < s->live.not_before)
        return kit_fail(s->host, -CTR_EUNAVAIL, "the server did not answer just now");
    set_running(&s->live, search);
    rc = search_again(&q, query);
    rc = rc == 0 ? 0 : failed(s, &q, rc);
    set_running(&s->live, NULL);
    if (rc == 0)
        s->host->search_done(s->host, search, 0);
    return rc;
}
