/* newer.c - a source as a later minor version of the ABI would build it: its structs have
 * tails this daemon does not know. */
#include <string.h>

#include "contactor/plugin.h"

struct newer_plugin {
    struct ctr_plugin v1;
    void (*later)(void);
    uint64_t more[4];
};

struct newer_option {
    struct ctr_option v1;
    const char *unit;
};

struct newer_field {
    struct ctr_field v1;
    struct ctr_str language;
};

struct newer_contact {
    struct ctr_contact v1;
    uint64_t revision;
};

struct newer_source {
    struct ctr_source v1;
    void (*later)(void);
};

static const struct newer_option options[] = {
    {{"first", CTR_OPT_STRING, 0, 0, 0, "One", NULL, "The name of the first contact."},
     "name"},
    {{"second", CTR_OPT_STRING, 0, 0, 0, "Two", NULL, "The name of the second contact."},
     "name"},
};

static const struct ctr_host *the_host;
static const struct ctr_config *the_config;

static struct ctr_str text(const char *z)
{
    struct ctr_str s;

    s.ptr = z;
    s.len = strlen(z);
    return s;
}

static int32_t newer_create(const struct ctr_host *host, const struct ctr_config *config,
                            void **out)
{
    the_host = host;
    the_config = config;
    *out = NULL;
    return 0;
}

static void newer_destroy(void *self)
{
    (void)self;
}

static int32_t newer_sync(void *self, struct ctr_sync *sync,
                          const struct ctr_sync_request *request)
{
    struct newer_contact contacts[2];
    struct newer_field fields[2][2];
    static const char *const ids[] = {"1", "2"};
    static const char *const names[] = {"first", "second"};
    static const char *const numbers[] = {"+4930123401", "+4930123402"};

    (void)self;
    (void)request;
    memset(contacts, 0xff, sizeof(contacts));
    memset(fields, 0xff, sizeof(fields));
    for (int i = 0; i < 2; i++) {
        memset(&contacts[i].v1, 0, sizeof(contacts[i].v1));
        memset(&fields[i][0].v1, 0, sizeof(fields[i][0].v1));
        memset(&fields[i][1].v1, 0, sizeof(fields[i][1].v1));
        contacts[i].v1.size = sizeof(contacts[i]);
        contacts[i].v1.id = text(ids[i]);
        contacts[i].v1.fields = &fields[i][0].v1;
        contacts[i].v1.n_fields = 2;
        contacts[i].v1.field_size = sizeof(fields[i][0]);
        fields[i][0].v1.kind = CTR_FIELD_DISPLAY_NAME;
        fields[i][0].v1.value = text(the_host->option_str(the_config, names[i]));
        fields[i][1].v1.kind = CTR_FIELD_PHONE_BUSINESS;
        fields[i][1].v1.value = text(numbers[i]);
    }
    return the_host->sync_put(the_host, sync, &contacts[0].v1, 2);
}

static const struct newer_source source = {
    {sizeof(struct newer_source), CTR_ON_LANE, 0, 0, newer_sync, NULL, NULL, NULL}, NULL};

CTR_EXPORT const struct newer_plugin newer_descriptor __asm__("contactor_plugin") = {
    {sizeof(struct newer_plugin), CTR_ABI(1, 7), CTR_ABI(1, 0), 2, "newer", "2.0",
     "built with headers of a later minor version", &options[0].v1, sizeof(options[0]), 0,
     &source.v1, NULL, NULL, newer_create, NULL, NULL, NULL, newer_destroy},
    NULL,
    {1, 2, 3, 4}};
