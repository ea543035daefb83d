/* leaf.h - one assertion of a filter: what it asks of a contact. Used by filter.c. */
#ifndef LDAP_LEAF_H
#define LDAP_LEAF_H

#include "filter.h"

/* A built node, and what it may be for our own entries. */
struct node {
    const struct ctr_filter *f;
    bool local_true, local_false;
};

extern const struct ctr_filter leaf_true, leaf_false;

/* An assertion op (CTR_OP_EQUAL ...) with its values. returns 0 | -CTR_ENOMEM */
int leaf_build(struct filter *f, const struct attr_ref *ref, uint32_t op,
               const struct ctr_str *values, uint32_t n, struct node *out);
/* The parts of an extensible assertion; dn: the attributes of the name count as well. */
int leaf_extensible(struct filter *f, struct ctr_str rule, const struct attr_ref *ref,
                    struct ctr_str value, bool dn, struct node *out);
/* Undefined, as its place in the filter allows it to be read. */
const struct ctr_filter *leaf_undefined(const struct filter *f);
/* AND, OR or NOT of nodes already built; NULL: no memory. */
const struct ctr_filter *leaf_join(struct filter *f, uint32_t op,
                                   const struct ctr_filter *const *children, uint32_t n);

#endif
