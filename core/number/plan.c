/* plan.c - dial plans: what an administrator wrote, checked, and defaults by country. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "contactor/error.h"
#include "number/numbering.h"

enum { EXTENSION_LENGTH_MAX = 8 };

/* Where abroad is not dialled with 00. */
static const struct {
    char prefix[6];
    const char *countries;
} international_prefixes[] = {
    {"0011", "AU CC CX"},
    {"001", "GY HK KH MN SG TH"},
    {"008", "ID"},
    {"009", "NG"},
    {"010", "JP"},
    {"002", "KR TW"},
    {"000", "KE TZ UG"},
    {"119", "CU"},
    {"810", "BY KZ RU TJ TM UZ"},
};

static const char *default_international_prefix(const struct dialplan *plan)
{
    if (plan->calling_code == 1)
        return "011";
    for (size_t i = 0;
         i < sizeof(international_prefixes) / sizeof(*international_prefixes); i++) {
        if (strstr(international_prefixes[i].countries, plan->country))
            return international_prefixes[i].prefix;
    }
    return "00";
}

void dialplan_neutral(struct dialplan *plan)
{
    *plan = (struct dialplan){.international_prefix = "00"};
}

bool dialplan_same(const struct dialplan *a, const struct dialplan *b)
{
    return strcmp(a->country, b->country) == 0 && a->calling_code == b->calling_code &&
           strcmp(a->area_code, b->area_code) == 0 &&
           strcmp(a->main_number, b->main_number) == 0 &&
           a->extension_length == b->extension_length &&
           strcmp(a->outside_line, b->outside_line) == 0 &&
           strcmp(a->international_prefix, b->international_prefix) == 0 &&
           strcmp(a->national_prefix, b->national_prefix) == 0;
}

/* Where a refusal goes. */
struct refusal {
    const char **option;
    char *error;
    size_t cap;
};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct refusal *r, const char *option, const char *fmt, ...)
{
    va_list ap;

    *r->option = option;
    va_start(ap, fmt);
    vsnprintf(r->error, r->cap, fmt, ap);
    va_end(ap);
    return -CTR_ECONF;
}

static bool is_set(const char *z)
{
    return z && *z;
}

/* An option that is digits and nothing else. NULL leaves the default. */
static int take_digits(const struct refusal *r, const char *option, const char *z,
                       char *out, size_t cap)
{
    if (!z)
        return 0;
    if (z[strspn(z, "0123456789")] || strlen(z) >= cap)
        return refuse(r, option, "%s must be at most %zu digits, not \"%.40s\"", option,
                      cap - 1, z);
    memcpy(out, z, strlen(z) + 1);
    return 0;
}

static int take_country(const struct refusal *r, struct dialplan *plan, const char *z)
{
    if (strlen(z) != 2)
        return refuse(r, "country",
                      "country must be the two letters of ISO 3166, like \"DE\", not "
                      "\"%.40s\"",
                      z);
    for (int i = 0; i < 2; i++)
        plan->country[i] = z[i] >= 'a' && z[i] <= 'z' ? (char)(z[i] - 0x20) : z[i];
    if (!numbering_country(plan))
        return refuse(r, "country", "there is no country \"%s\"", z);
    snprintf(plan->international_prefix, sizeof(plan->international_prefix), "%s",
             default_international_prefix(plan));
    return 0;
}

/* "089" is the area code 89 written with its national prefix. */
static int take_area_code(const struct refusal *r, struct dialplan *plan, const char *z)
{
    size_t prefix = strlen(plan->national_prefix);

    if (!is_set(z))
        return 0;
    if (prefix > 0 && plan->calling_code != 1 && strlen(z) > prefix &&
        strncmp(z, plan->national_prefix, prefix) == 0)
        z += prefix;
    return take_digits(r, "area_code", z, plan->area_code, sizeof(plan->area_code));
}

/* The switchboard's own extension, as in "840798-0", is not part of the main number. */
static struct ctr_str without_switchboard(const char *z)
{
    size_t n = strlen(z), at;

    while (n > 0 && z[n - 1] == ' ')
        n--;
    at = n;
    if (at == 0 || z[--at] != '0')
        return str_make(z, n);
    while (at > 0 && z[at - 1] == ' ')
        at--;
    return str_make(z, at > 0 && z[at - 1] == '-' ? at - 1 : n);
}

static int take_main_number(const struct refusal *r, struct dialplan *plan, const char *z)
{
    struct number number;

    if (!is_set(z))
        return 0;
    number_parse(plan, without_switchboard(z), &number);
    if (number.class != NUMBER_E164 || number.note == NUMBER_NOTE_IMPOSSIBLE ||
        (number.note == NUMBER_NOTE_NATIONAL_BARE && !numbering_is_bare(plan)))
        return refuse(r, "main_number",
                      "main_number must be a full number, like \"+49 89 840798\", not "
                      "\"%.40s\"",
                      z);
    memcpy(plan->main_number, number.digits, number.len + 1u);
    return 0;
}

static int take_extension_length(const struct refusal *r, struct dialplan *plan,
                                 int length)
{
    if (length < 0 || length > EXTENSION_LENGTH_MAX)
        return refuse(r, "extension_length", "extension_length must be 0 to %d, not %d",
                      EXTENSION_LENGTH_MAX, length);
    if (strlen(plan->main_number) + (size_t)length > NUMBER_DIGITS_MAX)
        return refuse(r, "extension_length",
                      "main_number and extension together must be at most %d digits",
                      NUMBER_DIGITS_MAX);
    plan->extension_length = (uint8_t)length;
    return 0;
}

/* Only with a country do the other options mean anything. */
static int check_neutral(const struct refusal *r, const struct dialplan_options *o)
{
    if (is_set(o->area_code) || is_set(o->main_number) || is_set(o->national_prefix) ||
        is_set(o->international_prefix) || is_set(o->outside_line) ||
        o->extension_length != 0)
        return refuse(r, "country", "a dial plan needs a country, like country = \"DE\"");
    return 0;
}

int dialplan_init(struct dialplan *plan, const struct dialplan_options *options,
                  const char **bad_option, char *error, size_t cap)
{
    const struct refusal r = {bad_option, error, cap};
    int err;

    dialplan_neutral(plan);
    if (!is_set(options->country))
        return check_neutral(&r, options);
    err = take_country(&r, plan, options->country);
    if (!err)
        err = take_digits(&r, "international_prefix", options->international_prefix,
                          plan->international_prefix, sizeof(plan->international_prefix));
    if (!err)
        err = take_digits(&r, "national_prefix", options->national_prefix,
                          plan->national_prefix, sizeof(plan->national_prefix));
    if (!err)
        err = take_area_code(&r, plan, options->area_code);
    if (!err) /* before the outside line, which nobody writes there */
        err = take_main_number(&r, plan, options->main_number);
    if (!err && options->outside_line_set)
        err = take_digits(&r, "outside_line", options->outside_line, plan->outside_line,
                          sizeof(plan->outside_line));
    if (!err)
        err = take_extension_length(&r, plan, options->extension_length);
    return err;
}
