/* contacts.h - from entries to contacts, handed on in batches. The messages are kept
 * until their batch is out, so that values need no copy. */
#ifndef LDAP_SOURCE_CONTACTS_H
#define LDAP_SOURCE_CONTACTS_H

#include "entry.h"

enum {
    CONTACTS_BATCH = 256,
    CONTACTS_FIELDS = 8 * 1024,
    CONTACTS_BYTES = 4 * 1024 * 1024 /* of messages in a batch */
};

/* Takes n contacts. returns 0 | negative */
typedef int32_t (*contacts_deliver_fn)(void *user, const struct ctr_contact *contacts,
                                       uint32_t n);
/* where: "entry 12". May be NULL. */
typedef void (*contacts_reject_fn)(void *user, const char *where, const char *reason);

struct contacts {
    const struct plan *plan;
    LDAP *ld;
    contacts_deliver_fn deliver;
    contacts_reject_fn reject;
    void *user;
    /* --- private */
    struct ctr_contact batch[CONTACTS_BATCH];
    LDAPMessage *message[CONTACTS_BATCH];
    char id[CONTACTS_BATCH][INDEX_ID_MAX];
    struct ctr_field *fields;
    uint32_t n, n_fields;
    size_t bytes;
    /* --- counted */
    uint64_t entries, put, rejected;
    int64_t newest; /* modifyTimestamp, seconds since 1970; 0: none seen */
    int64_t latest; /* of which times beyond are not believed */
    uint64_t seen;  /* CTR_KIND() set of fields that had a value */
    char first_reject[240];
};

struct contacts *contacts_create(const struct plan *plan, LDAP *ld); /* NULL: no memory */
void contacts_destroy(struct contacts *c);                           /* NULL-safe */

/* Takes m. uuid: the sync control's or NULL. *who: filled in, for the index; its id is
 * empty when the entry was rejected. returns 0 | negative from deliver */
int32_t contacts_entry(struct contacts *c, LDAPMessage *m, const uint8_t *uuid,
                       struct identity *who);
int32_t contacts_flush(struct contacts *c);
/* Forget what was taken and not delivered, and begin to count anew. */
void contacts_restart(struct contacts *c);

#endif
