/* test_number.c - every notation a number comes in: one table a rule. */
#include "number/number.h"
#include "number/numbering.h"
#include "shim/phonenumber.h"
#include "tap.h"

/* str_of takes NULL too, and gcc then doubts every %s of the same pointer. */
static struct ctr_str text_of(const char *z)
{
    return str_make(z, strlen(z));
}

static void plan_init(struct dialplan *plan, const struct dialplan_options *options)
{
    const char *option = "";
    char error[160] = "";

    if (dialplan_init(plan, options, &option, error, sizeof(error))) {
        printf("Bail out! %s: %s\n", option, error);
        exit(EXIT_FAILURE);
    }
}

/* The company of most tests: Munich, three-digit extensions. */
static void munich(struct dialplan *plan)
{
    plan_init(plan, &(struct dialplan_options){.country = "DE",
                                               .area_code = "89",
                                               .main_number = "+49 89 840798-0",
                                               .extension_length = 3});
}

static void country(struct dialplan *plan, const char *name)
{
    plan_init(plan, &(struct dialplan_options){.country = name});
}

/* want: "+..." is E.164, "" none, else digits as dialled. */
struct row {
    const char *text, *want;
    enum number_note note; /* 0: not looked at */
};

static const char *show(const struct number *number)
{
    static char text[NUMBER_DIGITS_MAX + 2];

    snprintf(text, sizeof(text), "%s%s", number->class == NUMBER_E164 ? "+" : "",
             number->digits);
    return text;
}

static void parse_one(const char *table, const struct dialplan *plan,
                      const struct row *row)
{
    struct number number;

    number_parse(plan, text_of(row->text), &number);
    if (!is_str(show(&number), row->want, "%s: \"%s\"", table, row->text))
        printf("# %s\n", number_note_text((enum number_note)number.note));
    ok((number.class == NUMBER_NONE) == !*row->want, "  its class");
    if (row->note)
        is_str(number_note_text((enum number_note)number.note),
               number_note_text(row->note), "  its note");
}

#define parse_table(plan, rows) \
    parse_rows(__func__, plan, rows, sizeof(rows) / sizeof((rows)[0]))

static void parse_rows(const char *table, const struct dialplan *plan,
                       const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        parse_one(table, plan, &rows[i]);
}

static void one_subscriber_in_every_notation(void)
{
    static const char *const notations[] = {
        "+49 89 840798192",
        "+4989840798192",
        "+49 (0)89 840798-192",
        "+49 (0) 89 / 840798 - 192",
        "+49(89)840798192",
        "(+49) 89 840798 192",
        "+49 089 840798-192",
        "++49 89 840798192",
        "+0049 89 840798192",
        "004989840798192",
        "0049 (0)89 840798192",
        "0049-89-840798-192",
        "089840798192",
        "089/840798-192",
        "089 / 84 07 98 - 192",
        "(089) 840798192",
        "(0)89 840798192",
        "0 89.840.798.192",
        "049 89 840798192",
        "840798192",
        "840798-192",
        "4989840798192",
        "49 89 840798 192",
        "89840798192",
        "192",
        "x192",
        "Durchwahl 192",
        "tel:+4989840798192",
        "TEL:+49-89-840798-192",
        "tel: 089 840798192",
        "callto:+4989840798192",
        "tel:+4989840798;ext=192",
        "tel:+49-89-840798;ext=192;isub=1",
        "tel:840798192;phone-context=+4989",
        "tel:089840798192;phone-context=+49",
        "tel:192;phone-context=pbx.example.com",
        "+49 89 840798 x192",
        "+49 89 840798 ext. 192",
        "+49 89 840798 Durchwahl 192",
        "089 840798#192",
        "+4989840798,,192",
        "sip:+4989840798192@sbc.example.com;user=phone",
        "sips:089840798192@10.0.0.1:5061",
        "sip:192@pbx",
        "\"Anna Huber\" <sip:+4989840798192@pbx>",
        "+4989840798192@pbx",
        "%2B4989840798192",
        "%2b49%2089%20840798192",
        "L0#089840798192",
        "Tel. 089 840798192",
        "Tel.: +49 (89) 840798-192",
        "B\xc3\xbcro 089 840798192",
        "089 840798192 (privat)",
        "089 840798192, 0171 1234567",
        "089 840798192; 0171 1234567",
        "089 840798192 / 0171 1234567",
        "+49 89 840798192/+49 171 1234567",
        "089 840798192\n0171 1234567",
        "\t089\t840798192 ",
        "+49\xc2\xa0"
        "89\xc2\xa0"
        "840798\xe2\x80\x93"
        "192",
        "\xe2\x80\xaa+49 89 840798192\xe2\x80\xac",
        "089\xa0"
        "840798\x96"
        "192",
        "\xef\xbc\x8b\xef\xbc\x94\xef\xbc\x99 89 840798192",
    };
    struct dialplan plan;
    struct number number;

    munich(&plan);
    for (size_t i = 0; i < sizeof(notations) / sizeof(notations[0]); i++) {
        number_parse(&plan, text_of(notations[i]), &number);
        is_str(show(&number), "+4989840798192", "\"%s\"", notations[i]);
    }
}

static void notes_say_why(void)
{
    static const struct row rows[] = {
        {"+4989840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"004989840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"089840798192", "+4989840798192", NUMBER_NOTE_NATIONAL},
        {"840798192", "+4989840798192", NUMBER_NOTE_LOCAL_AREA},
        {"192", "+4989840798192", NUMBER_NOTE_EXTENSION},
        {"0", "+49898407980", NUMBER_NOTE_EXTENSION},
        {"4989840798192", "+4989840798192", NUMBER_NOTE_MISSING_PLUS},
        {"4915112345678", "+4915112345678", NUMBER_NOTE_MISSING_PLUS},
        {"1711234567", "+491711234567", NUMBER_NOTE_NATIONAL_BARE},
        {"436601234567", "+436601234567", NUMBER_NOTE_MISSING_PLUS},
        {"110", "110", NUMBER_NOTE_SHORT},
        {"+49116117", "116117", NUMBER_NOTE_SHORT},
        {"0116117", "116117", NUMBER_NOTE_SHORT},
        {"0110", "110", NUMBER_NOTE_SHORT},
        {"*21#", "*21#", NUMBER_NOTE_FEATURE},
        {"+4989", "4989", NUMBER_NOTE_IMPOSSIBLE},
        {"+999 123456", "999123456", NUMBER_NOTE_IMPOSSIBLE},
        {"anonymous", "", NUMBER_NOTE_NOT_A_NUMBER},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void no_number(void)
{
    static const struct row rows[] = {
        {"", "", 0},
        {" ", "", 0},
        {"+", "", 0},
        {"()", "", 0},
        {"anonymous", "", 0},
        {"unavailable", "", 0},
        {"M\xc3\xbcller", "", 0},
        {"sip:anna.huber@example.com", "", 0},
        {"sip:anonymous@anonymous.invalid", "", 0},
        {"sip:192.168.1.5", "", 0},
        {"anna@example.com", "", 0},
        {"007bond@example.com", "", 0},
        {"C4B", "", 0},
        {"Studio 54 GmbH", "", 0},
        {"1. FC K\xc3\xb6ln", "", 0},
        {"#", "", 0},
        {"**", "", 0},
        {"1234567890123456789012345", "", 0},
        {"+49 89 840798 1234567890123456789", "", 0},
        {"0000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "000"
         "0000000000000000",
         "", 0},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void short_numbers_stay_short(void)
{
    static const struct {
        const char *country, *digits;
    } rows[] = {
        {"DE", "110"},   {"DE", "112"},    {"DE", "115"},    {"DE", "116117"},
        {"DE", "11833"}, {"DE", "118000"}, {"AT", "144"},    {"AT", "133"},
        {"CH", "117"},   {"CH", "144"},    {"CH", "1414"},   {"IT", "113"},
        {"IT", "118"},   {"FR", "15"},     {"FR", "17"},     {"FR", "3949"},
        {"GB", "999"},   {"GB", "111"},    {"GB", "112"},    {"US", "911"},
        {"US", "411"},   {"NL", "112"},    {"NL", "116000"}, {"PL", "997"},
    };
    struct dialplan plan;
    struct number number;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        country(&plan, rows[i].country);
        number_parse(&plan, text_of(rows[i].digits), &number);
        ok(number.class == NUMBER_LOCAL && number.note == NUMBER_NOTE_SHORT &&
               strcmp(number.digits, rows[i].digits) == 0,
           "%s: %s is %s", rows[i].country, rows[i].digits, show(&number));
        ok(number_is_short(&plan, text_of(rows[i].digits)), "  and known as short");
    }
    munich(&plan);
    number_parse(&plan, STR_LIT("+49 116117"), &number);
    is_str(show(&number), "116117", "a gateway's +49116117 is 116117");
    ok(!number_is_short(&plan, STR_LIT("192")), "an extension is not short");
    ok(!number_is_short(&plan, STR_LIT("1100")), "nor is 1100");
    ok(!number_is_short(&plan, STR_LIT("*21#")), "nor a feature code");
    country(&plan, "CH");
    ok(!number_is_short(&plan, STR_LIT("200")), "ranges for text messages are not short");
}

/* Each string has a place of its own, whatever its length and zeros. */
static void short_numbers_are_remembered(void)
{
    static const char *const countries[] = {"DE", "FR", "US"};
    unsigned wrong = 0;

    for (int i = 0; i < 2 * 3 * 1100; i++) {
        const char *country = countries[i % 3];
        int digits = i / 3 % 1100;
        char text[16];

        if (digits < 1000)
            snprintf(text, sizeof(text), "%03d", digits);
        else
            snprintf(text, sizeof(text), "%02d", digits - 1000);
        wrong += numbering_is_short(country, text, strlen(text)) !=
                 phonenumber_is_short(country, text, strlen(text));
    }
    ok(wrong == 0, "what is remembered is what the library says, %u of %d not", wrong,
       2 * 3 * 1100);
    ok(numbering_is_short("DE", "110", 3) && !numbering_is_short("DE", "0110", 4),
       "a zero before it makes another number");
    ok(!numbering_is_short("DE", "11011011", 8), "no short number has eight digits");
}

static void feature_codes(void)
{
    static const struct row rows[] = {
        {"*21#", "*21#", NUMBER_NOTE_FEATURE},
        {"*21*089840798#", "*21*089840798#", NUMBER_NOTE_FEATURE},
        {"* 72", "*72", NUMBER_NOTE_FEATURE},
        {"#31#", "#31#", NUMBER_NOTE_FEATURE},
        {"##002#", "##002#", NUMBER_NOTE_FEATURE},
        {"21#", "21#", NUMBER_NOTE_FEATURE},
        {"089840798192#", "+4989840798192", NUMBER_NOTE_NATIONAL},
        {"*21 call", "", 0},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void extension_of_the_main_number_only(void)
{
    static const struct row rows[] = {
        {"+49 30 123456;ext=7", "+4930123456", NUMBER_NOTE_INTERNATIONAL},
        {"+49 30 123456 x7", "+4930123456", NUMBER_NOTE_INTERNATIONAL},
        {"+49 89 840798;ext=7", "+49898407987", NUMBER_NOTE_EXTENSION},
        {"089 840798 DW 7", "+49898407987", NUMBER_NOTE_EXTENSION},
        {"089 840798-7", "+49898407987", NUMBER_NOTE_NATIONAL},
        {"1234", "+49891234", NUMBER_NOTE_LOCAL_AREA},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void without_main_number(void)
{
    static const struct row rows[] = {
        {"192", "192", NUMBER_NOTE_EXTENSION},
        {"12", "12", NUMBER_NOTE_EXTENSION},
        {"840798192", "+4989840798192", NUMBER_NOTE_LOCAL_AREA},
    };
    struct dialplan plan;

    plan_init(&plan, &(struct dialplan_options){.country = "DE", .area_code = "089"});
    parse_table(&plan, rows);
}

static void without_area_code(void)
{
    static const struct row rows[] = {
        {"089 840798192", "+4989840798192", NUMBER_NOTE_NATIONAL},
        {"89 840798192", "+4989840798192", NUMBER_NOTE_NATIONAL_BARE},
        {"4989840798192", "+4989840798192", NUMBER_NOTE_MISSING_PLUS},
        {"4915112345678", "+4915112345678", NUMBER_NOTE_MISSING_PLUS},
        {"192", "192", NUMBER_NOTE_EXTENSION},
        {"12345", "12345", 0},
        {"123456", "123456", NUMBER_NOTE_IMPOSSIBLE},
    };
    struct dialplan plan;

    country(&plan, "DE");
    parse_table(&plan, rows);
}

static void numbers_of_one_country(const char *name, const struct row *rows, size_t n)
{
    struct dialplan plan;

    country(&plan, name);
    parse_rows(name, &plan, rows, n);
}

#define in_country(name, ...)                                          \
    numbers_of_one_country(name, (const struct row[]){__VA_ARGS__},    \
                           sizeof((const struct row[]){__VA_ARGS__}) / \
                               sizeof(struct row))

static void other_countries(void)
{
    in_country("US", {"(415) 555-2671", "+14155552671", NUMBER_NOTE_NATIONAL_BARE},
               {"1-415-555-2671", "+14155552671", NUMBER_NOTE_NATIONAL},
               {"+1 415.555.2671", "+14155552671", NUMBER_NOTE_INTERNATIONAL},
               {"14155552671", "+14155552671", 0},
               {"011 49 89 840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
               {"1-800-FLOWERS", "+18003569377", NUMBER_NOTE_NATIONAL},
               {"(555) 123-4567", "+15551234567", NUMBER_NOTE_NATIONAL_BARE});
    in_country("IT", {"06 69812345", "+390669812345", NUMBER_NOTE_NATIONAL_BARE},
               {"+39 06 69812345", "+390669812345", NUMBER_NOTE_INTERNATIONAL},
               {"+39 (0)6 69812345", "+390669812345", NUMBER_NOTE_INTERNATIONAL},
               {"347 1234567", "+393471234567", NUMBER_NOTE_NATIONAL_BARE},
               {"393 1234567", "+393931234567", NUMBER_NOTE_NATIONAL_BARE},
               {"390669812345", "+390669812345", NUMBER_NOTE_MISSING_PLUS},
               {"0049 89 840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL});
    in_country("AT", {"01 5880010", "+4315880010", NUMBER_NOTE_NATIONAL},
               {"0664 1234567", "+436641234567", NUMBER_NOTE_NATIONAL},
               {"+43 (0)1 588 00-10", "+4315880010", NUMBER_NOTE_INTERNATIONAL});
    in_country("CH", {"044 668 18 00", "+41446681800", NUMBER_NOTE_NATIONAL},
               {"+41 (0)44 668 18 00", "+41446681800", NUMBER_NOTE_INTERNATIONAL},
               {"079 123 45 67", "+41791234567", NUMBER_NOTE_NATIONAL});
    in_country("FR", {"01 42 68 53 00", "+33142685300", NUMBER_NOTE_NATIONAL},
               {"+33 (0)1.42.68.53.00", "+33142685300", NUMBER_NOTE_INTERNATIONAL});
    in_country("GB", {"020 7946 0018", "+442079460018", NUMBER_NOTE_NATIONAL},
               {"+44 (0)20 7946 0018", "+442079460018", NUMBER_NOTE_INTERNATIONAL},
               {"07700 900123", "+447700900123", NUMBER_NOTE_NATIONAL});
    in_country("NL", {"020-1234567", "+31201234567", NUMBER_NOTE_NATIONAL},
               {"+31 (0)6 12345678", "+31612345678", NUMBER_NOTE_INTERNATIONAL});
    in_country("PL", {"22 123 45 67", "+48221234567", NUMBER_NOTE_NATIONAL_BARE},
               {"+48 (0)22 123 45 67", "+48221234567", NUMBER_NOTE_INTERNATIONAL});
    in_country("ES", {"911 234 567", "+34911234567", NUMBER_NOTE_NATIONAL_BARE},
               {"+34 (0)911 234 567", "+34911234567", NUMBER_NOTE_INTERNATIONAL},
               {"34911234567", "+34911234567", NUMBER_NOTE_MISSING_PLUS});
    in_country("HU", {"06 1 234 5678", "+3612345678", NUMBER_NOTE_NATIONAL},
               {"+36 1 234 5678", "+3612345678", NUMBER_NOTE_INTERNATIONAL});
}

static void area_code_where_none_is_dialled(void)
{
    static const struct row us[] = {
        {"253-0000", "+16502530000", NUMBER_NOTE_LOCAL_AREA},
        {"415 555 2671", "+14155552671", NUMBER_NOTE_NATIONAL_BARE},
    };
    static const struct row it[] = {
        {"347 1234567", "+393471234567", NUMBER_NOTE_NATIONAL_BARE},
        {"06 69812345", "+390669812345", NUMBER_NOTE_NATIONAL_BARE},
    };
    struct dialplan plan;

    plan_init(&plan, &(struct dialplan_options){.country = "US", .area_code = "650"});
    parse_table(&plan, us);
    plan_init(&plan, &(struct dialplan_options){.country = "IT", .area_code = "02"});
    parse_table(&plan, it);
}

static void vanity_and_labels(void)
{
    static const struct row rows[] = {
        {"L0#04012345678", "+494012345678", NUMBER_NOTE_NATIONAL},
        {"0800-FLOWERS", "+498003569377", NUMBER_NOTE_NATIONAL},
        {"0800 flowers", "+498003569377", NUMBER_NOTE_NATIONAL},
        {"+1 800 FLOWERS", "+18003569377", NUMBER_NOTE_INTERNATIONAL},
        {"089 123456 privat", "+4989123456", NUMBER_NOTE_NATIONAL},
        {"0171 1234567 Handy", "+491711234567", NUMBER_NOTE_NATIONAL},
        {"Mobil: 0171/1234567", "+491711234567", NUMBER_NOTE_NATIONAL},
        {"089 84079-x", "+498984079", NUMBER_NOTE_NATIONAL},
        {"12 Monkeys", "", 0},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void neutral_plan(void)
{
    static const struct row rows[] = {
        {"+49 (0)89 840798-192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"0049 89 840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"tel:+14155552671", "+14155552671", NUMBER_NOTE_INTERNATIONAL},
        {"4989840798192", "+4989840798192", NUMBER_NOTE_MISSING_PLUS},
        {"089 840798192", "089840798192", NUMBER_NOTE_IMPOSSIBLE},
        {"(415) 555-2671", "4155552671", NUMBER_NOTE_IMPOSSIBLE},
        {"110", "110", 0},
        {"*21#", "*21#", NUMBER_NOTE_FEATURE},
    };
    struct dialplan plan;

    dialplan_neutral(&plan);
    parse_table(&plan, rows);
}

static void outside_line(void)
{
    static const struct row zero[] = {
        {"0089840798192", "+4989840798192", NUMBER_NOTE_OUTSIDE_LINE},
        {"0004989840798192", "+4989840798192", NUMBER_NOTE_OUTSIDE_LINE},
        {"004989840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"00436641234567", "+436641234567", NUMBER_NOTE_INTERNATIONAL},
        {"+4989840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"0+4989840798192", "+4989840798192", NUMBER_NOTE_INTERNATIONAL},
        {"089840798192", "+4989840798192", NUMBER_NOTE_NATIONAL},
        {"0112", "112", NUMBER_NOTE_SHORT},
        {"0116117", "116117", NUMBER_NOTE_SHORT},
        {"192", "+4989840798192", NUMBER_NOTE_EXTENSION},
        {"0", "+49898407980", NUMBER_NOTE_EXTENSION},
    };
    static const struct row nine[] = {
        {"9089840798192", "+4989840798192", NUMBER_NOTE_OUTSIDE_LINE},
        {"9004989840798192", "+4989840798192", NUMBER_NOTE_OUTSIDE_LINE},
        {"089840798192", "+4989840798192", NUMBER_NOTE_NATIONAL},
    };
    struct dialplan_options options = {.country = "DE",
                                       .area_code = "89",
                                       .main_number = "+49 89 840798",
                                       .extension_length = 3,
                                       .outside_line = "0",
                                       .outside_line_set = true};
    struct dialplan plan;

    plan_init(&plan, &options);
    parse_table(&plan, zero);
    options.outside_line = "9";
    plan_init(&plan, &options);
    parse_table(&plan, nine);
}

/* want: the company's trunk, "" where the notation shows none. */
static void trunk_in_the_notation(void)
{
    static const struct {
        const char *country, *text, *want;
    } rows[] = {
        {"DE", "+49 89 840798-192", "4989840798"},
        {"DE", "+49 (0)89 840798-192", "4989840798"},
        {"DE", "+49 (0)8151 36856-0", "49815136856"},
        {"DE", "0049 89 840798-192", "4989840798"},
        {"DE", "089/840798-0", "4989840798"},
        {"DE", "0 89 / 84 07 98 - 192", "4989840798"},
        {"DE", "089-840798-192", "4989840798"},
        {"DE", "+49-89-840798-192", "4989840798"},
        {"DE", "840798-192", "4989840798"},
        {"DE",
         "+49 89 840798\xe2\x80\x93"
         "192",
         "4989840798"},
        {"DE", "+43 1 58800-10", "43158800"},
        {"AT", "01 58800-10", "43158800"},
        {"DE", "089-840798", ""},
        {"DE", "08151-36856", ""},
        {"DE", "+49 8151-36856", ""},
        {"DE", "089 840798192", ""},
        {"DE", "089-840-798", ""},
        {"DE", "089 840798-123456", ""},
        {"DE", "089 84-12", ""},
        {"DE", "0171 123456-78", ""},
        {"DE", "0800 330-1000", ""},
        {"AT", "0800 330-1000", ""},
        {"DE", "+43 664 123456-78", ""},
        {"DE", "+41 44 668 18-00", ""},
        {"CH", "044 668 18-00", ""},
        {"US", "415 555-2671", ""},
        {"US", "+49 89 840798-192", ""},
        {"DE", "089 123-4", "4989123"},
        {"DE", "x0891234", ""}, /* the dash of the one before is none of its own */
    };
    struct dialplan plan;
    struct number number;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool german = strcmp(rows[i].country, "DE") == 0;
        plan_init(&plan, &(struct dialplan_options){.country = rows[i].country,
                                                    .area_code = german ? "89" : NULL});
        number_parse(&plan, text_of(rows[i].text), &number);
        number.digits[number.trunk_len] = '\0';
        is_str(number.digits, rows[i].want, "trunk of \"%s\" in %s", rows[i].text,
               rows[i].country);
    }
}

/* want: "+1 110 +49..." in order. */
static void readings_best_first(void)
{
    static const struct {
        const char *line, *text, *want;
    } rows[] = {
        {NULL, "+4989840798192", "+4989840798192"},
        {NULL, "004989840798192", "+4989840798192"},
        {NULL, "089840798192", "+4989840798192"},
        {NULL, "192", "+4989840798192 192"},
        {NULL, "110", "110 +4989840798110"},
        {NULL, "0", "+49898407980 0"},
        {NULL, "840798192", "+4989840798192 840798192"},
        {NULL, "4989840798192", "+4989840798192 +49894989840798192 4989840798192"},
        {NULL, "4711", "+49894711 4711"},
        {NULL, "798192", "+4989798192 +4989840798192 798192"},
        {NULL, "*21#", "*21#"},
        {NULL, "anonymous", ""},
        {NULL, "sip:+4989840798192@pbx", "+4989840798192"},
        {NULL, "tel:+4989840798;ext=192", "+4989840798192"},
        {NULL, "436641234567",
         "+436641234567 +49436641234567 +4989436641234567 436641234567"},
        {"0", "0089840798192", "+4989840798192 0089840798192"},
        {"0", "004989840798192", "+4989840798192 +494989840798192"},
        {"0", "0840798192", "+49840798192 +4989840798192 840798192"},
        {"0", "0112", "112"},
    };
    struct dialplan plan;
    struct number out[NUMBER_READINGS_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char got[256] = "";
        unsigned n;

        plan_init(&plan, &(struct dialplan_options){.country = "DE",
                                                    .area_code = "89",
                                                    .main_number = "+49 89 840798",
                                                    .extension_length = 3,
                                                    .outside_line = rows[i].line,
                                                    .outside_line_set = rows[i].line});
        n = number_readings(&plan, text_of(rows[i].text), out);
        for (unsigned k = 0; k < n; k++) {
            strcat(got, k ? " " : "");
            strcat(got, show(&out[k]));
        }
        is_str(got, rows[i].want, "readings of \"%s\"%s", rows[i].text,
               rows[i].line ? " behind an outside line" : "");
    }
}

/* Digits and signs of other scripts, which people paste from where they found them. */
static void other_scripts(void)
{
    static const struct row rows[] = {
        {"+\xd9\xa4\xd9\xa9 89 840798192", "+4989840798192", 0},
        {"+\xdb\xb4\xdb\xb9 89 840798192", "+4989840798192", 0},
        {"\xef\xbc\x88\x30\x38\x39\xef\xbc\x89\xef\xbc\x8f\x38\x34\x30\x37\x39\x38\x31"
         "\x39\x32",
         "+4989840798192", 0},
        {"089\xef\xbc\x8e"
         "840798\xe2\x81\x84"
         "192",
         "+4989840798192", 0},
        {"089\xc2\xad"
         "840798\xe3\x80\x80"
         "192",
         "+4989840798192", 0},
        {"\xe2\x80\xaa"
         "089 840798192\xe2\x80\xac",
         "+4989840798192", 0},
    };
    struct dialplan plan;

    munich(&plan);
    parse_table(&plan, rows);
}

static void any_bytes(void)
{
    struct dialplan plan;
    struct number number;
    char long_text[NUMBER_TEXT_MAX + 2];

    munich(&plan);
    number_parse(&plan, str_make(NULL, 0), &number);
    is_int(number.class, NUMBER_NONE, "absent text");
    number_parse(&plan,
                 str_make("08984\0"
                          "0798192",
                          13),
                 &number);
    is_int(number.class, NUMBER_NONE, "a NUL between digits");
    memset(long_text, ' ', sizeof(long_text));
    memcpy(long_text, "089840798192", 12);
    number_parse(&plan, str_make(long_text, NUMBER_TEXT_MAX), &number);
    is_str(show(&number), "+4989840798192", "the longest text");
    number_parse(&plan, str_make(long_text, NUMBER_TEXT_MAX + 1), &number);
    is_int(number.class, NUMBER_NONE, "one byte more");
}

int main(void)
{
    is_int(number_global_init(), 0, "number_global_init");
    one_subscriber_in_every_notation();
    notes_say_why();
    no_number();
    short_numbers_stay_short();
    short_numbers_are_remembered();
    feature_codes();
    extension_of_the_main_number_only();
    without_main_number();
    without_area_code();
    other_countries();
    area_code_where_none_is_dialled();
    vanity_and_labels();
    neutral_plan();
    outside_line();
    trunk_in_the_notation();
    readings_best_first();
    other_scripts();
    any_bytes();
    return tap_done();
}
