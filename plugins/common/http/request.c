/* request.c - one request: its easy handle, its redirects, its end. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
    (void)user, (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

/* --- the easy handle ------------------------------------------------------------------
 */

#define SET(option, value)                                      \
    do {                                                        \
        CURLcode set_ = curl_easy_setopt(e, (option), (value)); \
        if (set_ != CURLE_OK)                                   \
            return set_;                                        \
    } while (0)

/* Debian's libcurl has a folder of authorities built in, with which it cannot keep the
 * parsed ones: 40 ms for each connection. The bundle in one file holds the same. */
static CURLcode set_tls(CURL *e, const struct http_options *o)
{
    SET(CURLOPT_CAPATH, NULL);
    if (o->ca_file)
        SET(CURLOPT_CAINFO, o->ca_file);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    return CURLE_OK;
}

/* QUICK_EXIT: else a canceled request waits for the resolver's thread, on the loop. */
static CURLcode set_manners(CURL *e, const struct http_options *o)
{
    long seconds = (long)(o->timeout + 999) / 1000;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, o->agent);
    SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->timeout);
    SET(CURLOPT_TIMEOUT_MS, (long)o->timeout * 10);
    SET(CURLOPT_LOW_SPEED_LIMIT, 64L);
    SET(CURLOPT_LOW_SPEED_TIME, seconds > 0 ? seconds : 1L);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
    return CURLE_OK;
}

static CURLcode set_login(CURL *e, const struct http *h)
{
    const struct http_options *o = &h->options;

    if (o->auth == HTTP_NO_AUTH)
        return CURLE_OK;
    SET(CURLOPT_HTTPAUTH, h->auth);
    if (o->auth == HTTP_BEARER) {
        SET(CURLOPT_XOAUTH2_BEARER, o->secret);
        return CURLE_OK;
    }
    SET(CURLOPT_USERNAME, o->user);
    SET(CURLOPT_PASSWORD, o->secret);
    return CURLE_OK;
}

static CURLcode set_callbacks(CURL *e, struct http_request *r)
{
    SET(CURLOPT_PRIVATE, (char *)r);
    SET(CURLOPT_ERRORBUFFER, r->error);
    SET(CURLOPT_WRITEFUNCTION, request_on_write);
    SET(CURLOPT_WRITEDATA, r);
    SET(CURLOPT_HEADERFUNCTION, request_on_header);
    SET(CURLOPT_HEADERDATA, r);
    SET(CURLOPT_XFERINFOFUNCTION, request_on_progress);
    SET(CURLOPT_XFERINFODATA, r);
    SET(CURLOPT_NOPROGRESS, 0L);
    return CURLE_OK;
}

static CURLcode set_request(CURL *e, struct http_request *r)
{
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_HTTPGET, 1L);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    if (r->body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        SET(CURLOPT_POSTFIELDS, r->body);
    }
    if (strcmp(r->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, r->method);
    SET(CURLOPT_HTTPHEADER, r->headers);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max_bytes);
    return CURLE_OK;
}

CURLcode request_prepare(struct http_request *r)
{
    CURLcode code = set_tls(r->easy, &r->h->options);

    if (code == CURLE_OK)
        code = set_manners(r->easy, &r->h->options);
    if (code == CURLE_OK)
        code = set_login(r->easy, r->h);
    if (code == CURLE_OK)
        code = set_callbacks(r->easy, r);
    if (code == CURLE_OK)
        code = set_request(r->easy, r);
    return code;
}

/* --- its end --------------------------------------------------------------------------
 */

static void unlink_request(struct http_request *r)
{
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
}

static void request_free(struct http_request *r)
{
    curl_slist_free_all(r->headers);
    free(r->method);
    free(r->body);
    free(r);
}

/* The handle goes back before the user hears of it, who may start the next. */
static void tell(struct http_request *r)
{
    struct http_result result = {.error = r->result,
                                 .status = r->status,
                                 .reason = r->reason,
                                 .url = r->url,
                                 .type = r->type,
                                 .retry_after = r->retry_after};

    unlink_request(r);
    http_easy_back(r->h, r->easy, r->result == 0 && !r->cut);
    r->on_done(r->user, &result);
    request_free(r);
}

void request_fail(struct http_request *r, int32_t error, const char *reason)
{
    if (!r->over)
        curl_multi_remove_handle(r->h->multi, r->easy);
    r->result = error;
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    tell(r);
}

/* What the server offered narrows "Basic or Digest" down for all that follows: else each
 * request would be sent twice. */
static void learn_auth(struct http_request *r)
{
    struct http *h = r->h;
    long offered = 0;

    if (h->options.auth != HTTP_AUTO)
        return;
    if (r->status == 401) { /* it may offer something else by now */
        h->auth = (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST);
        return;
    }
    curl_easy_getinfo(r->easy, CURLINFO_HTTPAUTH_AVAIL, &offered);
    if (offered & (long)CURLAUTH_DIGEST)
        h->auth = (long)CURLAUTH_DIGEST;
    else if (offered & (long)CURLAUTH_BASIC)
        h->auth = (long)CURLAUTH_BASIC;
}

/* Another transfer of the same request, elsewhere. */
static int32_t follow(struct http_request *r, const char *to)
{
    if (++r->redirects > REDIRECTS_MAX) {
        request_refuse(r, -CTR_EPROTO,
                       "the server redirects in circles; check the url, and the server's "
                       "configuration");
        return r->refused;
    }
    snprintf(r->url, sizeof(r->url), "%s", to);
    r->status = 0;
    r->heads = 0;
    r->bytes = r->header_bytes = 0;
    if (request_prepare(r) != CURLE_OK ||
        curl_multi_add_handle(r->h->multi, r->easy) != CURLM_OK) {
        request_refuse(r, -CTR_ENOMEM, "out of memory");
        return r->refused;
    }
    return 0;
}

/* Not libcurl's own idea of where to: it has user and password in it.
 * returns true: it goes on */
static bool redirected(struct http_request *r)
{
    char to[HTTP_URL_MAX], host[256];

    if (!request_redirects(r))
        return false;
    if (!r->location[0] || !http_join(r->url, r->location, to)) {
        request_refuse(r, -CTR_EPROTO,
                       "the server redirects to something that is no address");
        return false;
    }
    if (!http_may_go(r->h, r->url, to)) {
        http_host(to, host, sizeof(host));
        snprintf(r->reason, sizeof(r->reason),
                 strncmp(to, "http:", 5) == 0
                     ? "the server redirects to http://%.200s, without TLS; correct the "
                       "server's configuration"
                     : "the server redirects to https://%.200s, which is not where the "
                       "url points; use that address as url, or name the host in "
                       "trusted_hosts if the password may be sent there",
                 host);
        r->refused = -CTR_EACCES;
        return false;
    }
    return follow(r, to) == 0;
}

void request_over(struct http_request *r, CURLcode code)
{
    curl_multi_remove_handle(r->h->multi, r->easy);
    if (code == CURLE_WRITE_ERROR && r->cut)
        code = CURLE_OK;
    if (code == CURLE_OK && r->refused == 0 && redirected(r))
        return;
    if (r->refused != 0)
        r->result = r->refused;
    else if (code != CURLE_OK)
        r->result = reason_of(r, code);
    else
        learn_auth(r);
    r->over = true;
    if (!r->paused)
        tell(r);
}

/* --- start, cancel, resume ------------------------------------------------------------
 */

static bool copy_call(struct http_request *r, const struct http_call *call)
{
    struct curl_slist *list;

    r->method = strdup(call->method);
    r->body = call->body ? malloc(call->body_len + 1) : NULL;
    if (!r->method || (call->body && !r->body))
        return false;
    if (call->body)
        memcpy(r->body, call->body, call->body_len);
    r->body_len = call->body_len;
    for (uint32_t i = 0; call->headers && call->headers[i]; i++) {
        list = curl_slist_append(r->headers, call->headers[i]);
        if (!list)
            return false;
        r->headers = list;
    }
    /* No waiting for a 100 Continue that some servers never send. */
    list = curl_slist_append(r->headers, "Expect:");
    if (list)
        r->headers = list;
    return list != NULL;
}

struct http_request *http_start(struct http *h, const struct http_call *call)
{
    struct http_request *r = calloc(1, sizeof(*r));

    if (!r || strlen(call->url) >= sizeof(r->url) || !copy_call(r, call))
        goto fail;
    r->h = h;
    snprintf(r->url, sizeof(r->url), "%s", call->url);
    r->max_bytes = call->max_bytes;
    r->on_body = call->on_body;
    r->on_done = call->on_done;
    r->user = call->user;
    r->easy = http_easy(h);
    if (!r->easy || request_prepare(r) != CURLE_OK ||
        curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
        goto fail;
    r->next = h->requests;
    r->link = &h->requests;
    if (r->next)
        r->next->link = &r->next;
    h->requests = r;
    return r;
fail:
    if (r) {
        curl_easy_cleanup(r->easy);
        request_free(r);
    }
    return NULL;
}

void http_cancel(struct http_request *r)
{
    if (!r)
        return;
    if (!r->over)
        curl_multi_remove_handle(r->h->multi, r->easy);
    unlink_request(r);
    http_easy_back(r->h, r->easy, false);
    request_free(r);
}

/* libcurl may call request_on_write at once, and forgets an error of that. */
void request_go_on(struct http_request *r)
{
    CURLcode code;

    if (r->paused || r->rests || !r->held)
        return;
    r->held = false;
    code = curl_easy_pause(r->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK || r->refused != 0)
        request_over(r, code);
}

void http_resume(struct http_request *r)
{
    if (!r->paused)
        return;
    r->paused = false;
    if (r->over) {
        tell(r);
        return;
    }
    http_turn(r->h);
    request_go_on(r);
}

int http_status(const struct http_request *r)
{
    return r->status;
}

const char *http_type(const struct http_request *r)
{
    return r->type;
}

const char *http_url(const struct http_request *r)
{
    return r->url;
}
