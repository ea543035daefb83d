/* unruly.c - a source that breaks the contract in the ways a host can tell: handles that
 * have ended, the wrong thread, batches that lie. Its option `how` says which. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contactor/plugin.h"

static const char *const choices[] = {"late",     "thread", "batch",
                                      "frontend", "hang",   NULL};
static const struct ctr_option options[] = {
    {"how", CTR_OPT_CHOICE, CTR_OPT_REQUIRED, 0, 0, NULL, choices, "What it does wrong."},
};

enum { LATE, THREAD, BATCH, FRONTEND, HANG };

struct unruly {
    const struct ctr_host *host;
    int64_t how;
    struct ctr_sync *kept;
};

/* What the thread of its own needs. */
struct elsewhere {
    struct unruly *unruly;
    struct ctr_sync *sync;
};

static struct ctr_contact contact_of(const char *id, struct ctr_field *field)
{
    struct ctr_contact contact;

    memset(field, 0, sizeof(*field));
    memset(&contact, 0, sizeof(contact));
    field->kind = CTR_FIELD_PHONE_BUSINESS;
    field->value.ptr = "+4930123456";
    field->value.len = 11;
    contact.size = sizeof(contact);
    contact.id.ptr = id;
    contact.id.len = strlen(id);
    contact.fields = field;
    contact.n_fields = 1;
    contact.field_size = sizeof(*field);
    return contact;
}

static int32_t put(struct unruly *u, struct ctr_sync *sync)
{
    struct ctr_field field;
    struct ctr_contact contact = contact_of("1", &field);

    return u->host->sync_put(u->host, sync, &contact, 1);
}

static void nothing(void *user)
{
    (void)user;
}

static void *elsewhere(void *arg)
{
    struct elsewhere *e = arg;

    put(e->unruly, e->sync);
    e->unruly->host->timer_start(e->unruly->host, 1, 0, nothing, NULL);
    return NULL;
}

static int32_t unruly_create(const struct ctr_host *host, const struct ctr_config *config,
                             void **out)
{
    struct unruly *u = calloc(1, sizeof(*u));

    if (!u)
        return -CTR_ENOMEM;
    u->host = host;
    u->how = host->option_int(config, "how");
    *out = u;
    return 0;
}

static void unruly_destroy(void *self)
{
    struct unruly *u = self;

    if (u->kept)
        put(u, u->kept); /* long over */
    free(u);
}

static int32_t unruly_sync(void *self, struct ctr_sync *sync,
                           const struct ctr_sync_request *request)
{
    struct ctr_field field;
    struct ctr_contact contact = contact_of("1", &field);
    struct ctr_request *out = NULL;
    struct unruly *u = self;
    struct elsewhere e = {u, sync};
    const struct ctr_host *host = u->host;
    pthread_t thread;

    (void)request;
    switch (u->how) {
    case LATE:
        u->kept = sync;
        break;
    case THREAD:
        if (pthread_create(&thread, NULL, elsewhere, &e) == 0)
            pthread_join(thread, NULL);
        break;
    case BATCH:
        contact.size = 3;
        host->sync_put(host, sync, &contact, 1);
        contact.size = sizeof(contact);
        contact.field_size = 0;
        host->sync_put(host, sync, &contact, 1);
        contact.field_size = sizeof(field);
        contact.fields = NULL;
        host->sync_put(host, sync, &contact, 1);
        contact.n_fields = 0;
        contact.id.ptr = NULL;
        host->sync_put(host, sync, &contact, 1);
        host->sync_put(host, sync, NULL, 5);
        break;
    case FRONTEND:
        host->query_start(host, NULL, NULL, NULL, &out);
        break;
    default:
        sleep(60); /* whatever the host says */
    }
    return put(u, sync);
}

static const struct ctr_source source = {
    sizeof(struct ctr_source), CTR_ON_LANE, 0, 0, unruly_sync, NULL, NULL, NULL,
};

CTR_PLUGIN = {
    sizeof(struct ctr_plugin),
    CTR_ABI_CURRENT,
    CTR_ABI(1, 0),
    1,
    "unruly",
    "1.0",
    "breaks the contract",
    options,
    sizeof(options[0]),
    0,
    &source,
    NULL,
    NULL,
    unruly_create,
    NULL,
    NULL,
    NULL,
    unruly_destroy,
};
