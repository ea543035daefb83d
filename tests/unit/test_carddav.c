/* test_carddav.c - the parts of the CardDAV source: multistatus, paths, books, cursor. */
#include "contactor/error.h"
#include "cursor.h"
#include "multistatus.h"
#include "tap.h"

/* --- multistatus ----------------------------------------------------------------------
 */

#define BEGIN                                             \
    "<?xml version=\"1.0\"?><multistatus xmlns=\"DAV:\" " \
    "xmlns:C=\"urn:ietf:params:xml:ns:carddav\" "         \
    "xmlns:S=\"http://calendarserver.org/ns/\">"
#define OK   "<status>HTTP/1.1 200 OK</status>"
#define GONE "<status>HTTP/1.1 404 Not Found</status>"

struct seen {
    char text[4096];
    int pause_each; /* -CTR_EPAUSE after every response */
    int32_t error;
};

static void add(struct seen *s, const char *key, const char *value)
{
    size_t n = strlen(s->text);

    if (value)
        snprintf(s->text + n, sizeof(s->text) - n, " %s=%s", key, value);
}

static int32_t on_response(void *user, const struct dav_response *r)
{
    struct seen *s = user;
    char number[16];

    snprintf(number, sizeof(number), "%d", r->status);
    add(s, "href", r->href);
    add(s, "status", r->status ? number : NULL);
    add(s, "found", r->found ? "1" : NULL);
    add(s, "etag", r->etag);
    add(s, "ctag", r->ctag);
    add(s, "token", r->token);
    add(s, "name", r->name);
    add(s, "principal", r->principal);
    for (unsigned i = 0; i < r->n_homes; i++)
        add(s, "home", r->homes[i]);
    add(s, "book", r->addressbook ? "1" : NULL);
    add(s, "sync", r->can_sync ? "1" : NULL);
    add(s, "data", r->data);
    add(s, "long", r->data_long ? "1" : NULL);
    if (r->data && strlen(r->data) != r->data_len)
        abort();
    return s->error ? s->error : s->pause_each ? -CTR_EPAUSE : 0;
}

/* Fed in pieces of `step` bytes; the reader is the caller's. */
static int32_t feed(struct multistatus *m, const char *xml, size_t step)
{
    size_t n = strlen(xml);
    int32_t rc = 0;

    for (size_t at = 0; at < n && rc == 0; at += step) {
        rc = multistatus_feed(m, xml + at, n - at < step ? n - at : step);
        while (rc == -CTR_EPAUSE)
            rc = multistatus_resume(m);
    }
    if (rc == 0)
        rc = multistatus_end(m);
    while (rc == -CTR_EPAUSE)
        rc = multistatus_resume(m);
    return rc;
}

static void reads(const char *xml, const char *want, const char *name)
{
    static const size_t steps[] = {1, 7, 100000};

    for (int i = 0; i < 6; i++) {
        struct seen seen = {.pause_each = i >= 3};
        struct multistatus *m = multistatus_create(100, on_response, &seen);

        is_int(feed(m, xml, steps[i % 3]), 0, "%s: read", name);
        is_str(seen.text, want, "%s, in pieces of %zu%s", name, steps[i % 3],
               i >= 3 ? ", with pauses" : "");
        multistatus_destroy(m);
    }
}

static void test_answers(void)
{
    reads(BEGIN
          "<response><href> /a/b.vcf </href><propstat><prop><getetag>\"1\"</getetag>"
          "<C:address-data>BEGIN:VCARD&#13;\nx&lt;</C:address-data></prop>" OK
          "</propstat></response></multistatus>",
          " href=/a/b.vcf found=1 etag=\"1\" data=BEGIN:VCARD\r\nx<", "a card");
    reads(BEGIN "<response><href>/a</href>" GONE "</response><response><href>/b</href>"
                "<propstat><prop><getetag>2</getetag></prop>" GONE "</propstat><propstat>"
                "<prop><displayname>B</displayname></prop>" OK "</propstat></response>"
                "</multistatus>",
          " href=/a status=404 href=/b found=1 name=B", "what is there and what is not");
    reads(BEGIN "<response><href>/a/</href><propstat>" OK "<prop><resourcetype>"
                "<collection/><C:addressbook/></resourcetype><sync-token>t</sync-token>"
                "<S:getctag>c</S:getctag><supported-report-set><supported-report><report>"
                "<sync-collection/></report></supported-report></supported-report-set>"
                "</prop></propstat></response></multistatus>",
          " href=/a/ found=1 ctag=c token=t book=1 sync=1", "an address book");
    reads(
        "<d:multistatus xmlns:d='DAV:' xmlns:c='urn:ietf:params:xml:ns:carddav'>"
        "<d:response><d:href>/</d:href><d:propstat><d:prop><d:current-user-principal>"
        "<d:href>/p/</d:href></d:current-user-principal><c:addressbook-home-set><d:href>"
        "/h1/</d:href><d:href>/h2/</d:href></c:addressbook-home-set></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>",
        " href=/ found=1 principal=/p/ home=/h1/ home=/h2/", "other prefixes");
    reads(BEGIN
          "<response><href>/a</href><propstat><prop><x xmlns=\"urn:x\"><href>/no"
          "</href><getetag xmlns=\"DAV:\">no</getetag><response xmlns=\"DAV:\"/></x>"
          "<getetag xmlns=\"urn:x\">no</getetag></prop>" OK
          "</propstat></response></multistatus>",
          " href=/a found=1", "elements in the wrong place or of another namespace");
    reads(BEGIN "<response><href>/a</href><propstat><prop><C:address-data>"
                "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789</C:address-data></prop>" OK
                "</propstat></response></multistatus>",
          " href=/a found=1 long=1", "a card that is too long");
    reads(BEGIN "</multistatus>", "", "nothing");
}

static void test_tokens(void)
{
    struct seen seen = {0};
    struct multistatus *m = multistatus_create(100, on_response, &seen);

    feed(m,
         BEGIN "<response><href>/b/</href><status>HTTP/1.1 507 x</status></response>"
               "<sync-token>urn:1</sync-token></multistatus>",
         9);
    is_str(multistatus_token(m), "urn:1", "the token beside the responses");
    is_str(seen.text, " href=/b/ status=507", "and a sign that there is more");
    ok(!multistatus_bad_token(m), "a good token");
    multistatus_destroy(m);
    m = multistatus_create(100, on_response, &seen);
    is_int(feed(m, "<D:error xmlns:D=\"DAV:\"><D:valid-sync-token/></D:error>", 3), 0,
           "an error");
    ok(multistatus_bad_token(m), "of the token");
    multistatus_destroy(m);
}

static void refuses(const char *xml, int32_t want, const char *reason)
{
    struct seen seen = {0};
    struct multistatus *m = multistatus_create(100, on_response, &seen);

    is_int(feed(m, xml, 10000), want, "refused: %s", reason);
    ok(strstr(multistatus_reason(m), reason), "says so: %s", multistatus_reason(m));
    is_int(multistatus_feed(m, "<a>", 3), want, "and stays so");
    is_int(multistatus_resume(m), want, "also when resumed");
    multistatus_destroy(m);
}

/* head, then a long run of the same, fed as it would arrive. */
static void floods(const char *head, const char *more, int32_t want, const char *reason)
{
    struct seen seen = {0};
    struct multistatus *m = multistatus_create(100, on_response, &seen);
    char block[16384];
    int32_t rc = multistatus_feed(m, head, strlen(head));
    size_t n = strlen(more);
    int blocks = 0;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = more[i % n];
    while (rc == 0 && blocks++ < 6400)
        rc = multistatus_feed(m, block, sizeof(block) / n * n);
    is_int(rc, want, "100 MB of \"%s\" are refused", more);
    ok(strstr(multistatus_reason(m), reason), "says so: %s", multistatus_reason(m));
    ok(blocks < 100, "early: after %d blocks", blocks);
    multistatus_destroy(m);
}

static void test_hostile(void)
{
    struct seen failing = {.error = -CTR_EFULL};
    struct multistatus *m = multistatus_create(100, on_response, &failing);

    is_int(feed(m, BEGIN "<response><href>/</href></response></multistatus>", 5),
           -CTR_EFULL, "the caller's own error");
    multistatus_destroy(m);
    refuses("<!DOCTYPE x [<!ENTITY a \"b\">]><multistatus xmlns=\"DAV:\"/>", -CTR_EPROTO,
            "document type");
    refuses("<html/>", -CTR_EPROTO, "not WebDAV");
    refuses("<multistatus/>", -CTR_EPROTO, "not WebDAV");
    refuses("", -CTR_EPROTO, "no element found");
    refuses(BEGIN, -CTR_EPROTO, "no element found");
    refuses(BEGIN "<a></b>", -CTR_EPROTO, "mismatched tag in line 1");
    refuses(BEGIN "<response>" OK "</response></multistatus>", -CTR_EPROTO,
            "does not say what it is about");
    refuses("<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>", -CTR_EPROTO, "encoding");
    floods(BEGIN, "<a>", -CTR_ESIZE, "too deeply");
    floods(BEGIN "<a ", "x", -CTR_ESIZE, "no end");
    floods(BEGIN "<!--", "comment ", -CTR_ESIZE, "no end");
    floods(BEGIN "<response><href>", "/", -CTR_ESIZE, "longer than 4096");
    floods(BEGIN "<response>", "<href>/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</href>",
           -CTR_ESIZE, "far too long");
}

/* --- paths ----------------------------------------------------------------------------
 */

static void test_paths(void)
{
    static const char *const same[][2] = {
        {"/a/b.vcf", "/a/b.vcf"},
        {"/a%40b/c d.vcf", "/a@b/c%20d.vcf"},
        {"/%7euser/%c3%bc", "/~user/%C3%BC"},
        {"/\xc3\xbc", "/%C3%BC"},
        {"https://h:8443/x/y?q#f", "/x/y"},
        {"//h/x", "/x"},
        {"https://h//x//y", "/x//y"},
        {"/a%2Fb", "/a%2Fb"},
        {"/a%", "/a%25"},
        {"/a%00b", "/a%00b"},
        {"/a.b/..c/.d", "/a.b/..c/.d"},
    };
    static const char *const wrong[] = {
        "", "a/b", "https://host", "/a/../b", "/a/./b", "/a/%2e%2E/b", "/..", "mailto:x"};
    char out[HREF_MAX], far[2000];

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        ok(href_path(same[i][0], out) && strcmp(out, same[i][1]) == 0, "%s is %s (%s)",
           same[i][0], same[i][1], out);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ok(!href_path(wrong[i], out), "\"%s\" is no path", wrong[i]);
    memset(far, 'a', sizeof(far));
    far[0] = '/';
    far[sizeof(far) - 1] = 0;
    ok(!href_path(far, out), "nor is one that is too long");
    is_str(href_last("/a/b.vcf"), "b.vcf", "the last segment");
    is_str(href_last("/a/b/"), "b/", "of a folder");
}

/* --- books and cursor -----------------------------------------------------------------
 */

static void add_book(struct books *b, const char *url, const char *name,
                     const char *token, const char *ctag)
{
    struct dav_response r = {.href = url, .name = name, .token = token, .ctag = ctag};

    is_int(books_add(b, url, &r), 0, "a book: %s", url);
}

static void test_books(void)
{
    static const char *const names[] = {"FRIENDS", "team"};
    const char *missing;
    struct books b = {0};
    char id[CTR_ID_MAX + 1], text[200];

    add_book(&b, "https://h/u/team", "Arbeit", "t1", NULL);
    add_book(&b, "https://h/u/home/", "Friends", NULL, "c1");
    add_book(&b, "https://h/u/other/", "Third\n", NULL, NULL);
    add_book(&b, "https://h/u/other", "again", NULL, NULL);
    is_int(b.n, 3, "the same twice is one");
    books_list(&b, text, sizeof(text));
    is_str(text, "\"Arbeit\", \"Friends\", \"Third?\"", "their names");
    books_choose(&b, (const char *const[]){"nobody"}, 1, &missing);
    is_str(missing, "nobody", "a name that is none's");
    books_choose(&b, names, 2, &missing);
    ok(!missing && b.n == 2, "chosen by name and by path");
    books_identify(&b);
    is_str(b.at[0].id, "team/", "its ids begin so");
    is_int(book_card_id(&b.at[0], "/u/team/x.vcf", id), 10, "a card");
    is_str(id, "team/x.vcf", "has this id");
    is_int(book_name_id(&b.at[0], "a b", id), 10, "by name");
    is_str(id, "team/a%20b", "in one spelling");
    is_int(book_card_id(&b.at[0], "/u/team/", id), 0, "the book is no card");
    is_int(book_card_id(&b.at[0], "/u/team/x/y", id), 0, "nor what lies deeper");
    is_int(book_card_id(&b.at[0], "/u/home/x", id), 0, "nor another book's");
    add_book(&b, "https://h/v/team/", "W", NULL, NULL);
    books_identify(&b);
    is_str(b.at[0].id, "u/team/", "where two end alike the whole path counts");
    is_str(b.at[2].id, "v/team/", "for both");
    books_finish(&b);
}

static void test_cursor(void)
{
    char text[CURSOR_MAX];
    struct books b = {0};
    struct ctr_str cursor = {text, 0};

    add_book(&b, "https://h/u/a/", "A", "token=&<1>", NULL);
    add_book(&b, "https://h/u/b/", "B", NULL, "c 2");
    add_book(&b, "https://h/u/c/", "C", "no\nline", NULL);
    books_identify(&b);
    cursor.len = cursor_write(&b, 77, text, sizeof(text));
    ok(cursor.len > 0, "written");
    ok(cursor_read(&b, 77, cursor), "and read");
    is_str(b.at[0].known_token, "token=&<1>", "a token");
    is_str(b.at[1].known_ctag, "c 2", "a ctag");
    ok(b.at[2].known && !b.at[2].known_token && !b.at[2].known_ctag,
       "a token that a line cannot hold is none");
    ok(!cursor_read(&b, 78, cursor), "other options: not this one");
    ok(!b.at[0].known && !b.at[0].known_token, "and nothing is left of it");
    add_book(&b, "https://h/u/d/", "D", NULL, NULL);
    books_identify(&b);
    ok(cursor_read(&b, 77, cursor) && !b.at[3].known, "a new book is no reason");
    ok(!cursor_read(&b, 77, (struct ctr_str){"carddav 1 000000000000004d\nx", 28}),
       "a line that is none");
    ok(!cursor_read(&b, 77, (struct ctr_str){"", 0}), "nor nothing");
    is_int(cursor_write(&b, 77, text, 60), 0, "too many for a cursor");
    b.n = 0; /* its first book has gone */
    ok(!cursor_read(&b, 77, cursor), "a book that has gone is");
    b.n = 4;
    books_finish(&b);
}

int main(void)
{
    test_answers();
    test_tokens();
    test_hostile();
    test_paths();
    test_books();
    test_cursor();
    return tap_done();
}
