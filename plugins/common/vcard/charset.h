/* charset.h - text in the encoding a card names, to UTF-8. */
#ifndef VCARD_CHARSET_H
#define VCARD_CHARSET_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>

#include "contactor/plugin.h"

enum { CHARSET_NAME_MAX = 31 };

enum charset_how {
    CHARSET_NONE,
    CHARSET_UNKNOWN,
    CHARSET_UTF8,
    CHARSET_1252,
    CHARSET_ICONV
};

/* Zero-initialise. */
struct charset {
    char name[CHARSET_NAME_MAX + 1]; /* as asked for */
    enum charset_how how;
    iconv_t cd; /* CHARSET_ICONV */
};

/* returns false: it is none of those that are known. Cheap if it is the one already. */
bool charset_set(struct charset *c, struct ctr_str name);
/* returns bytes written | -1: the text is not of this encoding, or out is too small */
int64_t charset_convert(struct charset *c, const char *s, size_t n, char *out,
                        size_t cap);
void charset_finish(struct charset *c);

bool utf8_valid(const char *s, size_t n);

#endif
