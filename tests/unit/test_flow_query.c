/* test_flow_query.c - the life of queries: pages, windows, limits, back-pressure, cancel,
 * time, live sources. */
#include <pthread.h>

#include "flow_util.h"

enum {
    MANY = 10000,
    NAME = CTR_FIELD_DISPLAY_NAME,
    SN = CTR_FIELD_SURNAME,
    ORG = CTR_FIELD_ORGANISATION,
    BUSINESS = CTR_FIELD_PHONE_BUSINESS
};

#define K(kind) CTR_KIND(kind)

static const char *const syllables[] = {"ma", "me", "mo", "ba", "bu", "lo", "la", "ka"};

static void fill(struct world *w)
{
    struct load l = load_begin(w, "many");
    char id[20], name[40], number[30];

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "c%05u", i);
        snprintf(name, sizeof(name), "%s%s%u", syllables[i % 8], syllables[i / 8 % 8],
                 i / 64);
        snprintf(number, sizeof(number), "+49301%06u", i);
        load_put(&l, person(id, NULL, SN, name, NAME, "x", BUSINESS, number, ORG,
                            i % 2 ? "Even Ltd" : "Odd Ltd", 0));
    }
    load_end(&l);
    l = load_begin(w, "few");
    for (unsigned i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "f%02u", i);
        snprintf(name, sizeof(name), "few%u", i);
        load_put(&l, person(id, NULL, SN, name, BUSINESS, "+49 89 555 1234", 0));
    }
    load_end(&l);
}

static void configure(struct world *w)
{
    struct flow_source_config sources[] = {
        {.name = "many", .plan = munich(), .priority = 1},
        {.name = "few", .plan = munich(), .priority = 2},
        {.name = "live", .plan = munich(), .priority = 3, .live = true}};
    struct flow_client_config clients[] = {{.name = "test",
                                            .plan = munich(),
                                            .size_limit = ANSWER_MAX,
                                            .ambiguity = FLOW_AMBIGUITY_ALL,
                                            .anonymous = true,
                                            .time_limit = 20000},
                                           {.name = "small",
                                            .plan = munich(),
                                            .size_limit = 7,
                                            .ambiguity = FLOW_AMBIGUITY_ALL,
                                            .anonymous = true},
                                           {.name = "other",
                                            .plan = munich(),
                                            .size_limit = 7,
                                            .ambiguity = FLOW_AMBIGUITY_ALL,
                                            .anonymous = true}};
    struct flow_config config = {
        .sources = sources, .n_sources = 3, .clients = clients, .n_clients = 3};

    flow_configure(w->flow, &config);
}

/* ---- pages ----------------------------------------------------------------- */

/* All pages of `size`; returns the number of contacts, SIZE_MAX when something repeats or
 * goes wrong. */
static size_t all_pages(struct world *w, struct ctr_query q, uint32_t size)
{
    char cursor[CTR_CURSOR_MAX];
    size_t n = 0;
    bool *seen = xcalloc(MANY + 50, sizeof(*seen));

    q.page = 1;
    q.limit = size;
    for (;;) {
        struct answer *a = ask(w, "test", NULL, &q);
        size_t len = a->cursor_len;

        if (a->status != 0 || a->n > size || (len && a->n != size))
            n = SIZE_MAX;
        for (uint32_t i = 0; i < a->n && n != SIZE_MAX; i++) {
            unsigned at =
                (unsigned)atoi(a->ids[i] + 1) + (a->ids[i][0] == 'f' ? MANY : 0);

            if (seen[at])
                n = SIZE_MAX;
            else
                n++;
            seen[at] = true;
        }
        memcpy(cursor, a->cursor, len);
        answer_free(a);
        if (!len || n == SIZE_MAX)
            break;
        q.resume = str_make(cursor, len);
    }
    free(seen);
    return n;
}

static void test_pages(struct world *w)
{
    static const uint32_t sizes[] = {1,  2,   3,    7,    50,   63,    64,   65,
                                     99, 100, 1000, 4999, 5000, 10050, 20000};
    struct ctr_filter *scan = leaf(w, CTR_OP_PRESENT, K(SN), NULL);
    struct ctr_filter *words =
        branch(w, CTR_OP_OR, substr(w, K(SN), "ma*"), substr(w, K(SN), "m*"),
               substr(w, K(SN), "few*"), leaf(w, CTR_OP_EQUAL, K(ORG), "odd ltd"), NULL);
    struct ctr_sort_key key = {.kinds = K(SN)};
    struct ctr_query q = ask_for(words), sorted;

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        q.filter = scan;
        is_int(all_pages(w, q, sizes[i]), MANY + 50, "scan in pages of %u", sizes[i]);
    }
    for (unsigned i = 2; i < sizeof(sizes) / sizeof(sizes[0]); i += 2) {
        q.filter = words;
        /* ma, me, mo: 3/8; of the rest, the even ones: all but bu and la, ka... */
        is_int(all_pages(w, q, sizes[i]), 6250 + 50, "walks in pages of %u", sizes[i]);
    }
    sorted = ask_for(substr(w, K(SN), "mama*"));
    sorted.sort = &key;
    sorted.n_sort = 1;
    is_int(all_pages(w, sorted, 10), 157, "sorted pages");
    q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "089 5551234"));
    is_int(all_pages(w, q, 20), 50, "pages of one number's contacts");
    q = ask_for(branch(w, CTR_OP_OR, leaf(w, CTR_OP_EQUAL, K(CTR_FIELD_ID), "f03"),
                       leaf(w, CTR_OP_EQUAL, K(CTR_FIELD_ID), "c00004"),
                       substr(w, K(SN), "few1*"), NULL));
    is_int(all_pages(w, q, 1), 13, "pages over ids and words");
}

static void expect_cursor(struct world *w, const char *client,
                          struct ctr_principal *principal, struct ctr_query q,
                          const char *cursor, size_t len, int status, const char *name)
{
    struct answer *a;

    q.resume = str_make(cursor, len);
    a = ask(w, client, principal, &q);
    is_int(a->status, status, "cursor: %s", name);
    answer_free(a);
}

static void test_cursors(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL)), other = q;
    char good[CTR_CURSOR_MAX], bad[CTR_CURSOR_MAX];
    struct ctr_sort_key key = {.kinds = K(SN)};
    struct answer *a;
    unsigned taken = 0;
    size_t len;

    q.page = other.page = 1;
    q.limit = 5;
    a = ask(w, "small", NULL, &q);
    len = a->cursor_len;
    memcpy(good, a->cursor, len);
    answer_free(a);
    expect_cursor(w, "small", NULL, q, good, len, 0, "as given");
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, good, len);
        bad[i] ^= 1;
        q.resume = str_make(bad, len);
        a = ask(w, "small", NULL, &q);
        taken += a->status != -CTR_EINVAL || a->n > 0;
        answer_free(a);
    }
    is_int(taken, 0, "cursor: each changed byte is refused");
    expect_cursor(w, "small", NULL, q, good, len - 1, -CTR_EINVAL, "cut");
    expect_cursor(w, "small", NULL, q, "", 0, -CTR_EINVAL, "empty");
    expect_cursor(w, "small", flow_admin(w->flow), q, good, len, -CTR_EINVAL,
                  "of another identity");
    expect_cursor(w, "other", NULL, q, good, len, -CTR_EINVAL, "of another client");
    other.filter = leaf(w, CTR_OP_PRESENT, K(NAME), NULL);
    expect_cursor(w, "small", NULL, other, good, len, -CTR_EINVAL, "of another filter");
    other = q;
    other.source = str_of("many");
    expect_cursor(w, "small", NULL, other, good, len, -CTR_EINVAL, "of another base");
    other = q;
    other.sort = &key;
    other.n_sort = 1;
    expect_cursor(w, "small", NULL, other, good, len, -CTR_EINVAL, "of another order");
    q.resume = str_make(NULL, 0);
}

/* ---- limits ---------------------------------------------------------------- */

static void test_limits(struct world *w)
{
    struct ctr_query q = ask_for(substr(w, K(SN), "few*"));
    struct ctr_filter *f = leaf(w, CTR_OP_TRUE, 0, NULL), *deep = f;
    const struct ctr_filter **children;
    struct ctr_str *values;
    struct ctr_filter *wide;
    struct ctr_sort_key keys[9] = {{.kinds = K(SN)}};
    struct answer *a;

    a = ask(w, "small", NULL, &q);
    is_int(a->status, -CTR_ESIZE, "more than the limit");
    is_int(a->n, 7, "the limit's worth was delivered");
    answer_free(a);
    q.limit = 3;
    q.flags = CTR_QUERY_COUNT;
    a = ask(w, "small", NULL, &q);
    is_int(a->n, 3, "the query's own lower limit");
    is_int(a->outcome.total, 50, "counted all");
    answer_free(a);
    q = ask_for(substr(w, K(SN), "few4*"));
    q.limit = 11;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, 0, "exactly the limit is no excess");
    is_int(a->n, 11, "all of them");
    answer_free(a);

    for (int i = 1; i < CTR_FILTER_DEPTH_MAX; i++)
        deep = branch(w, CTR_OP_AND, deep, NULL);
    q = ask_for(deep);
    a = ask(w, "small", NULL, &q);
    is_int(a->status, -CTR_ESIZE, "64 deep is taken");
    answer_free(a);
    q.filter = branch(w, CTR_OP_AND, deep, NULL);
    a = ask(w, "small", NULL, &q);
    is_int(a->status, -CTR_EINVAL, "65 deep is not");
    answer_free(a);

    wide = branch(w, CTR_OP_OR, NULL);
    children = arena_array(&w->pool, 1001, sizeof(*children));
    wide->children = children;
    for (unsigned i = 0; i < 1001; i++) {
        char text[30];

        snprintf(text, sizeof(text), "+49301%06u", i);
        children[i] = leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, text);
    }
    wide->n_children = 1000;
    q.filter = wide;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 1000, "1000 leaves, 1000 hits");
    answer_free(a);
    wide->n_children = 1001;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_EINVAL, "1001 leaves");
    answer_free(a);

    values = arena_array(&w->pool, 67, sizeof(*values));
    for (unsigned i = 1; i <= 65; i++)
        values[i] = STR_LIT("a");
    f = substr(w, K(SN), "a*");
    f->values = values;
    f->n_values = 67;
    q.filter = f;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_EINVAL, "65 pieces");
    answer_free(a);
    values[65] = (struct ctr_str){NULL, 0};
    f->n_values = 66;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, 0, "64 pieces, neither initial nor final");
    answer_free(a);
    q.filter = branch(w, CTR_OP_NOT, NULL);
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_EINVAL, "not of nothing");
    answer_free(a);
    q = ask_for(substr(w, K(SN), "few*"));
    q.sort = keys;
    q.n_sort = 9;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_EINVAL, "9 sort keys");
    answer_free(a);
}

static void test_deadline(struct world *w)
{
    /* No index has words of notes. */
    struct ctr_query q = ask_for(substr(w, K(NAME) | K(SN) | K(CTR_FIELD_NOTE), "*zzz*"));
    uint64_t stall;
    struct answer *a;

    q.time_limit = 1;
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_ETIMEDOUT, "time is up");
    answer_free(a);
    q.time_limit = 0;
    world_turns(w, 3);
    loop_take_longest_stall(w->loop);
    a = ask(w, "test", NULL, &q);
    stall = loop_take_longest_stall(w->loop);
    is_int(a->status, 0, "a scan with time");
    ok(stall < 200000, "never holds the loop for long (%u us)", (unsigned)stall);
    answer_free(a);
}

/* ---- several pieces -------------------------------------------------------- */

static bool is_odd_mo(unsigned i)
{
    char name[40];

    snprintf(name, sizeof(name), "%s%s", syllables[i % 8], syllables[i / 8 % 8]);
    return i % 2 == 0 && strstr(name, "mo");
}

static struct ctr_filter *odd_mo(struct world *w)
{
    return branch(w, CTR_OP_AND, substr(w, K(SN), "*mo*"), substr(w, K(ORG), "*odd*"),
                  leaf(w, CTR_OP_WORDS, K(NAME) | K(ORG), "lt x"), NULL);
}

/* Thousands of candidates for each, few for all: they narrow each other. */
static void test_pieces(struct world *w)
{
    static const uint32_t sizes[] = {10, 64, 500, 20000};
    struct ctr_query q = ask_for(odd_mo(w));
    struct ctr_sort_key key = {.kinds = K(SN)};
    struct answer *a;
    uint32_t expected = 0;

    for (unsigned i = 0; i < MANY; i++)
        expected += is_odd_mo(i);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        is_int(all_pages(w, q, sizes[i]), expected, "pieces in pages of %u", sizes[i]);
    a = ask(w, "test", NULL, &q);
    is_int(a->n, expected, "all at once");
    answer_free(a);
    q.sort = &key;
    q.n_sort = 1;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, expected, "sorted");
    answer_free(a);
    q = ask_for(branch(w, CTR_OP_AND, substr(w, K(ORG), "*odd*"),
                       substr(w, K(ORG), "*eve*"), NULL));
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 0, "common pieces that nobody has together");
    is_int(a->status, 0, "which is an answer");
    answer_free(a);
    q = ask_for(branch(w, CTR_OP_OR, substr(w, K(ORG), "*td*"),
                       substr(w, K(ORG), "*ven*"), substr(w, K(SN), "*la*"), NULL));
    a = ask(w, "test", NULL, &q);
    is_int(a->n, MANY, "everybody, found three times, once");
    answer_free(a);
}

static void change_surname(struct world *w, const char *id, const char *surname)
{
    struct dialplan plan = munich();
    struct cache_load_options options = {.plan = &plan, .may_wait = true};
    struct load l = {.w = w};

    ensure(cache_load_begin(cache_source(w->cache, "many"), &options, &l.load) == 0);
    load_put(&l, person(id, NULL, SN, surname, NAME, "x", BUSINESS, "+49301009998", ORG,
                        "Odd Ltd", 0));
    load_end(&l);
}

/* Somebody comes to match while a narrowed query waits for its front end. */
static void test_pieces_change(struct world *w)
{
    struct ctr_query q = ask_for(odd_mo(w));
    struct answer *a = answer_new(w);
    uint32_t expected = 1;
    bool found = false;

    for (unsigned i = 0; i < MANY; i++)
        expected += is_odd_mo(i);
    ok(!is_odd_mo(9998), "does not match yet");
    a->pause_each = 1;
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    while (!a->done) {
        if (a->batches == 12)
            change_surname(w, "c09998", "momo");
        flow_query_resume(a->request);
        world_turns(w, 5);
    }
    for (uint32_t i = 0; i < a->n; i++)
        found |= strcmp(a->ids[i], "c09998") == 0;
    ok(found, "is found by its new name");
    is_int(a->n, expected, "beside all the others");
    answer_free(a);
    change_surname(w, "c09998", "lala156");
}

/* ---- back-pressure, cancel ------------------------------------------------- */

static void test_pressure(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL));
    struct answer *a = answer_new(w);
    unsigned batches;

    a->pause_each = 1;
    is_int(
        flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request),
        0, "started");
    world_turns(w, 50);
    is_int(a->batches, 1, "paused: one batch and no more");
    flow_query_resume(a->request);
    world_turns(w, 50);
    is_int(a->batches, 2, "one more after resume");
    batches = a->batches;
    while (!a->done) {
        flow_query_resume(a->request);
        world_turn(w);
    }
    is_int(a->n, MANY + 50, "all in the end, %u batches", a->batches - batches);
    is_int(a->late, 0, "nothing after done");
    answer_free(a);

    a = answer_new(w);
    a->pause_each = 1;
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    flow_query_cancel(a->request);
    ok(a->done && a->status == -CTR_ECANCELED, "cancel while paused: done before return");
    world_turns(w, 20);
    is_int(a->late, 0, "nothing after");
    answer_free(a);
}

static void test_cancel(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL));
    struct ctr_sort_key key = {.kinds = K(SN)};
    unsigned bad = 0;

    for (unsigned at = 1; at <= 40; at++) {
        for (int by_call = 0; by_call < 2; by_call++) {
            struct answer *a = answer_new(w);

            a->cancel_at = at;
            a->cancel_by_call = by_call;
            ask_into(w, "test", &q, a);
            world_turn(w);
            bad += a->status != -CTR_ECANCELED || a->late || a->batches != at;
            answer_free(a);
        }
    }
    is_int(bad, 0, "cancel in each of 40 batches, by return and by call");
    q.filter = substr(w, K(SN), "*zzz*");
    q.sort = &key;
    q.n_sort = 1;
    for (int turns = 0; turns < 30; turns++) {
        struct answer *a = answer_new(w);

        q.filter = turns % 2 ? substr(w, K(SN), "*z*") : substr(w, K(SN), "m*");
        flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
        for (int i = 0; i < turns && !a->done; i++)
            world_turn(w);
        if (!a->done)
            flow_query_cancel(a->request);
        bad += !a->done || a->late;
        answer_free(a);
    }
    is_int(bad, 0, "cancel after each number of turns");
}

static void test_many_at_once(struct world *w)
{
    struct ctr_query scan = ask_for(substr(w, K(SN), "*zzz*"));
    struct ctr_query quick =
        ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "+49301000042"));
    struct answer *scans[60], *a;
    uint64_t stall;
    unsigned done = 0;

    world_turns(w, 3);
    loop_take_longest_stall(w->loop);
    for (unsigned i = 0; i < 60; i++) {
        scans[i] = answer_new(w);
        flow_query_start(flow_client(w->flow, "test"), &scan, &answer_ops, scans[i],
                         &scans[i]->request);
    }
    a = answer_new(w);
    flow_query_start(flow_client(w->flow, "test"), &quick, &answer_ops, a, &a->request);
    ok(a->done && a->n == 1, "a lookup is answered at once beside 60 scans");
    answer_free(a);
    while (done < 60) {
        world_turn(w);
        done = 0;
        for (unsigned i = 0; i < 60; i++)
            done += scans[i]->done;
    }
    stall = loop_take_longest_stall(w->loop);
    ok(stall < 500000, "60 scans share the loop (%u us)", (unsigned)stall);
    for (unsigned i = 0; i < 60; i++)
        answer_free(scans[i]);
}

/* ---- callbacks that ask again, reloads ------------------------------------- */

static struct world *nest_world;
static unsigned nested_hits, nested_calls, nested_done;

static int32_t on_nested_hits(void *user, const struct ctr_contact *const *hits,
                              uint32_t n)
{
    struct ctr_query q =
        ask_for(leaf(nest_world, CTR_OP_EQUAL, CTR_KINDS_PHONE, "+49301000042"));
    struct answer *a = answer_new(nest_world);
    char before[64];

    (void)user;
    nested_calls++;
    snprintf(before, sizeof(before), STR_FMT, STR_ARG(hits[n - 1]->id));
    flow_query_start(flow_client(nest_world->flow, "test"), &q, &answer_ops, a,
                     &a->request);
    nested_hits += a->done && a->n == 1 && str_eq_z(hits[n - 1]->id, before);
    answer_free(a);
    return 0;
}

static void on_nested_done(void *user, const struct ctr_outcome *outcome)
{
    struct ctr_request *request;

    (void)outcome;
    nested_done++;
    if (nested_done < 3) {
        const struct ctr_query_ops ops = {
            .size = sizeof(ops), .on_hits = on_nested_hits, .on_done = on_nested_done};

        flow_query_start(flow_client(nest_world->flow, "test"), user, &ops, user,
                         &request);
    }
}

static void test_nested(struct world *w)
{
    const struct ctr_query_ops ops = {
        .size = sizeof(ops), .on_hits = on_nested_hits, .on_done = on_nested_done};
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL));
    struct ctr_request *request;

    nest_world = w;
    q.limit = 2000;
    flow_query_start(flow_client(w->flow, "test"), &q, &ops, &q, &request);
    while (nested_done < 3)
        world_turn(w);
    ok(nested_calls >= 96, "%u batches", nested_calls);
    is_int(nested_hits, nested_calls, "queries started within on_hits and on_done");
}

static void test_reload(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL));
    struct flow_config none = {0};
    struct answer *a = answer_new(w), *late;

    a->pause_each = 1;
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    late = answer_new(w);
    late->request = NULL;
    flow_configure(w->flow, &none);
    is_int(flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, late,
                            &late->request),
           -CTR_EUNAVAIL, "a client no longer configured");
    answer_free(late);
    for (unsigned i = 0; i < 20 && !a->done; i++) {
        flow_query_resume(a->request);
        world_turn(w);
    }
    ok(a->n > 0, "a query goes on with what it began with");
    if (!a->done)
        flow_query_cancel(a->request);
    answer_free(a);
    configure(w);
    fill(w);
}

/* "192" is the own extension before it is anything else; data grow old. */
static void test_readings(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "193"));
    struct load l = load_begin(w, "few");
    struct answer *a;

    load_put(&l, person("ext", NULL, SN, "Own", BUSINESS, "+49 89 840798193", 0));
    load_put(&l, person("loc", NULL, SN, "Area", BUSINESS, "+49 89 193", 0));
    load_put(&l, person("svc", NULL, SN, "Service", BUSINESS, "193", 0));
    load_end(&l);
    a = ask(w, "test", NULL, &q);
    ok(has_id(a, "ext"), "the extension: %s", ids_of(a));
    is_str(a->ids[0], "ext", "is the best");
    answer_free(a);
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "ext,svc",
           "who is calling: the stored \"193\" is the extension, too");
    answer_free(a);
}

static void test_stale(struct world *w)
{
    struct flow_source_config source = {
        .name = "few", .plan = munich(), .stale_after = 1};
    struct flow_client_config client = {
        .name = "test", .plan = munich(), .anonymous = true};
    struct flow_config config = {
        .sources = &source, .n_sources = 1, .clients = &client, .n_clients = 1};
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, K(CTR_FIELD_ID), "ext"));
    struct answer *a;

    flow_configure(w->flow, &config);
    usleep(5000);
    a = ask(w, "test", NULL, &q);
    is_int(a->n ? a->flags[0] : 0, CTR_CONTACT_STALE, "old data are marked");
    ok(a->outcome.oldest > 0 && a->outcome.oldest <= clock_wall_ms(), "and dated");
    answer_free(a);
    configure(w);
}

/* ---- order, windows -------------------------------------------------------- */

static void test_sort(struct world *w)
{
    struct ctr_sort_key key = {.kinds = K(SN)};
    struct ctr_query q = ask_for(substr(w, K(SN), "few*"));
    struct answer *a;

    q.sort = &key;
    q.n_sort = 1;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 50, "sorted: all");
    is_str(a->ids[2], "f10", "few0, few1, few10");
    is_str(a->ids[49], "f09", "few9 last");
    answer_free(a);
    key.reverse = 1;
    a = ask(w, "test", NULL, &q);
    is_str(a->ids[0], "f09", "reversed");
    answer_free(a);
    key.reverse = 0;
    q.window = 1;
    q.window_before = 1;
    q.window_after = 2;
    q.window_offset = 10;
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "f16,f17,f18,f19", "window by place");
    is_int(a->outcome.position, 10, "its place");
    is_int(a->outcome.total, 50, "of how many");
    answer_free(a);
    q.window_offset = 50;
    q.window_count = 100;
    a = ask(w, "test", NULL, &q);
    is_int(a->outcome.position, 25, "place by the client's idea of the length");
    answer_free(a);
    q.window_offset = 100;
    a = ask(w, "test", NULL, &q);
    is_int(a->outcome.position, 50, "the end");
    is_str(ids_of(a), "f08,f09", "cut at the end");
    answer_free(a);
    q.window_value = str_of("FEW4");
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "f39,f04,f40,f41", "window by value");
    answer_free(a);
    q.window_value = str_of("zzz");
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "f09", "behind the end: what is before");
    is_int(a->outcome.position, 51, "place behind the end");
    answer_free(a);
    q = ask_for(leaf(w, CTR_OP_PRESENT, K(SN), NULL));
    q.sort = &key;
    q.n_sort = 1;
    a = ask(w, "small", NULL, &q);
    is_int(a->status, -CTR_ESIZE, "sorted and cut");
    is_str(a->ids[0], "c00027", "the first of all (baba0)");
    answer_free(a);
}

/* ---- live sources ---------------------------------------------------------- */

enum live_mode { LIVE_AT_ONCE, LIVE_THREAD, LIVE_NEVER, LIVE_FAIL };

static struct {
    enum live_mode mode;
    unsigned asked, canceled;
    struct ctr_search *search;
} live;

static void live_answer(struct ctr_search *search)
{
    struct person p = person("l1", NULL, SN, "Live", BUSINESS, "+49 30 777 1", 0);
    struct person q = person("l2", NULL, SN, "Unasked", BUSINESS, "+49 30 777 2", 0);
    struct person c = person("l3", NULL, SN, "Livelier", BUSINESS, "+49 30 777 3", 0);

    p.contact.fields = p.fields;
    q.contact.fields = q.fields;
    c.contact.fields = c.fields;
    flow_search_hits(search, &p.contact, 1);
    flow_search_hits(search, &q.contact, 1);
    flow_search_hits(search, &c.contact, 1);
    flow_search_done(search, 0);
}

static void *live_thread(void *arg)
{
    usleep(5000);
    live_answer(arg);
    return NULL;
}

static int live_search(void *ctx, struct ctr_search *search,
                       const struct ctr_query *query)
{
    pthread_t thread;

    (void)ctx;
    live.asked++;
    live.search = search;
    if (query->time_limit == 0 || !query->filter)
        return -CTR_EINVAL;
    if (live.mode == LIVE_FAIL)
        return -CTR_EIO;
    if (live.mode == LIVE_AT_ONCE)
        live_answer(search);
    if (live.mode == LIVE_THREAD &&
        pthread_create(&thread, NULL, live_thread, search) == 0)
        pthread_detach(thread);
    return 0;
}

static void live_cancel(void *ctx, struct ctr_search *search)
{
    (void)ctx;
    live.canceled++;
    ensure(search == live.search);
}

static int no_sync(void *ctx, struct ctr_sync *sync,
                   const struct ctr_sync_request *request)
{
    (void)ctx;
    (void)request;
    flow_sync_end(sync, -CTR_EUNAVAIL, "not today");
    return 0;
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void test_live(struct world *w)
{
    struct flow_driver driver = {.can_search = true,
                                 .sync = no_sync,
                                 .search = live_search,
                                 .search_cancel = live_cancel};
    struct ctr_query q = ask_for(substr(w, K(SN), "live*"));
    struct load l = load_begin(w, "live");
    struct answer *a;
    int64_t began;
    bool stopped = false;

    load_put(&l, person("l3", NULL, SN, "Livelier", BUSINESS, "+49 30 777 3", 0));
    load_end(&l);
    flow_source_start(w->flow, "live", &driver);
    for (live.mode = LIVE_AT_ONCE; live.mode <= LIVE_THREAD; live.mode++) {
        a = ask(w, "test", NULL, &q);
        is_str(ids_of(a), "l3,l1", "cached first, then live, each once");
        is_int(a->flags[0], 0, "the cached one");
        is_int(a->flags[1], CTR_CONTACT_LIVE, "the live one is marked");
        answer_free(a);
    }
    live.mode = LIVE_AT_ONCE;
    q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "030 7771"));
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "l1", "who is calling: found live");
    answer_free(a);
    live.asked = 0;
    q.filter = leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "030 7773");
    a = ask(w, "test", NULL, &q);
    is_int(live.asked, 0, "who is calling: the cache knew, nobody else was asked");
    answer_free(a);

    live.mode = LIVE_NEVER;
    q = ask_for(substr(w, K(SN), "live*"));
    q.time_limit = 50;
    began = clock_ms();
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "l3", "a silent source: the cache's answer");
    is_int(a->status, 0, "is an answer");
    ok(clock_ms() - began >= 45 && clock_ms() - began < 1000, "at the deadline");
    is_int(live.canceled, 0, "the search may go on: its answer is good for the cache");
    answer_free(a);
    live_answer(live.search);
    world_turns(w, 10);
    live.mode = LIVE_FAIL;
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "l3", "a failing source");
    answer_free(a);
    live.mode = LIVE_NEVER;
    a = answer_new(w);
    flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a, &a->request);
    flow_query_cancel(a->request);
    ok(a->done, "canceled while live");
    live_answer(live.search);
    world_turns(w, 10);
    is_int(a->late, 0, "its answer is dropped");
    answer_free(a);
    flow_source_stop(w->flow, "live", on_stopped, &stopped);
    world_until(w, &stopped);
    ok(stopped, "stopped");
}

/* ---- ends of pages ----------------------------------------------------------- */

static void put_crowd(struct world *w, const char *source, unsigned n, const char *number)
{
    struct load l = load_begin(w, source);
    char id[20];

    for (unsigned i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "%.1s%05u", source, i);
        load_put(&l, person(id, NULL, SN, "crowd", BUSINESS, number, 0));
    }
    load_end(&l);
}

/* More have the number than are kept: the pages end, and say that there are more. */
static void test_pages_end(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "089 5559876"));
    static char cursor[CTR_CURSOR_MAX];
    unsigned n = 0, pages = 0;
    int status = 0;
    size_t len = 0;

    put_crowd(w, "few", 5000, "+49 89 5559876");
    q.page = 1;
    q.limit = 500;
    do {
        struct answer *a = ask(w, "test", NULL, &q);

        n += a->n;
        status = a->status;
        len = a->cursor_len;
        memcpy(cursor, a->cursor, len);
        q.resume = str_make(cursor, len);
        answer_free(a);
    } while (++pages < 20 && len > 0);
    is_int(pages, 9, "pages of a crowd end");
    is_int(n, 4096, "with those that are kept");
    is_int(status, -CTR_ESIZE, "which are not all");
}

/* The source a page ended in has nothing more to look at: the next one is not entered
 * in its midst. */
static void test_pages_next_source(struct world *w)
{
    struct ctr_query q = ask_for(
        branch(w, CTR_OP_AND, leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "the porter"),
               leaf(w, CTR_OP_PRESENT, K(SN), NULL), NULL));
    static char cursor[CTR_CURSOR_MAX];
    struct answer *a;

    put_crowd(w, "many", 9000, "the porter");
    put_crowd(w, "few", 5, "the porter");
    q.page = 1;
    q.limit = 8999;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 8999, "the first page");
    memcpy(cursor, a->cursor, a->cursor_len);
    q.resume = str_make(cursor, a->cursor_len);
    answer_free(a);
    put_crowd(w, "many", 9000, "+49 89 5559876");
    q.limit = 2;
    a = ask(w, "test", NULL, &q);
    is_str(ids_of(a), "f00000,f00001", "the second, of the next source");
    answer_free(a);
}

int main(void)
{
    struct world world, *w = &world;

    world_open(w);
    configure(w);
    fill(w);
    test_pages(w);
    test_cursors(w);
    test_limits(w);
    test_deadline(w);
    test_pieces(w);
    test_pieces_change(w);
    test_pressure(w);
    test_cancel(w);
    test_many_at_once(w);
    test_sort(w);
    test_live(w);
    test_nested(w);
    test_reload(w);
    test_readings(w);
    test_stale(w);
    test_pages_end(w);
    test_pages_next_source(w);
    world_close(w);
    return tap_done();
}
