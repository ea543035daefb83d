/* finger.c - answers the finger protocol (RFC 1288): who is this, over a connection of
 * one line. The smallest front end of use: `finger meier@directory`.
 *
 *     Q1   {Q1} ::= [{W}|{W}{S}{U}]{C}      answered
 *     Q2   {Q2} ::= [{W}{S}][{U}]{H}{C}     a question for another host: refused (3.2.1)
 *
 * A list of all (an empty question) is refused, too (3.2.2). */
#include <stdbool.h>

#include <contactor/ext/net.h>
#include <contactor/kit.h>

enum { QUESTION_MAX = 256, HITS_MAX = 20 };

#define NAMES                                                            \
    (CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) | \
     CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_ORGANISATION))

struct server {
    const struct ctr_host *host;
    const struct ctr_net *net;
};

struct conn {
    const struct server *server;
    struct ctr_stream *stream;
    struct ctr_request *request; /* the query under way, or NULL */
    bool asked, verbose;
    struct ctr_str client;
    /* The question: unchanged until on_done. */
    char words[QUESTION_MAX];
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

    if (!c)
        return -CTR_ENOMEM;
    c->server = instance;
    c->stream = stream;
    c->client = peer->address; /* valid until on_close */
    *out = c;
    return 0;
}

/* ---- the answer ----------------------------------------------------------------- */

static void put(struct conn *c, struct ctr_str text)
{
    c->server->net->write(c->stream, text.ptr, text.len);
}

/* Control characters could direct the asker's terminal (RFC 1288 section 3.3). */
static void put_value(struct conn *c, struct ctr_str text)
{
    char clean[512];
    size_t n = 0;

    for (uint64_t i = 0; i < text.len && n < sizeof(clean); i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if (byte >= ' ' && byte != 0x7f)
            clean[n++] = (char)byte;
    }
    put(c, (struct ctr_str){clean, n});
}

static const char *label_of(uint32_t kind)
{
    switch (kind) {
#define LABEL(number, name, text) \
    case number:                  \
        return text;
        CTR_FIELD_MAP(LABEL)
#undef LABEL
    default:
        return "other";
    }
}

static bool is_shown(const struct conn *c, uint32_t kind)
{
    return c->verbose || (CTR_KIND(kind) & (NAMES | CTR_KINDS_PHONE));
}

static int32_t on_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    struct conn *c = user;

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < hits[i]->n_fields; k++) {
            const struct ctr_field *field = &hits[i]->fields[k];

            if (!is_shown(c, field->kind))
                continue;
            put(c, kit_str(label_of(field->kind)));
            put(c, kit_str(": "));
            put_value(c, field->value);
            put(c, kit_str("\r\n"));
        }
        put(c, kit_str("\r\n"));
    }
    return 0;
}

static void on_done(void *user, const struct ctr_outcome *outcome)
{
    struct conn *c = user;

    c->request = NULL;
    if (outcome->status == -CTR_ECANCELED)
        return;
    if (outcome->hits == 0)
        put(c, kit_str("Nobody of that name.\r\n"));
    else if (outcome->status == -CTR_ESIZE)
        put(c, kit_str("There are more; ask more exactly.\r\n"));
    c->server->net->close(c->stream);
}

/* ---- the question --------------------------------------------------------------- */

static void refuse(struct conn *c, const char *why)
{
    put(c, kit_str(why));
    c->server->net->close(c->stream);
}

static void ask(struct conn *c)
{
    static const struct ctr_query_ops ops = {
        .size = sizeof(ops), .on_hits = on_hits, .on_done = on_done};
    const struct ctr_host *host = c->server->host;

    c->filter = (struct ctr_filter){
        .op = CTR_OP_WORDS, .kinds = NAMES, .values = &c->value, .n_values = 1};
    c->query = (struct ctr_query){.size = sizeof(c->query),
                                  .filter = &c->filter,
                                  .want = CTR_KINDS_ALL & ~CTR_KIND(CTR_FIELD_PHOTO),
                                  .limit = HITS_MAX,
                                  .client = c->client,
                                  .asked = c->value};
    if (host->query_start(host, &c->query, &ops, c, &c->request) < 0)
        refuse(c, "That cannot be asked.\r\n");
}

/* Takes [/W] and the words out of the line. */
static void take_question(struct conn *c, const char *line, size_t n)
{
    if (n >= 2 && line[0] == '/' && (line[1] == 'W' || line[1] == 'w')) {
        c->verbose = true;
        line += 2;
        n -= 2;
    }
    while (n > 0 && *line == ' ') {
        line++;
        n--;
    }
    memcpy(c->words, line, n);
    c->value = (struct ctr_str){c->words, n};
}

static int64_t on_data(void *conn, const uint8_t *data, uint64_t n)
{
    struct conn *c = conn;
    const uint8_t *end = memchr(data, '\n', n);
    uint64_t len = end ? (uint64_t)(end - data) : n;

    if (c->asked)
        return (int64_t)n; /* nobody reads what comes behind a question */
    if (len >= QUESTION_MAX)
        return -CTR_EPROTO;
    if (!end)
        return 0; /* the rest will come */
    while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == ' '))
        len--;
    c->asked = true;
    take_question(c, (const char *)data, len);
    if (memchr(c->words, '@', c->value.len))
        refuse(c, "Finger forwarding service denied\r\n");
    else if (c->value.len == 0)
        refuse(c, "Finger online user list denied\r\n");
    else
        ask(c);
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

/* ---- the descriptor ------------------------------------------------------------- */

static const struct ctr_stream_ops stream = {
    .size = sizeof(stream), .on_open = on_open, .on_data = on_data, .on_close = on_close};

static const struct ctr_scheme schemes[] = {{.name = "finger", .default_port = 79}};

static const struct ctr_frontend frontend = {
    .size = sizeof(frontend), KIT_SCHEMES(schemes), .stream = &stream};

CTR_PLUGIN = {KIT_ABI,
              .name = "finger",
              .version = "1.0",
              .summary = "answers the finger protocol, RFC 1288",
              .frontend = &frontend,
              .create = create,
              .destroy = free};
