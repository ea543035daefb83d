/* mark.h - watermarks: the greatest value of a column seen so far, of whichever type,
 * kept as text in the cursor and bound as the type it was read as. */
#ifndef ODBC_MARK_H
#define ODBC_MARK_H

#include "columns.h"

enum { MARK_MAX = 200 };

enum mark_type {
    MARK_NONE = '-',
    MARK_INTEGER = 'i',
    MARK_FLOAT = 'f',
    MARK_STAMP = 't', /* "YYYY-MM-DD HH:MM:SS.fffffffff" */
    MARK_DATE = 'd',  /* "YYYY-MM-DD" */
    MARK_BYTES = 'b', /* hexadecimal: a rowversion */
    MARK_TEXT = 's'
};

struct mark {
    char type;
    int16_t digits; /* of the fraction of a second */
    char text[MARK_MAX];
};

/* The value of a cell. loose: of a server whose columns hold values of any type. returns
 * false where it cannot be a watermark (NULL, too long, control characters) */
bool mark_read(struct mark *m, const struct column *c, const char *text, int32_t len,
               bool loose);
/* Keeps the greater of the two in m. Marks that cannot be compared: the newer wins. */
void mark_raise(struct mark *m, const struct mark *other);
/* Goes back: times by `ms`, numbers and rowversions by `count`. */
void mark_lower(struct mark *m, int64_t ms, int64_t count);
/* Whether it is a time later than `wall` (ms since 1970, UTC). */
bool mark_is_after(const struct mark *m, int64_t wall);
/* Whether type and text fit each other: of a cursor read back. */
bool mark_is_valid(const struct mark *m);
/* Parts of a MARK_STAMP or MARK_DATE. */
struct mark_time {
    int16_t year;
    uint16_t month, day, hour, minute, second;
    uint32_t nanos;
};
bool mark_time(const struct mark *m, struct mark_time *out);

#endif
