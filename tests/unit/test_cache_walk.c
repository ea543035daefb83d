/* test_cache_walk.c - every index, both ways: by its keys and from the record's side. */
#include "cache_util.h"

static struct loop *loop;
static struct dialplan plan;
static struct cache *c;
static struct cache_source *s;

static void load_people(void)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(s, &o);
    struct cache_load_stats st;
    struct person p;

    person_name(&p, "anna", "Anna", "Müller");
    person_add(&p, CTR_FIELD_ORGANISATION, "Beispiel GmbH");
    person_add(&p, CTR_FIELD_PHONE_BUSINESS, "+49 89 840798-192");
    person_add(&p, CTR_FIELD_PHONE_MOBILE, "0171/2345678");
    person_add(&p, CTR_FIELD_MAIL, "Anna.Mueller@beispiel.example");
    person_add(&p, CTR_FIELD_CITY, "Köln");
    person_add(&p, CTR_FIELD_NOTE, "geheimnotiz");
    cache_load_put(load, &p.contact, 1);
    person_name(&p, "bert", "Bert", "Groß-Straßer");
    person_add(&p, CTR_FIELD_PHONE_BUSINESS, "+4989840798193");
    person_add(&p, CTR_FIELD_PHONE_HOME, "+4989840798193");
    person_add(&p, CTR_FIELD_PHONE_OTHER, "112");
    person_add(&p, CTR_FIELD_PHONE_OTHER, "*21#");
    cache_load_put(load, &p.contact, 1);
    person_name(&p, "carl", "Carl", "Meyer");
    person_add(&p, CTR_FIELD_PHONE_BUSINESS, "+4911234567");
    person_add(&p, CTR_FIELD_PHONE_FAX, "+49898407981930");
    person_add(&p, CTR_FIELD_CUSTOM, "Raum Zugspitze");
    p.fields[4].name = STR_LIT("room");
    cache_load_put(load, &p.contact, 1);
    ok(cache_load_commit(load, (struct ctr_str){0}, &st) == 0 && st.added == 3, "loaded");
}

static void test_numbers(void)
{
    is_str(number(c, s, "4989840798192"), "anna", "exact");
    is_str(number(c, s, "491712345678"), "anna", "national form");
    is_str(number(c, s, "498984079819"), "", "a shorter one is not it");
    is_str(number(c, s, "4989840798193"), "bert bert", "one number as two kinds");
    is_str(ids_of(c, s, CACHE_NUMBER, "49898407981", false, NUMBER_E164),
           "anna bert bert carl", "prefix, in key order");
    is_str(ids_of(c, s, CACHE_NUMBER, "498984079819", false, NUMBER_E164),
           "anna bert bert carl", "prefix of even and odd length");
    is_str(ids_of(c, s, CACHE_NUMBER, "112", true, NUMBER_LOCAL), "bert", "local");
    is_str(ids_of(c, s, CACHE_NUMBER, "11", false, NUMBER_LOCAL), "bert", "local prefix");
    is_str(ids_of(c, s, CACHE_NUMBER, "*21#", true, NUMBER_LOCAL), "bert",
           "feature code");
    is_str(ids_of(c, s, CACHE_NUMBER, "112", false, NUMBER_E164), "", "classes apart");
    is_str(ids_of(c, s, CACHE_NUMBER, "", false, NUMBER_LOCAL), "bert bert", "all local");
    is_str(ids_of(c, s, CACHE_NUMBER, "", false, NUMBER_E164),
           "carl anna anna bert bert carl", "all E.164");
    is_str(ids_of(c, s, CACHE_NUMBER_REVERSED, "291", false, NUMBER_E164), "anna",
           "by its end");
    is_str(ids_of(c, s, CACHE_NUMBER_REVERSED, "211", false, NUMBER_E164), "",
           "a short number is no end");
    is_str(ids_of(c, s, CACHE_NUMBER, "4989x", true, NUMBER_E164), "", "no digits");
    is_str(ids_of(c, s, CACHE_NUMBER, "1234567890123456789012345", false, NUMBER_E164),
           "", "too many digits");
}

static void test_words(void)
{
    static const char *const forms[] = {"mueller", "muller"};

    for (unsigned i = 0; i < 2; i++)
        is_str(ids_of(c, s, CACHE_WORD, forms[i], true, NUMBER_NONE), "anna", "%s",
               forms[i]);
    is_str(words(c, s, "gross"), "bert", "ß");
    is_str(words(c, s, "strasser"), "bert", "part of a double name");
    is_str(words(c, s, "koeln"), "anna", "city");
    is_str(words(c, s, "koln"), "anna", "city, the other form");
    is_str(words(c, s, "beispiel"), "anna", "organisation");
    is_str(words(c, s, "@anna.mueller@beispiel.example"), "anna", "the whole address");
    is_str(words(c, s, "anna.mueller@"), "", "which is no word");
    is_str(words(c, s, "example"), "", "a domain is no word");
    is_str(words(c, s, "zugspitze"), "carl", "custom");
    is_str(words(c, s, "geheimnotiz"), "", "a note is not indexed");
    is_str(words(c, s, "me"), "carl", "prefix");
    is_str(ids_of(c, s, CACHE_WORD, "me", true, NUMBER_NONE), "", "exact is exact");
    is_str(ids_of(c, s, CACHE_SOUND, "67", true, NUMBER_NONE), "carl", "Meyer by sound");
    is_str(ids_of(c, s, CACHE_SOUND, "657", true, NUMBER_NONE), "anna",
           "Müller by sound");
    is_str(all_ids(c, s), "anna bert carl", "all");
}

static const char *within(enum cache_within which, const char *text)
{
    struct cache_walk w;

    cache_walk_init_within(&w, s, str_of(text), which);
    return walk_ids(c, &w);
}

static void test_within(void)
{
    is_str(within(CACHE_WITHIN_WORDS, "elle"), "anna", "within a word");
    is_str(within(CACHE_WITHIN_WORDS, "ull"), "anna", "within one form of it");
    is_str(within(CACHE_WITHIN_WORDS, "spie"), "anna", "not within the address as well");
    is_str(within(CACHE_WITHIN_WORDS, "bert"), "bert", "a whole word");
    is_str(within(CACHE_WITHIN_WORDS, "ss"), "bert bert", "in two words");
    is_str(within(CACHE_WITHIN_WORDS, "e"), "anna bert anna carl anna anna bert carl",
           "in several, in key order");
    is_str(within(CACHE_WITHIN_WORDS, "l.e"), "", "no word has a full stop");
    is_str(within(CACHE_WITHIN_WORDS, "zz"), "", "nowhere");
    is_str(within(CACHE_WITHIN_ADDRESSES, "l.e"), "anna", "an address has one");
    is_str(within(CACHE_WITHIN_ADDRESSES, "bert"), "", "a word is no address");
    is_str(within(CACHE_WITHIN_ADDRESSES, "anna"), "anna", "where an address begins");
}

/* More keys than one call looks at, rows of one key and of many; each call in a read of
 * its own. Against a plain look at every name. */
static void test_within_many(void)
{
    enum { N = 4000 };
    static const char *const texts[] = {"7", "77", "gleich", "x3", "39", "3999", "y"};
    struct cache_source *t = cache_source(c, "within");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(t, &o);
    struct cache_load_stats st;
    unsigned pauses = 0;
    char name[40], id[16];

    for (unsigned i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "%u", i);
        snprintf(name, sizeof(name), "x%u gleich%s", i, i % 3 ? "" : "er");
        put_one(load, id, name, NULL);
    }
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "many words");
    for (unsigned k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
        unsigned found = 0, expected = 0, wrong = 0;
        struct cache_walk w;
        int rc;

        for (unsigned i = 0; i < N; i++) {
            snprintf(name, sizeof(name), "x%u", i);
            expected += strstr(name, texts[k]) != NULL;
            expected += strstr(i % 3 ? "gleich" : "gleicher", texts[k]) != NULL;
        }
        cache_walk_init_within(&w, t, str_of(texts[k]), CACHE_WITHIN_WORDS);
        do {
            struct record r;

            cache_read_begin(c);
            rc = cache_walk_next(&w);
            pauses += rc == -CTR_EPAUSE;
            found += rc == 0;
            if (rc == 0 && (cache_get(t, w.recno, &r) != 0 ||
                            !cache_record_in_walk(&w, &r) || !strstr(w.at, texts[k])))
                wrong++;
            cache_read_end(c);
        } while (rc == 0 || rc == -CTR_EPAUSE);
        ok(rc == -CTR_ENOENT && found == expected && wrong == 0, "%u within by \"%s\"",
           expected, texts[k]);
    }
    ok(pauses > 7 * N / 1000, "it pauses now and then: %u", pauses);
}

/* Words that are cut, and more of them than are kept, are never missed. */
static void test_within_lost_words(void)
{
    struct cache_source *t = cache_source(c, "lost");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(t, &o);
    struct strbuf text = {0};
    struct cache_load_stats st;
    struct cache_walk w;
    struct person p;

    for (unsigned i = 0; i < 200; i++)
        strbuf_fmt(&text, "w%u ", i);
    strbuf_z(&text, "zuletzt");
    person_name(&p, "many", "Many", "Words");
    p.contact.n_fields++;
    p.fields[2].kind = CTR_FIELD_ORGANISATION;
    p.fields[2].value = str_make(text.ptr, text.len);
    cache_load_put(load, &p.contact, 1);
    person_name(&p, "long", "Long",
                "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamten"
                "gesellschaft");
    cache_load_put(load, &p.contact, 1);
    put_one(load, "else", "Mueller", NULL);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "loaded");
    cache_walk_init_within(&w, t, STR_LIT("letz"), CACHE_WITHIN_WORDS);
    is_str(walk_ids(c, &w), "many long", "who may have it, not who has not");
    cache_walk_init_within(&w, t, STR_LIT("letz"), CACHE_WITHIN_ADDRESSES);
    is_str(walk_ids(c, &w), "many", "an address may be lost as well");
    is_str(ids_of(c, t, CACHE_WORD, "zuletzt", true, NUMBER_NONE), "", "it is lost");
    cache_walk_init(&w, t, CACHE_WORD, CACHE_MORE_WORDS, true, NUMBER_NONE);
    is_str(walk_ids(c, &w), "many", "and that is known");
    strbuf_finish(&text);
}

/* Each walk finds exactly the records that say they are in it, first once. */
static void test_record_side(void)
{
    static const struct {
        enum cache_index index;
        const char *key;
        bool exact;
        enum number_class class;
    } walks[] = {{CACHE_NUMBER, "49898407981", false, NUMBER_E164},
                 {CACHE_NUMBER, "4989840798193", true, NUMBER_E164},
                 {CACHE_NUMBER, "", false, NUMBER_LOCAL},
                 {CACHE_NUMBER_REVERSED, "3", false, NUMBER_E164},
                 {CACHE_WORD, "m", false, NUMBER_NONE},
                 {CACHE_WORD, "", false, NUMBER_NONE},
                 {CACHE_SOUND, "6", false, NUMBER_NONE},
                 {CACHE_ALL, "", false, NUMBER_NONE}};

    cache_read_begin(c);
    for (unsigned i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
        unsigned in = 0, first = 0;
        bool good = true;
        struct cache_walk w, all;
        struct record r;

        cache_walk_init(&all, s, CACHE_ALL, (struct ctr_str){0}, false, NUMBER_NONE);
        cache_walk_init(&w, s, walks[i].index, str_of(walks[i].key), walks[i].exact,
                        walks[i].class);
        while (cache_walk_next(&all) == 0) {
            cache_get(s, all.recno, &r);
            in += cache_record_in_walk(&w, &r);
        }
        while (cache_walk_next(&w) == 0) {
            cache_get(s, w.recno, &r);
            good = good && cache_record_in_walk(&w, &r);
            first += cache_walk_is_first(&w, &r);
        }
        ok(good, "walk %u: all it gives are in it", i);
        is_int(first, in, "walk %u: each is first once", i);
    }
    cache_read_end(c);
}

/* Walks are plain data: copied, they go on apart from each other; and across slices. */
static void test_copies(void)
{
    struct cache_walk a, b;
    struct record r;
    uint32_t want;

    cache_walk_init(&a, s, CACHE_WORD, STR_LIT(""), false, NUMBER_NONE);
    cache_read_begin(c);
    cache_walk_next(&a);
    cache_walk_next(&a);
    b = a;
    cache_walk_next(&a);
    want = a.recno;
    cache_walk_next(&a);
    is_int(cache_walk_next(&b), 0, "the copy goes on");
    ok(b.recno == want, "from where it was");
    is_int(cache_walk_estimate(&a, 1000), 11, "postings ahead");
    is_int(cache_walk_estimate(&a, 5), 5, "no more than asked");
    want = a.recno;
    b = a;
    cache_walk_next(&a);
    cache_read_end(c);
    cache_read_begin(c);
    cache_walk_next(&b);
    ok(b.recno == a.recno && strcmp(a.at, b.at) == 0, "the next slice seeks to it");
    for (unsigned i = 0; i < 100; i++) { /* more than there are cursors */
        struct cache_walk w;

        cache_walk_init(&w, s, i % 2 ? CACHE_NUMBER : CACHE_WORD, STR_LIT(""), false,
                        NUMBER_E164);
        if (cache_walk_next(&w) != 0 || cache_get(s, w.recno, &r) != 0)
            ok(false, "walk %u", i);
    }
    want = 0;
    while (cache_walk_next(&b) == 0)
        want++;
    ok(want == 10, "and the first still knows where it is");
    cache_read_end(c);
}

/* Long lists: rows are cut, grow, shrink and vanish; against a plain model. */
static void test_long_lists(void)
{
    enum { N = 3000, ROUNDS = 12 };
    static bool has[N];
    struct cache_source *t = cache_source(c, "long");
    struct cache_load_options o = full_load(&plan);
    unsigned seed = 7, wrong = 0;

    o.full = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct cache_load *load = begin_or_die(t, &o);
        struct cache_load_stats st;
        struct cache_walk w;
        struct record r;
        unsigned i = 0;

        for (unsigned k = 0; k < N / 2; k++) {
            unsigned n = (unsigned)rand_r(&seed) % N;
            char id[16];
            struct ctr_str gone = {id, 0};

            gone.len = (uint64_t)snprintf(id, sizeof(id), "%05u", n);
            has[n] = rand_r(&seed) % 4 < (round % 6 < 3 ? 3 : 1);
            if (has[n])
                put_one(load, id, "Gleich", "+49 89 2180-0");
            else
                cache_load_delete(load, &gone, 1);
        }
        if (cache_load_commit(load, (struct ctr_str){0}, &st) != 0)
            wrong++;
        cache_read_begin(c);
        cache_walk_init(&w, t, CACHE_WORD, STR_LIT("gleich"), true, NUMBER_NONE);
        for (unsigned n = 0; n < N; n++)
            i += has[n];
        while (cache_walk_next(&w) == 0) {
            if (cache_get(t, w.recno, &r) != 0 ||
                !has[strtoul(record_id(&r).ptr, NULL, 10)])
                wrong++;
            i--;
        }
        wrong += i != 0;
        cache_read_end(c);
    }
    is_int(wrong, 0, "%d rounds of %d changes", ROUNDS, N / 2);
}

static void put_company(struct cache_load *load, const char *id, const char *org,
                        uint32_t kind, const char *number_text)
{
    struct person p;

    person_new(&p, id);
    person_add(&p, CTR_FIELD_SURNAME, id);
    if (org)
        person_add(&p, CTR_FIELD_ORGANISATION, org);
    person_add(&p, kind, number_text);
    cache_load_put(load, &p.contact, 1);
}

static const char *company(struct cache_source *t, const char *digits)
{
    static char out[64];
    struct cache_company found;
    struct record r;
    int rc;

    cache_read_begin(c);
    rc = cache_company(t, str_of(digits), &found);
    strcpy(out, rc == -CTR_ENOENT ? "" : "error");
    if (rc == 0 && cache_get(t, found.recno, &r) == 0)
        snprintf(out, sizeof(out), STR_FMT " %u %u", STR_ARG(record_id(&r)),
                 found.trunk_len, found.contacts);
    cache_read_end(c);
    return out;
}

static void test_company(void)
{
    struct cache_source *t = cache_source(c, "companies");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(t, &o);
    struct cache_load_stats st;

    put_company(load, "x1", "Xaver GmbH", CTR_FIELD_PHONE_BUSINESS, "+49 30 555666-11");
    put_company(load, "x0", "XAVER  GmbH", CTR_FIELD_PHONE_MAIN, "+49 30 555666-0");
    put_company(load, "x2", "Xaver GmbH", CTR_FIELD_PHONE_BUSINESS, "+49 30 555666-12");
    put_company(load, "y1", "Yps AG", CTR_FIELD_PHONE_BUSINESS, "+49 30 777888-11");
    put_company(load, "y2", "Andere", CTR_FIELD_PHONE_BUSINESS, "+49 30 777888-12");
    put_company(load, "z", NULL, CTR_FIELD_PHONE_MAIN, "+49 30 999000-0");
    put_company(load, "m", "Mut", CTR_FIELD_PHONE_MAIN, "+43 1 5350");
    put_company(load, "l", "Lang", CTR_FIELD_PHONE_MAIN, "+49 30 55566677-0");
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "companies");
    is_str(company(t, "4930555666999"), "x0 10 3", "the main number's own");
    is_str(company(t, "4930555666"), "x0 10 3", "the trunk itself");
    is_str(company(t, "493055566677999"), "l 12 1", "the longest trunk wins");
    is_str(company(t, "493055566678"), "x0 10 3", "or the shorter, past the longer");
    is_str(company(t, "4930777888999"), "", "they do not agree");
    is_str(company(t, "4930999000999"), "", "no organisation");
    is_str(company(t, "431535099"), "m 7 1", "a main number without a dash");
    is_str(company(t, "4930555"), "", "too short");
    is_str(company(t, "4940123456"), "", "another");
    is_str(company(t, ""), "", "nothing");
    is_str(company(t, "12345678901234567890123456"), "", "too long");
    cache_wipe(t);
    load = begin_or_die(t, &o);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "emptied");
    is_str(company(t, "4930555666999"), "", "nothing left");
}

int main(void)
{
    char dir[64];
    struct cache_options options = {.dir = fresh_dir(dir)};

    if (number_global_init() != 0)
        return 2;
    loop = loop_create();
    munich(&plan);
    c = open_or_die(loop, &options);
    s = cache_source(c, "crm");
    load_people();
    test_numbers();
    test_words();
    test_within();
    test_within_many();
    test_within_lost_words();
    test_record_side();
    test_copies();
    test_long_lists();
    test_company();
    cache_close(c);
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
