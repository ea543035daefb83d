/* changes.c - which cards of each book changed since the last sync: by sync-collection
 * (RFC 6578) from its token, page after page; where the server has none, by its ctag and
 * a listing. A token that is no longer known makes the whole sync a full one: deletions
 * since then can only be found by comparing everything. */
#include <stdlib.h>

#include "kit/kit.h"
#include "run.h"

static void next_book(struct run *run);
static void ask_changes(struct run *run);
static void on_changes(void *user, const struct dav_answer *answer);
static void ask_members(struct run *run);
static void on_members(void *user, const struct dav_answer *answer);

static struct book *this_book(struct run *run)
{
    return &run->books.at[run->book];
}

void changes_begin(struct run *run)
{
    run->book = 0;
    run->n_changed = 0;
    next_book(run);
}

/* Once at most: a full sync has no old tokens. */
static void begin_again_full(struct run *run, const char *reason)
{
    kit_log(run->s->host, CTR_LOG_INFO, "carddav reads everything reason=%s",
            kit_quoted(reason));
    run->full = true;
    for (unsigned i = 0; i < run->books.n; i++) {
        names_clear(&run->books.at[i].changed);
        names_clear(&run->books.at[i].gone);
    }
    changes_begin(run);
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool set_since(struct run *run, const char *token)
{
    char *copy = strdup(token);

    free(run->since);
    run->since = copy;
    if (!copy)
        run_fail(run, -CTR_ENOMEM, "out of memory");
    return copy != NULL;
}

static void collect(struct run *run, const char *token)
{
    run->pages = 0;
    if (!this_book(run)->can_sync)
        ask_members(run);
    else if (set_since(run, token))
        ask_changes(run);
}

static void next_book(struct run *run)
{
    struct book *book;

    while (run->book < run->books.n && !run->full) {
        book = this_book(run);
        if (!same(book->token, book->known_token) && !same(book->ctag, book->known_ctag))
            break;
        /* Unchanged: the token it came with stays good, where the server told no new. */
        run->book++;
    }
    if (run->book == run->books.n) {
        fetch_begin(run);
        return;
    }
    book = this_book(run);
    if (run->full || !book->known)
        collect(run, "");
    else if (book->known_token && book->can_sync)
        collect(run, book->known_token);
    else
        begin_again_full(run, "an address book changed, and its server cannot say how");
}

/* --- names ----------------------------------------------------------------------------
 */

/* The last segment as the server writes it. */
static bool name_of(const char *href, char out[HREF_MAX])
{
    const char *name = href_last(href);
    size_t n = strcspn(name, "/?#");

    if (n == 0 || n >= HREF_MAX)
        return false;
    memcpy(out, name, n);
    out[n] = 0;
    return true;
}

static int32_t add_name(struct run *run, struct names *names, const char *href)
{
    char name[HREF_MAX];

    if (!name_of(href, name))
        return 0;
    if (++run->n_changed > run->s->max_contacts)
        return run_note(run, -CTR_ESIZE,
                        "there are more than %u cards; raise max_contacts if this is "
                        "right",
                        run->s->max_contacts);
    if (names_add(names, name) < 0)
        return run_note(run, -CTR_ENOMEM, "out of memory");
    return 0;
}

/* The path of a response in one spelling; false: not one of this book. */
static bool member_path(struct run *run, const char *href, char path[HREF_MAX])
{
    char whole[HTTP_URL_MAX];

    if (href[0] == '/')
        return href_path(href, path);
    return http_join(this_book(run)->url, href, whole) && href_path(whole, path);
}

static bool is_book(const struct book *book, const char *path)
{
    size_t n = strlen(path);

    return strncmp(book->path, path, n) == 0 &&
           (book->path[n] == 0 || strcmp(book->path + n, "/") == 0);
}

static int32_t on_change(void *user, const struct dav_response *r)
{
    struct run *run = user;
    struct book *book = this_book(run);
    char path[HREF_MAX], id[CTR_ID_MAX + 1];

    if (!member_path(run, r->href, path))
        return 0;
    if (is_book(book, path)) {
        run->truncated |= r->status == 507;
        return 0;
    }
    if (book_card_id(book, path, id) == 0)
        return 0;
    run->page_size++;
    if (r->status == 404 || r->status == 410)
        return run->full ? 0 : add_name(run, &book->gone, r->href);
    if (r->status >= 500)
        return run_note(run, -CTR_EUNAVAIL,
                        "the server could not tell of a card (%d); its log says why",
                        r->status);
    /* A card without an etag, or with a bare status of 200, is a card, too. */
    if (r->status >= 400 || r->collection)
        return 0;
    return add_name(run, &book->changed, r->href);
}

/* --- sync-collection ------------------------------------------------------------------
 */

static void ask_changes(struct run *run)
{
    size_t len = 0;
    char *body = dav_ask_changes(run->since, &len);

    run->truncated = false;
    run->page_size = 0;
    run_ask(run, &(struct dav_call){.method = "REPORT",
                                    .url = this_book(run)->url,
                                    .depth = "0",
                                    .body = body,
                                    .body_len = len,
                                    .on_response = on_change,
                                    .on_done = on_changes});
    free(body);
}

/* The token for the next page, or for the next sync. false: the run has ended */
static bool take_token(struct run *run, const char *token)
{
    struct book *book = this_book(run);
    char *copy;

    if (run->truncated && (!token || strcmp(token, run->since) == 0 ||
                           run->page_size == 0 || ++run->pages > PAGES_MAX)) {
        run_fail(run, -CTR_EPROTO,
                 "the server cuts its answer about \"%.60s\" short and does not say how "
                 "to go on",
                 book->name);
        return false;
    }
    /* Without a new one that of the listing is older, which does no harm. */
    if (!token)
        return true;
    copy = strdup(token);
    if (!copy) {
        run_fail(run, -CTR_ENOMEM, "out of memory");
        return false;
    }
    free(book->token);
    book->token = copy;
    return true;
}

/* This server says it can, or did not say that it cannot, but it cannot. */
static void give_up_sync(struct run *run)
{
    struct book *book = this_book(run);

    kit_log(run->s->host, CTR_LOG_INFO,
            "carddav lists the address book instead reason=\"no sync-collection\"");
    book->can_sync = false;
    free(book->token);
    book->token = NULL;
    ask_members(run);
}

static bool is_refusal(int status)
{
    static const int all[] = {400, 403, 404, 405, 409, 410, 412, 415, 422, 501, 507};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] == status)
            return true;
    return false;
}

static void on_changes(void *user, const struct dav_answer *answer)
{
    struct run *run = user;
    bool refused = run->error == 0 && answer->http.error == 0 && !answer->multistatus &&
                   is_refusal(answer->http.status);

    if ((refused || answer->bad_token) && run->since[0] && !run->full) {
        begin_again_full(run, "the server no longer knows the last sync");
        return;
    }
    if (refused && !run->since[0]) {
        give_up_sync(run);
        return;
    }
    if (!run_answered(run, answer, "the changes of an address book") ||
        !take_token(run, answer->token))
        return;
    if (run->truncated) {
        if (set_since(run, this_book(run)->token))
            ask_changes(run);
        return;
    }
    run->book++;
    next_book(run);
}

/* --- listing --------------------------------------------------------------------------
 */

static void ask_members(struct run *run)
{
    run->truncated = false;
    run_ask(run, &(struct dav_call){.method = "PROPFIND",
                                    .url = this_book(run)->url,
                                    .depth = "1",
                                    .body = dav_ask_members,
                                    .body_len = strlen(dav_ask_members),
                                    .on_response = on_change,
                                    .on_done = on_members});
}

static void on_members(void *user, const struct dav_answer *answer)
{
    struct run *run = user;

    if (!run_answered(run, answer, "the cards of an address book"))
        return;
    if (run->truncated) {
        run_fail(run, -CTR_EPROTO,
                 "the server does not list \"%.60s\" to its end; raise its limit",
                 this_book(run)->name);
        return;
    }
    run->book++;
    next_book(run);
}
