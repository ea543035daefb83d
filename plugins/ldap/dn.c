/* dn.c - see dn.h: one pass over the text, escapes resolved into the pool. */
#include "dn.h"

/* Where the parser stands. */
struct cursor {
    const char *at, *end;
    char *to; /* where values go: room for the whole text, which they never pass */
    struct pool *pool;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool is_type_char(char c)
{
    return (c >= '0' && c <= '9') || (text_lower(c) >= 'a' && text_lower(c) <= 'z') ||
           c == '-' || c == '.' || c == '_';
}

static int hex_digit(char c)
{
    c = text_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two hex digits at p, or -1. */
static int hex_pair(const char *p, const char *end)
{
    int high = end - p >= 2 ? hex_digit(p[0]) : -1;
    int low = high >= 0 ? hex_digit(p[1]) : -1;

    return low < 0 ? -1 : high << 4 | low;
}

static int parse_type(struct cursor *c, struct ctr_str *out)
{
    const char *start;

    skip_blanks(c);
    if (c->end - c->at > 4 && text_starts_nocase((struct ctr_str){c->at, 4}, STR("oid.")))
        c->at += 4; /* LDAPv2 */
    start = c->at;
    while (c->at < c->end && is_type_char(*c->at))
        c->at++;
    *out = (struct ctr_str){start, (size_t)(c->at - start)};
    skip_blanks(c);
    if (out->len == 0 || c->at == c->end || *c->at != '=')
        return -CTR_EFORMAT;
    c->at++;
    skip_blanks(c);
    return 0;
}

/* "#04024869": the BER of a string. */
static int parse_hex(struct cursor *c, struct ctr_str *out)
{
    char *to = c->to;
    size_t n = 0;
    struct ber b, content;
    uint8_t tag;
    int byte;

    for (c->at++; (byte = hex_pair(c->at, c->end)) >= 0; c->at += 2)
        to[n++] = (char)byte;
    skip_blanks(c);
    b = ber_over(to, n);
    if (ber_next(&b, &tag, &content) || ber_left(&b) > 0)
        return -CTR_EFORMAT;
    c->to += n;
    *out = (struct ctr_str){(const char *)content.at, ber_left(&content)};
    return 0;
}

/* Behind a backslash: a pair of hex digits or the character itself. */
static int parse_escape(struct cursor *c, char *to)
{
    int byte = hex_pair(c->at, c->end);

    if (c->at == c->end)
        return -CTR_EFORMAT;
    *to = byte >= 0 ? (char)byte : *c->at;
    c->at += byte >= 0 ? 2 : 1;
    return 0;
}

static int parse_quoted(struct cursor *c, struct ctr_str *out)
{
    char *to = c->to;
    size_t n = 0;

    for (c->at++; c->at < c->end && *c->at != '"';) {
        char ch = *c->at++;

        if (ch == '\\' && parse_escape(c, &ch))
            return -CTR_EFORMAT;
        to[n++] = ch;
    }
    if (c->at == c->end)
        return -CTR_EFORMAT;
    c->at++;
    skip_blanks(c);
    c->to += n;
    *out = (struct ctr_str){to, n};
    return 0;
}

static bool ends_value(char c)
{
    return c == ',' || c == ';' || c == '+';
}

static int parse_plain(struct cursor *c, struct ctr_str *out)
{
    char *to = c->to;
    size_t n = 0, keep = 0; /* keep: up to the last character that is no loose blank */

    while (c->at < c->end && !ends_value(*c->at)) {
        char ch = *c->at++;
        bool escaped = ch == '\\';

        if (escaped && parse_escape(c, &ch))
            return -CTR_EFORMAT;
        if (!escaped && ch == '"')
            return -CTR_EFORMAT;
        to[n++] = ch;
        if (escaped || ch != ' ')
            keep = n;
    }
    c->to += n;
    *out = (struct ctr_str){to, keep};
    return 0;
}

static int parse_value(struct cursor *c, struct ctr_str *out)
{
    if (c->at < c->end && *c->at == '#')
        return parse_hex(c, out);
    if (c->at < c->end && *c->at == '"')
        return parse_quoted(c, out);
    return parse_plain(c, out);
}

static uint32_t count_rdns(struct ctr_str text)
{
    uint32_t n = 1;

    for (size_t i = 0; i < text.len && n < DN_RDNS_MAX; i++)
        n += ends_value(text.ptr[i]);
    return n;
}

/* One type=value, and what stands behind it: 0 at the end. */
static int parse_ava(struct cursor *c, const struct attributes *t, struct rdn *out,
                     char *next)
{
    struct attr_ref ref;
    int err = parse_type(c, &out->type);

    if (!err)
        err = parse_value(c, &out->value);
    if (!err)
        err = attributes_find(t, c->pool, out->type, &ref);
    if (err)
        return err;
    out->attr = ref.attr;
    if (c->at < c->end && !ends_value(*c->at))
        return -CTR_EFORMAT;
    *next = c->at < c->end ? *c->at++ : '\0';
    return 0;
}

int dn_parse(const struct attributes *t, struct pool *pool, struct ctr_str text,
             struct dn *out)
{
    struct cursor c = {text.ptr, text.ptr + text.len, pool_alloc(pool, text.len + 1),
                       pool};
    uint32_t max = count_rdns(text);
    char next = '\0';

    out->n = 0;
    out->rdns = NULL;
    skip_blanks(&c);
    if (c.at == c.end)
        return 0;
    out->rdns = pool_array(pool, max, sizeof(*out->rdns));
    if (!c.to || !out->rdns)
        return -CTR_ENOMEM;
    do {
        struct rdn part;
        bool more = next == '+';
        int err = parse_ava(&c, t, &part, &next);

        if (err)
            return err;
        part.multi = more;
        if (more) {
            out->rdns[out->n - 1].multi = true;
        } else {
            if (out->n == max)
                return -CTR_EFORMAT;
            out->rdns[out->n++] = part;
        }
    } while (next);
    return 0;
}

bool rdn_same(const struct rdn *a, const struct rdn *b)
{
    if (a->multi || b->multi)
        return false;
    if (a->attr || b->attr ? a->attr != b->attr : !text_same_nocase(a->type, b->type))
        return false;
    return text_compare(a->value, b->value) == 0;
}

bool dn_below(const struct dn *dn, const struct dn *base, uint32_t *above)
{
    if (dn->n < base->n)
        return false;
    *above = dn->n - base->n;
    for (uint32_t i = base->n; i > 0; i--)
        if (!rdn_same(&dn->rdns[*above + i - 1], &base->rdns[i - 1]))
            return false;
    return true;
}

static bool needs_escape(struct ctr_str s, size_t i)
{
    switch (s.ptr[i]) {
    case ' ':
        return i == 0 || i == s.len - 1;
    case '#':
        return i == 0;
    case '"':
    case '+':
    case ',':
    case ';':
    case '<':
    case '>':
    case '\\':
    case '=':
        return true;
    default:
        return false;
    }
}

/* What most ids and names are made of; never escaped. */
static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t count_alnum(struct ctr_str s)
{
    size_t n = 0;

    while (n < s.len && is_alnum(s.ptr[n]))
        n++;
    return n;
}

/* From byte `from` on, the first that may need an escape. */
static void put_escaped(struct ber_out *out, struct ctr_str value, size_t from)
{
    static const char digits[] = "0123456789abcdef";
    bool utf8 = true, known = false;

    for (size_t i = from; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool hex;

        if (c >= 0x80 && !known) {
            utf8 = text_is_utf8(value);
            known = true;
        }
        hex = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8);
        if (!hex && !needs_escape(value, i))
            continue;
        ber_put(out, value.ptr + from, i - from);
        ber_put(out, (const char[]){'\\', digits[c >> 4], digits[c & 15]}, hex ? 3 : 1);
        from = hex ? i + 1 : i;
    }
    ber_put(out, value.ptr + from, value.len - from);
}

void dn_put_value(struct ber_out *out, struct ctr_str value)
{
    size_t n = count_alnum(value);

    ber_put(out, value.ptr, n);
    if (n < value.len)
        put_escaped(out, value, n);
}
