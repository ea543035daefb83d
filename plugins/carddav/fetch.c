/* fetch.c - what changes.c found goes to the host: deletions by name, then the cards, by
 * addressbook-multiget (RFC 6352 section 8.7) in batches. A card the server leaves out of
 * its answer is asked for by itself, so none is ever taken for deleted in silence. */
#include <stdlib.h>

#include "kit/kit.h"
#include "run.h"

enum { DELETE_BATCH = 32 };

static void delete_next(struct run *run);
static void fetch_next(struct run *run);
static void on_cards(void *user, const struct dav_answer *answer);
static void get_next(struct run *run);
static int32_t on_card_body(void *user, const char *data, size_t n);
static void on_card_done(void *user, const struct http_result *result);

static struct book *this_book(struct run *run)
{
    return &run->books.at[run->book];
}

/* --- deletions ------------------------------------------------------------------------
 */

static void delete_next(struct run *run)
{
    char ids[DELETE_BATCH][CTR_ID_MAX + 1];
    struct ctr_str all[DELETE_BATCH];
    const struct ctr_host *host = run->s->host;
    uint32_t n = 0;

    while (run->book < run->books.n && n < DELETE_BATCH) {
        struct book *book = this_book(run);
        size_t len;

        if (run->at == book->gone.n) {
            run->book++;
            run->at = 0;
            continue;
        }
        len = book_name_id(book, names_at(&book->gone, run->at++), ids[n]);
        if (len > 0 && len <= CTR_ID_MAX) {
            all[n] = (struct ctr_str){ids[n], len};
            n++;
        }
    }
    if (n == 0) {
        run->book = run->at = 0;
        fetch_next(run);
        return;
    }
    run->n_gone += n;
    if (run_put_result(run, host->sync_delete(host, run->sync, all, n)) < 0)
        run_fail(run, run->error, "%s", run->reason);
    else
        run_continue(run, delete_next);
}

/* A card that was there before and is no contact now: not in a full sync, which knows by
 * itself. */
static int32_t delete_card(struct run *run, const char *id)
{
    const struct ctr_host *host = run->s->host;
    struct ctr_str one = {id, strlen(id)};

    if (run->full)
        return 0;
    run->n_gone++;
    return run_put_result(run, host->sync_delete(host, run->sync, &one, 1));
}

/* --- cards ----------------------------------------------------------------------------
 */

/* Of several vCards in one resource the first is it. */
static int32_t on_contact(void *user, const struct ctr_contact *contact, uint64_t line)
{
    struct run *run = user;
    const struct ctr_host *host = run->s->host;
    struct ctr_contact mine = *contact;

    (void)line;
    if (run->card_put || run->error != 0)
        return 0;
    run->card_put = true;
    run->n_put++;
    mine.id = kit_str(run->card);
    if (mine.owner.len == 0)
        mine.owner = kit_str(run->s->owner);
    run_put_result(run, host->sync_put(host, run->sync, &mine, 1));
    return 0;
}

static void on_reject(void *user, uint64_t line, const char *reason)
{
    struct run *run = user;

    (void)line;
    snprintf(run->wrong, sizeof(run->wrong), "%s", reason);
}

static void on_warn(void *user, uint64_t line, const char *reason)
{
    struct run *run = user;

    (void)line;
    run->s->host->sync_reject(run->s->host, run->sync, run->card, reason);
}

static const struct vcard_events events = {
    .on_contact = on_contact, .on_reject = on_reject, .on_warn = on_warn};

static uint64_t left_out(const struct run *run)
{
    const struct vcard_counts *counts = vcard_reader_counts(run->reader);

    return counts->hidden + counts->groups;
}

static void card_begin(struct run *run, const char *id)
{
    run->left_out = left_out(run);
    run->card = id;
    run->card_put = false;
    run->wrong[0] = 0;
}

/* The text is in. What is no contact is told, unless it is meant to be none: a group, or
 * private. */
static int32_t card_end(struct run *run)
{
    const struct ctr_host *host = run->s->host;

    if (vcard_reader_end(run->reader) < 0 && !run->wrong[0])
        snprintf(run->wrong, sizeof(run->wrong), "the card has no end");
    if (run->card_put)
        return run->error;
    if (!run->wrong[0] && left_out(run) == run->left_out)
        snprintf(run->wrong, sizeof(run->wrong), "there is no vCard in it");
    if (run->wrong[0])
        host->sync_reject(host, run->sync, run->card, run->wrong);
    return run->error ? run->error : delete_card(run, run->card);
}

static int32_t card_reject(struct run *run, const char *id, const char *reason)
{
    run->s->host->sync_reject(run->s->host, run->sync, id, reason);
    return delete_card(run, id);
}

/* --- the batch ------------------------------------------------------------------------
 */

static void batch_clear(struct run *run)
{
    for (uint32_t i = 0; i < run->n_batch; i++)
        free(run->batch[i].path);
    run->n_batch = 0;
}

void fetch_release(struct run *run)
{
    batch_clear(run);
    free(run->batch);
    vcard_reader_destroy(run->reader);
}

/* The names that are next, with their paths in one spelling. */
static bool batch_fill(struct run *run)
{
    struct book *book = this_book(run);
    char raw[2 * HREF_MAX], path[HREF_MAX], id[CTR_ID_MAX + 1];
    const struct ctr_host *host = run->s->host;

    batch_clear(run);
    while (run->n_batch < run->s->batch && run->at < book->changed.n) {
        const char *name = names_at(&book->changed, run->at++);
        struct wanted *w = &run->batch[run->n_batch];

        snprintf(raw, sizeof(raw), "%s%s", book->path, name);
        if (!href_path(raw, path) || book_card_id(book, path, id) > CTR_ID_MAX) {
            host->sync_reject(host, run->sync, "a card", "its path is too long");
            continue;
        }
        *w = (struct wanted){.name = name, .path = strdup(path)};
        if (!w->path) {
            run_fail(run, -CTR_ENOMEM, "out of memory");
            return false;
        }
        run->n_batch++;
    }
    run->hint = 0;
    return true;
}

/* Servers mostly answer in the order of the question. */
static struct wanted *batch_find(struct run *run, const char *path)
{
    for (uint32_t i = 0; i < run->n_batch; i++) {
        uint32_t k = (run->hint + i) % run->n_batch;

        if (strcmp(run->batch[k].path, path) == 0) {
            run->hint = k + 1;
            return &run->batch[k];
        }
    }
    return NULL;
}

/* --- multiget -------------------------------------------------------------------------
 */

static int32_t take_card(struct run *run, const char *id, const struct dav_response *r)
{
    if (r->data_long)
        return card_reject(run, id, "it is larger than max_card");
    card_begin(run, id);
    vcard_reader_feed(run->reader, r->data, r->data_len);
    return card_end(run);
}

static int32_t on_card(void *user, const struct dav_response *r)
{
    struct run *run = user;
    struct book *book = this_book(run);
    char whole[HTTP_URL_MAX], path[HREF_MAX], id[CTR_ID_MAX + 1];
    bool relative = r->href[0] != '/';
    struct wanted *w;

    if (relative && !http_join(book->url, r->href, whole))
        return 0;
    if (!href_path(relative ? whole : r->href, path))
        return 0;
    w = batch_find(run, path);
    if (!w || w->answered || book_card_id(book, path, id) == 0)
        return 0;
    if (r->status >= 500)
        return run_note(run, -CTR_EUNAVAIL,
                        "the server could not give a card (%d); its log says why",
                        r->status);
    if (r->status != 404 && r->status != 410 && r->status < 400 && !r->data &&
        !r->data_long)
        return 0; /* no word about its content: it is asked for by itself */
    w->answered = true;
    run->s->host->sync_progress(run->s->host, run->sync, ++run->n_done, run->n_changed);
    if (r->data || r->data_long)
        return take_card(run, id, r);
    if (r->status == 404 || r->status == 410)
        return delete_card(run, id);
    return card_reject(run, id, "the server does not let this user read it");
}

/* NULL: out of memory. Names go back as they came, behind the book's path as it came. */
static char *batch_body(struct run *run, size_t *len)
{
    const char *url = this_book(run)->url, *path = strstr(url, "://");
    const char **hrefs = calloc(run->n_batch, sizeof(*hrefs));
    char *text = NULL, *body = NULL;
    size_t room;
    uint32_t n = 0;

    path = path ? strchr(path + 3, '/') : NULL;
    room = path ? strlen(path) + HREF_MAX : 0;
    text = path ? malloc(room * run->n_batch) : NULL;
    if (hrefs && text) {
        for (; n < run->n_batch; n++) {
            snprintf(text + n * room, room, "%s%s", path, run->batch[n].name);
            hrefs[n] = text + n * room;
        }
        body = dav_ask_cards(hrefs, n, len);
    }
    free(text);
    free(hrefs);
    return body;
}

static void ask_cards(struct run *run)
{
    size_t len = 0;
    char *body = batch_body(run, &len);

    run_ask(run, &(struct dav_call){.method = "REPORT",
                                    .url = this_book(run)->url,
                                    .depth = "0",
                                    .body = body,
                                    .body_len = len,
                                    .data_max = run->s->max_card,
                                    .on_response = on_card,
                                    .on_done = on_cards});
    free(body);
}

static void fetch_next(struct run *run)
{
    while (run->book < run->books.n) {
        if (!batch_fill(run))
            return;
        if (run->n_batch > 0 && !run->no_multiget) {
            ask_cards(run);
            return;
        }
        if (run->n_batch > 0) {
            run->getting = 0;
            get_next(run);
            return;
        }
        run->book++;
        run->at = 0;
    }
    run_finish(run);
}

static bool is_unknown(int status)
{
    return status == 400 || status == 405 || status == 415 || status == 501;
}

static void on_cards(void *user, const struct dav_answer *answer)
{
    struct run *run = user;

    if (run->error == 0 && answer->http.error == 0 && is_unknown(answer->http.status)) {
        kit_log(run->s->host, CTR_LOG_INFO,
                "carddav fetches cards one by one reason=\"no addressbook-multiget\"");
        run->no_multiget = true;
    } else if (!run_answered(run, answer, "cards")) {
        return;
    }
    run->getting = 0;
    run_continue(run, get_next);
}

/* --- one by one -----------------------------------------------------------------------
 */

static void get_next(struct run *run)
{
    static const char *const headers[] = {"Accept: text/vcard, text/x-vcard;q=0.9", NULL};
    struct source *s = run->s;
    char url[HTTP_URL_MAX];

    while (run->getting < run->n_batch && run->batch[run->getting].answered)
        run->getting++;
    if (run->getting == run->n_batch) {
        fetch_next(run);
        return;
    }
    snprintf(url, sizeof(url), "%.*s%s", HTTP_URL_MAX - HREF_MAX, this_book(run)->url,
             run->batch[run->getting].name);
    book_card_id(this_book(run), run->batch[run->getting].path, run->get_id);
    card_begin(run, run->get_id);
    s->host->metric_add(s->host, s->metric_requests, 1);
    run->get = http_start(s->http, &(struct http_call){.method = "GET",
                                                       .url = url,
                                                       .headers = headers,
                                                       .max_bytes = s->max_card,
                                                       .on_body = on_card_body,
                                                       .on_done = on_card_done,
                                                       .user = run});
    if (!run->get)
        run_fail(run, -CTR_ENOMEM, "out of memory");
}

static int32_t on_card_body(void *user, const char *data, size_t n)
{
    struct run *run = user;

    if (http_status(run->get) == 200)
        vcard_reader_feed(run->reader, data, n);
    return run->error;
}

static int32_t take_got(struct run *run, const struct http_result *result)
{
    char text[HTTP_REASON_MAX];
    int32_t code;

    if (result->error == -CTR_ESIZE) {
        (void)vcard_reader_end(run->reader); /* cut short: whatever it says */
        return run->card_put ? 0
                             : card_reject(run, run->card, "it is larger than max_card");
    }
    if (result->error == 0 && result->status == 200)
        return card_end(run);
    if (result->error == 0 && (result->status == 404 || result->status == 410))
        return delete_card(run, run->card);
    if (result->error == 0 && result->status == 403)
        return card_reject(run, run->card, "the server does not let this user read it");
    run_heed(run, result);
    code = http_explain(result, "a card", text);
    return run_note(run, code, "%s", text);
}

static void on_card_done(void *user, const struct http_result *result)
{
    struct run *run = user;

    run->get = NULL;
    run->batch[run->getting].answered = true;
    run->s->host->sync_progress(run->s->host, run->sync, ++run->n_done, run->n_changed);
    if (run->error != 0 || take_got(run, result) < 0)
        run_fail(run, run->error, "%s", run->reason);
    else
        run_continue(run, get_next);
}

/* --- the beginning --------------------------------------------------------------------
 */

void fetch_begin(struct run *run)
{
    const struct source *s = run->s;
    struct vcard_options options = {.map = s->maps.at,
                                    .n_map = s->maps.n,
                                    .photo_max = s->photo_max,
                                    .show_private = s->show_private,
                                    .private_owner = s->owner};

    run->reader = vcard_reader_create(&options, &events, run);
    run->batch = calloc(s->batch, sizeof(*run->batch));
    if (!run->reader || !run->batch) {
        run_fail(run, -CTR_ENOMEM, "out of memory");
        return;
    }
    if (run->full && run->cursor && s->host->sync_full(s->host, run->sync) < 0) {
        run_fail(run, -CTR_EINTERNAL, "the daemon does not take a full sync");
        return;
    }
    run->book = run->at = 0;
    delete_next(run);
}
