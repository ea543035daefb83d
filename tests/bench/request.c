/* request.c - hand-written BER for what the load client asks, see request.h. */
#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("ldapload: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* ---- BER writing --------------------------------------------------------------- */
void buf_room(buf *b, size_t more)
{
    if (b->len + more <= b->cap)
        return;
    while (b->cap < b->len + more)
        b->cap = b->cap ? b->cap * 2 : 256;
    if (!(b->p = realloc(b->p, b->cap)))
        die("out of memory");
}
void put_bytes(buf *b, const void *src, size_t n)
{
    buf_room(b, n);
    memcpy(b->p + b->len, src, n);
    b->len += n;
}
static void put_byte(buf *b, uint8_t v)
{
    put_bytes(b, &v, 1);
}

/* turn what was written since 'from' into the contents of one element */
static void wrap(buf *b, size_t from, uint8_t tag)
{
    size_t n = b->len - from, h = 0;
    uint8_t head[6];
    head[h++] = tag;
    if (n < 128)
        head[h++] = (uint8_t)n;
    else if (n < 256) {
        head[h++] = 0x81;
        head[h++] = (uint8_t)n;
    } else {
        head[h++] = 0x82;
        head[h++] = (uint8_t)(n >> 8);
        head[h++] = (uint8_t)n;
    }
    if (n > 65535)
        die("request too long");
    buf_room(b, h);
    memmove(b->p + from + h, b->p + from, n);
    memcpy(b->p + from, head, h);
    b->len += h;
}
static void put_string(buf *b, uint8_t tag, const void *s, size_t n)
{
    size_t at = b->len;
    put_bytes(b, s, n);
    wrap(b, at, tag);
}
static void put_int(buf *b, uint8_t tag, uint32_t v)
{
    size_t at = b->len;
    int shift = 24;
    while (shift > 0 && !(v >> (shift - 1)))
        shift -= 8; /* shortest, sign bit clear */
    for (; shift >= 0; shift -= 8)
        put_byte(b, (uint8_t)(v >> shift));
    wrap(b, at, tag);
}

/* ---- RFC 4515 filter text to BER ----------------------------------------------- */
static int hexval(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/* one assertion value, up to ')' or '*' */
static const char *put_value(buf *b, uint8_t tag, const char *s)
{
    size_t at = b->len;
    while (*s && *s != ')' && *s != '*') {
        if (*s == '\\') {
            if (hexval(s[1]) < 0 || hexval(s[2]) < 0)
                die("bad escape in filter");
            put_byte(b, (uint8_t)(hexval(s[1]) << 4 | hexval(s[2])));
            s += 3;
        } else
            put_byte(b, (uint8_t)*s++);
    }
    wrap(b, at, tag);
    return s;
}
static const char *put_filter(buf *b, const char *s)
{
    size_t at = b->len;
    if (*s++ != '(')
        die("filter: '(' expected");
    if (*s == '&' || *s == '|' || *s == '!') {
        uint8_t tag = *s == '&' ? 0xA0 : *s == '|' ? 0xA1 : 0xA2;
        for (s++; *s == '(';)
            s = put_filter(b, s);
        wrap(b, at, tag);
    } else {
        size_t n = strcspn(s, "=<>~)");
        const char *attr = s;
        uint8_t tag = 0xA3;
        s += n;
        if (*s == '>')
            tag = 0xA5, s++;
        else if (*s == '<')
            tag = 0xA6, s++;
        else if (*s == '~')
            tag = 0xA8, s++;
        if (*s++ != '=' || !n)
            die("filter: bad item");
        if (s[0] == '*' && s[1] == ')') {
            put_string(b, 0x87, attr, n);
            s++;
        } else if (tag == 0xA3 && s[strcspn(s, "*)")] == '*') {
            put_string(b, 0x04, attr, n);
            size_t subs = b->len;
            if (*s != '*')
                s = put_value(b, 0x80, s);
            while (*s == '*') {
                s++;
                if (*s == ')')
                    break;
                size_t v = b->len;
                s = put_value(b, 0x81, s);
                if (*s == ')')
                    b->p[v] = 0x82; /* the last piece is 'final' */
            }
            wrap(b, subs, 0x30);
            wrap(b, at, 0xA4);
        } else {
            put_string(b, 0x04, attr, n);
            s = put_value(b, 0x04, s);
            wrap(b, at, tag);
        }
    }
    if (*s++ != ')')
        die("filter: ')' expected");
    return s;
}

/* ---- whole messages ------------------------------------------------------------ */
static void finish_message(buf *b, size_t from, uint32_t id, uint32_t *id_at)
{
    /* b holds the operation; put the message id before it and wrap both */
    uint8_t idbuf[6] = {
        0x02,       0x04, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
        (uint8_t)id};
    buf_room(b, sizeof idbuf);
    memmove(b->p + from + sizeof idbuf, b->p + from, b->len - from);
    memcpy(b->p + from, idbuf, sizeof idbuf);
    b->len += sizeof idbuf;
    size_t body = b->len - from;
    wrap(b, from, 0x30);
    if (id_at)
        *id_at = (uint32_t)(b->len - from - body + 2);
}

static void encode_search(buf *wire, query *q, const struct request_form *form,
                          const char *filter)
{
    size_t from = wire->len;

    q->at = (uint32_t)from;
    put_string(wire, 0x04, form->base, strlen(form->base));
    put_int(wire, 0x0A, 2); /* whole subtree */
    put_int(wire, 0x0A, 0); /* never dereference */
    put_int(wire, 0x02, (uint32_t)form->sizelimit);
    put_int(wire, 0x02, 0);
    put_int(wire, 0x01, 0); /* typesOnly false */
    if (*put_filter(wire, filter))
        die("filter: text after the end: %s", filter);
    size_t list = wire->len;
    for (const char *a = form->attrs; *a;) {
        size_t n = strcspn(a, ",");
        put_string(wire, 0x04, a, n);
        a += n + (a[n] == ',');
    }
    wrap(wire, list, 0x30);
    wrap(wire, from, 0x63);
    finish_message(wire, from, ID_BASE, &q->id_at);
    q->len = (uint32_t)(wire->len - from);
}

void requests_load(struct request_set *set, const char *path,
                   const struct request_form *form)
{
    FILE *f = fopen(path, "r");
    char *line = NULL, *filter;
    size_t cap = 0;
    uint32_t room = 0;
    ssize_t n;

    if (!f)
        die("%s: %s", path, strerror(errno));
    while ((n = getline(&line, &cap, f)) > 0) {
        unsigned long expect = strtoul(line, &filter, 10);

        line[strcspn(line, "\n")] = 0;
        if (*filter++ != '\t')
            die("%s: bad line %u", path, set->n + 1);
        if (set->n == room) {
            room = room ? room * 2 : 1024;
            if (!(set->queries = realloc(set->queries, room * sizeof *set->queries)))
                die("out of memory");
        }
        set->queries[set->n].expect = (uint32_t)expect;
        encode_search(&set->wire, &set->queries[set->n++], form, filter);
    }
    free(line);
    fclose(f);
    if (!set->n)
        die("%s: no queries", path);
}

void request_bind(buf *out, const char *dn, unsigned number, const char *password)
{
    const char *mark = strstr(dn, "%u");
    char name[300];

    if (mark)
        snprintf(name, sizeof name, "%.*s%u%s", (int)(mark - dn), dn, number, mark + 2);
    else
        snprintf(name, sizeof name, "%s", dn);
    put_int(out, 0x02, 3);
    put_string(out, 0x04, name, strlen(name));
    put_string(out, 0x80, password, strlen(password));
    wrap(out, 0, 0x60);
    finish_message(out, 0, ID_BASE + MAX_DEPTH, NULL);
}

void request_unbind(buf *out)
{
    put_byte(out, 0x42);
    put_byte(out, 0x00);
    finish_message(out, 0, ID_BASE + MAX_DEPTH + 1, NULL);
}
