/* test_flow_source.c - trying a source without changing anything, its groups, and times
 * of day. The wall clock is the test's own: the linker puts it in the place of ours. */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "flow/source.h"
#include "flow/times.h"
#include "flow_util.h"

int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

static int64_t wall_shift; /* ms */

int64_t __wrap_clock_wall_ms(void)
{
    return __real_clock_wall_ms() + wall_shift;
}

/* ---- the source ------------------------------------------------------------ */

enum what { FEW, MANY, BROKEN, STUCK, ENDLESS };

static struct {
    _Atomic int what; /* enum what */
    _Atomic bool released;
    bool delta;
    unsigned begun, from;
    const char *group;
    const char *members[4];
    bool no_groups;
    struct ctr_test *test;
} fake;

static int put(struct ctr_sync *sync, unsigned i)
{
    char id[20], number[30];
    struct person p;

    snprintf(id, sizeof(id), "c%u", i);
    snprintf(number, sizeof(number), "089 840798-%u", i);
    p = person(id, NULL, CTR_FIELD_SURNAME, id, CTR_FIELD_PHONE_BUSINESS, number,
               CTR_FIELD_PHONE_HOME, "ask my wife", 0);
    p.contact.fields = p.fields;
    return flow_sync_put(sync, &p.contact, 1);
}

static void put_group(struct ctr_sync *sync)
{
    struct ctr_str members[4];
    uint32_t n = 0;

    if (!fake.group)
        return;
    while (n < 4 && fake.members[n]) {
        members[n] = str_of(fake.members[n]);
        n++;
    }
    flow_sync_group(sync, str_of(fake.group), members, n);
}

static void *run(void *arg)
{
    struct ctr_sync *sync = arg;
    int r = 0;

    put_group(sync);
    switch (atomic_load(&fake.what)) {
    case FEW:
    case MANY:
        for (unsigned i = 0; r == 0 && i < (fake.what == FEW ? 20 : 100000); i++)
            r = put(sync, fake.from + i);
        flow_sync_reject(sync, "line 3", "no id");
        flow_sync_end(sync, r, NULL);
        break;
    case BROKEN:
        put(sync, 1);
        flow_sync_end(sync, -CTR_EIO, "the table has no column 'phone'");
        break;
    case STUCK:
        while (!fake.released)
            usleep(1000);
        flow_sync_end(sync, -CTR_ECANCELED, NULL);
        break;
    case ENDLESS:
        put(sync, 1);
        while (flow_sync_canceled(sync) == 0)
            usleep(1000);
        flow_sync_end(sync, -CTR_ECANCELED, NULL);
        break;
    }
    return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    ensure(pthread_create(&thread, NULL, fn, arg) == 0);
    pthread_detach(thread);
}

static int fake_sync(void *ctx, struct ctr_sync *sync,
                     const struct ctr_sync_request *request)
{
    (void)ctx;
    fake.begun++;
    fake.delta = request->cursor.ptr != NULL;
    in_thread(run, sync);
    return 0;
}

static void *run_test(void *arg)
{
    struct ctr_test *test = arg;

    flow_test_step(test, "connect", 0, "db.example, port 5432", NULL);
    if (fake.what == STUCK)
        while (!fake.released)
            usleep(1000);
    if (fake.what == BROKEN)
        flow_test_step(test, "login", -CTR_EACCES, "pass\xffword refused",
                       "correct `password_file`");
    if (fake.what == BROKEN)
        flow_test_end(test, -CTR_EACCES, NULL);
    else if (fake.what == ENDLESS)
        flow_test_end(test, -CTR_EIO, "it ended without a step");
    else
        flow_test_end(test, 0, NULL);
    return NULL;
}

static void fake_test(void *ctx, struct ctr_test *test)
{
    (void)ctx;
    fake.test = test;
    in_thread(run_test, test);
}

/* ---- what is told ---------------------------------------------------------- */

struct told {
    char steps[2000];
    size_t n;
    bool done;
    int status;
    cJSON *preview;
    char reason[300];
};

static void on_step(void *arg, const char *step, int status, const char *detail,
                    const char *remedy, uint32_t ms)
{
    struct told *t = arg;

    (void)ms;
    ensure(!t->done);
    t->n += (size_t)snprintf(t->steps + t->n, sizeof(t->steps) - t->n, "%s%s=%s|%s;",
                             step, status < 0 ? "!" : "", detail ? detail : "",
                             remedy ? remedy : "");
}

static void on_tested(void *arg, int status)
{
    struct told *t = arg;

    ensure(!t->done);
    t->done = true;
    t->status = status;
}

static const struct flow_test_ops test_ops = {.step = on_step, .done = on_tested};

static void on_preview(void *arg, int status, const char *reason, cJSON *preview)
{
    struct told *t = arg;

    ensure(!t->done);
    t->done = true;
    t->status = status;
    t->preview = preview;
    snprintf(t->reason, sizeof(t->reason), "%s", reason ? reason : "");
}

static struct told try_test(struct world *w, uint32_t limit)
{
    struct told t = {0};

    t.status = flow_source_test(w->flow, "s", limit, &test_ops, &t);
    if (t.status == 0)
        world_until(w, &t.done);
    return t;
}

static struct told try_preview(struct world *w, unsigned n, uint32_t limit)
{
    struct told t = {0};

    t.status = flow_source_preview(w->flow, "s", n, limit, on_preview, &t);
    if (t.status == 0)
        world_until(w, &t.done);
    return t;
}

static const char *text_in(const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

    return text ? text : "(null)";
}

static const char *state_of(struct world *w, const char *key)
{
    static char text[300];
    cJSON *json = flow_source_json(w->flow, "s", false);

    snprintf(text, sizeof(text), "%s", text_in(json, key));
    cJSON_Delete(json);
    return text;
}

/* ---- configuration --------------------------------------------------------- */

static void configure(struct world *w, uint32_t interval, struct flow_times times)
{
    static const char *const sales[] = {"@sales"};
    struct flow_rule rule = {
        .kind = CTR_FIELD_PHONE_HOME, .who = (const char *const[]){"@board"}, .n_who = 1};
    struct flow_source_config source = {.name = "s",
                                        .plan = munich(),
                                        .sync_interval = interval,
                                        .sync_times = times,
                                        .allow = sales,
                                        .n_allow = 1,
                                        .rules = &rule,
                                        .n_rules = 1,
                                        .max_delete_percent = 20};
    struct flow_client_config client = {
        .name = "test", .plan = munich(), .anonymous = true};
    struct flow_user_config users[] = {{.name = "eve", .secret = STR_LIT("eve's")},
                                       {.name = "max", .secret = STR_LIT("max's")}};
    struct flow_config config = {.sources = &source,
                                 .n_sources = 1,
                                 .clients = &client,
                                 .n_clients = 1,
                                 .users = users,
                                 .n_users = 2};

    flow_configure(w->flow, &config);
}

static const struct flow_times never;

static void on_change(void *arg, bool done, int status)
{
    struct told *t = arg;

    t->done = done;
    t->status = status;
}

static int sync_now(struct world *w, enum what what, bool dry_run)
{
    struct told t = {0};
    int r;

    fake.what = what;
    r = flow_source_sync_now(w->flow, "s", false, dry_run, on_change, &t);
    if (r < 0)
        return r;
    world_until(w, &t.done);
    return t.status;
}

/* ---- test ------------------------------------------------------------------ */

static void test_test(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    struct told t;

    fake.what = FEW;
    t = try_test(w, 5000);
    is_int(t.status, 0, "a test");
    is_str(t.steps, "connect=db.example, port 5432|;", "its step");
    fake.what = BROKEN;
    t = try_test(w, 5000);
    is_int(t.status, -CTR_EACCES, "one that fails");
    is_str(t.steps,
           "connect=db.example, port 5432|;login!=pass?word refused|correct "
           "`password_file`;",
           "up to the step that failed, with a remedy, as text");
    fake.what = ENDLESS;
    t = try_test(w, 5000);
    ok(strstr(t.steps, "test!=it ended without a step|") != NULL, "a step in its place");

    fake.what = STUCK;
    fake.released = false;
    t = try_test(w, 50);
    is_int(t.status, -CTR_ETIMEDOUT, "one that does not come back");
    ok(strstr(t.steps, "time!=nothing more came within 0 s|") != NULL, "is told: %s",
       t.steps);
    is_int(flow_source_sync_now(w->flow, "s", false, false, NULL, NULL), -CTR_EBUSY,
           "no sync beside it");
    is_int(flow_source_test(w->flow, "s", 50, &test_ops, &t), -CTR_EBUSY, "nor a test");
    flow_source_request_sync(w->flow, "s");
    world_turns(w, 50);
    fake.begun = 0;
    fake.what = FEW;
    fake.released = true;
    for (unsigned i = 0; i < 3000 && fake.begun == 0; i++)
        world_turn(w);
    is_int(fake.begun, 1, "the sync that was wished for begins when it is over");
    while (s->sync)
        world_turn(w);

    memset(&t, 0, sizeof(t));
    fake.what = STUCK;
    fake.released = false;
    is_int(flow_source_test(w->flow, "s", 5000, &test_ops, &t), 0, "who asks");
    is_int(flow_test_canceled(fake.test), 0, "somebody waits");
    flow_source_forget(w->flow, &t);
    is_int(flow_test_canceled(fake.test), -CTR_ECANCELED, "nobody does: it may end");
    fake.released = true;
    while (s->test)
        world_turn(w);
    ok(!t.done && t.n == 0, "and goes is told nothing");
    is_int(flow_source_test(w->flow, "x", 50, &test_ops, &t), -CTR_ENOENT,
           "an unknown one");
}

/* ---- preview --------------------------------------------------------------- */

static void test_preview(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    cJSON *contact, *field;
    int64_t next = s->next_run;
    uint64_t syncs = s->syncs_ok;
    struct told t;

    fake.what = MANY;
    t = try_preview(w, 3, 5000);
    is_int(t.status, 0, "a preview");
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(t.preview, "contacts")), 3,
           "of so many contacts");
    ok(!cJSON_IsTrue(cJSON_GetObjectItem(t.preview, "complete")), "there are more");
    contact = cJSON_GetArrayItem(cJSON_GetObjectItem(t.preview, "contacts"), 1);
    is_str(text_in(contact, "id"), "c1001", "its id");
    field = cJSON_GetArrayItem(cJSON_GetObjectItem(contact, "fields"), 2);
    is_str(text_in(field, "kind"), "phone_business", "a number");
    is_str(text_in(field, "value"), "089 840798-1001", "as it stands");
    is_str(text_in(field, "e164"), "+49898407981001", "as it was understood");
    field = cJSON_GetArrayItem(cJSON_GetObjectItem(contact, "fields"), 3);
    is_str(text_in(field, "number"), "none", "what is no number");
    is_str(text_in(field, "why"), "not a number", "is told");
    cJSON_Delete(t.preview);
    is_int(source_info(s)->contacts, 20, "nothing was written");
    ok(s->next_run == next && s->syncs_ok == syncs, "the plan is as it was");
    while (s->sync)
        world_turn(w);

    fake.what = FEW;
    t = try_preview(w, 100, 5000);
    ok(cJSON_IsTrue(cJSON_GetObjectItem(t.preview, "complete")), "all there are");
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(t.preview, "rejected")), 1,
           "with what was not used");
    cJSON_Delete(t.preview);
    fake.what = BROKEN;
    t = try_preview(w, 10, 5000);
    is_int(t.status, -CTR_EIO, "a source that fails");
    is_str(t.reason, "the table has no column 'phone'", "and why");
    cJSON_Delete(t.preview);
    is_str(state_of(w, "state"), "ok", "how it stands is another matter");
    fake.what = ENDLESS;
    t = try_preview(w, 10, 50);
    is_int(t.status, 0, "one that goes on for ever");
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(t.preview, "contacts")), 1,
           "shows what came in time");
    cJSON_Delete(t.preview);
    while (s->sync)
        world_turn(w);
    fake.what = STUCK;
    fake.released = false;
    t = try_preview(w, 10, 50);
    is_int(t.status, -CTR_ETIMEDOUT, "one that says nothing");
    cJSON_Delete(t.preview);
    fake.released = true;
    while (s->sync)
        world_turn(w);
}

/* A source without a test of its own. */
static void test_by_reading(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    struct told t;

    s->driver.test = NULL;
    fake.what = MANY;
    t = try_test(w, 5000);
    is_int(t.status, 0, "without a test the first contacts are read");
    ok(strstr(t.steps, "read=it can be read: the first 10 contacts came") != NULL, "%s",
       t.steps);
    fake.what = BROKEN;
    t = try_test(w, 5000);
    is_str(t.steps, "read!=the table has no column 'phone'|;", "with the reason");
    s->driver.test = fake_test;
}

/* ---- dry run --------------------------------------------------------------- */

static void test_dry_run(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    cJSON *found, *list;

    fake.from = 3;
    is_int(sync_now(w, FEW, true), 0, "a dry run");
    found = flow_source_take_dry_run(w->flow, "s");
    list = cJSON_GetObjectItem(cJSON_GetObjectItem(found, "sample"), "added");
    is_int(cJSON_GetArraySize(list), 3, "what would be added");
    is_str(text_in(cJSON_GetArrayItem(list, 0), "id"), "c20", "by id");
    list = cJSON_GetObjectItem(cJSON_GetObjectItem(found, "sample"), "deleted");
    is_int(cJSON_GetArraySize(list), 3, "what would be deleted");
    is_str(text_in(cJSON_GetArrayItem(list, 2), "name"), "c2", "by name");
    cJSON_Delete(found);
    ok(!flow_source_take_dry_run(w->flow, "s"), "told once");
    fake.from = 15;
    is_int(sync_now(w, FEW, true), -CTR_EREFUSED, "one that would delete too many");
    found = flow_source_take_dry_run(w->flow, "s");
    ok(strstr(text_in(found, "refused"), "--allow-delete") != NULL, "says so");
    list = cJSON_GetObjectItem(cJSON_GetObjectItem(found, "sample"), "deleted");
    is_int(cJSON_GetArraySize(list), 10, "and whom: a few");
    cJSON_Delete(found);
    is_str(state_of(w, "state"), "ok", "the source stands as it stood");
    is_int(s->failures, 0, "no failure is counted");
    is_int(source_info(s)->contacts, 20, "nothing was written");
    fake.from = 0;
}

/* ---- groups ---------------------------------------------------------------- */

static unsigned seen_by(struct world *w, struct ctr_principal *who, uint64_t *kinds)
{
    struct ctr_query q = ask_for(leaf(w, CTR_OP_PRESENT, CTR_KINDS_ALL, NULL));
    struct answer *a = ask(w, "test", who, &q);
    unsigned n = a->n;

    if (kinds)
        *kinds = a->kinds;
    answer_free(a);
    return n;
}

static void set_group(const char *name, const char *a, const char *b)
{
    fake.group = name;
    memset(fake.members, 0, sizeof(fake.members));
    fake.members[0] = a;
    fake.members[1] = b;
}

static void test_groups(struct world *w)
{
    struct ctr_principal *eve = login(w, "eve", "eve's"), *max = login(w, "max", "max's");
    struct strbuf bytes = {0};
    uint64_t kinds;

    is_int(seen_by(w, eve, NULL), 0, "a group nobody is in");
    set_group("sales", "somebody", "EVE");
    is_int(sync_now(w, FEW, false), 0, "a source tells who is in it");
    is_int(seen_by(w, eve, &kinds), 20, "now she may see the source");
    ok(!(kinds & CTR_KIND(CTR_FIELD_PHONE_HOME)), "but for a field of another group");
    is_int(seen_by(w, max, NULL), 0, "he may not");
    ok(cache_groups(source_find(w->flow, "s")->cache, &bytes) == 0, "it is kept");
    set_group("sales", "max", NULL);
    is_int(sync_now(w, BROKEN, false), -CTR_EIO, "a sync that fails");
    is_int(seen_by(w, eve, NULL), 20, "leaves the groups as they were");
    sync_now(w, FEW, true);
    cJSON_Delete(flow_source_take_dry_run(w->flow, "s"));
    is_int(seen_by(w, eve, NULL), 20, "so does a dry run");
    is_int(sync_now(w, FEW, false), 0, "one that succeeds");
    is_int(seen_by(w, eve, NULL), 0, "takes her out");
    is_int(seen_by(w, max, NULL), 20, "and him in");
    set_group("board", "max", NULL);
    is_int(sync_now(w, FEW, false), 0, "a full sync");
    is_int(seen_by(w, max, NULL), 0, "forgets the groups it does not name");
    set_group(NULL, NULL, NULL);
    sync_now(w, FEW, false);
    strbuf_finish(&bytes);
    ok(cache_groups(source_find(w->flow, "s")->cache, &bytes) == -CTR_ENOENT,
       "none are left");
    principal_unref(eve);
    principal_unref(max);
}

static void test_group_bytes(void)
{
    struct strbuf a = {0}, b = {0}, all = {0}, sorted = {0};
    struct ctr_str names[3] = {STR_LIT("x"), STR_LIT("Y"), STR_LIT("z")}, long_name;
    struct groups g = {0};
    static char big[70000];
    char name[16];
    int r = 0;

    memset(big, 'n', sizeof(big));
    long_name = str_make(big, sizeof(big));
    is_int(groups_add(&a, STR_LIT("one"), names, 2), 0, "a group");
    is_int(groups_add(&a, STR_LIT("one"), names, 1), -CTR_EINVAL, "not twice");
    is_int(groups_add(&a, STR_LIT(""), names, 1), -CTR_EINVAL, "not without a name");
    is_int(groups_add(&a, STR_LIT("big"), &long_name, 1), -CTR_EFULL,
           "not endless names");
    is_int(groups_add(&a, STR_LIT("two"), names, 3), 0, "another");
    is_int(groups_add(&b, STR_LIT("one"), NULL, 0), 0, "nobody is in it");
    is_int(groups_add(&b, STR_LIT("three"), names, 1), 0, "a third");
    groups_add(&sorted, STR_LIT("x"), (struct ctr_str[]){names[2], names[0], names[1]},
               3);
    ok(sorted.len == 24 && memcmp(sorted.ptr + 9, "\1\0\0\0x\1\0\0\0Y\1\0\0\0z", 15) == 0,
       "members are sorted where they are told, not on the loop");
    groups_merge(str_make(a.ptr, a.len), str_make(b.ptr, b.len), &all);
    groups_set(&g, &all);
    is_int(g.n, 2, "a delta names what changed");
    ok(groups_have(&g, "two", STR_LIT("y")) && groups_have(&g, "three", STR_LIT("X")) &&
           !groups_have(&g, "one", STR_LIT("x")),
       "the others stay");
    for (unsigned i = 0; r == 0 && i < 1000; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        r = groups_add(&b, str_of(name), names, 1);
    }
    is_int(r, -CTR_EFULL, "not endless groups");
    for (size_t n = 0; n < a.len; n++) {
        strbuf_add(&all, a.ptr, n);
        groups_set(&g, &all);
    }
    is_int(g.n, 1, "half of the bytes: what is whole of them");
    groups_finish(&g);
    strbuf_finish(&a);
    strbuf_finish(&b);
    strbuf_finish(&sorted);
}

/* ---- times of day ---------------------------------------------------------- */

static int64_t utc(const char *text)
{
    struct tm tm = {0};

    ensure(strptime(text, "%Y-%m-%d %H:%M", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

static void test_times(void)
{
    struct flow_times early = {.minute = {2 * 60 + 30}, .n = 1};
    struct flow_times two = {.minute = {6 * 60, 12 * 60 + 30}, .n = 2};
    struct times_moment at, again;

    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    ok(times_next(&two, utc("2026-06-01 00:00"), 0, &at) &&
           at.wall == utc("2026-06-01 04:00"),
       "06:00 in summer");
    ok(times_next(&two, at.wall, at.place, &again) &&
           again.wall == utc("2026-06-01 10:30"),
       "then 12:30");
    ok(times_next(&two, again.wall, again.place, &at) &&
           at.wall == utc("2026-06-02 04:00"),
       "then the next day");
    ok(times_last(&two, utc("2026-01-01 00:00"), &at) &&
           at.wall == utc("2025-12-31 11:30"),
       "the last one, over the year");
    ok(times_next(&early, utc("2026-03-28 12:00"), 0, &at) &&
           at.wall >= utc("2026-03-29 00:30") && at.wall <= utc("2026-03-29 01:30"),
       "02:30 on the day that has none: an hour off");
    ok(times_next(&early, at.wall, at.place, &again) &&
           again.wall == utc("2026-03-30 00:30"),
       "once");
    ok(times_next(&early, utc("2026-10-24 12:00"), 0, &at) &&
           (at.wall == utc("2026-10-25 00:30") || at.wall == utc("2026-10-25 01:30")),
       "02:30 on the day that has two");
    ok(times_next(&early, at.wall, at.place, &again) &&
           again.wall == utc("2026-10-26 01:30"),
       "once");
}

/* As the timer does. */
static void look(struct source *s)
{
    s->timer->timer_cb(s->timer);
}

static int64_t minutes_to_next(struct source *s)
{
    return (s->next_run - clock_ms()) / 60000;
}

/* Berlin, whatever the time is now: it is made 05:00 first. */
static void test_clock(struct world *w)
{
    struct flow_times six = {.minute = {6 * 60}, .n = 1};
    struct source *s = source_find(w->flow, "s");
    int64_t five = utc("2026-12-01 04:00");

    wall_shift = five - __real_clock_wall_ms();
    sync_now(w, FEW, false);
    configure(w, 0, six);
    ok(minutes_to_next(s) >= 59 && minutes_to_next(s) <= 61, "at six, in an hour (%d)",
       (int)minutes_to_next(s));
    fake.begun = 0;
    look(s);
    world_turns(w, 20);
    is_int(fake.begun, 0, "not before");
    wall_shift += 62 * 60000;
    look(s);
    while (s->sync)
        world_turn(w);
    is_int(fake.begun, 1, "at six");
    ok(minutes_to_next(s) >= 23 * 60 && minutes_to_next(s) <= 24 * 60,
       "and again tomorrow (%d)", (int)minutes_to_next(s));
    wall_shift -= 90 * 60000; /* half past four, again */
    look(s);
    world_turns(w, 20);
    is_int(fake.begun, 1, "set back by a little: not a second time today");
    wall_shift -= 30 * (int64_t)86400000;
    look(s);
    ok(minutes_to_next(s) <= 24 * 60, "set back by a month: six o'clock of that day (%d)",
       (int)minutes_to_next(s));
    wall_shift += 400 * (int64_t)86400000;
    for (unsigned i = 0; i < 5; i++) {
        look(s);
        while (s->sync)
            world_turn(w);
        world_turns(w, 20);
    }
    is_int(fake.begun, 2, "set forward by a year: once, no storm");
    ok(minutes_to_next(s) <= 24 * 60, "and on as planned");
    wall_shift = five - __real_clock_wall_ms();
    configure(w, 600000, never);
    sync_now(w, FEW, false);
    wall_shift -= 1000 * (int64_t)86400000;
    ok(minutes_to_next(s) <= 11, "an interval does not ask the wall clock");
    configure(w, 600000, never);
    ok(minutes_to_next(s) <= 11, "data of the future do not put a sync off");
    wall_shift = 0;
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

int main(void)
{
    struct flow_driver driver = {.sync = fake_sync, .may_wait = true, .test = fake_test};
    struct world world, *w = &world;
    bool stopped = false;

    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    world_open(w);
    configure(w, 3600000, never);
    flow_source_start(w->flow, "s", &driver);
    while (source_info(source_find(w->flow, "s"))->contacts == 0)
        world_turn(w);
    test_test(w);
    fake.from = 1000;
    test_preview(w);
    fake.from = 0;
    test_by_reading(w);
    test_dry_run(w);
    test_groups(w);
    test_group_bytes();
    test_times();
    test_clock(w);
    flow_source_stop(w->flow, "s", on_stopped, &stopped);
    world_until(w, &stopped);
    world_close(w);
    return tap_done();
}
