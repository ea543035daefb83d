/* entry.h - which attributes a client wants, and a contact as a SearchResultEntry. */
#ifndef LDAP_ENTRY_H
#define LDAP_ENTRY_H

#include "server.h"

struct select_item {
    const struct attr *attr;
    struct ctr_str name; /* as the client wrote it: some compare it with case */
    struct ctr_str custom;
};

struct selection {
    const struct select_item *items; /* for contacts; the first n_named by name */
    uint32_t n, n_named;
    bool user, operational; /* "*" and "+" */
    bool types_only;
    uint64_t want; /* kinds the host must give */
};

/* AttributeSelection: "*", "+", "1.1", names. returns 0 | -CTR_EFORMAT | -CTR_EREFUSED
 * (why) | -CTR_ENOMEM */
int selection_parse(const struct server *s, struct pool *pool, struct ber list,
                    struct selection *out, struct refusal *why);

/* Everything "*" stands for; part of making an instance. */
int selection_init(struct server *s);

void entry_put_contact(struct ber_out *out, struct server *s, uint32_t id,
                       const struct ctr_contact *c, const struct selection *sel);
void entry_put_local(struct ber_out *out, uint32_t id, const struct local_entry *entry,
                     const struct selection *sel);
/* "ou=SOURCE,BASE" */
void entry_put_source_dn(struct ber_out *out, const struct server *s,
                         struct ctr_str source);

#endif
