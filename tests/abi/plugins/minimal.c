/* minimal.c - the smallest source there is: two contacts, one option. */
#include <string.h>

#include "contactor/plugin.h"

static const struct ctr_option options[] = {
    {"greeting", CTR_OPT_STRING, 0, 0, 0, "Hello", NULL,
     "The name of the first contact."},
};

static const struct ctr_host *the_host; /* one instance only: a test's plugin may */
static const struct ctr_config *the_config;
static int instance;

static struct ctr_str text(const char *z)
{
    struct ctr_str s;

    s.ptr = z;
    s.len = strlen(z);
    return s;
}

static int32_t minimal_create(const struct ctr_host *host,
                              const struct ctr_config *config, void **out)
{
    the_host = host;
    the_config = config;
    *out = &instance;
    return 0;
}

static void minimal_destroy(void *self)
{
    (void)self;
}

static int32_t put(struct ctr_sync *sync, const char *id, const char *name,
                   const char *number)
{
    struct ctr_field fields[2];
    struct ctr_contact contact;

    memset(fields, 0, sizeof(fields));
    memset(&contact, 0, sizeof(contact));
    fields[0].kind = CTR_FIELD_DISPLAY_NAME;
    fields[0].value = text(name);
    fields[1].kind = CTR_FIELD_PHONE_BUSINESS;
    fields[1].value = text(number);
    contact.size = sizeof(contact);
    contact.id = text(id);
    contact.fields = fields;
    contact.n_fields = 2;
    contact.field_size = sizeof(fields[0]);
    return the_host->sync_put(the_host, sync, &contact, 1);
}

static int32_t minimal_sync(void *self, struct ctr_sync *sync,
                            const struct ctr_sync_request *request)
{
    int32_t err;

    (void)self;
    (void)request;
    err = put(sync, "1", the_host->option_str(the_config, "greeting"), "+4930123456");
    if (err == 0)
        err = put(sync, "2", "Second", "+4930123457");
    return err;
}

static const struct ctr_source source = {
    sizeof(struct ctr_source), CTR_ON_LANE, 0, 0, minimal_sync, NULL, NULL, NULL,
};

CTR_PLUGIN = {
    sizeof(struct ctr_plugin),
    CTR_ABI_CURRENT,
    CTR_ABI(1, 0),
    1,
    "minimal",
    "1.0",
    "two contacts from nowhere",
    options,
    sizeof(options[0]),
    0,
    &source,
    NULL,
    NULL,
    minimal_create,
    NULL,
    NULL,
    NULL,
    minimal_destroy,
};
