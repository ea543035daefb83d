/* rootdse.h - the entries the server says about itself, made once for an instance. */
#ifndef LDAP_ROOTDSE_H
#define LDAP_ROOTDSE_H

#include "server.h"

/* rootDSE with and without StartTLS, and the base entry. returns 0 | -CTR_ENOMEM */
int rootdse_init(struct server *s);
/* The subschema entry, from the tables we serve by. returns 0 | -CTR_ENOMEM */
int schema_init(struct server *s);

/* A growing entry. */
struct entry_maker {
    struct server *s;
    struct local_attr *attrs;
    uint32_t n;
    bool failed;
};
/* Up to max attributes. */
void maker_init(struct entry_maker *k, struct server *s, uint32_t max);
/* values end with NULL. */
void maker_add(struct entry_maker *k, const char *attr, const char *const *values);
void maker_add_one(struct entry_maker *k, const char *attr, struct ctr_str value);
/* An array of values that live as long as the instance. */
void maker_add_values(struct entry_maker *k, const char *attr,
                      const struct ctr_str *values, uint32_t n);
int maker_finish(const struct entry_maker *k, struct ctr_str dn, struct local_entry *out);

#endif
