/* conn.c - a connection to the first server that answers. */
#include "conn.h"

#include <lber.h>
#include <openldap.h>
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "text.h"

enum {
    MESSAGE_MAX = 32 * 1024 * 1024, /* bytes of one message: a group of 300,000 */
    GOODBYE_MS = 500
};

struct conn *conn_create(const struct options *o, const struct ctr_host *host,
                         struct tls_cache *tls, struct cancel *cancel)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->options = o;
    c->host = host;
    c->cancel = cancel;
    c->tls = tls;
    c->wire.fd = -1;
    return c;
}

void conn_destroy(struct conn *c)
{
    if (!c)
        return;
    conn_close(c);
    free(c);
}

static void step(struct conn *c, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void step(struct conn *c, const char *name, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    if (!c->on_step)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->on_step(c->user, name, text);
}

static int64_t until(const struct conn *c, int64_t ms)
{
    int64_t end = text_now() + ms;

    return c->deadline && c->deadline < end ? c->deadline : end;
}

/* --- messages -------------------------------------------------------------------------
 */

static int32_t lost(struct conn *c, const char *asked, struct fault *f)
{
    char words[128];
    int rc = LDAP_SUCCESS;

    if (c->wire.broke != 0)
        return fault_set(f, c->wire.broke, "connection", NULL,
                         "%s: the connection to %s was lost: %s", asked, c->where->url,
                         wire_words(&c->wire, words, sizeof(words)));
    ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &rc);
    return fault_set(f, -CTR_EPROTO, "connection",
                     "see that url names an LDAP server; a firewall or proxy may answer "
                     "in its place",
                     "%s: what %s answers cannot be read: %s", asked, c->where->url,
                     ldap_err2string(rc));
}

int32_t conn_next_until(struct conn *c, int msgid, int64_t deadline, const char *asked,
                        LDAPMessage **out, struct fault *f)
{
    *out = NULL;
    for (;;) {
        struct timeval now = {0, 0};
        int rc = ldap_result(c->ld, msgid, LDAP_MSG_ONE, &now, out);
        int32_t waited;

        if (rc > 0)
            return 0;
        /* What it returns is the message's tag, which may be one that there is not. */
        ldap_msgfree(*out);
        *out = NULL;
        if (rc < 0 || c->wire.broke != 0)
            return lost(c, asked, f);
        if (atomic_load(&c->cancel->set))
            return fault_set(f, -CTR_ECANCELED, "connection", NULL, "%s: canceled",
                             asked);
        if (text_now() >= deadline)
            return -CTR_ETIMEDOUT;
        waited = wire_ready(c->ld) ? 0 : wire_wait(&c->wire, deadline);
        if (waited == -CTR_ETIMEDOUT)
            return waited;
    }
}

int32_t conn_next(struct conn *c, int msgid, const char *asked, LDAPMessage **out,
                  struct fault *f)
{
    int64_t begin = text_now();
    int32_t rc = conn_next_until(c, msgid, until(c, c->options->timeout), asked, out, f);

    if (rc == -CTR_ETIMEDOUT && f->code == 0)
        return fault_set(f, rc, "connection",
                         "see the server's load; raise timeout if it needs longer",
                         "%s: %s did not answer for %lld ms", asked, c->where->url,
                         (long long)(text_now() - begin));
    return rc;
}

int32_t conn_result(struct conn *c, LDAPMessage *m, const char *step_name,
                    const char *asked, LDAPControl ***controls, struct fault *f)
{
    char *matched = NULL, *words = NULL;
    int code = LDAP_OTHER;
    int rc = ldap_parse_result(c->ld, m, &code, &matched, &words, NULL, controls, 0);
    int32_t out = 0;

    if (rc != LDAP_SUCCESS)
        out = fault_set(f, -CTR_EPROTO, step_name, NULL,
                        "%s: the server's answer cannot be read: %s", asked,
                        ldap_err2string(rc));
    else if (code != LDAP_SUCCESS)
        out = fault_answer(f, step_name, asked, code, words, matched);
    ldap_memfree(matched);
    ldap_memfree(words);
    return out;
}

int32_t conn_unsent(struct conn *c, int rc, const char *step_name, const char *asked,
                    struct fault *f)
{
    if (c->wire.broke != 0)
        return lost(c, asked, f);
    return fault_answer(f, step_name, asked, rc, NULL, NULL);
}

void conn_abandon(struct conn *c, int msgid)
{
    if (c->ld && c->wire.broke == 0)
        ldap_abandon_ext(c->ld, msgid, NULL, NULL);
}

int32_t conn_read_entry(struct conn *c, const char *dn, const char *filter,
                        const char *const *attrs, LDAPControl **controls,
                        LDAPMessage **out, struct fault *f)
{
    char asked[200];
    LDAPMessage *m = NULL, *entry = NULL;
    int msgid, rc;
    int32_t err = 0;

    *out = NULL;
    snprintf(asked, sizeof(asked), "reading \"%.150s\"", dn);
    rc = ldap_search_ext(c->ld, dn, LDAP_SCOPE_BASE, filter, (char **)(uintptr_t)attrs, 0,
                         controls, NULL, NULL, 0, &msgid);
    if (rc != LDAP_SUCCESS)
        return conn_unsent(c, rc, "base", asked, f);
    while (err == 0) {
        err = conn_next(c, msgid, asked, &m, f);
        if (err != 0)
            break;
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
            err = conn_result(c, m, "base", asked, NULL, f) ? f->code : 1;
        else if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY && !entry) {
            entry = m;
            continue;
        }
        ldap_msgfree(m);
    }
    if (err == 1 && !entry)
        err = fault_set(f, -CTR_ENOENT, "base",
                        "let bind_dn read it: servers hide what may not be read",
                        "%s: the server shows nothing", asked);
    if (err < 0) {
        conn_abandon(c, msgid);
        ldap_msgfree(entry);
        return err;
    }
    *out = entry;
    return 0;
}

/* --- opening --------------------------------------------------------------------------
 */

static int32_t make_handle(struct conn *c, struct fault *f)
{
    static const int version = LDAP_VERSION3, no_limit = LDAP_NO_LIMIT,
                     deref = LDAP_DEREF_NEVER;
    const ber_len_t most = MESSAGE_MAX;
    Sockbuf *sb = NULL;
    int rc = ldap_init_fd(c->wire.fd, LDAP_PROTO_EXT, c->where->url, &c->ld);

    if (rc != LDAP_SUCCESS) {
        c->ld = NULL;
        wire_close(&c->wire);
        return fault_set(f, -CTR_EINTERNAL, "connect", NULL,
                         "libldap cannot be set up: %s", ldap_err2string(rc));
    }
    rc = wire_attach(&c->wire, c->ld);
    if (rc == LDAP_SUCCESS &&
        (ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version) ||
         ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) ||
         ldap_set_option(c->ld, LDAP_OPT_DEREF, &deref) ||
         ldap_set_option(c->ld, LDAP_OPT_SIZELIMIT, &no_limit) ||
         ldap_set_option(c->ld, LDAP_OPT_TIMELIMIT, &no_limit) ||
         ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb) ||
         ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, (void *)(uintptr_t)&most) !=
             1))
        rc = LDAP_LOCAL_ERROR;
    if (rc != LDAP_SUCCESS)
        return fault_set(f, -CTR_EINTERNAL, "connect", NULL,
                         "libldap cannot be set up: %s", ldap_err2string(rc));
    return 0;
}

static int32_t wait_result(struct conn *c, int msgid, const char *name, const char *asked,
                           struct fault *f)
{
    LDAPMessage *m = NULL;
    int32_t rc = conn_next(c, msgid, asked, &m, f);

    if (rc == 0)
        rc = conn_result(c, m, name, asked, NULL, f);
    ldap_msgfree(m);
    if (f->code != 0)
        f->step = name;
    return rc;
}

static int32_t ask_start_tls(struct conn *c, struct fault *f)
{
    static const char asked[] = "asking for TLS (StartTLS)";
    int msgid, rc = ldap_start_tls(c->ld, NULL, NULL, &msgid);
    int32_t err;

    if (rc != LDAP_SUCCESS)
        return conn_unsent(c, rc, "tls", asked, f);
    err = wait_result(c, msgid, "tls", asked, f);
    if (err != 0 && f->ldap != 0)
        snprintf(f->remedy, sizeof(f->remedy),
                 "use an ldaps:// URL, or have a certificate configured at the server; "
                 "start_tls = false sends everything, the password too, unencrypted");
    return err;
}

static bool wants_tls(const struct conn *c)
{
    return c->where->scheme == SCHEME_LDAPS ||
           (c->where->scheme == SCHEME_LDAP && c->options->start_tls);
}

static int32_t encrypt(struct conn *c, struct tls_cache *tls, bool verify, bool *refused,
                       struct fault *f)
{
    int32_t rc;

    *refused = false;
    if (!wants_tls(c))
        return 0;
    rc = tls_configure(c->ld, c->options, tls, verify, f);
    if (rc == 0 && c->where->scheme == SCHEME_LDAP)
        rc = ask_start_tls(c, f);
    if (rc == 0)
        rc =
            tls_handshake(c->ld, &c->wire, c->where,
                          until(c, c->options->connect_timeout) - text_now(), refused, f);
    return rc;
}

static int32_t connect_to(struct conn *c, struct fault *f)
{
    int32_t rc = wire_connect(&c->wire, c->where, c->cancel,
                              until(c, c->options->connect_timeout) - text_now(), f);

    if (rc == 0 || strcmp(f->step, "connect") == 0)
        step(c, "resolve", "%s%s%s", c->where->host, c->wire.peer[0] ? " is " : "",
             c->wire.peer);
    return rc == 0 ? make_handle(c, f) : rc;
}

/* The certificate was refused: look at it over a second connection, on which nothing is
 * said. */
static void explain(struct conn *c, struct fault *f)
{
    struct fault ignored = {0};
    conn_step_fn on_step = c->on_step;
    bool refused;

    conn_close(c);
    c->on_step = NULL;
    if (connect_to(c, &ignored) == 0 && encrypt(c, NULL, false, &refused, &ignored) == 0)
        tls_explain(c->ld, c->options, c->where, f);
    else if (!f->remedy[0])
        snprintf(f->remedy, sizeof(f->remedy),
                 "see that TLS is spoken on this port (ldaps:// is usually 636) and that "
                 "the server speaks TLS 1.2 or newer");
    c->on_step = on_step;
}

static int32_t login(struct conn *c, struct fault *f)
{
    const struct options *o = c->options;
    struct berval password = {0, (char *)(uintptr_t) ""};
    const char *mechanism = o->sasl_external ? "EXTERNAL" : LDAP_SASL_SIMPLE;
    char asked[240];
    int msgid, rc;
    int32_t err;

    if (!o->bind_dn && !o->sasl_external) {
        step(c, "bind", "no login: anonymous");
        return 0;
    }
    if (o->bind_dn) {
        password.bv_val = (char *)(uintptr_t)o->password;
        password.bv_len = strlen(o->password);
    }
    snprintf(asked, sizeof(asked), "login as %.180s",
             o->bind_dn ? o->bind_dn : "whom SASL EXTERNAL says");
    rc = ldap_sasl_bind(c->ld, o->bind_dn, mechanism, &password, NULL, NULL, &msgid);
    if (rc != LDAP_SUCCESS)
        return conn_unsent(c, rc, "bind", asked, f);
    err = wait_result(c, msgid, "bind", asked, f);
    if (err == 0)
        step(c, "bind", "%s", asked);
    return err;
}

static int32_t open_one(struct conn *c, struct fault *f)
{
    bool refused = false;
    char tls[128];
    int32_t rc;

    rc = connect_to(c, f);
    if (rc != 0)
        return rc;
    step(c, "connect", "%s", c->where->url);
    rc = encrypt(c, c->tls, c->options->tls_verify, &refused, f);
    if (refused)
        explain(c, f);
    if (rc != 0)
        return rc;
    if (wants_tls(c)) {
        tls_describe(c->ld, tls, sizeof(tls));
        step(c, "tls", "%s%s", tls,
             c->options->tls_verify
                 ? ""
                 : "; the server's certificate is NOT verified: anyone "
                   "in between can read the password");
    }
    rc = login(c, f);
    return rc == 0 ? rootdse_read(c, &c->dse, f) : rc;
}

/* A wrong password is wrong at the next server too, and would count towards a lockout. */
static bool is_final(const struct fault *f)
{
    return f->ldap == LDAP_INVALID_CREDENTIALS || f->code == -CTR_ECANCELED ||
           f->code == -CTR_ENOMEM || f->code == -CTR_ECONF;
}

int32_t conn_open(struct conn *c, struct fault *f)
{
    struct fault first = {0};

    conn_close(c);
    for (uint32_t i = 0; i < c->options->n_urls; i++) {
        struct fault mine = {0};
        bool last = i + 1 == c->options->n_urls;

        c->where = &c->options->url[i];
        if (open_one(c, &mine) == 0)
            return 0;
        conn_close(c);
        if (first.code == 0 || is_final(&mine))
            first = mine;
        if (last || is_final(&mine))
            break;
        step(c, "failover", "%s; trying the next server", mine.text);
        kit_log(c->host, CTR_LOG_WARN, "ldap_server_skipped url=%s reason=%s",
                c->where->url, kit_quoted(mine.text));
    }
    *f = first;
    return f->code;
}

void conn_close(struct conn *c)
{
    rootdse_finish(&c->dse);
    if (!c->ld)
        return;
    c->wire.blocking = false;
    c->wire.write_limit = GOODBYE_MS;
    ldap_unbind_ext(c->ld, NULL, NULL); /* closes the socket by wire.c */
    c->ld = NULL;
    wire_close(&c->wire);
}
