/* test_number_prefix.c - pieces of numbers: what a prefix search looks for, and the
 * digits of a piece. */
#include "number/number.h"
#include "tap.h"

/* str_of takes NULL too, and gcc then doubts every %s of the same pointer. */
static struct ctr_str text_of(const char *z)
{
    return str_make(z, strlen(z));
}

static void make_plan(struct dialplan *plan, const char *country, const char *line)
{
    const bool german = strcmp(country, "DE") == 0;
    const struct dialplan_options options = {
        .country = *country ? country : NULL,
        .area_code = german ? "89" : NULL,
        .main_number = german ? "+49 89 840798" : NULL,
        .extension_length = german ? 3 : 0,
        .outside_line = line,
        .outside_line_set = line != NULL,
    };
    const char *option = "";
    char error[160] = "";

    if (dialplan_init(plan, &options, &option, error, sizeof(error))) {
        printf("Bail out! %s: %s\n", option, error);
        exit(EXIT_FAILURE);
    }
}

static void show(char *out, const struct number *numbers, unsigned n)
{
    *out = '\0';
    for (unsigned i = 0; i < n; i++) {
        strcat(out, i ? " " : "");
        strcat(out, numbers[i].class == NUMBER_E164 ? "+" : "");
        strcat(out, numbers[i].digits);
    }
}

/* want: "+..." are beginnings of E.164 digits, others of numbers kept as dialled. */
static void prefixes(void)
{
    static const struct {
        const char *country, *line, *text, *want;
    } rows[] = {
        {"DE", NULL, "+4989*", "+4989"},
        {"DE", NULL, "+49 89", "+4989"},
        {"DE", NULL, "+49 (0)89", "+4989"},
        {"DE", NULL, "+49 (0", "+49"},
        {"DE", NULL, "+49089", "+4989"},
        {"DE", NULL, "tel:+4989", "+4989"},
        {"DE", NULL, "%2B4989", "+4989"},
        {"DE", NULL, "0049 89", "+4989"},
        {"DE", NULL, "0049(0)89", "+4989"},
        {"DE", NULL, "08984*", "+498984 08984"},
        {"DE", NULL, "(089) 840798", "+4989840798"},
        {"DE", NULL, "(0)89 840798", "+4989840798"},
        {"DE", NULL, "19*", "+498984079819 +498919 +19 19"},
        {"DE", NULL, "192", "+4989840798192 +4989192 +192 192"},
        {"DE", NULL, "89", "+498984079889 +498989 +89 89"},
        {"DE", NULL, "840798", "+4989840798 +840798 840798"},
        {"DE", NULL, "49898", "+49898 +498949898 49898"},
        {"DE", NULL, "4989840798", "+4989840798 +49894989840798"},
        {"DE", NULL, "*21", "*21"},
        {"DE", NULL, "+", "+"},
        {"DE", NULL, "+4", "+4"},
        {"DE", NULL, "00", "+"},
        {"DE", NULL, "0", "+49 +49898407980 0"},
        {"DE", NULL, "", ""},
        {"DE", NULL, "*", ""},
        {"DE", NULL, "-", ""},
        {"DE", NULL, "mueller", ""},
        {"DE", NULL, "08a", ""},
        {"DE", NULL, "1234567890123456789012345", ""},
        {"DE", "0", "0089840", "+89840 +4989840 089840"},
        {"DE", "0", "000", "+"},
        {"US", NULL, "650253", "+1650253 +650253 650253"},
        {"US", NULL, "1650", "+1650 1650"},
        {"US", NULL, "01149", "+49"},
        {"IT", NULL, "06 698", "+3906698 +06698 06698"},
        {"", NULL, "+4989", "+4989"},
        {"", NULL, "4989", "+4989 4989"},
        {"", NULL, "0049", "+49"},
    };
    struct dialplan plan;
    struct number out[NUMBER_READINGS_MAX];
    char got[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_plan(&plan, rows[i].country, rows[i].line);
        show(got, out, number_prefix_readings(&plan, text_of(rows[i].text), out));
        is_str(got, rows[i].want, "\"%s\" in %s%s", rows[i].text,
               *rows[i].country ? rows[i].country : "no country",
               rows[i].line ? " behind an outside line" : "");
    }
}

/* want: NULL when it is no part of a number. */
static void pieces(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"840798192", "840798192"},
        {"84 07 98-192", "840798192"},
        {"+49 (0)89", "4989"},
        {"(0)89", "89"},
        {"tel:+4989", "4989"},
        {"84/07.98", "840798"},
        {"84\xc2\xa0"
         "07",
         "8407"},
        {"", ""},
        {" - ", ""},
        {"12ab", NULL},
        {"M\xc3\xbcller", NULL},
        {"*21#", NULL},
        {"49+89", NULL},
        {"123456789012345678901234", "123456789012345678901234"},
        {"1234567890123456789012345", NULL},
    };
    char digits[NUMBER_DIGITS_MAX + 1];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = number_piece_digits(text_of(rows[i].text), digits);
        if (rows[i].want)
            ok(n == strlen(rows[i].want) && strcmp(digits, rows[i].want) == 0,
               "piece \"%s\" is %s", rows[i].text, digits);
        else
            ok(n == SIZE_MAX, "\"%s\" is no piece", rows[i].text);
    }
}

int main(void)
{
    is_int(number_global_init(), 0, "number_global_init");
    prefixes();
    pieces();
    return tap_done();
}
