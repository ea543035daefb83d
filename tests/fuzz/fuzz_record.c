/* fuzz_record.c - a record as it may lie damaged on the disk: reading ends within it; and
 * a contact made of its bytes encodes to a record that checks. */
#include <stdlib.h>

#include "base/error.h"
#include "cache/keys.h"
#include "cache/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(struct ctr_str s)
{
    for (uint64_t i = 0; i < s.len; i++)
        sink ^= (uint8_t)s.ptr[i];
}

static void read_record(const struct record *r, struct keys *keys)
{
    struct record_iter it = {0};
    struct record_field f;
    uint32_t n = 0;

    touch(record_id(r));
    touch(record_owner(r));
    while (record_next(r, &it, &f)) {
        touch(f.value);
        touch(f.name);
        ensure(f.digits_len <= NUMBER_DIGITS_MAX && f.digits[f.digits_len] == 0);
        n++;
    }
    if (record_check(r)) {
        ensure(n == record_field_count(r));
        keys_derive(keys, r, KEYS_ALL);
        keys_sort(keys);
    }
}

/* Fields of some kinds are those of all that have the kinds; of what is damaged, reading
 * ends. */
static void read_some(const struct record *r, uint64_t kinds)
{
    struct record_iter all = {0}, some = {0};
    struct record_field a, b;
    bool whole = record_check(r);

    while (record_next_of(r, &some, kinds, &b)) {
        ensure(kinds & CTR_KIND(b.kind));
        touch(b.value);
        if (!whole)
            continue;
        do
            ensure(record_next(r, &all, &a));
        while (!(kinds & CTR_KIND(a.kind)));
        ensure(a.kind == b.kind && a.value.ptr == b.value.ptr &&
               a.value.len == b.value.len);
        ensure(a.name.ptr == b.name.ptr && a.digits_len == b.digits_len);
        ensure(a.trunk_len == b.trunk_len && strcmp(a.digits, b.digits) == 0);
    }
    while (whole && record_next(r, &all, &a))
        ensure(!(kinds & CTR_KIND(a.kind)));
}

static void read_each(const struct record *r)
{
    uint64_t kinds = record_kinds(r);

    read_some(r, 0);
    read_some(r, kinds & 0x5555555555555555);
    read_some(r, kinds & ~kinds >> 1);
    read_some(r, kinds & CTR_KIND(CTR_FIELD_PHONE_MOBILE));
}

/* Bytes cut into values: a kind, a length, the text. */
static void write_record(const uint8_t *data, size_t size, const struct dialplan *plan)
{
    static struct ctr_field fields[CTR_FIELDS_MAX + 8];
    struct ctr_contact c = {
        .size = sizeof(c), .fields = fields, .field_size = sizeof(fields[0])};
    struct strbuf out = {0};
    struct record r;
    unsigned warnings;

    if (size < 2)
        return;
    c.id = str_make((const char *)data, data[0] < size ? data[0] : size);
    c.owner = str_make((const char *)data, data[1] & 3);
    while (size >= 2 && c.n_fields < CTR_FIELDS_MAX + 8) {
        size_t n = data[1] < size - 2 ? data[1] : size - 2;

        fields[c.n_fields++] =
            (struct ctr_field){.kind = data[0],
                               .value = {(const char *)data + 2, n},
                               .name = {(const char *)data, data[0] & 1}};
        data += 2 + n;
        size -= 2 + n;
    }
    if (record_encode(&c, plan, &out, &warnings) == 0) {
        r = (struct record){(const uint8_t *)out.ptr, out.len};
        ensure(record_check(&r));
        read_each(&r);
        ensure(str_eq(record_id(&r), c.id));
        ensure(str_eq(record_owner(&r), c.owner) || c.owner.len == 0);
    }
    strbuf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dialplan plan;
    static struct keys *keys;
    struct record r = {data, size};

    if (!keys) {
        struct dialplan_options o = {.country = "DE", .area_code = "89"};
        const char *bad;
        char error[200];

        ensure(number_global_init() == 0);
        ensure(dialplan_init(&plan, &o, &bad, error, sizeof(error)) == 0);
        keys = malloc(sizeof(*keys));
        ensure(keys);
        keys_init(keys);
    }
    read_record(&r, keys);
    read_each(&r);
    write_record(data, size, &plan);
    return 0;
}
