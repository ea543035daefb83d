/* format.c - writing numbers as a client wants them. */
#include <stdio.h>
#include <string.h>

#include "number/numbering.h"

static size_t put(char *out, size_t cap, const char *a, const char *b, const char *c,
                  struct ctr_str digits)
{
    int len = snprintf(out, cap, "%s%s%s" STR_FMT, a, b, c, STR_ARG(digits));

    if (len >= 0 && (size_t)len < cap)
        return (size_t)len;
    out[0] = '\0';
    return 0;
}

static size_t put_text(char *out, size_t cap, struct ctr_str text)
{
    size_t len = text.len < cap ? (size_t)text.len : 0;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
    return len;
}

static struct ctr_str behind(struct ctr_str digits, size_t n)
{
    return str_make(digits.ptr + n, digits.len - n);
}

/* The extension digits of one of the own numbers; empty: it is none. */
static struct ctr_str own_extension(const struct dialplan *plan, struct ctr_str digits)
{
    size_t len = strlen(plan->main_number);

    if (len == 0 || digits.len <= len || digits.len > len + plan->extension_length ||
        memcmp(digits.ptr, plan->main_number, len) != 0)
        return str_make(NULL, 0);
    return behind(digits, len);
}

/* The bytes of the plan's own calling code at the front, 0: a number from abroad. */
static size_t own_code(const struct dialplan *plan, struct ctr_str digits)
{
    size_t len;

    if (!plan->calling_code || numbering_calling_code(digits.ptr, (size_t)digits.len,
                                                      &len) != plan->calling_code)
        return 0;
    return len;
}

static size_t format_national(const struct dialplan *plan, struct ctr_str digits,
                              char *out, size_t cap)
{
    size_t code = own_code(plan, digits);

    if (code == 0)
        return put(out, cap, "+", "", "", digits);
    return put(out, cap, plan->national_prefix, "", "", behind(digits, code));
}

static size_t format_dialable(const struct dialplan *plan, struct ctr_str digits,
                              char *out, size_t cap)
{
    struct ctr_str extension = own_extension(plan, digits);
    size_t code = own_code(plan, digits);

    if (extension.len > 0)
        return put_text(out, cap, extension);
    if (!plan->country[0])
        return put(out, cap, "+", "", "", digits);
    if (code == 0)
        return put(out, cap, plan->outside_line, plan->international_prefix, "", digits);
    return put(out, cap, plan->outside_line, plan->national_prefix, "",
               behind(digits, code));
}

/* Records come from disk: what is no number is never dialled. */
static bool is_e164(struct ctr_str digits)
{
    if (digits.len == 0 || digits.len > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
    }
    return true;
}

size_t number_format(const struct dialplan *plan, enum number_format format,
                     struct ctr_str e164_digits, struct ctr_str stored,
                     struct ctr_str asked, char *out, size_t cap)
{
    if (cap == 0)
        return 0;
    if (format == NUMBER_FORMAT_ASKED && asked.ptr)
        return put_text(out, cap, asked);
    if (format == NUMBER_FORMAT_STORED || !is_e164(e164_digits))
        return put_text(out, cap, stored);
    switch (format) {
    case NUMBER_FORMAT_NATIONAL:
        return format_national(plan, e164_digits, out, cap);
    case NUMBER_FORMAT_DIALABLE:
        return format_dialable(plan, e164_digits, out, cap);
    default:
        return put(out, cap, "+", "", "", e164_digits);
    }
}
