/* target.h - what a search base names: our tree is BASE / ou=SOURCE / uid=ID. */
#ifndef LDAP_TARGET_H
#define LDAP_TARGET_H

#include "conn.h"

enum {
    TARGET_NONE = 0, /* no such object; `matched` is what exists of it */
    TARGET_ROOT,     /* "" */
    TARGET_SUBSCHEMA,
    TARGET_BASE,
    TARGET_SOURCE,
    TARGET_CONTACT /* or none with that id: the host knows */
};

struct target {
    int kind;
    struct ctr_str source, id, matched;
};

/* returns 0 | -CTR_EFORMAT (no DN) | -CTR_ENOMEM */
int target_resolve(const struct conn *c, struct pool *pool, struct ctr_str text,
                   struct target *out);
/* The sources this identity may see. NULL: no memory */
struct ctr_str *target_sources(const struct conn *c, struct pool *pool, uint32_t *n);
/* "ou=SOURCE,BASE"; .ptr NULL: no memory */
struct ctr_str target_source_dn(const struct conn *c, struct pool *pool,
                                struct ctr_str source);
/* The entry of a source. returns 0 | -CTR_ENOMEM */
int target_source_entry(const struct conn *c, struct pool *pool, struct ctr_str source,
                        struct local_entry *out);
/* May this identity ask about this place? */
bool target_allowed(const struct conn *c, const struct target *t, bool base_only);

#endif
