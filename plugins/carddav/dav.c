/* dav.c - HTTP below, multistatus above: starting, pausing and ending one exchange. */
#include "dav.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREAMBLE "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"

const char dav_ask_properties[] =
    PREAMBLE "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\" "
             "xmlns:S=\"http://calendarserver.org/ns/\"><prop><resourcetype/>"
             "<displayname/><current-user-principal/><C:addressbook-home-set/>"
             "<sync-token/><S:getctag/><supported-report-set/></prop></propfind>";
const char dav_ask_members[] =
    PREAMBLE "<propfind xmlns=\"DAV:\"><prop><getetag/><resourcetype/></prop></propfind>";

struct dav {
    struct http_request *request; /* NULL: it has ended */
    struct multistatus *reader;
    multistatus_fn on_response;
    void (*on_done)(void *user, const struct dav_answer *answer);
    void *user;
    struct http_result result; /* kept while the last responses are paused */
    char url[HTTP_URL_MAX], reason[HTTP_REASON_MAX], type[64];
    bool ending; /* the last byte is in */
};

static void dav_free(struct dav *d)
{
    multistatus_destroy(d->reader);
    free(d);
}

static bool is_xml(const char *type)
{
    size_t n = strlen(type);

    return strcmp(type, "application/xml") == 0 || strcmp(type, "text/xml") == 0 ||
           (n > 4 && strcmp(type + n - 4, "+xml") == 0);
}

/* Errors come with XML that says more, too. */
static bool is_read(const struct dav *d, const char *type)
{
    int status = http_status(d->request);

    return (status == 207 || status >= 400) && is_xml(type);
}

/* --- while it arrives -----------------------------------------------------------------
 */

static int32_t on_response(void *user, const struct dav_response *r)
{
    struct dav *d = user;

    return d->request && http_status(d->request) != 207 ? 0 : d->on_response(d->user, r);
}

static int32_t on_body(void *user, const char *data, size_t n)
{
    struct dav *d = user;
    int32_t rc;

    if (!is_read(d, http_type(d->request)))
        return 0;
    rc = multistatus_feed(d->reader, data, n);
    return rc == 0 || rc == -CTR_EPAUSE || http_status(d->request) == 207 ? rc : 0;
}

/* --- its end --------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 4))) static void refuse(struct dav *d, int32_t code,
                                                         const char *fmt, ...)
{
    va_list ap;

    d->result.error = code;
    va_start(ap, fmt);
    vsnprintf(d->reason, sizeof(d->reason), fmt, ap);
    va_end(ap);
}

static void finish(struct dav *d)
{
    struct dav_answer answer = {.http = d->result};

    answer.multistatus = d->result.error == 0 && d->result.status == 207;
    answer.token = multistatus_token(d->reader);
    answer.bad_token = multistatus_bad_token(d->reader);
    d->on_done(d->user, &answer);
    dav_free(d);
}

/* What the reader made of it, once all is in. false: paused */
static bool conclude(struct dav *d, int32_t rc)
{
    char host[256];

    if (rc == -CTR_EPAUSE)
        return false;
    if (rc < 0 && d->result.status == 207) {
        http_host(d->url, host, sizeof(host));
        if (multistatus_reason(d->reader)[0])
            refuse(d, rc, "%s: %s", host, multistatus_reason(d->reader));
        else if (d->result.error == 0)
            d->result.error = rc; /* of on_response, which gave the reason */
    }
    return true;
}

static void on_done(void *user, const struct http_result *result)
{
    struct dav *d = user;
    int32_t rc = 0;

    d->request = NULL;
    d->result = *result;
    snprintf(d->url, sizeof(d->url), "%s", result->url);
    snprintf(d->reason, sizeof(d->reason), "%s", result->reason);
    snprintf(d->type, sizeof(d->type), "%s", result->type);
    d->result.url = d->url;
    d->result.reason = d->reason;
    d->result.type = d->type;
    if (result->error != 0 && result->status == 207)
        rc = multistatus_reason(d->reader)[0] ? result->error : 0;
    else if (result->error == 0 && result->status == 207 && !is_xml(d->type))
        refuse(d, -CTR_EPROTO, "the server answers with \"%s\" instead of XML", d->type);
    else if (result->error == 0 && result->status == 207)
        rc = multistatus_end(d->reader);
    d->ending = true;
    if (conclude(d, rc))
        finish(d);
}

/* --- start, cancel, resume ------------------------------------------------------------
 */

struct dav *dav_start(struct http *http, const struct dav_call *call)
{
    struct dav *d = calloc(1, sizeof(*d));
    char depth[32];
    const char *headers[] = {depth, "Content-Type: application/xml; charset=utf-8", NULL};

    if (!d)
        return NULL;
    d->on_response = call->on_response;
    d->on_done = call->on_done;
    d->user = call->user;
    d->reader = multistatus_create(call->data_max, on_response, d);
    snprintf(depth, sizeof(depth), "Depth: %s", call->depth);
    if (d->reader)
        d->request = http_start(http, &(struct http_call){.method = call->method,
                                                          .url = call->url,
                                                          .headers = headers,
                                                          .body = call->body,
                                                          .body_len = call->body_len,
                                                          .max_bytes = call->max_bytes,
                                                          .on_body = on_body,
                                                          .on_done = on_done,
                                                          .user = d});
    if (d->request)
        return d;
    dav_free(d);
    return NULL;
}

void dav_cancel(struct dav *d)
{
    if (!d)
        return;
    http_cancel(d->request);
    dav_free(d);
}

const char *dav_url(const struct dav *d)
{
    return d->request ? http_url(d->request) : d->url;
}

void dav_resume(struct dav *d)
{
    int32_t rc = multistatus_resume(d->reader);

    if (rc == -CTR_EPAUSE)
        return;
    if (d->ending) {
        if (conclude(d, rc))
            finish(d);
        return;
    }
    if (rc == 0) {
        http_resume(d->request);
        return;
    }
    /* The rest of the answer is of no use. */
    snprintf(d->url, sizeof(d->url), "%s", http_url(d->request));
    http_cancel(d->request);
    d->request = NULL;
    d->result = (struct http_result){
        .status = 207, .url = d->url, .reason = d->reason, .type = d->type};
    conclude(d, rc);
    finish(d);
}

/* --- bodies ---------------------------------------------------------------------------
 */

/* With what XML needs escaped. */
static void put_escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", f);
        else if (*text == '>')
            fputs("&gt;", f);
        else if (*text == '&')
            fputs("&amp;", f);
        else
            fputc(*text, f);
    }
}

/* Closes; NULL when something could not be written. */
static char *take(FILE *f, char **text)
{
    bool good = !ferror(f);

    if (fclose(f) == 0 && good)
        return *text;
    free(*text);
    return NULL;
}

char *dav_ask_changes(const char *token, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    if (!f)
        return NULL;
    fputs(PREAMBLE "<sync-collection xmlns=\"DAV:\"><sync-token>", f);
    put_escaped(f, token);
    fputs("</sync-token><sync-level>1</sync-level><prop><getetag/></prop>"
          "</sync-collection>",
          f);
    return take(f, &text);
}

char *dav_ask_cards(const char *const *hrefs, uint32_t n, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    if (!f)
        return NULL;
    fputs(PREAMBLE "<C:addressbook-multiget xmlns=\"DAV:\" "
                   "xmlns:C=\"urn:ietf:params:xml:ns:carddav\"><prop><getetag/>"
                   "<C:address-data/></prop>",
          f);
    for (uint32_t i = 0; i < n; i++) {
        fputs("<href>", f);
        put_escaped(f, hrefs[i]);
        fputs("</href>", f);
    }
    fputs("</C:addressbook-multiget>", f);
    return take(f, &text);
}
