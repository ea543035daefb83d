/* vicious.c - a source that does the worst a plugin can do, where and when the file
 * `orders` says: "sync segv", "create loop", "timer garbage". Without that file it is a
 * good source of as many contacts as `contacts` says, and answers live searches.
 *
 * Built twice: for a lane, and, with ON_LOOP set, for the loop. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contactor/plugin.h"

#ifndef ON_LOOP
#define ON_LOOP 0
#endif

enum { BATCH = 256, FIELDS = 3, LEAK = 4 << 20, SEARCHES = 8 };

static const struct ctr_option options[] = {
    {.name = "orders",
     .type = CTR_OPT_PATH,
     .flags = CTR_OPT_REQUIRED,
     .doc = "The file that says where to do what."},
    {.name = "contacts",
     .type = CTR_OPT_INT,
     .max = 10000000,
     .default_value = "50",
     .doc = "How many contacts there are."},
    {.name = "number",
     .type = CTR_OPT_STRING,
     .default_value = "+49894",
     .doc = "What their numbers begin with."},
    {.name = "key",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "A secret; how long it is stands in each contact."},
    {.name = "salt",
     .type = CTR_OPT_INT,
     .max = 1000000,
     .default_value = "0",
     .doc = "Anything: another one makes a new instance."},
};

struct vicious {
    const struct ctr_host *host;
    const char *orders, *number;
    int64_t contacts;
    size_t key;
    int32_t rows;
    struct ctr_timer *timer;

    /* ON_LOOP: the sync under way. */
    struct ctr_sync *sync;
    int64_t next;
    struct ctr_timer *pace;
};

/* ---- doing it ------------------------------------------------------------------- */

static void write_garbage(void)
{
    char junk[4096];

    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)(i * 131 + 7);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
            continue;
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        for (int i = 0; i < 16; i++)
            if (write(fd, junk, sizeof(junk)) < 0)
                break;
    }
}

static void leak(void)
{
    for (;;) {
        char *p =
            mmap(NULL, LEAK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            abort();
        memset(p, 1, LEAK);
        usleep(5000);
    }
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void flood_log(const struct ctr_host *host)
{
    for (;;) {
        host->log(host, CTR_LOG_ERROR, "flood");
        host->request_sync(host);
    }
}

/* A signal raised on a lane would only wait: there they are all blocked. */
static void crash(void)
{
    volatile uintptr_t nowhere = 64;

    *(volatile int *)nowhere = 1;
}

/* The daemon's cache lies beside the orders. */
static void deface(const char *orders)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%.*s/../state/cache/contacts.mdb",
             (int)(strrchr(orders, '/') - orders), orders);
    fd = open(path, O_WRONLY);
    if (fd < 0)
        return;
    (void)!write(fd, path, sizeof(path));
    close(fd);
}

static void act(const struct ctr_host *host, const char *orders, const char *how)
{
    if (strcmp(how, "segv") == 0)
        crash();
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "exit") == 0)
        exit(7);
    else if (strcmp(how, "loop") == 0)
        spin();
    else if (strcmp(how, "sleep") == 0)
        for (;;)
            pause();
    else if (strcmp(how, "leak") == 0)
        leak();
    else if (strcmp(how, "garbage") == 0)
        write_garbage();
    else if (strcmp(how, "close") == 0)
        for (int fd = 0; fd < 256; fd++)
            close(fd);
    else if (strcmp(how, "kill") == 0)
        kill(getppid(), SIGKILL);
    else if (strcmp(how, "deface") == 0)
        deface(orders);
    else if (strcmp(how, "log") == 0)
        flood_log(host);
    else if (strcmp(how, "output") == 0)
        for (;;)
            fputs("\x1b[31mflood of output\n", stderr);
}

/* returns whether the orders are for this place and `how`, after doing what is known */
static int obey(const struct ctr_host *host, const char *orders, const char *where,
                const char *how)
{
    char line[64] = "", place[32] = "", deed[32] = "";
    int fd = open(orders, O_RDONLY);

    if (fd < 0)
        return 0;
    if (read(fd, line, sizeof(line) - 1) > 0)
        (void)sscanf(line, "%31s %31s", place, deed);
    close(fd);
    if (strcmp(place, where) != 0)
        return 0;
    if (how)
        return strcmp(deed, how) == 0;
    act(host, orders, deed);
    return 1;
}

/* ---- a good source --------------------------------------------------------------- */

struct batch {
    struct ctr_contact contacts[BATCH];
    struct ctr_field fields[BATCH][FIELDS];
    char id[BATCH][16], name[BATCH][32], number[BATCH][32], note[BATCH][32];
};

static struct ctr_str str(const char *z)
{
    struct ctr_str s = {z, strlen(z)};

    return s;
}

static void fill(const struct vicious *v, struct batch *b, unsigned i, int64_t n)
{
    struct ctr_contact *c = &b->contacts[i];

    snprintf(b->id[i], sizeof(b->id[i]), "%lld", (long long)n);
    snprintf(b->name[i], sizeof(b->name[i]), "Person %lld", (long long)n);
    snprintf(b->number[i], sizeof(b->number[i]), "%s%06lld", v->number, (long long)n);
    snprintf(b->note[i], sizeof(b->note[i]), "key %zu", v->key);
    memset(c, 0, sizeof(*c));
    memset(b->fields[i], 0, sizeof(b->fields[i]));
    c->size = sizeof(*c);
    c->id = str(b->id[i]);
    c->fields = b->fields[i];
    c->n_fields = FIELDS;
    c->field_size = sizeof(b->fields[i][0]);
    b->fields[i][0].kind = CTR_FIELD_DISPLAY_NAME;
    b->fields[i][0].value = str(b->name[i]);
    b->fields[i][1].kind = CTR_FIELD_PHONE_BUSINESS;
    b->fields[i][1].value = str(b->number[i]);
    b->fields[i][2].kind = CTR_FIELD_NOTE;
    b->fields[i][2].value = str(b->note[i]);
}

/* returns how many, or negative */
static int64_t put_some(struct vicious *v, struct ctr_sync *sync, int64_t from)
{
    struct batch *b = malloc(sizeof(*b));
    unsigned n = 0;
    int32_t r;

    if (!b)
        return -CTR_ENOMEM;
    while (n < BATCH && from + n < v->contacts) {
        fill(v, b, n, from + n);
        n++;
    }
    r = n > 0 ? v->host->sync_put(v->host, sync, b->contacts, n) : 0;
    v->host->metric_add(v->host, v->rows, n);
    free(b);
    return r < 0 && r != -CTR_EPAUSE ? r : (int64_t)n;
}

/* Never ends by itself. */
static int32_t put_for_ever(struct vicious *v, struct ctr_sync *sync)
{
    for (int64_t n = 0;; n = (n + BATCH) % (v->contacts + 1)) {
        int64_t r = put_some(v, sync, n);

        if (r < 0 && r != -CTR_ECANCELED)
            return (int32_t)r;
    }
}

static int32_t sync_on_lane(struct vicious *v, struct ctr_sync *sync)
{
    int64_t n = 0, r;

    if (obey(v->host, v->orders, "sync", "flood"))
        return put_for_ever(v, sync);
    while ((r = put_some(v, sync, n)) > 0) {
        n += r;
        (void)obey(v->host, v->orders, "middle", NULL);
    }
    return (int32_t)r;
}

static void on_pace(void *user)
{
    struct vicious *v = user;
    int64_t r = put_some(v, v->sync, v->next);

    v->next += r > 0 ? r : 0;
    if (r > 0)
        return;
    v->host->timer_stop(v->host, v->pace);
    v->pace = NULL;
    v->host->sync_done(v->host, v->sync, (int32_t)r);
}

static int32_t on_sync(void *instance, struct ctr_sync *sync,
                       const struct ctr_sync_request *request)
{
    struct vicious *v = instance;

    (void)request;
    v->host->sync_reject(v->host, sync, "line 1", "a row of no use");
    if (obey(v->host, v->orders, "sync", "fail")) {
        v->host->fail(v->host, "the orders say so");
        return -CTR_EIO;
    }
    (void)obey(v->host, v->orders, "sync", NULL);
    if (!ON_LOOP)
        return sync_on_lane(v, sync);
    v->sync = sync;
    v->next = 0;
    v->pace = v->host->timer_start(v->host, 0, 1, on_pace, v);
    return 0;
}

static int32_t on_search(void *instance, struct ctr_search *search,
                         const struct ctr_query *query)
{
    struct vicious *v = instance;
    const struct ctr_host *host = v->host;
    struct batch *b;

    (void)query;
    (void)obey(host, v->orders, "search", NULL);
    b = malloc(sizeof(*b));
    if (!b)
        return -CTR_ENOMEM;
    fill(v, b, 0, v->contacts + 1);
    do
        host->search_hits(host, search, b->contacts, 1);
    while (obey(host, v->orders, "search", "flood"));
    host->search_done(host, search, 0);
    free(b);
    return 0;
}

static void on_cancel(void *instance, struct ctr_search *search)
{
    (void)instance;
    (void)search;
}

static int32_t on_test(void *instance, struct ctr_test *test)
{
    struct vicious *v = instance;

    v->host->test_step(v->host, test, "connect", 0, "there it is", NULL);
    (void)obey(v->host, v->orders, "test", NULL);
    v->host->test_step(v->host, test, "login", -CTR_EACCES, "not with this key",
                       "use another");
    return -CTR_EACCES;
}

/* ---- life ------------------------------------------------------------------------ */

static int32_t on_check(const struct ctr_host *host, const struct ctr_config *config)
{
    const char *number = host->option_str(config, "number");

    (void)obey(host, host->option_str(config, "orders"), "check", NULL);
    if (number[0] == '+')
        return 0;
    host->option_error(config, "number", "must begin with +");
    return -CTR_ECONF;
}

static int32_t on_create(const struct ctr_host *host, const struct ctr_config *config,
                         void **out)
{
    struct vicious *v = calloc(1, sizeof(*v));
    const char *key = host->option_str(config, "key");

    if (!v)
        return -CTR_ENOMEM;
    v->host = host;
    v->orders = host->option_str(config, "orders");
    v->number = host->option_str(config, "number");
    v->contacts = host->option_int(config, "contacts");
    v->key = key ? strlen(key) : 0;
    v->rows = host->metric_define(host, CTR_METRIC_COUNTER, "vicious_rows_total",
                                  "Contacts given.");
    (void)obey(host, v->orders, "create", NULL);
    if (obey(host, v->orders, "create", "fail")) {
        host->fail(host, "the orders say that it cannot be made");
        free(v);
        return -CTR_ECONF;
    }
    *out = v;
    return 0;
}

static void on_timer(void *user)
{
    struct vicious *v = user;

    (void)obey(v->host, v->orders, "timer", NULL);
}

static int32_t on_start(void *instance)
{
    struct vicious *v = instance;

    (void)obey(v->host, v->orders, "start", NULL);
    v->timer = v->host->timer_start(v->host, 50, 50, on_timer, v);
    return v->host->watch(v->host, v->orders, 50);
}

static void on_stop(void *instance)
{
    struct vicious *v = instance;

    (void)obey(v->host, v->orders, "stop", NULL);
    v->host->stopped(v->host);
}

static void on_destroy(void *instance)
{
    free(instance);
}

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = ON_LOOP ? CTR_ON_LOOP : CTR_ON_LANE,
    .flags = CTR_SOURCE_SEARCH,
    .sync = on_sync,
    .search = on_search,
    .search_cancel = on_cancel,
    .test = ON_LOOP ? NULL : on_test,
};

CTR_PLUGIN = {
    .size = sizeof(struct ctr_plugin),
    .abi_built = CTR_ABI_CURRENT,
    .abi_needs = CTR_ABI(1, 1),
    .name = ON_LOOP ? "vicious_loop" : "vicious",
    .version = "1.0",
    .summary = "does the worst a plugin can do",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .option_size = sizeof(options[0]),
    .source = &source,
    .check = on_check,
    .create = on_create,
    .start = on_start,
    .stop = on_stop,
    .destroy = on_destroy,
};
