/* record.c - reading a stored contact; layout.h says how it lies. */
#include "cache/record.h"

#include "cache/layout.h"

struct reader {
    const uint8_t *data;
    size_t at, len;
    bool bad;
};

static uint8_t read_u8(struct reader *r)
{
    if (r->at >= r->len) {
        r->bad = true;
        return 0;
    }
    return r->data[r->at++];
}

/* At most four bytes: lengths stay below 2^28. */
static size_t read_varint(struct reader *r)
{
    size_t v = 0;

    if (r->at < r->len && r->data[r->at] < 0x80) /* nearly always */
        return r->data[r->at++];
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t b = read_u8(r);

        v |= (size_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static struct ctr_str read_bytes(struct reader *r, size_t n)
{
    struct ctr_str s = {NULL, 0};

    if (r->bad || n > r->len - r->at) {
        r->bad = true;
        return s;
    }
    s.ptr = (const char *)r->data + r->at;
    s.len = n;
    r->at += n;
    return s;
}

static struct ctr_str read_str(struct reader *r)
{
    return read_bytes(r, read_varint(r));
}

/* Bytes that stand before the field; `limit` is where the field begins. */
static struct ctr_str read_ref(struct reader *r, size_t limit)
{
    struct ctr_str s = {NULL, 0};
    size_t off = read_varint(r), n = read_varint(r);

    if (r->bad || off < HEAD_SIZE || off > limit || n > limit - off) {
        r->bad = true;
        return s;
    }
    s.ptr = (const char *)r->data + off;
    s.len = n;
    return s;
}

static const char nibble_chars[16] = "0123456789*#????";

/* n packed digits, behind those the field has. */
static void read_digits(struct reader *r, struct record_field *f, unsigned n)
{
    struct ctr_str packed = read_bytes(r, (n + 1) / 2);

    if (n > NUMBER_DIGITS_MAX)
        r->bad = true;
    if (r->bad)
        return;
    for (unsigned i = 0; i < n; i++) {
        uint8_t b = (uint8_t)packed.ptr[i / 2], nib = i % 2 ? b & 15 : b >> 4;

        if (nib > 11)
            r->bad = true;
        f->digits[i] = nibble_chars[nib];
    }
    f->digits[n] = 0;
    f->digits_len = (uint8_t)n;
}

/* The value's digits but the first `skip`, behind those the field has. */
static void tail_from_value(struct reader *r, struct record_field *f, unsigned skip)
{
    unsigned n = f->digits_len;

    for (size_t i = 0; i < f->value.len; i++) {
        char c = f->value.ptr[i];

        if (c < '0' || c > '9' || (skip > 0 && skip--))
            continue;
        if (n == NUMBER_DIGITS_MAX) {
            r->bad = true;
            break;
        }
        f->digits[n++] = c;
    }
    f->digits[n] = 0;
    f->digits_len = (uint8_t)n;
}

/* The digits of a value that is "+" and nothing but digits. */
static void digits_from_value(struct reader *r, struct record_field *f)
{
    if (f->value.len < 2 || f->value.len > NUMBER_DIGITS_MAX + 1 ||
        f->value.ptr[0] != '+') {
        r->bad = true;
        return;
    }
    f->digits_len = (uint8_t)(f->value.len - 1);
    memcpy(f->digits, f->value.ptr + 1, f->digits_len);
    f->digits[f->digits_len] = 0;
    for (unsigned i = 0; i < f->digits_len; i++)
        if (f->digits[i] < '0' || f->digits[i] > '9')
            r->bad = true;
}

static void read_field(struct reader *r, struct record_field *f)
{
    size_t begin = r->at;
    uint8_t tag, tail = 0;

    memset(f, 0, offsetof(struct record_field, digits) + 1);
    f->name = (struct ctr_str){NULL, 0};
    f->kind = read_u8(r);
    tag = read_u8(r);
    if ((tag & ~TAG_ALL) || (tag & (TAG_PLUS | TAG_TAIL)) == (TAG_PLUS | TAG_TAIL) ||
        f->kind >= 64)
        r->bad = true;
    if (f->kind == CTR_FIELD_CUSTOM)
        f->name = read_str(r);
    if (kind_is_phone(f->kind)) {
        f->number_class = tag >> TAG_CLASS_SHIFT & TAG_CLASS_MASK;
        f->number_note = read_u8(r);
        if (f->number_class > NUMBER_LOCAL || f->number_note >= NUMBER_NOTE_COUNT)
            r->bad = true;
        if (tag & TAG_TAIL)
            tail = read_u8(r);
        if (tag & TAG_TAIL)
            read_digits(r, f, tail & 15);
        else if (f->number_class != NUMBER_NONE && !(tag & TAG_PLUS))
            read_digits(r, f, read_u8(r));
        if (tag & TAG_TRUNK)
            f->trunk_len = read_u8(r);
    }
    f->value = tag & TAG_REF ? read_ref(r, begin) : read_str(r);
    if (!r->bad && kind_is_phone(f->kind) && (tag & TAG_PLUS))
        digits_from_value(r, f);
    if (!r->bad && kind_is_phone(f->kind) && (tag & TAG_TAIL))
        tail_from_value(r, f, tail >> 4);
    if (f->trunk_len > f->digits_len)
        r->bad = true;
}

/* Behind one whose kind has been read. */
static void skip_field(struct reader *r, uint8_t kind)
{
    uint8_t tag = read_u8(r), digits = 0;

    if (kind == CTR_FIELD_CUSTOM)
        (void)read_str(r);
    if (kind_is_phone(kind)) {
        (void)read_u8(r); /* note */
        if (tag & TAG_TAIL)
            digits = read_u8(r) & 15;
        else if ((tag >> TAG_CLASS_SHIFT & TAG_CLASS_MASK) != NUMBER_NONE &&
                 !(tag & TAG_PLUS))
            digits = read_u8(r);
        (void)read_bytes(r, (digits + 1u) / 2);
        if (tag & TAG_TRUNK)
            (void)read_u8(r);
    }
    if (tag & TAG_REF) {
        (void)read_varint(r);
        (void)read_varint(r);
    } else {
        (void)read_str(r);
    }
}

static bool head(const struct record *r, struct reader *rd, struct ctr_str *id,
                 struct ctr_str *owner)
{
    *rd = (struct reader){r->data, HEAD_SIZE, r->len, r->len < HEAD_SIZE};
    *id = *owner = (struct ctr_str){NULL, 0};
    if (rd->bad || r->data[0] != RECORD_VERSION)
        return false;
    *id = read_str(rd);
    *owner = read_str(rd);
    if (owner->len == 0)
        owner->ptr = NULL;
    return !rd->bad;
}

bool record_open(const struct record *r, struct record_iter *it, struct ctr_str *id,
                 struct ctr_str *owner)
{
    struct reader rd;
    bool good = head(r, &rd, id, owner);

    it->at = good ? rd.at : r->len + 1;
    return good;
}

bool record_next_of(const struct record *r, struct record_iter *it, uint64_t kinds,
                    struct record_field *field)
{
    struct ctr_str id, owner;
    struct reader rd;

    if (it->at == 0 && !record_open(r, it, &id, &owner))
        return false;
    rd = (struct reader){r->data, it->at, r->len, it->at > r->len};
    while (!rd.bad && rd.at < rd.len) {
        uint8_t kind = rd.data[rd.at];

        if (kind >= 64 || (kinds & CTR_KIND(kind))) {
            read_field(&rd, field);
            it->at = rd.bad ? r->len + 1 : rd.at;
            return !rd.bad;
        }
        rd.at++;
        skip_field(&rd, kind);
    }
    it->at = rd.bad ? r->len + 1 : rd.at;
    return false;
}

bool record_next(const struct record *r, struct record_iter *it,
                 struct record_field *field)
{
    return record_next_of(r, it, UINT64_MAX, field);
}

struct ctr_str record_id(const struct record *r)
{
    struct ctr_str id, owner;
    struct reader rd;

    head(r, &rd, &id, &owner);
    return id;
}

struct ctr_str record_owner(const struct record *r)
{
    struct ctr_str id, owner;
    struct reader rd;

    head(r, &rd, &id, &owner);
    return owner;
}

uint32_t record_field_count(const struct record *r)
{
    return r->len < HEAD_SIZE ? 0 : r->data[1];
}

uint64_t record_kinds(const struct record *r)
{
    uint64_t kinds = 0;

    if (r->len >= HEAD_SIZE)
        for (unsigned i = 0; i < 8; i++)
            kinds |= (uint64_t)r->data[2 + i] << (8 * i);
    return kinds;
}

static bool field_check(const struct record_field *f)
{
    size_t max = f->kind == CTR_FIELD_PHOTO ? CTR_PHOTO_MAX : CTR_VALUE_MAX;

    if (f->kind == 0 || f->kind == CTR_FIELD_ID || f->kind == CTR_FIELD_OWNER)
        return false;
    if (f->kind == CTR_FIELD_CUSTOM && (f->name.len == 0 || f->name.len > NAME_MAX_BYTES))
        return false;
    return f->value.len > 0 && f->value.len <= max;
}

bool record_check(const struct record *r)
{
    struct record_iter it = {0};
    struct record_field f;
    struct ctr_str id, owner;
    struct reader rd;
    uint64_t kinds = 0;
    uint32_t n = 0;

    if (!head(r, &rd, &id, &owner) || id.len == 0 || id.len > CTR_ID_MAX ||
        owner.len > CTR_ID_MAX)
        return false;
    while (record_next(r, &it, &f)) {
        if (!field_check(&f) || (n == 0 && f.kind != CTR_FIELD_DISPLAY_NAME))
            return false;
        kinds |= CTR_KIND(f.kind);
        n++;
    }
    return it.at == r->len && n > 0 && n == record_field_count(r) &&
           kinds == record_kinds(r);
}
