/* test_flow_renumber.c - a source is written anew while a query runs: its records have
 * other numbers then, and still each that stays is found, once. */
#include "flow_util.h"

enum {
    MANY = 12000,
    GONE_FROM = 10,
    GONE_TO = 60, /* all of the first batch and page */
    SN = CTR_FIELD_SURNAME,
    BUSINESS = CTR_FIELD_PHONE_BUSINESS
};

#define K(kind) CTR_KIND(kind)

static void configure(struct world *w)
{
    struct flow_source_config source = {.name = "many", .plan = munich()};
    struct flow_client_config clients[] = {{.name = "test",
                                            .plan = munich(),
                                            .size_limit = ANSWER_MAX,
                                            .ambiguity = FLOW_AMBIGUITY_ALL,
                                            .anonymous = true,
                                            .time_limit = 20000},
                                           {.name = "one",
                                            .plan = munich(),
                                            .ambiguity = FLOW_AMBIGUITY_FIRST,
                                            .anonymous = true,
                                            .time_limit = 20000}};
    struct flow_config config = {
        .sources = &source, .n_sources = 1, .clients = clients, .n_clients = 2};

    flow_configure(w->flow, &config);
}

enum what { ALL, SOME, SOME_BACKWARDS };

/* So much changes that they are numbered anew. */
static void put(struct world *w, enum what what)
{
    struct load l = load_begin(w, "many");
    static unsigned round;
    char id[20], mail[40];

    round++;
    for (unsigned n = 0; n < MANY; n++) {
        unsigned i = what == SOME_BACKWARDS ? MANY - 1 - n : n;

        if (what != ALL && i >= GONE_FROM && i < GONE_TO)
            continue;
        snprintf(id, sizeof(id), "c%05u", i);
        snprintf(mail, sizeof(mail), "m%u.%u@x.example", i, round);
        load_put(&l, person(id, NULL, SN, "crowd", BUSINESS, "+49 89 5559876",
                            CTR_FIELD_MAIL, mail, 0));
    }
    load_end(&l);
}

/* How many of those that stay are missing, or there twice. */
static unsigned wrong(const struct answer *a, bool seen[MANY])
{
    unsigned n = 0;

    for (uint32_t i = 0; i < a->n; i++) {
        unsigned at = (unsigned)atoi(a->ids[i] + 1);

        n += seen[at];
        seen[at] = true;
    }
    for (unsigned i = 0; i < MANY; i++)
        n += !seen[i] && (i < GONE_FROM || i >= GONE_TO);
    return n;
}

static void go_on(struct world *w, struct answer *a)
{
    a->pause_each = 0;
    while (!a->done) {
        flow_query_resume(a->request);
        world_turn(w);
    }
}

/* Written anew when the first batch has been taken. */
static void between_batches(struct world *w, struct ctr_filter *filter, const char *name)
{
    struct ctr_query q = ask_for(filter);
    struct answer *a = answer_new(w);
    static bool seen[MANY];

    memset(seen, 0, sizeof(seen));
    put(w, ALL);
    a->pause_each = 1;
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    is_int(a->batches, 1, "%s: one batch", name);
    put(w, SOME);
    go_on(w, a);
    is_int(a->status, 0, "%s: goes on", name);
    is_int(wrong(a, seen), 0, "%s: each once", name);
    answer_free(a);
}

static void between_pages(struct world *w, struct ctr_filter *filter, const char *name)
{
    struct ctr_query q = ask_for(filter);
    static char cursor[CTR_CURSOR_MAX];
    static bool seen[MANY];
    struct answer *a;

    memset(seen, 0, sizeof(seen));
    put(w, ALL);
    q.page = 1;
    q.limit = 100;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 100, "%s: one page", name);
    (void)wrong(a, seen);
    memcpy(cursor, a->cursor, a->cursor_len);
    q.resume = str_make(cursor, a->cursor_len);
    answer_free(a);
    put(w, SOME);
    q.limit = ANSWER_MAX;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, 0, "%s: the next", name);
    is_int(wrong(a, seen), 0, "%s: each once", name);
    answer_free(a);
}

/* Ordered before the first is delivered: what was kept has other numbers, too. */
static void before_batches(struct world *w, struct ctr_query q, const char *name)
{
    struct answer *a = answer_new(w);
    static bool seen[MANY];
    unsigned falls = 0;

    memset(seen, 0, sizeof(seen));
    put(w, ALL);
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    ok(!a->done && a->n == 0, "%s: nothing yet", name);
    put(w, SOME_BACKWARDS);
    go_on(w, a);
    is_int(a->status, 0, "%s: goes on", name);
    is_int(wrong(a, seen), 0, "%s: each once", name);
    for (uint32_t i = 1; i < a->n; i++)
        falls += strcmp(a->ids[i - 1], a->ids[i]) > 0;
    is_int(falls, 0, "%s: in order", name);
    answer_free(a);
}

/* Who is calling: the best of many is gone before all were looked at. */
static void test_caller(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "089 5559876"));
    struct cache_load_options delta = {.may_wait = true};
    struct ctr_str gone = STR_LIT("c00000");
    struct answer *a = answer_new(w);
    struct cache_load *load;
    struct load l = load_begin(w, "many");
    char id[20];

    for (unsigned i = 0; i < 4000; i++) {
        snprintf(id, sizeof(id), "c%05u", i);
        load_put(&l, person(id, NULL, SN, "crowd", BUSINESS, "+49 89 5559876", 0));
    }
    load_end(&l);
    q.flags = CTR_QUERY_CALLER;
    flow_query_start(flow_client(w->flow, "one"), &q, &answer_ops, a, &a->request);
    ok(!a->done, "who is calling: under way");
    ensure(cache_load_begin(cache_source(w->cache, "many"), &delta, &load) == 0);
    ensure(cache_load_delete(load, &gone, 1) == 0);
    ensure(cache_load_commit(load, str_make(NULL, 0), NULL) == 0);
    go_on(w, a);
    is_str(ids_of(a), "c00001", "the best of those that are left");
    answer_free(a);
}

int main(void)
{
    struct world world, *w = &world;
    struct ctr_sort_key key = {.kinds = K(CTR_FIELD_ID)};
    struct ctr_filter *scan, *words, *pieces;
    struct ctr_query sorted;

    world_open(w);
    configure(w);
    scan = leaf(w, CTR_OP_PRESENT, K(SN), NULL);
    words = substr(w, K(SN), "cro*");
    pieces = branch(w, CTR_OP_OR, substr(w, K(SN), "*row*"),
                    substr(w, K(CTR_FIELD_ORGANISATION), "*row*"), NULL);
    between_batches(w, scan, "a scan");
    between_batches(w, words, "words");
    between_batches(w, pieces, "pieces");
    between_pages(w, scan, "pages of a scan");
    between_pages(w, words, "pages of words");
    between_pages(w, pieces, "pages of pieces");
    sorted = ask_for(words);
    sorted.sort = &key;
    sorted.n_sort = 1;
    before_batches(w, sorted, "sorted");
    test_caller(w);
    world_close(w);
    return tap_done();
}
