/* rootdse.h - what a server says of itself. */
#ifndef LDAP_SOURCE_ROOTDSE_H
#define LDAP_SOURCE_ROOTDSE_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define OID_AD              "1.2.840.113556.1.4.800"
#define OID_AD_SHOW_DELETED "1.2.840.113556.1.4.417"
#define OID_START_TLS       "1.3.6.1.4.1.1466.20037"

enum { CONTEXTS_MAX = 64 };

struct rootdse {
    bool ad;       /* Active Directory, or Samba as one */
    bool openldap; /* slapd */
    bool syncrepl, paged, start_tls, show_deleted, external;
    uint64_t highest_usn;        /* ad; 0: not said */
    char *service;               /* ad: dsServiceName */
    char *default_context;       /* ad */
    char *vendor;                /* for people; may be NULL */
    char *context[CONTEXTS_MAX]; /* namingContexts */
    uint32_t n_contexts;
};

struct conn;

/* returns 0 (also when the server keeps it to itself) | negative with f set */
int32_t rootdse_read(struct conn *c, struct rootdse *out, struct fault *f);
void rootdse_finish(struct rootdse *d);

/* The naming context that holds a base, as the server writes it, or NULL. */
const char *rootdse_context(const struct rootdse *d, const char *base);

#endif
