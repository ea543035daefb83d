/* source.c - a source that keeps its contract (WRONG is 0), or breaks it in one place:
 * each number is a plugin that contactor-plugin-check must catch. With LOOP it is
 * ON_LOOP.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "kit/kit.h"

enum {
    RIGHT,
    OTHER_NAME, /* descriptor */
    NEEDS_NEWER,
    ROLE_SIZE,
    EXPORTS, /* object: a warning */
    NO_DOC,  /* schema */
    PLAIN_PASSWORD,
    BAD_DEFAULT,
    TAKEN_NAME,
    EMPTY_CRASHES, /* config */
    REFUSES_SILENTLY,
    REFUSAL_LEAKS,
    START_FAILS, /* start */
    STOP_NEVER,
    EXITS,
    SAME_ID, /* sync */
    NEW_IDS,
    NO_VALUE,
    LATE_HANDLE,
    SECOND_FAILS,
    DONE_TWICE,
    PUTS_ON, /* sync-cancel */
    ENDS_WELL,
    OTHER_CODE,  /* sync-error */
    REPEATS,     /* sync-pause */
    STAYS_ENDED, /* sync-stop */
    DEAF,
    ANY_CURSOR, /* cursor */
    NO_CURSOR,
    SEARCH_TWICE_DONE, /* search */
    SEARCH_NO_DONE,
    CANCEL_NO_DONE, /* search-cancel */
    ONE_AT_A_TIME,  /* parallel */
    SILENT_TEST,    /* test */
    USES_NEWER,     /* host-old */
    OLD_HOSTS_ONLY, /* host-new */
    EXACT_REQUEST,
    LEAKS_FD, /* life */
    LEAKS_THREAD,
    STOPS_LATE,
    SPEAKS_LATE,  /* late */
    SHARES,       /* instances */
    SYNC_LEAKS,   /* memory */
    SLOW_CANCEL,  /* blocking */
    TELLS_SECRET, /* secrets */
    HANGS,        /* any: a check has a time limit */
    MAX_CRASHES,  /* odd-start */
    MAX_BLOCKS,
    MIN_THREAD,
    WAITS_FOR_FILE,
    NO_NULL_CHECK, /* no-memory */
    LEAKS_THEN,
    SKIPS_THEN,
    NO_DONE_THEN,
    STAYS_BROKEN,
    HITS_ONCE /* search */
};

#ifdef LOOP
enum { ON_LOOP = 1 };
#else
enum { ON_LOOP = 0 };
#endif

enum { CONTACTS = 10 };

struct source {
    const struct ctr_host *host;
    const char *file; /* NULL: none */
    char prefix[64], token[64];
    int64_t number;
    bool broken;
    atomic_bool canceled, searching;
    unsigned syncs;
    struct ctr_timer *timer, *late, *search_timer;
    struct ctr_sync *sync, *old;
    struct ctr_search *search;
    unsigned at;
};

/* What a wrong one keeps where nobody may keep anything. */
static struct kept {
    struct kept *next;
} * kept;
static char shared[64];

static void keep_forever(size_t n)
{
    struct kept *k = malloc(n);

    if (k) {
        k->next = kept;
        kept = k;
    }
}

static void crash(void)
{
    volatile uintptr_t nowhere = 8;

    *(volatile int *)nowhere = 1;
}

static void sleep_ms(long ms)
{
    const struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

static const struct ctr_option options[] = {
    {"prefix", CTR_OPT_STRING, CTR_OPT_REQUIRED, 0, 0, NULL, NULL,
     WRONG == NO_DOC ? "a prefix" : "What each id begins with."},
    {WRONG == PLAIN_PASSWORD ? "smtp_password" : "token", CTR_OPT_STRING,
     WRONG == PLAIN_PASSWORD ? 0 : CTR_OPT_SECRET, 0, 0, NULL, NULL,
     "What the other side wants to know."},
    {"file", CTR_OPT_PATH, 0, 0, 0, NULL, NULL, "A file that may be there."},
    {WRONG == TAKEN_NAME ? "priority" : "number", CTR_OPT_INT, 0, 5, 10,
     WRONG == BAD_DEFAULT ? "3" : "6", NULL, "A number from 5 to 10."},
};

/* --- life -----------------------------------------------------------------------------
 */

static void *sleeper(void *arg)
{
    (void)arg;
    for (;;)
        sleep_ms(1000);
    return NULL;
}

static void *speaker(void *arg)
{
    const struct ctr_host *host = arg;

    sleep_ms(100);
    host->log(host, CTR_LOG_DEBUG, "still here");
    return NULL;
}

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    const char *prefix = host->option_str(config, "prefix");
    const char *token =
        host->option_str(config, WRONG == PLAIN_PASSWORD ? "smtp_password" : "token");
    struct source *s;

    if (WRONG == EMPTY_CRASHES && prefix && !*prefix)
        crash();
    if (WRONG == REFUSAL_LEAKS && prefix && strlen(prefix) >= sizeof(s->prefix))
        keep_forever(100);
    if (WRONG == REFUSES_SILENTLY && prefix && !*prefix)
        return -CTR_EINVAL;
    if (WRONG == OLD_HOSTS_ONLY && host->abi > CTR_ABI_CURRENT)
        return kit_fail(host, -CTR_EVERSION, "the host is too new");
    if (!prefix || strlen(prefix) >= sizeof(s->prefix) ||
        (token && strlen(token) >= sizeof(s->token)))
        return kit_fail(host, -CTR_EINVAL, "shorten prefix or token");
    s = calloc(1, sizeof(*s));
    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->file = host->option_str(config, "file");
    s->number = host->option_int(config, WRONG == TAKEN_NAME ? "priority" : "number");
    strcpy(s->prefix, prefix);
    strcpy(s->token, token ? token : "");
    strcpy(shared, prefix);
    if (WRONG == LEAKS_FD && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        host->log(host, CTR_LOG_DEBUG, "no more descriptors");
    *instance = s;
    return 0;
}

static int32_t start(void *instance)
{
    struct source *s = instance;
    pthread_t thread;

    if (WRONG == START_FAILS)
        return kit_fail(s->host, -CTR_EUNAVAIL, "the vendor's server is not there");
    if (WRONG == EXITS)
        exit(0);
    while (WRONG == HANGS)
        sleep_ms(1000);
    if (WRONG == MAX_CRASHES && s->number == 10)
        crash();
    if (WRONG == MAX_BLOCKS && s->number == 10)
        sleep_ms(80);
    if (WRONG == MIN_THREAD && s->number == 5 &&
        pthread_create(&thread, NULL, sleeper, NULL) == 0)
        pthread_detach(thread);
    if (WRONG == TELLS_SECRET)
        kit_log(s->host, CTR_LOG_INFO, "login token=%s", s->token);
    if ((WRONG == LEAKS_THREAD || WRONG == SPEAKS_LATE) &&
        pthread_create(&thread, NULL, WRONG == LEAKS_THREAD ? sleeper : speaker,
                       (void *)(uintptr_t)s->host) == 0)
        pthread_detach(thread);
    return 0;
}

static void on_stopped(void *user)
{
    struct source *s = user;

    s->host->timer_stop(s->host, s->late);
    s->host->stopped(s->host);
}

static void loop_end(struct source *s, int32_t status);

static void stop(void *instance)
{
    struct source *s = instance;

    if (s->sync)
        loop_end(s, -CTR_ECANCELED);
    if (WRONG == STOPS_LATE)
        s->late = s->host->timer_start(s->host, 20000, 0, on_stopped, s);
    else if (WRONG != STOP_NEVER)
        s->host->stopped(s->host);
}

/* --- sync -----------------------------------------------------------------------------
 */

/* Two contacts; their fields and ids live as long as the call. */
struct pair {
    char ids[2][200];
    struct ctr_field fields[2][2];
};

static int32_t put_pair(struct source *s, struct ctr_sync *sync, unsigned at,
                        struct pair *p, struct ctr_contact *contacts)
{

    for (unsigned i = 0; i < 2; i++) {
        const char *prefix = WRONG == SHARES ? shared : s->prefix;
        unsigned n = at + i + (WRONG == NEW_IDS ? s->syncs * 100 : 0);

        if (WRONG == SAME_ID && n == 3)
            n = 4;
        snprintf(p->ids[i], sizeof(p->ids[i]), "%s-%u", prefix, n);
        p->fields[i][0] = (struct ctr_field){.kind = CTR_FIELD_DISPLAY_NAME,
                                             .value = kit_str("Anna Meier")};
        p->fields[i][1] = (struct ctr_field){.kind = CTR_FIELD_PHONE_BUSINESS,
                                             .value = kit_str("+49 89 840798-192")};
        if (WRONG == NO_VALUE)
            p->fields[i][1].value = (struct ctr_str){NULL, 0};
        contacts[i] = kit_contact(kit_str(p->ids[i]), p->fields[i], 2);
    }
    return s->host->sync_put(s->host, sync, contacts, 2);
}

static int32_t put(struct source *s, struct ctr_sync *sync, unsigned at)
{
    struct pair *p = malloc(sizeof(*p));
    struct ctr_contact *contacts =
        p || WRONG == NO_NULL_CHECK ? malloc(2 * sizeof(*contacts)) : NULL;
    int32_t rc;

    if ((!p || !contacts) && WRONG != NO_NULL_CHECK) {
        s->broken = WRONG == STAYS_BROKEN;
        if (WRONG != LEAKS_THEN)
            free(p);
        return WRONG == SKIPS_THEN ? 0 : kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    }
    rc = put_pair(s, sync, at, p, contacts);
    free(p);
    free(contacts);
    return rc;
}

/* The cursor is "v1:" and digits. */
static bool cursor_ok(struct ctr_str c)
{
    if (WRONG == ANY_CURSOR)
        return true;
    return c.len == 5 && memcmp(c.ptr, "v1:", 3) == 0 && strspn(c.ptr + 3, "0123456789");
}

static int32_t give_cursor(struct source *s, struct ctr_sync *sync)
{
    return WRONG == NO_CURSOR ? 0 : s->host->sync_cursor(s->host, sync, kit_str("v1:42"));
}

static void on_late(void *user)
{
    struct source *s = user;

    s->host->timer_stop(s->host, s->late);
    s->host->sync_progress(s->host, s->old, 1, 1);
}

/* What is wrong before the first put. returns 0 | an error to end with */
static int32_t sync_begin(struct source *s, struct ctr_sync *sync,
                          const struct ctr_sync_request *request, bool *full)
{
    const struct ctr_host *host = s->host;
    const struct ctr_str members = kit_str("anna");

    s->syncs++;
    *full = !request->cursor.ptr;
    if (WRONG == WAITS_FOR_FILE && s->file && access(s->file, F_OK) != 0) {
        sleep_ms(8000);
        return kit_fail(host, -CTR_EUNAVAIL, "the file did not come");
    }
    if (s->broken)
        return kit_fail(host, -CTR_EINTERNAL, "it has broken down");
    if (WRONG == SECOND_FAILS && s->syncs % 2 == 0)
        return kit_fail(host, -CTR_EIO, "the first sync has not ended");
    if (WRONG == EXACT_REQUEST && request->size != sizeof(*request))
        return kit_fail(host, -CTR_EVERSION, "the request is too long");
    if (WRONG == STAYS_ENDED && s->canceled)
        return -CTR_ECANCELED;
    s->canceled = false;
    if (WRONG == SYNC_LEAKS)
        keep_forever(100);
    if (!*full && !cursor_ok(request->cursor)) {
        *full = true;
        return host->sync_full(host, sync);
    }
    if (WRONG == USES_NEWER || CTR_HOST_HAS(host, sync_group))
        return host->sync_group(host, sync, kit_str("sales"), &members, 1);
    return 0;
}

static int32_t deaf(struct source *s, int32_t rc)
{
    if (WRONG == DEAF && rc == -CTR_ECANCELED)
        sleep_ms(8000);
    if (WRONG == OTHER_CODE && rc != 0 && rc != -CTR_ECANCELED)
        return kit_fail(s->host, -CTR_EIO, "the cache did not want it");
    return WRONG == ENDS_WELL && rc == -CTR_ECANCELED ? 0 : rc;
}

static int32_t lane_sync(struct source *s, struct ctr_sync *sync, bool full)
{
    int32_t rc = 0, last = 0;

    for (unsigned at = 0; rc == 0 && full && at < CONTACTS; at += 2) {
        rc = s->canceled ? -CTR_ECANCELED : put(s, sync, at);
        if (WRONG == PUTS_ON && rc == -CTR_ECANCELED && at + 2 < CONTACTS) {
            last = rc;
            rc = 0;
        }
        if (WRONG == ONE_AT_A_TIME) {
            sleep_ms(1);
            if (s->searching)
                return kit_fail(s->host, -CTR_EBUSY, "a search is under way");
        }
    }
    rc = rc ? rc : last;
    return deaf(s, rc ? rc : give_cursor(s, sync));
}

static void loop_end(struct source *s, int32_t status)
{
    struct ctr_sync *sync = s->sync;

    s->host->timer_stop(s->host, s->timer);
    s->sync = NULL;
    if (status == 0)
        status = give_cursor(s, sync);
    s->host->sync_done(s->host, sync, deaf(s, status));
    if (WRONG == DONE_TWICE)
        s->host->sync_done(s->host, sync, 0);
}

static void on_tick(void *user)
{
    struct source *s = user;
    int32_t rc = s->at < CONTACTS ? put(s, s->sync, s->at) : 0;

    if (rc != 0 && rc != -CTR_EPAUSE) {
        loop_end(s, rc);
        return;
    }
    if (WRONG == REPEATS && rc == -CTR_EPAUSE && s->at < 4)
        rc = put(s, s->sync, s->at);
    s->at += 2;
    if (s->at >= CONTACTS && rc == 0)
        loop_end(s, 0);
    else if (s->at > CONTACTS)
        loop_end(s, 0);
}

static int32_t sync_start(void *instance, struct ctr_sync *sync,
                          const struct ctr_sync_request *request)
{
    struct source *s = instance;
    bool full;
    int32_t rc = sync_begin(s, sync, request, &full);

    if (rc != 0)
        return deaf(s, rc);
    if (WRONG == LATE_HANDLE) {
        s->old = sync;
        s->late = s->host->timer_start(s->host, 1000, 0, on_late, s);
    }
    if (!ON_LOOP)
        return lane_sync(s, sync, full);
    s->sync = sync;
    s->at = full ? 0 : CONTACTS;
    s->timer = s->host->timer_start(s->host, 1, 1, on_tick, s);
    return 0;
}

static void sync_cancel(void *instance, struct ctr_sync *sync)
{
    struct source *s = instance;

    if (WRONG == SLOW_CANCEL)
        sleep_ms(80);
    if (ON_LOOP && s->sync == sync)
        loop_end(s, -CTR_ECANCELED);
    s->canceled = true;
}

/* --- search ---------------------------------------------------------------------------
 */

static void search_now(struct source *s, struct ctr_search *search)
{
    const struct ctr_field field = {.kind = CTR_FIELD_DISPLAY_NAME,
                                    .value = kit_str("Anna Meier")};
    const struct ctr_contact hit = kit_contact(kit_str("1"), &field, 1);
    void *volatile room = malloc(64); /* not to be left out */
    int32_t rc;

    if (!room) {
        s->host->fail(s->host, "out of memory");
        if (WRONG != NO_DONE_THEN)
            s->host->search_done(s->host, search, -CTR_ENOMEM);
        return;
    }
    free(room);
    s->searching = true;
    if (WRONG == ONE_AT_A_TIME)
        sleep_ms(2);
    rc = s->host->search_hits(s->host, search, &hit, 1);
    s->searching = false;
    if (rc == -CTR_EPAUSE && WRONG != HITS_ONCE)
        rc = 0;
    if (WRONG == SEARCH_NO_DONE || (WRONG == CANCEL_NO_DONE && rc == -CTR_ECANCELED))
        return;
    s->host->search_done(s->host, search, rc);
    if (WRONG == SEARCH_TWICE_DONE)
        s->host->search_done(s->host, search, rc);
}

static void on_search(void *user)
{
    struct source *s = user;
    struct ctr_search *search = s->search;

    s->host->timer_stop(s->host, s->search_timer);
    s->search = NULL;
    search_now(s, search);
}

static int32_t search_start(void *instance, struct ctr_search *search,
                            const struct ctr_query *query)
{
    struct source *s = instance;

    if (query->filter->op == CTR_OP_FALSE)
        return kit_fail(s->host, -CTR_ENOTSUP, "that cannot be asked");
    if (!ON_LOOP) {
        search_now(s, search);
        return 0;
    }
    s->search = search;
    s->search_timer = s->host->timer_start(s->host, 5, 0, on_search, s);
    return 0;
}

static void search_cancel(void *instance, struct ctr_search *search)
{
    struct source *s = instance;

    if (!ON_LOOP || s->search != search)
        return;
    s->host->timer_stop(s->host, s->search_timer);
    s->search = NULL;
    if (WRONG != CANCEL_NO_DONE)
        s->host->search_done(s->host, search, -CTR_ECANCELED);
}

#ifndef LOOP
static int32_t test(void *instance, struct ctr_test *running)
{
    struct source *s = instance;

    if (WRONG == SILENT_TEST)
        return kit_fail(s->host, -CTR_EACCES, "wrong token");
    s->host->test_step(s->host, running, "connect", 0, "connected", NULL);
    s->host->test_step(s->host, running, "login", -CTR_EACCES, "401",
                       "correct the token");
    return kit_fail(s->host, -CTR_EACCES, "login: 401");
}
#endif

#ifdef EXPORTING
CTR_EXPORT int exported_by_mistake(void);
int exported_by_mistake(void)
{
    return 1;
}
#endif

static const struct ctr_source source = {.size = WRONG == ROLE_SIZE ? 8 : sizeof(source),
#ifdef LOOP
                                         .threading = CTR_ON_LOOP,
                                         .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH,
#else
                                         .threading = CTR_ON_LANE,
                                         .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH |
                                                  CTR_SOURCE_PARALLEL,
                                         .test = test,
#endif
                                         .sync = sync_start,
                                         .sync_cancel = sync_cancel,
                                         .search = search_start,
                                         .search_cancel = search_cancel};

CTR_PLUGIN = {.size = sizeof(struct ctr_plugin),
              .abi_built = WRONG == NEEDS_NEWER ? CTR_ABI(1, 0) : CTR_ABI_CURRENT,
              .abi_needs = WRONG == NEEDS_NEWER ? CTR_ABI(1, 1) : CTR_ABI(1, 0),
              KIT_OPTIONS(options),
              .name = WRONG == OTHER_NAME ? "somebody_else" : NAME,
              .version = "1.0",
              .summary = "a source for the tests of contactor-plugin-check",
              .source = &source,
              .create = create,
              .start = start,
              .stop = stop,
              .destroy = free};
