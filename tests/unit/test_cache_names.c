/* test_cache_names.c - what stands within the words of names: against a plain look at all
 * contacts, while they come, change and go. */
#include "cache/impl.h"
#include "cache/part.h"
#include "cache_util.h"

enum { PEOPLE = 700, ROUNDS = 14, CHANGES = 250, BITS = 1 << 14 };

static struct loop *loop;
static struct dialplan plan;
static struct cache *c;
static struct cache_source *s;
static unsigned seed = 11;

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

/* ---- a plain model: what each contact shows, folded -------------------------------- */

struct model {
    bool is;
    char name[400], mail[64], custom[64];
};

static struct model model[PEOPLE];

/* Few letters, so that pieces stand in many words, and several times in one. */
static const char *random_word(void)
{
    static const char *const some[] = {"anna",
                                       "nannan",
                                       "anan",
                                       "mueller",
                                       "hannovermannheim",
                                       "abcdefghijklmnopqrstuvwx",
                                       "abcdefghijklmnopqrstuvwxy",
                                       "rindfleischetikettierungsueberwachung",
                                       ("donaudampfschifffahrtselektrizitaetenhauptbetrie"
                                        "bswerkbauunterbeamtengesellschaft")};
    static char out[16];
    unsigned n = 1 + below(9);

    if (below(4) == 0)
        return some[below(sizeof(some) / sizeof(some[0]))];
    for (unsigned i = 0; i < n; i++)
        out[i] = "anbmo1"[below(below(3) ? 4 : 6)];
    out[n] = 0;
    return out;
}

static void make(struct model *m, unsigned i)
{
    memset(m, 0, sizeof(*m));
    m->is = true;
    snprintf(m->name, sizeof(m->name), "%s", random_word());
    for (unsigned n = below(3); n > 0; n--) {
        strcat(m->name, " ");
        strcat(m->name, random_word());
    }
    if (below(2))
        snprintf(m->mail, sizeof(m->mail), "%.20s.%u@x.example", random_word(), i);
    if (below(3) == 0)
        snprintf(m->custom, sizeof(m->custom), "%.40s", random_word());
}

static void put_model(struct cache_load *load, unsigned i, char id[16])
{
    static char many[2000];
    struct person p;
    size_t n = 0;

    person_add(person_new(&p, id), CTR_FIELD_SURNAME, model[i].name);
    if (model[i].mail[0])
        person_add(&p, CTR_FIELD_MAIL, model[i].mail);
    if (model[i].custom[0]) {
        person_add(&p, CTR_FIELD_CUSTOM, model[i].custom);
        p.fields[p.contact.n_fields - 1].name = STR_LIT("room");
    }
    for (unsigned k = 0; i % 97 == 5 && k < 200; k++) /* more than are kept */
        n += (size_t)snprintf(many + n, sizeof(many) - n, "w%u ", k);
    if (n > 0)
        person_add(&p, CTR_FIELD_DEPARTMENT, many);
    cache_load_put(load, &p.contact, 1);
}

/* A delta, or all anew. */
static int change(bool full)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_load *load;

    o.full = full;
    o.shape = full ? below(1000) : 0;
    o.max_delete_percent = 100;
    o.allow_delete = true;
    load = begin_or_die(s, &o);
    for (unsigned k = 0; k < (full ? PEOPLE : CHANGES); k++) {
        unsigned i = full ? k : below(PEOPLE);
        char id[16];
        struct ctr_str gone = {id, (uint64_t)snprintf(id, sizeof(id), "%u", i)};

        if (!full && model[i].is && below(2)) {
            model[i].is = false;
            cache_load_delete(load, &gone, 1);
            continue;
        }
        if (!full || !model[i].is)
            make(&model[i], i);
        put_model(load, i, id);
    }
    return cache_load_commit(load, (struct ctr_str){0}, &st);
}

/* ---- both ways --------------------------------------------------------------------- */

static unsigned number_of(uint32_t recno)
{
    struct record r;

    if (cache_get(s, recno, &r) != 0)
        return PEOPLE;
    return (unsigned)strtoul(record_id(&r).ptr, NULL, 10);
}

/* Long words stand for what was cut of them, and many for those that were lost; and a
 * name's word may be that of something else. */
static bool may_be_found(unsigned i, const char *text)
{
    const struct model *m = &model[i];

    return i % 97 == 5 || strstr(m->name, "donau") || strstr(m->name, text) ||
           strstr(m->mail, text) || strstr(m->custom, text);
}

/* Walks each call in a read of its own, through a copy. returns wrong answers */
static unsigned check_walk(const char *text, uint64_t *bits)
{
    unsigned wrong = 0, firsts = 0, distinct = 0, expected = 0;
    static bool found[PEOPLE];
    struct cache_walk w, copy;
    int rc;

    memset(found, 0, sizeof(found));
    cache_walk_init_within(&w, s, str_of(text), CACHE_WITHIN_NAMES);
    do {
        copy = w;
        cache_read_begin(c);
        rc = cache_walk_next(&copy);
        if (rc == 0) {
            unsigned i = number_of(copy.recno);
            struct record r;

            cache_get(s, copy.recno, &r);
            wrong += i >= PEOPLE || !model[i].is || !cache_record_in_walk(&copy, &r) ||
                     !may_be_found(i, text);
            firsts += cache_walk_is_first(&copy, &r);
            distinct += i < PEOPLE && !found[i];
            found[i % PEOPLE] = true;
            bits[copy.recno / 64] |= UINT64_C(1) << copy.recno % 64;
        }
        cache_read_end(c);
        w = copy;
    } while (rc == 0 || rc == -CTR_EPAUSE);
    for (unsigned i = 0; i < PEOPLE; i++) {
        bool is = model[i].is && strstr(model[i].name, text);

        expected += is;
        wrong += is && !found[i];
    }
    wrong += rc != -CTR_ENOENT || firsts != distinct || distinct < expected;
    return wrong;
}

/* Records that say they are in the walk are those it finds. */
static unsigned check_records(const char *text, const uint64_t *bits)
{
    struct cache_walk w, all;
    unsigned wrong = 0;
    struct record r;

    cache_walk_init_within(&w, s, str_of(text), CACHE_WITHIN_NAMES);
    cache_walk_init(&all, s, CACHE_ALL, (struct ctr_str){0}, false, NUMBER_NONE);
    cache_read_begin(c);
    while (cache_walk_next(&all) == 0) {
        bool found = bits[all.recno / 64] >> all.recno % 64 & 1;

        wrong +=
            cache_get(s, all.recno, &r) != 0 || cache_record_in_walk(&w, &r) != found;
    }
    cache_read_end(c);
    return wrong;
}

/* Bits set at once are those of the postings walked one by one; so are those gone by. */
static unsigned check_bits(const struct cache_walk *start, const uint64_t *bits,
                           unsigned work)
{
    static uint64_t filled[BITS / 64], among[BITS / 64], passed[BITS / 64];
    struct cache_fill to = {.bits = {filled, BITS}, .among = NULL};
    struct cache_bits wanted = {among, BITS};
    struct cache_walk w = *start;
    unsigned wrong = 0, set = 0;
    int rc;

    memset(filled, 0, sizeof(filled));
    memset(passed, 0, sizeof(passed));
    do {
        cache_read_begin(c);
        rc = cache_walk_fill(&w, &to, work);
        cache_read_end(c);
    } while (rc == -CTR_EPAUSE);
    wrong += rc != -CTR_ENOENT || memcmp(filled, bits, sizeof(filled)) != 0;
    for (unsigned i = 0; i < BITS / 64; i++) {
        among[i] = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed);
        set += (unsigned)__builtin_popcountll(filled[i]);
    }
    wrong += set != to.set;
    w = *start;
    for (;;) {
        cache_read_begin(c);
        rc = cache_walk_next_among(&w, &wanted, work);
        cache_read_end(c);
        if (rc == -CTR_ENOENT || rc == -CTR_EIO)
            break;
        if (rc == 0)
            passed[w.recno / 64] |= UINT64_C(1) << w.recno % 64;
    }
    for (unsigned i = 0; i < BITS / 64; i++)
        wrong += passed[i] != (bits[i] & among[i]);
    /* The same of a set. */
    memset(filled, 0, sizeof(filled));
    to = (struct cache_fill){{filled, BITS}, among, 0};
    w = *start;
    do {
        cache_read_begin(c);
        rc = cache_walk_fill(&w, &to, work);
        cache_read_end(c);
    } while (rc == -CTR_EPAUSE);
    return wrong + (memcmp(filled, passed, sizeof(filled)) != 0);
}

static uint64_t turns(void)
{
    MDB_stat st = {0};

    cache_read_begin(c);
    if (!s->state.slot || mdb_stat(c->txn, s->state.slot->dbi[DB_PART], &st) != 0)
        st.ms_entries = 0;
    cache_read_end(c);
    return st.ms_entries;
}

static void test_random(void)
{
    static const char *const texts[] = {
        "an",   "nn",   "anna", "ab",     "mm",
        "bn",   "nan",  "lle",  "annov",  "ueber",
        "vwxy", "xqj",  "1a",   "nannan", "abcdefghijklmnopqrstuvwxy",
        "w1",   "donau"};

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned wrong = change(round % 6 == 0) != 0;

        for (unsigned k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            static uint64_t bits[BITS / 64];
            struct cache_walk w;

            memset(bits, 0, sizeof(bits));
            wrong += check_walk(texts[k], bits);
            wrong += check_records(texts[k], bits);
            cache_walk_init_within(&w, s, str_of(texts[k]), CACHE_WITHIN_NAMES);
            wrong += check_bits(&w, bits, k % 2 ? 1 : 1000);
        }
        is_int(wrong, 0, "round %u%s", round, round % 6 ? "" : ", all anew");
    }
}

/* Other walks fill and pass as well: of one word, and of many. */
static void test_other_walks(void)
{
    static const struct {
        const char *key;
        bool exact;
    } walks[] = {{"anna", true}, {"a", false}, {"", false}, {"nothing", true}};

    for (unsigned k = 0; k < sizeof(walks) / sizeof(walks[0]); k++) {
        static uint64_t bits[BITS / 64];
        struct cache_walk w, start;

        memset(bits, 0, sizeof(bits));
        cache_walk_init(&start, s, CACHE_WORD, str_of(walks[k].key), walks[k].exact,
                        NUMBER_NONE);
        w = start;
        cache_read_begin(c);
        while (cache_walk_next(&w) == 0)
            bits[w.recno / 64] |= UINT64_C(1) << w.recno % 64;
        cache_read_end(c);
        is_int(check_bits(&start, bits, 64), 0, "\"%s\"%s", walks[k].key,
               walks[k].exact ? "" : "...");
    }
}

/* What nobody has any more leaves nothing behind. */
static void test_gone(void)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_load *load;

    o.full = false;
    ok(turns() > 0, "there are turns");
    load = begin_or_die(s, &o);
    for (unsigned i = 0; i < PEOPLE; i++) {
        char id[16];
        struct ctr_str gone = {id, (uint64_t)snprintf(id, sizeof(id), "%u", i)};

        cache_load_delete(load, &gone, 1);
    }
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0,
           "all deleted, one by one");
    is_int((long)turns(), 0, "no turn is left");
}

/* A word that only a mail address or a custom field has is not a name's; one that both
 * have leaves with the last of them, and both are found. */
static void test_kinds(void)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    struct cache_load_stats st;
    struct cache_walk w;
    struct person p;

    o.full = false;
    load = begin_or_die(s, &o);
    put_one(load, "name", "Grünwald", NULL);
    person_add(person_new(&p, "mail"), CTR_FIELD_SURNAME, "A");
    person_add(&p, CTR_FIELD_MAIL, "gruenwald.x@y.example");
    cache_load_put(load, &p.contact, 1);
    person_add(person_new(&p, "other"), CTR_FIELD_SURNAME, "B");
    person_add(&p, CTR_FIELD_MAIL, "rotwald@y.example");
    cache_load_put(load, &p.contact, 1);
    person_add(person_new(&p, "room"), CTR_FIELD_SURNAME, "C");
    person_add(&p, CTR_FIELD_CUSTOM, "Blauwald");
    p.fields[1].name = STR_LIT("room");
    cache_load_put(load, &p.contact, 1);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "four kinds of forest");
    cache_walk_init_within(&w, s, STR_LIT("wald"), CACHE_WITHIN_NAMES);
    is_str(walk_ids(c, &w), "name mail name", "both forms of the name");
    cache_walk_init_within(&w, s, STR_LIT("wald"), CACHE_WITHIN_WORDS);
    is_str(walk_ids(c, &w), "room name mail name other", "all words");
    cache_walk_init_within(&w, s, STR_LIT("\xc3\xbc"), CACHE_WITHIN_NAMES);
    is_str(walk_ids(c, &w), "", "what folding leaves of no word");
    cache_walk_init_within(&w, s, STR_LIT("w"), CACHE_WITHIN_NAMES);
    is_str(walk_ids(c, &w), "room name mail name other", "too short: all words");
    load = begin_or_die(s, &o);
    cache_load_delete(load, &STR_LIT("name"), 1);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "the name is gone");
    cache_walk_init_within(&w, s, STR_LIT("unwald"), CACHE_WITHIN_NAMES);
    is_str(walk_ids(c, &w), "", "and one form");
    load = begin_or_die(s, &o);
    cache_load_delete(load, &STR_LIT("mail"), 1);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "the address as well");
    is_int((long)turns(), 0, "and so are their turns");
    load = begin_or_die(s, &o);
    put_one(load, "other", "Rotwald", NULL);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0,
           "an address' word is named");
    cache_walk_init_within(&w, s, STR_LIT("otwa"), CACHE_WITHIN_NAMES);
    is_str(walk_ids(c, &w), "other", "and found");
}

/* ---- turning ----------------------------------------------------------------------- */

static void test_turns(void)
{
    struct part_turns t = {STR_LIT("r\xc3\xa4t"), 0};
    struct posting p;
    uint8_t word[KEY_MAX];
    unsigned n = 0;
    size_t at;

    while (part_next(&t, &p)) {
        struct posting again;

        is_int((long)part_word(&p, word, &at), 4, "turn %u", n++);
        ok(memcmp(word, "r\xc3\xa4t", 4) == 0, "turned back");
        part_turned(t.word, at, &again);
        ok(posting_cmp(&again, p.bytes, p.len) == 0, "and turned again");
    }
    is_int(n, 2, "at characters that enough follows");
    ok(!part_where(STR_LIT("otto"), STR_LIT("ottos"), &p), "more than the word");
    ok(part_where(STR_LIT("otto"), STR_LIT("to"), &p) && p.len == 5 &&
           memcmp(p.bytes, "to\1ot", 5) == 0,
       "a place");
    p = (struct posting){.len = 3, .bytes = "abc"};
    is_int((long)part_word(&p, word, &at), 0, "no turn");
    p = (struct posting){.len = 1, .bytes = {PART_LONG}};
    is_int((long)part_word(&p, word, &at), 0, "no word");
    p.len = KEY_MAX + 1;
    is_int((long)part_word(&p, word, &at), 0, "longer than any");
}

/* Long words are gone through by every walk, and so are further places of the text in a
 * word: many of them, and nothing found, is not one call's work. */
static void expect_pauses(struct cache_source *source, const char *text, unsigned found)
{
    enum { LEAST = 10 };
    unsigned pauses = 0, n = 0, calls = 0;
    struct cache_walk w;
    int rc = 0;

    cache_walk_init_within(&w, source, str_of(text), CACHE_WITHIN_NAMES);
    cache_read_begin(c);
    while ((rc == 0 || rc == -CTR_EPAUSE) && ++calls < 100000) {
        rc = cache_walk_next(&w);
        n += rc == 0;
        if (rc != -CTR_EPAUSE)
            continue;
        if (pauses++ % 2 == 0) { /* goes on in the same slice, and in another */
            cache_read_end(c);
            cache_read_begin(c);
        }
    }
    cache_read_end(c);
    is_int(rc, -CTR_ENOENT, "\"%s\" within many words: comes to the end", text);
    ok(pauses >= LEAST, "looks at the clock, %u times", pauses);
    is_int(n, found, "and finds what is there");
}

static void test_pauses(void)
{
    enum { WORDS = 4000 };
    struct cache_source *many = cache_source(c, "many");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(many, &o);
    struct cache_load_stats st;

    for (unsigned i = 0; i < WORDS; i++) {
        char id[16], name[80];

        snprintf(id, sizeof(id), "%u", i);
        snprintf(name, sizeof(name), "qp%05uqp 0123456789abcdef0123456789%06x", i, i);
        put_one(load, id, name, NULL);
    }
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "many words");
    expect_pauses(many, "xy", 0);
    expect_pauses(many, "qp", WORDS);
}

/* A row may be damaged while it is in use: its postings fall, and each look for the text
 * comes to one before it. */
static void test_damaged_row(void)
{
    static const uint8_t key[] = "za\001q",
                         row[] =
                             "\004za\001q\003aa\001"; /* shared and own bytes, these */
    MDB_val k = {sizeof(key) - 1, (void *)(uintptr_t)key};
    MDB_val v = {sizeof(row) - 1, (void *)(uintptr_t)row};
    struct cache_walk w;
    MDB_txn *txn;
    int rc;

    is_int(mdb_txn_begin(c->env, NULL, 0, &txn), 0, "a row is damaged");
    is_int(mdb_put(txn, s->state.slot->dbi[DB_PART], &k, &v, 0), 0, "in the index");
    is_int(mdb_txn_commit(txn), 0, "of pieces");
    read_end_snapshot(c);
    cache_walk_init_within(&w, s, STR_LIT("zz"), CACHE_WITHIN_NAMES);
    cache_read_begin(c);
    while ((rc = cache_walk_next(&w)) == 0 || rc == -CTR_EPAUSE)
        ;
    cache_read_end(c);
    is_int(rc, -CTR_EIO, "the walk ends");
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
    s = cache_source(c, "names");
    test_turns();
    test_random();
    test_other_walks();
    test_gone();
    test_kinds();
    test_pauses();
    test_damaged_row();
    cache_close(c);
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
