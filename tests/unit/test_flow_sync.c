/* test_flow_sync.c - when sources are read, what is kept when that fails, how it ends. */
#include <cjson/cJSON.h>
#include <pthread.h>

#include "flow/source.h"
#include "flow_util.h"

enum what {
    PUT_ALL,
    PUT_FEW,
    PUT_NOTHING,
    FAIL,
    NOT_BEGUN,
    HANG,
    OVERLOOK,
    COMPLAIN,
    DELTA
};

/* A source whose syncs run on a thread of their own, or on the loop. */
static struct fake {
    enum what what;
    unsigned begun, canceled;
    bool with_cursor, asked_delta;
    char asked_cursor[64];
    pthread_t thread;
    struct ctr_sync *sync;
    bool on_loop;
} fake;

static void put(struct ctr_sync *sync, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        char id[20], number[30];
        struct person p;

        snprintf(id, sizeof(id), "c%u", i);
        snprintf(number, sizeof(number), "+49 30 5550%u", i);
        p = person(id, NULL, CTR_FIELD_SURNAME, id, CTR_FIELD_PHONE_BUSINESS, number, 0);
        p.contact.fields = p.fields;
        flow_sync_put(sync, &p.contact, 1);
        flow_sync_progress(sync, i, n);
    }
}

static void run(struct ctr_sync *sync)
{
    struct ctr_str gone = STR_LIT("c7");

    switch (fake.what) {
    case PUT_ALL:
        put(sync, 0, 100);
        flow_sync_reject(sync, "line 12", "no number, no name");
        flow_sync_reject(sync, "line 19", "too many columns");
        if (fake.with_cursor)
            flow_sync_cursor(sync, STR_LIT("cursor-1"));
        flow_sync_end(sync, 0, NULL);
        return;
    case PUT_FEW:
        put(sync, 0, 10);
        flow_sync_end(sync, 0, NULL);
        return;
    case PUT_NOTHING:
        flow_sync_end(sync, 0, NULL);
        return;
    case FAIL:
        put(sync, 200, 5);
        flow_sync_end(sync, -CTR_EIO, "the file cannot be read");
        return;
    case OVERLOOK: /* ends well although it was canceled */
        while (flow_sync_canceled(sync) == 0)
            usleep(1000);
        put(sync, 300, 5);
        flow_sync_end(sync, 0, NULL);
        return;
    case COMPLAIN: /* calls it a failure that it was canceled */
        while (flow_sync_canceled(sync) == 0)
            usleep(1000);
        flow_sync_end(sync, -CTR_EIO, "read: interrupted");
        return;
    case HANG:
        while (flow_sync_canceled(sync) == 0)
            usleep(1000);
        flow_sync_end(sync, -CTR_ECANCELED, NULL);
        return;
    case DELTA:
        put(sync, 100, 2);
        flow_sync_delete(sync, &gone, 1);
        flow_sync_cursor(sync, STR_LIT("cursor-2"));
        flow_sync_end(sync, 0, NULL);
        return;
    default:
        return;
    }
}

static void *run_thread(void *arg)
{
    run(arg);
    return NULL;
}

static int fake_sync(void *ctx, struct ctr_sync *sync,
                     const struct ctr_sync_request *request)
{
    (void)ctx;
    fake.begun++;
    fake.sync = sync;
    fake.asked_delta = request->cursor.ptr != NULL;
    snprintf(fake.asked_cursor, sizeof(fake.asked_cursor), STR_FMT,
             STR_ARG(request->cursor));
    if (fake.what == NOT_BEGUN)
        return -CTR_EUNAVAIL;
    if (fake.on_loop) {
        run(sync);
        return 0;
    }
    ensure(pthread_create(&fake.thread, NULL, run_thread, sync) == 0);
    pthread_detach(fake.thread);
    return 0;
}

static void fake_cancel(void *ctx, struct ctr_sync *sync)
{
    (void)ctx;
    ensure(sync == fake.sync);
    fake.canceled++;
}

static unsigned guard = 20; /* max_delete_percent */

static void configure(struct world *w, const char *area, uint32_t interval,
                      uint32_t limit)
{
    struct flow_source_config source = {.name = "s",
                                        .plan = munich(),
                                        .sync_interval = interval,
                                        .sync_limit = limit,
                                        .max_delete_percent = guard};
    struct flow_client_config client = {
        .name = "test", .plan = munich(), .anonymous = true};
    struct flow_config config = {
        .sources = &source, .n_sources = 1, .clients = &client, .n_clients = 1};

    strcpy(source.plan.area_code, area);
    flow_configure(w->flow, &config);
}

static void configure_guard(struct world *w, unsigned percent)
{
    guard = percent;
    configure(w, "89", 3600000, 0);
}

struct watch {
    unsigned calls;
    bool done;
    int status;
};

static void on_change(void *arg, bool done, int status)
{
    struct watch *watch = arg;

    ensure(!watch->done);
    watch->calls++;
    watch->done = done;
    watch->status = status;
}

static int sync_now(struct world *w, enum what what, bool allow_delete, bool dry_run)
{
    struct watch watch = {0};
    int r;

    fake.what = what;
    r = flow_source_sync_now(w->flow, "s", allow_delete, dry_run, on_change, &watch);
    if (r < 0)
        return r;
    world_until(w, &watch.done);
    world_turns(w, 10);
    return watch.status;
}

static double number_of(struct world *w, const char *key)
{
    struct cJSON *json = flow_source_json(w->flow, "s", false), *item;
    double n;

    item = cJSON_GetObjectItem(json, key);
    n = item ? item->valuedouble : -1;
    cJSON_Delete(json);
    return n;
}

static const char *text_of(struct world *w, const char *key)
{
    static char text[300];
    struct cJSON *json = flow_source_json(w->flow, "s", false), *item;

    item = cJSON_GetObjectItem(json, key);
    snprintf(text, sizeof(text), "%s",
             item && item->valuestring ? item->valuestring : "(null)");
    cJSON_Delete(json);
    return text;
}

static void until_state(struct world *w, const char *state)
{
    int64_t end = clock_ms() + 10000;

    while (strcmp(text_of(w, "state"), state) != 0 && clock_ms() < end)
        world_turn(w);
    is_str(text_of(w, "state"), state, "state %s", state);
}

static void test_first(struct world *w, const struct flow_driver *driver)
{
    struct cJSON *json, *list;

    is_str(text_of(w, "state"), "disabled", "before it is started");
    fake.what = PUT_ALL;
    flow_source_start(w->flow, "s", driver);
    is_str(text_of(w, "state"), "waiting", "started, never synced");
    until_state(w, "ok");
    is_int(number_of(w, "contacts"), 100, "synced at once, having no data");
    json = flow_source_json(w->flow, "s", true);
    list = cJSON_GetObjectItem(json, "rejected");
    is_int(cJSON_GetArraySize(list), 2, "rejected rows are listed");
    is_str(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "where")->valuestring,
           "line 12", "with their place");
    cJSON_Delete(json);
}

/* It failed so often that it waits longest: up to a tenth less, never the same. */
static void is_spread(struct world *w, enum what what, int64_t most)
{
    struct source *s = source_find(w->flow, "s");
    int64_t low = INT64_MAX, high = 0;

    for (unsigned i = 0; i < 12; i++) {
        int64_t wait;

        sync_now(w, what, false, false);
        wait = s->next_run - clock_ms();
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    ok(low > most - most / 10 - 1000 && high <= most && high - low > most / 300,
       "%d ms at most, but not at one instant (%d to %d)", (int)most, (int)low,
       (int)high);
}

static void test_back_off(void)
{
    for (unsigned failures = 0; failures < 40; failures++) {
        uint32_t full = failures < 2    ? 1000
                        : failures < 10 ? 1000u << (failures - 1)
                                        : 300000,
                 wait = flow_back_off(1000, 300000, failures);

        full = full < 300000 ? full : 300000;
        if (wait > full || wait < full - full / 10)
            ok(false, "%u failures: %u ms", failures, wait);
    }
    ok(flow_back_off(1000, 300000, UINT_MAX) <= 300000, "however many failures");
    ok(flow_back_off(0, 0, 3) == 0, "no wait at all");
}

/* Nobody reads a large source every 5 minutes in vain; who changes something is heard. */
static void test_refused(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    uint64_t before;

    for (unsigned i = 0; i < 11; i++)
        is_int(sync_now(w, PUT_FEW, false, false), -CTR_EREFUSED, "refused again");
    is_spread(w, PUT_FEW, 3600000);
    fake.begun = 0;
    flow_source_request_sync(w->flow, "s");
    world_turns(w, 500);
    is_int(fake.begun, 1, "a change is looked at at once");
    is_str(text_of(w, "state"), "failed", "and refused");
    for (unsigned i = 0; i < 12; i++)
        sync_now(w, PUT_FEW, false, false);
    before = s->syncs;
    configure_guard(w, 20);
    world_turns(w, 500);
    is_int(s->syncs, before, "a reload that changes nothing changes nothing");
    configure_guard(w, 95);
    until_state(w, "ok");
    is_int(number_of(w, "contacts"), 10, "one that allows it makes a sync at once");
    configure_guard(w, 20);
    is_int(sync_now(w, PUT_ALL, false, false), 0, "and back");
}

static void test_failures(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    int64_t wait, last = 0;
    unsigned growing = 0;

    is_int(sync_now(w, FAIL, false, false), -CTR_EIO, "a failing sync");
    is_str(text_of(w, "state"), "failed", "state");
    is_str(text_of(w, "last_error"), "the file cannot be read", "its reason");
    is_int(number_of(w, "contacts"), 100, "the last good data stay");
    for (unsigned i = 1; i < 10; i++) {
        wait = s->next_run - clock_ms();
        growing += wait > last;
        last = wait;
        sync_now(w, FAIL, false, false);
    }
    ok(growing >= 6, "tried again ever later (%u)", growing);
    ok(last > 269000 && last <= 300000, "at most every 5 minutes (%d ms)", (int)last);
    is_spread(w, FAIL, 300000);
    fake.what = PUT_ALL;
    flow_source_request_sync(w->flow, "s");
    until_state(w, "ok");
    is_int(s->failures, 0, "a change brings it back at once");
    is_str(text_of(w, "last_error"), "(null)", "no error any more");

    flow_source_error(w->flow, "s", "no such table: customer");
    is_int(sync_now(w, NOT_BEGUN, false, false), -CTR_EUNAVAIL, "one that never began");
    is_int(sync_now(w, PUT_FEW, false, false), -CTR_EREFUSED, "too many deletions");
    ok(strstr(text_of(w, "last_error"), "--allow-delete") != NULL, "what to do about it");
    is_int(number_of(w, "contacts"), 100, "nothing was deleted");
    is_int(sync_now(w, PUT_NOTHING, false, false), -CTR_EREFUSED, "an empty source");
    is_int(sync_now(w, PUT_FEW, true, true), 0, "a dry run");
    is_int(number_of(w, "contacts"), 100, "changes nothing");
    is_int(sync_now(w, PUT_FEW, true, false), 0, "allowed to delete, this once");
    is_int(number_of(w, "contacts"), 10, "so it did");
    is_int(sync_now(w, PUT_ALL, false, false), 0, "and back");
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void test_cancel(struct world *w, const struct flow_driver *driver)
{
    struct watch watch = {0}, second = {0};
    bool stopped = false;

    fake.what = OVERLOOK;
    is_int(flow_source_sync_now(w->flow, "s", false, false, on_change, &watch), 0,
           "begun");
    is_int(flow_source_sync_now(w->flow, "s", false, false, on_change, &second),
           -CTR_EBUSY, "never two at once");
    world_turns(w, 3000);
    ok(watch.calls >= 2, "who watches hears of it (%u)", watch.calls);
    flow_source_stop(w->flow, "s", on_stopped, &stopped);
    ok(!stopped, "stopping waits for the sync");
    world_until(w, &stopped);
    ok(watch.done && watch.status == -CTR_ECANCELED,
       "a canceled sync is not committed, whatever it says");
    is_int(number_of(w, "contacts"), 100, "nothing changed");
    is_str(text_of(w, "state"), "disabled", "stopped");
    is_int(flow_source_sync_now(w->flow, "s", false, false, NULL, NULL), -CTR_EUNAVAIL,
           "no sync while stopped");
    is_int(flow_source_sync_now(w->flow, "x", false, false, NULL, NULL), -CTR_ENOENT,
           "an unknown source");
    flow_source_start(w->flow, "s", driver);
    fake.what = COMPLAIN;
    watch = (struct watch){0};
    flow_source_sync_now(w->flow, "s", false, false, on_change, &watch);
    stopped = false;
    flow_source_stop(w->flow, "s", on_stopped, &stopped);
    world_until(w, &stopped);
    is_int(watch.status, -CTR_ECANCELED, "nor has one failed that was canceled");
    is_str(text_of(w, "state"), "disabled", "stopped");
    is_str(text_of(w, "last_error"), "(null)", "without an error");
    flow_source_start(w->flow, "s", driver);
    fake.what = HANG;
    configure(w, "89", 3600000, 50);
    watch = (struct watch){0};
    flow_source_sync_now(w->flow, "s", false, false, on_change, &watch);
    world_until(w, &watch.done);
    is_str(text_of(w, "state"), "failed", "too long: ended");
    ok(strstr(text_of(w, "last_error"), "time limit") != NULL, "and why");
    configure(w, "89", 3600000, 0);
}

static void test_delta(struct world *w)
{
    fake.with_cursor = true;
    is_int(sync_now(w, PUT_ALL, false, false), 0, "a full sync leaves a cursor");
    is_int(sync_now(w, DELTA, false, false), 0, "a delta");
    ok(fake.asked_delta, "was asked for");
    is_str(fake.asked_cursor, "cursor-1", "with the cursor");
    is_int(number_of(w, "contacts"), 101, "two more, one less");
    is_int(sync_now(w, DELTA, false, false), 0, "the next");
    is_str(fake.asked_cursor, "cursor-2", "goes on from there");
    configure(w, "30", 3600000, 0);
    fake.begun = 0;
    fake.what = PUT_ALL;
    for (unsigned i = 0; i < 3000 && fake.begun == 0; i++)
        world_turn(w);
    is_int(fake.begun, 1, "another dial plan: read again at once");
    ok(!fake.asked_delta, "in full");
    until_state(w, "ok");
}

static void test_schedule(struct world *w)
{
    struct source *s = source_find(w->flow, "s");
    int64_t least = INT64_MAX, most = 0;

    configure(w, "30", 600000, 0);
    for (unsigned i = 0; i < 20; i++) {
        int64_t wait;

        sync_now(w, PUT_ALL, false, false);
        wait = s->next_run - clock_ms();
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    ok(least >= 538000 && most <= 661000 && most - least > 1000,
       "the next one in the interval, more or less (%d to %d)", (int)least, (int)most);
    configure(w, "30", 0, 0);
    sync_now(w, PUT_ALL, false, false);
    is_int(s->next_run, 0, "without an interval only on demand");
    fake.begun = 0;
    flow_source_request_sync(w->flow, "s");
    flow_source_request_sync(w->flow, "s");
    world_turns(w, 500);
    is_int(fake.begun, 1, "two wishes, one sync");
}

static void on_report(void *arg, struct cJSON *json)
{
    *(struct cJSON **)arg = json;
}

static void test_report(struct world *w)
{
    struct load l = load_begin(w, "s");
    struct cJSON *json = NULL, *s;

    load_put(&l,
             person("a", NULL, CTR_FIELD_SURNAME, "A", CTR_FIELD_PHONE_BUSINESS,
                    "+49 89 840798-192", CTR_FIELD_PHONE_MOBILE, "+49 89 840798-192", 0));
    load_put(&l, person("b", NULL, CTR_FIELD_SURNAME, "B", CTR_FIELD_PHONE_BUSINESS,
                        "089 840798 192", CTR_FIELD_PHONE_HOME, "ask my wife", 0));
    load_put(&l, person("c", NULL, CTR_FIELD_SURNAME, "C", CTR_FIELD_PHONE_BUSINESS,
                        "+49 89 840798-193", 0));
    load_end(&l);
    flow_numbers_report(w->flow, NULL, 10, on_report, &json);
    for (unsigned i = 0; i < 3000 && !json; i++)
        world_turn(w);
    ok(json != NULL, "a report");
    s = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "sources"), 0);
    is_int(cJSON_GetObjectItem(s, "numbers")->valuedouble, 5, "numbers");
    is_int(cJSON_GetObjectItem(s, "not_normalised")->valuedouble, 1, "one is none");
    is_int(cJSON_GetObjectItem(s, "duplicates")->valuedouble, 1, "one is double");
    is_int(
        cJSON_GetObjectItem(
            cJSON_GetArrayItem(cJSON_GetObjectItem(s, "duplicates_list"), 0), "contacts")
            ->valuedouble,
        2, "in two contacts");
    cJSON_Delete(json);
    json = NULL;
    flow_numbers_report(w->flow, "s", 10, on_report, &json); /* ends with flow */
}

int main(void)
{
    struct flow_driver driver = {.sync = fake_sync,
                                 .sync_cancel = fake_cancel,
                                 .may_wait = true,
                                 .can_delta = true};
    struct world world, *w = &world;
    bool stopped = false;

    world_open(w);
    configure(w, "89", 3600000, 0);
    test_first(w, &driver);
    test_back_off();
    test_failures(w);
    test_refused(w);
    test_cancel(w, &driver);
    test_delta(w);
    test_schedule(w);
    flow_source_stop(w->flow, "s", on_stopped, &stopped);
    world_until(w, &stopped);
    driver.may_wait = false;
    fake.on_loop = true;
    fake.what = PUT_ALL;
    flow_source_start(w->flow, "s", &driver);
    until_state(w, "ok");
    is_int(sync_now(w, PUT_ALL, false, false), 0, "a source on the loop");
    is_int(sync_now(w, FAIL, false, false), -CTR_EIO, "one that fails");
    stopped = false;
    flow_source_stop(w->flow, "s", on_stopped, &stopped);
    ok(stopped, "stopped at once");
    test_report(w);
    world_close(w);
    return tap_done();
}
