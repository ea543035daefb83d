/* conn.c - connecting, and waiting for what a worker does; see conn.h. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn_private.h"
#include "contactor/error.h"
#include "diag.h"
#include "text.h"

enum { GRACE_MS = 1000, SPARE_MS = 500 };

int32_t conn_complain(struct conn *c, SQLSMALLINT type, SQLHANDLE handle,
                      const char *what)
{
    diag_read(&c->trouble, type, handle, what, c->secret);
    diag_advise(&c->trouble, c->driver);
    return c->trouble.code;
}

/* --- waiting --------------------------------------------------------------------------
 */

/* So that the call that runs comes back soon; another thread may say so, says ODBC. */
static void interrupt(struct conn *c)
{
    if (!(c->driver->flags & DRIVER_NO_CANCEL))
        worker_interrupt(c->worker, result_cancel);
}

/* One call of the worker, in bounded time. */
static int32_t await(struct conn *c, const struct patience *p, int64_t limit,
                     const char *what, struct trouble *t)
{
    struct patience patience = *p, grace = {.limit = GRACE_MS};
    int32_t rc;

    patience.limit = limit;
    rc = worker_wait(c->worker, &patience);
    if (rc == 0) {
        if (c->trouble.code != 0)
            *t = c->trouble;
        return c->trouble.code;
    }
    if (c->cancelable) {
        interrupt(c);
        (void)worker_wait(c->worker, &grace); /* if not, it is left to itself */
    }
    if (rc == -CTR_ECANCELED)
        return trouble_set(t, rc, "%s: canceled", what);
    trouble_set(t, rc, "%s: no answer within %lld ms", what, (long long)limit);
    trouble_remedy(t, c->cancelable
                          ? "make the statement faster or raise the time limit"
                          : "check Server= and Port=, and that no firewall is in "
                            "between");
    return rc;
}

static int32_t call(struct conn *c, worker_fn fn, const struct patience *p, int64_t limit,
                    const char *what, struct trouble *t)
{
    c->trouble = (struct trouble){0};
    worker_begin(c->worker, fn);
    return await(c, p, limit, what, t);
}

/* --- connecting: the worker -----------------------------------------------------------
 */

/* The library of a driver, once loaded, stays: some start threads or hooks that do not
 * survive being unloaded, and the driver manager unloads with the last connection. */
static int pin_if_driver(struct dl_phdr_info *info, size_t size, void *name)
{
    void *handle;

    (void)size;
    if (!info->dlpi_name || !strstr(info->dlpi_name, name))
        return 0;
    handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (handle)
        dlclose(handle);
    return 1;
}

static void learn_driver(struct conn *c)
{
    char name[64] = "", version[64] = "", quote[8] = "";
    const struct driver *d;
    SQLSMALLINT n;
    unsigned major = 0, minor = 0, patch = 0;

    SQLGetInfo(c->dbc, SQL_DRIVER_NAME, name, sizeof(name), &n);
    SQLGetInfo(c->dbc, SQL_DRIVER_VER, version, sizeof(version), &n);
    SQLGetInfo(c->dbc, SQL_IDENTIFIER_QUOTE_CHAR, quote, sizeof(quote), &n);
    d = driver_find(name);
    if (*d->names)
        c->driver = d;
    c->quote = quote[0] > ' ' ? quote[0] : 0;
    snprintf(c->version, sizeof(c->version), "%s %s", name, version);
    if (name[0])
        dl_iterate_phdr(pin_if_driver, name);
    /* MariaDB's driver streams since 3.1.17. */
    if (strstr(name, "maodbc") &&
        sscanf(version, "%u.%u.%u", &major, &minor, &patch) == 3)
        c->hoards =
            major < 3 || (major == 3 && (minor < 1 || (minor == 1 && patch < 17)));
}

static int32_t run_plain(struct conn *c, const char *sql)
{
    SQLHSTMT stmt;
    SQLRETURN rc;
    int32_t err = 0;

    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, c->dbc, &stmt)))
        return conn_complain(c, SQL_HANDLE_DBC, c->dbc, "cannot make a statement");
    rc = SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)sql, SQL_NTS);
    if (!SQL_SUCCEEDED(rc) && rc != SQL_NO_DATA) {
        err = conn_complain(c, SQL_HANDLE_STMT, stmt, "cannot prepare the connection");
        trouble_remedy(&c->trouble, "leave options such as ReadOnly to the daemon: it "
                                    "makes the connection read-only itself");
    }
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return err;
}

/* Without a server that refuses to write, nothing is ever committed. */
static int32_t prepare_session(struct conn *c)
{
    int32_t rc = 0;

    for (unsigned i = 0; rc == 0 && i < 4 && c->driver->session[i]; i++)
        rc = run_plain(c, c->driver->session[i]);
    if (rc != 0)
        return rc;
    /* A hint to the driver, which then takes no SET any more. */
    SQLSetConnectAttr(c->dbc, SQL_ATTR_ACCESS_MODE, (SQLPOINTER)SQL_MODE_READ_ONLY, 0);
    c->autocommit = (c->driver->flags & DRIVER_READ_ONLY) && !c->stream;
    if (rc == 0 && !c->autocommit &&
        !SQL_SUCCEEDED(SQLSetConnectAttr(c->dbc, SQL_ATTR_AUTOCOMMIT,
                                         (SQLPOINTER)SQL_AUTOCOMMIT_OFF, 0)))
        rc = conn_complain(c, SQL_HANDLE_DBC, c->dbc, "cannot begin a transaction");
    return rc;
}

static int32_t allocate(struct conn *c)
{
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &c->env)))
        return trouble_set(&c->trouble, -CTR_ENOMEM, "cannot make an ODBC environment");
    SQLSetEnvAttr(c->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, c->env, &c->dbc)))
        return conn_complain(c, SQL_HANDLE_ENV, c->env, "cannot make a connection");
    /* A driver that does not know it says so; the time is kept by us anyway. */
    SQLSetConnectAttr(c->dbc, SQL_ATTR_LOGIN_TIMEOUT,
                      (SQLPOINTER)(uintptr_t)((c->connect_ms + 999) / 1000), 0);
    return 0;
}

static void forget_connection(struct conn *c)
{
    if (c->connection)
        explicit_bzero(c->connection, c->connection_cap);
    free(c->connection);
    c->connection = NULL;
}

static void connect_conn(void *arg)
{
    struct conn *c = arg;
    SQLWCHAR *wide = NULL;
    size_t units = 0;
    SQLRETURN rc;

    if (allocate(c) != 0)
        return;
    wide = text_to_utf16(c->connection, strlen(c->connection), &units);
    forget_connection(c);
    if (!wide) {
        trouble_set(&c->trouble, -CTR_ENOMEM,
                    "the connection is not UTF-8, or memory is out");
        return;
    }
    rc = SQLDriverConnectW(c->dbc, NULL, wide, (SQLSMALLINT)units, NULL, 0, NULL,
                           SQL_DRIVER_NOPROMPT);
    explicit_bzero(wide, units * sizeof(*wide));
    free(wide);
    if (!SQL_SUCCEEDED(rc)) {
        conn_complain(c, SQL_HANDLE_DBC, c->dbc, "cannot connect");
        return;
    }
    c->connected = true;
    learn_driver(c);
    if (prepare_session(c) == 0 &&
        !SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, c->dbc, &c->stmt)))
        conn_complain(c, SQL_HANDLE_DBC, c->dbc, "cannot make a statement");
}

/* The worker's last call. */
static void finish(void *arg)
{
    struct conn *c = arg;

    result_free(c);
    if (c->connected) {
        SQLEndTran(SQL_HANDLE_DBC, c->dbc, SQL_ROLLBACK);
        SQLDisconnect(c->dbc);
    }
    if (c->dbc)
        SQLFreeHandle(SQL_HANDLE_DBC, c->dbc);
    if (c->env)
        SQLFreeHandle(SQL_HANDLE_ENV, c->env);
    forget_connection(c);
    if (c->secret)
        explicit_bzero(c->secret, strlen(c->secret));
    free(c->secret);
    free(c);
}

/* --- connecting: the one who waits ----------------------------------------------------
 */

/* Options of the driver that the administrator did not set. */
static bool add_options(struct conn *c, const struct connstr *written, const char *more)
{
    struct connstr add;
    char value[8];
    bool fits = true;

    if (!more)
        return true;
    fits = connstr_parse(&add, more) == NULL;
    for (uint32_t i = 0; i < add.n && fits; i++)
        if (!driver_setting(written, add.keys[i], value, sizeof(value)))
            fits =
                connstr_add(c->connection, c->connection_cap, add.keys[i], add.values[i]);
    connstr_finish(&add);
    return fits;
}

static bool build(struct conn *c, const struct conn_setup *setup,
                  const struct connstr *written)
{
    char *out = c->connection;
    size_t cap = c->connection_cap;
    bool fits = true;

    strcpy(out, setup->connection); /* shorter than CONNSTR_MAX: it was parsed */
    if (setup->file)
        fits = connstr_add(out, cap, "Database", setup->file);
    if (fits && setup->user)
        fits = connstr_add(out, cap, "UID", setup->user);
    if (fits && setup->password)
        fits = connstr_add(out, cap, "PWD", setup->password);
    return fits && add_options(c, written, c->driver->options) &&
           add_options(c, written, setup->stream ? c->driver->stream : c->driver->ask);
}

static int32_t make(struct conn *c, const struct conn_setup *setup, struct trouble *t)
{
    struct connstr written;
    const char *wrong = connstr_parse(&written, setup->connection);
    char name[128], file[256];
    bool fits;

    if (wrong) {
        connstr_finish(&written);
        return trouble_set(t, -CTR_ECONF, "the connection %s", wrong);
    }
    driver_name(&written, name, sizeof(name));
    driver_file(name, file, sizeof(file));
    c->driver = driver_find(file);
    if (!*c->driver->names)
        c->driver = driver_find(name);
    c->connection_cap = 4 * CONNSTR_MAX;
    c->connection = calloc(1, c->connection_cap);
    c->secret = setup->password ? strdup(setup->password) : NULL;
    fits = c->connection && build(c, setup, &written);
    connstr_finish(&written);
    if (!c->connection || (setup->password && !c->secret))
        return trouble_set(t, -CTR_ENOMEM, "out of memory");
    return fits ? 0 : trouble_set(t, -CTR_ECONF, "the connection is too long");
}

int32_t conn_open(struct conn **out, const struct conn_setup *setup, struct crew *crew,
                  const struct patience *p, struct trouble *t)
{
    struct conn *c = calloc(1, sizeof(*c));
    int32_t rc;

    if (!c)
        return trouble_set(t, -CTR_ENOMEM, "out of memory");
    c->connect_ms = setup->connect_ms;
    c->query_ms = setup->query_ms;
    c->stream = setup->stream;
    rc = make(c, setup, t);
    if (rc == 0 && (rc = worker_create(crew, finish, c, &c->worker)) != 0)
        trouble_set(t, rc,
                    rc == -CTR_EBUSY ? "the driver has not come back from %u earlier "
                                       "calls; waiting for one of them"
                                     : "out of memory or threads (%u stuck)",
                    crew_stuck(crew));
    if (rc != 0) {
        finish(c);
        return rc;
    }
    rc = call(c, connect_conn, p, setup->connect_ms + SPARE_MS, "cannot connect", t);
    if (rc == 0) {
        c->cancelable = true;
        *out = c;
    } else {
        conn_leave(c);
    }
    return rc;
}

void conn_leave(struct conn *c)
{
    if (!c)
        return;
    if (c->cancelable)
        interrupt(c);
    worker_leave(c->worker);
}

/* --- statements -----------------------------------------------------------------------
 */

int32_t conn_execute(struct conn *c, const struct sqltext *sql,
                     const struct param *params, const struct patience *p,
                     struct trouble *t)
{
    size_t units;
    int32_t rc = 0;

    result_forget(c);
    c->sql = text_to_utf16(sql->sql, strlen(sql->sql), &units);
    if (!c->sql)
        return trouble_set(t, -CTR_EFORMAT,
                           "the statement is not UTF-8, or memory is out");
    for (uint32_t i = 0; rc == 0 && i < sql->n_params; i++) {
        c->n_bound = i + 1;
        rc = params_bind(&c->bound[i], &params[i]);
    }
    if (rc != 0)
        return trouble_set(t, rc, "what was asked is not UTF-8, or memory is out");
    return call(c, result_execute, p, c->query_ms + SPARE_MS, "cannot run the statement",
                t);
}

static int32_t fetch(struct conn *c, struct page **out, const struct patience *p,
                     struct trouble *t)
{
    static const char what[] = "cannot read the rows";
    struct page *page = &c->pages[c->filling];
    int32_t rc;

    if (c->fetching)
        rc = await(c, p, c->query_ms + SPARE_MS, what, t);
    else
        rc = call(c, result_fetch, p, c->query_ms + SPARE_MS, what, t);
    c->fetching = false;
    if (rc != 0)
        return rc;
    if (page->n_rows || page->unreadable)
        *out = page;
    c->filling ^= 1;
    if (!c->end) {
        c->trouble = (struct trouble){0};
        c->fetching = true;
        worker_begin(c->worker, result_fetch);
    }
    return 0;
}

int32_t conn_fetch(struct conn *c, struct page **out, const struct patience *p,
                   struct trouble *t)
{
    int32_t rc = 0;

    *out = NULL;
    while (rc == 0 && !*out && (c->fetching || !c->end))
        rc = fetch(c, out, p, t);
    return rc;
}

int32_t conn_reset(struct conn *c, const struct patience *p, struct trouble *t)
{
    int32_t rc = 0;

    if (c->fetching)
        rc = await(c, p, c->query_ms + SPARE_MS, "cannot end a result", t);
    c->fetching = false;
    if (rc == 0)
        rc = call(c, result_reset, p, c->query_ms + SPARE_MS, "cannot end a result", t);
    if (rc == 0)
        result_forget(c);
    return rc;
}

/* --- what it is -----------------------------------------------------------------------
 */

void conn_patience(struct conn *c, int64_t ms)
{
    c->query_ms = ms;
}

void conn_limit(struct conn *c, uint32_t n)
{
    c->max_rows = n;
}

struct columns *conn_columns(struct conn *c)
{
    return &c->columns;
}

const struct driver *conn_driver(const struct conn *c)
{
    return c->driver;
}

const char *conn_version(const struct conn *c)
{
    return c->version;
}

char conn_quote(const struct conn *c)
{
    return c->quote;
}

bool conn_hoards(const struct conn *c)
{
    return c->hoards;
}
