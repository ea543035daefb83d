/* read.h - one search, page by page, each entry handed on as it comes. */
#ifndef LDAP_SOURCE_READ_H
#define LDAP_SOURCE_READ_H

#include "conn.h"

/* What to do with an entry; it owns m from here on. returns 0 | negative to end */
typedef int32_t (*read_entry_fn)(void *user, LDAPMessage *m);

struct read_request {
    const char *base, *filter;
    enum scope scope;
    const char *const *attrs;
    LDAPControl *control; /* one more, or NULL */
    const char *step;     /* of faults: "search" */
    read_entry_fn on_entry;
    void *user;
    uint64_t max; /* entries; more are a fault */
    /* --- filled in */
    uint64_t entries, references;
    char reference[200]; /* the first one */
};

/* returns 0: all of it was read | negative with f set */
int32_t read_all(struct conn *c, struct read_request *r, struct fault *f);

#endif
