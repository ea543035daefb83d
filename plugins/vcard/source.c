/* source.c - vCard files as a source: options, watching, and what a sync as a whole must
 * be to count. */
#include "source.h"

#include <errno.h>
#include <stdlib.h>

#include "files.h"
#include "kit/kit.h"

/* --- life -----------------------------------------------------------------------------
 */

static const struct vcard_events no_events;

static bool charset_known(const char *name)
{
    struct vcard_options options = {.charset = name};
    struct vcard_reader *r = vcard_reader_create(&options, &no_events, NULL);
    bool known = r || errno != EINVAL;

    vcard_reader_destroy(r);
    return known;
}

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    bool owner = host->option_str(config, "owner") != NULL;
    int32_t rc = vcard_maps_check(host, config, "map");

    if (!charset_known(host->option_str(config, "charset"))) {
        host->option_error(config, "charset",
                           "is not known; an example is \"windows-1252\" or "
                           "\"iso-8859-2\"");
        rc = -CTR_ECONF;
    }
    if (owner != (host->option_int(config, "private") == PRIVATE_OWNER)) {
        host->option_error(config, owner ? "owner" : "private",
                           "private = \"owner\" and owner = \"NAME\" go together");
        rc = -CTR_ECONF;
    }
    return rc;
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->path = host->option_str(config, "path");
    s->pattern = host->option_str(config, "pattern");
    s->recursive = host->option_int(config, "recursive") != 0;
    s->settle = host->option_int(config, "settle");
    s->max_size = host->option_int(config, "max_size");
    s->max_cards = host->option_int(config, "max_cards");
    s->allow_empty = host->option_int(config, "allow_empty") != 0;
    s->metric_cards = host->metric_define(host, CTR_METRIC_COUNTER, "vcard_cards_total",
                                          "Cards read from the files.");
    s->metric_rejected =
        host->metric_define(host, CTR_METRIC_COUNTER, "vcard_cards_rejected_total",
                            "Cards that could not be used.");
    rc = vcard_maps_load(&s->maps, host, config, "map");
    s->cards = (struct vcard_options){
        .charset = host->option_str(config, "charset"),
        .map = s->maps.at,
        .n_map = s->maps.n,
        .photo_max = host->option_int(config, "photos") ? CTR_PHOTO_MAX : 0,
        .show_private = host->option_int(config, "private") == PRIVATE_SHOW,
        .private_owner = host->option_str(config, "owner")};
    if (rc != 0)
        source_destroy(s);
    else
        *instance = s;
    return rc;
}

int32_t source_start(void *instance)
{
    struct source *s = instance;
    int32_t rc = s->host->watch(s->host, s->path, (uint32_t)s->settle);

    if (rc != 0)
        return kit_fail(s->host, rc, "cannot watch %s for changes", s->path);
    if (s->recursive)
        folders_start(&s->folders, s->host, s->settle);
    return 0;
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    folders_finish(&s->folders);
    vcard_maps_finish(&s->maps);
    free(s);
}

/* --- the sync -------------------------------------------------------------------------
 */

static int32_t refuse_empty(const struct source *s, const struct run *run)
{
    const struct vcard_counts *n = vcard_reader_counts(run->reader);

    if (run->rejected)
        return kit_fail(s->host, -CTR_EFORMAT,
                        "none of the %llu cards of %s can be used; the last good data "
                        "stay; the first: %s",
                        (unsigned long long)run->rejected, s->path, run->first_reject);
    if (n->hidden || n->groups)
        return kit_fail(s->host, -CTR_EFORMAT,
                        "%s holds %llu private cards, %llu groups and no other contacts; "
                        "the last good data stay; see the option 'private'",
                        s->path, (unsigned long long)n->hidden,
                        (unsigned long long)n->groups);
    return kit_fail(s->host, -CTR_EFORMAT,
                    "%s holds no contacts (%llu files were read); the last good data "
                    "stay; check the option 'pattern', or set allow_empty = true if this "
                    "is right",
                    s->path, (unsigned long long)run->files);
}

static void report(const struct source *s, const struct run *run)
{
    const struct vcard_counts *n = vcard_reader_counts(run->reader);

    s->host->metric_add(s->host, s->metric_cards, (int64_t)(run->put + run->rejected));
    s->host->metric_add(s->host, s->metric_rejected, (int64_t)run->rejected);
    kit_log(s->host, CTR_LOG_INFO,
            "vcard read contacts=%llu rejected=%llu files=%llu groups=%llu "
            "private_left_out=%llu photos_left_out=%llu",
            (unsigned long long)run->put, (unsigned long long)run->rejected,
            (unsigned long long)run->files, (unsigned long long)n->groups,
            (unsigned long long)n->hidden, (unsigned long long)n->photos);
}

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    struct source *s = instance;
    struct run *run = calloc(1, sizeof(*run));
    int32_t rc;

    (void)request; /* files are always read whole */
    if (!run)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    rc = run_init(run, s, sync);
    folders_begin(&s->folders);
    run->folders = &s->folders;
    if (rc == 0)
        rc = files_read(run);
    folders_end(&s->folders, rc == 0);
    if (rc == 0 && run->put == 0 && !s->allow_empty)
        rc = refuse_empty(s, run);
    if (rc == 0)
        report(s, run);
    run_finish(run);
    free(run);
    return rc;
}
