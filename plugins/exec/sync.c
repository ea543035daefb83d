/* sync.c - a sync: one request to the program, and what it answers into the host. */
#include <inttypes.h>
#include <stdlib.h>

#include "contacts.h"
#include "json.h"
#include "kit/kit.h"
#include "request.h"
#include "source.h"

enum {
    BAD_MAX = 1000,     /* lines that are no messages, before there are more contacts */
    OTHER_MAX = 100000, /* lines besides two for each contact */
    REASON_MAX = 600,
    SHOWN_MAX = 240 /* of a text of the program's in a reason */
};

/* One sync on its way. */
struct run {
    struct source *s;
    struct ctr_sync *sync;
    struct channel *ch;
    struct contacts contacts;
    uint64_t bad;         /* lines that are no messages */
    uint64_t rejected;    /* by the program itself */
    bool full;            /* not a delta, or no longer one */
    bool deleted;         /* a deletion in a full sync was told */
    char first_note[512]; /* place and reason */
};

/* --- what is told ---------------------------------------------------------------------
 */

static void reject(struct run *r, const char *where, const char *reason)
{
    r->s->host->sync_reject(r->s->host, r->sync, where, reason);
    if (!r->first_note[0])
        snprintf(r->first_note, sizeof(r->first_note), "%s: %s", where, reason);
}

static void note(void *user, const char *reason)
{
    struct run *r = user;
    char where[32];

    snprintf(where, sizeof(where), "line %" PRIu64, r->ch->p->lines.number);
    reject(r, where, reason);
}

static int32_t put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct run *r = user;

    return r->s->host->sync_put(r->s->host, r->sync, contacts, n);
}

static int32_t fail_by_program(struct run *r, const struct message *m)
{
    const char *text = cJSON_IsString(m->item) ? m->item->valuestring : "an error";
    const char *remedy = message_text(m, "remedy");
    char what[SHOWN_MAX], todo[SHOWN_MAX];

    json_show(kit_str(text), what, sizeof(what));
    json_show(kit_str(remedy ? remedy : ""), todo, sizeof(todo));
    return kit_fail(r->s->host, -CTR_EUNAVAIL, "%s reports: %s%s%s", r->s->config.name,
                    what, todo[0] ? "; " : "", todo);
}

/* --- messages -------------------------------------------------------------------------
 */

static struct ctr_str id_of(const cJSON *item, char digits[32])
{
    if (cJSON_IsString(item))
        return kit_str(item->valuestring);
    return kit_str(json_whole(item, digits, 32) ? digits : "");
}

static int32_t delete_one(struct run *r, const cJSON *item)
{
    char digits[32];
    struct ctr_str id = id_of(item, digits);

    if (id.len > 0 && id.len <= CTR_ID_MAX)
        return r->s->host->sync_delete(r->s->host, r->sync, &id, 1);
    note(r, "an id to delete is no string of 1 to 400 bytes");
    return 0;
}

/* A contact of a delta that cannot be used: what is known of it is no longer true. */
static int32_t drop(void *user, const cJSON *item)
{
    struct run *r = user;
    char digits[32];
    uint64_t len = id_of(item, digits).len;
    int32_t rc;

    if (r->full || len == 0 || len > CTR_ID_MAX)
        return 0;
    rc = contacts_flush(&r->contacts);
    return rc != 0 ? rc : delete_one(r, item);
}

static int32_t take_delete(struct run *r, const struct message *m)
{
    const cJSON *item;
    int32_t rc;

    if (r->full) {
        if (!r->deleted)
            note(r, "a full sync deletes by leaving out; `delete` belongs into a delta");
        r->deleted = true;
        return 0;
    }
    rc = contacts_flush(&r->contacts); /* in the order they were written */
    if (rc != 0 || !cJSON_IsArray(m->item))
        return rc != 0 ? rc : delete_one(r, m->item);
    cJSON_ArrayForEach(item, m->item)
    {
        rc = delete_one(r, item);
        if (rc != 0)
            break;
    }
    return rc;
}

static void take_reject(struct run *r, const struct message *m)
{
    const char *reason = message_text(m, "reason");
    char where[64], why[SHOWN_MAX];

    r->rejected++;
    json_show(kit_str(cJSON_IsString(m->item) ? m->item->valuestring : "somewhere"),
              where, sizeof(where));
    json_show(kit_str(reason ? reason : "rejected by the program"), why, sizeof(why));
    reject(r, where, why);
}

static int32_t take_full(struct run *r)
{
    if (r->full)
        return 0;
    if (r->contacts.put + r->contacts.n > 0)
        return kit_fail(r->s->host, -CTR_EPROTO,
                        "%s wrote {\"full\":true} after its first contact; it belongs "
                        "before it",
                        r->s->config.name);
    r->full = true;
    return r->s->host->sync_full(r->s->host, r->sync);
}

static int32_t refuse_unusable(struct run *r)
{
    return kit_fail(r->s->host, -CTR_EFORMAT,
                    "nothing of what %s wrote can be used; the last good data stay; the "
                    "first: %s",
                    r->s->config.name, r->first_note);
}

static int32_t take_done(struct run *r, const struct message *m)
{
    const char *cursor = message_text(m, "cursor");
    int32_t rc = contacts_flush(&r->contacts);

    if (rc == 0 && r->full && r->contacts.put == 0 &&
        r->contacts.rejected + r->bad + r->rejected > 0)
        rc = refuse_unusable(r);
    if (rc == 0 && cursor && strlen(cursor) > 65536)
        rc = kit_fail(r->s->host, -CTR_EPROTO, "the cursor of %s is longer than 64 KiB",
                      r->s->config.name);
    if (rc == 0 && cursor)
        rc = r->s->host->sync_cursor(r->s->host, r->sync, kit_str(cursor));
    return rc;
}

/* m is taken over. done: the request is answered. */
static int32_t take_message(struct run *r, struct message *m, bool *done)
{
    int32_t rc = 0;

    switch (m->kind) {
    case MESSAGE_CONTACT:
        return contacts_take(&r->contacts, m->root, NULL, m->length);
    case MESSAGE_CONTACTS:
        if (cJSON_IsArray(m->item))
            return contacts_take(&r->contacts, m->root, m->item, m->length);
        note(r, "`contacts` is not a list");
        r->bad++;
        break;
    case MESSAGE_HELLO:
    case MESSAGE_STEP:
        break;
    case MESSAGE_FULL:
        rc = take_full(r);
        break;
    case MESSAGE_DELETE:
        rc = take_delete(r, m);
        break;
    case MESSAGE_REJECT:
        take_reject(r, m);
        break;
    case MESSAGE_PROGRESS:
        r->s->host->sync_progress(r->s->host, r->sync, message_number(m, "progress"),
                                  message_number(m, "total"));
        break;
    case MESSAGE_DONE:
        *done = cJSON_IsTrue(m->item) && !message_is_stale(m, r->ch->request);
        rc = *done ? take_done(r, m) : 0;
        break;
    case MESSAGE_ERROR:
        if (!message_is_stale(m, r->ch->request))
            rc = fail_by_program(r, m);
        break;
    }
    message_finish(m);
    return rc;
}

/* --- the sync -------------------------------------------------------------------------
 */

static int32_t fail_by_channel(struct run *r, int32_t code)
{
    char reason[REASON_MAX];

    channel_reason(r->ch, code, reason, sizeof(reason));
    return kit_fail(r->s->host, code == -CTR_EIO ? -CTR_EUNAVAIL : code, "%s", reason);
}

/* A program that never ends is bounded, too, whatever it writes. */
static int32_t check_amount(struct run *r)
{
    uint64_t lines = r->ch->p->lines.number, most = (uint64_t)r->s->max_contacts;
    const struct contacts *c = &r->contacts;

    if (c->put + c->n > most)
        return kit_fail(r->s->host, -CTR_EREFUSED,
                        "%s wrote more than %" PRIu64 " contacts; the last good data "
                        "stay; raise max_contacts if this is right",
                        r->s->config.name, most);
    if (lines > 2 * most + OTHER_MAX)
        return kit_fail(r->s->host, -CTR_EREFUSED,
                        "%s wrote %" PRIu64 " lines, too many for max_contacts",
                        r->s->config.name, lines);
    if (r->bad > BAD_MAX && r->bad > c->put)
        return refuse_unusable(r);
    return 0;
}

static void take_bad(struct run *r, const char *why)
{
    r->bad++;
    note(r, why);
}

/* returns 0 | -CTR_EBUSY: another program is to be asked | negative after fail */
static int32_t next_message(struct run *r, int64_t latest, bool *done)
{
    struct message m;
    const char *why;
    int64_t silence = spawn_now() + r->s->config.silence_timeout;
    int32_t rc = channel_next(r->ch, silence < latest ? silence : latest, &m, &why);

    if (channel_was_leaving(r->ch, rc))
        return -CTR_EBUSY;
    if (rc == 0) {
        rc = take_message(r, &m, done);
    } else if (rc == -CTR_EFORMAT) {
        take_bad(r, why);
        rc = 0;
    } else if (rc == -CTR_ECANCELED) {
        channel_calm(r->ch);
        rc = r->s->host->sync_canceled(r->s->host, r->sync);
    } else if (rc == -CTR_ETIMEDOUT && spawn_now() >= latest) {
        rc = kit_fail(r->s->host, rc, "%s did not end within sync_timeout, %lld s",
                      r->s->config.name, (long long)r->s->sync_timeout / 1000);
    } else {
        rc = fail_by_channel(r, rc);
    }
    return rc == 0 && !*done ? check_amount(r) : rc;
}

static int32_t ask(struct run *r, const struct ctr_sync_request *request)
{
    struct spawn_problem problem;
    char reason[REASON_MAX];
    int32_t rc = channel_open(r->ch, &problem);

    if (rc != 0)
        return kit_fail(r->s->host, rc, "%s",
                        spawn_reason(&problem, reason, sizeof(reason)));
    rc = channel_send(r->ch, request_sync(++r->ch->request, request->cursor));
    return rc != 0 ? kit_fail(r->s->host, rc, "the request to %s cannot be written",
                              r->s->config.name)
                   : 0;
}

static int32_t talk(struct run *r, const struct ctr_sync_request *request)
{
    int64_t latest = spawn_now() + r->s->sync_timeout;
    char reason[REASON_MAX];
    bool done = false;
    int32_t rc = ask(r, request);

    while (rc == 0 && !done) {
        rc = next_message(r, latest, &done);
        if (rc == -CTR_EBUSY && !r->ch->p)
            rc = ask(r, request);
    }
    if (rc != 0)
        return rc;
    rc = channel_close(r->ch, reason, sizeof(reason));
    return rc != 0 ? kit_fail(r->s->host, -CTR_EUNAVAIL, "%s", reason) : 0;
}

static void report(const struct run *r, uint64_t lines)
{
    const struct ctr_host *host = r->s->host;
    uint64_t rejected = r->contacts.rejected + r->bad + r->rejected;

    host->metric_add(host, r->s->metric_lines, (int64_t)lines);
    host->metric_add(host, r->s->metric_rejected, (int64_t)rejected);
    kit_log(host, CTR_LOG_INFO, "exec read contacts=%" PRIu64 " rejected=%" PRIu64 " %s",
            r->contacts.put, rejected, r->full ? "full" : "delta");
}

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    struct source *s = instance;
    struct run *r = calloc(1, sizeof(*r));
    int32_t rc;

    if (!r)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    *r = (struct run){
        .s = s, .sync = sync, .ch = &s->for_sync, .full = !request->cursor.ptr};
    rc = contacts_init(&r->contacts, &(struct contacts_sink){put, note, r, drop});
    if (rc != 0)
        rc = kit_fail(s->host, rc, "out of memory");
    pthread_mutex_lock(&s->for_sync.lock);
    channel_calm(r->ch);
    if (rc == 0)
        rc = s->host->sync_canceled(s->host, sync);
    /* The program cannot be told such a cursor: it is asked for everything. */
    if (rc == 0 && request->cursor.ptr && !json_utf8(request->cursor))
        rc = take_full(r);
    if (rc == 0)
        rc = talk(r, request);
    if (rc == 0)
        report(r, r->contacts.put + r->contacts.rejected + r->bad);
    else
        channel_drop(r->ch);
    pthread_mutex_unlock(&s->for_sync.lock);
    contacts_finish(&r->contacts);
    free(r);
    return rc;
}

void source_sync_cancel(void *instance, struct ctr_sync *sync)
{
    struct source *s = instance;

    (void)sync; /* there is one at a time */
    channel_wake(&s->for_sync);
}
