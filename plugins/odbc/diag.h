/* diag.h - the driver's diagnostics records as a trouble: all of them, on one line,
 * without the password, and with a remedy where one is known. */
#ifndef ODBC_DIAG_H
#define ODBC_DIAG_H

#include <sql.h>

#include "driver.h"
#include "trouble.h"

/* Reads the records of a handle. what: "cannot log in". secret: hidden; may be NULL. */
void diag_read(struct trouble *t, SQLSMALLINT type, SQLHANDLE handle, const char *what,
               const char *secret);
/* What to do about it, by state, number and words. */
void diag_advise(struct trouble *t, const struct driver *d);
/* The connection is no good any more. */
bool diag_lost(const struct trouble *t);
/* The server understood and does not accept the statement. */
bool diag_refused(const struct trouble *t);

#endif
