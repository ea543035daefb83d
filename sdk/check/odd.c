/* odd.c - check of a start with values that the schema takes and that nobody means: the
 * least, the greatest, the longest, nothing, files and servers that are not there. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "source.h"

enum { LONG = 65536, END_MS = 5000 };

/* One odd configuration. */
struct odd {
    struct subject *s;
    char text[512]; /* what is odd about it */
    bool reaches;   /* for something that is not there: a sync is tried, too */
    uint32_t started, refused, synced;
    uint32_t threads, descriptors; /* before */
    char silent[32], refusing[32]; /* 127.0.0.1:PORT of a server that does not answer */
};

static char long_text[LONG];

/* --- servers that are not there -------------------------------------------------------
 */

/* It takes connections and never says a word; or, where it does not listen, refuses. */
static int server(char *address, size_t cap, bool listens)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 ||
        (listens && listen(fd, 128) != 0) ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        check_skip("no socket on 127.0.0.1 can be had");
    snprintf(address, cap, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

/* The value as it is: the administrator's, or the default. */
static const char *given(const struct subject *s, const struct ctr_option *o)
{
    for (uint32_t i = 0; i < s->options->n; i++)
        if (strcmp(s->options->at[i].name, o->name) == 0)
            return s->options->at[i].value;
    return o->default_value;
}

/* --- values ---------------------------------------------------------------------------
 */

static void say(struct odd *odd, const struct ctr_option *o, const char *what)
{
    size_t n = strlen(odd->text);

    snprintf(odd->text + n, sizeof(odd->text) - n, "%s\"%s\" is %s", n ? ", " : "",
             o->name, what);
}

static bool set(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                const char *value, const char *what)
{
    if (o->type == CTR_OPT_LIST)
        testhost_set_empty(t, o->name);
    testhost_set(t, o->name, value);
    say(odd, o, what);
    return true;
}

static bool set_server(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                       const char *address)
{
    const char *url = given(odd->s, o), *scheme = url ? strstr(url, "://") : NULL;
    char text[256];

    if (!scheme || scheme - url > 32)
        return false;
    snprintf(text, sizeof(text), "%.*s://%s/", (int)(scheme - url), url, address);
    odd->reaches = true;
    return set(odd, t, o, text, text);
}

static bool set_missing(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                        const char *path)
{
    odd->reaches = true;
    return set(odd, t, o, path, path);
}

static bool set_empty(struct odd *odd, struct testhost *t, const struct ctr_option *o)
{
    if (o->flags & (CTR_OPT_REQUIRED | CTR_OPT_SECRET | CTR_OPT_PROGRAM))
        return false;
    if (o->type == CTR_OPT_STRING)
        return set(odd, t, o, "", "empty");
    testhost_set_empty(t, o->name);
    say(odd, o, "empty");
    return true;
}

static bool set_many(struct odd *odd, struct testhost *t, const struct ctr_option *o)
{
    enum { MANY = 300 };

    testhost_set_empty(t, o->name);
    for (int i = 0; i < MANY; i++)
        testhost_set(t, o->name, i % 100 ? "x" : long_text);
    say(odd, o, "a list of 300");
    return true;
}

static bool set_map(struct odd *odd, struct testhost *t, const struct ctr_option *o)
{
    static const char *const keys[] = {
#define X(number, id, text) text,
        CTR_FIELD_MAP(X)
#undef X
            "x_custom"};
    char name[256];

    testhost_set_empty(t, o->name);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        snprintf(name, sizeof(name), "%s.%s", o->name, keys[i]);
        testhost_set(t, name, i % 2 ? long_text : "x");
    }
    say(odd, o, "a map of every field");
    return true;
}

static bool set_number(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                       bool greatest)
{
    bool ranged = o->min || o->max;
    int64_t least = o->type == CTR_OPT_INT ? INT64_MIN : 0;
    int64_t v = ranged ? (greatest ? o->max : o->min) : (greatest ? INT64_MAX : least);
    char text[64];

    snprintf(text, sizeof(text), "%lld%s", (long long)v,
             o->type == CTR_OPT_DURATION ? "ms" : "");
    return set(odd, t, o, text, text);
}

/* --- the values of one option ---------------------------------------------------------
 */

enum {
    ODD_LEAST,
    ODD_GREATEST, /* the longest, too */
    ODD_STRANGE,
    ODD_REFUSING,
    ODD_SILENT,
    ODD_N
};

static bool set_text(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                     int which)
{
    switch (which) {
    case ODD_LEAST:
        return set_empty(odd, t, o);
    case ODD_GREATEST:
        return o->type == CTR_OPT_LIST ? set_many(odd, t, o)
                                       : set(odd, t, o, long_text, "64 KiB long");
    case ODD_STRANGE:
        return set(odd, t, o, "%s%n{{'\"", "%s%n{{'\"");
    default:
        return set_server(odd, t, o, which == ODD_REFUSING ? odd->refusing : odd->silent);
    }
}

static bool set_path(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                     int which)
{
    static const char *const paths[ODD_N] = {[ODD_LEAST] = "/nonexistent/file",
                                             [ODD_GREATEST] = "/",
                                             [ODD_STRANGE] = "/dev/null"};

    return paths[which] && set_missing(odd, t, o, paths[which]);
}

static bool set_choice(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                       int which)
{
    int n = 0;

    while (o->choices && o->choices[n])
        n++;
    return which < n && set(odd, t, o, o->choices[which], o->choices[which]);
}

/* returns false where the option has no such value */
static bool set_odd(struct odd *odd, struct testhost *t, const struct ctr_option *o,
                    int which)
{
    if (o->flags & CTR_OPT_PROGRAM)
        return which == ODD_LEAST && set_missing(odd, t, o, "/nonexistent/program");
    switch (o->type) {
    case CTR_OPT_STRING:
    case CTR_OPT_LIST:
        return set_text(odd, t, o, which);
    case CTR_OPT_PATH:
        return set_path(odd, t, o, which);
    case CTR_OPT_MAP:
        return which == ODD_LEAST      ? set_empty(odd, t, o)
               : which == ODD_GREATEST ? set_map(odd, t, o)
                                       : false;
    case CTR_OPT_CHOICE:
        return set_choice(odd, t, o, which);
    case CTR_OPT_BOOL:
        return which < 2 &&
               set(odd, t, o, which ? "true" : "false", which ? "true" : "false");
    default:
        return which < 2 && set_number(odd, t, o, which == ODD_GREATEST);
    }
}

/* --- one life with it -----------------------------------------------------------------
 */

static void sync_on_lane(struct odd *odd, struct testhost *t)
{
    struct testhost_lane *lane = testhost_lane_sync(t, NULL);

    testhost_lane_wait(lane, 100);
    testhost_lane_cancel(lane);
    if (!testhost_lane_wait(lane, END_MS))
        check_fail("Look at sync_canceled at least each second, give every wait a limit, "
                   "and let sync_cancel wake what waits.",
                   "where %s, a sync did not end within 5 s after sync_cancel",
                   odd->text);
    testhost_lane_end(lane);
}

/* It may fail, but not hang. */
static void try_sync(struct odd *odd, struct testhost *t)
{
    if (!odd->reaches || !odd->s->plugin.source)
        return;
    if (odd->s->source.threading == CTR_ON_LANE) {
        sync_on_lane(odd, t);
    } else if (odd->s->source.sync_cancel) {
        t->cancel_sync = true;
        testhost_sync(t, NULL);
    } else {
        return;
    }
    odd->synced++;
}

static void live(struct odd *odd, struct testhost *t)
{
    int64_t began;

    probe_host(t);
    if (testhost_start(t) != 0) {
        odd->refused++;
        return;
    }
    odd->started++;
    testhost_advance(t, 1000);
    try_sync(odd, t);
    began = usage_ms();
    testhost_stop(t);
    if (usage_ms() - began > END_MS)
        check_fail("In stop end what is under way, and call host->stopped at once.",
                   "where %s, stopping took %lld ms", odd->text,
                   (long long)(usage_ms() - began));
}

static void look_what_is_left(const struct odd *odd)
{
    char last[256] = "";

    if (usage_threads_settled(odd->threads) > odd->threads)
        check_fail(
            "Tell your threads to end in stop, and join them before host->stopped.",
            "where %s, a thread is left after destroy", odd->text);
    if (usage_descriptors(last, sizeof(last)) > odd->descriptors)
        check_fail("Close in destroy what create and start opened.",
                   "where %s, a descriptor is left open after destroy: %s", odd->text,
                   last);
}

/* returns the call that took longest */
static int slowest(void)
{
    int worst = 0;

    for (int i = 1; i < PROBE_N; i++)
        if (probe.worst[i] > probe.worst[worst])
            worst = i;
    return worst;
}

/* Sets option `at` to odd value `which`, or all of them. */
static bool configure(struct odd *odd, struct testhost *t, uint32_t at, int which)
{
    uint32_t n = odd->s->plugin.n_options;
    bool some = false;

    odd->text[0] = 0;
    odd->reaches = false;
    if (at < n)
        return set_odd(odd, t, subject_option(odd->s, at), which);
    for (uint32_t i = 0; i < n; i++)
        some |= set_odd(odd, t, subject_option(odd->s, i), which);
    return some;
}

/* Three times where it was slow: what is slow only once was the machine's fault. */
static void try_it(struct odd *odd, uint32_t at, int which)
{
    for (int i = 0; i < 3; i++) {
        struct testhost *t = subject_host(odd->s);
        bool some = configure(odd, t, at, which);

        memset(probe.worst, 0, sizeof(probe.worst));
        if (some) {
            check_step("start where %s", odd->text);
            live(odd, t);
        }
        testhost_destroy(t);
        if (!some)
            return;
        look_what_is_left(odd);
        if (probe.worst[slowest()] <= PROBE_LIMIT_MS)
            return;
    }
    check_fail("The loop serves everybody: give the work to the lane (sync), to a thread "
               "of yours, or to descriptors (contactor.poll/1).",
               "where %s, %s kept the loop for %.0f ms; more than %d are not allowed",
               odd->text, probe_name(slowest()), probe.worst[slowest()], PROBE_LIMIT_MS);
}

static void odd_start_run(struct subject *s)
{
    struct odd odd = {.s = s};
    int silent = server(odd.silent, sizeof(odd.silent), true);
    int refusing = server(odd.refusing, sizeof(odd.refusing), false);

    if (s->plugin.n_options == 0)
        check_skip("it has no options");
    memset(long_text, 'a', sizeof(long_text) - 1);
    probe_plugin(s);
    probe.timed = true;
    odd.threads = usage_threads_settled(1);
    odd.descriptors = usage_descriptors((char[256]){0}, 256);
    for (int which = 0; which < ODD_N; which++)
        for (uint32_t at = 0; at <= s->plugin.n_options; at++)
            try_it(&odd, at, which);
    close(silent);
    close(refusing);
    check_note("%u odd configurations: %u started, %u refused with a reason; %u tried a "
               "sync",
               odd.started + odd.refused, odd.started, odd.refused, odd.synced);
    probe_reset();
}

const struct check check_odd_start = {
    .name = "odd-start",
    .rule = "With every value that the schema takes create, bind, start and stop return "
            "within 50 ms, a sync can be canceled, and destroy leaves nothing behind.",
    .where = "plugin.h, config.h",
    .needs = NEEDS_START,
    .seconds = 300,
    .run = odd_start_run,
};
