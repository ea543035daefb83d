/* msg.c - LDAP messages by hand: nothing here keeps a caller from writing a wrong one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

void msg_clear(struct msg *m)
{
    m->n = 0;
}

void msg_finish(struct msg *m)
{
    free(m->data);
    *m = (struct msg){0};
}

static uint8_t *room(struct msg *m, size_t n)
{
    if (m->n + n > m->cap) {
        m->cap = (m->n + n) * 2;
        m->data = realloc(m->data, m->cap);
        if (!m->data)
            abort();
    }
    m->n += n;
    return m->data + m->n - n;
}

void msg_raw(struct msg *m, const void *data, size_t n)
{
    if (n > 0)
        memcpy(room(m, n), data, n);
}

void msg_fill(struct msg *m, uint8_t byte, size_t n)
{
    if (n > 0)
        memset(room(m, n), byte, n);
}

size_t msg_open(struct msg *m, uint8_t tag)
{
    uint8_t *head = room(m, 6);

    head[0] = tag;
    head[1] = 0x84;
    return m->n;
}

void msg_close(struct msg *m, size_t at)
{
    size_t n = m->n - at;

    for (unsigned i = 0; i < 4; i++)
        m->data[at - 1 - i] = (uint8_t)(n >> (8 * i));
}

void msg_bytes(struct msg *m, uint8_t tag, const void *data, size_t n)
{
    if (n < 128) {
        uint8_t head[2] = {tag, (uint8_t)n};

        msg_raw(m, head, 2);
        msg_raw(m, data, n);
    } else {
        size_t at = msg_open(m, tag);

        msg_raw(m, data, n);
        msg_close(m, at);
    }
}

void msg_text(struct msg *m, uint8_t tag, const char *text)
{
    msg_bytes(m, tag, text, strlen(text));
}

void msg_int(struct msg *m, uint8_t tag, int64_t value)
{
    uint8_t b[8];
    unsigned n = 8, skip = 0;

    for (unsigned i = 0; i < n; i++)
        b[i] = (uint8_t)((uint64_t)value >> (8 * (7 - i)));
    while (skip < 7 && ((b[skip] == 0 && b[skip + 1] < 0x80) ||
                        (b[skip] == 0xff && b[skip + 1] >= 0x80)))
        skip++;
    msg_bytes(m, tag, b + skip, n - skip);
}

void msg_bind(struct msg *m, uint32_t id, const char *dn, const char *password)
{
    size_t message = msg_open(m, 0x30), op;

    msg_int(m, 2, id);
    op = msg_open(m, 0x60);
    msg_int(m, 2, 3);
    msg_text(m, 4, dn);
    msg_text(m, 0x80, password);
    msg_close(m, op);
    msg_close(m, message);
}

void msg_search(struct msg *m, const struct search *s)
{
    size_t message = msg_open(m, 0x30), op, list;

    msg_int(m, 2, s->id ? s->id : 2);
    op = msg_open(m, 0x63);
    msg_text(m, 4, s->base ? s->base : "dc=contacts");
    msg_int(m, 10, s->scope);
    msg_int(m, 10, s->deref);
    msg_int(m, 2, s->size);
    msg_int(m, 2, s->seconds);
    msg_bytes(m, 1, "\0", 1);
    if (s->filter)
        msg_raw(m, s->filter->data, s->filter->n);
    else
        msg_present(m, "objectClass");
    list = msg_open(m, 0x30);
    if (s->attributes)
        msg_raw(m, s->attributes->data, s->attributes->n);
    msg_close(m, list);
    msg_close(m, op);
    if (s->controls) {
        list = msg_open(m, 0xa0);
        msg_raw(m, s->controls->data, s->controls->n);
        msg_close(m, list);
    }
    msg_close(m, message);
}

void msg_equal(struct msg *m, const char *attribute, const void *value, size_t n)
{
    size_t at = msg_open(m, 0xa3);

    msg_text(m, 4, attribute);
    msg_bytes(m, 4, value, n);
    msg_close(m, at);
}

void msg_contains(struct msg *m, const char *attribute, const char *text)
{
    size_t at = msg_open(m, 0xa4), pieces;

    msg_text(m, 4, attribute);
    pieces = msg_open(m, 0x30);
    msg_text(m, 0x81, text);
    msg_close(m, pieces);
    msg_close(m, at);
}

void msg_present(struct msg *m, const char *attribute)
{
    msg_text(m, 0x87, attribute);
}

void msg_control(struct msg *m, const char *oid, bool critical, const struct msg *value)
{
    size_t at = msg_open(m, 0x30);

    msg_text(m, 4, oid);
    if (critical)
        msg_bytes(m, 1, "\xff", 1);
    if (value)
        msg_bytes(m, 4, value->data, value->n);
    msg_close(m, at);
}

void msg_lookup(struct msg *m, uint32_t id, unsigned i)
{
    struct msg filter = {0};
    char number[32];

    snprintf(number, sizeof(number), "+4989%07u", 2000000 + i);
    msg_equal(&filter, "telephoneNumber", number, strlen(number));
    msg_search(m, &(struct search){.id = id, .scope = 2, .filter = &filter});
    msg_finish(&filter);
}
