/* where.h - one server's URL, taken apart. */
#ifndef LDAP_SOURCE_WHERE_H
#define LDAP_SOURCE_WHERE_H

#include <stdbool.h>
#include <stdint.h>

enum scheme { SCHEME_LDAP, SCHEME_LDAPS, SCHEME_LDAPI };

struct where {
    enum scheme scheme;
    char *url;  /* scheme, host and port only */
    char *host; /* SCHEME_LDAPI: the path of the socket */
    uint16_t port;
    bool loopback;
};

/* returns NULL | what is wrong with it, a static sentence; "" : out of memory */
const char *where_parse(const char *text, struct where *out);
void where_finish(struct where *w);

#endif
