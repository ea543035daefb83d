/* test_carddav_sync.c - the CardDAV source on the test host, against a small server in a
 * thread of ours: what the host does to a sync (waiting, canceling, stopping) at every
 * place. The scenario tests have the servers. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contactor/error.h"
#include "tap.h"
#include "testhost.h"

enum { CARDS = 120 };

/* --- the server -----------------------------------------------------------------------
 */

static struct {
    int fd;
    char url[64];
    pthread_t thread;
    _Atomic int stage; /* of its book: 1 at first; 2: card 3 has gone, card 4 changed */
    _Atomic int requests;
} server;

static void answer(int fd, const char *text)
{
    char *out = NULL;
    int n = asprintf(&out,
                     "HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     strlen(text), text);

    if (n > 0 && send(fd, out, (size_t)n, MSG_NOSIGNAL) < 0)
        printf("# the client has gone\n");
    free(out);
}

#define HEAD "<multistatus xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\">"

static void put_card(FILE *f, int i)
{
    const char *name = i == 4 && server.stage == 2 ? "Changed" : "Person";

    if (i == 3 && server.stage == 2) {
        fprintf(f, "<response><href>/b/3.vcf</href><status>HTTP/1.1 404 x</status>"
                   "</response>");
        return;
    }
    fprintf(f,
            "<response><href>/b/%d.vcf</href><propstat><prop><C:address-data>"
            "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:%s %d\r\nN:%d;%s;;;\r\nTEL:+4989%d\r\n"
            "END:VCARD\r\n</C:address-data></prop><status>HTTP/1.1 200 OK</status>"
            "</propstat></response>",
            i, name, i, i, name, 1000 + i);
}

static void put_name(FILE *f, int i)
{
    fprintf(f,
            i == 3 && server.stage == 2
                ? "<response><href>/b/%d.vcf</href><status>HTTP/1.1 404 x</status>"
                  "</response>"
                : "<response><href>/b/%d.vcf</href><propstat><prop><getetag>1</getetag>"
                  "</prop><status>HTTP/1.1 200 OK</status></propstat></response>",
            i);
}

static void put_changes(FILE *f, const char *request)
{
    bool all = strstr(request, "<sync-token></sync-token>");

    for (int i = 0; i < CARDS; i++)
        if (all || i == 3 || i == 4)
            put_name(f, i);
    fprintf(f, "<sync-token>t%d</sync-token>", server.stage);
}

static void serve(int fd, const char *request)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    server.requests++;
    fputs(HEAD, f);
    if (strstr(request, "sync-collection"))
        put_changes(f, request);
    else if (strstr(request, "multiget"))
        for (const char *p = request; (p = strstr(p, "<href>/b/")) != NULL; p++)
            put_card(f, atoi(p + 9));
    else
        fprintf(f,
                "<response><href>/b/</href><propstat><prop><resourcetype>"
                "<C:addressbook/></resourcetype><sync-token>t%d</sync-token></prop>"
                "<status>HTTP/1.1 200 OK</status></propstat></response>",
                server.stage);
    fputs("</multistatus>", f);
    fclose(f);
    answer(fd, text);
    free(text);
}

/* One request: its head, and as much body as that says. false: the client has gone */
static bool read_request(int fd, char *buf, size_t cap)
{
    size_t have = 0, want = 0;
    const char *end = NULL, *length;
    ssize_t n;

    while (!end || have < want) {
        n = recv(fd, buf + have, cap - 1 - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        buf[have] = 0;
        end = strstr(buf, "\r\n\r\n");
        length = strstr(buf, "Content-Length: ");
        if (end)
            want =
                (size_t)(end + 4 - buf) + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    return true;
}

static void *serve_all(void *arg)
{
    static char buf[65536];
    int fd;

    (void)arg;
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        while (read_request(fd, buf, sizeof(buf)))
            serve(fd, buf);
        close(fd);
    }
    return NULL;
}

static void server_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.fd, (struct sockaddr *)&at, n) != 0 || listen(server.fd, 8) != 0 ||
        getsockname(server.fd, (struct sockaddr *)&at, &n) != 0 ||
        pthread_create(&server.thread, NULL, serve_all, NULL) != 0)
        abort();
    snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%d/b/",
             ntohs(at.sin_port));
}

static void server_stop(void)
{
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.fd);
}

/* --- the source -----------------------------------------------------------------------
 */

static struct testhost *start(const char *batch)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "url", server.url);
    testhost_set(t, "batch", batch);
    testhost_set(t, "timeout", "5s");
    is_int(testhost_start(t), 0, "started");
    return t;
}

static void test_pauses(void)
{
    static const uint32_t every[] = {0, 1, 2, 7};

    for (int i = 0; i < 4; i++) {
        struct testhost *t = start(i % 2 ? "7" : "1000");
        char *cursor;

        server.stage = 1;
        t->pause_every = every[i];
        is_int(testhost_sync(t, NULL), 0, "waiting after every %u", every[i]);
        if (t->sync_status)
            printf("# %s\n", t->failure);
        is_int(t->n_contacts, CARDS, "all cards");
        is_str(
            testhost_value(testhost_find(t, "b/4.vcf"), CTR_FIELD_DISPLAY_NAME, NULL, 0),
            "Person 4", "with their names");
        is_int(t->progress_done, CARDS, "progress");
        cursor = strdup(t->cursor);
        is_int(testhost_sync(t, cursor), 0, "nothing new");
        is_int(t->n_contacts + t->deletes.n, 0, "nothing told");
        server.stage = 2;
        is_int(testhost_sync(t, cursor), 0, "a delta");
        is_int(t->n_contacts, 1, "one changed");
        is_int(t->deletes.n, 1, "one gone");
        is_str(t->deletes.n ? t->deletes.at[0].a : "", "b/3.vcf", "by its id");
        ok(!t->became_full, "no full sync");
        is_int(testhost_sync(t, "carddav 1 of other options"), 0, "a cursor of others");
        ok(t->became_full, "makes it full");
        is_int(t->n_contacts, CARDS - 1, "all that are left");
        free(cursor);
        testhost_destroy(t);
    }
}

/* The host says no more at the n-th contact. */
static void test_put_fails(void)
{
    for (uint32_t n = 1; n <= CARDS; n += 17) {
        struct testhost *t = start("50");

        server.stage = 1;
        t->cancel_after = n;
        is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "canceled by put %u", n);
        t->cancel_after = 0;
        is_int(testhost_sync(t, NULL), 0, "the next one is whole");
        is_int(t->n_contacts, CARDS, "all cards");
        testhost_destroy(t);
    }
}

/* --- canceled at any time -------------------------------------------------------------
 */

static struct {
    struct testhost *t;
    struct ctr_sync *sync;
    int32_t (*sync_fn)(void *, struct ctr_sync *, const struct ctr_sync_request *);
    bool ended;
} cancel;

static void cancel_now(void *user)
{
    (void)user;
    if (cancel.t->sync_running)
        contactor_plugin.source->sync_cancel(cancel.t->instance, cancel.sync);
    cancel.ended = !cancel.t->sync_running;
}

static int32_t sync_and_cancel(void *self, struct ctr_sync *sync,
                               const struct ctr_sync_request *request)
{
    cancel.sync = sync;
    return cancel.sync_fn(self, sync, request);
}

static void test_cancel(void)
{
    struct ctr_source source = *contactor_plugin.source;
    struct ctr_plugin plugin = contactor_plugin;
    int canceled = 0;

    cancel.sync_fn = source.sync;
    source.sync = sync_and_cancel;
    plugin.source = &source;
    server.stage = 1;
    for (uint32_t ms = 0; ms < 60; ms += 3) {
        struct testhost *t = testhost_create(&plugin, "source.test");
        struct ctr_timer *timer;

        testhost_set(t, "url", server.url);
        testhost_set(t, "batch", "3");
        t->pause_every = ms % 2 ? 5 : 0;
        if (testhost_start(t) != 0)
            abort();
        cancel.t = t;
        timer = t->host.timer_start(&t->host, ms, 0, cancel_now, NULL);
        testhost_sync(t, NULL);
        t->host.timer_stop(&t->host, timer);
        ok(t->sync_status == -CTR_ECANCELED || t->n_contacts == CARDS,
           "canceled after %u ms: %d, %d contacts", ms, t->sync_status,
           (int)t->n_contacts);
        canceled += t->sync_status == -CTR_ECANCELED;
        testhost_destroy(t);
    }
    ok(canceled > 3, "%d of them in the middle", canceled);
}

/* --- options --------------------------------------------------------------------------
 */

static void refused(const char *option, const char *text, const char *const *options)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");
    bool said = false;

    testhost_set(t, "url", "https://dav.example.org/");
    for (; options && *options; options += 2)
        testhost_set(t, options[0], options[1]);
    is_int(testhost_check(t), -CTR_ECONF, "refused: %s", text);
    for (uint32_t i = 0; i < t->option_errors.n; i++)
        said |= strcmp(t->option_errors.at[i].a, option) == 0 &&
                strstr(t->option_errors.at[i].b, text);
    ok(said, "%s is told", option);
    testhost_destroy(t);
}

#define OPTIONS(...)      \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static void test_check(void)
{
    refused("url", "must be an address", OPTIONS("url", "dav.example.org"));
    refused("url", "must be an address", OPTIONS("url", "ftp://dav.example.org/"));
    refused("url", "must be an address", OPTIONS("url", "https://u:p@dav.example.org/"));
    refused("url", "in the clear", OPTIONS("url", "http://dav.example.org/"));
    refused("user", "needs password_file", OPTIONS("user", "u"));
    refused("password", "needs user", OPTIONS("password", "p"));
    refused("user", "colon", OPTIONS("user", "a:b", "password", "p"));
    refused("user", "is needed", OPTIONS("auth", "digest"));
    refused("auth", "needs token_file", OPTIONS("auth", "bearer"));
    refused("token", "bearer", OPTIONS("token", "t"));
    refused("user", "not used", OPTIONS("auth", "none", "user", "u", "password", "p"));
    refused("trusted_hosts", "names of hosts", OPTIONS("trusted_hosts", "https://x.org"));
    refused("trusted_hosts", "names of hosts", OPTIONS("trusted_hosts", "*.org/"));
    refused("map", "map.id", OPTIONS("map.id", "UID"));
    refused("map", "letters", OPTIONS("map.x_badge", "X BADGE"));
}

int main(void)
{
    server_start();
    test_pauses();
    test_put_fails();
    test_cancel();
    test_check();
    server_stop();
    return tap_done();
}
