/* http.h - HTTP requests on the loop for plugins: libcurl's multi interface over the
 * host's descriptors (ext/poll.h) and timers. Nothing blocks.
 *
 * A struct http is one instance's: its connections, credentials and limits. Certificates
 * are verified, always. Only http and https, HTTP/1.1, no proxy, no .netrc: nothing of
 * the environment counts. Redirects keep their method and are followed within the same
 * origin, from http to https of the same host, and to hosts the administrator trusts. */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "contactor/plugin.h"

enum {
    HTTP_URL_MAX = 4096,
    HTTP_REASON_MAX = 512,
    HTTP_ERROR_BODY = 64 * 1024, /* what is read of the body of an error */
    HTTP_RETRY_AFTER_MAX = 3600  /* seconds; who asks for more gets this */
};

/* How to log in. HTTP_AUTO: Basic or Digest, as the server offers. */
enum http_auth { HTTP_NO_AUTH, HTTP_AUTO, HTTP_BASIC, HTTP_DIGEST, HTTP_BEARER };

/* Strings are borrowed until http_destroy. */
struct http_options {
    const struct ctr_host *host;
    const char *agent;
    const char *ca_file; /* only these authorities are trusted; NULL: the system's */
    enum http_auth auth;
    const char *user, *secret; /* secret: the password, or the token of HTTP_BEARER */
    uint32_t timeout;          /* ms: to connect, and of silence; an answer may take ten
                                * times as long as a whole */
    const char *const *hosts;  /* further hosts that may be talked to, with the same
                                * credentials: "host" or "*.domain" */
    uint32_t n_hosts;
};

struct http;
struct http_request;

/* How a request ended. Borrowed for the call. */
struct http_result {
    int32_t error; /* 0: answered, whatever the status; else why not, in `reason` */
    int status;    /* 0: none came */
    const char *reason;
    const char *url;     /* of the answer, after redirects */
    const char *type;    /* Content-Type, lower case, without parameters; "": none */
    int64_t retry_after; /* seconds, 0: not said */
};

/* A request. Everything is copied but user. */
struct http_call {
    const char *method; /* "GET", "PROPFIND" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
    const char *body;           /* NULL: none */
    size_t body_len;
    uint64_t max_bytes; /* of the answer's body, packed and unpacked */
    /* Part of a body that is not a redirect's. returns 0 | -CTR_EPAUSE (taken; no more,
     * nor on_done, until http_resume) | another negative code: on_done gets it. No
     * function of this header may be called from here but http_status, http_type and
     * http_url. */
    int32_t (*on_body)(void *user, const char *data, size_t n);
    /* Exactly once, but not after http_cancel; never within http_start. */
    void (*on_done)(void *user, const struct http_result *result);
    void *user;
};

/* returns 0 | negative after host->fail */
int32_t http_create(const struct http_options *options, struct http **out);
/* Cancels what is under way. Not from within a callback. NULL-safe. */
void http_destroy(struct http *h);

/* returns the request, valid until its on_done or http_cancel | NULL: out of memory, or a
 * url that is none */
struct http_request *http_start(struct http *h, const struct http_call *call);
void http_cancel(struct http_request *r); /* NULL-safe */
/* May call on_body and on_done at once. */
void http_resume(struct http_request *r);
/* Of the answer, as far as it has come. */
int http_status(const struct http_request *r);
const char *http_type(const struct http_request *r);
const char *http_url(const struct http_request *r);

/* May a request that began at `from` go on to `to`? */
bool http_may_go(const struct http *h, const char *from, const char *to);
/* A reference as a server writes it, seen from `base`. returns false: no http URL, or
 * longer than HTTP_URL_MAX */
bool http_join(const char *base, const char *reference, char out[HTTP_URL_MAX]);
/* The host of a URL without its port; "" where there is none. */
void http_host(const char *url, char *out, size_t cap);
bool http_is_loopback(const char *url);

/* One sentence for a result that is no success, and its code. `what`: what was asked for,
 * "the address books". */
int32_t http_explain(const struct http_result *result, const char *what,
                     char out[HTTP_REASON_MAX]);

#endif
