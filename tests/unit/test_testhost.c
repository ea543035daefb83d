/* test_testhost.c - the fake host itself, driven by a front end of three commands:
 * "?TEXT\n" asks for a surname, "!NAME PASSWORD\n" binds, "T\n" starts TLS, else echo;
 * and by a source that reads contacts off a socket, a byte each. */
#include <sys/socket.h>
#include <unistd.h>

#include "contactor/ext/poll.h"
#include "tap.h"
#include "testhost.h"

struct front {
    const struct ctr_host *host;
    const struct ctr_net *net;
};

struct conn {
    struct front *front;
    struct ctr_stream *stream;
    struct ctr_request *request;
    struct ctr_principal *who;
    struct ctr_filter filter;
    struct ctr_query query;
    struct ctr_sort_key key;
    struct ctr_str value;
    char text[64];
    uint32_t drains;
    int pause_hits;
};

static void say(struct conn *c, const char *text)
{
    c->front->net->write(c->stream, text, strlen(text));
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct conn *c = user;

    for (uint32_t i = 0; i < n; i++) {
        say(c, hits[i]->id.ptr);
        say(c, " ");
    }
    return c->pause_hits ? -CTR_EPAUSE : 0;
}

static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct conn *c = user;
    char line[64];

    c->request = NULL;
    snprintf(line, sizeof(line), "done %d %u %u@%u\n", outcome->status, outcome->hits,
             outcome->total, outcome->position);
    if (outcome->status != -CTR_ECANCELED)
        say(c, line);
}

static void on_auth(void *user, int32_t status, struct ctr_principal *principal)
{
    struct conn *c = user;

    c->request = NULL;
    c->who = principal;
    if (status != -CTR_ECANCELED)
        say(c, status ? "refused\n" : c->front->host->principal_name(principal));
}

static void ask(struct conn *c, const char *text, size_t n)
{
    static const struct ctr_query_ops ops = {
        .size = sizeof(ops), .on_hits = on_hits, .on_done = on_done};

    memcpy(c->text, text, n);
    c->value = (struct ctr_str){c->text, n};
    c->filter = (struct ctr_filter){.op = CTR_OP_WORDS,
                                    .n_values = 1,
                                    .kinds = CTR_KIND(CTR_FIELD_SURNAME),
                                    .values = &c->value};
    if (n && c->text[0] == '+') {
        c->filter.op = CTR_OP_EQUAL;
        c->filter.kinds = CTR_KINDS_PHONE;
    }
    c->key.kinds = CTR_KIND(CTR_FIELD_SURNAME);
    c->query = (struct ctr_query){.size = sizeof(c->query),
                                  .filter = &c->filter,
                                  .principal = c->who,
                                  .sort = &c->key,
                                  .n_sort = 1};
    c->front->host->query_start(c->front->host, &c->query, &ops, c, &c->request);
}

static void bind_user(struct conn *c, const char *text, size_t n)
{
    const char *blank = memchr(text, ' ', n);
    struct ctr_credentials cred = {.size = sizeof(cred)};

    if (!blank)
        return;
    cred.name = (struct ctr_str){text, (uint64_t)(blank - text)};
    cred.password = (struct ctr_str){blank + 1, n - cred.name.len - 1};
    c->front->host->authenticate(c->front->host, &cred, on_auth, c, &c->request);
}

static int32_t on_open(void *instance, struct ctr_stream *stream,
                       const struct ctr_peer *peer, void **conn)
{
    struct conn *c = calloc(1, sizeof(*c));

    (void)peer;
    c->front = instance;
    c->stream = stream;
    *conn = c;
    return 0;
}

static int64_t on_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct conn *c = conn;
    const char *text = (const char *)data, *end = memchr(text, '\n', n);
    size_t len = end ? (size_t)(end - text) : 0;

    if (!end)
        return 0;
    if (text[0] == '?')
        ask(c, text + 1, len - 1);
    else if (text[0] == '!')
        bind_user(c, text + 1, len - 1);
    else if (text[0] == 'T')
        c->front->net->start_tls(c->stream);
    else
        c->front->net->write(c->stream, text, len + 1);
    return (int64_t)len + 1;
}

static void on_tls(void *conn, int32_t status)
{
    if (status == 0)
        say(conn, "tls\n");
}

static void on_drain(void *conn)
{
    ((struct conn *)conn)->drains++;
}

static void on_goodbye(void *conn, uint32_t reason)
{
    (void)reason;
    say(conn, "bye\n");
}

static void on_close(void *conn, uint32_t reason)
{
    struct conn *c = conn;
    const struct ctr_host *host = c->front->host;

    (void)reason;
    if (c->request && c->query.size)
        host->query_cancel(host, c->request);
    else if (c->request)
        host->authenticate_cancel(host, c->request);
    host->principal_unref(c->who);
    free(c);
}

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct front *f = calloc(1, sizeof(*f));

    (void)config;
    f->host = host;
    f->net = host->extension(host, CTR_NET_ID);
    *instance = f;
    return 0;
}

static const struct ctr_stream_ops stream_ops = {.size = sizeof(stream_ops),
                                                 .on_open = on_open,
                                                 .on_data = on_data,
                                                 .on_drain = on_drain,
                                                 .on_tls = on_tls,
                                                 .on_goodbye = on_goodbye,
                                                 .on_close = on_close};
static const struct ctr_frontend frontend = {.size = sizeof(frontend),
                                             .stream = &stream_ops};
static const struct ctr_plugin plugin = {.size = sizeof(plugin),
                                         .name = "three",
                                         .option_size = sizeof(struct ctr_option),
                                         .frontend = &frontend,
                                         .create = create,
                                         .destroy = free};

static struct testhost *host_new(void)
{
    struct testhost *t = testhost_create(&plugin, "frontend.test");

    testhost_add(t, "crm", "2",
                 (struct testhost_field[]){{CTR_FIELD_SURNAME, "Meier", NULL}, {0}});
    testhost_add(t, "crm", "1",
                 (struct testhost_field[]){{CTR_FIELD_SURNAME, "Abel Meier", NULL},
                                           {CTR_FIELD_PHONE_MOBILE, "0170/1234", NULL},
                                           {0}});
    testhost_add(t, "crm", "3",
                 (struct testhost_field[]){{CTR_FIELD_SURNAME, "Meier", NULL},
                                           {CTR_FIELD_OWNER, "anna", NULL},
                                           {0}});
    testhost_user(t, "anna", "secret");
    testhost_start(t);
    return t;
}

/* Feeds a text; the whole output is then the expected one, and is taken. */
static void exchange(struct ctr_stream *s, const char *in, const char *want)
{
    char got[256] = "";
    uint64_t n;
    const uint8_t *out;

    testhost_feed(s, in, strlen(in));
    out = testhost_output(s, &n);
    if (n)
        memcpy(got, out, n < 255 ? n : 255);
    is_str(got, want, "after \"%.*s\"", (int)strcspn(in, "\n"), in);
    testhost_take(s, n);
}

static void test_talk(void)
{
    struct testhost *t = host_new();
    struct ctr_stream *s = testhost_connect(t, "192.0.2.7", CTR_PEER_CAN_TLS);

    exchange(s, "hel", "");
    exchange(s, "lo\nyou\n", "hello\nyou\n");
    exchange(s, "?mei\n", "1 2 done 0 2 2@0\n");
    exchange(s, "?+49170 1234\n", "1 done 0 1 1@0\n");
    exchange(s, "!anna wrong\n", "refused\n");
    exchange(s, "!anna secret\n", "anna");
    exchange(s, "?mei\n", "1 2 3 done 0 3 3@0\n");
    exchange(s, "T\n", "tls\n");
    ok(testhost_tls(s), "TLS is on");
    testhost_goodbye(s, CTR_CLOSE_IDLE);
    ok(testhost_closed(s), "closed");
    is_int(testhost_close_reason(s), CTR_CLOSE_IDLE, "for being idle");
    is_int(t->principals, 0, "the principal was given back");
    testhost_destroy(t);
}

static void test_deferred(void)
{
    struct testhost *t = host_new();
    struct ctr_stream *s = testhost_connect(t, "192.0.2.7", 0);

    t->defer_queries = true;
    t->batch = 1;
    exchange(s, "?mei\n", "1 2 done 0 2 2@0\n");
    is_int(t->queries_open, 0, "nothing is open");
    t->queue_limit = 4;
    exchange(s, "long line\n", "long line\n");
    testhost_destroy(t);
}

/* Queries and passwords wait until they are let go, or are canceled before. */
static void test_held(void)
{
    struct testhost *t = host_new();
    struct ctr_stream *s = testhost_connect(t, "192.0.2.7", 0);
    struct ctr_stream *gone = testhost_connect(t, "192.0.2.8", 0);

    t->hold_queries = true;
    exchange(s, "?mei\n", "");
    exchange(gone, "?mei\n", "");
    testhost_advance(t, 1000);
    is_int(t->queries_open, 2, "two queries are held back");
    testhost_hangup(gone);
    is_int(t->queries_open, 1, "one is canceled");
    testhost_release(t);
    is_int(t->queries_open, 0, "the other is let go");
    exchange(s, "", "1 2 done 0 2 2@0\n");
    exchange(s, "!anna secret\n", "");
    testhost_release(t);
    exchange(s, "", "anna");
    testhost_destroy(t);
}

static void test_cancel_on_close(void)
{
    struct testhost *t = host_new();
    struct ctr_stream *s = testhost_connect(t, "192.0.2.7", 0);

    t->query_status = -CTR_ESIZE;
    exchange(s, "?abel\n", "1 done -11 1 1@0\n");
    exchange(s, "T\n", "");
    testhost_feed(s, "!anna secret", 12);
    testhost_hangup(s);
    ok(testhost_closed(s), "hung up");
    testhost_destroy(t);
}

/* --- a source on the loop, with a socket ----------------------------------------------
 */

struct back {
    const struct ctr_host *host;
    const struct ctr_polls *polls;
    struct ctr_poll *poll;
    struct ctr_sync *sync;
    struct ctr_timer *timer;
};

static int sockets[2];

static void on_resume(void *user)
{
    struct back *b = user;

    b->host->timer_stop(b->host, b->timer);
    b->polls->change(b->poll, CTR_POLL_READ);
}

static void on_byte(void *user, int32_t fd, uint32_t events)
{
    struct back *b = user;
    char id;
    struct ctr_contact c = {
        .size = sizeof(c), .id = {&id, 1}, .field_size = sizeof(struct ctr_field)};

    ok(events == CTR_POLL_READ && read(fd, &id, 1) == 1, "a byte to read");
    if (id == '.') {
        b->polls->stop(b->poll);
        b->host->sync_done(b->host, b->sync, 0);
        return;
    }
    if (b->host->sync_put(b->host, b->sync, &c, 1) != -CTR_EPAUSE)
        return;
    b->polls->change(b->poll, 0);
    b->timer = b->host->timer_start(b->host, 20, 0, on_resume, b);
}

static int32_t back_sync(void *self, struct ctr_sync *sync,
                         const struct ctr_sync_request *request)
{
    struct back *b = self;

    (void)request;
    b->sync = sync;
    b->polls = b->host->extension(b->host, CTR_POLL_ID);
    b->poll = b->polls->start(b->host, sockets[0], CTR_POLL_READ, on_byte, b);
    return 0;
}

static int32_t back_create(const struct ctr_host *host, const struct ctr_config *config,
                           void **instance)
{
    static struct back back;

    (void)config;
    back = (struct back){.host = host};
    *instance = &back;
    return 0;
}

static void test_polls(void)
{
    static const struct ctr_source source = {
        .size = sizeof(source), .threading = CTR_ON_LOOP, .sync = back_sync};
    static const struct ctr_plugin back_plugin = {
        .size = sizeof(back_plugin), .source = &source, .create = back_create};
    struct testhost *t = testhost_create(&back_plugin, "source.test");
    int64_t began;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
        abort();
    is_int(write(sockets[1], "abc.", 4), 4, "three contacts and the end");
    t->pause_every = 2;
    testhost_start(t);
    began = t->clock;
    is_int(testhost_sync(t, NULL), 0, "read from a socket");
    is_int(t->n_contacts, 3, "all of them");
    ok(t->clock - began >= 20, "the pause took its time");
    testhost_destroy(t);
    close(sockets[0]);
    close(sockets[1]);
}

/* ---- a source --------------------------------------------------------------- */

struct asked {
    const struct ctr_host *host;
    struct ctr_search *search;
};

static int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                             void **instance)
{
    struct asked *a = calloc(1, sizeof(*a));

    (void)config;
    if (!a)
        return -CTR_ENOMEM;
    a->host = host;
    *instance = a;
    return 0;
}

static struct ctr_contact contact(struct ctr_field *field)
{
    *field = (struct ctr_field){.kind = CTR_FIELD_SURNAME, .value = {"Meier", 5}};
    return (struct ctr_contact){.size = sizeof(struct ctr_contact),
                                .id = {"1", 1},
                                .fields = field,
                                .n_fields = 1,
                                .field_size = sizeof(*field)};
}

static int32_t source_sync(void *instance, struct ctr_sync *sync,
                           const struct ctr_sync_request *request)
{
    const struct ctr_str members[] = {{"eve", 3}, {"max", 3}};
    const struct ctr_host *host = ((struct asked *)instance)->host;
    struct ctr_field field;
    struct ctr_contact c = contact(&field);

    (void)request;
    host->sync_group(host, sync, (struct ctr_str){"sales", 5}, members, 2);
    host->sync_group(host, sync, (struct ctr_str){"board", 5}, NULL, 0);
    return host->sync_put(host, sync, &c, 1);
}

static void source_answer(void *user)
{
    struct asked *a = user;
    struct ctr_field field;
    struct ctr_contact c = contact(&field);

    a->host->search_hits(a->host, a->search, &c, 1);
    a->host->search_done(a->host, a->search, 0);
}

/* Answers later for a number it knows. */
static int32_t source_search(void *instance, struct ctr_search *search,
                             const struct ctr_query *query)
{
    struct asked *a = instance;
    const struct ctr_host *host = a->host;

    a->search = search;
    if (query->filter->n_values != 3 || query->filter->values[1].ptr[0] != '0')
        return -CTR_EINVAL;
    if (query->filter->values[0].len == 3)
        host->search_done(host, search, -CTR_EUNAVAIL);
    else
        host->post(host, source_answer, a);
    return 0;
}

static void source_search_cancel(void *instance, struct ctr_search *search)
{
    (void)instance;
    (void)search;
}

static int32_t source_test(void *instance, struct ctr_test *test)
{
    const struct ctr_host *host = ((struct asked *)instance)->host;

    host->test_step(host, test, "connect", 0, "127.0.0.1", NULL);
    if (host->test_canceled(host, test) < 0)
        return -CTR_ECANCELED;
    host->test_step(host, test, "login", -CTR_EACCES, "refused", "try another");
    return -CTR_EACCES;
}

static void test_source(void)
{
    static const struct ctr_source role = {.size = sizeof(role),
                                           .flags = CTR_SOURCE_SEARCH,
                                           .sync = source_sync,
                                           .search = source_search,
                                           .search_cancel = source_search_cancel,
                                           .test = source_test};
    static const struct ctr_plugin mine = {.size = sizeof(mine),
                                           .abi_built = CTR_ABI_CURRENT,
                                           .abi_needs = CTR_ABI(1, 1),
                                           .name = "source",
                                           .source = &role,
                                           .create = source_create,
                                           .destroy = free};
    struct testhost *t = testhost_create(&mine, "source.test");
    struct testhost_lane *lane;

    is_int(testhost_start(t), 0, "a source");
    is_int(testhost_test(t), -CTR_EACCES, "its test");
    is_int(t->n_steps, 2, "steps");
    is_str(testhost_step_find(t, "login")->remedy, "try another", "with a remedy");
    ok(!testhost_step_find(t, "query"), "no further");
    t->cancel_after_steps = 1;
    is_int(testhost_test(t), -CTR_ECANCELED, "one that is canceled");
    is_int(t->n_steps, 1, "ends before its next step");
    t->cancel_after_steps = 0;
    is_int(testhost_sync(t, NULL), 0, "its sync");
    is_int(t->groups.n, 3, "who is in a group");
    is_str(t->groups.at[1].b, "max", "by name");
    is_str(t->groups.at[2].b, "", "a group nobody is in");
    is_int(testhost_search_number(t, "+49891", "0891", "1"), 0, "a search");
    is_int(t->n_hits, 1, "its hit");
    is_str(testhost_value(t->hits[0], CTR_FIELD_SURNAME, NULL, 0), "Meier", "whose name");
    is_int(testhost_search_number(t, "+49", "0", "1"), -CTR_EUNAVAIL, "one that fails");
    is_int(testhost_search_number(t, "x", "x", "x"), -CTR_EINVAL, "one that never began");
    lane = testhost_lane_sync(t, NULL);
    ok(testhost_lane_wait(lane, 10000), "a sync on a thread of its own");
    is_int(testhost_lane_end(lane), 0, "how it ended");
    is_int(t->groups.n, 3, "what it gave");
    testhost_destroy(t);
}

int main(void)
{
    test_polls();
    test_source();
    test_talk();
    test_deferred();
    test_held();
    test_cancel_on_close();
    return tap_done();
}
