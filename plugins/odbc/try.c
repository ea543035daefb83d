/* try.c - `contactorctl source test`: step by step, each with what was found or what
 * failed in the other side's words, and what to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ask.h"
#include "connstr.h"
#include "contacts.h"
#include "diag.h"
#include "source_private.h"
#include "text.h"

enum { TRY_ROWS = 100, DETAIL = 1200 };

struct
try {
    struct source *s;
    struct ctr_test *test;
    struct connstr string;
    struct patience patience;
    struct conn *conn;
    struct trouble trouble;
    struct plan plan;
    struct sink sink;
    struct contacts contacts;
    struct cursor cursor; /* of the rows that were tried */
    uint64_t put;
    char first_reject[200];
};

__attribute__((format(printf, 3, 4))) static void told(struct try *t, const char *step,
                                                       const char *fmt, ...)
{
    char detail[DETAIL];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    t->s->host->test_step(t->s->host, t->test, step, 0, detail, NULL);
}

static int32_t failed(struct try *t, const char *step)
{
    const struct trouble *x = &t->trouble;

    t->s->host->test_step(t->s->host, t->test, step, x->code, x->text,
                          x->remedy[0] ? x->remedy : NULL);
    return x->code;
}

/* --- the driver -----------------------------------------------------------------------
 */

static int32_t no_dsn(struct try *t, const char *dsn)
{
    char list[300];

    driver_list(true, list, sizeof(list));
    trouble_set(&t->trouble, -CTR_ENOENT, "odbc.ini has no data source \"%.60s\"", dsn);
    trouble_remedy(&t->trouble,
                   "data sources known here: %s; or write connection = "
                   "\"Driver={...};Server=...\"",
                   list);
    return failed(t, "driver");
}

static int32_t no_driver(struct try *t, const char *name)
{
    const struct driver *d = driver_find(name);
    char list[220];

    driver_list(false, list, sizeof(list));
    trouble_set(&t->trouble, -CTR_ENOENT,
                "no ODBC driver is called \"%.60s\"; installed: "
                "%s",
                name, list);
    if (d->package)
        trouble_remedy(&t->trouble, "apt install %s, or write one of the installed names",
                       d->package);
    else
        trouble_remedy(&t->trouble, "write one of the installed names, or install a "
                                    "driver: odbc-postgresql, odbc-mariadb, "
                                    "libsqliteodbc, tdsodbc");
    return failed(t, "driver");
}

static int32_t try_driver(struct try *t)
{
    const char *dsn = connstr_get(&t->string, "DSN");
    char name[128], file[256];

    driver_name(&t->string, name, sizeof(name));
    if (!name[0])
        return no_dsn(t, dsn ? dsn : "");
    driver_file(name, file, sizeof(file));
    if (!file[0] || (file[0] == '/' && access(file, R_OK) != 0))
        return no_driver(t, name);
    told(t, "driver", "%.100s (%.200s)", name, file);
    return 0;
}

/* --- the server -----------------------------------------------------------------------
 */

static int32_t try_port(struct try *t, const char *host, const char *port,
                        const struct addrinfo *a)
{
    struct pollfd p = {.events = POLLOUT};
    int err = 0, limit = (int)t->s->config.connect_timeout;
    socklen_t len = sizeof(err);

    p.fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p.fd < 0)
        return errno;
    if (connect(p.fd, a->ai_addr, a->ai_addrlen) != 0)
        err = errno;
    if (err == EINPROGRESS) {
        err = poll(&p, 1, limit) == 1 ? 0 : ETIMEDOUT;
        if (err == 0)
            getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &len);
    }
    close(p.fd);
    if (err == 0)
        told(t, "connect", "%.100s port %s accepts connections", host, port);
    return err;
}

static int32_t try_connect(struct try *t, const char *host, const char *port,
                           const struct addrinfo *list)
{
    int err = 0;

    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        err = try_port(t, host, port, a);
        if (err == 0)
            return 0;
    }
    trouble_set(&t->trouble, -CTR_EUNAVAIL, "%.100s port %s: %s", host, port,
                strerror(err));
    trouble_remedy(&t->trouble, err == ECONNREFUSED
                                    ? "start the server, let it listen on this address, "
                                      "and check Port="
                                    : "check Server= and Port=, routes and firewalls in "
                                      "between");
    return failed(t, "connect");
}

static int32_t try_resolve(struct try *t, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char address[NI_MAXHOST] = "?";
    int err = getaddrinfo(host, port, &hints, &list);
    int32_t rc;

    if (err != 0) {
        trouble_set(&t->trouble, -CTR_ENOENT, "%.100s: %s", host, gai_strerror(err));
        trouble_remedy(&t->trouble, "check Server= and the name servers of this machine");
        return failed(t, "resolve");
    }
    getnameinfo(list->ai_addr, list->ai_addrlen, address, sizeof(address), NULL, 0,
                NI_NUMERICHOST);
    told(t, "resolve", "%.100s is %s", host, address);
    rc = try_connect(t, host, port, list);
    freeaddrinfo(list);
    return rc;
}

/* Only where the settings name a host: drivers have other ways, too. */
static int32_t try_server(struct try *t)
{
    char name[128], host[256], port[16];
    const struct driver *d;

    driver_name(&t->string, name, sizeof(name));
    d = driver_find(name);
    if (!d->port ||
        !driver_setting(&t->string, "Server|Servername|Host|Address", host,
                        sizeof(host)) ||
        strpbrk(host, "/\\,: "))
        return 0;
    if (!driver_setting(&t->string, "Port", port, sizeof(port)) ||
        strspn(port, "0123456789") != strlen(port))
        snprintf(port, sizeof(port), "%u", d->port);
    return try_resolve(t, host, port);
}

static int32_t try_login(struct try *t)
{
    struct conn_setup setup = source_setup(t->s, true, t->s->config.query_timeout);
    const char *user = t->s->config.user;

    if (conn_open(&t->conn, &setup, t->s->crew, &t->patience, &t->trouble) != 0)
        return failed(t, "login");
    told(t, "login", "%s%s%.60s%s", conn_version(t->conn), user ? ", as " : "",
         user ? user : "",
         conn_driver(t->conn)->flags & DRIVER_READ_ONLY ? ", read-only"
                                                        : ", nothing is ever committed");
    conn_limit(t->conn, TRY_ROWS);
    return 0;
}

/* --- statements -----------------------------------------------------------------------
 */

static void list_columns(const struct columns *columns, char *out, size_t cap)
{
    out[0] = 0;
    for (uint32_t i = 0; i < columns->n; i++) {
        text_add(out, cap, i ? ", " : "");
        text_add(out, cap, columns->at[i].name);
    }
}

/* Runs a statement and fits the map to its columns. */
static int32_t try_statement(struct try *t, const char *step, const struct sqltext *sql,
                             const struct param *params, bool keys_only)
{
    struct columns *columns = conn_columns(t->conn);
    char names[600];

    if (conn_reset(t->conn, &t->patience, &t->trouble) != 0 ||
        conn_execute(t->conn, sql, params, &t->patience, &t->trouble) != 0)
        return failed(t, step);
    if (plan_make(&t->plan, &t->s->config, columns, conn_driver(t->conn), keys_only,
                  &t->trouble) != 0) {
        told(t, step, "runs; %u columns", columns->n);
        return failed(t, "columns");
    }
    list_columns(columns, names, sizeof(names));
    told(t, step, "runs; %u columns: %s", columns->n, names);
    return 0;
}

static int32_t on_put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    struct try *t = user;

    (void)contacts;
    t->put += n;
    return 0;
}

static void on_reject(void *user, const char *where, const char *reason)
{
    struct try *t = user;

    if (!t->first_reject[0])
        snprintf(t->first_reject, sizeof(t->first_reject), "%s: %s", where, reason);
}

static void note_mark(struct try *t, const struct page *p)
{
    const struct column *column = &conn_columns(t->conn)->at[t->plan.watermark];
    struct mark m;

    for (uint32_t row = 0; row < p->n_rows; row++) {
        struct cell cell = page_cell(p, row, t->plan.watermark);

        if (cell.len > 0 && mark_read(&m, column, p->text + cell.offset, cell.len,
                                      conn_driver(t->conn)->flags & DRIVER_LOOSE))
            mark_raise(&t->cursor.mark, &m);
    }
}

static int32_t read_rows(struct try *t)
{
    struct page *p = NULL;
    int32_t rc = conn_bind(t->conn, TRY_ROWS, &t->trouble);

    contacts_begin(&t->contacts, &t->plan);
    while (rc == 0 && t->contacts.rows < TRY_ROWS) {
        rc = conn_fetch(t->conn, &p, &t->patience, &t->trouble);
        if (rc != 0 || !p)
            break;
        if (t->plan.watermark != PLAN_NO_COLUMN)
            note_mark(t, p);
        rc = contacts_page(&t->contacts, p);
    }
    return rc == 0 ? contacts_end(&t->contacts) : rc;
}

static int32_t try_rows(struct try *t)
{
    if (read_rows(t) != 0) {
        if (!t->trouble.code)
            trouble_set(&t->trouble, -CTR_ENOMEM, "out of memory");
        return failed(t, "rows");
    }
    if (t->contacts.rows && !t->put) {
        trouble_set(&t->trouble, -CTR_EFORMAT,
                    "none of the first %llu rows can be used: "
                    "%.150s",
                    (unsigned long long)t->contacts.rows, t->first_reject);
        return failed(t, "rows");
    }
    told(t, "rows", "%s%llu rows give %llu contacts%s%.150s",
         t->contacts.rows ? "the first " : "the result is empty: ",
         (unsigned long long)t->contacts.rows, (unsigned long long)t->put,
         t->first_reject[0] ? "; " : "", t->first_reject);
    return 0;
}

/* With the greatest watermark that was seen. */
static int32_t try_changes(struct try *t)
{
    const struct config *c = &t->s->config;
    const char *name = conn_columns(t->conn)->at[t->plan.watermark].name;
    char quoted[2 * COLUMN_NAME + 2], tail[2 * COLUMN_NAME + 60];
    struct param params[SQLTEXT_PARAMS_MAX];
    struct sqltext wrapped = {0};
    int32_t rc;

    if (t->cursor.mark.type == MARK_NONE)
        return 0;
    for (uint32_t i = 0; i < SQLTEXT_PARAMS_MAX; i++)
        params[i] = (struct param){.mark = &t->cursor.mark};
    sqltext_identifier(quoted, sizeof(quoted), name, conn_quote(t->conn));
    snprintf(tail, sizeof(tail), "WHERE contactor_q.%s >= ?", quoted);
    if (!c->changes.sql && sqltext_wrap(&wrapped, &c->query, "*", tail, 1) != 0) {
        trouble_set(&t->trouble, -CTR_ENOMEM, "out of memory");
        return failed(t, "changes");
    }
    rc = try_statement(t, "changes", c->changes.sql ? &c->changes : &wrapped, params,
                       false);
    sqltext_finish(&wrapped);
    return rc;
}

static int32_t try_ask(struct try *t, const char *step, const struct ask *ask)
{
    struct param params[SQLTEXT_PARAMS_MAX];

    for (uint32_t i = 0; i < ask->sql->n_params; i++)
        params[i] = (struct param){.text = ask->values[ask->sql->params[i]]};
    return try_statement(t, step, ask->sql, params, false);
}

static int32_t try_lookups(struct try *t)
{
    const struct config *c = &t->s->config;
    struct ask ask;
    int32_t rc = 0;

    if (c->lookup.sql) {
        ask_number(&ask, c, "+490000000000");
        rc = try_ask(t, "lookup", &ask);
    }
    if (rc == 0 && c->lookup_text.sql) {
        ask_text(&ask, c, "contactor");
        rc = try_ask(t, "lookup_text", &ask);
    }
    return rc;
}

static int32_t try_query(struct try *t)
{
    return try_statement(t, "query", &t->s->config.query, NULL, false);
}

static int32_t try_changed(struct try *t)
{
    return t->s->config.watermark ? try_changes(t) : 0;
}

static int32_t try_keys(struct try *t)
{
    const struct config *c = &t->s->config;

    return c->keys_query.sql ? try_statement(t, "keys_query", &c->keys_query, NULL, true)
                             : 0;
}

static int32_t run_steps(struct try *t)
{
    static int32_t (*const steps[])(struct try * t) = {
        try_driver, try_server,  try_login, try_query,
        try_rows,   try_changed, try_keys,  try_lookups};
    int32_t rc = 0;

    for (unsigned i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        rc = steps[i](t);
        if (rc == 0)
            rc = kit_test_canceled(t->s->host, t->test);
    }
    return rc;
}

static int32_t no_memory(struct try *t)
{
    trouble_set(&t->trouble, -CTR_ENOMEM, "out of memory");
    return failed(t, "prepare");
}

int32_t source_test(void *instance, struct ctr_test *test)
{
    struct source *s = instance;
    struct try *t = calloc(1, sizeof(*t));
    int32_t rc;

    if (!t) {
        s->host->test_step(s->host, test, "prepare", -CTR_ENOMEM, "out of memory", NULL);
        return -CTR_ENOMEM;
    }
    t->s = s;
    t->test = test;
    t->sink = (struct sink){on_put, NULL, on_reject, t};
    t->cursor.mark.type = MARK_NONE;
    if (!connstr_parse(&t->string, s->config.connection) &&
        contacts_init(&t->contacts, &t->sink, NULL) == 0)
        rc = run_steps(t);
    else
        rc = no_memory(t);
    conn_leave(t->conn);
    contacts_finish(&t->contacts);
    connstr_finish(&t->string);
    free(t);
    return rc;
}
