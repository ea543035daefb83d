/* probe.c - the physical limit: a libuv TCP server that knows nothing. It frames
 * LDAP messages, and answers every bind with success and every search with the
 * same ENTRIES canned entries and a done (with sizeLimitExceeded when there is
 * more than one, as the type-ahead searches end). Loopback, system calls and libuv are
 * all it costs.    echo PORT ENTRIES
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define OUT_CAP (256 * 1024)
static uv_loop_t *loop;
static int nentries;
/* message id (4 bytes) at offset 4 of each; all lengths below 128 */
static uint8_t entry[] =
    "\x30\x50\x02\x04\0\0\0\0\x64\x48\x04\x26uid=123456,ou=contacts,dc=contactor,dc"
    "\x30\x1e\x30\x1c\x04\x0b"
    "displayName\x31\x0d\x04\x0bKarin Mulle";
static uint8_t done[] = "\x30\x0f\x02\x04\0\0\0\0\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
static uint8_t bound[] = "\x30\x0f\x02\x04\0\0\0\0\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

typedef struct {
    uv_tcp_t tcp;
    uint8_t *in;
    size_t have;
} client;
typedef struct {
    uv_write_t req;
    char data[];
} pending;
static char shared_in[65536];
static uint8_t out[OUT_CAP];
static size_t out_len;

static void on_closed(uv_handle_t *h)
{
    free(((client *)h)->in);
    free(h);
}
static void on_written(uv_write_t *w, int st)
{
    (void)st;
    free(w);
}
static void flush(client *c)
{
    if (!out_len)
        return;
    uv_buf_t b = uv_buf_init((char *)out, (unsigned)out_len);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0)
        n = 0;
    if ((size_t)n < out_len) { /* the socket is full: let libuv queue the rest */
        pending *p = malloc(sizeof *p + out_len);
        memcpy(p->data, out + n, out_len - (size_t)n);
        b = uv_buf_init(p->data, (unsigned)(out_len - (size_t)n));
        uv_write(&p->req, (uv_stream_t *)&c->tcp, &b, 1, on_written);
    }
    out_len = 0;
}
static void put(uint8_t *msg, size_t n, const uint8_t id[4])
{
    memcpy(out + out_len, msg, n);
    memcpy(out + out_len + 4, id, 4);
    out_len += n;
}
static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    (void)h;
    (void)n;
    *b = uv_buf_init(shared_in, sizeof shared_in);
}
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    client *c = (client *)s;
    if (n < 0) {
        uv_close((uv_handle_t *)s, on_closed);
        return;
    }
    uint8_t *p = (uint8_t *)b->base;
    size_t len = (size_t)n, used = 0;
    if (c->have) { /* finish what came in part the last time */
        c->in = realloc(c->in, c->have + len);
        memcpy(c->in + c->have, p, len);
        p = c->in;
        len += c->have;
    }
    while (len - used > 9) {
        const uint8_t *m = p + used;
        size_t h = 2, l = m[1];
        if (l == 0x81) {
            l = m[2];
            h = 3;
        } else if (l == 0x82) {
            l = (size_t)m[2] << 8 | m[3];
            h = 4;
        }
        if (h + l > len - used)
            break;
        uint8_t op = m[h + 6], id[4];
        memcpy(id, m + h + 2, 4); /* the client always sends four-byte ids */
        if (op == 0x42) {
            flush(c);
            uv_close((uv_handle_t *)s, on_closed);
            return;
        }
        if (op == 0x60)
            put(bound, sizeof bound - 1, id);
        else {
            for (int i = 0; i < nentries; i++)
                put(entry, sizeof entry - 1, id);
            put(done, sizeof done - 1, id);
        }
        if (out_len > OUT_CAP - 8192)
            flush(c);
        used += h + l;
    }
    if (used < len) {
        uint8_t *rest = malloc(len - used);
        memcpy(rest, p + used, len - used);
        free(c->in);
        c->in = rest;
    }
    c->have = len - used;
    flush(c);
}
static void on_connection(uv_stream_t *srv, int st)
{
    client *c = calloc(1, sizeof *c);
    if (st < 0 || !c)
        return;
    uv_tcp_init(loop, &c->tcp);
    if (uv_accept(srv, (uv_stream_t *)&c->tcp)) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}
int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: echo PORT ENTRIES\n");
        return 2;
    }
    nentries = atoi(argv[2]);
    if (nentries > 1)
        done[12] = 4;
    loop = uv_default_loop();
    uv_tcp_t srv;
    struct sockaddr_in a;
    uv_tcp_init(loop, &srv);
    uv_ip4_addr("127.0.0.1", atoi(argv[1]), &a);
    if (uv_tcp_bind(&srv, (struct sockaddr *)&a, 0) ||
        uv_listen((uv_stream_t *)&srv, 1024, on_connection)) {
        fprintf(stderr, "echo: cannot listen on port %s\n", argv[1]);
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
