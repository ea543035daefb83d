/* columns.h - the columns of a result, and pages of their values as UTF-8 text or bytes.
 */
#ifndef ODBC_COLUMNS_H
#define ODBC_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COLUMNS_MAX = 512, COLUMN_NAME = 130 };

/* How a column is read from the driver. */
enum form {
    FORM_NONE,  /* not at all */
    FORM_TEXT,  /* characters that are UTF-8, or ASCII */
    FORM_WIDE,  /* UTF-16 */
    FORM_BYTES, /* shown as hexadecimal digits, but for photos */
    FORM_STAMP, /* date and time */
    FORM_DATE
};

struct column {
    char name[COLUMN_NAME];
    int16_t type;   /* SQL_* */
    int16_t digits; /* after the point, or of a second */
    uint64_t size;
    enum form form;
    bool photo;      /* FORM_BYTES as they are, up to CTR_PHOTO_MAX */
    uint32_t width;  /* bytes of a cell in the driver's buffer */
    uint32_t offset; /* of its cells in that buffer */
};

struct columns {
    struct column at[COLUMNS_MAX];
    uint32_t n;
};

/* A value of a page. */
enum { CELL_NULL = -1, CELL_TOO_LONG = -2, CELL_NOT_TEXT = -3 };
struct cell {
    uint32_t offset;
    int32_t len; /* bytes, or CELL_* */
};

struct page {
    uint32_t n_rows, n_columns;
    struct cell *cells; /* row after row */
    char *text;
    size_t len, cap;
    uint64_t unreadable; /* rows the driver could not give; they are left out */
};

static inline struct cell page_cell(const struct page *p, uint32_t row, uint32_t column)
{
    return p->cells[(size_t)row * p->n_columns + column];
}

#endif
