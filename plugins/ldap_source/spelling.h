/* spelling.h - Müller and Mueller: the daemon takes them for one, most servers do not. */
#ifndef LDAP_SOURCE_SPELLING_H
#define LDAP_SOURCE_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

enum spelling { SPELLING_AS_IS, SPELLING_UMLAUTS, SPELLING_DIGRAPHS, SPELLINGS };

/* The text in another spelling. out: len + 1 bytes: no spelling is longer in
 * bytes. returns its length */
size_t spelling_write(enum spelling spelling, const char *text, size_t len, char *out);
/* Whether it is another text then. */
bool spelling_differs(enum spelling spelling, const char *text, size_t len);

#endif
