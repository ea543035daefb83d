/* wire.c - contacts and questions as bytes, and back; what comes back is checked
 * as if a stranger had written it. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "conf/pack.h"
#include "isolate/private.h"

enum {
    CONTACTS_MAX = 1024,
    FIELDS_MAX = 1024,        /* of a contact: far more than the cache takes */
    FIELDS_ALL_MAX = 1 << 17, /* of a frame */
    KIND_UNUSABLE = 0         /* left out by the cache, with a warning */
};

/* Of a field: in front of its kind. */
enum { HAS_NAME = 1u << 0, HAS_FLAGS = 1u << 1, FIELD_SHIFT = 2 };

enum { HELLO_CHECK = 1u << 0, HELLO_CONFINE = 1u << 1, HELLO_JIT = 1u << 2 };

/* ---- frames --------------------------------------------------------------------- */

void frame_begin(struct strbuf *out, uint32_t type, size_t *at)
{
    struct frame_head head = {0, type};

    *at = out->len;
    strbuf_add(out, &head, sizeof(head));
}

void frame_end(struct strbuf *out, size_t at)
{
    uint32_t size = (uint32_t)(out->len - at - sizeof(struct frame_head));

    memcpy(out->ptr + at, &size, sizeof(size));
}

void hello_make(struct strbuf *out, const struct hello *hello,
                const struct ctr_config *values)
{
    size_t at, packed = conf_values_pack_size(values);

    out->cap = packed + hello->path.len + hello->name.len + 128;
    out->ptr = xmalloc(out->cap);
    frame_begin(out, FRAME_HELLO, &at);
    wire_put_u(out, hello->options.memory);
    wire_put_u(out, hello->options.patience);
    wire_put_u(out, hello->log_level);
    wire_put_u(out, (hello->check_only ? HELLO_CHECK : 0) |
                        (hello->options.confine ? HELLO_CONFINE : 0) |
                        (hello->options.allow_jit ? HELLO_JIT : 0));
    wire_put_str(out, hello->path);
    wire_put_str(out, hello->name);
    conf_values_pack(values, out);
    frame_end(out, at);
}

int hello_read(struct ctr_str payload, struct hello *out)
{
    struct wire w = wire_of(payload.ptr, payload.len);
    uint32_t flags;

    *out = (struct hello){.options = {.memory = wire_u(&w)}};
    out->options.patience = wire_u32(&w, UINT32_MAX);
    out->log_level = wire_u32(&w, 7);
    flags = wire_u32(&w, UINT32_MAX);
    out->check_only = (flags & HELLO_CHECK) != 0;
    out->options.confine = (flags & HELLO_CONFINE) != 0;
    out->options.allow_jit = (flags & HELLO_JIT) != 0;
    out->path = wire_str(&w);
    out->name = wire_str(&w);
    out->values = str_make((const char *)w.at, (size_t)(w.end - w.at));
    return w.bad || !out->path.ptr || !out->name.ptr ? -CTR_EFORMAT : 0;
}

/* ---- contacts ------------------------------------------------------------------- */

/* What the cache would leave out anyway stays here, but is still counted there. */
static void field_put(struct strbuf *out, const struct ctr_field *f, bool room)
{
    size_t max = f->kind == CTR_FIELD_PHOTO ? CTR_PHOTO_MAX : CTR_VALUE_MAX;
    struct ctr_str value = f->value, name = f->name;
    uint32_t kind = f->kind, has;

    if (kind != CTR_FIELD_PHOTO)
        value = str_trim(value);
    if (value.len > max || name.len > CTR_VALUE_MAX || kind > CTR_FIELD_CUSTOM || !room) {
        kind = KIND_UNUSABLE;
        value = STR_LIT("x");
        name = (struct ctr_str){NULL, 0};
    }
    has = (name.ptr ? HAS_NAME : 0) | (f->flags ? HAS_FLAGS : 0);
    wire_put_u(out, kind << FIELD_SHIFT | has);
    if (f->flags)
        wire_put_u(out, f->flags);
    wire_put_str(out, value);
    if (name.ptr)
        wire_put_str(out, name);
}

/* One byte more than allowed is as wrong as all of them. */
static void id_put(struct strbuf *out, struct ctr_str id)
{
    if (id.len > CTR_ID_MAX)
        id.len = CTR_ID_MAX + 1;
    wire_put_str(out, id);
}

void contact_put(struct strbuf *out, const struct ctr_contact *contact)
{
    uint32_t n = contact->n_fields < FIELDS_MAX ? contact->n_fields : FIELDS_MAX;
    size_t begin = out->len;

    id_put(out, contact->id);
    id_put(out, contact->owner);
    wire_put_u(out, contact->flags);
    wire_put_u(out, n);
    for (uint32_t i = 0; i < n; i++)
        field_put(out, &contact->fields[i], out->len - begin < FRAME_CONTACT_MAX);
}

static void field_read(struct wire *w, struct ctr_field *f)
{
    uint32_t kind = wire_u32(w, UINT32_MAX);

    *f = (struct ctr_field){.kind = kind >> FIELD_SHIFT};
    if (kind & HAS_FLAGS)
        f->flags = wire_u32(w, UINT32_MAX);
    f->value = wire_str(w);
    if (kind & HAS_NAME)
        f->name = wire_str(w);
}

static int grow_items(struct contacts *out)
{
    if (out->n == CONTACTS_MAX)
        return -CTR_EFORMAT;
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 64;
        out->items = xrealloc(out->items, out->cap * sizeof(*out->items));
    }
    return 0;
}

static int grow_fields(struct contacts *out, uint32_t n)
{
    if (out->n_fields + n > FIELDS_ALL_MAX)
        return -CTR_EFORMAT;
    if (out->n_fields + n > out->cap_fields) {
        out->cap_fields = (out->n_fields + n) * 2;
        out->fields = xrealloc(out->fields, out->cap_fields * sizeof(*out->fields));
    }
    return 0;
}

static int contact_read(struct wire *w, struct contacts *out)
{
    struct ctr_contact *c;
    uint32_t n;

    if (grow_items(out) != 0)
        return -CTR_EFORMAT;
    c = &out->items[out->n++];
    *c = (struct ctr_contact){.size = sizeof(*c), .field_size = sizeof(struct ctr_field)};
    c->id = wire_str(w);
    c->owner = wire_str(w);
    c->flags = wire_u32(w, UINT32_MAX);
    n = wire_u32(w, FIELDS_MAX);
    /* Each takes two bytes at least. */
    if (w->bad || (size_t)(w->end - w->at) / 2 < n || grow_fields(out, n) != 0)
        return -CTR_EFORMAT;
    c->n_fields = n;
    for (uint32_t i = 0; i < n; i++)
        field_read(w, &out->fields[out->n_fields++]);
    return w->bad ? -CTR_EFORMAT : 0;
}

int contacts_read(struct wire *w, struct contacts *out)
{
    size_t at = 0;
    int err = 0;

    out->n = 0;
    out->n_fields = 0;
    while (err == 0 && w->at < w->end)
        err = contact_read(w, out);
    if (err != 0 || out->n == 0)
        return -CTR_EFORMAT;
    for (uint32_t i = 0; i < out->n; i++) { /* the array has stopped moving */
        out->items[i].fields = out->fields + at;
        at += out->items[i].n_fields;
    }
    return 0;
}

void contacts_finish(struct contacts *contacts)
{
    free(contacts->items);
    free(contacts->fields);
}

/* ---- questions ------------------------------------------------------------------ */

static void filter_put(struct strbuf *out, const struct ctr_filter *f)
{
    wire_put_u(out, f->op);
    wire_put_u(out, f->kinds);
    wire_put_str(out, f->name);
    wire_put_u(out, f->n_values);
    for (uint32_t i = 0; i < f->n_values; i++)
        wire_put_str(out, f->values[i]);
    wire_put_u(out, f->n_children);
    for (uint32_t i = 0; i < f->n_children; i++)
        filter_put(out, f->children[i]);
}

void query_put(struct strbuf *out, const struct ctr_query *query)
{
    wire_put_u(out, query->flags);
    wire_put_u(out, query->want);
    wire_put_u(out, query->limit);
    wire_put_u(out, query->time_limit);
    filter_put(out, query->filter);
}

static struct ctr_str read_str(struct wire *w, struct arena *arena)
{
    struct ctr_str s = wire_str(w), copy = {NULL, 0};

    if (s.ptr)
        copy = arena_str(arena, s);
    if (s.ptr && !copy.ptr)
        w->bad = true;
    return copy;
}

/* An array of as many as there can be at most; each takes a byte at least. */
static void *read_array(struct wire *w, struct arena *arena, size_t size, uint32_t *n)
{
    void *array;

    *n = wire_u32(w, CTR_FILTER_LEAVES_MAX);
    if ((size_t)(w->end - w->at) < *n)
        w->bad = true;
    if (w->bad)
        *n = 0;
    array = arena_array(arena, *n + 1, size);
    if (!array) {
        w->bad = true;
        *n = 0;
    }
    return array;
}

static const struct ctr_filter *filter_read(struct wire *w, struct arena *arena,
                                            unsigned depth)
{
    struct ctr_filter *f = arena_alloc(arena, sizeof(*f));
    const struct ctr_filter **children;
    struct ctr_str *values;

    if (!f || depth > CTR_FILTER_DEPTH_MAX + 1)
        w->bad = true;
    if (w->bad)
        return f;
    f->op = wire_u32(w, CTR_OP_WORDS);
    f->kinds = wire_u(w);
    f->name = read_str(w, arena);
    f->values = values = read_array(w, arena, sizeof(*values), &f->n_values);
    for (uint32_t i = 0; i < f->n_values; i++)
        values[i] = read_str(w, arena);
    f->children = children = read_array(w, arena, sizeof(*children), &f->n_children);
    for (uint32_t i = 0; i < f->n_children && !w->bad; i++)
        children[i] = filter_read(w, arena, depth + 1);
    return f;
}

int query_read(struct wire *w, struct arena *arena, struct ctr_query *out)
{
    *out = (struct ctr_query){.size = sizeof(*out)};
    out->flags = wire_u32(w, UINT32_MAX);
    out->want = wire_u(w);
    out->limit = wire_u32(w, UINT32_MAX);
    out->time_limit = wire_u32(w, UINT32_MAX);
    out->filter = filter_read(w, arena, 0);
    return wire_done(w) ? 0 : -CTR_EFORMAT;
}
