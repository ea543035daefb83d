/* search.c - a SearchRequest taken apart and planned (RFC 4511 section 4.5). */
#include "search.h"

#include <stdlib.h>

#include "page.h"
#include "reply.h"

/* Bytes of a filter that is decoded once for each source. */
enum { BY_SOURCE_MAX = 32768 };

static int refuse(struct refusal *why, int code, const char *text)
{
    why->code = code;
    why->text = text;
    return -CTR_EREFUSED;
}

/* --- as asked
 * --------------------------------------------------------------------------- */

static int take_limit(struct ber *b, uint32_t *out, struct refusal *why)
{
    int64_t value;

    if (ber_int(b, BER_INTEGER, &value))
        return -CTR_EFORMAT;
    if (value < 0 || value > INT32_MAX)
        return refuse(why, RESULT_PROTOCOL_ERROR, "a limit is out of range");
    *out = (uint32_t)value;
    return 0;
}

static int parse_search(struct ber *b, struct search *s, struct refusal *why)
{
    int64_t deref;
    int err;

    if (ber_str(b, BER_OCTETS, &s->base) || ber_int(b, BER_ENUMERATED, &s->scope) ||
        ber_int(b, BER_ENUMERATED, &deref))
        return -CTR_EFORMAT;
    err = take_limit(b, &s->size_limit, why);
    if (!err)
        err = take_limit(b, &s->time_limit, why);
    if (err)
        return err;
    if (ber_bool(b, BER_BOOLEAN, &s->selection.types_only))
        return -CTR_EFORMAT;
    if (s->scope < SCOPE_BASE || s->scope > SCOPE_CHILDREN)
        return refuse(why, RESULT_PROTOCOL_ERROR, "the scope is none of LDAP's");
    if (deref < 0 || deref > 3)
        return refuse(why, RESULT_PROTOCOL_ERROR, "derefAliases is none of LDAP's");
    return 0;
}

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    return h;
}

/* The request and what stands with it, controls checked as far as they go alone. */
static int read_request(struct op *op, struct search *s, const struct message *m,
                        struct refusal *why)
{
    const struct conn *c = op->conn;
    struct ber b = m->body;
    struct ber names;
    int err = parse_search(&b, s, why);

    if (!err && ber_left(&m->controls) > 0)
        err = controls_parse(c, &op->pool, m->controls,
                             CONTROL_PAGED | CONTROL_SORT | CONTROL_VLV |
                                 CONTROL_MANAGE_DSA,
                             &s->controls, why);
    if (err)
        return err;
    s->filter.server = c->server; /* the rest is zero, as all of the search */
    s->filter.pool = &op->pool;
    s->filter_bytes = b;
    err = target_resolve(c, &op->pool, s->base, &s->target);
    if (err == -CTR_EFORMAT)
        return refuse(why, RESULT_INVALID_DN, "the search base is no DN");
    if (err)
        return err;
    s->filter.source = s->target.source;
    err = filter_build(&s->filter, &b);
    if (err) {
        *why = s->filter.why;
        return err;
    }
    if (ber_enter(&b, BER_SEQUENCE, &names) || ber_ignore_rest(&b))
        return -CTR_EFORMAT;
    return selection_parse(c->server, &op->pool, names, &s->selection, why);
}

/* --- controls together
 * ------------------------------------------------------------------ */

/* What was refused of sort and VLV: an error where critical, else done without. */
static int settle_sort(struct search *s, struct refusal *why)
{
    struct controls *k = &s->controls;

    if ((k->have & CONTROL_VLV) && (k->have & CONTROL_PAGED))
        return refuse(why, RESULT_UNWILLING,
                      "paged results and a list view exclude "
                      "each other");
    if (k->sort_result && (k->critical & CONTROL_SORT))
        return refuse(why, RESULT_CRITICAL_EXTENSION,
                      "this cannot be sorted by; the sort control says why");
    s->sorted = (k->have & CONTROL_SORT) && !k->sort_result;
    if (!(k->have & CONTROL_VLV))
        return 0;
    s->vlv_result = k->vlv_result;
    if (!s->sorted)
        s->vlv_result = k->sort_result ? k->sort_result : RESULT_SORT_MISSING;
    if (s->vlv_result && (k->critical & CONTROL_VLV))
        return refuse(why, RESULT_VLV_ERROR, "the list view's control says why");
    s->window = s->vlv_result == 0;
    return 0;
}

/* Where an earlier page ended. */
static int resume_page(struct op *op, struct search *s, struct refusal *why)
{
    struct page *page = page_take(op->conn, s->controls.cookie);
    bool same = page && page->question == s->question;

    if (same) {
        s->local_at = page->local_at;
        s->source_at = page->source_at;
        s->sent_before = page->sent;
        s->cursor = (struct ctr_str){NULL, 0};
        if (page->cursor_len > 0)
            s->cursor =
                pool_str(&op->pool, (struct ctr_str){page->cursor, page->cursor_len});
        same = page->cursor_len == 0 || s->cursor.ptr;
    }
    free(page);
    if (!same)
        return refuse(why, RESULT_UNWILLING,
                      "this page is not known any more; start the search again");
    return 0;
}

/* How many entries this answer may have, and whether a page or the limit says so. */
static int settle_pages(struct op *op, struct search *s, const struct message *m,
                        struct refusal *why)
{
    struct controls *k = &s->controls;
    uint32_t left;
    int err = 0;

    s->limited = s->size_limit > 0;
    s->left = s->size_limit;
    if (!(k->have & CONTROL_PAGED))
        return 0;
    s->question = hash(UINT64_C(14695981039346656037), m->body.at, ber_left(&m->body));
    s->question = hash(s->question, k->sort_value.ptr, k->sort_value.len);
    if (k->cookie.len > 0)
        err = resume_page(op, s, why);
    if (err || k->page_size == 0)
        return err; /* size 0: nothing is wanted any more, or no pages */
    left = s->size_limit > s->sent_before ? s->size_limit - s->sent_before : 0;
    if (s->size_limit == 0 || k->page_size < left) {
        s->paged = s->limited = true;
        s->left = k->page_size;
    } else {
        s->left = left;
    }
    return 0;
}

/* --- the plan
 * --------------------------------------------------------------------------- */

static void add_local(struct search *s, const struct local_entry *entry)
{
    s->locals[s->n_locals++] = *entry;
}

/* Our own entries in scope. */
static int plan_locals(struct op *op, struct search *s, bool base, bool sources)
{
    struct conn *c = op->conn;
    uint32_t n = 0;
    struct ctr_str *names = NULL;

    if (!s->filter.local_true)
        return 0;
    if (sources) {
        names = target_sources(c, &op->pool, &n);
        if (!names)
            return -CTR_ENOMEM;
    }
    s->locals = pool_array(&op->pool, n + 1, sizeof(*s->locals));
    if (!s->locals)
        return -CTR_ENOMEM;
    if (base)
        add_local(s, &c->server->base_entry);
    for (uint32_t i = 0; i < n; i++) {
        struct local_entry entry;

        if (target_source_entry(c, &op->pool, names[i], &entry))
            return -CTR_ENOMEM;
        add_local(s, &entry);
    }
    return 0;
}

static int plan_one_local(struct op *op, struct search *s,
                          const struct local_entry *entry)
{
    s->locals = pool_alloc(&op->pool, sizeof(*s->locals));
    if (!s->locals)
        return -CTR_ENOMEM;
    add_local(s, entry);
    return 0;
}

static int plan_source(struct op *op, struct search *s)
{
    struct local_entry entry;

    s->contacts = s->scope != SCOPE_BASE;
    if (s->scope == SCOPE_ONE || s->scope == SCOPE_CHILDREN || !s->filter.local_true)
        return 0;
    if (target_source_entry(op->conn, &op->pool, s->target.source, &entry))
        return -CTR_ENOMEM;
    return plan_one_local(op, s, &entry);
}

/* The base itself, and "" for clients that have no base. */
static int plan_base(struct op *op, struct search *s)
{
    if (s->scope == SCOPE_BASE)
        return plan_locals(op, s, true, false);
    if (s->scope == SCOPE_ONE)
        return plan_locals(op, s, false, true);
    s->contacts = true;
    return plan_locals(op, s, s->scope == SCOPE_SUB, true);
}

static int plan_root(struct op *op, struct search *s)
{
    const struct server *server = op->conn->server;
    bool can_tls = (op->conn->peer->flags & CTR_PEER_CAN_TLS) != 0;

    if (s->scope == SCOPE_BASE)
        return plan_one_local(op, s, can_tls ? &server->rootdse_tls : &server->rootdse);
    if (s->scope == SCOPE_ONE)
        return plan_one_local(op, s, &server->base_entry);
    return plan_base(op, s);
}

static int plan_target(struct op *op, struct search *s, struct refusal *why)
{
    switch (s->target.kind) {
    case TARGET_ROOT:
        return plan_root(op, s);
    case TARGET_SUBSCHEMA:
        return s->scope == SCOPE_BASE || s->scope == SCOPE_SUB
                   ? plan_one_local(op, s, &op->conn->server->subschema)
                   : 0;
    case TARGET_BASE:
        return plan_base(op, s);
    case TARGET_SOURCE:
        return plan_source(op, s);
    case TARGET_CONTACT:
        s->contacts = true;
        s->only_exists = s->scope == SCOPE_ONE || s->scope == SCOPE_CHILDREN;
        return 0;
    default:
        return refuse(why, RESULT_NO_SUCH_OBJECT, NULL);
    }
}

/* A filter that reads differently in each source: one query for each. */
static int plan_sources(struct op *op, struct search *s, struct refusal *why)
{
    if (!s->contacts || !s->filter.by_source)
        return 0;
    if (ber_left(&s->filter_bytes) > BY_SOURCE_MAX)
        return refuse(why, RESULT_ADMIN_LIMIT,
                      "the filter is too large to be read anew "
                      "for each source");
    s->sources = target_sources(op->conn, &op->pool, &s->n_sources);
    if (!s->sources)
        return -CTR_ENOMEM;
    if (s->n_sources < 2 || !(s->controls.have & CONTROL_SORT) || s->controls.sort_result)
        return 0;
    s->controls.sort_result = RESULT_UNWILLING;
    return settle_sort(s, why);
}

static void plan_query(struct op *op, struct search *s)
{
    struct conn *c = op->conn;
    struct ctr_query *q = &s->query;

    q->size = sizeof(*q);
    q->principal = c->principal;
    q->want = s->selection.want;
    q->time_limit = s->time_limit > 4000000 ? 0 : s->time_limit * 1000;
    q->source = s->target.source;
    q->id = s->target.id;
    q->client = c->peer->address;
    q->asked = (struct ctr_str){s->filter.asked, s->filter.n_asked};
    if (s->filter.caller && s->target.kind != TARGET_CONTACT)
        q->flags |= CTR_QUERY_CALLER;
    if (s->sorted) {
        q->sort = s->controls.keys;
        q->n_sort = s->controls.n_keys;
    }
    if (s->window) {
        q->window = 1;
        q->window_before = s->controls.before;
        q->window_after = s->controls.after;
        q->window_offset = s->controls.offset;
        q->window_count = s->controls.count;
        q->window_value = s->controls.target;
        s->n_locals = 0; /* the list is one of contacts */
    }
    s->phase = s->sorted ? PHASE_CONTACTS : PHASE_LOCALS;
}

static int plan(struct op *op, const struct message *m, struct refusal *why)
{
    struct search *s = op->work;
    int err = read_request(op, s, m, why);

    if (err)
        return err;
    if (!target_allowed(op->conn, &s->target, s->scope == SCOPE_BASE))
        return refuse(why, RESULT_INSUFFICIENT_ACCESS,
                      "bind with a user name and password first");
    err = settle_sort(s, why);
    if (!err)
        err = settle_pages(op, s, m, why);
    if (!err)
        err = plan_target(op, s, why);
    if (!err)
        err = plan_sources(op, s, why);
    if (!err)
        plan_query(op, s);
    return err;
}

int search_request(struct conn *c, const struct message *m)
{
    struct refusal why = {RESULT_BUSY, "busy; try again later"};
    struct message kept = *m;
    struct op *op;
    int err;

    server_count(c->server, METRIC_SEARCH);
    if (!c->principal && c->server->anonymous == ANONYMOUS_DENY) {
        reply_code(c, m, RESULT_INSUFFICIENT_ACCESS,
                   "bind with a user name and password first");
        return 0;
    }
    op = op_create(c, m, &why);
    if (!op) {
        reply_code(c, m, why.code, why.text);
        return 0;
    }
    err = op_keep(op, m, &kept);
    if (!err) {
        op->work = pool_zalloc(&op->pool, sizeof(struct search));
        err = op->work ? plan(op, &kept, &why) : -CTR_ENOMEM;
    }
    if (err == -CTR_EFORMAT) {
        op_free(op);
        return err;
    }
    if (!err)
        search_run(op);
    else if (op->work)
        search_end(op, why.code, why.text);
    else
        op_free(op);
    return 0;
}
