/* query.c - the front-end side of the test host: queries over the little directory,
 * authentication against the list of users. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "private.h"

struct ctr_principal {
    struct testhost *t;
    uint32_t refs;
    char *name;
};

struct ctr_request {
    struct testhost *t;
    bool alive, paused, scheduled;
    struct ctr_request *next_held;
    struct ctr_request **out; /* while query_start runs */
    void *user;
    /* a query */
    const struct ctr_query *query;
    const struct ctr_query_ops *ops;
    const struct ctr_contact **hits;
    uint32_t n, at, delivered;
    struct ctr_outcome outcome;
    /* an authentication */
    ctr_auth_fn done;
    struct ctr_principal *principal;
};

static bool str_same(struct ctr_str a, struct ctr_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, (size_t)a.len) == 0);
}

/* --- the directory --------------------------------------------------------------------
 */

static struct ctr_str e164_of(struct testhost *t, const char *number)
{
    struct ctr_str in = {number, strlen(number)}, out;
    char *digits = testhost_alloc(t, in.len + 3);

    digits[0] = '+';
    out = (struct ctr_str){digits, match_number(in, digits + 1) + 1};
    digits[out.len] = 0;
    return out.len >= 8 ? out : (struct ctr_str){NULL, 0};
}

static struct ctr_str str_z(struct testhost *t, const char *z)
{
    if (!z)
        return (struct ctr_str){NULL, 0};
    return (struct ctr_str){testhost_copy_z(t, z), strlen(z)};
}

void testhost_add(struct testhost *t, const char *source, const char *id,
                  const struct testhost_field *fields)
{
    struct ctr_contact *c = testhost_alloc(t, sizeof(*c));
    struct ctr_field *f = testhost_alloc(t, CTR_FIELDS_MAX * sizeof(*f));

    *c = (struct ctr_contact){.size = sizeof(*c), .fields = f, .field_size = sizeof(*f)};
    c->id = str_z(t, id);
    c->source = str_z(t, source);
    c->as_of = t->host.wall(&t->host);
    for (; fields->kind; fields++) {
        if (fields->kind == CTR_FIELD_OWNER) {
            c->owner = str_z(t, fields->value);
            continue;
        }
        f[c->n_fields] = (struct ctr_field){.kind = fields->kind,
                                            .value = str_z(t, fields->value),
                                            .name = str_z(t, fields->name)};
        if (CTR_KIND(fields->kind) & CTR_KINDS_PHONE)
            f[c->n_fields].e164 = e164_of(t, fields->value);
        c->n_fields++;
    }
    t->directory = realloc(t->directory, (t->n_directory + 1) * sizeof(*t->directory));
    if (!t->directory)
        abort();
    t->directory[t->n_directory++] = c;
}

static bool visible(const struct ctr_contact *c, const struct ctr_principal *p)
{
    return !c->owner.len || (p && strcmp(p->name, c->owner.ptr) == 0);
}

static void host_sources(const struct ctr_host *host,
                         const struct ctr_principal *principal, ctr_source_fn fn,
                         void *user)
{
    struct testhost *t = testhost_of(host);

    require(!principal || principal->refs, "sources: the principal is dead");
    for (uint32_t i = 0, k; i < t->n_directory; i++) {
        struct ctr_source_info info = {.size = sizeof(info)};

        info.name = t->directory[i]->source;
        info.as_of = t->directory[i]->as_of;
        for (k = 0; !str_same(t->directory[k]->source, info.name); k++)
            ;
        if (k < i)
            continue;
        for (k = 0; k < t->n_directory; k++)
            info.contacts += str_same(t->directory[k]->source, info.name);
        fn(user, &info);
    }
}

/* --- what a query finds ----------------------------------------------------------------
 */

static uint32_t filter_check(const struct ctr_filter *f, uint32_t depth)
{
    uint32_t leaves = 0;

    require(f != NULL, "query: a filter is missing");
    if (depth > CTR_FILTER_DEPTH_MAX)
        return CTR_FILTER_LEAVES_MAX + 1;
    require(f->op <= CTR_OP_WORDS, "filter: op %u", f->op);
    require(f->op != CTR_OP_NOT || f->n_children == 1, "filter: NOT of %u",
            f->n_children);
    if (f->op == CTR_OP_AND || f->op == CTR_OP_OR || f->op == CTR_OP_NOT) {
        for (uint32_t i = 0; i < f->n_children && leaves <= CTR_FILTER_LEAVES_MAX; i++)
            leaves += filter_check(f->children[i], depth + 1);
        return leaves;
    }
    if (f->op >= CTR_OP_EQUAL && f->op != CTR_OP_PRESENT)
        require(f->n_values >= (f->op == CTR_OP_SUBSTR ? 2 : 1),
                "filter: op %u with %u values", f->op, f->n_values);
    require(f->op < CTR_OP_EQUAL || f->kinds, "filter: a leaf that asks about no kind");
    return f->n_values > CTR_FILTER_PIECES_MAX ? CTR_FILTER_LEAVES_MAX + 1 : 1;
}

static const struct ctr_contact *strip(struct testhost *t, const struct ctr_contact *c,
                                       uint64_t want)
{
    struct ctr_contact *copy = testhost_contact_copy(t, c);
    struct ctr_field *f = (struct ctr_field *)(uintptr_t)copy->fields;

    copy->n_fields = 0;
    for (uint32_t i = 0; i < c->n_fields; i++)
        if (want & CTR_KIND(f[i].kind))
            f[copy->n_fields++] = f[i];
    return copy;
}

static int sort_compare(const void *a, const void *b, void *query)
{
    const struct ctr_query *q = query;

    for (uint32_t i = 0; i < q->n_sort; i++) {
        const struct ctr_str *x =
            match_sort_value(*(const struct ctr_contact *const *)a, q->sort[i].kinds);
        const struct ctr_str *y =
            match_sort_value(*(const struct ctr_contact *const *)b, q->sort[i].kinds);
        int c = x && y ? match_text(*x, *y) : (y != NULL) - (x != NULL);

        if (c)
            return x && y && q->sort[i].reverse ? -c : c;
    }
    return 0;
}

/* The 1-based place a window asks for. */
static uint32_t window_target(const struct ctr_request *r)
{
    const struct ctr_query *q = r->query;
    uint64_t at = q->window_offset;
    uint32_t i = 0;

    if (q->window_value.ptr) {
        for (; i < r->n; i++) {
            const struct ctr_str *v = match_sort_value(r->hits[i], q->sort[0].kinds);
            int c = v ? match_text(*v, q->window_value) : 1;

            if ((q->sort[0].reverse ? -c : c) >= 0)
                break;
        }
        return i + 1;
    }
    if (q->window_count)
        at = at >= q->window_count ? r->n : at * r->n / q->window_count;
    return (uint32_t)(at < 1 ? 1 : at > r->n ? r->n : at);
}

static void window_cut(struct ctr_request *r)
{
    const struct ctr_query *q = r->query;
    uint32_t target = window_target(r);
    uint64_t end = (uint64_t)target + q->window_after;

    require(q->n_sort > 0, "query: a window without a sort key");
    r->outcome.position = target;
    r->n = end < r->n ? (uint32_t)end : r->n;
    r->at = target > q->window_before ? target - q->window_before - 1 : 0;
}

static void page_cut(struct ctr_request *r)
{
    const struct ctr_query *q = r->query;
    uint32_t from = 0;
    char *text;

    if (q->resume.ptr &&
        (q->resume.len > 16 ||
         sscanf(testhost_copy(r->t, q->resume.ptr, q->resume.len), "at%u", &from) != 1)) {
        r->n = 0;
        r->outcome.status = -CTR_EINVAL;
        return;
    }
    r->at = from < r->n ? from : r->n;
    if (!q->limit || r->n - r->at <= q->limit)
        return;
    r->n = r->at + q->limit;
    if (!q->page) {
        r->outcome.status = -CTR_ESIZE;
        return;
    }
    text = testhost_alloc(r->t, 16);
    snprintf(text, 16, "at%u", r->n);
    r->outcome.cursor = (struct ctr_str){text, strlen(text)};
}

static void query_find(struct ctr_request *r)
{
    struct testhost *t = r->t;
    const struct ctr_query *q = r->query;
    bool named = false;

    r->hits = testhost_alloc(t, (t->n_directory + 1) * sizeof(*r->hits));
    for (uint32_t i = 0; i < t->n_directory; i++) {
        const struct ctr_contact *c = t->directory[i];

        if ((q->source.ptr && !str_same(q->source, c->source)) ||
            (q->id.ptr && !str_same(q->id, c->id)) || !visible(c, q->principal))
            continue;
        named = true;
        if (match(q->filter, c) == CTR_OP_TRUE)
            r->hits[r->n++] = c;
    }
    r->outcome.status = q->source.ptr && !named ? -CTR_ENOENT : t->query_status;
    r->outcome.oldest = r->n ? r->hits[0]->as_of : 0;
    if (q->n_sort)
        qsort_r(r->hits, r->n, sizeof(*r->hits), sort_compare, (void *)(uintptr_t)q);
    if (q->n_sort || (q->flags & CTR_QUERY_COUNT))
        r->outcome.total = r->n;
    if (q->window)
        window_cut(r);
    else
        page_cut(r);
}

/* --- delivering ------------------------------------------------------------------------
 */

static void query_end(struct ctr_request *r, int32_t status)
{
    r->alive = false;
    if (r->out)
        *r->out = NULL;
    r->outcome.size = sizeof(r->outcome);
    r->outcome.status = status;
    r->outcome.hits = r->delivered;
    r->t->queries_open--;
    r->ops->on_done(r->user, &r->outcome);
}

/* One batch, or the end. returns false when nothing more can be done now */
static bool query_batch(struct ctr_request *r)
{
    const struct ctr_contact *hits[256];
    uint32_t max = r->t->batch ? r->t->batch : 256, n = 0;
    int32_t rc;

    if (!r->alive || r->paused)
        return false;
    while (n < max && n < 256 && r->at < r->n)
        hits[n++] = strip(r->t, r->hits[r->at++], r->query->want);
    if (n == 0) {
        query_end(r, r->outcome.status);
        return false;
    }
    r->delivered += n;
    rc = r->ops->on_hits(r->user, hits, n);
    if (!r->alive)
        return false;
    require(rc == 0 || rc == -CTR_EPAUSE || rc == -CTR_ECANCELED, "on_hits returned %d",
            rc);
    if (rc == -CTR_ECANCELED)
        query_end(r, rc);
    else if (rc == -CTR_EPAUSE)
        r->paused = true;
    return rc == 0;
}

static void on_query_task(void *user)
{
    struct ctr_request *r = user;

    r->scheduled = false;
    if (query_batch(r)) {
        r->scheduled = true;
        testhost_post(r->t, on_query_task, r);
    }
}

/* When it may go on: now, in a turn of its own, or when the test says so. */
static void request_schedule(struct ctr_request *r, ctr_task_fn fn)
{
    struct testhost *t = r->t;

    r->scheduled = true;
    if (!t->hold_queries) {
        testhost_post(t, fn, r);
        return;
    }
    r->next_held = t->held;
    t->held = r;
}

static void on_auth_task(void *user);

void testhost_release(struct testhost *t)
{
    struct ctr_request *next = t->held;

    t->held = NULL;
    for (struct ctr_request *r; (r = next) != NULL;) {
        next = r->next_held;
        testhost_post(t, r->done ? on_auth_task : on_query_task, r);
    }
    testhost_run(t);
}

static int32_t query_start(const struct ctr_host *host, const struct ctr_query *query,
                           const struct ctr_query_ops *ops, void *user,
                           struct ctr_request **out)
{
    struct testhost *t = testhost_of(host);
    struct ctr_request *r = testhost_alloc(t, sizeof(*r));

    require(query->size == sizeof(*query) && ops->size == sizeof(*ops),
            "query_start: size is not set");
    require(!query->principal || query->principal->refs, "query: the principal is dead");
    if (filter_check(query->filter, 0) > CTR_FILTER_LEAVES_MAX)
        return -CTR_EINVAL;
    *r = (struct ctr_request){
        .t = t, .alive = true, .out = out, .user = user, .query = query, .ops = ops};
    t->queries++;
    t->queries_open++;
    query_find(r);
    *out = r;
    if (t->defer_queries || t->hold_queries)
        request_schedule(r, on_query_task);
    while (!r->scheduled && query_batch(r))
        ;
    r->out = NULL;
    return 0;
}

static struct ctr_request *request_of(const struct ctr_host *host, struct ctr_request *r)
{
    require(r && r->t == testhost_of(host) && r->alive,
            "a request is used after its end");
    return r;
}

static void query_resume(const struct ctr_host *host, struct ctr_request *request)
{
    struct ctr_request *r;

    if (!request)
        return;
    r = request_of(host, request);
    r->paused = false;
    if (!r->scheduled)
        testhost_post(r->t, on_query_task, r);
    r->scheduled = true;
}

static void query_cancel(const struct ctr_host *host, struct ctr_request *request)
{
    if (request)
        query_end(request_of(host, request), -CTR_ECANCELED);
}

/* --- authentication --------------------------------------------------------------------
 */

void testhost_user(struct testhost *t, const char *name, const char *password)
{
    testhost_pair_add(t, &t->users, name, password);
}

static void auth_end(struct ctr_request *r, int32_t status)
{
    struct ctr_principal *p = r->principal;

    r->alive = false;
    r->t->auths_open--;
    if (status != 0)
        p = NULL;
    else
        r->t->principals += p->refs = 1;
    r->done(r->user, status, p);
}

static void on_auth_task(void *user)
{
    struct ctr_request *r = user;

    if (r->alive)
        auth_end(r, r->principal ? 0 : -CTR_EACCES);
}

/* The user's place, or t->users.n. */
static uint32_t find_user(const struct testhost *t, struct ctr_str name)
{
    uint32_t i = 0;

    while (i < t->users.n &&
           !str_same((struct ctr_str){t->users.at[i].a, strlen(t->users.at[i].a)}, name))
        i++;
    return i;
}

/* As the daemon does: "NAME@DOMAIN", where no user is called so, is NAME. */
static uint32_t find_login(const struct testhost *t, struct ctr_str name)
{
    uint32_t i = find_user(t, name);
    uint64_t n = name.len;

    while (n > 0 && name.ptr[n - 1] != '@')
        n--;
    return i < t->users.n || n == 0 ? i : find_user(t, (struct ctr_str){name.ptr, n - 1});
}

static int32_t authenticate(const struct ctr_host *host,
                            const struct ctr_credentials *credentials, ctr_auth_fn done,
                            void *user, struct ctr_request **out)
{
    struct testhost *t = testhost_of(host);
    struct ctr_request *r = testhost_alloc(t, sizeof(*r));
    uint32_t i = find_login(t, credentials->name);

    require(credentials->size == sizeof(*credentials), "authenticate: size is not set");
    require(credentials->password.len > 0, "authenticate: an empty password");
    *r = (struct ctr_request){.t = t, .alive = true, .done = done, .user = user};
    if (i < t->users.n &&
        str_same((struct ctr_str){t->users.at[i].b, strlen(t->users.at[i].b)},
                 credentials->password)) {
        r->principal = testhost_alloc(t, sizeof(*r->principal));
        r->principal->t = t;
        r->principal->name = t->users.at[i].a;
    }
    t->auths_open++;
    *out = r;
    request_schedule(r, on_auth_task);
    return 0;
}

static void authenticate_cancel(const struct ctr_host *host, struct ctr_request *request)
{
    if (request)
        auth_end(request_of(host, request), -CTR_ECANCELED);
}

static const char *principal_name(const struct ctr_principal *p)
{
    require(!p || p->refs, "a principal is used after its last unref");
    return p ? p->name : "";
}

static struct ctr_principal *principal_ref(struct ctr_principal *p)
{
    if (p) {
        require(p->refs, "a principal is used after its last unref");
        p->refs++;
        p->t->principals++;
    }
    return p;
}

static void principal_unref(struct ctr_principal *p)
{
    if (p) {
        require(p->refs, "a principal is used after its last unref");
        p->refs--;
        p->t->principals--;
    }
}

void testhost_query_init(struct testhost *t)
{
    t->host.query_start = query_start;
    t->host.query_resume = query_resume;
    t->host.query_cancel = query_cancel;
    t->host.sources = host_sources;
    t->host.authenticate = authenticate;
    t->host.authenticate_cancel = authenticate_cancel;
    t->host.principal_name = principal_name;
    t->host.principal_ref = principal_ref;
    t->host.principal_unref = principal_unref;
}
