/* test_flow.c - what a query answers: truth of filters, order, ambiguity, companies, and
 * who may see what. */
#include <cjson/cJSON.h>

#include "flow_util.h"

enum {
    NAME = CTR_FIELD_DISPLAY_NAME,
    GIVEN = CTR_FIELD_GIVEN_NAME,
    SN = CTR_FIELD_SURNAME,
    ORG = CTR_FIELD_ORGANISATION,
    MAIL = CTR_FIELD_MAIL,
    CITY = CTR_FIELD_CITY,
    NOTE = CTR_FIELD_NOTE,
    BUSINESS = CTR_FIELD_PHONE_BUSINESS,
    MOBILE = CTR_FIELD_PHONE_MOBILE,
    HOME = CTR_FIELD_PHONE_HOME,
    MAIN = CTR_FIELD_PHONE_MAIN,
    FAX = CTR_FIELD_PHONE_FAX
};

#define K(kind)   CTR_KIND(kind)
#define PHONES    CTR_KINDS_PHONE
#define NAMES     (K(NAME) | K(GIVEN) | K(SN))
#define EQ(k, v)  leaf(w, CTR_OP_EQUAL, (k), (v))
#define SUB(k, v) substr(w, (k), (v))
#define AND(...)  branch(w, CTR_OP_AND, __VA_ARGS__, NULL)
#define OR(...)   branch(w, CTR_OP_OR, __VA_ARGS__, NULL)
#define NOT(f)    branch(w, CTR_OP_NOT, (f), NULL)

static void fill(struct world *w)
{
    struct load l = load_begin(w, "crm");

    load_put(&l, person("mueller", NULL, GIVEN, "Jörg", SN, "Müller", ORG, "C4B GmbH",
                        BUSINESS, "+49 89 840798-192", MOBILE, "0171 1234567", MAIL,
                        "joerg.mueller@c4b.example", CITY, "Germering", 0));
    load_put(&l, person("maier", NULL, GIVEN, "Anna", SN, "Maier", ORG, "C4B GmbH",
                        BUSINESS, "+49 89 840798-193", HOME, "089 12345678", 0));
    load_put(&l, person("central", NULL, ORG, "C4B GmbH", MAIN, "+49 89 840798-0", 0));
    load_put(&l, person("acme1", NULL, GIVEN, "Bob", SN, "Brown", ORG, "Acme", BUSINESS,
                        "+1 212 555 0100", 0));
    load_put(&l, person("acme2", NULL, GIVEN, "Carl", SN, "Clark", ORG, "ACME", BUSINESS,
                        "+1 (212) 555-0100", FAX, "+1 212 555 0199", NOTE,
                        "likes tea in the morning", 0));
    load_put(&l, person("acme3", NULL, GIVEN, "Dora", SN, "Dunn", ORG, "acme", MOBILE,
                        "0012125550100", CITY, "New York", MAIL, "dora@acme.example", 0));
    load_put(&l, person("hotline", NULL, NAME, "Hotline", BUSINESS, "112", 0));
    load_put(&l, person("odd", NULL, NAME, "Odd One", BUSINESS, "call me 7x", 0));
    load_put(&l, person("trunk", NULL, GIVEN, "Tina", SN, "Trunk", ORG, "Firma Nord",
                        BUSINESS, "+49 40 789456-12", 0));
    load_end(&l);
    l = load_begin(w, "private");
    load_put(&l, person("p1", "alice", GIVEN, "Secret", SN, "Friend", BUSINESS,
                        "+49 30 5550001", ORG, "Hidden AG", 0));
    load_put(&l, person("p2", "bob", GIVEN, "Other", SN, "Friend", BUSINESS,
                        "+49 30 5550001", 0));
    load_put(&l, person("p3", NULL, GIVEN, "Open", SN, "Person", BUSINESS,
                        "+49 30 5550002", MOBILE, "+49 170 9999999", 0));
    load_put(&l, person("p4", NULL, MOBILE, "+49 170 8888888", 0));
    load_end(&l);
}

static const char *const hr[] = {"@hr"}, *const only_alice[] = {"alice"};
static const struct flow_rule mobile_rule[] = {{.kind = MOBILE, .who = hr, .n_who = 1},
                                               {.kind = ORG, .who = hr, .n_who = 1}};

static void configure(struct world *w)
{
    static const char *const crm_only[] = {"crm"};
    struct flow_source_config sources[] = {
        {.name = "private",
         .plan = munich(),
         .priority = 200,
         .rules = mobile_rule,
         .n_rules = 2},
        {.name = "crm", .plan = munich(), .priority = 100},
        {.name = "secret",
         .plan = munich(),
         .priority = 10,
         .allow = only_alice,
         .n_allow = 1},
    };
    struct flow_client_config clients[] = {
        {.name = "test",
         .plan = munich(),
         .ambiguity = FLOW_AMBIGUITY_ALL,
         .company_match = true,
         .anonymous = true},
        {.name = "first", .plan = munich(), .ambiguity = FLOW_AMBIGUITY_FIRST},
        {.name = "company",
         .plan = munich(),
         .ambiguity = FLOW_AMBIGUITY_COMPANY,
         .company_match = true},
        {.name = "echo",
         .plan = munich(),
         .format = NUMBER_FORMAT_ASKED,
         .company_match = true},
        {.name = "national", .plan = munich(), .format = NUMBER_FORMAT_NATIONAL},
        {.name = "crm",
         .plan = munich(),
         .sources = crm_only,
         .n_sources = 1,
         .fields = K(NAME) | K(BUSINESS)},
    };
    static const char *const groups[] = {"hr"};
    struct flow_user_config users[] = {
        {.name = "alice", .secret = STR_LIT("wonder")},
        {.name = "bob", .groups = groups, .n_groups = 1, .secret = STR_LIT("builder")},
    };
    struct flow_config config = {.sources = sources,
                                 .n_sources = 3,
                                 .clients = clients,
                                 .n_clients = 6,
                                 .users = users,
                                 .n_users = 2};

    flow_configure(w->flow, &config);
}

static void expect(struct world *w, const char *client, struct ctr_principal *p,
                   const struct ctr_filter *f, const char *want, const char *name)
{
    struct ctr_query q = ask_for(f);
    struct answer *a = ask(w, client, p, &q);

    is_str(ids_of(a), want, "%s", name);
    is_int(a->status, 0, "%s: status", name);
    answer_free(a);
}

static void test_truth(struct world *w)
{
    struct ctr_principal *admin = flow_admin(w->flow);
    struct ctr_filter *undefined = leaf(w, CTR_OP_UNDEFINED, 0, NULL);
    struct ctr_filter *here = EQ(K(SN), "Maier");

    expect(w, "test", admin, EQ(K(SN), "mueller"), "mueller", "equal: ue for an umlaut");
    expect(w, "test", admin, EQ(K(SN), "MULLER"), "mueller", "equal: mark dropped, case");
    expect(w, "test", admin, EQ(K(SN), "Müller"), "mueller", "equal: as it is");
    expect(w, "test", admin, EQ(K(SN), "mull"), "", "equal is not prefix");
    expect(w, "test", admin, SUB(K(SN), "mul*"), "mueller", "prefix in the other form");
    expect(w, "test", admin, SUB(K(SN), "m*r"), "maier,mueller", "initial and final");
    expect(w, "test", admin, SUB(K(SN), "*ie*"), "maier,p1,p2", "inside: a scan");
    expect(w, "test", admin, SUB(K(NAME), "anna m*"), "maier", "prefix of several words");
    expect(w, "test", admin, leaf(w, CTR_OP_WORDS, NAMES | K(ORG), "c4b mai"), "maier",
           "words of several kinds in any order");
    expect(w, "test", admin, leaf(w, CTR_OP_APPROX, K(SN), "Meyer"), "maier",
           "sounds alike");
    expect(w, "test", admin, leaf(w, CTR_OP_WORDS, K(MAIL), "dora@acme"), "acme3",
           "words: a mail address as a whole");
    expect(w, "test", admin, EQ(K(MAIL), "Dora@ACME.example"), "acme3", "equal mail");
    expect(w, "test", admin, SUB(K(MAIL), "*@acme*"), "acme3", "inside of a mail");
    expect(w, "test", admin, EQ(K(CTR_FIELD_ID), "acme1"), "acme1", "by id");
    expect(w, "test", admin, EQ(K(CTR_FIELD_ID), "ACME1"), "", "ids are bytes");
    expect(w, "test", admin, leaf(w, CTR_OP_GE, K(SN), "T"), "trunk", "greater or equal");
    expect(w, "test", admin, AND(leaf(w, CTR_OP_LE, K(SN), "D"), EQ(K(ORG), "acme")),
           "acme1,acme2", "less or equal, and");
    expect(w, "test", admin, leaf(w, CTR_OP_PRESENT, K(NOTE), NULL), "acme2", "present");
    expect(w, "test", admin, AND(EQ(K(ORG), "Acme"), NOT(EQ(K(CITY), "new york"))),
           "acme1,acme2", "not: absent counts as false");
    expect(w, "test", admin, AND(here, undefined), "", "and undefined");
    expect(w, "test", admin, OR(here, undefined), "maier", "or undefined");
    expect(w, "test", admin, NOT(undefined), "", "not undefined");
    expect(w, "test", admin, AND(here, NOT(AND(undefined, EQ(K(SN), "Maier")))), "",
           "not of and with undefined");
    expect(w, "test", admin, AND(here, branch(w, CTR_OP_AND, NULL)), "maier",
           "an empty and is true");
    expect(w, "test", admin, branch(w, CTR_OP_OR, NULL), "", "an empty or is false");
}

static void test_numbers(struct world *w)
{
    static const char *const notations[] = {
        "+49 (0)89 840798-192", "004989840798192", "089/840798192", "tel:+4989840798192",
        "4989840798192",        "+4989840798192",  "192",           "089 840798 192"};
    struct ctr_principal *admin = flow_admin(w->flow);

    for (unsigned i = 0; i < sizeof(notations) / sizeof(notations[0]); i++)
        expect(w, "test", admin, EQ(PHONES, notations[i]), "mueller", notations[i]);
    expect(w, "test", admin, EQ(K(MOBILE), "192"), "", "of another kind");
    expect(w, "test", admin, EQ(PHONES, "112"), "hotline", "emergency number");
    expect(w, "test", admin, SUB(PHONES, "*112"), "hotline", "its tail is only itself");
    expect(w, "test", admin, SUB(PHONES, "*840798192"), "mueller", "tail");
    expect(w, "test", admin, SUB(PHONES, "*089840798192"), "mueller", "tail, national");
    expect(w, "test", admin, SUB(PHONES, "089 840798*"), "central,mueller,maier",
           "prefix");
    expect(w, "test", admin, SUB(PHONES, "*8407*193*"), "maier", "inside");
    expect(w, "test", admin, SUB(PHONES, "*08984*"), "mueller,maier,central",
           "inside, national");
    expect(w, "test", admin, SUB(PHONES, "foo*"), "", "letters are no number");
    expect(w, "test", admin, EQ(PHONES, "CALL ME 7X"), "odd", "no number: as text");
    expect(w, "test", admin,
           OR(EQ(K(BUSINESS), "192"), EQ(K(MOBILE), "192"), EQ(K(SN), "Maier")),
           "mueller,maier", "numbers or a name");
}

static void test_caller(struct world *w)
{
    struct ctr_principal *admin = flow_admin(w->flow);
    struct ctr_filter *f =
        OR(EQ(K(BUSINESS), "+12125550100"), EQ(K(MOBILE), "+12125550100"));
    struct ctr_query q = ask_for(f);
    struct answer *a;

    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", admin, &q);
    is_str(ids_of(a), "acme2,acme1,acme3", "business first, then the more complete");
    answer_free(a);
    a = ask(w, "first", admin, &q);
    is_str(ids_of(a), "acme2", "ambiguity: the first");
    answer_free(a);
    a = ask(w, "company", admin, &q);
    is_int(a->n, 1, "ambiguity: one for all");
    is_str(a->name, "ACME (3 contacts)", "with the company's name");
    is_int(a->flags[0], CTR_CONTACT_AMBIGUOUS, "flagged");
    is_int(a->group_size, 3, "how many");
    is_str(a->phone, "+12125550100", "with the number");
    answer_free(a);

    q = ask_for(EQ(PHONES, "089 840798-999"));
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", admin, &q);
    is_int(a->n, 1, "unknown extension: its company");
    is_str(a->name, "C4B GmbH", "company's name");
    is_int(a->flags[0], CTR_CONTACT_COMPANY, "flagged as company match");
    is_str(a->phone, "+4989840798", "the trunk's number");
    answer_free(a);
    a = ask(w, "echo", admin, &q);
    is_str(a->phone, "089 840798-999", "echoed as asked");
    answer_free(a);
    a = ask(w, "first", admin, &q);
    is_int(a->n, 0, "company match is an option");
    answer_free(a);
    q.flags = 0;
    a = ask(w, "test", admin, &q);
    is_int(a->n, 0, "only for who is calling");
    answer_free(a);
    q = ask_for(EQ(PHONES, "+49 40 789456 77"));
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", admin, &q);
    is_str(a->name, "Firma Nord", "a trunk learned from somebody's extension");
    answer_free(a);
    q = ask_for(EQ(PHONES, "anonymous"));
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", admin, &q);
    is_int(a->n, 0, "who is no number is nobody");
    answer_free(a);

    q = ask_for(EQ(PHONES, "0171/1234567"));
    a = ask(w, "echo", admin, &q);
    is_str(a->phone, "+4989840798192", "echo: other numbers as E.164");
    answer_free(a);
    q = ask_for(EQ(PHONES, "192"));
    a = ask(w, "echo", admin, &q);
    is_str(a->phone, "192", "echo: the number asked for");
    is_str(a->e164, "+4989840798192", "echo: and its E.164");
    answer_free(a);
    a = ask(w, "national", admin, &q);
    is_str(a->phone, "089840798192", "national");
    answer_free(a);
}

/* ---- access ---------------------------------------------------------------- */

static void test_private(struct world *w, struct ctr_principal *alice,
                         struct ctr_principal *bob)
{
    struct ctr_filter *f = EQ(PHONES, "+49 30 5550001");
    struct ctr_query q = ask_for(f);
    struct answer *a;

    expect(w, "test", alice, f, "p1", "alice sees hers");
    expect(w, "test", bob, f, "p2", "bob sees his");
    expect(w, "test", NULL, f, "", "anonymous sees neither");
    expect(w, "test", flow_admin(w->flow), f, "p1,p2", "the admin both");
    q.source = str_of("private");
    q.id = str_of("p2");
    q.filter = leaf(w, CTR_OP_TRUE, 0, NULL);
    a = ask(w, "test", alice, &q);
    is_int(a->status, -CTR_ENOENT, "by id: not there for alice");
    answer_free(a);
    a = ask(w, "test", bob, &q);
    is_str(ids_of(a), "p2", "by id: there for bob");
    answer_free(a);
    q.id = str_of("nobody");
    a = ask(w, "test", bob, &q);
    is_int(a->status, -CTR_ENOENT, "by id: nobody");
    answer_free(a);
    q = ask_for(EQ(PHONES, "+49 30 5550001"));
    q.flags = CTR_QUERY_COUNT;
    a = ask(w, "test", NULL, &q);
    is_int(a->outcome.total, 0, "not counted either");
    answer_free(a);
    q = ask_for(EQ(PHONES, "+49 30 5550009"));
    q.flags = CTR_QUERY_CALLER;
    a = ask(w, "test", NULL, &q);
    is_int(a->n, 0, "no company made of a private contact");
    answer_free(a);
}

static void test_sources(struct world *w, struct ctr_principal *alice)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_TRUE, 0, NULL));
    struct answer *a;

    q.source = str_of("secret");
    a = ask(w, "test", NULL, &q);
    is_int(a->status, -CTR_ENOENT, "a source not allowed is not there");
    answer_free(a);
    a = ask(w, "test", alice, &q);
    is_int(a->status, 0, "for alice it is");
    answer_free(a);
    q.source = str_of("nosuch");
    a = ask(w, "test", alice, &q);
    is_int(a->status, -CTR_ENOENT, "one that never was");
    answer_free(a);
    q.source = str_of("private");
    a = ask(w, "crm", alice, &q);
    is_int(a->status, -CTR_ENOENT, "not one of this client's");
    answer_free(a);
    q.source = str_of("crm");
    a = ask(w, "first", NULL, &q);
    is_int(a->status, -CTR_ENOENT, "anonymous where the client does not allow it");
    answer_free(a);
}

/* alice is not in @hr: mobile and organisation of "private" do not exist for her. */
static void test_hidden(struct world *w, struct ctr_principal *alice,
                        struct ctr_principal *bob)
{
    struct ctr_sort_key by_mobile = {.kinds = K(MOBILE)};
    struct ctr_query q = ask_for(EQ(K(SN), "Person"));
    struct answer *a;
    char probe[16];

    expect(w, "test", bob, EQ(PHONES, "+491709999999"), "p3", "hr finds by mobile");
    expect(w, "test", alice, EQ(PHONES, "+491709999999"), "", "not by equality");
    expect(w, "test", alice, SUB(PHONES, "+49170*"), "", "not by prefix");
    expect(w, "test", alice, SUB(PHONES, "*9999999"), "", "not by tail");
    expect(w, "test", alice, SUB(PHONES, "*99*99*"), "", "not inside");
    expect(w, "test", alice, SUB(PHONES, "*1*"),
           "mueller,maier,acme1,acme2,acme3,"
           "hotline,trunk,p1",
           "others are found");
    for (char c = '0'; c <= '9'; c++) {
        snprintf(probe, sizeof(probe), "+%c", c);
        a = NULL;
        q = ask_for(AND(EQ(K(CTR_FIELD_ID), "p3"), leaf(w, CTR_OP_GE, K(MOBILE), probe)));
        a = ask(w, "test", alice, &q);
        is_int(a->n, 0, "no bisection by >= %s", probe);
        answer_free(a);
        q = ask_for(AND(EQ(K(CTR_FIELD_ID), "p3"), leaf(w, CTR_OP_LE, K(MOBILE), probe)));
        a = ask(w, "test", alice, &q);
        is_int(a->n, 0, "no bisection by <= %s", probe);
        answer_free(a);
    }
    expect(w, "test", alice,
           AND(EQ(K(CTR_FIELD_ID), "p3"), leaf(w, CTR_OP_PRESENT, K(MOBILE), NULL)), "",
           "not present");
    expect(w, "test", alice,
           AND(EQ(K(CTR_FIELD_ID), "p3"), NOT(EQ(K(MOBILE), "+491709999999"))), "p3",
           "the opposite holds as for anybody without");
    expect(w, "test", alice, leaf(w, CTR_OP_WORDS, K(ORG), "hidden"), "", "not by words");
    expect(w, "test", alice, leaf(w, CTR_OP_APPROX, K(ORG), "hidden"), "",
           "nor by sound");

    q = ask_for(EQ(K(SN), "Person"));
    a = ask(w, "test", alice, &q);
    ok(!(a->kinds & K(MOBILE)) && a->kinds & K(BUSINESS), "not read");
    answer_free(a);
    q.sort = &by_mobile;
    q.n_sort = 1;
    q.filter = leaf(w, CTR_OP_TRUE, 0, NULL);
    q.source = str_of("private");
    a = ask(w, "test", alice, &q);
    is_str(ids_of(a), "p1,p3,p4", "sorting by it is sorting by nothing");
    answer_free(a);
    a = ask(w, "test", bob, &q);
    is_str(ids_of(a), "p4,p3,p2", "for hr it sorts");
    answer_free(a);
    q = ask_for(EQ(K(CTR_FIELD_ID), "p4"));
    a = ask(w, "test", alice, &q);
    is_int(a->n, 1, "a contact of nothing but a hidden number");
    ok(!(a->kinds & K(NAME)), "its derived name does not tell the number");
    answer_free(a);
    expect(w, "test", alice, SUB(K(NAME), "*8888888*"), "", "nor does a search in names");
    a = ask(w, "crm", alice,
            &(struct ctr_query){.size = sizeof(q),
                                .want = CTR_KINDS_ALL,
                                .filter = EQ(K(BUSINESS), "192")});
    is_int(a->kinds, K(NAME) | K(BUSINESS), "a client's field mask");
    answer_free(a);
    expect(w, "crm", alice, EQ(K(SN), "Maier"), "", "what it leaves out cannot be asked");
}

static void on_source(void *user, const struct ctr_source_info *info)
{
    strcat(user, info->name.ptr);
    strcat(user, ",");
}

static void test_listing(struct world *w, struct ctr_principal *alice)
{
    char names[200] = "";

    flow_sources(flow_client(w->flow, "test"), alice, on_source, names);
    is_str(names, "secret,crm,private,", "sources by priority");
    names[0] = 0;
    flow_sources(flow_client(w->flow, "test"), NULL, on_source, names);
    is_str(names, "crm,private,", "for anonymous");
    ok(flow_client(w->flow, "nosuch") == NULL, "an unknown client");
}

static void test_trace(struct world *w, struct ctr_principal *alice)
{
    struct ctr_query q = ask_for(EQ(PHONES, "+491709999999"));
    struct cJSON *json;
    struct answer *a;
    char *text;

    q.asked = str_of("(mobile=+491709999999)\n");
    a = ask(w, "test", alice, &q);
    answer_free(a);
    json = flow_trace_last(w->flow, "test");
    text = cJSON_PrintUnformatted(json);
    ok(strstr(text, "\"field hidden from this user\":1") != NULL,
       "why there was no name");
    ok(strstr(text, "\"principal\":\"alice\"") != NULL, "who asked");
    ok(strstr(text, "+491709999999") != NULL, "what it was read as");
    free(text);
    cJSON_Delete(json);
    json = flow_trace_json(w->flow, 10, str_of("01709999999"));
    is_int(cJSON_GetArraySize(json), 4, "traces of a number in another notation");
    cJSON_Delete(json);
}

/* Who is named: users, groups, everybody. */
static void test_allow(struct world *w, struct ctr_principal *alice,
                       struct ctr_principal *bob)
{
    static const char *const lists[][1] = {{"alice"},   {"@hr"},   {"anonymous"},
                                           {"@nosuch"}, {"ALICE"}, {"@alice"}};
    static const bool sees[][3] = {/* alice, bob, anonymous */
                                   {true, false, false}, {false, true, false},
                                   {true, true, true},   {false, false, false},
                                   {true, false, false}, {false, false, false}};
    static const char *const groups[] = {"hr"};
    struct flow_user_config users[] = {
        {.name = "alice", .secret = STR_LIT("wonder")},
        {.name = "bob", .groups = groups, .n_groups = 1, .secret = STR_LIT("builder")}};
    struct flow_client_config client = {
        .name = "test", .plan = munich(), .anonymous = true};

    for (unsigned i = 0; i < 6; i++) {
        struct flow_source_config source = {
            .name = "crm", .plan = munich(), .allow = lists[i], .n_allow = 1};
        struct flow_config config = {.sources = &source,
                                     .n_sources = 1,
                                     .clients = &client,
                                     .n_clients = 1,
                                     .users = users,
                                     .n_users = 2};
        struct ctr_filter *f = EQ(K(SN), "Maier");

        flow_configure(w->flow, &config);
        expect(w, "test", alice, f, sees[i][0] ? "maier" : "", lists[i][0]);
        expect(w, "test", bob, f, sees[i][1] ? "maier" : "", lists[i][0]);
        expect(w, "test", NULL, f, sees[i][2] ? "maier" : "", lists[i][0]);
        expect(w, "test", flow_admin(w->flow), f, "maier", "the admin");
        config.n_users = 0;
        flow_configure(w->flow, &config);
        expect(w, "test", alice, f, i == 2 ? "maier" : "",
               "a user who is no longer configured is anybody");
    }
}

int main(void)
{
    struct ctr_principal *alice, *bob;
    struct strbuf metrics = {0};
    struct world world, *w = &world;

    world_open(w);
    configure(w);
    fill(w);
    alice = login(w, "alice", "wonder");
    bob = login(w, "BOB", "builder");
    ok(alice && bob, "logged in");
    test_truth(w);
    test_numbers(w);
    test_caller(w);
    test_private(w, alice, bob);
    test_sources(w, alice);
    test_hidden(w, alice, bob);
    test_listing(w, alice);
    test_trace(w, alice);
    flow_metrics(w->flow, &metrics);
    ok(strstr(metrics.ptr, "contactor_queries_total{client=\"test\",outcome=\"hit\"}") !=
           NULL,
       "metrics");
    strbuf_finish(&metrics);
    test_allow(w, alice, bob);
    principal_unref(alice);
    principal_unref(bob);
    world_close(w);
    return tap_done();
}
