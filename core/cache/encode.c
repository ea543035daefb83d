/* encode.c - writing a contact as it is stored; layout.h says how it lies. */
#include "base/error.h"
#include "cache/layout.h"

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

/* Names and numbers end up on displays and in headers of other protocols, where a line
 * break is an attack. */
static bool kind_is_one_line(uint32_t kind)
{
    return kind != CTR_FIELD_NOTE && kind != CTR_FIELD_STREET &&
           kind != CTR_FIELD_PHOTO && kind != CTR_FIELD_CUSTOM;
}

static bool is_control(char c)
{
    return (uint8_t)c < ' ' || c == 0x7f;
}

static bool has_control(struct ctr_str s)
{
    for (uint64_t i = 0; i < s.len; i++)
        if (is_control(s.ptr[i]))
            return true;
    return false;
}

/* Line breaks and other control characters as one blank. */
static void value_one_line(struct encoder *e, struct value *v)
{
    struct ctr_str text = value_text(e, v);
    size_t n = 0;
    char *at;

    if (!has_control(text))
        return;
    if (!v->converted) {
        v->converted = e->utf8.len + 1;
        strbuf_str(&e->utf8, text);
    }
    at = e->utf8.ptr + v->converted - 1;
    for (size_t i = 0; i < v->text.len; i++) {
        char c = is_control(at[i]) ? ' ' : at[i];

        if (c != ' ' || (n > 0 && at[n - 1] != ' '))
            at[n++] = c;
    }
    v->text.len = n > 0 && at[n - 1] == ' ' ? n - 1 : n;
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
    if (kind_is_one_line(f->kind))
        value_one_line(e, v);
    if (v->text.len > 0)
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
