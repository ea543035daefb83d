/* filter.h - an LDAP filter (RFC 4511 section 4.5.1.7) to the neutral one of query.h.
 *
 * What does not depend on a contact (objectClass, entryDN, unknown names) is folded away
 * here. Only True is a hit, so an Undefined term may be False where it stands under an
 * even number of NOTs and True under an odd one: the result is the same and the host gets
 * a plain two-valued tree. */
#ifndef LDAP_FILTER_H
#define LDAP_FILTER_H

#include "server.h"

enum { ASKED_MAX = 256 };

struct filter {
    /* in */
    const struct server *server;
    struct pool *pool;
    struct ctr_str source; /* absent: not known yet */
    bool plain;            /* leave out what would need further leaves */

    /* out */
    const struct ctr_filter *root;
    bool by_source;  /* depends on the source: build again for each */
    bool local_true; /* may be True for one of our own entries */
    bool caller;     /* nothing but "is it this number" */
    uint32_t host_leaves;
    struct refusal why;    /* with -CTR_EREFUSED */
    char asked[ASKED_MAX]; /* RFC 4515, cut; for the trace */
    uint32_t n_asked;

    /* private */
    bool negative, phone_equal, other;
    uint32_t depth, terms;
};

/* Takes one filter off b. returns 0 | -CTR_EFORMAT (no filter at all) | -CTR_EREFUSED (a
 * limit, f->why) | -CTR_ENOMEM */
int filter_build(struct filter *f, struct ber *b);
/* The leaf of one equality assertion, as compare asks it; NULL: no memory. */
const struct ctr_filter *filter_equal(struct filter *f, const struct attr_ref *ref,
                                      struct ctr_str value);
const struct ctr_filter *filter_present(struct filter *f, const struct attr_ref *ref);

/* Matching rules we know, for extensible filters and the subschema. */
struct rule {
    const char *name, *oid;
    uint8_t syntax;
};
extern const struct rule filter_rules[];
extern const uint32_t filter_n_rules;
/* By name or OID; NULL: none we have. */
const struct rule *filter_find_rule(struct ctr_str name);

#endif
