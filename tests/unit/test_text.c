/* test_text.c - folding, words, sound. */
#include <time.h>

#include "tap.h"
#include "text/text.h"

/* str_of takes NULL too, and gcc then doubts every %s of the same pointer. */
static struct ctr_str text_of(const char *z)
{
    return str_make(z, strlen(z));
}

static struct text_folds fold(struct arena *a, const char *z)
{
    struct text_folds out;

    if (text_fold(a, text_of(z), &out))
        exit(EXIT_FAILURE);
    return out;
}

/* form1 NULL: both forms are the same. */
static void folds(void)
{
    static const struct {
        const char *text, *form0, *form1;
    } rows[] = {
        {"Huber", "huber", NULL},
        {"M\xc3\xbcller", "mueller", "muller"},
        {"M\xc3\x9cLLER", "mueller", "muller"},
        {"Mu\xcc\x88ller", "mueller", "muller"}, /* letter and mark */
        {"M\xfcller", "mueller", "muller"},      /* Windows-1252 */
        {"Stra\xc3\x9f"
         "e",
         "strasse", NULL},
        {"STRA\xe1\xba\x9e"
         "E",
         "strasse", NULL},
        {"\xc3\x84rger \xc3\x96l \xc3\x9c"
         "bel",
         "aerger oel uebel", "arger ol ubel"},
        {"S\xc3\xb8rensen", "soerensen", "sorensen"},
        {"Kj\xc3\xa6r", "kjaer", "kjar"},
        {"\xc3\x85ngstr\xc3\xb6m", "aangstroem", "angstrom"},
        {"A\xcc\x8angstro\xcc\x88m", "aangstroem", "angstrom"},
        {"\xc5\x92uvre", "oeuvre", "ouvre"},
        {"Ren\xc3\xa9"
         "e",
         "renee", NULL},
        {"Rene\xcc\x81"
         "e",
         "renee", NULL},
        {"\xc5\x81ukasz Wa\xc5\x82\xc4\x99sa", "lukasz walesa", NULL},
        {"Dvo\xc5\x99\xc3\xa1k", "dvorak", NULL},
        {"\xc4\xb0stanbul", "istanbul", NULL},
        {"\xc3\x9e\xc3\xb3r", "thor", NULL},
        {"Nguy\xe1\xbb\x85n", "nguyen", NULL},
        {"\xef\xac\x81le", "file", NULL},
        {"\xef\xbc\xa1\xef\xbc\xa2", "ab", NULL},
        {"\xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1",
         "\xce\xb1\xce\xb8\xce\xb7\xce\xbd\xce\xb1", NULL},
        {"\xd0\x9c\xd0\x9e\xd0\xa1\xd0\x9a", "\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba", NULL},
        {"O'Brien", "obrien", NULL},
        {"O\xe2\x80\x99"
         "Brien",
         "obrien", NULL},
        {"O\x92"
         "Brien",
         "obrien", NULL},
        {"D\xc2\xb4"
         "Angelo",
         "dangelo", NULL},
        {"M\xc3\xbcller-L\xc3\xbc"
         "denscheidt",
         "mueller-luedenscheidt", "muller-ludenscheidt"},
        {"  Anna \t\n Huber ", "anna huber", NULL},
        {"Anna\xc2\xa0Huber", "anna huber", NULL},
        {"Anna\xe2\x80\x83Huber", "anna huber", NULL},
        {"An\xc2\xad"
         "na",
         "anna", NULL},
        {"An\xe2\x80\x8b"
         "na",
         "anna", NULL},
        {"\xc2\xad Anna", "anna", NULL},
        {"3M & Co.", "3m & co.", NULL},
        {"m\xc2\xb2", "m2", NULL},
        {"", "", NULL},
        {" \t ", "", NULL},
        {"\x80", "\xe2\x82\xac", NULL},
        {"\x81", "\xef\xbf\xbd", NULL},
    };
    struct arena a = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text_folds f = fold(&a, rows[i].text);
        const char *form1 = rows[i].form1 ? rows[i].form1 : rows[i].form0;
        is_int(f.n, rows[i].form1 ? 2 : 1, "\"%s\": forms", rows[i].text);
        is_str(f.form[0].ptr, rows[i].form0, "  form 0");
        is_str(f.form[1].ptr, form1, "  form 1");
        ok(f.form[0].len == strlen(rows[i].form0) && f.form[1].len == strlen(form1),
           "  lengths");
        arena_reset(&a);
    }
    arena_finish(&a);
}

static void equal_names(void)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"M\xc3\xbcller", "mueller", true},
        {"M\xc3\xbcller", "muller", true},
        {"M\xc3\xbcller", "M\xc3\x9cLLER", true},
        {"Mueller", "M\xc3\xbcller", true},
        {"Muller", "M\xc3\xbcller", true},
        {"J\xc3\xbcrgen Mueller", "Jurgen M\xc3\xbcller", true},
        {"Mueller", "Muller", false},
        {"Gross", "Gro\xc3\x9f", true},
        {"Kjaer", "Kj\xc3\xa6r", true},
        {"Anna", "Anne", false},
        {"", "", true},
    };
    struct arena a = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text_folds x = fold(&a, rows[i].a), y = fold(&a, rows[i].b);
        ok(text_folds_equal(&x, &y) == rows[i].equal &&
               text_folds_equal(&y, &x) == rows[i].equal,
           "\"%s\" and \"%s\" are %s", rows[i].a, rows[i].b,
           rows[i].equal ? "equal" : "different");
    }
    arena_finish(&a);
}

static void cut_at_a_character(void)
{
    static const struct {
        const char *text;
        unsigned form;
        size_t cap;
        const char *want;
    } rows[] = {
        {"M\xc3\xbcller", 0, 3, "mue"},
        {"M\xc3\xbcller", 0, 2, "m"},
        {"M\xc3\xbcller", 1, 2, "mu"},
        {"Anna Huber", 0, 5, "anna"},
        {"Anna Huber", 0, 6, "anna h"},
        {"\xd0\x9c\xd0\x9e", 0, 3, "\xd0\xbc"},
        {"Anna", 0, 0, ""},
        {"Anna", 1, 4, "anna"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[16] = "";
        size_t n = text_fold_into(text_of(rows[i].text), rows[i].form, out, rows[i].cap);
        ok(n == strlen(rows[i].want) && memcmp(out, rows[i].want, n) == 0,
           "\"%s\" form %u in %zu bytes: %.*s", rows[i].text, rows[i].form, rows[i].cap,
           (int)n, out);
    }
}

static void long_texts(void)
{
    enum { LONG = 100000 };
    struct arena a = {0}, small;
    struct text_folds f;
    char *text = malloc(2 * LONG);
    bool right = true;

    for (size_t i = 0; i < LONG; i++)
        memcpy(text + 2 * i, "\xc3\xbc", 2);
    is_int(text_fold(&a, str_make(text, 2 * LONG), &f), 0, "200 kB of umlauts");
    is_int(f.form[0].len, 2 * LONG, "  spelled out");
    is_int(f.form[1].len, LONG, "  without marks");
    for (size_t i = 0; i < LONG; i++)
        right &= f.form[0].ptr[2 * i] == 'u' && f.form[1].ptr[i] == 'u';
    ok(right, "  and right");
    arena_finish(&a);
    arena_init(&small, 1000);
    ok(text_fold(&small, str_make(text, 2 * LONG), &f) < 0, "a small arena refuses it");
    arena_finish(&small);
    free(text);
}

static void words(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"anna huber", "anna|huber"},
        {"mueller-luedenscheidt", "mueller|luedenscheidt"},
        {"c4b com for business ag", "c4b|com|for|business|ag"},
        {"  (3m) & co. ", "3m|co"},
        {"\xd0\xbc\xd0\xbe \xd1\x81\xd0\xba", "\xd0\xbc\xd0\xbe|\xd1\x81\xd0\xba"},
        {"a\xe2\x80\x93"
         "b",
         "a|b"},
        {"\xff\xfe"
         "a\xff",
         "a"},
        {"", ""},
        {" - ", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ctr_str rest = text_of(rows[i].text), word;
        char got[128] = "";
        while (text_next_word(&rest, &word)) {
            strcat(got, *got ? "|" : "");
            strncat(got, word.ptr, (size_t)word.len);
        }
        is_str(got, rows[i].want, "words of \"%s\"", rows[i].text);
    }
}

static void long_words_are_cut(void)
{
    char text[140];
    struct ctr_str rest = str_make(text, sizeof(text)), word;

    memset(text, 'a', sizeof(text));
    text[138] = ' ';
    ok(text_next_word(&rest, &word) && word.len == TEXT_WORD_MAX, "cut at TEXT_WORD_MAX");
    ok(text_next_word(&rest, &word) && word.len == 1, "  and its end is no word");
    for (size_t i = 1; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xd0\xbc", 2);
    rest = str_make(text, sizeof(text));
    ok(text_next_word(&rest, &word) && word.len == TEXT_WORD_MAX - 1, "at a character");
}

static const char *sound(const char *z, unsigned form)
{
    static char out[TEXT_PHONETIC_MAX + 1];
    char folded[128];
    size_t n = text_fold_into(text_of(z), form, folded, sizeof(folded));

    n = text_phonetic(str_make(folded, n), out);
    out[n] = '\0';
    return out;
}

static void cologne_phonetics(void)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"M\xc3\xbcller-L\xc3\xbc"
         "denscheidt",
         "65752682"},
        {"Wikipedia", "3412"},
        {"Breschnew", "17863"},
        {"Mueller", "657"},
        {"M\xc3\xbcller", "657"},
        {"Muller", "657"},
        {"Schmidt", "862"},
        {"Schmitt", "862"},
        {"Meier", "67"},
        {"Mayr", "67"},
        {"Philipp", "351"},
        {"Filip", "351"},
        {"Xaver", "4837"},
        {"Axt", "0482"},
        {"Christa", "4782"},
        {"Celik", "854"},
        {"Max", "648"},
        {"Eckxmann", "0486"
                     "6"},
        {"Aue", "0"},
        {"Aachen", "046"},
        {"H", ""},
        {"123", ""},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned form = 0; form < 2; form++)
            is_str(sound(rows[i].name, form), rows[i].want, "sound of %s, form %u",
                   rows[i].name, form);
    }
    is_str(sound("Otto", 0), "02", "letters of a kind count once");
    is_str(sound("Otito", 0), "022", "  but not across a vowel");
    is_int(
        strlen(sound("badabadabadabadabadabadabadabadabadabadabadabadabadabadabadabadabad"
                     "a",
                     0)),
        TEXT_PHONETIC_MAX, "bounded");
}

static void measure(void)
{
    static const char *const names[] = {"Anna Huber", "J\xc3\xbcrgen M\xc3\xbcnchmeyer",
                                        "Ren\xc3\xa9 Dvo\xc5\x99\xc3\xa1k",
                                        "\xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1"};
    enum { ROUNDS = 1000000 };
    struct arena a = {0};

    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < ROUNDS; i++) {
            fold(&a, names[k]);
            if (i % 64 == 0)
                arena_reset(&a);
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        printf("# %s: %.0f ns\n", names[k],
               ((double)(to.tv_sec - from.tv_sec) * 1e9 +
                (double)(to.tv_nsec - from.tv_nsec)) /
                   ROUNDS);
    }
    arena_finish(&a);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--time") == 0) {
        measure();
        return EXIT_SUCCESS;
    }
    folds();
    equal_names();
    cut_at_a_character();
    long_texts();
    words();
    long_words_are_cut();
    cologne_phonetics();
    return tap_done();
}
