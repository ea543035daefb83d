/* search.c - lookups while somebody waits: on a lane and a connection of their own,
 * within the time the client gives. */
#include <stdlib.h>
#include <time.h>

#include "ask.h"
#include "contacts.h"
#include "diag.h"
#include "source_private.h"

enum {
    LOOKUP_ROWS = 1000, /* of one lookup */
    PAGE_ROWS = 32,
    RETRY_FIRST_MS = 500,
    RETRY_MOST_MS = 30000,
    CANCEL_SPARE_MS = 20
};

struct lookup {
    struct source *s;
    struct ctr_search *search;
    int64_t deadline; /* CLOCK_MONOTONIC, ms */
    struct patience patience;
    struct trouble trouble;
    struct plan plan;
    struct sink sink;
    struct contacts contacts;
    struct ask asks[ASKS_MAX];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- what the host is told ------------------------------------------------------------
 */

static bool is_over(struct lookup *l)
{
    struct source *s = l->s;
    bool over;

    pthread_mutex_lock(&s->mutex);
    over = s->stopping || s->canceled;
    pthread_mutex_unlock(&s->mutex);
    return over;
}

static bool is_stopping(void *user)
{
    const struct lookup *l = user;

    return source_stopping(l->s);
}

static int32_t on_put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct lookup *l = user;
    const struct ctr_host *host = l->s->host;
    struct timespec pause = {.tv_nsec = 1000000};
    int32_t rc;

    if (is_over(l))
        return -CTR_ECANCELED;
    rc = host->search_hits(host, l->search, contacts, n);
    if (rc != -CTR_EPAUSE)
        return rc;
    nanosleep(&pause, NULL);
    return 0;
}

static void on_reject(void *user, const char *where, const char *reason)
{
    const struct lookup *l = user;

    kit_log(l->s->host, CTR_LOG_DEBUG, "odbc lookup_row_unused where=%s reason=%s",
            kit_quoted(where), kit_quoted(reason));
}

/* --- one lookup -----------------------------------------------------------------------
 */

static int32_t read_hits(struct lookup *l, struct conn *conn)
{
    struct page *p = NULL;
    uint64_t rows = 0;
    int32_t rc;

    do {
        rc = conn_fetch(conn, &p, &l->patience, &l->trouble);
        if (rc != 0 || !p)
            break;
        rc = contacts_page(&l->contacts, p);
        rows += p->n_rows;
        l->trouble.code = rc;
    } while (rc == 0 && rows < LOOKUP_ROWS);
    if (rc == 0) {
        rc = contacts_end(&l->contacts);
        l->trouble.code = rc;
    }
    return rc;
}

static int32_t run_ask(struct lookup *l, struct conn *conn, const struct ask *ask)
{
    struct param params[SQLTEXT_PARAMS_MAX];
    int32_t rc;

    for (uint32_t i = 0; i < ask->sql->n_params; i++)
        params[i] = (struct param){.text = ask->values[ask->sql->params[i]]};
    rc = conn_execute(conn, ask->sql, params, &l->patience, &l->trouble);
    if (rc == 0)
        rc = plan_make(&l->plan, &l->s->config, conn_columns(conn), conn_driver(conn),
                       false, &l->trouble);
    if (rc == 0)
        rc = conn_bind(conn, PAGE_ROWS, &l->trouble);
    if (rc != 0)
        return rc;
    contacts_begin(&l->contacts, &l->plan);
    rc = read_hits(l, conn);
    if (rc == 0)
        rc = conn_reset(conn, &l->patience, &l->trouble);
    return rc;
}

/* --- the connection -------------------------------------------------------------------
 */

static void drop_conn(struct source *s)
{
    conn_leave(s->conn);
    s->conn = NULL;
    s->host->metric_set(s->host, s->metric_stuck, crew_stuck(s->crew));
}

/* After a failure, the next tries wait ever longer: a server that is gone must not keep
 * every caller waiting. */
static void back_off(struct source *s)
{
    s->retry_after = s->retry_after ? s->retry_after * 2 : RETRY_FIRST_MS;
    if (s->retry_after > RETRY_MOST_MS)
        s->retry_after = RETRY_MOST_MS;
    s->retry_at = now_ms() + s->retry_after;
}

static int32_t open_conn(struct lookup *l)
{
    struct source *s = l->s;
    struct conn_setup setup = source_setup(s, false, s->config.lookup_timeout);
    int32_t rc = conn_open(&s->conn, &setup, s->crew, &l->patience, &l->trouble);

    if (rc != 0) {
        back_off(s);
        return rc;
    }
    s->retry_after = s->retry_at = 0;
    conn_limit(s->conn, LOOKUP_ROWS);
    return 0;
}

/* What the client left of its time; the statement is ended when it is over. */
static void set_limit(struct lookup *l)
{
    int64_t left = l->deadline - now_ms();

    conn_patience(l->s->conn, left < 1 ? 1 : left);
}

/* A connection that was idle may have been closed by the server long ago: then once more,
 * on a new one. */
static int32_t run_on_conn(struct lookup *l, const struct ask *ask)
{
    struct source *s = l->s;
    bool fresh = !s->conn;
    int32_t rc = fresh ? open_conn(l) : 0;

    if (rc != 0)
        return rc;
    set_limit(l);
    rc = run_ask(l, s->conn, ask);
    if (rc == 0)
        return 0;
    drop_conn(s);
    if (fresh || l->trouble.code == -CTR_ETIMEDOUT || !diag_lost(&l->trouble) ||
        now_ms() >= l->deadline || is_over(l))
        return rc;
    return run_on_conn(l, ask);
}

/* --- the search -----------------------------------------------------------------------
 */

/* What was asked may stand in the server's words: they are for debugging only. */
static void log_failure(const struct lookup *l)
{
    const struct ctr_host *host = l->s->host;

    host->metric_add(host, l->s->metric_lookups_failed, 1);
    kit_log(host, CTR_LOG_WARN, "odbc lookup_failed state=%s reason=\"%s\"",
            l->trouble.state[0] ? l->trouble.state : "none",
            l->trouble.code == -CTR_ETIMEDOUT ? "no answer in time"
                                              : "see contactorctl source test");
    kit_log(host, CTR_LOG_DEBUG, "odbc lookup_failed detail=%s",
            kit_quoted(l->trouble.text));
}

static int32_t run_lookup(struct lookup *l, const struct ctr_query *query)
{
    struct source *s = l->s;
    uint32_t n = ask_make(l->asks, &s->config, query->filter);
    int64_t budget = s->config.lookup_timeout;
    int32_t rc = 0;

    if (query->time_limit && query->time_limit < budget)
        budget = query->time_limit;
    l->deadline = now_ms() + budget + CANCEL_SPARE_MS;
    if (n == 0)
        return 0;
    if (!s->conn && now_ms() < s->retry_at)
        return -CTR_EUNAVAIL;
    if (contacts_init(&l->contacts, &l->sink, NULL) != 0)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < n && !is_over(l); i++) {
        s->host->metric_add(s->host, s->metric_lookups, 1);
        rc = run_on_conn(l, &l->asks[i]);
    }
    if (rc != 0 && rc != -CTR_ECANCELED)
        log_failure(l);
    contacts_finish(&l->contacts);
    return rc;
}

static bool enter(struct source *s, struct ctr_search *search)
{
    bool go;

    pthread_mutex_lock(&s->mutex);
    go = !s->stopping;
    if (go) {
        s->searching = search;
        s->canceled = false;
    }
    pthread_mutex_unlock(&s->mutex);
    return go;
}

static void leave(struct source *s)
{
    pthread_mutex_lock(&s->mutex);
    s->searching = NULL;
    pthread_mutex_unlock(&s->mutex);
}

int32_t source_search(void *instance, struct ctr_search *search,
                      const struct ctr_query *query)
{
    struct source *s = instance;
    struct lookup *l = calloc(1, sizeof(*l));
    int32_t rc = -CTR_ENOMEM;

    if (l && enter(s, search)) {
        l->s = s;
        l->search = search;
        l->patience = (struct patience){.canceled = is_stopping, .user = l};
        l->sink = (struct sink){on_put, NULL, on_reject, l};
        rc = run_lookup(l, query);
        leave(s);
    } else if (l) {
        rc = -CTR_ECANCELED;
    }
    free(l);
    s->host->search_done(s->host, search, rc);
    return 0;
}

/* The loop. What runs on the server ends by itself at its limit; its rows are not looked
 * at any more. */
void source_search_cancel(void *instance, struct ctr_search *search)
{
    struct source *s = instance;

    pthread_mutex_lock(&s->mutex);
    if (s->searching == search)
        s->canceled = true;
    pthread_mutex_unlock(&s->mutex);
}
