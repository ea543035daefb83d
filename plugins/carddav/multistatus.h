/* multistatus.h - WebDAV's answer about many resources (RFC 4918 section 13), read as it
 * arrives: bytes in, responses out. Whatever comes in, memory is bounded: no document
 * type and so no entities, no deep nesting, no endless token. */
#ifndef CARDDAV_MULTISTATUS_H
#define CARDDAV_MULTISTATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MULTISTATUS_DEPTH_MAX = 48,
    MULTISTATUS_TEXT_MAX = 4096,        /* of any value but a card */
    MULTISTATUS_TOKEN_MAX = 512 * 1024, /* bytes of XML without anything complete */
    MULTISTATUS_HOMES_MAX = 8
};

/* One <response>. Strings: NULL where the answer has none, or not with status 2xx. */
struct dav_response {
    const char *href; /* as written, without blanks around it */
    int status;       /* of the whole response; 0: only its properties have one */
    bool found;       /* some property has status 2xx */
    const char *etag, *ctag, *token, *name, *principal;
    const char *homes[MULTISTATUS_HOMES_MAX];
    unsigned n_homes;
    bool collection, addressbook;
    bool can_sync; /* supported-report-set has sync-collection */
    const char *data;
    size_t data_len;
    bool data_long; /* there is a card, longer than data_max: left out */
};

struct multistatus;

/* returns 0 | -CTR_EPAUSE: taken, no more before multistatus_resume | another negative
 * code ends the reading. r is borrowed for the call. */
typedef int32_t (*multistatus_fn)(void *user, const struct dav_response *r);

/* returns NULL: out of memory */
struct multistatus *multistatus_create(size_t data_max, multistatus_fn fn, void *user);
/* All three: 0 | -CTR_EPAUSE | what fn returned | -CTR_EPROTO, -CTR_ESIZE, -CTR_ENOMEM,
 * with a reason. After -CTR_EPAUSE only resume. */
int32_t multistatus_feed(struct multistatus *m, const char *data, size_t n);
int32_t multistatus_resume(struct multistatus *m);
int32_t multistatus_end(struct multistatus *m);  /* the answer is at its end */
void multistatus_destroy(struct multistatus *m); /* NULL-safe */

const char *multistatus_reason(const struct multistatus *m);
/* The sync-token beside the responses, NULL: none. */
const char *multistatus_token(const struct multistatus *m);
/* <error> says that the token sent is no longer one (RFC 6578 section 3.2). */
bool multistatus_bad_token(const struct multistatus *m);

#endif
