/* moody.c - a source that does what a file tells it, well or badly. Each sync, test and
 * search reads the file anew, and follows the lines of its own kind:
 *
 *   sync: put FROM N       contacts FROM..FROM+N-1: id "pI", "Person I", +49 30 5I
 *   sync: same N           the contact "same", N times
 *   sync: person ID|NAME|NUMBER|OWNER
 *   sync: group NAME MEMBER,MEMBER
 *   sync: wait MS          told to cancel, it ends
 *   sync: progress DONE TOTAL
 *   sync: fail REASON
 *   sync: hang             for ever, whatever it is told
 *   test: ok STEP|DETAIL   test: bad STEP|DETAIL|REMEDY   test: wait MS   test: hang
 *   search: person ...     search: wait MS   search: fail
 *   search: values         into the log: what was asked
 *
 * Built twice: moody on a lane, with searches beside syncs, and moody_loop on the loop,
 * where nothing can wait. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contactor/plugin.h"

enum { LINE_SIZE = 1024, BATCH = 500 };

static const struct ctr_option options[] = {
    {"script", CTR_OPT_PATH, CTR_OPT_REQUIRED, 0, 0, NULL, NULL, "What it does."},
};

struct moody {
    const struct ctr_host *host;
    const char *script;
};

/* ---- contacts -------------------------------------------------------------- */

struct person {
    char text[LINE_SIZE];
    struct ctr_field fields[2];
    struct ctr_contact contact;
};

static struct ctr_str str_of(const char *z)
{
    struct ctr_str s = {z, strlen(z)};

    return s;
}

/* "ID|NAME|NUMBER|OWNER", into its own copy. */
static void person_make(struct person *p, const char *text)
{
    char *part[4] = {0}, *rest = p->text;

    snprintf(p->text, sizeof(p->text), "%s", text);
    for (int i = 0; i < 4 && rest; i++)
        part[i] = strsep(&rest, "|");
    memset(p->fields, 0, sizeof(p->fields));
    memset(&p->contact, 0, sizeof(p->contact));
    p->fields[0].kind = CTR_FIELD_DISPLAY_NAME;
    p->fields[0].value = str_of(part[1] ? part[1] : "");
    p->fields[1].kind = CTR_FIELD_PHONE_BUSINESS;
    p->fields[1].value = str_of(part[2] ? part[2] : "");
    p->contact.size = sizeof(p->contact);
    p->contact.id = str_of(part[0]);
    if (part[3])
        p->contact.owner = str_of(part[3]);
    p->contact.fields = p->fields;
    p->contact.n_fields = 2;
    p->contact.field_size = sizeof(struct ctr_field);
}

static int32_t put_many(struct moody *m, struct ctr_sync *sync, long from, long n)
{
    static _Thread_local struct person people[BATCH];
    struct ctr_contact batch[BATCH];
    int32_t err = 0;

    for (long i = 0; i < n && err == 0;) {
        uint32_t k = 0;

        for (; k < BATCH && i < n; k++, i++) {
            char text[128];

            if (from < 0)
                snprintf(text, sizeof(text), "same|Same Person|+49 30 99");
            else
                snprintf(text, sizeof(text), "p%ld|Person %ld|+49 30 5%05ld", from + i,
                         from + i, from + i);
            person_make(&people[k], text);
            batch[k] = people[k].contact;
        }
        err = m->host->sync_put(m->host, sync, batch, k);
        m->host->sync_progress(m->host, sync, (uint64_t)i, (uint64_t)n);
        if (err == -CTR_EPAUSE)
            err = 0; /* taken */
    }
    return err;
}

static int32_t put_one(struct moody *m, struct ctr_sync *sync, const char *text)
{
    struct person p;

    person_make(&p, text);
    return m->host->sync_put(m->host, sync, &p.contact, 1);
}

static int32_t put_group(struct moody *m, struct ctr_sync *sync, char *text)
{
    struct ctr_str members[16];
    char *name = strsep(&text, " "), *member;
    uint32_t n = 0;

    while (text && n < 16 && (member = strsep(&text, ",")))
        members[n++] = str_of(member);
    return m->host->sync_group(m->host, sync, str_of(name), members, n);
}

/* ---- the script ------------------------------------------------------------ */

/* The rest of the next line of this kind, or NULL. */
static char *next_line(FILE *f, const char *kind, char line[LINE_SIZE])
{
    size_t n = strlen(kind);

    while (f && fgets(line, LINE_SIZE, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, kind, n) == 0 && line[n] == ':' && line[n + 1] == ' ')
            return line + n + 2;
    }
    return NULL;
}

/* What comes behind the word, or NULL. */
static char *after(char *line, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 || (line[n] != '\0' && line[n] != ' '))
        return NULL;
    return line[n] ? line + n + 1 : line + n;
}

static void hang(void)
{
    for (;;)
        sleep(1);
}

static int32_t wait_ms(struct moody *m, struct ctr_sync *sync, long ms)
{
    for (; ms > 0; ms -= 10) {
        if (sync && m->host->sync_canceled(m->host, sync) < 0)
            return -CTR_ECANCELED;
        usleep(10000);
    }
    return 0;
}

static int32_t follow_sync(struct moody *m, struct ctr_sync *sync, char *line)
{
    unsigned long long done = 0, total = 0;
    char *rest;
    long from = 0, n = 0;

    if ((rest = after(line, "put")) && sscanf(rest, "%ld %ld", &from, &n) == 2)
        return put_many(m, sync, from, n);
    if ((rest = after(line, "same")))
        return put_many(m, sync, -1, atol(rest));
    if ((rest = after(line, "person")))
        return put_one(m, sync, rest);
    if ((rest = after(line, "group")))
        return put_group(m, sync, rest);
    if ((rest = after(line, "wait")))
        return wait_ms(m, sync, atol(rest));
    if ((rest = after(line, "progress")) &&
        sscanf(rest, "%llu %llu", &done, &total) == 2) {
        m->host->sync_progress(m->host, sync, done, total);
        return 0;
    }
    if ((rest = after(line, "fail"))) {
        m->host->fail(m->host, rest);
        return -CTR_EIO;
    }
    if (after(line, "hang"))
        hang();
    m->host->fail(m->host, "the script has a line that is not known");
    return -CTR_EINVAL;
}

static int32_t run_sync(struct moody *m, struct ctr_sync *sync)
{
    FILE *f = fopen(m->script, "r");
    char buffer[LINE_SIZE], *line;
    int32_t err = 0;

    if (!f) {
        m->host->fail(m->host, "there is no script");
        return -CTR_ENOENT;
    }
    while (err == 0 && (line = next_line(f, "sync", buffer)))
        err = follow_sync(m, sync, line);
    fclose(f);
    return err;
}

/* ---- the roles ------------------------------------------------------------- */

static int32_t moody_sync(void *self, struct ctr_sync *sync,
                          const struct ctr_sync_request *request)
{
    struct moody *m = self;
    int32_t err = run_sync(m, sync);

    (void)request;
#ifdef MOODY_LOOP
    m->host->sync_done(m->host, sync, err);
    return 0;
#else
    return err;
#endif
}

static void log_values(struct moody *m, const struct ctr_filter *f)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "asked values=");

    for (uint32_t i = 0; i < f->n_values && n < 400; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%.*s", i ? "," : "",
                      (int)f->values[i].len, f->values[i].ptr);
    m->host->log(m->host, CTR_LOG_INFO, text);
}

static int32_t moody_search(void *self, struct ctr_search *search,
                            const struct ctr_query *query)
{
    struct moody *m = self;
    FILE *f = fopen(m->script, "r");
    char buffer[LINE_SIZE], *line, *rest;
    struct person p;
    int32_t err = 0;

    while (err == 0 && (line = next_line(f, "search", buffer))) {
        if ((rest = after(line, "person"))) {
            person_make(&p, rest);
            if (m->host->search_hits(m->host, search, &p.contact, 1) == -CTR_ECANCELED)
                err = -CTR_ECANCELED;
        } else if ((rest = after(line, "wait"))) {
            wait_ms(m, NULL, atol(rest));
        } else if (after(line, "values")) {
            log_values(m, query->filter);
        } else {
            err = -CTR_EIO;
        }
    }
    if (f)
        fclose(f);
    m->host->search_done(m->host, search, err);
    return 0;
}

static void moody_search_cancel(void *self, struct ctr_search *search)
{
    (void)self;
    (void)search;
}

#ifndef MOODY_LOOP
static int32_t follow_test(struct moody *m, struct ctr_test *test, char *line)
{
    char *rest = after(line, "ok"), *bad = after(line, "bad"), *step, *detail;

    if (after(line, "hang"))
        hang();
    if (after(line, "wait"))
        return wait_ms(m, NULL, atol(after(line, "wait")));
    if (after(line, "patience")) {
        while (m->host->test_canceled(m->host, test) == 0)
            usleep(10000);
        m->host->log(m->host, CTR_LOG_INFO, "test gave up");
        return -CTR_ECANCELED;
    }
    if (!rest)
        rest = bad;
    if (!rest)
        return -CTR_EINVAL;
    step = strsep(&rest, "|");
    detail = strsep(&rest, "|");
    m->host->test_step(m->host, test, step, bad ? -CTR_EACCES : 0, detail, rest);
    return bad ? -CTR_EACCES : 0;
}

static int32_t moody_test(void *self, struct ctr_test *test)
{
    struct moody *m = self;
    FILE *f = fopen(m->script, "r");
    char buffer[LINE_SIZE], *line;
    int32_t err = 0;

    while (err == 0 && (line = next_line(f, "test", buffer)))
        err = follow_test(m, test, line);
    if (f)
        fclose(f);
    return err;
}
#endif

static int32_t moody_create(const struct ctr_host *host, const struct ctr_config *config,
                            void **out)
{
    struct moody *m = calloc(1, sizeof(*m));

    if (!m)
        return -CTR_ENOMEM;
    m->host = host;
    m->script = host->option_str(config, "script");
    *out = m;
    return 0;
}

static const struct ctr_source source = {
    .size = sizeof(source),
    .flags = CTR_SOURCE_SEARCH | CTR_SOURCE_PARALLEL,
    .sync = moody_sync,
    .search = moody_search,
    .search_cancel = moody_search_cancel,
#ifdef MOODY_LOOP
    .threading = CTR_ON_LOOP,
#else
    .threading = CTR_ON_LANE,
    .test = moody_test,
#endif
};

CTR_PLUGIN = {
    .size = sizeof(struct ctr_plugin),
    .abi_built = CTR_ABI_CURRENT,
    .abi_needs = CTR_ABI(1, 2),
    .n_options = 1,
#ifdef MOODY_LOOP
    .name = "moody_loop",
#else
    .name = "moody",
#endif
    .version = "1.0",
    .summary = "does what a file tells it",
    .options = options,
    .option_size = sizeof(options[0]),
    .source = &source,
    .create = moody_create,
    .destroy = free,
};
