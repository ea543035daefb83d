/* search.c - a live search: the program is asked within the time the client has.
 *
 * It has its own program, so that it does not wait for a sync. One that fails is left
 * alone for a while, longer each time: calls come in faster than it could be started. */
#include <poll.h>
#include <stdlib.h>

#include "contacts.h"
#include "json.h"
#include "kit/kit.h"
#include "request.h"
#include "source.h"

enum {
    CANCEL_MS = 500,   /* to end a search that is not wanted any more */
    HITS_MAX = 1024,   /* the host takes no more */
    LINES_MAX = 10000, /* of one answer */
    PAUSE_MS = 5,
    BACK_OFF_MS = 1000,
    BACK_OFF_MAX_MS = 60000,
    REASON_MAX = 600
};

/* What becomes of the program, once the client has its answer. */
enum then { THEN_KEEP, THEN_CLOSE, THEN_CALL_OFF, THEN_DROP };

struct hunt {
    struct source *s;
    struct ctr_search *search;
    struct channel *ch;
    struct contacts contacts;
    int64_t deadline;
    enum then then;
    char error[240]; /* what the program said */
};

/* --- begin and end --------------------------------------------------------------------
 */

static void set_searching(struct source *s, struct ctr_search *search)
{
    pthread_mutex_lock(&s->lock);
    s->searching = search;
    s->search_canceled = false;
    pthread_mutex_unlock(&s->lock);
}

static bool is_canceled(struct source *s)
{
    bool canceled;

    pthread_mutex_lock(&s->lock);
    canceled = s->search_canceled;
    pthread_mutex_unlock(&s->lock);
    return canceled;
}

void source_search_cancel(void *instance, struct ctr_search *search)
{
    struct source *s = instance;

    pthread_mutex_lock(&s->lock);
    if (s->searching == search) {
        s->search_canceled = true;
        channel_wake(&s->for_search);
    }
    pthread_mutex_unlock(&s->lock);
}

/* --- failures -------------------------------------------------------------------------
 */

static int32_t fail(struct hunt *h, int32_t code, const char *reason)
{
    struct channel *ch = h->ch;
    int64_t wait = BACK_OFF_MS;

    for (unsigned i = 0; i < ch->failures && wait < BACK_OFF_MAX_MS; i++)
        wait *= 2;
    wait = wait > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : wait;
    ch->failures++;
    ch->not_before = spawn_now() + wait;
    h->then = THEN_DROP;
    kit_log(h->s->host, CTR_LOG_WARN,
            "exec live search failed, the program is not asked for a while "
            "seconds=%lld reason=%s",
            (long long)wait / 1000, kit_quoted(reason));
    return kit_fail(h->s->host, code, "%s", reason);
}

static int32_t fail_by_channel(struct hunt *h, int32_t code)
{
    char reason[REASON_MAX];

    channel_reason(h->ch, code, reason, sizeof(reason));
    return fail(h, code == -CTR_EIO ? -CTR_EUNAVAIL : code, reason);
}

/* --- hits -----------------------------------------------------------------------------
 */

static int32_t put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct hunt *h = user;
    const struct ctr_host *host = h->s->host;
    int32_t rc = host->search_hits(host, h->search, contacts, n);

    if (rc == -CTR_EPAUSE) {
        poll(NULL, 0, PAUSE_MS);
        rc = 0;
    }
    return rc;
}

static void note(void *user, const char *reason)
{
    struct hunt *h = user;

    kit_log(h->s->host, CTR_LOG_DEBUG, "exec search rejected=%s", kit_quoted(reason));
}

_Static_assert(CONTACTS_BATCH <= 256, "search_hits takes no more at once");

/* --- one answer -----------------------------------------------------------------------
 */

static int32_t take_error(struct hunt *h, const struct message *m)
{
    json_show(kit_str(cJSON_IsString(m->item) ? m->item->valuestring : "an error"),
              h->error, sizeof(h->error));
    return -CTR_EUNAVAIL;
}

/* returns 0 | -CTR_ECANCELED (enough, or not wanted) | negative. m is taken over */
static int32_t take_message(struct hunt *h, struct message *m, bool *done)
{
    bool stale = message_is_stale(m, h->ch->request);
    int32_t rc = 0;

    switch (m->kind) {
    case MESSAGE_CONTACT:
        return contacts_take(&h->contacts, m->root, NULL, m->length);
    case MESSAGE_CONTACTS:
        if (cJSON_IsArray(m->item))
            return contacts_take(&h->contacts, m->root, m->item, m->length);
        break;
    case MESSAGE_DONE:
        *done = cJSON_IsTrue(m->item) && !stale;
        break;
    case MESSAGE_ERROR:
        *done = !stale;
        if (!stale)
            rc = take_error(h, m);
        break;
    default:
        break;
    }
    message_finish(m);
    return rc;
}

/* returns 0 | -CTR_ECANCELED | -CTR_ETIMEDOUT (the client's) | -CTR_EBUSY (another
 * program is to be asked) | negative after fail */
static int32_t next_message(struct hunt *h, struct message *m, bool *got)
{
    const char *why;
    int32_t rc = channel_next(h->ch, h->deadline, m, &why);

    *got = rc == 0;
    if (rc == -CTR_ECANCELED) {
        channel_calm(h->ch);
        return is_canceled(h->s) ? rc : 0;
    }
    if (rc == -CTR_EFORMAT) {
        note(h, why);
        return 0;
    }
    if (rc == 0 || (rc == -CTR_ETIMEDOUT && spawn_now() >= h->deadline))
        return rc;
    return channel_was_leaving(h->ch, rc) ? -CTR_EBUSY : fail_by_channel(h, rc);
}

/* A program that does not answer hello would print all it has. */
static int32_t greet(struct hunt *h)
{
    while (!h->ch->heard) {
        struct message m;
        bool got;
        int32_t rc = next_message(h, &m, &got);

        if (got)
            message_finish(&m);
        if (rc != 0)
            return rc;
    }
    if (h->ch->can & CAN_SEARCH)
        return 0;
    return fail(h, -CTR_ENOTSUP,
                "the program does not announce \"search\" in its answer to hello; leave "
                "`live` out");
}

static int32_t collect(struct hunt *h, bool *done)
{
    int32_t rc = 0;

    while (rc == 0 && !*done) {
        struct message m;
        bool got;

        rc = next_message(h, &m, &got);
        if (got)
            rc = take_message(h, &m, done);
        if (rc == 0 && h->ch->p->lines.number > LINES_MAX)
            return fail(h, -CTR_EREFUSED, "the program answers with too many lines");
        if (rc == 0 && h->contacts.put + h->contacts.n >= HITS_MAX)
            rc = -CTR_ECANCELED;
    }
    /* What came in time counts, whatever came after. */
    contacts_flush(&h->contacts);
    return rc;
}

/* The program is told that nobody waits; if it does not say done soon, it is ended. */
static void call_off(struct hunt *h)
{
    int64_t until = spawn_now() + CANCEL_MS;
    bool done = false;

    if (channel_send(h->ch, request_cancel(h->ch->request)) != 0)
        channel_drop(h->ch);
    while (h->ch->p && !done) {
        struct message m = {.root = NULL};
        const char *why;
        int32_t rc = channel_next(h->ch, until, &m, &why);

        if (rc == -CTR_ECANCELED)
            channel_calm(h->ch);
        else if (rc != 0 && rc != -CTR_EFORMAT)
            channel_drop(h->ch);
        if (rc != 0)
            continue;
        done = (m.kind == MESSAGE_DONE || m.kind == MESSAGE_ERROR) &&
               !message_is_stale(&m, h->ch->request);
        message_finish(&m);
    }
}

/* The program says that it cannot answer: told once, until it can again. */
static int32_t tell_error(struct hunt *h, int32_t rc)
{
    if (h->ch->failures++ == 0)
        kit_log(h->s->host, CTR_LOG_WARN, "exec live search failed reason=%s",
                kit_quoted(h->error));
    return kit_fail(h->s->host, rc, "%s", h->error);
}

static int32_t answer(struct hunt *h, const struct ctr_query *query)
{
    bool nothing, done = false;
    int32_t rc = greet(h);
    char *line;

    if (rc != 0)
        return rc;
    line = request_search(h->ch->request + 1, query, &nothing);
    if (nothing)
        return 0;
    h->ch->request++;
    if (channel_send(h->ch, line) != 0)
        return fail(h, -CTR_EFULL, "the request cannot be written");
    rc = collect(h, &done);
    if (h->then == THEN_DROP || !h->ch->p)
        return rc;
    h->then = done ? THEN_CLOSE : THEN_CALL_OFF;
    if (h->error[0])
        return tell_error(h, rc);
    h->ch->failures = 0;
    return rc == -CTR_ECANCELED ? 0 : rc;
}

static int32_t search(struct hunt *h, const struct ctr_query *query)
{
    struct spawn_problem problem;
    char reason[REASON_MAX];
    int32_t rc;

    if (!h->ch->p && spawn_now() < h->ch->not_before)
        return kit_fail(h->s->host, -CTR_EUNAVAIL,
                        "the program failed just now and is not asked for a while");
    rc = channel_open(h->ch, &problem);
    if (rc == 0) {
        rc = answer(h, query);
        return rc == -CTR_EBUSY && !h->ch->p ? search(h, query) : rc;
    }
    return fail(h, rc, spawn_reason(&problem, reason, sizeof(reason)));
}

/* Nobody waits for this. */
static void afterwards(struct hunt *h)
{
    char reason[REASON_MAX];

    if (h->ch->p && h->then == THEN_CALL_OFF && h->s->config.keep)
        call_off(h);
    else if (h->ch->p && h->then == THEN_CLOSE &&
             channel_close(h->ch, reason, sizeof(reason)) != 0)
        kit_log(h->s->host, CTR_LOG_WARN, "exec live search failed reason=%s",
                kit_quoted(reason));
    if (h->then == THEN_DROP || !h->s->config.keep)
        channel_drop(h->ch);
}

int32_t source_search(void *instance, struct ctr_search *handle,
                      const struct ctr_query *query)
{
    struct source *s = instance;
    struct hunt *h = calloc(1, sizeof(*h));
    int32_t rc;

    if (!h)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    *h = (struct hunt){.s = s,
                       .search = handle,
                       .ch = &s->for_search,
                       .deadline = spawn_now() + query->time_limit};
    pthread_mutex_lock(&s->for_search.lock);
    channel_calm(h->ch);
    set_searching(s, handle);
    rc = contacts_init(&h->contacts, &(struct contacts_sink){put, note, h, NULL});
    if (rc == 0)
        rc = search(h, query);
    set_searching(s, NULL);
    s->host->search_done(s->host, handle, rc);
    afterwards(h);
    pthread_mutex_unlock(&s->for_search.lock);
    contacts_finish(&h->contacts);
    free(h);
    return 0;
}
