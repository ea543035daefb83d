/* pack.c - the values of a section as bytes, and back. */
#include "conf/pack.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/wire.h"
#include "conf/values.h"

enum {
    NUMBER_SIZE = 10, /* of a number on the wire, at most */
    PAIRS_MAX = 1 << 20
};

enum { IS_SECRET = 1u << 0, IS_SET = 1u << 1 };

/* ---- there ---------------------------------------------------------------------- */

static size_t z_size(const char *z)
{
    return NUMBER_SIZE + (z ? strlen(z) : 0);
}

size_t conf_values_pack_size(const struct ctr_config *config)
{
    size_t size = z_size(config->section) + NUMBER_SIZE;

    for (unsigned i = 0; i < config->n; i++) {
        const struct conf_value *v = &config->values[i];

        size += z_size(v->name) + z_size(v->string) + 4 * NUMBER_SIZE;
        for (uint32_t k = 0; k < v->n; k++)
            size += z_size(v->pairs[k].key) + z_size(v->pairs[k].value);
    }
    return size + 1;
}

void conf_values_pack(const struct ctr_config *config, struct strbuf *out)
{
    wire_put_z(out, config->section);
    wire_put_u(out, config->n);
    for (unsigned i = 0; i < config->n; i++) {
        const struct conf_value *v = &config->values[i];

        wire_put_z(out, v->name);
        wire_put_u(out, v->type);
        wire_put_u(out, (v->secret ? IS_SECRET : 0) | (v->set ? IS_SET : 0));
        wire_put_i(out, v->integer);
        wire_put_z(out, v->string);
        wire_put_u(out, v->n);
        for (uint32_t k = 0; k < v->n; k++) {
            wire_put_z(out, v->pairs[k].key);
            wire_put_z(out, v->pairs[k].value);
        }
    }
}

/* ---- back ----------------------------------------------------------------------- */

static const char *read_z(struct wire *w, struct arena *arena)
{
    struct ctr_str s = wire_str(w);

    return s.ptr ? arena_str(arena, s).ptr : NULL;
}

static void read_secret(struct wire *w, struct conf_value *v)
{
    struct ctr_str s = wire_str(w);

    if (!s.ptr)
        return;
    v->secret_size = s.len + 1;
    v->secret_text = xmalloc(v->secret_size);
    memcpy(v->secret_text, s.ptr, s.len);
    v->secret_text[s.len] = '\0';
    v->string = v->secret_text;
}

static void read_value(struct wire *w, struct ctr_config *config, struct conf_value *v)
{
    uint32_t flags;

    v->name = read_z(w, &config->arena);
    v->type = wire_u32(w, UINT32_MAX);
    flags = wire_u32(w, UINT32_MAX);
    v->secret = (flags & IS_SECRET) != 0;
    v->set = (flags & IS_SET) != 0;
    v->integer = wire_i(w);
    if (v->secret)
        read_secret(w, v);
    else
        v->string = read_z(w, &config->arena);
    v->n = wire_u32(w, PAIRS_MAX);
    if (!v->name || v->type > CTR_OPT_MAP || (size_t)(w->end - w->at) < v->n)
        w->bad = true;
    if (w->bad)
        v->n = 0;
    v->pairs = arena_array(&config->arena, v->n + 1, sizeof(*v->pairs));
    for (uint32_t k = 0; k < v->n; k++) {
        v->pairs[k].key = read_z(w, &config->arena);
        v->pairs[k].value = read_z(w, &config->arena);
    }
}

int conf_values_unpack(struct ctr_str packed, struct ctr_config **out)
{
    struct ctr_config *config = xcalloc(1, sizeof(*config));
    struct wire w = wire_of(packed.ptr, packed.len);
    unsigned n;

    *out = NULL;
    config->section = read_z(&w, &config->arena);
    n = wire_u32(&w, SCHEMA_OPTIONS_MAX);
    config->values = arena_array(&config->arena, n + 1, sizeof(*config->values));
    for (; config->n < n && !w.bad; config->n++) {
        struct conf_value *v = &config->values[config->n];

        read_value(&w, config, v);
        v->at.line = config->n + 1;
    }
    if (!wire_done(&w) || !config->section) {
        conf_values_destroy(config);
        return -CTR_EFORMAT;
    }
    *out = config;
    return 0;
}

void conf_values_complain(const struct ctr_config *config, uint32_t line,
                          const char *text)
{
    struct conf_place at = config->at;

    if (line >= 1 && line <= config->n && config->values[line - 1].set)
        at = config->values[line - 1].at;
    if (config->diag)
        diag_error(config->diag, at, "%s", text);
    else
        log_error(config->section, "option is wrong reason=%s", log_quoted(text));
}
