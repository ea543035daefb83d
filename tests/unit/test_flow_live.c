/* test_flow_live.c - sources that are asked at lookup: what they are asked, how long they
 * are waited for, and what becomes of their answers. */
#include <pthread.h>

#include "flow/answered.h"
#include "flow/source.h"
#include "flow/sync.h"
#include "flow_util.h"

#define BUSINESS CTR_FIELD_PHONE_BUSINESS
#define SN       CTR_FIELD_SURNAME

enum { VALUES_MAX = 8 };

/* The source of the test: what it was asked, and what it will say. */
static struct {
    unsigned asked, canceled;
    struct ctr_search *search;
    char values[VALUES_MAX][64];
    unsigned n_values;
    uint32_t time_limit;
    bool silent; /* answers only when told to */
    const char *id, *name, *number, *owner;
    unsigned times; /* it says it so often; 0: once */
} live;

static void answer(struct ctr_search *search)
{
    struct person p = person(live.id ? live.id : "", live.owner, SN, live.name, BUSINESS,
                             live.number, 0);

    p.contact.fields = p.fields;
    for (unsigned i = 0; live.id && (i == 0 || i < live.times); i++)
        flow_search_hits(search, &p.contact, 1);
    flow_search_done(search, 0);
}

static int search(void *ctx, struct ctr_search *search, const struct ctr_query *query)
{
    const struct ctr_filter *f = query->filter;

    (void)ctx;
    live.asked++;
    live.search = search;
    live.time_limit = query->time_limit;
    live.n_values = f->n_values;
    for (unsigned i = 0; i < f->n_values && i < VALUES_MAX; i++)
        snprintf(live.values[i], sizeof(live.values[i]), STR_FMT, STR_ARG(f->values[i]));
    if (!live.silent)
        answer(search);
    return 0;
}

static void cancel(void *ctx, struct ctr_search *search)
{
    (void)ctx;
    ensure(search == live.search);
    live.canceled++;
}

static int sync_nobody(void *ctx, struct ctr_sync *sync,
                       const struct ctr_sync_request *request)
{
    (void)ctx;
    (void)request;
    flow_sync_end(sync, 0, NULL);
    return 0;
}

static struct flow_driver driver = {.can_search = true,
                                    .spellings = true,
                                    .sync = sync_nobody,
                                    .search = search,
                                    .search_cancel = cancel};

static void configure(struct world *w, const char *area)
{
    struct flow_source_config source = {.name = "crm",
                                        .plan = munich(),
                                        .max_delete_percent = 20,
                                        .live = true,
                                        .live_timeout = 200};
    struct flow_client_config client = {
        .name = "test", .plan = munich(), .anonymous = true, .size_limit = 10000};
    struct flow_user_config users[] = {{.name = "eve", .secret = STR_LIT("eve's")},
                                       {.name = "max", .secret = STR_LIT("max's")}};
    struct flow_config config = {.sources = &source,
                                 .n_sources = 1,
                                 .clients = &client,
                                 .n_clients = 1,
                                 .users = users,
                                 .n_users = 2};

    strcpy(source.plan.area_code, area);
    flow_configure(w->flow, &config);
}

static struct answer *call(struct world *w, const char *number, struct ctr_principal *who)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, number));

    q.flags = CTR_QUERY_CALLER;
    return ask(w, "test", who, &q);
}

/* "id" or "id*" when it came live; "-": nobody */
static const char *who_is(struct world *w, const char *number, struct ctr_principal *who)
{
    static char out[64];
    struct answer *a = call(w, number, who);

    snprintf(out, sizeof(out), "%s%s", a->n ? a->ids[0] : "-",
             a->n && a->flags[0] & CTR_CONTACT_LIVE ? "*" : "");
    answer_free(a);
    return out;
}

static bool cached(struct world *w, const char *id)
{
    struct source *s = source_find(w->flow, "crm");
    uint32_t recno;
    bool found;

    ensure(flow_read_begin(w->flow) == 0);
    found = cache_find(s->cache, str_of(id), &recno) == 0;
    flow_read_end(w->flow);
    return found;
}

static bool until_cached(struct world *w, const char *id, bool wanted)
{
    int64_t end = clock_ms() + 5000;

    while (cached(w, id) != wanted && clock_ms() < end)
        world_turn(w);
    return cached(w, id) == wanted;
}

static void test_spellings(struct world *w)
{
    static const struct {
        const char *asked, *values[3];
    } t[] = {
        {"+49 30 5551", {"+49305551", "0305551", "+49 30 5551"}},
        {"089/840798-192", {"+4989840798192", "089840798192", "089/840798-192"}},
        {"192", {"+4989840798192", "089840798192", "192"}},
        {"0033 1 42685300", {"+33142685300", "0033142685300", "0033 1 42685300"}},
        {"anonymous", {"anonymous", "anonymous", "anonymous"}},
    };

    live.id = NULL;
    for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        is_str(who_is(w, t[i].asked, NULL), "-", "%s: nobody", t[i].asked);
        is_int(live.n_values, 3, "three spellings");
        for (unsigned k = 0; k < 3; k++)
            is_str(live.values[k], t[i].values[k], "%s: spelling %u", t[i].asked, k);
    }
    driver.spellings = false;
    flow_source_start(w->flow, "crm", &driver);
    who_is(w, "089/840798-192", NULL);
    is_int(live.n_values, 1, "an older plugin gets one value");
    is_str(live.values[0], "089/840798-192", "as asked");
    driver.spellings = true;
    flow_source_start(w->flow, "crm", &driver);
}

static void test_refresh(struct world *w)
{
    struct source *s = source_find(w->flow, "crm");

    is_int(s->next_run, 0,
           "asked live and read on demand only: no sync begins by itself");
    live.id = "a";
    live.name = "Anna";
    live.number = "+49 30 5551";
    is_str(who_is(w, "0305551", NULL), "a*", "an empty cache: the source answers");
    ok(until_cached(w, "a", true), "and the cache has it then");
    is_int(source_info(s)->as_of, 0, "how old the data are did not change");
    live.silent = true;
    live.asked = 0;
    is_str(who_is(w, "0305551", NULL), "a",
           "now the cache answers, whatever the source does");
    is_int(live.asked, 1, "which is asked all the same, while nobody waits");
    is_str(who_is(w, "0305551", NULL), "a", "once more");
    is_int(live.asked, 1, "but not each time");
    live.id = NULL;
    answer(live.search);
    ok(until_cached(w, "a", false), "nobody has the number any more: forgotten");
    live.silent = false;
    is_str(who_is(w, "0305551", NULL), "-", "so it is");
}

static void test_late(struct world *w)
{
    int64_t began = clock_ms();

    live.silent = true;
    live.canceled = 0;
    live.id = "b";
    live.name = "Bernd";
    live.number = "+49 30 5552";
    is_str(who_is(w, "0305552", NULL), "-", "a slow source: nobody");
    ok(clock_ms() - began >= 190 && clock_ms() - began < 1500,
       "after its part of the time (%d ms)", (int)(clock_ms() - began));
    ok(live.time_limit <= 200, "which it was told");
    is_int(live.canceled, 0, "it may go on");
    answer(live.search);
    ok(until_cached(w, "b", true), "its late answer is in the cache");
    is_str(who_is(w, "0305552", NULL), "b", "for the next one who asks");
    answer(live.search); /* of the look behind */
    world_turns(w, 20);
}

static void put_into_cache(struct world *w, struct person p)
{
    struct dialplan plan = munich();
    struct cache_load_options options = {
        .plan = &plan, .shape = sync_shape(&plan), .aside = true, .may_wait = true};
    struct load l = {.w = w};

    ensure(cache_load_begin(cache_source(w->cache, "crm"), &options, &l.load) == 0);
    load_put(&l, p);
    load_end(&l);
}

/* Somebody else's answer brings the contact into the cache while one waits: it was not
 * answered with before. */
static void test_overtaken(struct world *w)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "0305571"));
    struct answer *a = answer_new(w);

    live.silent = true;
    live.asked = 0;
    live.id = "o";
    live.name = "Olga";
    live.number = "+49 30 5571";
    q.flags = CTR_QUERY_CALLER;
    ensure(flow_query_start(flow_client(w->flow, "test"), &q, &answer_ops, a,
                            &a->request) == 0);
    is_int(live.asked, 1, "not in the cache: the source is asked");
    put_into_cache(w, person("o", NULL, SN, "Olga", BUSINESS, "+49 30 5571", 0));
    ok(cached(w, "o") && !a->done, "the cache has it before the answer is there");
    answer(live.search);
    world_until(w, &a->done);
    is_str(ids_of(a), "o", "the one who waited gets it");
    answer_free(a);
}

/* A source that says the same contact again and again; one that the cache has, too. */
static void test_repeated(struct world *w)
{
    struct ctr_query caller = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KINDS_PHONE, "0305572"));
    struct ctr_query name = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KIND(SN), "Rita"));
    struct answer *a;

    live.silent = false;
    live.id = "r";
    live.name = "Rita";
    live.number = "+49 30 5572";
    live.times = 1024;
    caller.flags = CTR_QUERY_CALLER;
    caller.limit = name.limit = 5;
    a = ask(w, "test", NULL, &caller);
    is_str(ids_of(a), "r", "who is calling: said a thousand times, answered once");
    is_int(a->status, 0, "and that is all");
    is_int(a->outcome.total, 1, "one contact");
    answer_free(a);
    ok(until_cached(w, "r", true), "it is cached");
    a = ask(w, "test", NULL, &name);
    is_str(ids_of(a), "r", "by name: what the cache answered with is not said again");
    is_int(a->status, 0, "and that is all of it");
    ok(a->n == 1 && !(a->flags[0] & CTR_CONTACT_LIVE), "it is the cache's");
    answer_free(a);
    caller.flags = 0;
    a = ask(w, "test", NULL, &caller);
    is_str(ids_of(a), "r", "by number, for whom all who have it are meant");
    answer_free(a);
    live.id = "r2";
    a = ask(w, "test", NULL, &name);
    is_str(ids_of(a), "r,r2", "another contact that is repeated");
    is_int(a->status, 0, "no more than two");
    answer_free(a);
    live.times = 0;
}

/* How often a crowd's answer has this contact when the source says that it belongs to it.
 */
static unsigned times_in_crowd(struct world *w, const char *id)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_EQUAL, CTR_KIND(SN), "Crowd"));
    struct answer *a;
    unsigned n = 0;

    live.id = id;
    a = ask(w, "test", NULL, &q);
    ensure(a->n > ANSWERED_MAX);
    for (uint32_t i = 0; i < a->n; i++)
        n += strcmp(a->ids[i], id) == 0;
    answer_free(a);
    return n;
}

/* More than is remembered: then what the cache would have answered with counts. */
static void test_many(struct world *w)
{
    struct load l = load_begin(w, "crm");
    char id[20];

    for (unsigned i = 0; i < ANSWERED_MAX + 10; i++) {
        snprintf(id, sizeof(id), "m%05u", i);
        load_put(&l, person(id, NULL, SN, "Crowd", 0));
    }
    load_put(&l, person("married", NULL, SN, "Single", 0));
    load_put(&l, person("shared", "Eve", SN, "Crowd", 0));
    load_end(&l);
    live.name = "Crowd";
    is_int(times_in_crowd(w, "m00000"), 1,
           "one that is remembered is answered with once");
    is_int(times_in_crowd(w, id), 1, "and one beyond, which the cache has");
    is_int(times_in_crowd(w, "married"), 1, "one that it has by another name, live");
    is_int(times_in_crowd(w, "shared"), 1, "and one that it has for somebody else");
}

static void test_owner(struct world *w)
{
    struct ctr_principal *eve = login(w, "eve", "eve's"), *max = login(w, "max", "max's");

    ok(eve && max, "two users");
    live.silent = false;
    live.id = "p";
    live.owner = "Eve";
    live.name = "Private";
    live.number = "+49 30 5553";
    is_str(who_is(w, "0305553", max), "-", "a private contact, live: not for others");
    is_str(who_is(w, "0305553", NULL), "-", "nor for anonymous ones");
    world_turns(w, 1500);
    ok(!cached(w, "p"), "and not cached for who may not see it");
    is_str(who_is(w, "0305553", eve), "p*", "for its owner");
    ok(until_cached(w, "p", true), "cached");
    is_str(who_is(w, "0305553", max), "-", "still nobody else's");
    is_str(who_is(w, "0305553", eve), "p", "the owner's");
    live.owner = NULL; /* the source says now that it is everybody's */
    live.number = "+49 30 5559";
    is_str(who_is(w, "0305559", max), "p*", "a contact whose owner changed");
    ok(until_cached(w, "p", false), "is no longer what the cache holds");
    is_str(who_is(w, "0305559", max), "p*", "who asks next");
    ok(until_cached(w, "p", true), "brings it back as it is now");
    live.owner = "Eve";
    live.number = "+49 30 5558";
    is_str(who_is(w, "0305558", max), "-", "everybody's contact that became private");
    ok(until_cached(w, "p", false), "is not cached for everybody any more");
    live.id = NULL;
    is_str(who_is(w, "0305559", max), "-", "which nobody but its owner learns of");
    live.owner = NULL;
    principal_unref(eve);
    principal_unref(max);
}

static void on_change(void *arg, bool done, int status)
{
    (void)status;
    *(bool *)arg = done;
}

/* A sync that says nobody is there takes what was cached; answers to what was asked
 * before it do not bring it back. */
static void test_sync(struct world *w)
{
    bool done = false;

    live.silent = true;
    live.id = "c";
    live.name = "Chloé";
    live.number = "+49 30 5554";
    is_str(who_is(w, "0305554", NULL), "-", "asked");
    while (flow_source_sync_now(w->flow, "crm", false, false, on_change, &done) ==
           -CTR_EBUSY)
        world_turn(w);
    world_until(w, &done);
    ok(source_info(source_find(w->flow, "crm"))->as_of > 0,
       "then synced, for the first time");
    is_int(source_info(source_find(w->flow, "crm"))->contacts, 0,
           "all that was only asked for is gone, and that was not refused");
    answer(live.search);
    world_turns(w, 1500);
    ok(!cached(w, "c"), "an answer from before the sync is not cached");
}

/* What a sync brought in full is not replaced by a part of it. */
static void test_whole(struct world *w)
{
    struct load l = load_begin(w, "crm");

    load_put(&l, person("w", NULL, SN, "Whole", CTR_FIELD_ORGANISATION, "Acme", BUSINESS,
                        "+49 30 5561", 0));
    load_end(&l);
    source_info_changed(source_find(w->flow, "crm"));
    live.silent = false;
    live.id = "w";
    live.name = "Half";
    live.number = "+49 30 5562";
    is_str(who_is(w, "0305562", NULL), "w*", "a live answer without the company");
    world_turns(w, 1500);
    is_str(who_is(w, "0305561", NULL), "w", "does not replace the contact that has one");
}

/* Not answered for long: nobody waits for it again until it does. */
static void test_stuck(struct world *w)
{
    int64_t began;
    struct ctr_search *first;

    live.silent = true;
    is_str(who_is(w, "0305555", NULL), "-", "asked, no answer");
    first = live.search;
    for (began = clock_ms(); clock_ms() - began < 5200;)
        world_turn(w);
    live.asked = 0;
    began = clock_ms();
    is_str(who_is(w, "0305556", NULL), "-", "five seconds later");
    ok(live.asked == 0 && clock_ms() - began < 100, "nobody waits for it any more");
    flow_search_done(first, -CTR_EIO);
    world_turns(w, 10);
    live.silent = false;
    live.id = "d";
    live.name = "Dora";
    live.number = "+49 30 5557";
    is_str(who_is(w, "0305557", NULL), "d*", "it answers again");
}

/* All that was cached was read with another dial plan. */
static void test_plan(struct world *w)
{
    live.id = "e";
    live.name = "Emil";
    live.number = "5558";
    is_str(who_is(w, "+49 89 5558", NULL), "e*", "a number without area code");
    configure(w, "30");
    live.number = "777555";
    is_str(who_is(w, "+49 30 777555", NULL), "e*", "with another plan");
    world_turns(w, 3000);
    is_str(who_is(w, "+49 89 5558", NULL), "-", "what the old plan made of it is gone");
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

int main(void)
{
    struct world world, *w = &world;
    bool stopped = false;

    world_open(w);
    configure(w, "89");
    flow_source_start(w->flow, "crm", &driver);
    test_spellings(w);
    test_refresh(w);
    test_late(w);
    test_overtaken(w);
    test_repeated(w);
    test_owner(w);
    test_plan(w);
    configure(w, "89");
    test_sync(w);
    test_whole(w);
    test_many(w);
    test_stuck(w);
    flow_source_stop(w->flow, "crm", on_stopped, &stopped);
    world_until(w, &stopped);
    world_turns(w, 100);
    world_close(w);
    return tap_done();
}
