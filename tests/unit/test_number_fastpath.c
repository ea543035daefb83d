/* test_number_fastpath.c - the fast path says what libphonenumber says.
 *
 * Generates numbers of many countries, real and nearly real, in the notations people use,
 * and reads each twice: by number_parse, and by the library alone with the text as it is.
 * What the fast path takes must be the same number, and a number the library finds
 * possible.
 *   --count N   comparisons (default 250000)
 *   --seed N    another corpus
 *   --time      only measure the fast path and the readings */
#include <time.h>

#include "number/number.h"
#include "number/numbering.h"
#include "number/scan.h"
#include "shim/phonenumber.h"
#include "tap.h"

static uint64_t random_state = 20261121;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

/* Beginnings of national numbers: geographic, mobile, toll-free, service, personal, and
 * some that are not in use. "" is any digit. */
struct country {
    const char *name, *international, *national;
    unsigned min, max; /* digits of a national number, one less and more are tried too */
    const char *heads[16];
};

static const struct country countries[] = {
    {"DE",
     "00",
     "0",
     6,
     13,
     {"89", "30", "40", "69", "8151", "33203", "151", "171", "1579", "800", "180", "900",
      "32", "700", "49", ""}},
    {"AT",
     "00",
     "0",
     5,
     13,
     {"1", "316", "5574", "664", "660", "676", "800", "810", "900", "720", "43", ""}},
    {"CH",
     "00",
     "0",
     9,
     9,
     {"44", "31", "22", "79", "76", "800", "900", "84", "58", "41", "860", ""}},
    {"IT",
     "00",
     "",
     6,
     11,
     {"06", "02", "0471", "0", "347", "320", "391", "393", "39", "800", "848", "899",
      "55", "199", ""}},
    {"FR",
     "00",
     "0",
     9,
     9,
     {"1", "2", "3", "4", "5", "6", "7", "800", "89", "9", "33", ""}},
    {"GB",
     "00",
     "0",
     9,
     10,
     {"20", "121", "1865", "7700", "74", "800", "808", "84", "90", "70", "500", "44",
      "55", "1534", ""}},
    {"US",
     "011",
     "1",
     10,
     10,
     {"202", "212", "415", "650", "800", "888", "900", "555", "416", "242", "1", "011",
      ""}},
    {"NL",
     "00",
     "0",
     9,
     9,
     {"20", "10", "6", "800", "900", "85", "88", "14", "31", "970", ""}},
    {"PL", "00", "", 9, 9, {"22", "12", "50", "60", "79", "800", "70", "48", "39", ""}},
    {"ES", "00", "", 9, 9, {"91", "93", "6", "7", "800", "900", "902", "34", "51", ""}},
    {"BE", "00", "0", 8, 9, {"2", "3", "47", "49", "800", "78", "90", "32", ""}},
    {"DK", "00", "", 8, 8, {"20", "33", "45", "80", "90", "70", ""}},
    {"CZ", "00", "", 9, 9, {"2", "60", "77", "800", "90", "420", ""}},
    {"LI", "00", "0", 7, 9, {"2", "3", "7", "6", "800", "90", "423", ""}},
    {"LU", "00", "", 4, 11, {"26", "27", "4", "621", "800", "90", "352", "15", ""}},
    {"SE", "00", "0", 7, 10, {"8", "31", "70", "73", "20", "900", "46", ""}},
    {"CA", "011", "1", 10, 10, {"416", "604", "800", "900", "1", ""}},
};
enum { COUNTRIES = sizeof(countries) / sizeof(countries[0]) };

static const char *const foreign_codes[] = {
    "1",   "7",   "20",  "27",  "30",  "36",  "40",  "46",  "47",  "52",  "54",
    "55",  "61",  "81",  "86",  "90",  "91",  "212", "351", "353", "354", "358",
    "378", "380", "385", "421", "800", "970", "99",  "2",   "0",
};

struct text {
    char z[NUMBER_TEXT_MAX + 32];
    size_t n;
};

static void put(struct text *t, const char *z)
{
    size_t n = strlen(z);

    memcpy(t->z + t->n, z, n + 1);
    t->n += n;
}

/* Digits with separators of one style between groups. */
static void put_grouped(struct text *t, const char *digits)
{
    static const char *const gaps[] = {"",   " ",   "-",        ".",
                                       "/",  " / ", " - ",      "  ",
                                       ") ", " (",  "\xc2\xa0", "\xe2\x80\x93"};
    uint32_t style = random_below(sizeof(gaps) / sizeof(gaps[0]));
    bool mixed = random_below(4) == 0;

    for (size_t i = 0; digits[i]; i++) {
        char one[2] = {digits[i], '\0'};
        if (i > 0 && random_below(3) == 0)
            put(t, gaps[mixed ? random_below(sizeof(gaps) / sizeof(gaps[0])) : style]);
        put(t, one);
    }
}

static void make_national(const struct country *c, char *out)
{
    const char *head = NULL;
    size_t heads = 0, n, len;

    while (heads < 16 && c->heads[heads] && *c->heads[heads])
        heads++;
    head = c->heads[random_below((uint32_t)heads + 1)];
    if (!head)
        head = "";
    len = c->min + random_below(c->max - c->min + 1);
    if (random_below(8) == 0)
        len = 2 + random_below(15);
    n = strlen(head);
    memcpy(out, head, n + 1);
    for (; n < len; n++)
        out[n] = (char)('0' + random_below(10));
    out[n] = '\0';
}

/* Writes a number of `c` as it is written in the country of `plan`. */
static void make_text(const struct country *c, const struct dialplan *plan,
                      const char *international, struct text *t)
{
    static const char *const zeros[] = {"(0)", " (0) ", "(0) ", "0", " 0"};
    char national[32], code[8];

    make_national(c, national);
    snprintf(code, sizeof(code), "%u", phonenumber_calling_code(c->name));
    if (random_below(20) == 0)
        snprintf(code, sizeof(code), "%s",
                 foreign_codes[random_below(sizeof(foreign_codes) / sizeof(char *))]);
    t->n = 0;
    t->z[0] = '\0';
    if (random_below(10) == 0)
        put(t, random_below(2) ? "tel:" : " ");
    switch (strcmp(c->name, plan->country) == 0 ? random_below(8) : random_below(5)) {
    case 0:
    case 1:
        put(t, "+");
        put(t, code);
        break;
    case 2:
        put(t, international);
        put(t, random_below(2) ? " " : "");
        put(t, code);
        break;
    case 3:
    case 4:
        put(t, random_below(2) ? "+" : international);
        put(t, code);
        put(t, random_below(2) ? " " : "");
        put(t, zeros[random_below(5)]);
        break;
    case 5:
    case 6:
        put(t, c->national);
        put(t, random_below(3) ? "" : " ");
        break;
    default: /* bare */
        break;
    }
    put_grouped(t, national);
}

struct score {
    unsigned long all, fast, refused, possible;
};

enum way { WAY_FAST, WAY_SCANNED };

/* The digits behind plus or international prefix; NULL: there is neither. */
static const char *behind_prefix(const struct dialplan *plan, const struct scan *scan)
{
    size_t prefix = strlen(plan->international_prefix);

    if (scan->plus)
        return scan->digits;
    if (scan->n > prefix && memcmp(scan->digits, plan->international_prefix, prefix) == 0)
        return scan->digits + prefix;
    return NULL;
}

/* Reads the scanned digits as number_parse would: by the fast path alone, or with the
 * library behind it. returns false: not taken, or refused */
static bool read_scanned(const struct dialplan *plan, const struct scan *scan,
                         enum way way, struct numbering *out)
{
    const char *digits = behind_prefix(plan, scan);
    size_t n;

    if (digits) {
        n = scan->n - (size_t)(digits - scan->digits);
        return way == WAY_FAST ? numbering_fast_international(digits, n, out)
                               : numbering_international(digits, n, out);
    }
    return way == WAY_FAST ? numbering_fast_national(plan, scan->digits, scan->n, out)
                           : numbering_national(plan, scan->digits, scan->n, out);
}

/* No calling code begins with a zero: the library then thinks of something else, by
 * region; number_parse keeps the digits. Nor is the library's rule for one or two digits
 * one about numbers. */
static bool is_beyond_library(const struct dialplan *plan, const struct scan *scan)
{
    const char *digits = behind_prefix(plan, scan);

    return scan->n < 3 || (digits && *digits == '0');
}

static bool same(bool read, const struct numbering *a, bool slow_read,
                 const struct phonenumber *b)
{
    if (!read || !slow_read)
        return read == slow_read;
    return a->possible == b->possible && a->len == b->len &&
           memcmp(a->digits, b->digits, a->len) == 0;
}

/* returns false: they differ */
static bool compare(const struct dialplan *plan, const struct text *t,
                    struct score *score)
{
    struct numbering fast = {0}, scanned = {0};
    struct phonenumber slow;
    struct scan scan;
    bool read, took, found;

    if (t->n > NUMBER_TEXT_MAX || !scan_number(str_make(t->z, t->n), &scan))
        return true;
    took = read_scanned(plan, &scan, WAY_FAST, &fast);
    if (scan.several) /* the library makes one number of them */
        return true;
    if (!took && is_beyond_library(plan, &scan))
        return true;
    found = took || read_scanned(plan, &scan, WAY_SCANNED, &scanned);
    read = phonenumber_parse(plan->country, t->z, t->n, PHONENUMBER_PARSE, &slow) == 0;
    score->all++;
    score->fast += took;
    score->refused += !read;
    score->possible += read && slow.possible;
    if (same(found, took ? &fast : &scanned, read, &slow))
        return true;
    printf("# %s \"%s\": %s %s, library %s%s\n", plan->country, t->z,
           took ? "fast path" : "scanned", took ? fast.digits : scanned.digits,
           read ? slow.digits : "refuses", read && !slow.possible ? " (impossible)" : "");
    return false;
}

/* Every calling code there is, with what may follow it. */
static void compare_codes(unsigned rounds)
{
    struct phonenumber slow;
    struct numbering fast;
    char text[40] = "+";
    unsigned long taken = 0, differ = 0;

    for (unsigned code = 1; code < 1000; code++) {
        for (unsigned i = 0; i < rounds && differ < 20; i++) {
            size_t n = (size_t)snprintf(text + 1, sizeof(text) - 1, "%u", code) + 1;
            size_t end = n + 2 + random_below(14);
            if (random_below(3) == 0)
                text[n++] = "018"[random_below(3)];
            while (n < end)
                text[n++] = (char)('0' + random_below(10));
            text[n] = '\0';
            if (!numbering_fast_international(text + 1, n - 1, &fast))
                continue;
            taken++;
            if (phonenumber_parse("", text, n, PHONENUMBER_PARSE, &slow) == 0 &&
                same(true, &fast, true, &slow))
                continue;
            differ++;
            printf("# \"%s\": fast path %s, library %s\n", text, fast.digits,
                   slow.digits);
        }
    }
    ok(differ == 0 && taken > 0, "all calling codes: %lu numbers", taken);
}

static void make_plan(struct dialplan *plan, const char *country)
{
    const struct dialplan_options options = {.country = country};
    const char *option = "";
    char error[128] = "";

    if (dialplan_init(plan, &options, &option, error, sizeof(error))) {
        fprintf(stderr, "%s: %s\n", option, error);
        exit(EXIT_FAILURE);
    }
}

static void compare_country(const struct country *home, unsigned long count,
                            struct score *total)
{
    struct dialplan plan;
    struct score score = {0};
    unsigned long differ = 0;
    struct text t;

    make_plan(&plan, home->name);
    for (unsigned long i = 0; i < count && differ < 20; i++) {
        const struct country *c =
            random_below(3) ? home : &countries[random_below(COUNTRIES)];
        make_text(c, &plan, home->international, &t);
        differ += !compare(&plan, &t, &score);
    }
    ok(differ == 0, "%s: %lu texts, fast path takes %.1f %% of the possible ones",
       home->name, score.all, 100.0 * (double)score.fast / (double)(score.possible + 1));
    total->all += score.all;
    total->fast += score.fast;
    total->refused += score.refused;
    total->possible += score.possible;
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void measure(const char *what, const struct dialplan *plan, const char *text,
                    unsigned rounds, bool parse)
{
    struct number out[NUMBER_READINGS_MAX];
    double start = now();

    for (unsigned i = 0; i < rounds; i++) {
        if (parse)
            number_parse(plan, str_of(text), out);
        else
            number_readings(plan, str_of(text), out);
        __asm__ volatile("" : : "r"(out) : "memory");
    }
    printf("# %-8s %-28s %8.0f ns\n", what, text, (now() - start) / rounds);
}

static void measure_all(void)
{
    static const char *const fast[] = {"+4989840798192",    "+49 (0)89 840798-192",
                                       "0049 89 840798192", "089/840798192",
                                       "840798192",         "tel:+4989840798192"};
    static const char *const asked[] = {"192", "110", "4989840798192", "1711234567"};
    const struct dialplan_options options = {.country = "DE",
                                             .area_code = "89",
                                             .main_number = "+49 89 840798",
                                             .extension_length = 3};
    struct dialplan plan;
    const char *option;
    char error[128];

    if (dialplan_init(&plan, &options, &option, error, sizeof(error)))
        return;
    for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++) {
        measure("parse", &plan, fast[i], 2000000, true);
        measure("readings", &plan, fast[i], 2000000, false);
    }
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        measure("parse", &plan, asked[i], 5000, true);
        measure("readings", &plan, asked[i], 5000, false);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = 250000;
    struct score total = {0};

    if (number_global_init())
        return EXIT_FAILURE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--time") == 0) {
            measure_all();
            return EXIT_SUCCESS;
        }
        if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
            count = strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[++i], NULL, 10) * 2 + 1;
    }
    for (int i = 0; i < COUNTRIES; i++)
        compare_country(&countries[i], count / COUNTRIES, &total);
    compare_codes((unsigned)(count / 5000));
    printf(
        "# %lu texts: %lu possible, %lu refused by the library; the fast path took %lu\n",
        total.all, total.possible, total.refused, total.fast);
    ok(total.fast * 2 > total.possible, "the fast path takes most of them");
    return tap_done();
}
