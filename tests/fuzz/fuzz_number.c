/* fuzz_number.c - any bytes as a number, under several dial plans.
 *
 * Beyond not crashing: results are bounded and NUL-terminated, what is stored is found by
 * asking for the same text, and E.164 read again is itself. */
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "number/number.h"
#include "number/numbering.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dialplan_options plan_options[] = {
    {.country = "DE",
     .area_code = "89",
     .main_number = "+49 89 840798-0",
     .extension_length = 3},
    {.country = "DE",
     .area_code = "89",
     .main_number = "+49 89 840798",
     .extension_length = 3,
     .outside_line = "0",
     .outside_line_set = true},
    {.country = "IT", .area_code = "02"},
    {.country = "US"},
    {.country = NULL},
};
enum { PLANS = sizeof(plan_options) / sizeof(plan_options[0]) };

static struct dialplan plans[PLANS];

static void init_once(void)
{
    static bool done;
    const char *option;
    char error[128];

    if (done)
        return;
    done = true;
    ensure(number_global_init() == 0);
    for (int i = 0; i < PLANS; i++)
        ensure(dialplan_init(&plans[i], &plan_options[i], &option, error,
                             sizeof(error)) == 0);
}

static void check(const struct number *number)
{
    ensure(number->class == NUMBER_E164 || number->class == NUMBER_LOCAL);
    ensure(number->note > 0 && number->note < NUMBER_NOTE_COUNT);
    ensure(number->len <= NUMBER_DIGITS_MAX && strlen(number->digits) == number->len);
    ensure(number->trunk_len < number->len || number->len == 0);
    for (uint8_t i = 0; i < number->len; i++) {
        char c = number->digits[i];
        ensure((c >= '0' && c <= '9') ||
               (number->class == NUMBER_LOCAL && (c == '*' || c == '#')));
    }
}

static bool among(const struct number *number, const struct number *readings, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (readings[i].class == number->class &&
            strcmp(readings[i].digits, number->digits) == 0)
            return true;
    }
    return false;
}

static void format_all(const struct dialplan *plan, const struct number *number,
                       struct ctr_str text)
{
    char out[64];

    for (int f = NUMBER_FORMAT_E164; f <= NUMBER_FORMAT_ASKED; f++) {
        size_t n = number_format(plan, (enum number_format)f,
                                 str_make(number->digits, number->len), text,
                                 str_make(NULL, 0), out, sizeof(out));
        ensure(n < sizeof(out) && out[n] == '\0');
    }
}

/* What is written as E.164 is read as the same number; unless it still begins like a
 * national prefix, of which the library takes one off each time. */
static void read_again(const struct dialplan *plan, const struct number *number)
{
    char out[NUMBER_DIGITS_MAX + 2];
    struct number again;
    size_t code = 0, n;

    if (numbering_calling_code(number->digits, number->len, &code) == 0 ||
        strchr("018", number->digits[code]))
        return;
    n = number_format(plan, NUMBER_FORMAT_E164, str_make(number->digits, number->len),
                      str_make(NULL, 0), str_make(NULL, 0), out, sizeof(out));

    number_parse(plan, str_make(out, n), &again);
    if (number->note == NUMBER_NOTE_INTERNATIONAL || number->note == NUMBER_NOTE_NATIONAL)
        ensure(strcmp(again.digits, number->digits) == 0);
}

static void fuzz_plan(const struct dialplan *plan, struct ctr_str text)
{
    struct number stored, readings[NUMBER_READINGS_MAX];
    char digits[NUMBER_DIGITS_MAX + 1];
    unsigned n;
    size_t len;

    number_parse(plan, text, &stored);
    n = number_readings(plan, text, readings);
    ensure(n <= NUMBER_READINGS_MAX);
    ensure((n == 0) == (stored.class == NUMBER_NONE));
    for (unsigned i = 0; i < n; i++)
        check(&readings[i]);
    if (n > 0) {
        check(&stored);
        ensure(among(&stored, readings, 1));
        format_all(plan, &stored, text);
        if (stored.class == NUMBER_E164)
            read_again(plan, &stored);
    }
    n = number_prefix_readings(plan, text, readings);
    ensure(n <= NUMBER_READINGS_MAX);
    for (unsigned i = 0; i < n; i++)
        check(&readings[i]);
    len = number_piece_digits(text, digits);
    ensure(len == SIZE_MAX || strlen(digits) == len);
    number_is_short(plan, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of its own size: reading past the end is seen. */
    char *text = malloc(size ? size : 1);

    ensure(text);
    if (size)
        memcpy(text, data, size);
    init_once();
    for (int i = 0; i < PLANS; i++)
        fuzz_plan(&plans[i], str_make(text, size));
    free(text);
    return 0;
}
