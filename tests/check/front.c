/* front.c - a front end that keeps its contract (WRONG is 0), or breaks it in one place:
 * each number is a plugin that contactor-plugin-check must catch. A line is a question,
 * "STARTTLS" begins TLS. */
#include <time.h>

#include "contactor/ext/net.h"
#include "kit/kit.h"

enum {
    RIGHT,
    WHOLE_ONLY, /* pieces */
    NO_SIZE,
    BYTE_CRASHES, /* noise */
    KEEPS_ALL,    /* endless */
    NO_CANCEL,    /* hangup */
    STALLS,       /* pressure */
    NEVER_PAUSES, /* pressure: a warning */
    TLS_CRASHES,  /* tls */
    SLOW_OPEN,    /* blocking */
    NO_SCHEME     /* descriptor */
};

struct server {
    const struct ctr_host *host;
    const struct ctr_net *net;
};

struct conn {
    const struct server *server;
    struct ctr_stream *stream;
    struct ctr_request *request;
    struct conn *next_kept;
    int32_t paused;
    uint8_t *all; /* KEEPS_ALL */
    size_t n_all;
    char words[256];
    struct ctr_str value;
    struct ctr_filter filter;
    struct ctr_query query;
};

static struct conn *kept; /* NO_CANCEL: what on_close does not free */

static void crash(void)
{
    volatile uintptr_t nowhere = 8;

    *(volatile int *)nowhere = 1;
}

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
    const struct timespec nap = {0, 80000000};
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return -CTR_ENOMEM;
    if (WRONG == SLOW_OPEN && strncmp(peer->address.ptr, "192.0.2.1", 9) == 0)
        nanosleep(&nap, NULL);
    c->server = instance;
    c->stream = stream;
    *out = c;
    return 0;
}

static void put(struct conn *c, struct ctr_str text)
{
    int32_t rc = c->server->net->write(c->stream, text.ptr, text.len);

    if (rc == -CTR_EPAUSE)
        c->paused = rc;
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct conn *c = user;

    for (uint32_t i = 0; i < n; i++) {
        put(c, hits[i]->fields[0].value);
        put(c, kit_str("\r\n"));
    }
    return WRONG == NEVER_PAUSES ? 0 : c->paused;
}

static void on_drain(void *conn)
{
    struct conn *c = conn;

    if (c->paused && c->request && WRONG != STALLS && WRONG != NEVER_PAUSES)
        c->server->host->query_resume(c->server->host, c->request);
    c->paused = 0;
}

static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct conn *c = user;

    c->request = NULL;
    c->filter.op = 0;
    if (outcome->status != -CTR_ECANCELED) {
        put(c, kit_str(".\r\n"));
        c->server->net->resume(c->stream);
    }
}

static const struct ctr_query_ops query_ops = {
    .size = sizeof(query_ops), .on_hits = on_hits, .on_done = on_done};

static int32_t ask(struct conn *c, const uint8_t *text, uint64_t n)
{
    const struct ctr_host *host = c->server->host;

    memcpy(c->words, text, n);
    c->value = (struct ctr_str){c->words, n};
    c->filter = (struct ctr_filter){.op = CTR_OP_WORDS,
                                    .kinds = CTR_KIND(CTR_FIELD_DISPLAY_NAME),
                                    .values = &c->value,
                                    .n_values = 1};
    c->query = (struct ctr_query){.size = WRONG == NO_SIZE ? 0 : sizeof(c->query),
                                  .filter = &c->filter,
                                  .want = c->filter.kinds,
                                  .asked = c->value};
    return host->query_start(host, &c->query, &query_ops, c, &c->request);
}

static int32_t line(struct conn *c, const uint8_t *text, uint64_t n)
{
    while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == '\n'))
        n--;
    if (n == 8 && memcmp(text, "STARTTLS", 8) == 0) {
        if (c->server->net->start_tls(c->stream) < 0)
            put(c, kit_str("no\r\n"));
        return 0;
    }
    if (n == 0 || n >= sizeof(c->words))
        return n ? -CTR_EPROTO : 0;
    return ask(c, text, n);
}

static void keep(struct conn *c, const uint8_t *data, uint64_t n)
{
    uint8_t *more = realloc(c->all, c->n_all + n);

    if (!more)
        return;
    c->all = more;
    memcpy(c->all + c->n_all, data, n);
    c->n_all += n;
}

static int64_t on_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct conn *c = conn;
    const uint8_t *end = memchr(data, '\n', n);

    if (WRONG == BYTE_CRASHES && memchr(data, 0xee, n))
        crash();
    if (c->request) { /* one question at a time */
        c->server->net->pause(c->stream);
        return 0;
    }
    if (WRONG == KEEPS_ALL) {
        keep(c, data, n);
        return (int64_t)n;
    }
    if (WRONG == WHOLE_ONLY && !end)
        return line(c, data, n) < 0 ? -CTR_EPROTO : (int64_t)n;
    if (!end)
        return n > sizeof(c->words) ? -CTR_EPROTO : 0;
    if (line(c, data, (uint64_t)(end - data)) < 0)
        return -CTR_EPROTO;
    return end - data + 1;
}

static void on_tls(void *conn, int32_t status)
{
    (void)conn;
    if (WRONG == TLS_CRASHES && status < 0)
        crash();
}

static void on_close(void *conn, uint32_t reason)
{
    struct conn *c = conn;

    (void)reason;
    if (WRONG == NO_CANCEL && c->request) {
        c->next_kept = kept;
        kept = c;
        return;
    }
    if (c->request)
        c->server->host->query_cancel(c->server->host, c->request);
    free(c->all);
    free(c);
}

static const struct ctr_stream_ops stream = {.size = sizeof(stream),
                                             .on_open = on_open,
                                             .on_data = on_data,
                                             .on_drain = on_drain,
                                             .on_tls = on_tls,
                                             .on_close = on_close};

static const struct ctr_scheme schemes[] = {{.name = "line", .default_port = 7900}};

static const struct ctr_frontend frontend = {.size = sizeof(frontend),
                                             .n_schemes = WRONG == NO_SCHEME ? 0 : 1,
                                             .schemes = schemes,
                                             .stream = &stream};

CTR_PLUGIN = {KIT_ABI,
              .name = NAME,
              .version = "1.0",
              .summary = "a front end for the tests of contactor-plugin-check",
              .frontend = &frontend,
              .create = create,
              .destroy = free};
