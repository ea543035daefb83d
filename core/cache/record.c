/* record.c - the codec of a stored contact.
 *
 *   u8 version | u8 fields | u64 kinds | id | owner | field...      (little endian)
 *   id, owner: varint length, bytes; owner length 0: not private
 *   field: u8 kind | u8 tag | [custom: name] | [phone: note, digits, trunk] | value
 *   value: varint length, bytes; or with TAG_REF: varint offset and length of bytes that
 *   stand earlier in the record (a surname within the display name is stored once)
 *
 * The display name is always the first field. */
#include "cache/record.h"

#include "base/error.h"
#include "text/text.h"

enum {
    HEAD_SIZE = 10,
    TAG_REF = 1,         /* the value stands earlier in the record */
    TAG_CLASS_SHIFT = 1, /* two bits: enum number_class */
    TAG_CLASS_MASK = 3,
    TAG_PLUS = 8,   /* the value is "+" and the digits: no digits stored */
    TAG_TRUNK = 16, /* a trunk length follows the digits */
    TAG_TAIL = 32,  /* the digits are some of their own and the end of the value's */
    TAG_ALL = 63,
    TAIL_MAX = 15,      /* own digits, and digits of the value left out */
    NAME_MAX_BYTES = 64 /* of a custom field */
};

static bool kind_is_phone(uint32_t kind)
{
    return kind < 64 && (CTR_KINDS_PHONE & CTR_KIND(kind)) != 0;
}

/* ---- reading ------------------------------------------------------------------------
 */

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

/* ---- writing ------------------------------------------------------------------------
 */

/* One usable value of a contact on its way into a record. */
struct value {
    uint32_t kind;
    struct ctr_str name, text;
    size_t converted; /* > 0: text lies in encoder.utf8, at this offset less one */
};

struct encoder {
    struct strbuf *out;
    struct strbuf utf8;       /* values that had to be converted, and the derived name */
    size_t start;             /* of the record in out */
    size_t name_at, name_len; /* the display name's bytes, for references */
    struct value values[CTR_FIELDS_MAX + 1];
    unsigned n;
    unsigned warnings;
};

static void put_u8(struct encoder *e, unsigned v)
{
    strbuf_char(e->out, (char)v);
}

static void put_varint(struct encoder *e, size_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_u8(e, (unsigned)(v & 0x7f) | 0x80);
    put_u8(e, (unsigned)v);
}

static void put_str(struct encoder *e, struct ctr_str s)
{
    put_varint(e, s.len);
    strbuf_str(e->out, s);
}

/* What Windows-1252 has where ISO 8859-1 has controls, 0x80 to 0x9f. */
static const uint16_t cp1252_high[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008d, 0x017d, 0x008f,
    0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

/* Text that is not UTF-8 is Windows-1252, as text_fold reads it too. */
static void utf8_from_cp1252(struct strbuf *out, struct ctr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        unsigned u = c >= 0x80 && c < 0xa0 ? cp1252_high[c - 0x80] : c;

        if (u >= 0x800) {
            strbuf_char(out, (char)(0xe0 | u >> 12));
            strbuf_char(out, (char)(0x80 | (u >> 6 & 0x3f)));
            strbuf_char(out, (char)(0x80 | (u & 0x3f)));
        } else if (u >= 0x80) {
            strbuf_char(out, (char)(0xc0 | u >> 6));
            strbuf_char(out, (char)(0x80 | (u & 0x3f)));
        } else {
            strbuf_char(out, (char)u);
        }
    }
}

/* Converted text moves while the buffer grows: looked up when it is used. */
static struct ctr_str value_text(const struct encoder *e, const struct value *v)
{
    if (v->converted)
        return str_make(e->utf8.ptr + v->converted - 1, v->text.len);
    return v->text;
}

static void value_convert(struct encoder *e, struct value *v)
{
    v->converted = e->utf8.len + 1;
    utf8_from_cp1252(&e->utf8, v->text);
    v->text.len = e->utf8.len + 1 - v->converted;
}

static bool kind_usable(uint32_t kind)
{
    return kind > 0 && kind <= CTR_FIELD_CUSTOM && kind != CTR_FIELD_ID &&
           kind != CTR_FIELD_OWNER;
}

/* returns whether it is worth a warning when it was not taken */
static bool take_field(struct encoder *e, const struct ctr_field *f)
{
    struct value *v = &e->values[e->n];
    bool photo = f->kind == CTR_FIELD_PHOTO;

    if (f->value.len == 0 || !f->value.ptr)
        return true;
    *v = (struct value){.kind = f->kind, .text = photo ? f->value : str_trim(f->value)};
    if (v->text.len == 0)
        return true;
    if (!kind_usable(f->kind) || e->n == CTR_FIELDS_MAX ||
        v->text.len > (photo ? CTR_PHOTO_MAX : CTR_VALUE_MAX))
        return false;
    if (f->kind == CTR_FIELD_CUSTOM) {
        v->name = f->name;
        if (!v->name.ptr || v->name.len == 0 || v->name.len > NAME_MAX_BYTES ||
            !str_is_utf8(v->name))
            return false;
    }
    if (!photo && !str_is_utf8(v->text)) {
        e->warnings++;
        value_convert(e, v);
        if (v->text.len > CTR_VALUE_MAX)
            return false;
    }
    e->n++;
    return true;
}

static void take_fields(struct encoder *e, const struct ctr_contact *contact)
{
    const char *at = (const char *)contact->fields;
    size_t stride = contact->field_size ? contact->field_size : sizeof(struct ctr_field);

    for (uint32_t i = 0; i < contact->n_fields; i++, at += stride) {
        struct ctr_field f = {0};

        memcpy(&f, at, stride < sizeof(f) ? stride : sizeof(f));
        if (!take_field(e, &f))
            e->warnings++;
    }
}

static const struct value *value_find(const struct encoder *e, uint32_t kind)
{
    for (unsigned i = 0; i < e->n; i++)
        if (e->values[i].kind == kind)
            return &e->values[i];
    return NULL;
}

static const struct value *value_first_phone(const struct encoder *e)
{
    for (unsigned i = 0; i < e->n; i++)
        if (kind_is_phone(e->values[i].kind))
            return &e->values[i];
    return NULL;
}

/* Text that begins within the buffer it is added to cannot be added while it moves. */
static void utf8_add(struct encoder *e, const struct value *v)
{
    struct ctr_str s = value_text(e, v);

    for (size_t i = 0; i < s.len; i++) {
        strbuf_char(&e->utf8, s.ptr[i]);
        s = value_text(e, v);
    }
}

/* "given surname", else organisation, else mail, else the first number. */
static bool derive_name(struct encoder *e, struct value *name)
{
    const struct value *given = value_find(e, CTR_FIELD_GIVEN_NAME);
    const struct value *surname = value_find(e, CTR_FIELD_SURNAME);
    const struct value *one = given ? given : surname;

    if (!one)
        one = value_find(e, CTR_FIELD_ORGANISATION);
    if (!one)
        one = value_find(e, CTR_FIELD_MAIL);
    if (!one)
        one = value_first_phone(e);
    if (!one)
        return false;
    if (!given || !surname || given->text.len + surname->text.len + 1 > CTR_VALUE_MAX) {
        *name = *one;
    } else {
        *name = (struct value){.converted = e->utf8.len + 1};
        utf8_add(e, given);
        strbuf_char(&e->utf8, ' ');
        utf8_add(e, surname);
        name->text.len = e->utf8.len + 1 - name->converted;
    }
    name->kind = CTR_FIELD_DISPLAY_NAME;
    name->name = (struct ctr_str){NULL, 0};
    return true;
}

/* The name comes first, derived or moved there. A contact of which only a photo or the
 * like remains has none and is of no use. */
static bool name_first(struct encoder *e)
{
    const struct value *v = value_find(e, CTR_FIELD_DISPLAY_NAME);
    struct value name;
    size_t from;

    if (v) {
        name = *v;
        from = (size_t)(v - e->values);
    } else {
        if (!derive_name(e, &name))
            return false;
        from = e->n++;
    }
    memmove(&e->values[1], &e->values[0], from * sizeof(name));
    e->values[0] = name;
    return true;
}

static uint8_t nibble_of(char c)
{
    return c == '*' ? 10 : c == '#' ? 11 : (uint8_t)(c - '0');
}

static void put_digits(struct encoder *e, const char *digits, unsigned n)
{
    for (unsigned i = 0; i < n; i += 2) {
        unsigned low = i + 1 < n ? nibble_of(digits[i + 1]) : 0;

        put_u8(e, (unsigned)nibble_of(digits[i]) << 4 | low);
    }
}

/* How much of the value's digits ends the number: "089/840798-192" all but the first.
 * returns false when that saves nothing */
static bool find_tail(struct ctr_str text, const struct number *n, unsigned *skip,
                      unsigned *own)
{
    char digits[NUMBER_DIGITS_MAX + TAIL_MAX];
    unsigned len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            continue;
        if (len == sizeof(digits))
            return false;
        digits[len++] = text.ptr[i];
    }
    for (*skip = 0; *skip < len && *skip <= TAIL_MAX; ++*skip) {
        unsigned rest = len - *skip;

        if (rest > n->len || memcmp(n->digits + n->len - rest, digits + *skip, rest) != 0)
            continue;
        *own = n->len - rest;
        return *own <= TAIL_MAX;
    }
    return false;
}

static bool is_plus_digits(struct ctr_str text, const struct number *n)
{
    return n->class == NUMBER_E164 && text.len == (uint64_t)n->len + 1 &&
           text.ptr[0] == '+' && memcmp(text.ptr + 1, n->digits, n->len) == 0;
}

static void put_number(struct encoder *e, const struct dialplan *plan,
                       struct ctr_str text, size_t tag_at)
{
    struct number n;
    unsigned tag, skip = 0, own = 0;

    number_parse(plan, text, &n);
    ensure(n.class <= NUMBER_LOCAL && n.len <= NUMBER_DIGITS_MAX &&
           n.trunk_len <= n.len && n.note < NUMBER_NOTE_COUNT);
    tag = (unsigned)n.class << TAG_CLASS_SHIFT;
    put_u8(e, n.note);
    if (is_plus_digits(text, &n)) {
        tag |= TAG_PLUS;
    } else if (n.class != NUMBER_NONE && find_tail(text, &n, &skip, &own)) {
        tag |= TAG_TAIL;
        put_u8(e, skip << 4 | own);
        put_digits(e, n.digits, own);
    } else if (n.class != NUMBER_NONE) {
        put_u8(e, n.len);
        put_digits(e, n.digits, n.len);
    }
    if (n.class == NUMBER_E164 && n.trunk_len > 0) {
        tag |= TAG_TRUNK;
        put_u8(e, n.trunk_len);
    }
    e->out->ptr[tag_at] = (char)tag;
}

static const char *find_in_name(const struct encoder *e, struct ctr_str text)
{
    return text.len < 3 || text.len > e->name_len
               ? NULL
               : memmem(e->out->ptr + e->name_at, e->name_len, text.ptr, text.len);
}

static void put_value(struct encoder *e, const struct dialplan *plan,
                      const struct value *v)
{
    struct ctr_str text = value_text(e, v);
    const char *in_name = find_in_name(e, text);
    size_t tag_at = e->out->len + 1;

    put_u8(e, v->kind);
    put_u8(e, 0);
    if (v->kind == CTR_FIELD_CUSTOM)
        put_str(e, v->name);
    if (kind_is_phone(v->kind))
        put_number(e, plan, text, tag_at);
    in_name = in_name ? find_in_name(e, text) : NULL; /* out may have moved */
    if (in_name) {
        size_t off = (size_t)(in_name - e->out->ptr) - e->start;

        e->out->ptr[tag_at] = (char)(e->out->ptr[tag_at] | TAG_REF);
        put_varint(e, off);
        put_varint(e, text.len);
        return;
    }
    put_str(e, text);
    if (v == &e->values[0]) {
        e->name_at = e->out->len - text.len;
        e->name_len = text.len;
    }
}

static void put_record(struct encoder *e, const struct ctr_contact *contact,
                       const struct dialplan *plan)
{
    uint64_t kinds = 0;

    put_u8(e, RECORD_VERSION);
    put_u8(e, e->n);
    for (unsigned i = 0; i < e->n; i++)
        kinds |= CTR_KIND(e->values[i].kind);
    for (unsigned i = 0; i < 8; i++)
        put_u8(e, (unsigned)(kinds >> (8 * i)) & 0xff);
    put_str(e, contact->id);
    put_str(e, contact->owner);
    for (unsigned i = 0; i < e->n; i++)
        put_value(e, plan, &e->values[i]);
}

int record_encode(const struct ctr_contact *contact, const struct dialplan *plan,
                  struct strbuf *out, unsigned *warnings)
{
    struct encoder e;
    int rc = 0;

    *warnings = 0;
    /* An owner that cannot be kept must not make the contact public. */
    if (contact->id.len == 0 || contact->id.len > CTR_ID_MAX || !contact->id.ptr ||
        contact->owner.len > CTR_ID_MAX || (contact->owner.len && !contact->owner.ptr))
        return -CTR_EINVAL;
    e.out = out;
    e.utf8 = (struct strbuf){0};
    e.start = out->len;
    e.name_len = e.name_at = 0;
    e.n = e.warnings = 0;
    take_fields(&e, contact);
    if (name_first(&e))
        put_record(&e, contact, plan);
    else
        rc = -CTR_EINVAL;
    *warnings = e.warnings;
    strbuf_finish(&e.utf8);
    return rc;
}
