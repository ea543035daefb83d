/* cursor.h - how far a sync has read, as the text the host keeps with the contacts. */
#ifndef LDAP_SOURCE_CURSOR_H
#define LDAP_SOURCE_CURSOR_H

#include "options.h"

enum { COOKIE_MAX = 8192, DC_MAX = 80 };

/* Zero-initialise. */
struct cursor {
    enum delta mode; /* DELTA_SYNCREPL, DELTA_USN, DELTA_MODIFY_TIMESTAMP */
    uint64_t serial; /* of the sync; never 0 */
    int64_t full_at; /* when everything was read last; seconds since 1970 */
    uint64_t groups; /* which groups were told: run.h */
    /* DELTA_SYNCREPL: one for each base; owned */
    struct {
        char *bytes;
        size_t len;
    } cookie[BASES_MAX];
    uint32_t n_cookies;
    uint64_t usn;     /* DELTA_USN */
    char dc[DC_MAX];  /* DELTA_USN: whose numbers these are */
    int64_t modified; /* DELTA_MODIFY_TIMESTAMP: the newest seen, seconds since 1970 */
};

/* returns 0 | -CTR_ENOENT: not one of this version and shape | -CTR_ENOMEM */
int32_t cursor_parse(struct cursor *c, struct ctr_str text, uint64_t shape);
/* A text of malloc | NULL: out of memory */
char *cursor_text(const struct cursor *c, uint64_t shape);
int32_t cursor_cookie(struct cursor *c, uint32_t base, const char *bytes, size_t len);
void cursor_finish(struct cursor *c);

#endif
