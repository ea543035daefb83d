/* numbering.c - calling codes, national prefixes, lengths; fast path and library.
 *
 * The fast path is written after what libphonenumber does with digits: take the calling
 * code, take the national prefix of the code's main region off, judge the length. It
 * declines wherever the library's rules depend on more than that; the tests compare both
 * over generated numbers. */
#include <string.h>

#include "number/numbering.h"
#include "shim/phonenumber.h"

enum { CODE_END = 1000, CODE_DIGITS_MAX = 3 };

/* What may follow a calling code at once. */
enum trunk {
    TRUNK_ASK = 0,  /* the library decides everything */
    TRUNK_NONE,     /* every digit belongs to the number */
    TRUNK_ZERO,     /* a zero is the national prefix and is taken off */
    TRUNK_ASK_ZERO, /* a zero: the library decides; other digits belong to the number */
    TRUNK_ASK_ONE,  /* likewise a one */
    TRUNK_ASK_EIGHT
};

static const struct {
    enum trunk trunk;
    const char *codes;
} trunk_rules[] = {
    {TRUNK_NONE, "30 34 39 45 47 48 "
                 "351 356 357 371 372 376 420"},
    {TRUNK_ZERO, "31 32 33 40 41 43 44 46 49 "
                 "353 358 359 385 386 421"},
    {TRUNK_ASK_ZERO, "20 27 60 63 84 90 93 94 98 "
                     "213 218 233 243 249 251 355 373 374 377 380 381 382 383 387 389 "
                     "880 961 962 963 964 966 967 970 971 972 977 994 995 996"},
    {TRUNK_ASK_ONE, "1"},
    {TRUNK_ASK_EIGHT, "7"},
};

/* Written once by numbering_init, read by all threads afterwards. */
static struct {
    uint32_t
        lengths;   /* bit n: full national numbers may have n digits; 0: no such code */
    uint8_t trunk; /* enum trunk */
} codes[CODE_END];

static uint32_t read_code(const char **list)
{
    uint32_t code = 0;

    while (**list == ' ')
        (*list)++;
    for (; **list >= '0' && **list <= '9'; (*list)++)
        code = code * 10 + (uint32_t)(**list - '0');
    return code;
}

/* The digit the rule speaks of; NUL: there is no national prefix. */
static char trunk_digit(enum trunk trunk)
{
    switch (trunk) {
    case TRUNK_ZERO:
    case TRUNK_ASK_ZERO:
        return '0';
    case TRUNK_ASK_ONE:
        return '1';
    case TRUNK_ASK_EIGHT:
        return '8';
    default:
        return '\0';
    }
}

/* The library's data change over the years: a rule that no longer agrees with them about
 * the national prefix is not used. */
static bool rule_agrees(uint32_t code, enum trunk trunk)
{
    char region[3], prefix[8];

    if (!phonenumber_region(code, region))
        return false;
    phonenumber_national_prefix(region, prefix, sizeof(prefix));
    return prefix[0] == trunk_digit(trunk) && (!prefix[0] || !prefix[1]);
}

int numbering_init(void)
{
    int err = phonenumber_init();

    if (err)
        return err;
    for (uint32_t code = 1; code < CODE_END; code++)
        codes[code].lengths = phonenumber_lengths(code);
    for (size_t i = 0; i < sizeof(trunk_rules) / sizeof(trunk_rules[0]); i++) {
        const char *list = trunk_rules[i].codes;
        uint32_t code;

        while ((code = read_code(&list)) != 0) {
            if (rule_agrees(code, trunk_rules[i].trunk))
                codes[code].trunk = (uint8_t)trunk_rules[i].trunk;
        }
    }
    return 0;
}

uint32_t numbering_calling_code(const char *digits, size_t n, size_t *len)
{
    uint32_t code = 0;

    for (size_t i = 0; i < n && i < CODE_DIGITS_MAX; i++) {
        code = code * 10 + (uint32_t)(digits[i] - '0');
        if (code == 0)
            return 0;
        if (codes[code].lengths) {
            *len = i + 1;
            return code;
        }
    }
    return 0;
}

size_t numbering_code_digits(uint32_t calling_code)
{
    return calling_code < 10 ? 1 : calling_code < 100 ? 2 : 3;
}

bool numbering_possible(uint32_t calling_code, size_t national_digits)
{
    return calling_code < CODE_END && national_digits < 32 &&
           (codes[calling_code].lengths >> national_digits & 1);
}

bool numbering_strips_zero(uint32_t calling_code)
{
    return calling_code < CODE_END && codes[calling_code].trunk == TRUNK_ZERO;
}

bool numbering_is_bare(const struct dialplan *plan)
{
    return !plan->national_prefix[0] || plan->calling_code == 1;
}

static void put_code(struct numbering *out, uint32_t code)
{
    char reversed[CODE_DIGITS_MAX];
    uint8_t n = 0;

    out->calling_code = code;
    for (; code; code /= 10)
        reversed[n++] = (char)('0' + code % 10);
    out->len = 0;
    while (n)
        out->digits[out->len++] = reversed[--n];
}

/* Calling code and national number, when the length is one there is. */
static bool join(uint32_t code, const char *national, size_t n, struct numbering *out)
{
    if (!numbering_possible(code, n))
        return false;
    put_code(out, code);
    memcpy(out->digits + out->len, national, n);
    out->len = (uint8_t)(out->len + n);
    out->digits[out->len] = '\0';
    out->possible = true;
    out->valid = out->service = false;
    return true;
}

bool numbering_fast_international(const char *digits, size_t n, struct numbering *out)
{
    size_t len;
    uint32_t code = numbering_calling_code(digits, n, &len);
    enum trunk trunk = code ? (enum trunk)codes[code].trunk : TRUNK_ASK;

    if (trunk == TRUNK_ASK || len == n)
        return false;
    if (digits[len] == trunk_digit(trunk)) {
        if (trunk != TRUNK_ZERO)
            return false;
        len++;
    }
    return join(code, digits + len, n - len, out);
}

bool numbering_fast_national(const struct dialplan *plan, const char *digits, size_t n,
                             struct numbering *out)
{
    uint32_t code = plan->calling_code;
    size_t len;

    if (n < 3 || code >= CODE_END)
        return false;
    switch (codes[code].trunk) {
    case TRUNK_ZERO:
        if (digits[0] != '0' || digits[1] == '0' ||
            strcmp(plan->national_prefix, "0") != 0)
            return false;
        return join(code, digits + 1, n - 1, out);
    case TRUNK_NONE:
        /* One that begins like the calling code may have lost its plus. */
        if ((digits[0] == '0' && digits[1] == '0') || plan->national_prefix[0] ||
            numbering_calling_code(digits, n, &len) == code)
            return false;
        return join(code, digits, n, out);
    case TRUNK_ASK_ONE:
        /* The other regions of +1 have rules of their own for short dialling. */
        if (strcmp(plan->country, "US") != 0 && strcmp(plan->country, "CA") != 0)
            return false;
        if (digits[0] == '1' && strcmp(plan->national_prefix, "1") == 0) {
            digits++;
            n--;
        }
        return digits[0] >= '2' && join(code, digits, n, out);
    default:
        return false;
    }
}

bool numbering_local(const struct dialplan *plan, const char *digits, size_t n,
                     struct numbering *out)
{
    char national[NUMBER_DIGITS_MAX];
    size_t area = strlen(plan->area_code);

    if (area + n > sizeof(national))
        return false;
    memcpy(national, plan->area_code, area);
    memcpy(national + area, digits, n);
    return join(plan->calling_code, national, area + n, out);
}

bool numbering_check(const char *country, bool plus, const char *digits, size_t n,
                     struct numbering *out)
{
    struct phonenumber found;
    char text[NUMBER_TEXT_MAX + 1];

    if (n + plus >= sizeof(text))
        return false;
    text[0] = '+';
    memcpy(text + plus, digits, n);
    if (phonenumber_parse(country, text, n + plus, PHONENUMBER_CHECK, &found))
        return false;
    *out = (struct numbering){
        .calling_code = found.calling_code,
        .len = found.len,
        .possible = found.possible,
        .valid = found.valid,
        .service = found.service,
    };
    memcpy(out->digits, found.digits, found.len + 1u);
    return true;
}

bool numbering_country(struct dialplan *plan)
{
    plan->calling_code = phonenumber_calling_code(plan->country);
    phonenumber_national_prefix(plan->country, plan->national_prefix,
                                sizeof(plan->national_prefix));
    return plan->calling_code != 0;
}

bool numbering_international(const char *digits, size_t n, struct numbering *out)
{
    return numbering_fast_international(digits, n, out) ||
           numbering_check("", true, digits, n, out);
}

/* The administrator's own national prefix: the library does not know it. */
static bool behind_own_prefix(const struct dialplan *plan, const char *digits, size_t n,
                              struct numbering *out)
{
    char usual[8], text[NUMBER_DIGITS_MAX];
    size_t len = strlen(plan->national_prefix);

    phonenumber_national_prefix(plan->country, usual, sizeof(usual));
    if (len == 0 || n <= len || memcmp(digits, plan->national_prefix, len) != 0 ||
        strcmp(usual, plan->national_prefix) == 0)
        return false;
    put_code(out, plan->calling_code);
    if (out->len + n - len > sizeof(text))
        return false;
    memcpy(text, out->digits, out->len);
    memcpy(text + out->len, digits + len, n - len);
    return numbering_international(text, out->len + n - len, out);
}

bool numbering_national(const struct dialplan *plan, const char *digits, size_t n,
                        struct numbering *out)
{
    return numbering_fast_national(plan, digits, n, out) ||
           behind_own_prefix(plan, digits, n, out) ||
           numbering_check(plan->country, false, digits, n, out);
}
