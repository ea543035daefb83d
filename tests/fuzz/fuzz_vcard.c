/* fuzz_vcard.c - any bytes as vCards: the first byte chooses options and how the bytes
 * are cut. Besides not crashing, every value must be UTF-8 without NUL and within its
 * limit, and the pieces must not matter. */
#include <stdlib.h>
#include <string.h>

#include "vcard/charset.h"
#include "vcard/vcard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vcard_map map[] = {
    {.property = "X-A", .kind = CTR_FIELD_CUSTOM, .name = "a"},
    {.property = "TEL", .label = "b", .kind = CTR_FIELD_PHONE_IP},
    {.property = "X-C", .kind = CTR_FIELD_OWNER},
    {.property = "CATEGORIES", .kind = CTR_FIELD_CUSTOM, .name = "c"},
    {.property = "X-ID", .label = "d", .kind = CTR_FIELD_ID}};

/* What was told, as one number. */
struct told {
    uint64_t hash;
};

static void mix(struct told *t, const void *data, uint64_t n)
{
    const uint8_t *s = data;

    for (uint64_t i = 0; i < n; i++)
        t->hash = (t->hash ^ s[i]) * UINT64_C(1099511628211);
    t->hash = (t->hash ^ n) * UINT64_C(1099511628211);
}

static void check(struct ctr_str s, uint64_t max)
{
    if (s.len > max || !utf8_valid(s.ptr, s.len) || (s.len && memchr(s.ptr, 0, s.len)))
        abort();
}

static int32_t on_contact(void *user, const struct ctr_contact *c, uint64_t line)
{
    mix(user, &line, sizeof(line));
    check(c->id, CTR_ID_MAX);
    check(c->owner, CTR_ID_MAX);
    mix(user, c->id.ptr, c->id.len);
    mix(user, c->owner.ptr, c->owner.len);
    if (c->n_fields == 0 || c->n_fields > CTR_FIELDS_MAX)
        abort();
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const struct ctr_field *f = &c->fields[i];

        if (f->value.len == 0 || (f->kind == CTR_FIELD_CUSTOM) != (f->name.len > 0))
            abort();
        if (f->kind == CTR_FIELD_PHOTO && f->value.len > CTR_PHOTO_MAX)
            abort();
        if (f->kind != CTR_FIELD_PHOTO)
            check(f->value, CTR_VALUE_MAX);
        mix(user, &f->kind, sizeof(f->kind));
        mix(user, f->value.ptr, f->value.len);
    }
    return 0;
}

static void on_problem(void *user, uint64_t line, const char *reason)
{
    mix(user, &line, sizeof(line));
    mix(user, reason, strlen(reason));
}

static uint64_t read_all(const struct vcard_options *options, const uint8_t *data,
                         size_t size, size_t step)
{
    static const struct vcard_events events = {on_contact, on_problem, on_problem};
    struct told told = {0};
    struct vcard_reader *r = vcard_reader_create(options, &events, &told);
    int32_t rc = 0;

    if (!r)
        abort();
    for (size_t i = 0; i < size; i += step)
        rc |= vcard_reader_feed(r, data + i, size - i < step ? size - i : step);
    if (rc != 0)
        abort();
    rc = vcard_reader_end(r);
    mix(&told, &rc, sizeof(rc));
    mix(&told, vcard_reader_counts(r), sizeof(struct vcard_counts));
    vcard_reader_destroy(r);
    return told.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vcard_options o = {.photo_max = 64};

    if (size < 2)
        return 0;
    o.charset = data[0] & 1 ? "iso-8859-2" : NULL;
    o.map = data[0] & 2 ? map : NULL;
    o.n_map = data[0] & 2 ? sizeof(map) / sizeof(map[0]) : 0;
    o.private_owner = data[0] & 4 ? "eve" : NULL;
    o.show_private = (data[0] & 8) != 0;
    if (read_all(&o, data + 1, size - 1, size) !=
        read_all(&o, data + 1, size - 1, 1 + (data[0] >> 4)))
        abort();
    return 0;
}
