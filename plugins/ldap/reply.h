/* reply.h - LDAPResult messages: how everything ends. */
#ifndef LDAP_REPLY_H
#define LDAP_REPLY_H

#include "conn.h"

struct reply {
    uint32_t id;
    uint8_t tag;
    int code;
    struct ctr_str matched;
    const char *text;        /* diagnosticMessage; NULL: none */
    const char *name;        /* extended: responseName */
    struct ctr_str value;    /* extended: responseValue; absent: none */
    struct ctr_str controls; /* content of [0], already BER; absent: none */
};

void reply_send(struct conn *c, const struct reply *reply);
/* The common case. */
void reply_code(struct conn *c, const struct message *m, int code, const char *text);
/* Takes what was written and notes whether the peer keeps up. */
void reply_commit(struct conn *c, uint64_t used);
/* The tag that answers a request's, or 0. */
uint8_t reply_tag(uint8_t request);

#endif
