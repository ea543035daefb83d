/* fuzz_isolate.c - what the process of an isolated source may send, or have sent: frames,
 * contacts, questions, options. Reading ends within the bytes, and what was read can be
 * written again. */
#include <stdlib.h>

#include "base/error.h"
#include "conf/pack.h"
#include "isolate/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(struct ctr_str s)
{
    for (uint64_t i = 0; i < s.len; i++)
        sink ^= (uint8_t)s.ptr[i];
}

static void try_contacts(const uint8_t *data, size_t size)
{
    struct wire w = wire_of(data, size);
    struct contacts got = {0}, again = {0};
    struct strbuf out = {0};

    if (contacts_read(&w, &got) == 0) {
        for (uint32_t i = 0; i < got.n; i++) {
            touch(got.items[i].id);
            for (uint32_t k = 0; k < got.items[i].n_fields; k++)
                touch(got.items[i].fields[k].value);
            contact_put(&out, &got.items[i]);
        }
        w = wire_of(out.ptr, out.len);
        ensure(contacts_read(&w, &again) == 0 && again.n == got.n);
    }
    contacts_finish(&got);
    contacts_finish(&again);
    strbuf_finish(&out);
}

static void try_query(const uint8_t *data, size_t size)
{
    struct wire w = wire_of(data, size);
    struct arena arena;
    struct ctr_query query;
    struct strbuf out = {0};

    arena_init(&arena, 1 << 20);
    if (query_read(&w, &arena, &query) == 0)
        query_put(&out, &query);
    arena_finish(&arena);
    strbuf_finish(&out);
}

static void try_values(const uint8_t *data, size_t size)
{
    struct ctr_config *values;
    struct strbuf out = {0};

    if (conf_values_unpack(str_make((const char *)data, size), &values) != 0)
        return;
    conf_values_pack(values, &out);
    ensure(out.len < conf_values_pack_size(values));
    conf_values_destroy(values);
    strbuf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ctr_str payload;
    struct hello hello;
    uint32_t type;
    size_t n;

    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        try_contacts(data + 1, size - 1);
        break;
    case 1:
        try_query(data + 1, size - 1);
        break;
    case 2:
        try_values(data + 1, size - 1);
        break;
    default:
        n = frame_take(data + 1, size - 1, 4096, &type, &payload);
        if (n != 0 && n != SIZE_MAX && hello_read(payload, &hello) == 0)
            touch(hello.values);
    }
    return 0;
}
