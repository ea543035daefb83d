/* cursor.h - what a sync leaves for the next: the watermark, when everything was read
 * last, and the names of the columns to ask for. Text, fields between tabs. */
#ifndef ODBC_CURSOR_H
#define ODBC_CURSOR_H

#include "config.h"
#include "mark.h"

enum { CURSOR_TEXT = 4096 };

struct cursor {
    uint64_t hash;
    int64_t full_at; /* when everything was read last; ms since 1970 */
    int64_t at;      /* when this sync began: no two are the same */
    bool several;    /* a contact had several rows */
    struct mark mark;
    uint32_t n_names; /* of the result's columns: the watermark, then the keys */
    char names[1 + KEYS_MAX][COLUMN_NAME];
};

/* returns false where it does not fit */
bool cursor_write(const struct cursor *c, char *out, size_t cap);
/* returns false where it is no cursor of this version */
bool cursor_read(struct cursor *c, const char *text, size_t n);

#endif
