/* test_number_plan.c - dial plans as administrators write them, and numbers written back
 * as each client wants them. */
#include "contactor/error.h"
#include "number/number.h"
#include "tap.h"

/* str_of takes NULL too, and gcc then doubts every %s of the same pointer. */
static struct ctr_str text_of(const char *z)
{
    return str_make(z, strlen(z));
}

static const char *option;
static char error[200];

static int init(struct dialplan *plan, const struct dialplan_options *options)
{
    option = "";
    error[0] = '\0';
    return dialplan_init(plan, options, &option, error, sizeof(error));
}

static void defaults_by_country(void)
{
    static const struct {
        const char *country;
        unsigned code;
        const char *international, *national;
    } rows[] = {
        {"DE", 49, "00", "0"}, {"AT", 43, "00", "0"},   {"CH", 41, "00", "0"},
        {"IT", 39, "00", ""},  {"FR", 33, "00", "0"},   {"GB", 44, "00", "0"},
        {"US", 1, "011", "1"}, {"CA", 1, "011", "1"},   {"NL", 31, "00", "0"},
        {"PL", 48, "00", ""},  {"ES", 34, "00", ""},    {"HU", 36, "00", "06"},
        {"RU", 7, "810", "8"}, {"AU", 61, "0011", "0"}, {"JP", 81, "010", "0"},
        {"de", 49, "00", "0"},
    };
    struct dialplan plan;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(init(&plan, &(struct dialplan_options){.country = rows[i].country}), 0,
               "country %s", rows[i].country);
        is_int(plan.calling_code, rows[i].code, "  calling code");
        is_str(plan.international_prefix, rows[i].international,
               "  international prefix");
        is_str(plan.national_prefix, rows[i].national, "  national prefix");
    }
    is_str(plan.country, "DE", "the country is kept in capitals");
}

static void all_options(void)
{
    struct dialplan plan;

    is_int(init(&plan, &(struct dialplan_options){.country = "DE",
                                                  .area_code = "089",
                                                  .main_number = "089 840798 - 0",
                                                  .extension_length = 4}),
           0, "a plan");
    is_str(plan.area_code, "89", "the area code loses its national prefix");
    is_str(plan.main_number, "4989840798", "the main number loses its switchboard");
    is_int(plan.extension_length, 4, "extension length");
    is_int(init(&plan, &(struct dialplan_options){.country = "DE",
                                                  .main_number = "+49 89 840798",
                                                  .outside_line = "0",
                                                  .outside_line_set = true,
                                                  .international_prefix = "010",
                                                  .national_prefix = "9"}),
           0, "own prefixes");
    is_str(plan.outside_line, "0", "outside line");
    is_str(plan.international_prefix, "010", "international prefix");
    is_str(plan.national_prefix, "9", "national prefix");
}

static void own_prefixes_are_read(void)
{
    struct dialplan plan;
    struct number number;

    init(&plan, &(struct dialplan_options){.country = "DE",
                                           .international_prefix = "010",
                                           .national_prefix = "9"});
    number_parse(&plan, STR_LIT("989 840798192"), &number);
    is_str(number.digits, "4989840798192", "national prefix 9");
    number_parse(&plan, STR_LIT("010 43 664 1234567"), &number);
    is_str(number.digits, "436641234567", "international prefix 010");
}

static void main_numbers(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"+49 89 840798", "4989840798"},        {"+49 89 840798-0", "4989840798"},
        {"+49 89 840798 - 0 ", "4989840798"},   {"+49 (0)89 840798-0", "4989840798"},
        {"089/840798-0", "4989840798"},         {"+49 89 840790", "4989840790"},
        {"+49 89 840798-100", "4989840798100"}, {"tel:+4989840798", "4989840798"},
    };
    struct dialplan plan;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(init(&plan, &(struct dialplan_options){.country = "DE",
                                                      .main_number = rows[i].text}),
               0, "main number \"%s\"", rows[i].text);
        is_str(plan.main_number, rows[i].want, "  its digits");
    }
}

static void refused_options(void)
{
    static const struct {
        struct dialplan_options options;
        const char *option;
    } rows[] = {
        {{.country = "XX"}, "country"},
        {{.country = "DEU"}, "country"},
        {{.country = "D"}, "country"},
        {{.country = "001"}, "country"},
        {{.country = "ZZ"}, "country"},
        {{.area_code = "89"}, "country"},
        {{.main_number = "+49 89 840798"}, "country"},
        {{.extension_length = 3}, "country"},
        {{.country = "DE", .area_code = "8a"}, "area_code"},
        {{.country = "DE", .area_code = "12345678"}, "area_code"},
        {{.country = "DE", .main_number = "zentrale"}, "main_number"},
        {{.country = "DE", .main_number = "110"}, "main_number"},
        {{.country = "DE", .main_number = "+49 89"}, "main_number"},
        {{.country = "DE", .main_number = "840798"}, "main_number"},
        {{.country = "DE", .extension_length = -1}, "extension_length"},
        {{.country = "DE", .extension_length = 9}, "extension_length"},
        {{.country = "DE", .national_prefix = "0000"}, "national_prefix"},
        {{.country = "DE", .international_prefix = "+"}, "international_prefix"},
        {{.country = "DE", .outside_line = "0w", .outside_line_set = true},
         "outside_line"},
    };
    struct dialplan plan;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(init(&plan, &rows[i].options), -CTR_ECONF, "refused: a wrong %s",
               rows[i].option);
        is_str(option, rows[i].option, "  %s", error);
        ok(error[0] != '\0', "  with a sentence");
    }
    is_int(init(&plan, &(struct dialplan_options){0}), 0,
           "nothing set is the neutral plan");
    is_str(plan.country, "", "  without country");
}

static const char *write_number(const struct dialplan *plan, enum number_format format,
                                const char *digits, const char *asked)
{
    static char out[64];
    size_t n = number_format(plan, format, text_of(digits), STR_LIT("as stored"),
                             str_of(asked), out, sizeof(out));

    return strlen(out) == n ? out : "(wrong length)";
}

static void formats(void)
{
    static const struct {
        const char *digits, *national, *dialable;
    } rows[] = {
        {"4989840798192", "089840798192", "192"},
        {"49898407980", "0898407980", "0"},
        {"4989840798", "089840798", "0089840798"},
        {"49898407981234", "0898407981234", "00898407981234"},
        {"493012345678", "03012345678", "003012345678"},
        {"436641234567", "+436641234567", "000436641234567"},
        {"14155552671", "+14155552671", "00014155552671"},
        {"498", "08", "008"},
        {"49", "0", "00"},
    };
    struct dialplan plan;

    init(&plan, &(struct dialplan_options){.country = "DE",
                                           .main_number = "+49 89 840798",
                                           .extension_length = 3,
                                           .outside_line = "0",
                                           .outside_line_set = true});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *digits = rows[i].digits;
        is_str(write_number(&plan, NUMBER_FORMAT_NATIONAL, digits, NULL),
               rows[i].national, "%s national", digits);
        is_str(write_number(&plan, NUMBER_FORMAT_DIALABLE, digits, NULL),
               rows[i].dialable, "%s dialable", digits);
    }
    is_str(write_number(&plan, NUMBER_FORMAT_E164, "4989840798192", NULL),
           "+4989840798192", "E.164");
    is_str(write_number(&plan, NUMBER_FORMAT_STORED, "4989840798192", NULL), "as stored",
           "as stored");
    is_str(write_number(&plan, NUMBER_FORMAT_ASKED, "4989840798192", "L0#089840798192"),
           "L0#089840798192", "as asked");
    is_str(write_number(&plan, NUMBER_FORMAT_ASKED, "4989840798192", NULL),
           "+4989840798192", "not the one asked for: E.164");
    is_str(write_number(&plan, NUMBER_FORMAT_DIALABLE, "*21#", NULL), "as stored",
           "a feature code: as stored");
    is_str(write_number(&plan, NUMBER_FORMAT_DIALABLE, "", NULL), "as stored",
           "not E.164: as stored");
}

static void formats_elsewhere(void)
{
    static const struct {
        const char *country, *digits, *national, *dialable;
    } rows[] = {
        {"IT", "390669812345", "0669812345", "0669812345"},
        {"IT", "4989840798", "+4989840798", "004989840798"},
        {"US", "14155552671", "14155552671", "14155552671"},
        {"US", "4989840798", "+4989840798", "0114989840798"},
        {"CH", "41446681800", "0446681800", "0446681800"},
        {"HU", "3612345678", "0612345678", "0612345678"},
        {"ES", "34911234567", "911234567", "911234567"},
        {NULL, "4989840798", "+4989840798", "+4989840798"},
    };
    struct dialplan plan;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        init(&plan, &(struct dialplan_options){.country = rows[i].country});
        is_str(write_number(&plan, NUMBER_FORMAT_NATIONAL, rows[i].digits, NULL),
               rows[i].national, "%s national in %s", rows[i].digits,
               rows[i].country ? rows[i].country : "no country");
        is_str(write_number(&plan, NUMBER_FORMAT_DIALABLE, rows[i].digits, NULL),
               rows[i].dialable, "  dialable");
    }
}

static void never_cut(void)
{
    struct dialplan plan;
    char out[8] = "unset";

    dialplan_neutral(&plan);
    is_int(number_format(&plan, NUMBER_FORMAT_E164, STR_LIT("4989840798"), STR_LIT("x"),
                         str_of(NULL), out, sizeof(out)),
           0, "a number that does not fit is not written at all");
    is_str(out, "", "  and the buffer is empty");
    is_int(number_format(&plan, NUMBER_FORMAT_STORED, STR_LIT("4989840798"),
                         STR_LIT("089 840798"), str_of(NULL), out, sizeof(out)),
           0, "nor a stored one");
    is_int(number_format(&plan, NUMBER_FORMAT_E164, STR_LIT("4989"), STR_LIT("x"),
                         str_of(NULL), out, 0),
           0, "no room at all");
}

static void notes_have_texts(void)
{
    for (int note = NUMBER_NOTE_INTERNATIONAL; note < NUMBER_NOTE_COUNT; note++)
        ok(strcmp(number_note_text((enum number_note)note), "unknown") != 0,
           "note %d: %s", note, number_note_text((enum number_note)note));
}

int main(void)
{
    is_int(number_global_init(), 0, "number_global_init");
    is_int(number_global_init(), 0, "  once more does no harm");
    defaults_by_country();
    all_options();
    own_prefixes_are_read();
    main_numbers();
    refused_options();
    formats();
    formats_elsewhere();
    never_cut();
    notes_have_texts();
    return tap_done();
}
