/* listen.c - listening for changes. The thread learns nothing but that there is a change
 * (attributes "1.1"); the sync it asks for reads what it is. */
#include "listen.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "conn.h"
#include "kit/kit.h"
#include "source.h"
#include "syncrepl.h"
#include "text.h"

enum {
    RETRY_FIRST = 1000, /* ms */
    RETRY_MOST = 60000,
    SPACING = 300,       /* ms between two requests for a sync */
    SPACING_CALM = 30000 /* while syncs fail */
};

struct listener {
    const struct options *options;
    const struct ctr_host *host;
    struct conn *conn;
    struct cancel cancel;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool stopping, calm;
    struct cursor cursor; /* where the last sync was; n_cookies 0: nowhere */

    /* --- the thread's own */
    struct plan plan;
    const char *base[BASES_MAX];
    uint32_t n_bases;
    int64_t asked_at; /* the last request for a sync */
    bool wanted;      /* another one is due at asked_at and spacing */
    bool failing;     /* said so in the log */
};

/* --- asking for syncs -----------------------------------------------------------------
 */

static int64_t spacing(struct listener *l)
{
    bool calm;

    pthread_mutex_lock(&l->lock);
    calm = l->calm;
    pthread_mutex_unlock(&l->lock);
    return calm ? SPACING_CALM : SPACING;
}

static void ask_if_due(struct listener *l)
{
    if (!l->wanted || text_now() < l->asked_at + spacing(l))
        return;
    l->wanted = false;
    l->asked_at = text_now();
    l->host->request_sync(l->host);
}

static void note_change(struct listener *l)
{
    l->wanted = true;
    ask_if_due(l);
}

/* --- listening ------------------------------------------------------------------------
 */

static int32_t send_one(struct listener *l, const struct cursor *cursor, uint32_t base,
                        struct fault *f)
{
    static const int scopes[] = {[SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
                                 [SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
                                 [SCOPE_BASE] = LDAP_SCOPE_BASE};
    static char *no_attributes[] = {(char *)(uintptr_t)LDAP_NO_ATTRS, NULL};
    LDAPControl *controls[2] = {syncrepl_control(LDAP_SYNC_REFRESH_AND_PERSIST,
                                                 cursor->cookie[base].bytes,
                                                 cursor->cookie[base].len),
                                NULL};
    int rc, msgid;

    if (!controls[0])
        return fault_nomem(f);
    rc = ldap_search_ext(l->conn->ld, l->base[base], scopes[l->options->scope],
                         l->plan.filter, no_attributes, 0, controls, NULL, NULL,
                         LDAP_NO_LIMIT, &msgid);
    ldap_control_free(controls[0]);
    return rc == LDAP_SUCCESS
               ? 0
               : conn_unsent(l->conn, rc, "listen", "listening for changes", f);
}

/* Whether a message means that something changed. */
static bool is_change(struct listener *l, LDAPMessage *m)
{
    struct sync_state state;
    struct sync_info info;
    bool change = false;

    if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
        return syncrepl_state(l->conn->ld, m, &state) && state.state != LDAP_SYNC_PRESENT;
    if (ldap_msgtype(m) != LDAP_RES_INTERMEDIATE ||
        syncrepl_info(l->conn->ld, m, &info) != 0)
        return false;
    change = info.kind == LDAP_TAG_SYNC_ID_SET;
    syncrepl_info_finish(&info);
    return change;
}

static int32_t receive(struct listener *l, struct fault *f)
{
    for (;;) {
        int64_t until = l->wanted ? l->asked_at + spacing(l) : text_now() + 3600000;
        LDAPMessage *m = NULL;
        int32_t rc =
            conn_next_until(l->conn, LDAP_RES_ANY, until, "listening for changes", &m, f);

        if (rc == -CTR_ETIMEDOUT && f->code == 0) {
            ask_if_due(l);
            continue;
        }
        if (rc != 0)
            return rc;
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
            rc = conn_result(l->conn, m, "listen", "listening for changes", NULL, f);
            ldap_msgfree(m);
            return rc != 0 ? rc
                           : fault_set(f, -CTR_EUNAVAIL, "listen", NULL,
                                       "the server ended the listening");
        }
        if (is_change(l, m))
            note_change(l);
        ldap_msgfree(m);
    }
}

static int32_t listen_now(struct listener *l, const struct cursor *cursor,
                          struct fault *f)
{
    int32_t rc = conn_open(l->conn, f);

    if (rc == 0)
        rc = source_plan(l->options, l->conn, &l->plan, l->base, &l->n_bases, f);
    for (uint32_t i = 0; rc == 0 && i < l->n_bases && i < cursor->n_cookies; i++)
        rc = send_one(l, cursor, i, f);
    if (rc == 0) {
        if (l->failing)
            kit_log(l->host, CTR_LOG_INFO, "ldap_listening url=%s", l->conn->where->url);
        l->failing = false;
        rc = receive(l, f);
    }
    conn_close(l->conn);
    return rc;
}

/* --- the thread -----------------------------------------------------------------------
 */

static int32_t copy_cursor(struct cursor *to, const struct cursor *from)
{
    int32_t rc = 0;

    *to = (struct cursor){.mode = from->mode, .serial = from->serial};
    for (uint32_t i = 0; rc == 0 && i < from->n_cookies; i++)
        rc = cursor_cookie(to, i, from->cookie[i].bytes, from->cookie[i].len);
    if (rc != 0)
        cursor_finish(to);
    return rc;
}

/* Waits ms, or until a sync tells a cursor when `for_cursor`, or the end.
 * returns false: the end */
static bool pause_for(struct listener *l, int64_t ms, bool for_cursor)
{
    struct timespec until;
    bool more;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&l->lock);
    while (!l->stopping && !(for_cursor && l->cursor.n_cookies))
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) != 0)
            break;
    more = !l->stopping;
    pthread_mutex_unlock(&l->lock);
    return more;
}

static bool take_cursor(struct listener *l, struct cursor *out)
{
    bool some;

    pthread_mutex_lock(&l->lock);
    some = !l->stopping && l->cursor.n_cookies > 0 && copy_cursor(out, &l->cursor) == 0;
    pthread_mutex_unlock(&l->lock);
    return some;
}

static void forget_cursor(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    cursor_finish(&l->cursor);
    pthread_mutex_unlock(&l->lock);
}

/* Trying again would end the same way, or lock an account. */
static bool is_final(const struct fault *f)
{
    return f->ldap != 0 && f->ldap != LDAP_BUSY && f->ldap != LDAP_UNAVAILABLE &&
           f->ldap != LDAP_OTHER;
}

static void say_failed(struct listener *l, const struct fault *f)
{
    if (l->failing || f->code == -CTR_ECANCELED)
        return;
    l->failing = true;
    kit_log(l->host, CTR_LOG_WARN,
            "ldap_listen_failed reason=%s effect=\"changes wait for the next sync\"",
            kit_quoted(f->text));
}

/* After a start of the daemon: what changed while nobody listened? Only a server that can
 * tell is asked at once. returns true: settled either way */
static bool greet(struct listener *l)
{
    struct fault f = {0};
    int32_t rc = conn_open(l->conn, &f);

    if (rc == 0 && l->conn->dse.openldap && l->conn->dse.syncrepl)
        l->host->request_sync(l->host);
    if (rc != 0)
        say_failed(l, &f);
    conn_close(l->conn);
    return rc == 0 || is_final(&f);
}

static void *listener_main(void *arg)
{
    struct listener *l = arg;
    int64_t retry = RETRY_FIRST;
    bool greeted = false;

    while (pause_for(l, 0, false)) {
        struct cursor cursor = {0};
        struct fault f = {0};
        int64_t began = text_now();

        if (!take_cursor(l, &cursor)) {
            greeted = greeted || greet(l);
            pause_for(l, greeted ? 3600000 : retry, true);
            retry = retry * 2 < RETRY_MOST ? retry * 2 : RETRY_MOST;
            continue;
        }
        greeted = true;
        listen_now(l, &cursor, &f);
        cursor_finish(&cursor);
        if (is_final(&f))
            forget_cursor(l); /* the next sync that goes well brings another */
        say_failed(l, &f);
        l->wanted = l->wanted || f.ldap == LDAP_SYNC_REFRESH_REQUIRED;
        if (text_now() - began > RETRY_MOST)
            retry = RETRY_FIRST;
        pause_for(l, retry, false);
        ask_if_due(l);
        retry = retry * 2 < RETRY_MOST ? retry * 2 : RETRY_MOST;
    }
    return NULL;
}

/* --- life -----------------------------------------------------------------------------
 */

static int32_t start_thread(struct listener *l)
{
    sigset_t all, before;
    int err;

    sigfillset(&all); /* signals are the daemon's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&l->thread, NULL, listener_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err ? -CTR_ENOMEM : 0;
}

static void listener_free(struct listener *l)
{
    conn_destroy(l->conn);
    cursor_finish(&l->cursor);
    cancel_finish(&l->cancel);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

struct listener *listener_create(const struct options *o, const struct ctr_host *host,
                                 struct tls_cache *tls)
{
    struct listener *l = calloc(1, sizeof(*l));
    pthread_condattr_t attr;

    if (!l)
        return NULL;
    l->options = o;
    l->host = host;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (cancel_init(&l->cancel) == 0 &&
        (l->conn = conn_create(o, host, tls, &l->cancel)) && start_thread(l) == 0)
        return l;
    listener_free(l);
    return NULL;
}

void listener_destroy(struct listener *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    cancel_fire(&l->cancel);
    pthread_join(l->thread, NULL);
    listener_free(l);
}

void listener_follow(struct listener *l, const struct cursor *cursor)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    cursor_finish(&l->cursor);
    if (cursor && copy_cursor(&l->cursor, cursor) != 0)
        kit_log(l->host, CTR_LOG_WARN, "ldap_listen_off reason=\"out of memory\"");
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void listener_calm(struct listener *l, bool calm)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->calm = calm;
    pthread_mutex_unlock(&l->lock);
}
