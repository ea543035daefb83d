/* reply.c - see reply.h: results written into the output of the loop turn. */
#include "reply.h"

uint8_t reply_tag(uint8_t request)
{
    switch (request) {
    case OP_SEARCH:
        return OP_SEARCH_DONE;
    case OP_DELETE:
        return 0x6b;
    case OP_BIND:
    case OP_MODIFY:
    case OP_ADD:
    case OP_MODIFY_DN:
    case OP_COMPARE:
    case OP_EXTENDED:
        return (uint8_t)(request + 1);
    default:
        return 0;
    }
}

static void count_result(struct server *s, int code)
{
    switch (code) {
    case RESULT_SUCCESS:
    case RESULT_COMPARE_FALSE:
    case RESULT_COMPARE_TRUE:
        server_count(s, METRIC_OK);
        break;
    case RESULT_TIME_LIMIT:
    case RESULT_SIZE_LIMIT:
    case RESULT_ADMIN_LIMIT:
        server_count(s, METRIC_LIMIT);
        break;
    case RESULT_BUSY:
    case RESULT_UNAVAILABLE:
    case RESULT_OTHER:
        server_count(s, METRIC_FAILED);
        break;
    default:
        server_count(s, METRIC_REFUSED);
    }
}

static void put_reply(struct ber_out *out, const struct reply *r)
{
    size_t message = ber_open(out, BER_SEQUENCE);
    size_t op;

    ber_put_int(out, BER_INTEGER, r->id);
    op = ber_open(out, r->tag);
    ber_put_int(out, BER_ENUMERATED, r->code);
    ber_put_str(out, BER_OCTETS, r->matched);
    ber_put_z(out, BER_OCTETS, r->text ? r->text : "");
    if (r->name)
        ber_put_z(out, BER_CONTEXT(10), r->name);
    if (r->value.ptr)
        ber_put_str(out, BER_CONTEXT(11), r->value);
    ber_close(out, op);
    if (r->controls.ptr)
        ber_put_str(out, BER_CONTEXT_CONS(0), r->controls);
    ber_close(out, message);
}

void reply_commit(struct conn *c, uint64_t used)
{
    if (c->server->net->commit(c->stream, used) == -CTR_EPAUSE)
        c->choked = true;
}

void reply_send(struct conn *c, const struct reply *r)
{
    size_t room = 64 + r->matched.len + r->value.len + r->controls.len +
                  (r->text ? strlen(r->text) : 0) + (r->name ? strlen(r->name) : 0);
    struct ber_out out = {.cap = room};

    if (c->closing)
        return;
    count_result(c->server, r->code);
    out.data = c->server->net->reserve(c->stream, room);
    if (!out.data)
        return; /* the stream is going down: on_close follows */
    put_reply(&out, r);
    reply_commit(c, out.len);
}

void reply_code(struct conn *c, const struct message *m, int code, const char *text)
{
    struct reply r = {.id = m->id, .tag = reply_tag(m->tag), .code = code, .text = text};

    reply_send(c, &r);
}
