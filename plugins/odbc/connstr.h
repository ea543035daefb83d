/* connstr.h - ODBC connection strings: KEY=value;KEY={value with ; in it};... */
#ifndef ODBC_CONNSTR_H
#define ODBC_CONNSTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONNSTR_KEYS_MAX = 64, CONNSTR_MAX = 4096 };

struct connstr {
    char *text; /* keys and values, NUL-terminated; owned */
    const char *keys[CONNSTR_KEYS_MAX], *values[CONNSTR_KEYS_MAX];
    uint32_t n;
};

/* returns NULL, or what is wrong with the text (a sentence without its values) */
const char *connstr_parse(struct connstr *c, const char *text);
void connstr_finish(struct connstr *c);
/* The first value of a key, compared without case; NULL: not there. */
const char *connstr_get(const struct connstr *c, const char *key);

/* ";KEY=value" in the form drivers take: in braces only where it must be. returns false
 * when it does not fit */
bool connstr_add(char *out, size_t cap, const char *key, const char *value);

#endif
