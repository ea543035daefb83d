/* driver.c - the table of known drivers, and reading odbcinst.ini and odbc.ini. */
#include "driver.h"

#include <ctype.h>
#include <odbcinst.h>
#include <stdio.h>
#include <string.h>

#include "connstr.h"
#include "text.h"

/* Timestamps come and go in UTC, so that a change of the clocks loses no row. */
static const struct driver drivers[] = {
    {.title = "PostgreSQL",
     .names = "psqlodbc|postgres",
     .package = "odbc-postgresql",
     .example = "Driver={PostgreSQL Unicode};Server=HOST;Port=5432;Database=NAME",
     .flags = DRIVER_UTF8 | DRIVER_READ_ONLY,
     .port = 5432,
     .options = "BoolsAsChar=1",
     .stream = "UseDeclareFetch=1;Fetch=2000",
     .ask = "UseDeclareFetch=0;UseServerSidePrepare=1",
     .session = {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                 "SET TIME ZONE 'UTC'", "SET client_encoding TO 'UTF8'"}},
    {.title = "MariaDB",
     .names = "maodbc|mariadb",
     .package = "odbc-mariadb",
     .example = "Driver={MariaDB Unicode};Server=HOST;Port=3306;Database=NAME",
     .flags = DRIVER_UTF8 | DRIVER_READ_ONLY | DRIVER_BRACES_UID,
     .port = 3306,
     .options = "CHARSET=utf8mb4",
     .stream = "NO_CACHE=1;FORWARDONLY=1",
     .session = {"SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"}},
    {.title = "MySQL",
     .names = "myodbc|mysql",
     .package = "odbc-mariadb",
     .example =
         "Driver={MySQL ODBC 8.0 Unicode Driver};Server=HOST;Port=3306;Database=NAME",
     .flags = DRIVER_UTF8 | DRIVER_READ_ONLY | DRIVER_BRACES_UID,
     .port = 3306,
     .options = "CHARSET=utf8mb4",
     .stream = "NO_CACHE=1;FORWARD_CURSOR=1",
     .session = {"SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"}},
    {.title = "SQLite",
     .names = "sqlite",
     .package = "libsqliteodbc",
     .example = "Driver=SQLite3",
     .flags = DRIVER_UTF8 | DRIVER_LOOSE | DRIVER_READ_ONLY | DRIVER_NO_CANCEL,
     .options = "NoCreat=1;NoWCHAR=1;Timeout=3000",
     .stream = "StepAPI=1",
     .session = {"PRAGMA query_only = ON"}},
    {.title = "SQL Server (FreeTDS)",
     .names = "tdsodbc|freetds",
     .package = "tdsodbc",
     .example = "Driver=FreeTDS;Server=HOST;Port=1433;Database=NAME;TDS_Version=7.4",
     .port = 1433,
     .options = "ClientCharset=UTF-8"},
    {.title = "SQL Server",
     .names = "msodbcsql|sql server",
     .package = "tdsodbc",
     .example = "Driver=FreeTDS;Server=HOST;Port=1433;Database=NAME;TDS_Version=7.4",
     .flags = DRIVER_BRACES_UID,
     .port = 1433,
     .options = "ApplicationIntent=ReadOnly"},
    {.title = "ODBC", .names = ""},
};

static const char *next_name(const char *names, char *out, size_t cap)
{
    size_t n = strcspn(names, "|");

    snprintf(out, cap, "%.*s", (int)n, names);
    names += n;
    return *names ? names + 1 : NULL;
}

static bool has_part(const struct driver *d, const char *lower)
{
    const char *names = d->names;
    char part[32];

    while (names) {
        names = next_name(names, part, sizeof(part));
        if (strstr(lower, part))
            return true;
    }
    return false;
}

const struct driver *driver_find(const char *name)
{
    const struct driver *d = drivers;
    char lower[256];
    size_t n = 0;

    for (; name[n] && n + 1 < sizeof(lower); n++)
        lower[n] = (char)tolower((uint8_t)name[n]);
    lower[n] = 0;
    while (*d->names && !has_part(d, lower))
        d++;
    return d;
}

/* --- the driver manager's files -------------------------------------------------------
 */

static bool profile(const char *section, const char *key, const char *file, char *out,
                    size_t cap)
{
    out[0] = 0;
    SQLGetPrivateProfileString(section, key, "", out, (int)cap, file);
    out[cap - 1] = 0;
    return out[0] != 0;
}

void driver_name(const struct connstr *c, char *out, size_t cap)
{
    const char *name = connstr_get(c, "Driver"), *dsn = connstr_get(c, "DSN");

    out[0] = 0;
    if (name)
        snprintf(out, cap, "%s", name);
    else if (dsn)
        profile(dsn, "Driver", "odbc.ini", out, cap);
}

void driver_file(const char *name, char *out, size_t cap)
{
    if (name[0] == '/')
        snprintf(out, cap, "%s", name);
    else
        profile(name, "Driver", "odbcinst.ini", out, cap);
}

void driver_list(bool dsns, char *out, size_t cap)
{
    char names[4096] = "";

    out[0] = 0;
    /* Without a section: the names of all sections, each with a NUL, one more at the end.
     */
    SQLGetPrivateProfileString(NULL, NULL, "", names, sizeof(names) - 2,
                               dsns ? "odbc.ini" : "odbcinst.ini");
    names[sizeof(names) - 2] = names[sizeof(names) - 1] = 0;
    for (const char *p = names; *p; p += strlen(p) + 1) {
        if (strcmp(p, "ODBC") == 0 || strcmp(p, "ODBC Data Sources") == 0)
            continue;
        text_add(out, cap, out[0] ? ", \"" : "\"");
        text_add(out, cap, p);
        text_add(out, cap, "\"");
    }
    if (!out[0])
        text_add(out, cap, "none");
}

bool driver_setting(const struct connstr *c, const char *keys, char *out, size_t cap)
{
    const char *dsn = connstr_get(c, "DSN"), *at = keys, *value;
    char key[32];

    while (at) {
        at = next_name(at, key, sizeof(key));
        value = connstr_get(c, key);
        if (value) {
            snprintf(out, cap, "%s", value);
            return true;
        }
    }
    for (at = keys; dsn && at;) {
        at = next_name(at, key, sizeof(key));
        if (profile(dsn, key, "odbc.ini", out, cap))
            return true;
    }
    return false;
}
