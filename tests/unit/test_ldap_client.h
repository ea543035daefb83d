/* test_ldap_client.h - an LDAP client for the tests: builds requests, prints answers.
 *
 * What came back is text, one line a message:
 *     entry 2 uid=1,ou=crm,dc=contacts cn=Anna Huber|... mobile=...
 *     done 2 0
 * with " matched=..", " text=..", " paged=COOKIELEN", " sorted=CODE", "
 * vlv=POS/TOTAL/CODE" behind where they are there. */
#ifndef TEST_LDAP_CLIENT_H
#define TEST_LDAP_CLIENT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ber/ber.h"
#include "result.h"
#include "testhost.h"

#define UNUSED __attribute__((unused))

static UNUSED void *must(size_t n)
{
    void *p = malloc(n);

    if (!p)
        abort();
    return p;
}

enum { CLIENT_OUT = 4 << 20, CLIENT_TEXT = 1 << 20 };

struct client {
    struct testhost *t;
    struct ctr_stream *s;
    uint32_t id; /* of the last request */
    char *text;  /* what came back since the last request */
    size_t n_text;
    uint8_t cookie[64];
    size_t n_cookie;
    int code; /* of the last result; -1: none came */
};

/* --- requests
 * --------------------------------------------------------------------------- */

struct request {
    uint8_t *data;
    struct ber_out out;
    size_t message, op, controls;
};

static UNUSED void request_begin(struct request *r, uint32_t id, uint8_t tag)
{
    *r = (struct request){.data = must(CLIENT_OUT)};
    r->out = (struct ber_out){.data = r->data, .cap = CLIENT_OUT};
    r->message = ber_open(&r->out, BER_SEQUENCE);
    ber_put_int(&r->out, BER_INTEGER, id);
    r->op = ber_open(&r->out, tag);
}

static UNUSED void request_end_op(struct request *r)
{
    if (r->op)
        ber_close(&r->out, r->op);
    r->op = 0;
}

/* A control; value NULL: none. */
static UNUSED void request_control(struct request *r, const char *oid, bool critical,
                                   const struct ber_out *value)
{
    size_t at;

    request_end_op(r);
    if (!r->controls)
        r->controls = ber_open(&r->out, BER_CONTEXT_CONS(0));
    at = ber_open(&r->out, BER_SEQUENCE);
    ber_put_z(&r->out, BER_OCTETS, oid);
    if (critical)
        ber_put_bool(&r->out, BER_BOOLEAN, true);
    if (value)
        ber_put_str(&r->out, BER_OCTETS,
                    (struct ctr_str){(const char *)value->data, value->len});
    ber_close(&r->out, at);
}

static UNUSED void request_finish(struct request *r)
{
    request_end_op(r);
    if (r->controls)
        ber_close(&r->out, r->controls);
    ber_close(&r->out, r->message);
}

static UNUSED bool same(struct ctr_str s, const char *z)
{
    return s.len == strlen(z) && memcmp(s.ptr, z, s.len) == 0;
}

/* --- answers as text
 * -------------------------------------------------------------------- */

static void say(struct client *c, const char *data, size_t n)
{
    if (c->n_text + n + 1 > CLIENT_TEXT)
        return;
    memcpy(c->text + c->n_text, data, n);
    c->n_text += n;
    c->text[c->n_text] = '\0';
}

static __attribute__((format(printf, 2, 3))) void sayf(struct client *c, const char *fmt,
                                                       ...)
{
    char line[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    say(c, line, (size_t)n);
}

static void say_entry(struct client *c, struct ber b)
{
    struct ctr_str s;
    struct ber attrs, attr, set;

    ber_str(&b, BER_OCTETS, &s);
    say(c, s.ptr, s.len);
    ber_enter(&b, BER_SEQUENCE, &attrs);
    while (ber_left(&attrs) && ber_enter(&attrs, BER_SEQUENCE, &attr) == 0) {
        bool first = true;

        ber_str(&attr, BER_OCTETS, &s);
        say(c, " ", 1);
        say(c, s.ptr, s.len);
        ber_enter(&attr, BER_SET, &set);
        while (ber_left(&set) && ber_str(&set, BER_OCTETS, &s) == 0) {
            say(c, first ? "=" : "|", 1);
            say(c, s.ptr, s.len);
            first = false;
        }
    }
}

static void say_result(struct client *c, struct ber b)
{
    struct ctr_str s;
    int64_t code = -2;

    ber_int(&b, BER_ENUMERATED, &code);
    c->code = (int)code;
    sayf(c, "%d", (int)code);
    if (ber_str(&b, BER_OCTETS, &s) == 0 && s.len)
        sayf(c, " matched=%.*s", (int)s.len, s.ptr);
    if (ber_str(&b, BER_OCTETS, &s) == 0 && s.len)
        sayf(c, " text=%.*s", (int)s.len, s.ptr);
    if (ber_peek(&b) == BER_CONTEXT(10) && ber_str(&b, BER_CONTEXT(10), &s) == 0)
        sayf(c, " name=%.*s", (int)s.len, s.ptr);
    if (ber_peek(&b) == BER_CONTEXT(11) && ber_str(&b, BER_CONTEXT(11), &s) == 0)
        sayf(c, " value=%.*s", (int)s.len, s.ptr);
}

static void say_control(struct client *c, struct ber b)
{
    struct ctr_str oid, value = {NULL, 0};
    struct ber v, seq;
    int64_t x = -1, y = -1, z = -1;

    ber_str(&b, BER_OCTETS, &oid);
    ber_str(&b, BER_OCTETS, &value);
    v = ber_over(value.ptr, value.len);
    ber_enter(&v, BER_SEQUENCE, &seq);
    if (same(oid, OID_PAGED)) {
        ber_int(&seq, BER_INTEGER, &x);
        ber_str(&seq, BER_OCTETS, &value);
        c->n_cookie = value.len < 64 ? value.len : 64;
        memcpy(c->cookie, value.ptr, c->n_cookie);
        sayf(c, " paged=%d", (int)value.len);
    } else if (same(oid, OID_SORTED)) {
        ber_int(&seq, BER_ENUMERATED, &x);
        sayf(c, " sorted=%d", (int)x);
    } else {
        ber_int(&seq, BER_INTEGER, &x);
        ber_int(&seq, BER_INTEGER, &y);
        ber_int(&seq, BER_ENUMERATED, &z);
        sayf(c, " vlv=%d/%d/%d", (int)x, (int)y, (int)z);
    }
}

static void say_message(struct client *c, struct ber b)
{
    struct ber body, controls, control;
    uint8_t tag = 0;
    int64_t id = -1;

    ber_int(&b, BER_INTEGER, &id);
    ber_next(&b, &tag, &body);
    sayf(c, "%s %d ",
         tag == OP_SEARCH_ENTRY        ? "entry"
         : tag == OP_SEARCH_DONE       ? "done"
         : tag == OP_BIND_RESPONSE     ? "bind"
         : tag == OP_COMPARE_RESPONSE  ? "compare"
         : tag == OP_EXTENDED_RESPONSE ? (id ? "extended" : "notice")
                                       : "write",
         (int)id);
    if (tag == OP_SEARCH_ENTRY)
        say_entry(c, body);
    else
        say_result(c, body);
    if (ber_enter(&b, BER_CONTEXT_CONS(0), &controls) == 0)
        while (ber_left(&controls) && ber_enter(&controls, BER_SEQUENCE, &control) == 0)
            say_control(c, control);
    say(c, "\n", 1);
}

/* Takes everything written and adds it to the text. */
static UNUSED void client_read(struct client *c)
{
    uint64_t n;
    const uint8_t *data = testhost_output(c->s, &n);
    struct ber b = ber_over(data, n), message;

    while (ber_left(&b) && ber_enter(&b, BER_SEQUENCE, &message) == 0)
        say_message(c, message);
    if (ber_left(&b))
        say(c, "GARBAGE\n", 8);
    testhost_take(c->s, n);
}

static UNUSED void client_clear(struct client *c)
{
    c->n_text = 0;
    c->text[0] = '\0';
    c->code = -1;
}

static UNUSED const char *client_feed(struct client *c, const void *data, size_t n)
{
    client_clear(c);
    testhost_feed(c->s, data, n);
    testhost_run(c->t);
    client_read(c);
    return c->text;
}

static UNUSED const char *client_send(struct client *c, struct request *r)
{
    request_finish(r);
    client_feed(c, r->data, r->out.len);
    free(r->data);
    return c->text;
}

/* --- filters (RFC 4515)
 * ----------------------------------------------------------------- */

static int hex_of(char ch)
{
    return ch >= 'a' ? ch - 'a' + 10 : ch >= 'A' ? ch - 'A' + 10 : ch - '0';
}

/* A value up to one of `ends`, escapes resolved. */
static size_t unescape(const char **p, const char *ends, char *to)
{
    size_t n = 0;

    while (**p && !strchr(ends, **p)) {
        if (**p == '\\') {
            to[n++] = (char)(hex_of((*p)[1]) << 4 | hex_of((*p)[2]));
            *p += 3;
        } else {
            to[n++] = *(*p)++;
        }
    }
    return n;
}

static void put_item(struct ber_out *out, const char **p)
{
    char name[256], value[4096];
    size_t n = 0, len, at;
    uint8_t tag = 0xa3;

    while (!strchr("=<>~:", **p))
        name[n++] = *(*p)++;
    name[n] = '\0';
    if (**p == ':') { /* extensible */
        bool dn = false;
        char rule[128] = "";

        (*p)++;
        if (strncmp(*p, "dn:", 3) == 0) {
            dn = true;
            *p += 3;
        }
        for (n = 0; **p != '=' && **p != ':';)
            rule[n++] = *(*p)++;
        rule[n] = '\0';
        *p += **p == ':' ? 2 : 1;
        len = unescape(p, ")", value);
        at = ber_open(out, 0xa9);
        if (rule[0])
            ber_put_z(out, 0x81, rule);
        if (name[0])
            ber_put_z(out, 0x82, name);
        ber_put_str(out, 0x83, (struct ctr_str){value, len});
        if (dn)
            ber_put_bool(out, 0x84, true);
        ber_close(out, at);
        return;
    }
    if (**p != '=') {
        tag = **p == '>' ? 0xa5 : **p == '<' ? 0xa6 : 0xa8;
        (*p)++;
    }
    (*p)++;
    if (tag == 0xa3 && strncmp(*p, "*)", 2) == 0) {
        ber_put_z(out, 0x87, name);
        (*p)++;
        return;
    }
    len = unescape(p, "*)", value);
    if (**p != '*') {
        at = ber_open(out, tag);
        ber_put_z(out, BER_OCTETS, name);
        ber_put_str(out, BER_OCTETS, (struct ctr_str){value, len});
        ber_close(out, at);
        return;
    }
    at = ber_open(out, 0xa4);
    ber_put_z(out, BER_OCTETS, name);
    n = ber_open(out, BER_SEQUENCE);
    if (len)
        ber_put_str(out, 0x80, (struct ctr_str){value, len});
    while (**p == '*') {
        (*p)++;
        len = unescape(p, "*)", value);
        if (len)
            ber_put_str(out, **p == '*' ? 0x81 : 0x82, (struct ctr_str){value, len});
    }
    ber_close(out, n);
    ber_close(out, at);
}

static void put_filter(struct ber_out *out, const char **p)
{
    size_t at;

    (*p)++; /* ( */
    if (**p == '&' || **p == '|' || **p == '!') {
        at = ber_open(out, **p == '&' ? 0xa0 : **p == '|' ? 0xa1 : 0xa2);
        (*p)++;
        while (**p == '(')
            put_filter(out, p);
        ber_close(out, at);
    } else {
        put_item(out, p);
    }
    (*p)++; /* ) */
}

/* --- operations
 * ------------------------------------------------------------------------- */

static UNUSED struct client client_open(struct testhost *t, const char *address,
                                        uint32_t flags)
{
    struct client c = {.t = t, .text = must(CLIENT_TEXT)};

    c.s = testhost_connect(t, address, flags);
    client_clear(&c);
    return c;
}

static UNUSED void client_close(struct client *c)
{
    if (!testhost_closed(c->s))
        testhost_hangup(c->s);
    free(c->text);
}

static UNUSED void put_bind(struct request *r, int version, const char *name,
                            const char *password)
{
    ber_put_int(&r->out, BER_INTEGER, version);
    ber_put_z(&r->out, BER_OCTETS, name);
    ber_put_z(&r->out, BER_CONTEXT(0), password);
}

/* returns the result code */
static UNUSED int client_bind(struct client *c, const char *name, const char *password)
{
    struct request r;

    request_begin(&r, ++c->id, OP_BIND);
    put_bind(&r, 3, name, password);
    client_send(c, &r);
    return c->code;
}

static UNUSED void begin_search(struct client *c, struct request *r, const char *base,
                                int scope, uint32_t size, const char *filter,
                                const char *attrs)
{
    size_t at;

    request_begin(r, ++c->id, OP_SEARCH);
    ber_put_z(&r->out, BER_OCTETS, base);
    ber_put_int(&r->out, BER_ENUMERATED, scope);
    ber_put_int(&r->out, BER_ENUMERATED, 0);
    ber_put_int(&r->out, BER_INTEGER, size);
    ber_put_int(&r->out, BER_INTEGER, 0);
    ber_put_bool(&r->out, BER_BOOLEAN, false);
    put_filter(&r->out, &filter);
    at = ber_open(&r->out, BER_SEQUENCE);
    while (*attrs) {
        size_t n = strcspn(attrs, " ");

        ber_put_str(&r->out, BER_OCTETS, (struct ctr_str){attrs, n});
        attrs += n + strspn(attrs + n, " ");
    }
    ber_close(&r->out, at);
}

static UNUSED const char *client_search(struct client *c, const char *base, int scope,
                                        const char *filter, const char *attrs)
{
    struct request r;

    begin_search(c, &r, base, scope, 0, filter, attrs);
    return client_send(c, &r);
}

static UNUSED int client_compare(struct client *c, const char *dn, const char *attr,
                                 const char *value)
{
    struct request r;
    size_t at;

    request_begin(&r, ++c->id, OP_COMPARE);
    ber_put_z(&r.out, BER_OCTETS, dn);
    at = ber_open(&r.out, BER_SEQUENCE);
    ber_put_z(&r.out, BER_OCTETS, attr);
    ber_put_z(&r.out, BER_OCTETS, value);
    ber_close(&r.out, at);
    client_send(c, &r);
    return c->code;
}

static UNUSED const char *client_extended(struct client *c, const char *oid,
                                          const struct ber_out *value)
{
    struct request r;

    request_begin(&r, ++c->id, OP_EXTENDED);
    ber_put_z(&r.out, BER_CONTEXT(0), oid);
    if (value)
        ber_put_str(&r.out, BER_CONTEXT(1),
                    (struct ctr_str){(const char *)value->data, value->len});
    return client_send(c, &r);
}

static UNUSED bool says(const struct client *c, const char *part)
{
    if (strstr(c->text, part))
        return true;
    printf("# no \"%s\" in: %s\n", part, c->text);
    return false;
}

#endif
