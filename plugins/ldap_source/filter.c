/* filter.c - LDAP filters as text (RFC 4515).
 *
 * A question is translated into a filter that is true of at least as much: the host looks
 * at each hit again. Below a NOT it is the other way round, so there the translation must
 * be true of no more than the question. What cannot be said in one of the two ways
 * becomes true or false. */
#include "filter.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "spelling.h"

/* True and false as servers have understood them long before RFC 4526. */
#define TRUE_TEXT  "(objectClass=*)"
#define FALSE_TEXT "(!(objectClass=*))"

enum {
    DEPTH_MAX = CTR_FILTER_DEPTH_MAX,
    DIGITS_MIN = 4, /* fewer with anything in between match half the company */
    DIGITS_MAX = 15,
    WORDS_MAX = 16,
    VALUE_MAX = 4096
};

static void put(struct text_out *o, const char *ptr, size_t len)
{
    if (o->failed)
        return;
    if (o->n + len + 1 > o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 256;
        char *bigger;

        while (cap < o->n + len + 1)
            cap *= 2;
        bigger = cap <= FILTER_MAX ? realloc(o->ptr, cap) : NULL;
        if (!bigger) {
            o->failed = true;
            return;
        }
        o->ptr = bigger;
        o->cap = cap;
    }
    memcpy(o->ptr + o->n, ptr, len);
    o->n += len;
    o->ptr[o->n] = 0;
}

void text_put(struct text_out *o, const char *z)
{
    put(o, z, strlen(z));
}

void filter_escape(struct text_out *o, const char *ptr, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    put(o, "", 0);
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)ptr[i];
        char hex[3] = {'\\', digits[b >> 4], digits[b & 15]};

        if (isalnum(b) || b >= 0x80 || strchr(" +-./@_,:=#'", b ? b : '*'))
            put(o, ptr + i, 1);
        else
            put(o, hex, 3);
    }
}

const char *filter_check(const char *text)
{
    int depth = 0;
    size_t n = strlen(text);

    if (n > 16 * 1024)
        return "it is longer than 16 KiB";
    if (text[0] != '(' || text[n - 1] != ')')
        return "it stands in parentheses: \"(objectClass=person)\"";
    for (size_t i = 0; i < n; i++) {
        depth += text[i] == '(';
        depth -= text[i] == ')';
        if (depth == 0 && i + 1 < n)
            return "there is more behind its last parenthesis; several filters are a "
                   "list";
        if (text[i] == '(' && text[i + 1] == ')')
            return "there is nothing within a pair of parentheses";
    }
    return depth               ? "its parentheses do not match"
           : strchr(text, '=') ? NULL
                               : "it has no \"=\"";
}

/* --- leaves ---------------------------------------------------------------------------
 */

struct writer {
    struct text_out *o;
    const struct plan *plan;
    bool wildcards;
    enum spelling spelling; /* in which the present leaf is written */
};

static void piece(struct writer *w, struct ctr_str value)
{
    char text[VALUE_MAX + 1];

    if (value.len > VALUE_MAX)
        w->o->failed = true;
    else
        filter_escape(w->o, text,
                      spelling_write(w->spelling, value.ptr, value.len, text));
}

static void leaf(struct writer *w, const char *attribute, const char *before,
                 struct ctr_str value, const char *after)
{
    text_put(w->o, "(");
    text_put(w->o, attribute);
    text_put(w->o, "=");
    text_put(w->o, before);
    piece(w, value);
    text_put(w->o, after);
    text_put(w->o, ")");
}

static bool is_phone(uint64_t kinds)
{
    return (kinds & CTR_KINDS_PHONE) != 0 && (kinds & ~CTR_KINDS_PHONE) == 0;
}

static bool asks_about(const struct ctr_filter *f, const struct use *u)
{
    if (!(f->kinds & CTR_KIND(u->kind)) || u->kind == CTR_FIELD_PHOTO)
        return false;
    return u->kind != CTR_FIELD_CUSTOM || f->name.len == 0 ||
           (strlen(u->custom) == f->name.len &&
            memcmp(u->custom, f->name.ptr, f->name.len) == 0);
}

/* A number with anything between its digits: (telephoneNumber=*8*4*0*7*9*8*). */
static void scattered(struct writer *w, const char *attribute, struct ctr_str number)
{
    char digit[DIGITS_MAX];
    size_t n = 0;

    for (uint64_t i = number.len; i > 0 && n < DIGITS_MAX; i--)
        if (isdigit((unsigned char)number.ptr[i - 1]))
            digit[n++] = number.ptr[i - 1];
    while (n > 0 && digit[n - 1] == '0')
        n--; /* a trunk's zero is not stored where the country is */
    if (n < DIGITS_MIN)
        return;
    text_put(w->o, "(");
    text_put(w->o, attribute);
    text_put(w->o, "=*");
    while (n > 0) {
        put(w->o, &digit[--n], 1);
        text_put(w->o, "*");
    }
    text_put(w->o, ")");
}

static void equal(struct writer *w, const struct ctr_filter *f, const char *attribute)
{
    for (uint32_t i = 0; i < f->n_values; i++)
        if (f->values[i].len)
            leaf(w, attribute, "", f->values[i], "");
    if (is_phone(f->kinds) && w->wildcards && f->n_values)
        scattered(w, attribute, f->values[f->n_values > 2 ? 1 : 0]);
}

static void substr(struct writer *w, const struct ctr_filter *f, const char *attribute)
{
    text_put(w->o, "(");
    text_put(w->o, attribute);
    text_put(w->o, "=");
    for (uint32_t i = 0; i < f->n_values; i++) {
        bool inner = i > 0 && i + 1 < f->n_values;

        if (inner && f->values[i].len == 0)
            continue;
        if (i > 0 && w->o->n && w->o->ptr[w->o->n - 1] != '*')
            text_put(w->o, "*");
        piece(w, f->values[i]);
    }
    text_put(w->o, ")");
}

/* Calls for each attribute the leaf is about. */
static void each(struct writer *w, const struct ctr_filter *f,
                 void (*fn)(struct writer *, const struct ctr_filter *, const char *))
{
    const struct plan *p = w->plan;

    for (uint32_t i = 0; i < p->n_uses; i++)
        if (asks_about(f, &p->use[i]))
            fn(w, f, p->name[p->use[i].slot]);
    if ((f->kinds & CTR_KIND(CTR_FIELD_OWNER)) && p->owner < p->n_slots)
        fn(w, f, p->name[p->owner]);
}

static void present(struct writer *w, const struct ctr_filter *f, const char *attribute)
{
    (void)f;
    leaf(w, attribute, "*", (struct ctr_str){"", 0}, "");
}

/* --- the tree -------------------------------------------------------------------------
 */

static struct ctr_str next_word(struct ctr_str *rest)
{
    struct ctr_str w;

    while (rest->len && (uint8_t)rest->ptr[0] <= ' ') {
        rest->ptr++;
        rest->len--;
    }
    w = *rest;
    w.len = 0;
    while (rest->len && (uint8_t)rest->ptr[0] > ' ') {
        rest->ptr++;
        rest->len--;
        w.len++;
    }
    return w;
}

/* Every word begins some word of the attributes together; that it stands somewhere in
 * one is true of more, and all that a server can be asked. */
static void words(struct writer *w, const struct ctr_filter *f)
{
    struct ctr_str rest = f->values[0], one;

    text_put(w->o, "(&");
    for (uint32_t n = 0; n < WORDS_MAX && (one = next_word(&rest)).len > 0; n++) {
        const struct plan *p = w->plan;

        text_put(w->o, "(|");
        for (uint32_t i = 0; i < p->n_uses; i++)
            if (asks_about(f, &p->use[i]))
                leaf(w, p->name[p->use[i].slot], "*", one, "*");
        text_put(w->o, FALSE_TEXT ")");
    }
    text_put(w->o, TRUE_TEXT ")");
}

/* Ids of this source can be asked for where they are an attribute's text. Others are not
 * compared at the server: true above, false below a NOT. */
static void write_id(struct writer *w, const struct ctr_filter *f, bool upper)
{
    const struct plan *p = w->plan;

    if (p->n_ids == 1 && f->op == CTR_OP_EQUAL && f->n_values)
        leaf(w, p->name[p->id[0]], "", f->values[0], "");
    else
        text_put(w->o, upper ? TRUE_TEXT : FALSE_TEXT);
}

static bool has_spelling(const struct writer *w, const struct ctr_filter *f)
{
    if (is_phone(f->kinds) || f->op == CTR_OP_PRESENT)
        return false;
    for (uint32_t i = 0; i < f->n_values; i++)
        if (spelling_differs(w->spelling, f->values[i].ptr, f->values[i].len))
            return true;
    return false;
}

static void write_spelled(struct writer *w, const struct ctr_filter *f)
{
    if (f->op == CTR_OP_EQUAL)
        each(w, f, equal);
    else if (f->op == CTR_OP_SUBSTR)
        each(w, f, substr);
    else if (f->op == CTR_OP_WORDS || f->op == CTR_OP_APPROX)
        words(w, f);
    else
        each(w, f, present); /* also >= and <=: servers order attributes differently */
}

static void write_leaf(struct writer *w, const struct ctr_filter *f, bool upper)
{
    bool exact =
        f->op == CTR_OP_EQUAL || f->op == CTR_OP_SUBSTR || f->op == CTR_OP_PRESENT;

    if (f->op != CTR_OP_PRESENT && f->n_values == 0) {
        text_put(w->o, upper ? TRUE_TEXT : FALSE_TEXT);
        return;
    }
    text_put(w->o, "(|");
    if (f->kinds & CTR_KIND(CTR_FIELD_ID))
        write_id(w, f, upper);
    for (w->spelling = 0; (exact || upper) && w->spelling < SPELLINGS; w->spelling++)
        if (w->spelling == SPELLING_AS_IS || has_spelling(w, f))
            write_spelled(w, f);
    w->spelling = SPELLING_AS_IS;
    text_put(w->o, FALSE_TEXT ")");
}

static void write_node(struct writer *w, const struct ctr_filter *f, bool upper,
                       int depth)
{
    if (depth > DEPTH_MAX) {
        w->o->failed = true;
        return;
    }
    switch (f->op) {
    case CTR_OP_AND:
    case CTR_OP_OR:
        text_put(w->o, f->op == CTR_OP_AND ? "(&" TRUE_TEXT : "(|" FALSE_TEXT);
        for (uint32_t i = 0; i < f->n_children; i++)
            write_node(w, f->children[i], upper, depth + 1);
        text_put(w->o, ")");
        break;
    case CTR_OP_NOT:
        text_put(w->o, "(!");
        write_node(w, f->children[0], !upper, depth + 1);
        text_put(w->o, ")");
        break;
    case CTR_OP_TRUE:
        text_put(w->o, TRUE_TEXT);
        break;
    case CTR_OP_FALSE:
        text_put(w->o, FALSE_TEXT);
        break;
    case CTR_OP_UNDEFINED: /* never a hit, with or without a NOT */
        text_put(w->o, upper ? FALSE_TEXT : TRUE_TEXT);
        break;
    default:
        write_leaf(w, f, upper);
    }
}

/* Whether nobody can match, so that the server need not be asked. */
static bool is_none(const struct writer *w, const struct ctr_filter *f, int depth)
{
    const struct plan *p = w->plan;
    bool all = true;

    switch (f->op) {
    case CTR_OP_FALSE:
    case CTR_OP_UNDEFINED:
        return true;
    case CTR_OP_AND:
        for (uint32_t i = 0; i < f->n_children; i++)
            if (depth < DEPTH_MAX && is_none(w, f->children[i], depth + 1))
                return true;
        return false;
    case CTR_OP_OR:
        for (uint32_t i = 0; i < f->n_children; i++)
            all = all && depth < DEPTH_MAX && is_none(w, f->children[i], depth + 1);
        return all;
    case CTR_OP_TRUE:
    case CTR_OP_NOT:
        return false;
    default:
        if (f->kinds & (CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_OWNER)))
            return false;
        for (uint32_t i = 0; i < p->n_uses; i++)
            if (asks_about(f, &p->use[i]))
                return false;
        return true;
    }
}

int32_t filter_write(struct text_out *o, const struct plan *p, const struct ctr_filter *f,
                     bool wildcards, bool *none)
{
    struct writer w = {o, p, wildcards, SPELLING_AS_IS};

    *none = is_none(&w, f, 0);
    if (*none)
        return 0;
    text_put(o, "(&");
    text_put(o, p->filter);
    write_node(&w, f, true, 0);
    text_put(o, ")");
    return o->failed ? -CTR_ESIZE : 0;
}
