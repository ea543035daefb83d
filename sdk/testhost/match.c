/* match.c - brute-force evaluation of a filter on one contact: ASCII case only, German
 * numbers only. Right enough to test a protocol; the daemon's search is the real one. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"

enum { F = CTR_OP_FALSE, T = CTR_OP_TRUE, U = CTR_OP_UNDEFINED };

/* A value as it is compared. */
struct norm {
    char *s;
    size_t n;
};

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t match_number(struct ctr_str in, char *out)
{
    size_t n = 0, i = 0;
    bool whole;

    if (in.len >= 4 && memcmp(in.ptr, "tel:", 4) == 0)
        i = 4;
    whole = i < in.len && in.ptr[i] == '0';
    for (; i < in.len && in.ptr[i] != ';'; i++) {
        if (in.len - i >= 3 && memcmp(in.ptr + i, "(0)", 3) == 0)
            i += 2;
        else if (is_digit(in.ptr[i]))
            out[n++] = in.ptr[i];
    }
    if (whole && n > 2 && out[1] == '0') {
        memmove(out, out + 2, n -= 2);
    } else if (whole && n > 1) {
        memmove(out + 2, out + 1, n - 1);
        memcpy(out, "49", 2);
        n++;
    }
    return n;
}

static struct norm normalise(struct ctr_str in, bool phone)
{
    struct norm v = {malloc((size_t)in.len + 2), 0};

    if (!v.s)
        abort();
    if (phone) {
        v.n = match_number(in, v.s);
        return v;
    }
    for (v.n = 0; v.n < in.len; v.n++)
        v.s[v.n] = (char)tolower((unsigned char)in.ptr[v.n]);
    return v;
}

static int compare(struct norm a, struct norm b)
{
    int c = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool substrings(const struct ctr_filter *f, struct norm have, bool phone)
{
    size_t at = 0, end = have.n;
    bool good = true;

    for (uint32_t i = 0; i < f->n_values && good; i++) {
        struct norm want = normalise(f->values[i], phone);
        const char *hit;

        if (i == f->n_values - 1 && want.n) {
            good = want.n <= end - at && !memcmp(have.s + end - want.n, want.s, want.n);
        } else if (i == 0 && want.n) {
            good = want.n <= end && memcmp(have.s, want.s, want.n) == 0;
            at = want.n;
        } else if (want.n) {
            hit = memmem(have.s + at, end - at, want.s, want.n);
            good = hit != NULL;
            at = hit ? (size_t)(hit - have.s) + want.n : at;
        }
        free(want.s);
    }
    return good;
}

static int leaf_value(const struct ctr_filter *f, struct ctr_str value, bool phone)
{
    struct norm have = normalise(value, phone), want = {NULL, 0};
    int r = F;

    if (f->op == CTR_OP_SUBSTR) {
        r = substrings(f, have, phone);
    } else {
        want = normalise(f->values[0], phone);
        if (phone && want.n == 0)
            r = U;
        else if (f->op == CTR_OP_EQUAL)
            r = compare(have, want) == 0;
        else if (f->op == CTR_OP_GE)
            r = compare(have, want) >= 0;
        else
            r = compare(have, want) <= 0;
    }
    free(want.s);
    free(have.s);
    return r;
}

static bool asked(const struct ctr_filter *f, const struct ctr_field *field)
{
    if (!(f->kinds & CTR_KIND(field->kind)))
        return false;
    return field->kind != CTR_FIELD_CUSTOM || f->name.len == 0 ||
           (f->name.len == field->name.len &&
            memcmp(f->name.ptr, field->name.ptr, (size_t)f->name.len) == 0);
}

/* A word of the contact begins with the word. */
static bool word_found(const struct ctr_filter *f, const struct ctr_contact *c,
                       const char *word, size_t n)
{
    for (uint32_t i = 0; i < c->n_fields; i++) {
        struct ctr_str v = c->fields[i].value;

        for (uint64_t k = 0; asked(f, &c->fields[i]) && k + n <= v.len; k++)
            if ((k == 0 || v.ptr[k - 1] == ' ') && !strncasecmp(v.ptr + k, word, n))
                return true;
    }
    return false;
}

static int words(const struct ctr_filter *f, const struct ctr_contact *c)
{
    struct ctr_str v = f->values[0];
    int r = F;

    for (uint64_t i = 0, n; i < v.len; i += n) {
        while (i < v.len && v.ptr[i] == ' ')
            i++;
        for (n = 0; i + n < v.len && v.ptr[i + n] != ' ';)
            n++;
        if (n && !word_found(f, c, v.ptr + i, (size_t)n))
            return F;
        r = n ? T : r;
    }
    return r;
}

static int leaf(const struct ctr_filter *f, const struct ctr_contact *c)
{
    int r = F, one;

    if (f->op == CTR_OP_APPROX || f->op == CTR_OP_WORDS)
        return words(f, c);
    if (f->kinds & CTR_KIND(CTR_FIELD_ID)) {
        if (f->op == CTR_OP_PRESENT)
            return T;
        if (f->op == CTR_OP_EQUAL && f->values[0].len == c->id.len &&
            memcmp(f->values[0].ptr, c->id.ptr, (size_t)c->id.len) == 0)
            return T;
        if (f->op == CTR_OP_SUBSTR && leaf_value(f, c->id, false) == T)
            return T;
    }
    for (uint32_t i = 0; i < c->n_fields && r != T; i++) {
        if (!asked(f, &c->fields[i]))
            continue;
        if (f->op == CTR_OP_PRESENT)
            return T;
        one = leaf_value(f, c->fields[i].value,
                         (CTR_KIND(c->fields[i].kind) & CTR_KINDS_PHONE) != 0);
        r = one == F ? r : one;
    }
    return r;
}

int match(const struct ctr_filter *f, const struct ctr_contact *c)
{
    int r = f->op == CTR_OP_AND ? T : F;

    switch (f->op) {
    case CTR_OP_FALSE:
    case CTR_OP_TRUE:
    case CTR_OP_UNDEFINED:
        return (int)f->op;
    case CTR_OP_NOT:
        r = match(f->children[0], c);
        return r == U ? U : !r;
    case CTR_OP_AND:
    case CTR_OP_OR:
        for (uint32_t i = 0; i < f->n_children; i++) {
            int one = match(f->children[i], c);

            if (one == (f->op == CTR_OP_AND ? F : T))
                return one;
            r = one == U ? U : r;
        }
        return r;
    default:
        return leaf(f, c);
    }
}

const struct ctr_str *match_sort_value(const struct ctr_contact *c, uint64_t kinds)
{
    const struct ctr_str *best = NULL;

    for (uint32_t i = 0; i < c->n_fields; i++)
        if ((kinds & CTR_KIND(c->fields[i].kind)) &&
            (!best || match_text(c->fields[i].value, *best) < 0))
            best = &c->fields[i].value;
    return best;
}

int match_text(struct ctr_str a, struct ctr_str b)
{
    int c = strncasecmp(a.ptr, b.ptr, (size_t)(a.len < b.len ? a.len : b.len));

    return c ? c : (a.len > b.len) - (a.len < b.len);
}
