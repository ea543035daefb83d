/* entry.h - one entry as libldap received it: its values by slot, and who it is. Nothing
 * is copied: values lie in the message. */
#ifndef LDAP_SOURCE_ENTRY_H
#define LDAP_SOURCE_ENTRY_H

#include <ldap.h>

#include "index.h"
#include "plan.h"

struct entry {
    struct berval dn;
    struct berval *values[PLAN_SLOTS]; /* each ends with a NULL bv_val; NULL: none */
};

struct identity {
    struct ctr_str id; /* points into text or into the message */
    uint8_t key[16];
    bool guid;
    bool named;  /* id is not the key's text */
    bool unique; /* the key is the server's own and survives a new name */
    char text[INDEX_ID_MAX];
};

/* returns 0 | -CTR_EFORMAT: cannot be decoded. Close it either way. */
int32_t entry_open(struct entry *e, const struct plan *p, LDAP *ld, LDAPMessage *m);
void entry_close(struct entry *e, const struct plan *p);

/* The first value of a slot, or an absent one. */
struct ctr_str entry_value(const struct entry *e, uint32_t slot);

/* uuid: the sync control's, or NULL.
 * returns NULL | why it has no id, a static sentence */
const char *entry_identify(const struct entry *e, const struct plan *p,
                           const uint8_t *uuid, struct identity *out);

#endif
