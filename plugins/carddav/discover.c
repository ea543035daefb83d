/* discover.c - from the url of the configuration to the address books (RFC 6764, RFC
 * 5397, RFC 6352 section 7.1): the url may be an address book, the folder they lie in, a
 * principal, or just the server. */
#include <stdlib.h>

#include "kit/kit.h"
#include "run.h"

static void try_candidate(struct run *run);
static void on_candidate(void *user, const struct dav_answer *answer);
static void ask_principal(struct run *run);
static void on_principal(void *user, const struct dav_answer *answer);
static void list_next(struct run *run);
static void on_list(void *user, const struct dav_answer *answer);
static void list_done(struct run *run);

static void propfind(struct run *run, const char *url, const char *depth,
                     multistatus_fn on_response,
                     void (*on_done)(void *user, const struct dav_answer *answer))
{
    run_ask(run, &(struct dav_call){.method = "PROPFIND",
                                    .url = url,
                                    .depth = depth,
                                    .body = dav_ask_properties,
                                    .body_len = strlen(dav_ask_properties),
                                    .on_response = on_response,
                                    .on_done = on_done});
}

/* --- what one resource says of itself -------------------------------------------------
 */

static void self_clear(struct run *run)
{
    struct found *f = &run->found;

    for (unsigned i = 0; i < f->n_homes; i++)
        free(f->homes[i]);
    free(f->principal);
    *f = (struct found){0};
}

/* Depth 0: the first response is it, whatever it calls itself. */
static int32_t on_self(void *user, const struct dav_response *r)
{
    struct run *run = user;
    struct found *f = &run->found;

    if (f->any || !r->found)
        return 0;
    f->any = true;
    f->collection = r->collection;
    f->addressbook = r->addressbook;
    f->principal = r->principal ? strdup(r->principal) : NULL;
    if (r->principal && !f->principal)
        return run_note(run, -CTR_ENOMEM, "out of memory");
    for (unsigned i = 0; i < r->n_homes; i++) {
        f->homes[i] = strdup(r->homes[i]);
        if (!f->homes[i])
            return run_note(run, -CTR_ENOMEM, "out of memory");
        f->n_homes++;
    }
    return 0;
}

#define ELSEWHERE                                                                       \
    "the server keeps the address books at %s; name that host in trusted_hosts if the " \
    "password may be sent there"

static bool may_go(const struct run *run, const char *from, const char *to)
{
    return http_may_go(run->s->http, run->s->url, to) ||
           http_may_go(run->s->http, from, to);
}

/* A reference in an answer, if it leads where we may go. false: the run has ended */
static bool resolve(struct run *run, const char *base, const char *reference,
                    char out[HTTP_URL_MAX])
{
    char host[256];

    if (!http_join(base, reference, out)) {
        run_fail(run, -CTR_EPROTO,
                 "the server names a place for its address books that is no address");
        return false;
    }
    if (may_go(run, base, out))
        return true;
    http_host(out, host, sizeof(host));
    run_fail(run, -CTR_EACCES, ELSEWHERE, host);
    return false;
}

static bool take_homes(struct run *run, const char *base)
{
    struct source *s = run->s;
    struct found *f = &run->found;
    char url[HTTP_URL_MAX];

    for (unsigned i = 0; i < f->n_homes; i++) {
        if (!resolve(run, base, f->homes[i], url))
            return false;
        s->homes[s->n_homes] = strdup(url);
        if (!s->homes[s->n_homes]) {
            run_fail(run, -CTR_ENOMEM, "out of memory");
            return false;
        }
        s->n_homes++;
    }
    return true;
}

/* --- candidates: the url, and what RFC 6764 says to try -------------------------------
 */

static bool candidate_url(const struct run *run, unsigned i, char out[HTTP_URL_MAX])
{
    const char *url = run->s->url;
    char path[HREF_MAX];
    bool bare = !href_path(url, path) || strcmp(path, "/") == 0;

    if (i > 1)
        return false;
    return http_join(url, (i == 0) == bare ? "/.well-known/carddav" : url, out);
}

void discover_begin(struct run *run)
{
    if (run->s->n_homes || run->s->book_url) {
        run->home = 0;
        list_next(run);
        return;
    }
    run->candidate = 0;
    try_candidate(run);
}

/* Nothing more to try: a collection of unknown kind may be the folder of the books. */
static void candidates_exhausted(struct run *run)
{
    struct source *s = run->s;

    if (!run->fallback[0]) {
        run_fail(run, run->first_error ? run->first_error : -CTR_ENOENT,
                 "%s; the url should be that of the server, of a user's address books, "
                 "or of one address book",
                 run->first_reason);
        return;
    }
    s->homes[0] = strdup(run->fallback);
    if (!s->homes[0]) {
        run_fail(run, -CTR_ENOMEM, "out of memory");
        return;
    }
    s->n_homes = 1;
    list_next(run);
}

static void try_candidate(struct run *run)
{
    char url[HTTP_URL_MAX];

    self_clear(run);
    if (candidate_url(run, run->candidate, url))
        propfind(run, url, "0", on_self, on_candidate);
    else
        candidates_exhausted(run);
}

/* Whether an answer that is none leaves hope for another place. */
static bool may_be_elsewhere(const struct dav_answer *answer)
{
    int status = answer->http.status;

    return answer->http.error == 0 && status != 401 && status != 429 && status < 500;
}

static void next_candidate(struct run *run)
{
    run->candidate++;
    try_candidate(run);
}

static void take_candidate(struct run *run, const char *url)
{
    const struct found *f = &run->found;
    struct source *s = run->s;

    if (f->addressbook) {
        s->book_url = strdup(url);
        if (s->book_url)
            list_next(run);
        else
            run_fail(run, -CTR_ENOMEM, "out of memory");
        return;
    }
    if (f->n_homes) {
        if (take_homes(run, url))
            list_next(run);
        return;
    }
    if (f->collection && !run->fallback[0])
        snprintf(run->fallback, sizeof(run->fallback), "%s", url);
    if (!f->principal)
        next_candidate(run);
    else if (resolve(run, url, f->principal, run->principal))
        ask_principal(run);
}

static void on_candidate(void *user, const struct dav_answer *answer)
{
    struct run *run = user;
    char text[HTTP_REASON_MAX];
    int32_t code;

    if (run->error == 0 && !answer->multistatus && may_be_elsewhere(answer)) {
        code = http_explain(&answer->http, "the address books", text);
        if (run->first_error == 0) {
            run->first_error = code;
            snprintf(run->first_reason, sizeof(run->first_reason), "%s", text);
        }
        next_candidate(run);
        return;
    }
    if (!run_answered(run, answer, "the address books"))
        return;
    if (run->first_error == 0) {
        char host[256];

        http_host(answer->http.url, host, sizeof(host));
        run->first_error = -CTR_ENOENT;
        snprintf(run->first_reason, sizeof(run->first_reason),
                 "%s speaks WebDAV but names no address books for this user", host);
    }
    take_candidate(run, answer->http.url);
}

/* --- the principal --------------------------------------------------------------------
 */

static void ask_principal(struct run *run)
{
    self_clear(run);
    propfind(run, run->principal, "0", on_self, on_principal);
}

static void on_principal(void *user, const struct dav_answer *answer)
{
    struct run *run = user;

    if (run->error == 0 && !answer->multistatus && may_be_elsewhere(answer)) {
        next_candidate(run);
        return;
    }
    if (!run_answered(run, answer, "the user's address books"))
        return;
    if (run->found.n_homes == 0)
        next_candidate(run);
    else if (take_homes(run, answer->http.url))
        list_next(run);
}

/* --- the books ------------------------------------------------------------------------
 */

static const char *list_url(const struct run *run)
{
    const struct source *s = run->s;

    if (s->book_url)
        return run->home == 0 ? s->book_url : NULL;
    return run->home < s->n_homes ? s->homes[run->home] : NULL;
}

static int32_t on_book(void *user, const struct dav_response *r)
{
    struct run *run = user;
    char url[HTTP_URL_MAX], host[256];
    int32_t rc = -CTR_EINVAL;

    if (!r->found || !r->addressbook)
        return 0;
    if (http_join(dav_url(run->ask), r->href, url)) {
        if (!may_go(run, list_url(run), url)) {
            http_host(url, host, sizeof(host));
            return run_note(run, -CTR_EACCES, ELSEWHERE, host);
        }
        rc = books_add(&run->books, url, r);
    }
    if (rc == -CTR_ENOMEM)
        return run_note(run, rc, "out of memory");
    if (rc == -CTR_EFULL)
        return run_note(run, rc,
                        "there are more than %d address books; choose some with "
                        "address_books",
                        BOOKS_MAX);
    if (rc < 0)
        return run_note(run, -CTR_EPROTO, "the address of an address book is none");
    return 0;
}

static void list_next(struct run *run)
{
    const char *url = list_url(run);

    self_clear(run);
    if (url)
        propfind(run, url, run->s->book_url ? "0" : "1", on_book, on_list);
    else
        list_done(run);
}

static void on_list(void *user, const struct dav_answer *answer)
{
    struct run *run = user;

    if (!run_answered(run, answer, "the list of address books"))
        return;
    run->home++;
    list_next(run);
}

static void list_done(struct run *run)
{
    struct source *s = run->s;
    const char *missing;
    char found[HTTP_REASON_MAX - 128];

    if (run->books.n == 0) {
        run_fail(run, -CTR_ENOENT,
                 "there are no address books for this user where the url leads");
        return;
    }
    books_choose(&run->books, s->books, s->n_books, &missing);
    if (missing) {
        books_list(&run->books, found, sizeof(found));
        run_fail(run, -CTR_ENOENT, "there is no address book \"%.80s\"; there are: %s",
                 missing, found);
        return;
    }
    if (books_identify(&run->books) < 0) {
        run_fail(run, -CTR_ENOMEM, "out of memory");
        return;
    }
    if (!run->full && !cursor_read(&run->books, s->mark,
                                   (struct ctr_str){run->cursor, run->cursor_len})) {
        kit_log(s->host, CTR_LOG_INFO,
                "carddav reads everything reason=\"options or address books changed\"");
        run->full = true;
    }
    changes_begin(run);
}

void discover_release(struct run *run)
{
    self_clear(run);
}
