/* result.c - the worker's part of a statement: executing, describing, and filling pages
 * with values as UTF-8. Nothing here is called by the one who waits while a call runs. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn_private.h"
#include "contactor/contact.h"
#include "contactor/error.h"
#include "diag.h"
#include "text.h"

enum {
    TEXT_ROOM = CTR_VALUE_MAX + 8, /* bytes of a cell, one more than may be used */
    WIDE_ROOM = 2 * (CTR_VALUE_MAX + 8),
    SMALL_ROOM = 512,               /* numbers, dates and the like */
    BYTES_ROOM = CTR_VALUE_MAX / 2, /* shown with two digits each */
    BUFFER_MAX = 8 * 1024 * 1024,
    PIECE_ROWS = 32, /* of a page, when read piece by piece */
    PIECE = 32 * 1024,
    PIECE_TEXT = 2 * 1024 * 1024
};

static bool worked(SQLRETURN rc)
{
    return SQL_SUCCEEDED(rc);
}

static void complain(struct conn *c, const char *what)
{
    conn_complain(c, SQL_HANDLE_STMT, c->stmt, what);
}

/* --- executing ------------------------------------------------------------------------
 */

static void describe(struct conn *c, SQLUSMALLINT i)
{
    struct column *column = &c->columns.at[i];
    SQLWCHAR name[COLUMN_NAME];
    char text[3 * COLUMN_NAME + 1];
    SQLSMALLINT units = 0, type = 0, digits = 0, nullable;
    SQLULEN size = 0;
    long n;

    *column = (struct column){0};
    if (!worked(SQLDescribeColW(c->stmt, (SQLUSMALLINT)(i + 1), name, COLUMN_NAME, &units,
                                &type, &size, &digits, &nullable))) {
        complain(c, "cannot describe a column of the result");
        return;
    }
    if (units < 0 || units >= COLUMN_NAME)
        units = COLUMN_NAME - 1;
    n = text_from_utf16(name, (size_t)units, text);
    text[n < 0 ? 0 : n] = 0;
    text_add(column->name, sizeof(column->name), text);
    column->type = type;
    column->digits = digits;
    column->size = size;
}

static void describe_all(struct conn *c)
{
    SQLSMALLINT n = 0;

    if (!worked(SQLNumResultCols(c->stmt, &n))) {
        complain(c, "cannot count the columns of the result");
        return;
    }
    if (n < 1 || n > COLUMNS_MAX) {
        trouble_set(&c->trouble, -CTR_EFORMAT,
                    n < 1 ? "the statement gives no rows: it has %d columns"
                          : "the result has %d columns; 512 are the most",
                    n);
        return;
    }
    c->columns.n = (uint32_t)n;
    for (SQLUSMALLINT i = 0; i < c->columns.n && c->trouble.code == 0; i++)
        describe(c, i);
}

static bool bind_params(struct conn *c)
{
    for (uint32_t i = 0; i < c->n_bound; i++) {
        struct bound *b = &c->bound[i];

        if (!worked(SQLBindParameter(c->stmt, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT,
                                     b->c_type, b->sql_type, b->size, b->digits, b->data,
                                     b->len, &b->len)))
            return false;
    }
    return true;
}

static void release(struct conn *c)
{
    SQLFreeStmt(c->stmt, SQL_CLOSE);
    SQLFreeStmt(c->stmt, SQL_UNBIND);
    SQLFreeStmt(c->stmt, SQL_RESET_PARAMS);
}

static SQLRETURN run(struct conn *c)
{
    SQLRETURN rc;

    if (c->n_bound == 0)
        return SQLExecDirectW(c->stmt, c->sql, SQL_NTS);
    rc = SQLPrepareW(c->stmt, c->sql, SQL_NTS);
    if (worked(rc) && !bind_params(c))
        rc = SQL_ERROR;
    return worked(rc) ? SQLExecute(c->stmt) : rc;
}

void result_execute(void *arg)
{
    struct conn *c = arg;
    SQLRETURN rc;

    release(c);
    c->end = false;
    c->columns.n = 0;
    /* What a driver does not know it says; the time is kept by us anyway. */
    SQLSetStmtAttr(c->stmt, SQL_ATTR_QUERY_TIMEOUT,
                   (SQLPOINTER)(uintptr_t)((c->query_ms + 999) / 1000), 0);
    SQLSetStmtAttr(c->stmt, SQL_ATTR_MAX_ROWS, (SQLPOINTER)(uintptr_t)c->max_rows, 0);
    SQLSetStmtAttr(c->stmt, SQL_ATTR_ROW_ARRAY_SIZE, (SQLPOINTER)1, 0);
    rc = run(c);
    if (!worked(rc) && rc != SQL_NO_DATA) {
        complain(c, "cannot run the statement");
        return;
    }
    describe_all(c);
}

void result_cancel(void *arg)
{
    struct conn *c = arg;

    SQLCancel(c->stmt);
}

void result_reset(void *arg)
{
    struct conn *c = arg;

    release(c);
    if (!c->autocommit && !worked(SQLEndTran(SQL_HANDLE_DBC, c->dbc, SQL_ROLLBACK)))
        conn_complain(c, SQL_HANDLE_DBC, c->dbc, "cannot end the transaction");
}

void result_forget(struct conn *c)
{
    for (uint32_t i = 0; i < c->n_bound; i++)
        free(c->bound[i].text);
    memset(c->bound, 0, sizeof(c->bound));
    c->n_bound = 0;
    free(c->sql);
    c->sql = NULL;
}

static void free_buffers(struct conn *c)
{
    free(c->buffer);
    free(c->lengths);
    free(c->row_status);
    c->buffer = NULL;
    c->lengths = NULL;
    c->row_status = NULL;
    for (unsigned i = 0; i < 2; i++) {
        free(c->pages[i].cells);
        free(c->pages[i].text);
        c->pages[i] = (struct page){0};
    }
}

void result_free(struct conn *c)
{
    if (c->stmt) {
        release(c);
        SQLFreeHandle(SQL_HANDLE_STMT, c->stmt);
    }
    result_forget(c);
    free_buffers(c);
}

/* --- buffers --------------------------------------------------------------------------
 */

static SQLSMALLINT c_type(const struct column *column)
{
    switch (column->form) {
    case FORM_WIDE:
        return SQL_C_WCHAR;
    case FORM_BYTES:
        return SQL_C_BINARY;
    case FORM_STAMP:
        return SQL_C_TYPE_TIMESTAMP;
    case FORM_DATE:
        return SQL_C_TYPE_DATE;
    default:
        return SQL_C_CHAR;
    }
}

static bool is_text_type(int16_t type)
{
    switch (type) {
    case SQL_BIT:
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
    case SQL_NUMERIC:
    case SQL_DECIMAL:
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
    case SQL_GUID:
    case SQL_TYPE_TIME:
    case SQL_TIME:
        return false;
    default:
        return true;
    }
}

static uint32_t width_of(const struct column *column, bool loose)
{
    switch (column->form) {
    case FORM_WIDE:
        return WIDE_ROOM;
    case FORM_BYTES:
        return BYTES_ROOM;
    case FORM_STAMP:
        return sizeof(SQL_TIMESTAMP_STRUCT);
    case FORM_DATE:
        return 8; /* SQL_DATE_STRUCT is 6 */
    default:
        return loose || is_text_type(column->type) ? TEXT_ROOM : SMALL_ROOM;
    }
}

static void lay_out(struct conn *c, uint32_t max_rows)
{
    bool loose = (c->driver->flags & DRIVER_LOOSE) != 0;
    uint32_t offset = 0;

    c->row_size = 0;
    c->piecewise = false;
    for (uint32_t i = 0; i < c->columns.n; i++) {
        struct column *column = &c->columns.at[i];

        if (column->form == FORM_NONE)
            continue;
        c->piecewise |= column->photo;
        column->width = (width_of(column, loose) + 7u) & ~7u;
        c->row_size += column->width;
    }
    c->rows_max = c->row_size ? (uint32_t)(BUFFER_MAX / c->row_size) : 1;
    if (c->rows_max > max_rows)
        c->rows_max = max_rows;
    if (c->rows_max < 1 || c->piecewise)
        c->rows_max = 1;
    for (uint32_t i = 0; i < c->columns.n; i++) {
        c->columns.at[i].offset = offset;
        if (c->columns.at[i].form != FORM_NONE)
            offset += c->columns.at[i].width * c->rows_max;
    }
}

static bool make_pages(struct conn *c)
{
    size_t rows = c->piecewise ? PIECE_ROWS : c->rows_max;

    for (unsigned i = 0; i < 2; i++) {
        c->pages[i].n_columns = c->columns.n;
        c->pages[i].cells = calloc(rows * c->columns.n, sizeof(struct cell));
        if (!c->pages[i].cells)
            return false;
    }
    return true;
}

static bool bind_columns(struct conn *c)
{
    if (c->piecewise)
        return true;
    SQLSetStmtAttr(c->stmt, SQL_ATTR_ROW_BIND_TYPE, (SQLPOINTER)SQL_BIND_BY_COLUMN, 0);
    SQLSetStmtAttr(c->stmt, SQL_ATTR_ROWS_FETCHED_PTR, &c->rows_fetched, 0);
    SQLSetStmtAttr(c->stmt, SQL_ATTR_ROW_STATUS_PTR, c->row_status, 0);
    if (!worked(SQLSetStmtAttr(c->stmt, SQL_ATTR_ROW_ARRAY_SIZE,
                               (SQLPOINTER)(uintptr_t)c->rows_max, 0)))
        c->rows_max = 1;
    for (uint32_t i = 0; i < c->columns.n; i++) {
        const struct column *column = &c->columns.at[i];

        if (column->form != FORM_NONE &&
            !worked(SQLBindCol(c->stmt, (SQLUSMALLINT)(i + 1), c_type(column),
                               c->buffer + column->offset, (SQLLEN)column->width,
                               c->lengths + (size_t)i * c->rows_max)))
            return false;
    }
    return true;
}

/* By the one who waits, between two calls. */
int32_t conn_bind(struct conn *c, uint32_t max_rows, struct trouble *t)
{
    free_buffers(c);
    lay_out(c, max_rows);
    c->filling = 0;
    c->buffer = calloc(c->rows_max, c->row_size ? c->row_size : 1);
    c->lengths = calloc((size_t)c->rows_max * c->columns.n, sizeof(*c->lengths));
    c->row_status = calloc(c->rows_max, sizeof(*c->row_status));
    if (!c->buffer || !c->lengths || !c->row_status || !make_pages(c))
        return trouble_set(t, -CTR_ENOMEM, "out of memory for the rows");
    if (bind_columns(c))
        return 0;
    complain(c, "cannot bind the columns of the result");
    *t = c->trouble;
    return t->code;
}

/* --- pages: rows in arrays ------------------------------------------------------------
 */

/* What fits the buffer, less the driver's NUL. */
static SQLLEN usable(const struct column *column)
{
    switch (column->form) {
    case FORM_TEXT:
        return (SQLLEN)column->width - 1;
    case FORM_WIDE:
        return (SQLLEN)column->width - 2;
    default:
        return (SQLLEN)column->width;
    }
}

static bool take_bound(struct conn *c, struct page *p, uint32_t row, uint32_t i)
{
    const struct column *column = &c->columns.at[i];
    struct cell *cell = &p->cells[(size_t)p->n_rows * p->n_columns + i];
    SQLLEN len = c->lengths[(size_t)i * c->rows_max + row];

    cell->len = CELL_NULL;
    if (column->form == FORM_NONE || len == SQL_NULL_DATA)
        return true;
    if (len < 0 || len > usable(column)) {
        cell->len = CELL_TOO_LONG;
        return true;
    }
    return page_put(p, cell, column,
                    c->buffer + column->offset + (size_t)row * column->width,
                    (size_t)len);
}

static void take_rows(struct conn *c, struct page *p)
{
    for (uint32_t row = 0; row < c->rows_fetched && row < c->rows_max; row++) {
        if (c->row_status[row] == SQL_ROW_ERROR || c->row_status[row] == SQL_ROW_NOROW) {
            p->unreadable++;
            continue;
        }
        for (uint32_t i = 0; i < c->columns.n; i++)
            if (!take_bound(c, p, row, i)) {
                trouble_set(&c->trouble, -CTR_ENOMEM, "out of memory for the rows");
                return;
            }
        p->n_rows++;
    }
}

/* A connection that broke must not look like the end of the table. */
static void take_end(struct conn *c)
{
    SQLUINTEGER dead = SQL_CD_FALSE;

    c->end = true;
    if (worked(SQLGetConnectAttr(c->dbc, SQL_ATTR_CONNECTION_DEAD, &dead, 0, NULL)) &&
        dead == SQL_CD_TRUE)
        trouble_set(&c->trouble, -CTR_EUNAVAIL,
                    "the connection broke while the rows were read");
}

static void fetch_array(struct conn *c, struct page *p)
{
    SQLRETURN rc;

    memset(c->row_status, 0, c->rows_max * sizeof(*c->row_status));
    c->rows_fetched = 0;
    rc = SQLFetch(c->stmt);
    if (rc == SQL_NO_DATA)
        take_end(c);
    else if (!worked(rc))
        complain(c, "cannot read the rows");
    else
        take_rows(c, p);
}

/* --- pages: piece by piece, where values may be long ----------------------------------
 */

static size_t limit_of(const struct column *column)
{
    if (column->photo)
        return CTR_PHOTO_MAX;
    return column->form == FORM_WIDE ? 2 * CTR_VALUE_MAX : CTR_VALUE_MAX;
}

static size_t terminator(const struct column *column)
{
    return column->form == FORM_TEXT ? 1 : column->form == FORM_WIDE ? 2 : 0;
}

/* All of one value into *buf. returns its length, CELL_*, or -CTR_E* below them. */
static long read_pieces(struct conn *c, uint32_t i, char *buf, size_t cap)
{
    const struct column *column = &c->columns.at[i];
    size_t n = 0, end = terminator(column), space;
    SQLLEN len = 0;
    SQLRETURN rc;

    for (;;) {
        space = cap - n < PIECE ? cap - n : PIECE;
        if (space <= end)
            return CELL_TOO_LONG;
        rc = SQLGetData(c->stmt, (SQLUSMALLINT)(i + 1), c_type(column), buf + n,
                        (SQLLEN)space, &len);
        if (rc == SQL_NO_DATA)
            return (long)n;
        if (!worked(rc))
            return LONG_MIN;
        if (len == SQL_NULL_DATA)
            return n ? (long)n : CELL_NULL;
        if (len != SQL_NO_TOTAL && len >= 0 && (size_t)len <= space - end)
            return (long)(n + (size_t)len);
        n += space - end;
        if (n > limit_of(column))
            return CELL_TOO_LONG;
    }
}

static bool take_piecewise(struct conn *c, struct page *p, uint32_t i, char *buf)
{
    struct cell *cell = &p->cells[(size_t)p->n_rows * p->n_columns + i];
    long n;

    cell->len = CELL_NULL;
    if (c->columns.at[i].form == FORM_NONE)
        return true;
    n = read_pieces(c, i, buf, CTR_PHOTO_MAX + PIECE);
    if (n == LONG_MIN) {
        complain(c, "cannot read a value");
        return false;
    }
    if (n < 0) {
        cell->len = (int32_t)n;
        return true;
    }
    if (page_put(p, cell, &c->columns.at[i], buf, (size_t)n))
        return true;
    trouble_set(&c->trouble, -CTR_ENOMEM, "out of memory for the rows");
    return false;
}

static bool fetch_one(struct conn *c, struct page *p, char *buf)
{
    SQLRETURN rc = SQLFetch(c->stmt);

    if (rc == SQL_NO_DATA)
        take_end(c);
    else if (!worked(rc))
        complain(c, "cannot read the rows");
    if (!worked(rc))
        return false;
    for (uint32_t i = 0; i < c->columns.n; i++)
        if (!take_piecewise(c, p, i, buf))
            return false;
    p->n_rows++;
    return true;
}

static void fetch_pieces(struct conn *c, struct page *p)
{
    char *buf = malloc(CTR_PHOTO_MAX + PIECE);

    if (!buf) {
        trouble_set(&c->trouble, -CTR_ENOMEM, "out of memory for the rows");
        return;
    }
    while (p->n_rows < PIECE_ROWS && p->len < PIECE_TEXT && fetch_one(c, p, buf))
        ;
    free(buf);
}

void result_fetch(void *arg)
{
    struct conn *c = arg;
    struct page *p = &c->pages[c->filling];

    p->n_rows = 0;
    p->len = 0;
    p->unreadable = 0;
    if (c->piecewise)
        fetch_pieces(c, p);
    else
        fetch_array(c, p);
}
