/* journal.c - contacts from a journal that some other program appends to:
 *
 *     + ID TAB NAME TAB NUMBER      a contact is new, or is now this
 *     - ID                          a contact is gone
 *
 * Shows what a source can do beyond a full sync: a delta that goes on where the last one
 * ended, and a live search. The cursor is the journal's inode and how far it was read, so
 * that a new journal, or a shorter one, is read from its beginning. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <contactor/kit.h>

struct journal {
    const struct ctr_host *host;
    const char *file;
};

/* One line, taken apart in place. */
struct change {
    char *id, *name, *number; /* name NULL: the contact is gone */
};

struct cursor {
    uint64_t inode;
    int64_t offset;
};

static int32_t create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct journal *j = calloc(1, sizeof(*j));

    if (!j)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    j->host = host;
    j->file = host->option_str(config, "file");
    *instance = j;
    return 0;
}

static int32_t start(void *instance)
{
    struct journal *j = instance;

    return j->host->watch(j->host, j->file, 200);
}

static FILE *open_journal(const struct journal *j)
{
    FILE *file = fopen(j->file, "re");

    if (!file)
        kit_fail(j->host, -CTR_EUNAVAIL, "cannot open %s", j->file);
    return file;
}

/* returns 1: an entry | 0: the end, or a line that is still being written | -1: not one
 */
static int next_change(FILE *file, char *line, int size, struct change *e)
{
    char *rest = line + 2;

    if (!fgets(line, size, file) || !strchr(line, '\n'))
        return 0;
    line[strcspn(line, "\r\n")] = '\0';
    if ((line[0] != '+' && line[0] != '-') || line[1] != ' ')
        return -1;
    e->id = strsep(&rest, "\t");
    e->name = line[0] == '+' ? strsep(&rest, "\t") : NULL;
    e->number = rest;
    return *e->id && (line[0] == '-' || e->number) ? 1 : -1;
}

static struct ctr_contact contact_of(const struct change *e, struct ctr_field fields[2])
{
    fields[0] =
        (struct ctr_field){.kind = CTR_FIELD_DISPLAY_NAME, .value = kit_str(e->name)};
    fields[1] =
        (struct ctr_field){.kind = CTR_FIELD_PHONE_BUSINESS, .value = kit_str(e->number)};
    return kit_contact(kit_str(e->id), fields, 2);
}

/* ---- sync ----------------------------------------------------------------------- */

static int32_t put(const struct journal *j, struct ctr_sync *sync, const struct change *e)
{
    struct ctr_field fields[2];
    struct ctr_contact contact = contact_of(e, fields);

    return j->host->sync_put(j->host, sync, &contact, 1);
}

/* A delta passes each line on as it is. */
static int32_t pass_on(const struct journal *j, struct ctr_sync *sync,
                       const struct change *e)
{
    struct ctr_str id = kit_str(e->id);

    return e->name ? put(j, sync, e) : j->host->sync_delete(j->host, sync, &id, 1);
}

/* A full sync puts only what the journal comes to: one for each id, its last. */
struct all {
    const struct journal *journal;
    struct ctr_sync *sync;
    void *tree; /* of struct change: see tsearch(3) */
    int32_t err;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct change *)a)->id, ((const struct change *)b)->id);
}

static void forget(void *change)
{
    struct change *e = change;

    free(e->id);
    free(e->name);
    free(e->number);
    free(e);
}

static void take_off(struct all *all, const struct change *e)
{
    struct change **found = tfind(e, &all->tree, by_id);
    struct change *old = found ? *found : NULL;

    if (old) {
        tdelete(old, &all->tree, by_id);
        forget(old);
    }
}

static int32_t keep(struct all *all, const struct change *e)
{
    struct change *copy;

    take_off(all, e);
    if (!e->name)
        return 0;
    copy = calloc(1, sizeof(*copy));
    if (copy) {
        *copy = (struct change){strdup(e->id), strdup(e->name), strdup(e->number)};
        if (copy->id && copy->name && copy->number && tsearch(copy, &all->tree, by_id))
            return 0;
        forget(copy);
    }
    return kit_fail(all->journal->host, -CTR_ENOMEM, "out of memory");
}

static void put_node(const void *node, VISIT visit, void *arg)
{
    struct all *all = arg;

    if ((visit == postorder || visit == leaf) && all->err == 0)
        all->err = put(all->journal, all->sync, *(const struct change *const *)node);
}

/* From where the file stands to its end. all: NULL for a delta. */
static int32_t read_on(const struct journal *j, struct ctr_sync *sync, FILE *file,
                       struct all *all, int64_t *offset)
{
    char line[4096];
    struct change e;
    int32_t err = 0;
    int got;

    while (err == 0 && (got = next_change(file, line, sizeof(line), &e)) != 0) {
        *offset = ftello(file);
        if (got < 0)
            kit_reject(j->host, sync, "it is neither + nor - with its parts",
                       "before byte %" PRId64, *offset);
        else
            err = all ? keep(all, &e) : pass_on(j, sync, &e);
    }
    if (err == 0 && ferror(file))
        err = kit_fail(j->host, -CTR_EIO, "cannot read %s", j->file);
    return err;
}

static int32_t read_all(const struct journal *j, struct ctr_sync *sync, FILE *file,
                        int64_t *offset)
{
    struct all all = {.journal = j, .sync = sync};

    all.err = read_on(j, sync, file, &all, offset);
    if (all.err == 0)
        twalk_r(all.tree, put_node, &all);
    tdestroy(all.tree, forget);
    return all.err;
}

static bool take_cursor(struct ctr_str text, const struct stat *st, struct cursor *from)
{
    char z[64];

    if (text.len == 0 || text.len >= sizeof(z))
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    return sscanf(z, "%" SCNu64 ":%" SCNd64, &from->inode, &from->offset) == 2 &&
           from->inode == st->st_ino && from->offset <= st->st_size;
}

static int32_t sync_from(const struct journal *j, struct ctr_sync *sync,
                         struct ctr_str cursor, FILE *file)
{
    struct cursor at;
    struct stat st;
    char text[64];
    int32_t err;

    if (fstat(fileno(file), &st) != 0)
        return kit_fail(j->host, -CTR_EIO, "cannot look at %s", j->file);
    if (take_cursor(cursor, &st, &at)) {
        fseeko(file, at.offset, SEEK_SET);
        err = read_on(j, sync, file, NULL, &at.offset);
    } else {
        at = (struct cursor){st.st_ino, 0};
        j->host->sync_full(j->host, sync);
        err = read_all(j, sync, file, &at.offset);
    }
    if (err != 0)
        return err;
    snprintf(text, sizeof(text), "%" PRIu64 ":%" PRId64, at.inode, at.offset);
    return j->host->sync_cursor(j->host, sync, kit_str(text));
}

static int32_t sync_journal(void *instance, struct ctr_sync *sync,
                            const struct ctr_sync_request *request)
{
    const struct journal *j = instance;
    FILE *file = open_journal(j);
    int32_t err;

    if (!file)
        return -CTR_EUNAVAIL;
    err = sync_from(j, sync, request->cursor, file);
    fclose(file);
    return err;
}

/* ---- live search ---------------------------------------------------------------- */

/* The first number the question holds, as E.164; anything else is left to the cache. */
static bool asked_number(const struct ctr_filter *f, struct ctr_str *number)
{
    if (f->op == CTR_OP_EQUAL && (f->kinds & CTR_KINDS_PHONE) && f->n_values > 0) {
        *number = f->values[0];
        return true;
    }
    for (uint32_t i = 0; i < f->n_children; i++) {
        if (f->op != CTR_OP_NOT && asked_number(f->children[i], number))
            return true;
    }
    return false;
}

/* Whether the last digits agree: the host looks at each hit again, exactly. */
static bool may_match(const char *stored, struct ctr_str asked)
{
    size_t s = strlen(stored), a = asked.len;

    for (int same = 0; same < 6;) {
        while (s > 0 && (stored[s - 1] < '0' || stored[s - 1] > '9'))
            s--;
        while (a > 0 && (asked.ptr[a - 1] < '0' || asked.ptr[a - 1] > '9'))
            a--;
        if (s == 0 || a == 0)
            return s == a && same > 0;
        if (stored[--s] != asked.ptr[--a])
            return false;
        same++;
    }
    return true;
}

/* Is there a later word about the contact? */
static bool is_outdated(FILE *file, const char *id)
{
    off_t here = ftello(file);
    char line[4096];
    struct change later;
    bool found = false;
    int got;

    while (!found && (got = next_change(file, line, sizeof(line), &later)) != 0)
        found = got > 0 && strcmp(later.id, id) == 0;
    fseeko(file, here, SEEK_SET);
    return found;
}

static int32_t search(void *instance, struct ctr_search *search,
                      const struct ctr_query *query)
{
    const struct journal *j = instance;
    struct ctr_field fields[2];
    struct ctr_contact contact;
    struct ctr_str number;
    char line[4096];
    struct change e;
    int32_t err = 0;
    FILE *file;
    int got;

    if (!asked_number(query->filter, &number)) {
        j->host->search_done(j->host, search, 0);
        return 0;
    }
    file = open_journal(j);
    if (!file)
        return -CTR_EUNAVAIL;
    while (err == 0 && (got = next_change(file, line, sizeof(line), &e)) != 0) {
        if (got < 0 || !e.name || !may_match(e.number, number) || is_outdated(file, e.id))
            continue;
        contact = contact_of(&e, fields);
        err = j->host->search_hits(j->host, search, &contact, 1);
        if (err == -CTR_EPAUSE)
            err = 0; /* taken; it is only a few */
    }
    fclose(file);
    j->host->search_done(j->host, search, 0);
    return 0;
}

/* A search ends by itself: search_hits says when nobody wants more. */
static void search_cancel(void *instance, struct ctr_search *search)
{
    (void)instance;
    (void)search;
}

/* ---- test ----------------------------------------------------------------------- */

/* What `contactorctl source test` shows: each step, and what to do where one fails. */
static int32_t test(void *instance, struct ctr_test *test)
{
    const struct journal *j = instance;
    FILE *file = fopen(j->file, "re");
    char line[4096], detail[64];
    unsigned entries = 0;
    struct change e;
    int got;

    if (!file) {
        j->host->test_step(j->host, test, "open", -CTR_EUNAVAIL, strerror(errno),
                           "make the journal readable for the user of the daemon");
        return -CTR_EUNAVAIL;
    }
    j->host->test_step(j->host, test, "open", 0, j->file, NULL);
    if (CTR_HOST_HAS(j->host, test_canceled) && j->host->test_canceled(j->host, test)) {
        fclose(file);
        return -CTR_ECANCELED;
    }
    while ((got = next_change(file, line, sizeof(line), &e)) != 0)
        entries += got > 0;
    fclose(file);
    snprintf(detail, sizeof(detail), "%u entries", entries);
    j->host->test_step(j->host, test, "read", 0, detail, NULL);
    return 0;
}

/* ---- the descriptor ------------------------------------------------------------- */

static const struct ctr_option options[] = {
    {"file", CTR_OPT_PATH, CTR_OPT_REQUIRED, 0, 0, NULL, NULL, "The journal."}};

static const struct ctr_source source = {.size = sizeof(source),
                                         .threading = CTR_ON_LANE,
                                         .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH |
                                                  CTR_SOURCE_PARALLEL,
                                         .sync = sync_journal,
                                         .search = search,
                                         .search_cancel = search_cancel,
                                         .test = test};

CTR_PLUGIN = {KIT_ABI,
              KIT_OPTIONS(options),
              .name = "journal",
              .version = "1.0",
              .summary = "contacts from a journal of changes",
              .source = &source,
              .create = create,
              .start = start,
              .destroy = free};
