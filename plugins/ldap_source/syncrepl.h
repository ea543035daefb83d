/* syncrepl.h - content synchronisation (RFC 4533) with an OpenLDAP server. */
#ifndef LDAP_SOURCE_SYNCREPL_H
#define LDAP_SOURCE_SYNCREPL_H

#include "run.h"

/* How far the server is now, for a base: r->next's cookie, before everything is read.
 * returns 0 | -CTR_ENOTSUP with a fault: this database does not do it | negative */
int32_t syncrepl_begin(struct run *r);
/* What changed under the present base since r->old's cookie.
 * returns 0 | RUN_READ_ALL | negative */
int32_t syncrepl_delta(struct run *r);

/* --- the protocol's parts ----------------------------------------------------------- */

enum { SYNC_IDS_MAX = 1000000 };

/* The request's control. returns NULL: out of memory */
LDAPControl *syncrepl_control(int mode, const char *cookie, size_t len);

struct sync_state {
    int state; /* LDAP_SYNC_ADD, ... */
    uint8_t uuid[16];
};
/* Of an entry. returns false: there is none, or it cannot be read */
bool syncrepl_state(LDAP *ld, LDAPMessage *m, struct sync_state *out);

struct sync_info {
    ber_tag_t kind; /* LDAP_TAG_SYNC_NEW_COOKIE, ... */
    bool deletes, done;
    struct berval cookie; /* owned */
    BerVarray ids;        /* owned; LDAP_TAG_SYNC_ID_SET */
};
/* Of an intermediate message. returns 0 | -CTR_ENOENT: another kind | -CTR_EPROTO */
int32_t syncrepl_info(LDAP *ld, LDAPMessage *m, struct sync_info *out);
void syncrepl_info_finish(struct sync_info *info);

#endif
