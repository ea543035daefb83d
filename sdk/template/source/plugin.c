/* @NAME@.c - contacts from a text file, one a line: id TAB name TAB number. */
#include <contactor/kit.h>

struct source {
    const struct ctr_host *host;
    const char *file; /* the option's value, the host's until destroy */
};

static const struct ctr_option options[] = {
    {"file", CTR_OPT_PATH, CTR_OPT_REQUIRED, 0, 0, NULL, NULL, "The text file."}};

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->file = host->option_str(config, "file");
    *instance = s;
    return 0;
}

static int32_t start(void *instance)
{
    struct source *s = instance;

    return s->host->watch(s->host, s->file, 500); /* read again when it changes */
}

static int32_t put(const struct source *s, struct ctr_sync *sync, char *line, unsigned n)
{
    char *id = strsep(&line, "\t"), *name = strsep(&line, "\t");
    struct ctr_field fields[] = {
        {.kind = CTR_FIELD_DISPLAY_NAME, .value = kit_str(name)},
        {.kind = CTR_FIELD_PHONE_BUSINESS, .value = kit_str(line)},
    };
    struct ctr_contact contact = kit_contact(kit_str(id), fields, 2);

    if (line)
        return s->host->sync_put(s->host, sync, &contact, 1);
    kit_reject(s->host, sync, "it is not id, name and number", "line %u", n);
    return 0;
}

static int32_t sync_file(void *instance, struct ctr_sync *sync,
                         const struct ctr_sync_request *request)
{
    const struct source *s = instance;
    FILE *file = fopen(s->file, "re");
    char line[4096];
    int32_t err = 0;

    (void)request; /* a delta is not offered */
    if (!file)
        return kit_fail(s->host, -CTR_EUNAVAIL, "cannot open %s", s->file);
    for (unsigned n = 1; err == 0 && fgets(line, sizeof(line), file); n++) {
        line[strcspn(line, "\r\n")] = '\0';
        err = put(s, sync, line, n);
    }
    if (ferror(file))
        err = kit_fail(s->host, -CTR_EIO, "cannot read %s", s->file);
    fclose(file);
    return err;
}

static const struct ctr_source source = {
    .size = sizeof(source), .threading = CTR_ON_LANE, .sync = sync_file};

CTR_PLUGIN = {KIT_ABI,
              KIT_OPTIONS(options),
              .name = "@NAME@",
              .version = "0.1",
              .summary = "contacts from a text file",
              .source = &source,
              .create = create,
              .start = start,
              .destroy = free};
