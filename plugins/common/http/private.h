/* private.h - what the files of the HTTP client share. */
#ifndef COMMON_HTTP_PRIVATE_H
#define COMMON_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "contactor/ext/poll.h"
#include "http.h"

enum {
    REDIRECTS_MAX = 5,
    HEADS_MAX = 8, /* status lines of one request: 100, 401, ... */
    HEADERS_SIZE_MAX = 256 * 1024,
    IDLE_MAX = 2,   /* easy handles kept: they remember a Digest challenge */
    TICK_MS = 1,    /* the least a timer waits: one of 0 ms that is started by a timer's
                     * callback runs before anybody's sockets are looked at */
    TURN_US = 2000, /* of work with answers in one turn of the loop */
    TYPE_MAX = 64
};

struct http {
    const struct ctr_host *host;
    const struct ctr_polls *polls;
    struct http_options options;
    CURLM *multi;
    struct ctr_timer *timer; /* host's; fires at timer_at */
    int64_t timer_at;
    int64_t due;        /* when libcurl wants to be called, -1: never */
    long auth;          /* CURLAUTH_*: what is tried; narrowed once the server has said */
    int64_t turn_began; /* us; libcurl was called */
    struct ctr_timer *next; /* the next turn: for those that rest */
    bool broken;            /* a socket could not be watched */
    CURL *idle[IDLE_MAX];
    unsigned n_idle;
    struct http_request *requests; /* all that are not over */
};

struct http_request {
    struct http_request *next, **link;
    struct http *h;
    CURL *easy;
    char *method, *body;
    size_t body_len;
    struct curl_slist *headers;
    char url[HTTP_URL_MAX];
    uint64_t max_bytes, bytes;
    int32_t (*on_body)(void *user, const char *data, size_t n);
    void (*on_done)(void *user, const struct http_result *result);
    void *user;

    /* --- so far */
    int status;
    unsigned redirects, heads;
    size_t header_bytes;
    int64_t retry_after;
    char type[TYPE_MAX];
    char location[HTTP_URL_MAX]; /* of a redirect, as written */
    bool paused;                 /* the user's wish */
    bool rests;                  /* its turn is over: it goes on in the next */
    bool due;                    /* one of those that go on in this turn */
    bool held;                   /* libcurl has data for later */
    bool over;                   /* ended while paused; `result` waits */
    bool cut;                    /* enough of the body of an error */
    bool doomed;                 /* one of those that are about to fail */
    int32_t refused;             /* a code of ours ended it */
    char reason[HTTP_REASON_MAX];
    char error[CURL_ERROR_SIZE];
    int32_t result;
};

/* request.c */
/* returns CURLE_OK, or what could not be set */
CURLcode request_prepare(struct http_request *r);
/* libcurl has ended it: follow, keep, or tell and free. */
void request_over(struct http_request *r, CURLcode code);
void request_fail(struct http_request *r, int32_t error, const char *reason);
/* What libcurl holds back may come, unless the user has paused. */
void request_go_on(struct http_request *r);

/* receive.c: libcurl's callbacks */
size_t request_on_write(char *data, size_t size, size_t n, void *user);
size_t request_on_header(char *line, size_t size, size_t n, void *user);
int request_on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                        curl_off_t up);
/* Remembers why not. returns 0: not what libcurl gave, so that it ends */
size_t request_refuse(struct http_request *r, int32_t code, const char *reason);
/* A redirect: another transfer follows, and nobody wants this one's body. */
bool request_redirects(const struct http_request *r);

/* http.c */
CURL *http_easy(struct http *h);
void http_easy_back(struct http *h, CURL *easy, bool good);
/* A turn of the loop begins for us; is it over? */
void http_turn(struct http *h);
bool http_turn_over(const struct http *h);
/* Has request_go_on called in the next turn. false: out of memory */
bool http_rest(struct http *h);

/* reason.c */
int32_t reason_of(struct http_request *r, CURLcode code);

#endif
