/* conn.h - one connection to a database: every call of the driver is made by a worker of
 * its own, in bounded time. Results come as pages of rows; while one is looked at, the
 * next is fetched. */
#ifndef ODBC_CONN_H
#define ODBC_CONN_H

#include "columns.h"
#include "driver.h"
#include "mark.h"
#include "sqltext.h"
#include "trouble.h"
#include "worker.h"

/* How to connect. Strings are borrowed for conn_open; it copies what it keeps. */
struct conn_setup {
    const char *connection;             /* as the administrator wrote it, with DSN= */
    const char *file, *user, *password; /* or NULL */
    int64_t connect_ms, query_ms;
    bool stream; /* for large results; else for lookups */
};

struct conn;

/* A value bound to a placeholder: text, or a mark. */
struct param {
    const char *text; /* UTF-8; used when mark is NULL */
    const struct mark *mark;
};

/* All that return int32_t: 0 | a negative code, then trouble says why. p->limit is
 * replaced by the limit of the call. A connection that failed with diag_lost is to be
 * left. */

int32_t conn_open(struct conn **out, const struct conn_setup *setup, struct crew *crew,
                  const struct patience *p, struct trouble *t);
/* Runs a statement; its columns are then known. */
int32_t conn_execute(struct conn *c, const struct sqltext *sql,
                     const struct param *params, const struct patience *p,
                     struct trouble *t);
/* How long each further call may take, in ms. */
void conn_patience(struct conn *c, int64_t ms);
/* At most n rows of each statement from here on, where the driver can; 0: all. */
void conn_limit(struct conn *c, uint32_t n);
struct columns *conn_columns(struct conn *c);
/* Chooses how columns are read: those whose form is set (columns.h). Before the first
 * conn_fetch. max_rows: of a page. */
int32_t conn_bind(struct conn *c, uint32_t max_rows, struct trouble *t);
/* *out: the next page, good until the next call; NULL: that was all. */
int32_t conn_fetch(struct conn *c, struct page **out, const struct patience *p,
                   struct trouble *t);
/* Ends the result and what was begun on the server; another statement may follow. */
int32_t conn_reset(struct conn *c, const struct patience *p, struct trouble *t);
/* NULL-safe; does not wait. */
void conn_leave(struct conn *c);

const struct driver *conn_driver(const struct conn *c);
const char *conn_version(const struct conn *c); /* "psqlodbcw.so 13.02.0000" */
char conn_quote(const struct conn *c);          /* for identifiers; 0: none */
/* The driver keeps whole results in memory: large ones are better read in parts. */
bool conn_hoards(const struct conn *c);

#endif
