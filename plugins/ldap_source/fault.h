/* fault.h - what went wrong, where, in whose words, and what to do about it. Everything
 * that speaks to a server fills one in; the sync and the test tell it to the host. */
#ifndef LDAP_SOURCE_FAULT_H
#define LDAP_SOURCE_FAULT_H

#include <ldap.h>

#include "contactor/plugin.h"

struct fault {
    int32_t code;     /* 0: none */
    int32_t ldap;     /* the server's result code, LDAP_SUCCESS: none */
    const char *step; /* of a test: "connect" */
    char text[512];
    char remedy[320]; /* "": none */
};

/* Both return code. remedy may be NULL. The first fault counts: an older one stays. */
int32_t fault_set(struct fault *f, int32_t code, const char *step, const char *remedy,
                  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int32_t fault_nomem(struct fault *f);

/* An answer of the server that is not success: what was asked ("reading BASE"), its
 * code, its words (may be NULL), and the part of the base it knows (may be NULL). */
int32_t fault_answer(struct fault *f, const char *step, const char *asked, int rc,
                     const char *words, const char *matched);

/* host->fail, and the code. */
int32_t fault_tell(const struct fault *f, const struct ctr_host *host);

/* The server's words as one line of printable UTF-8, cut to fit. */
void fault_clean(char *out, size_t cap, const char *words);

#endif
