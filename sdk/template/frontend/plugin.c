/* @NAME@.c - a front end of one line: a client sends words, and gets a contact a line. */
#include <stdbool.h>

#include <contactor/ext/net.h>
#include <contactor/kit.h>

struct server {
    const struct ctr_host *host;
    const struct ctr_net *net;
};

struct conn {
    const struct server *server;
    struct ctr_stream *stream;
    struct ctr_request *request; /* the query under way, or NULL */
    int32_t pause;               /* -CTR_EPAUSE: the client is slow to read */
    /* The question: unchanged until on_done. */
    char words[256];
    struct ctr_str value;
    struct ctr_filter filter;
    struct ctr_query query;
};

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct server *s = calloc(1, sizeof(*s));

    (void)config;
    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->net = host->extension(host, CTR_NET_ID);
    *instance = s;
    return 0;
}

static int32_t on_open(void *instance, struct ctr_stream *stream,
                       const struct ctr_peer *peer, void **out)
{
    struct conn *c = calloc(1, sizeof(*c));

    (void)peer;
    if (!c)
        return -CTR_ENOMEM;
    c->server = instance;
    c->stream = stream;
    *out = c;
    return 0;
}

static void put(struct conn *c, struct ctr_str text)
{
    if (c->server->net->write(c->stream, text.ptr, text.len) == -CTR_EPAUSE)
        c->pause = -CTR_EPAUSE;
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct conn *c = user;

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < hits[i]->n_fields; k++) {
            put(c, hits[i]->fields[k].value);
            put(c, kit_str("\t"));
        }
        put(c, kit_str("\r\n"));
    }
    return c->pause; /* no more hits until on_drain */
}

static void on_drain(void *conn)
{
    struct conn *c = conn;
    bool paused = c->pause && c->request;

    c->pause = 0;
    if (paused)
        c->server->host->query_resume(c->server->host, c->request);
}

static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct conn *c = user;

    c->request = NULL;
    if (outcome->status != -CTR_ECANCELED)
        c->server->net->close(c->stream);
}

static const struct ctr_query_ops query_ops = {
    .size = sizeof(query_ops), .on_hits = on_hits, .on_done = on_done};

static int64_t on_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct conn *c = conn;
    const struct ctr_host *host = c->server->host;
    const uint8_t *end = memchr(data, '\n', n);
    uint64_t len = end ? (uint64_t)(end - data) : n;

    if (c->filter.op) /* one question a connection; what follows is not read */
        return (int64_t)n;
    if (len >= sizeof(c->words))
        return -CTR_EPROTO;
    if (!end)
        return 0; /* more will come */
    while (len > 0 && data[len - 1] == '\r')
        len--;
    memcpy(c->words, data, len);
    c->value = (struct ctr_str){c->words, len};
    c->filter = (struct ctr_filter){.op = CTR_OP_WORDS,
                                    .kinds = CTR_KIND(CTR_FIELD_DISPLAY_NAME) |
                                             CTR_KIND(CTR_FIELD_GIVEN_NAME) |
                                             CTR_KIND(CTR_FIELD_SURNAME),
                                    .values = &c->value,
                                    .n_values = 1};
    c->query =
        (struct ctr_query){.size = sizeof(c->query),
                           .filter = &c->filter,
                           .want = c->filter.kinds | CTR_KIND(CTR_FIELD_PHONE_BUSINESS),
                           .asked = c->value};
    if (host->query_start(host, &c->query, &query_ops, c, &c->request) < 0)
        return -CTR_EPROTO;
    return (int64_t)n;
}

static void on_close(void *conn, uint32_t reason)
{
    struct conn *c = conn;

    (void)reason;
    if (c->request)
        c->server->host->query_cancel(c->server->host, c->request);
    free(c);
}

static const struct ctr_stream_ops stream = {.size = sizeof(stream),
                                             .on_open = on_open,
                                             .on_data = on_data,
                                             .on_drain = on_drain,
                                             .on_close = on_close};

static const struct ctr_scheme schemes[] = {{.name = "@NAME@", .default_port = 7900}};

static const struct ctr_frontend frontend = {
    .size = sizeof(frontend), KIT_SCHEMES(schemes), .stream = &stream};

CTR_PLUGIN = {KIT_ABI,
              .name = "@NAME@",
              .version = "0.1",
              .summary = "answers words with contacts, a line each",
              .frontend = &frontend,
              .create = create,
              .destroy = free};
