/* search_run.c - a planned search on its way: our own entries, the host's hits, the end.
 */
#include "page.h"
#include "reply.h"
#include "search.h"

/* --- entries
 * ---------------------------------------------------------------------------- */

static void count_entry(struct search *s)
{
    s->sent++;
    if (s->limited)
        s->left--;
}

/* Room taken at once, for an entry and for many; a larger entry gets what it needs. */
enum { ROOM_MIN = 1024, ROOM_EACH = 256, ROOM_MAX = 16384 };

static size_t room_for(uint32_t entries, size_t each)
{
    size_t room = (size_t)entries * each;

    return room < ROOM_MIN ? ROOM_MIN : room < ROOM_MAX ? room : ROOM_MAX;
}

/* Hands on what is written. */
static void commit(struct conn *c, struct ber_out *out)
{
    if (out->len > 0)
        reply_commit(c, out->len);
    *out = (struct ber_out){.cap = 0};
}

/* Appends an entry to out, which gets new room where it does not fit; `left` entries,
 * this one among them, are to come. returns 0 | -CTR_EIO: the stream is going down, or
 * this can never be sent */
static int put_contact(struct op *op, const struct ctr_contact *contact, uint32_t left,
                       struct ber_out *out)
{
    const struct search *s = op->work;
    struct server *server = op->conn->server;
    size_t room = room_for(left, ROOM_EACH);

    for (;;) {
        size_t before = out->len, size;

        if (out->data) {
            entry_put_contact(out, server, op->id, contact, &s->selection);
            if (ber_fits(out))
                return 0;
            size = out->len - before;
            room = room_for(left, size);
            room = room > size ? room : size;
            out->len = before;
        }
        commit(op->conn, out);
        out->data = server->net->reserve(op->conn->stream, room);
        if (!out->data)
            return -CTR_EIO;
        out->cap = room;
    }
}

static void send_local(struct op *op, const struct search *s,
                       const struct local_entry *entry)
{
    struct conn *c = op->conn;
    struct ber_out out = {.cap = 0};

    entry_put_local(&out, op->id, entry, &s->selection); /* counts */
    out.cap = out.len;
    out.len = 0;
    out.data = c->server->net->reserve(c->stream, out.cap);
    if (!out.data)
        return;
    entry_put_local(&out, op->id, entry, &s->selection);
    reply_commit(c, out.len);
}

/* Those of our own entries that match. returns false where a limit cut them */
static bool send_locals(struct op *op, struct search *s)
{
    const struct server *server = op->conn->server;

    for (; s->local_at < s->n_locals; s->local_at++) {
        const struct local_entry *entry = &s->locals[s->local_at];
        int match = local_matches(entry, &server->attributes, &op->pool, s->filter_bytes,
                                  &s->local_work);

        if (s->local_work > LOCAL_WORK_MAX)
            return false;
        if (match != LOCAL_TRUE)
            continue;
        if (s->limited && s->left == 0)
            return false;
        send_local(op, s, entry);
        count_entry(s);
    }
    return true;
}

/* As many as may be sent. returns 0 | -CTR_ECANCELED: these were the last */
static int32_t send_hits(struct op *op, struct search *s,
                         const struct ctr_contact *const *hits, uint32_t n)
{
    struct ber_out out = {.cap = 0};
    int32_t err = 0;

    for (uint32_t i = 0; i < n && !err; i++) {
        if (s->limited && s->left == 0) {
            s->over_limit = true;
            err = -CTR_ECANCELED;
        } else if (put_contact(op, hits[i], n - i, &out)) {
            err = -CTR_ECANCELED;
        } else {
            count_entry(s);
        }
    }
    commit(op->conn, &out);
    return err;
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct op *op = user;
    struct search *s = op->work;
    struct conn *c = op->conn;
    int32_t err;

    if (c->closing)
        return -CTR_ECANCELED;
    if (s->only_exists)
        return 0;
    if (s->probe) {
        s->over_limit = true;
        return -CTR_ECANCELED;
    }
    server_count_many(c->server, METRIC_ENTRIES, n);
    err = send_hits(op, s, hits, n);
    if (err)
        return err;
    op->paused = c->choked;
    return c->choked ? -CTR_EPAUSE : 0;
}

static const struct ctr_query_ops query_ops = {
    .size = sizeof(struct ctr_query_ops), .on_hits = on_hits, .on_done = op_on_done};

/* --- the end
 * ---------------------------------------------------------------------------- */

/* The cookie under which this search goes on; empty where it does not. */
static struct ctr_str keep_page(struct op *op, const struct search *s,
                                struct ctr_str cursor)
{
    struct page *page = page_create(op->conn);

    if (!page)
        return STR("");
    page->question = s->question;
    page->local_at = s->local_at;
    page->source_at = s->source_at;
    page->sent = s->sent_before + s->sent;
    if (cursor.len > 0 && cursor.len <= sizeof(page->cursor)) {
        memcpy(page->cursor, cursor.ptr, cursor.len);
        page->cursor_len = (uint32_t)cursor.len;
    }
    return (struct ctr_str){(const char *)page->cookie, PAGE_COOKIE};
}

static void end_with(struct op *op, int code, const char *text, struct ctr_str cookie)
{
    const struct search *s = op->work;
    struct answer_controls controls; /* not cleared: its room is seldom used */
    struct reply r = {.id = op->id, .tag = OP_SEARCH_DONE, .code = code, .text = text};

    controls.len = 0;
    if (code == RESULT_NO_SUCH_OBJECT)
        r.matched = s->target.matched;
    if (s->controls.have & CONTROL_SORT)
        controls_put_sorted(&controls, s->controls.sort_result);
    if (s->controls.have & CONTROL_VLV)
        controls_put_vlv(&controls, s->position, s->total, s->vlv_result);
    if ((s->controls.have & CONTROL_PAGED) &&
        (code == RESULT_SUCCESS || code == RESULT_SIZE_LIMIT))
        controls_put_paged(&controls, cookie);
    if (controls.len > 0)
        r.controls = (struct ctr_str){(const char *)controls.data, controls.len};
    reply_send(op->conn, &r);
    op_free(op);
}

static bool is_limit(int code)
{
    return code == RESULT_SIZE_LIMIT || code == RESULT_TIME_LIMIT ||
           code == RESULT_ADMIN_LIMIT;
}

void search_end(struct op *op, int code, const char *text)
{
    end_with(op, code, text, STR(""));
}

/* Some phones show nothing at all when a limit is named. */
static void end_at_limit(struct op *op, int code, const char *text)
{
    bool hide = op->conn->server->limit_success && is_limit(code);

    search_end(op, hide ? RESULT_SUCCESS : code, hide ? NULL : text);
}

static void end_cut(struct op *op, struct ctr_str cursor)
{
    const struct search *s = op->work;
    struct ctr_str cookie;

    if (!s->paged) {
        end_at_limit(op, RESULT_SIZE_LIMIT, NULL);
        return;
    }
    cookie = keep_page(op, s, cursor);
    if (cookie.len > 0)
        end_with(op, RESULT_SUCCESS, NULL, cookie);
    else
        search_end(op, RESULT_BUSY, "no memory to go on with this search; try later");
}

/* After send_locals was cut. */
static void end_locals(struct op *op)
{
    const struct search *s = op->work;
    const char *text;

    if (s->local_work <= LOCAL_WORK_MAX) {
        end_cut(op, s->cursor);
    } else {
        int code = op_result(-CTR_EWORK, &text);

        end_at_limit(op, code, text);
    }
}

/* --- the host's part
 * -------------------------------------------------------------------- */

static void on_query_end(struct op *op)
{
    struct search *s = op->work;
    const char *text;
    int status = op->outcome.status;

    if (op->end_code) {
        if (op->end_code > 0)
            search_end(op, op->end_code, "canceled");
        else
            op_free(op);
        return;
    }
    s->position = op->outcome.position;
    s->total = op->outcome.total;
    if (s->over_limit) {
        end_at_limit(op, RESULT_SIZE_LIMIT, NULL);
    } else if (status == -CTR_ENOENT && s->sources) {
        s->source_at++; /* the source has just gone */
        search_run(op);
    } else if (status) {
        int code = op_result(status, &text);

        end_at_limit(op, code, text);
    } else if (op->outcome.cursor.len > 0) {
        end_cut(op, op->outcome.cursor);
    } else {
        s->source_at++;
        search_run(op);
    }
}

/* The filter as it reads in the source whose turn it is. */
static int turn_to_source(struct search *s)
{
    struct ber b = s->filter_bytes;

    s->filter.source = s->sources[s->source_at];
    s->query.source = s->filter.source;
    return filter_build(&s->filter, &b);
}

static bool has_query(const struct search *s)
{
    return s->contacts && s->source_at < (s->sources ? s->n_sources : 1);
}

/* Finds the next query worth asking. returns 0 | 1: there is none | negative */
static int find_query(struct search *s)
{
    for (; has_query(s); s->source_at++) {
        int err = s->sources ? turn_to_source(s) : 0;

        if (err)
            return err;
        if (s->filter.root->op != CTR_OP_FALSE || s->target.kind == TARGET_CONTACT)
            return 0;
    }
    return 1;
}

/* Starts the next query. returns 0: on_query_end follows or has followed, the op may be
 * gone | 1: there is none | negative */
static int next_query(struct op *op, struct search *s)
{
    int err = find_query(s);

    if (err)
        return err;
    s->query.filter = s->filter.root;
    s->query.limit = s->limited ? s->left : 0;
    s->query.page = s->paged;
    s->query.resume = s->cursor;
    s->cursor = (struct ctr_str){NULL, 0};
    if (s->limited && s->left == 0) {
        s->probe = true;
        s->query.limit = 1;
    }
    op->finish = on_query_end;
    return op_query(op, &s->query, &query_ops);
}

/* The contacts' turn. returns false when the op has been taken care of */
static bool run_contacts(struct op *op, struct search *s)
{
    const char *text;
    int err, code;

    if (s->paged && s->left == 0 && has_query(s)) {
        end_cut(op, s->cursor);
        return false;
    }
    err = next_query(op, s);
    if (err >= 0)
        return err == 1;
    code = op_result(err, &text);
    if (err == -CTR_EINVAL) {
        code = RESULT_ADMIN_LIMIT;
        text = "the filter is too large; ask for less at once";
    }
    search_end(op, code, text);
    return false;
}

void search_run(struct op *op)
{
    struct search *s = op->work;

    if ((s->controls.have & CONTROL_PAGED) && s->controls.page_size == 0 &&
        s->controls.cookie.len > 0) {
        search_end(op, RESULT_SUCCESS, NULL); /* the client gives up the rest */
        return;
    }
    if (s->phase == PHASE_LOCALS) {
        if (!send_locals(op, s)) {
            end_locals(op);
            return;
        }
        s->phase = PHASE_CONTACTS;
    }
    if (!run_contacts(op, s))
        return;
    if (s->sorted && !send_locals(op, s))
        end_locals(op);
    else
        search_end(op, RESULT_SUCCESS, NULL);
}
