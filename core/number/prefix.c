/* prefix.c - pieces of a number: what every match of "08984*" begins with, and the digits
 * of "*840798*". */
#include <stdio.h>
#include <string.h>

#include "number/collect.h"

enum { LOCAL_MAX = 7 /* longest number that is dialled as it is */ };

struct piece {
    bool plus;
    bool feature; /* holds * or # */
    size_t n;
    char digits[NUMBER_DIGITS_MAX + 1];
};

static bool is_gap(char c)
{
    return strchr(" -/.()[]", c) != NULL;
}

static bool at_paren_zero(const char *s, size_t n, size_t i)
{
    return n - i >= 3 && memcmp(s + i, "(0)", 3) == 0;
}

/* keep_zero: a leading "(0)" is a national prefix; behind digits it never is. returns
 * false: no part of a number */
static bool read_piece(struct ctr_str text, bool keep_zero, struct piece *out)
{
    char s[NUMBER_TEXT_MAX];
    size_t n, i;

    *out = (struct piece){0};
    if (text.len > NUMBER_TEXT_MAX)
        return false;
    n = scan_normalise(text, s);
    for (i = scan_scheme(s, n); i < n; i++) {
        if (at_paren_zero(s, n, i) && (out->n > 0 || out->plus || !keep_zero)) {
            i += 2;
        } else if ((s[i] >= '0' && s[i] <= '9') || s[i] == '*' || s[i] == '#') {
            if (out->n == NUMBER_DIGITS_MAX)
                return false;
            out->feature |= s[i] == '*' || s[i] == '#';
            out->digits[out->n++] = s[i];
        } else if (s[i] == '+' && out->n == 0 && !out->plus) {
            out->plus = true;
        } else if (!s[i] || !is_gap(s[i])) {
            return false;
        }
    }
    out->digits[out->n] = '\0';
    return true;
}

size_t number_piece_digits(struct ctr_str text, char out[NUMBER_DIGITS_MAX + 1])
{
    struct piece piece;

    out[0] = '\0';
    if (!read_piece(text, false, &piece) || piece.feature)
        return SIZE_MAX;
    memcpy(out, piece.digits, piece.n + 1);
    return piece.n;
}

/* Behind a plus or an international prefix; a national prefix that slipped in goes. */
static void prefix_international(struct collect *c, const char *digits, size_t n)
{
    char fixed[NUMBER_DIGITS_MAX + 1];
    size_t len;
    uint32_t code = numbering_calling_code(digits, n, &len);

    if (n > 0 && digits[0] == '0') /* no calling code begins so */
        return;
    memcpy(fixed, digits, n);
    if (code && n > len && digits[len] == '0' && numbering_strips_zero(code)) {
        memmove(fixed + len, fixed + len + 1, n - len - 1);
        n--;
    }
    collect_add_joined(c, "", fixed, n, NUMBER_NOTE_INTERNATIONAL);
}

static void prefix_bare(struct collect *c, const char *digits, size_t n)
{
    enum { CODE_SURE_DIGITS = 5 };
    const struct dialplan *plan = c->plan;
    char head[16];
    size_t len;
    bool own = numbering_calling_code(digits, n, &len) == plan->calling_code;
    bool sure = own && plan->calling_code && n >= CODE_SURE_DIGITS;

    if (sure)
        collect_add_joined(c, "", digits, n, NUMBER_NOTE_MISSING_PLUS);
    if (plan->main_number[0] && n <= plan->extension_length)
        collect_add_joined(c, plan->main_number, digits, n, NUMBER_NOTE_EXTENSION);
    if (plan->area_code[0]) {
        snprintf(head, sizeof(head), "%u%s", plan->calling_code, plan->area_code);
        collect_add_joined(c, head, digits, n, NUMBER_NOTE_LOCAL_AREA);
    }
    if (plan->country[0] && numbering_is_bare(plan)) {
        snprintf(head, sizeof(head), "%u", plan->calling_code);
        collect_add_joined(c, head, digits, n, NUMBER_NOTE_NATIONAL_BARE);
    }
    if (!sure)
        collect_add_joined(c, "", digits, n, NUMBER_NOTE_MISSING_PLUS);
    if (n <= LOCAL_MAX)
        collect_add_local(c, digits, n, NUMBER_NOTE_EXTENSION);
}

/* Starts with the prefix, which may be all there is of it. */
static bool begins(const char *prefix, const char *digits, size_t n)
{
    size_t len = strlen(prefix);

    return len > 0 && n >= len && memcmp(digits, prefix, len) == 0;
}

static void prefix_dialled(struct collect *c, const char *digits, size_t n)
{
    const struct dialplan *plan = c->plan;
    char head[16];

    if (begins(plan->international_prefix, digits, n)) {
        size_t len = strlen(plan->international_prefix);
        prefix_international(c, digits + len, n - len);
    } else if (begins(plan->national_prefix, digits, n)) {
        size_t len = strlen(plan->national_prefix);
        snprintf(head, sizeof(head), "%u", plan->calling_code);
        collect_add_joined(c, head, digits + len, n - len, NUMBER_NOTE_NATIONAL);
        if (plan->main_number[0] && n <= plan->extension_length)
            collect_add_joined(c, plan->main_number, digits, n, NUMBER_NOTE_EXTENSION);
        if (n <= LOCAL_MAX)
            collect_add_local(c, digits, n, NUMBER_NOTE_EXTENSION);
    } else {
        prefix_bare(c, digits, n);
    }
}

static void prefix_outside(struct collect *c, const char *digits, size_t n)
{
    size_t line = strlen(c->plan->outside_line);
    unsigned before;

    prefix_dialled(c, digits, n);
    if (!begins(c->plan->outside_line, digits, n) || n == line)
        return;
    before = c->n;
    prefix_dialled(c, digits + line, n - line);
    for (; before < c->n; before++)
        c->out[before].note = NUMBER_NOTE_OUTSIDE_LINE;
}

unsigned number_prefix_readings(const struct dialplan *plan, struct ctr_str text,
                                struct number out[NUMBER_READINGS_MAX])
{
    const struct scan none = {0};
    struct collect c = {
        .plan = plan, .scan = &none, .out = out, .max = NUMBER_READINGS_MAX};
    struct piece piece;

    if (text.len > 0 && text.ptr[text.len - 1] == '*')
        text.len--;
    if (!read_piece(text, true, &piece) || (piece.n == 0 && !piece.plus))
        return 0;
    if (piece.feature)
        collect_add_local(&c, piece.digits, piece.n, NUMBER_NOTE_FEATURE);
    else if (piece.plus)
        prefix_international(&c, piece.digits, piece.n);
    else
        prefix_outside(&c, piece.digits, piece.n);
    return c.n;
}
