/* page.h - where a paged search goes on (RFC 2696), under a cookie nobody can guess.
 *
 * A cookie belongs to one connection, one identity and one question, and is good once. */
#ifndef LDAP_PAGE_H
#define LDAP_PAGE_H

#include "conn.h"

enum { PAGE_COOKIE = 16 };

struct page {
    struct page *next;
    uint8_t cookie[PAGE_COOKIE];
    uint64_t question; /* hash of the request */
    uint32_t local_at, source_at;
    uint32_t sent; /* entries so far */
    uint32_t cursor_len;
    char cursor[CTR_CURSOR_MAX];
};

/* Makes room by dropping the oldest. NULL: no memory or no randomness. */
struct page *page_create(struct conn *c);
/* Takes the page of a cookie out of the connection; the caller frees it. NULL: none */
struct page *page_take(struct conn *c, struct ctr_str cookie);
void page_drop_all(struct conn *c);

#endif
