/* dn.h - distinguished names: taken apart, compared, written (RFC 4514). */
#ifndef LDAP_DN_H
#define LDAP_DN_H

#include "attributes.h"

enum { DN_RDNS_MAX = 64 };

struct rdn {
    const struct attr *attr; /* NULL: not one of ours, compare `type` */
    struct ctr_str type;     /* as written */
    struct ctr_str value;    /* without escapes */
    bool multi;              /* a+b: names nothing here */
};

struct dn {
    struct rdn *rdns; /* [0] is the leftmost */
    uint32_t n;
};

/* Also reads what LDAPv2 allowed: ';' between, "quoted" values, blanks around.
 * returns 0 | -CTR_EFORMAT | -CTR_ENOMEM */
int dn_parse(const struct attributes *t, struct pool *pool, struct ctr_str text,
             struct dn *out);
bool rdn_same(const struct rdn *a, const struct rdn *b);
/* Whether dn is base or lies below it; *above says by how many RDNs. */
bool dn_below(const struct dn *dn, const struct dn *base, uint32_t *above);
/* Appends a value with what RFC 4514 wants escaped; bytes that are no UTF-8 as hex. */
void dn_put_value(struct ber_out *out, struct ctr_str value);

#endif
