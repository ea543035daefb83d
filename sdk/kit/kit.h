/* kit.h - small helpers compiled into a plugin: formatted reasons, strings, contacts. Not
 * part of the ABI; a plugin carries its own copy. */
#ifndef CONTACTOR_KIT_H
#define CONTACTOR_KIT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contactor/plugin.h>

#define KIT_LINE_MAX 2048

/* Any text as one value of a line of the log, in quotes and escaped as logfmt reads it:
 * kit_log(host, level, "read failed reason=%s", kit_quoted(text)). It lives as long as
 * the block it is made in; a long one is cut and ends with "...". */
struct kit_value {
    char text[1024];
};
#define kit_quoted(z) kit_quote(&(struct kit_value){.text = ""}, z)

__attribute__((unused)) static const char *kit_quote(struct kit_value *value,
                                                     const char *z)
{
    const unsigned char *u = (const unsigned char *)(z ? z : "");
    char *out = value->text, *begun = out, *const end = out + sizeof(value->text) - 12;

    for (*out++ = '"'; *u && out < end; u++) {
        int c1 = u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f;

        if ((*u & 0xc0) != 0x80)
            begun = out;
        if (*u == '\n' || *u == '\r' || *u == '\t')
            out += sprintf(out, *u == '\n' ? "\\n" : *u == '\r' ? "\\r" : "\\t");
        else if (*u < 0x20 || *u == 0x7f || c1)
            out += sprintf(out, "\\u%04x", c1 ? *++u : *u);
        else
            out += sprintf(out, *u == '"' || *u == '\\' ? "\\%c" : "%c", *u);
    }
    if (*u) /* cut, and not in the middle of a character */
        out = begun + sprintf(begun, "...");
    memcpy(out, "\"", 2);
    return value->text;
}

__attribute__((unused, format(printf, 3, 4))) static void
kit_log(const struct ctr_host *host, uint32_t level, const char *fmt, ...)
{
    char line[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host->log(host, level, line);
}

/* Gives the reason and returns the code: `return kit_fail(host, -CTR_EIO, "...")`. */
__attribute__((unused, format(printf, 3, 4))) static int32_t
kit_fail(const struct ctr_host *host, int32_t code, const char *fmt, ...)
{
    char line[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host->fail(host, line);
    return code;
}

/* Whether a running test should end, with -CTR_ECANCELED; never with a host before ABI
 * 1.2. */
__attribute__((unused)) static int32_t kit_test_canceled(const struct ctr_host *host,
                                                         struct ctr_test *test)
{
    return CTR_HOST_HAS(host, test_canceled) ? host->test_canceled(host, test) : 0;
}

/* A row that could not be used; where it stands as a format: "line %u". */
__attribute__((unused, format(printf, 4, 5))) static void
kit_reject(const struct ctr_host *host, struct ctr_sync *sync, const char *reason,
           const char *fmt, ...)
{
    char where[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(where, sizeof(where), fmt, ap);
    va_end(ap);
    host->sync_reject(host, sync, where, reason);
}

static inline struct ctr_str kit_str(const char *z)
{
    struct ctr_str s = {z, z ? strlen(z) : 0};
    return s;
}

/* The kind of a field by its name in a configuration: CTR_FIELD_CUSTOM for x_NAME, 0:
 * there is none of this name. */
static inline uint32_t kit_kind(const char *name)
{
#define CTR_X(number, id, text)  \
    if (strcmp(name, text) == 0) \
        return number;
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
    return name[0] == 'x' && name[1] == '_' && name[2] ? CTR_FIELD_CUSTOM : 0;
}

/* For messages. */
static inline const char *kit_kind_name(uint32_t kind)
{
    switch (kind) {
#define CTR_X(number, id, text) \
    case number:                \
        return text;
        CTR_FIELD_MAP(CTR_X)
#undef CTR_X
    default:
        return "custom field";
    }
}

static inline struct ctr_contact kit_contact(struct ctr_str id,
                                             const struct ctr_field *fields, uint32_t n)
{
    struct ctr_contact c = {.size = sizeof(c), .id = id};

    c.fields = fields;
    c.n_fields = n;
    c.field_size = sizeof(*fields);
    return c;
}

/* What every descriptor says of its ABI, and of its tables. */
#define KIT_ABI                                                      \
    .size = sizeof(struct ctr_plugin), .abi_built = CTR_ABI_CURRENT, \
    .abi_needs = CTR_ABI(1, 0)
#define KIT_OPTIONS(table)                                               \
    .options = (table), .n_options = sizeof(table) / sizeof((table)[0]), \
    .option_size = sizeof((table)[0])
#define KIT_SCHEMES(table)                                               \
    .schemes = (table), .n_schemes = sizeof(table) / sizeof((table)[0]), \
    .scheme_size = sizeof((table)[0])

#endif
