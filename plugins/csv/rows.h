/* rows.h - RFC 4180 rows out of a stream of UTF-8, with line numbers and recovery.
 *
 * Our own machine and not libcsv, which counts no lines, repairs `"x"y` in silence or
 * gives the whole file up, and cannot go back. Here a broken row costs itself: reading
 * goes on with the next line of the file, even when a stray quote made the row run over
 * many. After that rows must have exactly the header's number of columns until the place
 * where the break was noticed, so that the inside of a broken multi-line field does not
 * become contacts.
 *
 * Read tolerantly: LF, CRLF and CR; blanks between a closing quote and the delimiter;
 * quotes inside an unquoted field; empty lines; missing columns at the end of a row. */
#ifndef CSV_ROWS_H
#define CSV_ROWS_H

#include "input.h"

#ifndef CSV_ROW_MAX
#define CSV_ROW_MAX (1024 * 1024)
#endif
enum { ROWS_COLUMNS_MAX = 2000, ROWS_ROW_MAX = CSV_ROW_MAX };

/* In the order of the option's choices. */
enum delimiter {
    DELIMITER_AUTO,
    DELIMITER_COMMA,
    DELIMITER_SEMICOLON,
    DELIMITER_TAB,
    DELIMITER_PIPE
};

struct cell {
    char *ptr; /* into the buffer */
    uint32_t len;
    bool escaped; /* has "" inside, still doubled */
};

enum rows_result {
    ROWS_ROW,  /* cells, n_cells, line */
    ROWS_BAD,  /* line, reason: skipped */
    ROWS_MORE, /* rows_fill is due; earlier rows' cells end here */
    ROWS_CUT,  /* line, reason: the file ends inside a row, it is half written */
    ROWS_END
};

struct rows {
    struct input *in;
    char *buf; /* one byte more than cap, for a sentinel */
    size_t at; /* the next row */
    size_t end, cap;
    uint64_t base; /* bytes of text before buf */
    uint64_t at_line;
    char delimiter;
    char sep;                       /* what a "sep=" line says; 0: none */
    bool stop[256];                 /* ends an unquoted cell */
    bool eof, skipping;             /* skipping: in a line that is too long to keep */
    uint64_t strict_until;          /* byte of the text */
    uint64_t rescanned;             /* bytes read twice because of broken rows */
    uint64_t full_rows, short_rows; /* with all columns, with fewer */

    /* the row */
    struct cell cells[ROWS_COLUMNS_MAX];
    uint32_t n_cells;
    uint32_t columns; /* of the header; 0 before it is known */
    bool open_end;    /* the row ends with the file, without a line end */
    uint64_t line;
    char reason[160];
};

int32_t rows_init(struct rows *r, struct input *in);
/* Reads the first bytes, obeys a "sep=;" line, finds the delimiter. returns 0 | a
 * negative code after host->fail */
int32_t rows_begin(struct rows *r, enum delimiter wanted);
enum rows_result rows_next(struct rows *r);
/* Drops the rows seen so far and reads on. returns 0 | a negative code after host->fail
 */
int32_t rows_fill(struct rows *r);
void rows_finish(struct rows *r);

#endif
