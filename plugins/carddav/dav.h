/* dav.h - one WebDAV request and its multistatus, read while it arrives. */
#ifndef CARDDAV_DAV_H
#define CARDDAV_DAV_H

#include "http/http.h"
#include "multistatus.h"

/* Bodies of requests. */
extern const char dav_ask_properties[]; /* PROPFIND: what discovery wants to know */
extern const char dav_ask_members[];    /* PROPFIND: what is in an address book */

/* How it went. Borrowed for the call. */
struct dav_answer {
    struct http_result http; /* error: also of the multistatus */
    bool multistatus;        /* 207, and read to its end */
    const char *token;       /* beside the responses, or NULL */
    bool bad_token;          /* the server says that of the token sent */
};

struct dav_call {
    const char *method, *url, *depth;
    const char *body;
    size_t body_len;
    uint64_t max_bytes;
    size_t data_max; /* of one card */
    multistatus_fn on_response;
    /* Exactly once, but not after dav_cancel. */
    void (*on_done)(void *user, const struct dav_answer *answer);
    void *user;
};

struct dav;

/* returns NULL: out of memory, or a url that is none */
struct dav *dav_start(struct http *http, const struct dav_call *call);
void dav_cancel(struct dav *d); /* NULL-safe */
/* Where the answer comes from. */
const char *dav_url(const struct dav *d);
/* After on_response said -CTR_EPAUSE. May call on_response and on_done at once. */
void dav_resume(struct dav *d);

/* A sync-collection since `token` ("" for all), and a multiget; both to be freed.
 * returns NULL: out of memory */
char *dav_ask_changes(const char *token, size_t *len);
char *dav_ask_cards(const char *const *hrefs, uint32_t n, size_t *len);

#endif
