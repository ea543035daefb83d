/* cursor.h - what a sync leaves for the next: for each book its sync-token or ctag, and a
 * mark of the options they belong to. */
#ifndef CARDDAV_CURSOR_H
#define CARDDAV_CURSOR_H

#include "book.h"

enum { CURSOR_MAX = 64 * 1024 };

/* The cursor of books read under options with this mark. returns its length; 0: it would
 * be too long, so the next sync is a full one */
size_t cursor_write(const struct books *b, uint64_t mark, char *out, size_t cap);
/* Fills known, known_token and known_ctag. returns true: a delta may be had; false: the
 * options have changed, or a book has gone or another id, or this is no cursor */
bool cursor_read(struct books *b, uint64_t mark, struct ctr_str cursor);

#endif
