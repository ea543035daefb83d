/* second.c - a source that uses all that ABI 1.1 added, and needs it. On a lane: a test
 * in steps, a group, and a search beside a sync, which waits for it. With -DLOOP: on the
 * loop, waiting for a descriptor. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contactor/ext/poll.h"
#include "contactor/plugin.h"

struct second {
    const struct ctr_host *host;
    int64_t patience; /* ms a sync waits for a search; 0: it does not */
    _Atomic int searches;
    const struct ctr_polls *polls;
    struct ctr_poll *poll;
    struct ctr_sync *sync;
    int ends[2];
};

static const struct ctr_option options[] = {
    {"patience", CTR_OPT_DURATION, 0, 0, 60000, "0ms", NULL,
     "How long a sync waits for a search."},
    {"helper", CTR_OPT_PATH, CTR_OPT_PROGRAM, 0, 0, NULL, NULL, "A program."},
};

static struct ctr_str text(const char *z)
{
    struct ctr_str s = {z, strlen(z)};

    return s;
}

static int32_t second_create(const struct ctr_host *host, const struct ctr_config *config,
                             void **out)
{
    struct second *s;

    if (!CTR_HOST_HAS(host, sync_group) || !host->test_step || !host->sync_group) {
        host->fail(host, "the daemon says it has ABI 1.1 and lacks its functions");
        return -CTR_EVERSION;
    }
    s = calloc(1, sizeof(*s));
    if (!s)
        return -CTR_ENOMEM;
    s->host = host;
    s->patience = host->option_int(config, "patience");
    s->polls = host->extension(host, CTR_POLL_ID);
    *out = s;
    return 0;
}

static struct ctr_contact contact_of(const char *id, const char *name, const char *number,
                                     struct ctr_field fields[2])
{
    struct ctr_contact contact;

    memset(&contact, 0, sizeof(contact));
    memset(fields, 0, 2 * sizeof(*fields));
    fields[0].kind = CTR_FIELD_DISPLAY_NAME;
    fields[0].value = text(name);
    fields[1].kind = CTR_FIELD_PHONE_BUSINESS;
    fields[1].value = text(number);
    contact.size = sizeof(contact);
    contact.id = text(id);
    contact.fields = fields;
    contact.n_fields = 2;
    contact.field_size = sizeof(fields[0]);
    return contact;
}

static int32_t put(struct second *s, struct ctr_sync *sync, const char *name)
{
    struct ctr_field fields[2];
    struct ctr_contact contact = contact_of("1", name, "+4930123456", fields);

    return s->host->sync_put(s->host, sync, &contact, 1);
}

#ifdef LOOP
/* ---- on the loop ---------------------------------------------------------------- */

static void on_ready(void *user, int32_t fd, uint32_t events)
{
    struct second *s = user;
    char name[32] = "";
    int32_t err = -CTR_EIO;

    if ((events & CTR_POLL_READ) && read(fd, name, sizeof(name) - 1) > 0)
        err = put(s, s->sync, name);
    s->polls->stop(s->poll);
    close(s->ends[0]);
    close(s->ends[1]);
    s->host->sync_done(s->host, s->sync, err == -CTR_EPAUSE ? 0 : err);
}

static int32_t second_sync(void *self, struct ctr_sync *sync,
                           const struct ctr_sync_request *request)
{
    struct second *s = self;

    (void)request;
    if (!s->polls || pipe(s->ends) != 0) {
        s->host->fail(s->host, "no contactor.poll/1, or no pipe");
        return -CTR_ENOTSUP;
    }
    s->sync = sync;
    s->poll = s->polls->start(s->host, s->ends[0], CTR_POLL_READ, on_ready, s);
    if (!s->poll || write(s->ends[1], "Polled", 6) != 6)
        return -CTR_EIO;
    return 0;
}

static const struct ctr_source source = {
    .size = sizeof(source), .threading = CTR_ON_LOOP, .sync = second_sync};
#else
/* ---- on a lane ------------------------------------------------------------------ */

static int32_t second_sync(void *self, struct ctr_sync *sync,
                           const struct ctr_sync_request *request)
{
    struct ctr_str members[] = {text("eve")};
    struct second *s = self;
    int64_t until = s->host->now(s->host) + s->patience;
    int32_t err = put(s, sync, "Synced");

    (void)request;
    if (err == 0)
        err = s->host->sync_group(s->host, sync, text("sales"), members, 1);
    while (err == 0 && s->patience > 0 && atomic_load(&s->searches) == 0) {
        usleep(20000);
        err = s->host->sync_canceled(s->host, sync);
        if (err == 0 && s->host->now(s->host) > until) {
            s->host->fail(s->host, "nobody searched beside the sync");
            err = -CTR_ETIMEDOUT;
        }
    }
    return err;
}

static const struct ctr_filter *number_leaf(const struct ctr_filter *f)
{
    const struct ctr_filter *found = NULL;

    if (f->op == CTR_OP_EQUAL && (f->kinds & CTR_KINDS_PHONE) && f->n_values > 0)
        return f;
    for (uint32_t i = 0; i < f->n_children && !found; i++)
        found = number_leaf(f->children[i]);
    return found;
}

/* Whoever is asked for is called as all the spellings of his number. */
static int32_t second_search(void *self, struct ctr_search *search,
                             const struct ctr_query *query)
{
    const struct ctr_filter *leaf = number_leaf(query->filter);
    struct second *s = self;
    struct ctr_field fields[2];
    struct ctr_contact contact;
    char name[200] = "", number[40] = "";
    size_t at = 0;

    for (uint32_t i = 0; leaf && i < leaf->n_values && at < sizeof(name) - 40; i++)
        at += (size_t)snprintf(name + at, 40, "%s%.*s", i ? " = " : "",
                               (int)leaf->values[i].len, leaf->values[i].ptr);
    if (leaf) {
        snprintf(number, sizeof(number), "%.*s", (int)leaf->values[0].len,
                 leaf->values[0].ptr);
        contact = contact_of("live", name, number, fields);
        s->host->search_hits(s->host, search, &contact, 1);
    }
    s->host->search_done(s->host, search, 0);
    atomic_fetch_add(&s->searches, 1);
    return 0;
}

static void second_search_cancel(void *self, struct ctr_search *search)
{
    (void)self; /* it is over in no time */
    (void)search;
}

static int32_t second_test(void *self, struct ctr_test *test)
{
    struct second *s = self;

    s->host->test_step(s->host, test, "knock", 0, "somebody is there", NULL);
    s->host->test_step(s->host, test, "enter", -CTR_EACCES, "the door is locked",
                       "find the key");
    return -CTR_EACCES;
}

static const struct ctr_source source = {.size = sizeof(source),
                                         .threading = CTR_ON_LANE,
                                         .flags = CTR_SOURCE_SEARCH | CTR_SOURCE_PARALLEL,
                                         .sync = second_sync,
                                         .search = second_search,
                                         .search_cancel = second_search_cancel,
                                         .test = second_test};
#endif

CTR_PLUGIN = {.size = sizeof(struct ctr_plugin),
              .abi_built = CTR_ABI_CURRENT,
              .abi_needs = CTR_ABI(1, 1),
              .n_options = 2,
              .name = NAME,
              .version = "1.1",
              .summary = "what ABI 1.1 added",
              .options = options,
              .option_size = sizeof(options[0]),
              .source = &source,
              .create = second_create,
              .destroy = free};
