/* local.h - our own entries (rootDSE, subschema, the base, one for each source), and
 * evaluating a filter on them with three-valued logic. */
#ifndef LDAP_LOCAL_H
#define LDAP_LOCAL_H

#include "attributes.h"

struct local_attr {
    const struct attr *attr;
    const struct ctr_str *values;
    uint32_t n;
};

struct local_entry {
    struct ctr_str dn;
    const struct local_attr *attrs;
    uint32_t n;
};

enum { LOCAL_FALSE = 0, LOCAL_TRUE = 1, LOCAL_UNDEFINED = 2 };

/* Bytes of values one search may look at, about a millisecond: the schema alone has ten
 * thousand and more, and each term of a filter would go through them. */
enum { LOCAL_WORK_MAX = 1 << 20 };

/* filter: one element that filter_build has accepted, so its depth is bounded.
 * work: what this adds its own to; above LOCAL_WORK_MAX the result says nothing. */
int local_matches(const struct local_entry *entry, const struct attributes *t,
                  struct pool *pool, struct ber filter, uint64_t *work);
/* An equality assertion, for compare. */
int local_equals(const struct local_entry *entry, const struct attr *attr,
                 struct ctr_str value);
bool local_has(const struct local_entry *entry, const struct attr *attr);

#endif
