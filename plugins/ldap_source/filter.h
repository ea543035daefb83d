/* filter.h - LDAP filters as text (RFC 4515): values escaped, and the daemon's questions
 * translated. */
#ifndef LDAP_SOURCE_FILTER_H
#define LDAP_SOURCE_FILTER_H

#include "plan.h"

/* A growing text. Zero-initialise; free ptr. */
struct text_out {
    char *ptr;
    size_t n, cap;
    bool failed; /* out of memory, or longer than FILTER_MAX */
};

enum { FILTER_MAX = 256 * 1024 };

void text_put(struct text_out *o, const char *z);
/* Everything that means something in a filter, and all that is not plain text, as \XX. */
void filter_escape(struct text_out *o, const char *ptr, size_t len);

/* The outer form of an administrator's filter: parentheses that match and something in
 * them. returns NULL | what is wrong, a static sentence */
const char *filter_check(const char *text);

/* The question as a filter: at least what it is true of. False where nobody can match:
 * then *none is set and there is no need to ask.
 * returns 0 | -CTR_ESIZE: it cannot be written */
int32_t filter_write(struct text_out *o, const struct plan *p, const struct ctr_filter *f,
                     bool wildcards, bool *none);

#endif
