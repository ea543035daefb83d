/* conn_private.h - what a connection is made of; conn.c connects and waits, result.c
 * executes and fetches. All handles and buffers belong to the worker's calls; the one who
 * waits touches them only while no call runs. */
#ifndef ODBC_CONN_PRIVATE_H
#define ODBC_CONN_PRIVATE_H

#include <sql.h>
#include <sqlext.h>

#include "conn.h"
#include "connstr.h"

/* A parameter, in the form it is bound in. */
struct bound {
    SQLSMALLINT c_type, sql_type, digits;
    SQLULEN size;
    SQLPOINTER data;
    SQLLEN len;
    char *text; /* owned: the bytes of text, UTF-16 or binary */
    union {
        int64_t integer;
        double real;
        SQL_TIMESTAMP_STRUCT stamp;
        SQL_DATE_STRUCT date;
    } value;
};

struct conn {
    struct worker *worker;
    const struct driver
        *driver;      /* a guess by name, then what the driver says of itself */
    char *connection; /* with the password: wiped when connected */
    size_t connection_cap;
    char *secret; /* the password, to keep it out of messages */
    int64_t connect_ms, query_ms;
    bool stream, autocommit;
    bool cancelable; /* connected; of the one who waits */

    SQLHENV env;
    SQLHDBC dbc;
    SQLHSTMT stmt;
    bool connected;
    char version[160];
    bool hoards;
    char quote;

    /* the statement */
    SQLWCHAR *sql;
    struct bound bound[SQLTEXT_PARAMS_MAX];
    uint32_t n_bound, max_rows;
    struct columns columns;

    /* the result */
    bool fetching; /* a fetch was begun and not waited for */
    bool piecewise;
    bool end;
    uint32_t rows_max; /* of the driver's buffer */
    size_t row_size;   /* of all cells of a row */
    char *buffer;      /* column after column, rows_max cells each */
    SQLLEN *lengths;   /* likewise */
    SQLUSMALLINT *row_status;
    SQLULEN rows_fetched;
    struct page pages[2];
    unsigned filling; /* which page a fetch fills */

    struct trouble trouble; /* of the last call */
};

/* --- conn.c */
int32_t conn_complain(struct conn *c, SQLSMALLINT type, SQLHANDLE handle,
                      const char *what);

/* --- params.c: returns 0 | -CTR_EFORMAT | -CTR_ENOMEM */
int32_t params_bind(struct bound *b, const struct param *p);

/* --- page.c: values as they lie in the driver's buffers, into a page */
/* A value of n bytes becomes a cell. returns false: out of memory */
bool page_put(struct page *p, struct cell *cell, const struct column *column,
              const void *in, size_t n);

/* --- result.c: calls of the worker; they set c->trouble */
void result_execute(void *conn);
void result_fetch(void *conn);
void result_reset(void *conn);
void result_cancel(void *conn); /* from another thread */
/* The statement's text and parameters; while no call runs. */
void result_forget(struct conn *c);
/* Everything, as the worker's last call. */
void result_free(struct conn *c);

#endif
