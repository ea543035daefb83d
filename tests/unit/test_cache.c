/* test_cache.c - loads: what each leaves behind, and what a refused or broken one does
 * not. */
#include <pthread.h>

#include "cache/impl.h"
#include "cache_util.h"

static struct loop *loop;
static struct dialplan plan;
static char dir[64];
static struct cache_options options;

static struct cache *reopen(struct cache *c)
{
    cache_close(c);
    return open_or_die(loop, &options);
}

static void test_first_load(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "crm");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(s, &o), *other;
    struct cache_load_stats st;
    struct cache_info info;
    struct strbuf cursor = {0};
    struct record r;
    uint32_t recno;

    ok(cache_load_begin(s, &o, &other) == -CTR_EBUSY, "one load of a source at a time");
    ok(cache_source(c, "crm") == s, "a source is one");
    is_str(all_ids(c, s), "", "nothing before the first load");
    put_one(load, "1", "Müller", "+49 89 840798-192");
    put_one(load, "2", "Schmidt", "112");
    put_one(load, "1", "Doppelt", "+49 30 1234567");
    put_one(load, "", "Ohne", NULL);
    is_str(all_ids(c, s), "", "nothing before the commit");
    is_int(cache_load_commit(load, STR_LIT("cursor 1"), &st), 0, "commit");
    is_int(st.seen, 4, "seen");
    is_int(st.added, 2, "added");
    is_int(st.duplicates, 1, "an id twice");
    is_int(st.rejected, 1, "an id missing");
    is_str(all_ids(c, s), "1 2", "both are there");
    is_str(words(c, s, "doppelt"), "", "the first of two counts");
    for (int pass = 0; pass < 2; pass++) {
        cache_source_info(s, &info);
        is_int(info.contacts, 2, "contacts");
        is_int(info.numbers, 2, "numbers");
        is_int(info.e164, 1, "E.164");
        is_int(info.local, 1, "local");
        is_int(info.generation, 1, "generation");
        ok(info.as_of > 0 && info.changed_at == info.as_of, "times");
        strbuf_reset(&cursor);
        is_int(cache_cursor(s, &cursor), 0, "cursor");
        is_str(cursor.ptr, "cursor 1", "cursor");
        cache_read_begin(c);
        is_int(cache_find(s, STR_LIT("2"), &recno), 0, "found by id");
        is_int(cache_get(s, recno, &r), 0, "got");
        ok(record_check(&r) && str_eq_z(record_id(&r), "2"), "the right one");
        is_int(cache_find(s, STR_LIT("3"), &recno), -CTR_ENOENT, "not there");
        is_int(cache_get(s, 77, &r), -CTR_ENOENT, "no such record");
        cache_read_end(c);
        c = reopen(c);
        s = cache_source(c, "crm");
    }
    strbuf_finish(&cursor);
    cache_close(c);
}

static void test_resync(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "crm");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    struct cache_load_stats st;
    struct cache_info before, after;
    struct strbuf cursor = {0};

    o.max_delete_percent = 100;
    cache_source_info(s, &before);
    load = begin_or_die(s, &o);
    put_one(load, "1", "Müller", "+49 89 840798-192");
    put_one(load, "2", "Schmidt", "112");
    is_int(cache_load_commit(load, STR_LIT("cursor 2"), &st), 0, "unchanged");
    ok(st.unchanged == 2 && st.added + st.changed + st.deleted == 0, "nothing changed");
    cache_source_info(s, &after);
    ok(after.generation == before.generation && after.changed_at == before.changed_at,
       "the generation stays");
    ok(after.as_of >= before.as_of, "the time goes on");
    cache_cursor(s, &cursor);
    is_str(cursor.ptr, "cursor 2", "so does the cursor");

    load = begin_or_die(s, &o);
    put_one(load, "1", "Meyer", "+49 89 840798-192");
    put_one(load, "3", "Neu", "+49 171 1234567");
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "changed");
    ok(st.changed == 1 && st.added == 1 && st.deleted == 1, "one of each");
    is_str(all_ids(c, s), "1 3", "all");
    is_str(words(c, s, "mueller"), "", "an old word is gone");
    is_str(words(c, s, "meyer"), "1", "a new one is there");
    is_str(number(c, s, "4989840798192"), "1", "a number that stayed");
    is_str(number(c, s, "491711234567"), "3", "a number that came");
    is_str(ids_of(c, s, CACHE_NUMBER, "112", true, NUMBER_LOCAL), "",
           "and one that went");
    strbuf_reset(&cursor);
    is_int(cache_cursor(s, &cursor), -CTR_ENOENT, "a full load without cursor has none");
    cache_source_info(s, &after);
    is_int(after.generation, before.generation + 1, "the generation grew");
    is_int(after.local, 0, "counts follow");
    is_int(after.e164, 2, "counts follow");
    strbuf_finish(&cursor);
    cache_close(c);
}

static void test_delta(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "crm");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    struct cache_load_stats st;
    struct ctr_str ids[] = {STR_LIT("3"), STR_LIT("unknown")};
    struct strbuf cursor = {0};

    o.full = false;
    load = begin_or_die(s, &o);
    put_one(load, "4", "Vier", "+49 171 4444444");
    put_one(load, "1", "Meyer", "+49 89 840798-192");
    is_int(cache_load_delete(load, ids, 2), 0, "delete");
    is_int(cache_load_commit(load, STR_LIT("delta 1"), &st), 0, "delta");
    ok(st.added == 1 && st.unchanged == 1 && st.deleted == 1 && st.changed == 0,
       "counts");
    is_str(all_ids(c, s), "1 4", "what was not named stays");
    is_str(words(c, s, "neu"), "", "what was deleted is gone");

    load = begin_or_die(s, &o);
    put_one(load, "5", "Alt", NULL);
    put_one(load, "5", "Jung", NULL);
    put_one(load, "4", "Weg", NULL);
    put_one(load, "4", "Vier", "+49 171 4444444");
    put_one(load, "6", "Kurz", NULL);
    ids[0] = STR_LIT("6");
    cache_load_delete(load, ids, 1);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "in its order");
    is_str(all_ids(c, s), "1 4 5", "the last word counts");
    is_str(words(c, s, "jung"), "5", "changed twice");
    is_str(words(c, s, "alt"), "", "changed twice");
    is_str(words(c, s, "vier"), "4", "changed and changed back");
    is_str(words(c, s, "weg"), "", "changed and changed back");
    cache_cursor(s, &cursor);
    is_str(cursor.ptr, "delta 1", "a delta without cursor keeps the old one");
    load = begin_or_die(s, &o);
    is_int(cache_load_commit(load, STR_LIT("delta 2"), &st), 0, "an empty delta");
    strbuf_reset(&cursor);
    cache_cursor(s, &cursor);
    is_str(cursor.ptr, "delta 2", "moves the cursor");
    strbuf_finish(&cursor);

    o.full = true;
    load = begin_or_die(s, &o);
    is_int(cache_load_delete(load, ids, 1), -CTR_EINVAL,
           "nothing to delete in a full one");
    cache_load_abort(load);
    cache_wipe(s);
    o.full = false;
    load = begin_or_die(s, &o);
    put_one(load, "a", "Erster", NULL);
    put_one(load, "b", "Zweiter", NULL);
    put_one(load, "a", "Dritter", NULL);
    ids[0] = STR_LIT("b");
    cache_load_delete(load, ids, 1);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "a delta into nothing");
    is_str(all_ids(c, s), "a", "the same order");
    is_str(words(c, s, "dritter"), "a", "the same last word");
    is_str(words(c, s, "erster"), "", "the same last word");
    cache_close(c);
}

static void load_n(struct cache_source *s, const struct cache_load_options *o,
                   unsigned from, unsigned to, const char *surname, int want,
                   struct cache_load_stats *st)
{
    struct cache_load *load = begin_or_die(s, o);
    struct cache_load_stats none;

    for (unsigned i = from; i < to; i++) {
        char id[16], phone[32];

        snprintf(id, sizeof(id), "%06u", i);
        snprintf(phone, sizeof(phone), "+49171%07u", i);
        put_one(load, id, surname, phone);
    }
    is_int(cache_load_commit(load, STR_LIT("n"), st ? st : &none), want, "%u to %u %s",
           from, to, surname);
}

static void test_refusal(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "refusal");
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_info info;

    load_n(s, &o, 0, 100, "Hundert", 0, NULL);
    load_n(s, &o, 0, 79, "Hundert", -CTR_EREFUSED, &st);
    is_int(st.deleted, 21, "says how many it would delete");
    cache_source_info(s, &info);
    is_int(info.contacts, 100, "nothing happened");
    load_n(s, &o, 0, 80, "Hundert", 0, NULL);
    load_n(s, &o, 0, 0, "", -CTR_EREFUSED, NULL);
    o.allow_delete = true;
    load_n(s, &o, 0, 4, "Hundert", 0, NULL);
    o.allow_delete = false;
    load_n(s, &o, 0, 1, "Hundert", 0, NULL);
    load_n(s, &o, 0, 0, "", -CTR_EREFUSED, NULL);
    o.max_delete_percent = 100;
    o.dry_run = true;
    load_n(s, &o, 5, 10, "Trocken", 0, &st);
    ok(st.added == 5 && st.deleted == 1, "a dry run counts");
    cache_source_info(s, &info);
    is_int(info.contacts, 1, "and changes nothing");
    o.dry_run = false;
    load_n(s, &o, 0, 0, "", 0, NULL);
    is_str(all_ids(c, s), "", "all may go when the administrator says so");
    cache_close(c);
}

static void test_abort_and_errors(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "abort");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load = begin_or_die(s, &o);
    struct cache_load_stats st;
    static char huge[65537];

    for (int i = 0; i < 2000; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        put_one(load, id, "Weg", NULL);
    }
    cache_load_abort(load);
    load = begin_or_die(s, &o);
    put_one(load, "1", "Da", NULL);
    cache_load_progress(load, &st);
    is_int(st.seen, 1, "progress");
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "again at once");
    is_str(all_ids(c, s), "1", "nothing of the aborted load");
    load = begin_or_die(s, &o);
    put_one(load, "2", "Zwei", NULL);
    memset(huge, 'c', sizeof(huge));
    is_int(cache_load_commit(load, str_make(huge, sizeof(huge)), &st), -CTR_EINVAL,
           "a cursor too long");
    is_str(all_ids(c, s), "1", "nothing of the refused load");
    load = begin_or_die(s, &o);
    put_one(load, "3", "Drei", NULL);
    cache_wipe(s);
    put_one(load, "4", "Vier", NULL);
    for (int i = 0; i < 1000; i++)
        put_one(load, "5", "Viele", NULL);
    ok(cache_load_commit(load, (struct ctr_str){0}, &st) == 0, "began after the wipe");
    load = begin_or_die(s, &o);
    for (int i = 0; i < 600; i++)
        put_one(load, "5", "Viele", NULL);
    cache_load_progress(load, &st);
    while (st.unchanged == 0) {
        usleep(1000);
        cache_load_progress(load, &st);
    }
    cache_wipe(s);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), -CTR_ECANCELED,
           "wiped in the midst of it");
    is_str(all_ids(c, s), "", "and stays wiped");
    cache_close(c);
}

static int async_status = 1;
static struct cache_load_stats async_stats;

static void on_async(void *arg, int status, const struct cache_load_stats *stats)
{
    async_status = status;
    async_stats = *stats;
    loop_stop(arg);
}

/* A source on the loop never blocks; it is told to slow down. */
static void test_async(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "async");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    unsigned pauses = 0, n = 0;

    o.may_wait = false;
    load = begin_or_die(s, &o);
    while (n < 60000 && pauses < 3) {
        char id[16];
        int rc;

        snprintf(id, sizeof(id), "%u", n++);
        rc = put_one(load, id, "Schleife", NULL);
        if (rc == -CTR_EPAUSE) {
            pauses++;
            usleep(20000);
        } else if (rc) {
            ok(false, "put says %d", rc);
        }
    }
    ok(pauses > 0, "asked to slow down");
    cache_load_commit_async(load, STR_LIT("x"), on_async, loop);
    is_int(async_status, 1, "not done at once");
    loop_run(loop);
    is_int(async_status, 0, "done on the loop");
    is_int(async_stats.added, n, "with its counts");
    cache_close(c);
}

static void test_two_sources(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *a = cache_source(c, "a"), *b = cache_source(c, "b");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *la = begin_or_die(a, &o), *lb = begin_or_die(b, &o);
    const char *keep[] = {"b", "crm"};
    struct cache_load_stats st;
    struct cache_info info;

    put_one(la, "1", "Alpha", "+49 89 1111111");
    put_one(lb, "1", "Beta", "+49 89 1111111");
    put_one(la, "2", "Alpha", NULL);
    is_int(cache_load_commit(lb, (struct ctr_str){0}, &st), 0, "side by side");
    is_int(cache_load_commit(la, (struct ctr_str){0}, &st), 0, "side by side");
    is_str(all_ids(c, a), "1 2", "a");
    is_str(all_ids(c, b), "1", "b");
    is_str(words(c, b, "alpha"), "", "apart from each other");
    cache_retain(c, keep, 2);
    c = reopen(c);
    a = cache_source(c, "a");
    b = cache_source(c, "b");
    is_str(all_ids(c, a), "", "one that vanished from the configuration is dropped");
    is_str(all_ids(c, b), "1", "the others stay");
    cache_source_info(a, &info);
    is_int(info.contacts, 0, "nothing left");
    cache_close(c);
}

/* Rebuilt when the shape changed, or much of it did; a walk goes on where it was. */
static void test_generations(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "gen");
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_walk w;
    struct record r;
    char want[16];
    unsigned n = 0;

    load_n(s, &o, 0, 20000, "Eins", 0, NULL);
    cache_walk_init(&w, s, CACHE_WORD, STR_LIT("eins"), true, NUMBER_NONE);
    cache_read_begin(c);
    for (; n < 1000; n++)
        cache_walk_next(&w);
    cache_get(s, w.recno, &r);
    ok(str_eq_z(record_id(&r), "000999"), "in the midst of a walk");
    cache_read_end(c);
    o.shape = 1;
    load_n(s, &o, 0, 20000, "Eins", 0, &st);
    is_int(st.unchanged, 20000, "another shape: all anew, though nothing changed");
    cache_read_begin(c);
    while (cache_walk_next(&w) == 0) {
        bool good = cache_get(s, w.recno, &r) == 0;

        snprintf(want, sizeof(want), "%06u", n);
        if (!good || !str_eq_z(record_id(&r), want)) {
            ok(false, "walk at %u", n);
            break;
        }
        n++;
    }
    cache_read_end(c);
    is_int(n, 20000, "the walk went on in the new generation");

    load_n(s, &o, 0, 20000, "Zwei", 0, &st);
    is_int(st.changed, 20000, "all changed: rebuilt");
    is_str(words(c, s, "eins"), "", "nothing old");
    o.full = false;
    load_n(s, &o, 8000, 20001, "Drei", 0, &st);
    ok(st.changed == 12000 && st.added == 1, "a delta that changed much");
    c = reopen(c);
    s = cache_source(c, "gen");
    cache_walk_init(&w, s, CACHE_WORD, STR_LIT("zwei"), true, NUMBER_NONE);
    cache_read_begin(c);
    for (n = 0; cache_walk_next(&w) == 0; n++)
        ;
    cache_read_end(c);
    is_int(n, 8000, "what it did not name stays");
    is_str(number(c, s, "491710020000"), "020000", "and what it added is there");
    cache_close(c);
}

static pthread_mutex_t lane_may_go = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_test(struct cache *c, void *arg)
{
    (void)c;
    (void)arg;
    pthread_mutex_lock(&lane_may_go);
    pthread_mutex_unlock(&lane_may_go);
}

/* Writes all anew, and is wiped when a step or so of it is done. */
static int wiped_commit(struct cache *c, struct cache_source *s, uint64_t shape)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;

    o.shape = shape;
    load = begin_or_die(s, &o);
    put_one(load, "1", "Eins", NULL);
    pthread_mutex_lock(&lane_may_go);
    cache_task(c, wait_for_test, NULL);
    async_status = 1;
    cache_load_commit_async(load, (struct ctr_str){0}, on_async, loop);
    cache_wipe(s);
    pthread_mutex_unlock(&lane_may_go);
    loop_run(loop);
    return async_status;
}

/* A source may be wiped at any time; what a load had written by then goes with it. */
static void test_wiped(void)
{
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "wiped");
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    struct cache_load_stats st;
    unsigned canceled = 0;
    char id[16];

    for (uint64_t i = 0; i < CACHE_SLOTS_MAX; i++) {
        o.shape = 0;
        load_n(s, &o, 0, 3, "Da", 0, NULL);
        canceled += wiped_commit(c, s, i + 1) == -CTR_ECANCELED;
    }
    is_int(canceled, CACHE_SLOTS_MAX, "commits under way are canceled");
    is_str(all_ids(c, s), "", "and leave nothing");
    load_n(s, &o, 0, 3, "Da", 0, NULL);
    is_str(all_ids(c, s), "000000 000001 000002", "there is room for the next");

    s = cache_source(c, "first");
    load = begin_or_die(s, &o);
    for (unsigned i = 0; i < 2000; i++) { /* some of it is with the lane */
        snprintf(id, sizeof(id), "%u", i);
        put_one(load, id, "Erster", NULL);
    }
    cache_wipe(s);
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), -CTR_ECANCELED,
           "so is a source's first load");
    is_str(all_ids(c, s), "", "which leaves nothing");
    cache_close(c);
}

static const char *name_of(struct cache *c, struct cache_source *s, uint32_t recno)
{
    static char out[64];
    struct record_iter it = {0};
    struct record_field f = {0};
    struct record r;

    cache_read_begin(c);
    if (cache_get(s, recno, &r) == 0)
        record_next(&r, &it, &f);
    snprintf(out, sizeof(out), "%.*s", (int)f.value.len, f.value.len ? f.value.ptr : "");
    cache_read_end(c);
    return out;
}

static uint64_t used(struct cache *c)
{
    struct cache_health health;

    cache_health(c, &health);
    return health.used;
}

/* What the loop reads stays the newest state, and holds no old one. */
static void test_snapshot(void)
{
    enum { COMMITS = 60, SETTLED = 20, SLACK = 64 << 10 };
    struct cache *c = open_or_die(loop, &options);
    struct cache_source *s = cache_source(c, "snapshot");
    struct cache_load_options o = full_load(&plan);
    uint64_t settled = 0;
    uint32_t recno = 0;
    char name[16];

    load_n(s, &o, 0, 100, "Alt", 0, NULL);
    cache_read_begin(c);
    is_int(cache_find(s, STR_LIT("000007"), &recno), 0, "found");
    cache_read_end(c);
    is_str(name_of(c, s, recno), "Alt", "its name");
    is_str(name_of(c, s, recno), "Alt", "the same when it is asked again");
    o.full = false;
    load_n(s, &o, 7, 8, "Neu", 0, NULL);
    is_str(name_of(c, s, recno), "Neu", "after a commit the new one");
    for (int i = 0; i < COMMITS; i++) {
        if (i == SETTLED) {
            settled = used(c);
            is_str(name_of(c, s, recno), name, "read once more");
        }
        snprintf(name, sizeof(name), "Name%d", i);
        load_n(s, &o, 0, 10, name, 0, NULL);
    }
    ok(used(c) <= settled + SLACK, "nobody reads: no page is kept, %llu after %llu",
       (unsigned long long)used(c), (unsigned long long)settled);
    is_str(name_of(c, s, recno), name, "the last name");
    o.full = true;
    o.shape = 1;
    load_n(s, &o, 0, 100, "Umgebaut", 0, NULL);
    is_str(name_of(c, s, recno), "Umgebaut", "and that of another generation");
    cache_close(c);
}

static void test_second_process(void)
{
    struct cache *c = open_or_die(loop, &options), *other;
    char error[256] = "";

    ok(cache_open(loop, &options, &other, error, sizeof(error)) == -CTR_EBUSY &&
           strstr(error, "another process"),
       "a cache is used once: %s", error);
    cache_close(c);
    cache_close(NULL);
}

int main(void)
{
    if (number_global_init() != 0)
        return 2;
    loop = loop_create();
    munich(&plan);
    options.dir = fresh_dir(dir);
    test_first_load();
    test_resync();
    test_delta();
    test_refusal();
    test_abort_and_errors();
    test_async();
    test_two_sources();
    test_generations();
    test_wiped();
    test_snapshot();
    test_second_process();
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
