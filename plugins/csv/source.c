/* source.c - one CSV file as a source: options, watching, and the sync from first byte to
 * last check. */
#include "source.h"

#include <ctype.h>
#include <stdlib.h>

#include "contacts.h"
#include "kit/kit.h"

struct source {
    const struct ctr_host *host;
    const char *path;
    enum encoding encoding;
    enum delimiter delimiter;
    struct config config;
    int64_t settle, max_size, max_rows;
    bool allow_empty;
    int32_t metric_rows, metric_rejected;
};

/* Everything one sync needs; too large for a stack. */
struct run {
    struct input in;
    struct rows rows;
    struct plan plan;
    struct contacts contacts;
    bool ready; /* contacts is initialised: the header is known */
};

/* --- life -----------------------------------------------------------------------------
 */

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    const char *key, *value;
    char text[160];
    int32_t rc = 0;

    for (uint32_t i = 0; host->option_map_at(config, "map", i, &key, &value) == 0; i++) {
        uint32_t kind = kit_kind(key);

        if (kind != 0 && kind != CTR_FIELD_PHOTO)
            continue;
        snprintf(text, sizeof(text), "map.%.40s cannot come from a CSV file", key);
        host->option_error(config, "map", text);
        rc = -CTR_ECONF;
    }
    if (host->option_int(config, "preset") == PRESET_NONE &&
        !host->option_set(config, "map")) {
        host->option_error(config, "map",
                           "is required with preset = \"none\": it names the columns");
        rc = -CTR_ECONF;
    }
    return rc;
}

static char *custom_name(const char *key)
{
    char *name = strdup(key + 2);

    for (char *p = name; p && *p; p++)
        *p = (char)tolower((uint8_t)*p);
    return name;
}

static int32_t read_map(struct source *s, const struct ctr_config *config)
{
    const char *key, *value;
    uint32_t n = 0;

    while (s->host->option_map_at(config, "map", n, &key, &value) == 0)
        n++;
    s->config.map = calloc(n + 1, sizeof(*s->config.map));
    for (uint32_t i = 0; s->config.map && i < n; i++) {
        struct map_entry *e = &s->config.map[i];

        s->host->option_map_at(config, "map", i, &e->key, &e->column);
        e->kind = kit_kind(e->key);
        s->config.n_map++;
        if (e->kind == CTR_FIELD_CUSTOM && !(e->name = custom_name(e->key)))
            break;
        if (i + 1 == n)
            return 0;
    }
    return n == 0 && s->config.map ? 0 : kit_fail(s->host, -CTR_ENOMEM, "out of memory");
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->path = host->option_str(config, "file");
    s->encoding = (enum encoding)host->option_int(config, "encoding");
    s->delimiter = (enum delimiter)host->option_int(config, "delimiter");
    s->config.header = host->option_int(config, "header") != 0;
    s->config.preset = (enum preset)host->option_int(config, "preset");
    s->settle = host->option_int(config, "settle");
    s->max_size = host->option_int(config, "max_size");
    s->max_rows = host->option_int(config, "max_rows");
    s->allow_empty = host->option_int(config, "allow_empty") != 0;
    s->metric_rows = host->metric_define(host, CTR_METRIC_COUNTER, "csv_rows_total",
                                         "Rows read from the file.");
    s->metric_rejected =
        host->metric_define(host, CTR_METRIC_COUNTER, "csv_rows_rejected_total",
                            "Rows that could not be used.");
    rc = read_map(s, config);
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
    return 0;
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    for (uint32_t i = 0; i < s->config.n_map; i++)
        free(s->config.map[i].name);
    free(s->config.map);
    free(s);
}

/* --- the sync -------------------------------------------------------------------------
 */

static int32_t refuse_empty(const struct source *s, const struct run *run)
{
    if (run->ready && run->contacts.rejected)
        return kit_fail(
            s->host, -CTR_EFORMAT,
            "none of the %llu rows of %s can be used; the last good data stay; "
            "the first: %s",
            (unsigned long long)run->contacts.rejected, s->path,
            run->contacts.first_reject);
    return kit_fail(
        s->host, -CTR_EFORMAT,
        "%s holds no contacts; the last good data stay; set allow_empty = true "
        "if an empty file is right",
        s->path);
}

static int32_t take_header(const struct source *s, struct run *run)
{
    int32_t rc = plan_make(&run->plan, s->host, &s->config, s->path, &run->rows);

    if (rc == 0)
        rc = contacts_init(&run->contacts, s->host, run->in.sync, &run->plan);
    run->ready = rc == 0;
    run->rows.columns = run->rows.n_cells;
    return rc;
}

static int32_t take_row(const struct source *s, struct run *run)
{
    struct contacts *c = &run->contacts;
    bool first = !run->ready;
    int32_t rc = first ? take_header(s, run) : 0;

    if (rc != 0 || (first && s->config.header))
        return rc;
    if (c->put + c->n + c->rejected + c->blank >= (uint64_t)s->max_rows)
        return kit_fail(s->host, -CTR_EREFUSED,
                        "%s has more than %lld rows; the last good data stay; raise "
                        "max_rows if this is right",
                        s->path, (long long)s->max_rows);
    return contacts_row(c, &run->rows);
}

static int32_t take_bad(const struct source *s, struct run *run)
{
    if (run->ready) {
        contacts_reject(&run->contacts, run->rows.line, run->rows.reason);
        return 0;
    }
    return kit_fail(
        s->host, -CTR_EFORMAT,
        "%s: the first row, line %llu, cannot be read: %s; the last good data "
        "stay",
        s->path, (unsigned long long)run->rows.line, run->rows.reason);
}

static int32_t fail_cut(const struct source *s, const struct run *run)
{
    return kit_fail(s->host, -CTR_EUNAVAIL,
                    "%s seems half written: %s; will retry; the last good data stay",
                    s->path, run->rows.reason);
}

/* The batch points into the row buffer, so it goes before the buffer moves. */
static int32_t more(struct run *run)
{
    int32_t rc = run->ready ? contacts_flush(&run->contacts) : 0;

    return rc == 0 ? rows_fill(&run->rows) : rc;
}

static int32_t read_rows(const struct source *s, struct run *run)
{
    int32_t rc = rows_begin(&run->rows, s->delimiter);

    while (rc == 0) {
        switch (rows_next(&run->rows)) {
        case ROWS_ROW:
            rc = take_row(s, run);
            break;
        case ROWS_BAD:
            rc = take_bad(s, run);
            break;
        case ROWS_MORE:
            rc = more(run);
            break;
        case ROWS_CUT:
            return fail_cut(s, run);
        case ROWS_END:
            return run->ready ? contacts_flush(&run->contacts) : 0;
        }
    }
    return rc;
}

static int32_t read_file(const struct source *s, struct run *run, struct ctr_sync *sync)
{
    int32_t rc =
        input_open(&run->in, s->host, sync, s->path, s->encoding, s->settle, s->max_size);

    if (rc == 0)
        rc = rows_init(&run->rows, &run->in);
    if (rc == 0)
        rc = read_rows(s, run);
    if (rc == 0 || rc == -CTR_EFORMAT) {
        /* What looks wrong may only be unfinished: a change says so first. */
        int32_t changed = input_unchanged(&run->in);

        rc = changed ? changed : rc;
    }
    if (rc == 0 && run->contacts.put == 0 && !s->allow_empty)
        rc = refuse_empty(s, run);
    return rc;
}

static void report(const struct source *s, const struct run *run)
{
    const struct contacts *c = &run->contacts;
    static const char *const presets[] = {"auto", "none", "outlook", "google",
                                          "contactor"};
    char delimiter[] = {run->rows.delimiter, 0};

    s->host->metric_add(s->host, s->metric_rows, (int64_t)(c->put + c->rejected));
    s->host->metric_add(s->host, s->metric_rejected, (int64_t)c->rejected);
    kit_log(s->host, CTR_LOG_INFO,
            "csv read contacts=%llu rejected=%llu encoding=\"%s\" delimiter=%s preset=%s",
            (unsigned long long)c->put, (unsigned long long)c->rejected,
            encoding_name(run->in.decoder.from),
            run->rows.delimiter == '\t' ? "tab" : delimiter, presets[run->plan.preset]);
}

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    const struct source *s = instance;
    struct run *run = calloc(1, sizeof(*run));
    int32_t rc;

    (void)request; /* a file is always read whole */
    if (!run)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    run->in.fd = -1;
    rc = read_file(s, run, sync);
    if (rc == 0)
        report(s, run);
    if (run->ready)
        contacts_finish(&run->contacts);
    plan_finish(&run->plan);
    rows_finish(&run->rows);
    input_close(&run->in);
    free(run);
    return rc;
}
