/* vcard_util.h - a contact as text, so that a test says all of it at once. */
#ifndef TESTS_VCARD_UTIL_H
#define TESTS_VCARD_UTIL_H

#include "contactor/plugin.h"
#include "tap.h"

static const char *field_name(uint32_t kind)
{
    switch (kind) {
#define CTR_X(number, name, text) \
    case number:                  \
        return text;
        CTR_FIELD_MAP(CTR_X)
#undef CTR_X
    default:
        return "?";
    }
}

/* "display_name=Anna Meier|phone_mobile=+49 171|x_badge=7|photo=160 bytes". */
static void contact_text(const struct ctr_contact *c, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 0; i < c->n_fields && n < cap; i++) {
        const struct ctr_field *f = &c->fields[i];
        const char *bar = i ? "|" : "";

        if (f->kind == CTR_FIELD_PHOTO)
            n += (size_t)snprintf(out + n, cap - n, "%sphoto=%llu bytes", bar,
                                  (unsigned long long)f->value.len);
        else if (f->kind == CTR_FIELD_CUSTOM)
            n +=
                (size_t)snprintf(out + n, cap - n, "%sx_%.*s=%.*s", bar, (int)f->name.len,
                                 f->name.ptr, (int)f->value.len, f->value.ptr);
        else
            n += (size_t)snprintf(out + n, cap - n, "%s%s=%.*s", bar, field_name(f->kind),
                                  (int)f->value.len, f->value.ptr);
    }
}

__attribute__((unused)) static void is_contact(const struct ctr_contact *c,
                                               const char *want, const char *what)
{
    char text[65536];

    contact_text(c, text, sizeof(text));
    is_str(text, want, "%s", what);
}

#endif
