/* bind.c - who asks: simple bind, and the many ways a name is written. */
#include <inttypes.h>
#include <stdio.h>

#include "conn.h"
#include "controls.h"
#include "reply.h"

/* BindRequest, borrowed. */
struct bind {
    int64_t version;
    struct ctr_str name, password;
    bool simple;
};

/* A name no user can have: it is checked like any other, so that it takes as long. */
#define NOBODY STR("\xff")

static const char wrong[] = "wrong user name or password";

enum { LOG_WINDOW_MS = 60 * 1000, LOG_LINES = 10 };

static int parse_bind(struct ber b, struct bind *out)
{
    struct ber content;
    uint8_t tag;

    if (ber_int(&b, BER_INTEGER, &out->version) || ber_str(&b, BER_OCTETS, &out->name))
        return -CTR_EFORMAT;
    out->simple = ber_peek(&b) == BER_CONTEXT(0);
    if (ber_next(&b, &tag, &content) || ber_ignore_rest(&b))
        return -CTR_EFORMAT;
    out->password = (struct ctr_str){(const char *)content.at, ber_left(&content)};
    return 0;
}

/* --- names -----------------------------------------------------------------------------
 */

/* uid=NAME,ou=users,BASE or cn=NAME,ou=users,BASE, or one of the two alone. */
static struct ctr_str name_of_dn(const struct server *s, struct pool *pool,
                                 struct ctr_str text)
{
    const struct attributes *t = &s->attributes;
    uint32_t above;
    struct dn dn;

    if (dn_parse(t, pool, text, &dn) || dn.n == 0 || dn.rdns[0].multi ||
        (dn.rdns[0].attr != t->uid && dn.rdns[0].attr != attributes_get(t, "cn")))
        return NOBODY;
    if (dn.n == 1)
        return dn.rdns[0].value;
    if (!dn_below(&dn, &s->base, &above) || above != 2 || dn.rdns[1].attr != t->ou ||
        dn.rdns[1].multi || text_compare(dn.rdns[1].value, STR("users")) != 0)
        return NOBODY;
    return dn.rdns[0].value;
}

/* A DN, or as phones and Windows write it: user, user@domain, DOMAIN\user. What stands
 * behind @ may belong to the user's name: the host knows. */
static struct ctr_str user_name(const struct server *s, struct pool *pool,
                                struct ctr_str text)
{
    const char *sign;

    text = text_trim(text_from_client(pool, text));
    if (text.len == 0)
        return NOBODY;
    if (memchr(text.ptr, '=', text.len))
        return name_of_dn(s, pool, text);
    sign = memchr(text.ptr, '\\', text.len);
    if (sign) {
        size_t domain = (size_t)(sign + 1 - text.ptr);

        return (struct ctr_str){sign + 1, text.len - domain};
    }
    return text;
}

/* --- checking --------------------------------------------------------------------------
 */

static void answer(struct conn *c, uint32_t id, int code, const char *text)
{
    struct reply r = {.id = id, .tag = OP_BIND_RESPONSE, .code = code, .text = text};

    if (code != RESULT_SUCCESS)
        server_count(c->server, METRIC_BIND_FAILED);
    reply_send(c, &r);
}

static void on_authenticated(void *user, int32_t status, struct ctr_principal *principal)
{
    struct conn *c = user;

    c->auth = NULL;
    c->auth_pending = false;
    if (c->closing) {
        c->server->host->principal_unref(principal);
        return;
    }
    if (status == 0) {
        conn_set_principal(c, principal);
        answer(c, c->auth_id, RESULT_SUCCESS, NULL);
    } else if (status == -CTR_EACCES) {
        answer(c, c->auth_id, RESULT_INVALID_CREDENTIALS, wrong);
    } else {
        answer(c, c->auth_id, RESULT_BUSY, "too many logins at once; try again later");
    }
    conn_settle(c);
    if (!c->choked)
        c->server->net->resume(c->stream);
}

static void authenticate(struct conn *c, const struct message *m, const struct bind *b)
{
    const struct server *s = c->server;
    struct ctr_credentials credentials = {.size = sizeof(credentials)};
    struct pool pool;

    pool_init(&pool, 1 << 20);
    credentials.name = user_name(s, &pool, b->name);
    credentials.password = b->password;
    credentials.client = c->peer->address;
    if (credentials.name.len == 0)
        credentials.name = NOBODY;
    c->auth_id = m->id;
    c->auth_pending = true;
    if (s->host->authenticate(s->host, &credentials, on_authenticated, c, &c->auth)) {
        c->auth = NULL;
        c->auth_pending = false;
        answer(c, m->id, RESULT_BUSY, "too many logins at once; try again later");
    }
    pool_reset(&pool);
}

/* Few phones show why they were refused, so the log does; a flood of them is cut. */
static void log_refused(struct conn *c, const char *why)
{
    struct server *s = c->server;
    int64_t now = s->host->now(s->host);
    char line[256];

    if (s->log_lines == 0 || now - s->log_window >= LOG_WINDOW_MS) {
        s->log_window = now;
        s->log_lines = 0;
    }
    if (s->log_lines >= LOG_LINES) {
        s->log_suppressed++;
        return;
    }
    s->log_lines++;
    snprintf(line, sizeof(line),
             "bind_refused peer=%.*s reason=\"%s\" suppressed=%" PRIu32,
             (int)c->peer->address.len, c->peer->address.ptr, why, s->log_suppressed);
    s->log_suppressed = 0;
    s->host->log(s->host, CTR_LOG_WARN, line);
}

static void refuse(struct conn *c, const struct message *m, int code, const char *why)
{
    log_refused(c, why);
    answer(c, m->id, code, why);
}

static void bind_anonymous(struct conn *c, const struct message *m)
{
    if (c->server->anonymous == ANONYMOUS_DENY) {
        refuse(c, m, RESULT_INAPPROPRIATE_AUTH,
               "anonymous access is off; bind with a user name and password");
        return;
    }
    answer(c, m->id, RESULT_SUCCESS, NULL);
}

/* A password in clear is refused before anybody looks at it. */
static bool may_bind(const struct conn *c)
{
    switch (c->server->plaintext_bind) {
    case PLAINTEXT_ALWAYS:
        return true;
    case PLAINTEXT_NEVER:
        return c->tls;
    default:
        return c->tls || (c->peer->flags & CTR_PEER_LOOPBACK);
    }
}

static void bind_simple(struct conn *c, const struct message *m, const struct bind *b)
{
    if (b->name.len == 0 && b->password.len == 0)
        bind_anonymous(c, m);
    else if (b->password.len == 0)
        refuse(c, m, RESULT_UNWILLING, "a bind with a name needs a password");
    else if (!may_bind(c))
        refuse(c, m, RESULT_CONFIDENTIALITY,
               "passwords are not taken in clear; use LDAPS or StartTLS");
    else
        authenticate(c, m, b);
}

int bind_request(struct conn *c, const struct message *m)
{
    struct bind b;
    int err = parse_bind(m->body, &b);

    if (err)
        return err;
    server_count(c->server, METRIC_BIND);
    op_cancel_all(c); /* RFC 4511 4.2.1 */
    conn_set_principal(c, NULL);
    if (b.version != 2 && b.version != 3) {
        answer(c, m->id, RESULT_PROTOCOL_ERROR, "LDAP version 2 or 3, please");
        return 0;
    }
    c->version = (uint32_t)b.version;
    if (controls_refuse(c, m))
        return 0;
    if (!b.simple) {
        refuse(c, m, RESULT_AUTH_METHOD, "only simple bind is supported; no SASL");
        return 0;
    }
    bind_simple(c, m, &b);
    return 0;
}

void bind_cancel(struct conn *c)
{
    if (c->auth)
        c->server->host->authenticate_cancel(c->server->host, c->auth);
}
