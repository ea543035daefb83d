/* driver.h - what is known of ODBC drivers: how each is told to stream, to give UTF-8 and
 * to read only; which Debian package brings it. */
#ifndef ODBC_DRIVER_H
#define ODBC_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DRIVER_UTF8 = 1u << 0,       /* SQL_C_CHAR is UTF-8, as told by its options */
    DRIVER_LOOSE = 1u << 1,      /* columns hold values of any type (SQLite) */
    DRIVER_READ_ONLY = 1u << 2,  /* `session` makes the server refuse to write */
    DRIVER_BRACES_UID = 1u << 3, /* takes UID={...} */
    DRIVER_NO_CANCEL = 1u << 4   /* SQLCancel frees what a running call still uses */
};

struct driver {
    const char *title;   /* "PostgreSQL" */
    const char *names;   /* parts of a driver's name or file, lower case, | between */
    const char *package; /* of Debian */
    const char *example; /* DSN-less */
    uint32_t flags;
    uint16_t port;          /* 0: no server */
    const char *options;    /* KEY=value;... added where they are not set */
    const char *stream;     /* likewise, for reading a large result */
    const char *ask;        /* likewise, for lookups */
    const char *session[4]; /* statements after login */
};

/* By the driver's name, or the name of its file; the last entry of the table, which knows
 * nothing, where none fits. */
const struct driver *driver_find(const char *name);

struct connstr;

/* The name or file of the driver a connection uses: Driver= of the string, else of its
 * DSN. "" where there is none. */
void driver_name(const struct connstr *c, char *out, size_t cap);
/* The file behind a name in odbcinst.ini; "" where there is none. */
void driver_file(const char *name, char *out, size_t cap);
/* Installed drivers, or the DSNs: "a", "b"; "none". */
void driver_list(bool dsns, char *out, size_t cap);
/* A value of the string or, with a DSN, of odbc.ini, under any of the keys (| between).
 */
bool driver_setting(const struct connstr *c, const char *keys, char *out, size_t cap);

#endif
